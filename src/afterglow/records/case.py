"""A case of a cohort: one lesion at one visit whose outcome is known, with what every rule called and every marker came to."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from afterglow.records.measurement import split_statistic
from afterglow.records.quantity import QUANTITIES

MarkerTime = Literal["visit", "before", "change"]


@dataclass(frozen=True)
class Marker:
    """A number of each case that is held against its outcome: which, when, and on which side it speaks for a positive one.

    `at`: "visit" is the visit that the outcome is about, "before" the one it is compared with, "change" the percent change between.
    """

    name: str
    quantity: str
    statistic: str
    normalised: bool
    at: MarkerTime
    unit: str
    higher_is_positive: bool
    log: bool = False  # drawn and compared on a log scale

    def __post_init__(self) -> None:
        if self.quantity not in QUANTITIES:
            raise ValueError(f"marker {self.name}: unknown quantity {self.quantity!r}")
        split_statistic(self.statistic)
        if self.log and self.at == "change":
            raise ValueError(f"marker {self.name}: a change can be negative and has no logarithm")


@dataclass(frozen=True)
class Case:
    """One lesion at one visit. A call of None is one that could not be made; a value that is absent was not measured."""

    participant_id: str
    session_id: str
    lesion_id: str
    day: float
    positive: bool
    label: str
    basis: str
    before_session: str = ""  # the visit it is compared with
    calls: Mapping[str, bool | None] = field(default_factory=dict)  # by rule: whether it speaks for a positive outcome
    values: Mapping[str, float] = field(default_factory=dict)  # by marker
    reference: Mapping[str, float] = field(default_factory=dict)  # the same number in the reference tissue, by marker

    def __post_init__(self) -> None:
        for name in ("calls", "values", "reference"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        for name, value in self.values.items():
            if not math.isfinite(value):
                raise ValueError(f"sub-{self.participant_id}: {name} is {value}; leave out what was not measured")

    def value(self, marker: str) -> float:
        """NaN where it was not measured."""
        return self.values.get(marker, math.nan)
