"""Which white matter to compare a lesion with: that of the other hemisphere at its level, or all of it where there is no other side."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from afterglow.lesions.reference import Limits
from afterglow.records.errors import MissingInput
from afterglow.records.grid import Grid

Mask = NDArray[np.bool_]

_MIDLINE_MM = 5.0  # kept clear on either side of the plane: it is found to a millimetre or two, and the hemispheres are not equal
_BOTH_SIDES = 0.1  # share of the lesions beyond the midline from which there is no healthy side
_ISLAND_ML = 0.1  # pieces smaller than that are left out: they are mostly border
_VESSEL_MAD = 5.0  # deviations above the median peak of white matter; noise alone reaches that in one voxel of two million


@dataclass(frozen=True, eq=False)
class FoundTissue:
    """A region of white matter (i, j, k), which kind it is, and named numbers of it."""

    mask: Mask
    kind: Literal["contralateral white matter", "whole-brain white matter"]
    numbers: tuple[tuple[str, float], ...]


def beyond_midline(lesion: Mask, grid: Grid, reflection: NDArray[np.float64]) -> float:
    """Share of the lesion's voxels on the side of the midline that holds fewer of them; 0.5 for none at all."""
    sides = side_mm(grid.to_mm(np.argwhere(lesion).astype(np.float64)), reflection) > 0
    return 0.5 if sides.size == 0 else float(min(sides.mean(), 1 - sides.mean()))


def other_side(white: Mask, lesion: Mask, grid: Grid, reflection: NDArray[np.float64], limits: Limits) -> FoundTissue:
    """White matter of the other hemisphere, the voxels nearest to the mirrored lesion, up to the largest volume.

    white, lesion (i, j, k); `reflection` (4, 4) takes a point in RAS mm to its mirror point. MissingInput where the lesions lie on both
    sides, or where less than the smallest volume is left.
    """
    if not lesion.any():
        raise MissingInput("the lesion fills no voxel of the series, so that it has no other side")
    share = beyond_midline(lesion, grid, reflection)
    if share >= _BOTH_SIDES:
        raise MissingInput(f"{100 * share:.0f} % of the lesions lie beyond the midline, so that no side is healthy")
    away_mm = ndimage.distance_transform_edt(~lesion, sampling=grid.spacing_mm)
    at = np.argwhere(white & (away_mm >= limits.away_mm))
    points = grid.to_mm(at.astype(np.float64))
    lesion_side = np.median(side_mm(grid.to_mm(np.argwhere(lesion).astype(np.float64)), reflection))
    opposite = -np.sign(lesion_side) * side_mm(points, reflection) >= _MIDLINE_MM
    at, points = at[opposite], points[opposite]
    mirrored = grid.to_index(points @ reflection[:3, :3].T + reflection[:3, 3])
    # A mirror keeps distances: from the mirrored lesion to a voxel is as far as from the lesion to the voxel's mirror point.
    from_mirrored_mm = ndimage.map_coordinates(away_mm, mirrored.T, order=1, mode="nearest")
    nearest = np.argsort(from_mirrored_mm, kind="stable")[: int(limits.most_ml / grid.voxel_ml)]
    mask = _without_islands(_filled(white.shape, at[nearest]), grid)
    _require(mask, grid, limits, "of the other hemisphere")
    kept_mm = from_mirrored_mm[nearest][mask[tuple(at[nearest].T)]]
    numbers = (("beyond_midline", share), ("from_mirrored_mm", float(np.median(kept_mm))))
    return FoundTissue(mask, "contralateral white matter", numbers)


def whole_brain(white: Mask, lesion: Mask, grid: Grid, limits: Limits) -> FoundTissue:
    """All white matter far enough from every lesion. MissingInput where less than the smallest volume is left."""
    away_mm = ndimage.distance_transform_edt(~lesion, sampling=grid.spacing_mm) if lesion.any() else np.inf
    mask = _without_islands(white & (away_mm >= limits.away_mm), grid)
    _require(mask, grid, limits, "of the brain")
    return FoundTissue(mask, "whole-brain white matter", ())


def without_vessels(white: Mask, peak: NDArray[np.float32]) -> Mask:
    """White matter less the voxels whose peak of contrast (i, j, k) stands out from the rest, and those that have none."""
    known = white & np.isfinite(peak)
    if not known.any():
        return known
    middle = float(np.median(peak[known]))
    spread = 1.4826 * float(np.median(np.abs(peak[known] - middle)))
    quiet: Mask = known & (np.nan_to_num(peak, nan=np.inf) <= middle + _VESSEL_MAD * spread)
    return quiet


def plane_of(reflection: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Normal (3,) and offset in mm of the plane of a reflection (4, 4): the points p with normal . p = offset."""
    normal = np.linalg.eigh((reflection[:3, :3] + reflection[:3, :3].T) / 2)[1][:, 0]  # the direction that is reversed
    return normal, float(reflection[:3, 3] @ normal / 2)


def side_mm(points: NDArray[np.float64], reflection: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far points (n, 3) in RAS mm lie on one side of the plane (positive) or the other (n,)."""
    normal, offset_mm = plane_of(reflection)
    out: NDArray[np.float64] = points @ normal - offset_mm
    return out


def halves_apart_mm(brain: Mask, grid: Grid, reflection: NDArray[np.float64]) -> float:
    """How far the plane lies from the one beside it that halves the brain: an own check of a plane found by registration."""
    return abs(float(np.median(side_mm(grid.to_mm(np.argwhere(brain).astype(np.float64)), reflection))))


def _filled(shape: tuple[int, ...], at: NDArray[np.intp]) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(at.T)] = True
    return mask


def _without_islands(mask: Mask, grid: Grid) -> Mask:
    """Pieces too small to be told from their surroundings are left out."""
    pieces, _ = ndimage.label(mask)
    large = np.bincount(pieces.ravel()) * grid.voxel_ml >= _ISLAND_ML
    large[0] = False
    kept: Mask = large[pieces]
    return kept


def _require(mask: Mask, grid: Grid, limits: Limits, where: str) -> None:
    found_ml = np.count_nonzero(mask) * grid.voxel_ml
    if found_ml < limits.least_ml:
        raise MissingInput(
            f"{found_ml:.1f} mL of white matter {where} lie {limits.away_mm:g} mm and more from any lesion, fewer than {limits.least_ml:g} mL"
        )
