"""Standard errors at the optimum, for unit noise: from the Jacobian's inner products, tabulated over the rate.

With e the unit column, N its norm, l = log N and ' the derivative by log rate: E.E = N^2, E.E' = N^2 l',
E'.E' = N^2 (|e'|^2 + l'^2), E.u = N |u| rho, E'.u = N |u| (rho' + l' rho). No voxel's curve is looked at again.
"""

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.dictionary import Dictionary
from afterglow.kernels.search import Found
from afterglow.kernels.types import Array


def rate_errors(d: Dictionary, found: Found) -> tuple[Array, Array, Array]:
    """Standard errors for unit noise of the amplitude, of amplitude / rate, and of the fixed amplitude, each (n,).

    A parameter on a bound is held and has no error (NaN); the others are then conditional on it. Where the amplitude is
    on its upper bound (amplitude = limit * rate), the ratio is held and the amplitude moves with the rate.
    """
    cell = np.rint(found.position).astype(np.intp)
    rho, rho1 = d.fine_rho[0].take(cell), d.fine_rho[1].take(cell) / d.log_step
    growth = d.fine_log_norm[1].take(cell) / d.log_step
    turn = d.fine_turn.take(cell)
    norm, b = np.exp(d.fine_log_norm[0].take(cell)), found.amplitude
    # parameters in the order fixed amplitude, log amplitude, log rate: columns u, bE, bE'
    scale = b * norm
    uu = np.full_like(b, d.fixed_norm**2)
    ue, ur = d.fixed_norm * scale * rho, d.fixed_norm * scale * (rho1 + growth * rho)
    ee, er, rr = scale**2, scale**2 * growth, scale**2 * (turn + growth**2)
    fixed_held = found.fixed_at_bound | (d.fixed_norm == 0)
    nothing = b <= 0
    tied = found.amplitude_at_bound & ~nothing  # log amplitude and log rate move as one
    ee_t, ue_t = ee + 2 * er + rr, ue + ur
    with np.errstate(divide="ignore", invalid="ignore"):
        three = _inverse3(np.where(fixed_held, 1, uu), np.where(fixed_held, 0, ue), np.where(fixed_held, 0, ur), ee, er, rr)
        var_u, var_e, var_r, cov_er = three
        both = 1 / (ee_t - np.where(fixed_held, 0, ue_t**2 / uu))
        at_rate = 1 / (ee - np.where(fixed_held, 0, ue**2 / uu))
        var_u = np.where(tied, 1 / (uu - ue_t**2 / ee_t), np.where(found.rate_at_bound, 1 / (uu - ue**2 / ee), var_u))
        var_e = np.where(tied, both, np.where(found.rate_at_bound, at_rate, var_e))
        var_ratio = np.where(found.rate_at_bound, at_rate, var_e + var_r - 2 * cov_er)
        var_u = np.where(nothing, 1 / uu, var_u)
        ratio = b * np.exp(-found.log_rate)
        return (
            np.where(nothing, np.nan, b * _root(var_e)),
            np.where(nothing | tied, np.nan, ratio * _root(var_ratio)),
            np.where(fixed_held, np.nan, _root(var_u)),
        )


def amplitude_errors(
    q_norm: float, e_norm: float, rho: float, q_held: NDArray[np.bool_], e_held: NDArray[np.bool_]
) -> tuple[Array, Array]:
    """Standard errors for unit noise of two amplitudes of columns with those norms and cosine, either of them held."""
    spread = np.sqrt(1 - rho * rho)
    q = np.where(q_held, np.nan, 1 / q_norm / np.where(e_held, 1.0, spread))
    e = np.where(e_held, np.nan, 1 / e_norm / np.where(q_held, 1.0, spread))
    return q, e


def _root(variance: Array) -> Array:
    return np.sqrt(np.where(variance > 0, variance, np.nan))


def _inverse3(uu: Array, ue: Array, ur: Array, ee: Array, er: Array, rr: Array) -> tuple[Array, Array, Array, Array]:
    """Diagonal of the inverse of a symmetric 3 x 3, and its (e, r) element."""
    minor = ee * rr - er * er
    determinant = uu * minor - ue * (ue * rr - er * ur) + ur * (ue * er - ee * ur)
    return (
        minor / determinant,
        (uu * rr - ur * ur) / determinant,
        (uu * ee - ue * ue) / determinant,
        (ue * ur - uu * er) / determinant,
    )
