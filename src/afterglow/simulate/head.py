"""One individual head: tissue fractions on a grid, drawn from the template by a random deformation."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from afterglow.records.grid import Grid
from afterglow.records.locking import locked
from afterglow.simulate.envelope import Hull, brain_hull, envelope
from afterglow.simulate.template import Template
from afterglow.simulate.vessels import draw_vessels
from afterglow.simulate.warp import diffeomorphism, smooth_noise

Map = NDArray[np.float32]
Points = NDArray[np.float32]

_EXTENT_MM = ((-96.0, 96.0), (-126.0, 114.0), (-72.0, 102.0))
_CENTRE_MM = np.array([0.0, -18.0, 10.0], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Head:
    """Tissue fractions (i, j, k) by name, summing to at most 1 (the rest is air); `template_mm` (3, i, j, k) is where each voxel comes from.

    `texture` (i, j, k) multiplies the perfusion of grey and white matter: mean 1.
    """

    grid: Grid
    fractions: Mapping[str, Map]
    template_mm: Points
    texture: Map

    def __post_init__(self) -> None:
        object.__setattr__(self, "template_mm", locked(self.template_mm))
        object.__setattr__(self, "texture", locked(self.texture))

    @property
    def brain(self) -> Map:
        """(i, j, k) share of brain tissue."""
        return self.fractions["grey"] + self.fractions["white"]


def head_grid(spacing_mm: float) -> Grid:
    """The grid of a head at that spacing, in the template's world."""
    shape = tuple(round((high - low) / spacing_mm) + 1 for low, high in _EXTENT_MM)
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = [low for low, _ in _EXTENT_MM]
    return Grid((shape[0], shape[1], shape[2]), affine)


@dataclass(frozen=True)
class Push:
    """A mass that takes up room: brain around `centre_mm` (template) moves away as if `volume_ml` were put there."""

    centre_mm: tuple[float, float, float]
    volume_ml: float


def make_head(template: Template, *, spacing_mm: float, rng: np.random.Generator, pushed_from: Push | None = None) -> Head:
    """An individual head: other size, other shape, other folds, skull, scalp and vessels of its own."""
    grid = head_grid(spacing_mm)
    hull = brain_hull(template)
    points = _individual_points(grid, rng)
    if pushed_from is not None:
        _push(points, hull.at(points), pushed_from)
    outside_mm = hull.at(points)
    fractions = _brain(template, points, grid, rng)
    _add_envelope(fractions, envelope(points, hull, grid, rng))
    _add_falx_and_plexus(fractions, points, outside_mm, spacing_mm)
    _add_vessels(fractions, points, grid, hull, rng)
    texture = np.exp(0.12 * smooth_noise(rng, grid, scale_mm=5) + 0.10 * smooth_noise(rng, grid, scale_mm=18) - 0.0122)
    return Head(grid, fractions, points, texture.astype(np.float32))


def _individual_points(grid: Grid, rng: np.random.Generator) -> Points:
    """Template point (RAS mm) of each voxel of the individual head (3, i, j, k)."""
    stretch = (1.0 + rng.normal(0.0, 0.025, 3)).astype(np.float32)
    moved = diffeomorphism(rng, grid, scale_mm=60.0, amplitude_mm=2.2)
    moved += diffeomorphism(rng, grid, scale_mm=22.0, amplitude_mm=0.8)
    for axis in range(3):
        place = (np.arange(grid.shape[axis]) * grid.spacing_mm[axis] + grid.affine[axis, 3]).astype(np.float32)
        shape = [1, 1, 1]
        shape[axis] = -1
        moved[axis] += ((place - _CENTRE_MM[axis]) * stretch[axis] + _CENTRE_MM[axis]).reshape(shape)
    return moved


