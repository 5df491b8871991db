"""The compiled loop of the gamma-variate fit, alone in its file: numba is imported with it and only by a fit.

Coordinates everywhere: t0, ln tp, ln alpha, ymax (Madsen's scaled form). float64 inside, no fast maths, no threads of its own.
"""

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.compiled import compiled
from afterglow.kernels.types import Array, Index

_ITERATIONS = 100
_RELATIVE_CHANGE = 1e-9
_DAMPING_START, _DAMPING_DOWN, _DAMPING_UP, _DAMPING_END = 1e-2, 0.1, 2.0, 1e12
_EDGED = 0.4  # ln alpha: curves that rise as suddenly have their edges in the frames before as well
_NO_RISE, _NO_CONVERGENCE, _NOT_FINITE, _OK = 2, 4, 5, 0  # codes of kernels.types.Status


@compiled
def _window(curve: Array, first: int) -> tuple[int, int]:
    """Frame of the peak from `first` on, and the last frame of the first pass: under 30 % of the peak, at least 3 after it."""
    peak = first
    for k in range(first, curve.size):
        if curve[k] > curve[peak]:
            peak = k
    end = curve.size - 1
    for k in range(peak + 1, curve.size):
        if curve[k] < 0.3 * curve[peak]:
            end = k
            break
    return peak, min(max(end, peak + 3), curve.size - 1)


@compiled
def _sums(times: Array, curve: Array, first: int, last: int, at: Array, normal: Array, slope: Array) -> float:
    """Sum of squares at the coordinates, and into `normal` (lower half, 4 x 4) and `slope` what a Gauss-Newton step needs."""
    t0, tp, alpha, ymax = at[0], np.exp(at[1]), np.exp(at[2]), at[3]
    for i in range(4):
        slope[i] = 0.0
        for j in range(i + 1):
            normal[i, j] = 0.0
    total = 0.0
    per_tp = 1.0 / tp
    for k in range(first, last + 1):
        r = (times[k] - t0) * per_tp
        if r <= 0.0:
            total += curve[k] * curve[k]
            continue
        shape = alpha * (np.log(r) + 1.0 - r)
        d3 = np.exp(shape)
        value = ymax * d3
        d1 = value * alpha * (r - 1.0)
        d0 = d1 / (r * tp)
        d2 = value * shape
        e = curve[k] - value
        total += e * e
        slope[0] += d0 * e
        slope[1] += d1 * e
        slope[2] += d2 * e
        slope[3] += d3 * e
        normal[0, 0] += d0 * d0
        normal[1, 0] += d1 * d0
        normal[1, 1] += d1 * d1
        normal[2, 0] += d2 * d0
        normal[2, 1] += d2 * d1
        normal[2, 2] += d2 * d2
        normal[3, 0] += d3 * d0
        normal[3, 1] += d3 * d1
        normal[3, 2] += d3 * d2
        normal[3, 3] += d3 * d3
    return total


@compiled
def _factor(normal: Array, damping: float, held: Array, root: Array) -> bool:
    """Cholesky root (lower) of the damped matrix without the held coordinates; False where it is not positive."""
    for i in range(4):
        for j in range(i + 1):
            total = normal[i, j]
            if held[i] or held[j]:
                total = 1.0 if i == j else 0.0
            elif i == j:
                total *= 1.0 + damping
            for k in range(j):
                total -= root[i, k] * root[j, k]
            if i == j:
                if not total > 1e-13 * normal[i, i]:
                    return False
                root[i, i] = np.sqrt(total)
            else:
                root[i, j] = total / root[j, j]
    return True


@compiled
def _solve(root: Array, out: Array) -> None:
    """Solve root root' x = out, in place."""
    for i in range(4):
        for k in range(i):
            out[i] -= root[i, k] * out[k]
        out[i] /= root[i, i]
    for i in range(3, -1, -1):
        for k in range(i + 1, 4):
            out[i] -= root[k, i] * out[k]
        out[i] /= root[i, i]


