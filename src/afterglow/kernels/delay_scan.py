"""A start for the fit with a delay: the best of a few delays, and the best of a few rates there, for every curve."""

from typing import NamedTuple

import numpy as np

from afterglow.kernels.dictionary import span
from afterglow.kernels.models import SECONDS_PER_MINUTE
from afterglow.kernels.problem import Artery, Limits
from afterglow.kernels.types import Array, Float, Index, Mask

_RATES = 16
_DELAYS = 16  # at least
_RANK_TOLERANCE = 1e-6
_CURVES = 512  # whose profiles over all delays stay in the cache


class DelayGrid(NamedTuple):
    """Unit columns at d delays and k rates: the plasma, and the convolutions with the plasma projected out."""

    delays_s: Array  # (d,)
    rates_per_s: Array  # (k,)
    basis: Array  # (t, r) what the columns span
    columns: Array  # (r, (1 + k) d) in it, the plasma first
    first_in_cell: Mask  # (d,)
    last_in_cell: Mask  # (d,)
    rho: Array  # (k, d) plasma . convolution
    fixed_max: Array  # (d,) upper limit of the plasma's unit amplitude
    limit: Array  # (k, d) of the convolution's


def coarse_delays(edges_s: Array) -> Array:
    """Delays (d,) to start from between the edges (m + 1,) of cells: off the edges, where the sum of squares may have a ridge."""
    cells = edges_s.size - 1
    per_cell = -(-_DELAYS // cells)
    inside = edges_s[:-1, None] + np.diff(edges_s)[:, None] * (np.arange(per_cell) + 0.5) / per_cell
    if cells <= _DELAYS:
        return np.asarray(inside.ravel())
    width = float(edges_s[-1] - edges_s[0]) / _DELAYS
    return np.asarray(edges_s[0] + width * (np.arange(_DELAYS) + 0.5))


def delay_grid(feed: Artery, edges_s: Array, limits: Limits, fixed_max: float, dtype: Float) -> DelayGrid:
    """For an artery at a few delays between edges (m + 1,); without a fixed column where `fixed_max` is zero."""
    delays_s = coarse_delays(edges_s)
    cells = np.searchsorted(edges_s, delays_s) if edges_s.size <= _DELAYS + 1 else np.zeros(delays_s.size)
    last = np.append(np.diff(cells) > 0, False)
    first = np.append(False, last[:-1])
    rates = np.geomspace(*limits.kep_per_min, _RATES) / SECONDS_PER_MINUTE
    columns, rho, fixed, limit = [], [], [], []
    for delay in delays_s:
        late = feed._replace(delay_s=float(delay))
        plasma, plasma_norm = _unit(late.plasma() if fixed_max > 0 else np.zeros(feed.times_s.size))
        unit, norms = _unit(late.exponentials(rates))
        rho.append(unit @ plasma)
        columns.append(np.vstack([plasma, _unit(unit - rho[-1][:, None] * plasma)[0]]))
        fixed.append(fixed_max * plasma_norm[0])
        limit.append(limits.ve * rates * norms[:, 0])
    every = np.stack(columns, axis=1).reshape(-1, feed.times_s.size)
    basis = span(every, tolerance=_RANK_TOLERANCE)
    return DelayGrid(
        delays_s, rates, basis.astype(dtype), (every @ basis).T.astype(np.float32), first, last,
        np.stack(rho, axis=1), np.array(fixed), np.stack(limit, axis=1),
    )  # fmt: skip


def starts(grid: DelayGrid, curves: Array, energy: Array) -> tuple[Index, Index, Index]:
    """Curve, delay number and rate number (m,) of each start worth refining, for curves (n, t) of those sums of squares (n,)."""
    from afterglow.kernels.delay_loop import Grid, mark_starts

    k, d = grid.rho.shape
    marks = np.empty((curves.shape[0], d), dtype=np.int8)
    judged = Grid(*grid[4:])
    for begin in range(0, curves.shape[0], _CURVES):
        part = slice(begin, begin + _CURVES)
        profiles = (curves[part] @ grid.basis).astype(np.float32, copy=False) @ grid.columns
        mark_starts(profiles.reshape(-1, 1 + k, d), energy[part], judged, marks[part])
    rows, late = np.nonzero(marks >= 0)
    return rows, late, marks[rows, late].astype(np.intp)


def _unit(columns: Array) -> tuple[Array, Array]:
    """Unit columns, zero where they vanish, and their norms, kept as a last axis of one."""
    norm = np.linalg.norm(columns, axis=-1, keepdims=True)
    return columns / np.where(norm > 0, norm, 1.0), norm
