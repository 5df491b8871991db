"""Everything behind and beside the vertebral bodies: pedicles, articular pillars, laminae, processes, ribs, sacral wings."""

import numpy as np

from afterglow.simulate.spine_column import LEVELS, Column
from afterglow.simulate.spine_frame import Map, Places, both, rod

_C7, _T1, _T12, _L1, _S1, _CO = (LEVELS.index(name) for name in ("C7", "T1", "T12", "L1", "S1", "Co"))


def _region(n: int) -> int:
    """0 cervical, 1 thoracic, 2 lumbar."""
    return 0 if n <= _C7 else 1 if n <= _T12 else 2


# By region: radius of the articular pillar, half width of a pedicle and of the spinous plate, its height, reach and radius of the
# transverse process; mm, assumed.
_PILLAR_MM = (5.2, 4.3, 6.8)
_PEDICLE_MM = (3.0, 3.2, 4.6)
_PLATE_MM = (2.6, 2.6, 3.2)
_PLATE_HEIGHT_MM = (8.5, 9.0, 17.0)
_TRANSVERSE_MM = ((15.0, 3.0), (27.0, 4.2), (34.0, 3.4))
_RIB_MM = 4.4


def arch(places: Places, column: Column, n: int) -> Map | None:
    """Signed distance (n,) to all of a vertebra but its body; None for the coccyx, which has no more."""
    if n >= _CO:
        return None
    if n >= _S1:
        return _sacral(places, column, n)
    if n == 0:
        return _atlas(places, column)
    parts = [_pedicles(places, column, n), _pillars(places, column, n), _laminae(places, column, n), _spinous(places, column, n)]
    parts.append(_transverse(places, column, n))
    if _T1 <= n <= _T12:
        parts.append(_ribs(places, column, n))
    nearest: Map = np.minimum.reduce(parts)
    return nearest


def arch_reach_mm(column: Column, n: int) -> tuple[float, float]:
    """How far from the middle of a vertebra its arch reaches upwards and downwards."""
    height = _height(column, n)
    droop = float(column.spinous_mm[n] * np.sin(np.deg2rad(column.droop_deg[n])))
    return 0.7 * height + 9.0, max(0.2 * height + droop + 14.0, 0.8 * height + 9.0, 24.0)


def _local(places: Places, column: Column, n: int) -> tuple[Map, Map, float, float, float]:
    """|u|, t and, in mm, the middle of the canal, half its width and half its depth."""
    t = places.s - np.float32(column.middle_mm[n])
    half_width, half_depth = float(column.canal_width_mm[n]) / 2, float(column.canal_depth_mm[n]) / 2
    return np.abs(places.u), t, float(column.canal_centre_mm()[n]), half_width, half_depth


def _height(column: Column, n: int) -> float:
    return float(column.bottom_mm[n] - column.top_mm[n])


def _pedicles(places: Places, column: Column, n: int) -> Map:
    across, t, centre, half_width, half_depth = _local(places, column, n)
    wide = _PEDICLE_MM[_region(n)]
    if _region(n) == 0:  # they diverge from a body that is narrower than the canal
        corner = (0.4 * float(column.width_mm[n]), -0.22 * float(column.depth_mm[n]), -0.5)
        return rod((across, places.v, t), corner, (half_width + 4.5, centre - 0.1 * half_depth, 0.0), wide + 0.4)
    tall = 0.29 * _height(column, n)
    section = np.hypot((across - half_width - wide) / wide, (t + 0.17 * _height(column, n)) / tall) - 1
    front, rear = -0.3 * column.depth_mm[n], centre - 0.3 * half_depth
    along = np.abs(places.v - (front + rear) / 2) - abs(front - rear) / 2
    return both((section * min(wide, tall)).astype(np.float32), along.astype(np.float32), 1.0)


def _pillars(places: Places, column: Column, n: int) -> Map:
    """Articular processes: up to the level above, down to the level below, the facets facing backwards."""
    across, t, centre, half_width, half_depth = _local(places, column, n)
    radius, height = _PILLAR_MM[_region(n)], _height(column, n)
    u, v = half_width + radius + 0.5, centre - 0.55 * half_depth
    upper = rod((across, places.v, t), (u + 1.5, v + 1.5, -0.62 * height), (u, v - 1.0, -0.1 * height), 0.85 * radius)
    lower = rod((across, places.v, t), (u, v - 1.5, 0.0), (u - 1.5, v - 0.75 * radius, 0.78 * height), 0.8 * radius)
    pair: Map = np.minimum(upper, lower)
    return pair


def _laminae(places: Places, column: Column, n: int) -> Map:
    """Two plates that slope backwards as they go down, so that they overlap like tiles."""
    across, t, centre, half_width, half_depth = _local(places, column, n)
    height = _height(column, n)
    slope = places.v + np.float32(0.22) * t
    a = np.array([half_width + 2.5, centre - 0.35 * half_depth])
    b = np.array([0.0, centre - half_depth - 3.2])
    axis = b - a
    share = np.clip(((across - a[0]) * axis[0] + (slope - a[1]) * axis[1]) / (axis @ axis), 0, 1)
    plate = np.hypot(across - a[0] - share * axis[0], slope - a[1] - share * axis[1]) - (3.0 if _region(n) else 2.3)
    tall = np.abs(t - 0.16 * height) - 0.42 * height
    return both(plate.astype(np.float32), tall.astype(np.float32), 1.5)


