"""How large a lesion is: volume, diameters and bidimensional product in the axial plane and in space, extent outside the bone."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from afterglow.kernels.calipers import calipers, calipers_in_space
from afterglow.lesions.border import BORDER_SHARE, border_sd_mm, volume_interval_ml
from afterglow.lesions.measure import Labels
from afterglow.records.errors import GridMismatch
from afterglow.records.grid import Grid
from afterglow.records.lesion import Lesion
from afterglow.records.measurement import Measurement
from afterglow.records.quantity import QUANTITIES


def sizes(lesion: Lesion, *, labels: Labels) -> tuple[Measurement, ...]:
    """Volume (mL), longest axial diameter (mm) and largest product of perpendicular axial diameters (mm2) of a lesion.

    Each with the interval that its border leaves open: half a voxel (1 SD), as for every other number of a region.
    """
    longest, product = axial_diameters(lesion.mask, lesion.grid)
    values = {"volume": lesion.volume_ml, "longest_diameter": longest, "bidimensional_product": product}
    ends = {"volume": volume_interval_ml(lesion.mask, lesion.grid), **_diameter_ends(lesion.grid, longest, product)}
    kind = f"95 %: outline (border ±{border_sd_mm(lesion.grid, None):.1f} mm)"
    kinds = {"volume": kind, **dict.fromkeys(("longest_diameter", "bidimensional_product"), _axial_kind(lesion.grid))}
    return tuple(
        replace(_size(lesion, name, value, labels), ci_low=found[0], ci_high=found[1], ci_kind=kinds[name])
        if value is not None and (found := ends[name]) is not None
        else _size(lesion, name, value, labels)
        for name, value in values.items()
    )


def _diameter_ends(grid: Grid, longest: float | None, product: float | None) -> dict[str, tuple[float, float] | None]:
    """95 % of diameter and product where both ends of both diameters err by the border of the axial plane, each on its own."""
    if not longest or not product:
        return {"longest_diameter": None, "bidimensional_product": None}
    half = 1.96 * math.sqrt(2) * _axial_sd_mm(grid)
    across = product / longest
    of_product = half * math.hypot(longest, across)
    return {
        "longest_diameter": (max(0.0, longest - half), longest + half),
        "bidimensional_product": (max(0.0, product - of_product), product + of_product),
    }


def _axial_sd_mm(grid: Grid) -> float:
    """Half a voxel in the axial plane, where sagittal slices are thick."""
    axis = int(np.argmax(np.abs(grid.affine[2, :3])))
    edges = [edge for n, edge in enumerate(grid.spacing_mm) if n != axis]
    return BORDER_SHARE * float(np.sqrt(np.mean(np.square(edges))))


def _axial_kind(grid: Grid) -> str:
    return f"95 %: outline (border ±{_axial_sd_mm(grid):.1f} mm in the axial plane)"


def sizes_in_space(lesion: Lesion, *, labels: Labels, bone: NDArray[np.bool_] | None = None) -> tuple[Measurement, ...]:
    """Longest diameter in any direction (mm) and its product with the longest one across it (mm2).

    With `bone` (i, j, k), the vertebra on the lesion's grid, also the extent outside it along the body's three axes (mm).
    """
    longest, product = spatial_diameters(lesion.mask, lesion.grid)
    values = {"longest_diameter_3d": longest, "product_3d": product}
    if bone is not None:
        lr, ap, si = extraosseous_extent(lesion.mask, bone, lesion.grid)
        values |= {"extraosseous_ap": ap, "extraosseous_lr": lr, "extraosseous_si": si}
    return tuple(_size(lesion, name, value, labels) for name, value in values.items())


def _size(lesion: Lesion, name: str, value: float | None, labels: Labels) -> Measurement:
    return Measurement(
        labels.participant_id,
        labels.session_id,
        labels.day,
        lesion.lesion_id,
        "lesion",
        name,
        "value",
        value,
        QUANTITIES[name].unit,
        None,
        None,
        "",
        lesion.n_voxels,
        lesion.volume_ml,
        "",
        None,
        labels.space,
        labels.method,
        labels.run_id,
        () if value is not None else ("lesion: nothing to measure",),
    )


def spatial_diameters(mask: NDArray[np.bool_], grid: Grid) -> tuple[float | None, float | None]:
    """Longest diameter in any direction in mm, and its product with the longest one across it in mm2; None where empty.

    Voxels count with their corners, as in the axial plane.
    """
    if not mask.any():
        return None, None
    surface = mask & ~ndimage.binary_erosion(mask)
    half = np.array([[a, b, c] for a in (-0.5, 0.5) for b in (-0.5, 0.5) for c in (-0.5, 0.5)])
    corners = np.argwhere(surface)[:, None, :] + half[None]
    length, across = calipers_in_space(grid.to_mm(np.unique(corners.reshape(-1, 3), axis=0)))
    return length, length * across


def extraosseous_extent(
    mask: NDArray[np.bool_], bone: NDArray[np.bool_], grid: Grid
) -> tuple[float | None, float | None, float | None]:
    """Extent in mm of the lesion outside the bone along left-right, front-back and head-foot; 0 where it stays inside.

    None for an empty lesion. GridMismatch where the bone lies on other voxels.
    """
    if bone.shape != mask.shape:
        raise GridMismatch(f"the mask of the bone is {bone.shape} but the lesion's is {mask.shape}; resample it first")
    if not mask.any():
        return None, None, None
    outside = mask & ~bone
    if not outside.any():
        return 0.0, 0.0, 0.0
    points = grid.to_mm(np.argwhere(outside).astype(np.float64))
    voxel = np.abs(grid.affine[:3, :3]).sum(axis=1)
    lr, ap, si = (float(v) for v in points.max(axis=0) - points.min(axis=0) + voxel)
    return lr, ap, si


def axial_diameters(mask: NDArray[np.bool_], grid: Grid) -> tuple[float | None, float | None]:
    """Longest diameter in mm, and the largest product of it with the widest extent across it in mm2, over axial planes.

    Planes are those of patient space (constant z), one for each spacing of the axis nearest to z; voxels count with their
    corners, so a single voxel has a size. None for an empty mask.
    """
    if not mask.any():
        return None, None
    points = grid.to_mm(np.argwhere(mask).astype(np.float64))
    axis = int(np.argmax(np.abs(grid.affine[2, :3])))
    thickness = float(np.abs(grid.affine[2, axis])) or max(grid.spacing_mm)
    plane = np.round((points[:, 2] - points[:, 2].min()) / thickness).astype(int)
    corners = _in_plane_corners(grid)
    best_length, best_product = 0.0, 0.0
    for index in np.unique(plane):
        outline = (points[plane == index, None, :2] + corners[None]).reshape(-1, 2)
        length, width = calipers(outline)
        best_length, best_product = max(best_length, length), max(best_product, length * width)
    return best_length, best_product


def _in_plane_corners(grid: Grid) -> NDArray[np.float64]:
    half = np.array([[a, b, c] for a in (-0.5, 0.5) for b in (-0.5, 0.5) for c in (-0.5, 0.5)])
    offsets: NDArray[np.float64] = (half @ grid.affine[:3, :3].T)[:, :2]
    return offsets
