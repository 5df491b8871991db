"""What a predicted map says of a patient in one number: the hottest voxel, the volume called, the hottest millilitre."""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from afterglow.records.errors import GridMismatch
from afterglow.records.predicted import MAX, any_voxel, hottest, mean_around, volume_at
from afterglow.records.recurrence import LearningCase, Predicted, RecurrenceMap
from afterglow.recurrence.geodesic import Distances, tumour_distance

AROUND_MM = 15.0  # of the enhancing tumour: the peritumoural zone, as wide as the standard margin of recurrence/target
HOTTEST_ML = 1.0  # assumed: large enough that no single voxel decides, small beside any recurrence


def patient_scores(
    made: RecurrenceMap, case: LearningCase, *, threshold: float = 0.5, distance_mm: Distances | None = None
) -> tuple[Predicted, ...]:
    """Numbers of one patient's map over the brain; NaN where nothing is known. `distance_mm`: `tumour_distance`, where it is at hand.

    A voxel at the threshold is called. Whether any voxel is, is the rule of yoon2024, and the same as the maximum at the threshold.
    What needs a threshold is left out of a map that is no probability.
    """
    known = known_voxels(made, case)
    values = made.probability[known].astype(np.float64)
    unit = unit_of(made)
    rows = [(MAX, float(values.max()) if values.size else math.nan, unit)]
    if made.is_probability:
        called = int((values >= threshold).sum())
        rows += [
            (any_voxel(threshold), float(called > 0) if values.size else math.nan, "1"),
            (volume_at(threshold), called * case.grid.voxel_ml if values.size else math.nan, "mL"),
        ]
    rows.append((hottest(HOTTEST_ML), _hottest(values, case.grid.voxel_ml), unit))
    distance = tumour_distance(case) if distance_mm is None else distance_mm
    rows.append((mean_around(AROUND_MM), _around(made, known, distance), unit))
    return rows_of(made, case, rows)


def known_voxels(made: RecurrenceMap, case: LearningCase) -> NDArray[np.bool_]:
    """Voxels of the brain in which the map has a number. GridMismatch where map and case lie on other grids, or are of other patients."""
    if (made.subject, made.session) != (case.subject, case.session):
        raise GridMismatch(
            f"the map is of sub-{made.subject} ses-{made.session} and the case of sub-{case.subject} ses-{case.session}; "
            "hold each map against its own patient"
        )
    if not made.grid.same_as(case.grid):
        raise GridMismatch(f"sub-{case.subject}: the map has {made.grid} and the case {case.grid}; resample the map first")
    known: NDArray[np.bool_] = case.brain & np.isfinite(made.probability)
    return known


def rows_of(made: RecurrenceMap, case: LearningCase, rows: Iterable[tuple[str, float, str]]) -> tuple[Predicted, ...]:
    """Measures with their values and units, as rows of predictions.tsv."""
    return tuple(
        Predicted(made.subject, made.session, made.model, made.shown, measure, value, unit, case.recurs)
        for measure, value, unit in rows
    )


def unit_of(made: RecurrenceMap) -> str:
    """1 of a probability; of another score what its provenance says."""
    return "1" if made.is_probability else str(made.provenance.settings.get("unit", "1"))


def _hottest(values: NDArray[np.float64], voxel_ml: float) -> float:
    """Mean of the hottest voxels that make up HOTTEST_ML; NaN where fewer are known."""
    k = max(1, round(HOTTEST_ML / voxel_ml))
    return float(np.partition(values, values.size - k)[-k:].mean()) if values.size >= k else math.nan


def _around(made: RecurrenceMap, known: NDArray[np.bool_], distance_mm: Distances | None) -> float:
    """Mean of the peritumoural zone, which the enhancing tumour itself is no part of."""
    if distance_mm is None:
        return math.nan
    zone = known & (distance_mm > 0) & (distance_mm <= AROUND_MM)
    return float(made.probability[zone].astype(np.float64).mean()) if zone.any() else math.nan
