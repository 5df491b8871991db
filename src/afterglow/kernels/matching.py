"""Which region of one time is which region of another: shared voxels, distances, the best pairs."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from afterglow.kernels.types import Array, Index, Mask


class Place(NamedTuple):
    """The voxels of one region: flat indices in rising order (n,), and their centres in mm (n, 3)."""

    voxels: Index
    points_mm: Array


def place_of(mask: Mask, affine: Array) -> Place:
    """The voxels of a mask (i, j, k), and where they are by its affine (4, 4)."""
    voxels = np.flatnonzero(mask)
    index = np.stack(np.unravel_index(voxels, mask.shape), axis=-1)
    return Place(voxels, index @ affine[:3, :3].T + affine[:3, 3])


def shared(a: Place, b: Place) -> int:
    """How many voxels lie in both."""
    return int(np.intersect1d(a.voxels, b.voxels, assume_unique=True).size)


def share_of_smaller(a: Place, b: Place) -> float:
    """Shared voxels over those of the smaller region: 1 where one lies inside the other, however small it is."""
    return shared(a, b) / min(a.voxels.size, b.voxels.size)


def dice(a: Place, b: Place) -> float:
    """Twice the shared voxels over the sum of both."""
    return 2 * shared(a, b) / (a.voxels.size + b.voxels.size)


def gap_mm(a: Place, b: Place) -> float:
    """Distance between the nearest voxel centres of two regions; 0 where they share one."""
    few, many = sorted((a.points_mm, b.points_mm), key=len)
    return float(np.min(cKDTree(many).query(few)[0]))


def unexplained(a: Place, b: Place, known: tuple[Place, ...], reach_mm: float) -> int:
    """Voxels that a and b share and that lie farther than `reach_mm` from every one of the `known` regions."""
    _, rows, _ = np.intersect1d(a.voxels, b.voxels, assume_unique=True, return_indices=True)
    points = a.points_mm[rows]
    for region in known:
        if not len(points):
            break
        away, _ = cKDTree(region.points_mm).query(points, distance_upper_bound=reach_mm)
        points = points[np.isinf(away)]
    return len(points)


def best_pairs(score: Array) -> tuple[tuple[int, int], ...]:
    """Rows and columns paired one to one so that the sum of scores is greatest (Kuhn and Munkres); scores of 0 or less do not pair."""
    rows, columns = linear_sum_assignment(np.maximum(score, 0.0), maximize=True)
    return tuple((int(r), int(c)) for r, c in zip(rows, columns, strict=True) if score[r, c] > 0)


def families(links: Mask) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
    """Rows and columns that hang together by links (rows, columns): (rows, columns) of each group, ones without a link too."""
    n_rows, n_columns = links.shape
    n = n_rows + n_columns
    joined = np.zeros((n, n), dtype=bool)
    joined[:n_rows, n_rows:] = links
    count, label = connected_components(csr_array(joined), directed=False)
    groups = []
    for one in range(count):
        members = np.flatnonzero(label == one)
        rows, columns = members[members < n_rows], members[members >= n_rows] - n_rows
        groups.append((tuple(int(r) for r in rows), tuple(int(c) for c in columns)))
    return tuple(groups)
