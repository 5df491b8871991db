"""When things happen in a bolus passage: magnetisation turns steady, the agent arrives, peaks, and the first pass ends."""

from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

from afterglow.kernels.arrival import find_arrival
from afterglow.kernels.types import Array, Index, Mask

_SUSPECT = 5  # leading frames that may not be steady
_CHANCE = 0.005  # that a steady frame is dropped
_LEAST_SPREAD = 1e-5  # of the level: means over a brain are not known better
_FALLS = 0.1  # of the bolus: where the signal leaves its level
_PASS_OVER = 0.3  # of the peak (Madsen fits use as much)
_LONGEST_FALL = 3.0  # rise times: where recirculation hides the end of the first pass
_EARLY_RISE = 0.35  # of the peak, as `find_arrival` has it
_KNOTS_PER_FRAME = 8
_BLOCK = 8192  # curves at a time


class Bolus(NamedTuple):
    """The frames of the first pass on a mean curve."""

    last_baseline: int  # the last frame that surely lies before contrast
    arrival_s: float  # between frames, on the curve's own clock
    peak: int
    end: int  # the last frame of the first pass
    remark: str  # empty, or what a reader should know


def steady_frames(mean_signal: Array) -> int:
    """How many leading frames of a mean signal (t,) are not in steady state yet: 0 to 5.

    Each of the first five is compared with the median and the median absolute deviation of the frames between them and the
    bolus, at a chance of 0.5 %; the leading ones that differ count. ValueError where the bolus leaves fewer than four frames.
    """
    signal = np.asarray(mean_signal, dtype=np.float64)
    if signal.ndim != 1 or signal.size < 2 * _SUSPECT or not np.isfinite(signal).all():
        raise ValueError(f"steady state needs one finite curve of at least {2 * _SUSPECT} frames, found {signal.shape}")
    before = _frames_before_fall(signal)
    suspect = min(_SUSPECT, before // 2)
    known = signal[suspect:before]
    if known.size < 2:
        raise ValueError(f"the signal falls after {before} frames: too few to tell which are in steady state")
    level = float(np.median(known))
    spread = max(1.4826 * float(np.median(np.abs(known - level))), _LEAST_SPREAD * abs(level))
    limit = float(student.isf(_CHANCE / 2, known.size - 1)) * np.sqrt(1 + 1 / known.size)
    steady = np.abs(signal[:suspect] - level) <= limit * spread
    return int(np.argmax(steady)) if steady.any() else suspect


def bolus_frames(times_s: Array, mean_rate_per_s: Array, *, skip: int = 0) -> Bolus:
    """Baseline, arrival, peak and end of the first pass on a mean rate curve (t,) at times_s (t,) rising.

    Arrival is the knot of a constant and a straight rise with the least squared error (`find_arrival`); the last frame of
    the baseline is one earlier than the last before it, as frames take time. The first `skip` frames are left out. The pass
    ends before the curve falls below 30 % of its peak, or at its lowest frame within three rise times where it never does.
    ValueError where no bolus is seen or no baseline frame is left.
    """
    times, curve = np.asarray(times_s, dtype=np.float64)[skip:], np.asarray(mean_rate_per_s, dtype=np.float64)[skip:]
    found = find_arrival(times, curve)
    last = found.frame - 2
    if last < 0:
        raise ValueError(f"contrast arrives {found.frame} frames after the first {skip}: no frame is left as a baseline")
    level = curve[: last + 1].mean()
    peak = int(np.argmax(curve))
    below = np.flatnonzero(curve[peak:] - level < _PASS_OVER * (curve[peak] - level))
    if below.size:
        end = peak + int(below[0]) - 1
    else:
        near = times[peak:] - times[peak] <= _LONGEST_FALL * (times[peak] - found.time_s)
        end = peak + int(np.argmin(curve[peak:][near]))
    return Bolus(last + skip, found.time_s, peak + skip, end + skip, found.remark)


def arrivals(times_s: Array, rates: Array) -> Array:
    """When each rate curve (n, t) begins to rise, between frames: (n,) in s on the clock of times_s (t,).

    The knot search of `find_arrival`, once, with a knot at each eighth of a frame, for all curves whose early rise ends
    at the same frame together. NaN where a curve is not finite or never rises.
    """
    times = np.asarray(times_s, dtype=np.float64)
    if rates.ndim != 2 or times.shape != rates.shape[1:] or not (np.diff(times) > 0).all():
        raise ValueError(f"arrivals need curves (n, t) and rising times (t,), found {rates.shape} and {times.shape}")
    found = np.full(len(rates), np.nan, dtype=rates.dtype)
    for begin in range(0, len(rates), _BLOCK):
        block = rates[begin : begin + _BLOCK]
        last, rises = _early_rise_end(block)
        for end in np.unique(last[rises]):
            rows = np.flatnonzero(rises & (last == end))
            found[begin + rows] = _knots(times[: end + 1], block[rows, : end + 1])
    return found


def _frames_before_fall(signal: Array) -> int:
    """Frames before the signal falls into the bolus for good, by a tenth of its depth."""
    bottom = _SUSPECT + int(np.argmin(signal[_SUSPECT:]))
    half = max(bottom // 2, 3)  # the fall itself takes less than half of the time up to its bottom
    level = min(float(np.median(signal[1:half])), float(np.median(signal[half - 2 : half + 1])))  # the first may all be unsteady
    high = signal[:bottom] >= level - _FALLS * (level - signal[bottom])
    return bottom - int(np.argmax(high[::-1])) if high.any() else 0


def _early_rise_end(rates: Array) -> tuple[Index, Mask]:
    """The first frame that has made the early part of its rise, and whether there is one to speak of."""
    peak = np.argmax(rates, axis=1)
    top = rates.max(axis=1)
    before = np.arange(rates.shape[1]) < peak[:, None] - 1
    count = before.sum(axis=1)
    level = np.where(before, rates, 0).sum(axis=1) / np.maximum(count, 1)
    level = np.minimum(level, np.median(rates[:, :3], axis=1))  # the frames up to the peak hold some of the rise
    last = np.argmax(rates >= (level + _EARLY_RISE * (top - level))[:, None], axis=1)
    rises: Mask = np.isfinite(rates).all(axis=1) & (count > 0) & (top > level) & (last >= 2)
    return last, rises


def _knots(times: Array, rates: Array) -> Array:
    """The knot with the least squared error for curves (m, k) whose early rise spans all k frames: (m,)."""
    frames = np.arange(times.size)
    knots = np.interp(np.arange(0, times.size - 1, 1 / _KNOTS_PER_FRAME), frames, times)
    knots = knots[knots <= times[-2]]  # between the last two frames all knots fit alike
    ramp = np.maximum(times - knots[:, None], 0.0)
    ramp -= ramp.mean(axis=1, keepdims=True)
    ramp /= np.linalg.norm(ramp, axis=1, keepdims=True)
    fits = rates @ ramp.T.astype(rates.dtype)
    best: Array = knots[np.argmax(fits, axis=1)]
    return best
