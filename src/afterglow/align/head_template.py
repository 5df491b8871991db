"""The average brain laid on a patient's head by an affine registration: a brain mask that shading does not cut."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from afterglow.align.images import LPS_FROM_RAS, from_transform, one_itk_thread, to_image
from afterglow.align.mutual import CHANCE, Climb, Level, Scene, climb, finite_image, information
from afterglow.align.resample import resample
from afterglow.align.rigid import COARSE, MIDDLE, sharpness
from afterglow.align.starts import nudged, pose, shared_view
from afterglow.records.errors import GridMismatch
from afterglow.records.grid import Grid
from afterglow.records.locking import locked

_STEP = 2  # voxels of 1 mm binned: nothing finer is compared
_PAD = 4  # voxels of air around it
_RIM_MM = 4.0  # looked at beyond the brain: fluid and bone are dark there, as the template is; fat lies farther out
# At 8 mm the best pose is 30 mm away, for the template has no scalp. So 4 mm is the coarsest, and the starts are close.
_TURNS_DEG = ((0, 0, 0), (25, 0, 0), (-25, 0, 0), (0, 25, 0), (0, -25, 0), (0, 0, 25), (0, 0, -25))
_CONVINCING = 0.5  # lost by a push of 20 mm or 20 degrees at 4 mm: two digital heads .56 and .61 where the pose is right, .45 at most elsewhere
_SHARP = (
    0.25  # lost by a push of 6 mm or 6 degrees at 2 mm: digital heads .41 and more, strongly shaded .27; a ball .09, noise .03
)
_LOCAL_MM = 25.0  # sigma of the local mean that takes shading out: a coil's own scale, more than a gyrus'
_AIR = 0.1  # of the brightest hundredth: air is darker
_LEAST_LIT = 0.02  # share of the neighbourhood that is no air, from which its mean counts
_COARSEST_MM = 4.0  # edge of a voxel, the middle one of three: thick slices will do, coarse cubes show nothing to hold on to
_GENTLE = COARSE._replace(samples=20_000, step_mm=1.0, smallest_step_mm=0.02)  # longer steps end in heads blown up to their scalp
_STRETCH = (0.8, 1.25)  # of any direction


@dataclass(frozen=True, eq=False)
class TemplateBrain:
    """The average brain where it lies in an image. `matrix` takes a point of the template (RAS mm) to the image.

    Quality: `information` (nats, at 2 mm), `sharpness` (share of it lost by a push of 6 mm or 6 degrees), `least_stretch` and `most_stretch`.
    """

    away_mm: NDArray[np.float32]  # (i, j, k) from its surface, below zero inside; infinite where it is far
    matrix: NDArray[np.float64]  # (4, 4)
    quality: tuple[tuple[str, float], ...]
    trusted: bool  # False: the caller must not use it
    remark: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "away_mm", locked(self.away_mm))
        object.__setattr__(self, "matrix", locked(self.matrix))

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(i, j, k) inside of its surface."""
        inside: NDArray[np.bool_] = self.away_mm <= 0
        return inside


class AverageBrain(NamedTuple):
    """The template at 2 mm, with what of it is compared."""

    grid: Grid
    t1: NDArray[np.float32]  # (i, j, k)
    away_mm: NDArray[np.float32]  # from the brain's surface, below zero inside

    @property
    def middle_mm(self) -> NDArray[np.float64]:
        """RAS mm (3,)."""
        middle: NDArray[np.float64] = self.grid.to_mm(np.argwhere(self.away_mm <= 0).astype(np.float64)).mean(axis=0)
        return middle

    @property
    def rim(self) -> NDArray[np.bool_]:
        """The brain and a little more: what is looked at."""
        near: NDArray[np.bool_] = self.away_mm <= _RIM_MM
        return near


