"""Several numbers together: what each adds to the odds of a positive outcome where the others are known."""

from collections.abc import Mapping, Sequence

import numpy as np

from afterglow.cohort.models import INTERCEPT, FittedModel, logistic_regression
from afterglow.cohort.part import Part, Sides, file_name, values_of
from afterglow.cohort.repeated import gee
from afterglow.records.case import Marker
from afterglow.records.group import ForestPlot
from afterglow.records.statistic import Values


def analyse_model(name: str, sides: Sides, markers: Sequence[Marker], columns: Mapping[str, Values]) -> Part:
    """Odds ratios of markers and of columns of the participants; by GEE where patients have several cases.

    A marker whose scale is logarithmic counts by doublings; a value of zero or below has no logarithm and is left out.
    """
    predictors: dict[str, Values] = {}
    for marker in markers:
        found = values_of(sides.cases, marker.name)
        predictors[f"{marker.name}, for each doubling" if marker.log else _unit(marker)] = (
            _doublings(found) if marker.log else found
        )
    predictors |= columns
    about = f"odds of {sides.positive}"
    truth = np.array(sides.truth, dtype=np.float64)
    made = (
        gee(truth, predictors, sides.patients, about=about)
        if sides.clustered
        else logistic_regression(truth, predictors, about=about)
    )
    terms = tuple(t for t, term in zip(made.terms, made.names, strict=True) if term != INTERCEPT)
    cautions = (
        *_said(name, made),
        f"{name}: odds ratios of numbers that go together hang on each other; they are no separate findings",
    )
    if not terms:
        return Part(name, cautions=cautions)
    estimates = ((f"{name}: {made.name}", made.extras),) if made.extras else ()
    return Part(
        name, terms[:1], estimates, ((f"{name}: {made.name}", made.terms),),
        pictures=(ForestPlot(file_name(name), terms, f"odds ratio of {sides.positive}"),), cautions=cautions,
    )  # fmt: skip


def _unit(marker: Marker) -> str:
    return f"{marker.name}, for each {marker.unit}"


def _doublings(values: Values) -> Values:
    above = values > 0
    return np.where(above, np.log2(np.where(above, values, 1.0)), np.nan)


def _said(name: str, made: FittedModel) -> tuple[str, ...]:
    return (f"{name}: {made.note}",) if made.note else ()
