"""What surrounds the column: skin, fat, the muscles of the back and of the trunk, and the wall of the body."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from afterglow.records.grid import Grid
from afterglow.simulate.spine_column import LEVELS, Column
from afterglow.simulate.spine_frame import Canvas, Map, Places, ball, both, oval
from afterglow.simulate.warp import smooth_noise

Array = NDArray[np.float64]

_SKIN_MM = 2.0
_STREAK = 5.0  # fat between muscle fibres is so many times longer than thick
# How far the front of the body lies before the axis of the column, at levels; assumed, lying down.
_FRONT_MM = {"C1": 100.0, "C2": 98.0, "C3": 84.0, "C4": 62.0, "C6": 56.0, "T1": 58.0, "T2": 64.0, "T4": 96.0, "T6": 122.0, "T9": 138.0, "T12": 140.0, "L3": 130.0, "L5": 132.0, "S2": 138.0, "S4": 128.0, "Co": 110.0}  # fmt: skip
# How far the fat behind reaches beyond the spinous processes, at levels.
_BACK_FAT_MM = {
    "C1": 14.0,
    "C3": 9.0,
    "C6": 11.0,
    "T2": 13.0,
    "T8": 9.0,
    "L1": 12.0,
    "L4": 22.0,
    "S1": 26.0,
    "S4": 22.0,
    "Co": 30.0,
}


@dataclass(frozen=True, eq=False)
class Torso:
    """One person's outline: surfaces (n,) in front of and behind the axis of the column, by level, and how thick the fat is."""

    front_mm: Array
    back_mm: Array  # of the skin, positive backwards
    fascia_mm: Array  # where the muscles of the back end
    belly_fat_mm: float
    muscle_fat: float  # share of fat in the muscles of the back


def draw_torso(column: Column, rng: np.random.Generator, age_years: float) -> Torso:
    """A person's build: girth, fat, and muscles that turn fatty with age (assumed)."""
    stout = float(np.clip(rng.normal(1.0, 0.25), 0.55, 1.6))
    at = np.arange(len(LEVELS))
    front = _by_level(_FRONT_MM) * (1 + 0.10 * (stout - 1) * (at > LEVELS.index("T2")))
    tip = column.posterior_wall_mm() + column.canal_depth_mm + 4.0 + column.spinous_mm * np.cos(np.deg2rad(column.droop_deg))
    tip = np.maximum(gaussian_filter1d(tip, 1.2, mode="nearest"), tip - 3.0)
    fat = _by_level(_BACK_FAT_MM) * stout
    fatty = float(np.clip(0.04 + 0.0022 * age_years + rng.normal(0, 0.04), 0.04, 0.35))
    return Torso(front, tip + 2.0 + fat, tip + 2.0, 14.0 * stout, fatty)


def _by_level(values: dict[str, float]) -> Array:
    return np.interp(np.arange(len(LEVELS)), [LEVELS.index(name) for name in values], list(values.values()))


def paint_outside(canvas: Canvas, places: Places, trunk: Places, column: Column, torso: Torso) -> tuple[Map, Map]:
    """Air around the body, skin and the fat below it; returns how deep each voxel lies from the back and from the front."""
    round_back = 3.0 * np.sin(np.clip(np.abs(places.u) / 35.0, 0, 1.5)) ** 2 - 0.0012 * places.u**2
    behind = places.look_up(column, torso.back_mm) + places.v + round_back
    before = trunk.look_up(column, torso.front_mm) - trunk.v - 0.0040 * places.u**2
    head = ball(places.u, places.v - 8.0, places.s + 74.0, (76.0, 94.0, 92.0))
    skin = np.maximum(np.minimum(behind, before), -head)
    canvas.paint(places, places.cover(skin), {"air": 1.0})
    canvas.paint(places, places.cover(skin - _SKIN_MM), {"fibrous": 0.5, "muscle": 0.5})
    fascia = behind - places.look_up(column, torso.back_mm - torso.fascia_mm) + 0.6 * places.rough
    septa = np.clip(0.03 + 0.10 * np.abs(places.rough) * (np.abs(places.rough) < 0.5), 0, 1).astype(np.float32)
    fat = np.minimum(fascia, before - torso.belly_fat_mm + places.rough)
    canvas.paint(places, places.cover(fat.astype(np.float32)), {"fat": 1 - septa, "fibrous": septa})
    canvas.paint(places, places.cover((np.abs(fascia - 0.4) - 0.6).astype(np.float32)), {"fibrous": 1.0})
    return fascia.astype(np.float32), (before - np.float32(torso.belly_fat_mm)).astype(np.float32)


