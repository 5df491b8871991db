"""Leakage of the agent out of the vessels, and what it does to rate curves: one-way, two-way, or not at all.

K2 > 0 where T1 rules (curves sink), K2 < 0 where T2* rules (curves rise). K2 is a number of this correction: it follows
neither permeability nor Ktrans (Skinner 2016, AJNR 37:80). The reference is always a mean over tissue that does not leak;
a voxel's own curve in its place would explain any leakage away. A voxel whose blood passes faster or slower than the
reference's differs from it in shape, and all three models take some of that for leakage.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.dsc_leakage_basis import (
    LeakageBasis,
    blocks,
    lagrange5,
    leakage_basis,
    leaked_share,
    nearest_end,
    windowed,
)
from afterglow.kernels.profile import around, highest, quartic_peak
from afterglow.kernels.types import Array, Mask, Status


class LeakageModel(IntEnum):
    """Which of the models a voxel has; stored as uint8."""

    NONE = 0
    BSW = 1  # Boxerman, Schmainda, Weisskoff
    BIDIRECTIONAL = 2  # Leu and others: what has leaked comes back at the rate kep


class Leakage(NamedTuple):
    """Coefficients of n curves; NaN where there are none. Standard errors are from the noise before contrast."""

    k1: Array  # (n,) blood volume relative to the reference
    k2_per_s: Array  # (n,) 0 where the model is NONE
    kep_per_s: Array  # (n,) 0 where the model is BSW, NaN where it is NONE
    k1_se: Array
    k2_se_per_s: Array
    kep_se_per_s: Array  # NaN where kep is held
    rms_per_s: Array  # (n,) of what is left
    applied: Mask  # (n,) where K2 exceeds its own standard error: elsewhere a correction would add noise alone
    model: NDArray[np.uint8]  # (n,) see LeakageModel
    status: NDArray[np.uint8]  # (n,) OK, AT_BOUND (kep), NOT_FINITE


class _Fit(NamedTuple):
    """One model on one block of m curves."""

    k1: Array
    k2: Array
    kep: Array
    k1_se: Array  # for unit noise
    k2_se: Array
    kep_se: Array
    squares: Array  # (m,) what is left
    at_bound: Mask


def boxerman(times_s: Array, rates: Array, reference: Array, sigma0_per_s: Array, *, window: slice) -> Leakage:
    """One-way leakage: y = K1 a - K2 integral of a (CAPLEX M.LC1.001; Boxerman 2006, AJNR 27:859), linear least squares.

    times_s (t,), rates (n, t) in 1/s, reference (t,), sigma0_per_s (n,) the noise before contrast. `window` the frames to
    fit, from just before arrival on: leakage begins with its first.
    """
    return _fitted(times_s, rates, reference, sigma0_per_s, window, (LeakageModel.BSW,))


def bidirectional(times_s: Array, rates: Array, reference: Array, sigma0_per_s: Array, *, window: slice) -> Leakage:
    """Two-way leakage: y = K1 a - K2 (a convolved with exp(-kep t)) (CAPLEX M.LC1.002; doi:10.3174/ajnr.A4759).

    Arguments as for `boxerman`. kep from 0 to .25 /s, by a table of projections and the quartic through the five nodes
    around the best. AT_BOUND where kep is 0 or at its upper end.
    """
    return _fitted(times_s, rates, reference, sigma0_per_s, window, (LeakageModel.BIDIRECTIONAL,))


def choose_leakage(times_s: Array, rates: Array, reference: Array, sigma0_per_s: Array, *, window: slice) -> Leakage:
    """For each voxel none, one-way or two-way leakage: the least small-sample Akaike criterion (AICc).

    Arguments as for `boxerman`.
    """
    return _fitted(times_s, rates, reference, sigma0_per_s, window, tuple(LeakageModel))


def corrected_rates(times_s: Array, rates: Array, reference: Array, leakage: Leakage, *, window: slice) -> Array:
    """The rate curves (n, t) with what leaked put back, y + K2 E, where `leakage.applied`; the others as they are."""
    windowed(times_s, reference, window)
    corrected = rates.copy()
    rows = np.flatnonzero(leakage.applied)
    for part in blocks(rows.size):
        some = rows[part]
        share = leaked_share(times_s, reference, leakage.kep_per_s[some], window=window)
        corrected[some] += (leakage.k2_per_s[some, None] * share).astype(rates.dtype, copy=False)
    return corrected


def _fitted(
    times_s: Array, rates: Array, reference: Array, sigma0: Array, window: slice, models: tuple[LeakageModel, ...]
) -> Leakage:
    if rates.ndim != 2 or rates.shape[1:] != np.shape(times_s) or sigma0.shape != rates.shape[:1]:
        raise ValueError(
            f"rates of shape {rates.shape}, times of {np.shape(times_s)} and noise of {sigma0.shape}: they must be (n, t), (t,) and (n,)"
        )
    basis = leakage_basis(times_s, reference, window=window, single=rates.dtype == np.float32)
    numbers = np.empty((7, len(rates)), dtype=rates.dtype)
    flags = np.empty((3, len(rates)), dtype=np.uint8)
    for rows in blocks(len(rates)):
        numbers[:, rows], flags[:, rows] = _block(rates[rows, window], sigma0[rows], basis, models)
    return Leakage._make([*numbers, flags[0].view(np.bool_), flags[1], flags[2]])


def _block(
    curves: Array, sigma0: Array, basis: LeakageBasis, models: tuple[LeakageModel, ...]
) -> tuple[Array, NDArray[np.uint8]]:
    """The rows of `Leakage` for a block of curves (m, w): seven of numbers and three of flags."""
    energy = np.einsum("mw,mw->m", curves, curves)
    finite = np.isfinite(energy)
    if not finite.all():
        curves, energy = np.where(finite[:, None], curves, 0), np.where(finite, energy, 0)
    most = 2 + basis.last + 1 if LeakageModel.BIDIRECTIONAL in models else 2
    seen = basis.columns[:most] @ curves.T.astype(basis.dtype, copy=False)
    fits = [_FITS[model](seen, energy, basis) for model in models]
    best = _least_akaike(fits, models, energy, curves.shape[1])
    chosen = fits[0] if len(fits) == 1 else _Fit._make(np.choose(best, columns) for columns in zip(*fits, strict=True))
    numbers = np.stack([*chosen[:6], np.sqrt(chosen.squares / curves.shape[1])])
    numbers[3:6] *= sigma0
    numbers[5] /= np.where(chosen.k2 == 0, np.nan, np.abs(chosen.k2))
    numbers[:, ~finite] = np.nan
    applied = np.abs(numbers[1]) > numbers[4]
    status = np.where(finite, np.where(chosen.at_bound, Status.AT_BOUND, Status.OK), Status.NOT_FINITE)
    return numbers, np.stack([applied, np.asarray(models)[best], status]).astype(np.uint8)


def _least_akaike(fits: list[_Fit], models: tuple[LeakageModel, ...], energy: Array, frames: int) -> NDArray[np.intp]:
    """Which fit (m,) has the least AICc: w ln(SSE / w) + 2 k + 2 k (k + 1) / (w - k - 1), the variance counted in k."""
    floor = 8 * np.finfo(energy.dtype).eps * energy + np.finfo(energy.dtype).tiny  # below, rounding would choose
    scores = []
    for fit, model in zip(fits, models, strict=True):
        k = model + 2
        scores.append(frames * np.log(fit.squares + floor) + (2 * k + 2 * k * (k + 1) / (frames - k - 1)))
    best: NDArray[np.intp] = np.argmin(scores, axis=0)
    return best


def _none(seen: Array, energy: Array, basis: LeakageBasis) -> _Fit:
    nothing, unknown = np.zeros_like(energy), np.full_like(energy, np.nan)
    squares = np.maximum(energy - seen[0] ** 2, 0)
    k1 = seen[0] / basis.size
    return _Fit(k1, nothing, unknown, np.full_like(k1, 1 / basis.size), unknown, unknown, squares, np.zeros(k1.size, dtype=bool))


def _one_way(seen: Array, energy: Array, basis: LeakageBasis) -> _Fit:
    log_length, along, k1_se, k2_se = basis.zero
    share = seen[1] * np.exp(-log_length)
    k1 = (seen[0] - share * along) / basis.size
    squares = np.maximum(energy - seen[0] ** 2 - seen[1] ** 2, 0)
    errors = (np.full_like(k1, value) for value in (k1_se, k2_se, np.nan))
    return _Fit._make([k1, -share, np.zeros_like(k1), *errors, squares, np.zeros(k1.size, dtype=bool)])


def _two_way(seen: Array, energy: Array, basis: LeakageBasis) -> _Fit:
    profile = seen[2:]
    samples, middle = around(profile, node := highest(np.abs(profile).astype(np.float32, copy=False)))
    sign = np.where(np.take_along_axis(profile, node[None], axis=0)[0] < 0, -1, 1).astype(profile.dtype)
    x = quartic_peak(samples * sign, node - middle)
    position = np.clip(middle + x, 0, basis.last)
    value = lagrange5(samples, position - middle)
    end = nearest_end(position, basis.last)
    share = value * np.exp(-basis.read(0, position))
    k1 = (seen[0] - share * basis.read(1, position)) / basis.size
    held = end != 0
    k1_se = np.where(held, basis.read(2, position), basis.read(4, position))
    k2_se = np.where(held, basis.read(3, position), basis.read(5, position))
    kep_se = np.where(held, np.nan, basis.read(6, position))
    squares = np.maximum(energy - seen[0] ** 2 - value**2, 0)
    free = _Fit(k1, -share, basis.kep_per_s(position), k1_se, k2_se, kep_se, squares, held)
    never = np.abs(seen[1]) >= np.abs(value)  # nothing comes back within the series
    if not never.any():
        return free
    one_way = _one_way(seen, energy, basis)._replace(at_bound=np.ones(k1.size, dtype=bool))
    return _Fit._make(np.where(never, zero, column) for zero, column in zip(one_way, free, strict=True))


_FITS = {LeakageModel.NONE: _none, LeakageModel.BSW: _one_way, LeakageModel.BIDIRECTIONAL: _two_way}
