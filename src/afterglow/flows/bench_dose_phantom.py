"""A round tumour in a round brain: what `bench dose` plans, with an aggressive core off its middle."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.records.dose import Structure
from afterglow.records.grid import Grid

BRAIN_ML = 1300.0
SPACING_MM = 1.0


@dataclass(frozen=True, eq=False)
class Round:
    """The tumour, the brain around it (tumour included), and the two prescriptions: 16 Gy, and 18, 16.5 and 15 Gy by zone."""

    grid: Grid
    target: Structure
    brain: NDArray[np.bool_]
    uniform_gy: NDArray[np.float32]
    painted_gy: NDArray[np.float32]


def round_tumour(ml: float, spacing_mm: float = SPACING_MM) -> Round:
    """A sphere of so many mL in the middle of a spherical brain, on cubic voxels."""
    brain_mm, radius_mm = ((volume * 1000 * 3 / 4 / np.pi) ** (1 / 3) for volume in (BRAIN_ML, ml))
    n = int(np.ceil(2 * (brain_mm + 3) / spacing_mm))
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = -(n - 1) / 2 * spacing_mm
    grid = Grid((n, n, n), affine)
    axis = (np.arange(n) - (n - 1) / 2) * spacing_mm
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij", sparse=True)
    distance = np.sqrt(x**2 + y**2 + z**2)
    share = np.clip((radius_mm - distance) / spacing_mm + 0.5, 0, 1).astype(np.float32)
    core = np.sqrt((x - 0.3 * radius_mm) ** 2 + y**2 + z**2) / radius_mm
    levels = np.where(core < 0.45, 18.0, np.where(core < 0.65, 16.5, 15.0))
    inside = share > 0
    return Round(
        grid,
        Structure("tumour", share, grid, "target", "a sphere"),
        distance < brain_mm,
        np.where(inside, np.float32(16), np.float32(0)),
        np.where(inside, levels, 0).astype(np.float32),
    )
