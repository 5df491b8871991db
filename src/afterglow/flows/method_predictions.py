"""The analysis of a method file that asks about predictions of recurrence, which `afterglow predict` made. See docs/cohorts."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from afterglow.cohort.predicted import PredictionsAsked
from afterglow.flows.method_painted import AnalysisSpec
from afterglow.records.recurrence import Shown


class Predictions(AnalysisSpec):
    """Models against what came: calls of a rule, ranks of scores, places, targets; the first model with each other one."""

    do: Literal["predictions"]
    models: tuple[str, ...] = Field(min_length=1)
    beside: tuple[str, ...] = ()
    shown: tuple[Shown, ...] = Field(min_length=1)
    rule: str
    threshold: float
    scores: tuple[str, ...] = Field(min_length=1)
    places: tuple[str, ...] = ()
    hits: tuple[str, ...] = ()
    probability: str = ""
    thresholds: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    false_marks: tuple[Annotated[float, Field(ge=0)], ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> "Predictions":
        lists = {
            "models and beside": (*self.models, *self.beside), "shown": self.shown, "scores": self.scores,
            "places": self.places, "hits": self.hits,
        }  # fmt: skip
        for what, names in lists.items():
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"analysis {self.name!r}: {what} name {twice[0]!r} twice")
        if any(b <= a for a, b in pairwise(self.thresholds)):
            raise ValueError(f"analysis {self.name!r}: thresholds of the decision curve rise")
        if self.thresholds and (not self.probability or len(self.thresholds) < 2):
            raise ValueError(f"analysis {self.name!r}: a decision curve needs a probability and two thresholds or more")
        return self

    def asked(self) -> PredictionsAsked:
        """What the analysis reads of it."""
        return PredictionsAsked(
            self.models, self.shown, self.rule, self.threshold, self.scores, self.places, self.hits, self.beside,
            self.probability, self.thresholds, self.false_marks,
        )  # fmt: skip
