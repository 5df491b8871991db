"""Before any physics: which voxels are the subject, and smoothing where a method asks for it."""

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.smoothing import foreground, smooth_in_space, smooth_in_time
from afterglow.quantify.made import provenance
from afterglow.records.errors import BadInput
from afterglow.records.grid import Grid
from afterglow.records.maps import Provenance

_FRAMES = 8


def subject_mask(data: NDArray[np.float32], source: str) -> tuple[NDArray[np.bool_], Provenance]:
    """The subject without the noise around it: series (i, j, k, t) -> mask (i, j, k). BadInput where there is none."""
    known = np.isfinite(data)
    mean = np.where(known, data, 0).sum(axis=-1, dtype=np.float64) / np.maximum(known.sum(axis=-1), 1)
    try:
        mask = foreground(mean)
    except ValueError as error:
        raise BadInput(f"{source}: {error}; is this a magnitude image?") from error
    sentence = f"Background noise was removed by a histogram threshold on the mean image ({np.count_nonzero(mask)} voxels kept)."
    return mask, provenance("background", sentence, {"voxels": int(np.count_nonzero(mask))}, (source,))


def smoothed(
    data: NDArray[np.float32], grid: Grid, times_s: NDArray[np.float64], *, space_fwhm_mm: float, time_fwhm_s: float, source: str
) -> tuple[NDArray[np.float32], Provenance]:
    """A series (i, j, k, t) smoothed by Gaussians of these full widths at half maximum; zero leaves an axis alone."""
    out = np.empty(data.shape, dtype=np.float32, order="F")
    frames, sections = data.shape[3], data.shape[2]
    for start in range(0, frames, _FRAMES):  # a few at a time: the whole series is held twice, never four times
        part = slice(start, start + _FRAMES)
        out[..., part] = smooth_in_space(data[..., part], fwhm_mm=space_fwhm_mm, spacing_mm=grid.spacing_mm)
    for section in range(sections):
        out[:, :, section] = smooth_in_time(times_s, out[:, :, section], fwhm_s=time_fwhm_s)
    sentence = f"The series was smoothed by a Gaussian of {space_fwhm_mm:g} mm in space and {time_fwhm_s:g} s in time (FWHM)."
    settings = {"space_fwhm_mm": space_fwhm_mm, "time_fwhm_s": time_fwhm_s}
    return out, provenance("smooth", sentence, settings, (source,))
