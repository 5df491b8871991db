"""What a concentration curve says without a model: areas, slopes, peaks. Curves are straight between their samples.

Time is last, any leading shape. A sample that is not finite makes the number NaN: nothing is filled in.
"""

import numpy as np

from afterglow.kernels.spgr import Frames, baseline_signal
from afterglow.kernels.types import Array


def initial_area(times_s: Array, curve: Array, *, arrival_s: float, duration_s: float) -> Array:
    """Area under the curve from arrival on, in curve unit times seconds (IAUGC).

    times_s (t,), curve (..., t) -> (...). Exact for the piecewise-linear curve, with fractions of intervals at both ends;
    one matrix product. NaN everywhere where the series does not cover the whole duration.
    """
    times = _rising(times_s, curve)
    if not duration_s > 0:
        raise ValueError(f"an area over {duration_s} s is none")
    if arrival_s < times[0] or arrival_s + duration_s > times[-1]:
        return np.full(curve.shape[:-1], np.nan, dtype=curve.dtype)
    knots = np.union1d(times, [arrival_s, arrival_s + duration_s])
    knots = knots[(knots >= arrival_s) & (knots <= arrival_s + duration_s)]
    half = np.diff(knots) / 2
    trapezoid = np.concatenate([half, [0]]) + np.concatenate([[0], half])
    weights = trapezoid @ _at(times, knots)
    used = weights != 0  # samples outside the window do not matter, not even as NaN
    area: Array = curve[..., used] @ weights[used].astype(curve.dtype)
    return area


def steepest_slope(times_s: Array, curve: Array, *, span_s: float) -> Array:
    """The largest rise over any `span_s`, in curve unit per second. times_s (t,), curve (..., t) -> (...).

    The span sets how much noise is averaged away; it must be positive and fit into the series.
    """
    times = _rising(times_s, curve)
    if not 0 < span_s <= times[-1] - times[0]:
        raise ValueError(f"a span of {span_s} s does not fit into a series of {times[-1] - times[0]:g} s")
    # the difference of two straight pieces is largest where one of its ends is a sample
    starts = np.union1d(times, times - span_s)
    starts = starts[(starts >= times[0]) & (starts + span_s <= times[-1] * (1 + 1e-12))]
    difference = (_at(times, np.minimum(starts + span_s, times[-1])) - _at(times, starts)) / span_s
    slope: Array = (curve @ difference.T.astype(curve.dtype)).max(axis=-1)
    return slope


def peak(curve: Array) -> Array:
    """The largest value. (..., t) -> (...)."""
    largest: Array = curve.max(axis=-1)
    return largest


def time_to_peak(times_s: Array, curve: Array, *, arrival_s: float) -> Array:
    """Seconds from arrival to the largest sample at or after it. times_s (t,), curve (..., t) -> (...)."""
    times = _rising(times_s, curve)
    after = times >= arrival_s
    if not after.any():
        raise ValueError(f"no frame after an arrival at {arrival_s} s; the series ends at {times[-1]} s")
    late = curve[..., after]
    seconds = (times[after][np.argmax(late, axis=-1)] - arrival_s).astype(curve.dtype)
    return np.where(np.isfinite(late).all(axis=-1), seconds, curve.dtype.type(np.nan))


def largest_change_percent(signal: Array, *, baseline_frames: Frames) -> Array:
    """Largest signal over the mean before contrast, less one, in per cent. (..., t) -> (...).

    NaN where the baseline is not positive.
    """
    base = baseline_signal(signal, baseline_frames)
    positive = np.where(base > 0, base, np.nan)
    change: Array = 100 * (signal.max(axis=-1) / positive - 1)
    return change.astype(signal.dtype, copy=False)


def _rising(times_s: Array, curve: Array) -> Array:
    times = np.asarray(times_s, dtype=np.float64)
    if times.ndim != 1 or curve.shape[-1:] != times.shape or times.size < 2:
        raise ValueError(f"curves of shape {curve.shape} do not fit times of shape {times.shape}")
    if not (np.diff(times) > 0).all():
        raise ValueError("times must rise")
    return times


def _at(times: Array, wanted: Array) -> Array:
    """The matrix that reads piecewise-linear curves at the wanted times: (n, t)."""
    right = np.clip(np.searchsorted(times, wanted), 1, times.size - 1)
    part = (wanted - times[right - 1]) / (times[right] - times[right - 1])
    matrix = np.zeros((wanted.size, times.size))
    rows = np.arange(wanted.size)
    matrix[rows, right - 1] = 1 - part
    matrix[rows, right] = part
    return matrix
