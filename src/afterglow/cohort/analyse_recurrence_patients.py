"""Predictions of recurrence by patient: calls of a rule, ranks of scores, and thresholds chosen on other patients than they are judged on."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from afterglow.cohort.analyse_calls import analyse_calls
from afterglow.cohort.analyse_probabilities import analyse_calibration, analyse_decision
from afterglow.cohort.auc import auc, compare_aucs
from afterglow.cohort.confusion import Confusion, confusion_of, metrics
from afterglow.cohort.cutoff import called_at, choose_cutoff
from afterglow.cohort.exact_tables import fisher
from afterglow.cohort.labelled import Labelled, label, label_together
from afterglow.cohort.measured import together
from afterglow.cohort.optimism import cutoff_optimism
from afterglow.cohort.paired_readings import compare_readings
from afterglow.cohort.part import Part, file_name
from afterglow.cohort.predicted import (
    SHOWN_WORDS,
    PredictedCohort,
    PredictedPatient,
    PredictionsAsked,
    numbers,
    said_of,
    sides_of,
    titled,
)
from afterglow.cohort.roc import precision_recall, roc_curve
from afterglow.records.group import LinePlot, Picture, RocPlot
from afterglow.records.recurrence import Shown
from afterglow.records.statistic import Estimated, Tested

LEVEL_OF_CHANCE = 0.05
_KEPT = ("sensitivity", "specificity", "youden")
Family = tuple[str, tuple[Estimated, ...]]
Patients = Sequence[PredictedPatient]


def calls_and_ranks(
    name: str, patients: Patients, asked: PredictionsAsked, labels: tuple[str, str], shown: Shown, *, seed: int
) -> Part:
    """Calls of the rule with exact intervals and McNemar; ROC of each score; calibration and decision curve where asked."""
    sides = sides_of(patients, asked, labels, shown)
    called = [said_of(model, shown) for model in asked.models]
    calls = analyse_calls(f"{name}: {asked.rule}", sides, called)
    tests = [test for _, family in calls.tests for test in family]
    parts = [replace(calls, answers=(*tests[:1], *calls.answers))]
    parts += [_ranks(name, patients, asked, score, seed) for score in asked.scores]
    if asked.probability:
        words = f"{name}, calibration of {asked.probability}"
        parts.append(titled(_unfitted(analyse_calibration(words, sides, called), shown), f"{name}, {asked.probability}"))
        if asked.thresholds and not _lacking(patients):
            words = f"{name}, decision curve of {asked.probability}"
            made = analyse_decision(words, sides, called, asked.thresholds, seed=seed)
            parts.append(titled(_unfitted(made, shown), f"{name}, {asked.probability}"))
    return Part(
        name, parts[0].answers,
        tuple(one for part in parts for one in part.estimates), tuple(one for part in parts for one in part.tests),
        tuple(one for part in parts for one in part.crossed), (),
        tuple(one for part in parts for one in part.pictures), tuple(one for part in parts for one in part.cautions),
    )  # fmt: skip


def _unfitted(part: Part, shown: Shown) -> Part:
    """Without its last caution, which is about probabilities that were fitted on these very patients, where they were not."""
    return part if shown == "training" else replace(part, cautions=part.cautions[:-1])


def association(name: str, patients: Patients, asked: PredictionsAsked, labels: tuple[str, str], shown: Shown) -> Part:
    """Whether the calls have anything to do with recurrence: Fisher's test of the two by two, the Youden index beside it."""
    tests: list[Tested] = []
    cautions = []
    for model in asked.models:
        counts = confusion_of(_calls(numbers(patients, model, asked.measure), asked.threshold), [p.recurs for p in patients])
        words = f"{said_of(model, shown)}: {asked.rule} and {labels[0]}"
        test = fisher([[counts.tp, counts.fn], [counts.fp, counts.tn]], about=words)
        youden = metrics(counts)["youden"]
        said = "" if youden.value is None else f"Youden index {youden.value:.2f}" + _ends(youden)
        tests.append(replace(test, note=together(said, test.note)))
        if test.p is not None and test.p >= LEVEL_OF_CHANCE:
            cautions.append(
                f"{name}: calls by {model} ({asked.rule}) are not shown to do better than chance: Fisher P = {test.p:.2f}, {said}"
            )
    return Part(name, tests=((f"{name}: whether calls go with {labels[0]} at all", tuple(tests)),), cautions=tuple(cautions))


def _ends(one: Estimated) -> str:
    return "" if one.low is None or one.high is None else f" ({one.low:.2f} to {one.high:.2f})"


def _calls(values: np.ndarray, threshold: float) -> list[bool | None]:
    return [None if np.isnan(v) else bool(v >= threshold) for v in values]


