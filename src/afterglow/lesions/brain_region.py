"""The brain as one region, fluid in its furrows and an outlined tumour with it: where a tumour can come back."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from afterglow.lesions.white_matter import brain_of
from afterglow.records.grid import Grid

_SMOOTH_MM = 0.7  # against noise, before the brain is told from the rest
_FURROW_MM = 15.0  # half the width of what is closed: furrows and ventricles that tissue encloses on most sides
_CORTEX_MM = 4.0  # around it: cortex against fluid is darker than the brain's own limit
_RIM_MM = 4.0  # around an outlined lesion that is neither
_BODY = 0.1  # of the brightest: air is darker


def brain_region(image: NDArray[np.float32], grid: Grid, lesion: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """The brain (i, j, k) in a T1-weighted image, closed over furrows, with all that is outlined as lesion. MissingInput where none is found."""
    known = np.nan_to_num(image)
    if lesion is not None and lesion.any():
        known = _without(known, lesion, grid)
    smooth = ndimage.gaussian_filter(known, [_SMOOTH_MM / step for step in grid.spacing_mm]).astype(np.float32)
    brain = brain_of(smooth, grid)
    if lesion is not None:
        brain = brain | lesion
    beyond = [int(np.ceil((_FURROW_MM + _CORTEX_MM) / step)) + 1 for step in grid.spacing_mm]
    padded = np.pad(brain, [(n, n) for n in beyond])
    near = ndimage.distance_transform_edt(~padded, sampling=grid.spacing_mm) <= _FURROW_MM
    closed = padded | (ndimage.distance_transform_edt(near, sampling=grid.spacing_mm) > _FURROW_MM)
    wide = ndimage.distance_transform_edt(~closed, sampling=grid.spacing_mm) <= _CORTEX_MM
    inner = tuple(slice(n, n + size) for n, size in zip(beyond, grid.shape, strict=True))
    whole: NDArray[np.bool_] = ndimage.binary_fill_holes(wide[inner])
    return whole


def _without(image: NDArray[np.float32], lesion: NDArray[np.bool_], grid: Grid) -> NDArray[np.float32]:
    """The image with the lesion as bright as usual tissue: a bright or dark one would part the lobe around it from the brain."""
    tissue = image[image > _BODY * np.quantile(image, 0.99)]
    wide = ndimage.distance_transform_edt(~lesion, sampling=grid.spacing_mm) <= _RIM_MM
    filled: NDArray[np.float32] = np.where(wide, np.median(tissue), image).astype(np.float32)
    return filled
