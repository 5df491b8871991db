"""T1 from spoiled gradient echoes of several flip angles: the exact least-squares optimum, voxel by voxel, without a loop.

S_i = s0 sin(a_i) (1 - E_i) / (1 - cos(a_i) E_i), E_i = exp(-TR_i R1), is linear in s0 (doi:10.1002/mrm.10407 for the
method, there with linearised data, which weights the noise wrongly). So s0 is projected out, a table over R1 finds the cell
with the least squared error, and Newton's method the optimum inside it; bounds on T1 are part of the optimum.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.separable import outcome, refine
from afterglow.kernels.types import Array, Status

_CELLS = 40  # table over log R1 where every voxel shares the flip angles
_CELLS_B1 = 24  # where each voxel has its own
_CHUNK = 8192  # voxels at a time: they stay in the cache


class T1Fit(NamedTuple):
    """A T1 map. NaN where there is no answer; `status` says why."""

    t1_s: Array  # (...,)
    s0: Array  # (...,) signal units
    rms: Array  # (...,) root mean square residual, signal units
    status: NDArray[np.uint8]  # (...,) see kernels.types.Status
    t1_se_s: Array  # (...,) standard error from the residuals; NaN with two flip angles or on a bound


def t1_vfa(
    signal: Array, *, flip_deg: Array, tr_s: Array | float, b1: Array | float = 1.0, t1_bounds_s: tuple[float, float]
) -> T1Fit:
    """T1 by nonlinear least squares from signals at several flip angles.

    signal (..., m); flip_deg (m,) nominal; tr_s one value or (m,); b1 (...) or one value, the flip angle reached over the
    nominal one -> T1Fit (...). With two flip angles the fit is the exact solution, or the nearest bound.
    The residual variance has m - 2 degrees of freedom; the standard error is that of the linearised problem at the optimum.
    ValueError where fewer than two different flip angles are given or lengths differ.
    """
    flips, trs = _protocol(signal.shape[-1], flip_deg, tr_s, t1_bounds_s)
    dtype = signal.dtype if signal.dtype == np.float32 else np.dtype(np.float64)
    flat = signal.reshape(-1, flips.size)
    scale = np.broadcast_to(np.asarray(b1, dtype=np.float64), signal.shape[:-1]).reshape(-1) if np.ndim(b1) else None
    if scale is None:
        flips = flips * float(b1)
    out = np.full((4, flat.shape[0]), np.nan, dtype=dtype)
    status = np.zeros(flat.shape[0], dtype=np.uint8)
    r1_bounds = (1 / t1_bounds_s[1], 1 / t1_bounds_s[0])
    table = _table(flips, trs, r1_bounds).astype(dtype) if scale is None else None
    for begin in range(0, flat.shape[0], _CHUNK):
        part = slice(begin, begin + _CHUNK)
        angles = np.deg2rad(flips)[:, None] if scale is None else np.deg2rad(flips)[:, None] * scale[part]
        out[:, part], status[part] = _fit(flat[part].T.astype(dtype), angles.astype(dtype), trs.astype(dtype), table, r1_bounds)
    shape = signal.shape[:-1]
    t1_s, s0, rms, t1_se_s = (values.reshape(shape) for values in out)
    return T1Fit(t1_s, s0, rms, status.reshape(shape), t1_se_s)


def _protocol(n: int, flip_deg: Array, tr_s: Array | float, bounds_s: tuple[float, float]) -> tuple[Array, Array]:
    """Checked flip angles (m,) and repetition times (1,) or (m,)."""
    flips = np.asarray(flip_deg, dtype=np.float64).ravel()
    trs = np.asarray(tr_s, dtype=np.float64).ravel()
    if flips.size != n:
        raise ValueError(f"{flips.size} flip angles for {n} signals")
    if trs.size not in (1, n):
        raise ValueError(f"{trs.size} repetition times for {n} signals")
    if trs.size == n and (trs == trs[0]).all():
        trs = trs[:1]
    if not ((flips > 0) & (flips < 180)).all() or not (trs > 0).all():
        raise ValueError("flip angles lie between 0 and 180 degrees and repetition times above 0 s")
    if np.unique(flips).size < 2 and trs.size == 1:
        raise ValueError("T1 needs at least two different flip angles")
    if not 0 < bounds_s[0] < bounds_s[1]:
        raise ValueError(f"T1 bounds {bounds_s} s are not a range")
    return flips, trs


def _nodes(r1_bounds: tuple[float, float], cells: int) -> Array:
    return np.geomspace(r1_bounds[0], r1_bounds[1], cells)


def _table(flips_deg: Array, trs: Array, r1_bounds: tuple[float, float]) -> Array:
    """Unit signal vectors at the nodes: (cells, m)."""
    nodes = _nodes(r1_bounds, _CELLS)
    v = np.stack([_curve(np.full(1, r1), np.deg2rad(flips_deg)[:, None], trs)[0][:, 0] for r1 in nodes])
    unit: Array = v / np.linalg.norm(v, axis=1, keepdims=True)
    return unit


def _curve(r1: Array, angles: Array, trs: Array) -> tuple[Array, Array, Array]:
    """Signal at s0 = 1 and its first two derivatives with respect to R1. r1 (n,), angles (m, 1 or n) -> (m, n)."""
    tr = trs[:, None]
    decay = -tr * r1
    left, gone = np.exp(decay), -np.expm1(decay)  # E1 and 1 - E1
    rest = 2 * np.sin(angles / 2) ** 2
    cosine = 1 - rest
    below = 1 / (rest + cosine * gone)
    sine = np.sin(angles)
    v = sine * gone * below
    v1 = (sine * rest) * tr * left * below * below
    v2 = -tr * v1 * (1 + cosine * left) * below
    return v, v1, v2


def _fit(
    data: Array, angles: Array, trs: Array, table: Array | None, r1_bounds: tuple[float, float]
) -> tuple[Array, NDArray[np.uint8]]:
    """One chunk. data (m, n) -> T1, s0, rms, standard error (4, n) and status (n,)."""
    status = np.full(data.shape[1], Status.OK, dtype=np.uint8)
    finite = np.isfinite(data).all(axis=0) & np.isfinite(angles).all(axis=0) & (angles > 0).all(axis=0)
    status[~finite] = Status.NOT_FINITE
    status[finite & ~(data.max(axis=0) > 0)] = Status.NO_SIGNAL
    asked = status == Status.OK
    out = np.full((4, data.shape[1]), np.nan, dtype=data.dtype)
    if not asked.any():
        return out, status
    if not asked.all():
        data = data[:, asked]
        angles = angles[:, asked] if angles.shape[1] > 1 else angles
    cell = _cell_shared(data, table) if table is not None else _cell_own(data, angles, trs, r1_bounds)
    nodes = _nodes(r1_bounds, _CELLS if table is not None else _CELLS_B1).astype(data.dtype)
    low, high = nodes[np.maximum(cell - 1, 0)], nodes[np.minimum(cell + 1, nodes.size - 1)]
    r1 = refine(data, partial(_curve, angles=angles, trs=trs), start=nodes[cell], low=low, high=high)
    r1 = np.clip(r1, nodes[0], nodes[-1])
    fitted, at_bound, silent = _answer(data, _curve(r1, angles, trs)[:2], r1, nodes)
    out[:, asked] = fitted
    status[asked] = np.where(silent, Status.NO_SIGNAL, np.where(at_bound, Status.AT_BOUND, Status.OK))
    return out, status


def _cell_shared(data: Array, table: Array) -> NDArray[np.intp]:
    """The table's node with the largest explained signal: one matrix product."""
    cell: NDArray[np.intp] = np.argmax(data.T @ table.T, axis=1)
    return cell


