"""How far zones and doses hold when the scan is repeated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.records.locking import locked
from afterglow.records.zones import Zone


@dataclass(frozen=True)
class ZoneAgreement:
    """Dice of one zone between two zone maps; None where neither has a voxel of it: there is nothing to agree on."""

    zone: Zone
    dice: float | None
    first_ml: float
    second_ml: float


@dataclass(frozen=True)
class DoseChange:
    """What would change if the other map had been prescribed: over the voxels of the tumour that both have."""

    mean_gy: float  # of the change
    mean_absolute_gy: float
    p95_absolute_gy: float
    changed_share: float  # of voxels by more than .5 Gy
    n_voxels: int


@dataclass(frozen=True, eq=False)
class Stability:
    """Over maps drawn again from their own errors: Dice of each zone with the zones that were found, and the expected change of dose."""

    n_draws: int
    seed: int
    drawn: tuple[str, ...]  # quantities that have an error to be drawn from
    fixed: tuple[str, ...]  # those that have none and were left as they are
    dice: tuple[tuple[Zone, float | None, float | None, float | None], ...]  # zone, median, 5th and 95th percentile
    change: DoseChange  # mean over the draws
    certain: NDArray[np.float32]  # (i, j, k) share of draws in which the voxel kept its zone; NaN outside the tumour

    def __post_init__(self) -> None:
        object.__setattr__(self, "certain", locked(self.certain))


@dataclass(frozen=True)
class Retest:
    """Zones and doses of a second scan of the same tumour against those of the first, on one planning grid."""

    session: str
    zones: tuple[ZoneAgreement, ...]
    change: DoseChange
