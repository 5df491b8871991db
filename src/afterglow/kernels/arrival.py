"""When the contrast agent arrives: the last frame before it, and the moment between frames."""

from typing import NamedTuple

import numpy as np

from afterglow.kernels.types import Array

_KNOTS_PER_FRAME = 8
_FEW_BASELINE_FRAMES = 3
_RISE_OVER_NOISE = 5.0
_STAYS_OVER_NOISE = 2.0
_FALLS_BELOW = 0.1  # of the rise
_EARLY_RISE = 0.35  # of the rise: the straight line must not follow the bend to the peak, nor hang on one frame


class Arrival(NamedTuple):
    """Where a mean curve begins to rise."""

    frame: int  # the first enhanced frame; all frames before it are baseline
    time_s: float  # on the curve's own clock
    remark: str  # empty, or what a reader should know


def find_arrival(times_s: Array, curve: Array) -> Arrival:
    """Bolus arrival on one mean curve, signal or concentration, by a search over knots.

    A constant up to the knot and a straight rise after it are fitted to the frames up to a third of the rise, and the knot
    with the least squared error wins (the linear-linear model of doi:10.1088/0031-9155/48/5/403).
    times_s (t,), curve (t,). ValueError where the curve is not finite or never rises above its own noise.
    """
    times = np.asarray(times_s, dtype=np.float64)
    values = np.asarray(curve, dtype=np.float64)
    if values.ndim != 1 or values.shape != times.shape or values.size < 5:
        raise ValueError(f"an arrival needs one curve of at least five frames, found {values.shape} for {times.shape} times")
    if not np.isfinite(values).all():
        raise ValueError("an arrival needs a curve without gaps")
    peak = int(np.argmax(values))
    first = _first_at(values, _early_level(values, peak), peak)
    for _ in range(2):  # the level before contrast is known better once an arrival is known
        knot_s = _best_knot(times, values, last=max(first, 2))
        before = values[times <= knot_s]
        first = _first_at(values, float(before.mean()) if before.size else float(values[0]), peak)
    frame = int(np.searchsorted(times, knot_s, side="right"))
    _check_rise(values, frame, peak)
    return Arrival(frame, knot_s, _remark(frame))


def baseline_frames(times_s: Array, curve: Array, *, skip: int) -> tuple[slice, str]:
    """The frames before contrast on a mean curve, and what to say of them; the first `skip` are left out.

    Leaving the first out is common where the magnetisation is not yet steady. ValueError where none is left.
    """
    found = find_arrival(times_s, curve)
    if found.frame <= skip:
        raise ValueError(f"contrast arrives at frame {found.frame + 1}: no frame before it is left after skipping {skip}")
    return slice(skip, found.frame), _remark(found.frame - skip)


def rise_over_noise(curves: Array) -> Array:
    """How far each curve rises, in units of its own noise: which voxels tell when contrast comes. (n, t) -> (n,).

    From the lowest mean of three frames in the first half to the peak; 0 where the last half does not stay above (a jerk) or
    falls below (contrast was there from the start), where nothing changes, and where a value is not finite. No single frame is
    the level that a curve is compared with: voxels picked for a low first frame would seem to rise right after it.
    Noise comes from second differences; a curve without any counts with the rounding of its numbers instead.
    """
    t = curves.shape[-1]
    if curves.ndim != 2 or t < 6:
        raise ValueError(f"a rise over noise needs curves (n, t) of at least six frames, found {curves.shape}")
    finite: Array = np.asarray(np.isfinite(curves).all(axis=1))
    values = np.where(finite[:, None], curves, curves.dtype.type(0))
    noise = np.median(np.abs(np.diff(values, 2, axis=1)), axis=1) / (0.6745 * np.sqrt(6.0))
    noise = np.maximum(noise, np.finfo(np.float32).eps * np.abs(values).max(axis=1))
    half = t // 2
    means = (values[:, :-2] + values[:, 1:-1] + values[:, 2:]) / 3
    low, low_later = means[:, : half - 2].min(axis=1), means[:, half:].min(axis=1)
    rise = values.max(axis=1) - low
    stays = (np.median(values[:, half:], axis=1) - low > _STAYS_OVER_NOISE * noise) & (low - low_later < _FALLS_BELOW * rise)
    over_noise: Array = np.where((noise > 0) & stays, rise / np.where(noise > 0, noise, 1), 0)
    return over_noise


def _early_level(values: Array, peak: int) -> float:
    return float(np.median(values[: max(1, min(3, peak))]))


def _first_at(values: Array, level: float, peak: int) -> int:
    """The first frame that has made the early part of the rise: later frames follow mixing and washout, not arrival."""
    return int(np.argmax(values[: peak + 1] >= level + _EARLY_RISE * (values[peak] - level)))


def _best_knot(times: Array, values: Array, last: int) -> float:
    """The knot, on a grid finer than the frames, with the least squared error over frames 0 .. last."""
    t, y = times[: last + 1], values[: last + 1]
    knots = np.interp(np.arange(0, last + 1e-9, 1 / _KNOTS_PER_FRAME), np.arange(last + 1), t)[:-1]
    ramp = np.maximum(t - knots[:, None], 0.0)
    ramp -= ramp.mean(axis=1, keepdims=True)
    slope = (ramp @ (y - y.mean())) / (ramp**2).sum(axis=1)
    explained = np.where(slope > 0, slope, 0) * (ramp @ (y - y.mean()))
    # knots between the last two frames all fit alike: the middle of equals, not whichever rounding prefers
    return float(knots[explained >= explained.max() * (1 - 1e-9)].mean())


def _check_rise(values: Array, frame: int, peak: int) -> None:
    """Refuse a curve whose rise is no larger than its scatter from frame to frame."""
    noise = np.median(np.abs(np.diff(values, 2))) / (0.6745 * np.sqrt(6.0))  # second differences of white noise
    rise = values[peak] - values[: max(frame, 1)].mean()
    if not rise > _RISE_OVER_NOISE * noise or rise <= 0:
        raise ValueError(f"the curve rises by {rise:.3g} above its first frames, with a noise of {noise:.3g}: no bolus arrives")


def _remark(n_before: int) -> str:
    if n_before <= 0:
        return "contrast is there from the first frame on: there is no baseline"
    if n_before < _FEW_BASELINE_FRAMES:
        return f"only {n_before} frame{'s' if n_before > 1 else ''} before contrast: the baseline is uncertain"
    return ""
