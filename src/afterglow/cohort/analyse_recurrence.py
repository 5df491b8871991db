"""Predictions of recurrence: how well a rule calls patients, how well scores rank them, where maps point, what targets would meet.

Sets are never mixed: patients of a test set, patients held out of a fold, and patients seen in training each stand apart.
"""

import math
from collections.abc import Iterator, Sequence

from afterglow.cohort.analyse_recurrence_patients import association, calls_and_ranks, chosen_thresholds
from afterglow.cohort.analyse_recurrence_place import place_part
from afterglow.cohort.analyse_recurrence_target import target_part
from afterglow.cohort.part import Part, file_name
from afterglow.cohort.predicted import SHOWN_WORDS, PredictedCohort, PredictionsAsked
from afterglow.records.group import DataTable, TableColumn

NAMED = 5  # patients named in a caution


def analyse_predictions(
    name: str, cohort: PredictedCohort, asked: PredictionsAsked, *, labels: tuple[str, str] = ("recurrence", "no recurrence"), seed: int = 1
) -> Part:  # fmt: skip
    """Everything asked, set by set, in one part; what answers is the rule in the first set that holds patients."""
    parts: list[Part] = []
    for shown in asked.shown:
        patients = cohort.of(shown)
        if not patients:
            parts.append(Part(name, cautions=(f"{name}: no patient is in the set {SHOWN_WORDS[shown]!r}",)))
            continue
        words = f"{name}, {SHOWN_WORDS[shown]}"
        parts.append(calls_and_ranks(words, patients, asked, labels, shown, seed=seed))
        parts.append(association(words, patients, asked, labels, shown))
        parts.append(place_part(words, patients, cohort.marks, asked, labels, seed=seed))
        parts.append(target_part(words, patients, asked))
    parts.append(chosen_thresholds(name, cohort, asked, seed=seed))
    made = _joined(name, parts)
    return Part(
        name, made.answers, made.estimates, made.tests, made.crossed, (_each_patient(name, cohort, asked), *made.tables),
        made.pictures, (*_cautions(name, cohort, asked), *made.cautions),
    )  # fmt: skip


def _joined(name: str, parts: Sequence[Part]) -> Part:
    """Parts one after another; the first answers count."""
    return Part(
        name,
        next((part.answers for part in parts if part.answers), ()),
        tuple(one for part in parts for one in part.estimates),
        tuple((words, tests) for part in parts for words, tests in part.tests if tests),
        tuple(one for part in parts for one in part.crossed),
        tuple(one for part in parts for one in part.tables),
        tuple(one for part in parts for one in part.pictures),
        tuple(dict.fromkeys(one for part in parts for one in part.cautions)),
    )


def _each_patient(name: str, cohort: PredictedCohort, asked: PredictionsAsked) -> DataTable:
    """One row for each patient: what came, and what each model said before."""
    patients = sorted(
        (one for one in cohort.patients if one.shown in asked.shown),
        key=lambda one: (asked.shown.index(one.shown), one.participant_id),
    )
    columns = [
        TableColumn("participant_id", "Patient", "Subject label, with the prefix sub-", "text"),
        TableColumn("shown", "Set", "What the models had seen of the patient", "text"),
        TableColumn("recurs", "Recurred", "Whether the tumour came back", "text"),
    ]
    for model in asked.models:
        key = file_name(model).replace("-", "_")
        unit = cohort.unit(model, asked.measure)
        columns.append(TableColumn(key, f"{model}: {asked.measure}", f"{asked.measure} of the map by {model}", unit=unit))
        columns.append(TableColumn(f"{key}_called", f"{model}: called", f"Whether {asked.rule}", "text"))
    rows = []
    for one in patients:
        cells: list[str | float | int | None] = [
            f"sub-{one.participant_id}", SHOWN_WORDS[one.shown], "yes" if one.recurs else "no"
        ]  # fmt: skip
        for model in asked.models:
            value = one.value(model, asked.measure)
            cells += [value, None if math.isnan(value) else "yes" if value >= asked.threshold else "no"]
        rows.append(tuple(cells))
    words = f"{name}, each patient. Called where {asked.rule}."
    return DataTable(file_name(name, "each patient"), words, tuple(columns), tuple(rows))


def _cautions(name: str, cohort: PredictedCohort, asked: PredictionsAsked) -> Iterator[str]:
    """Who is not in, and what numbers of patients seen in training are worth."""
    if cohort.unknown:
        named = ", ".join(f"sub-{one}" for one in cohort.unknown[:NAMED])
        more = " …" if len(cohort.unknown) > NAMED else ""
        yield f"{name}: whether the tumour came back is not known of {len(cohort.unknown)} predicted patients ({named}{more}), who are left out"
    if cohort.without:
        yield f"{name}: no patient has a map for {', '.join(cohort.without)} beside the models"
    if "training" in asked.shown:
        yield (
            f"{name}: numbers of patients {SHOWN_WORDS['training']} say how well a model remembers them, not how well it predicts; "
            "they stand apart and no threshold is chosen on them"
        )
    left = sorted({SHOWN_WORDS[one.shown] for one in cohort.patients if one.shown not in asked.shown})
    if left:
        yield f"{name}: patients of the sets {', '.join(left)} are not part of this analysis"
    if asked.probability:
        yield (
            f"{name}: {asked.probability} is made of probabilities of voxels and was never fitted to be one of patients; "
            "calibration and decision curves say whether it can be read so"
        )
