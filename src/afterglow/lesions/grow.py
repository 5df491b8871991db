"""From a seed to a solid: the threshold at which a border is sharpest, then the border moved to half height place by place.

All arrays lie on one small crop. `image` is what enhances (post- less pre-contrast, or post-contrast alone); `dark` is where
the post-contrast image is darker than brain. Distances are in mm, voxels may have any size.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
Spacing = tuple[float, float, float]

# Shares of the neighbourhood that lie below the thresholds tried: dense where a lesion of 0.3 mL in a ball of 65 mL shows.
_SHARES = (0.4, 0.6, 0.75, 0.85, 0.9, 0.935, 0.96, 0.975, 0.985, 0.99, 0.994, 0.997, 0.999)
_FINER = 5  # thresholds tried between the neighbours of the best one
_LARGER = 1 / 6  # power of the volume that weighs with the sharpness of its border
_CLOSED_MM = 2.0  # gaps of a rim up to twice this wide are bridged
_COVERED_MM = 2.5  # a dark voxel is covered where bright tissue lies within this
_SURROUNDED = 0.6  # share of a dark piece's surface that must be covered; sulci and ventricles stay far below
_BEYOND = 0.3  # share of a dark piece that may lie where nothing may grow: a sulcus goes on, a hole ends
_LEVEL_MM = 3.0  # how far levels inside and outside are averaged along the border
_BAND_MM = 2.5  # how far half height may move the border
_OUTSIDE_MM = (1.5, 5.0)  # where the surroundings are read
_THINNEST = 0.02  # weight of a rim's crest beside that of what lies deeper
_CALM = 8.0  # times the noise
_SPECK_ML = 0.02
_TEXTURE = 2.5  # standard deviations of what does not enhance
_CREST_MM = 2.0
_ROUNDS = 3
_FOUR = ndimage.generate_binary_structure(2, 1)
_PLANES = [np.stack([_FOUR & False, _FOUR, _FOUR & False], axis=axis) for axis in range(3)]  # neighbours within a plane


@dataclass(frozen=True, eq=False)
class Terrain:
    """What growing looks at: the image, where it may grow, what is dark, and the ball that a lesion must hold."""

    image: Map
    allowed: Mask
    dark: Mask
    spacing_mm: Spacing
    thin_mm: float
    raw: Map  # the image before it was smoothed

    @property
    def middle(self) -> float:
        """Median of the image where a lesion may be: that of tissue which does not enhance."""
        return float(np.median(self.image[self.allowed])) if self.allowed.any() else 0.0


@dataclass(frozen=True, eq=False)
class Grown:
    """A solid (rim and what it encloses), the enhancing part of it, and how it was found."""

    solid: Mask
    enhancing: Mask
    membership: Map  # share of each voxel that enhances, from its place between the levels outside and inside
    threshold: float
    contrast: float  # just inside less just outside


def away_mm(mask: Mask, spacing_mm: Spacing) -> Map:
    """Distance of each voxel to the nearest voxel of the mask; infinite where the mask is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    out: Map = ndimage.distance_transform_edt(~mask, sampling=spacing_mm).astype(np.float32)
    return out


def smooth(image: Map, spacing_mm: Spacing, sigma_mm: float) -> Map:
    """Gaussian smoothing by a width in mm."""
    out: Map = ndimage.gaussian_filter(image, [sigma_mm / step for step in spacing_mm])
    return out


def touched(mask: Mask, seed: Mask) -> Mask:
    """The connected parts of a mask that the seed touches."""
    label, _ = ndimage.label(mask)
    wanted = np.unique(label[seed & mask])
    found: Mask = np.isin(label, wanted[wanted > 0])
    return found


def opened(mask: Mask, spacing_mm: Spacing, radius_mm: float) -> Mask:
    """What a ball of that radius reaches inside the mask."""
    core = away_mm(~mask, spacing_mm) > radius_mm
    out: Mask = mask & (away_mm(core, spacing_mm) <= radius_mm + 0.5 * min(spacing_mm))
    return out


def rimmed(bright: Mask, dark: Mask, allowed: Mask, spacing_mm: Spacing) -> Mask:
    """Dark pieces that bright tissue surrounds for the most part: necrosis and cavities, whose rims have gaps."""
    label, count = ndimage.label(dark)
    surface = dark & ~ndimage.binary_erosion(dark)
    if not surface.any():
        return surface
    covered = away_mm(bright, spacing_mm)[surface] <= _COVERED_MM
    of = label[surface]
    size = np.bincount(of, minlength=count + 1)
    share = np.bincount(of, weights=covered, minlength=count + 1) / np.maximum(size, 1)
    beyond = np.bincount(label[dark & ~allowed], minlength=count + 1) / np.maximum(
        np.bincount(label.ravel(), minlength=count + 1), 1
    )
    held = (share >= _SURROUNDED) & (beyond <= _BEYOND)
    held[0] = False
    out: Mask = held[label]
    return out


