"""Where one image lies in another: rigid registration of any two contrasts, with numbers that say whether to believe it."""

from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from afterglow.align.agreement import head_dice
from afterglow.align.images import from_transform, grid_of, one_itk_thread, to_image
from afterglow.align.mutual import CHANCE, SEED, Climb, Level, Scene, climb, finite_image, information, settle, shrunk
from afterglow.align.starts import apart_mm, bright_points, displaced, inverse, nudged, shared_view, starts
from afterglow.records.alignment import Alignment
from afterglow.records.errors import GridMismatch
from afterglow.records.grid import Grid

EXPLORE = Level(spacing_mm=8, sigma_mm=8, samples=5_000, step_mm=8, smallest_step_mm=0.05, iterations=60)
COARSE = Level(spacing_mm=4, sigma_mm=4, samples=10_000, step_mm=4, smallest_step_mm=0.05, iterations=100)
MIDDLE = Level(spacing_mm=2, sigma_mm=2, samples=20_000, step_mm=1, smallest_step_mm=0.02, iterations=100)
FINE = Level(spacing_mm=1, sigma_mm=1, samples=60_000, step_mm=0.5, smallest_step_mm=0.002, iterations=60)

# Measured on true pairs (five contrasts, noise to SNR 3, slabs, EPI, in-vivo VFA and inversion recovery) and false ones (noise,
# texture in a head's outline, a spine, heads upside down, other persons, no shared tissue): scripts/measure_alignment.py.
# A real head swapped left for right loses 26 % and passes: symmetry hides the swap from every number here; flip.py tells.
SHARP = 0.15  # true pairs lose 27 to 42 % of their information when pushed by 6 mm or 6 degrees, false ones 12 % at most
# Between visits, where a stranger's image is the mistake to fear (scripts/measure_course_alignment.py wrong). FLAIR and T2w onto CE-T1w:
# true pairs of heads and spines lose 26 % and more, another patient's spine up to 20 %. The same contrast: 36 % and more at full
# size, 28 % and more in voxels of 4 mm, another patient's spine up to 24 %.
SHARP_VISITS = 0.23
SHARP_SAME = 0.26
CONSISTENT_MM = 2.0  # or the longest voxel edge, where that is longer
SHARED_VIEW = 0.2
CONVINCING = 0.45  # at 4 mm, pushed by 20 mm or 20 degrees: true pairs lose half and more, false ones 36 % at most
FAR_MM = 20.0  # worth a remark, not a doubt
SMALL_VIEW = 4.0  # times smaller


class Fit(NamedTuple):
    """What a pair of images gave: transform of fixed points to moving points (LPS mm) and what is known about it."""

    transform: sitk.Euler3DTransform
    before: float
    after: float
    sharpness: float
    consistency_mm: float
    moved_mm: float
    head_dice: float  # of what is brighter than air, where both fields of view reach


def register(
    source: NDArray[Any],
    source_grid: Grid,
    target: NDArray[Any],
    target_grid: Grid,
    *,
    names: tuple[str, str],
    target_mask: NDArray[np.bool_] | None = None,
    source_mask: NDArray[np.bool_] | None = None,
    sharp: float = SHARP,
) -> Alignment:
    """Lay `source` (i, j, k) on `target` (i, j, k) by a rigid transform; `names` are theirs, source first.

    Mattes mutual information over 8, 4, 2 and 1 mm, from several starts (displacements of 40 mm and 45 degrees are found).
    The masks limit the last three levels to a part of the target, of the source, or of both. Voxels that are not finite count as 0.
    `sharp` is the least sharpness to believe; between visits SHARP_SAME or SHARP_VISITS. A failure is noticed, not raised: `trusted` is False and
    `remark` says why. Quality: `information_before` and `_after` (nats, at 2 mm), `sharpness` (share of information lost by a push
    of 6 mm or 6 degrees), `forward_backward_mm` (registering the other way round, from elsewhere), `shared_view` (share of the
    smaller field of view), `moved_mm`,
    `head_dice` (overlap of what is brighter than air; a number for the report: it tells no person from another).
    """
    _check(names, (source, target), (source_grid, target_grid), (source_mask, target_mask))
    with one_itk_thread():
        images = [finite_image(source, source_grid), finite_image(target, target_grid)]
        for name, image in zip(names, images, strict=True):
            if image is None:
                return _refused(names, f"{name} holds one value everywhere and cannot be registered")
        target_is_fixed = fixed_first(target_grid, source_grid)
        fit = fit_pair(_scene(images, (source_grid, target_grid), (source_mask, target_mask), fixed=int(target_is_fixed)))
    if fit is None:
        return _refused(names, f"{names[0]} and {names[1]} share no tissue from any start; look at both")
    transform = fit.transform if target_is_fixed else inverse(fit.transform)
    return judged(names, fit, from_transform(transform), source_grid, target_grid, sharp)


def _scene(
    images: list[sitk.Image],
    grids: tuple[Grid, Grid],
    masks: tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None],
    *,
    fixed: int,
) -> Scene:
    """The pair with image number `fixed` as fixed one, and what each may be looked at."""
    inside = [None if mask is None else to_image(mask, grid) for mask, grid in zip(masks, grids, strict=True)]
    of_fixed, moving = masks[fixed], 1 - fixed
    share = 1.0 if of_fixed is None else float(of_fixed.mean())
    return Scene(images[fixed], images[moving], fixed_mask=inside[fixed], moving_mask=inside[moving], mask_share=share)