def _cell_own(data: Array, angles: Array, trs: Array, r1_bounds: tuple[float, float]) -> NDArray[np.intp]:
    """The same where each voxel has its own flip angles: node by node, all voxels at once."""
    rest = 2 * np.sin(angles / 2) ** 2
    sine, cosine = np.sin(angles), 1 - rest
    best = np.full(data.shape[1], -np.inf, dtype=data.dtype)
    cell = np.zeros(data.shape[1], dtype=np.intp)
    for number, r1 in enumerate(_nodes(r1_bounds, _CELLS_B1)):
        gone = (-np.expm1(-trs * r1)).astype(data.dtype)[:, None]
        v = sine * gone / (rest + cosine * gone)
        explained = (v * data).sum(axis=0) / np.sqrt((v * v).sum(axis=0))
        cell[explained > best] = number
        np.maximum(best, explained, out=best)
    return cell


def _answer(
    data: Array, curve: tuple[Array, Array], r1: Array, nodes: Array
) -> tuple[Array, NDArray[np.bool_], NDArray[np.bool_]]:
    """T1, s0, rms and standard error at the optimum (4, n); which lie on a bound; which have no positive amplitude."""
    s0, sse, error = outcome(data, *curve, freedom=data.shape[0] - 2)
    at_bound = (r1 <= nodes[0]) | (r1 >= nodes[-1])
    silent = ~(s0 > 0)
    fitted = np.stack([1 / r1, s0, np.sqrt(sse / data.shape[0]), np.where(at_bound, np.nan, error / (r1 * r1))])
    fitted[:, silent] = np.nan
    return fitted, at_bound, silent
