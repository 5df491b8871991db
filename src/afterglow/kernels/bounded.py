"""The search over the rate with the bounds on both amplitudes inside the profile, for curves whose free optimum breaks one.

The profile is then once continuously differentiable, and smooth as long as the same amplitudes are held on their bounds.
So Newton steps are taken on the smooth piece that holds the peak; where the pieces meet at it, a bracket is closed on it.
"""

import numpy as np

from afterglow.kernels.boxed import best_gain, best_in_box, gain_of, gain_table
from afterglow.kernels.dictionary import REFINE, Dictionary
from afterglow.kernels.pieces import Curves, Held, Problem, amplitudes_under, boxed_at, cell_at, held_by, place_in, slope_of
from afterglow.kernels.profile import around, highest, quartic_peak, rivals
from afterglow.kernels.types import Array, Index, Mask

_PROFILES = 512  # whose profiles and amplitudes stay in the cache
_ROUNDS = 8  # pieces and steps tried before the bracket
_ASIDE = 0.05  # fine cells: where the second slope is taken for the curvature
_NEAR = 1.0  # fine cells: Taylor's reach
_LEFT = 1e-8  # of the residual: what a settled place may still gain
_BRACKET_STEPS = 20


def bounded_optimum(d: Dictionary, curves: Curves, alpha_max: float, amplitude_max_per_rate: float) -> Array:
    """Fine index, unit amplitudes and explained energy (4, n) of the best rate with the bounds inside the profile."""
    problem = Problem(d, curves, alpha_max, amplitude_max_per_rate)
    alone = np.clip(curves.a, 0, alpha_max)
    best = np.stack([np.zeros_like(alone), alone, np.zeros_like(alone), alone * (2 * curves.a - alone)])
    rows, nodes, samples = _candidates(problem)
    if not rows.size:
        return best
    tried = problem.of(rows)
    found, settled = _refine(tried, nodes, samples)
    hard = np.flatnonzero(~settled)
    if hard.size:
        found[:, hard] = _bracket(tried.of(hard), nodes[hard])
    order = np.argsort(found[3])
    order = order[found[3, order] > best[3, rows[order]]]
    best[:, rows[order]] = found[:, order]
    return best


def _candidates(problem: Problem) -> tuple[Index, Index, Array]:
    """Curve, coarse node and five projections (5, m) around each peak worth refining.

    A curve that wants nothing of the searched column at any rate has none.
    """
    d, (z, a, _), alpha_max, _ = problem
    table = gain_table(d.coarse_rho, _coarse_limit(problem), min(_PROFILES, z.shape[0]))
    found: list[tuple[Index, Index, Array]] = []
    for begin in range(0, z.shape[0], _PROFILES):
        part = slice(begin, begin + _PROFILES)
        s = d.coarse_unit @ z[part].T.astype(np.float32)
        gain, wanting = best_gain(table.first(s.shape[1]), a[part].astype(np.float32), s, alpha_max=alpha_max)
        best = highest(gain)
        wanted = np.flatnonzero(wanting)
        others, nodes = rivals(gain, best)
        rows, nodes = np.concatenate([wanted, others]), np.concatenate([best[wanted], nodes])
        found.append((rows + begin, nodes, around(s, nodes, rows)[0]))
    rows, nodes = (np.concatenate([f[i] for f in found]) for i in (0, 1))
    return rows, nodes, np.concatenate([f[2] for f in found], axis=1)


def _coarse_limit(problem: Problem) -> Array:
    d = problem.d
    rates = np.exp(d.log_rate_low + d.log_step * REFINE * np.arange(d.coarse_rho.size))
    limit: Array = (problem.amplitude_max_per_rate * rates * d.coarse_norm).astype(np.float32)
    return limit


def _refine(problem: Problem, nodes: Index, samples: Array) -> tuple[Array, Mask]:
    """Newton steps on the smooth piece around each node: (index, alpha, beta, gain) as (4, n), and where that settled."""
    d, a = problem.d, problem.curves.a
    middle = np.clip(nodes, 2, d.coarse_rho.size - 3)
    beside = middle + np.arange(-2, 3)[:, None]
    rho, limit = d.coarse_rho[beside], _coarse_limit(problem)[beside]
    at_node = nodes - middle + 2, np.arange(nodes.size)
    box = best_in_box(a, samples[at_node], rho[at_node], alpha_max=problem.alpha_max, beta_max=limit[at_node])
    held = held_by(problem, box, limit[at_node])
    found, settled = np.empty((4, nodes.size), dtype=a.dtype), np.zeros(nodes.size, dtype=bool)
    live, moved, index = np.arange(nodes.size), np.ones(nodes.size, dtype=bool), (nodes * REFINE).astype(a.dtype)
    for turn in range(_ROUNDS):
        new = live[moved]  # a new piece: its own peak, from its own quartic
        alpha, beta = amplitudes_under(held.of(np.flatnonzero(moved)), a[new], samples[:, new], rho[:, new], limit[:, new])
        gain = gain_of(alpha, beta, a[new], samples[:, new], rho[:, new])
        x = quartic_peak(gain, nodes[new] - middle[new])
        reached = (np.abs(x) < 2) | (turn == 0)  # within the samples
        index[moved] = np.where(reached, (middle[new] + x) * REFINE, index[moved])
        found[:, live], now, converged = _newton(problem.of(live), held, np.clip(index, 0, d.n_fine - 1))
        settled[live] = converged & now.same(held)
        left = np.flatnonzero(~settled[live])
        if not left.size:
            break
        if turn % 3 == 2:  # two pieces may send a curve to and fro where the answer has the bounds of both
            now = now.and_also(held)
        moved = (~now.same(held) & (converged | now.beyond(held)))[left]
        live, held = live[left], now.of(left).where(moved, held.of(left))
        index = found[0, live]
    return found, settled


