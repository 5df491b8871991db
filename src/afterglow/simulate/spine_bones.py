"""Bone of the column: bodies with cortex, end plates and marrow, discs, arches, processes, ribs and sacrum."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.simulate.spine_arches import arch, arch_reach_mm
from afterglow.simulate.spine_column import LEVELS, Column
from afterglow.simulate.spine_frame import Canvas, Map, Places, both, oval

_SACRUM = LEVELS.index("S1")
_TRABECULAE = 0.14  # share of bone in marrow space; assumed
_CORTEX_MM, _END_PLATE_MM = 1.1, 0.9


@dataclass(frozen=True, eq=False)
class Marrow:
    """How one person's marrow is mixed: share of fat (grid, flat), more of it in the arches, and where a haemangioma sits."""

    fat: Map  # (n,) over the whole grid
    haemangioma: tuple[int, float, float, float, float]  # level or -1; u, v, t, radius in mm
    hydration: NDArray[np.float64]  # (levels,) 1 is a young disc below that level, 0 a black one


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Labels on the flattened grid: 1 + level of the vertebra a voxel belongs to, 0 elsewhere."""

    vertebra: NDArray[np.uint8]  # body and arch
    body: NDArray[np.uint8]  # inside of a body, 2 to 3 mm away from cortex, end plates and basivertebral vein


def draw_marrow(rng: np.random.Generator, rough: Map, age_years: float, middle: int) -> Marrow:
    """Fat of the marrow rises with age: about 30 % in the twenties and 50 % in the sixties, the order printed for L1 to L4 in
    doi:10.3389/fendo.2018.00141 (abstract, for the young) and read off the lumbar water fractions of doi:10.2214/ajr.167.2.8686603.
    """
    mean = float(np.clip(0.20 + 0.0048 * age_years + rng.normal(0.0, 0.05), 0.15, 0.75))
    patchy = float(np.clip(0.03 + 0.0006 * age_years, 0.03, 0.08))
    fat: Map = np.clip(mean + patchy * rough, 0.05, 0.9).astype(np.float32)
    level = middle + int(rng.choice([-3, -2, 2, 3])) if rng.random() < 0.3 else -1  # never next to the lesion: the reference
    spot = (float(rng.uniform(-8, 8)), float(rng.uniform(-4, 6)), float(rng.uniform(-4, 4)), float(rng.uniform(4, 7)))
    young = np.clip(1.25 - age_years / 90 + rng.normal(0.0, 0.22, len(LEVELS)), 0.05, 1.0)
    return Marrow(fat, (level, *spot), young)


def paint_bones(canvas: Canvas, places: Places, column: Column, marrow: Marrow) -> Skeleton:
    """All vertebrae in the field: bodies first, then arches, then the discs in what is left between the bodies."""
    near = places.where((np.abs(places.u) < 56) & (places.v < 30) & (places.v > -85))
    skeleton = Skeleton(np.zeros(canvas.grid.size, np.uint8), np.zeros(canvas.grid.size, np.uint8))
    seen = (near.s.min(), near.s.max())
    levels = [n for n in range(len(LEVELS)) if column.bottom_mm[n] > seen[0] - 5 and column.top_mm[n] < seen[1] + 5]
    for n in levels:
        _paint_body(canvas, near.where(np.abs(near.s - column.middle_mm[n]) < 25), column, marrow, skeleton, n)
    for n in levels:
        up, down = arch_reach_mm(column, n)
        span = (near.s > column.middle_mm[n] - up) & (near.s < column.middle_mm[n] + down)
        _paint_arch(canvas, near.where(span), column, marrow, skeleton, n)
    for n in levels[:-1]:
        if n > 0:
            _paint_disc(canvas, near.where(np.abs(near.s - column.bottom_mm[n]) < 18), column, marrow, n)
    return skeleton


def _body(places: Places, column: Column, n: int) -> tuple[Map, Map, Map, Map]:
    """Signed distances to the whole body, to its side walls and to its end plates, and the place along it, -1 to 1."""
    half = float(column.bottom_mm[n] - column.top_mm[n]) / 2
    a, b = column.width_mm[n] / 2, column.depth_mm[n] / 2
    t = places.s - np.float32(column.middle_mm[n])
    tau = np.clip(t / half, -1.2, 1.2)
    waist = 1.0 - 0.09 * (1.0 - tau * tau)
    rim = 1.0 + 0.03 * np.clip(np.abs(tau) - 0.8, 0, 0.3) / 0.2  # lips at the end plates
    side = oval(places.u, places.v, a * waist * rim, b * (0.4 + 0.6 * waist) * rim, 2.3)
    back = -(places.v + np.float32(column.posterior_wall_mm()[n])) + 1.2 * (1.0 - np.clip(places.u / (0.5 * a), -1, 1) ** 2)
    side = both(side, back.astype(np.float32), 2.0)
    inward = np.clip(-side / min(a, b), 0, 1)
    hollow = (0.045 if n > 2 else 0.0) * column.depth_mm[n]  # end plates are concave
    end = (np.abs(t) - half + hollow * inward).astype(np.float32)
    rough = (0.35 * places.rough).astype(np.float32)
    return both(side + rough, end + 0.6 * rough, 2.0 if n > 2 else 1.2), side, end, tau


def _paint_body(canvas: Canvas, places: Places, column: Column, marrow: Marrow, skeleton: Skeleton, n: int) -> None:
    whole, side, end, tau = _body(places, column, n)
    cover = places.cover(whole)
    some = np.flatnonzero(cover > 0)
    here = places.where(cover > 0)
    whole, side, end, tau, cover = whole[some], side[some], end[some], tau[some], cover[some]
    inside = here.cover(whole + _CORTEX_MM) * here.cover(end + _END_PLATE_MM + 0.4)
    half = float(column.bottom_mm[n] - column.top_mm[n]) / 2
    vein = _basivertebral(here, column, n, tau * half)
    fat = _fat(here, marrow, n, tau * half)
    fat += 0.12 * np.exp(-((np.abs(tau) - 0.95) ** 2) / 0.02) * (1 - marrow.hydration[n])  # fatty change at a worn disc
    fat = np.clip(fat + 0.5 * vein, 0, 0.95).astype(np.float32)
    blood = (0.4 * vein * inside).astype(np.float32)
    room = inside * (1 - _TRABECULAE) - blood
    taken = canvas.paint(
        here, cover, {"bone": 1 - room - blood, "vein": blood, "fatty marrow": room * fat, "red marrow": room * (1 - fat)}
    )
    owner = 2 if n == 0 else n + 1  # the dens belongs to C2
    skeleton.vertebra[here.index[taken > 0.3]] = owner
    margin = float(np.clip(0.3 * half, 1.5, 3.0))
    core = (whole < -margin) & (end < -margin - 0.5) & (side < -margin) & (vein < 0.02)
    if n > 0:
        skeleton.body[here.index[core]] = owner


def _basivertebral(places: Places, column: Column, n: int, t: Map) -> Map:
    """The triangle of veins that opens on the back of a body (n,)."""
    if n <= 1 or n >= _SACRUM:
        return np.zeros(places.u.size, np.float32)
    into = (places.v + np.float32(column.posterior_wall_mm()[n])) / np.float32(0.40 * column.depth_mm[n])
    narrow = np.clip(1 - into, 0.0, 1)
    out: Map = (np.exp(-((t / (0.8 + 2.6 * narrow)) ** 2) - (places.u / (1 + 5 * narrow)) ** 2) * (into < 1)).astype(np.float32)
    return out


def _fat(places: Places, marrow: Marrow, n: int, t: Map) -> Map:
    fat = marrow.fat[places.index].copy()
    level, u, v, at, radius = marrow.haemangioma
    if n == level:
        away = np.sqrt((places.u - u) ** 2 + (places.v - v) ** 2 + (t - at) ** 2)
        fat += (0.92 - fat) * np.clip((radius - away) / 2 + 0.5, 0, 1)
    return fat


def _paint_arch(canvas: Canvas, places: Places, column: Column, marrow: Marrow, skeleton: Skeleton, n: int) -> None:
    distance = arch(places, column, n)
    if distance is None:
        return
    distance = (distance + 0.3 * places.rough).astype(np.float32)
    cover = places.cover(distance)
    here, cover, distance = places.where(cover > 0), cover[cover > 0], distance[cover > 0]
    inside = here.cover(distance + 1.0)
    room = inside * (1 - _TRABECULAE)
    fat = np.clip(marrow.fat[here.index] + 0.08 + 0.05 * here.rough, 0, 0.9)
    taken = canvas.paint(here, cover, {"bone": 1 - room, "fatty marrow": room * fat, "red marrow": room * (1 - fat)})
    skeleton.vertebra[here.index[taken > 0.3]] = n + 1


def _paint_disc(canvas: Canvas, places: Places, column: Column, marrow: Marrow, n: int) -> None:
    top, bottom = float(column.bottom_mm[n]), float(column.top_mm[n + 1])
    height = bottom - top
    if height < 0.5:
        return
    wet = float(marrow.hydration[n]) * (0.35 if n >= _SACRUM else 1.0)
    a, b = (float(x[n] + x[n + 1]) / 4 for x in (column.width_mm, column.depth_mm))
    bulge = 0.4 + 1.4 * (1 - wet) * min(height / 6, 1.0)
    t = places.s - np.float32((top + bottom) / 2)
    side = oval(places.u, places.v, a + bulge, b + bulge, 2.3)
    back = -(places.v + np.float32(0.5 * (column.posterior_wall_mm()[n] + column.posterior_wall_mm()[n + 1]) + 0.8 * bulge))
    side = both(side, back.astype(np.float32), 2.0) + 0.25 * places.rough
    slab = np.abs(t) - np.float32(height / 2) - 0.075 * np.float32(b * 2) * np.clip(-side / b, 0, 1) - 0.3
    cover = places.cover(both(side, slab.astype(np.float32), 0.8))
    heart = oval(places.u, places.v + np.float32(0.08 * b), 0.66 * a, 0.62 * b, 2.2)
    pulp = np.clip(0.5 - heart / 4.0, 0, 1) * np.clip(1.25 - np.abs(t) / (0.5 * height + 0.5), 0, 1)
    cleft = 1 - 0.5 * np.exp(-((t / 1.2) ** 2)) * (height > 6)
    nucleus = (0.10 + (0.15 + 0.75 * wet) * pulp * cleft).astype(np.float32)
    canvas.paint(places, cover, {"nucleus": nucleus, "fibrous": 1 - nucleus})