def lay_template_brain(
    image: NDArray[Any], grid: Grid, average: AverageBrain, *, name: str, near_mm: NDArray[np.float64] | None = None
) -> TemplateBrain:
    """Find the brain in a T1-weighted head (i, j, k), with or without contrast agent, whole or in part.

    Mattes mutual information at 4 and 2 mm: rigid from several starts, then 12 parameters. `near_mm` (RAS) is where the brain's middle
    may be; None: the middle of what is bright. Seeded, one thread. A failure is noticed, not raised: `trusted` is False and `remark` says why.
    """
    if image.shape != grid.shape:
        raise GridMismatch(f"{name}: the array is {image.shape} but its grid is {grid.shape}; give one volume on its own grid")
    if sorted(grid.spacing_mm)[1] > _COARSEST_MM:
        size = " x ".join(f"{step:.1f}" for step in grid.spacing_mm)
        return _refused(grid, f"the average brain is not laid on voxels of {size} mm")
    with one_itk_thread():
        head = finite_image(_evened(image, grid), grid)
        if head is None:
            return _refused(grid, f"{name} holds one value everywhere")
        scene = Scene(
            to_image(average.t1, average.grid), head, to_image(average.rim, average.grid), mask_share=float(average.rim.mean())
        )
        begun = _begun(scene, average, grid, _near(image, grid) if near_mm is None else near_mm)
        if begun is None:
            return _refused(grid, f"the average brain meets {name} from no start")
        middle, centre_mm = scene.at(MIDDLE), average.middle_mm
        found = climb(scene.at(_GENTLE), _affine(from_transform(begun.transform), centre_mm), _GENTLE)
        found = climb(middle, found.transform, MIDDLE)
        matrix = from_transform(found.transform)
        here, sharp = _sharpness(middle, matrix, centre_mm, MIDDLE)
    stretches = np.linalg.svd(matrix[:3, :3], compute_uv=False)
    least, most = float(stretches[-1]), float(stretches[0])
    quality = (("information", here), ("sharpness", sharp), ("least_stretch", least), ("most_stretch", most))
    remark = _doubt(name, here, sharp, least, most)
    away_mm = resample(average.away_mm, average.grid, grid, np.asarray(np.linalg.inv(matrix), dtype=np.float64), outside=np.inf)
    return TemplateBrain(away_mm, matrix, quality, trusted=not remark, remark=remark)


def _refused(grid: Grid, remark: str) -> TemplateBrain:
    return TemplateBrain(np.full(grid.shape, np.inf, dtype=np.float32), np.eye(4), (), trusted=False, remark=remark)


def _doubt(name: str, here: float, sharp: float, least: float, most: float) -> str:
    """Why it must not be believed; empty when it may."""
    if not here >= CHANCE:
        return f"the average brain and {name} share {here:.2f} nats of information, no more than chance"
    if not sharp >= _SHARP:
        return f"the average brain lies as well elsewhere in {name}: a push of 6 mm or 6 degrees costs {100 * sharp:.0f} % of the information"
    if least < _STRETCH[0] or most > _STRETCH[1]:
        return f"the average brain had to be stretched by {least:.2f} to {most:.2f} to fit {name}"
    return ""


def _begun(scene: Scene, average: AverageBrain, grid: Grid, near_mm: NDArray[np.float64]) -> Climb | None:
    """The best rigid pose at 4 mm; None without overlap. The first that convinces ends the search."""
    coarse = scene.at(COARSE)
    best, best_score = None, 0.0
    for start in _starts(average.middle_mm, near_mm):
        found = climb(coarse, start, COARSE)
        score = found.information * shared_view(grid, average.grid, from_transform(found.transform))
        if score > best_score:
            best, best_score = found, score
            if sharpness(coarse, found.transform, COARSE, 20.0) > _CONVINCING:
                break
    return best


def _starts(middle_mm: NDArray[np.float64], near_mm: NDArray[np.float64]) -> Iterator[sitk.Euler3DTransform]:
    """Middle on middle, then as the scanner's coordinates have it; then both turned."""
    side = np.diag(LPS_FROM_RAS)[:3]
    for turn_deg in _TURNS_DEG:
        for shift_mm in (near_mm - middle_mm, np.zeros(3)):
            yield pose(middle_mm * side, turn_deg, shift_mm * side)


