"""What tells arteries and veins apart on rate curves: area, first moment, width, steadiness, and who lies beside whom."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from afterglow.kernels.aif_candidates import rise_times
from afterglow.kernels.dsc_timing import Bolus
from afterglow.kernels.types import Array, Index, Mask

_OVER_BACKGROUND = 3.0  # below, a signal is noise as much as blood
_DIP = 0.1  # of the peak: a rise may lose that between two frames
_FOOT = 0.1  # of the peak: where a rise begins
_DRIFT = 0.1  # of the peak
_ROUND_PASS = 2  # frames beside the half maxima that still belong to the first pass
_AFTER_PASS = 2  # frames: veins are later than the mean


def near_background(signal: Array, *, background: float) -> Mask:
    """Voxels whose signal (n, t) comes down to three times the background: their peaks are cut off. (n,)."""
    if not background > 0:
        raise ValueError(f"a background signal of {background} cannot be compared with: measure it in air")
    with np.errstate(invalid="ignore"):
        cut: Mask = ~(signal.min(axis=1) > _OVER_BACKGROUND * background)
    return cut


def pass_window(bolus: Bolus, frames: int) -> slice:
    """The frames of the first pass with a margin on both sides, in arteries and in veins."""
    return slice(max(bolus.last_baseline - 1, 0), min(bolus.end + 1 + _AFTER_PASS, frames))


def first_moment(times_s: Array, rates: Array, *, window: slice) -> Array:
    """Mean time of the area under curves (n, t) within the window, in s on the clock of times_s (t,): (n,).

    NaN where the area is not above zero.
    """
    times = np.asarray(times_s, dtype=np.float64)[window]
    weights = np.gradient(times)
    curves = rates[:, window]
    area = curves @ weights
    moment: Array = times[0] + curves @ (weights * (times - times[0])) / np.where(area > 0, area, np.nan)
    return moment


def half_widths(times_s: Array, rates: Array) -> tuple[Array, Array]:
    """When each curve (n, t) first and last lies at half of its peak around it, in s: two of (n,)."""
    times = np.asarray(times_s, dtype=np.float64)
    return rise_times(times, rates), -rise_times(-times[::-1], rates[:, ::-1])


def rises_without_dip(rates: Array) -> Mask:
    """Whether each curve (n, t) climbs from its foot to its peak without losing a tenth of the peak. (n,)."""
    at = np.argmax(rates, axis=1)[:, None]
    top = rates.max(axis=1)[:, None]
    frames = np.arange(rates.shape[1])
    low = (rates < _FOOT * top) & (frames < at)
    foot = np.where(low.any(axis=1), rates.shape[1] - 1 - np.argmax(low[:, ::-1], axis=1), 0)[:, None]
    climbing = (frames[1:] > foot) & (frames[1:] <= at)
    smooth: Mask = ~((np.diff(rates, axis=1) < -_DIP * top) & climbing).any(axis=1)
    return smooth


def steady_baseline(rates: Array, *, frames: int) -> Mask:
    """Whether the two halves of the baseline, the first `frames`, agree within a tenth of the peak. (n,)."""
    half = frames // 2
    if half < 1:
        return np.ones(len(rates), dtype=bool)
    drift = np.abs(rates[:, half:frames].mean(axis=1) - rates[:, :half].mean(axis=1))
    steady: Mask = drift <= _DRIFT * rates.max(axis=1)
    return steady


def irregularity(times_s: Array, rates: Array) -> Array:
    """Squared second differences outside each curve's own first pass, over its peak squared: (n,).

    Mouridsen sums over all frames. Where frames are seconds long that calls the sharpest first pass the most irregular.
    """
    times = np.asarray(times_s, dtype=np.float64)
    rise_s, fall_s = half_widths(times, rates)
    margin = _ROUND_PASS * float(np.median(np.diff(times)))
    middle = times[1:-1]
    outside = (middle < (rise_s - margin)[:, None]) | (middle > (fall_s + margin)[:, None])
    bend = np.where(outside, np.diff(rates, 2, axis=1), 0)
    mean: Array = (bend**2).sum(axis=1) / np.maximum(outside.sum(axis=1), 1)
    rough: Array = mean / rates.max(axis=1) ** 2
    return rough


def neighbours(voxels: Index) -> NDArray[np.intp]:
    """The 26-connected group of each voxel (n, 3): numbers from 1 on, (n,)."""
    corner = voxels.min(axis=0)
    box = np.zeros(voxels.max(axis=0) - corner + 1, dtype=bool)
    place = tuple((voxels - corner).T)
    box[place] = True
    groups: NDArray[np.intp] = label(box, structure=np.ones((3, 3, 3)))[0][place].astype(np.intp)
    return groups
