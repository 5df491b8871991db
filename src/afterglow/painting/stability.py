"""How far zones and doses hold when the scan is repeated: two scans of one tumour, or maps drawn again from their own errors."""

from collections.abc import Sequence

import numpy as np

from afterglow.records.errors import GridMismatch
from afterglow.records.stability import DoseChange, Stability, ZoneAgreement
from afterglow.records.zones import Prescription, Zone, ZoneMap

_ZONES = (Zone.PASSIVE, Zone.PENUMBRA, Zone.AGGRESSIVE, Zone.NOT_ASSESSED)


def zone_agreement(first: ZoneMap, second: ZoneMap) -> tuple[ZoneAgreement, ...]:
    """Each zone of one map against that of the other. GridMismatch where they do not lie on one grid."""
    if not first.grid.same_as(second.grid):
        raise GridMismatch(f"zones lie on {first.grid} and on {second.grid}; lay one on the other before they are compared")
    return tuple(_dice(zone, first, second) for zone in _ZONES)


def _dice(zone: Zone, first: ZoneMap, second: ZoneMap) -> ZoneAgreement:
    a, b = first.labels == zone, second.labels == zone
    both, sizes = int(np.count_nonzero(a & b)), int(np.count_nonzero(a) + np.count_nonzero(b))
    return ZoneAgreement(zone, 2 * both / sizes if sizes else None, first.volume_ml(zone), second.volume_ml(zone))


def dose_change(first: Prescription, second: Prescription) -> DoseChange:
    """Second less first. GridMismatch where they do not lie on one grid; ValueError where no voxel is prescribed in both."""
    if not first.grid.same_as(second.grid):
        raise GridMismatch(
            f"prescriptions lie on {first.grid} and on {second.grid}; lay one on the other before they are compared"
        )
    both = (first.dose_gy > 0) & (second.dose_gy > 0)
    if not both.any():
        raise ValueError("no voxel is prescribed a dose in both")
    change = second.dose_gy[both].astype(np.float64) - first.dose_gy[both]
    size = np.abs(change)
    return DoseChange(
        float(change.mean()), float(size.mean()), float(np.quantile(size, 0.95)), float(np.mean(size > 0.5)), int(both.sum())
    )


def stability_of(
    found: tuple[ZoneMap, Prescription],
    draws: Sequence[tuple[ZoneMap, Prescription]],
    *,
    seed: int,
    drawn: tuple[str, ...],
    fixed: tuple[str, ...],
) -> Stability:
    """Zones and prescriptions of every draw against those that were found. ValueError without draws."""
    if not draws:
        raise ValueError("stability needs at least one draw")
    zones, prescription = found
    agreements = [zone_agreement(zones, one) for one, _ in draws]
    changes = [dose_change(prescription, one) for _, one in draws]
    kept = np.mean([one.labels == zones.labels for one, _ in draws], axis=0)
    certain = np.where(zones.tumour, kept, np.nan).astype(np.float32)
    dice = tuple(_spread(zone, [one.dice for row in agreements for one in row if one.zone == zone]) for zone in _ZONES)
    mean = DoseChange(
        float(np.mean([one.mean_gy for one in changes])),
        float(np.mean([one.mean_absolute_gy for one in changes])),
        float(np.mean([one.p95_absolute_gy for one in changes])),
        float(np.mean([one.changed_share for one in changes])),
        changes[0].n_voxels,
    )
    return Stability(len(draws), seed, drawn, fixed, dice, mean, certain)


def _spread(zone: Zone, values: Sequence[float | None]) -> tuple[Zone, float | None, float | None, float | None]:
    known = [value for value in values if value is not None]
    if not known:
        return zone, None, None, None
    low, middle, high = (float(q) for q in np.quantile(known, [0.05, 0.5, 0.95]))
    return zone, middle, low, high
