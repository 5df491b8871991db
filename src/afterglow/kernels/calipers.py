"""Calipers on a plane: the two diameters by which a reader sizes a lesion."""

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from afterglow.kernels.types import Array


def calipers(points_mm: Array) -> tuple[float, float]:
    """Longest distance between two points of a plane, and the extent across that direction. points_mm (n, 2)."""
    try:
        hull = points_mm[ConvexHull(points_mm).vertices]
    except QhullError:
        hull = np.unique(points_mm, axis=0)
    apart = np.linalg.norm(hull[:, None] - hull[None], axis=-1)
    i, j = np.unravel_index(int(apart.argmax()), apart.shape)
    length = float(apart[i, j])
    if length == 0:
        return 0.0, 0.0
    along = (hull[j] - hull[i]) / length
    across = hull @ np.array([-along[1], along[0]])
    return length, float(across.max() - across.min())
