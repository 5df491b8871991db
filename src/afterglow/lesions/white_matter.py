"""White matter by its brightness in a T1-weighted image, without a template: what a reference in the brain is cut from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu

from afterglow.kernels.mixture import gaussian_mixture, membership
from afterglow.kernels.shading import flattest
from afterglow.kernels.types import Array
from afterglow.records.errors import MissingInput
from afterglow.records.grid import Grid
from afterglow.records.locking import locked

Mask = NDArray[np.bool_]
Image = NDArray[np.float32]

_OPENING_MM = 5.0  # radius that parts the brain from scalp and neck: less than the brain is thick, more than vessels and nerves
_COARSE_MM = 2.0  # voxels that suffice to find the brain
_LEAST_BRAIN_ML = 100.0  # a piece smaller than this is no brain; a slab of 4 cm holds three times as much
_FIELD_ORDER = 3  # of the polynomial for coil sensitivity: a coil's own scale is a head, a gyrus' is not
_POINTS = 60_000  # brain voxels that the tissues are fitted to
_FIELD_EVERY = 3  # every third of them for the field
_SURE = 0.9  # probability from which a voxel counts as white matter
_WIDE = 2.5  # standard deviations of white matter's own brightness that are kept; beyond lie enhancement and partial volume
_NOISE = 0.12  # of the median brightness of the head: air is darker, bone and fluid mostly brighter
_FAT = 1.7  # times the median brightness of the head: fat is brighter than that in T1-weighted images, white matter with shading is not
_LEAST_WEIGHT = (
    0.1  # of the brain that must be in the white class, or that class is something else; digital heads have .2 and more
)
_APART = 2.0  # standard deviations by which white and grey matter must differ to be told apart
_SPLIT = 3.0  # or three classes have parted white matter itself; digital heads have 7 and more
_FLAIR_MAD = 3.0  # deviations of FLAIR from white matter's median that are kept: oedema and gliosis lie far outside
_FLAIR_ROUNDS = 8
_SMOOTH_MM = 0.7  # against noise, before classes are told apart


@dataclass(frozen=True, eq=False)
class WhiteMatter:
    """Voxels (i, j, k) of pure white matter and the brain they lie in, on the grid of the image they were found in."""

    mask: Mask
    brain: Mask
    contrast: float  # distance of the means of white and grey matter in white matter's standard deviations

    def __post_init__(self) -> None:
        object.__setattr__(self, "mask", locked(self.mask))
        object.__setattr__(self, "brain", locked(self.brain))


def find_white_matter(image: Image, grid: Grid, *, flair: Image | None, lesion: Mask, edge_mm: float) -> WhiteMatter:
    """White matter (i, j, k) of a T1-weighted image, more than `edge_mm` from all that is not white matter.

    Coil sensitivity is flattened by the smooth field that leaves the least entropy; three Gaussians tell the brain's border with fluid, grey and white matter apart;
    what is brighter than white matter (vessels, enhancement) is left out, and so is what differs from it in `flair` (same grid, NaN
    where unknown). `lesion` does not count in the fits. MissingInput, with the reason, where no brain or no two tissues are found.
    """
    smooth = ndimage.gaussian_filter(np.nan_to_num(image), [_SMOOTH_MM / step for step in grid.spacing_mm]).astype(np.float32)
    brain = brain_of(smooth, grid)
    box = ndimage.find_objects(brain.astype(np.uint8))[0]
    here, near = brain[box], smooth[box]
    logs = np.log(np.maximum(near, 1e-6 * float(near.max())))
    flat, means, deviations, weights = _flattened(logs, here & ~lesion[box])
    contrast = float((means[-1] - means[-2]) / deviations[-1])
    if contrast < _APART:
        raise MissingInput(f"white and grey matter are not told apart by brightness ({contrast:.1f} standard deviations)")
    if weights[-1] < _LEAST_WEIGHT:
        raise MissingInput(f"what is brightest in the brain is {100 * weights[-1]:.0f} % of it, too little for white matter")
    white = here & (np.abs(flat - means[-1]) < _WIDE * deviations[-1])
    inside = flat[white].astype(np.float64)
    white[white] = (membership(inside, means, deviations, weights, -1) > _SURE) | (inside > means[-1])
    if flair is not None:
        white &= _like_white(flair[box], white & ~lesion[box])
    mask = np.zeros(grid.shape, dtype=bool)
    mask[box] = ndimage.distance_transform_edt(_without_pinholes(white), sampling=grid.spacing_mm) > edge_mm
    return WhiteMatter(mask, brain, contrast)


def brain_of(smooth: Image, grid: Grid) -> Mask:
    """The largest piece of tissue (i, j, k) after thin bridges are cut: in a head that is the brain. MissingInput where it is small."""
    steps = [max(1, round(_COARSE_MM / step)) for step in grid.spacing_mm]
    thin = smooth[tuple(slice(None, None, step) for step in steps)]
    spacing_mm = [step * mm for step, mm in zip(steps, grid.spacing_mm, strict=True)]
    dark, bright = _limits(thin)
    tissue = (thin > dark) & (thin < bright)
    pieces, n = ndimage.label(ndimage.distance_transform_edt(tissue, sampling=spacing_mm) > _OPENING_MM)
    if n == 0:
        raise MissingInput("no brain was found in the image: nothing in it is thicker than a few millimetres")
    core = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    whole = ndimage.distance_transform_edt(~core, sampling=spacing_mm) < _OPENING_MM + _COARSE_MM / 2
    for axis, (step, size) in enumerate(zip(steps, grid.shape, strict=True)):
        whole = np.repeat(whole, step, axis=axis).take(range(size), axis=axis)
    brain: Mask = whole & (smooth > dark) & (smooth < bright)
    found_ml = np.count_nonzero(brain) * grid.voxel_ml
    if found_ml < _LEAST_BRAIN_ML:
        raise MissingInput(f"no brain was found in the image: its largest piece of tissue is {found_ml:.0f} mL")
    return brain


def _limits(image: Image) -> tuple[float, float]:
    """Brightness between what is dark (air, bone, fluid) and tissue, and between brain and fat. The dark limit does not see how bright fat is."""
    values = image.ravel().astype(np.float64)
    body = values[values > 0.1 * np.quantile(values, 0.99)]
    if body.size == 0:
        raise MissingInput("the image holds nothing but darkness")
    middle = float(np.median(body))
    lit = values[values > _NOISE * middle]
    return float(threshold_otsu(np.minimum(lit, 1.3 * middle))), _FAT * middle


def _flattened(logs: Image, where: Mask) -> tuple[Image, Array, Array, Array]:
    """Logarithm of brightness less a smooth field (i, j, k), with means, deviations and weights of the tissues in it."""
    at = np.argwhere(where)
    at = at[np.linspace(0, len(at) - 1, min(_POINTS, len(at))).astype(np.intp)]
    values = logs[tuple(at.T)].astype(np.float64)
    basis = _powers_at(at, logs.shape)
    some = slice(None, None, _FIELD_EVERY)
    terms = np.append(0.0, flattest(values[some], basis[some, 1:]))
    means, deviations, weights = _tissues(values - basis @ terms)
    return (logs - _field(terms, logs.shape)).astype(np.float32), means, deviations, weights


def _tissues(values: Array) -> tuple[Array, Array, Array]:
    """Means, deviations and weights of border, grey and white matter; of two classes where three would part white matter itself."""
    means, deviations, weights = gaussian_mixture(values, 3)
    if means[2] - means[1] >= _SPLIT * deviations[2]:
        return means, deviations, weights
    return gaussian_mixture(values, 2)


_ORDER = range(_FIELD_ORDER + 1)
_POWERS = tuple((a, b, c) for a in _ORDER for b in _ORDER for c in _ORDER if a + b + c <= _FIELD_ORDER)


def _powers_at(at: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Products of powers of the place (n, terms); each axis runs from -1 to 1."""
    x, y, z = (2.0 * at[:, axis] / max(1, shape[axis] - 1) - 1.0 for axis in range(3))
    return np.stack([x**a * y**b * z**c for a, b, c in _POWERS], axis=1)


