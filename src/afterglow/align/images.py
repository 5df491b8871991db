"""The bridge to SimpleITK: arrays on a Grid (RAS mm) become its images (LPS mm), and transforms change sides exactly."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from afterglow.records.grid import Grid

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

_threads = threading.Lock()
_users = 0
_threads_before = 1


@contextmanager
def one_itk_thread() -> Iterator[None]:
    """Let every SimpleITK filter use one thread while inside, and restore the setting after the last user has left.

    Sums taken over several threads round differently from run to run; one thread each gives the same bytes always.
    """
    global _users, _threads_before  # noqa: PLW0603  SimpleITK keeps this setting per process, so its count is per process too
    with _threads:
        if _users == 0:
            _threads_before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
            sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
        _users += 1
    try:
        yield
    finally:
        with _threads:
            _users -= 1
            if _users == 0:
                sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(_threads_before)


def lps_frame(grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Origin (3,), spacing (3,) and direction (3, 3) in LPS mm. Left-handed and oblique grids keep their axes."""
    affine = LPS_FROM_RAS @ grid.affine
    spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)
    return affine[:3, 3], spacing_mm, affine[:3, :3] / spacing_mm


def to_image(data: NDArray[Any], grid: Grid) -> sitk.Image:
    """Array (i, j, k) on its grid -> SimpleITK image at the same place in the world; bool becomes uint8."""
    if data.shape != grid.shape:
        raise ValueError(f"the array is {data.shape} but its grid is {grid.shape}; resample it first")
    kind = {"b": np.dtype(np.uint8), "f": np.dtype(np.float32) if data.dtype.itemsize < 8 else np.dtype(np.float64)}
    plain = np.asarray(data, dtype=kind.get(data.dtype.kind, data.dtype.newbyteorder("=")))
    image = sitk.GetImageFromArray(plain.transpose(2, 1, 0))
    origin, spacing_mm, direction = lps_frame(grid)
    image.SetOrigin(origin.tolist())
    image.SetSpacing(spacing_mm.tolist())
    image.SetDirection(direction.ravel().tolist())
    return image


def grid_of(image: sitk.Image) -> Grid:
    """Where the voxels of an image are, in RAS mm."""
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    i, j, k = image.GetSize()
    return Grid((i, j, k), LPS_FROM_RAS @ affine)


def array_of(image: sitk.Image) -> NDArray[Any]:
    """The voxels of an image as (i, j, k)."""
    array: NDArray[Any] = sitk.GetArrayFromImage(image).transpose(2, 1, 0)
    return array


def from_image(image: sitk.Image) -> tuple[NDArray[Any], Grid]:
    """SimpleITK image -> array (i, j, k) and its grid in RAS mm."""
    return array_of(image), grid_of(image)


def to_transform(matrix: NDArray[np.float64]) -> sitk.AffineTransform:
    """Matrix (4, 4) between RAS points -> the same map between LPS points."""
    flipped = LPS_FROM_RAS @ matrix @ LPS_FROM_RAS
    return sitk.AffineTransform(flipped[:3, :3].ravel().tolist(), flipped[:3, 3].tolist())


def from_transform(transform: sitk.Transform) -> NDArray[np.float64]:
    """An affine or rigid SimpleITK transform -> matrix (4, 4) between RAS points."""
    points = np.vstack([np.zeros(3), np.eye(3)])
    moved = np.array([transform.TransformPoint(p.tolist()) for p in points])
    matrix = np.eye(4)
    matrix[:3, :3] = (moved[1:] - moved[0]).T
    matrix[:3, 3] = moved[0]
    return LPS_FROM_RAS @ matrix @ LPS_FROM_RAS
