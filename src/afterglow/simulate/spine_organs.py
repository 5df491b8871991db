"""What lies before the column: airway and gullet in the neck, heart and lungs, liver and bowel, bladder and rectum; and the skull's base.

These are there so that a sagittal field looks and enhances as it does in a person; nothing is measured in them. Kidneys, pancreas,
thyroid and spleen lie mostly beside the field and are left out.
"""

import numpy as np

from afterglow.simulate.spine_column import LEVELS, Column
from afterglow.simulate.spine_frame import Canvas, Map, Places, ball, both, oval, rod

_WALL_MM = 11.0  # muscles of chest and belly


def _at(column: Column, level: str, more: float = 0.0) -> float:
    return column.place(LEVELS.index(level) + more)


def paint_neck(canvas: Canvas, places: Places, column: Column, bundles: Map) -> None:
    """Pharynx and trachea with their air, the collapsed oesophagus behind, tongue and jaw; brain and skull above the dens."""
    bottom = _at(column, "T5", 0.4)
    here = places.where((places.s < bottom + 5) & (places.v > -80) & (canvas.left[places.index] > 0))
    depth = here.look_up(column, column.depth_mm / 2)
    names = np.arange(len(LEVELS))
    levels = [LEVELS.index(name) for name in ("C1", "C3", "C5", "C6", "T1", "T4")]
    gap, half_wide, half_deep = (
        here.look_up(column, np.interp(names, levels, x))
        for x in ([12, 13, 19, 20, 21, 24], [13, 13, 8, 8, 8.5, 9.0], [8, 6, 5.5, 7, 8, 8.5])
    )
    fits = both(oval(here.u, here.v - depth - gap, half_wide, half_deep), here.s - np.float32(bottom), 7.0)
    fits = both(fits, -22.0 - here.s, 7.0)
    canvas.paint(here, here.cover(fits), {"air": 1.0})
    canvas.paint(here, here.cover(fits - 2.6), {"gut": 0.6, "fibrous": 0.4})
    gullet = both(oval(here.u + 2.0, here.v - depth - 6.5, 8.5, 3.4), _at(column, "C5") - here.s, 3.0)
    canvas.paint(here, here.cover(gullet), {"gut": 0.7, "muscle": 0.3})
    _paint_mouth(canvas, here, column)
    _paint_head(canvas, here)
    soft = here.where((here.s < _at(column, "T3")) & (here.v > 0))
    flesh = np.clip(0.55 + 0.9 * bundles[soft.index], 0.05, 0.95).astype(np.float32)
    canvas.paint(soft, soft.cover((soft.s - np.float32(_at(column, "T2"))) / 6), {"muscle": flesh, "fat": 1 - flesh})


def _paint_mouth(canvas: Canvas, places: Places, column: Column) -> None:
    middle = _at(column, "C2", 0.3)
    t = places.s - np.float32(middle)
    tongue = ball(places.u, places.v - 55.0, t + 6.0, (24.0, 27.0, 21.0))
    fat = np.clip(0.28 + 0.12 * places.rough, 0.05, 0.6).astype(np.float32)
    canvas.paint(places, places.cover(tongue), {"muscle": 1 - fat, "fat": fat})
    jaw = rod((np.abs(places.u), places.v, t), (0.0, 88.0, 14.0), (36.0, 62.0, 8.0), 8.5)
    inside = places.cover(jaw + 2.6)
    canvas.paint(places, places.cover(jaw), {"bone": 1 - 0.8 * inside, "fatty marrow": 0.8 * inside})


def _paint_head(canvas: Canvas, places: Places) -> None:
    """Posterior fossa with cerebellum, the clivus before it, and the occiput's shell."""
    up = -places.s
    fossa = ball(places.u, places.v + 30.0, up - 54.0, (54.0, 48.0, 44.0))
    folds = np.sin(2 * np.pi * np.hypot(places.v + 12.0, up - 52.0) / 6.5)
    water = np.clip(0.16 + 0.16 * folds + 0.05 * places.rough, 0, 0.5).astype(np.float32)
    canvas.paint(places, places.cover(fossa + 4.0), {"cord": 1 - water, "csf": water})
    canvas.paint(places, places.cover(fossa), {"csf": 1.0})
    open_below = np.hypot(places.u, places.v + 14.0) < 17
    shell = np.where(open_below & (up < 20), np.float32(9.0), fossa - 6.0).astype(np.float32)
    inside = places.cover(fossa - 4.2) * places.cover(1.8 - fossa)
    canvas.paint(places, places.cover(shell), {"bone": 1 - 0.7 * inside, "fatty marrow": 0.7 * inside})
    clivus = rod((places.u, places.v, up), (0.0, 6.0, 11.0), (0.0, 30.0, 50.0), 7.5)
    deep = places.cover(clivus + 1.8)
    canvas.paint(places, places.cover(clivus), {"bone": 1 - 0.8 * deep, "fatty marrow": 0.5 * deep, "red marrow": 0.3 * deep})


