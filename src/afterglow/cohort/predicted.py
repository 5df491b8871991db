"""Predicted patients of a cohort: what models made of each, what they had seen of them, and whether the tumour came back."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from afterglow.cohort.part import Part, Sides
from afterglow.records.case import Case
from afterglow.records.group import LinePlot
from afterglow.records.mark import DetectionMark
from afterglow.records.recurrence import Shown
from afterglow.records.statistic import Values

SHOWN_WORDS: Mapping[Shown, str] = {
    "test": "test",
    "out of fold": "out of fold",
    "training": "seen in training",
    "new": "new patients",
}


@dataclass(frozen=True)
class PredictedPatient:
    """One patient: `values` by model and measure; a number that is absent was not measured."""

    participant_id: str
    session_id: str
    shown: Shown
    recurs: bool
    values: Mapping[tuple[str, str], float]
    recurrences: int | None = None  # None: no map was searched for marks

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", MappingProxyType({key: float(value) for key, value in self.values.items()}))

    def value(self, model: str, measure: str) -> float:
        """NaN where it was not measured."""
        return self.values.get((model, measure), math.nan)


@dataclass(frozen=True)
class PredictedCohort:
    """Patients whose outcome is known, and the marks of their maps; `unknown`: predicted patients of whom it is not."""

    patients: tuple[PredictedPatient, ...]
    marks: tuple[DetectionMark, ...] = ()
    units: Mapping[tuple[str, str], str] = field(default_factory=dict)  # by model and measure
    unknown: tuple[str, ...] = ()
    without: tuple[str, ...] = ()  # rules beside the models that were asked for and that nobody has

    def of(self, shown: Shown) -> tuple[PredictedPatient, ...]:
        """The patients of one set, by name: what is drawn by chance does not know the order of a table."""
        return tuple(sorted((one for one in self.patients if one.shown == shown), key=lambda one: one.participant_id))

    def unit(self, model: str, measure: str) -> str:
        return self.units.get((model, measure), "1")


@dataclass(frozen=True)
class PredictionsAsked:
    """What is asked of predictions. The rule calls recurrence where `measure` reaches `threshold`; the first model is held against the others."""

    models: tuple[str, ...]
    shown: tuple[Shown, ...]
    measure: str
    threshold: float
    scores: tuple[str, ...]
    places: tuple[str, ...]  # measures of patients who recurred, compared in pairs
    hits: tuple[str, ...]  # of those, yes or no
    beside: tuple[str, ...] = ()  # scores that nothing was learned for
    probability: str = ""  # the measure that is taken as a probability
    thresholds: tuple[float, ...] = ()  # of the decision curve
    false_marks: tuple[float, ...] = ()

    @property
    def rule(self) -> str:
        """max at least 0.5"""
        return f"{self.measure} at least {self.threshold:g}"


def said_of(model: str, shown: Shown) -> str:
    """A model in one set: "combined (test)"."""
    return f"{model} ({SHOWN_WORDS[shown]})"


def titled(part: Part, words: str) -> Part:
    """The part with words over its lines, which say of which set they are."""
    pictures = tuple(
        replace(one, panels=tuple((words, curves) for _, curves in one.panels)) if isinstance(one, LinePlot) else one
        for one in part.pictures
    )
    return replace(part, pictures=pictures)


def numbers(patients: Sequence[PredictedPatient], model: str, measure: str) -> Values:
    """One number of each patient, NaN where it was not measured."""
    return np.array([one.value(model, measure) for one in patients], dtype=np.float64)


def sides_of(patients: Sequence[PredictedPatient], asked: PredictionsAsked, labels: tuple[str, str], shown: Shown) -> Sides:
    """The patients as cases: what the rule calls by each model, and the number that is taken as a probability."""
    return Sides(tuple(_case(one, asked, labels, shown) for one in patients), *labels)


def _case(one: PredictedPatient, asked: PredictionsAsked, labels: tuple[str, str], shown: Shown) -> Case:
    calls: dict[str, bool | None] = {}
    values: dict[str, float] = {}
    for model in asked.models:
        found, probability = one.value(model, asked.measure), one.value(model, asked.probability)
        calls[said_of(model, shown)] = None if np.isnan(found) else bool(found >= asked.threshold)
        if not np.isnan(probability):
            values[said_of(model, shown)] = probability
    label = labels[0] if one.recurs else labels[1]
    return Case(
        one.participant_id, one.session_id, "", 0.0, one.recurs, label, "predictions.tsv", calls=calls, values=values
    )  # fmt: skip


def lesion_sides(patients: Sequence[PredictedPatient], labels: tuple[str, str]) -> Sides:
    """A case for each recurrence, and one for each patient without any; for marks."""

    def case(one: PredictedPatient, lesion: str) -> Case:
        label = labels[0] if lesion else labels[1]
        return Case(one.participant_id, one.session_id, lesion, 0.0, bool(lesion), label, "predictions.tsv")

    lesions = {one.participant_id: [f"{k + 1}" for k in range(one.recurrences or 0)] for one in patients}
    cases = [case(one, lesion) for one in patients for lesion in lesions[one.participant_id] or [""]]
    return Sides(tuple(cases), *labels)
