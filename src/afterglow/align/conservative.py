"""A coarse map on other voxels by the volume they share: for spectroscopic voxels of 10 mm, where a spline would invent values."""

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.overlap import overlap_mean
from afterglow.records.grid import Grid


def carry_map(
    values: NDArray[np.floating], grid: Grid, onto: Grid, matrix: NDArray[np.float64] | None = None, *, least_share: float
) -> NDArray[np.float32]:
    """A map (i, j, k) on the voxels of `onto`: the mean of what was measured in each, weighted by volume.

    `matrix` (4, 4) takes a point of the target (RAS mm) to the source, as in `Alignment.matrix`. Exact where the grids' axes run
    along one another; else by points inside each voxel. NaN where measured voxels cover less than `least_share` of a target voxel.
    ValueError where the map is not on `grid`.
    """
    mean, share = carry_with_share(values, grid, onto, matrix)
    return np.where(share >= least_share - 1e-9, mean, np.nan).astype(np.float32)


def carry_with_share(
    values: NDArray[np.floating], grid: Grid, onto: Grid, matrix: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean over each voxel of `onto`, and the share of it that measured voxels cover."""
    if values.shape != grid.shape:
        raise ValueError(f"the map is {values.shape} but its grid is {grid.shape}")
    move = np.eye(4) if matrix is None else np.asarray(matrix, dtype=np.float64)
    index = np.linalg.inv(grid.affine) @ move @ onto.affine
    mean, share = overlap_mean(values.astype(np.float64), index, onto.shape)
    return mean.astype(np.float64), share.astype(np.float64)
