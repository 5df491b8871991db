"""The vessels that carry the arterial and the venous curve: smooth tubes along template positions (RAS mm)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline
from scipy.spatial import cKDTree

from afterglow.records.grid import Grid
from afterglow.simulate.envelope import Hull

Map = NDArray[np.float32]
Points = NDArray[np.float32]

_STEP_MM = 0.4
_WARP_MARGIN_MM = 22.0  # how far the individual deformation may carry a vessel away from its template position


@dataclass(frozen=True)
class Tube:
    """A vessel's course and its radius at each named point. `mirrored` adds its twin on the other side."""

    name: str
    blood: str  # artery or vein
    course_mm: tuple[tuple[float, float, float], ...]
    radius_mm: tuple[float, ...]
    mirrored: bool = False
    hugs_skull: bool = False  # a dural sinus: pushed out to the inner table wherever the hull lies


# Positions read off the cisterns of the template; calibres are those of textbooks, rounded: assumed.
TUBES: tuple[Tube, ...] = (
    Tube(
        "internal carotid", "artery",
        ((28, -22, -72), (27, -20, -58), (25, -19, -48), (20, -12, -42), (13, -6, -38), (12, 2, -36), (12.5, 9, -34), (12, 11, -28),
         (12, 7, -23), (13, 4, -18)),
        (2.6, 2.6, 2.6, 2.6, 2.6, 2.6, 2.6, 2.5, 2.4, 2.2), mirrored=True,
    ),
    Tube(
        "middle cerebral, M1 and M2", "artery",
        ((13, 4, -17), (20, 6, -17), (28, 5, -18), (35, 3, -17), (40, 2, -12), (42, -2, -4), (43, -10, 4), (45, -22, 12), (48, -32, 20)),
        (1.9, 1.7, 1.6, 1.5, 1.3, 1.1, 1.0, 0.8, 0.6), mirrored=True,
    ),
    Tube("middle cerebral, upper M2", "artery", ((38, 2, -15), (41, 8, -8), (43, 14, 2), (45, 16, 12)), (1.2, 1.1, 0.9, 0.6), mirrored=True),
    Tube(
        "anterior cerebral", "artery",
        ((13, 4, -17), (8, 9, -16), (3, 14, -15), (2, 24, -12), (2, 35, -4), (2, 40, 6), (2, 34, 18), (2, 24, 27), (2, 8, 34), (2, -10, 37)),
        (1.5, 1.4, 1.3, 1.2, 1.2, 1.1, 1.1, 1.0, 0.8, 0.6), mirrored=True,
    ),
    Tube("vertebral", "artery", ((9, -38, -72), (7, -33, -64), (4, -29, -56), (0, -25, -50)), (1.8, 1.8, 1.7, 1.8), mirrored=True),
    Tube("basilar", "artery", ((0, -25, -50), (0, -19, -43), (0, -14, -36), (0, -12, -28), (0, -11, -19)), (1.9, 1.9, 1.8, 1.8, 1.6)),
    Tube(
        "posterior cerebral", "artery",
        ((0, -11, -19), (9, -13, -17), (17, -20, -15), (21, -29, -10), (16, -40, -4), (13, -55, 2), (11, -70, 6)),
        (1.3, 1.2, 1.2, 1.1, 1.0, 0.8, 0.6), mirrored=True,
    ),
    Tube(
        "superior sagittal sinus", "vein",
        ((0, 62, 28), (0, 50, 48), (0, 30, 64), (0, 5, 74), (0, -20, 80), (0, -48, 76), (0, -72, 62), (0, -92, 40), (0, -103, 16),
         (0, -104, -4)),
        (1.2, 1.6, 2.0, 2.5, 2.9, 3.2, 3.5, 3.8, 4.0, 4.0), hugs_skull=True,
    ),
    Tube(
        "transverse and sigmoid sinus", "vein",
        ((0, -104, -6), (18, -100, -14), (36, -90, -20), (50, -74, -26), (58, -56, -32), (56, -42, -42), (48, -36, -54), (40, -34, -66)),
        (4.0, 3.6, 3.4, 3.4, 3.4, 3.4, 3.4, 3.2), mirrored=True, hugs_skull=True,
    ),
    Tube("internal cerebral vein and vein of Galen", "vein", ((2, -2, 14), (2, -18, 15), (2, -32, 12), (0, -41, 8)), (0.8, 0.9, 1.0, 1.8), mirrored=True),
    Tube("straight sinus", "vein", ((0, -41, 8), (0, -54, 4), (0, -72, -2), (0, -92, -6), (0, -102, -6)), (1.9, 2.0, 2.1, 2.3, 2.6)),
)  # fmt: skip


