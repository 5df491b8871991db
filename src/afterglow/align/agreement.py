"""How well two images lie on one another: the overlap of their heads as a number, and a checkerboard for the eye."""

from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from afterglow.align.images import array_of, grid_of, one_itk_thread, to_transform
from afterglow.align.mutual import Level, finite_image, shrunk
from afterglow.records.grid import Grid

OUTLINE = Level(spacing_mm=4, sigma_mm=2, samples=0, step_mm=0, smallest_step_mm=0, iterations=0)  # outlines need no more


def head_points(data: NDArray[Any], grid: Grid) -> NDArray[np.float64]:
    """Places (n, 3), RAS mm, inside the largest thing in the image that is brighter than air, 4 mm apart; none where it is flat."""
    with one_itk_thread():
        image = finite_image(data, grid)
        if image is None:
            return np.empty((0, 3))
        inside = head_mask(image)
        return grid_of(inside).to_mm(np.argwhere(array_of(inside) > 0).astype(np.float64))


def head_mask(image: sitk.Image) -> sitk.Image:
    """What is brighter than air at about 4 mm (Otsu's threshold), its largest piece alone, holes filled."""
    small = shrunk(image, OUTLINE)
    bright = array_of(sitk.OtsuThreshold(small, 0, 1)) > 0
    pieces, count = ndimage.label(bright)
    if count > 1:
        bright = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    mask = sitk.GetImageFromArray(ndimage.binary_fill_holes(bright).astype(np.uint8).transpose(2, 1, 0))
    mask.CopyInformation(small)
    return mask


def head_dice(source: sitk.Image, target: sitk.Image, matrix: NDArray[np.float64]) -> float:
    """Dice of both heads where both fields of view reach; `matrix` takes target points to source points. NaN without overlap."""
    mask = head_mask(target)
    moved = sitk.Resample(head_mask(source), mask, to_transform(matrix), sitk.sitkNearestNeighbor, 2)
    there, here = array_of(moved), array_of(mask) > 0
    seen = there < 2
    total = int((there[seen] == 1).sum()) + int(here[seen].sum())
    return 2.0 * int(((there == 1) & here).sum()) / total if total else float("nan")


def checkerboard(a: NDArray[Any], b: NDArray[Any], squares: int = 8) -> NDArray[np.float32]:
    """Two images (i, j[, k]) on one grid as one picture, in turns of squares: edges that run on across the borders lie well.

    `squares` along the longest side. Each image is scaled by its own 1st and 99th percentile to 0 .. 1, so that their contrasts
    need not be alike; what is not finite stays NaN.
    """
    if a.shape != b.shape:
        raise ValueError(f"a checkerboard needs two images on one grid, not {a.shape} and {b.shape}; resample one first")
    if squares < 1:
        raise ValueError(f"{squares} squares make no checkerboard")
    size = max(a.shape) / squares
    turn = np.zeros(a.shape, dtype=int)
    for axis, n in enumerate(a.shape):
        along = [1] * a.ndim
        along[axis] = n
        turn += np.floor(np.arange(n) / size).astype(int).reshape(along)
    return np.where(turn % 2 == 0, _scaled(a), _scaled(b))


def _scaled(image: NDArray[Any]) -> NDArray[np.float32]:
    values = np.asarray(image, dtype=np.float32)
    known = values[np.isfinite(values)]
    low, high = np.percentile(known, (1, 99)) if known.size else (0.0, 0.0)
    scaled = (values - np.float32(low)) / np.float32(high - low if high > low else 1.0)
    return np.where(np.isfinite(values), np.clip(scaled, 0.0, 1.0), np.float32(np.nan))
