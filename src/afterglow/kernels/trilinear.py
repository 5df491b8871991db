"""Many volumes on one grid read at the voxels of another, the place worked out once for all."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.types import Array

Map = NDArray[np.float32]
_TOGETHER = 4  # volumes that travel side by side: more would need more memory than they save time


def sampled_pairs(
    volumes: Sequence[Map], matrix: Array, origin: Array, shape: tuple[int, int, int], *, apart: Array
) -> Iterator[Map]:
    """Each volume (I, J, K) as the mean of two trilinear readings at the voxels of another grid -> (i, j, k), 0 outside.

    matrix (3, 3) and origin (3,) take an index of the new grid to one of the volumes'; the two readings lie `apart` (3,)
    from one another, in indices of the volumes. ValueError where a volume is thinner than two voxels.
    """
    from afterglow.kernels.trilinear_loop import read_pairs

    if volumes and min(volumes[0].shape) < 2:
        raise ValueError(f"a volume of {volumes[0].shape} is too thin to read between its voxels")
    affine = (np.ascontiguousarray(a, dtype=np.float64) for a in (matrix, origin, 0.5 * np.asarray(apart)))
    m, o, half = affine
    for first in range(0, len(volumes), _TOGETHER):
        group = np.stack([np.asarray(v, dtype=np.float32) for v in volumes[first : first + _TOGETHER]], axis=-1)
        out = np.empty((*shape, group.shape[-1]), dtype=np.float32)
        read_pairs(group, m, o, half, out)
        yield from (np.ascontiguousarray(out[..., c]) for c in range(group.shape[-1]))