def _push(points: Points, outside_mm: Map, push: Push) -> None:
    """Volume-keeping radial displacement around the mass, fading within 45 mm and towards the skull; in place."""
    centre = np.array(push.centre_mm, dtype=np.float32).reshape(3, 1, 1, 1)
    arm = points - centre
    radius = np.maximum(np.sqrt((arm**2).sum(axis=0)), 1e-3)
    cube = 3000.0 * push.volume_ml / (4.0 * np.pi) * np.exp(-((radius / 45.0) ** 2)) * np.clip(-outside_mm / 12.0, 0.0, 1.0)
    shrink = np.cbrt(np.maximum(1.0 - cube / radius**3, 0.003)).astype(np.float32)
    points[:] = centre + arm * shrink


def _brain(template: Template, points: Points, grid: Grid, rng: np.random.Generator) -> dict[str, Map]:
    """Grey, white and csf at the individual's points; noise in the CSF's odds opens and closes sulci."""
    inverse = np.linalg.inv(template.grid.affine)
    index = points + inverse[:3, 3].astype(np.float32).reshape(3, 1, 1, 1)  # the template's voxels are 1 mm and axis-aligned
    parts = {}
    for name in ("grey", "white", "csf"):
        parts[name] = ndimage.map_coordinates(getattr(template, name), index, order=1, output=np.float32)
    inside = parts["grey"] + parts["white"] + parts["csf"]
    folds = np.exp(0.7 * smooth_noise(rng, grid, scale_mm=4.0) + 0.4)
    cortical = np.exp(0.35 * smooth_noise(rng, grid, scale_mm=5.0))
    weights = {"grey": parts["grey"] ** 1.4 * cortical, "white": parts["white"] ** 1.4, "csf": parts["csf"] ** 1.2 * folds}
    total = np.maximum(weights["grey"] + weights["white"] + weights["csf"], 1e-6)
    return {name: (weight / total * inside).astype(np.float32) for name, weight in weights.items()}


def _add_envelope(fractions: dict[str, Map], around: dict[str, Map]) -> None:
    free = np.clip(1.0 - fractions["grey"] - fractions["white"] - fractions["csf"], 0.0, 1.0)
    for name, part in around.items():
        fractions[name] = fractions[name] + part * free if name in fractions else part * free


def _add_falx_and_plexus(fractions: dict[str, Map], points: Points, outside_mm: Map, edge: float) -> None:
    """The falx between the hemispheres; the choroid plexus in both lateral ventricles."""
    x, y, z = np.abs(points[0]), points[1], points[2]
    falx = np.clip((0.5 - x) / edge + 0.5, 0, 1) * (outside_mm > -34) * (z > 6) * fractions["csf"] * 0.6
    belly = np.sqrt(((x - 21) / 5) ** 2 + ((y + 38) / 8) ** 2 + ((z - 7) / 9) ** 2)
    strand = np.sqrt(((x - 9 - (0 - y) * 0.28) / 2.5) ** 2 + ((z - 17) / 3.5) ** 2) + 10.0 * ((y < -34) | (y > 6))
    plexus = np.clip((1.0 - np.minimum(belly, strand)) * 3, 0, 1) * fractions["csf"] * 0.8
    fractions["csf"] = (fractions["csf"] - falx - plexus).astype(np.float32)
    fractions["dura"] = (fractions["dura"] + falx).astype(np.float32)
    fractions["plexus"] = plexus.astype(np.float32)


def _add_vessels(fractions: dict[str, Map], points: Points, grid: Grid, hull: Hull, rng: np.random.Generator) -> None:
    """Named vessels, and small nameless ones in the sulci."""
    blood = draw_vessels(points, grid, hull)
    pial = np.clip(1.2 * (smooth_noise(rng, grid, scale_mm=2.5) - 1.5), 0, 0.6) * fractions["csf"] * (fractions["grey"] > 0.05)
    blood["vein"] = np.maximum(blood["vein"], pial.astype(np.float32))
    blood["vein"] = np.minimum(blood["vein"], 1.0 - blood["artery"])
    keep = 1.0 - blood["artery"] - blood["vein"]
    for part in fractions.values():
        np.multiply(part, keep, out=part)
    fractions.update(blood)
