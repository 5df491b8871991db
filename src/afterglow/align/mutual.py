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
FEWEST_SAMPLES = 200  # 32 x 32 bins hold nothing that means something below this


class Level(NamedTuple):
    """One rung of the pyramid."""

    spacing_mm: float  # voxels are binned up to this size
    sigma_mm: float  # Gaussian smoothing of both images
    samples: int  # how many points of the fixed image are compared
    step_mm: float  # first and largest step
    smallest_step_mm: float
    iterations: int


class Climb(NamedTuple):
    """Where a climb ended; `information` in nats, NaN when the images did not overlap."""

    transform: sitk.Euler3DTransform
    information: float


def finite_image(data: NDArray[Any], grid: Grid) -> sitk.Image | None:
    """Image for the metric alone: float32, not-a-number as 0, the brightest thousandth clipped; None when it is flat.

    The clip keeps one hot voxel from squeezing everything else into a single bin of the histogram.
    """
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


def climb(
    fixed: sitk.Image,
    moving: sitk.Image,
    start: sitk.Transform,
    level: Level,
    *,
    fixed_mask: sitk.Image | None = None,
    moving_mask: sitk.Image | None = None,
    mask_share: float = 1.0,
    seed: int = SEED,
) -> Climb:
    """Follow mutual information uphill from `start`, which maps points of the fixed image to the moving one (LPS mm).

    `mask_share` is the share of fixed voxels inside `fixed_mask`, so that the number of samples holds within the mask.
    """
    method = _metric(fixed, level, mask_share, seed)
    if fixed_mask is not None:
        method.SetMetricFixedMask(fixed_mask)
    if moving_mask is not None:
        method.SetMetricMovingMask(moving_mask)
    end = sitk.Euler3DTransform(start)
    method.SetInitialTransform(end, inPlace=True)
    if level.iterations:
        method.SetOptimizerAsRegularStepGradientDescent(
            level.step_mm, level.smallest_step_mm, level.iterations, relaxationFactor=0.7, gradientMagnitudeTolerance=1e-8
        )
        method.SetOptimizerScalesFromPhysicalShift()
    try:
        if not level.iterations:
            return Climb(end, -float(method.MetricEvaluate(fixed, moving)))
        method.Execute(fixed, moving)
    except RuntimeError:  # ITK's way to say that too few points of one image lie inside the other
        return Climb(sitk.Euler3DTransform(start), float("nan"))
    return Climb(end, -float(method.GetMetricValue()))


def _metric(fixed: sitk.Image, level: Level, mask_share: float, seed: int) -> sitk.ImageRegistrationMethod:
    voxels = max(1.0, float(np.prod(fixed.GetSize())) * mask_share)
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetInterpolator(sitk.sitkLinear)
    # Gradients at the samples alone: filtering whole images for them costs more than the climb.
    method.MetricUseFixedImageGradientFilterOff()
    method.MetricUseMovingImageGradientFilterOff()
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(min(1.0, max(level.samples, FEWEST_SAMPLES) / voxels), seed)
    return method
