"""The large vessels before the column: aorta with arch and iliac arteries, caval and azygos veins, vessels of the neck."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.spatial import cKDTree

from afterglow.simulate.spine_column import LEVELS, Column
from afterglow.simulate.spine_frame import Canvas, Places

Array = NDArray[np.float64]

# Mean diameters of descending thoracic, infrarenal and lower abdominal aorta, men and women, by CT: 25.8, 19.3, 18.7 and 23.1,
# 16.7, 16.0 mm (Rogers, Am J Cardiol 2013;111:1510, abstract); here their mean, and an assumed spread.
_AORTA_MM = {"T5": 25.0, "T9": 24.0, "T12": 22.5, "L2": 18.5, "L4": 17.3}
_SPREAD = 0.08
_FORK = 0.35  # the aorta forks so far below the middle of L4, in levels
_NODE_MM = 1.5


@dataclass(frozen=True, eq=False)
class Tube:
    """A vessel: places (n, 3) u, v, s of its axis and the radius there."""

    axis_mm: Array
    radius_mm: Array


@dataclass(frozen=True, eq=False)
class Vessels:
    """Arteries and veins of one person; the aorta is the first of the arteries."""

    arteries: tuple[Tube, ...]
    veins: tuple[Tube, ...]

    @property
    def aorta(self) -> Tube:
        return self.arteries[0]


def _level(name: str) -> int:
    return LEVELS.index(name)


def draw_vessels(column: Column, rng: np.random.Generator) -> Vessels:
    """Vessels of individual width and course."""
    size = float(np.clip(rng.normal(1.0, _SPREAD), 0.8, 1.2))
    shift_mm = float(rng.normal(0.0, 1.5))
    fork = _level("L4") + _FORK + float(rng.normal(0.0, 0.15))
    aorta, caval = _aorta(column, size, shift_mm, fork), _cava(column, fork)
    arch = _arch(column, aorta)
    azygos = _along(
        column, [("T4", 10.0, 3.0), ("T8", 5.0, 3.0), ("T12", 5.0, 2.5), ("L1", 6.0, 1.5)], [3.0, 2.8, 2.2, 1.6], gap=True
    )
    return Vessels(
        (aorta, arch, *_iliacs(column, aorta, fork), *_neck_arteries(column)),
        (caval, azygos, *_deep_veins(column, fork), *_neck_veins(column)),
    )


def paint_vessels(canvas: Canvas, places: Places, vessels: Vessels) -> None:
    """Blood, and around each large artery its wall."""
    for tube in vessels.arteries:
        _paint(canvas, places, tube, "artery")
    for tube in vessels.veins:
        _paint(canvas, places, tube, "vein")


def _paint(canvas: Canvas, places: Places, tube: Tube, blood: str) -> None:
    reach = float(tube.radius_mm.max()) + 3 + places.edge_mm
    low, high = (f(tube.axis_mm, axis=0) for f in (np.min, np.max))
    inside = [(x > a - reach) & (x < b + reach) for x, a, b in zip((places.u, places.v, places.s), low, high, strict=True)]
    here = places.where(inside[0] & inside[1] & inside[2])
    if here.u.size == 0:
        return
    tree = cKDTree(tube.axis_mm)
    found_at = tree.query(np.stack([here.u, here.v, here.s], axis=1), distance_upper_bound=reach)
    away, nearest = np.asarray(found_at[0]), np.asarray(found_at[1])
    found = np.isfinite(away)
    here, distance = here.where(found), (away[found] - tube.radius_mm[nearest[found]]).astype(np.float32)
    cover = here.cover(distance)
    canvas.paint(here, cover, {blood: 1.0})
    if blood == "artery" and tube.radius_mm.max() > 6:
        canvas.paint(here, here.cover(distance - 1.4), {"fibrous": 0.6, "muscle": 0.4})


def _tube(knots: Array, radii: Array) -> Tube:
    """A smooth tube through knots (n, 3), sampled finely."""
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    fine = np.linspace(0.0, lengths[-1], max(int(lengths[-1] / _NODE_MM), 4))
    return Tube(PchipInterpolator(lengths, knots)(fine), PchipInterpolator(lengths, radii)(fine))


def _along(column: Column, knots: list[tuple[str, float, float]], radii: list[float], *, gap: bool) -> Tube:
    """A vessel that follows the column: level, u, and v measured from the front of the body plus its own radius if `gap`."""
    rows = []
    for (name, u, v), radius in zip(knots, radii, strict=True):
        front = column.depth_mm[_level(name)] / 2 + radius if gap else 0.0
        rows.append((u, front + v, column.middle_mm[_level(name)]))
    return _tube(np.array(rows), np.array(radii))


def _aorta(column: Column, size: float, shift_mm: float, fork: float) -> Tube:
    """Left of the upper thoracic bodies, in front of the lumbar ones."""
    levels = np.array([_level(name) for name in ("T4", "T5", "T7", "T9", "T11", "T12", "L2", "L4")] + [fork])
    radii = size / 2 * np.interp(levels, [_level(name) for name in _AORTA_MM], list(_AORTA_MM.values()))
    across = np.interp(
        np.arange(len(LEVELS)),
        [_level("T4"), _level("T7"), _level("T10"), _level("T12"), _level("L2"), _level("L4")],
        [1.0, 0.85, 0.55, 0.34, 0.30, 0.16],
    )
    rows = []
    for level, radius in zip(levels, radii, strict=True):
        width, depth = (float(np.interp(level, np.arange(len(LEVELS)), x)) / 2 for x in (column.width_mm, column.depth_mm))
        gone = float(np.interp(level, np.arange(len(LEVELS)), across))
        turn = np.arcsin(gone)  # the axis lies on an oval one radius outside the body
        rows.append(
            (
                -(width + radius + 2.0) * np.sin(turn) + shift_mm * (1 - gone),
                (depth + radius + 2.0) * np.cos(turn),
                column.place(level),
            )
        )
    return _tube(np.array(rows), radii)


def _arch(column: Column, aorta: Tube) -> Tube:
    """From the top of the descending aorta over the arch to the left ventricle's outlet."""
    u, v, s = aorta.axis_mm[0]
    radius = float(aorta.radius_mm[0])
    rows = [
        (u, v, s),
        (u + 1, v + 8, s - 17),
        (u + 8, v + 26, s - 27),
        (u + 19, v + 46, s - 20),
        (u + 27, v + 57, s),
        (u + 27, v + 60, s + 30),
        (u + 18, v + 64, s + 55),
    ]
    return _tube(np.array(rows), radius * np.array([1.0, 1.03, 1.08, 1.15, 1.25, 1.28, 1.2]))


