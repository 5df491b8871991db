"""The projected, table-searched fit of many curves at once: global over the rate, all bounds inside the optimum.

Variable projection (Golub and Pereyra, doi:10.1137/0710036): for each rate the amplitudes are known in closed form, so
one matrix product of the curves with the dictionary gives every voxel's whole profile over the rate. Its best cell is
refined by Newton steps. Where a bound on an amplitude is active, the profile with that bound inside is searched instead.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.boxed import best_in_box
from afterglow.kernels.dictionary import REFINE, Dictionary
from afterglow.kernels.types import Array, Index, Mask

BLOCK = 8192  # voxels worked on at a time: their profiles stay in cache
_BRACKET_STEPS = 26
_SLOPE_LEFT = 0.02  # fine cells from the root of the slope: 3e-4 of the rate, and its square in the residual
_SETTLED = 1.5  # fine cells: a last Newton step longer than this is not convergence


class Found(NamedTuple):
    """The optimum of each curve. Amplitudes are those of the columns themselves."""

    fixed_amplitude: Array  # (n,)
    amplitude: Array  # (n,)
    log_rate: Array  # (n,)
    residual: Array  # (n,) sum of squares
    position: Array  # (n,) place on the fine grid, for look-ups at the optimum
    rate_at_bound: Mask  # (n,)
    amplitude_at_bound: Mask  # (n,) amplitude on its upper bound
    fixed_at_bound: Mask  # (n,) fixed amplitude on 0 or its upper bound


def search(dictionary: Dictionary, curves: Array, *, fixed_max: float, amplitude_max_per_rate: float) -> Found:
    """Best amplitudes and rate of every curve (n, T).

    0 <= fixed amplitude <= fixed_max and 0 <= amplitude <= amplitude_max_per_rate * rate (infinity: no upper bound);
    the rate stays on the dictionary's grid. Curves must be finite, of the dictionary's dtype, and weighted like it.
    """
    d, limits = dictionary, (fixed_max * dictionary.fixed_norm, amplitude_max_per_rate)
    n = curves.shape[0]
    index, alpha, beta, gain, energy = np.empty((5, n), dtype=curves.dtype)
    inside = np.empty(n, dtype=bool)
    waiting, where = [], []
    for start in range(0, n, BLOCK):
        part = slice(start, start + BLOCK)
        block = curves[part]
        z = block @ d.basis
        energy[part] = np.einsum("nt,nt->n", block, block)
        index[part], alpha[part], beta[part], gain[part], inside[part] = _free_optimum(d, z, *limits)
        out = np.flatnonzero(~inside[part])
        waiting.append(z[out])
        where.append(out + start)
    # few voxels of each block meet a bound: they are gathered, so that small arrays do not cost their overhead
    rest, rows = np.concatenate(waiting), np.concatenate(where)
    for start in range(0, rows.size, BLOCK):
        at = rows[start : start + BLOCK]
        index[at], alpha[at], beta[at], gain[at] = _boxed_optimum(d, rest[start : start + BLOCK], *limits)
    return _found(d, index, alpha, beta, np.maximum(energy - gain, 0), *limits)


def _found(
    d: Dictionary, index: Array, alpha: Array, beta: Array, residual: Array, alpha_max: float, amplitude_max_per_rate: float
) -> Found:
    log_norm = _at(d.fine_log_norm, index)
    beta_max = _beta_max(d, index, log_norm, amplitude_max_per_rate)
    nearly = 1 - 8 * np.finfo(index.dtype).eps
    return Found(
        fixed_amplitude=alpha / d.fixed_norm if d.fixed_norm else np.zeros_like(alpha),
        amplitude=beta * np.exp(-log_norm),
        log_rate=d.log_rate_low + d.log_step * index,
        residual=residual,
        position=index,
        rate_at_bound=(index <= 0) | (index >= d.n_fine - 1),
        amplitude_at_bound=beta >= beta_max * nearly,
        fixed_at_bound=(alpha <= 0) | (alpha >= alpha_max * nearly),
    )


def _beta_max(d: Dictionary, index: Array, log_norm: Array, amplitude_max_per_rate: float) -> Array:
    if not np.isfinite(amplitude_max_per_rate):
        return np.full_like(index, np.inf)
    limit: Array = amplitude_max_per_rate * np.exp(d.log_rate_low + d.log_step * index + log_norm)
    return limit


def _at(table: Array, index: Array) -> Array:
    """Second-order Taylor look-up of a (F, 3) table at fractional indices (n,)."""
    cell = np.rint(index).astype(np.intp)
    rows = table.take(cell, axis=0)
    off = index - cell.astype(index.dtype)
    value: Array = rows[:, 0] + off * (rows[:, 1] + 0.5 * off * rows[:, 2])
    return value


# five equally spaced values -> coefficients of the quartic through them, lowest order first, step 1 from the middle one
_QUARTIC = np.array([[0, 0, 24, 0, 0], [2, -16, 0, 16, -2], [-1, 16, -30, 16, -1], [-2, 4, 0, -4, 2], [1, -4, 6, -4, 1]]) / 24.0


def _start(profile: Array, best: Index) -> Array:
    """Fine index (n,) of the peak near cell `best` (n,) of a coarse profile (n, K), from the quartic around it."""
    n, k = profile.shape
    centre = np.clip(best, 2, k - 3)
    flat, base = profile.ravel(), np.arange(n) * k + centre
    around = np.stack([flat.take(base + shift) for shift in (-2, -1, 0, 1, 2)])
    c1, c2, c3, c4 = (_QUARTIC[1:] @ around).astype(profile.dtype)
    x = np.clip(best - centre, -2, 2).astype(profile.dtype)
    for _ in range(3):
        slope = c1 + x * (2 * c2 + x * (3 * c3 + x * (4 * c4)))
        bend = 2 * c2 + x * (6 * c3 + x * (12 * c4))
        x = np.clip(x - slope / np.where(bend < 0, bend, -np.inf), -2, 2)
    start: Array = (centre + x).astype(profile.dtype) * REFINE
    return start


def _free_optimum(
    d: Dictionary, z: Array, alpha_max: float, amplitude_max_per_rate: float
) -> tuple[Array, Array, Array, Array, Mask]:
    """Fine index, unit amplitudes and explained energy with free amplitudes, and whether that optimum lies in the box."""
    index, p, settled = _newton(d, z)
    a = z @ d.fixed
    rho = _at(d.fine_rho, index)
    beta = p / np.sqrt(1 - rho * rho)
    alpha = a - rho * beta
    beta_max = _beta_max(d, index, _at(d.fine_log_norm, index), amplitude_max_per_rate)
    inside = settled & (p > 0) & (alpha >= 0) & (alpha <= alpha_max) & (beta <= beta_max)
    return index, alpha, beta, a * a + p * p, inside


def _newton(d: Dictionary, z: Array) -> tuple[Array, Array, Mask]:
    """Fine index of the best rate with both amplitudes free, the projection there, and whether Newton settled."""
    profile = z @ d.coarse_free
    start = _start(profile, profile.argmax(axis=1))
    cell = np.rint(np.clip(start, 0, d.n_fine - 1)).astype(np.intp)
    p, p1, p2 = np.einsum("nr,nqr->qn", z, d.fine_free.take(cell, axis=0))
    off = -p1 / np.where(p2 < 0, p2, -np.inf)
    settled = (np.abs(off) < _SETTLED) & (p2 < 0)
    index = cell + off
    off = np.clip(index, 0, d.n_fine - 1) - cell
    return cell + off, p + off * (p1 + 0.5 * off * p2), settled


def _boxed_optimum(d: Dictionary, z: Array, alpha_max: float, amplitude_max_per_rate: float) -> Array:
    """Fine index, unit amplitudes and explained energy (4, n) of the best rate with the bounds inside the profile."""
    box = _Box(d, z, z @ d.fixed, alpha_max, amplitude_max_per_rate)
    coarse_rates = np.exp(d.log_rate_low + d.log_step * REFINE * np.arange(d.coarse_rho.size))
    limit = (amplitude_max_per_rate * coarse_rates * d.coarse_norm).astype(z.dtype)
    profile = best_in_box(box.a[:, None], z @ d.coarse_unit, d.coarse_rho, alpha_max=alpha_max, beta_max=limit).gain
    best = profile.argmax(axis=1)
    low = (np.maximum(best - 1, 0) * REFINE).astype(z.dtype)
    high = (np.minimum(best + 1, profile.shape[1] - 1) * REFINE).astype(z.dtype)
    index = np.clip(_start(profile, best), low, high)
    found, settled = _secant(box, index, low, high)
    hard = np.flatnonzero(~settled)
    if hard.size:
        again = _bracket(_Box(d, z[hard], box.a[hard], alpha_max, amplitude_max_per_rate), index[hard], low[hard], high[hard])
        better = again[3] >= found[3, hard]
        found[:, hard[better]] = again[:, better]
    return found


class _Box(NamedTuple):
    """What it takes to find the amplitudes of some curves at a rate, with the bounds inside."""

    d: Dictionary
    z: Array  # (n, R)
    a: Array  # (n,)
    alpha_max: float
    amplitude_max_per_rate: float


class _Cell(NamedTuple):
    """Value, first and second derivative by fine index of what the amplitudes depend on, each (3, n)."""

    centre: Array  # (n,)
    s: Array
    rho: Array
    log_limit: Array


def _cell(box: _Box, index: Array) -> _Cell:
    d = box.d
    cell = np.rint(index).astype(np.intp)
    log_limit = d.fine_log_norm.take(cell, axis=0).T.copy()
    if np.isfinite(box.amplitude_max_per_rate):
        log_limit[0] += np.log(box.amplitude_max_per_rate) + d.log_rate_low + d.log_step * cell
    else:
        log_limit[0] = np.inf
    log_limit[1] += d.log_step
    s = np.einsum("nr,nqr->qn", box.z, d.fine_unit.take(cell, axis=0))
    return _Cell(cell.astype(index.dtype), s, d.fine_rho.take(cell, axis=0).T, log_limit)


def _boxed_at(box: _Box, cell: _Cell, index: Array) -> tuple[Array, Array, NDArray[np.int_]]:
    """(index, alpha, beta, gain) as (4, n), the slope (n,) of the gain by fine index, and which bounds hold, near the cells."""
    off = index - cell.centre
    (s, s1), (rho, rho1), (log_limit, growth) = (
        (v[0] + off * (v[1] + 0.5 * off * v[2]), v[1] + off * v[2]) for v in (cell.s, cell.rho, cell.log_limit)
    )
    limit = np.exp(log_limit)
    alpha, beta, gain = best_in_box(box.a, s, rho, alpha_max=box.alpha_max, beta_max=limit)
    # envelope theorem: the amplitudes are optimal, so only the columns and the moving bound count
    pull = s - rho * alpha - beta
    slope = 2 * beta * (s1 - alpha * rho1 + np.where(beta >= limit, pull * growth, 0))
    bounds = (alpha <= 0) + 2 * (alpha >= box.alpha_max) + 4 * (beta >= limit)
    return np.stack([index, alpha, beta, gain]), slope, bounds


def _secant(box: _Box, start: Array, low: Array, high: Array) -> tuple[Array, Mask]:
    """Two secant steps inside Taylor cells; settled where they met one set of bounds and a root of the slope, or an end of the range."""
    index = start
    for reach in (0.25, 0.05):
        cell = _cell(box, index)
        _, slope, bounds = _boxed_at(box, cell, index)
        _, slope_aside, bounds_aside = _boxed_at(box, cell, index + reach)
        bend = (slope_aside - slope) / reach
        bend = np.where(bend < 0, bend, -np.inf)
        index = np.clip(index - slope / bend, low, high)
    found, slope, bounds_found = _boxed_at(box, cell, index)
    smooth = (bounds == bounds_aside) & (bounds == bounds_found) & (np.abs(index - cell.centre) < _SETTLED)
    ended = ((index == 0) & (slope < 0)) | ((index == box.d.n_fine - 1) & (slope > 0))
    return found, smooth & (ended | (np.isfinite(bend) & (np.abs(slope) < _SLOPE_LEFT * np.abs(bend))))


def _bracket(box: _Box, start: Array, low: Array, high: Array) -> Array:
    """The root of the slope where a bound takes hold and the curvature jumps: halving and false position in turn.

    The profile with bounds is once continuously differentiable, so its slope has a root in the bracket or ends there.
    """
    low, high, index = low.copy(), high.copy(), start
    slope_low, slope_high = np.full_like(low, np.nan), np.full_like(high, np.nan)
    kept = np.full((4, start.size), -np.inf, dtype=start.dtype)
    for step in range(_BRACKET_STEPS):
        now, slope, _ = _boxed_at(box, _cell(box, index), index)
        kept = np.where(now[3] >= kept[3], now, kept)
        rising = slope > 0
        low, slope_low = np.where(rising, index, low), np.where(rising, slope, slope_low)
        high, slope_high = np.where(rising, high, index), np.where(rising, slope_high, slope)
        crossing = (low * slope_high - high * slope_low) / (slope_high - slope_low)
        index = np.where(
            np.isnan(slope_low), low, np.where(np.isnan(slope_high), high, crossing if step % 2 else 0.5 * (low + high))
        )
    return kept
