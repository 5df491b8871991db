"""What leakage adds to a rate curve, as columns for least squares: one reference curve, a table over the rate of return.

In a voxel y(t) = K1 a(t) - K2 E(t), with a the mean curve of tissue that does not leak and E its convolution with
exp(-kep t), exact for a curve that is straight between its frames. At kep = 0, E is the running integral of a.
"""

from typing import NamedTuple

import numpy as np

from afterglow.kernels.convolution import exp_convolve, exp_convolve_slope
from afterglow.kernels.types import Array, Index

KEP_LOW_PER_S, KEP_HIGH_PER_S = 0.002, 0.25  # beyond: no return within the series, or E a scaled copy of a
_NODES = 40  # equal steps of log kep: 13 %
_FINE = 32  # for each node
_FEWEST_FRAMES = 8
_BLOCK = 4096  # curves at a time


class LeakageBasis(NamedTuple):
    """Columns and tables for one reference curve; the fine tables run over log kep."""

    window: slice
    dtype: np.dtype[np.float32] | np.dtype[np.float64]
    columns: Array  # (2 + nodes, w): a, E at kep = 0, E at each node; of unit length, all but the first orthogonal to a
    size: float  # |a|
    zero: Array  # (4,): a column of the fine tables, at kep = 0
    fine: Array  # (7, f): see `_fine_tables`

    @property
    def last(self) -> int:
        """Position of the highest kep, in nodes."""
        return _NODES - 1

    def kep_per_s(self, position: Array) -> Array:
        """The rate of return at a position in nodes, any shape."""
        kep: Array = KEP_LOW_PER_S * np.exp(position * (np.log(KEP_HIGH_PER_S / KEP_LOW_PER_S) / self.last))
        return kep

    def read(self, row: int, position: Array) -> Array:
        """A row of the fine table at positions in nodes (m,)."""
        at = position * _FINE
        left = np.minimum(at.astype(np.intp), self.fine.shape[1] - 2)
        table = self.fine[row]
        low = table.take(left)
        value: Array = low + (at - left) * (table.take(left + 1) - low)
        return value


def leakage_basis(times_s: Array, reference: Array, *, window: slice, single: bool) -> LeakageBasis:
    """The basis for times_s (t,) and reference (t,) over the frames of `window`; nothing leaks before its first one.

    `single` for columns in float32. ValueError for fewer than eight frames, times that do not rise, or an empty reference.
    """
    times, curve = windowed(times_s, reference, window)
    size = float(np.linalg.norm(curve))
    unit = curve / size
    nodes = np.exp(np.linspace(np.log(KEP_LOW_PER_S), np.log(KEP_HIGH_PER_S), _NODES))
    leaked = exp_convolve(times, curve, np.concatenate([[0.0], nodes]))
    across = leaked - np.outer(leaked @ unit, unit)
    lengths = np.linalg.norm(across, axis=1)
    columns = np.concatenate([unit[None], across / lengths[:, None]])
    turn = leaked[0] @ unit / lengths[0]
    zero = np.array([np.log(lengths[0]), leaked[0] @ unit, np.sqrt(1 + turn**2) / size, 1 / lengths[0]])
    dtype = np.dtype(np.float32) if single else np.dtype(np.float64)
    return LeakageBasis(window, dtype, columns.astype(dtype), size, zero, _fine_tables(times, curve, unit))


def windowed(times_s: Array, reference: Array, window: slice) -> tuple[Array, Array]:
    """Times and reference within the window, checked, in double precision."""
    times, curve = np.asarray(times_s, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if times.ndim != 1 or curve.shape != times.shape:
        raise ValueError(f"a reference of shape {curve.shape} does not fit times of shape {times.shape}")
    times, curve = times[window], curve[window]
    if times.size < _FEWEST_FRAMES:
        raise ValueError(f"leakage over {times.size} frames cannot be told: at least {_FEWEST_FRAMES} are needed")
    if not np.isfinite(curve).all() or not curve.any():
        raise ValueError("the reference curve is empty or has gaps: choose other reference voxels")
    return times, curve


def leaked_share(times_s: Array, reference: Array, kep_per_s: Array, *, window: slice) -> Array:
    """E (n, t) for rates of return (n,) in 1/s, all frames: zero before the window and where kep is NaN."""
    times, values = np.asarray(times_s, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    begin = window.indices(times.size)[0]
    rates, which = np.unique(np.nan_to_num(kep_per_s.astype(np.float64)), return_inverse=True)  # few, where all are zero
    share = np.zeros((rates.size, times.size))
    share[:, begin:] = exp_convolve(times[begin:], values[begin:], rates)
    spread: Array = share[which]
    return spread


def blocks(n: int) -> list[slice]:
    """Slices over n curves, small enough for the cache."""
    return [slice(begin, begin + _BLOCK) for begin in range(0, n, _BLOCK)]


def lagrange5(samples: Array, x: Array) -> Array:
    """The quartic through five equally spaced samples (5, m) at x (m,), in steps from the middle one."""
    one, two = x * x - 1, x * x - 4
    value: Array = 0.25 * one * two * samples[2]
    value += x * two * ((x + 1) * samples[3] + (x - 1) * samples[1]) * (-1 / 6)
    value += x * one * ((x + 2) * samples[4] + (x - 2) * samples[0]) * (1 / 24)
    return value


def nearest_end(position: Array, last: int) -> Index:
    """-1 at the low end of the table, 1 at its high end, 0 between: (m,)."""
    return (position >= last).astype(np.intp) - (position <= 0)


def _fine_tables(times: Array, curve: Array, unit: Array) -> Array:
    """Over log kep: log |E across a|, E along a, errors for unit noise with kep held (K1, K2) and free (K1, K2, K2 kep)."""
    size = float(np.linalg.norm(curve))
    fine = np.exp(np.linspace(np.log(KEP_LOW_PER_S), np.log(KEP_HIGH_PER_S), (_NODES - 1) * _FINE + 1))
    leaked, slope = exp_convolve_slope(times, curve, fine)
    along, slope_along = leaked @ unit, slope @ unit
    across, slope_across = leaked - np.outer(along, unit), slope - np.outer(slope_along, unit)
    length = np.linalg.norm(across, axis=1)
    left = slope_across - across * (np.einsum("ft,ft->f", slope_across, across) / length**2)[:, None]
    error_kep = 1 / np.linalg.norm(left, axis=1)  # times K2: the error of kep
    # an error of kep moves K2 by the slope's share of E, and both move K1 by their shares of a
    pull = np.einsum("ft,ft->f", slope_across, across) / length**2
    error_k2 = np.sqrt(1 / length**2 + (pull * error_kep) ** 2)
    moved = (slope_along - pull * along) * error_kep
    held = np.sqrt(1 + (along / length) ** 2) / size
    free = np.sqrt(1 + (along / length) ** 2 + moved**2) / size
    return np.stack([np.log(length), along, held, 1 / length, free, error_k2, error_kep])
