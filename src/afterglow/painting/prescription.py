"""A dose for every voxel of the tumour: by its zone, or by a number; borders softened inside the tumour, limits always kept."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from afterglow import __version__
from afterglow.records.errors import BadInput, GridMismatch
from afterglow.records.grid import Grid
from afterglow.records.maps import Provenance, Settings
from afterglow.records.zones import Prescription, Zone, ZoneMap


@dataclass(frozen=True)
class ByContours:
    """One dose for each zone."""

    aggressive_gy: float
    penumbra_gy: float
    passive_gy: float
    not_assessed_gy: float

    def __post_init__(self) -> None:
        if not 0 < self.passive_gy <= self.penumbra_gy <= self.aggressive_gy:
            raise ValueError("doses of the zones rise from passive over penumbra to aggressive")
        if not self.passive_gy <= self.not_assessed_gy <= self.aggressive_gy:
            raise ValueError(f"{self.not_assessed_gy} Gy for what was not assessed lies outside the doses of the zones")

    def of_zones(self) -> Mapping[Zone, float]:
        return {
            Zone.PASSIVE: self.passive_gy,
            Zone.PENUMBRA: self.penumbra_gy,
            Zone.AGGRESSIVE: self.aggressive_gy,
            Zone.NOT_ASSESSED: self.not_assessed_gy,
        }


@dataclass(frozen=True)
class ByNumbers:
    """Dose rises in a straight line from the least at `low` to the greatest at `high` of a map, and stays there beyond."""

    quantity: str  # what the map holds, in words: "recurrence probability"
    low: float
    high: float
    least_gy: float
    greatest_gy: float
    not_assessed_gy: float

    def __post_init__(self) -> None:
        if not self.low < self.high or not 0 < self.least_gy <= self.greatest_gy:
            raise ValueError(
                f"painting by {self.quantity}: {self.low} to {self.high} and {self.least_gy} to {self.greatest_gy} Gy do not rise"
            )
        if not self.least_gy <= self.not_assessed_gy <= self.greatest_gy:
            raise ValueError(
                f"{self.not_assessed_gy} Gy for what was not assessed lies outside {self.least_gy} to {self.greatest_gy} Gy"
            )


def by_contours(zones: ZoneMap, doses: ByContours, *, border_mm: float) -> Prescription:
    """A dose by zone, its borders softened by the mean over a ball of that radius inside the tumour."""
    plain = np.zeros(zones.grid.shape, dtype=np.float32)
    for zone, dose_gy in doses.of_zones().items():
        plain[zones.labels == zone] = dose_gy
    rule = (
        f"by contours: {doses.aggressive_gy:g} Gy to aggressive, {doses.penumbra_gy:g} Gy to penumbra, {doses.passive_gy:g} Gy to passive, "
        f"{doses.not_assessed_gy:g} Gy to what was not assessed"
    )
    return _made(plain, zones, (doses.passive_gy, doses.aggressive_gy), border_mm, rule, zones.provenance.sources)


def by_numbers(
    values: NDArray[np.float32], grid: Grid, zones: ZoneMap, doses: ByNumbers, *, border_mm: float, source: str
) -> Prescription:
    """A dose by the value of a map in every voxel of the tumour. NaN is not assessed.

    GridMismatch where the map lies on another grid; BadInput where no voxel of the tumour has a value.
    """
    if values.shape != zones.grid.shape or not grid.same_as(zones.grid):
        raise GridMismatch(f"{source}: it lies on {grid}, the zones on {zones.grid}; lay it on them first")
    known = zones.tumour & np.isfinite(values)
    if not known.any():
        raise BadInput(f"{source}: no voxel of the tumour has a value of {doses.quantity}; check that it covers the tumour")
    share = np.clip((np.where(known, values, doses.low) - doses.low) / (doses.high - doses.low), 0.0, 1.0)
    plain = np.where(known, doses.least_gy + (doses.greatest_gy - doses.least_gy) * share, doses.not_assessed_gy)
    plain = np.where(zones.tumour, plain, 0.0).astype(np.float32)
    rule = (
        f"by numbers: {doses.least_gy:g} to {doses.greatest_gy:g} Gy in a straight line over {doses.quantity} from {doses.low:g} to {doses.high:g}, "
        f"{doses.not_assessed_gy:g} Gy to what was not assessed"
    )
    return _made(plain, zones, (doses.least_gy, doses.greatest_gy), border_mm, rule, (source,))


def softened(dose_gy: NDArray[np.float32], inside: NDArray[np.bool_], grid: Grid, border_mm: float) -> NDArray[np.float32]:
    """Mean (i, j, k) over the voxels of `inside` whose centres lie within `border_mm`; 0 outside.

    A mean never leaves the range of what it is taken over, and a voxel farther than that from any other dose keeps its own.
    """
    if border_mm < 0:
        raise ValueError(f"a border cannot be softened over {border_mm} mm")
    reach = [int(border_mm / step + 1e-9) for step in grid.spacing_mm]
    if not any(reach) or not inside.any():
        return np.where(inside, dose_gy, np.float32(0))
    box = tuple(
        slice(max(0, s.start - n), s.stop + n)
        for s, n in zip(ndimage.find_objects(inside.astype(np.uint8))[0], reach, strict=True)
    )
    here, own = inside[box], np.where(inside, dose_gy, 0)[box].astype(np.float64)
    middle = float(own[here].mean())  # deviations from it are summed, so that a constant stays what it is
    steps = np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij")
    axes = grid.affine[:3, :3]
    away_mm = np.linalg.norm(np.stack(steps, axis=-1) @ axes.T, axis=-1)
    ball = (away_mm <= border_mm * (1 + 1e-9)).astype(np.float64)
    total = ndimage.convolve(np.where(here, own - middle, 0.0), ball, mode="constant")
    count = ndimage.convolve(here.astype(np.float64), ball, mode="constant")
    mean = np.divide(total, count, out=np.zeros_like(total), where=here) + middle
    out = np.zeros(dose_gy.shape, dtype=np.float32)
    out[box] = np.where(here, mean, 0.0)
    return out


def _made(
    plain: NDArray[np.float32],
    zones: ZoneMap,
    limits_gy: tuple[float, float],
    border_mm: float,
    rule: str,
    sources: tuple[str, ...],
) -> Prescription:
    soft = softened(plain, zones.tumour, zones.grid, border_mm)
    kept = np.where(zones.tumour, np.clip(soft, *limits_gy), 0.0).astype(np.float32)
    sentence = f"Dose was prescribed {rule}; borders between doses were softened by the mean over a ball of {border_mm:g} mm radius inside the tumour."
    settings: Settings = {
        "least_gy": limits_gy[0],
        "greatest_gy": limits_gy[1],
        "border_mm": border_mm,
        "kernel": "mean over a ball inside the tumour",
    }
    provenance = Provenance("prescription", __version__, settings, sources, sentence)
    return Prescription(kept, zones.reasons, zones.grid, *limits_gy, rule, provenance)
