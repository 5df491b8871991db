"""One isotropic grid for all images of a patient, and images laid on it in one step."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from afterglow.align.resample import compose, resample
from afterglow.records.grid import Grid

_HALF = 0.5  # of a voxel's weight that must be known for it to have a value


def isotropic_grid(grid: Grid, inside: NDArray[np.bool_], *, spacing_mm: float, margin_mm: float) -> Grid:
    """Isotropic voxels along the axes of `grid` around everything `inside` (i, j, k), with a margin, within its field of view.

    Where `grid` has that spacing already its own voxels are kept, so that nothing is blurred.
    """
    if not inside.any():
        raise ValueError("there is nothing to lay a grid around")
    steps_mm = np.array(grid.spacing_mm)
    box = ndimage.find_objects(inside.astype(np.uint8))[0]
    beyond = np.ceil(margin_mm / steps_mm)
    low = np.maximum(np.array([s.start for s in box]) - beyond, 0)
    high = np.minimum(np.array([s.stop for s in box]) + beyond, grid.shape)
    ratio = spacing_mm / steps_mm
    counts = np.ceil((high - low) / ratio - 1e-6).astype(int)
    affine = grid.affine.copy()
    affine[:3, :3] = grid.affine[:3, :3] * ratio
    affine[:3, 3] = grid.to_mm(low - 0.5 + ratio / 2)
    i, j, k = (int(n) for n in counts)
    return Grid((i, j, k), affine)


def laid_known(data: NDArray[Any], grid: Grid, onto: Grid, matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """An image or map (i, j, k) on `onto`, linear between the voxels that have a value; NaN where less than half of the weight has one.

    `matrix` takes a point of `onto` (RAS mm) to `grid`. A voxel of `onto` that is much larger than those of `grid` gets the mean over points inside it.
    """
    known = np.isfinite(data)
    filled = np.where(known, data, 0).astype(np.float32)
    points = _points_inside(grid, onto, matrix)
    total, weight = np.zeros(onto.shape, dtype=np.float64), np.zeros(onto.shape, dtype=np.float64)
    for point_mm in points:
        shifted = np.eye(4)
        shifted[:3, 3] = point_mm
        way = compose(shifted, matrix)
        total += resample(filled, grid, onto, way, outside=0.0)
        weight += resample(known.astype(np.float32), grid, onto, way, outside=0.0)
    laid = np.full(onto.shape, np.nan, dtype=np.float32)
    there = weight >= _HALF * len(points)
    laid[there] = total[there] / weight[there]
    return laid


def laid_mask(mask: NDArray[np.bool_], grid: Grid, onto: Grid, matrix: NDArray[np.float64]) -> NDArray[np.bool_]:
    """A mask (i, j, k) on `onto` by the nearest voxel; outside of `grid` nothing."""
    laid: NDArray[np.bool_] = resample(mask.astype(np.uint8), grid, onto, matrix, "nearest") > 0
    return laid


def _points_inside(grid: Grid, onto: Grid, matrix: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Offsets (RAS mm) from the centre of a voxel of `onto` that sample it as densely as `grid` has voxels."""
    columns = np.linalg.inv(grid.affine[:3, :3]) @ matrix[:3, :3] @ onto.affine[:3, :3]
    counts = [max(1, round(float(np.abs(column).max()))) for column in columns.T]
    fractions = [np.array([(s + 0.5) / n - 0.5 for s, n in zip(index, counts, strict=True)]) for index in np.ndindex(*counts)]
    return [onto.affine[:3, :3] @ fraction for fraction in fractions]
