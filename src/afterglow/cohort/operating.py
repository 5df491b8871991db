"""Operating points of a marker: how many exams of each kind lie at or above each of its values, for any weights of the exams."""

from typing import NamedTuple

import numpy as np

from afterglow.cohort.labelled import Labelled
from afterglow.records.statistic import Values


class Points(NamedTuple):
    """From "none is positive" to "all are"; `above` are the distinct scores in falling order, the first point lies above all."""

    true: Values  # (..., k + 1) weight of positives called positive
    false: Values  # (..., k + 1) weight of negatives called positive
    above: Values  # (k + 1,) a point calls positive what reaches this score; the first is infinite


def operating_points(sample: Labelled, weights: Values | None = None) -> Points:
    """weights (d, n), how often each exam counts -> points (d, k + 1); without weights each counts once, and points are (k + 1,)."""
    order = np.argsort(-sample.scores, kind="stable")
    scores = sample.scores[order]
    ends = np.flatnonzero(np.append(np.diff(scores) != 0, True))
    w = np.ones(scores.size) if weights is None else weights[:, order]
    positive = sample.truth[order]
    sums = [np.cumsum(w * kind, axis=-1)[..., ends] for kind in (positive, ~positive)]
    true, false = (np.concatenate([np.zeros((*s.shape[:-1], 1)), s], axis=-1) for s in sums)
    return Points(true, false, np.append(np.inf, scores[ends]))


def rates(points: Points) -> tuple[Values, Values]:
    """Sensitivity and false positive rate of each point; NaN where a draw holds no exam of the kind."""
    return over(points.true, points.true[..., -1:]), over(points.false, points.false[..., -1:])


def area(points: Points) -> Values:
    """Area under the curve by trapezoids: a pair of equal values counts half."""
    sensitivity, false_rate = rates(points)
    return np.asarray(np.trapezoid(sensitivity, false_rate, axis=-1))


def over(part: Values, whole: Values) -> Values:
    """part / whole, NaN where the whole is nothing."""
    shares: Values = np.divide(part, whole, out=np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan), where=whole > 0)
    return shares
