"""What a voxel full of vessels does to T2* and T2, and the size and number of vessels that two echoes tell.

Rates come from the table of one cylinder (`cylinder_table`), averaged over all directions: dR2 = zeta f(dw TE, D TE / R^2) / TE.
Closed formulas rest on the static and the slow-diffusion law of the same theory, dR2* = (2/3) zeta dw and
dR2 = .694 zeta dw^(2/3) D^(1/3) R^(-2/3) (doi:10.1002/mrm.1910320610; Kiselev and Posse, MRM 1999;41:499); they hold for large
vessels and long echoes and over-estimate R elsewhere (Kiselev and others, MRM 2005;53:553).
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.interpolate import RectBivariateSpline

from afterglow.kernels.cylinder_table import DIFFUSION_RANGE, LN_GE, LN_SE, PHASE_RANGE
from afterglow.kernels.types import Array

GYROMAGNETIC_RAD_PER_S_T = 2.6752218744e8
_DIRECTIONS = 16
_RADII_UM = np.geomspace(0.8, 120.0, 101)


class VesselRates(NamedTuple):
    """Changes of the relaxation rates in 1/s."""

    ge_per_s: Array
    se_per_s: Array


def frequency_per_s(concentration_mM: Array | float, *, field_t: float, susceptibility_ppm_per_mM: float) -> Array:
    """dw = gamma B0 dchi / 2 in rad/s at the wall of a vessel across the field; dchi in SI units. (...) -> (...)."""
    per_mM = 0.5 * GYROMAGNETIC_RAD_PER_S_T * field_t * susceptibility_ppm_per_mM * 1e-6
    return per_mM * np.asarray(concentration_mM, dtype=np.float64)


def vessel_signal(
    radius_um: Array | float, concentration_mM: Array | float, *, volume_fraction: Array | float, te_ge_s: float, te_se_s: float,
    diffusion_um2_per_ms: float, field_t: float, susceptibility_ppm_per_mM: float,
) -> VesselRates:  # fmt: skip
    """dR2* and dR2 of randomly directed vessels of one radius in the dilute limit. Shapes broadcast -> (...), (...).

    Only water outside the vessels counts. ValueError where radius, echo time or concentration leave the table.
    """
    dw = frequency_per_s(concentration_mM, field_t=field_t, susceptibility_ppm_per_mM=susceptibility_ppm_per_mM)
    rates = []
    for te_s, echo in ((te_ge_s, "ge"), (te_se_s, "se")):
        b = 1e3 * diffusion_um2_per_ms * te_s / np.asarray(radius_um, dtype=np.float64) ** 2
        rates.append(volume_fraction * attenuation(np.abs(dw) * te_s, b, echo) / te_s)
    return VesselRates(*rates)


def attenuation(phase: Array, diffusion: Array, echo: str) -> Array:
    """f averaged over all directions at a phase dw TE and a diffusion D TE / R^2; echo is "ge" or "se". Shapes broadcast."""
    a, b = np.broadcast_arrays(np.asarray(phase, dtype=np.float64), np.asarray(diffusion, dtype=np.float64))
    low, high, _ = DIFFUSION_RANGE
    if a.size and not ((b >= low) & (b <= high)).all():
        raise ValueError(
            f"D TE / R^2 from {b.min():.3g} to {b.max():.3g} leaves the table ({low:g} to {high:g}); change the radius"
        )
    if a.size and not (a <= PHASE_RANGE[1]).all():
        raise ValueError(
            f"a phase of {a.max():.3g} rad leaves the table (up to {PHASE_RANGE[1]:g}); lower concentration or echo time"
        )
    spline, least = _averaged()[echo], PHASE_RANGE[0]
    f = np.exp(spline.ev(np.log(b), np.log(np.maximum(a, least))))
    out: Array = f * np.minimum(a / least, 1.0) ** 2  # below the table the deficit is quadratic in the phase
    return out


@cache
def _averaged() -> dict[str, RectBivariateSpline]:
    """ln of the mean over directions as a spline over ln b and ln a, by 16-point Gauss quadrature over the cosine."""
    ln_b, ln_a = (np.linspace(np.log(low), np.log(high), n) for low, high, n in (DIFFUSION_RANGE, PHASE_RANGE))
    cosines, weights = np.polynomial.legendre.leggauss(_DIRECTIONS)
    cosines, weights = (cosines + 1) / 2, weights / 2
    ln_sine2 = np.log(1 - cosines**2)
    fine = np.linspace(ln_a[0], ln_a[-1], 3 * ln_a.size)
    out = {}
    for echo, table in (("ge", LN_GE), ("se", LN_SE)):
        one = RectBivariateSpline(ln_b, ln_a, np.array(table))
        wanted = fine[:, None] + ln_sine2
        inside = np.exp(one(ln_b, np.unique(np.maximum(wanted, ln_a[0]))))
        place = np.unique(np.maximum(wanted, ln_a[0]), return_inverse=True)[1].reshape(wanted.shape)
        mean = (inside[:, place] * np.exp(2 * np.minimum(wanted - ln_a[0], 0.0))) @ weights
        out[echo] = RectBivariateSpline(ln_b, fine, np.log(mean))
    return out


def vessel_radius(
    ge_per_s: Array, se_per_s: Array, *, volume_fraction: Array | float, te_ge_s: float, te_se_s: float, diffusion_um2_per_ms: float,
) -> Array:  # fmt: skip
    """Radius in um whose table explains both rates at that blood volume, .8 to 120 um; NaN where none does. (...) -> (...).

    At each radius the gradient echo gives the phase, and the phase the spin echo; the ratio falls with the radius, so there
    is one answer. No concentration and no field strength are needed, but the blood volume must be absolute.
    """
    shape = np.broadcast_shapes(np.shape(ge_per_s), np.shape(se_per_s), np.shape(volume_fraction))
    ge, se, zeta = (np.broadcast_to(np.asarray(v, np.float64), shape).reshape(-1) for v in (ge_per_s, se_per_s, volume_fraction))
    valid = (ge > 0) & (se > 0) & (zeta > 0)
    ge, se, zeta = (np.where(valid, v, 1.0) for v in (ge, se, zeta))
    wanted_ge, wanted_se = np.log(ge * te_ge_s / zeta), np.log(se * te_se_s / zeta)
    ratio, splines = te_se_s / te_ge_s, _averaged()
    ln_a = np.linspace(np.log(1e-2), np.log(PHASE_RANGE[1] / max(ratio, 1.0)), 200)
    low, high, _ = DIFFUSION_RANGE
    b = 1e3 * diffusion_um2_per_ms * te_ge_s / _RADII_UM**2
    radii = _RADII_UM[(b >= low * max(1, 1 / ratio)) & (b <= high / max(1, ratio))]
    answer, before = np.full(ge.size, np.nan), np.full(ge.size, np.nan)
    for k, radius in enumerate(radii):
        b_ge = 1e3 * diffusion_um2_per_ms * te_ge_s / radius**2
        ln_ge = _extended(splines["ge"], np.log(b_ge), ln_a)
        ln_se = _extended(splines["se"], np.log(b_ge * ratio), ln_a + np.log(ratio))
        phase = np.interp(wanted_ge, ln_ge, ln_a, left=np.nan, right=np.nan)
        over = np.interp(phase, ln_a, ln_se) - wanted_se
        found = (before > 0) & (over <= 0)
        part = before[found] / (before[found] - over[found])
        answer[found] = np.exp(np.log(radii[k - 1]) + part * np.log(radius / radii[k - 1]))
        before = over
    return np.where(valid, answer, np.nan).reshape(shape)


def _extended(spline: RectBivariateSpline, ln_b: float, ln_a: Array) -> Array:
    """The spline at one diffusion over phases, quadratic in the phase below the table."""
    least = np.log(PHASE_RANGE[0])
    row: Array = spline(np.array([ln_b]), np.maximum(ln_a, least))[0] + 2 * np.minimum(ln_a - least, 0.0)
    return row


def vessel_radius_closed(
    ge_per_s: Array, se_per_s: Array, *, volume_fraction: Array | float, diffusion_um2_per_ms: Array | float
) -> Array:
    """R = .867 sqrt(zeta D) dR2* / dR2^(3/2) in um, from rates at the peak in 1/s and an absolute blood volume. (...) -> (...)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        radius = 0.867 * np.sqrt(volume_fraction * 1e3 * np.asarray(diffusion_um2_per_ms)) * ge_per_s / se_per_s**1.5
    return np.where((ge_per_s > 0) & (se_per_s > 0), radius, np.nan)


