"""Whether predicted probabilities are true ones: Brier score and its parts, intercept and slope, the calibration curve."""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from afterglow.cohort.clustered import ratio_se
from afterglow.cohort.labelled import Labelled
from afterglow.cohort.measured import together
from afterglow.cohort.operating import area, operating_points
from afterglow.cohort.proportions import proportion_interval
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated, PlainCurve


@dataclass(frozen=True)
class BrierParts:
    """Brier score = miscalibration - discrimination + uncertainty, against the isotonic recalibration (CORP): no bins to choose."""

    score: Estimated
    miscalibration: float | None  # what recalibration would gain
    discrimination: float | None  # what it gains over saying the same for all
    uncertainty: float | None  # of saying the same for all


def brier(sample: Labelled, *, level: float = 0.95) -> BrierParts:
    """Mean squared distance of probability and truth, with a normal interval on the logarithm, patients independent."""
    check_probabilities(sample)
    n, name = sample.truth.size, f"Brier score of {sample.name}"
    if not n:
        return BrierParts(
            Estimated(name, None, level=level, note=together("no exam with a value", sample.words)), None, None, None
        )
    truth = sample.truth.astype(np.float64)
    squared = (sample.values - truth) ** 2
    score = float(squared.mean())
    se = ratio_se(squared, sample.patients) if sample.n_patients > 1 else 0.0
    if se < 1e-15 or score <= 0:
        note = together("no interval: the errors show no spread", sample.words)
        found = Estimated(name, score, n=n, level=level, note=note)
    else:
        factor = math.exp(float(stats.t.isf((1 - level) / 2, sample.n_patients - 1)) * se / score)
        rule = "of the logarithm, t with patients - 1 degrees of freedom"
        found = Estimated(name, score, score / factor, score * factor, rule, n, level=level, note=sample.words)
    again = float(np.mean((_isotonic(sample) - truth) ** 2))
    uncertainty = float(truth.mean() * (1 - truth.mean()))
    return BrierParts(found, score - again, uncertainty - again, uncertainty)


def calibration_line(sample: Labelled, *, level: float = 0.95) -> tuple[Estimated, Estimated]:
    """Intercept with the slope held at 1 (0 is right: "in the large"), and slope (1 is right; below it, too extreme).

    Logistic regression on the logit of the probability; where a patient has several exams its variance is robust for that.
    """
    check_probabilities(sample)
    n, why = sample.truth.size, _no_line(sample)
    names = f"calibration intercept of {sample.name}", f"calibration slope of {sample.name}"
    if why:
        intercept, slope = (Estimated(name, None, n=n, level=level, note=together(why, sample.words)) for name in names)
        return intercept, slope
    logits = special.logit(sample.values)
    ones = np.ones((n, 1))
    intercept = _fitted(names[0], sample, ones, logits, level)
    if np.ptp(logits) == 0:
        return intercept, Estimated(names[1], None, n=n, level=level, note=together("all probabilities are equal", sample.words))
    if float(area(operating_points(sample))) in (0.0, 1.0):
        note = "the probabilities part the exams perfectly: the slope has no end"
        return intercept, Estimated(names[1], None, n=n, level=level, note=together(note, sample.words))
    return intercept, _fitted(names[1], sample, np.column_stack([ones, logits]), None, level)


def calibration_curve(sample: Labelled, *, groups: int = 10, level: float = 0.95) -> PlainCurve:
    """Share of positives over mean probability in groups of about equal size, with Wilson's interval; ties stay together."""
    check_probabilities(sample)
    if groups < 1:
        raise BadInput(f"{sample.name}: a calibration curve of {groups} groups; give 1 or more")
    edges = np.unique(np.quantile(sample.values, np.linspace(0, 1, groups + 1)[1:-1])) if sample.truth.size else np.empty(0)
    which = np.searchsorted(edges, sample.values, side="left")
    rows = []
    for k in np.unique(which):
        inside = which == k
        x, n = int(sample.truth[inside].sum()), int(inside.sum())
        rows.append((float(sample.values[inside].mean()), x / n, *proportion_interval(x, n, rule="Wilson", level=level)))
    predicted, observed, low, high = np.array(rows).reshape(-1, 4).T
    rule = f"{len(rows)} groups by quantiles of the probability; Wilson, exams independent"
    return PlainCurve(
        sample.name, predicted, observed, "predicted probability", "observed share", low, high, sample.truth.size, rule
    )  # fmt: skip


def _fitted(name: str, sample: Labelled, design: np.ndarray, offset: np.ndarray | None, level: float) -> Estimated:
    """The last coefficient of a logistic regression with its normal interval."""
    import statsmodels.api as sm

    model = sm.GLM(sample.truth.astype(np.float64), design, family=sm.families.Binomial(), offset=offset)
    robust = {"cov_type": "cluster", "cov_kwds": {"groups": sample.patients}} if sample.clustered else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say is asked for below
        fit = model.fit(**robust)
    value, se = float(fit.params[-1]), float(fit.bse[-1])
    n = sample.truth.size
    if not fit.converged or not math.isfinite(se) or not se > 0:
        return Estimated(name, None, n=n, level=level, note=together("the logistic regression did not converge", sample.words))
    half = float(stats.norm.isf((1 - level) / 2)) * se
    rule = "logistic regression, normal" + (", robust over patients" if sample.clustered else "")
    return Estimated(name, value, value - half, value + half, rule, n, level=level, note=sample.words)


def _isotonic(sample: Labelled) -> np.ndarray:
    from sklearn.isotonic import IsotonicRegression

    return np.asarray(IsotonicRegression(y_min=0, y_max=1).fit_transform(sample.values, sample.truth.astype(np.float64)))


def check_probabilities(sample: Labelled) -> None:
    """BadInput for what is no probability of the positive outcome."""
    outside = (sample.values < 0) | (sample.values > 1)
    if outside.any():
        found = float(sample.values[outside][0])
        raise BadInput(f"{sample.name}: {found:g} is no probability; give numbers from 0 to 1, not per cent and not a raw marker")
    if not sample.higher_is_positive:
        raise BadInput(f"{sample.name}: a probability of the positive outcome is high for positive exams; give 1 - p")


def _no_line(sample: Labelled) -> str:
    if sample.lacking:
        return sample.lacking
    ends = int(np.sum((sample.values == 0) | (sample.values == 1)))
    return f"{ends} probabilities of exactly 0 or 1 have no logit" if ends else ""
