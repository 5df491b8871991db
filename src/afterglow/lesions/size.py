"""How large a lesion is: volume, longest diameter and largest bidimensional product in the axial plane."""

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.calipers import calipers
from afterglow.lesions.measure import Labels
from afterglow.records.grid import Grid
from afterglow.records.lesion import Lesion
from afterglow.records.measurement import Measurement
from afterglow.records.quantity import QUANTITIES


def sizes(lesion: Lesion, *, labels: Labels) -> tuple[Measurement, ...]:
    """Volume (mL), longest axial diameter (mm) and largest product of perpendicular axial diameters (mm2) of a lesion."""
    longest, product = axial_diameters(lesion.mask, lesion.grid)
    values = {"volume": lesion.volume_ml, "longest_diameter": longest, "bidimensional_product": product}
    return tuple(
        Measurement(
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
        for name, value in values.items()
    )


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
