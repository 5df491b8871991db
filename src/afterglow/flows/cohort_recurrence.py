"""From predictions.tsv: the patients, marks and numbers that analyses of predictions read, checked against the study's outcomes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from afterglow.cohort.analyse_recurrence import analyse_predictions
from afterglow.cohort.part import Part
from afterglow.cohort.predicted import PredictedCohort, PredictedPatient
from afterglow.flows.method import Method
from afterglow.flows.method_cohort import CohortSpec
from afterglow.flows.method_predictions import Predictions
from afterglow.io.predictions import predictions_path, read_predictions
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.mark import DetectionMark
from afterglow.records.predicted import RECURRENCES, marks_of
from afterglow.records.recurrence import Predicted, Shown
from afterglow.records.statistic import FlowStep
from afterglow.records.study import Study

Rows = Sequence[Predicted]
T = TypeVar("T")
RECURRENCE = ("recurrence", "no recurrence")  # what the sides are called where the cohort names none


def read_predicted_cohorts(out: Path, method: Method, spec: CohortSpec, study: Study) -> dict[str, PredictedCohort]:
    """By analysis; nothing where none asks about predictions. MissingInput where nothing was predicted."""
    asked = [one for one in spec.analysis if isinstance(one, Predictions)]
    if not asked:
        return {}
    path = predictions_path(out)
    if not path.is_file():
        raise MissingInput(
            f"{path}: nothing was predicted, and the analysis {asked[0].name!r} reads it; run `afterglow train` and `afterglow predict` first"
        )
    rows = read_predictions(path)
    _check_outcomes(path, rows, method, spec, study)
    return {one.name: predicted_cohort(path, rows, one) for one in asked}


def predicted_part(analysis: Predictions, spec: CohortSpec, cohort: PredictedCohort) -> Part:
    """One such analysis, carried out."""
    asked = analysis.asked()
    asked = replace(asked, beside=tuple(name for name in asked.beside if name not in cohort.without))
    return analyse_predictions(analysis.name, cohort, asked, labels=_labels(spec))


def predicted_cohort(path: Path, rows: Rows, spec: Predictions) -> PredictedCohort:
    """Patients that a model of the analysis predicted. BadInput where a model is unknown, or rows of a patient contradict one another.

    A rule beside the models that no row is of is left out: its map was made of nobody.
    """
    known = sorted({row.model for row in rows})
    wanted = (*spec.models, *(name for name in spec.beside if name in known))
    absent = [model for model in spec.models if model not in known]
    if absent:
        raise BadInput(
            f"{path}: no row is of {absent[0]!r}, which the analysis {spec.name!r} reads; there are {', '.join(known) or 'none'}"
        )
    _check_measures(path, rows, spec)
    by_patient: dict[str, list[Predicted]] = {}
    for row in rows:
        if row.model in wanted:
            by_patient.setdefault(row.participant_id, []).append(row)
    patients, unknown = [], []
    for subject, own in sorted(by_patient.items()):
        if not any(row.model in spec.models for row in own):
            continue
        recurs = _one(path, subject, own, "recurs", {row.recurs for row in own})
        if recurs is None:
            unknown.append(subject)
        else:
            patients.append(_patient(path, subject, own, spec, recurs=recurs))
    units = {(row.model, row.measure): row.unit for row in rows}
    marks = tuple(
        DetectionMark(row.participant_id, row.session_id, row.model, row.value, lesion)
        for row, lesion in marks_of([row for row in rows if row.model in spec.models])
    )
    return PredictedCohort(tuple(patients), marks, units, tuple(unknown), tuple(one for one in spec.beside if one not in known))


def _check_measures(path: Path, rows: Rows, spec: Predictions) -> None:
    known = {row.measure for row in rows if row.model in (*spec.models, *spec.beside)}
    came = (*spec.places, *spec.hits) if any(row.recurs for row in rows) else ()  # only who recurred has them
    asked = (spec.rule, *spec.scores, *((spec.probability,) if spec.probability else ()), *came)
    absent = [one for one in asked if one not in known]
    if absent:
        raise BadInput(
            f"{path}: no row has the measure {absent[0]!r}, which the analysis {spec.name!r} reads; there are {', '.join(sorted(known))}"
        )


def _patient(path: Path, subject: str, rows: Rows, spec: Predictions, *, recurs: bool) -> PredictedPatient:
    """What a patient was to the models asked for; scores beside them have seen nobody and follow."""
    of_models = [row for row in rows if row.model in spec.models]
    shown: Shown = _one(path, subject, of_models, "shown", {row.shown for row in of_models})
    session = _one(path, subject, rows, "session_id", {row.session_id for row in rows})
    marked = {row.measure for row, _ in marks_of(rows)}
    values: dict[tuple[str, str], float] = {}
    for row in rows:
        if row.measure in marked:
            continue
        if (row.model, row.measure) in values:
            raise BadInput(f"{path}: sub-{subject} has {row.measure!r} by {row.model} twice; predict the patient again")
        values[row.model, row.measure] = row.value
    counts = [values.get((model, RECURRENCES), math.nan) for model in spec.models]
    found = {key: value for key, value in values.items() if key[1] != RECURRENCES and not math.isnan(value)}
    return PredictedPatient(subject, session, shown, recurs, found, None if math.isnan(sum(counts)) else int(max(counts)))


def _one(path: Path, subject: str, rows: Rows, column: str, found: set[T]) -> T:
    """What all rows of a patient say alike."""
    if len(found) == 1:
        return next(iter(found))
    models = " and ".join(sorted({row.model for row in rows}))
    said = ", ".join(sorted(str(one) for one in found))
    raise BadInput(
        f"{path}: {column} of sub-{subject} is {said} in rows of {models}; models that are compared share their splits and their visit: "
        "predict the patient again with all of them"
    )


def _check_outcomes(path: Path, rows: Rows, method: Method, spec: CohortSpec, study: Study) -> None:
    """What predictions hold a map against is what the study says came."""
    told = method.recurrence.label if method.recurrence is not None else None
    came = {*spec.positive, *(told.came_back if told is not None else ())}
    stayed = {*spec.negative, *(told.stayed_away if told is not None else ())}
    said: dict[str, set[str]] = {}
    for outcome in study.outcomes:
        said.setdefault(outcome.participant_id, set()).add(outcome.label)
    for subject, recurs in sorted({(row.participant_id, row.recurs) for row in rows if row.recurs is not None}):
        labels = said.get(subject, set()) & (came | stayed)
        if labels and recurs != bool(labels & came):
            raise BadInput(
                f"{path}: sub-{subject} {'recurred' if recurs else 'did not recur'} there, and phenotype/outcomes.tsv says "
                f"{', '.join(sorted(labels))}; put right which is wrong, and build the learning set again"
            )


def predicted_groups(cohorts: Mapping[str, PredictedCohort], spec: CohortSpec) -> tuple[tuple[str, str], dict[str, str]] | None:
    """The groups of the cohort table by what came, and whose is which; None where nothing asks about predictions."""
    labels = _labels(spec)
    for cohort in cohorts.values():
        return labels, {one.participant_id: labels[0] if one.recurs else labels[1] for one in cohort.patients}
    return None


def predicted_facts(cohorts: Mapping[str, PredictedCohort], spec: CohortSpec) -> dict[str, str]:
    """For the items of a checklist; nothing where nothing asks about predictions."""
    for name, cohort in cohorts.items():
        asked = next(one for one in spec.analysis if isinstance(one, Predictions) and one.name == name)
        came = sum(one.recurs for one in cohort.patients)
        return {
            "reference_standard": "whether and where the tumour came back, as the learning set holds it (data.json of the models)",
            "events": f"{came} patients {_labels(spec)[0]}, {len(cohort.patients) - came} {_labels(spec)[1]}",
            "cutoff": f"{asked.rule} at least {asked.threshold:g}, set beforehand ({asked.source})",
        }
    return {}


def held_against(cohorts: Mapping[str, PredictedCohort], spec: CohortSpec) -> str:
    """For the methods section, where no outcome is named."""
    for cohort in cohorts.values():
        return f"predictions are held against {' or '.join(_labels(spec))} of {len(cohort.patients)} patients"
    return "nothing is held against outcomes"


def _labels(spec: CohortSpec) -> tuple[str, str]:
    return spec.sides if all(spec.sides) else RECURRENCE


def predicted_flow(cohorts: Mapping[str, PredictedCohort]) -> tuple[FlowStep, ...]:
    """Boxes for the flow of patients: predicted with a known outcome, by what models had seen of them."""
    for cohort in cohorts.values():
        counts = tuple(
            (shown, n)
            for shown in ("test", "new", "out of fold", "training")
            if (n := sum(p.shown == shown for p in cohort.patients))
        )
        left = (("outcome not known", len(cohort.unknown)),) if cohort.unknown else ()
        return (FlowStep("Predicted, with a known outcome", len(cohort.patients), None, left, counts),)
    return ()
