"""The compiled loops of the fit with a delay: where to start, and the way uphill from there."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.compiled import compiled
from afterglow.kernels.delay_cells import DelayCell
from afterglow.kernels.delay_point import Bounds, Columns, Point, columns_at, point_at, projected, variances
from afterglow.kernels.search_loop import box
from afterglow.kernels.types import Array, Index, Mask

_RIVAL = 1.2  # times the least residual: a coarse valley above that will not become the deepest
_RIDGE = 1.1  # the same, for a start on the other side of an edge
_STEPS = 60
_LEFT = 1e-7  # of the residual: what a last step may gain
_DIGITS = 1e-14
_DAMPING_START, _DAMPING_DOWN, _DAMPING_UP, _DAMPING_END = 1e-3, 0.1, 10.0, 1e6


class Grid(NamedTuple):
    """At d delays and k rates: what the profiles of the unit columns are judged by."""

    first_in_cell: Mask  # (d,)
    last_in_cell: Mask  # (d,)
    rho: Array  # (k, d) plasma . convolution
    fixed_max: Array  # (d,) upper limit of the plasma's unit amplitude
    limit: Array  # (k, d) of the convolution's


@compiled
def _best_rate(profile: Array, n: int, j: int, grid: Grid) -> int:
    """The rate of the highest gain at delay j, with the bounds inside."""
    best, top, here = 0, -np.inf, float(profile[n, 0, j])
    for k in range(grid.rho.shape[0]):
        rho = grid.rho[k, j]
        s = profile[n, k + 1, j] * np.sqrt(1 - rho * rho) + rho * here
        gain = box(here, s, rho, grid.fixed_max[j], grid.limit[k, j])[2]
        if gain > top:
            best, top = k, gain
    return best


@compiled
def mark_starts(profiles: Array, energy: Array, grid: Grid, marks: NDArray[np.int8]) -> None:
    """Into marks (n, d), at each delay worth a start, the number of its best rate; -1 elsewhere.

    profiles (n, 1 + k, d) are the products of each curve with the plasma and the convolutions, the plasma projected out. Worth
    a start are the best delay of a curve and others that explain it nearly as well as their neighbours allow: the sum of squares
    over the delay has kinks and more than one valley, and a ridge on an edge may hide a valley on its other side.
    """
    d = marks.shape[1]
    residual, highest, bits = np.empty(d), np.empty(d, dtype=np.int32), profiles.view(np.int32)
    free = highest.view(np.float32)
    for n in range(marks.shape[0]):
        highest[:] = 0
        for k in range(1, profiles.shape[1]):
            for j in range(d):
                highest[j] = max(highest[j], bits[n, k, j])  # positive numbers sort like their bits, and faster
        best = 0
        for j in range(d):
            residual[j] = energy[n] - free[j] * free[j] - max(profiles[n, 0, j], 0) ** 2
            best = j if residual[j] < residual[best] else best
        across = best + (1 if grid.last_in_cell[best] else -1)
        on_edge = grid.last_in_cell[best] or grid.first_in_cell[best]
        for j in range(d):
            valley = (j == 0 or residual[j] <= residual[j - 1]) and (j == d - 1 or residual[j] <= residual[j + 1])
            start = j == best or (valley and residual[j] < _RIVAL * residual[best])
            start |= on_edge and j == across and residual[j] < _RIDGE * residual[best]
            marks[n, j] = _best_rate(profiles, n, j, grid) if start else -1


@compiled
def _step(p: Point, c: Columns, bounds: Bounds, low_s: float, high_s: float, damping: float) -> tuple[float, float, float]:
    """Damped step of log rate and delay inside their bounds, and what it promises to gain."""
    gl, gd, (hll, hld, hdd) = c.rl, c.rd, projected(p, c)
    held_l = (p.log_rate <= bounds.log_rate_low and gl <= 0) or (p.log_rate >= bounds.log_rate_high and gl >= 0)
    held_d = (p.delay_s <= low_s and gd <= 0) or (p.delay_s >= high_s and gd >= 0)
    by_l = 0.0 if held_l or hll <= 0 else gl / (hll * (1 + damping))
    by_d = 0.0 if held_d or hdd <= 0 else gd / (hdd * (1 + damping))
    if not (held_l or held_d or hll <= 0 or hdd <= 0):
        to_l, to_d = hld / (hll * (1 + damping)), hld / (hdd * (1 + damping))
        share = 1 / max(1 - to_l * to_d, 1e-9)
        by_l, by_d = (by_l - to_l * by_d) * share, (by_d - to_d * by_l) * share
    by_l = min(max(p.log_rate + by_l, bounds.log_rate_low), bounds.log_rate_high) - p.log_rate
    by_d = min(max(p.delay_s + by_d, low_s), high_s) - p.delay_s
    gained = (0.0 if held_l else gl * by_l) + (0.0 if held_d else gd * by_d)
    return by_l, by_d, abs(gained)


@compiled
def _climb(
    cell: DelayCell, z: Array, n: int, energy: float, bounds: Bounds, low_s: float, high_s: float, log_rate: float, delay_s: float
) -> Point:
    """Gauss-Newton steps of curve n to the optimum inside one cell; a step is taken only if it gains.

    Across a bound the curvature jumps, so on it is a piece of its own: entered where a step across it failed, left where its
    peak is known and the box wants more or less.
    """
    yc, ys = 0.0, 0.0
    for r in range(z.shape[1]):
        yc += z[n, r] * cell.plasma[r]
        ys += z[n, r] * cell.slope[r]
    tied, bare, damping = False, bounds.fixed_max <= 0, _DAMPING_START
    here = point_at(cell, z, n, yc, ys, bounds, log_rate, delay_s, tied, bare)
    best, best_rate, best_delay = here.gain, log_rate, delay_s
    for _ in range(_STEPS):
        by_l, by_d, promised = _step(here, columns_at(here), bounds, low_s, high_s, damping)
        small = max(_LEFT * (energy - here.gain), _DIGITS * energy)
        if promised <= small or damping > _DAMPING_END:
            if here.missed <= small:
                break
            tied, bare, by_l, by_d, damping = tied and not here.eased, bare and not here.lifted, 0.0, 0.0, _DAMPING_START
        there = point_at(cell, z, n, yc, ys, bounds, here.log_rate + by_l, here.delay_s + by_d, tied, bare)
        if by_l == by_d == 0.0:
            here = there
        elif there.gain >= here.gain:
            share = (there.gain - here.gain) / promised  # of the promise that was kept
            here, damping = there, damping * max(_DAMPING_DOWN, 1 - (2 * share - 1) ** 3)
        elif (there.tied and not tied) or (there.bare and not bare):
            tied, bare, damping = tied or there.tied, bare or there.bare, _DAMPING_START
            here = point_at(cell, z, n, yc, ys, bounds, here.log_rate, here.delay_s, tied, bare)
        else:
            damping *= _DAMPING_UP
        if here.gain + here.missed > best:
            best, best_rate, best_delay = here.gain + here.missed, here.log_rate, here.delay_s
    if here.gain + max(_LEFT * (energy - here.gain), _DIGITS * energy) < best:
        return point_at(cell, z, n, yc, ys, bounds, best_rate, best_delay, False, False)
    return here


@compiled
def climb_each(
    cell: DelayCell,
    z: Array,
    energy: Array,
    bounds: Bounds,
    number: int,
    edges_s: Array,
    rows: Index,
    came_from: Index,
    out: Array,
) -> None:
    """Climb from the log rates and delays in out[rows] (m, 11), for curves z (n, R) in the order of rows (n,).

    What is found goes back there: log rate, delay, fixed amplitude, amplitude, gain, whether the first is free and the second
    tied, and the variances. A curve that rests on an edge of the cell is sent into the next one, unless it came from there: then
    the kink is the optimum. came_from[rows] is then this cell, -1 where all is done.
    """
    low_s, high_s = edges_s[number], edges_s[number + 1]
    for n in range(rows.size):
        i = rows[n]
        p = _climb(cell, z, n, energy[n], bounds, low_s, high_s, out[i, 0], out[i, 1])
        out[i, 0], out[i, 1], out[i, 2], out[i, 3], out[i, 4] = p.log_rate, p.delay_s, p.fixed, p.amplitude, p.gain
        out[i, 5], out[i, 6] = p.fixed_free, p.tied
        rate_held = p.log_rate <= bounds.log_rate_low or p.log_rate >= bounds.log_rate_high
        delay_held = p.delay_s <= edges_s[0] or p.delay_s >= edges_s[-1]
        c = columns_at(p)
        out[i, 7], out[i, 8], out[i, 9], out[i, 10] = variances(p, c, rate_held, delay_held)
        there = number + 1 if c.rd > 0 and p.delay_s >= high_s else number - 1 if c.rd < 0 and p.delay_s <= low_s else -1
        onward = 0 <= there < edges_s.size - 1 and there != came_from[i]
        came_from[i] = number if onward else -1
