"""The projected, table-searched fit of many curves at once: global over the rate, all bounds inside the optimum.

Variable projection (Golub and Pereyra, doi:10.1137/0710036): for each rate the amplitudes are known in closed form, so
one matrix product of the curves with the dictionary gives every voxel's whole profile over the rate. Its best cell, and
any rival peak that may be higher between samples, is refined by Newton steps in a fine table. Where that optimum breaks
a bound on an amplitude, the profile with the bounds inside is searched instead (`search_loop`).
"""

from typing import NamedTuple

import numpy as np

from afterglow.kernels.dictionary import Dictionary, taylor
from afterglow.kernels.types import Array

_PROFILES = 8192  # which stay in the cache


class Found(NamedTuple):
    """The optimum of each curve, each (n,). Amplitudes are those of the unit columns."""

    place: Array  # the rate, in fine cells of the dictionary
    alpha: Array  # of the fixed column
    beta: Array  # of the searched column
    residual: Array  # sum of squares


def search(d: Dictionary, curves: Array, *, fixed_max: float, amplitude_max_per_rate: float) -> Found:
    """Best amplitudes and rate of every curve (n, T).

    0 <= fixed amplitude <= fixed_max and 0 <= amplitude <= amplitude_max_per_rate * rate (infinity: no upper bound);
    the rate stays on the dictionary's grid. Curves must be finite, of the dictionary's dtype, and weighted like it.
    """
    from afterglow.kernels.search_loop import find_each

    basis = d.basis.astype(curves.dtype)
    out = np.empty((curves.shape[0], 4))
    for begin in range(0, curves.shape[0], _PROFILES):
        y = curves[begin : begin + _PROFILES]
        z, energy = y @ basis, np.einsum("nt,nt->n", y, y)
        profiles = z.astype(np.float32, copy=False) @ d.coarse_free.T
        find_each(
            d, z.astype(np.float64, copy=False), profiles, profiles.view(np.int32), energy.astype(np.float64, copy=False),
            fixed_max * d.fixed_norm, amplitude_max_per_rate, out[begin : begin + _PROFILES],
        )  # fmt: skip
    return Found(*out.T)


def amplitudes(d: Dictionary, found: Found) -> tuple[Array, Array, Array]:
    """Amplitudes of the fixed and the searched column themselves, and the log rate, each (n,)."""
    cell = np.rint(found.place).astype(np.intp)
    norm = np.exp(taylor(d.fine_log_norm[:, cell], found.place - cell)[0])
    return found.alpha / d.fixed_norm, found.beta / norm, d.log_rate_low + d.log_step * found.place
