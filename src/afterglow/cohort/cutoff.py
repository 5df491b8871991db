"""The cutoff of the largest Youden index, its bootstrap interval, and how much of its success is the choice itself.

A cutoff lies midway between two neighbouring values of the marker, so that no exam lies on it; what lies on the positive side is
called positive. Where several cutoffs share the largest index, the most specific is taken, and how many share it is said.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from afterglow.cohort.confusion import Confusion, metrics
from afterglow.cohort.labelled import Codes, Flags, Labelled
from afterglow.cohort.measured import together
from afterglow.cohort.operating import operating_points, rates
from afterglow.cohort.resampling import Kind, resample
from afterglow.records.statistic import Estimated, Values

SAME_ROWS = "chosen and tested on the same rows: too good"
TIE = 1e-12  # two indices nearer than this are one


@dataclass(frozen=True)
class ChosenCutoff:
    """A cutoff with what it reaches on the rows that chose it."""

    name: str
    threshold: Estimated  # in the marker's unit
    positive_is: str  # "above" or "below" the threshold
    tied: int  # cutoffs that share the largest index
    counts: Confusion
    apparent: dict[str, Estimated]  # sensitivity, specificity, youden … each with the note SAME_ROWS


def choose_cutoff(
    sample: Labelled, *, unit: str = "1", kind: Kind = "percentile", draws: int = 2000, seed: int = 1, level: float = 0.95
) -> ChosenCutoff:
    """The Youden cutoff and its interval by a bootstrap of patients; no threshold where one kind is missing or all values are equal.

    The largest of many indices moves in jumps, so the interval is rough: docs/statistics-diagnosis.md says how often it covers.
    """
    name = f"Youden cutoff of {sample.name}"
    side = "above" if sample.higher_is_positive else "below"
    n = sample.truth.size
    why = sample.lacking or ("all values are equal" if np.unique(sample.values).size < 2 else "")
    if why:
        nothing = Estimated(name, None, n=n, unit=unit, level=level, note=together(f"no cutoff: {why}", sample.words))
        return ChosenCutoff(sample.name, nothing, side, 0, Confusion(0, 0, 0, 0), {})
    found = resample(lambda w: youden_cutoffs(sample, w), sample.patients, draws=draws, seed=seed, jackknife=kind == "BCa")
    value = float(found.observed[0])
    low, high = found.interval(kind=kind, level=level) or (None, None)
    tied = _tied(sample)
    said = f"{tied} cutoffs share the largest index; the most specific is taken" if tied > 1 else ""
    against = (
        "no cutoff is better than chance: look whether higher or lower speaks for positive" if found.observed[1] <= 0 else ""
    )
    rule = found.rule(kind) if low is not None else ""
    if low is not None and high is not None:
        low, high = min(low, value), max(high, value)
    threshold = Estimated(name, value, low, high, rule, n, unit, level, together(f"positive {side}", said, against, sample.words))
    counts = called_at(sample, value)
    apparent = {
        key: replace(e, note=together(SAME_ROWS, e.note))
        for key, e in metrics(counts, level=level).items()
        if key != "prevalence"
    }
    return ChosenCutoff(sample.name, threshold, side, tied, counts, apparent)


def youden_cutoffs(sample: Labelled, weights: Values) -> Values:
    """weights (d, n) -> (d, 2) cutoff in the marker's unit and its index; NaN in a draw without one kind or of one value."""
    points = operating_points(sample, weights)
    sensitivity, false_rate = rates(points)
    index = sensitivity - false_rate
    present = np.diff(points.true + points.false, axis=-1) > 0  # distinct scores that the draw holds
    inner = present & (np.cumsum(present[:, ::-1], axis=-1)[:, ::-1] > 1)  # all but its lowest: something is below the cutoff
    inside = np.where(inner, index[:, 1:], -np.inf)
    best = inside.max(axis=-1, keepdims=True)
    at = np.argmax(inside >= best - TIE, axis=-1)  # the first has the highest score: the most specific
    above = points.above[1:]
    below = _next_present(present, at)
    cut = np.where(below >= 0, (above[at] + above[np.maximum(below, 0)]) / 2, np.nan)
    valid = np.isfinite(best[:, 0])
    turned = cut if sample.higher_is_positive else -cut
    return np.stack([np.where(valid, turned, np.nan), np.where(valid, best[:, 0], np.nan)], axis=-1)


def called_at(sample: Labelled, threshold: float) -> Confusion:
    """Counts when values on the positive side of the threshold are called positive; a value on it is not."""
    called = sample.values > threshold if sample.higher_is_positive else sample.values < threshold
    true = sample.truth
    tp, fp, tn, fn = (int(np.sum(c)) for c in (called & true, called & ~true, ~called & ~true, ~called & true))
    return Confusion(tp, fp, tn, fn, sample.left_out)


def _tied(sample: Labelled) -> int:
    index = np.subtract(*rates(operating_points(sample)))[1:-1]
    return int(np.sum(index >= index.max() - TIE))


def _next_present(present: Flags, at: Codes) -> Codes:
    """Column of the next lower score that each draw holds, -1 where there is none."""
    columns = np.arange(present.shape[1])
    later = present & (columns[None] > at[:, None])
    return np.where(later.any(axis=-1), np.argmax(later, axis=-1), -1)


def balanced_error(counts: Confusion) -> float:
    """Half the share of missed positives and half that of false positives; NaN where one kind is missing."""
    if not counts.positives or not counts.negatives:
        return math.nan
    return (counts.fn / counts.positives + counts.fp / counts.negatives) / 2
