"""Predictions of recurrence by place, of patients whose tumour came back: average precision, hits, coverage, marks."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from afterglow.cohort.analyse_detection import analyse_detection
from afterglow.cohort.multiplicity import adjusted
from afterglow.cohort.paired_readings import mcnemar, paired_counts
from afterglow.cohort.part import Part, file_name
from afterglow.cohort.predicted import PredictedPatient, PredictionsAsked, lesion_sides, numbers, titled
from afterglow.cohort.proportions import proportion
from afterglow.cohort.signed_rank import wilcoxon
from afterglow.cohort.summaries import summarise
from afterglow.records.group import DataTable, TableColumn
from afterglow.records.mark import DetectionMark
from afterglow.records.statistic import Estimated, Tested

HALF = 0.5  # of several hottest voxels so many hit: the patient is a hit
Patients = Sequence[PredictedPatient]
SUMMARY = (
    TableColumn("measure", "Measure", "What was measured of the map", "text"),
    TableColumn("model", "Model", "The model, or a score that nothing was learned for", "text"),
    TableColumn("n", "n", "Patients who recurred and have that number"),
    TableColumn("median", "Median", "Median"),
    TableColumn("q1", "Q1", "First quartile"),
    TableColumn("q3", "Q3", "Third quartile"),
    TableColumn("mean", "Mean", "Mean"),
    TableColumn("sd", "SD", "Standard deviation with n - 1"),
)


def place_part(
    name: str, patients: Patients, marks: Sequence[DetectionMark], asked: PredictionsAsked, labels: tuple[str, str], *, seed: int
) -> Part:
    """Summaries of each model, differences in pairs, hits with exact intervals and McNemar, and the FROC of the marks."""
    came = [one for one in patients if one.recurs]
    if not came:
        return Part(name, cautions=(f"{name}: nobody recurred: no map can be held against a place",))
    models = (*asked.models, *asked.beside)
    rows = tuple(summary_rows(came, asked.places, models))
    table = DataTable(file_name(name, "place"), f"{name}: how maps meet the recurrence, patients who recurred.", SUMMARY, rows)
    tests = [(f"{name}: place, in pairs", adjusted(list(_differences(came, asked, models))))]
    hits, hit_tests = _hits(name, came, asked, models)
    tests += [(f"{name}: hits, in pairs", hit_tests)] if hit_tests else []
    found = _detected(name, patients, marks, asked, labels, seed)
    return Part(
        name, (), (*hits, *found.estimates), tuple(one for one in tests if one[1]), (), (table,) if rows else (),
        found.pictures, found.cautions,
    )  # fmt: skip


def summary_rows(
    patients: Patients, measures: Sequence[str], models: Sequence[str]
) -> Iterator[tuple[str | float | int | None, ...]]:
    """One row for each measure and model that any patient has."""
    for measure in measures:
        for model in models:
            found = summarise(numbers(patients, model, measure))
            if found.n:
                yield measure, model, found.n, found.median, found.q1, found.q3, found.mean, found.sd


def _differences(patients: Patients, asked: PredictionsAsked, models: Sequence[str]) -> Iterator[Tested]:
    """The first model less each other, patient by patient."""
    for measure in asked.places:
        first = numbers(patients, models[0], measure)
        for other in models[1:]:
            values = numbers(patients, other, measure)
            if np.isfinite(first - values).any():
                yield wilcoxon(values, first, about=f"{measure}, {models[0]} less {other}")


def _hits(
    name: str, patients: Patients, asked: PredictionsAsked, models: Sequence[str]
) -> tuple[tuple[tuple[str, tuple[Estimated, ...]], ...], tuple[Tested, ...]]:
    """How many patients each model hits, and whether the first hits others than the rest."""
    rows: list[Estimated] = []
    tests: list[Tested] = []
    for measure in asked.hits:
        columns = {model: numbers(patients, model, measure) for model in models}
        for model, values in columns.items():
            there = values[np.isfinite(values)]
            if there.size:
                rows.append(proportion(f"{model}: {measure}", int((there >= HALF).sum()), int(there.size)))
        for other in models[1:]:
            both = np.isfinite(columns[models[0]]) & np.isfinite(columns[other])
            if both.any():
                counts = paired_counts((columns[models[0]][both] >= HALF).tolist(), (columns[other][both] >= HALF).tolist())
                tests.append(mcnemar(counts.b, counts.c, counts.n, about=f"{measure}, {models[0]} against {other}"))
    return ((f"{name}: hits", tuple(rows)),) if rows else (), tuple(tests)


def _detected(
    name: str, patients: Patients, marks: Sequence[DetectionMark], asked: PredictionsAsked, labels: tuple[str, str], seed: int
) -> Part:
    """FROC of the models, over patients whose maps were searched for marks."""
    searched = [one for one in patients if one.recurrences is not None]
    inside = {one.participant_id for one in searched}
    own = [mark for mark in marks if mark.participant_id in inside and mark.reader in asked.models]
    if not asked.false_marks or not searched:
        return Part(name)
    words = f"{name}, marks"
    silent = [model for model in asked.models if not any(mark.reader == model for mark in own)]
    said = tuple(f"{words}: {model} set no mark and found nothing; it has no curve" for model in silent)
    if not own:
        return Part(name, cautions=said)
    found = titled(analyse_detection(words, lesion_sides(searched, labels), own, asked.false_marks, seed=seed), words)
    return replace(found, cautions=(*found.cautions, *said))