def filled(mask: Mask, weak: Mask, dark: Mask, allowed: Mask, spacing_mm: Spacing) -> Mask:
    """A rim with what it encloses, gaps bridged: in two planes whatever it is, in one plane only where it is dark.

    `weak` is the mask and what is half as bright: it counts as rim around what is dark, and not otherwise.
    """
    held = rimmed(weak, dark, allowed, spacing_mm)
    mask = mask | held
    closed = mask | (away_mm(~(away_mm(mask, spacing_mm) <= _CLOSED_MM), spacing_mm) > _CLOSED_MM)
    votes = np.zeros(mask.shape, np.uint8)
    for axis in range(3):
        label, count = ndimage.label(~closed, structure=_PLANES[axis])
        ends = [np.unique(np.take(label, (0, -1), axis=other)) for other in range(3) if other != axis]
        outside = np.zeros(count + 1, bool)
        outside[np.concatenate(ends)] = True
        outside[0] = True
        votes += ~outside[label]
    enclosed = (votes >= 2) | ((votes == 1) & dark)
    back = closed & (away_mm(enclosed | held, spacing_mm) <= _CLOSED_MM + max(spacing_mm))
    out: Mask = ndimage.binary_fill_holes(mask | enclosed | back)
    return out


def solid_at(field: Terrain, threshold: float, seed: Mask) -> Mask:
    """What is brighter than the threshold about the seed, with what it encloses, without what is thinner than the ball."""
    out = np.zeros(seed.shape, bool)
    bright = (field.image > threshold) & field.allowed
    weak = (field.image > weak_above(field, threshold)) & field.allowed
    box = _neighbourhood(bright | field.dark, seed, field.spacing_mm)
    if box is None:
        return out
    allowed = field.allowed[box]
    whole = filled(bright[box], weak[box], field.dark[box], allowed, field.spacing_mm) & allowed
    out[box] = touched(opened(whole, field.spacing_mm, field.thin_mm), seed[box])
    return out


def weak_above(field: Terrain, threshold: float) -> float:
    """Half-way from what does not enhance to the threshold, but above most of the texture of brain."""
    values = field.image[field.allowed]
    spread = 1.4826 * float(np.median(np.abs(values - field.middle))) if values.size else 0.0
    return min(threshold, max(0.5 * (threshold + field.middle), field.middle + _TEXTURE * spread))


def _neighbourhood(mask: Mask, seed: Mask, spacing_mm: Spacing) -> tuple[slice, ...] | None:
    """The box about the seed outside which nothing is connected to it, gaps bridged; None where the mask is far from the seed."""
    every = [max(1, int(_CLOSED_MM / step)) for step in spacing_mm]
    starts = [np.arange(0, size, step) for size, step in zip(mask.shape, every, strict=True)]
    coarse, about = mask, seed
    for axis in range(3):
        coarse = np.logical_or.reduceat(coarse, starts[axis], axis=axis)
        about = np.logical_or.reduceat(about, starts[axis], axis=axis)
    joined = touched(ndimage.binary_dilation(coarse, structure=np.ones((3, 3, 3), bool)), about)
    boxes = ndimage.find_objects(joined.astype(np.uint8))
    if not boxes:
        return None
    return tuple(slice(max(0, (s.start - 2) * n), (s.stop + 2) * n) for s, n in zip(boxes[0], every, strict=True))


def border_contrast(image: Map, solid: Mask, bright: Mask) -> float:
    """Mean of the image just inside less just outside the border, where the inside is bright; 0 where there is no such border."""
    inner = solid & bright & ~ndimage.binary_erosion(solid)
    outer = ndimage.binary_dilation(inner) & ~solid
    return float(image[inner].mean() - image[outer].mean()) if inner.any() and outer.any() else 0.0


def sharpest(field: Terrain, seed: Mask) -> tuple[float, Mask]:
    """Threshold and solid where the border about the seed is sharpest; an empty solid where nothing is there.

    Of two borders nearly as sharp the one around more wins: the whole rim, not its brightest piece.
    """
    values = field.image[field.allowed]
    first = np.quantile(values.astype(np.float64), _SHARES) if values.size else np.zeros(0)
    best = _best(field, seed, first, _Try(0.0, np.zeros(seed.shape, bool), 0.0))
    if best.score > 0:
        place = int(np.argmin(np.abs(first - best.threshold)))
        low, high = first[max(place - 1, 0)], first[min(place + 1, first.size - 1)]
        best = _best(field, seed, np.linspace(low, high, _FINER + 2)[1:-1], best)
    return best.threshold, best.solid