@compiled
def _step(
    at: Array, slope: Array, normal: Array, root: Array, held: Array, low: Array, high: Array, clamp: Array, trial: Array
) -> float:
    """Clamped step into the box; returns the fall of the sum of squares that the linear model promises for it."""
    for i in range(4):
        trial[i] = 0.0 if held[i] else slope[i]
    _solve(root, trial)
    promised = 0.0
    for i in range(4):
        step = min(max(trial[i], -clamp[i]), clamp[i])
        trial[i] = min(max(at[i] + step, low[i]), high[i])
        promised += 2.0 * slope[i] * (trial[i] - at[i])
    for i in range(4):
        for j in range(i + 1):
            promised -= (1.0 if i == j else 2.0) * normal[i, j] * (trial[i] - at[i]) * (trial[j] - at[j])
    return promised


@compiled
def _descend(
    times: Array, curve: Array, first: int, last: int, low: Array, high: Array, clamp: Array, vectors: Array, matrices: Array,
    after: float, before: float,
) -> tuple[float, int]:  # fmt: skip
    """Levenberg-Marquardt from vectors[0], which becomes the optimum; matrices[0] the normal matrix there. Sum of squares, status.

    Given up where a step takes t0 out of the stretch from `after` to `before`.
    """
    at, trial, slope, trial_slope, held = vectors[0], vectors[1], vectors[2], vectors[3], vectors[4]
    normal, trial_normal, root = matrices[0], matrices[1], matrices[2]
    total = _sums(times, curve, first, last, at, normal, slope)
    damping, raised = _DAMPING_START, _DAMPING_UP
    for _ in range(_ITERATIONS):
        for i in range(4):
            outward = (at[i] <= low[i] and slope[i] <= 0.0) or (at[i] >= high[i] and slope[i] >= 0.0)
            held[i] = 1.0 if outward or not normal[i, i] > 0.0 else 0.0
        if not _factor(normal, damping, held, root):
            damping = max(damping * _DAMPING_UP, 1e-8)
            if damping > _DAMPING_END:
                break
            continue
        promised = _step(at, slope, normal, root, held, low, high, clamp, trial)
        if trial[0] <= after or trial[0] >= before:
            break
        if promised < 0.0:  # the clamp has bent the step uphill; a shorter one is not bent
            damping *= raised
            raised *= 2.0
            if damping > _DAMPING_END:
                break
            continue
        reached = _sums(times, curve, first, last, trial, trial_normal, trial_slope)
        settled = promised <= _RELATIVE_CHANGE * total
        if reached <= total:
            settled = settled and total - reached <= _RELATIVE_CHANGE * total
            gain = 2.0 * (total - reached) / promised - 1.0 if promised > 0.0 else 1.0
            damping *= max(_DAMPING_DOWN, 1.0 - gain**3)
            total, raised = reached, _DAMPING_UP
            at[:], slope[:] = trial, trial_slope
            normal[:, :] = trial_normal
        else:
            damping *= raised
            raised *= 2.0
        if settled or total <= 1e-28 * curve[last] * curve[last]:
            return total, _OK
        if damping > _DAMPING_END:
            break
    return total, _NO_CONVERGENCE


@compiled
def _next_valley(
    times: Array, curve: Array, first: int, last: int, low: Array, high: Array, clamp: Array, vectors: Array, matrices: Array,
    more_vectors: Array, more_matrices: Array, total: float, side: int,
) -> float:  # fmt: skip
    """Sum of squares after a look beyond the next frame (side 1) or the one before (-1), twice at most.

    As t0 passes a frame the sum of squares has an edge, so each stretch between frames may have its own valley. The new start
    keeps the time to peak and the width; one that slides back to where it came from is given up. Where it ends lower, vectors
    and matrices follow.
    """
    for _ in range(2):
        t0, tp = vectors[0, 0], np.exp(vectors[0, 1])
        k = first
        while k < last - 1 and times[k + 1] <= t0:
            k += 1
        gap = side * (times[k + 1] - times[k])
        if tp - gap < 0.2 * tp or t0 + gap >= high[0] or t0 + gap <= times[first]:
            break
        start = more_vectors[0]
        start[0], start[1], start[3] = t0 + gap, np.log(tp - gap), vectors[0, 3]
        start[2] = vectors[0, 2] + 2.0 * np.log1p(-gap / tp)
        for i in range(4):
            start[i] = min(max(start[i], low[i]), high[i])
        after, before = (times[k + 1], np.inf) if side > 0 else (-np.inf, times[k])
        found, code = _descend(times, curve, first, last, low, high, clamp, more_vectors, more_matrices, after, before)
        if code != _OK or not found < total:
            break
        total = found
        vectors[:, :] = more_vectors
        matrices[:, :, :] = more_matrices
    return total


