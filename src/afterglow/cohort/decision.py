"""Decision curve: what calling by a probability gains over treating all or none, in true positives for each exam."""

from collections.abc import Sequence

import numpy as np

from afterglow.cohort.calibration import check_probabilities
from afterglow.cohort.labelled import Labelled
from afterglow.cohort.resampling import resample
from afterglow.records.errors import BadInput
from afterglow.records.statistic import PlainCurve, Values

THRESHOLDS = tuple(k / 100 for k in range(1, 100))


def decision_curve(
    sample: Labelled, *, thresholds: Sequence[float] = THRESHOLDS, draws: int = 0, seed: int = 1, level: float = 0.95
) -> tuple[PlainCurve, PlainCurve, PlainCurve]:
    """Net benefit of the model, of treating all, and of treating none, over the probability from which one would treat.

    TP / n - FP / n times p / (1 - p) (Vickers and Elkin 2006); an exam at the threshold is treated. With `draws` a pointwise band by a
    bootstrap of patients.
    """
    check_probabilities(sample)
    at = np.asarray(thresholds, dtype=np.float64)
    if not at.size or not ((at > 0) & (at < 1)).all() or not (np.diff(at) > 0).all():
        raise BadInput(f"{sample.name}: thresholds of a decision curve rise and lie between 0 and 1, without the ends")
    n = sample.truth.size
    if not n:
        raise BadInput(f"{sample.name}: no exam with a value; a decision curve needs some")
    words = "threshold probability", "net benefit in true positives for each exam"
    low, high, rule = None, None, "empirical, not smoothed"
    if draws:
        drawn = resample(lambda w: net_benefit(sample, at, w), sample.patients, draws=draws, seed=seed)
        low, high = np.quantile(drawn.drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
        rule = drawn.rule()
    share = sample.n_positive / n
    model = PlainCurve(sample.name, at, net_benefit(sample, at, np.ones((1, n)))[0], *words, low, high, n, rule)
    every = PlainCurve("treat all", at, share - (1 - share) * at / (1 - at), *words, n=n, rule="from the share of positives")
    none = PlainCurve("treat none", at, np.zeros(at.size), *words, n=n, rule="zero by definition")
    return model, every, none


def net_benefit(sample: Labelled, thresholds: Values, weights: Values) -> Values:
    """weights (d, n) -> (d, thresholds)."""
    order = np.argsort(-sample.values, kind="stable")
    gains = [np.cumsum(weights[:, order] * kind[order], axis=-1) for kind in (sample.truth, ~sample.truth)]
    reach = np.searchsorted(-sample.values[order], -thresholds, side="right")
    true, false = (np.concatenate([np.zeros((g.shape[0], 1)), g], axis=-1)[:, reach] for g in gains)
    benefit: Values = (true - false * thresholds / (1 - thresholds)) / weights.sum(axis=-1, keepdims=True)
    return benefit
