"""Whether the halves of two images lie on one another as the whole does: bodies of one person do, those of two do not.

Two spines are much alike, and a rigid transform lays one on the other so well that its information drops as sharply as between
visits of one patient. What does not fit is their length and their curves: laid on their own, the halves go apart.
"""

from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from afterglow.align.agreement import head_mask
from afterglow.align.images import array_of, from_transform, grid_of, one_itk_thread
from afterglow.align.mutual import Level, Scene, climb, finite_image
from afterglow.align.rigid import fixed_first
from afterglow.align.starts import euler
from afterglow.records.grid import Grid

HALF = Level(spacing_mm=2, sigma_mm=2, samples=10_000, step_mm=1, smallest_step_mm=0.05, iterations=60)
# The largest of four halves' displacements (scripts/measure_course_alignment.py wrong). Visits of one digital spine or head, with other tumours
# in them, in one contrast or in two: up to 2.0 mm. Two people: 3.5 mm and more where
# nothing else tells them apart, but for one pair of spines at 1.8 mm.
HALVES_MM = 2.5
FEWEST_VOXELS = 200  # of about 4 mm: less of a body than that lies anywhere
_AXES = (1, 2)  # front and back, head and foot; the sides of a body are each other's mirror images and say less


def halves_apart_mm(
    source: NDArray[Any], source_grid: Grid, target: NDArray[Any], target_grid: Grid, matrix: NDArray[np.float64]
) -> float | None:
    """The largest mean displacement (mm) of a half that climbs on from `matrix` (target points to source points) by itself.

    None where an image is flat or a half is too small to climb; infinite where a half leaves the other image.
    """
    with one_itk_thread():
        images = finite_image(source, source_grid), finite_image(target, target_grid)
        if images[0] is None or images[1] is None:
            return None
        forward = fixed_first(target_grid, source_grid)
        whole = Scene(images[1], images[0]) if forward else Scene(images[0], images[1])
        given: NDArray[np.float64] = matrix if forward else np.asarray(np.linalg.inv(matrix), dtype=np.float64)
        found = [_apart_mm(whole, given, half) for half in _halves(whole.fixed)]
    known = [one for one in found if one is not None]
    return max(known) if len(known) == len(found) and known else None


def _halves(fixed: sitk.Image) -> list[sitk.Image]:
    """Masks of the four halves of what is brighter than air, cut through its middle."""
    inside = head_mask(fixed)
    bright, grid = array_of(inside) > 0, grid_of(inside)
    places = grid.to_mm(np.argwhere(np.ones(bright.shape, bool)).astype(np.float64)).reshape(*bright.shape, 3)
    middle = np.median(places[bright], axis=0)
    masks = []
    for axis in _AXES:
        for side in (-1, 1):
            mask = sitk.GetImageFromArray(
                (bright & (side * (places[..., axis] - middle[axis]) > 0)).astype(np.uint8).transpose(2, 1, 0)
            )
            mask.CopyInformation(inside)
            masks.append(mask)
    return masks


def _apart_mm(whole: Scene, matrix: NDArray[np.float64], half: sitk.Image) -> float | None:
    inside = array_of(half) > 0
    if np.count_nonzero(inside) < FEWEST_VOXELS:
        return None
    points = grid_of(half).to_mm(np.argwhere(inside).astype(np.float64))
    scene = whole._replace(fixed_mask=half, mask_share=float(inside.mean())).at(HALF)
    start = euler(matrix, points.mean(axis=0) * (-1, -1, 1))
    found = climb(scene, start, HALF)
    if not np.isfinite(found.information):
        return float("inf")  # it climbed out of the other image
    beside = np.linalg.inv(matrix) @ from_transform(found.transform)
    return float(np.linalg.norm(points @ beside[:3, :3].T + beside[:3, 3] - points, axis=1).mean())
