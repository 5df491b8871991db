"""Bounded Levenberg-Marquardt for many small problems at once, in the coordinates of a dictionary."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.types import Array

_ITERATIONS = 60
_RELATIVE_STEP = 1e-8
_DAMPING_START, _DAMPING_DOWN, _DAMPING_UP, _DAMPING_END = 1e-3, 0.2, 5.0, 1e10
_DAMPING_LEAST = 1e-10  # where two exponentials meet their columns are one, and only damping keeps the step finite


class Refined(NamedTuple):
    """Parameters (n, p), sum of squares in the given coordinates (n,), the last Jacobian (n, p, r) and convergence (n,)."""

    values: Array
    residual: Array
    jacobian: Array
    converged: NDArray[np.bool_]


def refine_bounded(
    evaluate: Callable[[Array], tuple[Array, Array]],
    start: Array,
    target: Array,
    *,
    low: Array,
    high: Array,
    iterations: int = _ITERATIONS,
) -> Refined:
    """Least squares of evaluate(values (m, p)) -> (curve (m, r), jacobian (m, p, r)) against target (n, r) in a box.

    Parameters on a bound whose gradient points outward are held; the others take a damped Gauss-Newton step, cut at the
    bounds (projected step). `low`, `high` (p,). A voxel converges when an accepted step changes nothing any more.
    """
    values = np.clip(start, low, high)
    curve, jacobian = evaluate(values)
    residual = np.sum((target - curve) ** 2, axis=-1)
    damping = np.full(values.shape[0], _DAMPING_START)
    converged = np.zeros(values.shape[0], dtype=bool)
    live = np.arange(values.shape[0])
    for _ in range(iterations):
        if not live.size:
            break
        step = _step(jacobian[live], target[live] - curve[live], values[live], damping[live], low, high)
        trial = np.clip(values[live] + step, low, high)
        moved = np.max(np.abs(trial - values[live]) / (np.abs(values[live]) + 1e-6 * (np.minimum(high, 1e3) - low)), axis=-1)
        trial_curve, trial_jacobian = evaluate(trial)
        trial_residual = np.sum((target[live] - trial_curve) ** 2, axis=-1)
        better = trial_residual <= residual[live]
        done = (moved < _RELATIVE_STEP) | (damping[live] > _DAMPING_END)
        chosen = live[better]
        values[chosen], curve[chosen], jacobian[chosen] = trial[better], trial_curve[better], trial_jacobian[better]
        residual[chosen] = trial_residual[better]
        damping[live] = np.maximum(damping[live] * np.where(better, _DAMPING_DOWN, _DAMPING_UP), _DAMPING_LEAST)
        converged[live[done]] = True
        live = live[~done]
    return Refined(values, residual, jacobian, converged)


def _step(jacobian: Array, difference: Array, values: Array, damping: Array, low: Array, high: Array) -> Array:
    gradient = np.einsum("npr,nr->np", jacobian, difference)
    held = ((values <= low) & (gradient <= 0)) | ((values >= high) & (gradient >= 0))
    normal = np.einsum("npr,nqr->npq", jacobian, jacobian)
    diagonal = np.einsum("npp->np", normal)
    scale = np.where(diagonal > 0, diagonal, 1.0)
    normal = np.where(held[:, :, None] | held[:, None, :], 0.0, normal)
    p = values.shape[1]
    normal[:, np.arange(p), np.arange(p)] += np.where(held, scale, damping[:, None] * scale)
    root = np.sqrt(np.where(held, scale, scale))
    # solved in units of each parameter's own curvature: flows of 50 and fractions of .02 stand side by side
    scaled = np.linalg.solve(normal / (root[:, :, None] * root[:, None, :]), (np.where(held, 0.0, gradient) / root)[..., None])[
        ..., 0
    ]
    step: Array = scaled / root
    return step


def covariance_diagonal(jacobian: Array, held: NDArray[np.bool_]) -> Array:
    """Diagonal (n, p) of the inverse of J J^T (n, p, r) over the parameters that are not held; NaN where held or singular."""
    normal = np.einsum("npr,nqr->npq", jacobian, jacobian)
    scale = np.sqrt(np.einsum("npp->np", normal))
    dead = held | ~(scale > 0)
    scale = np.where(dead, 1.0, scale)
    normal = np.where(dead[:, :, None] | dead[:, None, :], 0.0, normal / (scale[:, :, None] * scale[:, None, :]))
    p = normal.shape[1]
    normal[:, np.arange(p), np.arange(p)] = np.where(dead, 1.0, normal[:, np.arange(p), np.arange(p)])
    values, vectors = np.linalg.eigh(normal)
    usable = values > 1e-12
    inverse = np.where(usable, 1.0 / np.where(usable, values, 1.0), np.inf)
    diagonal = np.einsum("npk,nk->np", vectors**2, np.where(np.isfinite(inverse), inverse, 0.0)) / scale**2
    unknown = np.einsum("npk,nk->np", vectors**2, (~usable).astype(float)) > 1e-6
    return np.where(dead | unknown, np.nan, diagonal)
