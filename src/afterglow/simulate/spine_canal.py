"""The spinal canal: cord to the conus, cauda equina, CSF in the dural sac, epidural fat and veins, the nerve roots' exits."""

import numpy as np

from afterglow.records.grid import Grid
from afterglow.simulate.spine_column import LEVELS, Column
from afterglow.simulate.spine_frame import Canvas, Map, Places, oval
from afterglow.simulate.warp import smooth_noise

_C1, _C3, _C5, _T1, _T4, _T8, _T12, _L5, _S1, _S2 = (
    LEVELS.index(name) for name in ("C1", "C3", "C5", "T1", "T4", "T8", "T12", "L5", "S1", "S2")
)
# Half width and half depth of the cord, at levels: the two swellings for arms and legs; assumed, of the usual order.
_CORD_MM = (
    (_C1, 6.2, 4.2),
    (_C3, 6.4, 4.0),
    (_C5, 6.8, 3.9),
    (_T1, 5.6, 3.6),
    (_T4, 4.3, 3.3),
    (_T8, 4.2, 3.3),
    (_T12 - 1, 5.0, 4.0),
)
_STREAK = 6.0  # roots are so many times longer than thick


def paint_canal(canvas: Canvas, places: Places, column: Column, rng: np.random.Generator) -> float:
    """Paint all that lies inside the canal; returns s of the tip of the conus.

    The conus ends about L1, between T12 and L2, and the sac about S2 (MRI of 141 people, Anatomy Research International 2014,
    article 351769, abstract).
    """
    conus = float(np.clip(rng.normal(LEVELS.index("L1") + 0.2, 0.4), LEVELS.index("L1") - 0.8, LEVELS.index("L2") + 0.1))
    sac_end = column.place(float(np.clip(rng.normal(_S2, 0.35), _S1 + 0.2, _S2 + 0.9)))
    tip = column.place(conus)
    near = places.where((np.abs(places.u) < 22) & (places.v < 14) & (places.v > -62) & (places.s > -60))
    centre = near.look_up(column, column.canal_centre_mm())
    half_width, half_depth = (near.look_up(column, x / 2) for x in (column.canal_width_mm, column.canal_depth_mm))
    end = column.bottom_mm[LEVELS.index("S4")]
    v = near.v - centre
    canal = np.maximum(oval(near.u, v, half_width, half_depth, 2.2), (near.s - np.float32(end)).astype(np.float32))
    kept = canal < 1.5
    here, v, canal = near.where(kept), v[kept], canal[kept]
    half_width, half_depth = half_width[kept], half_depth[kept]
    sac, forward = _sac(here, v, half_width, half_depth, column, sac_end)
    _paint_cord(canvas, here, v - forward, half_depth, column, tip, rng)
    inner = here.cover(sac + 0.5)
    roots = _roots(here, v, half_depth, canvas.grid, tip, rng)
    canvas.paint(here, inner, {"cord": roots, "csf": 1 - roots})
    canvas.paint(here, here.cover(sac - 0.35), {"fibrous": 1.0})  # dura
    front = np.clip(v / half_depth + 0.2, 0, 1)
    veins = (0.45 * front * np.clip(0.6 + 0.4 * here.rough, 0, 1)).astype(np.float32)
    canvas.paint(here, here.cover(canal), {"vein": veins, "fat": 1 - veins})
    return tip


def _sac(places: Places, v: Map, half_width: Map, half_depth: Map, column: Column, sac_end: float) -> tuple[Map, Map]:
    """Signed distance to the dura, and how far forward the cord lies in it."""
    behind = places.look_up(
        column, np.interp(np.arange(len(LEVELS)), [0, _C5, _T4, _T12, _L5, _S1, _S2], [0.5, 0.7, 1.6, 1.5, 2.4, 3.0, 2.0])
    )
    before = places.look_up(column, np.interp(np.arange(len(LEVELS)), [0, _T12, _L5, _S1, _S2], [0.6, 0.7, 2.0, 4.5, 2.0]))
    shrink = np.sqrt(np.clip((np.float32(sac_end) - places.s) / 28.0, 0.0, 1.0))
    between = np.exp(-((_to_disc(places, column) / 7.0) ** 2))  # fat fills the gaps between the laminae
    behind = behind + (1.6 * between * (places.s > column.top_mm[_T1])).astype(np.float32)
    deep = (half_depth - (behind + before) / 2) * shrink
    wide = (half_width - 1.6 - 1.2 * (before > 1.5)) * shrink
    sac = oval(places.u, v - (behind - before) / 2, np.maximum(wide, 0.1), np.maximum(deep, 0.1), 2.1)
    sac = np.where(shrink > 0.02, sac, np.float32(9.0)).astype(np.float32)
    levels = [0, _C5, _T1, _T4, _T8, _T12, _L5]
    forward = places.look_up(column, np.interp(np.arange(len(LEVELS)), levels, [0.0, 0.3, 0.8, 2.2, 1.6, -0.3, -2.5]))
    return sac, forward


