"""Blood flow by deconvolution: circular singular value decomposition with a fixed or an oscillation-limited threshold.

The matrix of a circular convolution is diagonal in the Fourier basis: its singular values are the moduli of the artery's
transform (doi:10.1007/s10334-010-0217-8), and each threshold is one inverse matrix for all voxels. Curves are padded with as
many zeros as frames, so that nothing wraps round. Tissue that the agent reaches before the artery's voxels has a residue
function that begins at the end of the circle: a negative delay.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.types import Array, Index, Status

STEPPED_THRESHOLDS = tuple(round(0.05 * k, 2) for k in range(1, 20))  # of the largest singular value, as the toolboxes step
_EVEN = 0.01  # of a frame
_FEWEST_FRAMES = 8
_BLOCK = 2048  # curves at a time


class Deconvolved(NamedTuple):
    """Flow and delay of n curves; NaN where there are none."""

    cbf_per_s: Array  # (n,) the residue's maximum: flow times, if the artery's voxels are whole, blood volume per volume
    tmax_s: Array  # (n,) where it lies: a multiple of the frame, negative where tissue comes before the artery
    oscillation: Array  # (n,) the oscillation index of the residue
    threshold: Array  # (n,) share of the largest singular value below which nothing was kept
    status: NDArray[np.uint8]  # (n,) OK, NO_UPTAKE (no positive residue), NO_CONVERGENCE (no threshold calms it), NOT_FINITE


def deconvolve_fixed(times_s: Array, artery: Array, rates: Array, *, threshold: float) -> Deconvolved:
    """Circular SVD (cSVD) with one threshold, a share of the largest singular value (doi:10.1002/mrm.10522).

    times_s (t,) equidistant, artery (t,) and rates (n, t) in 1/s, both without their baselines.
    """
    return _deconvolved(times_s, artery, rates, (threshold,), np.inf)


def deconvolve_oscillation(
    times_s: Array, artery: Array, rates: Array, *, oscillation_limit: float, thresholds: tuple[float, ...]
) -> Deconvolved:
    """oSVD: for each voxel the smallest threshold whose residue oscillates less than the limit (doi:10.1002/mrm.10522).

    Arguments as for `deconvolve_fixed`; `thresholds` rise. Index: the mean over 2 t frames of |second difference| of the
    residue over its maximum. NO_CONVERGENCE, with the values of the last threshold, where none is calm.
    """
    if not (np.diff(thresholds) > 0).all():
        raise ValueError(f"thresholds {thresholds} must rise: the smallest calm one is sought upwards")
    return _deconvolved(times_s, artery, rates, thresholds, oscillation_limit)


def mean_transit_s(volume: Array, cbf_per_s: Array, *, arterial_area: float) -> Array:
    """Mean transit time in s by the central volume theorem: (tissue area / arterial area) / flow. (n,), (n,) -> (n,).

    Not the area under a residue function: clipping or cutting that makes the time depend on the series' length.
    NaN where the flow is not above zero.
    """
    if not arterial_area > 0:
        raise ValueError(f"an arterial area of {arterial_area} gives no transit time: look at the arterial curve")
    mtt: Array = volume / (volume.dtype.type(arterial_area) * np.where(cbf_per_s > 0, cbf_per_s, np.nan))
    return mtt.astype(volume.dtype, copy=False)


def flow_ml_100g_min(cbf_per_s: Array, *, kh: float, density_g_per_ml: float) -> Array:
    """Flow in mL/100 g/min: 60 x 100 kH / rho times the residue's maximum in 1/s. Any shape."""
    if not (kh > 0 and density_g_per_ml > 0):
        raise ValueError(f"kH {kh} and density {density_g_per_ml} g/mL must be above zero")
    flow: Array = cbf_per_s * cbf_per_s.dtype.type(6000 * kh / density_g_per_ml)
    return flow


