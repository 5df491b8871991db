"""The compiled loops of `search`: the best rate and amplitudes of each curve, alone in their file since numba takes time to load.

Everything is worked out in double precision from the curve's few coordinates z. A place on the table is a fractional index
of its fine cells; the three derivatives kept there carry a value anywhere near.
"""

from collections.abc import Callable
from typing import cast

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.boxed import best_in_box
from afterglow.kernels.compiled import compiled
from afterglow.kernels.dictionary import COARSE, REFINE, Dictionary, taylor
from afterglow.kernels.types import Array

Four = tuple[float, float, float, float]

_QUARTIC_STEPS = 2
_REACH = 0.75  # fine cells: a free peak farther from the middle of its cell is left to the search with bounds
_STEPS = 40  # on a bounded profile
_ASIDE = 0.05  # fine cells: where a second slope is taken for the curvature
_MARGIN = 0.15  # of a bracket: a chord's zero nearer to an end is taken this far inside
_LEFT = 1e-13  # of the residual: what a last step may gain
_DIGITS = 2e-15

# of plain numbers here, as of whole arrays elsewhere
box = cast("Callable[[float, float, float, float, float], tuple[float, float, float]]", compiled(best_in_box))
taylor_at = cast("Callable[[Four, float], tuple[float, float]]", compiled(taylor))


@compiled
def projections(z: Array, n: int, table: Array, cell: int) -> Four:
    """Products of curve n of (n, R) with a column and its three derivatives at a cell of (F, 4, R)."""
    p, p1, p2, p3 = 0.0, 0.0, 0.0, 0.0
    for r in range(z.shape[1]):
        p += z[n, r] * table[cell, 0, r]
        p1 += z[n, r] * table[cell, 1, r]
        p2 += z[n, r] * table[cell, 2, r]
        p3 += z[n, r] * table[cell, 3, r]
    return p, p1, p2, p3


@compiled
def entry(table: Array, cell: int) -> Four:
    """A number and its three derivatives at a cell of (4, F)."""
    return table[0, cell], table[1, cell], table[2, cell], table[3, cell]


@compiled
def look_up(table: Array, index: float) -> float:
    """Value of a (4, F) table at a fractional index."""
    cell = int(np.rint(index))
    return taylor_at(entry(table, cell), index - cell)[0]


@compiled
def _highest(bits: NDArray[np.int32], n: int) -> int:
    """Node of the highest sample of profile n, read as whole numbers; any node where none is positive.

    Positive numbers sort like their bits. The node is written into the last of them, so that one maximum finds both.
    """
    top = np.int32(-(2**31))
    for k in range(bits.shape[1]):
        top = max(top, np.int32(np.int32(bits[n, k] & np.int32(~63)) | np.int32(k)))
    return int(top & np.int32(63))


@compiled
def _peaks(profiles: Array, n: int) -> int:
    """How many local peaks profile n has. A plateau counts once, a flat profile not at all."""
    count = np.int32(profiles[n, 0] > profiles[n, 1]) + np.int32(profiles[n, COARSE - 1] > profiles[n, COARSE - 2])
    for k in range(COARSE - 2):
        count += np.int32((profiles[n, k + 1] > profiles[n, k]) & (profiles[n, k + 1] >= profiles[n, k + 2]))
    return int(count)


@compiled
def _may_win(profiles: Array, n: int, k: int, top: int) -> bool:
    """Whether node k is a local peak of profile n that may, between nodes, be higher than node `top`.

    There a parabola adds at most an eighth of its second difference to a peak; a quarter is allowed for.
    """
    last, here = COARSE - 1, profiles[n, k]
    if here <= 0 or (k > 0 and here <= profiles[n, k - 1]) or (k < last and here < profiles[n, k + 1]):
        return False
    m = min(max(k, 1), last - 1)
    return bool(here + 0.25 * abs(profiles[n, m - 1] + profiles[n, m + 1] - 2 * profiles[n, m]) > profiles[n, top])


