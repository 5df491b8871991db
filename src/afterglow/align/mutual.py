"""One rigid climb up mutual information with SimpleITK: prepared images in, a transform and its score out.

Mattes mutual information (doi:10.1109/TMI.2003.809072) with 32 bins, seeded random samples, regular-step descent whose
scales come from the physical shift of the image. Images are shrunk before the climb, since ITK shrinks only the fixed one.
"""

from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from afterglow.align.images import to_image
from afterglow.records.grid import Grid

BINS = 32
SEED = 20_251
RELAXATION = 0.7  # a half lets the steps die on the way from 45 degrees
AGAIN = 5
WORTHWHILE = 0.002  # nats
CHANCE = 0.05  # nats; unrelated images give (bins - 1)^2 / 2 samples, 0.01 for 40 000 samples, and a little more when matched
FEWEST_SAMPLES = 200  # 32 x 32 bins hold nothing that means something below this


class Level(NamedTuple):
    """One rung of the pyramid."""

    spacing_mm: float  # voxels are binned up to this size
    sigma_mm: float  # Gaussian smoothing of both images
    samples: int  # how many points of the fixed image are compared
    step_mm: float  # first and largest step
    smallest_step_mm: float
    iterations: int


class Scene(NamedTuple):
    """What a climb looks at. `mask_share` is the share of fixed voxels inside `fixed_mask`: samples are counted within it."""

    fixed: sitk.Image
    moving: sitk.Image
    fixed_mask: sitk.Image | None = None
    moving_mask: sitk.Image | None = None
    mask_share: float = 1.0

    def at(self, level: Level) -> "Scene":
        """Both images shrunk and smoothed for one level."""
        return self._replace(fixed=shrunk(self.fixed, level), moving=shrunk(self.moving, level))

    def swapped(self) -> "Scene":
        """The other way round."""
        return Scene(self.moving, self.fixed, self.moving_mask, self.fixed_mask)


class Climb(NamedTuple):
    """Where a climb ended; `information` in nats, NaN when the images did not overlap."""

    transform: sitk.Euler3DTransform
    information: float


def finite_image(data: NDArray[Any], grid: Grid) -> sitk.Image | None:
    """Image for the metric alone: float32, not-a-number as 0, the brightest thousandth clipped; None when it is flat.

    The clip keeps one hot voxel from squeezing everything else into a single bin of the histogram.
    """
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes Inf, and Inf becomes 0
        values = np.nan_to_num(np.asarray(data, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    sample = values.ravel(order="K")[:: max(1, values.size // 200_000)]
    low, high = (float(v) for v in np.percentile(sample, (0.05, 99.9)))
    if not high > low:
        low, high = float(values.min()), float(values.max())
    if not high > low:
        return None
    return to_image(np.clip(values, low, high), grid)


def shrunk(image: sitk.Image, level: Level) -> sitk.Image:
    """The image binned to about the level's spacing, then smoothed."""
    factors = [max(1, min(round(level.spacing_mm / s), n // 4)) for s, n in zip(image.GetSpacing(), image.GetSize(), strict=True)]
    small = sitk.BinShrink(image, factors) if max(factors) > 1 else image
    return smoothed(small, level.sigma_mm)


def smoothed(image: sitk.Image, sigma_mm: float) -> sitk.Image:
    """Gaussian smoothing along the axes that have voxels enough for it (the recursive filter needs four)."""
    if sigma_mm <= 0:
        return image
    for axis, n in enumerate(image.GetSize()):
        if n >= 4:
            image = sitk.RecursiveGaussian(image, sigma_mm, False, sitk.RecursiveGaussianImageFilter.ZeroOrder, axis)
    return image


def settle(scene: Scene, start: sitk.Euler3DTransform, level: Level, seed: int = SEED) -> Climb:
    """Climb again while it pays: along a narrow ridge the steps shrink too soon."""
    return settled(scene, climb(scene, start, level, seed), level, seed)


def settled(scene: Scene, best: Climb, level: Level, seed: int = SEED) -> Climb:
    """The same, from where a first climb has ended."""
    for _ in range(AGAIN):
        more = climb(scene, best.transform, level, seed)
        if not more.information > best.information + WORTHWHILE:
            return max(best, more, key=lambda c: c.information)
        best = more
    return best


def climb(scene: Scene, start: sitk.Euler3DTransform, level: Level, seed: int = SEED) -> Climb:
    """Follow mutual information uphill from `start`, which maps points of the fixed image to the moving one (LPS mm); its kind is kept."""
    method = _metric(scene, level, seed)
    end = type(start)(start)
    method.SetInitialTransform(end, inPlace=True)
    method.SetOptimizerAsRegularStepGradientDescent(
        level.step_mm, level.smallest_step_mm, level.iterations, relaxationFactor=RELAXATION, gradientMagnitudeTolerance=1e-8
    )
    method.SetOptimizerScalesFromPhysicalShift()
    try:
        method.Execute(scene.fixed, scene.moving)
    except RuntimeError:  # ITK's way to say that too few points of one image lie inside the other
        return Climb(type(start)(start), float("nan"))
    return Climb(end, -float(method.GetMetricValue()))


def information(scene: Scene, transform: sitk.Euler3DTransform, level: Level) -> float:
    """Mutual information (nats) at one pose; NaN without overlap."""
    method = _metric(scene, level, SEED)
    method.SetInitialTransform(transform)
    try:
        return -float(method.MetricEvaluate(scene.fixed, scene.moving))
    except RuntimeError:  # too few points overlap
        return float("nan")


def _metric(scene: Scene, level: Level, seed: int) -> sitk.ImageRegistrationMethod:
    voxels = max(1.0, float(np.prod(scene.fixed.GetSize())) * scene.mask_share)
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetInterpolator(sitk.sitkLinear)
    # Gradients at the samples alone: filtering whole images for them costs more than the climb.
    method.MetricUseFixedImageGradientFilterOff()
    method.MetricUseMovingImageGradientFilterOff()
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(min(1.0, max(level.samples, FEWEST_SAMPLES) / voxels), seed)
    if scene.fixed_mask is not None:
        method.SetMetricFixedMask(scene.fixed_mask)
    if scene.moving_mask is not None:
        method.SetMetricMovingMask(scene.moving_mask)
    return method
