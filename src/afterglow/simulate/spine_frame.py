"""Where each voxel lies in the column's own frame, and the canvas on which tissues are painted, the first to come first served."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from afterglow.records.grid import Grid
from afterglow.simulate.spine_column import LEVELS, Column
from afterglow.simulate.warp import diffeomorphism, smooth_noise

Map = NDArray[np.float32]
Values = NDArray[np.floating[Any]]
Index = NDArray[np.intp]

_WARP_MM = (45.0, 0.7)  # correlation and size of the deformation that makes no two sides alike
_ROUGH_MM = 7.0  # correlation of the unevenness of surfaces


@dataclass(frozen=True, eq=False)
class Places:
    """Voxels in the column's frame, flat (n,): u to the right of the axis, v in front of it, s along it downwards; all in mm."""

    index: Index  # in the flattened grid
    u: Map
    v: Map
    s: Map
    rough: Map  # noise of unit variance that makes surfaces uneven
    edge_mm: float  # over which a surface fades: one voxel

    def where(self, mask: NDArray[np.bool_]) -> "Places":
        """Only the voxels of a mask (n,)."""
        kept = np.flatnonzero(mask)
        return Places(self.index[kept], self.u[kept], self.v[kept], self.s[kept], self.rough[kept], self.edge_mm)

    def cover(self, distance_mm: Values) -> Map:
        """Share of each voxel inside a surface, from the signed distance to it (n,), negative inside."""
        out: Map = np.clip(0.5 - distance_mm / np.float32(self.edge_mm), 0, 1).astype(np.float32)
        return out

    def look_up(self, column: Column, by_level: NDArray[np.float64]) -> Map:
        """A value given by level, at these voxels."""
        table = column.along(by_level).astype(np.float32)
        out: Map = table[_step(column, self.s)]
        return out


def _step(column: Column, s: Map) -> Index:
    first, step = float(column.s_mm[0]), float(column.s_mm[1] - column.s_mm[0])
    whole: Index = np.clip(np.rint((s - np.float32(first)) / np.float32(step)), 0, column.s_mm.size - 1).astype(np.intp)
    return whole


@dataclass(eq=False)
class Canvas:
    """Tissue shares as they are painted: what is painted first keeps its place. `air` takes room and leaves nothing."""

    grid: Grid
    left: Map = field(init=False)  # flat: share of the voxel that is not painted yet
    fractions: dict[str, Map] = field(init=False, default_factory=dict)  # flat

    def __post_init__(self) -> None:
        self.left = np.ones(self.grid.size, np.float32)

    def paint(self, places: Places, cover: Map, shares: dict[str, float | Map]) -> Map:
        """Cover (n,) of each voxel with a mixture whose shares sum to 1; returns what was really painted (n,)."""
        taken: Map = self.left[places.index] * cover
        live = np.flatnonzero(taken > 0)
        index, amount = places.index[live], taken[live]
        self.left[index] -= amount
        for name, share in shares.items():
            if name == "air":
                continue
            if name not in self.fractions:
                self.fractions[name] = np.zeros(self.grid.size, np.float32)
            self.fractions[name][index] += amount * (share[live] if isinstance(share, np.ndarray) else np.float32(share))
        return taken


def place_voxels(column: Column, grid: Grid, origin_mm: NDArray[np.float64], rng: np.random.Generator) -> Places:
    """The column's frame at every voxel of an axis-aligned grid whose world is the column's, shifted by `origin_mm` (3,)."""
    move = diffeomorphism(rng, grid, scale_mm=_WARP_MM[0], amplitude_mm=_WARP_MM[1])
    steps = grid.spacing_mm
    x, y, z = (grid.affine[a, 3] + origin_mm[a] + steps[a] * np.arange(grid.shape[a]) for a in range(3))
    v_plane, s_plane = _planes(column, y, z)
    _, j, k = np.indices(grid.shape, dtype=np.float32)
    j += move[1] / np.float32(steps[1])
    k += move[2] / np.float32(steps[2])
    v, s = (ndimage.map_coordinates(plane, (j, k), order=1, mode="nearest", output=np.float32) for plane in (v_plane, s_plane))
    sway = column.curve_mm[:, 0].astype(np.float32)
    u = move[0] + x.astype(np.float32)[:, None, None] - sway[_step(column, s)]
    rough = smooth_noise(rng, grid, scale_mm=_ROUGH_MM)
    return Places(np.arange(grid.size), u.ravel(), v.ravel(), s.ravel(), rough.ravel(), max(steps))


