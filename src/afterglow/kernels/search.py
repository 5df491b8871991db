"""The projected, table-searched fit of many curves at once: global over the rate, all bounds inside the optimum.

Variable projection (Golub and Pereyra, doi:10.1137/0710036): for each rate the amplitudes are known in closed form, so
one matrix product of the curves with the dictionary gives every voxel's whole profile over the rate. Its best cell, and
any rival peak that may be higher between samples, is refined by a Newton step in a fine table. Where that optimum breaks
a bound on an amplitude, the profile with the bounds inside is searched instead (`bounded`).
"""

from typing import NamedTuple

import numpy as np

from afterglow.kernels.bounded import bounded_optimum
from afterglow.kernels.dictionary import REFINE, Dictionary
from afterglow.kernels.pieces import Curves, look_up, upper_limit
from afterglow.kernels.profile import around, highest, quartic_peak, rivals
from afterglow.kernels.types import Array, Index, Mask

_BLOCK = 8192  # voxels at a time on the way without bounds
_PROFILES = 2048  # whose profiles stay in the cache
_SETTLED = 1.5  # fine cells: a Newton step longer than this is not convergence


class Found(NamedTuple):
    """The optimum of each curve. Amplitudes are those of the columns themselves."""

    fixed_amplitude: Array  # (n,)
    amplitude: Array  # (n,)
    log_rate: Array  # (n,)
    residual: Array  # (n,) sum of squares
    position: Array  # (n,) place on the fine grid, for look-ups at the optimum
    rate_at_bound: Mask  # (n,)
    amplitude_at_bound: Mask  # (n,) amplitude on its upper bound
    fixed_at_bound: Mask  # (n,) fixed amplitude on 0 or its upper bound


def search(d: Dictionary, curves: Array, *, fixed_max: float, amplitude_max_per_rate: float) -> Found:
    """Best amplitudes and rate of every curve (n, T).

    0 <= fixed amplitude <= fixed_max and 0 <= amplitude <= amplitude_max_per_rate * rate (infinity: no upper bound);
    the rate stays on the dictionary's grid. Curves must be finite, of the dictionary's dtype, and weighted like it.
    """
    alpha_max, n, dtype = fixed_max * d.fixed_norm, curves.shape[0], curves.dtype
    index, alpha, beta, gain, energy = np.empty((5, n), dtype=dtype)
    waiting: list[tuple[Index, Curves]] = []
    for begin in range(0, n, _BLOCK):
        part = slice(begin, begin + _BLOCK)
        voxels, peaks = _scan(d, curves[part])
        free = _free_optimum(d, voxels, peaks, alpha_max, amplitude_max_per_rate)
        index[part], alpha[part], beta[part], gain[part], inside = free
        energy[part] = voxels.energy
        out = np.flatnonzero(~inside)
        waiting.append((out + begin, voxels.of(out)))
    # those that break a bound are few in each block: together they cost less
    rows = np.concatenate([rows for rows, _ in waiting]) if waiting else np.empty(0, dtype=np.intp)
    if rows.size:
        rest = Curves(*(np.concatenate(column) for column in zip(*(voxels for _, voxels in waiting), strict=True)))
        index[rows], alpha[rows], beta[rows], gain[rows] = bounded_optimum(d, rest, alpha_max, amplitude_max_per_rate)
    return _found(d, index, alpha, beta, np.maximum(energy - gain, 0), alpha_max, amplitude_max_per_rate)


def _found(
    d: Dictionary, index: Array, alpha: Array, beta: Array, residual: Array, alpha_max: float, amplitude_max_per_rate: float
) -> Found:
    log_norm = look_up(d.fine_log_norm, index)
    nearly = index.dtype.type(1 - 8 * np.finfo(index.dtype).eps)
    return Found(
        fixed_amplitude=alpha / d.fixed_norm if d.fixed_norm else np.zeros_like(alpha),
        amplitude=beta * np.exp(-log_norm),
        log_rate=d.log_rate_low + d.log_step * index,
        residual=residual,
        position=index,
        rate_at_bound=(index <= 0) | (index >= d.n_fine - 1),
        amplitude_at_bound=beta >= upper_limit(d, index, log_norm, amplitude_max_per_rate) * nearly,
        fixed_at_bound=(alpha <= 0) | (alpha >= alpha_max * nearly),
    )


class _Peaks(NamedTuple):
    """Coarse nodes near peaks of profiles, and the samples around them."""

    nodes: Index  # (m,)
    samples: Array  # (5, m)
    middle: Index  # (m,)
    rows: Index  # (m,) whose profile; the best peak of every curve comes first, in order, its rivals after

    def of(self, part: slice) -> "_Peaks":
        """Some of them."""
        return _Peaks(self.nodes[part], self.samples[:, part], self.middle[part], self.rows[part])