@compiled
def _covariance(normal: Array, held: Array, root: Array, scale: float, column: Array, out: Array) -> None:
    """Inverse of the normal matrix times the variance of the residuals; NaN where held, and everywhere if there is no inverse."""
    good = _factor(normal, 0.0, held, root)
    for j in range(4):
        for i in range(4):
            column[i] = 1.0 if i == j else 0.0
        if good:
            _solve(root, column)
        for i in range(4):
            out[i, j] = scale * column[i] if good and not (held[i] or held[j]) else np.nan


@compiled
def _start(times: Array, curve: Array, first: int, peak: int, bounds: Array, low: Array, high: Array, at: Array) -> None:
    """Bounds and first guess of one curve: t0 half a frame before the last frame below 10 % of the peak, alpha 3.

    A start on that frame itself would leave it, and at times its neighbour, at zero with no slope to come back by.
    """
    low[:], high[:] = bounds[0], bounds[1]
    high[0] += times[peak]
    foot = first
    for k in range(first, peak):
        if curve[k] < 0.1 * curve[peak]:
            foot = k
    t0 = times[foot] - 0.5 * (times[foot + 1] - times[foot])
    at[0], at[1], at[2], at[3] = t0, np.log(max(times[peak] - t0, 1e-3)), np.log(3.0), curve[peak]
    for i in range(4):
        at[i] = min(max(at[i], low[i]), high[i])


@compiled
def fit_block(
    times: Array, curves: Array, first: int, bounds: Array, clamp: Array, fits: Array, covariances: Array, sums: Array,
    codes: NDArray[np.uint8], ends: Index,
) -> None:  # fmt: skip
    """Fit each row of curves (n, t) into fits (n, 4), covariances (n, 4, 4), sums (n, 3), codes (n,) and ends (n,).

    sums: of squares about the fit, about the mean, and the peak; ends: last frame used. bounds (2, 4), that of t0 counted
    from the time of the peak; clamp (4,) the largest step.
    """
    vectors, matrices = np.zeros((5, 4)), np.zeros((3, 4, 4))
    more_vectors, more_matrices = np.zeros((5, 4)), np.zeros((3, 4, 4))
    low, high = np.zeros(4), np.zeros(4)
    for n in range(curves.shape[0]):
        curve = curves[n]
        codes[n] = _OK if np.isfinite(curve[first:].sum()) else _NOT_FINITE
        if codes[n] != _OK:
            continue
        peak, last = _window(curve, first)
        ends[n], sums[n, 2] = last, curve[peak]
        count = last - first + 1
        if not curve[peak] > 0.0 or count < 6 or peak == curve.size - 1:
            codes[n] = _NO_CONVERGENCE if curve[peak] > 0.0 else _NO_RISE
            continue
        _start(times, curve, first, peak, bounds, low, high, vectors[0])
        sums[n, 0], codes[n] = _descend(times, curve, first, last, low, high, clamp, vectors, matrices, -np.inf, np.inf)
        if codes[n] == _OK:
            for side in (1, -1):
                if side > 0 or vectors[0, 2] < _EDGED:
                    sums[n, 0] = _next_valley(
                        times,
                        curve,
                        first,
                        last,
                        low,
                        high,
                        clamp,
                        vectors,
                        matrices,
                        more_vectors,
                        more_matrices,
                        sums[n, 0],
                        side,
                    )
        mean = curve[first : last + 1].mean()
        sums[n, 1] = ((curve[first : last + 1] - mean) ** 2).sum()
        fits[n] = vectors[0]
        _covariance(matrices[0], vectors[4], matrices[2], sums[n, 0] / max(count - 4, 1), vectors[1], covariances[n])