def _field(terms: Array, shape: tuple[int, ...]) -> Image:
    """The polynomial at every voxel (i, j, k)."""
    table: Image = np.zeros((_FIELD_ORDER + 1,) * 3, dtype=np.float32)
    for (a, b, c), term in zip(_POWERS, terms, strict=True):
        table[a, b, c] = term
    for axis, size in enumerate(shape):
        powers = np.vander(np.linspace(-1.0, 1.0, size), _FIELD_ORDER + 1, increasing=True).astype(np.float32)
        table = np.moveaxis(np.tensordot(table, powers, axes=(axis, 1)), -1, axis)
    return table


def _like_white(flair: Image, white: Mask) -> Mask:
    """Where FLAIR is as bright as white matter mostly is, its own smooth field taken out; everywhere, where FLAIR is not known."""
    known = np.isfinite(flair) & (flair > 0)
    at = np.argwhere(white & known)
    if len(at) < len(_POWERS) ** 2:
        return np.ones(white.shape, dtype=bool)
    at = at[np.linspace(0, len(at) - 1, min(_POINTS, len(at))).astype(np.intp)]
    logs = np.log(np.where(known, flair, 1.0)).astype(np.float32)
    values, basis = logs[tuple(at.T)].astype(np.float64), _powers_at(at, white.shape)
    kept = np.ones(len(at), dtype=bool)
    for _ in range(_FLAIR_ROUNDS):
        terms = np.linalg.lstsq(basis[kept], values[kept], rcond=None)[0]
        left = values - basis @ terms
        middle = float(np.median(left[kept]))
        reach = _FLAIR_MAD * 1.4826 * float(np.median(np.abs(left[kept] - middle)))
        kept = np.abs(left - middle) <= reach
    alike: Mask = np.abs(logs - _field(terms, white.shape) - middle) <= reach
    return alike | ~np.isfinite(flair)


def _without_pinholes(white: Mask) -> Mask:
    """Single voxels that noise took out of white matter are put back: all six neighbours are white."""
    cross = ndimage.generate_binary_structure(3, 1)
    cross[1, 1, 1] = False
    full: Mask = white | (ndimage.correlate(white.astype(np.uint8), cross.astype(np.uint8), mode="nearest") == 6)
    return full