def _near(image: NDArray[Any], grid: Grid) -> NDArray[np.float64]:
    """The middle (3,), RAS mm, of what is brighter than the mean."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0.0, neginf=0.0)
    middle: NDArray[np.float64] = grid.to_mm(np.argwhere(values > values.mean()).astype(np.float64)).mean(axis=0)
    return middle


def _evened(image: NDArray[Any], grid: Grid) -> NDArray[np.float32]:
    """The image divided by its own local mean (of logarithms, where it is no air): coil sensitivity out, for the metric alone."""
    values = np.maximum(np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0.0, neginf=0.0), 0.0)
    lit = values > _AIR * np.percentile(values, 99)
    if not lit.any():
        return values
    every = [max(1, round(COARSE.spacing_mm / step)) for step in grid.spacing_mm]
    few = tuple(slice(None, None, step) for step in every)
    sigma = [_LOCAL_MM / (step * mm) for step, mm in zip(every, grid.spacing_mm, strict=True)]
    logs = np.log(values, out=np.zeros_like(values), where=lit)[few]
    weight = ndimage.gaussian_filter(lit[few].astype(np.float32), sigma)
    typical = float(np.median(logs[lit[few]])) if lit[few].any() else 0.0
    local = (ndimage.gaussian_filter(logs, sigma) + _LEAST_LIT * typical) / (weight + _LEAST_LIT)
    for axis, (step, size) in enumerate(zip(every, grid.shape, strict=True)):
        at = np.clip(np.arange(size) / step, 0, local.shape[axis] - 1)
        low = np.minimum(at.astype(int), max(0, local.shape[axis] - 2))
        share = (at - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        local = local.take(low, axis) * (1 - share) + local.take(np.minimum(low + 1, local.shape[axis] - 1), axis) * share
    evened: NDArray[np.float32] = (values / np.exp(local)).astype(np.float32)
    return evened


def _affine(matrix: NDArray[np.float64], centre_mm: NDArray[np.float64]) -> sitk.AffineTransform:
    """A matrix (4, 4) between RAS points as 12 parameters about a point (RAS mm)."""
    moved, centre = LPS_FROM_RAS @ matrix @ LPS_FROM_RAS, centre_mm * np.diag(LPS_FROM_RAS)[:3]
    transform = sitk.AffineTransform(3)
    transform.SetCenter(centre.tolist())
    transform.SetMatrix(moved[:3, :3].ravel().tolist())
    transform.SetTranslation((moved[:3, :3] @ centre + moved[:3, 3] - centre).tolist())
    return transform


def _sharpness(scene: Scene, matrix: NDArray[np.float64], centre_mm: NDArray[np.float64], level: Level) -> tuple[float, float]:
    """Information (nats), and the share of it that a push of 6 mm or 6 degrees costs on average."""
    here = information(scene, _affine(matrix, centre_mm), level)
    still = pose(centre_mm * np.diag(LPS_FROM_RAS)[:3], (0, 0, 0), np.zeros(3))
    beside = np.array(
        [information(scene, _affine(matrix @ from_transform(one), centre_mm), level) for one in nudged(still, 6.0, 6.0)]
    )
    known = beside[np.isfinite(beside)]
    return here, 1.0 - float(known.mean()) / here if known.size and here > 0 else float("nan")


def average_brain(t1: NDArray[np.float32], grid: Grid) -> AverageBrain:
    """The template (i, j, k) made ready to be laid: 0 in its image is not brain."""
    small, inside = (_binned(values) for values in (t1, (t1 > 0).astype(np.float32)))
    affine = grid.affine @ np.diag([_STEP, _STEP, _STEP, 1.0])
    affine[:3, 3] = grid.to_mm(np.full(3, (_STEP - 1) / 2 - _PAD * _STEP))
    i, j, k = small.shape
    coarse = Grid((i, j, k), affine)
    brain = ndimage.binary_fill_holes(inside >= 0.5)
    outside_mm, inside_mm = (ndimage.distance_transform_edt(one, sampling=coarse.spacing_mm) for one in (~brain, brain))
    away_mm = np.where(brain, _STEP / 2 - inside_mm, outside_mm - _STEP / 2).astype(np.float32)
    return AverageBrain(coarse, locked(small), locked(away_mm))


def _binned(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means over blocks of voxels, and air around them."""
    whole = [n // _STEP for n in values.shape]
    blocks = values[tuple(slice(0, n * _STEP) for n in whole)].reshape([m for n in whole for m in (n, _STEP)])
    small: NDArray[np.float32] = np.pad(blocks.mean(axis=(1, 3, 5), dtype=np.float32), _PAD)
    return small
