"""Peaks of many profiles sampled at equal steps: the highest sample, and the quartic around it.

Single precision is enough here: a peak only has to be found, it is refined elsewhere.
"""

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.types import Array, Index

Single = NDArray[np.float32]

# five equally spaced values -> coefficients of the quartic through them, lowest order first, step 1 from the middle one
_QUARTIC = np.array([[0, 0, 24, 0, 0], [2, -16, 0, 16, -2], [-1, 16, -30, 16, -1], [-2, 4, 0, -4, 2], [1, -4, 6, -4, 1]]) / 24.0
_NEWTON_STEPS = 3


def highest(profile: Single) -> Index:
    """Node (n,) of the highest sample of each profile (k, n); any node where none is positive.

    The node is written into the last bits of each value, so that one maximum finds both: `numpy.argmax` takes four times
    as long. Ties closer than those bits are told apart by the slope, when the peak is refined.
    """
    k = profile.shape[0]
    bits = (1 << (k - 1).bit_length()) - 1
    tagged = profile.view(np.int32) & np.int32(~bits)
    tagged |= np.arange(k, dtype=np.int32)[:, None]
    top = tagged.view(np.float32).max(axis=0).view(np.int32)
    node: Index = (top & np.int32(bits)).astype(np.intp)
    return node


def around(profile: Array, nodes: Index, columns: Index | None = None) -> tuple[Array, Index]:
    """The five samples (5, m) nearest to `nodes` (m,) of profiles (k, n), and their middle nodes (m,).

    `columns` (m,) names the profiles; without it they are taken in order.
    """
    k, n = profile.shape
    middle = np.clip(nodes, 2, k - 3)
    base = middle * n + (np.arange(n) if columns is None else columns)
    flat, samples = profile.ravel(), np.empty((5, base.size), dtype=profile.dtype)
    base -= 2 * n
    for sample in samples:
        flat.take(base, out=sample, mode="clip")  # unbuffered, unlike "raise"
        base += n
    return samples, middle


def quartic_peak(samples: Array, start: Array | Index) -> Array:
    """Where the quartic through five samples (5, m) peaks near `start` (m,), in steps from the middle one."""
    c1, c2, c3, c4 = _QUARTIC[1:].astype(samples.dtype) @ samples
    x, tiny = start.astype(samples.dtype), np.finfo(samples.dtype).tiny * 1e3
    for _ in range(_NEWTON_STEPS):
        slope = c1 + x * (2 * c2 + x * (3 * c3 + x * (4 * c4)))
        bend = 2 * c2 + x * (6 * c3 + x * (12 * c4))
        # where the quartic is not concave the step goes uphill as far as the samples reach
        x = np.clip(x - slope / np.clip(bend, -np.inf, -tiny), -2, 2)
    return x
