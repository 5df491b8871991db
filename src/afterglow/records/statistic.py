"""What the statistics of a cohort come to: numbers with their intervals, tests with their rules, and curves to draw.

Every result says by which rule it was made, on how many, and what a reader should know: there are several Wilcoxon tests,
several Levene tests, several intervals of a proportion, and papers seldom say which.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.records.locking import locked

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Estimated:
    """A number with its interval; None where there is none, which `note` then explains."""

    name: str  # "sensitivity"
    value: float | None
    low: float | None = None
    high: float | None = None
    rule: str = ""  # of the interval: "Clopper-Pearson", "DeLong", "bootstrap of patients, BCa, 2000 draws, seed 1"
    n: int = 0
    unit: str = "1"
    level: float = 0.95
    note: str = ""
    achieved: float | None = None  # the level that an exact interval truly has, where ranks allow only some levels

    def __post_init__(self) -> None:
        if (self.low is None) != (self.high is None):
            raise ValueError(f"{self.name}: an interval has two ends")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"{self.name}: the interval runs from {self.low:g} down to {self.high:g}")
        if self.low is not None and not self.rule:
            raise ValueError(f"{self.name}: an interval says by which rule")
        if not 0 < self.level < 1:
            raise ValueError(f"{self.name}: a level of {self.level:g} does not lie between 0 and 1")


@dataclass(frozen=True)
class Tested:
    """A test of a hypothesis, with the exact rule that made its P value.

    `p` None: the test could not be made, which `note` then explains.
    """

    name: str  # "Wilcoxon signed rank"
    rule: str  # "asymptotic, zeros dropped, ties corrected, no continuity correction"
    n: tuple[int, ...]  # of each group, or the one n of pairs
    statistic_name: str  # "W", "z", "F(2, 37)"
    statistic: float | None
    p: float | None
    effects: tuple[Estimated, ...] = ()  # "Hodges-Lehmann difference" …
    about: str = ""  # what was compared: "change of vp, failure against success"
    note: str = ""
    p_adjusted: float | None = None  # for several tests of one family
    adjusted_by: str = ""

    def __post_init__(self) -> None:
        if not self.rule:
            raise ValueError(f"{self.name}: a test says by which rule")
        for p in (self.p, self.p_adjusted):
            if p is not None and not (0 <= p <= 1):
                raise ValueError(f"{self.name}: P is {p:g}")
        if self.p is None and not self.note:
            raise ValueError(f"{self.name}: a test that was not made says why")
        if self.p is not None and self.statistic is not None and math.isnan(self.statistic):
            raise ValueError(f"{self.name}: a P value without a statistic")


@dataclass(frozen=True, eq=False)
class RocCurve:
    """Operating points of one marker from (0, 0) to (1, 1), with a band of sensitivity where one was made."""

    name: str
    false_positive_rate: Values  # (k,) ascending
    sensitivity: Values  # (k,)
    thresholds: Values  # (k,) in the marker's unit, the first is infinite
    auc: Estimated
    n_positive: int
    n_negative: int
    sensitivity_low: Values | None = None  # (k,)
    sensitivity_high: Values | None = None
    band_rule: str = ""
    marked: tuple[tuple[str, float, float], ...] = ()  # name, false positive rate, sensitivity: a cutoff, a reading

    def __post_init__(self) -> None:
        _lock(self, "false_positive_rate", "sensitivity", "thresholds", "sensitivity_low", "sensitivity_high")


@dataclass(frozen=True, eq=False)
class Groups:
    """One number in several groups, for box plots and tests; NaN is not measured and counted so."""

    name: str  # "change of normalised vp"
    unit: str
    labels: tuple[str, ...]
    values: tuple[Values, ...]
    line: float | None = None  # a threshold to draw
    line_words: str = ""

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.values):
            raise ValueError(f"{self.name}: {len(self.labels)} labels for {len(self.values)} groups")
        object.__setattr__(self, "values", tuple(locked(v) for v in self.values))


@dataclass(frozen=True, eq=False)
class StepCurve:
    """A function of time that jumps: survival, or the cumulative incidence of one event; with its band and numbers at risk."""

    name: str
    times_days: Values  # (k,) ascending, the first is 0
    values: Values  # (k,)
    low: Values
    high: Values
    rule: str  # of the estimate and the band
    at_risk: tuple[tuple[float, int], ...]  # day, number
    censored_days: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        _lock(self, "times_days", "values", "low", "high")


@dataclass(frozen=True, eq=False)
class PlainCurve:
    """A curve with a band: calibration, precision over recall, net benefit, FROC, signal over time."""

    name: str
    x: Values
    y: Values
    x_name: str  # with its unit
    y_name: str
    low: Values | None = None
    high: Values | None = None
    n: int = 0
    rule: str = ""

    def __post_init__(self) -> None:
        _lock(self, "x", "y", "low", "high")


@dataclass(frozen=True)
class FlowStep:
    """One box of the flow of patients: how many remain, and who left before it and why."""

    words: str
    patients: int
    exams: int | None = None
    left: tuple[tuple[str, int], ...] = ()  # reason, number of patients
    split: tuple[tuple[str, int], ...] = ()  # into what those of this box fall: "recurrence", 30


def _lock(record: object, *names: str) -> None:
    for name in names:
        array = getattr(record, name)
        if array is not None:
            object.__setattr__(record, name, locked(array))
