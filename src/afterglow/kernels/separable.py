"""Least squares with one nonlinear parameter: amplitudes are projected out, a table finds the cell, Newton the optimum.

For data y and a model s v(x) with one free amplitude s, the squared error at the best s is |y|^2 - (v.y)^2 / |v|^2.
Its stationary points are the roots of h(x) = (v'.y)(v.v) - (v.y)(v'.v), a smooth function of one number per voxel.
"""

from collections.abc import Callable

import numpy as np

from afterglow.kernels.types import Array

# x (n,) -> v, v', v'' each (m, n): samples first, so that each operation runs along the voxels
Curve = Callable[[Array], tuple[Array, Array, Array]]
_STEPS = 40


def refine(data: Array, curve: Curve, *, start: Array, low: Array, high: Array) -> Array:
    """The x in [low, high] near `start` with the least squared error of data against s v(x).

    data (m, n); start, low, high (n,) -> (n,). Newton's steps, replaced by a bisection of the bracket where they leave it;
    ends on `low` or `high` where the error still falls there.
    """
    x = start
    tolerance = np.sqrt(np.finfo(x.dtype).eps)  # Newton doubles the digits: a step this small leaves none to gain
    for number in range(_STEPS):
        v, v1, v2 = curve(x)
        along, turning = _dot(v, data), _dot(v1, data)
        size, growth = _dot(v, v), _dot(v1, v)
        h = turning * size - along * growth
        slope = _dot(v2, data) * size + turning * growth - along * (_dot(v2, v) + _dot(v1, v1))
        rising = (h > 0) == (along > 0)  # a negative amplitude turns the sign of both
        low, high = np.where(rising, x, low), np.where(rising, high, x)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            newton = x - h / slope
        inside = (newton >= low) & (newton <= high)
        # a first step out of the bracket tries its end, which is where an optimum on a bound lies
        otherwise = np.where(rising, high, low) if number == 0 else 0.5 * (low + high)
        step = np.where(inside, newton, otherwise) - x
        x = x + step
        if not (np.abs(step) > tolerance * np.abs(x)).any():
            break
    return x


def outcome(data: Array, v: Array, v1: Array, freedom: int) -> tuple[Array, Array, Array]:
    """Amplitude, squared error, and standard error of x at an optimum, with v and its slope v1 there.

    data, v, v1 (m, n) -> three of (n,). The standard error is that of the linearised problem with the residual variance
    over `freedom` degrees; NaN where there are none.
    """
    size = _dot(v, v)
    amplitude = _dot(v, data) / size
    residual = data - amplitude * v
    sse = _dot(residual, residual)
    left = v1 - v * (_dot(v1, v) / size)  # what the amplitude cannot imitate: the information on x
    if freedom < 1:
        return amplitude, sse, np.full_like(sse, np.nan)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        error = np.sqrt(sse / freedom / _dot(left, left)) / np.abs(amplitude)
    return amplitude, sse, error


def _dot(a: Array, b: Array) -> Array:
    """Sum over samples, voxel by voxel: (m, n), (m, n) -> (n,)."""
    total: Array = a[0] * b[0]
    for row_a, row_b in zip(a[1:], b[1:], strict=True):
        total = total + row_a * row_b
    return total