def _iliacs(column: Column, aorta: Tube, fork: float) -> tuple[Tube, ...]:
    u, v, _ = aorta.axis_mm[-1]
    out = []
    for side in (-1.0, 1.0):
        rows = [(u + 2.5 * side, v, column.place(fork) - 3.0)]
        rows += [
            (u + 14 * side, v - 1.0, column.place(_level("L5") - 0.1)),
            (26 * side, v + 1.0, column.place(_level("L5") + 0.6)),
        ]
        rows += [(38 * side, v + 6.0, column.place(_level("S1") + 0.3)), (47 * side, v + 14.0, column.place(_level("S2")))]
        out.append(_tube(np.array(rows), np.array([6.0, 5.6, 5.2, 4.6, 4.2])))
    return tuple(out)


def _cava(column: Column, fork: float) -> Tube:
    """Right of the aorta; above L2 it moves forward through the liver to the heart."""
    rows = [
        (17.0, 0.5 * column.depth_mm[_level(name)] + gap, column.middle_mm[_level(name)])
        for name, gap in (("T9", 46.0), ("T11", 30.0), ("L1", 17.0), ("L3", 11.0))
    ]
    rows.append((14.0, 0.5 * column.depth_mm[_level("L4")] + 9.0, column.place(fork + 0.3)))
    return _tube(np.array(rows), np.array([12.0, 11.5, 11.0, 10.0, 9.0]))


def _deep_veins(column: Column, fork: float) -> tuple[Tube, ...]:
    """Common iliac veins, behind the arteries."""
    out = []
    front = 0.5 * float(column.depth_mm[_level("L5")])
    for side, start in ((-1.0, 10.0), (1.0, 14.0)):
        rows = [(start, front + 8.0, column.place(fork + 0.35)), (side * 16 + 4, front + 5.0, column.place(_level("L5") + 0.3))]
        rows += [(side * 32, front + 4.0, column.place(_level("S1") + 0.2)), (side * 44, front + 6.0, column.place(_level("S2")))]
        out.append(_tube(np.array(rows), np.array([6.5, 6.5, 6.0, 5.5])))
    return tuple(out)


def _neck_arteries(column: Column) -> tuple[Tube, ...]:
    out = []
    for side in (-1.0, 1.0):
        low = ("T3", side * 11.0 - 3.0, 22.0)
        carotid = [
            ("C2", side * 26.0, 12.0),
            ("C4", side * 26.0, 13.0),
            ("C6", side * 23.0, 15.0),
            ("T1", side * 17.0, 16.0),
            low,
        ]
        out.append(_along(column, carotid, [2.6, 3.4, 3.4, 3.6, 4.4], gap=False))
        vertebral = [
            ("C1", side * 19.0, -6.0),
            ("C2", side * 17.0, -3.0),
            ("C4", side * 15.5, -1.0),
            ("C6", side * 15.5, 0.0),
            ("C7", side * 17.0, 8.0),
        ]
        out.append(_along(column, vertebral, [1.8, 1.8, 1.8, 1.8, 1.9], gap=False))
    return tuple(out)


def _neck_veins(column: Column) -> tuple[Tube, ...]:
    out = []
    for side in (-1.0, 1.0):
        jugular = [("C2", side * 32.0, 6.0), ("C4", side * 34.0, 14.0), ("C7", side * 31.0, 20.0), ("T2", side * 22.0, 34.0)]
        out.append(_along(column, jugular, [4.0, 5.0, 6.0, 6.5], gap=False))
    out.append(_along(column, [("T2", 20.0, 42.0), ("T4", 24.0, 44.0), ("T7", 24.0, 52.0)], [7.0, 9.0, 10.0], gap=False))
    return tuple(out)
