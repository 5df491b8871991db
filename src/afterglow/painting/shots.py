"""Shots of a machine as the kernel adds them up: parts of a shot, their doses at points, and the dose of all on a grid."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.shot import (
    SECTOR_STEP_MM,
    STEP_MM,
    Beams,
    BeamShape,
    ShotTables,
    depth_factors,
    ring_beams,
    sector_table,
    shot_doses,
    summed_doses,
    turned_table,
)
from afterglow.painting.machine import Collimator, Machine
from afterglow.records.dose import Shot
from afterglow.records.errors import BadInput
from afterglow.records.grid import Grid

FAR_MM = 20.0  # farther than this from every shot, the dose is worked out on every other voxel or so
FAR_STEP_MM = 3.0
_CHUNK = 200_000  # points at a time


class Parts(NamedTuple):
    """Pieces (m,) whose doses add up: a full shot, or one sector of one. A weight of 1 leaves 1 Gy at the focus of a full shot."""

    positions_mm: NDArray[np.float64]  # (m, 3)
    which: NDArray[np.int64]  # table
    azimuths_rad: NDArray[np.float64]  # middle of the sector
    weights: NDArray[np.float64]

    def weighted(self, weights: NDArray[np.float64]) -> "Parts":
        return self._replace(weights=weights)

    def only(self, kept: NDArray[np.intp]) -> "Parts":
        return Parts(self.positions_mm[kept], self.which[kept], self.azimuths_rad[kept], self.weights[kept])


@lru_cache(maxsize=4)
def shot_tables(machine: Machine, sectors: bool) -> ShotTables:
    """Tables of every collimator, of full shots or of single sectors."""
    latitudes = np.array([ring.latitude_deg for ring in machine.rings])
    distances = np.array([ring.distance_mm for ring in machine.rings])
    made = []
    for one in machine.collimators:
        shares, shape = np.array(machine.ring_shares(one)), beam_shape(machine, one)
        if sectors:
            made.append(sector_table(latitudes, distances, shares, shape, sectors=machine.sectors))
        else:
            made.append(turned_table(latitudes, distances, shares, shape))
    return ShotTables(np.ascontiguousarray(np.stack(made)), SECTOR_STEP_MM if sectors else STEP_MM)


def beam_shape(machine: Machine, collimator: Collimator) -> BeamShape:
    return BeamShape(collimator.radius_mm, collimator.edge_mm, machine.attenuation_per_mm, machine.sphere_mm)


def exact_beams(machine: Machine, collimator: Collimator) -> Beams:
    """Every ring as 1,440 beams: what the tables are held against."""
    azimuths = (np.arange(1440) + 0.5) * 2 * np.pi / 1440
    rings = machine.rings
    latitudes, distances = np.array([r.latitude_deg for r in rings]), np.array([r.distance_mm for r in rings])
    return ring_beams(latitudes, distances, np.array(machine.ring_shares(collimator)), azimuths)


def sector_azimuths(machine: Machine) -> NDArray[np.float64]:
    """Middle of each sector, in radians."""
    azimuths: NDArray[np.float64] = (np.arange(machine.sectors) + 0.5) * 2 * np.pi / machine.sectors
    return azimuths


def parts_of(shots: Sequence[Shot], machine: Machine) -> tuple[Parts, bool]:
    """Parts of the shots, and whether they are sectors."""
    sizes = [one.size_mm for one in machine.collimators]
    sectors = any(len(shot.collimator_mm) > 1 for shot in shots)
    rows: list[tuple[tuple[float, float, float], int, float, float]] = []
    for shot in shots:
        wrong = [size for size in shot.collimator_mm if size not in sizes and size != 0]
        if wrong or len(shot.collimator_mm) not in (1, machine.sectors) or not any(shot.collimator_mm):
            raise BadInput(f"a shot with collimators {shot.collimator_mm} mm: {machine.title} has {sizes} mm; correct the plan")
        if not sectors:
            rows.append((shot.position_mm, sizes.index(shot.collimator_mm[0]), 0.0, shot.weight_gy))
            continue
        each = shot.collimator_mm if len(shot.collimator_mm) > 1 else shot.collimator_mm * machine.sectors
        factors = [machine.collimator(size).output_factor if size else 0.0 for size in each]
        for size, factor, azimuth in zip(each, factors, sector_azimuths(machine), strict=True):
            if size:
                rows.append((shot.position_mm, sizes.index(size), float(azimuth), shot.weight_gy * factor / sum(factors)))
    columns = list(zip(*rows, strict=True)) if rows else [(), (), (), ()]
    return Parts(
        np.array(columns[0], dtype=np.float64).reshape(-1, 3),
        np.array(columns[1], dtype=np.int64),
        np.array(columns[2], dtype=np.float64),
        np.array(columns[3], dtype=np.float64),
    ), sectors


def part_doses(points_mm: NDArray[np.float64], parts: Parts, tables: ShotTables) -> NDArray[np.float32]:
    """Dose (n, m) in Gy of each part at each point (n, 3)."""
    return shot_doses(points_mm, parts.positions_mm, tables, parts.which, parts.azimuths_rad, parts.weights)


def dose_at(points_mm: NDArray[np.float64], shots: Sequence[Shot], machine: Machine) -> NDArray[np.float32]:
    """Dose (n,) in Gy of all shots at points (n, 3)."""
    parts, sectors = parts_of(shots, machine)
    return summed(points_mm, parts, shot_tables(machine, sectors))


def summed(points_mm: NDArray[np.float64], parts: Parts, tables: ShotTables) -> NDArray[np.float32]:
    """Dose (n,) in Gy of all parts together at points (n, 3)."""
    return summed_doses(points_mm, parts.positions_mm, tables, parts.which, parts.azimuths_rad, parts.weights)


def dose_on_grid(shots: Sequence[Shot], grid: Grid, machine: Machine) -> NDArray[np.float32]:
    """Dose (i, j, k) in Gy of all shots: in every voxel near a shot, and read linearly from a coarser lattice far from all."""
    parts, sectors = parts_of(shots, machine)
    tables = shot_tables(machine, sectors)
    every = [max(1, int(FAR_STEP_MM / spacing)) for spacing in grid.spacing_mm]
    dose = _coarse(grid, every, parts, tables)
    if every == [1, 1, 1] or not shots:
        return dose
    index = grid.to_index(parts.positions_mm)
    reach = FAR_MM / np.array(grid.spacing_mm)
    low = np.clip(np.floor(index.min(axis=0) - reach), 0, np.array(grid.shape)).astype(int)
    high = np.clip(np.ceil(index.max(axis=0) + reach) + 1, 0, np.array(grid.shape)).astype(int)
    if (high <= low).any():
        return dose
    box = [np.arange(a, b) for a, b in zip(low, high, strict=True)]
    dose[np.ix_(*box)] = _lattice_dose(grid, box, parts, tables)
    return dose


def _lattice_dose(grid: Grid, axes: list[NDArray[np.intp]], parts: Parts, tables: ShotTables) -> NDArray[np.float32]:
    index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.float64)
    pieces = [summed(grid.to_mm(index[n : n + _CHUNK]), parts, tables) for n in range(0, len(index), _CHUNK)]
    return np.concatenate(pieces).reshape([len(axis) for axis in axes])


def _coarse(grid: Grid, every: list[int], parts: Parts, tables: ShotTables) -> NDArray[np.float32]:
    """Dose on every so many voxels, the last ones included, and linear between."""
    axes = [np.unique(np.append(np.arange(0, n, step), n - 1)) for n, step in zip(grid.shape, every, strict=True)]
    dose = _lattice_dose(grid, axes, parts, tables)
    for axis, known in enumerate(axes):
        wanted = np.arange(grid.shape[axis])
        after = np.clip(np.searchsorted(known, wanted, side="right"), 1, max(len(known) - 1, 1))
        if len(known) == 1:
            continue
        part = ((wanted - known[after - 1]) / (known[after] - known[after - 1])).astype(np.float32)
        shape = [1, 1, 1]
        shape[axis] = -1
        part = part.reshape(shape)
        dose = (1 - part) * np.take(dose, after - 1, axis=axis) + part * np.take(dose, after, axis=axis)
    return dose.astype(np.float32)


def dose_rates(
    positions_mm: NDArray[np.float64], machine: Machine, *, middle_mm: NDArray[np.float64], head_radius_mm: float
) -> NDArray[np.float64]:
    """Dose rate of the largest collimator at foci (n, 3) in a round head of water, over that in the middle of the machine's sphere."""
    largest = max(machine.collimators, key=lambda one: one.size_mm)
    return depth_factors(
        positions_mm - middle_mm,
        exact_beams(machine, largest),
        attenuation_per_mm=machine.attenuation_per_mm,
        sphere_mm=machine.sphere_mm,
        head_radius_mm=head_radius_mm,
    )
