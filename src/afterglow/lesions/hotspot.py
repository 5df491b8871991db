"""The hot spot: the sphere of a stated radius inside a region whose mean is the highest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate

from afterglow.records.grid import Grid

LEAST_INSIDE = 0.8  # of the sphere's voxels, in the region and measured


@dataclass(frozen=True, eq=False)
class HotSpot:
    """Its mean, the voxels that were averaged (flat indices), and what a reader should know."""

    value: float
    voxels: NDArray[np.intp]
    flags: tuple[str, ...]


def find_hotspot(values: NDArray[np.float32], mask: NDArray[np.bool_], grid: Grid, radius_mm: float) -> HotSpot | None:
    """The hottest sphere, centred on a voxel of the region; None where nothing was measured.

    A voxel belongs to the sphere where its centre lies within the radius; only voxels of the region that were measured are
    averaged. At least four fifths of the sphere must be such voxels. Where no place has that much (a lesion smaller than
    the sphere), the fullest places compete, and a flag says how full they are.
    """
    known = mask & np.isfinite(values)
    if not known.any():
        return None
    places = np.argwhere(known)
    ball = _ball(grid, radius_mm)
    low, high = places.min(axis=0), places.max(axis=0) + 1
    cut = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    inside = known[cut]
    counts = np.rint(correlate(inside.astype(np.float64), ball, mode="constant"))
    total = correlate(np.where(inside, values[cut], 0).astype(np.float64), ball, mode="constant")
    needed = LEAST_INSIDE * ball.sum()
    fullest = counts[inside].max()
    candidates = inside & (counts >= min(needed, fullest))
    mean = np.where(candidates, total / np.maximum(counts, 1), -np.inf)
    centre = np.array(np.unravel_index(int(mean.argmax()), mean.shape)) + low
    voxels = _covered(known, centre, ball)
    flags = []
    if fullest < needed:
        flags.append(f"hot spot: only {100 * fullest / ball.sum():.0f} % of the sphere lies in the region")
    if ball.sum() == 1:
        flags.append("hot spot: the sphere is smaller than a voxel")
    return HotSpot(float(values.ravel()[voxels].astype(np.float64).mean()), voxels, tuple(flags))


def _ball(grid: Grid, radius_mm: float) -> NDArray[np.float64]:
    """1 where a voxel's centre lies within the radius of the middle one."""
    steps = grid.affine[:3, :3]
    reach = [int(radius_mm // step) for step in grid.spacing_mm]
    offsets = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1)
    apart = np.linalg.norm(offsets @ steps.T, axis=-1)
    ball: NDArray[np.float64] = (apart <= radius_mm + 1e-9).astype(np.float64)
    return ball


def _covered(known: NDArray[np.bool_], centre: NDArray[np.intp], ball: NDArray[np.float64]) -> NDArray[np.intp]:
    places = np.argwhere(ball > 0) - np.array(ball.shape) // 2 + centre
    fits = ((places >= 0) & (places < known.shape)).all(axis=1)
    flat = np.ravel_multi_index(tuple(places[fits].T), known.shape)
    covered: NDArray[np.intp] = flat[known.ravel()[flat]]
    return covered