def _spinous(places: Places, column: Column, n: int) -> Map:
    across, t, centre, _, half_depth = _local(places, column, n)
    region = _region(n)
    droop = np.deg2rad(column.droop_deg[n])
    down, back = t - np.float32(0.2 * _height(column, n)), -(places.v - np.float32(centre - half_depth - 3.0))
    along = back * np.cos(droop) + down * np.sin(droop)
    above = down * np.cos(droop) - back * np.sin(droop)
    length, tall = float(column.spinous_mm[n]) / np.cos(droop) ** 0.5, _PLATE_HEIGHT_MM[region] / 2
    tip = np.clip(along / length, 0, 1)
    grown = tall * (0.72 + 0.4 * tip**1.5)
    flat = both(
        (np.abs(along - length / 2) - length / 2).astype(np.float32),
        (np.abs(above - 0.1 * length * tip) - grown).astype(np.float32),
        0.7 * tall,
    )
    return both((across - _PLATE_MM[region] * (0.8 + 0.5 * tip**3)).astype(np.float32), flat, 2.0)


def _transverse(places: Places, column: Column, n: int) -> Map:
    across, t, centre, half_width, half_depth = _local(places, column, n)
    reach, radius = _TRANSVERSE_MM[_region(n)]
    if _region(n) == 0:  # beside the body, around the vertebral artery, which is painted first
        start, end = (half_width + 2.0, centre + half_depth, 0.0), (half_width + reach, centre + half_depth + 1.0, 2.0)
    else:
        rear = centre - 0.5 * half_depth
        start, end = (half_width + 5.0, rear, -0.1), (half_width + reach, rear - (12.0 if _region(n) == 1 else 4.0), -2.0)
    return rod((across, places.v, t), start, end, radius)


def _ribs(places: Places, column: Column, n: int) -> Map:
    """Head at the disc above, tubercle at the transverse process, then outwards and down."""
    across, t, centre, half_width, _ = _local(places, column, n)
    half_body = float(column.width_mm[n]) / 2
    head = (half_body + 1.5, -0.3 * float(column.depth_mm[n]), -0.45 * _height(column, n))
    neck = (half_width + 25.0, centre - 9.0, 2.0)
    shaft = (half_width + 48.0, centre - 16.0, 16.0)
    at = (across, places.v, t)
    pair: Map = np.minimum(rod(at, head, neck, _RIB_MM - 0.6), rod(at, neck, shaft, _RIB_MM))
    return pair


def _atlas(places: Places, column: Column) -> Map:
    """Ring about dens and cord: anterior arch, lateral masses, posterior arch."""
    across, t, centre, half_width, half_depth = _local(places, column, 0)
    front, rear = 0.5 * float(column.depth_mm[0]) + 4.5, centre - half_depth - 3.0
    middle, deep = (front + rear) / 2, (front - rear) / 2
    ring = np.abs(np.hypot(across / (half_width + 5.0), (places.v - middle) / deep) - 1) * deep - 2.8
    tall = np.abs(t - 1.0) - np.where(places.v > -4, 5.5, 4.5)
    mass = rod((across, places.v, t), (half_width + 2, -3.0, -4.0), (half_width + 2, -5.0, 7.0), 7.0)
    rounded: Map = np.minimum(both(ring.astype(np.float32), tall.astype(np.float32), 2.0), mass)
    return rounded


def _sacral(places: Places, column: Column, n: int) -> Map:
    """Wings pierced by the foramina, the roof of the sacral canal and its crest."""
    across, t, centre, half_width, half_depth = _local(places, column, n)
    height = _height(column, n)
    crest = np.maximum(
        across - 2.5, np.abs(places.v - (centre - half_depth - 3.0 - column.spinous_mm[n] / 2)) - column.spinous_mm[n] / 2
    )
    crest = both(crest.astype(np.float32), (np.abs(t - 0.1 * height) - 0.33 * height).astype(np.float32), 1.5)
    roof = np.abs(np.hypot(across / (half_width + 2.0), (places.v - centre) / (half_depth + 2.0)) - 1) * half_depth - 1.8
    roof = both(
        np.maximum(roof, places.v - np.float32(centre)).astype(np.float32), (np.abs(t) - 0.5 * height).astype(np.float32), 1.0
    )
    shrink = max(0.0, 1.0 - 0.24 * (n - _S1))
    wing_out, wing_deep = 20.0 + 36.0 * shrink, 4.0 + 13.0 * shrink
    wing = np.maximum(across - wing_out, np.abs(places.v + 0.35 * wing_deep + 0.12 * across) - 0.5 * wing_deep)
    wing = both(wing.astype(np.float32), (np.abs(t) - 0.54 * height).astype(np.float32), 2.0)
    hole = np.hypot(across - half_width - 4.0, t - 0.5 * height) - 5.0
    upper = np.hypot(across - half_width - 4.0, t + 0.5 * height) - 5.0
    canal = np.hypot(across / half_width, (places.v - centre) / half_depth) - 1
    wing = np.maximum.reduce([wing, -hole, -upper, -canal * half_depth])
    nearest: Map = np.minimum.reduce([crest, roof, wing]).astype(np.float32)
    return nearest
