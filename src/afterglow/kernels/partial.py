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
    out = np.zeros(shape, dtype=np.float64)
    offsets = _offsets(samples)
    sizes = np.array(share.shape)
    plane = np.stack(np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij"), axis=-1).astype(np.float64)
    for k in range(shape[2]):
        centres = np.concatenate([plane, np.full((*plane.shape[:2], 1), float(k))], axis=-1) @ to_source[:3, :3].T
        reach = np.abs(to_source[:3, :3]).sum(axis=1) / 2 + 0.5
        near = centres + to_source[:3, 3]
        if not ((near > -reach) & (near < sizes - 1 + reach)).all(axis=-1).any():
            continue
        for offset in offsets @ to_source[:3, :3].T:
            place = np.floor(near + offset + 0.5).astype(np.intp)
            held = ((place >= 0) & (place < sizes)).all(axis=-1)
            i, j, n = (place[held][:, axis] for axis in range(3))
            out[..., k][held] += share[i, j, n]
    return (out / len(offsets)).astype(np.float32)
