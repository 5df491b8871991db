"""A small painted visit: zones, a prescription and two plans on an oblique grid."""

import numpy as np

from afterglow.records.dose import DoseGrid, DosePlan, Shot
from afterglow.records.grid import Grid
from afterglow.records.maps import Provenance
from afterglow.records.zones import CriterionVotes, Prescription, Reason, Vote, Zone, ZoneMap

MADE = Provenance(
    "paint", "0.1.0", {"gy": (18.0, 16.5, 15.0), "border_mm": 2.0}, ("sub-01/x.nii.gz",), "Painted.", ("10.1/x",), seconds=2.0
)
ZONE_GY = {Zone.PASSIVE: 15.0, Zone.NOT_ASSESSED: 15.0, Zone.PENUMBRA: 16.5, Zone.AGGRESSIVE: 18.0}
ZONE_REASONS = {
    Zone.PASSIVE: Reason.FEW_CRITERIA,
    Zone.NOT_ASSESSED: Reason.TOO_LITTLE_MEASURED,
    Zone.PENUMBRA: Reason.NEXT_TO_AGGRESSIVE,
    Zone.AGGRESSIVE: Reason.ENOUGH_CRITERIA,
}


def distances_mm(grid: Grid, centre_mm: np.ndarray) -> np.ndarray:
    """Distance of every voxel from a point."""
    index = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in grid.shape), indexing="ij"), axis=-1)
    return np.linalg.norm(grid.to_mm(index) - centre_mm, axis=-1)


def middle_mm(grid: Grid) -> np.ndarray:
    return grid.to_mm((np.array(grid.shape) - 1) / 2.0)


def zone_map(grid: Grid, radius_mm: float = 9.0) -> ZoneMap:
    """Shells around the middle of the grid, and one voxel that was not assessed."""
    away = distances_mm(grid, middle_mm(grid))
    labels = np.zeros(grid.shape, np.uint8)
    for zone, share in ((Zone.PASSIVE, 1.0), (Zone.PENUMBRA, 0.7), (Zone.AGGRESSIVE, 0.45)):
        labels[away <= share * radius_mm] = zone
    labels[tuple(np.argwhere(labels == Zone.PASSIVE)[0])] = Zone.NOT_ASSESSED
    reasons = np.zeros(grid.shape, np.uint8)
    for zone, reason in ZONE_REASONS.items():
        reasons[labels == zone] = reason
    votes = np.where(labels == Zone.AGGRESSIVE, Vote.YES, Vote.NO).astype(np.uint8)
    criteria = (CriterionVotes("ktrans", votes, "Ktrans / white matter > 1.5"),)
    return ZoneMap(labels, reasons, grid, criteria, MADE, (0.02, 0.01))


def prescription(zones: ZoneMap) -> Prescription:
    dose = np.zeros(zones.grid.shape, np.float32)
    for zone, gy in ZONE_GY.items():
        dose[zones.labels == zone] = gy
    return Prescription(dose, zones.reasons, zones.grid, 15.0, 18.0, "by contours: 18, 16.5, 15 Gy", MADE)


def plan(grid: Grid, name: str = "painted", *, with_gap: bool = True) -> DosePlan:
    """A bell of dose around the middle; one corner that the dose grid does not reach."""
    away = distances_mm(grid, middle_mm(grid))
    dose = (36.0 * np.exp(-((away / 12.0) ** 2))).astype(np.float32)
    if with_gap:
        dose[0, 0, 0] = np.nan
    x, y, z = (float(v) for v in middle_mm(grid))
    shots = (Shot((x, y, z), (8,), 20.0), Shot((x + 0.1, y, z - 3.3), (4, 0, 8, 4, 16, 4, 0, 8), 7.25))
    return DosePlan(name, DoseGrid(dose, grid, "research kernel", "convergent beams"), shots, 0.5, "18 Gy", MADE, ("too near",))
