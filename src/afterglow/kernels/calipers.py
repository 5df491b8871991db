"""Calipers: the diameters by which a reader sizes a lesion, in a plane and in space."""

import numpy as np
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist, squareform

from afterglow.kernels.types import Array


def calipers(points_mm: Array) -> tuple[float, float]:
    """Longest distance between two points of a plane, and the extent across that direction. points_mm (n, 2)."""
    hull = _hull(points_mm)
    length, along = _longest(hull)
    if length == 0:
        return 0.0, 0.0
    across = hull @ np.array([-along[1], along[0]])
    return length, float(across.max() - across.min())


def calipers_in_space(points_mm: Array) -> tuple[float, float]:
    """Longest distance between two points, and the longest one across that direction. points_mm (n, 3).

    The second is the longest distance among the points as they fall on the plane across the first.
    """
    hull = _hull(points_mm)
    length, along = _longest(hull)
    if length == 0:
        return 0.0, 0.0
    frame = np.linalg.svd(along[None])[2][1:]  # two directions across
    return length, _longest(_hull(hull @ frame.T))[0]


def _hull(points_mm: Array) -> Array:
    """Corners of the convex hull; all different points where they are flat or few."""
    try:
        return points_mm[ConvexHull(points_mm).vertices]
    except (QhullError, ValueError):
        return np.unique(points_mm, axis=0)


def _longest(points_mm: Array) -> tuple[float, Array]:
    """Longest distance between two points, and its direction."""
    if len(points_mm) < 2:
        return 0.0, np.zeros(points_mm.shape[-1])
    apart = squareform(pdist(points_mm))
    i, j = np.unravel_index(int(apart.argmax()), apart.shape)
    length = float(apart[i, j])
    return length, (points_mm[j] - points_mm[i]) / length if length else np.zeros(points_mm.shape[-1])
