"""Hold a dynamic series still: every frame onto one reference, moved only where it has moved."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from afterglow.align.images import array_of, from_transform, grid_of, one_itk_thread, to_image
from afterglow.align.mutual import Climb, Level, Scene, climb, finite_image, settled, shrunk
from afterglow.align.resample import resampler
from afterglow.records.alignment import Motion
from afterglow.records.errors import BadInput, GridMismatch
from afterglow.records.grid import Grid

# Each frame starts from rest, so that the result does not depend on who worked on which frame.
LEVELS = (
    Level(spacing_mm=4, sigma_mm=4, samples=8_000, step_mm=2, smallest_step_mm=0.05, iterations=60),
    Level(spacing_mm=2.4, sigma_mm=2, samples=15_000, step_mm=0.5, smallest_step_mm=0.01, iterations=60),
)
FIRST = LEVELS[0]._replace(smallest_step_mm=0.2)  # the coarse level is off by up to a millimetre: the fine one mends that
NEAR_MM = 2.0  # from further off the coarse climb is repeated while it pays
STILL_MM = 0.15  # at the bolus the estimate itself is off by up to 0.1 mm; moving a still frame only blurs arteries
LOST = 0.5  # a frame with less than this share of the usual information does not show the same head
EDGE_MM = 4.0  # the outline of the mask holds much of the information, so it is kept inside
FEWEST_VOXELS = 500

Progress = Callable[[int, int], None]


class Reference(NamedTuple):
    """What frames are laid on: one small image per level, the head in it, and where errors are judged."""

    images: tuple[sitk.Image, ...]
    mask: sitk.Image
    mask_share: float
    points: NDArray[np.float64]  # (n, 3) RAS mm inside the head


def correct_motion(
    data: NDArray[np.float32],
    grid: Grid,
    times_s: NDArray[np.float64],
    *,
    reference_frames: Sequence[int],
    mask: NDArray[np.bool_] | None = None,
    companions: Sequence[NDArray[np.float32]] = (),
    workers: int = 1,
    progress: Progress | None = None,
) -> tuple[NDArray[np.float32], Motion]:
    """Lay every frame of a series (i, j, k, t) on its reference; returns the series and what moved.

    The reference is one frame, or the mean of several (the baseline) after they were laid on their middle one. Mutual
    information inside `mask` (the head where none is given) is blind to the bolus, which pulls correlation by up to 0.7 mm.
    Frames whose mean displacement stays under 0.15 mm are left untouched. The others are interpolated once by cubic B-spline:
    it loses 12 % of the enhancement of small arteries where linear loses 29 %; a windowed sinc loses 10 % at thirty times
    the cost (scripts/measure_alignment.py interpolation). Where a moved frame was not measured (outside the field of view,
    next to a voxel that is not finite) it is NaN. A frame that cannot be laid on the reference stays and its motion is NaN.

    A writable array is corrected in place; a read-only one is copied first. `companions` are other echoes of the same excitations
    (writable, same shape): they move with it, in place. The bytes do not depend on `workers`.
    """
    _check(data, grid, times_s, reference_frames, mask)
    total = data.shape[3]
    with one_itk_thread(), ThreadPoolExecutor(max_workers=workers) as pool:
        reference = _reference(data, grid, reference_frames, mask)
        matrices, scores = np.empty((total, 4, 4)), np.empty(total)
        for t, found in enumerate(pool.map(lambda t: _lay(data[..., t], grid, reference), range(total))):
            matrices[t], scores[t] = from_transform(found.transform), found.information
            if progress:
                progress(t + 1, total)
        matrices[~(scores > LOST * np.nanmedian(scores))] = np.nan
        motion = _motion(times_s, matrices, reference.points)
        if motion.resampled.any():
            data = data if data.flags.writeable else data.copy()
        for series in (data, *companions):
            list(pool.map(lambda t, series=series: _move(series, t, grid, matrices[t]), np.flatnonzero(motion.resampled)))
    return data, motion


def _lay(frame: NDArray[np.float32], grid: Grid, reference: Reference) -> Climb:
    image = finite_image(frame, grid)
    found = Climb(sitk.Euler3DTransform(), float("nan"))
    if image is None:
        return found
    found.transform.SetCenter((reference.points.mean(axis=0) * (-1, -1, 1)).tolist())
    rough, fine = (
        Scene(fixed, shrunk(image, level), fixed_mask=reference.mask, mask_share=reference.mask_share)
        for level, fixed in zip(LEVELS, reference.images, strict=True)
    )
    first = climb(rough, found.transform, FIRST)
    if not _near(first.transform, reference.points):
        first = settled(rough, first, LEVELS[0])
    return climb(fine, first.transform, LEVELS[1])


def _near(transform: sitk.Euler3DTransform, points: NDArray[np.float64]) -> bool:
    """Whether the head lies so near its place that the fine level gets there alone."""
    matrix = from_transform(transform)
    return bool(np.linalg.norm(points @ matrix[:3, :3].T + matrix[:3, 3] - points, axis=1).mean() < NEAR_MM)


def _moved(frame: NDArray[np.float32], grid: Grid, matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """One frame (i, j, k) seen through a transform of reference points to frame points; NaN where it was not measured."""
    known = np.isfinite(frame)
    mover = resampler(grid, matrix, sitk.sitkBSpline3, np.nan)
    moved: NDArray[np.float32] = array_of(mover.Execute(to_image(np.where(known, frame, np.float32(0)), grid)))
    if not known.all():
        touched = resampler(grid, matrix, sitk.sitkLinear, 1.0).Execute(to_image((~known).astype(np.float32), grid))
        moved[array_of(touched) > 1e-6] = np.nan
    return moved


def _move(data: NDArray[np.float32], t: int, grid: Grid, matrix: NDArray[np.float64]) -> None:
    data[..., t] = _moved(data[..., t], grid, matrix)


def _reference(data: NDArray[np.float32], grid: Grid, frames: Sequence[int], mask: NDArray[np.bool_] | None) -> Reference:
    """The middle frame asked for; with several, their mean after they were laid on it."""
    first = _target(data[..., frames[len(frames) // 2]], grid, mask)
    if len(frames) == 1:
        return first
    total, count = np.zeros(grid.shape), np.zeros(grid.shape)
    for t in frames:
        found = _lay(data[..., t], grid, first)
        if np.isfinite(found.information):
            moved = _moved(data[..., t], grid, from_transform(found.transform))
            total += np.nan_to_num(moved)
            count += np.isfinite(moved)
    return _target(total / np.maximum(count, 1), grid, mask)


def _target(frame: NDArray[Any], grid: Grid, mask: NDArray[np.bool_] | None) -> Reference:
    image = finite_image(frame, grid)
    if image is None:
        raise BadInput("the reference of motion correction holds one value everywhere; choose other reference frames")
    inside = sitk.OtsuThreshold(shrunk(image, LEVELS[1]), 0, 1) if mask is None else to_image(mask, grid)
    points = grid_of(inside).to_mm(np.argwhere(array_of(inside) > 0).astype(np.float64))
    reach = [max(1, round(EDGE_MM / s)) for s in inside.GetSpacing()]
    wide = sitk.BinaryDilate(inside, reach, sitk.sitkBox)
    share = float(array_of(wide).mean())
    return Reference(tuple(shrunk(image, level) for level in LEVELS), wide, share, points[:: max(1, len(points) // 3_000)])


def _motion(times_s: NDArray[np.float64], matrices: NDArray[np.float64], points: NDArray[np.float64]) -> Motion:
    """Shift of the head's middle, turns about the axes x, y, z, and mean displacement of the head, frame by frame."""
    total = times_s.size
    known = np.isfinite(matrices).all(axis=(1, 2))
    turns, shifts = np.full((total, 3), np.nan), np.full((total, 3), np.nan)
    turns[known] = Rotation.from_matrix(matrices[known, :3, :3]).as_euler("xyz", degrees=True)
    middle = points.mean(axis=0)
    shifts[known] = matrices[known, :3, :3] @ middle + matrices[known, :3, 3] - middle
    places = np.einsum("tab,nb->tna", matrices[:, :3, :3], points) + matrices[:, None, :3, 3]
    displacement = np.linalg.norm(places - points, axis=2).mean(axis=1)
    framewise = np.zeros(total)
    framewise[1:] = np.linalg.norm(np.diff(places, axis=0), axis=2).mean(axis=1)
    return Motion(np.array(times_s), shifts, turns, displacement, framewise, resampled=displacement > STILL_MM)


def _check(
    data: NDArray[np.float32],
    grid: Grid,
    times_s: NDArray[np.float64],
    reference_frames: Sequence[int],
    mask: NDArray[np.bool_] | None,
) -> None:
    if data.ndim != 4 or data.shape[:3] != grid.shape or data.dtype.kind != "f":
        raise GridMismatch(f"a series is (i, j, k, t) floats on {grid.shape}, not {data.dtype} {data.shape}")
    if data.shape[3] != times_s.size:
        raise BadInput(f"the series has {data.shape[3]} frames but {times_s.size} times; read both from one file")
    if not reference_frames or not all(0 <= t < data.shape[3] for t in reference_frames):
        raise BadInput(f"reference frames {list(reference_frames)} are not frames of a series of {data.shape[3]}")
    if mask is not None and (mask.shape != grid.shape or mask.sum() < FEWEST_VOXELS):
        raise BadInput(
            f"the mask of motion correction is {mask.shape} with {int(mask.sum())} voxels set; "
            f"it needs the series' shape {grid.shape} and at least {FEWEST_VOXELS}"
        )