def _deconvolved(times_s: Array, artery: Array, rates: Array, thresholds: tuple[float, ...], limit: float) -> Deconvolved:
    step_s = _even_step(times_s, artery, rates)
    if not thresholds or min(thresholds) < 0 or max(thresholds) >= 1:
        raise ValueError(f"thresholds {thresholds} must lie between 0 and 1: they are shares of the largest singular value")
    inverses = _inverses(np.asarray(artery, dtype=np.float64) * step_s, thresholds, rates.dtype)
    numbers = np.full((3, len(rates)), np.nan, dtype=rates.dtype)
    delay, status = np.zeros(len(rates), dtype=np.intp), np.full(len(rates), Status.NOT_FINITE, dtype=np.uint8)
    for begin in range(0, len(rates), _BLOCK):
        rows = begin + np.flatnonzero(np.isfinite(rates[begin : begin + _BLOCK]).all(axis=1))
        for share, inverse in zip(thresholds, inverses, strict=True):
            if not rows.size:
                break
            residue = inverse @ rates[rows].T  # (2 t, m): operations along the voxels
            top, swing = residue.max(axis=0), _oscillation(residue)
            calm = (swing < limit * top) | (share == thresholds[-1])
            done = rows[calm]
            numbers[0, done], numbers[1, done], numbers[2, done] = top[calm], swing[calm], share
            delay[done] = _first_maximum(residue, calm)
            rows = rows[~calm]
    return _answers(numbers, delay, status, step_s, limit)


def _answers(numbers: Array, delay: Index, status: NDArray[np.uint8], step_s: float, limit: float) -> Deconvolved:
    top, swing, threshold = numbers
    with np.errstate(invalid="ignore", divide="ignore"):
        oscillation = swing / top
    flows = top > 0
    status[np.isfinite(top)] = Status.NO_UPTAKE
    status[flows] = np.where(oscillation[flows] < limit, Status.OK, Status.NO_CONVERGENCE)
    nothing = top.dtype.type(np.nan)
    tmax_s = (delay * step_s).astype(top.dtype)
    return Deconvolved._make([*(np.where(flows, values, nothing) for values in (top, tmax_s, oscillation, threshold)), status])


def _inverses(column: Array, thresholds: tuple[float, ...], dtype: np.dtype[np.floating[Any]]) -> list[Array]:
    """For each threshold the matrix (2 t, t) from a curve to its residue."""
    t = column.size
    values = np.fft.rfft(column, 2 * t)
    moduli = np.abs(values)
    circle = (np.arange(2 * t)[:, None] - np.arange(t)) % (2 * t)
    inverses = []
    for share in thresholds:
        kept = moduli >= max(share, np.finfo(np.float64).eps * t) * moduli.max()
        inverses.append(np.fft.irfft(np.where(kept, 1, 0) / np.where(kept, values, 1), 2 * t)[circle].astype(dtype))
    return inverses


def _oscillation(residue: Array) -> Array:
    """Mean |second difference| over the circle's frames (2 t, m), not round its seam: (m,)."""
    change = residue[2:] - residue[1:-1]
    change -= residue[1:-1]
    change += residue[:-2]
    np.abs(change, out=change)
    mean: Array = change.sum(axis=0)
    mean /= len(residue)
    return mean


def _first_maximum(residue: Array, columns: NDArray[np.bool_]) -> Index:
    """The delay in frames of the maximum, for some columns: indices of the second half of the circle are negative delays."""
    size = len(residue)
    at = np.argmax(residue[:, columns], axis=0)
    delay: Index = np.where(at >= size // 2, at - size, at)
    return delay


def _even_step(times_s: Array, artery: Array, rates: Array) -> float:
    times = np.asarray(times_s, dtype=np.float64)
    if rates.ndim != 2 or times.shape != rates.shape[1:] or artery.shape != times.shape:
        raise ValueError(
            f"rates of shape {rates.shape}, an artery of {artery.shape} and times of {times.shape}: they must be (n, t), (t,) and (t,)"
        )
    steps = np.diff(times)
    if times.size < _FEWEST_FRAMES or not (steps > 0).all():
        raise ValueError(f"deconvolution needs at least {_FEWEST_FRAMES} rising times, found {times.size}")
    step_s = float((times[-1] - times[0]) / (times.size - 1))
    if np.abs(steps - step_s).max() > _EVEN * step_s:
        raise ValueError(
            f"frames are {steps.min():.4g} to {steps.max():.4g} s apart, and a circular deconvolution needs even steps: "
            f"resample artery and tissue to one step, as {float(np.median(steps)):.4g} s"
        )
    if not np.isfinite(artery).all() or not artery.max() > 0:
        raise ValueError("the arterial curve is empty or has gaps: choose another artery")
    return step_s
