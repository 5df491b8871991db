"""Everything of a head that is not brain: CSF space, dura, skull, scalp, orbits, sinuses, face. Template millimetres throughout."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from afterglow.records.grid import Grid
from afterglow.simulate.template import Template
from afterglow.simulate.warp import smooth_noise

Map = NDArray[np.float32]
Points = NDArray[np.float32]  # (3, i, j, k): the template point (RAS mm) that each head voxel shows

_HULL_STEP = 2  # mm: the hull is smooth, so its distance map need not be finer
_SUBARACHNOID_MM = 2.0
_DURA_MM = 0.5
_TABLE_MM = 1.6  # inner and outer compact bone
_FACE_TOP_MM = 5.0


@dataclass(frozen=True, eq=False)
class Hull:
    """Distance in mm outside (positive) or inside the brain's smooth hull, on a grid of template millimetres."""

    grid: Grid
    distance_mm: Map
    bridged_mm: Map  # the same from the hull with the hollows of the skull base filled: the skull's outer face

    def at(self, points: Points, *, bridged: bool = False) -> Map:
        """Distance at template points (3, ...) -> (...)."""
        inverse = np.linalg.inv(self.grid.affine)
        index = np.tensordot(inverse[:3, :3].astype(np.float32), points, axes=1)
        index += inverse[:3, 3].astype(np.float32).reshape(3, *[1] * (points.ndim - 1))
        field = self.bridged_mm if bridged else self.distance_mm
        out: Map = ndimage.map_coordinates(field, index, order=1, mode="nearest", output=np.float32)
        return out


@lru_cache(maxsize=1)
def brain_hull(template: Template) -> Hull:
    """The hull of the template's brain, sulci and fissures closed."""
    pad = 14
    brain = np.pad(template.brain[::_HULL_STEP, ::_HULL_STEP, ::_HULL_STEP], pad)
    closed = _closed(brain, 10.0)
    affine = template.grid.affine @ np.diag([_HULL_STEP, _HULL_STEP, _HULL_STEP, 1.0])
    affine[:3, 3] -= affine[:3, :3] @ np.full(3, pad)
    grid = Grid((closed.shape[0], closed.shape[1], closed.shape[2]), affine)
    return Hull(grid, _signed_distance(closed), _signed_distance(_closed(closed, 20.0)))


def _closed(mask: NDArray[np.bool_], radius_mm: float) -> NDArray[np.bool_]:
    """Morphological closing by a ball, through two distance maps."""
    reach = radius_mm / _HULL_STEP
    grown = ndimage.distance_transform_edt(~mask) <= reach
    out: NDArray[np.bool_] = ndimage.distance_transform_edt(grown) > reach
    return out


def _signed_distance(mask: NDArray[np.bool_]) -> Map:
    distance = ndimage.distance_transform_edt(~mask) - ndimage.distance_transform_edt(mask)
    out: Map = ndimage.gaussian_filter(distance.astype(np.float32) * _HULL_STEP, 1.0)
    return out


def envelope(points: Points, hull: Hull, grid: Grid, rng: np.random.Generator) -> dict[str, Map]:
    """Fractions (i, j, k) of csf, dura, bone, marrow, fat, muscle and mucosa around the brain; air is what is left to 1.

    `points` are template points of the head's voxels.
    """
    outside_mm, bridged_mm = hull.at(points), hull.at(points, bridged=True)
    edge = grid.spacing_mm[0]
    thick = 6.0 + 1.2 * smooth_noise(rng, grid, scale_mm=40) + 1.5 * np.clip(-points[1] / 80, 0, 1)
    thick = np.clip(thick, 4.2, 10.0)
    skin = 12.0 + 1.5 * smooth_noise(rng, grid, scale_mm=50)
    inner = _SUBARACHNOID_MM + 0.5 * smooth_noise(rng, grid, scale_mm=15)
    table = inner + np.clip(_DURA_MM + 0.3 * smooth_noise(rng, grid, scale_mm=12), 0.1, 1.2)
    outer = table + thick
    head = _outline(points, bridged_mm, outer + np.clip(skin - 6.0, 3.5, 9.0))
    parts: dict[str, Map] = {}
    within = _below(head, 0.0, edge)
    in_table, in_inner = _below(outside_mm, table, edge), _below(outside_mm, inner, edge)
    in_outer = np.maximum(_below(bridged_mm, outer, edge), in_table)
    diploe = _below(bridged_mm, outer - _TABLE_MM, edge) - _below(outside_mm, table + _TABLE_MM, edge)
    parts["csf"], parts["dura"] = in_inner, in_table - in_inner
    parts["marrow"] = np.clip(diploe, 0, 1) * (0.75 + 0.15 * np.clip(smooth_noise(rng, grid, scale_mm=5), -1.5, 1.5))
    parts["bone"] = in_outer - in_table - parts["marrow"]
    parts["mucosa"] = np.zeros_like(within)
    _soft_tissue(parts, points, within * (1 - in_outer), head, grid, rng)
    cells = smooth_noise(rng, grid, scale_mm=6)
    low = int(np.flatnonzero((points[2] < _FACE_TOP_MM).any(axis=(0, 1))).max(initial=-1)) + 1  # the face lies in these sections
    face = {name: part[..., :low] for name, part in parts.items()}
    _orbits(face, points[..., :low], outside_mm[..., :low], edge)
    _air_spaces(face, points[..., :low], outside_mm[..., :low], cells[..., :low], edge)
    return parts


def _below(value: Map, limit: Map | float, edge: float) -> Map:
    """1 well below the limit, 0 well above, linear over one voxel between."""
    out: Map = np.clip((limit - value) / edge + 0.5, 0.0, 1.0).astype(np.float32)
    return out


