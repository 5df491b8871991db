"""Outlines of a region in the slices of its grid: as many pixels inside the polygons as the region has."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from skimage.measure import find_contours

from afterglow.kernels.contours import Ring, joined, nested, signed_area

_LEVELS = (1e-3, 1.0 - 1e-3)
_STEP = 1e-6


def slice_rings(share: NDArray[np.floating]) -> list[Ring]:
    """Closed rings around what lies inside (i, j), holes taken in by a keyhole; corners in pixel indices.

    Marching squares, at the level where the rings hold as large an area as the region: at one half a corner pixel loses an eighth,
    which takes 3 % of a tumour of .1 mL. The corners stay between the same pixel centres at any level, so that a reader that
    asks for the centres gets the very mask back.
    """
    padded = np.pad(np.asarray(share, dtype=np.float64), 1)
    wanted = float(padded.sum())
    if wanted <= 0:
        return []
    rows, columns = np.flatnonzero(padded.any(axis=1)), np.flatnonzero(padded.any(axis=0))
    corner = np.array([rows[0] - 1, columns[0] - 1])
    box = padded[corner[0] : rows[-1] + 2, corner[1] : columns[-1] + 2]
    rings = [ring + corner - 1.0 for ring in _rings_at(box, _level(box, wanted))]
    return [joined(outer, holes) for outer, holes in nested(rings)]


def _level(box: NDArray[np.float64], wanted: float) -> float:
    """The level whose rings hold the wanted area; the nearest there is where the area jumps."""
    low, high = _LEVELS
    if _area_at(box, low) <= wanted:
        return low
    if _area_at(box, high) >= wanted:
        return high
    found = float(brentq(lambda level: _area_at(box, level) - wanted, low, high, xtol=_STEP))
    around = (found, max(found - 2 * _STEP, low), min(found + 2 * _STEP, high))
    return min(around, key=lambda level: abs(_area_at(box, level) - wanted))


def _area_at(box: NDArray[np.float64], level: float) -> float:
    """Holes run the other way round, so that their area is subtracted."""
    return abs(sum(signed_area(ring) for ring in _rings_at(box, level)))


def _rings_at(box: NDArray[np.float64], level: float) -> list[Ring]:
    """Rings without their repeated last corner; pixels that touch at a corner alone are two rings."""
    return [ring[:-1] for ring in find_contours(box, level, fully_connected="low") if len(ring) > 3]


def volume_rings(share: NDArray[np.floating]) -> Iterator[tuple[int, Ring]]:
    """(k, ring) of every ring in every slice of (i, j, k)."""
    for k in range(share.shape[2]):
        for ring in slice_rings(share[:, :, k]):
            yield k, ring
