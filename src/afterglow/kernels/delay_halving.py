"""Delays of models without a shortcut: the grid around each voxel's best delay is halved, voxels of one delay share its tables."""

from collections.abc import Callable

import numpy as np

from afterglow.kernels.delay_scan import coarse_delays
from afterglow.kernels.fit import solver_for
from afterglow.kernels.levenberg import covariance_diagonal
from afterglow.kernels.models import MODELS
from afterglow.kernels.problem import Artery, Fit, Limits
from afterglow.kernels.types import Array, Float, Index, Mask, Status

Delayed = tuple[Fit, Array, Array]  # the fit, the delay (n,) and its standard error (n,) in s

_FINEST = 1 / 64  # of the median frame spacing
_DIFFERENCE = 1e-4  # of a parameter, or of the frame spacing
_CHUNK = 2048


def halving_solver(model: str, feed: Artery, dtype: Float, limits: Limits, edges: Array) -> Callable[[Array], Delayed]:
    """For finite weighted curves (n, t) and delays between the first and the last edge, from the best of a few on."""
    delays, ends = coarse_delays(edges), (float(edges[0]), float(edges[-1]))
    spacing = _spacing(feed)

    def fit_at(y: Array, delay: Array) -> Fit:
        return grouped(delay, lambda value, rows: solver_for(model, feed._replace(delay_s=value), dtype, limits)(y[rows]))

    def solve(y: Array) -> Delayed:
        table = np.stack([fit_at(y, np.full(y.shape[0], value)).residual for value in delays])
        delay, least, step = delays[table.argmin(axis=0)], table.min(axis=0), float(np.max(np.diff(delays)))
        while step > _FINEST * spacing:
            step /= 2
            for aside in (delay - step, delay + step):
                inside = np.flatnonzero((aside >= ends[0]) & (aside <= ends[1]))
                now = fit_at(y[inside], aside[inside]).residual if inside.size else least[inside]
                better = now < least[inside]
                delay[inside[better]], least[inside[better]] = aside[inside[better]], now[better]
        delay = np.clip(rounded(feed, delay), *ends)
        fit = fit_at(y, delay)
        at_end = (delay <= ends[0]) | (delay >= ends[1])
        errors, error = _errors(model, feed, fit, delay, at_end)
        bound = at_end & (fit.status == Status.OK)
        return fit._replace(standard_errors=errors, status=np.where(bound, np.uint8(Status.AT_BOUND), fit.status)), delay, error

    return solve


def rounded(feed: Artery, delay_s: Array) -> Array:
    """Delays (n,) to the finest step told apart."""
    finest = _FINEST * _spacing(feed)
    return np.round(delay_s / finest) * finest


def grouped(delay_s: Array, fit: Callable[[float, Index], Fit]) -> Fit:
    """One fit for each delay of (n,), put back in order."""
    rows = [np.flatnonzero(delay_s == value) for value in np.unique(delay_s)] or [np.arange(0)]
    fits = [fit(float(delay_s[group[0]]) if group.size else 0.0, group) for group in rows]
    back = np.argsort(np.concatenate(rows))
    values, errors, rms, residual, status = (
        np.concatenate(column)[back] for column in zip(*(fit[1:6] for fit in fits), strict=True)
    )
    return Fit(fits[0].parameters, values, errors, rms, residual, status, fits[0].n_frames)


def _spacing(feed: Artery) -> float:
    return float(np.median(np.diff(feed.times_s)))


def _errors(model: str, feed: Artery, fit: Fit, delay: Array, at_end: Mask) -> tuple[Array, Array]:
    """Standard errors of the parameters (n, p) and of the delay (n,), from the Jacobian with the delay in it."""
    n, p = fit.values.shape
    held = np.concatenate([np.isnan(fit.standard_errors), at_end[:, None]], axis=1)
    out = np.full((n, p + 1), np.nan)
    sigma = np.sqrt(fit.residual / max(fit.n_frames - p - 1, 1))
    fitted = np.isfinite(fit.values).all(axis=1)
    for value in np.unique(delay[fitted]):
        group = np.flatnonzero((delay == value) & fitted)
        for begin in range(0, group.size, _CHUNK):
            rows = group[begin : begin + _CHUNK]
            jacobian = _jacobian(model, feed, fit.values[rows].astype(np.float64), float(value))
            out[rows] = np.sqrt(covariance_diagonal(jacobian, held[rows])) * sigma[rows, None]
    return out[:, :p], out[:, p]


def _jacobian(model: str, feed: Artery, values: Array, delay_s: float) -> Array:
    """Central differences by parameters and delay: (n, p + 1, t), weighted."""

    def curve(v: Array, late_s: float) -> Array:
        found = MODELS[model].curve(feed.aif_times_s, feed.plasma_mM, v, at_s=feed.times_s, delay_s=late_s)
        return feed.root_weights * found

    columns = []
    for i in range(values.shape[1]):
        step = _DIFFERENCE * np.maximum(np.abs(values[:, i]), 1e-6)
        up, down = values.copy(), values.copy()
        up[:, i] += step
        down[:, i] -= step
        columns.append((curve(up, delay_s) - curve(down, delay_s)) / (2 * step)[:, None])
    late = 0.5 * _spacing(feed)  # over a whole spacing: at a kink either side counts alike
    columns.append((curve(values, delay_s + late) - curve(values, delay_s - late)) / (2 * late))
    return np.stack(columns, axis=1)
