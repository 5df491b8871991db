"""Dose around the focus of many converging cobalt beams, and a table of it that is quick to read.

A research kernel: primary beams in a water sphere, with an effective attenuation; no scatter, bone or air, no leakage.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.types import Array

STRETCH_MM, STEP_MM, REACH_MM = 15.0, 0.25, 220.0  # the table's lattice: asinh, a quarter of a mm near the focus
RING_BEAMS = 180  # beams that stand for a full ring in a table
SECTIONS = 33  # azimuths of a sector's table, over half a turn
SECTOR_STEP_MM = 0.6


class Beams(NamedTuple):
    """Beams that meet in the focus at 0; shares sum to 1 at the focus."""

    directions: NDArray[np.float64]  # (b, 3), unit, from the focus to the source
    distances_mm: NDArray[np.float64]  # (b,)
    shares: NDArray[np.float64]  # (b,)


class BeamShape(NamedTuple):
    """One beam: its radius and erf edge (sigma) where it crosses the focus, and the water it goes through."""

    radius_mm: float
    edge_mm: float
    attenuation_per_mm: float
    sphere_mm: float  # radius of the water sphere around the focus


class ShotTables(NamedTuple):
    """Doses over that at the focus (t, azimuth, rho, z), on a lattice that widens outwards; one azimuth: a full turn is the same."""

    values: NDArray[np.float32]
    step_mm: float


def ring_beams(latitudes_deg: Array, distances_mm: Array, shares: Array, azimuths_rad: Array) -> Beams:
    """Beams of rings (r,) around the z axis, each with sources at the same azimuths (a,); a ring shares its part evenly."""
    latitude, azimuth = np.meshgrid(np.radians(latitudes_deg), azimuths_rad, indexing="ij")
    directions = np.stack([np.cos(latitude) * np.cos(azimuth), np.cos(latitude) * np.sin(azimuth), np.sin(latitude)], axis=-1)
    each = np.repeat(np.asarray(shares, dtype=np.float64) / (np.sum(shares) * len(azimuths_rad)), len(azimuths_rad))
    return Beams(directions.reshape(-1, 3), np.repeat(np.asarray(distances_mm, dtype=np.float64), len(azimuths_rad)), each)


def beam_doses(points_mm: Array, beams: Beams, shape: BeamShape) -> NDArray[np.float64]:
    """Dose over that at the focus, at points (..., 3) around it: the sum over the beams, exactly.

    Each beam is its collimator's image with an erf edge, times the inverse square of the distance to its source, times
    exponential attenuation from the sphere's surface to the point; beyond the sphere the water goes on.
    """
    from afterglow.kernels.shot_loop import sum_beams

    if shape.radius_mm <= 0 or shape.edge_mm <= 0 or shape.sphere_mm <= 0:
        raise ValueError(
            f"a beam of radius {shape.radius_mm} mm with an edge of {shape.edge_mm} mm in {shape.sphere_mm} mm of water is none"
        )
    points = np.ascontiguousarray(points_mm, dtype=np.float64).reshape(-1, 3)
    out = np.zeros(len(points))
    sum_beams(points, *beams, shape.radius_mm, shape.edge_mm, shape.attenuation_per_mm, shape.sphere_mm, out)
    return out.reshape(np.shape(points_mm)[:-1])


def turned_table(latitudes_deg: Array, distances_mm: Array, shares: Array, shape: BeamShape) -> NDArray[np.float32]:
    """Table (1, rho, z) of full rings whose sources are spread evenly over the turn."""
    azimuths = (np.arange(RING_BEAMS // 2) + 0.5) * 2 * np.pi / RING_BEAMS  # the other half is its mirror image
    beams = ring_beams(latitudes_deg, distances_mm, shares, azimuths)
    return beam_doses(_lattice(STEP_MM, np.zeros(1)), beams, shape).astype(np.float32)


def sector_table(
    latitudes_deg: Array, distances_mm: Array, shares: Array, shape: BeamShape, *, sectors: int
) -> NDArray[np.float32]:
    """Table (azimuth, rho, z) of one of some equal sectors, against the angle from its middle; 1 at the focus."""
    half = np.pi / sectors
    count = max(RING_BEAMS // sectors, 8)
    azimuths = ((np.arange(count) + 0.5) / count * 2 - 1) * half
    beams = ring_beams(latitudes_deg, distances_mm, shares, azimuths)
    return beam_doses(_lattice(SECTOR_STEP_MM, np.linspace(0, np.pi, SECTIONS)), beams, shape).astype(np.float32)


def _lattice(step_mm: float, azimuths_rad: Array) -> NDArray[np.float64]:
    """Points (azimuth, rho, z, 3) of a table."""
    count = int(np.ceil(STRETCH_MM * np.arcsinh(REACH_MM / STRETCH_MM) / step_mm))
    half = STRETCH_MM * np.sinh(np.arange(count + 1) * step_mm / STRETCH_MM)
    both = np.concatenate([-half[:0:-1], half])
    azimuth, rho, z = np.meshgrid(azimuths_rad, half, both, indexing="ij")
    return np.stack([rho * np.cos(azimuth), rho * np.sin(azimuth), z], axis=-1)


def shot_doses(
    points_mm: Array, positions_mm: Array, tables: ShotTables, which: NDArray[np.int64], azimuths_rad: Array, weights: Array
) -> NDArray[np.float32]:
    """Dose (n, m) of each shot at each point (n, 3): its weight (m,) times the reading of its table, `which` (m,)."""
    return _read(points_mm, positions_mm, tables, which, azimuths_rad, weights, summed=False)


def summed_doses(
    points_mm: Array, positions_mm: Array, tables: ShotTables, which: NDArray[np.int64], azimuths_rad: Array, weights: Array
) -> NDArray[np.float32]:
    """Dose (n,) of all shots together at each point (n, 3)."""
    return _read(points_mm, positions_mm, tables, which, azimuths_rad, weights, summed=True)[:, 0]


def _read(
    points_mm: Array,
    positions_mm: Array,
    tables: ShotTables,
    which: NDArray[np.int64],
    azimuths_rad: Array,
    weights: Array,
    *,
    summed: bool,
) -> NDArray[np.float32]:
    from afterglow.kernels.shot_loop import read_table

    points, positions = (np.ascontiguousarray(a, dtype=np.float64).reshape(-1, 3) for a in (points_mm, positions_mm))
    out = np.zeros((len(points), 1 if summed else len(positions)), dtype=np.float32)
    kinds = np.asarray(which, dtype=np.int64)
    turns, sizes = (np.asarray(a, dtype=np.float64) for a in (azimuths_rad, weights))
    read_table(points, positions, sizes, kinds, turns, tables.values, STRETCH_MM, tables.step_mm, summed, out)
    return out


def depth_factors(
    positions_mm: Array, beams: Beams, *, attenuation_per_mm: float, sphere_mm: float, head_radius_mm: float
) -> NDArray[np.float64]:
    """Dose rate at foci (n, 3) inside a round head around 0, over that in the middle of the water sphere."""
    at = np.asarray(positions_mm, dtype=np.float64)
    along = at @ beams.directions.T
    chord = np.maximum(head_radius_mm**2 - (at**2).sum(axis=1)[:, None] + along**2, 0)
    depth = np.maximum(np.sqrt(chord) - along, 0)
    factor: NDArray[np.float64] = np.exp(-attenuation_per_mm * (depth - sphere_mm)) @ beams.shares
    return factor
