"""The tables of a method file that say what to measure and how it is judged."""

from typing import Literal

from pydantic import Field, model_validator

from afterglow.flows.method_steps import Strict
from afterglow.records.measurement import STATISTICS
from afterglow.records.quantity import QUANTITIES
from afterglow.records.response import Change, Rule


class MeasureSpec(Strict):
    """One quantity in the lesion, by these statistics, plain and, where asked for, over the reference."""

    quantity: str
    statistics: tuple[str, ...] = Field(min_length=1)
    normalised: bool

    @model_validator(mode="after")
    def _names_are_known(self) -> "MeasureSpec":
        if self.quantity not in QUANTITIES:
            raise ValueError(f"unknown quantity {self.quantity!r}")
        for statistic in self.statistics:
            if statistic not in STATISTICS or statistic == "value":
                raise ValueError(f"unknown statistic {statistic!r}; known: {', '.join(s for s in STATISTICS if s != 'value')}")
        return self


class RuleSpec(Strict):
    """One row: see records.response.Rule."""

    name: str
    kind: Literal["change", "ratio state"]
    quantities: tuple[str, ...] = Field(min_length=1)
    statistic: str
    normalised: bool
    change: Change
    threshold: float
    combine: Literal["only", "either", "both"]
    unit: str
    source: str
    caution: str = ""

    def record(self) -> Rule:
        return Rule(**self.model_dump())