def fixed_first(a: Grid, b: Grid) -> bool:
    """Whether `a` serves as fixed image: the much smaller view, so that its points land inside the other; else the coarser voxels."""
    view_a, view_b = a.size * a.voxel_ml, b.size * b.voxel_ml
    if max(view_a, view_b) > SMALL_VIEW * min(view_a, view_b):
        return view_a < view_b
    return a.voxel_ml >= b.voxel_ml


def fit_pair(whole: Scene) -> Fit | None:
    """Explore, climb, then judge; None when no start finds any overlap."""
    found = explored(whole)
    if found is None:
        return None
    coarse, middle = whole.at(COARSE), whole.at(MIDDLE)
    found = settle(coarse, found.transform, COARSE)
    found = settle(middle, found.transform, MIDDLE)
    found = climb(whole.at(FINE), found.transform, FINE)
    forward = from_transform(found.transform)
    back = displaced(inverse(found.transform), 3.0, 3.0)
    for scene, level in ((coarse, COARSE), (middle, MIDDLE)):
        back = climb(scene.swapped(), back, level, SEED + 1).transform
    points = bright_points(shrunk(whole.fixed, EXPLORE))
    return Fit(
        transform=found.transform,
        before=information(middle, sitk.Euler3DTransform(), MIDDLE),
        after=information(middle, found.transform, MIDDLE),
        sharpness=sharpness(middle, found.transform, MIDDLE, 6.0),
        consistency_mm=float(apart_mm(from_transform(back) @ forward, points).mean()),
        moved_mm=float(apart_mm(forward, points).mean()),
        head_dice=head_dice(whole.moving, whole.fixed, forward),
    )


def sharpness(scene: Scene, transform: sitk.Euler3DTransform, level: Level, push: float) -> float:
    """Share of the information lost, on average, when the pose is pushed by so many mm and degrees."""
    here = information(scene, transform, level)
    beside = np.array([information(scene, t, level) for t in nudged(transform, push, push)])
    known = beside[np.isfinite(beside)]
    return 1.0 - float(known.mean()) / here if known.size and here > 0 else float("nan")


def explored(whole: Scene) -> Climb | None:
    """The best pose at 8 mm, without masks: outlines of heads help to find one another."""
    bare = Scene(whole.fixed, whole.moving)
    rough, coarse = bare.at(EXPLORE), bare.at(COARSE)
    views = grid_of(rough.moving), grid_of(rough.fixed)
    best: Climb | None = None
    best_score = 0.0
    for start in starts(rough.fixed, rough.moving):
        found = climb(rough, start, EXPLORE)
        score = found.information * shared_view(*views, from_transform(found.transform))
        if score > best_score:
            first, best, best_score = best is None, found, score
            if first and sharpness(coarse, found.transform, COARSE, 20.0) > CONVINCING:
                break  # the scanner's own coordinates are right, as within nearly every exam
    return best


def doubts(fit: Fit, view: float, voxel_mm: float, sharp: float = SHARP) -> list[str]:
    """Why a fit must not be believed; empty when it may."""
    found = []
    if not fit.after >= CHANCE:
        found.append(f"they share {fit.after:.2f} nats of information, no more than chance")
    if not fit.sharpness >= sharp:
        found.append(
            f"a push of 6 mm or 6 degrees costs {100 * fit.sharpness:.0f} % of the information (true pairs lose 26 % and more)"
        )
    if not fit.consistency_mm <= max(CONSISTENT_MM, voxel_mm):
        found.append(f"the other way round it ends {fit.consistency_mm:.1f} mm elsewhere")
    if view < SHARED_VIEW:
        found.append(f"only {100 * view:.0f} % of the smaller field of view is shared")
    return found


def judged(
    names: tuple[str, str], fit: Fit, matrix: NDArray[np.float64], source_grid: Grid, target_grid: Grid, sharp: float = SHARP
) -> Alignment:
    """The alignment with its numbers, and whether to believe it."""
    view = shared_view(source_grid, target_grid, matrix)
    quality = (
        ("information_before", fit.before),
        ("information_after", fit.after),
        ("sharpness", fit.sharpness),
        ("forward_backward_mm", fit.consistency_mm),
        ("shared_view", view),
        ("moved_mm", fit.moved_mm),
        ("head_dice", fit.head_dice),
    )
    found = doubts(fit, view, max(*source_grid.spacing_mm, *target_grid.spacing_mm), sharp)
    remark = ""
    if found:
        remark = f"{names[0]} could not be laid on {names[1]}: {'; '.join(found)}; look at both"
    elif fit.moved_mm > FAR_MM:
        remark = f"{names[0]} lay {fit.moved_mm:.0f} mm from {names[1]} by the scanner's coordinates; look at the overlay"
    return Alignment(names[0], names[1], matrix, quality, trusted=not found, remark=remark)


def _refused(names: tuple[str, str], remark: str) -> Alignment:
    return Alignment(names[0], names[1], np.eye(4), (), trusted=False, remark=remark)


def _check(
    names: tuple[str, str],
    images: tuple[NDArray[Any], NDArray[Any]],
    grids: tuple[Grid, Grid],
    masks: tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None],
) -> None:
    for name, data, grid in zip(names, images, grids, strict=True):
        if data.shape != grid.shape:
            raise GridMismatch(f"{name}: the array is {data.shape} but its grid is {grid.shape}; give one volume on its own grid")
    for name, data, mask in zip(names, images, masks, strict=True):
        if mask is not None and (mask.shape != data.shape or not mask.any()):
            raise GridMismatch(f"{name}: the mask is {mask.shape} with {int(mask.sum())} voxels set; the image is {data.shape}")
