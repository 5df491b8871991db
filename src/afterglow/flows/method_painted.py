"""Analyses of a method file that ask about plans and zones of painted tumours, not about outcomes. See docs/cohorts."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from afterglow.cohort.part import file_name
from afterglow.flows.method_steps import Strict
from afterglow.records.lesion import ZoneKind
from afterglow.records.measurement import split_statistic
from afterglow.records.quantity import QUANTITIES


class AnalysisSpec(Strict):
    """What every analysis says of itself."""

    name: str
    source: str


class PlanFigureSpec(Strict):
    """One figure of a plan: `structure` and `figure` as in dosimetry.tsv, `name` as reports say it."""

    name: str
    structure: str
    figure: str


class Plans(AnalysisSpec):
    """Figures of two plans of the same patients, compared in pairs (Wilcoxon); beside it as if they were none (Mann-Whitney)."""

    do: Literal["plans"]
    plans: tuple[str, str]
    figures: tuple[PlanFigureSpec, ...] = Field(min_length=1)
    columns: tuple[str, ...] = ()
    printed_as: tuple[str, str] | None = None

    @model_validator(mode="after")
    def _are_different(self) -> "Plans":
        _once(self.name, "figures", [_plain(one.name) for one in self.figures])
        _once(self.name, "plans", [_plain(one) for one in self.plans])
        _once(self.name, "figures", [f"{one.structure} {one.figure}" for one in self.figures])
        return self


class ZoneMeasureSpec(Strict):
    """One number of each zone: `quantity` and `statistic` as in measurements.tsv, `name` as reports say it; `log`: how it is drawn."""

    name: str
    quantity: str
    statistic: str
    log: bool = False

    @model_validator(mode="after")
    def _is_known(self) -> "ZoneMeasureSpec":
        _known(self.name, self.quantity, self.statistic)
        return self


class Zones(AnalysisSpec):
    """Numbers in zones at the painted visit and at one follow-up visit; the first in the first zone is the primary endpoint."""

    do: Literal["zones"]
    zones: tuple[ZoneKind, ...] = Field(min_length=1)
    measures: tuple[ZoneMeasureSpec, ...] = Field(min_length=1)
    follow_up_days: float = Field(gt=0)
    window_days: tuple[float, float]
    missing_unchanged: bool
    printed_as: str = ""

    @model_validator(mode="after")
    def _fits(self) -> "Zones":
        first, last = self.window_days
        if not 0 <= first <= self.follow_up_days <= last:
            raise ValueError(
                f"analysis {self.name!r}: window_days run from {first:g} to {last:g} and must hold follow_up_days, {self.follow_up_days:g}"
            )
        _once(self.name, "zones", self.zones)
        _once(self.name, "measures", [_plain(one.name) for one in self.measures])
        _once(self.name, "measures", [f"{one.quantity} {one.statistic}" for one in self.measures])
        return self


class BaselineSpec(Strict):
    """A number at the painted visit: of the lesion, or of a zone that the analysis of zones reads too."""

    name: str
    quantity: str
    statistic: str
    region: Literal["lesion"] | ZoneKind
    normalised: bool = False

    @model_validator(mode="after")
    def _is_known(self) -> "BaselineSpec":
        _known(self.name, self.quantity, self.statistic)
        if self.normalised and self.region != "lesion":
            raise ValueError(f"baseline {self.name!r}: numbers of zones have no ratio to the reference")
        return self


class BaselineChange(AnalysisSpec):
    """Numbers at the painted visit against the primary change of an analysis of zones: correlations and adjusted linear models."""

    do: Literal["baseline and change"]
    zones_of: str  # name of the analysis
    baselines: tuple[BaselineSpec, ...] = Field(min_length=1)
    bands: tuple[Annotated[float, Field(gt=0, lt=1)], Annotated[float, Field(gt=0, lt=1)]]
    columns: tuple[str, ...] = ()
    printed_as: str = ""

    @model_validator(mode="after")
    def _fits(self) -> "BaselineChange":
        if self.bands[0] >= self.bands[1]:
            raise ValueError(
                f"analysis {self.name!r}: bands rise, from moderate to strong; found {self.bands[0]:g} and {self.bands[1]:g}"
            )
        _once(self.name, "baselines", [one.name for one in self.baselines])
        return self


def _known(name: str, quantity: str, statistic: str) -> None:
    if quantity not in QUANTITIES:
        raise ValueError(f"{name!r}: unknown quantity {quantity!r}")
    split_statistic(statistic)


def _once(analysis: str, what: str, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"analysis {analysis!r}: {what} name {twice[0]!r} twice")


def _plain(name: str) -> str:
    """The name as it heads a column of a table. ValueError where no letter of it can stand there."""
    made = file_name(name)
    if not made:
        raise ValueError(f"{name!r} has no plain letter or digit that a column could be called by")
    return made
