"""How deep a voxel lies inside a mask, and smooth random offsets of its border."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from afterglow.kernels.types import Array

_WAVES = 64  # cosines and sines each that a random field is made of


def depth_mm(mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> Array:
    """Distance of each voxel centre from the border in mm, positive inside. mask (i, j, k) -> (i, j, k).

    The border runs along voxel faces: from the nearest voxel centre on the other side, half a voxel is walked back in the
    direction of the steepest index. What lies beyond the image counts as outside. A mask without a voxel gives -inf.
    """
    padded = np.pad(mask, 1)
    if not mask.any():
        return np.full(mask.shape, -np.inf)
    inside, outside = _to_faces(padded, spacing_mm), _to_faces(~padded, spacing_mm)
    core = (slice(1, -1),) * 3
    depth: Array = np.where(padded, inside, -outside)[core]
    return depth


def _to_faces(mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> Array:
    """From each voxel of the mask to the faces of the nearest voxel outside it, in mm; zero outside."""
    distance, nearest = distance_transform_edt(mask, sampling=spacing_mm, return_indices=True)
    steps = np.abs(nearest - np.indices(mask.shape)).max(axis=0)
    faces: Array = distance * (1 - 0.5 / np.maximum(steps, 1))
    return faces


def smooth_offsets(points_mm: Array, *, correlation_mm: float, n_draws: int, rng: np.random.Generator) -> Array:
    """Random fields of mean zero and standard deviation one at points (n, 3) -> (n_draws, n).

    Points `correlation_mm` apart correlate with exp(-1/2). A sum of plane waves with random directions: Gaussian at every
    point, and cheap where only few points are asked for.
    """
    waves = rng.normal(0, 1 / correlation_mm, (3, _WAVES))
    phase = points_mm @ waves
    basis = np.concatenate([np.cos(phase), np.sin(phase)], axis=1) / np.sqrt(_WAVES)
    fields: Array = rng.normal(size=(n_draws, 2 * _WAVES)) @ basis.T
    return fields
