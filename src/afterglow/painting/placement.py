"""Where shots may stand, and the points at which a plan is judged while its weights are found."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from afterglow.painting.machine import Machine
from afterglow.painting.settings import PlanSettings
from afterglow.painting.shots import Parts, sector_azimuths
from afterglow.records.grid import Grid

SHALLOW, DEEP = 0.4, 1.5  # an isocentre lies between these multiples of its collimator's size below the target's surface


class Depths(NamedTuple):
    """Distance in mm of every voxel (i, j, k) to the target's surface: inside it, and outside it (0 in the other)."""

    inside: NDArray[np.float32]
    outside: NDArray[np.float32]


def depths_of(share: NDArray[np.float32], grid: Grid) -> Depths:
    """Distances to the surface of a target, whose voxels are those with half of them inside or more."""
    target = share >= 0.5
    if not target.any():  # thinner than a voxel
        target = share > 0
    padded = np.pad(target, 1)
    inside = distance_transform_edt(padded, sampling=grid.spacing_mm)[1:-1, 1:-1, 1:-1] - min(grid.spacing_mm) / 2
    outside = distance_transform_edt(~target, sampling=grid.spacing_mm) - min(grid.spacing_mm) / 2
    return Depths(np.maximum(inside, 0).astype(np.float32), np.maximum(outside, 0).astype(np.float32))


def isocentres(depths: Depths, grid: Grid, size_mm: float, spacing_mm: float, most: int) -> NDArray[np.float64]:
    """Places (n, 3) in mm for one collimator, in the layer that its shots can shape: each the farthest from those before it.

    The first is the deepest. It ends when there are enough, or when the next would be closer than the spacing asked for.
    """
    deep = (depths.inside >= SHALLOW * size_mm) & (depths.inside <= DEEP * size_mm)
    voxels = np.argwhere(deep)
    if not len(voxels):
        return np.zeros((0, 3))
    places = grid.to_mm(voxels.astype(np.float64))
    nearest = np.full(len(places), np.inf)
    chosen = [int(np.argmax(depths.inside[deep]))]
    while len(chosen) < most:
        nearest = np.minimum(nearest, ((places - places[chosen[-1]]) ** 2).sum(axis=1))
        farthest = int(np.argmax(nearest))
        if nearest[farthest] < spacing_mm**2:
            break
        chosen.append(farthest)
    return places[chosen]


def candidates(depths: Depths, grid: Grid, machine: Machine, settings: PlanSettings) -> Parts:
    """Every part that a plan may use, each leaving 1 Gy at its focus (one sector of it: its share of that)."""
    places, which = [], []
    smallest = min(one.size_mm for one in machine.collimators)
    for number, one in enumerate(machine.collimators):
        spacing_mm = settings.candidate_spacing_mm * one.size_mm / smallest
        found = isocentres(depths, grid, one.size_mm, spacing_mm, settings.candidates)
        places.append(found)
        which.append(np.full(len(found), number))
    positions, kinds = np.concatenate(places), np.concatenate(which)
    if not len(positions):  # too thin for the smallest shot: the deepest place it has
        deepest = np.unravel_index(int(np.argmax(depths.inside)), depths.inside.shape)
        positions, kinds = grid.to_mm(np.array([deepest], dtype=np.float64)), np.zeros(1, dtype=np.int64)
    if not settings.sectors or machine.sectors == 1:
        return Parts(positions, kinds.astype(np.int64), np.zeros(len(kinds)), np.ones(len(kinds)))
    turns = np.tile(sector_azimuths(machine), len(kinds))
    each = np.full(len(turns), 1 / machine.sectors)
    return Parts(np.repeat(positions, machine.sectors, axis=0), np.repeat(kinds, machine.sectors).astype(np.int64), turns, each)


class SampledPoints(NamedTuple):
    """Where a programme looks: voxel indices (n, 3) of the target, and of each shell outside it."""

    target: NDArray[np.intp]
    shells: tuple[NDArray[np.intp], ...]


def points_of(
    prescription_gy: NDArray[np.float32], depths: Depths, grid: Grid, settings: PlanSettings, rng: np.random.Generator
) -> SampledPoints:
    """Half of the target's points on its surface, the rest within, as many in each band of prescription."""
    wanted = (prescription_gy > 0) & (depths.inside > 0)
    if not wanted.any():  # prescribed only where less than half of a voxel is inside
        wanted = prescription_gy > 0
    rind = wanted & (depths.inside <= max(grid.spacing_mm))
    half = max(settings.target_points // 2, 1)
    within = np.argwhere(wanted & ~rind)
    bands = bands_of(prescription_gy[tuple(within.T)], settings)
    parts = [within[bands == band] for band in np.unique(bands)]
    target = [_some(np.argwhere(rind), half, rng), *(_some(part, max(half // len(parts), 1), rng) for part in parts)]
    width = max(grid.spacing_mm)
    shells = tuple(
        _some(np.argwhere((depths.outside > 0) & (np.abs(depths.outside - at) <= width / 2)), settings.shell_points, rng)
        for at in settings.shell_distances_mm
    )
    return SampledPoints(np.concatenate(target), shells)


def bands_of(prescription_gy: NDArray[np.floating[Any]], settings: PlanSettings) -> NDArray[np.intp]:
    """The band of each prescription (n,), counted from the least one."""
    if not len(prescription_gy):
        return np.zeros(0, dtype=np.intp)
    above = np.asarray(prescription_gy - prescription_gy.min(), dtype=np.float64)
    band: NDArray[np.intp] = np.floor(above / settings.band_gy + 1e-3).astype(np.intp)
    return band


def _some(places: NDArray[np.intp], count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """At most so many of the places, drawn without putting back."""
    if len(places) <= count:
        return places
    return places[np.sort(rng.choice(len(places), size=count, replace=False))]
