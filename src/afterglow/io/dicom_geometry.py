"""Where slices lie: from an index -> RAS affine to DICOM's directions and positions in LPS."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid

_RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])
_SHOWN = np.array([1.0, 1.0, -1.0])  # columns and rows run to the left, to the back and to the feet, as scanners show them
_RIGHT_ANGLE = 1e-4  # cosine; DICOM's images have right angles
Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Planes:
    """The slices of a grid as DICOM describes them: slice k of the grid is slice k here, rows and columns may be reversed."""

    flip_i: bool
    flip_j: bool
    along_row: Vector  # (3,) LPS unit vector of increasing column index
    along_column: Vector  # (3,) of increasing row index
    along_slices: Vector  # (3,) of increasing k; may run against the cross product of the other two
    spacing_mm: tuple[float, float, float]  # between columns, rows, slices
    positions_mm: Vector  # (k, 3) LPS centre of the first pixel of each slice

    @property
    def orientation(self) -> tuple[float, ...]:
        """ImageOrientationPatient."""
        return (*self.along_row.tolist(), *self.along_column.tolist())

    def pixels(self, volume: NDArray[np.int16]) -> NDArray[np.int16]:
        """Voxels (i, j, k) -> pixels (k, rows, columns)."""
        turned = volume[:: -1 if self.flip_i else 1, :: -1 if self.flip_j else 1]
        return np.ascontiguousarray(turned.transpose(2, 1, 0))


def planes(grid: Grid) -> Planes:
    """Directions, spacings and positions. ValueError where the axes of the grid are not at right angles."""
    spacing = np.array(grid.spacing_mm)
    axes = _RAS_TO_LPS[:, None] * grid.affine[:3, :3] / spacing
    skew = float(np.abs(axes.T @ axes - np.eye(3)).max())
    if skew > _RIGHT_ANGLE:
        raise ValueError(f"the axes of the grid are off a right angle by {skew:.2g}; DICOM cannot hold that, resample the image")
    flip_i, flip_j = _against(axes[:, 0]), _against(axes[:, 1])
    first = np.array([grid.shape[0] - 1 if flip_i else 0, grid.shape[1] - 1 if flip_j else 0, 0], dtype=np.float64)
    index = first + np.arange(grid.shape[2])[:, None] * np.array([0.0, 0.0, 1.0])
    row, column = axes[:, 0] * (-1 if flip_i else 1), axes[:, 1] * (-1 if flip_j else 1)
    width, height, depth = grid.spacing_mm
    positions = grid.to_mm(index) * _RAS_TO_LPS
    return Planes(flip_i, flip_j, row, column, axes[:, 2], (width, height, depth), positions)


def _against(axis: Vector) -> bool:
    main = int(np.argmax(np.abs(axis)))
    return bool(axis[main] * _SHOWN[main] < 0)