def paint_wall(canvas: Canvas, places: Places, column: Column, front: Map, fat: Map) -> None:
    """Breast bone and its cartilage, the muscles of chest and belly."""
    high, low = _at(column, "T3"), _at(column, "T9", 0.3)
    kept = (front > -4) & (front < 20)
    places, front, fat = places.where(kept), front[kept], fat[kept]
    across = np.abs(places.u)
    plate = both((across - 17.0).astype(np.float32), (np.abs(front - 6.5) - 5.5).astype(np.float32), 3.0)
    plate = both(plate, (np.abs(places.s - (high + low) / 2) - (low - high) / 2).astype(np.float32), 4.0)
    joint = np.abs(places.s - np.float32(high + 0.27 * (low - high))) - 1.2
    canvas.paint(places, places.cover(np.maximum(plate, joint.astype(np.float32))), {"fibrous": 1.0})
    inside = places.cover(plate + 1.5)
    canvas.paint(
        places, places.cover(plate), {"bone": 1 - 0.85 * inside, "fatty marrow": 0.45 * inside, "red marrow": 0.4 * inside}
    )
    belly = np.abs(front - _WALL_MM / 2) - np.where(across < 3, 1.0, _WALL_MM / 2)
    thorax = places.s > high + 10
    canvas.paint(
        places,
        places.cover((belly + 0.4 * places.rough).astype(np.float32)) * thorax,
        {"muscle": 1 - 0.5 * fat, "fat": 0.5 * fat},
    )


def diaphragm_mm(places: Places, column: Column) -> Map:
    """s of the dome at each voxel's u and v (n,): highest in the middle, lowest behind, a little lower on the left."""
    top = _at(column, "T9", 0.2) + np.where(places.u > -5, 0.0, 12.0)
    drop = np.where(places.v < 70, 0.016 * (70 - places.v) ** 2, 0.007 * (places.v - 70) ** 2)
    out: Map = (top + np.minimum(drop, 95.0)).astype(np.float32)
    return out


def paint_chest(canvas: Canvas, places: Places, column: Column, front: Map) -> None:
    """Heart with two pools of blood, lungs, and the fat of the mediastinum with the trachea's fork."""
    dome = diaphragm_mm(places, column)
    high = _at(column, "T1", 0.6)
    inside = (places.s > high - 10) & (places.s < dome + 8) & (front > 0) & (places.v > -45)
    here, dome, front = places.where(inside), dome[inside], front[inside]
    s0 = _at(column, "T7", 0.6)
    t, v = here.s - np.float32(s0), here.v - 66.0
    heart = ball(here.u + 14.0, v, t + 0.2 * v, (47.0, 41.0, 50.0))
    left = ball(here.u + 28.0, v + 4.0, t - 6.0, (17.0, 22.0, 29.0))
    atrium = ball(here.u + 6.0, v + 29.0, t + 16.0, (24.0, 12.0, 19.0))
    right = ball(here.u - 4.0, v - 16.0, t - 4.0, (26.0, 17.0, 33.0))
    canvas.paint(here, here.cover(np.minimum(left, atrium)), {"artery": 1.0})
    canvas.paint(here, here.cover(right), {"vein": 1.0})
    canvas.paint(here, here.cover(heart), {"myocardium": 1.0})
    canvas.paint(here, here.cover(heart - 3.5 - here.rough), {"fat": 1.0})
    half = here.look_up(column, column.width_mm / 2)
    depth = here.look_up(column, column.depth_mm / 2)
    middle = np.clip((here.v - depth) / 40, 0, 1)
    left_edge, right_edge = half + 3 + 8 * middle, half + 1.5 + 4 * middle
    lung = np.where(here.u < 0, left_edge + here.u, right_edge - here.u) + 1.5 * here.rough
    lung = np.maximum(lung, np.maximum(here.s - dome, _WALL_MM + 2 - front))
    apex = np.maximum(lung, np.float32(high) + 0.02 * (here.v - 25.0) ** 2 - here.s)
    vessels = np.clip(0.05 + 0.10 * np.clip(here.rough - 0.9, 0, 2), 0, 0.35).astype(np.float32)
    canvas.paint(here, here.cover(apex.astype(np.float32)), {"lung": 1 - vessels, "vein": vessels})


