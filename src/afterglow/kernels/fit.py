"""Fitting tissue models to many concentration curves: one call, all voxels, bounds inside the optimum.

Failure is data: every voxel has a status, and a value that was not measured is NaN, never zero.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from afterglow.kernels.boxed import best_in_box
from afterglow.kernels.compartments import compartments_solver
from afterglow.kernels.models import MODELS, SECONDS_PER_MINUTE
from afterglow.kernels.problem import PHYSICAL, Artery, Fit, Limits, artery, dictionary_of, fit_in_blocks, outcome, working_dtype
from afterglow.kernels.search import search
from afterglow.kernels.types import Array, Float
from afterglow.kernels.uncertainty import amplitude_errors

Solver = Callable[[Array], Fit]  # from one block of finite, weighted curves


def fit_tissue(
    model: str,
    times_s: Array,
    curves_mM: Array,
    aif_times_s: Array,
    plasma_mM: Array,
    *,
    weights: Array | None = None,
    delay_s: float = 0.0,
    limits: Limits = PHYSICAL,
) -> Fit:
    """Least-squares fit of a model of `MODELS` to curves (n, t) in mM, sampled at times_s (t,).

    The arterial curve has its own times and is straight between its samples; `weights` (t,) count frames (0 leaves one
    out). Works in the dtype of the curves: float32 for speed, float64 for digits. ValueError for an unknown model, sizes
    that do not fit, or an arterial curve of zeros.
    """
    dtype = working_dtype(curves_mM, times_s)
    feed = artery(times_s, aif_times_s, plasma_mM, weights=weights, delay_s=delay_s)
    return fit_in_blocks(model, feed, curves_mM, solver_for(model, feed, dtype, limits))


def solver_for(model: str, feed: Artery, dtype: Float, limits: Limits) -> Solver:
    """The model's solver for blocks of finite weighted curves, with its tables made."""
    if model not in _SOLVERS:
        raise ValueError(f"unknown model {model!r}; known: {', '.join(_SOLVERS)}")
    return _SOLVERS[model](feed, dtype, limits)


def _one_rate(model: str, feed: Artery, dtype: Float, limits: Limits) -> Solver:
    """Tofts and extended Tofts."""
    d = dictionary_of(model, feed, dtype, kep_per_min=limits.kep_per_min)
    p = len(MODELS[model].parameters)
    fixed_max = limits.vp if p > 2 else 0.0
    noise_share, rms_share = max(feed.n_frames - p, 1) ** -0.5, float(np.sum(feed.root_weights**2)) ** -0.5

    def solve(y: Array) -> Fit:
        from afterglow.kernels.outcome_loop import report_each

        n = y.shape[0]
        found = search(d, y, fixed_max=fixed_max, amplitude_max_per_rate=limits.ve)
        values, errors, rms, status = np.empty((n, p)), np.empty((n, p)), np.empty(n), np.empty(n, dtype=np.uint8)
        report_each(d, found, fixed_max * d.fixed_norm, limits.ve, noise_share, rms_share, values, errors, rms, status)
        return Fit(MODELS[model].parameters, values, errors, rms, found.residual, status, feed.n_frames)

    return solve


def _patlak(feed: Artery, dtype: Float, limits: Limits) -> Solver:
    q, e = feed.plasma(), feed.integral()
    q_norm, e_norm = _norm(q), _norm(e)
    columns: Array = np.stack([q / q_norm, e / e_norm], axis=1).astype(dtype)
    rho: Array = np.asarray((q / q_norm) @ (e / e_norm), dtype=dtype)

    def solve(y: Array) -> Fit:
        a, s = (y @ columns).T
        box = best_in_box(a, s, rho, limits.vp * q_norm, np.inf)
        residual = np.maximum(np.einsum("nt,nt->n", y, y) - box.gain, 0)
        values = np.stack([box.beta / e_norm * SECONDS_PER_MINUTE, box.alpha / q_norm], axis=1)
        vp_held, ps_held = (box.alpha <= 0) | (box.alpha >= limits.vp * q_norm), box.beta <= 0
        vp_error, ps_error = amplitude_errors(q_norm, e_norm, float(rho), vp_held, ps_held)
        errors = np.stack([ps_error * SECONDS_PER_MINUTE, vp_error], axis=1)
        nothing = (box.alpha <= 0) & ps_held
        return outcome("patlak", feed, values, errors, residual, no_uptake=nothing, at_bound=vp_held | ps_held)

    return solve


def _steady_state(feed: Artery, dtype: Float, limits: Limits) -> Solver:
    q = feed.plasma()
    norm = _norm(q)
    unit: Array = (q / norm).astype(dtype)

    def solve(y: Array) -> Fit:
        a = y @ unit
        alpha = np.clip(a, 0, limits.vp * norm)
        residual = np.maximum(np.einsum("nt,nt->n", y, y) - alpha * (2 * a - alpha), 0)
        held = (alpha <= 0) | (alpha >= limits.vp * norm)
        error = np.where(held, np.nan, 1 / norm)[:, None]
        return outcome("steady_state", feed, (alpha / norm)[:, None], error, residual, no_uptake=alpha <= 0, at_bound=held)

    return solve


def _norm(column: Array) -> float:
    norm = float(np.linalg.norm(column))
    if norm == 0:
        raise ValueError("the arterial curve is zero over all frames: there is nothing to fit with")
    return norm


_SOLVERS: dict[str, Callable[[Artery, Float, Limits], Solver]] = {
    "steady_state": _steady_state,
    "patlak": _patlak,
    "tofts": partial(_one_rate, "tofts"),
    "etofts": partial(_one_rate, "etofts"),
    "2cum": partial(compartments_solver, "2cum"),
    "2cxm": partial(compartments_solver, "2cxm"),
}
