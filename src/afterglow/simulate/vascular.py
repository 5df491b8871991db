"""A bolus on its way through arterioles, capillaries and venules, and what gradient and spin echo see of it.

Radii, transit times and bolus are plausible choices, not measured ones; what holds exactly is that no contrast agent is lost:
the mean concentration of a compartment is its inflow convolved with its residue function over its transit time, so the area
under the mean of every compartment is that of the artery, and the volume fractions are the true blood volume.
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import fftconvolve
from scipy.special import gammainc

from afterglow.kernels.gamma_variate import gamma_variate
from afterglow.kernels.loop import loop_area
from afterglow.kernels.types import Array
from afterglow.kernels.vessel import VesselRates, vessel_signal

# Shares of the blood volume in arterioles, capillaries, venules.
ARCHITECTURES: dict[str, tuple[float, float, float]] = {
    "arteriole": (0.6, 0.3, 0.1),
    "arteriole-leaning": (0.4, 0.4, 0.2),
    "balanced": (0.25, 0.5, 0.25),
    "normal-like": (0.2, 0.4, 0.4),
    "venule": (0.1, 0.3, 0.6),
    "capillary and venule": (0.0, 0.6, 0.4),
    "capillary only": (0.0, 1.0, 0.0),
}


@dataclass(frozen=True)
class Network:
    """Arterioles, capillaries and venules in a row: radius, mean transit time, and its gamma shape (large is narrow)."""

    radii_um: tuple[float, float, float] = (15.0, 4.0, 20.0)
    transits_s: tuple[float, float, float] = (0.4, 1.8, 1.2)
    shapes: tuple[float, float, float] = (20.0, 2.0, 4.0)


@dataclass(frozen=True)
class Bolus:
    """Arterial blood concentration after one injection: a first pass and what stays in circulation afterwards."""

    onset_s: float = 15.0
    peak_s: float = 4.5  # from onset
    alpha: float = 3.0
    peak_mM: float = 8.0
    plateau: float = 0.12  # share of the peak that recirculates
    mixing_s: float = 10.0
    clearance_s: float = 900.0

    def wider(self, factor: float) -> "Bolus":
        """The same dose, stretched in time."""
        return Bolus(self.onset_s, self.peak_s * factor, self.alpha, self.peak_mM / factor, self.plateau * factor, self.mixing_s, self.clearance_s)  # fmt: skip


@dataclass(frozen=True)
class Echoes:
    """What both scans measure with, and what water does meanwhile."""

    te_ge_s: float = 0.022
    te_se_s: float = 0.033
    field_t: float = 3.0
    diffusion_um2_per_ms: float = 1.0
    susceptibility_ppm_per_mM: float = 0.34  # SI units; .32 to .34 for gadolinium chelates


@dataclass(frozen=True)
class LoopTruth:
    """Loop of the curves themselves, without noise, without sampling in time, without a fit."""

    mti: float  # s^-5/2
    nmti: float
    peak_lag_s: float  # GE after SE
    se_area: float  # integral of dR2


def artery_mM(times_s: Array, bolus: Bolus) -> Array:
    """Concentration in arterial blood (t,) -> (t,); zero before the onset."""
    since_s = np.maximum(times_s - bolus.onset_s, 0.0)
    first = gamma_variate(times_s, t0_s=np.array(bolus.onset_s), tp_s=np.array(bolus.peak_s), alpha=np.array(bolus.alpha), ymax=np.array(bolus.peak_mM))  # fmt: skip
    mixed = 1 - np.exp(-((since_s / bolus.mixing_s) ** 3))  # nothing recirculates with the first pass itself
    stays: Array = first + bolus.plateau * bolus.peak_mM * mixed * np.exp(-since_s / bolus.clearance_s)
    return stays


def compartments_mM(step_s: float, artery: Array, network: Network) -> tuple[Array, Array]:
    """Mean blood concentration of the three compartments (3, t), and that of the blood that leaves the venules (t,).

    `artery` (t,) on an even clock that starts before the bolus.
    """
    means, inflow = [], artery
    for transit_s, shape in zip(network.transits_s, network.shapes, strict=True):
        edges = step_s * np.arange(artery.size + 1)
        scaled = edges * shape / transit_s
        passed = gammainc(shape, scaled)
        residue = edges * (1 - passed) / transit_s + gammainc(shape + 1, scaled)  # integral of the residue function over T
        means.append(_carried(inflow, np.diff(residue)))
        inflow = _carried(inflow, np.diff(passed))
    return np.array(means), inflow


def _carried(curve: Array, share: Array) -> Array:
    """Convolution with the shares that take 0 to 1, 1 to 2, … steps; half of a step is split between its ends."""
    split = (share + np.concatenate([[0.0], share[:-1]])) / 2
    out: Array = fftconvolve(curve, split)[: curve.size]
    return out


def vascular_rates(
    concentrations_mM: Array, fractions: tuple[float, float, float], network: Network, echoes: Echoes
) -> VesselRates:
    """dR2* and dR2 per unit of blood volume fraction, from the concentrations (3, t) of the compartments -> (t,), (t,)."""
    radii = np.array(network.radii_um)[:, None]
    one = vessel_signal(
        radii, np.maximum(concentrations_mM, 0.0), volume_fraction=np.array(fractions)[:, None], te_ge_s=echoes.te_ge_s,
        te_se_s=echoes.te_se_s, diffusion_um2_per_ms=echoes.diffusion_um2_per_ms, field_t=echoes.field_t,
        susceptibility_ppm_per_mM=echoes.susceptibility_ppm_per_mM,
    )  # fmt: skip
    return VesselRates(one.ge_per_s.sum(axis=0), one.se_per_s.sum(axis=0))


def loop_truth(step_s: float, rates: VesselRates, cbv: float) -> LoopTruth:
    """MTI and its companions of finely sampled rates per unit of blood volume, at the blood volume fraction `cbv`."""
    ge, se = cbv * rates.ge_per_s, cbv * rates.se_per_s
    mti = float(loop_area(ge, se))
    lag_s = _peak_s(step_s, ge) - _peak_s(step_s, se)
    return LoopTruth(mti, mti / float(ge.max() * se.max() ** 1.5), lag_s, float(se.sum() * step_s))


def _peak_s(step_s: float, curve: Array) -> float:
    """Time of the largest value, by a parabola through its neighbours."""
    k = int(np.clip(np.argmax(curve), 1, curve.size - 2))
    before, here, after = curve[k - 1 : k + 2]
    return float(step_s * (k + 0.5 * (before - after) / (before - 2 * here + after)))