def muscle_texture(grid: Grid, torso: Torso, rng: np.random.Generator) -> Map:
    """Share of fat in muscle (n,): streaks along the fibres, which run along the column."""
    long = Grid(grid.shape, np.diag([*grid.spacing_mm[:2], grid.spacing_mm[2] / _STREAK, 1.0]))
    streaks = smooth_noise(rng, long, scale_mm=4.5)
    broad = smooth_noise(rng, grid, scale_mm=22.0)
    share = torso.muscle_fat * np.exp(0.8 * broad) + 0.5 * np.clip(streaks - 1.25 + 0.5 * broad, 0, 1)
    out: Map = np.clip(share, 0.01, 0.85).astype(np.float32).ravel()
    return out


def paint_back(canvas: Canvas, places: Places, column: Column, fascia: Map, fat: Map) -> None:
    """Ligaments between the spinous processes, the muscles beside them, and the planes of fat that part these."""
    rear = places.look_up(column, column.canal_centre_mm() - 0.25 * column.canal_depth_mm)
    loin = places.s > column.middle_mm[LEVELS.index("T12")]  # the quadratus lies beside the spine, not behind it
    aside = np.abs(places.u)  # and the lungs bulge backwards beside it
    rear = rear + np.where(loin, np.clip(0.5 * (aside - 24.0), 0, 12), -np.clip(0.3 * (aside - 18.0), 0, 10)).astype(np.float32)
    kept = (places.v < rear) & (fascia > -2)
    here, rear, fascia = places.where(kept), rear[kept], fascia[kept]
    across = np.abs(here.u)
    arch = here.look_up(column, column.canal_centre_mm() - 0.5 * column.canal_depth_mm)
    flavum = np.maximum(np.abs(here.v - arch + 1.7 - 0.10 * across) - 1.7, across - 9.0)
    canvas.paint(here, here.cover(flavum.astype(np.float32)), {"fibrous": 0.8, "fat": 0.2})
    between = np.clip(0.40 + 0.22 * here.rough, 0.05, 0.9).astype(np.float32)
    canvas.paint(
        here,
        here.cover((across - 2.2 + 0.5 * here.rough).astype(np.float32)),
        {"fat": between, "fibrous": 0.6 * (1 - between), "muscle": 0.4 * (1 - between)},
    )
    deep = arch - 5.0 - here.v  # behind the laminae
    plane = np.abs(across - 8.0 - 0.8 * np.clip(deep, 0, 40) - 1.2 * here.rough) - 0.5
    canvas.paint(here, 0.55 * here.cover(plane.astype(np.float32)), {"fat": 0.8, "fibrous": 0.2})
    neck = here.s < column.middle_mm[LEVELS.index("T2")]
    layers = np.abs((fascia % 9.0) - 4.5) - 0.5
    canvas.paint(here, 0.6 * here.cover(layers.astype(np.float32)) * neck, {"fat": 0.9, "fibrous": 0.1})
    share = fat[here.index]
    canvas.paint(here, here.cover(-1.5 - fascia), {"muscle": 1 - share, "fat": share})


def paint_beside(canvas: Canvas, places: Places, column: Column, fat: Map) -> None:
    """Psoas beside the lumbar bodies, the long and the oblique muscles of the neck, crura of the diaphragm."""
    kept = (places.v > -45) & (places.v < 60) & (canvas.left[places.index] > 0)
    places, fat = places.where(kept), fat[kept]
    across = np.abs(places.u)
    half = places.look_up(column, column.width_mm / 2)
    depth = places.look_up(column, column.depth_mm / 2)
    names = np.arange(len(LEVELS))
    grown = places.look_up(
        column, np.interp(names, [LEVELS.index("T12"), LEVELS.index("L3"), LEVELS.index("S2")], [0.0, 1.0, 0.9])
    )
    psoas = oval(
        across - half - 12 * grown, places.v + 6.0 - 14 * (grown > 0.97), np.maximum(14 * grown, 0.1), np.maximum(20 * grown, 0.1)
    )
    crus = oval(across - 9.0, places.v - depth - 2.0, 7.0, 2.6)
    top, low = column.place(LEVELS.index("T11")), column.place(LEVELS.index("L2"))
    crus = np.maximum(crus, np.maximum(top - places.s, places.s - low).astype(np.float32))
    neck_end = column.place(LEVELS.index("T2"))
    longus = np.maximum(oval(across - 8.0, places.v - depth - 2.2, 6.5, 2.8), (places.s - neck_end).astype(np.float32))
    side = both(np.abs(places.v + 2.0) - 17.0, (half + 9.0 - across).astype(np.float32), 3.0)
    side = np.maximum(side, (places.s - neck_end + 10.0).astype(np.float32))
    muscle = np.minimum.reduce([psoas, crus, longus, side.astype(np.float32)])
    cover = places.cover(muscle + 0.3 * places.rough)
    share = fat
    canvas.paint(
        places,
        np.where(grown > 0.02, cover, places.cover(np.minimum.reduce([crus, longus, side.astype(np.float32)]))),
        {"muscle": 1 - share, "fat": share},
    )
