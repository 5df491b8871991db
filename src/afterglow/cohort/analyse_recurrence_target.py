"""What targets would meet of the recurrence: the standard margin, the model's target of the same volume, and the curve over volumes."""

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from afterglow.cohort.analyse_recurrence_place import SUMMARY, summary_rows
from afterglow.cohort.multiplicity import adjusted
from afterglow.cohort.part import Part, file_name
from afterglow.cohort.predicted import PredictedPatient, PredictionsAsked, numbers
from afterglow.cohort.signed_rank import wilcoxon, wilcoxon_of
from afterglow.records.group import DataTable, LinePlot, PairedValues, PairPlot, Picture
from afterglow.records.predicted import COVERED_EQUAL, COVERED_STANDARD, SPARED, TARGET_VOLUME, volume_covering
from afterglow.records.statistic import PlainCurve, Tested

Patients = Sequence[PredictedPatient]
RESEARCH = "Research only, not for treatment."


def target_part(name: str, patients: Patients, asked: PredictionsAsked) -> Part:
    """Coverage by each model's target less that by the margin, tissue spared at equal coverage, and the coverage curve."""
    came = [one for one in patients if one.recurs]
    models = (*asked.models, *asked.beside)
    measures = (TARGET_VOLUME, COVERED_STANDARD, COVERED_EQUAL, SPARED)
    rows = tuple(summary_rows(came, measures, models))
    if not rows:
        return Part(name)
    words = (
        f"{name}: the model's hottest voxels against the standard margin, both with the enhancing tumour; volumes in mL, "
        f"coverages as shares of the recurrence. {RESEARCH}"
    )
    table = DataTable(file_name(name, "target"), words, SUMMARY, rows)
    covered = adjusted([test for model in models for test in _against_margin(came, model)])
    between = adjusted(list(_between(came, models)))
    pictures = tuple(chain(_lines(name, came, asked.models, covered), _curve(name, came, models)))
    tests = [(f"{name}: target of equal volume less the standard margin", covered)]
    tests += [(f"{name}: targets of equal volume, between models", between)] if between else []
    return Part(name, tests=tuple(tests), tables=(table,), pictures=pictures)


def _against_margin(patients: Patients, model: str) -> Iterator[Tested]:
    standard, equal = (numbers(patients, model, one) for one in (COVERED_STANDARD, COVERED_EQUAL))
    if np.isfinite(standard + equal).any():
        yield wilcoxon(standard, equal, about=_less_margin(model))
    spared = numbers(patients, model, SPARED)
    if np.isfinite(spared).any():
        yield wilcoxon_of(spared, unit="mL", about=f"{SPARED}, {model}")


def _less_margin(model: str) -> str:
    return f"recurrence covered, {model} less the standard margin, equal volume"


def _between(patients: Patients, models: Sequence[str]) -> Iterator[Tested]:
    first = numbers(patients, models[0], COVERED_EQUAL)
    for other in models[1:]:
        values = numbers(patients, other, COVERED_EQUAL)
        if np.isfinite(first + values).any():
            yield wilcoxon(values, first, about=f"recurrence covered at equal volume, {models[0]} less {other}")


def _lines(name: str, patients: Patients, models: Sequence[str], tests: Sequence[Tested]) -> Iterator[Picture]:
    """From the margin to the model's target, a line for each patient."""
    people = tuple(one.participant_id for one in patients)
    for model in models:
        standard, equal = (numbers(patients, model, one) for one in (COVERED_STANDARD, COVERED_EQUAL))
        if not np.isfinite(standard + equal).any():
            continue
        pairs = PairedValues(
            "share of the recurrence covered", "1", "standard margin", f"{model}, same volume", standard, equal, people
        )
        own = tuple(test for test in tests if test.about == _less_margin(model))
        yield PairPlot(file_name(name, "target", model), pairs, own, f"{name}: {model}. {RESEARCH}")


def _curve(name: str, patients: Patients, models: Sequence[str]) -> Iterator[Picture]:
    """Median share of the recurrence in the tumour and the hottest tissue beyond it, over the volume of that tissue."""
    measures = sorted({(v, m) for one in patients for _, m in one.values if (v := volume_covering(m)) is not None})
    curves = []
    for model in models:
        points = [(volume, numbers(patients, model, measure)) for volume, measure in measures]
        whole = [(volume, values) for volume, values in points if np.isfinite(values).all()]
        if not whole:
            continue
        x = np.array([volume for volume, _ in whole])
        low, middle, high = np.quantile(np.stack([values for _, values in whole]), [0.25, 0.5, 0.75], axis=1)
        curves.append(
            PlainCurve(
                model,
                x,
                middle,
                "hottest tissue beyond the tumour (mL)",
                "share of the recurrence covered",
                low,
                high,
                len(patients),
                "median and quartiles over patients who recurred",
            )
        )
    if curves:
        words = f"{name}: recurrence covered by the enhancing tumour and the hottest tissue beyond it; by distance it is a margin that widens."
        yield LinePlot(file_name(name, "coverage"), ((name, tuple(curves)),), caption=words)
