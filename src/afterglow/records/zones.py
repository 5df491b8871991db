"""Zones of a tumour by its biology, and the dose prescribed to each voxel, with the reason."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid
from afterglow.records.locking import locked
from afterglow.records.maps import Provenance


class Zone(IntEnum):
    """What a voxel of the label map is. Zones cannot overlap: a voxel has one label."""

    OUTSIDE = 0
    PASSIVE = 1
    PENUMBRA = 2
    AGGRESSIVE = 3
    NOT_ASSESSED = 4  # in the tumour, but too little was measured to tell


ZONE_WORDS = {
    Zone.OUTSIDE: "outside the tumour",
    Zone.PASSIVE: "passive",
    Zone.PENUMBRA: "penumbra",
    Zone.AGGRESSIVE: "aggressive",
    Zone.NOT_ASSESSED: "not assessed",
}
TUMOUR = "tumour"  # the name of all zones together
TUMOUR_COLOUR = (0, 158, 115)
# Red, green, blue; told apart by colour-blind eyes too. The same in pictures, label tables and DICOM objects.
ZONE_COLOURS = {
    Zone.PASSIVE: (0, 114, 178),
    Zone.PENUMBRA: (240, 228, 66),
    Zone.AGGRESSIVE: (213, 94, 0),
    Zone.NOT_ASSESSED: (153, 153, 153),
}


class Vote(IntEnum):
    """What one criterion says about one voxel."""

    NO = 0
    YES = 1
    NOT_ASSESSED = 2


class Reason(IntEnum):
    """Why a voxel got its zone."""

    OUTSIDE = 0
    FEW_CRITERIA = 1  # none met
    ONE_CRITERION = 2
    NEXT_TO_AGGRESSIVE = 3
    ENOUGH_CRITERIA = 4
    TOO_SMALL_TO_DELIVER = 5  # enough criteria, but its island is smaller than a shot can paint
    TOO_LITTLE_MEASURED = 6  # what is missing could change the zone


REASON_WORDS = {
    Reason.OUTSIDE: "outside the tumour",
    Reason.FEW_CRITERIA: "no criterion met",
    Reason.ONE_CRITERION: "one criterion met",
    Reason.NEXT_TO_AGGRESSIVE: "next to the aggressive zone",
    Reason.ENOUGH_CRITERIA: "enough criteria met",
    Reason.TOO_SMALL_TO_DELIVER: "enough criteria met, but its island is too small to deliver",
    Reason.TOO_LITTLE_MEASURED: "too little measured: what is missing could change the zone",
}


@dataclass(frozen=True, eq=False)
class CriterionVotes:
    """One criterion over the whole grid, and what it compared with what, in words."""

    name: str
    votes: NDArray[np.uint8]  # (i, j, k) of Vote
    words: str  # "Ktrans / white matter > 1.5"

    def __post_init__(self) -> None:
        object.__setattr__(self, "votes", locked(self.votes))


@dataclass(frozen=True, eq=False)
class ZoneMap:
    """Label and reason of every voxel, with the votes behind them. `islands_ml` are the aggressive islands that were too small."""

    labels: NDArray[np.uint8]  # (i, j, k) of Zone
    reasons: NDArray[np.uint8]  # (i, j, k) of Reason
    grid: Grid
    criteria: tuple[CriterionVotes, ...]
    provenance: Provenance
    islands_ml: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("labels", "reasons"):
            array = getattr(self, name)
            if array.shape != self.grid.shape:
                raise ValueError(f"zones: {name} are {array.shape} but their grid is {self.grid.shape}")
            object.__setattr__(self, name, locked(array))
        for one in self.criteria:
            if one.votes.shape != self.grid.shape:
                raise ValueError(f"zones: votes of {one.name} are {one.votes.shape} but their grid is {self.grid.shape}")

    def mask(self, *zones: Zone) -> NDArray[np.bool_]:
        """Voxels (i, j, k) of any of these zones."""
        return np.isin(self.labels, [int(zone) for zone in zones])

    @property
    def tumour(self) -> NDArray[np.bool_]:
        """Every voxel (i, j, k) that has a zone."""
        inside: NDArray[np.bool_] = self.labels != Zone.OUTSIDE
        return inside

    def volume_ml(self, zone: Zone) -> float:
        return float(np.count_nonzero(self.labels == zone)) * self.grid.voxel_ml


@dataclass(frozen=True, eq=False)
class Prescription:
    """Dose wanted in every voxel, 0 outside the tumour; never below the least nor above the greatest."""

    dose_gy: NDArray[np.float32]  # (i, j, k)
    reasons: NDArray[np.uint8]  # (i, j, k) of Reason
    grid: Grid
    least_gy: float
    greatest_gy: float
    rule: str  # in words: "by contours: 18, 16.5, 15 Gy", "by numbers: …"
    provenance: Provenance

    def __post_init__(self) -> None:
        if self.dose_gy.shape != self.grid.shape or self.reasons.shape != self.grid.shape:
            raise ValueError(f"prescription is {self.dose_gy.shape} but its grid is {self.grid.shape}")
        inside = self.dose_gy[self.dose_gy != 0]
        slack = 1e-5 * self.greatest_gy
        if inside.size and not (self.least_gy - slack <= float(inside.min()) and float(inside.max()) <= self.greatest_gy + slack):
            raise ValueError(
                f"a prescription between {self.least_gy} and {self.greatest_gy} Gy holds {inside.min()} to {inside.max()} Gy"
            )
        for name in ("dose_gy", "reasons"):
            object.__setattr__(self, name, locked(getattr(self, name)))
