"""The gamma index: how far two doses lie apart, in dose and in place at once."""

from itertools import product

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.types import Array


def gamma_index(
    reference_gy: Array,
    evaluated_gy: Array,
    *,
    spacing_mm: tuple[float, float, float],
    tolerance_gy: Array,
    distance_mm: float,
    steps: int,
    greatest: float,
) -> NDArray[np.float32]:
    """Gamma of each voxel of the reference (Low 1998, doi:10.1118/1.598248), doses (i, j, k) on one grid -> (i, j, k).

    gamma^2 = min over places of (how far)^2 / distance^2 + (evaluated dose there - reference dose here)^2 / tolerance^2, the evaluated
    dose trilinear between the voxels. Between each eight voxels the search starts from the best of a lattice of `steps` steps along each
    axis and goes downhill; near cells come first as in Wendling 2007 (doi:10.1118/1.2721657), and those that cannot hold a lower gamma are
    left out. Values above `greatest` are not told apart from it.
    NaN where the tolerance (i, j, k) is not above zero, or a dose is NaN.
    """
    from afterglow.kernels.gamma_loop import search_gamma

    if reference_gy.shape != evaluated_gy.shape or tolerance_gy.shape != reference_gy.shape:
        raise ValueError(
            f"doses of {reference_gy.shape} and {evaluated_gy.shape} with tolerances of {tolerance_gy.shape} are not on one grid"
        )
    if min(distance_mm, steps, greatest, *spacing_mm) <= 0:
        raise ValueError("distance, steps, spacing and the greatest gamma are above zero")
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    cells, nearest = _cells(spacing / distance_mm, greatest)
    asked = (tolerance_gy > 0) & np.isfinite(reference_gy) & np.isfinite(evaluated_gy)
    out = np.full(reference_gy.shape, greatest, dtype=np.float64)
    search_gamma(
        np.ascontiguousarray(reference_gy, dtype=np.float64), np.ascontiguousarray(evaluated_gy, dtype=np.float64),
        np.where(asked, tolerance_gy, 0.0).astype(np.float64), spacing / distance_mm, steps, cells, nearest, out,
    )  # fmt: skip
    out[~asked] = np.nan
    return out.astype(np.float32)


def _cells(spacing: Array, greatest: float) -> tuple[NDArray[np.intp], Array]:
    """Lowest corners of the cells around a voxel that reach nearer than `greatest`, nearest first, and their squared distance."""
    reach = [int(np.ceil(greatest / step)) for step in spacing]
    corners = np.array(list(product(*(range(-n, n) for n in reach))), dtype=np.intp)
    gaps = np.maximum(np.maximum(corners, -corners - 1), 0) * spacing
    nearest = (gaps**2).sum(axis=1)
    held = np.flatnonzero(nearest < greatest**2)
    order = held[np.argsort(nearest[held], kind="stable")]
    return corners[order], nearest[order]
