"""Everything that is asked of one patient's predicted maps, and of the scores beside them."""

from collections.abc import Iterable

from afterglow.records.recurrence import LearningCase, Predicted, RecurrenceMap
from afterglow.recurrence.geodesic import Distances, tumour_distance
from afterglow.recurrence.localise import localisation, marks
from afterglow.recurrence.scores import patient_scores
from afterglow.recurrence.target import MARGIN_MM, risk_target


def evaluate_case(
    maps: Iterable[RecurrenceMap], case: LearningCase, *, threshold: float = 0.5, margin_mm: float = MARGIN_MM,
    distance_mm: Distances | None = None,
) -> tuple[Predicted, ...]:  # fmt: skip
    """Rows of predictions.tsv: patient scores, place, marks, and the risk-adapted target, map by map.

    `distance_mm`: `tumour_distance`, where it is at hand; a brain of 1 mm takes some seconds of it.
    """
    distance = tumour_distance(case) if distance_mm is None else distance_mm
    rows: list[Predicted] = []
    for made in maps:
        target = risk_target(made, case, margin_mm=margin_mm, distance_mm=distance) if case.recurs else None
        rows += patient_scores(made, case, threshold=threshold, distance_mm=distance)
        rows += localisation(made, case, threshold=threshold)
        rows += marks(made, case)
        rows += target.rows if target is not None else ()
    return tuple(rows)
