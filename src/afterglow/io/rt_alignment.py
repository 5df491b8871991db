"""Voxels of one grid that are voxels of another, only counted otherwise; nothing is resampled."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import AFFINE_TOLERANCE_MM, Grid


def placed(array: NDArray[Any], grid: Grid, onto: Grid) -> NDArray[Any] | None:
    """`array` (i, j, k) of `grid` where it lies in `onto`, zero elsewhere.

    None where the voxels are not those of `onto` within a thousandth of a millimetre, or reach beyond it.
    """
    match = _match(grid, onto)
    if match is None:
        return None
    axes, signs, start = match
    turned = array.transpose(axes)[tuple(slice(None, None, sign) for sign in signs)]
    stop = [a + n for a, n in zip(start, turned.shape, strict=True)]
    if min(start) < 0 or any(b > n for b, n in zip(stop, onto.shape, strict=True)):
        return None
    out = np.zeros(onto.shape, dtype=array.dtype)
    out[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = turned
    return out


def _match(grid: Grid, onto: Grid) -> tuple[list[int], list[int], list[int]] | None:
    """For each axis of `onto`: the axis of `grid` along it, its sense, and the first voxel."""
    between = np.linalg.inv(onto.affine) @ grid.affine
    whole = np.rint(between)
    steps = np.abs(whole[:3, :3])
    if not ((steps.sum(axis=0) == 1).all() and (steps.sum(axis=1) == 1).all()):
        return None
    corners = np.array(np.meshgrid(*((0.0, n - 1.0) for n in grid.shape), indexing="ij")).reshape(3, -1).T
    there = corners @ whole[:3, :3].T + whole[:3, 3]
    if float(np.linalg.norm(onto.to_mm(there) - grid.to_mm(corners), axis=1).max()) > AFFINE_TOLERANCE_MM:
        return None
    axes = [int(axis) for axis in np.argmax(steps, axis=1)]
    signs = [int(whole[row, axis]) for row, axis in enumerate(axes)]
    return axes, signs, [int(n) for n in there.min(axis=0)]
