"""Fits with the arterial delay as one more unknown, and the choice of a model for each voxel.

The delay is found on a coarse grid first. Models with one exponential are then refined jointly in rate and delay
(`delay_refine`), the others by halving the grid around each voxel's best delay (`delay_halving`).
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

import numpy as np

from afterglow.kernels.convolution import exp_convolve
from afterglow.kernels.delay_cells import DelayCell, build_cell, cell_edges
from afterglow.kernels.delay_halving import Delayed, grouped, halving_solver, rounded
from afterglow.kernels.delay_refine import Joint, Task, refine_jointly
from afterglow.kernels.delay_scan import delay_grid, starts
from afterglow.kernels.fit import solver_for
from afterglow.kernels.models import MODELS, SECONDS_PER_MINUTE
from afterglow.kernels.problem import (
    BLOCK,
    PHYSICAL,
    Artery,
    Fit,
    Limits,
    artery,
    finite_curves,
    fit_in_blocks,
    outcome,
    rates_of,
    working_dtype,
)
from afterglow.kernels.types import Array, Float, Status


class DelayedFit(NamedTuple):
    """The fit at each voxel's delay, the delay (n,) in s, and its standard error (n,); NaN where there is none."""

    fit: Fit
    delay_s: Array
    delay_error_s: Array


def fit_delayed(
    model: str,
    times_s: Array,
    curves_mM: Array,
    aif_times_s: Array,
    plasma_mM: Array,
    *,
    delay_range_s: tuple[float, float],
    weights: Array | None = None,
    limits: Limits = PHYSICAL,
) -> DelayedFit:
    """Like `fit_tissue`, with the delay of the arterial curve in `delay_range_s` found for every voxel of curves (n, t).

    All standard errors count the delay as fitted. Tofts and extended Tofts are taken to their joint optimum; for the other
    models the delay is resolved to 1/64 of the frame spacing. Voxels without uptake have no delay (NaN). ValueError where
    the range is empty, and as for `fit_tissue`.
    """
    low, high = delay_range_s
    if not low < high:
        raise ValueError(f"the range of delays from {low} to {high} s is empty")
    if model not in MODELS:
        raise ValueError(f"unknown model {model!r}; known: {', '.join(MODELS)}")
    dtype = working_dtype(curves_mM, times_s)
    feed = artery(times_s, aif_times_s, plasma_mM, weights=weights)
    solver = _joint_solver if model in ("tofts", "etofts") else halving_solver
    solve = solver(model, feed, dtype, limits, cell_edges(feed, low, high))
    n, p = curves_mM.shape[0], len(MODELS[model].parameters)
    numbers, status = np.full((2 * p + 4, n), np.nan, dtype=dtype), np.full(n, Status.NOT_FINITE, dtype=np.uint8)
    for begin in range(0, n, BLOCK):
        y, finite = finite_curves(curves_mM[begin : begin + BLOCK], feed, dtype)
        rows = np.arange(y.shape[0]) if finite is None else np.flatnonzero(finite)
        if rows.size:
            fit, delay, error = solve(y if finite is None else y[rows])
            numbers[:, begin + rows] = np.vstack([fit.values.T, fit.standard_errors.T, fit.rms, fit.residual, delay, error])
            status[begin + rows] = fit.status
    numbers[-2:, status == Status.NO_UPTAKE] = np.nan
    values, errors = np.ascontiguousarray(numbers[:p].T), np.ascontiguousarray(numbers[p : 2 * p].T)
    rms, residual, delay, error = numbers[2 * p :]
    return DelayedFit(Fit(MODELS[model].parameters, values, errors, rms, residual, status, feed.n_frames), delay, error)


def fit_at_delays(
    model: str,
    times_s: Array,
    curves_mM: Array,
    aif_times_s: Array,
    plasma_mM: Array,
    *,
    delay_s: Array,
    weights: Array | None = None,
    limits: Limits = PHYSICAL,
) -> Fit:
    """Like `fit_tissue`, each voxel of curves (n, t) at its own arterial delay_s (n,), rounded to 1/64 of the frame spacing.

    A delay that is not known (NaN) counts as none.
    """
    dtype = working_dtype(curves_mM, times_s)
    if np.shape(delay_s) != curves_mM.shape[:1]:
        raise ValueError(f"{np.shape(delay_s)} delays for {curves_mM.shape[0]} curves")
    feed = artery(times_s, aif_times_s, plasma_mM, weights=weights)
    late = rounded(feed, np.nan_to_num(np.asarray(delay_s, dtype=np.float64)))
    return grouped(
        late,
        lambda value, rows: fit_in_blocks(
            model, feed, curves_mM[rows], solver_for(model, feed._replace(delay_s=value), dtype, limits)
        ),
    )


