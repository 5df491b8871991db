"""The part of each voxel that lies inside a shape: a formula, or a mask on another grid, both by many places in each voxel."""

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, maximum_filter, minimum_filter

from afterglow.kernels.types import Array, Mask

Share = NDArray[np.float32]


def _offsets(samples: int) -> Array:
    """Places in a voxel (n, 3), in voxels from its centre."""
    if samples < 1:
        raise ValueError(f"a voxel is looked at in one place at least, not {samples}")
    steps = (np.arange(samples) + 0.5) / samples - 0.5
    return np.array(list(product(steps, steps, steps)))


def share_of_shape(inside: Callable[[Array], Mask], *, shape: tuple[int, int, int], affine: Array, samples: int) -> Share:
    """Share of each voxel in a shape. `inside` takes points in mm (n, 3) -> (n,); shape and affine (4, 4) are the grid's -> (i, j, k).

    Voxels whose corners, edges and middle do not all lie on one side, and their neighbours, are looked at in samples^3 places; a shape
    that fits between those 27 points of a voxel is not seen.
    """
    steps = [np.arange(-0.5, n, 0.5) for n in shape]
    lattice = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    seen = inside(lattice @ affine[:3, :3].T + affine[:3, 3]).reshape([len(own) for own in steps])
    middles = (slice(1, None, 2),) * 3
    some, all_of_it = maximum_filter(seen, size=3)[middles], minimum_filter(seen, size=3)[middles]
    share = all_of_it.astype(np.float32)
    unsure = np.argwhere(binary_dilation(some & ~all_of_it, np.ones((3, 3, 3), dtype=np.bool_)))
    if unsure.size:
        total = np.zeros(len(unsure))
        offsets = _offsets(samples)
        for offset in offsets:
            total += inside((unsure + offset) @ affine[:3, :3].T + affine[:3, 3])
        share[tuple(unsure.T)] = total / len(offsets)
    return share


def carried_share(share: Array, *, to_source: Array, shape: tuple[int, int, int], samples: int) -> Share:
    """A share map (I, J, K) laid on another grid: the mean over places in each new voxel of the voxel they lie in -> (i, j, k).

    `to_source` (4, 4) takes an index of the new grid to one of the old. What the old grid does not hold is outside the shape.
    """
    out = np.zeros(shape, dtype=np.float32)
    held = np.argwhere(share > 0)
    if not held.size:
        return out
    reach = np.abs(to_source[:3, :3]).sum(axis=1) / 2 + 0.5
    low, high = held.min(axis=0) - reach, held.max(axis=0) + reach
    offsets, sizes = _offsets(samples) @ to_source[:3, :3].T, np.array(share.shape)
    plane = np.stack(np.meshgrid(*(np.arange(float(n)) for n in shape[:2]), indexing="ij"), axis=-1)
    for k in range(shape[2]):
        centres = plane @ to_source[:3, :2].T + (to_source[:3, 2] * k + to_source[:3, 3])
        near = ((centres >= low) & (centres <= high)).all(axis=-1)
        places, total = centres[near], np.zeros(int(near.sum()))
        for offset in offsets if places.size else ():
            index = np.floor(places + offset + 0.5).astype(np.intp)
            inside = ((index >= 0) & (index < sizes)).all(axis=-1)
            total[inside] += share[tuple(index[inside].T)]
        out[..., k][near] = total / len(offsets)
    return out
