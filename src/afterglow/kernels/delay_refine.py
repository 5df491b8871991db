"""The joint optimum over rate and delay, all bounds inside: projected Gauss-Newton steps from one cell of delays to the next.

The amplitudes are at their bounded optimum everywhere, so only rate and delay are stepped (variable projection with
Kaufman's Hessian, doi:10.1007/BF01932995). Where the artery is sampled coarsely the sum of squares has kinks over the
delay, at the edges of cells.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from afterglow.kernels.delay_cells import DelayCell
from afterglow.kernels.types import Array, Index

_BLOCK = 8192


class Task(NamedTuple):
    """What is fitted: weighted curves, the cells between kinks, and the bounds."""

    curves: Array  # (n, t)
    energy: Array  # (n,) their sums of squares
    tried: Index  # (m,) the curve of each start
    edges_s: Array  # (c + 1,)
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
    gain: Array  # explained energy
    fixed_free: Array  # 1 where it is on no bound, else 0
    tied: Array  # 1 where the amplitude is on its upper bound
    variances: Array  # (4, n) for unit noise: fixed amplitude, log amplitude, log (amplitude / rate), delay; NaN where held


def refine_jointly(task: Task, log_rate: Array, delay_s: Array) -> Joint:
    """From starts (m,) near optima, the best of each curve (n,)."""
    from afterglow.kernels.delay_loop import climb_each
    from afterglow.kernels.delay_point import Bounds

    bounds = Bounds(*task.log_rates, task.fixed_max, task.amplitude_max_per_rate)
    found = np.empty((delay_s.size, 11))
    found[:, 0], found[:, 1] = log_rate, delay_s
    cells: Index = np.clip(np.searchsorted(task.edges_s, delay_s, side="left") - 1, 0, task.edges_s.size - 2).astype(np.intp)
    came_from, pending = np.full(delay_s.size, -1), np.arange(delay_s.size)
    while pending.size:
        for number, rows in _by_cell(pending, cells[pending]):
            cell, curves = task.cell(number), task.tried[rows]
            z = task.curves[curves] @ cell.basis.astype(task.curves.dtype)
            climb_each(cell, z.astype(np.float64), task.energy[curves], bounds, number, task.edges_s, rows, came_from, found)
        pending = pending[came_from[pending] >= 0]
        outward = np.where(found[pending, 1] >= task.edges_s[cells[pending] + 1], 1, -1)
        cells[pending] += outward
    order = np.argsort(found[:, 4], kind="stable")
    winner = np.empty(task.energy.size, dtype=np.intp)
    winner[task.tried[order]] = order
    rate, delay, fixed, amplitude, gain, free, tied, *spread = found[winner].T
    return Joint(rate, delay, fixed, amplitude, gain, free, tied, np.stack(spread))


def _by_cell(rows: Index, cells: Index) -> list[tuple[int, Index]]:
    """Rows (m,) parted by their cells (m,), a few thousand at a time."""
    order = np.argsort(cells, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(cells[order])) + 1)
    return [(int(cells[g[0]]), rows[g[i : i + _BLOCK]]) for g in groups for i in range(0, g.size, _BLOCK)]
