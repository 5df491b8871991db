"""Where radiation would go by the standard margin and by a model, at the same volume, and what of the recurrence each would meet."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.records.locking import locked
from afterglow.records.predicted import COVERED_EQUAL, COVERED_GAIN, COVERED_STANDARD, SPARED, TARGET_VOLUME, covered_by
from afterglow.records.recurrence import LearningCase, Predicted, RecurrenceMap
from afterglow.recurrence.geodesic import Distances, tumour_distance
from afterglow.recurrence.scores import known_voxels, rows_of

MARGIN_MM = (
    15.0  # around the enhancing tumour: ESTRO-EANO guideline (doi:10.1016/j.radonc.2023.109663); 20 mm before, ESTRO-ACROP 2016
)
MARGIN_SOURCE = "ESTRO-EANO guideline for glioblastoma, doi:10.1016/j.radonc.2023.109663"
VOLUMES_ML = (2, 5, 10, 20, 30, 40, 60, 80, 100, 150, 200)  # beyond the tumour, of the coverage curve


@dataclass(frozen=True, eq=False)
class RiskTarget:
    """The standard target of a patient and the model's, of equal volume; both hold the enhancing tumour. Research, not for treatment."""

    standard: NDArray[np.bool_]  # (i, j, k)
    chosen: NDArray[np.bool_]  # (i, j, k); as large as `standard` to the voxel
    margin_mm: float
    rows: tuple[Predicted, ...]  # none where the tumour did not come back, or that is not known

    def __post_init__(self) -> None:
        object.__setattr__(self, "standard", locked(self.standard))
        object.__setattr__(self, "chosen", locked(self.chosen))


def risk_target(
    made: RecurrenceMap, case: LearningCase, *, margin_mm: float = MARGIN_MM, distance_mm: Distances | None = None
) -> RiskTarget | None:
    """The standard margin against the model's hottest voxels beyond the tumour; `distance_mm`: `tumour_distance`, where it is at hand.

    The margin is walked inside the brain (recurrence.geodesic: the brain's outline is the only barrier known). Equally hot voxels
    are taken nearest first. None where no enhancing tumour is outlined, or the map knows too few voxels for so large a target.
    """
    distance = tumour_distance(case) if distance_mm is None else distance_mm
    if distance is None:
        return None
    tumour = distance == 0
    standard = np.nan_to_num(distance, nan=np.inf) <= margin_mm
    order = _hottest_first(made, known_voxels(made, case) & ~tumour, distance)
    beyond = int(standard.sum() - tumour.sum())
    if order.size < beyond:
        return None
    chosen = tumour.copy()
    chosen.ravel()[order[:beyond]] = True
    rows = tuple(_rows(case, tumour, standard, order, beyond)) if case.recurs else ()
    return RiskTarget(standard, chosen, margin_mm, rows_of(made, case, rows))


def _hottest_first(made: RecurrenceMap, candidates: NDArray[np.bool_], distance: Distances) -> NDArray[np.intp]:
    """Flat indices of the candidates: hottest first, then nearest to the tumour, then in the order of the grid."""
    where = np.flatnonzero(candidates)
    order: NDArray[np.intp] = where[np.lexsort((distance.ravel()[where], -made.probability.ravel()[where].astype(np.float64)))]
    return order


def _rows(
    case: LearningCase, tumour: NDArray[np.bool_], standard: NDArray[np.bool_], order: NDArray[np.intp], beyond: int
) -> Iterator[tuple[str, float, str]]:
    """Shares of the whole recurrence, the tumour's part of it in both; healthy tissue is what the recurrence does not hold.

    Tissue spared is below zero where the model would need more than the margin to cover as much.
    """
    label = np.zeros(case.grid.shape, dtype=bool) if case.label is None else case.label
    total, ml = int(label.sum()), case.grid.voxel_ml
    met = np.concatenate([[0], np.cumsum(label.ravel()[order])]) + int(label[tumour].sum())  # voxels met by the k hottest
    by_margin = int(label[standard].sum())
    enough = int(np.searchsorted(met, by_margin, side="left"))
    healthy_margin = beyond - (by_margin - int(met[0]))
    spared = (healthy_margin - (enough - (int(met[enough]) - int(met[0])))) * ml if enough < met.size else math.nan
    yield TARGET_VOLUME, beyond * ml, "mL"
    yield COVERED_STANDARD, by_margin / total, "1"
    yield COVERED_EQUAL, float(met[beyond]) / total, "1"
    yield COVERED_GAIN, (float(met[beyond]) - by_margin) / total, "1"
    yield SPARED, spared, "mL"
    for volume in VOLUMES_ML:
        k = round(volume / ml)
        yield covered_by(volume), float(met[k]) / total if k < met.size else math.nan, "1"
