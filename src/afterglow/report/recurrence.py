"""Where a tumour may come back, in a report: what models expect, what they read, targets of one volume, and the scores."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.records.document import Block, Figure, Section, Table, Text
from afterglow.records.predicted import FALSE_MARK, RECURRENCES, TRUE_MARK, volume_covering
from afterglow.records.recurrence import NOT_FOR_DECISIONS, Channel, LearningCase, Predicted, RecurrenceMap
from afterglow.report.figures.recurrence import channel_maps_figure, prediction_figure, seen_words, targets_figure
from afterglow.report.words import with_unit

_NOT_IN_TABLE = (
    "mark",
    "coverage at",
)  # a row for each found place, or for each volume of a curve: they stand in predictions.tsv


@dataclass(frozen=True, eq=False)
class PredictedVisit:
    """All that a report shows of one patient before treatment and of what models expect of them."""

    case: LearningCase
    channels: tuple[Channel, ...]
    maps: tuple[RecurrenceMap, ...]  # of models, the leading one first
    scores: tuple[Predicted, ...]  # of models and of rules beside them
    threshold: float
    targets: tuple[tuple[str, NDArray[np.bool_]], ...] = ()
    remarks: tuple[str, ...] = ()


def recurrence_section(seen: PredictedVisit) -> Section:
    """The section of a patient's report."""
    case = seen.case
    warning = Text(NOT_FOR_DECISIONS, "caution")
    blocks: list[Block] = [warning, _said(seen), *_training(seen), *_pictures(seen), score_table(seen.scores)]
    blocks += [
        Text(words[:1].upper() + words[1:].rstrip(".") + ".", "quality-note")
        for words in dict.fromkeys((*case.remarks, *seen.remarks))
    ]
    return Section("Where it may come back", tuple(blocks), "recurrence")


def _said(seen: PredictedVisit) -> Text:
    """Each model's answer in words, and what is known of the patient."""
    told = []
    for made in seen.maps:
        known = made.probability[np.isfinite(made.probability)]
        if not known.size:
            told.append(f"{made.model} ({seen_words(made)}): not measured")
            continue
        ml = float(np.count_nonzero(known >= seen.threshold)) * made.grid.voxel_ml
        what = f"{ml:.2f} mL of {seen.threshold:g} and more" if ml else f"no voxel reaches {seen.threshold:g}"
        told.append(f"{made.model} ({seen_words(made)}): {what}, at most {float(known.max()):.2f}")
    truth = {
        True: "The tumour came back.",
        False: "The tumour did not come back.",
        None: "What became of the patient is not known.",
    }[seen.case.recurs]
    return Text(f"Probability that the tumour comes back in a voxel. {'; '.join(told)}. {truth}")


def _training(seen: PredictedVisit) -> list[Block]:
    """A model that has seen the patient proves nothing about itself."""
    names = [made.model for made in seen.maps if made.shown == "training"]
    if not names:
        return []
    words = (
        f"{' and '.join(names)} had seen this patient while training: what is shown here says nothing about how well it predicts."
    )
    return [Text(words, "caution")]


def _pictures(seen: PredictedVisit) -> list[Figure]:
    """Predictions over every image that the models read, then their maps, then targets."""
    case, where = seen.case, f"sub-{seen.case.subject} {seen.case.session}".strip()
    images = [one.name for one in seen.channels if not one.quantity and one.name in case.images]
    found: list[Figure | None] = [
        prediction_figure(
            case, seen.maps, image, threshold=seen.threshold, name=f"prediction{n}", title=f"Where it may come back, {where}"
        )
        for n, image in enumerate(images, start=1)
    ]
    if images:
        title = f"Maps that the models read, {where}"
        found.append(
            channel_maps_figure(case, seen.channels, seen.maps, images[0], threshold=seen.threshold, name="channels", title=title)
        )
    if images and seen.targets:
        title = f"Targets of one volume, {where}"
        found.append(
            targets_figure(case, seen.maps, seen.targets, images[0], threshold=seen.threshold, name="targets", title=title)
        )
    return [one for one in found if one is not None]


def score_table(scores: Sequence[Predicted]) -> Table:
    """Each measure a row, each model or rule a column."""
    shown = [row for row in scores if _has_a_line(row.measure)]
    names = tuple(dict.fromkeys(row.model for row in shown))
    values = {(row.measure, row.model): row for row in shown}
    rows = tuple(
        (measure, *(_cell(values.get((measure, name))) for name in names))
        for measure in dict.fromkeys(row.measure for row in shown)
    )
    return Table("Scores. Rules beside the models were not learned; their numbers are no probabilities.", ("", *names), rows)


def _has_a_line(measure: str) -> bool:
    """Marks, their number and the points of a curve stand in predictions.tsv alone."""
    return measure not in (FALSE_MARK, RECURRENCES) and not measure.startswith(TRUE_MARK) and volume_covering(measure) is None


def _cell(row: Predicted | None) -> str:
    if row is None:
        return ""
    return "not measured" if math.isnan(row.value) else with_unit(row.value, row.unit)