@compiled
def _quartic_peak(profiles: Array, n: int, node: int) -> float:
    """Where the quartic through the five samples of profile n nearest to a node peaks near it, in nodes."""
    m = min(max(node, 2), COARSE - 3)
    s0, s1, s2, s3, s4 = profiles[n, m - 2], profiles[n, m - 1], profiles[n, m], profiles[n, m + 1], profiles[n, m + 2]
    c1, c2 = (s0 - 8.0 * (s1 - s3) - s4) / 12.0, (16.0 * (s1 + s3) - 30.0 * s2 - s0 - s4) / 24.0
    c3, c4 = (2.0 * (s1 - s3) - s0 + s4) / 12.0, (s0 - 4.0 * (s1 + s3) + 6.0 * s2 + s4) / 24.0
    x = float(node - m)
    for _ in range(_QUARTIC_STEPS):
        slope = c1 + x * (2.0 * c2 + x * (3.0 * c3 + x * (4.0 * c4)))
        bend = 2.0 * c2 + x * (6.0 * c3 + x * (12.0 * c4))
        # where the quartic is not concave the step goes uphill as far as the samples reach
        x = min(max(x - slope / min(bend, -1e-300), -2.0), 2.0)
    return m + x


@compiled
def _free_peak(fine: Four, start: float, last: float) -> tuple[float, float, bool]:
    """Fine index of a peak from the projection and its derivatives at the cell of the start, the projection there, and whether
    it lies in reach of the cell.
    """
    cell, (_, p1, p2, p3) = np.rint(start), fine
    bend = min(p2, -1e-300)
    off = min(max(-p1 / bend, -1.0), 1.0)
    off = -p1 / min(bend + 0.5 * p3 * off, 0.5 * bend)  # Halley's correction, which must not turn the step around
    index = min(max(cell + off, 0.0), last)
    off = index - cell
    return index, taylor_at(fine, off)[0], abs(off) <= _REACH


@compiled
def _free_rivals(
    fine: Array, z: Array, profiles: Array, n: int, node: int, best: tuple[float, float, bool]
) -> tuple[float, float, bool]:
    """The highest of the free peaks of a curve whose coarse profile has several, of which the one at a node is known."""
    last = float(fine.shape[0] - 1)
    for k in range(COARSE):
        if k != node and _may_win(profiles, n, k, node):
            start = min(max(_quartic_peak(profiles, n, k) * REFINE, 0.0), last)
            found = _free_peak(projections(z, n, fine, int(np.rint(start))), start, last)
            if found[1] > best[1]:
                best = found
    return best


@compiled
def _in_box(s: Four, rho: Four, log_limit: Four, off: float, a: float, alpha_max: float) -> Four:
    """Best amplitudes, explained energy and its slope, a little off the middle of a fine cell.

    The amplitudes are optimal, so only the columns and the moving bound count in the slope (envelope theorem).
    """
    here, s_slope = taylor_at(s, off)
    cosine, turning = taylor_at(rho, off)
    level, growth = taylor_at(log_limit, off)
    limit = np.exp(level)
    alpha, beta, gain = box(a, here, cosine, alpha_max, limit)
    slope = s_slope - alpha * turning
    if beta >= limit:
        slope += (here - cosine * alpha - beta) * growth
    return alpha, beta, gain, 2 * beta * slope


@compiled
def _bounded_peak(
    d: Dictionary, z: Array, n: int, a: float, energy: float, start: float, node: int, alpha_max: float, log_ratio_max: float
) -> Four:
    """The peak near a node with the bounds inside the profile: fine index, amplitudes, explained energy.

    The profile is once continuously differentiable: where an amplitude meets its bound the curvature jumps. So Newton's
    steps are kept in a bracket, which opens where the slope at its end still points outwards.
    """
    last = float(d.fine_unit.shape[0] - 1)
    low, high = max((node - 1.0) * REFINE, 0.0), min((node + 1.0) * REFINE, last)
    rising, falling = np.nan, np.nan  # the slopes at the ends, once they are known
    index = min(max(start, low), high)
    best = (index, 0.0, 0.0, -np.inf)
    for step in range(_STEPS):
        cell = int(np.rint(index))
        s, rho, log_norm = projections(z, n, d.fine_unit, cell), entry(d.fine_rho, cell), entry(d.fine_log_norm, cell)
        log_limit = log_ratio_max + d.log_rate_low + d.log_step * cell + log_norm[0]
        limit = log_limit, d.log_step + log_norm[1], log_norm[2], log_norm[3]
        alpha, beta, explained, slope = _in_box(s, rho, limit, index - cell, a, alpha_max)
        if explained >= best[3]:
            best = (index, alpha, beta, explained)
        aside = _ASIDE if slope > 0 else -_ASIDE
        bend = (_in_box(s, rho, limit, index - cell + aside, a, alpha_max)[3] - slope) / aside
        if slope > 0:
            low, rising, high = index, slope, min(high + REFINE, last) if index >= high else high
        else:
            low, high, falling = max(low - REFINE, 0.0) if index <= low else low, index, slope
        ahead = index - slope / bend if bend < 0 else index + np.copysign(np.inf, slope)
        if not low < ahead < high:  # the end, if it has not been looked at; else near where the chord of the slopes meets zero
            between = low + (high - low) * min(max(rising / (rising - falling), _MARGIN), 1 - _MARGIN)
            ahead = between if low < between < high else high if slope > 0 else low
        if abs(slope * (ahead - index)) <= max(_LEFT * (energy - explained), _DIGITS * energy):
            break
        index = 0.5 * (low + high) if step % 8 == 7 and high - low < REFINE else ahead
    return best


