"""A tumour with zones, two doses over it and a head around: what dosimetry and its pictures are tried on. Seeded, no files."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.partial import share_of_shape
from afterglow.painting.dosimetry import structure_of
from afterglow.records.dose import DoseGrid, DosePlan, Structure
from afterglow.records.grid import Grid
from afterglow.records.maps import Provenance
from afterglow.records.zones import Prescription, Reason, Zone, ZoneMap

Volume = NDArray[np.float32]
MADE = Provenance("phantom", "0", {}, (), "A phantom.")
TUMOUR_MM = (14.7, 13.0, 14.0)  # half axes: 11.2 mL
CENTRE_MM = np.array([22.0, -14.0, 12.0])
GREATEST_GY = 32.0


@dataclass(frozen=True, eq=False)
class Painted:
    grid: Grid
    backdrop: Volume
    brain: NDArray[np.bool_]
    zones: ZoneMap
    prescription: Prescription
    uniform: DosePlan
    painted: DosePlan

    @property
    def tumour(self) -> Structure:
        return structure_of("tumour", self.zones.tumour, self.grid, kind="target")


def places_of(grid: Grid) -> NDArray[np.float64]:
    return grid.to_mm(np.moveaxis(np.indices(grid.shape), 0, -1).astype(float))


def plan_of(name: str, dose_gy: NDArray[np.floating], grid: Grid, prescribed: str) -> DosePlan:
    dose = DoseGrid(dose_gy.astype(np.float32), grid, "research kernel", "a phantom")
    return DosePlan(name, dose, (), 0.5, prescribed, MADE)


def _radius(places: NDArray[np.float64], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 on the surface of the tumour."""
    return np.sqrt((((places - centre) / np.array(TUMOUR_MM)) ** 2).sum(axis=-1))


def _fall(edge_gy: float, radius: NDArray[np.float64]) -> NDArray[np.float64]:
    """A dose of twice the edge's in the middle, falling steeply beyond it."""
    inner = edge_gy * (2 - np.clip(radius, 0, 1) ** 3)
    outer = edge_gy * np.exp(-1.6 * (radius - 1)) + 0.3
    return np.where(radius <= 1, inner, np.minimum(outer, edge_gy))


def painted_phantom(spacing_mm: float = 2.0, seed: int = 5) -> Painted:
    """Brain of 65 mm around a tumour of 11 mL with an aggressive part at one side; 16 Gy uniform against 15, 16.5 and 18 Gy."""
    n = int(150 / spacing_mm)
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = -spacing_mm * (n - 1) / 2
    grid = Grid((n, n, n), affine)
    places, rng = places_of(grid), np.random.default_rng(seed)
    brain = (places**2).sum(-1) <= 65.0**2
    radius = _radius(places, CENTRE_MM)
    hot = ((places - CENTRE_MM - np.array([5.0, 3.0, 2.0])) ** 2).sum(-1)
    labels = np.full(grid.shape, Zone.OUTSIDE, dtype=np.uint8)
    labels[radius <= 1] = Zone.PASSIVE
    labels[(radius <= 1) & (hot <= 9.5**2)] = Zone.PENUMBRA
    labels[(radius <= 1) & (hot <= 6.0**2)] = Zone.AGGRESSIVE
    labels[(radius <= 1) & (places[..., 2] < CENTRE_MM[2] - 9)] = Zone.NOT_ASSESSED
    wanted = np.select([labels == Zone.AGGRESSIVE, labels == Zone.PENUMBRA, labels > 0], [18.0, 16.5, 15.0], 0.0)
    reasons = np.where(labels > 0, Reason.FEW_CRITERIA, Reason.OUTSIDE).astype(np.uint8)
    image = np.where(brain, 400 + 30 * rng.normal(size=grid.shape), 10 * np.abs(rng.normal(size=grid.shape)))
    image = np.where((places[..., :2] ** 2).sum(-1) < 80, 150, image) * (brain | (image < 60))
    image = np.where(radius <= 1, 800 + 40 * rng.normal(size=grid.shape), image)
    extra = 3.0 * np.exp(-hot / (2 * 7.0**2))
    return Painted(
        grid,
        image.astype(np.float32),
        brain,
        ZoneMap(labels, reasons, grid, (), MADE),
        Prescription(wanted.astype(np.float32), reasons, grid, 15.0, 18.0, "by contours: 18, 16.5, 15 Gy", MADE),
        plan_of("uniform", _fall(16.0, radius), grid, "16 Gy to the whole tumour"),
        plan_of("painted", _fall(15.0, radius) + extra, grid, "15, 16.5 and 18 Gy by zone"),
    )


def sphere_share(grid: Grid, radius_mm: float, centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Volume:
    """Share of each voxel in a sphere."""
    centre = np.array(centre_mm)
    return share_of_shape(
        lambda points: ((points - centre) ** 2).sum(axis=-1) <= radius_mm**2, shape=grid.shape, affine=grid.affine, samples=5
    )
