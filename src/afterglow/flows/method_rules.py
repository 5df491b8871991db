"""The tables of a method file that say what to measure and how it is judged."""

from typing import Literal

from pydantic import Field, model_validator

from afterglow.flows.method_steps import Strict
from afterglow.lesions.measure import Wanted
from afterglow.records.measurement import split_statistic
from afterglow.records.quantity import QUANTITIES
from afterglow.records.response import SIZE_KINDS, Baseline, Change, Rule, RuleKind
from afterglow.response.size_rules import SIZE_CRITERIA


class MeasureSpec(Strict):
    """One quantity in the lesion and its parts, by these statistics, plain and, where asked for, over the reference."""

    quantity: str
    statistics: tuple[str, ...] = Field(min_length=1)
    normalised: bool
    regions: tuple[Literal["lesion", "enhancing", "necrosis", "cavity", "rim"], ...] = Field(("lesion",), min_length=1)
    rim_mm: float | None = Field(None, gt=0)
    border_sd_mm: float | None = Field(None, ge=0)
    source: str = ""

    @model_validator(mode="after")
    def _names_are_known(self) -> "MeasureSpec":
        if self.quantity not in QUANTITIES:
            raise ValueError(f"unknown quantity {self.quantity!r}")
        for statistic in self.statistics:
            if split_statistic(statistic)[0] == "value":
                raise ValueError("the statistic 'value' is that of a size, which is always measured")
        if ("rim" in self.regions) != (self.rim_mm is not None):
            raise ValueError('a rim needs its thickness: write both regions = ["rim"] and rim_mm, or neither')
        numbers = self.rim_mm is not None or self.border_sd_mm is not None or any("@" in s for s in self.statistics)
        if numbers and not self.source:
            raise ValueError("a radius, threshold, rim_mm or border_sd_mm needs a source")
        return self

    def record(self) -> Wanted:
        return Wanted(**self.model_dump(exclude={"source"}))


_COMPARED = ("quantities", "statistic", "normalised", "threshold")
_SIZED = ("quantities", "statistic")
_NEEDED: dict[RuleKind, tuple[str, ...]] = {
    "change": (*_COMPARED, "change", "unit"),
    "level": (*_COMPARED, "unit"),
    "ratio state": (*_COMPARED, "combine"),
    "reading": ("reading", "above_calls", "below_calls"),
    "rano2": _SIZED,
    "rano-bm": _SIZED,
    "spino": (*_SIZED, "threshold"),
}
_WORDS, _WINDOWS = ("above", "below"), ("before_within_days", "after_beyond_days")
_ALLOWED: dict[RuleKind, tuple[str, ...]] = {
    "change": (*_WORDS, *_WINDOWS, "combine", "baseline"),
    "level": _WORDS,
    "ratio state": (*_WORDS, *_WINDOWS, "change", "unit"),
    "reading": _WORDS,
    "rano2": (),
    "rano-bm": (),
    "spino": (),
}
_READ_AS = 0.5  # of a reading: progression is 1, the other side 0


class RuleSpec(Strict):
    """One row: see records.response.Rule. Which keys a row takes follows from its `kind`; one that would not be read is refused."""

    name: str
    kind: RuleKind
    quantities: tuple[str, ...] = ()
    statistic: str = "value"
    normalised: bool = False
    change: Change = "none"
    threshold: float | None = None
    combine: Literal["only", "either", "both"] = "only"
    unit: str = "1"
    source: str
    caution: str = ""
    above: str = ""
    below: str = ""
    baseline: Baseline = "before treatment"
    before_within_days: float | None = Field(default=None, gt=0)
    after_beyond_days: float | None = Field(default=None, ge=0)
    reading: str = ""
    above_calls: tuple[str, ...] = ()
    below_calls: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _keys_fit_the_kind(self) -> "RuleSpec":
        given = self.model_fields_set - {"name", "kind", "source", "caution"}
        lacking = [key for key in _NEEDED[self.kind] if key not in given]
        if lacking:
            raise ValueError(f"rule {self.name!r} is of kind {self.kind!r} and needs the key {lacking[0]}")
        unread = sorted(given - {*_NEEDED[self.kind], *_ALLOWED[self.kind]})
        if unread:
            raise ValueError(f"rule {self.name!r} is of kind {self.kind!r}, which does not read the key {unread[0]}")
        if self.kind == "change" and self.change == "none":
            raise ValueError(f"rule {self.name!r} compares two visits: change is percent or difference")
        if self.kind in ("change", "level", *SIZE_KINDS) and len(self.quantities) != 1:
            raise ValueError(f"rule {self.name!r} is of kind {self.kind!r} and reads one quantity")
        if self.kind in SIZE_KINDS and ((self.kind, self.quantities[0]) not in SIZE_CRITERIA or self.statistic != "value"):
            sizes = " or ".join(quantity for kind, quantity in SIZE_CRITERIA if kind == self.kind)
            raise ValueError(f"rule {self.name!r} of kind {self.kind!r} reads the statistic value of {sizes}")
        return self

    def record(self) -> Rule:
        """The rule, with what its kind settles: criteria of size bring their own threshold, unless the row must give it."""
        fields = self.model_dump()
        if self.kind == "reading":
            fields["threshold"] = _READ_AS
        if self.kind in SIZE_KINDS:
            criteria = SIZE_CRITERIA[self.kind, self.quantities[0]]
            fields |= {"change": "percent", "unit": "%"}
            fields["threshold"] = self.threshold if criteria.grown_percent is None else criteria.grown_percent
        return Rule(**fields)
