"""A crop of one visit's images about a place, made ready for growing: what enhances there, and what is dark."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_multiotsu

from afterglow.lesions.grow import Map, Mask, Spacing, Terrain, smooth
from afterglow.records.grid import Grid

Box = tuple[slice, slice, slice]
Point = NDArray[np.float64]

_SMOOTHED_MM = 0.6  # below a voxel of 1 mm: the border stays where it is
_THIN_MM = 1.6  # radius of the ball that a lesion holds; arteries, dura and strands of plexus are thinner
_AIR = 0.15  # of the median of what is not air
_DARK = 0.8  # of the median at most: the darkest class of brain alone is still brain
_BRIGHTEST = 2.0  # times the median: fat, which would take a class of its own


@dataclass(frozen=True, eq=False)
class Images:
    """What one visit shows, all on one grid: post-contrast T1w, and where they exist pre-contrast T1w, T2w and FLAIR.

    NaN where an image does not reach.
    """

    post: Map  # (i, j, k)
    pre: Map | None = None
    t2: Map | None = None
    flair: Map | None = None

    def cut(self, box: Box) -> "Images":
        """The same on a part of the grid."""
        pre, t2, flair = (None if one is None else np.asarray(one[box], np.float32) for one in (self.pre, self.t2, self.flair))
        return Images(np.asarray(self.post[box], np.float32), pre, t2, flair)


@dataclass(frozen=True, eq=False)
class Look:
    """The crop: its place on the grid, its images, its voxels' places in mm."""

    box: Box
    images: Images
    points_mm: Point  # (i, j, k, 3)
    spacing_mm: Spacing

    def put_back(self, mask: Mask, shape: tuple[int, int, int]) -> Mask:
        """A mask of the crop on the whole grid."""
        whole = np.zeros(shape, bool)
        whole[self.box] = mask
        return whole


def look_at(images: Images, grid: Grid, low_mm: Point, high_mm: Point) -> Look:
    """The crop that holds the box between two corners in RAS mm."""
    ends = np.array([[(low_mm, high_mm)[n >> a & 1][a] for a in range(3)] for n in range(8)])
    index = grid.to_index(ends)
    low = np.clip(np.floor(index.min(axis=0)).astype(int), 0, np.array(grid.shape) - 1)
    high = np.clip(np.ceil(index.max(axis=0)).astype(int) + 1, low + 1, grid.shape)
    a, b, c = (slice(int(first), int(last)) for first, last in zip(low, high, strict=True))
    places = np.stack(np.meshgrid(*(np.arange(s.start, s.stop, dtype=np.float64) for s in (a, b, c)), indexing="ij"), axis=-1)
    return Look((a, b, c), images.cut((a, b, c)), grid.to_mm(places), grid.spacing_mm)


def tissue_of(post: Map) -> Mask:
    """What is neither air nor outside the image."""
    known = np.isfinite(post)
    body = known & (post > 0.5 * float(post[known].mean())) if known.any() else known
    out: Mask = known & (post > _AIR * float(np.median(post[body]))) if body.any() else body
    return out


def field_of(look: Look, allowed: Mask) -> Terrain:
    """Post- less pre-contrast, scaled so that most tissue cancels; the post-contrast image alone without one."""
    post, pre = look.images.post, look.images.pre
    tissue = tissue_of(post)
    image = post
    if pre is not None:
        both = tissue & np.isfinite(pre) & (pre > 0)
        gain = float(np.median(post[both] / pre[both])) if both.any() else 1.0
        image = post - np.float32(gain) * pre
    known = np.isfinite(image)
    raw = np.where(known, image, 0).astype(np.float32)
    calm = smooth(raw, look.spacing_mm, _SMOOTHED_MM)
    return Terrain(calm, allowed & known, dark_of(look, tissue), look.spacing_mm, _THIN_MM, raw)


def dark_of(look: Look, tissue: Mask) -> Mask:
    """The darkest of three classes of tissue on the post-contrast image: fluid, necrosis, bone."""
    post = smooth(np.where(tissue, look.images.post, 0).astype(np.float32), look.spacing_mm, _SMOOTHED_MM)
    if np.count_nonzero(tissue) < 10:
        return np.zeros(tissue.shape, bool)
    values = np.minimum(look.images.post[tissue], _BRIGHTEST * float(np.median(look.images.post[tissue])))
    if np.unique(values).size < 3:
        return np.zeros(tissue.shape, bool)
    dark: Mask = post < min(float(threshold_multiotsu(values, classes=3)[0]), _DARK * float(np.median(values)))
    return dark


def noise_of(look: Look, tissue: Mask) -> float:
    """Standard deviation of the noise that smoothing leaves in what growing looks at, from differences of neighbours in tissue."""
    post, pre = look.images.post, look.images.pre
    image = post if pre is None else post - pre
    step = np.diff(image, axis=0)[tissue[1:] & tissue[:-1]]
    step = step[np.isfinite(step)]
    if not step.size:
        return 0.0
    single = np.zeros([9] * 3, np.float32)
    single[4, 4, 4] = 1.0
    left = float(np.sqrt((smooth(single, look.spacing_mm, _SMOOTHED_MM) ** 2).sum(dtype=np.float64)))
    return left * 1.4826 * float(np.median(np.abs(step))) / float(np.sqrt(2.0))
