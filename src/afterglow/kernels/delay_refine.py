"""The joint optimum over rate and delay, all bounds inside, for many curves at once: projected Gauss-Newton steps.

The amplitudes are at their bounded optimum everywhere, so only rate and delay are stepped (variable projection with
Kaufman's Hessian, doi:10.1007/BF01932995). Where the artery is sampled coarsely the sum of squares has kinks over the
delay; a step is taken only if it lowers it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from afterglow.kernels.delay_cells import DelayCell, terms_at
from afterglow.kernels.delay_point import Point, point_at, slopes, variances
from afterglow.kernels.types import Array, Index, Mask

_ITERATIONS = 4  # in one cell, before those that are left are sorted anew
_FORGOTTEN = 2e-4  # of all starts: so few are left where they stand once every one has had its rounds
_ROUNDS = 8  # and one more for each cell that may have to be crossed
_LEFT = 1e-7  # of the residual: what a last step may gain
_DAMPING_START, _DAMPING_DOWN, _DAMPING_UP, _DAMPING_END = 1e-3, 0.1, 10.0, 1e6
_BLOCK = 8192


class Task(NamedTuple):
    """What is fitted: weighted curves, the cells between kinks, and the bounds."""

    curves: Array  # (n, t)
    energy: Array  # (n,) their sums of squares
    tried: Index  # (m,) the curve of each start; the first n are the curves in order
    edges_s: Array  # (m + 1,)
    cell: Callable[[int], DelayCell]
    log_rates: tuple[float, float]
    fixed_max: float
    amplitude_max_per_rate: float


class Joint(NamedTuple):
    """The joint optimum, each (n,)."""

    log_rate: Array
    delay_s: Array
    fixed: Array
    amplitude: Array
    residual: Array
    fixed_free: Mask
    tied: Mask
    variances: Array  # (4, n) for unit noise: fixed amplitude, log amplitude, log (amplitude / rate), delay; NaN where held


# rows of the state: the best place (log rate, delay) and what holds there, damping, the next place to look, its cell, the cell
# before, and whether the amplitude is held on its upper bound and the fixed one on zero
_BEST, _GAIN, _SLOPES, _DAMPING, _TRIAL, _CELL, _FROM, _TIED, _BARE = slice(0, 2), 2, slice(3, 8), 8, slice(9, 11), 11, 12, 13, 14


def refine_jointly(task: Task, log_rate: Array, delay_s: Array) -> Joint:
    """From starts (m,) near optima, the best of each curve (n,)."""
    n = delay_s.size
    state = np.zeros((15, n))
    state[_BEST] = state[_TRIAL] = np.stack([log_rate, delay_s])
    state[_GAIN], state[_DAMPING], state[_FROM] = -np.inf, _DAMPING_START, -1
    state[_CELL] = np.clip(np.searchsorted(task.edges_s, delay_s, side="left") - 1, 0, task.edges_s.size - 2)
    pending = np.arange(n)
    for turn in range(_ROUNDS + task.edges_s.size):
        done = [_inside(task, number, rows, state) for number, rows in _by_cell(pending, state[_CELL, pending])]
        pending = pending[~np.isin(pending, np.concatenate(done))]
        if pending.size <= (_FORGOTTEN * n if turn > _ROUNDS else 0):
            break
    order = np.argsort(state[_GAIN], kind="stable")
    winner = np.empty(task.energy.size, dtype=np.intp)
    winner[task.tried[order]] = order
    return _finish(task, state[:, winner])


def _by_cell(rows: Index, cells: Array) -> list[tuple[int, Index]]:
    """Rows (m,) parted by their cells (m,), a few thousand at a time."""
    order = np.argsort(cells, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(cells[order])) + 1)
    return [(int(cells[g[0]]), rows[g[i : i + _BLOCK]]) for g in groups for i in range(0, g.size, _BLOCK)]


def _inside(task: Task, number: int, rows: Index, state: Array) -> Index:
    """A few steps of some curves in one cell; which of them are done. Their state is written back.

    A curve that comes to rest on the edge between two cells looks into the other; if it rests there too, the kink is the optimum.
    """
    cell, ends = task.cell(number), task.edges_s[number : number + 2]
    z, s, done = task.curves[task.tried[rows]] @ cell.dictionary.basis, state[:, rows], []
    energy = task.energy[task.tried[rows]]
    noise = 4 * np.finfo(z.dtype).eps * energy
    for _ in range(_ITERATIONS):
        point = _look(task, cell, z, s[_TRIAL], s)
        better = point.gain >= s[_GAIN] - noise
        np.copyto(s[_BEST], s[_TRIAL], where=better)
        np.copyto(s[_GAIN], point.gain, where=better)
        np.copyto(s[_SLOPES], slopes(point, np.exp(s[_TRIAL][0])), where=better)
        s[_DAMPING] *= np.where(better, _DAMPING_DOWN, _DAMPING_UP)
        step, promised = _step(task.log_rates, ends, s[_BEST], s[_SLOPES], s[_DAMPING])
        s[_TRIAL] = s[_BEST] + step
        ready = (promised <= _LEFT * np.maximum(energy - s[_GAIN], noise)) | (s[_DAMPING] > _DAMPING_END)
        # across a bound the curvature jumps, so on it is a piece of its own: entered where a step across it failed,
        # left where its peak is known and the box wants more or less
        worth, changed = point.missed > _LEFT * np.maximum(energy - s[_GAIN], noise), np.zeros(rows.size, dtype=bool)
        for row, met, wants_off in ((_TIED, point.tied, point.eased), (_BARE, point.bare, point.lifted)):
            enter, leave = ~better & met & (s[row] == 0), ready & wants_off & worth
            s[row] = np.where(enter, 1, np.where(leave, 0, s[row]))
            changed |= enter | leave
        if changed.any():
            s[_TRIAL][:, changed], s[_GAIN, changed], s[_DAMPING, changed] = s[_BEST][:, changed], -np.inf, _DAMPING_START
            ready &= ~changed
        if ready.any():
            onward = ready & _look_beyond(s, number, ends, task.edges_s.size - 2)
            state[:, rows[ready]] = s[:, ready]
            done.append(rows[ready & ~onward])
            kept = np.flatnonzero(~ready)
            rows, z, s, energy, noise = rows[kept], z[kept], s[:, kept], energy[kept], noise[kept]
        if not rows.size:
            break
    state[:, rows] = s
    return np.concatenate(done) if done else rows[:0]


def _look(task: Task, cell: DelayCell, z: Array, place: Array, s: Array) -> Point:
    """Curves z (n, R) at log rates and delays (2, n), under the bounds that their state holds."""
    return point_at(
        terms_at(cell, z, place[0], place[1]),
        place[0],
        fixed_max=task.fixed_max,
        amplitude_max_per_rate=task.amplitude_max_per_rate,
        tied=s[_TIED] > 0,
        bare=s[_BARE] > 0,
    )


def _look_beyond(s: Array, number: int, ends: Array, last: int) -> Mask:
    """Send curves that rest on an edge of their cell into the next one, unless they came from it; which were sent."""
    outward = np.where(s[_SLOPES][1] > 0, 1, -1)
    on_edge = np.where(outward > 0, s[_BEST][1] >= ends[1], s[_BEST][1] <= ends[0])
    there = number + outward
    sent: Mask = on_edge & (there >= 0) & (there <= last) & (s[_FROM] != there)
    s[_TRIAL][:, sent] = s[_BEST][:, sent]
    s[_CELL, sent], s[_FROM, sent], s[_DAMPING, sent] = there[sent], number, _DAMPING_START
    return sent


def _step(log_rates: tuple[float, float], delays_s: Array, place: Array, slopes: Array, damping: Array) -> tuple[Array, Array]:
    """Damped step (2, n) inside the bounds of rate and cell, and what it promises to gain."""
    gradient, (hll, hld, hdd) = slopes[:2], slopes[2:]
    low = np.array([log_rates[0], delays_s[0]])[:, None]
    high = np.array([log_rates[1], delays_s[1]])[:, None]
    held = ((place <= low) & (gradient <= 0)) | ((place >= high) & (gradient >= 0))
    gl, gd = np.where(held, 0.0, gradient)
    hld = np.where(held.any(axis=0), 0.0, hld)
    ll, dd = (np.where(h > 0, h, np.inf) * (1 + damping) for h in (hll, hdd))
    with np.errstate(invalid="ignore"):
        cross = np.where(np.isfinite(ll) & np.isfinite(dd), hld * hld / (ll * dd), 0.0)
    share = 1 / np.maximum(1 - np.minimum(cross, 1.0), 1e-9)
    step = np.stack([(gl / ll - hld / ll * (gd / dd)) * share, (gd / dd - hld / dd * (gl / ll)) * share])
    step = np.clip(place + step, low, high) - place
    return step, np.abs(gl * step[0] + gd * step[1])


def _finish(task: Task, state: Array) -> Joint:
    """The optimum and its variances, from one more look at every curve."""
    best, n = state[_BEST], state.shape[1]
    numbers, flags = np.empty((7, n)), np.empty((2, n), dtype=bool)
    rate_held = (best[0] <= task.log_rates[0]) | (best[0] >= task.log_rates[1])
    delay_held = (best[1] <= task.edges_s[0]) | (best[1] >= task.edges_s[-1])
    for number, rows in _by_cell(np.arange(n), state[_CELL]):
        cell = task.cell(number)
        p = _look(task, cell, task.curves[rows] @ cell.dictionary.basis, best[:, rows], state[:, rows])
        spread = variances(p, np.exp(best[0, rows]), rate_held=rate_held[rows], delay_held=delay_held[rows])
        numbers[:, rows] = np.stack([p.fixed, p.amplitude, task.energy[rows] - p.gain, *spread])
        flags[:, rows] = np.stack([p.fixed_free, p.tied])
    return Joint(best[0], best[1], numbers[0], numbers[1], np.maximum(numbers[2], 0), flags[0], flags[1], numbers[3:])