def _newton(problem: Problem, held: Held, start: Array) -> tuple[Array, Held, Mask]:
    """Two steps on one smooth piece, which bounds the box holds there, and whether the piece has its peak there: nothing left to gain."""
    last = problem.d.n_fine - 1
    cell = cell_at(problem, start)
    index, bend = start, np.zeros_like(start)
    for step in range(2):
        at = place_in(cell, index)
        slope = slope_of(at, *amplitudes_under(held, problem.curves.a, at.s, at.rho, at.limit), held.beta)
        if step == 0:
            aside = place_in(cell, index + _ASIDE)
            bend = slope_of(aside, *amplitudes_under(held, problem.curves.a, aside.s, aside.rho, aside.limit), held.beta) - slope
            bend = np.where(bend < 0, bend / _ASIDE, -np.inf).astype(start.dtype)
        leap = np.clip(-slope / bend, -REFINE, REFINE)
        index = np.clip(index + leap, 0, last)
        if step == 0:
            index = np.where(np.abs(index - cell.centre) < _NEAR, index, start)
    at = place_in(cell, index)
    slope = slope_of(at, *amplitudes_under(held, problem.curves.a, at.s, at.rho, at.limit), held.beta)
    box, _, now = boxed_at(problem, at)
    ended = ((index <= 0) & (slope < 0)) | ((index >= last) & (slope > 0))
    energy = problem.curves.energy
    residual = np.maximum(energy - box.gain, 8 * np.finfo(start.dtype).eps * energy)
    flat = np.isfinite(bend) & (slope * slope < -2 * _LEFT * bend * residual)
    return np.stack([index, *box]), now, (np.abs(index - cell.centre) < _NEAR) & (ended | flat)


def _bracket(problem: Problem, nodes: Index) -> Array:
    """Uphill from coarse nodes by the slope's sign, then Newton steps inside the bracket, halved where they leave it.

    Across a jump of the curvature Newton's step from the steep side still lands on the root, so few steps are enough.
    """
    low, high = _walk(problem, nodes)
    index = 0.5 * (low + high)
    best = np.full((4, nodes.size), -np.inf, dtype=index.dtype)
    nearly = index.dtype.type(1 - 4 * np.finfo(index.dtype).eps)
    for step in range(_BRACKET_STEPS):
        cell = cell_at(problem, index)
        box, slope, _ = boxed_at(problem, place_in(cell, index))
        best = np.where(box.gain >= best[3] * nearly, np.stack([index, *box]), best)
        rising = slope > 0
        low, high = np.where(rising, index, low), np.where(rising, high, index)
        if (np.abs(slope) * (high - low) <= _LEFT * (problem.curves.energy - box.gain)).all():
            break
        aside = np.where(rising, _ASIDE, -_ASIDE).astype(index.dtype) * np.clip(high - low, 0, 1)
        bend = (boxed_at(problem, place_in(cell, index + aside))[1] - slope) / np.where(aside == 0, np.nan, aside)
        newton = index - slope / np.where(bend < 0, bend, np.nan)
        middle = 0.5 * (low + high)
        index = np.where((newton > low) & (newton < high), newton, middle) if step % 4 < 3 else middle
    return best


def _walk(problem: Problem, nodes: Index) -> tuple[Array, Array]:
    """The two neighbouring nodes, in fine cells, between which the slope changes its sign uphill of `nodes`."""
    last = problem.d.coarse_rho.size - 1
    here, dtype = nodes.copy(), problem.curves.a.dtype
    direction = np.zeros_like(here)
    live = np.arange(here.size)
    for _ in range(last + 1):
        index = (here[live] * REFINE).astype(dtype)
        some = problem.of(live)
        slope = boxed_at(some, place_in(cell_at(some, index), index))[1]
        towards = np.where(slope > 0, 1, -1)
        going = (direction[live] != -towards) & (here[live] + towards >= 0) & (here[live] + towards <= last)
        direction[live] = np.where(direction[live] == 0, towards, direction[live])
        live = live[going]
        here[live] += direction[live]
        if not live.size:
            break
    behind = np.clip(here - direction, 0, last)
    return (np.minimum(here, behind) * REFINE).astype(dtype), (np.maximum(here, behind) * REFINE).astype(dtype)
