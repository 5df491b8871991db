"""Calls against the truth: four counts, and every ratio that is made of them, with its interval where one exists."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import stats

from afterglow.cohort.labelled import truths
from afterglow.cohort.measured import together
from afterglow.cohort.proportions import ProportionRule, proportion, proportion_difference, proportion_interval
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated


@dataclass(frozen=True)
class Confusion:
    """How many exams were called rightly and wrongly. `uncalled`: no call could be made, outside the four counts but said."""

    tp: int
    fp: int
    tn: int
    fn: int
    uncalled: int = 0

    def __post_init__(self) -> None:
        for name in ("tp", "fp", "tn", "fn", "uncalled"):
            value = getattr(self, name)
            if value != int(value) or value < 0:
                raise BadInput(f"{name.upper()} is {value:g}; a count of exams is a whole number, 0 or more")

    @property
    def positives(self) -> int:
        return self.tp + self.fn

    @property
    def negatives(self) -> int:
        return self.tn + self.fp

    @property
    def n(self) -> int:
        return self.positives + self.negatives


def confusion_of(calls: Sequence[bool | float | None], truth: Sequence[bool | float]) -> Confusion:
    """Count calls; None or NaN is a call that was not made. BadInput where the truth is not known or the lists differ in length."""
    true = truths("the calls", truth)
    given = np.array([np.nan if c is None else c for c in calls], dtype=np.float64)
    if given.shape != true.shape:
        raise BadInput(f"{given.size} calls and {true.size} truths; give one truth for each call")
    made = ~np.isnan(given)
    called, true = truths("the calls, taken as truth", given[made]), true[made]
    count = {(c, t): int(np.sum((called == c) & (true == t))) for c, t in product((True, False), repeat=2)}
    return Confusion(count[True, True], count[True, False], count[False, False], count[False, True], int((~made).sum()))


METRIC_WORDS = {
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "ppv": "positive predictive value",
    "npv": "negative predictive value",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1",
    "youden": "Youden index",
    "lr_positive": "positive likelihood ratio",
    "lr_negative": "negative likelihood ratio",
    "dor": "diagnostic odds ratio",
    "mcc": "Matthews correlation",
    "prevalence": "share of positives",
}
OTHER_NAMES = {
    "precision": "ppv", "positive_predictive_value": "ppv", "recall": "sensitivity", "true_positive_rate": "sensitivity",
    "negative_predictive_value": "npv", "true_negative_rate": "specificity", "f1_score": "f1", "f": "f1", "youden_index": "youden",
    "j": "youden", "lr+": "lr_positive", "lr-": "lr_negative", "diagnostic_odds_ratio": "dor",
    "matthews_correlation_coefficient": "mcc",
}  # fmt: skip


def metric(
    counts: Confusion, name: str, *, rule: ProportionRule = "Clopper-Pearson", level: float = 0.95, measured: str = ""
) -> Estimated:
    """One ratio by its name, also "precision", "recall", "F1-score" …; `measured` goes before its name in the result."""
    key = name.strip().lower().replace(" ", "_").replace("-", "_") if name not in OTHER_NAMES else name
    key = OTHER_NAMES.get(key, key)
    if key not in METRIC_WORDS:
        raise BadInput(f"a ratio named {name!r} is not known; choose {', '.join(METRIC_WORDS)}")
    words = f"{measured} {METRIC_WORDS[key]}".strip()
    note = f"{counts.uncalled} exams could not be called and are not counted" if counts.uncalled else ""
    if key in PARTS:
        x, n = PARTS[key](counts)
        found = proportion(words, x, n, rule=rule, level=level, note=note)
        return found if n else Estimated(words, None, level=level, note=together(f"nothing to divide by: {EMPTY[key]}", note))
    return RATIOS[key](counts, words, level, note)


def metrics(
    counts: Confusion, *, rule: ProportionRule = "Clopper-Pearson", level: float = 0.95, measured: str = ""
) -> dict[str, Estimated]:
    """Every ratio, under the keys of METRIC_WORDS."""
    return {key: metric(counts, key, rule=rule, level=level, measured=measured) for key in METRIC_WORDS}


PARTS: dict[str, Callable[[Confusion], tuple[int, int]]] = {
    "sensitivity": lambda c: (c.tp, c.positives),
    "specificity": lambda c: (c.tn, c.negatives),
    "ppv": lambda c: (c.tp, c.tp + c.fp),
    "npv": lambda c: (c.tn, c.tn + c.fn),
    "accuracy": lambda c: (c.tp + c.tn, c.n),
    "prevalence": lambda c: (c.positives, c.n),
}
EMPTY = {
    "sensitivity": "no positive exam", "specificity": "no negative exam", "ppv": "nothing was called positive",
    "npv": "nothing was called negative", "accuracy": "no exam", "prevalence": "no exam",
}  # fmt: skip


def _f1(c: Confusion, words: str, level: float, note: str) -> Estimated:
    """2J / (1 + J) of the share J = TP / (TP + FP + FN), and so is its interval: F1 rises with J."""
    n = c.tp + c.fp + c.fn
    if not n:
        return Estimated(words, None, level=level, note=together("no positive exam, and none called positive", note))
    value, low, high = (2 * j / (1 + j) for j in (c.tp / n, *proportion_interval(c.tp, n, level=level)))
    return Estimated(words, value, low, high, "Clopper-Pearson of TP / (TP + FP + FN), carried over", n, level=level, note=note)


def _youden(c: Confusion, words: str, level: float, note: str) -> Estimated:
    """Sensitivity less the share of false positives: a difference of two shares of different exams."""
    if not c.positives or not c.negatives:
        return Estimated(words, None, level=level, note=together("positive and negative exams are needed", note))
    d = proportion_difference(words, c.tp, c.positives, c.fp, c.negatives, level=level)
    return Estimated(words, d.value, d.low, d.high, "Newcombe", c.n, level=level, note=note)


def _balanced(c: Confusion, words: str, level: float, note: str) -> Estimated:
    j = _youden(c, words, level, note)
    if j.value is None or j.low is None or j.high is None:
        return j
    value, low, high = ((1 + v) / 2 for v in (j.value, j.low, j.high))
    return Estimated(words, value, low, high, "Newcombe of the Youden index, carried over", c.n, level=level, note=note)


def _lr_positive(c: Confusion, words: str, level: float, note: str) -> Estimated:
    return _ratio(c.tp, c.positives, c.fp, c.negatives, "no false positive: the ratio has no end", words, level, note)


def _lr_negative(c: Confusion, words: str, level: float, note: str) -> Estimated:
    return _ratio(c.fn, c.positives, c.tn, c.negatives, "no true negative: the ratio has no end", words, level, note)


def _ratio(x1: int, n1: int, x2: int, n2: int, endless: str, words: str, level: float, note: str) -> Estimated:
    """Two shares of different exams over each other, with the log interval (Simel 1991)."""
    if not n1 or not n2:
        return Estimated(words, None, level=level, note=together("positive and negative exams are needed", note))
    if not x2:
        return Estimated(words, None, level=level, note=together(endless, note))
    value = (x1 / n1) / (x2 / n2)
    if not x1:
        return Estimated(words, value, n=n1 + n2, level=level, note=together("no logarithm of 0, so no interval", note))
    half = float(stats.norm.isf((1 - level) / 2)) * math.sqrt(1 / x1 - 1 / n1 + 1 / x2 - 1 / n2)
    low, high = value * math.exp(-half), value * math.exp(half)
    return Estimated(words, value, low, high, "normal, of the logarithm", n1 + n2, level=level, note=note)


def _odds(c: Confusion, words: str, level: float, note: str) -> Estimated:
    if min(c.fp, c.fn) == 0:
        why = "no false call of one kind: the ratio has no end; nothing was added to empty cells"
        return Estimated(words, None, level=level, note=together(why, note))
    value = c.tp * c.tn / (c.fp * c.fn)
    if not value:
        return Estimated(words, value, n=c.n, level=level, note=together("no logarithm of 0, so no interval", note))
    half = float(stats.norm.isf((1 - level) / 2)) * math.sqrt(1 / c.tp + 1 / c.tn + 1 / c.fp + 1 / c.fn)
    low, high = value * math.exp(-half), value * math.exp(half)
    return Estimated(words, value, low, high, "Woolf, normal of the logarithm", c.n, level=level, note=note)


def _mcc(c: Confusion, words: str, level: float, note: str) -> Estimated:
    sides = (c.tp + c.fp, c.positives, c.negatives, c.tn + c.fn)
    if 0 in sides:
        return Estimated(words, None, level=level, note=together("one kind of exam or of call is missing", note))
    value = (c.tp * c.tn - c.fp * c.fn) / math.sqrt(math.prod(sides))
    why = "no interval in closed form; a bootstrap of patients gives one"
    return Estimated(words, value, n=c.n, level=level, note=together(why, note))


RATIOS: dict[str, Callable[[Confusion, str, float, str], Estimated]] = {
    "f1": _f1, "youden": _youden, "balanced_accuracy": _balanced, "lr_positive": _lr_positive, "lr_negative": _lr_negative,
    "dor": _odds, "mcc": _mcc,
}  # fmt: skip