def _scan(d: Dictionary, curves: Array) -> tuple[Curves, _Peaks]:
    """Curves (n, T) in the dictionary's coordinates, and the peaks of their profiles with both amplitudes free."""
    n, dtype = curves.shape[0], curves.dtype
    z, energy = np.empty((n, d.fixed.size), dtype=dtype), np.empty(n, dtype=dtype)
    found: list[_Peaks] = []
    others: list[_Peaks] = []
    for begin in range(0, n, _PROFILES):
        part = slice(begin, begin + _PROFILES)
        np.matmul(curves[part], d.basis, out=z[part])
        energy[part] = np.einsum("nt,nt->n", curves[part], curves[part])
        profile = d.coarse_free @ z[part].T.astype(np.float32, copy=False)
        best = highest(profile)
        found.append(_Peaks(best, *around(profile, best), np.arange(begin, begin + best.size)))
        rows, nodes = rivals(profile, best)
        if rows.size:
            others.append(_Peaks(nodes, *around(profile, nodes, rows), rows + begin))
    peaks = [*found, *others]
    return Curves(z, z @ d.fixed, energy), _Peaks(
        nodes=np.concatenate([p.nodes for p in peaks]),
        samples=np.concatenate([p.samples for p in peaks], axis=1),
        middle=np.concatenate([p.middle for p in peaks]),
        rows=np.concatenate([p.rows for p in peaks]),
    )


def _free_optimum(
    d: Dictionary, voxels: Curves, peaks: _Peaks, alpha_max: float, amplitude_max_per_rate: float
) -> tuple[Array, Array, Array, Array, Mask]:
    """Fine index, unit amplitudes and explained energy with free amplitudes, and whether that optimum lies in the box."""
    index, p, settled = _best_projection(d, voxels.z, peaks)
    a = voxels.a
    rho = look_up(d.fine_rho, index)
    beta = p / np.sqrt(1 - rho * rho)
    alpha = a - rho * beta
    inside = settled & (p > 0) & (alpha >= 0) & (alpha <= alpha_max)
    if np.isfinite(amplitude_max_per_rate):
        inside &= beta <= upper_limit(d, index, look_up(d.fine_log_norm, index), amplitude_max_per_rate)
    return index, alpha, beta, a * a + p * p, inside


def _best_projection(d: Dictionary, z: Array, peaks: _Peaks) -> tuple[Array, Array, Mask]:
    """Fine index of the best rate with both amplitudes free, the projection there, and whether Newton settled."""
    n = z.shape[0]
    first = _newton(d, z, peaks.of(slice(0, n)))
    if peaks.rows.size == n:
        return first
    rows = peaks.rows[n:]
    rival = _newton(d, z[rows], peaks.of(slice(n, None)))
    order = np.argsort(rival[1])
    order = order[rival[1][order] > first[1][rows[order]]]
    for mine, theirs in zip(first, rival, strict=True):
        mine[rows[order]] = theirs[order]
    return first


def _newton(d: Dictionary, z: Array, peaks: _Peaks) -> tuple[Array, Array, Mask]:
    """The peak of each quartic, and one step from there in the fine table: fine index, projection, and whether it settled.

    It has settled where the step was short or would leave the grid.
    """
    last = d.n_fine - 1
    x = quartic_peak(peaks.samples, peaks.nodes - peaks.middle).astype(z.dtype, copy=False)
    centre = np.rint(np.clip((peaks.middle.astype(z.dtype) + x) * REFINE, 0, last))
    p, p1, p2, p3 = np.einsum("nr,nqr->qn", z, d.fine_free.take(centre.astype(np.intp), axis=0))
    bend = np.clip(p2, -np.inf, -np.finfo(z.dtype).tiny)
    off = np.clip(-p1 / bend, -REFINE, REFINE)
    off = -p1 / np.minimum(bend + 0.5 * p3 * off, 0.5 * bend)  # Halley's correction, which must not turn the step around
    ended = ((centre == 0) & (p1 <= 0)) | ((centre == last) & (p1 >= 0))
    settled = ended | (np.abs(off) < _SETTLED)
    off = np.clip(off, -_SETTLED, _SETTLED)
    off[ended] = 0
    index = np.clip(centre + off, 0, last)
    off = index - centre
    return index, p + off * (p1 + off * (0.5 * p2 + off * (p3 * (1 / 6)))), settled