def _ellipsoid(points: Points, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Map:
    """About the signed distance in mm to an ellipsoid, negative inside."""
    scaled = sum(((points[a] - centre[a]) / radii[a]) ** 2 for a in range(3))
    out: Map = ((np.sqrt(scaled) - 1.0) * min(radii)).astype(np.float32)
    return out


def _outline(points: Points, outside_mm: Map, scalp: Map) -> Map:
    """Signed distance of the skin: scalp over the skull, a face before it, a neck below."""
    face = _ellipsoid(points, (0.0, 34.0, -52.0), (64.0, 62.0, 66.0))
    nose = _ellipsoid(points, (0.0, 92.0, -58.0), (15.0, 17.0, 24.0))
    neck = (np.sqrt((points[0] / 64) ** 2 + ((points[1] + 28) / 72) ** 2) - 1.0) * 64
    neck = np.maximum(neck, points[2] + 40)  # ends where the skull takes over
    skin: Map = np.minimum.reduce((outside_mm - scalp, face, nose, neck)).astype(np.float32)
    return skin


def _soft_tissue(parts: dict[str, Map], points: Points, soft: Map, head: Map, grid: Grid, rng: np.random.Generator) -> None:
    """Skin, fat under it, muscle below: temporal muscle at the sides, masticators and neck further down."""
    skin = soft * _below(-head, 1.6, grid.spacing_mm[0])
    fatty = _below(-head, 5.0, grid.spacing_mm[0]) * (1 - np.clip((np.abs(points[0]) - 52) / 10, 0, 0.7) * (points[2] < 20))
    patches = np.clip(0.25 + 0.7 * smooth_noise(rng, grid, scale_mm=7), 0, 1)
    share = np.maximum(fatty, patches * (points[2] < -25)).astype(np.float32)
    parts["fat"] = (soft - skin) * share
    parts["muscle"] = soft - parts["fat"]


def _orbits(parts: dict[str, Map], points: Points, outside_mm: Map, edge: float) -> None:
    """Eyeballs in a cone of fat, with the optic nerve and the straight muscles."""
    mirrored = np.stack([np.abs(points[0]), points[1], points[2]])
    eye, apex = np.array([32.0, 62.0, -38.0], dtype=np.float32), np.array([15.0, 22.0, -30.0], dtype=np.float32)
    axis = (apex - eye) / np.linalg.norm(apex - eye)
    relative = mirrored - eye.reshape(3, 1, 1, 1)
    along = np.tensordot(axis, relative, axes=1)
    across = np.sqrt(np.maximum((relative**2).sum(axis=0) - along**2, 0.0))
    length = float(np.linalg.norm(apex - eye))
    cone = np.where(along < 0, 17.0, 17.0 - 13.0 * along / length)
    free = outside_mm > 2.5
    orbit = _below(across, cone, edge) * ((along > -4) & (along < length) & free)
    ball = _below(np.sqrt((relative**2).sum(axis=0)), 12.0, edge) * free
    lens = _below(_ellipsoid(mirrored, (32.5, 71.0, -38.5), (4.5, 2.2, 4.5)), 0.0, edge)
    nerve = _below(across, 2.0, edge) * (along > 10)
    wall = _below(np.abs(across - (cone - 3.0)), 1.5, edge) * (along > 8)
    _replace(parts, orbit, {"fat": 1.0})
    _replace(parts, orbit * np.maximum(nerve, wall), {"muscle": 1.0})
    _replace(parts, ball, {"csf": 1.0})
    _replace(parts, lens * ball, {"muscle": 0.7})


def _air_spaces(parts: dict[str, Map], points: Points, outside_mm: Map, cells: Map, edge: float) -> None:
    """Frontal, sphenoid, maxillary and ethmoid sinuses, nose and mastoid cells, lined with mucosa that enhances."""
    mirrored = np.stack([np.abs(points[0]), points[1], points[2]])
    spaces = (
        _frontal_sinus(mirrored, outside_mm),
        _ellipsoid(points, (0.0, 24.0, -42.0), (14.0, 13.0, 9.0)),
        _ellipsoid(mirrored, (29.0, 50.0, -66.0), (14.0, 17.0, 15.0)),
        _ellipsoid(points, (0.0, 54.0, -44.0), (11.0, 26.0, 14.0)) + 1.5 * cells,
        _ellipsoid(points, (0.0, 62.0, -68.0), (12.0, 34.0, 18.0)) + 1.5 * cells,
        _ellipsoid(mirrored, (54.0, -34.0, -46.0), (8.0, 13.0, 12.0)) + 3.5 * cells,
    )
    distance = np.minimum.reduce(spaces)
    deep = outside_mm > 3.2
    _replace(parts, _below(distance, 0.8, edge) * deep, {"mucosa": 1.0})
    _replace(parts, _below(distance, 0.0, edge) * deep, {})


def _frontal_sinus(mirrored: Points, outside_mm: Map) -> Map:
    """A flat cushion inside the frontal bone: as wide and high as a coin, as deep as the bone leaves room."""
    across = ((mirrored[0] - 10.0) / 13.0) ** 2 + ((mirrored[2] + 15.0) / 14.0) ** 2
    depth = np.where(mirrored[1] > 50.0, (outside_mm - 6.5) / 3.0, 9.0)
    out: Map = ((np.sqrt(across + depth**2) - 1.0) * 3.0).astype(np.float32)
    return out


def _replace(parts: dict[str, Map], share: Map, by: dict[str, float]) -> None:
    """Put other tissue (nothing listed: air) into that share of each voxel, in place."""
    keep = (1 - share).astype(np.float32)
    for part in parts.values():
        np.multiply(part, keep, out=part)
    for name, amount in by.items():
        parts[name] += (amount * share).astype(np.float32)
