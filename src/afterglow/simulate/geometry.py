"""Where the slices of a simulated visit lie, and how the body lies in the scanner."""

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid
from afterglow.simulate.subject import Field
from afterglow.simulate.warp import rigid

Matrix = NDArray[np.float64]
Triple = tuple[float, float, float]

_FIRST = (3.0, 2.5)  # mm and degrees between the body's own axes and the scanner's
_BETWEEN = (0.7, 0.5)  # from series to series, times the patient's motion


def lie_down(roles: tuple[str, ...], field: Field, motion: float, rng: np.random.Generator) -> dict[str, Matrix]:
    """How the body lies at each series, (4, 4) from scanner mm to the body's mm: a pose for the visit, and small changes from series to series."""

    def small(shift_mm: float, turn_deg: float) -> Matrix:
        return rigid(rng.normal(0, shift_mm, 3), rng.normal(0, turn_deg, 3), centre_mm=field.turn_centre_mm)

    first = small(*_FIRST)
    return {role: first @ small(_BETWEEN[0] * motion, _BETWEEN[1] * motion) for role in roles}


def series_grid(
    plane: str, voxel_mm: Triple, slices: int | None, extent_mm: Triple, centre_mm: Matrix, tilt_deg: float = 0.0
) -> Grid:
    """The voxels of a series: axial from right to left, or sagittal from back to front and foot to head, slices to the left.

    `voxel_mm` is in the plane twice, then along the slices. `extent_mm` is right-left, back-front, foot-head; where `slices` is
    None they fill it.
    """
    right, front, head = extent_mm
    if plane == "sagittal":
        along, turn = (front, head, right), np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    else:
        along, turn = (right, front, head), np.diag([-1.0, 1.0, 1.0])
    tilt = rigid(np.zeros(3), np.array([tilt_deg, 0.0, 0.0]), centre_mm=np.zeros(3))[:3, :3]
    shape = tuple(max(2, int(np.ceil(extent / step - 1e-6))) for extent, step in zip(along, voxel_mm, strict=True))
    i, j, k = shape[0], shape[1], shape[2] if slices is None else slices
    affine = np.eye(4)
    affine[:3, :3] = tilt @ turn @ np.diag(voxel_mm)
    affine[:3, 3] = centre_mm - affine[:3, :3] @ ((np.array([i, j, k]) - 1) / 2)
    return Grid((i, j, k), affine)


def interleaved_s(slices: int, tr_s: float) -> tuple[float, ...]:
    """When each slice of a 2D series is excited after the start of its volume: every other one first, then those between."""
    order = [*range(0, slices, 2), *range(1, slices, 2)]
    times = np.empty(slices)
    times[order] = np.arange(slices) * tr_s / slices
    return tuple(float(round(t, 6)) for t in times)
