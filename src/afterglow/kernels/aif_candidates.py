"""Which voxels could be a vessel: guards against noise, spikes, ceilings and tissue, and when each of them rises."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.types import Array

LEAST_VOXELS = 4
_RISE_OVER_NOISE = 6.0
_BLOOD_CEILING_mM = 15.0  # no clinical dose reaches it: the signal is so near its own ceiling that noise decides
_TOP_SHARE = 0.10  # of the voxels that pass, those with the largest peaks (Mouridsen keeps as many by area)
_LEAST_KEPT = 50
_PEAK_FLOOR = 0.2  # of the highest peaks: below it tissue rich in vessels cannot be told from a small share of blood
_FALL = 0.85  # blood has lost a seventh of its peak within a minute; motion makes steps that stay
_LATE_S = (20.0, 60.0)  # after the peak, where that is looked at
_UNSTEADY = 0.3  # of the peak
_LEAST_BASELINE = 2  # frames
_BLOCK = 4096  # curves at a time


class Candidates(NamedTuple):
    """Vessel-like voxels among n curves, and what was refused."""

    rows: NDArray[np.intp]  # (m,) which of the curves
    rise_s: Array  # (m,) half of the first-pass peak reached, between frames
    top_mM: Array  # (m,)
    remarks: tuple[str, ...]


def vessel_candidates(times: Array, values: Array) -> Candidates:
    """The voxels of values (n, t) whose peak is high, whole and followed by a fall, times (t,).

    ValueError with the counts where none is.
    """
    at = np.argmax(values, axis=1)
    everyone = np.arange(at.size)
    top = values[everyone, at]
    around = values[everyone, np.maximum(at - 1, 0)], values[everyone, np.minimum(at + 1, times.size - 1)]
    clear = top > _RISE_OVER_NOISE * np.maximum(noise_of(values), 1e-12)
    if not clear.any():
        raise ValueError(f"no bolus: none of {at.size} curves rises above {_RISE_OVER_NOISE:g} times its noise")
    beyond = clear & (top > _BLOOD_CEILING_mM)
    flat = clear & ~beyond & _flat_topped(values, at, top)
    lone = np.maximum(*around) < 0.2 * top
    passed = np.flatnonzero(clear & ~beyond & ~flat & ~lone)
    passed = passed[_falls(times, values, passed, at, top)]
    if passed.size == 0:
        raise ValueError(
            f"no arterial curve: of {at.size} voxels {np.count_nonzero(clear)} rise above noise, but of these "
            f"{np.count_nonzero(beyond)} exceed {_BLOOD_CEILING_mM:g} mM, {np.count_nonzero(flat)} have a flat top, "
            f"{np.count_nonzero(clear & lone)} are single spikes, and the others do not fall again as blood does"
        )
    kept = _highest(passed, top, top + around[0] + around[1])
    rise_s = rise_times(times, values[kept])
    steady = _steady_before(times, values[kept], rise_s, top[kept])
    if not steady.any():
        raise ValueError(f"no arterial curve: none of {kept.size} candidates has a steady baseline before its rise")
    remarks = _remarks(int(np.count_nonzero(flat)), int(np.count_nonzero(beyond)))
    return Candidates(kept[steady], rise_s[steady], top[kept][steady], remarks)


def rise_times(times: Array, curves: Array) -> Array:
    """When each curve (n, t) last crosses half of its peak on the way up to it, straight between frames: (n,) in s.

    Much finer than the frames, and the same for a curve and for a scaled copy of it: voxels shared with tissue keep it.
    """
    at = np.argmax(curves, axis=1)
    everyone = np.arange(at.size)
    half = curves[everyone, at] / 2
    frames = np.arange(times.size)
    below = (curves < half[:, None]) & (frames < at[:, None])
    last = np.where(below.any(axis=1), times.size - 1 - np.argmax(below[:, ::-1], axis=1), 0)
    following = np.minimum(last + 1, times.size - 1)
    low, high = curves[everyone, last], curves[everyone, following]
    share = np.clip((half - low) / np.where(high > low, high - low, np.inf), 0, 1)
    crossed: Array = times[last] + share * (times[following] - times[last])
    return crossed


def noise_of(curves: Array) -> Array:
    """Standard deviation of the noise from second differences, which a smooth curve hardly has. (n, t) -> (n,)."""
    noise: Array = np.empty(len(curves))
    for begin in range(0, len(curves), _BLOCK):
        rows = slice(begin, begin + _BLOCK)
        noise[rows] = np.median(np.abs(np.diff(curves[rows], 2, axis=1)), axis=1)
    noise /= 0.6745 * np.sqrt(6.0)
    return noise


def _highest(passed: NDArray[np.intp], top: Array, size: Array) -> NDArray[np.intp]:
    """The voxels with the largest peaks, by three frames so that one noisy frame does not decide."""
    keep = min(passed.size, max(_LEAST_KEPT, int(_TOP_SHARE * passed.size)))
    kept = passed[np.argsort(-size[passed], kind="stable")[:keep]]
    tall: NDArray[np.intp] = np.sort(kept[top[kept] >= _PEAK_FLOOR * np.percentile(top[kept], 99)])
    return tall


def _falls(times: Array, values: Array, rows: NDArray[np.intp], at: NDArray[np.intp], top: Array) -> NDArray[np.bool_]:
    """Whether the mean of the minute after the peak lies below it; the frames left where the series ends sooner."""
    after = times - times[at[rows]][:, None]
    near = (after >= min(_LATE_S[0], times[-1] - times[-2])) & (after <= _LATE_S[1])
    near[:, -1] |= ~near.any(axis=1)
    mean = np.einsum("nt,nt->n", values[rows], near) / near.sum(axis=1)
    falling: NDArray[np.bool_] = mean < _FALL * top[rows]
    return falling


def _steady_before(times: Array, curves: Array, rise_s: Array, top: Array) -> NDArray[np.bool_]:
    """A baseline is there, no frame well before the rise is high, and none at all far below zero.

    Magnetisation that is not steady yet, motion, and voxels of little signal make such frames.
    """
    margin = max(10.0, 1.5 * float(np.median(np.diff(times))))
    before = times < rise_s[:, None] - margin
    high = np.where(before, curves, 0).max(axis=1) > _UNSTEADY * top
    steady: NDArray[np.bool_] = (rise_s > times[_LEAST_BASELINE - 1]) & ~high & (curves.min(axis=1) > -_UNSTEADY * top)
    return steady


def _flat_topped(values: Array, at: NDArray[np.intp], top: Array) -> NDArray[np.bool_]:
    """Three or more equal samples at the top: a signal that has met its ceiling."""
    run = np.zeros(at.size, dtype=np.intp)
    for shift in (-2, -1, 1, 2):
        neighbour = np.clip(at + shift, 0, values.shape[1] - 1)
        equal = (np.abs(values[np.arange(at.size), neighbour] - top) <= 1e-3 * np.abs(top)) & (neighbour == at + shift)
        run += equal
    return run >= 2


def _remarks(flat: int, beyond: int) -> tuple[str, ...]:
    remarks = []
    if flat:
        remarks.append(f"{flat} voxels left out: flat top, the signal is saturated")
    if beyond:
        remarks.append(f"{beyond} voxels left out: more than {_BLOOD_CEILING_mM:g} mM, near the signal's ceiling")
    return tuple(remarks)
