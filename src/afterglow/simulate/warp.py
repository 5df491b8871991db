"""Smooth random fields, random diffeomorphisms and rigid motions: the individuality of a digital head."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from afterglow.records.grid import Grid

Field = NDArray[np.float32]

_SQUARINGS = 5


def smooth_noise(rng: np.random.Generator, grid: Grid, *, scale_mm: float) -> Field:
    """Gaussian noise (i, j, k) of zero mean and unit variance, correlated over about `scale_mm`."""
    knots = tuple(int(np.ceil((n - 1) * step / scale_mm)) + 4 for n, step in zip(grid.shape, grid.spacing_mm, strict=True))
    values = rng.standard_normal(knots, dtype=np.float32)
    for axis, (n, step) in enumerate(zip(grid.shape, grid.spacing_mm, strict=True)):
        weights = _spline_weights(n, step / scale_mm, knots[axis])
        values = np.moveaxis(np.tensordot(values, weights, axes=(axis, 1)), -1, axis)
    return np.ascontiguousarray(values)


def _spline_weights(n: int, step: float, knots: int) -> Field:
    """Cubic B-spline weights (n, knots), each row of unit norm so that white noise keeps its variance."""
    at = np.arange(n)[:, None] * step + 1.0
    distance = np.abs(at - np.arange(knots)[None, :])
    near = 2.0 / 3.0 - distance**2 + distance**3 / 2.0
    far = (2.0 - distance) ** 3 / 6.0
    weights = np.where(distance < 1.0, near, np.where(distance < 2.0, far, 0.0))
    unit: Field = (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)
    return unit


def diffeomorphism(rng: np.random.Generator, grid: Grid, *, scale_mm: float, amplitude_mm: float) -> Field:
    """Displacement in mm (3, i, j, k) of a smooth invertible random deformation, by scaling and squaring.

    `amplitude_mm` is the standard deviation of each component. The velocity is drawn as `smooth_noise`, halved
    `_SQUARINGS` times and composed with itself as often (doi:10.1007/11866565_113).
    """
    coarse = _coarse(grid, scale_mm / 4)
    steps = np.array(coarse.spacing_mm, dtype=np.float32)[:, None, None, None]
    drawn = np.stack([smooth_noise(rng, coarse, scale_mm=scale_mm) for _ in range(3)]) * amplitude_mm
    flow = (drawn / 2**_SQUARINGS / steps).astype(np.float32)  # in voxels of the coarse grid
    index = np.indices(coarse.shape, dtype=np.float32)
    for _ in range(_SQUARINGS):
        flow = flow + np.stack([ndimage.map_coordinates(part, index + flow, order=1, mode="nearest") for part in flow])
    return np.stack([_stretch(part * step, coarse, grid) for part, step in zip(flow, coarse.spacing_mm, strict=True)])


def _coarse(grid: Grid, pitch_mm: float) -> Grid:
    """A grid of the same orientation and first voxel with a pitch of about `pitch_mm`, covering the given one."""
    factors = [max(pitch_mm / step, 1.0) for step in grid.spacing_mm]
    shape = tuple(int(np.ceil((n - 1) / f)) + 1 for n, f in zip(grid.shape, factors, strict=True))
    affine = grid.affine @ np.diag([*factors, 1.0])
    return Grid((shape[0], shape[1], shape[2]), affine)


def _stretch(values: Field, coarse: Grid, grid: Grid) -> Field:
    """Linear interpolation from the coarse to the fine grid, one axis after the other."""
    for axis, n in enumerate(grid.shape):
        at = np.arange(n) * grid.spacing_mm[axis] / coarse.spacing_mm[axis]
        weights = np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(coarse.shape[axis])[None, :])).astype(np.float32)
        values = np.moveaxis(np.tensordot(values, weights, axes=(axis, 1)), -1, axis)
    return np.ascontiguousarray(values, dtype=np.float32)


def rigid(
    translation_mm: NDArray[np.float64], rotation_deg: NDArray[np.float64], *, centre_mm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A 4 x 4 that turns about `centre_mm` (angles about x, y, z) and then shifts. Inputs (3,)."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", rotation_deg, degrees=True).as_matrix()
    matrix[:3, 3] = centre_mm - matrix[:3, :3] @ centre_mm + translation_mm
    return matrix


def resample(values: Field, source: Grid, target: Grid, target_to_source_mm: NDArray[np.float64]) -> Field:
    """Linear interpolation of (i, j, k) on `source` at the voxels of `target`; 0 outside.

    `target_to_source_mm` (4, 4) takes a point of the target's world (RAS mm) to the source's world.
    """
    index = np.linalg.inv(source.affine) @ target_to_source_mm @ target.affine
    out: Field = ndimage.affine_transform(
        values, index[:3, :3], index[:3, 3], output_shape=target.shape, output=np.float32, order=1, mode="constant", cval=0.0
    )
    return out


def nearest(labels: NDArray[np.uint8], source: Grid, target: Grid, target_to_source_mm: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Labels (i, j, k) on `source` at the voxels of `target`, each that of the nearest voxel; 0 outside. As `resample` otherwise."""
    index = np.linalg.inv(source.affine) @ target_to_source_mm @ target.affine
    out: NDArray[np.uint8] = ndimage.affine_transform(
        labels, index[:3, :3], index[:3, 3], output_shape=target.shape, output=np.uint8, order=0, mode="constant", cval=0
    )
    return out
