"""Whether a predicted map points at the place where the tumour came back."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from afterglow.records.predicted import (
    FALSE_MARK,
    HOTTEST_INSIDE,
    PRECISION,
    PRECISION_BEYOND,
    PRECISION_BY_CHANCE,
    RECURRENCES,
    TRUE_MARK,
    coverage_at,
    false_components_at,
    hit_at,
    hottest_near,
)
from afterglow.records.recurrence import LearningCase, Predicted, RecurrenceMap
from afterglow.recurrence.scores import known_voxels, rows_of

NEAR_MM = 5.0  # assumed: a hottest voxel so near still points at the recurrence, given how labels are carried between scans
MARKED_FROM = 0.1  # assumed: probability from which a component is a mark of the FROC
_CORNERS = np.ones((3, 3, 3), dtype=bool)


def localisation(made: RecurrenceMap, case: LearningCase, *, threshold: float = 0.5) -> tuple[Predicted, ...]:
    """How the map meets the recurrence; no row of a patient whose tumour did not come back or of whom it is not known.

    Average precision is over the voxels of the brain that the map knows, and over those beyond the enhancing tumour; the share of recurrence among them is what a map that tells
    nothing reaches. Of several hottest voxels the share that hits counts. Coverage counts voxels that the map does not know as missed.
    """
    if case.label is None or not case.label.any():
        return ()
    known, label = known_voxels(made, case), case.label
    precision, chance = _average_precision(made.probability[known], label[known])
    outside = known if case.enhancing is None else known & ~case.enhancing
    beyond, _ = _average_precision(made.probability[outside], label[outside])
    near_mm = ndimage.distance_transform_edt(~label, sampling=case.grid.spacing_mm)
    rows = [
        (PRECISION, precision, "1"),
        (PRECISION_BY_CHANCE, chance, "1"),
        (PRECISION_BEYOND, beyond, "1"),
        (HOTTEST_INSIDE, _share_of_hottest(made.probability, known, near_mm <= 0), "1"),
        (
            hottest_near(NEAR_MM),
            _share_of_hottest(made.probability, known, near_mm <= NEAR_MM),
            "1",
        ),
    ]
    if made.is_probability:
        called = known & (np.nan_to_num(made.probability) >= threshold)
        seen = bool(known.any())
        rows += [
            (hit_at(threshold), float((called & label).any()) if seen else math.nan, "1"),
            (coverage_at(threshold), float(called[label].mean()) if seen else math.nan, "1"),
            (false_components_at(threshold), _false_components(called, label) if seen else math.nan, "1"),
        ]
    return rows_of(made, case, rows)


def marks(made: RecurrenceMap, case: LearningCase, *, marked_from: float = MARKED_FROM) -> tuple[Predicted, ...]:
    """Marks of a FROC: components of the map from `marked_from` on, each with its hottest value, on a recurrence or on none.

    A mark lies on the recurrence (numbered, connected by corners) that its hottest voxel is nearest to, if within NEAR_MM. The last row
    says how many recurrences there are. None of a patient of whom it is not known, nor of a map that is no probability.
    """
    known = known_voxels(made, case)
    if case.label is None or not made.is_probability or not known.any():
        return ()
    lesions, n_lesions = ndimage.label(case.label, _CORNERS)
    values = np.where(known, np.nan_to_num(made.probability), 0.0)
    components, n = ndimage.label(values >= marked_from, _CORNERS)
    rows = []
    peaks = ndimage.maximum_position(values, components, np.arange(1, n + 1)) if n else []
    if n_lesions:
        away_mm, nearest = ndimage.distance_transform_edt(~case.label, sampling=case.grid.spacing_mm, return_indices=True)
    for peak in peaks:
        at = tuple(int(v) for v in peak)
        words = FALSE_MARK
        if n_lesions and away_mm[at] <= NEAR_MM:
            words = f"{TRUE_MARK} {int(lesions[tuple(axis[at] for axis in nearest)])}"
        rows.append((words, float(values[at]), "1"))
    return rows_of(made, case, [*rows, (RECURRENCES, float(n_lesions), "1")])


def _average_precision(values: NDArray[np.float32], label: NDArray[np.bool_]) -> tuple[float, float]:
    """Sum of steps, as scikit-learn has it; and the share of recurrence. NaN where the map knows no voxel of the recurrence."""
    from sklearn.metrics import average_precision_score

    if not label.any():
        return math.nan, math.nan
    return float(average_precision_score(label, values)), float(label.mean())


def _share_of_hottest(values: NDArray[np.float32], known: NDArray[np.bool_], inside: NDArray[np.bool_]) -> float:
    if not known.any():
        return math.nan
    hottest = known & (values == values[known].max())
    return float(inside[hottest].mean())


def _false_components(called: NDArray[np.bool_], label: NDArray[np.bool_]) -> float:
    components, n = ndimage.label(called, _CORNERS)
    touching = np.unique(components[label & called])
    return float(n - touching.size)