def vessel_size_index(
    ge_per_s: Array, se_per_s: Array, *, diffusion_um2_per_ms: Array | float, frequency_per_s: Array | float
) -> Array:
    """VSI = .425 sqrt(D / (gamma dchi B0)) (dR2* / dR2)^(3/2) in um, gamma dchi B0 = dw / (2 pi) with dchi in cgs. (...) -> (...)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        index = 0.425 * np.sqrt(2e3 * np.pi * np.asarray(diffusion_um2_per_ms) / frequency_per_s) * (ge_per_s / se_per_s) ** 1.5
    return np.where((ge_per_s > 0) & (se_per_s > 0), index, np.nan)


def vessel_density(ge_per_s: Array, se_per_s: Array, *, diffusion_um2_per_ms: Array | float) -> tuple[Array, Array]:
    """Q = dR2 / dR2*^(2/3) in s^(-1/3), and vessels per mm^2, N = .423 Q^3 / D (Jensen and Chandra, MRM 2000;44:224). (...).

    The factor follows from the two laws above; the reference has another, for its own theory.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        q = np.where((ge_per_s > 0) & (se_per_s > 0), se_per_s / np.abs(ge_per_s) ** (2 / 3), np.nan)
    return q, 1e6 * 0.423 * q**3 / (1e3 * np.asarray(diffusion_um2_per_ms))
