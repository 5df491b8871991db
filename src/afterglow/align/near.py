"""Series of one visit on one another: where registration from afar is lost, the scanner's coordinates are nearly right."""

from dataclasses import replace
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from afterglow.align.agreement import head_dice, head_mask
from afterglow.align.images import array_of, from_transform, one_itk_thread
from afterglow.align.mutual import SEED, Scene, climb, finite_image, information, settle, shrunk
from afterglow.align.rigid import EXPLORE, FINE, MIDDLE, Fit, fixed_first, judged, register, sharpness
from afterglow.align.starts import apart_mm, bright_points, centre_of_mass, displaced, euler, inverse
from afterglow.records.alignment import Alignment
from afterglow.records.grid import Grid

MARGIN_MM = 4.0  # around the head: with more air than that, diffusion images without a scalp are pulled 10 mm and more
# Inside that mask true pairs (diffusion onto CE-T1w and onto DSC, digital patients) lose 23 to 35 % of their information when pushed by
# 6 mm or 6 degrees, other patients 8 to 19 %, sides exchanged 12 and 21 %, upside down 3 %. The gap is narrow, but the images are of one visit.
SHARP = 0.22


def register_series(
    source: NDArray[Any], source_grid: Grid, target: NDArray[Any], target_grid: Grid, *, names: tuple[str, str]
) -> Alignment:
    """Lay a series on another one of the same visit, as `register` does; where that is not trusted, as `register_near` does.

    Between visits use `register` alone: the scanner's coordinates mean nothing there.
    """
    found = register(source, source_grid, target, target_grid, names=names)
    if found.trusted:
        return found
    near = register_near(source, source_grid, target, target_grid, names=names)
    if not near.trusted:
        return found
    return replace(near, remark=f"{names[0]} was laid on {names[1]} from the scanner's coordinates, at 2 and 1 mm alone")


def register_near(
    source: NDArray[Any], source_grid: Grid, target: NDArray[Any], target_grid: Grid, *, names: tuple[str, str]
) -> Alignment:
    """Climb mutual information at 2 and 1 mm from the scanner's coordinates, inside the head of the coarser image.

    For images without a scalp, whose coarse levels have their best pose elsewhere. Finds displacements of several mm; the quality is
    that of `register`, except that `forward_backward_mm` climbs the same way again from 3 mm and 3 degrees beside.
    """
    with one_itk_thread():
        images = finite_image(source, source_grid), finite_image(target, target_grid)
        for name, image in zip(names, images, strict=True):
            if image is None:
                return Alignment(*names, np.eye(4), (), trusted=False, remark=f"{name} holds one value everywhere")
        forward = fixed_first(target_grid, source_grid)
        whole = Scene(images[1], images[0]) if forward else Scene(*images)
        fit = _fit(whole)
    transform = fit.transform if forward else inverse(fit.transform)
    return judged(names, fit, from_transform(transform), source_grid, target_grid, SHARP)


def _fit(whole: Scene) -> Fit:
    inside = head_mask(whole.fixed)
    wide = sitk.BinaryDilate(inside, [max(1, round(MARGIN_MM / s)) for s in inside.GetSpacing()], sitk.sitkBall)
    scene = whole._replace(fixed_mask=wide, mask_share=float(array_of(wide).mean()))
    middle, start = scene.at(MIDDLE), euler(np.eye(4), centre_of_mass(whole.fixed))
    rough = settle(middle, start, MIDDLE)
    found = climb(scene.at(FINE), rough.transform, FINE)
    again = settle(middle, displaced(found.transform, 3.0, 3.0), MIDDLE, SEED + 1)
    matrix, other = from_transform(found.transform), from_transform(again.transform)
    points = bright_points(shrunk(whole.fixed, EXPLORE))
    back: NDArray[np.float64] = np.asarray(np.linalg.inv(other) @ matrix, dtype=np.float64)
    return Fit(
        transform=found.transform,
        before=information(middle, start, MIDDLE),
        after=information(middle, found.transform, MIDDLE),
        sharpness=sharpness(middle, found.transform, MIDDLE, 6.0),
        consistency_mm=float(apart_mm(back, points).mean()),
        moved_mm=float(apart_mm(matrix, points).mean()),
        head_dice=head_dice(whole.moving, whole.fixed, matrix),
    )
