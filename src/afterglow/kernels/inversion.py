"""T1 from inversion recovery: a + b exp(-TI / T1), with a and b projected out (doi:10.1002/mrm.22497).

The two amplitudes absorb imperfect inversion, the finite repetition time and the receiver, so T1 alone is searched for:
a table over R1 finds the cell, Newton's method the optimum inside it. Magnitude images get their polarity back first.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.separable import outcome, refine
from afterglow.kernels.types import Array, Status

_CELLS = 48
_CHUNK = 8192


class InversionFit(NamedTuple):
    """T1 from inversion recovery. NaN where there is no answer; `status` says why."""

    t1_s: Array  # (...,)
    a: Array  # (...,) signal after full recovery
    b: Array  # (...,) minus the signal that the inversion took away; about -2 a for a perfect one
    rms: Array  # (...,)
    status: NDArray[np.uint8]  # (...,) see kernels.types.Status
    t1_se_s: Array  # (...,) standard error; NaN on a bound and with as many times as unknowns


def t1_inversion(signal: Array, *, ti_s: Array, magnitude: bool, t1_bounds_s: tuple[float, float]) -> InversionFit:
    """T1 by least squares of a + b exp(-TI / T1).

    signal (..., m) at inversion times ti_s (m,), in any order -> InversionFit (...). `magnitude` says that signs were
    lost: the sample nearest to zero is then tried on both sides of the crossing, and the better fit is kept, as Barral
    et al. do; that needs four inversion times, signed data three. ValueError where there are fewer.
    """
    times, order = _protocol(signal.shape[-1], ti_s, magnitude, t1_bounds_s)
    dtype = signal.dtype if signal.dtype == np.float32 else np.dtype(np.float64)
    flat = signal.reshape(-1, times.size)[:, order]
    nodes = np.geomspace(1 / t1_bounds_s[1], 1 / t1_bounds_s[0], _CELLS)
    table = np.exp(-np.outer(nodes, times))
    table -= table.mean(axis=1, keepdims=True)
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    out = np.full((5, flat.shape[0]), np.nan, dtype=dtype)
    status = np.zeros(flat.shape[0], dtype=np.uint8)
    for begin in range(0, flat.shape[0], _CHUNK):
        part = slice(begin, begin + _CHUNK)
        out[:, part], status[part] = _chunk(
            flat[part].T.astype(dtype), times.astype(dtype), magnitude, table.astype(dtype), nodes
        )
    shape = signal.shape[:-1]
    t1_s, a, b, rms, t1_se_s = (values.reshape(shape) for values in out)
    return InversionFit(t1_s, a, b, rms, status.reshape(shape), t1_se_s)


def _protocol(n: int, ti_s: Array, magnitude: bool, bounds_s: tuple[float, float]) -> tuple[Array, NDArray[np.intp]]:
    """Inversion times in rising order, and that order."""
    times = np.asarray(ti_s, dtype=np.float64).ravel()
    least = 4 if magnitude else 3
    if times.size != n:
        raise ValueError(f"{times.size} inversion times for {n} signals")
    if np.unique(times).size < least:
        kind = "magnitude" if magnitude else "signed"
        raise ValueError(f"{kind} inversion recovery needs {least} different inversion times, found {np.unique(times).size}")
    if not (np.isfinite(times) & (times >= 0)).all():
        raise ValueError("inversion times are finite and not negative")
    if not 0 < bounds_s[0] < bounds_s[1]:
        raise ValueError(f"T1 bounds {bounds_s} s are not a range")
    order = np.argsort(times, kind="stable")
    return times[order], order


def _chunk(data: Array, times: Array, magnitude: bool, table: Array, nodes: Array) -> tuple[Array, NDArray[np.uint8]]:
    """data (m, n) -> T1, a, b, rms, standard error (5, n) and status (n,)."""
    finite = np.isfinite(data).all(axis=0)
    status = np.where(finite, Status.OK, Status.NOT_FINITE).astype(np.uint8)
    status[finite & (data == data[0]).all(axis=0)] = Status.NO_SIGNAL  # a constant carries no T1
    asked = status == Status.OK
    out = np.full((5, data.shape[1]), np.nan, dtype=data.dtype)
    if asked.any():
        tries = [_fit(signs, times, table, nodes) for signs in _polarities(data[:, asked], magnitude)]
        better = tries[0]
        for other in tries[1:]:
            better = np.where(other[3] < better[3], other, better)
        out[:, asked] = better
        on_bound = (better[0] <= 1 / nodes[-1] * (1 + 1e-6)) | (better[0] >= 1 / nodes[0] * (1 - 1e-6))
        status[asked] = np.where(on_bound, Status.AT_BOUND, Status.OK)
    return out, status


def _polarities(data: Array, magnitude: bool) -> list[Array]:
    """The signed curves that magnitude data may come from: negative before, or up to and with, the smallest sample."""
    if not magnitude:
        return [data]
    lowest = np.argmin(np.abs(data), axis=0)
    number = np.arange(data.shape[0])[:, None]
    return [np.where(number < lowest + more, -np.abs(data), np.abs(data)) for more in (0, 1)]


def _fit(data: Array, times: Array, table: Array, nodes: Array) -> Array:
    """Optimum of signed curves (m, n) -> T1, a, b, rms, standard error (5, n)."""
    mean = data.mean(axis=0)
    centred = data - mean
    cell = np.argmax((centred.T @ table.T) ** 2, axis=1)
    rates = nodes.astype(data.dtype)
    low, high = rates[np.maximum(cell - 1, 0)], rates[np.minimum(cell + 1, rates.size - 1)]
    curve = partial(_curve, times=times)
    r1 = np.clip(refine(centred, curve, start=rates[cell], low=low, high=high), rates[0], rates[-1])
    v, v1, _ = curve(r1)
    b, sse, error = outcome(centred, v, v1, freedom=times.size - 3)
    a = mean - b * np.exp(-times[:, None] * r1).mean(axis=0)
    error = np.where((r1 <= rates[0]) | (r1 >= rates[-1]), np.nan, error / (r1 * r1))
    return np.stack([1 / r1, a, b, np.sqrt(sse / times.size), error])


def _curve(r1: Array, times: Array) -> tuple[Array, Array, Array]:
    """exp(-TI R1) without its mean, and two derivatives: projecting out the constant is taking the mean away."""
    minus = -times[:, None]
    v = np.exp(minus * r1)
    v1 = minus * v
    v2 = minus * v1
    return v - v.mean(axis=0), v1 - v1.mean(axis=0), v2 - v2.mean(axis=0)
