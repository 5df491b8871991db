"""Carrying a coarse image to other voxels by the volume they share: no spline, nothing between the values that were measured.

Where the axes of both grids run along one another the shares are exact products of lengths; else points inside each target voxel are
counted by the source voxel they lie in.
"""

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.types import Array

_AXIS_COSINE = 1e-6  # of a column's length: less than this is rounding, not a rotation
_FEWEST = 3  # points along each axis of a target voxel
_PER_SOURCE = 6  # points along each axis for one source voxel


def overlap_mean(values: Array, matrix: Array, shape: tuple[int, int, int], *, points: int = 0) -> tuple[Array, Array]:
    """Mean of a source image (i, j, k) over each voxel of a target `shape`, and the share of it that measured voxels cover.

    matrix (4, 4) takes a target index to a source index. The mean is over what is measured: NaN counts as not there, and a voxel of
    which nothing is covered is NaN. The sum of mean x share x volume is that of the source, if the target covers it. `points` above
    0 asks for that many points along each axis instead of the exact shares.
    """
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    order = _axes(matrix)
    if order is not None and points < 1:
        lengths = [
            _lengths(matrix[source, target], matrix[source, 3], shape[target], values.shape[source])
            for target, source in enumerate(order)
        ]
        total, share = (_along(image, lengths, order) for image in (filled, known.astype(np.float64)))
    else:
        total, share = _counted(filled, known, np.asarray(matrix, dtype=np.float64), shape, points)
    out = np.full(shape, np.nan)
    np.divide(total, share, out=out, where=share > 1e-12)
    return out, share


def _axes(matrix: Array) -> tuple[int, int, int] | None:
    """The source axis that each target axis runs along, or None where the grids are rotated against one another."""
    turn = np.abs(np.asarray(matrix)[:3, :3])
    a, b, c = (int(n) for n in turn.argmax(axis=0))
    largest = turn.max(axis=0)
    turn[[a, b, c], [0, 1, 2]] = 0
    return (a, b, c) if len({a, b, c}) == 3 and (turn <= _AXIS_COSINE * largest).all() else None


def _lengths(step: float, start: float, n_target: int, n_source: int) -> Array:
    """Share (target, source) of each target interval that lies in each source interval, one axis."""
    ends = start + step * (np.arange(n_target)[:, None] + np.array([-0.5, 0.5]))
    low, high = ends.min(axis=1)[:, None], ends.max(axis=1)[:, None]
    edges = np.arange(n_source) - 0.5
    out: Array = np.maximum(np.minimum(high, edges + 1) - np.maximum(low, edges), 0.0) / abs(step)
    return out


def _along(image: Array, lengths: list[Array], order: tuple[int, int, int]) -> Array:
    """One matrix for each target axis, on the source axis it runs along."""
    moved = np.transpose(image, order)
    for axis, length in enumerate(lengths):
        moved = np.moveaxis(np.tensordot(length, moved, axes=(1, axis)), 0, axis)
    return moved


def _counted(
    filled: Array, known: NDArray[np.bool_], matrix: Array, shape: tuple[int, int, int], points: int
) -> tuple[Array, Array]:
    """Sums and shares by points inside each target voxel, one layer of points at a time."""
    reach = np.abs(matrix[:3, :3]).sum(axis=0)
    counts = [points if points > 0 else max(_FEWEST, int(np.ceil(_PER_SOURCE * far))) for far in reach]
    total, share = np.zeros(shape), np.zeros(shape)
    i, j, k = np.meshgrid(*(np.arange(float(n)) for n in shape), indexing="ij", sparse=True)
    limits = np.array(filled.shape)
    for point in np.ndindex(*counts):
        a, b, c = ((p + 0.5) / n - 0.5 for p, n in zip(point, counts, strict=True))
        place = [np.rint(m[0] * (i + a) + m[1] * (j + b) + m[2] * (k + c) + m[3]).astype(np.intp) for m in matrix[:3]]
        within = np.ones(shape, dtype=np.bool_)
        for one, limit in zip(place, limits, strict=True):
            within &= (one >= 0) & (one < limit)
        x, y, z = (np.where(within, one, 0) for one in place)
        total += np.where(within, filled[x, y, z], 0.0)
        share += within & known[x, y, z]
    n_points = float(np.prod(counts))
    return total / n_points, share / n_points
