"""Bring an image onto another grid, once, through one composed transform."""

from typing import Any, Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from afterglow.align.images import array_of, lps_frame, one_itk_thread, to_image, to_transform
from afterglow.records.grid import Grid

Interpolation = Literal["linear", "nearest"]
INTERPOLATORS = {"linear": sitk.sitkLinear, "nearest": sitk.sitkNearestNeighbor}


def resample(
    data: NDArray[Any],
    grid: Grid,
    onto: Grid,
    matrix: NDArray[np.float64] | None = None,
    interpolation: Interpolation = "linear",
    outside: float = np.nan,
) -> NDArray[Any]:
    """Image (i, j, k) or (i, j, k, t) seen on the voxels of `onto`.

    `matrix` (4, 4) takes a point of the target (RAS mm) to the source (RAS mm), as in `Alignment.matrix`; None means that both
    share the scanner's coordinates. Maps are "linear" and come back as floats, NaN wherever a voxel with weight is not finite; labels are
    "nearest" and keep their type. A voxel reaches half its width beyond its centre; farther out the value is `outside`
    (for integers and bool, which know no NaN, 0: the background).
    """
    if data.shape[:3] != grid.shape or data.ndim not in (3, 4):
        raise ValueError(f"the array is {data.shape} but its grid is {grid.shape}; give (i, j, k) or (i, j, k, t) on that grid")
    counts = data.dtype.kind in "bui"
    if counts and interpolation == "linear":
        data, counts = data.astype(np.float32), False
    if not counts:
        data = np.where(np.isfinite(data), data, data.dtype.type(np.nan))
    if grid.same_as(onto) and (matrix is None or np.array_equal(matrix, np.eye(4))):
        return data.copy() if counts else data
    fill = 0.0 if counts and np.isnan(outside) else outside
    mover = resampler(onto, np.eye(4) if matrix is None else matrix, INTERPOLATORS[interpolation], fill)
    with one_itk_thread():
        if data.ndim == 3:
            return array_of(mover.Execute(to_image(data, grid))).astype(data.dtype, copy=False)
        moved = np.empty((*onto.shape, data.shape[3]), dtype=data.dtype)
        for t in range(data.shape[3]):
            moved[..., t] = array_of(mover.Execute(to_image(data[..., t], grid)))
    return moved


def compose(*matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """One matrix (4, 4) for several steps, in the order in which a point of the final target travels towards the source.

    compose(visit_to_t1w, t1w_to_dce) takes a point of the visit's space to the DCE: resample once with it, never twice.
    """
    total = np.eye(4)
    for matrix in matrices:
        total = np.asarray(matrix, dtype=np.float64) @ total
    return total


def resampler(onto: Grid, matrix: NDArray[np.float64], interpolator: int, fill: float) -> sitk.ResampleImageFilter:
    """SimpleITK's filter that shows an image on `onto` through a transform of target points to source points (RAS mm)."""
    origin, spacing_mm, direction = lps_frame(onto)
    mover = sitk.ResampleImageFilter()
    mover.SetSize(list(onto.shape))
    mover.SetOutputOrigin(origin.tolist())
    mover.SetOutputSpacing(spacing_mm.tolist())
    mover.SetOutputDirection(direction.ravel().tolist())
    mover.SetTransform(to_transform(np.asarray(matrix, dtype=np.float64)))
    mover.SetInterpolator(interpolator)
    mover.SetDefaultPixelValue(fill)
    return mover