def _ranks(name: str, patients: Patients, asked: PredictionsAsked, score: str, seed: int) -> Part:
    """One score by every model and every rule beside: areas, the first against each other, ROC and precision over recall."""
    words = f"{name}, {score}"
    samples = [one for one in (_sample(patients, m, score) for m in (*asked.models, *asked.beside)) if one is not None]
    if not samples:
        return Part(words, cautions=(f"{words}: no patient has it",))
    areas = tuple(auc(one) for one in samples)
    usable = [one for one in samples if not one.lacking]
    pictures: tuple[Picture, ...] = ()
    recalled = [precision_recall(one, seed=seed) for one in usable]
    tests = tuple(_compared(patients, samples, score))
    if usable:
        curves = tuple(roc_curve(one, seed=seed) for one in usable)
        recall = LinePlot(
            file_name(words, "precision-recall"), ((words, tuple(curve for curve, _ in recalled)),), kind="precision-recall"
        )
        first = score == asked.scores[0]
        pictures = (RocPlot(file_name(words), curves, tests, f"{words}."), *((recall,) if first else ()))
    families: list[Family] = [(f"{words}: areas under the curve", areas)]
    if recalled:
        families.append((f"{words}: average precision over patients", tuple(one for _, one in recalled)))
    return Part(words, areas[:1], tuple(families), ((f"{words}: areas on the same patients", tests),), pictures=pictures)


def _sample(patients: Patients, model: str, score: str) -> Labelled | None:
    """A score of the patients; None where nobody has it, as what needs a threshold of a rule that was not learned."""
    values = numbers(patients, model, score)
    if np.isnan(values).all():
        return None
    return label(model, values, [p.recurs for p in patients], [p.participant_id for p in patients])


def _compared(patients: Patients, samples: Sequence[Labelled], score: str) -> Iterator[Tested]:
    first = samples[0]
    for other in samples[1:]:
        columns: dict[str, ArrayLike] = {one.name: numbers(patients, one.name, score) for one in (first, other)}
        yield compare_aucs(label_together(columns, [p.recurs for p in patients], [p.participant_id for p in patients]))


def _lacking(patients: Patients) -> bool:
    return len({p.recurs for p in patients}) < 2


def chosen_thresholds(name: str, cohort: PredictedCohort, asked: PredictionsAsked, *, seed: int) -> Part:
    """Cutoffs by the Youden index of patients out of fold, applied to patients who had no part in the choice.

    Out of fold itself: what cross-validation leaves of the index. No threshold is chosen on patients it is judged on, nor on those
    seen in training.
    """
    choosing = cohort.of("out of fold") if "out of fold" in asked.shown else ()
    judged = [shown for shown in asked.shown if shown in ("test", "new") and cohort.of(shown)]
    if not choosing or _lacking(choosing):
        why = "no patients of both outcomes are out of fold and asked for"
        return Part(name, cautions=(f"{name}: no threshold is chosen: {why}",) if judged else ())
    families: list[Family] = []
    tests: list[Tested] = []
    for score in asked.scores:
        cutoffs: dict[str, float] = {}
        for model in asked.models:
            sample = _sample(choosing, model, score)
            if sample is None or sample.lacking:
                continue
            chosen = choose_cutoff(sample, unit=cohort.unit(model, score), seed=seed)
            left = cutoff_optimism(sample, seed=seed).cross_validated
            families.append((f"{name}: threshold of {score} by {model}, chosen out of fold", (chosen.threshold, left)))
            if chosen.threshold.value is not None:
                cutoffs[model] = chosen.threshold.value
        for shown in judged:
            families += list(_applied(name, cohort.of(shown), cutoffs, score, shown))
            tests += list(_paired(cohort.of(shown), cutoffs, score, shown))
    return Part(name, (), tuple(families), ((f"{name}: calls at thresholds chosen out of fold", tuple(tests)),))


def _applied(name: str, patients: Patients, cutoffs: dict[str, float], score: str, shown: Shown) -> Iterator[Family]:
    for model, cutoff in cutoffs.items():
        sample = _sample(patients, model, score)
        counts = Confusion(0, 0, 0, 0, len(patients)) if sample is None else called_at(sample, cutoff)
        found = metrics(counts)
        rows = tuple(replace(found[key], note=together("threshold chosen on other patients", found[key].note)) for key in _KEPT)
        yield f"{name}, {SHOWN_WORDS[shown]}: {model}, {score} above {cutoff:.3g} as chosen out of fold", rows


def _paired(patients: Patients, cutoffs: dict[str, float], score: str, shown: Shown) -> Iterator[Tested]:
    truth = [p.recurs for p in patients]
    calls = {
        model: [None if np.isnan(v) else bool(v > cutoff) for v in numbers(patients, model, score)]
        for model, cutoff in cutoffs.items()
    }
    first = next(iter(calls), "")
    for other in list(calls)[1:]:
        names = f"{said_of(first, shown)} by {score}", f"{said_of(other, shown)} by {score}"
        yield from compare_readings(truth, calls[first], calls[other], names=names)
