"""Where the voxels are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.records.locking import locked

AFFINE_TOLERANCE_MM = 1e-3  # NIfTI stores affines as float32; two grids closer than this are one


@dataclass(frozen=True, eq=False)
class Grid:
    """Shape (i, j, k) and the affine that takes a voxel index to RAS millimetres."""

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]  # (4, 4)

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ValueError(f"a grid has three positive sizes, not {self.shape}")
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise ValueError("a grid's affine is a finite 4 x 4 matrix")
        if abs(np.linalg.det(affine[:3, :3])) < 1e-9:
            raise ValueError("the affine is singular: it puts different voxels in one place")
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        object.__setattr__(self, "affine", locked(affine))

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along i, j, k."""
        a, b, c = (float(v) for v in np.linalg.norm(self.affine[:3, :3], axis=0))
        return a, b, c

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    def to_mm(self, index: NDArray[np.float64]) -> NDArray[np.float64]:
        """Voxel indices (..., 3) -> RAS mm (..., 3)."""
        moved: NDArray[np.float64] = index @ self.affine[:3, :3].T + self.affine[:3, 3]
        return moved

    def to_index(self, point_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """RAS mm (..., 3) -> voxel indices (..., 3)."""
        inverse = np.linalg.inv(self.affine)
        index: NDArray[np.float64] = point_mm @ inverse[:3, :3].T + inverse[:3, 3]
        return index

    def same_as(self, other: "Grid") -> bool:
        """Same shape, and every voxel within a thousandth of a millimetre."""
        return self.shape == other.shape and bool(np.allclose(self.affine, other.affine, rtol=0, atol=AFFINE_TOLERANCE_MM))

    def __str__(self) -> str:
        i, j, k = self.shape
        a, b, c = self.spacing_mm
        return f"{i} x {j} x {k} voxels of {a:.3g} x {b:.3g} x {c:.3g} mm"