def _to_disc(places: Places, column: Column) -> Map:
    """Distance in mm along the column to the nearest disc (n,)."""
    discs = (column.bottom_mm[:-1] + column.top_mm[1:]) / 2
    table = np.abs(column.s_mm[:, None] - discs[None, :]).min(axis=1)
    out: Map = np.interp(places.s, column.s_mm, table).astype(np.float32)
    return out


def _paint_cord(
    canvas: Canvas, places: Places, v: Map, half_depth: Map, column: Column, tip: float, rng: np.random.Generator
) -> None:
    size = float(np.clip(rng.normal(1.0, 0.05), 0.88, 1.12))
    levels, wide, deep = (np.array(x) for x in zip(*_CORD_MM, strict=True))
    taper = np.sqrt(np.clip((np.float32(tip) - places.s) / 26.0, 0.0, 1.0)).astype(np.float32)
    above = 1.0 + 0.8 * np.clip((-6.0 - places.s) / 30.0, 0, 1)  # widens to the medulla
    half_wide, half_deep = (places.look_up(column, size * np.interp(np.arange(len(LEVELS)), levels, x)) for x in (wide, deep))
    half_deep = np.minimum(half_deep, half_depth - 2.4)
    cord = oval(places.u, v, np.maximum(half_wide * taper * above, 0.1), np.maximum(half_deep * taper * above, 0.1))
    cord = np.where(taper > 0.02, cord, np.float32(9.0)).astype(np.float32)
    canvas.paint(places, places.cover(cord), {"cord": 1.0})


def _roots(places: Places, v: Map, half_depth: Map, grid: Grid, tip: float, rng: np.random.Generator) -> Map:
    """Share of nerve roots in the sac below the conus: strands that sink backwards in a person lying down."""
    long = Grid(grid.shape, np.diag([*grid.spacing_mm[:2], grid.spacing_mm[2] / _STREAK, 1.0]))
    strands = smooth_noise(rng, long, scale_mm=2.6 * max(1.0, max(grid.spacing_mm) / 2)).ravel()[places.index]
    below = np.clip((places.s - np.float32(tip) + 22.0) / 22.0, 0, 1) * np.clip(1 - (places.s - tip - 190.0) / 60.0, 0.25, 1)
    sunk = np.clip(0.5 - v / half_depth * 0.85, 0, 1) ** 1.5
    out: Map = np.clip(below * sunk * (0.62 + 0.5 * strands), 0, 0.9).astype(np.float32)
    return out


def paint_exits(canvas: Canvas, places: Places, column: Column) -> None:
    """Nerve roots in the fat of the foramina between the pedicles; the fat itself is what no bone has taken there."""
    near = places.where((np.abs(places.u) < 40) & (places.v < 4) & (places.v > -48))
    for n in range(1, _S1):
        s = float(column.bottom_mm[n]) - (2.0 if n > _T1 else 0.0)
        here = near.where(np.abs(near.s - s) < 16)
        if here.u.size == 0:
            continue
        half_width, height = float(column.canal_width_mm[n]) / 2, float(column.bottom_mm[n] - column.top_mm[n])
        across, centre = np.abs(here.u) - half_width, float(column.canal_centre_mm()[n])
        size = 2.6 if n > _T12 or n <= _T1 else 1.8
        line = np.hypot(here.v - centre - 2.5 - 0.35 * across, here.s - s - 0.35 * across + 2.0)
        root = np.maximum(line - size, np.abs(across - 8.0) - 11.0).astype(np.float32)
        canvas.paint(here, here.cover(root), {"cord": 0.75, "fat": 0.25})
        hollow = np.hypot((here.v - centre - 2.0) / 8.0, (here.s - s + 0.1 * height) / (0.42 * height)) - 1
        fat = np.maximum(hollow * 6.0, np.abs(across - 5.0) - 6.5).astype(np.float32)
        canvas.paint(here, here.cover(fat), {"fat": 0.9, "vein": 0.1})
