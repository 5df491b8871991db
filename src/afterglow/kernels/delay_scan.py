"""A start for the fit with a delay: the best of a few delays, and the best of a few rates there, for every curve."""

from typing import NamedTuple

import numpy as np

from afterglow.kernels.boxed import best_in_box
from afterglow.kernels.models import SECONDS_PER_MINUTE
from afterglow.kernels.problem import Artery, Limits
from afterglow.kernels.types import Array, Float, Index, Mask

_RATES = 16
_DELAYS = 16  # at least
_RIVAL = 1.5  # times the least residual: a coarse valley above that will not become the deepest
_RIDGE = 1.1  # the same, for a start on the other side of an edge
_CURVES = 512  # whose profiles over all delays stay in the cache


class DelayGrid(NamedTuple):
    """Unit columns at d delays and k rates: the plasma, and the convolutions with the plasma projected out."""

    delays_s: Array  # (d,)
    first_in_cell: Mask  # (d,)
    last_in_cell: Mask  # (d,)
    rates_per_s: Array  # (k,)
    columns: Array  # (d, 1 + k, t)
    rho: Array  # (d, k) plasma . convolution
    fixed_max: Array  # (d,) upper limit of the plasma's unit amplitude
    limit: Array  # (d, k) of the convolution's


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
    tables: list[Array] = [np.stack(columns), np.stack(rho), np.array(fixed), np.stack(limit)]
    in_dtype: list[Array] = [table.astype(dtype) for table in tables]
    return DelayGrid(delays_s, first, last, rates, *in_dtype)


def starts(grid: DelayGrid, curves: Array) -> tuple[Index, Index, Index]:
    """Curve, delay number and rate number (m,) of each start worth refining.

    First the best delay of every curve (n, t) in order, then other delays that explain it nearly as well as their neighbours
    allow: the sum of squares over the delay has kinks and more than one valley. The rate is the best at that delay with the
    bounds inside.
    """
    d, k, t = grid.columns.shape
    firsts: list[tuple[Index, Index, Index]] = []
    others: list[tuple[Index, Index, Index]] = []
    for begin in range(0, curves.shape[0], _CURVES):
        y = curves[begin : begin + _CURVES]
        profiles = (grid.columns.reshape(d * k, t) @ y.T).reshape(d, k, -1)
        free = np.clip(profiles[:, 1:].max(axis=1), 0, np.inf)
        fixed = np.clip(profiles[:, 0], 0, np.inf)
        gain = free * free + fixed * fixed
        best, all_rows = gain.argmax(axis=0), np.arange(y.shape[0])
        firsts.append((all_rows + begin, best, _best_rate(grid, profiles, best, all_rows)))
        residual = np.einsum("nt,nt->n", y, y) - gain
        beside = np.pad(residual, ((1, 1), (0, 0)), constant_values=np.inf)
        valley = (residual <= beside[:-2]) & (residual <= beside[2:]) & (residual < _RIVAL * residual[best, all_rows])
        # a ridge on an edge may hide a valley on its other side
        across = best + np.where(grid.last_in_cell[best], 1, -1)
        edge = (grid.last_in_cell | grid.first_in_cell)[best] & (across >= 0) & (across < d)
        beyond, asked = across[edge], all_rows[edge]
        valley[beyond, asked] |= residual[beyond, asked] < _RIDGE * residual[best[edge], asked]
        valley[best, all_rows] = False
        late, rows = np.nonzero(valley)
        others.append((rows + begin, late, _best_rate(grid, profiles, late, rows)))
    rows, late, rate = (np.concatenate(column) for column in zip(*firsts, *others, strict=True))
    return rows, late, rate


def _best_rate(grid: DelayGrid, profiles: Array, late: Index, rows: Index) -> Index:
    here = profiles[late, :, rows].T
    rho = grid.rho[late].T
    s = here[1:] * np.sqrt(1 - rho * rho) + rho * here[0]
    gain = best_in_box(here[0], s, rho, alpha_max=grid.fixed_max[late], beta_max=grid.limit[late].T).gain
    rate: Index = gain.argmax(axis=0)
    return rate


def _unit(columns: Array) -> tuple[Array, Array]:
    """Unit columns, zero where they vanish, and their norms, kept as a last axis of one."""
    norm = np.linalg.norm(columns, axis=-1, keepdims=True)
    return columns / np.where(norm > 0, norm, 1.0), norm
