"""Exact convolution of a piecewise-linear curve with exponentials and with a step, on any time grid.

A measured curve is known at its samples and taken as straight between them; everything here is exact for that curve,
so the step length never enters as an error (a rectangle rule is 14 % low in vp at 5 s). Before its first sample the
curve has not begun; after its last it holds its last value.
"""

import numpy as np

from afterglow.kernels.types import Array

_SERIES_BELOW = 0.02  # under this exponent the closed forms lose digits and six terms of the series give 1e-15
_TERMS = 6


def exp_convolve(
    times_s: Array, curve: Array, rate_per_s: Array | float, *, at_s: Array | None = None, delay_s: float = 0.0
) -> Array:
    """Integral of curve(s - delay) exp(-rate (t - s)) ds up to t, for a curve that is straight between its samples.

    times_s (t,) rising, curve (t,), rate_per_s (...,) -> (..., t), or (..., n) at the times `at_s` (n,).
    Unit: that of the curve times seconds. ValueError where the times do not rise.
    """
    times, values, rate = _checked(times_s, curve, rate_per_s)
    at_knots, _ = _at_knots(times, values, rate, slope=False)
    if at_s is None and delay_s == 0.0:
        return at_knots
    return between_knots(times, values, rate, at_knots, (times if at_s is None else np.asarray(at_s, dtype=np.float64)) - delay_s)


def exp_convolve_slope(times_s: Array, curve: Array, rate_per_s: Array | float) -> tuple[Array, Array]:
    """`exp_convolve` at the curve's own times and its derivative by the rate (curve unit times s^2), both (..., t)."""
    return _at_knots(*_checked(times_s, curve, rate_per_s), slope=True)


def integrate(times_s: Array, curve: Array, *, at_s: Array | None = None, delay_s: float = 0.0) -> Array:
    """Running integral of the piecewise-linear curve: `exp_convolve` at rate zero. (t,), (t,) -> (t,) or (n,)."""
    return exp_convolve(times_s, curve, 0.0, at_s=at_s, delay_s=delay_s)


def sample(times_s: Array, curve: Array, *, at_s: Array | None = None, delay_s: float = 0.0) -> Array:
    """The piecewise-linear curve itself, later by `delay_s`, at the times `at_s`; zero before it begins. (t,), (t,) -> (n,)."""
    at = times_s if at_s is None else np.asarray(at_s, dtype=np.float64)
    return np.interp(at - delay_s, times_s, curve, left=0.0)


def between_knots(times_s: Array, curve: Array, rate_per_s: Array, at_knots: Array, at_s: Array) -> Array:
    """Carry the convolution (..., t) from the samples of the curve to any times at_s (n,) -> (..., n)."""
    knot = np.clip(np.searchsorted(times_s, at_s, side="right") - 1, 0, times_s.size - 1)
    begun = at_s >= times_s[0]
    past, which = np.unique(np.where(begun, at_s - times_s[knot], 0.0), return_inverse=True)  # few, where both clocks are even
    x = rate_per_s[..., None] * past
    decay, (whole, rising) = np.exp(-x), _weights(x)
    here, dt = np.interp(at_s, times_s, curve), past[which]
    begins, ends = dt * curve[knot], dt * here
    out: Array = decay[..., which] * at_knots[..., knot] + begins * (whole - rising)[..., which] + ends * rising[..., which]
    return np.where(begun, out, 0.0)


def _checked(times_s: Array, curve: Array, rate_per_s: Array | float) -> tuple[Array, Array, Array]:
    times = np.asarray(times_s, dtype=np.float64)
    values = np.asarray(curve, dtype=np.float64)
    if times.ndim != 1 or times.shape != values.shape:
        raise ValueError(f"a curve of shape {values.shape} does not fit times of shape {times.shape}")
    if not (np.diff(times) > 0).all():
        raise ValueError("times must rise")
    return times, values, np.asarray(rate_per_s, dtype=np.float64)


def _at_knots(times_s: Array, values: Array, rate: Array, *, slope: bool) -> tuple[Array, Array]:
    out = np.zeros((times_s.size, *rate.shape))
    change = np.zeros_like(out) if slope else out
    known = -1.0
    for i, dt in enumerate(np.diff(times_s)):
        if dt != known:  # most clocks tick evenly
            known, x = dt, rate * dt
            decay = np.exp(-x)
            whole, rising = _weights(x)
        out[i + 1] = decay * out[i] + dt * (values[i] * (whole - rising) + values[i + 1] * rising)
        if slope:
            d_whole, d_rising = _weight_slopes(x, whole, rising)
            gained = dt * dt * (values[i] * (d_whole - d_rising) + values[i + 1] * d_rising)
            change[i + 1] = decay * (change[i] - dt * out[i]) + gained
    return np.moveaxis(out, 0, -1), np.moveaxis(change, 0, -1)


def _series(x: Array, first: int) -> Array:
    """Sum of (-x)^n / (n + first)! for n = 0, 1, …, for small x."""
    total = np.zeros_like(x)
    for n in range(_TERMS, 0, -1):
        total = (1.0 + total) * (-x) / (n + first)
    return (1.0 + total) / float(np.prod(np.arange(1, first + 1)))


def _weights(x: Array) -> tuple[Array, Array]:
    """Mean of exp(-x(1-u)) over u in 0..1, and the same weighted with u."""
    small = np.abs(x) < _SERIES_BELOW
    safe = np.where(small, 1.0, x)
    whole = -np.expm1(-safe) / safe
    rising = (1.0 - whole) / safe
    if small.any():
        whole, rising = np.where(small, _series(x, 1), whole), np.where(small, _series(x, 2), rising)
    return whole, rising


def _weight_slopes(x: Array, whole: Array, rising: Array) -> tuple[Array, Array]:
    """Derivatives of `_weights` by x: whole' = rising - whole, and rising' from x rising = 1 - whole."""
    small = np.abs(x) < _SERIES_BELOW
    d_whole = rising - whole
    d_rising = np.where(small, 2.0 * _series(x, 3) - rising, -(d_whole + rising) / np.where(small, 1.0, x))
    return d_whole, d_rising
