"""A digital spine: one person's column with all that surrounds it, as shares of tissue on a grid about a chosen vertebra.

No template of the spine is openly licensed and complete, so the anatomy is drawn from its parts: sizes by level, a curve on which
they are threaded, and a smooth deformation. It is made to look and enhance like a sagittal field of view, not to be measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid
from afterglow.records.locking import locked
from afterglow.simulate.spine_bones import draw_marrow, paint_bones
from afterglow.simulate.spine_canal import paint_canal, paint_exits
from afterglow.simulate.spine_column import LEVELS, Column, level_index, make_column
from afterglow.simulate.spine_frame import Canvas, Map, place_voxels, trunk_places
from afterglow.simulate.spine_organs import paint_belly, paint_chest, paint_neck, paint_wall
from afterglow.simulate.spine_torso import draw_torso, muscle_texture, paint_back, paint_beside, paint_outside
from afterglow.simulate.spine_vessels import Vessels, draw_vessels, paint_vessels
from afterglow.simulate.warp import smooth_noise

_LOOPS_MM = 15.0
_FIELD_MM = (100.0, 250.0, 340.0)  # right to left, back to front, head to foot: wider than the 60 by 320 mm of the paper's slabs
_ABOVE_MM, _BELOW_MM = 38.0, 24.0  # the field ends so far above the dens and below the coccyx
_AIR_MM = 14.0  # behind the skin
_TEXTURE_MM, _TEXTURE_SIGMA = 8.0, 0.18  # perfusion of healthy tissue from place to place; assumed


@dataclass(frozen=True, eq=False)
class Spine:
    """One person's spine about a level. Shares (i, j, k) by tissue sum to at most 1; the rest is air. The world's origin is the
    middle of the field.
    """

    grid: Grid
    level: str
    fractions: Mapping[str, Map]
    texture: Map  # of perfusion, mean 1
    vertebra: NDArray[np.uint8]  # (i, j, k) 1 + place in LEVELS of the vertebra a voxel belongs to, 0 outside bone
    body: NDArray[np.uint8]  # the same inside a body, away from cortex, end plates and basivertebral vein
    column: Column
    vessels: Vessels
    origin_mm: NDArray[np.float64]  # (3,) the field's middle in the column's own world
    conus_mm: float  # s of the tip of the cord

    def __post_init__(self) -> None:
        for name in ("texture", "vertebra", "body", "origin_mm"):
            object.__setattr__(self, name, locked(getattr(self, name)))
        object.__setattr__(self, "fractions", {name: locked(part) for name, part in self.fractions.items()})

    def bone_of(self, level: str) -> NDArray[np.bool_]:
        """Voxels (i, j, k) of one vertebra."""
        out: NDArray[np.bool_] = self.vertebra == level_index(level) + 1
        return out

    def centre_mm(self, level: str) -> NDArray[np.float64]:
        """Middle of a vertebral body (3,) in the world of `grid`, before the smooth deformation of a millimetre or so."""
        s = self.column.middle_mm[level_index(level)]
        curve = self.column.curve_mm
        at = np.array([np.interp(s, self.column.s_mm, curve[:, axis]) for axis in range(3)])
        return at - self.origin_mm


def make_spine(*, spacing_mm: float, rng: np.random.Generator, level: str, age_years: float) -> Spine:
    """An individual spine about that level on an axis-aligned RAS grid; the field keeps to the column where the level is near its end.

    `age_years` decides how fatty marrow and muscles are and how dry the discs.
    """
    middle = level_index(level)
    if not 0.5 <= spacing_mm <= 6:
        raise ValueError(f"a spine on a grid of {spacing_mm:g} mm is not made; choose 1 to 4 mm")
    column = make_column(rng)
    torso = draw_torso(column, rng, age_years)
    vessels = draw_vessels(column, rng)
    origin = _origin(column, middle, torso.back_mm)
    grid = _grid(spacing_mm)
    places = place_voxels(column, grid, origin, rng)
    marrow = draw_marrow(rng, places.rough, age_years, middle)
    canvas = Canvas(grid)
    conus = paint_canal(canvas, places, column, rng)
    skeleton = paint_bones(canvas, places, column, marrow)
    paint_exits(canvas, places, column)
    paint_vessels(canvas, places, vessels)
    muscle_fat = muscle_texture(grid, torso, rng)
    trunk = trunk_places(places, column, grid, origin)
    coarse = smooth_noise(rng, grid, scale_mm=_LOOPS_MM).ravel()
    fascia, front = paint_outside(canvas, places, trunk, column, torso)
    paint_back(canvas, places, column, fascia, muscle_fat)
    paint_beside(canvas, places, column, muscle_fat)
    paint_neck(canvas, places, column, coarse)
    paint_wall(canvas, places, column, front, muscle_fat)
    paint_chest(canvas, places, column, front)
    paint_belly(canvas, places, trunk, column, front, coarse)
    flesh = np.clip(0.25 + 0.35 * coarse, 0.02, 0.9).astype(np.float32)  # what no organ claims
    canvas.paint(places, np.ones(grid.size, np.float32), {"fat": 1 - flesh, "muscle": flesh})
    fractions = {name: part.reshape(grid.shape) for name, part in canvas.fractions.items() if part.any()}
    texture = np.exp(_TEXTURE_SIGMA * smooth_noise(rng, grid, scale_mm=_TEXTURE_MM) - _TEXTURE_SIGMA**2 / 2)
    labels = (skeleton.vertebra.reshape(grid.shape), skeleton.body.reshape(grid.shape))
    return Spine(grid, level, fractions, texture.astype(np.float32), *labels, column, vessels, origin, conus)


def _grid(spacing_mm: float) -> Grid:
    i, j, k = (round(size / spacing_mm) for size in _FIELD_MM)
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = -spacing_mm * (np.array([i, j, k]) - 1) / 2
    return Grid((i, j, k), affine)


def _origin(column: Column, middle: int, back_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Middle of the field in the column's world: at the level, kept inside the column, with the back's skin just inside."""
    curve = column.curve_mm
    s = column.middle_mm
    top = float(np.interp(0.0, column.s_mm, curve[:, 2])) + _ABOVE_MM - _FIELD_MM[2] / 2
    bottom = float(np.interp(column.bottom_mm[-1], column.s_mm, curve[:, 2])) - _BELOW_MM + _FIELD_MM[2] / 2
    z = float(np.clip(np.interp(s[middle], column.s_mm, curve[:, 2]), bottom, top))
    heights = np.interp(s, column.s_mm, curve[:, 2])
    seen = np.abs(heights - z) < _FIELD_MM[2] / 2
    skin = np.interp(s, column.s_mm, curve[:, 1]) - back_mm * np.cos(np.interp(s, column.s_mm, column.lean_rad))
    y = float(skin[seen].min()) - _AIR_MM + _FIELD_MM[1] / 2
    x = float(np.interp(s[middle], column.s_mm, curve[:, 0]))
    return np.array([x, y, z])


def neighbours(level: str) -> tuple[str, ...]:
    """Levels by nearness to a level, itself left out: first the one above, then the one below, and so on."""
    here = level_index(level)
    others = [n for n in range(1, len(LEVELS) - 1) if n != here]
    return tuple(LEVELS[n] for n in sorted(others, key=lambda n: (abs(n - here), n)))
