"""What a voxel of a scan holds of a body: the mean over its box, thick slices and gaps between them included."""

from collections.abc import Iterator, Mapping
from itertools import product

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid
from afterglow.simulate.warp import resample

Map = NDArray[np.float32]
Matrix = NDArray[np.float64]

_REACH = 1.5  # linear interpolation already averages over about one step of the source, so samples may lie this far apart


def mixed(fractions: Mapping[str, Map], values: Mapping[str, float]) -> Map:
    """Sum of shares (i, j, k) times one value for each tissue; tissues without a value count nothing."""
    out: Map = np.zeros(next(iter(fractions.values())).shape, dtype=np.float32)
    for name, part in fractions.items():
        if values.get(name, 0.0) != 0.0:
            out += np.float32(values[name]) * part
    return out


def voxel_means(values: Map, source: Grid, grid: Grid, world_to_body: Matrix, *, slice_mm: float | None = None) -> Map:
    """Mean of (i, j, k) on `source` over the box of each voxel of `grid`; outside counts 0.

    `world_to_body` (4, 4) takes scanner RAS mm to the world of `source`. `slice_mm` is the thickness of a slice along the third
    axis, where it is not the distance between slices.
    """
    total: Map = np.zeros(grid.shape, dtype=np.float32)
    counts = sub_samples(source, grid, world_to_body, slice_mm=slice_mm)
    for shifted in _shifted(grid, counts, slice_mm):
        total += resample(values, source, shifted, world_to_body)
    total *= np.float32(1.0 / np.prod(counts))
    return total


def sub_samples(source: Grid, grid: Grid, world_to_body: Matrix, *, slice_mm: float | None = None) -> tuple[int, int, int]:
    """How many samples a voxel's box needs along each axis to miss nothing that the source shows."""
    extents = _extents_mm(grid, slice_mm)
    directions = np.abs(np.linalg.inv(source.affine)[:3, :3] @ world_to_body[:3, :3] @ (grid.affine[:3, :3] / grid.spacing_mm))
    steps = 1.0 / np.linalg.norm(directions, axis=0)  # mm between planes of the source, along each axis of the grid
    a, b, c = (max(1, int(np.ceil(e / (_REACH * s) - 1e-3))) for e, s in zip(extents, steps, strict=True))
    return a, b, c


def _extents_mm(grid: Grid, slice_mm: float | None) -> tuple[float, float, float]:
    a, b, c = grid.spacing_mm
    return a, b, c if slice_mm is None else slice_mm


def _shifted(grid: Grid, counts: tuple[int, int, int], slice_mm: float | None) -> Iterator[Grid]:
    """The grid moved to each place inside a voxel's box."""
    extents = np.array(_extents_mm(grid, slice_mm)) / grid.spacing_mm
    for place in product(*(range(n) for n in counts)):
        offset = ((np.array(place) + 0.5) / counts - 0.5) * extents
        affine = grid.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ offset
        yield Grid(grid.shape, affine)