def _joint_solver(model: str, feed: Artery, dtype: Float, limits: Limits, edges: Array) -> Callable[[Array], Delayed]:
    """Tofts and extended Tofts: from the best coarse delay and rate, both together to the bounded optimum."""
    rates = rates_of(limits.kep_per_min)
    at_knots = exp_convolve(feed.aif_times_s, feed.plasma_mM, rates)
    fixed_max = limits.vp if model == "etofts" else 0.0
    grid = delay_grid(feed, edges, limits, fixed_max, dtype)
    low, high = np.log(np.array(limits.kep_per_min) / SECONDS_PER_MINUTE)

    @cache
    def cell(number: int) -> DelayCell:
        return build_cell(feed, rates, at_knots, float(edges[number + 1]), dtype)

    def solve(y: Array) -> Delayed:
        energy = np.einsum("nt,nt->n", y, y).astype(np.float64)
        rows, late, rate = starts(grid, y, energy)
        task = Task(y, energy, rows, edges, cell, (low, high), fixed_max, limits.ve)
        joint = refine_jointly(task, np.clip(np.log(grid.rates_per_s[rate]), low, high), grid.delays_s[late])
        return _joint_outcome(model, feed, joint, task)

    return solve


def _joint_outcome(model: str, feed: Artery, joint: Joint, task: Task) -> Delayed:
    nothing = joint.amplitude <= 0
    tied = joint.tied > 0
    ve = np.where(nothing, np.nan, np.where(tied, task.amplitude_max_per_rate, joint.amplitude * np.exp(-joint.log_rate)))
    values = np.stack([joint.amplitude * SECONDS_PER_MINUTE, ve, joint.fixed], axis=1)
    vp_error, amplitude, ratio, delay = np.sqrt(joint.variances)
    errors = np.stack([values[:, 0] * amplitude, ve * ratio, vp_error], axis=1)
    met = tied | nothing
    for value, ends in ((joint.log_rate, task.log_rates), (joint.delay_s, (task.edges_s[0], task.edges_s[-1]))):
        met |= (value <= ends[0]) | (value >= ends[1])
    if model == "tofts":
        values, errors = values[:, :2], errors[:, :2]
    else:
        met |= joint.fixed_free == 0
        nothing = nothing & (joint.fixed <= 0)
    residual = np.maximum(task.energy - joint.gain, 0)
    fit = outcome(model, feed, values, errors, residual, no_uptake=nothing, at_bound=met, extra_parameters=1)
    sigma = np.sqrt(fit.residual / max(feed.n_frames - values.shape[1] - 1, 1))
    with np.errstate(invalid="ignore"):  # a delay that nothing determines, fitted without any residual
        return fit, joint.delay_s, delay * sigma


def corrected_akaike(fit: Fit, *, extra_parameters: int = 0) -> Array:
    """AICc (n,) of each voxel's fit; the noise level counts as a parameter (doi:10.1093/biomet/76.2.297)."""
    k = len(fit.parameters) + extra_parameters + 1
    spare = fit.n_frames - k - 1
    if spare <= 0:
        raise ValueError(f"{fit.n_frames} frames are too few to judge a model of {k - 1} parameters")
    floor = np.finfo(np.float64).tiny
    return fit.n_frames * np.log(np.maximum(fit.residual, floor) / fit.n_frames) + 2 * k + 2 * k * (k + 1) / spare


def choose_model(fits: Mapping[str, Fit], *, extra_parameters: int) -> tuple[Array, Array]:
    """Index of the model with the least AICc in each voxel, and its Akaike weight, both (n,); NaN where none was fitted.

    The fits must be of the same voxels and frames, all with a delay or all without; `extra_parameters` is 1 where each has one.
    """
    if not fits:
        raise ValueError("no fits to choose from")
    table = np.stack([corrected_akaike(fit, extra_parameters=extra_parameters) for fit in fits.values()], axis=1)
    failed = np.stack([np.isin(fit.status, (Status.NOT_FINITE, Status.NO_CONVERGENCE)) for fit in fits.values()], axis=1)
    table = np.where(failed | ~np.isfinite(table), np.inf, table)
    best = table.min(axis=1, keepdims=True)
    none = ~np.isfinite(best[:, 0])
    weight = 1 / np.maximum(np.sum(np.exp(-0.5 * (table - np.where(np.isfinite(best), best, 0))), axis=1), 1)
    return np.where(none, np.nan, table.argmin(axis=1)), np.where(none, np.nan, weight)
