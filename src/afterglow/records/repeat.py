"""People scanned twice: the pairs of numbers, and what they say about repeating a scan."""

import math
from dataclasses import dataclass

from afterglow.records.measurement import split_statistic
from afterglow.records.quantity import QUANTITIES


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"


@dataclass(frozen=True)
class RepeatPair:
    """One lesion measured at two scans between which nothing should have changed."""

    participant_id: str
    lesion_id: str
    quantity: str
    statistic: str
    normalised: bool
    unit: str
    first: float
    second: float

    def __post_init__(self) -> None:
        if self.quantity not in QUANTITIES:
            raise ValueError(f"unknown quantity {self.quantity!r}")
        split_statistic(self.statistic)
        for value in (self.first, self.second):
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"a coefficient of variation needs numbers above zero, not {value:g}")

    @property
    def mean(self) -> float:
        return (self.first + self.second) / 2

    @property
    def difference(self) -> float:
        return self.second - self.first


@dataclass(frozen=True)
class RepeatStudy:
    """Test-retest statistics of one number. wCV by two ways; the one by logarithms is the one that is carried on."""

    quantity: str
    statistic: str
    normalised: bool
    unit: str
    pairs: tuple[RepeatPair, ...]
    wsd: Interval  # within-subject standard deviation, in `unit`
    wcv: Interval  # fraction, from logarithms
    wcv_rms: Interval  # fraction, root mean square of each pair's own
    rc: Interval  # repeatability coefficient 2.77 wSD, in `unit`
    rc_percent: Interval  # 277 wCV
    limits_percent: tuple[float, float]  # largest fall and rise that repeating gives in 95 % of pairs
    bias: Interval  # second less first, in `unit`
    agreement: tuple[Interval, Interval]  # lower and upper Bland-Altman limit, in `unit`
    remarks: tuple[str, ...] = ()

    @property
    def n_pairs(self) -> int:
        return len(self.pairs)
