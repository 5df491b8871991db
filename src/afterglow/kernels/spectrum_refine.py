"""The optimum of a spectrum's model over many voxels at once: a grid to start from, then Levenberg and Marquardt.

The columns of the problem are the amplitudes of the lines, then phase, shift and b. All inner products are those of what the nuisance
cannot explain; since it is the same for every voxel, only its small share is ever computed.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.spectrum import Complex
from afterglow.kernels.spectrum_lines import NAMES
from afterglow.kernels.types import Array

TO_B = np.pi**2 / (4 * np.log(2))  # b over the square of the Gaussian width
_STEP_HZ = 2.0  # of the shifts tried at the start
_WIDTHS_HZ = (2.0, 5.0, 9.0)  # and the Gaussian widths
_B_LIMIT = TO_B * 30.0**2
_ITERATIONS = 40
_CLOSE = 1e-4  # of the noise variance: a step that gains less changes nothing
_ROUNDING = 1e-10  # of the sum of squares: nor does this
_POSITIVE = [NAMES.index(name) for name in ("naa", "cr", "cho")]


class SpectrumSetting(NamedTuple):
    """What the fit needs beside the decays: times, lines and nuisance of the samples that are fitted."""

    times_s: Array  # (t,)
    basis: Complex  # (l, t)
    barred: Complex  # (r, t) orthonormal signals that are not of interest, water first
    weights: Array  # (r,) share of each that is taken off: 1 for one of any size, 0 for one that does not occur
    n_water: int  # how many of them are water
    n_points: int  # of the whole decay
    reach_hz: float  # how far a voxel's lines may lie from their place


class SpectrumOptimum(NamedTuple):
    """Parameters (v, p) at the optimum, the normal matrix (v, p, p) and the sum of squares (v,) there, and whether it was reached."""

    parameters: Array
    normal: Array
    cost: Array
    done: NDArray[np.bool_]


def free(rows: Complex, barred: Complex) -> Complex:
    """Signals (..., t) without what the nuisance can explain."""
    out: Complex = rows - (rows @ barred.conj().T) @ barred
    return out


def explained(y: Complex, how: SpectrumSetting) -> Array:
    """Sum of squares (v,) of projected decays (v, t) that lines of any size and phase explain at the best shift and width."""
    best = np.zeros(y.shape[0])
    for _, _, q, _ in _trials(how):
        best = np.maximum(best, np.sum(np.abs(y @ q.conj()) ** 2, axis=1))
    return best


def _trials(how: SpectrumSetting) -> Iterator[tuple[float, float, Complex, Complex]]:
    """Each shift and b of the grid with the orthonormal basis (t, l) of its lines and the triangle (l, l) behind it."""
    half = max(int(how.reach_hz // _STEP_HZ), 1)
    for shift in _STEP_HZ * np.arange(-half, half + 1):
        for width in _WIDTHS_HZ:
            b = TO_B * width**2
            turned = how.basis * np.exp(2j * np.pi * shift * how.times_s - b * how.times_s**2)
            q, r = np.linalg.qr(free(turned, how.barred).T)
            yield float(shift), float(b), q, r


def first_guess(y: Complex, how: SpectrumSetting) -> Array:
    """Parameters (v, p) of the shift and width under which lines of free phase explain most of each projected decay (v, t).

    The signals of the grid do not depend on the voxel: their orthonormal bases are made once.
    """
    n = how.basis.shape[0]
    best, out = np.full(y.shape[0], -1.0), np.zeros((y.shape[0], n + 3))
    for shift, b, q, r in _trials(how):
        share = y @ q.conj()
        gain = np.sum(np.abs(share) ** 2, axis=1)
        better = gain > best
        if better.any():
            best[better] = gain[better]
            sizes = np.linalg.solve(r, share[better].T).T
            phase = _common_phase(sizes)
            out[better, :n] = (sizes * np.exp(-1j * phase[:, None])).real
            out[better, n], out[better, n + 1], out[better, n + 2] = phase, shift, b
    return out


def _common_phase(sizes: Complex) -> Array:
    """One phase (v,) for all lines under which NAA, Cr and Cho together are positive. sizes (v, l)."""
    phase: Array = 0.5 * np.angle(np.sum(sizes**2, axis=1))
    upright = (sizes * np.exp(-1j * phase[:, None])).real[:, _POSITIVE].sum(axis=1) >= 0
    return np.where(upright, phase, phase + np.pi)


def refined(y: Complex, noise: Array, how: SpectrumSetting, start: Array) -> SpectrumOptimum:
    """The optimum from a first guess (v, p); a voxel leaves the loop when nothing is to be gained any more."""
    p = start.copy()
    v, size = p.shape
    normal, cost, done = np.zeros((v, size, size)), np.zeros(v), np.zeros(v, dtype=np.bool_)
    damping = np.full(v, 1e-3)
    normal[:], slope, cost[:] = _derivatives(y, how, p)
    enough = _CLOSE * noise**2 + _ROUNDING * np.sum(np.abs(y) ** 2, axis=1)
    busy = np.arange(v)
    for _ in range(_ITERATIONS):
        step, gain = _step(normal[busy], slope[busy], damping[busy], p[busy], how)
        tried = p[busy] + step
        new_normal, new_slope, new_cost = _derivatives(y[busy], how, tried)
        better = new_cost <= cost[busy]
        good = busy[better]
        p[good], normal[good], slope[good], cost[good] = tried[better], new_normal[better], new_slope[better], new_cost[better]
        damping[busy] = np.where(better, damping[busy] * 0.2, damping[busy] * 8)
        still = (gain <= enough[busy]) | (damping[busy] > 1e8)
        done[busy[still]] = True
        busy = busy[~still]
        if not busy.size:
            break
    return SpectrumOptimum(p, normal, cost, done)


def _step(normal: Array, slope: Array, damping: Array, p: Array, how: SpectrumSetting) -> tuple[Array, Array]:
    """Damped step (v, p) that stays within the bounds of shift and b, and the sum of squares (v,) it should gain."""
    size = p.shape[1]
    scale = np.sqrt(np.maximum(np.diagonal(normal, axis1=1, axis2=2), 1e-300))
    unit = normal / (scale[:, :, None] * scale[:, None, :])
    unit[:, np.arange(size), np.arange(size)] = 1 + damping[:, None]
    step = np.linalg.solve(unit, (slope / scale)[..., None])[..., 0] / scale
    for column, low, high in ((size - 2, -how.reach_hz, how.reach_hz), (size - 1, 0.0, _B_LIMIT)):
        step[:, column] = np.clip(p[:, column] + step[:, column], low, high) - p[:, column]
    gain: Array = np.einsum("vp,vp->v", step, slope)
    return step, np.abs(gain)


def _derivatives(y: Complex, how: SpectrumSetting, p: Array) -> tuple[Array, Array, Array]:
    """Normal matrix (v, p, p), slope (v, p) and sum of squares (v,) of the problem without what is taken off."""
    columns, model = columns_of(p, how)
    shares = columns @ how.barred.conj().T
    rest = y - model
    beside = rest @ how.barred.conj().T
    cost = np.sum(np.abs(rest) ** 2, axis=1) - np.abs(beside) ** 2 @ how.weights
    rest -= (beside * how.weights) @ how.barred
    flat, flat_shares = columns.view(np.float64), (shares * np.sqrt(how.weights)).view(np.float64)
    normal = flat @ flat.transpose(0, 2, 1) - flat_shares @ flat_shares.transpose(0, 2, 1)
    slope = (flat @ rest.view(np.float64)[..., None])[..., 0]
    return normal, slope, cost


def columns_of(p: Array, how: SpectrumSetting) -> tuple[Complex, Complex]:
    """Derivatives (v, p, t) of the model by its parameters, and the model (v, t)."""
    n, t = how.basis.shape[0], how.times_s
    turn = np.exp(1j * p[:, n, None] + 2j * np.pi * p[:, n + 1, None] * t - p[:, n + 2, None] * t**2)
    columns = np.empty((p.shape[0], n + 3, t.size), dtype=np.complex128)
    np.multiply(turn[:, None, :], how.basis, out=columns[:, :n])
    model = np.matmul(p[:, None, :n], columns[:, :n])[:, 0]
    columns[:, n], columns[:, n + 1], columns[:, n + 2] = 1j * model, 2j * np.pi * t * model, -(t**2) * model
    return columns, model