def draw_vessels(points: Points, grid: Grid, hull: Hull) -> dict[str, Map]:
    """Fractions (i, j, k) of artery and vein; `points` (3, i, j, k) are the template points of the grid's voxels."""
    out = {"artery": np.zeros(grid.shape, np.float32), "vein": np.zeros(grid.shape, np.float32)}
    for tube in TUBES:
        course = np.array(tube.course_mm, dtype=np.float64)
        sides = (course, course * np.array([-1.0, 1.0, 1.0])) if tube.mirrored else (course,)
        for side in sides:
            _draw(out[tube.blood], points, grid, _smooth(side, np.array(tube.radius_mm)), hull if tube.hugs_skull else None)
    return out


def _smooth(course: NDArray[np.float64], radius: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (n, 4) every `_STEP_MM` on a spline through the course: x, y, z, radius."""
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(course, axis=0), axis=1))])
    spline = make_interp_spline(length, np.column_stack([course, radius]), k=min(3, len(course) - 1))
    dense: NDArray[np.float64] = spline(np.arange(0.0, length[-1], _STEP_MM))
    return dense


def _onto_skull(dense: NDArray[np.float64], hull: Hull) -> NDArray[np.float64]:
    """Move each point along the hull's normal until the tube just touches the inner table from within."""
    moved = dense.copy()
    for _ in range(4):
        place = moved[:, :3]
        here = hull.at(place.T.astype(np.float32)).astype(np.float64)
        slope = np.stack(
            [
                (hull.at((place + 2.0 * unit).T.astype(np.float32)) - hull.at((place - 2.0 * unit).T.astype(np.float32))) / 4.0
                for unit in np.eye(3)
            ],
            axis=1,
        ).astype(np.float64)
        slope /= np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 0.3)
        moved[:, :3] += (2.6 - 0.4 * moved[:, 3] - here)[:, None] * slope
    return moved


def _draw(out: Map, points: Points, grid: Grid, dense: NDArray[np.float64], hull: Hull | None) -> None:
    if hull is not None:
        dense = _onto_skull(dense, hull)
    low = grid.to_index(dense[:, :3].min(axis=0) - _WARP_MARGIN_MM)
    high = grid.to_index(dense[:, :3].max(axis=0) + _WARP_MARGIN_MM)
    box = tuple(slice(max(int(a), 0), max(int(b) + 1, 0)) for a, b in zip(low, high, strict=True))
    inside = points[(slice(None), *box)]
    reach = float(dense[:, 3].max()) + grid.spacing_mm[0]
    margin = np.array([dense[:, a].min() - reach for a in range(3)]), np.array([dense[:, a].max() + reach for a in range(3)])
    near = np.logical_and.reduce([(inside[a] > margin[0][a]) & (inside[a] < margin[1][a]) for a in range(3)])
    distance, index = cKDTree(dense[:, :3]).query(inside[:, near].T, distance_upper_bound=reach)
    radius = dense[np.minimum(index, len(dense) - 1), 3]
    share = np.clip((radius - distance) / grid.spacing_mm[0] + 0.5, 0.0, 1.0)
    view = out[box]
    view[near] = np.maximum(view[near], share.astype(np.float32))
