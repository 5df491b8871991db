"""A structure set of balls, holes, parts and a single voxel, written on a planning series."""

from pathlib import Path

import numpy as np
from painted_objects import middle_mm
from rt_series import ball, write_series

from afterglow.io.rt_reference import ReferenceSeries
from afterglow.io.rt_structures_write import write_structures
from afterglow.records.dose import Structure
from afterglow.records.grid import Grid


def regions(grid: Grid) -> tuple[Structure, ...]:
    """Balls of .1 to 5 mL, one with a hole, two parts under one name, a single voxel, and a part of every voxel."""
    middle = middle_mm(grid)
    two = (
        ball("two parts", grid, 0.4, middle + np.array([8.0, 0, 0])).share
        + ball("x", grid, 0.2, middle - np.array([8.0, 2, 0])).share
    )
    voxel = np.zeros(grid.shape, np.float32)
    voxel[10, 11, 5] = 1
    return (
        ball("tenth", grid, 0.1, middle + np.array([0.3, 0.2, 0.1])),
        ball("third", grid, 0.3, middle + np.array([-2.0, 3, 1])),
        ball("one", grid, 1.0, middle),
        ball("five", grid, 5.0, middle),
        ball("hole", grid, 3.0, middle, hole_mm=4.5),
        Structure("two parts", two, grid, "target"),
        Structure("voxel", voxel, grid, "organ"),
        ball("around", grid, 7.0, middle),
    )


def write_set(folder: Path, grid: Grid) -> tuple[ReferenceSeries, tuple[Structure, ...]]:
    """folder/series and folder/rs.dcm."""
    reference = write_series(folder / "series", grid)
    structures = regions(grid)
    write_structures(folder / "rs.dcm", structures, reference)
    return reference, structures