class _Try(NamedTuple):
    threshold: float
    solid: Mask
    score: float


def _best(field: Terrain, seed: Mask, thresholds: NDArray[np.float64], best: _Try) -> _Try:
    for threshold in thresholds:
        solid = solid_at(field, float(threshold), seed)
        score = border_contrast(field.image, solid, field.image > threshold) * np.count_nonzero(solid) ** _LARGER
        if score > best.score:
            best = _Try(float(threshold), solid, float(score))
    return best


def at_half_height(field: Terrain, threshold: float, solid: Mask, shift: float) -> Grown:
    """Move the border to half height between the levels on its two sides, each averaged along the border.

    `shift` moves it outwards (below 0) or inwards (above 0), as a share of the step from outside to inside.
    """
    enhancing = solid & (field.image > threshold)
    membership = enhancing.astype(np.float32)
    for _ in range(_ROUNDS):
        low, high = _levels(field, solid, enhancing, threshold)
        step = np.maximum(high - low, 1e-12)
        seen = field.raw if _is_calm(field, enhancing, step) else field.image
        membership = np.clip((seen - low) / step, 0, 1).astype(np.float32)
        near = (away_mm(solid, field.spacing_mm) <= _BAND_MM) & field.allowed
        bright = touched((membership > 0.5 + shift) & near, enhancing)
        weak = bright | ((field.image > weak_above(field, threshold)) & near)
        whole = filled(bright, weak, field.dark, near, field.spacing_mm) & near
        thick = touched(opened(whole, field.spacing_mm, field.thin_mm), solid)
        solid = thick if thick.any() else solid
        enhancing = solid & bright
    enhancing = enhancing | _specks(solid & ~enhancing, field.spacing_mm)
    return Grown(solid, enhancing, membership, threshold, border_contrast(field.image, solid, enhancing))


def _is_calm(field: Terrain, enhancing: Mask, step: Map) -> bool:
    """Whether the step across the border stands so far out of the noise that the image needs no smoothing."""
    noise = 1.4826 * float(np.median(np.abs(field.raw - field.image)[field.allowed]))
    return not enhancing.any() or float(np.median(step[enhancing])) > _CALM * noise


def _specks(hole: Mask, spacing_mm: Spacing) -> Mask:
    """Pieces of a hole too small to be necrosis: noise, or the grain of an outline."""
    label, count = ndimage.label(hole)
    small = np.bincount(label.ravel(), minlength=count + 1) * float(np.prod(spacing_mm)) / 1000 < _SPECK_ML
    small[0] = False
    out: Mask = small[label]
    return out


def _levels(field: Terrain, solid: Mask, enhancing: Mask, threshold: float) -> tuple[Map, Map]:
    """The level beside the enhancing tissue (of what it encloses, or of the surroundings, whichever is nearer) and its own.

    Its own is the mean of what lies deeper than a voxel; where a rim is too thin for that, its crest.
    """
    step = max(field.spacing_mm)
    outside_mm = away_mm(solid, field.spacing_mm)
    shell = (outside_mm > _OUTSIDE_MM[0]) & (outside_mm <= _OUTSIDE_MM[1]) & (field.image < threshold) & field.allowed
    hole = solid & ~enhancing
    deep_hole = hole & (away_mm(~hole, field.spacing_mm) > step)
    around, _ = _along(field, shell)
    if deep_hole.any():
        nearer = away_mm(hole, field.spacing_mm) < away_mm(~solid, field.spacing_mm)
        around = np.where(nearer, _along(field, deep_hole)[0], around)
    deep = enhancing & (away_mm(~enhancing, field.spacing_mm) > step)
    size = [2 * int(_CREST_MM / one) + 1 for one in field.spacing_mm]
    crest: Map = ndimage.maximum_filter(field.raw, size=size)
    mean, known = _along(field, deep)
    own: Map = (known * mean + _THINNEST * crest) / (known + _THINNEST)
    return around, own


def _along(field: Terrain, where: Mask) -> tuple[Map, Map]:
    """The image's mean over the voxels nearby, their median far from all of them; and how many there are, as a share."""
    weight = smooth(where.astype(np.float32), field.spacing_mm, _LEVEL_MM)
    middle = np.float32(np.median(field.image[where])) if where.any() else np.float32(field.middle)
    total = smooth(np.where(where, field.image - middle, 0).astype(np.float32), field.spacing_mm, _LEVEL_MM)
    mean: Map = middle + total / (weight + np.float32(1e-4))
    return mean, weight
