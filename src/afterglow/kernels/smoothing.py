"""Where the subject is, and quieter data: a foreground mask, smoothing in space and in time, with NaN as 'not measured'."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from afterglow.kernels.types import Array

_FWHM_OVER_SIGMA = 2 * np.sqrt(2 * np.log(2))
_BINS = 512
_KERNEL_BYTES = 256 * 2**20  # a matrix over time larger than this is not a perfusion series


def foreground(mean_image: Array) -> NDArray[np.bool_]:
    """The subject, without the noise around it: (i, j, k) mean image -> mask.

    Otsu's threshold (doi:10.1109/TSMC.1979.4310076) on the logarithm of the positive voxels, which keeps dark tissue apart
    from noise even where a few vessels are very bright; then the largest connected part with its holes closed, section by
    section and as a whole. ValueError where nothing stands out.
    """
    positive = np.isfinite(mean_image) & (mean_image > 0)
    if not positive.any():
        raise ValueError("the image has no positive voxel: there is no subject in it")
    values = np.log(mean_image[positive].astype(np.float64))
    low, high = np.percentile(values, [0.5, 99.5])
    if not high - low > 1e-3:
        return _largest_filled(positive)  # zeros outside and one level inside: already a mask
    threshold = _otsu(np.clip(values, low, high))
    bright = positive.copy()
    bright[positive] = values > threshold
    # noise touches the subject by single voxels: an opening lets it go, and gives nothing of the subject away for good
    core = ndimage.binary_opening(bright, structure=_cross())
    kept = _largest_filled(core if core.any() else bright)
    return _largest_filled(bright & ndimage.binary_dilation(kept, structure=_cross(), iterations=2) | kept)


def smooth_in_space(image: Array, *, fwhm_mm: float, spacing_mm: tuple[float, float, float]) -> Array:
    """Gaussian smoothing of an image or a series: (i, j, k) or (i, j, k, t) -> the same shape and type.

    Voxels that are NaN neither give nor get: the weights of the others are scaled up to one, so that an edge against
    nothing does not fade. A constant stays what it is.
    """
    if fwhm_mm < 0:
        raise ValueError(f"a width of {fwhm_mm} mm is not one")
    if fwhm_mm == 0:
        return image.copy()
    sigma = [fwhm_mm / _FWHM_OVER_SIGMA / step for step in spacing_mm]
    missing = ~np.isfinite(image)
    per_frame = image.ndim == 4
    frames = np.moveaxis(image, -1, 0) if per_frame else image[None]
    gaps = np.moveaxis(missing, -1, 0) if per_frame else missing[None]
    out = np.empty_like(frames)
    weight: Array | None = None
    for number, (frame, gap) in enumerate(zip(frames, gaps, strict=True)):
        if weight is None or not np.array_equal(gap, gaps[number - 1]):
            weight = ndimage.gaussian_filter((~gap).astype(frame.dtype), sigma, mode="constant")
        total = ndimage.gaussian_filter(np.where(gap, 0, frame), sigma, mode="constant")
        with np.errstate(divide="ignore", invalid="ignore"):
            out[number] = np.where(gap, np.nan, total / weight)
    return np.moveaxis(out, 0, -1) if per_frame else out[0]


def smooth_in_time(times_s: Array, curve: Array, *, fwhm_s: float) -> Array:
    """Gaussian smoothing along frames at any spacing: times_s (t,), curve (..., t) -> (..., t). One matrix product.

    Each frame weighs as much time as it stands for, so frames that lie close count less each; the weights of a frame
    sum to one, so a constant stays what it is. Frames that are NaN neither give nor get.
    """
    times = np.asarray(times_s, dtype=np.float64)
    if times.ndim != 1 or curve.shape[-1:] != times.shape or not (np.diff(times) > 0).all():
        raise ValueError(f"curves of shape {curve.shape} need {curve.shape[-1]} rising times, found shape {times.shape}")
    if fwhm_s < 0 or times.size**2 * 8 > _KERNEL_BYTES:
        raise ValueError(f"cannot smooth {times.size} frames with a width of {fwhm_s} s")
    if fwhm_s == 0 or times.size < 2:
        return curve.copy()
    z = (times[:, None] - times) * (_FWHM_OVER_SIGMA / fwhm_s)
    kernel = np.exp(-0.5 * z**2) * np.gradient(times)
    kernel /= kernel.sum(axis=1, keepdims=True)
    weights = kernel.T.astype(curve.dtype)
    missing = ~np.isfinite(curve)
    if not missing.any():
        whole: Array = curve @ weights
        return whole
    total = np.where(missing, 0, curve) @ weights
    share = (~missing).astype(curve.dtype) @ weights
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(missing, curve.dtype.type(np.nan), total / share)


def _otsu(values: Array) -> float:
    """The threshold with the largest variance between the two classes."""
    counts, edges = np.histogram(values, bins=_BINS)
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)[:-1].astype(np.float64)
    above = counts.sum() - below
    total = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = total[:-1] / below - (total[-1] - total[:-1]) / above
    between = np.where((below > 0) & (above > 0), below * above * apart**2, 0)
    best = np.flatnonzero(between == between.max())
    return float(edges[1:][best].mean())  # an empty valley between the classes: its middle


def _cross() -> NDArray[np.bool_]:
    """Face neighbours, within the section only: sections may be thick and few."""
    cross: NDArray[np.bool_] = ndimage.generate_binary_structure(3, 1)
    cross[:, :, 0] = cross[:, :, 2] = False
    return cross


def _largest_filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected part, with holes closed in each section and then in the volume."""
    labels, count = ndimage.label(mask)
    if count == 0:
        raise ValueError("nothing stands out from the background")
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest = labels == int(np.argmax(sizes))
    filled = np.stack([ndimage.binary_fill_holes(largest[..., k]) for k in range(mask.shape[-1])], axis=-1)
    whole: NDArray[np.bool_] = ndimage.binary_fill_holes(filled)
    return whole