@compiled
def _bounded_optimum(
    d: Dictionary,
    z: Array,
    n: int,
    a: float,
    energy: float,
    profiles: Array,
    alpha_max: float,
    ratio_max: float,
    gain: Array,
) -> Four:
    """Fine index, amplitudes and explained energy of the best rate with the bounds inside the profile; `gain` (1, K) is room for that."""
    alone, wanted = min(max(a, 0.0), alpha_max), False
    best = (0.0, alone, 0.0, alone * (2 * a - alone))
    for k in range(COARSE):
        rho = d.coarse_rho[k]
        s = profiles[n, k] * np.sqrt(1 - rho * rho) + rho * a
        alpha, _, both = box(a, s, rho, alpha_max, ratio_max * d.coarse_reach[k])
        gain[0, k] = both - best[3]  # in single precision the whole would hide it where there is much plasma
        wanted |= s > rho * alpha
    if wanted:
        node = _highest(gain.view(np.int32), 0)
        several = _peaks(gain, 0) > 1
        for k in range(COARSE) if several else range(node, node + 1):
            if k == node or _may_win(gain, 0, k, node):
                start = _quartic_peak(gain, 0, k) * REFINE
                found = _bounded_peak(d, z, n, a, energy, start, k, alpha_max, np.log(ratio_max))
                if found[3] > best[3]:
                    best = found
    return best


@compiled
def find_each(
    d: Dictionary, z: Array, profiles: Array, bits: NDArray[np.int32], energy: Array, alpha_max: float, ratio_max: float,
    out: Array,
) -> None:  # fmt: skip
    """Into out (n, 4): fine index, amplitudes of the unit columns, and sum of squares of each curve z (n, R).

    profiles (n, K) are its projections on `coarse_free`, and bits the same memory read as whole numbers. Where the optimum
    with free amplitudes lies in the box it is the answer; elsewhere the bounded one is searched for.
    """
    last, gain = float(d.fine_free.shape[0] - 1), np.empty((1, COARSE), dtype=np.float32)
    for n in range(z.shape[0]):  # three loops: a processor looks ahead further in a short one
        out[n, 1] = _highest(bits, n)
        out[n, 0] = min(max(_quartic_peak(profiles, n, int(out[n, 1])) * REFINE, 0.0), last)
    fine = np.empty((z.shape[0], 4))
    for n in range(z.shape[0]):
        fine[n, 0], fine[n, 1], fine[n, 2], fine[n, 3] = projections(z, n, d.fine_free, int(np.rint(out[n, 0])))
    for n in range(z.shape[0]):
        index, p, settled = _free_peak((fine[n, 0], fine[n, 1], fine[n, 2], fine[n, 3]), out[n, 0], last)
        if _peaks(profiles, n) > 1:
            index, p, settled = _free_rivals(d.fine_free, z, profiles, n, int(out[n, 1]), (index, p, settled))
        a = 0.0
        for r in range(d.fixed.size):
            a += z[n, r] * d.fixed[r]
        rho = look_up(d.fine_rho, index)
        beta = p / np.sqrt(1 - rho * rho)
        alpha, explained = a - rho * beta, a * a + p * p
        limit = ratio_max * np.exp(d.log_rate_low + d.log_step * index + look_up(d.fine_log_norm, index))
        if not (settled and 0 < beta <= limit and 0 <= alpha <= alpha_max):
            index, alpha, beta, explained = _bounded_optimum(d, z, n, a, energy[n], profiles, alpha_max, ratio_max, gain)
        out[n, 0], out[n, 1], out[n, 2], out[n, 3] = index, alpha, beta, max(energy[n] - explained, 0.0)
