"""How large lipid and baseline are, learned from all voxels of one image together (empirical Bayes).

A nuisance that may take any size in any voxel costs the lines most of the first 50 ms of their decay. The voxels of one image share
its baseline: the second moments of what fits with a free nuisance leave beside their lines, less what noise and lines contribute, say
how large each direction is, and it is then taken off by its Wiener weight. A voxel that is unusual for its image keeps the free fit.
"""

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.spectrum import Complex
from afterglow.kernels.spectrum_refine import SpectrumOptimum, SpectrumSetting, columns_of
from afterglow.kernels.types import Array

FEWEST = 48  # voxels from which anything is learned
_AT_ONCE = 128  # voxels, so that their derivatives stay within some tens of MB
_MOST = 512  # more teach nothing
_UNUSUAL = 3.0  # times the mean square of the image's own directions
_LEAST = 0.05  # of the noise variance: no direction is taken for wholly absent


def learned(
    y: Complex, noise: Array, how: SpectrumSetting, state: SpectrumOptimum, usable: NDArray[np.bool_]
) -> tuple[SpectrumSetting, NDArray[np.bool_]]:
    """The setting with lipid and baseline turned to their principal directions in this image and weighted, and which voxels (v,) it
    does not describe.

    y (v, t) without water, `state` the fits with a free nuisance; learned from the `usable` (v,) ones. ValueError where these are
    fewer than `FEWEST`.
    """
    rows = np.flatnonzero(usable)
    if rows.size < FEWEST:
        raise ValueError(f"{rows.size} voxels teach nothing about a baseline; {FEWEST} are needed")
    rows = rows[:: -(-rows.size // _MOST)]
    others = how.barred[how.n_water :]
    left = _left(y, others, how, state)
    beside = _beside(rows, noise, others, how, state)
    variance = 2 * float(np.median(noise[rows])) ** 2
    error = beside + variance * np.eye(others.shape[0])
    moments = left[rows].T @ left[rows].conj() / rows.size
    inverse = np.linalg.inv(moments + _LEAST * error).conj()
    unusual = np.einsum("vr,rs,vs->v", left.conj(), inverse.conj(), left, optimize=True).real / others.shape[0] > _UNUSUAL
    size, turn = np.linalg.eigh(moments - error)
    size = np.maximum(size, _LEAST * variance)
    barred = np.concatenate([how.barred[: how.n_water], turn.T @ others])
    return how._replace(barred=barred, weights=np.concatenate([how.weights[: how.n_water], size / (size + variance)])), unusual


def _left(y: Complex, others: Complex, how: SpectrumSetting, state: SpectrumOptimum) -> Complex:
    """Sizes (v, r) of lipid and baseline that the fits leave, in phase with the lines."""
    n = how.basis.shape[0]
    out = np.empty((y.shape[0], others.shape[0]), dtype=np.complex128)
    for first in range(0, y.shape[0], _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        _, model = columns_of(state.parameters[some], how)
        out[some] = ((y[some] - model) @ others.conj().T) * np.exp(-1j * state.parameters[some, n, None])
    return out


def _beside(rows: NDArray[np.intp], noise: Array, others: Complex, how: SpectrumSetting, state: SpectrumOptimum) -> Complex:
    """Mean second moment (r, r) of what the uncertainty of the lines contributes to these sizes."""
    total = np.zeros((others.shape[0], others.shape[0]), dtype=np.complex128)
    for some in np.array_split(rows, -(-rows.size // _AT_ONCE)):
        p = state.parameters[some]
        columns, _ = columns_of(p, how)
        shares = (columns @ others.conj().T) * np.exp(-1j * p[:, how.basis.shape[0], None, None])
        covariance = np.linalg.inv(state.normal[some]) * noise[some, None, None] ** 2
        total += np.einsum("vpr,vps->rs", covariance @ shares, shares.conj(), optimize=True)
    out: Complex = total / rows.size
    return out
