"""The compiled loop that walks around hysteresis loops: area, its slope in each parameter, moments and lobes."""

import numpy as np

from afterglow.kernels.compiled import compiled
from afterglow.kernels.types import Array

STEP_S = 0.1
_MOST_POINTS = 30_000
_TAIL = 0.01  # both curves below this share of their peaks end the loop


@compiled
def _point(time_s: float, at: Array, slope: Array) -> float:
    """Gamma-variate at one time and its derivatives by t0, ln tp, ln alpha, ymax; `at` (4,) is t0, tp, alpha, ymax."""
    r = (time_s - at[0]) / at[1]
    if r <= 0.0:
        slope[:] = 0.0
        return 0.0
    shape = at[2] * (np.log(r) + 1.0 - r)
    height = float(np.exp(shape))
    value = float(at[3]) * height
    slope[1] = value * at[2] * (r - 1.0)
    slope[0] = slope[1] / (r * at[1])
    slope[2] = value * shape
    slope[3] = height
    return value


@compiled
def _trace(ge: Array, se: Array, x: Array, y: Array, slopes: Array, moments: Array, work: Array) -> int:
    """Points of one loop into x and y; moments: area and means of x, y, xx, xy, yy; slopes (8,) of the area. Number of points."""
    start = min(ge[0], se[0])
    d_ge, d_se, d_y, d_x = work[0], work[1], work[2], work[3]
    d_y[:], d_x[:], slopes[:], moments[:] = 0.0, 0.0, 0.0, 0.0
    x[0], y[0] = 0.0, 0.0
    k = 0
    while k < x.size - 1:
        k += 1
        time_s = start + STEP_S * k
        y[k] = max(_point(time_s, ge, d_ge), 0.0)
        height = max(_point(time_s, se, d_se), 0.0)
        root = np.sqrt(height)
        x[k] = height * root
        moments[0] += 0.5 * (y[k - 1] * x[k] - x[k - 1] * y[k])
        for i in range(4):
            d_se[i] *= 1.5 * root
            slopes[i] += 0.5 * (d_y[i] * x[k] - x[k - 1] * d_ge[i])
            slopes[4 + i] += 0.5 * (y[k - 1] * d_se[i] - d_x[i] * y[k])
            d_y[i], d_x[i] = d_ge[i], d_se[i]
        moments[1] += x[k]
        moments[2] += y[k]
        moments[3] += x[k] * x[k]
        moments[4] += x[k] * y[k]
        moments[5] += y[k] * y[k]
        if time_s > max(ge[0] + ge[1], se[0] + se[1]) and y[k] < _TAIL * ge[3] and height < _TAIL * se[3]:
            break
    moments[1:] /= k + 1
    return k + 1


@compiled
def _lobes(x: Array, y: Array, count: int, out: Array) -> None:
    """Areas where the way out (x rising) lies above the way back, and where below. Each way is a function of x: x has one peak."""
    top = 0
    for k in range(count):
        if x[k] > x[top]:
            top = k
    out[0], out[1] = 0.0, 0.0
    back, before = count - 1, 0.0
    for k in range(1, top + 1):
        while back > top and x[back - 1] < x[k]:
            back -= 1
        if back > top and x[back - 1] > x[back]:
            part = min(max((x[k] - x[back]) / (x[back - 1] - x[back]), 0.0), 1.0)
            below = y[back] + part * (y[back - 1] - y[back])
        else:
            below = y[top]
        over = y[k] - below
        area = 0.5 * (over + before) * (x[k] - x[k - 1])
        if area > 0.0:
            out[0] += area
        else:
            out[1] -= area
        before = over


@compiled
def trace_block(ge: Array, se: Array, moments: Array, slopes: Array, lobes: Array) -> None:
    """Loops of gamma-variates ge, se (n, 4) of t0, tp, alpha, ymax -> moments (n, 6), slopes (n, 8), lobes (n, 2)."""
    x, y, work = np.empty(_MOST_POINTS), np.empty(_MOST_POINTS), np.zeros((4, 4))
    for n in range(ge.shape[0]):
        points = _trace(ge[n], se[n], x, y, slopes[n], moments[n], work)
        _lobes(x, y, points, lobes[n])
