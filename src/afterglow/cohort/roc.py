"""ROC curve with its band, and precision over recall with its average; nothing is smoothed."""

from typing import Literal

import numpy as np
from scipy import stats

from afterglow.cohort.auc import AucRule, auc
from afterglow.cohort.labelled import Codes, Labelled
from afterglow.cohort.measured import together
from afterglow.cohort.operating import operating_points, over, rates
from afterglow.cohort.resampling import resample
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated, PlainCurve, RocCurve, Values

BandRule = Literal["bootstrap", "Wilson", "none"]
GRID = 201  # false positive rates at which a bootstrapped band is made
MANY = 512  # points; of a longer curve those on a straight line are left out


def roc_curve(
    sample: Labelled,
    *,
    auc_rule: AucRule | None = None,
    band: BandRule = "bootstrap",
    draws: int = 2000,
    seed: int = 1,
    level: float = 0.95,
    marked: tuple[tuple[str, float, float], ...] = (),
) -> RocCurve:
    """The empirical curve; its thresholds are in the marker's unit, and a point calls positive what reaches its threshold.

    band: "bootstrap" of patients, sensitivity at each false positive rate; or "Wilson" of the sensitivity at each threshold, which
    says nothing about the false positive rate and takes exams as independent. Both are pointwise. BadInput where one kind is missing.
    """
    if sample.lacking:
        raise BadInput(f"{sample.name}: {sample.lacking}; a ROC curve needs both kinds")
    points = operating_points(sample)
    kept = _drawn_points(points.true, points.false)
    sensitivity, false_rate = (r[kept] for r in rates(points))
    thresholds = points.above[kept] if sample.higher_is_positive else -points.above[kept]
    low, high, rule = None, None, ""
    if band == "bootstrap" and sample.n_patients > 1:
        low, high, rule = _drawn_band(sample, false_rate, draws=draws, seed=seed, level=level)
    elif band == "Wilson":
        low, high = wilson(points.true[kept], float(sample.n_positive), level=level)
        rule = "Wilson of the sensitivity at each threshold"
    return RocCurve(
        sample.name, false_rate, sensitivity, thresholds, auc(sample, rule=auc_rule, level=level), sample.n_positive,
        sample.n_negative, low, high, rule, marked,
    )  # fmt: skip


def precision_recall(sample: Labelled, *, draws: int = 2000, seed: int = 1, level: float = 0.95) -> tuple[PlainCurve, Estimated]:
    """Precision over recall at each threshold, and the average precision (a sum of steps, nothing between them) with its interval.

    A marker that tells nothing has the share of positives as its average precision; the note says that number.
    """
    name = f"average precision of {sample.name}"
    if not sample.n_positive:
        curve = PlainCurve(sample.name, np.empty(0), np.empty(0), "recall", "precision", n=sample.truth.size)
        return curve, Estimated(name, None, n=sample.truth.size, level=level, note=together("no positive exam", sample.words))
    points = operating_points(sample)
    recall, precision = points.true[1:] / sample.n_positive, points.true[1:] / (points.true + points.false)[1:]
    chance = f"chance gives {sample.n_positive / sample.truth.size:.3g}"
    drawn = resample(lambda w: average_precision(sample, w), sample.patients, draws=draws, seed=seed)
    found = float(drawn.observed[0])
    low, high = drawn.interval(kind="basic on the logit", level=level) or (None, None)
    rule = drawn.rule("basic on the logit") if low is not None else ""
    note = together(
        chance, "" if low is not None else "no interval: one patient, or a perfect order shows no spread", sample.words
    )
    curve = PlainCurve(
        sample.name, recall, precision, "recall", "precision", n=sample.truth.size, rule="at each threshold, not smoothed"
    )
    return curve, Estimated(name, found, low, high, rule, sample.truth.size, level=level, note=note)


def average_precision(sample: Labelled, weights: Values) -> Values:
    """weights (d, n) -> (d,); NaN in a draw without positives."""
    points = operating_points(sample, weights)
    precision = over(points.true, points.true + points.false)
    gained = np.diff(points.true, axis=-1) * np.nan_to_num(precision[..., 1:])
    return over(gained.sum(axis=-1), points.true[..., -1])


def wilson(x: Values, n: float, *, level: float = 0.95) -> tuple[Values, Values]:
    """Wilson's interval of many counts of one n."""
    z = float(stats.norm.isf((1 - level) / 2))
    share, whole = x / n, 1 + z**2 / n
    centre, half = share + z**2 / (2 * n), z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.clip((centre - half) / whole, 0, 1), np.clip((centre + half) / whole, 0, 1)


def _drawn_band(sample: Labelled, at: Values, *, draws: int, seed: int, level: float) -> tuple[Values | None, Values | None, str]:
    grid = np.linspace(0, 1, GRID)

    def sensitivities(weights: Values) -> Values:
        each = zip(*rates(operating_points(sample, weights)), strict=True)
        return np.array([np.interp(grid, false, true) for true, false in each])

    drawn = resample(sensitivities, sample.patients, draws=draws, seed=seed)
    whole = drawn.drawn[~np.isnan(drawn.drawn).any(axis=1)]
    if not whole.size:
        return None, None, ""
    low, high = np.quantile(whole, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return np.interp(at, grid, low), np.interp(at, grid, high), f"{drawn.rule()}, at {GRID} false positive rates"


def _drawn_points(true: Values, false: Values) -> Codes:
    """All points of a short curve, for the band bends between corners; of a long one those without which it would be another one."""
    if true.size <= MANY:
        return np.arange(true.size)
    turns = (np.diff(true, 2) != 0) | (np.diff(false, 2) != 0)
    return np.flatnonzero(np.concatenate([[True], turns, [True]]))