def trunk_places(places: Places, column: Column, grid: Grid, origin_mm: NDArray[np.float64]) -> Places:
    """The same voxels in the trunk's frame: s by height alone, v from a line that leaves the sacrum at its promontory.

    The frame of the column folds up in front of the hollow of the sacrum; belly and pelvis are laid out in horizontal planes.
    """
    curve = column.curve_mm
    lowest = float(np.interp(column.top_mm[LEVELS.index("S1")], column.s_mm, curve[:, 2]))
    held = float(np.interp(lowest, curve[::-1, 2], curve[::-1, 1]))
    line = gaussian_filter1d(
        np.where(curve[:, 2] > lowest, curve[:, 1], held), 25.0 / (column.s_mm[1] - column.s_mm[0]), mode="nearest"
    )
    z = origin_mm[2] + grid.affine[2, 3] + grid.spacing_mm[2] * np.arange(grid.shape[2])
    y = origin_mm[1] + grid.affine[1, 3] + grid.spacing_mm[1] * np.arange(grid.shape[1])
    s = np.interp(z, curve[::-1, 2], column.s_mm[::-1]).astype(np.float32)
    v = (y[:, None] - np.interp(z, curve[::-1, 2], line[::-1])[None, :]).astype(np.float32)
    flat = [np.ascontiguousarray(np.broadcast_to(x, grid.shape)).ravel() for x in (v[None], s[None, None])]
    return Places(places.index, places.u, flat[0], flat[1], places.rough, places.edge_mm)


def _planes(column: Column, y: NDArray[np.float64], z: NDArray[np.float64]) -> tuple[Map, Map]:
    """v and s (j, k) in the sagittal plane: the foot of the perpendicular on the curve."""
    points = np.stack(np.meshgrid(y, z, indexing="ij"), axis=-1)
    _, nearest = cKDTree(column.curve_mm[:, 1:]).query(points)
    lean = column.lean_rad[nearest]
    away = points - column.curve_mm[nearest, 1:]
    v = away[..., 0] * np.cos(lean) - away[..., 1] * np.sin(lean)
    s = column.s_mm[nearest] - away[..., 0] * np.sin(lean) - away[..., 1] * np.cos(lean)
    return v.astype(np.float32), s.astype(np.float32)


def oval(p: Values, q: Values, half_p: Values | float, half_q: Values | float, power: float = 2.0) -> Map:
    """Signed distance along the ray to a superellipse about the origin (n,)."""
    p, q = np.abs(p), np.abs(q)
    radius = ((p / half_p) ** power + (q / half_q) ** power) ** (1.0 / power)
    length = np.hypot(p, q)
    out: Map = np.where(radius > 0.05, length - length / np.maximum(radius, 0.05), -np.minimum(half_p, half_q)).astype(np.float32)
    return out


def ball(p: Values, q: Values, r: Values, halves: tuple[float, float, float]) -> Map:
    """Signed distance along the ray to an ellipsoid about the origin (n,)."""
    radius = np.sqrt((p / halves[0]) ** 2 + (q / halves[1]) ** 2 + (r / halves[2]) ** 2)
    length = np.sqrt(p * p + q * q + r * r)
    out: Map = np.where(radius > 0.05, length - length / np.maximum(radius, 0.05), -min(halves)).astype(np.float32)
    return out


def both(a: Values, b: Values, round_mm: float) -> Map:
    """Intersection of two shapes with a rounded corner."""
    outer = np.hypot(np.maximum(a + round_mm, 0), np.maximum(b + round_mm, 0)) - round_mm
    out: Map = (outer + np.minimum(np.maximum(a, b) + round_mm, 0)).astype(np.float32)
    return out


def rod(
    places: tuple[Map, Map, Map], start: tuple[float, float, float], end: tuple[float, float, float], radius_mm: float
) -> Map:
    """Signed distance to a rod with round ends (n,)."""
    axis = np.array(end) - np.array(start)
    away = [p - np.float32(a) for p, a in zip(places, start, strict=True)]
    share = np.clip(sum(d * np.float32(c) for d, c in zip(away, axis, strict=True)) / np.float32(axis @ axis), 0, 1)
    rest = [d - share * np.float32(c) for d, c in zip(away, axis, strict=True)]
    out: Map = (np.sqrt(rest[0] ** 2 + rest[1] ** 2 + rest[2] ** 2) - radius_mm).astype(np.float32)
    return out
