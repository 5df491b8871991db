"""Every ratio of calls and truth with one kind of interval, a bootstrap of patients: for clustered exams, F1 and Matthews' correlation."""

from collections.abc import Sequence

import numpy as np

from afterglow.cohort.confusion import METRIC_WORDS, confusion_of, metric
from afterglow.cohort.labelled import codes, recoded, truths
from afterglow.cohort.measured import together
from afterglow.cohort.operating import over
from afterglow.cohort.resampling import Kind, resample
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated, Values


def resampled_metrics(
    calls: Sequence[bool | float | None],
    truth: Sequence[bool | float],
    patients: Sequence[str] | None = None,
    *,
    kind: Kind = "percentile",
    draws: int = 2000,
    seed: int = 1,
    level: float = 0.95,
    measured: str = "",
) -> dict[str, Estimated]:
    """The ratios of `metrics`; exams without a call (None or NaN) are left out and counted, without patients exams are drawn.

    No interval where fewer than half of the draws give the ratio a value, and none where all draws give the same one.
    """
    counts = confusion_of(calls, truth)
    if patients is not None and len(patients) != len(truth):
        raise BadInput(f"{len(patients)} patients for {len(truth)} exams; give one patient for each exam")
    given = np.array([np.nan if c is None else c for c in calls], dtype=np.float64)
    made = ~np.isnan(given)
    called, true = given[made].astype(bool), truths("the calls", truth)[made]
    whose = recoded(codes(patients, given.size)[made])
    kinds = np.stack([called & true, called & ~true, ~called & ~true, ~called & true]).astype(np.float64)
    drawn = resample(lambda w: ratios(w @ kinds.T), whose, draws=draws, seed=seed, jackknife=kind == "BCa") if counts.n else None
    found = {}
    for k, name in enumerate(METRIC_WORDS):
        plain = metric(counts, name, level=level, measured=measured)
        ends = None if drawn is None or plain.value is None else drawn.interval(k, kind=kind, level=level)
        why = f"{counts.uncalled} exams could not be called and are not counted" if counts.uncalled else ""
        if drawn is None or plain.value is None:
            found[name] = plain
        elif ends is None or ends[0] == ends[1]:
            note = together("no interval: the draws give no value or one and the same", why)
            found[name] = Estimated(plain.name, plain.value, n=plain.n, level=level, note=note)
        else:
            low, high = min(ends[0], plain.value), max(ends[1], plain.value)
            found[name] = Estimated(plain.name, plain.value, low, high, drawn.rule(kind), plain.n, level=level, note=why)
    return found


def ratios(counts: Values) -> Values:
    """counts (d, 4) of TP, FP, TN, FN -> (d, ratios in the order of METRIC_WORDS), NaN where a ratio has no value."""
    tp, fp, tn, fn = counts.T
    sensitivity, specificity = over(tp, tp + fn), over(tn, tn + fp)
    with_all = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    each = {
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv": over(tp, tp + fp),
        "npv": over(tn, tn + fn),
        "accuracy": over(tp + tn, tp + fp + tn + fn),
        "balanced_accuracy": (sensitivity + specificity) / 2,
        "f1": over(2 * tp, 2 * tp + fp + fn),
        "youden": sensitivity + specificity - 1,
        "lr_positive": over(sensitivity, 1 - specificity),
        "lr_negative": over(1 - sensitivity, specificity),
        "dor": over(tp * tn, fp * fn),
        "mcc": over(tp * tn - fp * fn, np.sqrt(with_all)),
        "prevalence": over(tp + fn, tp + fp + tn + fn),
    }
    return np.stack([each[name] for name in METRIC_WORDS], axis=-1)
