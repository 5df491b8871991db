"""Tables for models that are linear in all but one rate: the projected fit of `search`.

The unit vector e(k) of the searched column is tabulated over log k, with its derivatives, in the few coordinates that
its curves really span (12 to 20 of 60 frames). A voxel then costs two small matrix products and some gathers.
"""

from typing import NamedTuple

import numpy as np

from afterglow.kernels.types import Array, Float

COARSE = 48  # cells searched for the global optimum; 0.2 in log k over 2e-3 .. 30 per minute
REFINE = 16  # fine cells to one coarse cell: a Taylor step over half of one is good to 1e-9
_PAD = 4  # cells beyond each end, so that derivatives are central everywhere
_RANK_TOLERANCE: dict[Float, float] = {np.float32: 3e-8, np.float64: 1e-9}


class Dictionary(NamedTuple):
    """The searched column over a grid of log rates, and the fixed column. T frames, R coordinates, K coarse, F fine cells.

    The coarse tables are in single precision: a cell is only found in them. The
    others are in double precision.
    """

    log_rate_low: float
    log_step: float  # of the fine grid
    basis: Array  # (T, R) orthonormal
    fixed: Array  # (R,) unit fixed column in the basis; zeros where the model has none
    fixed_norm: float  # |fixed column|; 0 where the model has none
    coarse_free: Array  # (K, R) unit searched column with the fixed one projected out
    coarse_unit: Array  # (K, R) unit searched column
    coarse_rho: Array  # (K,) fixed . unit
    coarse_norm: Array  # (K,) |searched column|
    coarse_reach: Array  # (K,) rate * |searched column|
    fine_free: Array  # (F, 4, R) value and first three derivatives by fine index
    fine_unit: Array  # (F, 4, R)
    fine_rho: Array  # (4, F)
    fine_log_norm: Array  # (4, F) log |searched column|
    fine_turn: Array  # (2, F) squared length of the derivative of the unit column by log rate, and its own slope by fine index

    @property
    def n_fine(self) -> int:
        """Fine cells inside the bounds of the rate."""
        return int(self.fine_unit.shape[0])


def rate_grid(low_per_s: float, high_per_s: float) -> Array:
    """Rates (F + 2 pads,) per second on which `build_dictionary` wants its columns."""
    if not 0 < low_per_s < high_per_s:
        raise ValueError(f"a range of rates from {low_per_s} to {high_per_s} per second is empty")
    n = (COARSE - 1) * REFINE
    step = np.log(high_per_s / low_per_s) / n
    rates: Array = low_per_s * np.exp(step * np.arange(-_PAD, n + _PAD + 1))
    return rates


def build_dictionary(
    rates_per_s: Array, columns: Array, fixed: Array | None, *, dtype: Float = np.float64, basis: Array | None = None
) -> Dictionary:
    """Tables from searched columns (F + 2 pads, T) at `rate_grid` rates and a fixed column (T,) or None.

    Columns carry the square roots of the frame weights already. A `basis` (T, R) that holds them may be given where
    several dictionaries share one. ValueError where a column vanishes.
    """
    norms = np.linalg.norm(columns, axis=1)
    fixed_norm = 0.0 if fixed is None else float(np.linalg.norm(fixed))
    if not (norms > 0).all() or (fixed is not None and fixed_norm == 0):
        raise ValueError("the arterial curve is zero over all frames: there is nothing to fit with")
    unit = columns / norms[:, None]
    q = np.zeros(columns.shape[1]) if fixed is None else fixed / fixed_norm
    if basis is None:
        basis = span(np.vstack([unit[::_PAD], unit[-1:], q]), tolerance=_RANK_TOLERANCE[dtype])
    unit, q = unit @ basis, q @ basis
    rho = unit @ q
    free = unit - rho[:, None] * q
    free /= np.linalg.norm(free, axis=1)[:, None]
    log_step = float(np.log(rates_per_s[1] / rates_per_s[0]))
    inner = slice(_PAD, columns.shape[0] - _PAD)
    coarse = slice(_PAD, columns.shape[0] - _PAD, REFINE)
    fine_unit = np.ascontiguousarray(_with_derivatives(unit)[inner])
    return Dictionary(
        log_rate_low=float(np.log(rates_per_s[_PAD])),
        log_step=log_step,
        basis=basis,
        fixed=q,
        fixed_norm=fixed_norm,
        coarse_free=np.ascontiguousarray(free[coarse], dtype=np.float32),
        coarse_unit=np.ascontiguousarray(unit[coarse], dtype=np.float32),
        coarse_rho=rho[coarse].astype(np.float32),
        coarse_norm=norms[coarse].astype(np.float32),
        coarse_reach=(rates_per_s * norms)[coarse].astype(np.float32),
        fine_free=fine_unit if fixed is None else np.ascontiguousarray(_with_derivatives(free)[inner]),
        fine_unit=fine_unit,
        fine_rho=np.ascontiguousarray(_scalar_table(rho)[:, inner]),
        fine_log_norm=np.ascontiguousarray(_scalar_table(np.log(norms))[:, inner]),
        fine_turn=np.einsum("fr,sfr->sf", fine_unit[:, 1], np.stack([fine_unit[:, 1], 2 * fine_unit[:, 2]])) / log_step**2,
    )


def span(columns: Array, *, tolerance: float) -> Array:
    """Orthonormal directions (T, R) that hold all columns (n, T) to the tolerance."""
    _, weights, directions = np.linalg.svd(columns, full_matrices=False)
    rank = int(np.count_nonzero(weights > tolerance * weights[0]))
    return np.ascontiguousarray(directions[:rank].T)


def taylor(column: Array, off: Array) -> tuple[Array, Array]:
    """Value and slope (n,) of a cubic (4, n) a little off its middle."""
    v, v1, v2, v3 = column
    bent = off * v3
    return v + off * (v1 + off * (0.5 * v2 + (1 / 6) * bent)), v1 + off * (v2 + 0.5 * bent)


def _scalar_table(values: Array) -> Array:
    """(F,) -> (4, F): value and first three derivatives by index."""
    return np.ascontiguousarray(_with_derivatives(values[:, None])[:, :, 0].T)


def _with_derivatives(table: Array) -> Array:
    """(F, r) -> (F, 4, r): value and first three derivatives by index, central differences of fourth order, the third of second."""
    padded = np.pad(table, ((2, 2), (0, 0)), mode="edge")
    m2, m1, p1, p2 = padded[:-4], padded[1:-3], padded[3:-1], padded[4:]
    first = (8 * (p1 - m1) - (p2 - m2)) / 12
    second = (16 * (p1 + m1) - (p2 + m2) - 30 * table) / 12
    third = ((p2 - m2) - 2 * (p1 - m1)) / 2
    return np.stack([table, first, second, third], axis=1)