def paint_belly(canvas: Canvas, places: Places, trunk: Places, column: Column, front: Map, loops: Map) -> None:
    """Liver below the dome, bowel loops in mesenteric fat, rectum and bladder in the pelvis. `loops` (grid, flat) is coarse noise."""
    dome = diaphragm_mm(places, column)
    inside = (trunk.s > dome - 4) & (front > 0) & (places.v > -10)
    near, here, dome, front = places.where(inside), trunk.where(inside), dome[inside], front[inside]
    wall = (np.abs(here.s - dome - 1.5) - 1.5).astype(np.float32)
    canvas.paint(here, here.cover(wall), {"muscle": 0.9, "fat": 0.1})
    depth = here.look_up(column, column.depth_mm / 2)
    behind = np.where(near.v < 45, near.v - depth - 16.0 + 5.0 * here.rough, 40.0)  # the frame of the column is torn far from it
    free = np.minimum(behind, front - _WALL_MM - 2.0).astype(np.float32)
    edge = _at(column, "T12", 0.3) + 0.9 * np.clip(here.u, -40, 48) + 0.45 * (here.v - 60) + 4.0 * loops[here.index]
    liver = np.maximum(np.maximum(-free, here.s - edge), dome - 1.0 - here.s)
    liver = np.maximum(liver, -24.0 - here.u)
    branches = np.clip(0.06 + 0.14 * np.clip(loops[here.index] - 1.2, 0, 1), 0, 0.3).astype(np.float32)
    canvas.paint(here, here.cover((liver + 0.5 * here.rough).astype(np.float32)), {"liver": 1 - branches, "vein": branches})
    _paint_pelvis(canvas, near, here, column)
    noise = loops[here.index]
    tube = (0.55 - np.abs(noise)) * 9.0  # negative inside a loop
    loop = np.maximum(tube, -free - 3.0).astype(np.float32)
    gas = (noise > 1.15) & (here.rough > -0.5)
    inner = here.cover(loop + 2.2)
    canvas.paint(here, inner * gas, {"air": 1.0})
    wet = np.clip(0.35 + 0.3 * np.sign(noise) + 0.1 * here.rough, 0, 0.8).astype(np.float32) * inner
    canvas.paint(here, here.cover(loop), {"gut": 1 - wet, "csf": wet})
    veins = np.clip(0.04 + 0.12 * (here.rough > 1.3), 0, 1).astype(np.float32)
    canvas.paint(here, np.ones_like(noise), {"fat": 1 - veins, "vein": veins})


def _paint_pelvis(canvas: Canvas, near: Places, places: Places, column: Column) -> None:
    t = places.s - np.float32(_at(column, "S4"))
    bladder = ball(places.u, places.v - 62.0, t - 4.0, (34.0, 25.0, 22.0))
    canvas.paint(places, places.cover(bladder), {"csf": 1.0})  # urine relaxes much as CSF does
    canvas.paint(places, places.cover(bladder - 3.5), {"muscle": 1.0})
    start = _at(column, "S2", 0.5)
    front = near.look_up(column, column.depth_mm / 2)
    rectum = np.maximum(oval(near.u, near.v - front - 19.0, 15.0, 9.5), (start - near.s).astype(np.float32))
    inner = places.cover(rectum + 3.5)
    canvas.paint(places, inner, {"air": 0.35, "gut": 0.65})
    canvas.paint(places, places.cover(rectum), {"gut": 0.4, "muscle": 0.6})
    gland = np.maximum(ball(places.u, places.v - 28.0, t - 10.0, (25.0, 12.0, 20.0)), (start - places.s).astype(np.float32))
    canvas.paint(places, places.cover(gland), {"muscle": 0.7, "gut": 0.3})
