"""Shares of exams where patients have several: exams of a patient are alike, and an interval that forgets it is too narrow."""

import math
import warnings
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from afterglow.cohort.labelled import Codes, Flags, codes, truths
from afterglow.cohort.proportions import proportion_interval
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated, Tested, Values

ClusterRule = Literal["ratio estimator", "GEE"]
RATIO = "ratio estimator over patients, Wilson with the effective number of exams and t of patients - 1"
GEE = "GEE, binomial, exchangeable, bias-reduced robust variance, normal on the logit"


def clustered_proportion(
    name: str, hits: ArrayLike, patients: Sequence[str], *, rule: ClusterRule = "ratio estimator", level: float = 0.95
) -> Estimated:
    """Share of exams that are hits, as sensitivity among the positive ones, with an interval that takes patients as independent.

    The ratio estimator weighs each exam alike; GEE weighs exams by how alike a patient's are, so that its share may differ a little.
    """
    hit = truths(name, hits)
    whose = codes(patients, hit.size)
    if rule not in ("ratio estimator", "GEE"):
        raise BadInput(f"{name}: an interval of clustered shares by {rule!r} is not known; choose 'ratio estimator' or 'GEE'")
    n, groups = hit.size, int(whose.max()) + 1 if hit.size else 0
    if not n:
        return Estimated(name, None, level=level, note="there is none to count")
    share, words = float(hit.mean()), f"{n} exams of {groups} patients"
    if groups == n:
        low, high = proportion_interval(int(hit.sum()), n, rule="Wilson", level=level)
        return Estimated(name, share, low, high, "Wilson", n, level=level, note=f"{words}: no patient has several")
    if share in (0.0, 1.0) or groups < 2:
        why = "one patient shows no spread" if groups < 2 else "all are alike, and how alike a patient's exams are does not show"
        return Estimated(name, share, n=n, level=level, note=f"no interval: {why}; {words}")
    return _by_ratio(name, hit, whose, words, level) if rule == "ratio estimator" else _by_gee(name, hit, whose, words, level)


def clustered_rates(
    calls: ArrayLike, truth: ArrayLike, patients: Sequence[str], *, rule: ClusterRule = "ratio estimator", level: float = 0.95
) -> dict[str, Estimated]:
    """Sensitivity and specificity of calls when patients have several exams. BadInput for lists of different length."""
    called, true = truths("the calls", calls), truths("the calls", truth)
    if not called.size == true.size == len(patients):
        raise BadInput(f"{called.size} calls, {true.size} truths, {len(patients)} patients; give one of each for every exam")
    whose = np.asarray(patients, dtype=str)
    kinds = {"sensitivity": true, "specificity": ~true}
    return {
        name: clustered_proportion(name, called[kind] == true[kind], list(whose[kind]), rule=rule, level=level)
        for name, kind in kinds.items()
    }


def clustered_difference(
    name: str, first: ArrayLike, second: ArrayLike, patients: Sequence[str], *, level: float = 0.95
) -> Tested:
    """Whether two readings of the same exams get the same share right, patients independent: the clustered sister of McNemar."""
    one, two = truths(name, first), truths(name, second)
    if one.size != two.size:
        raise BadInput(f"{name}: {one.size} and {two.size} exams; a paired comparison needs both readings of each exam")
    whose = codes(patients, one.size)
    words = "ratio estimator over patients, t with patients - 1 degrees of freedom"
    n, groups = one.size, int(whose.max()) + 1 if one.size else 0
    apart = one.astype(np.float64) - two
    value = float(apart.mean()) if n else None
    se = ratio_se(apart, whose) if groups > 1 else 0.0
    statistic = f"t({max(groups - 1, 0)})"
    if value is None or not se:
        why = "no exam" if value is None else "one patient" if groups < 2 else "the readings got the same exams right"
        effect = Estimated(name, value, n=n, level=level, note=why)
        return Tested("paired shares", words, (n,), statistic, None, None, (effect,), name, f"{why}: nothing to test")
    half = float(stats.t.isf((1 - level) / 2, groups - 1)) * se
    effect = Estimated(name, value, max(-1.0, value - half), min(1.0, value + half), words, n, level=level)
    p = 2 * float(stats.t.sf(abs(value) / se, groups - 1))
    return Tested("paired shares", words, (n,), statistic, value / se, p, (effect,), name, f"{n} exams of {groups} patients")


def clustered_mean(
    name: str, values: ArrayLike, patients: Sequence[str], *, unit: str = "1", level: float = 0.95, about: str = ""
) -> Tested:
    """Whether a mean over lesions or exams is zero, patients independent. BadInput for a value that is not finite."""
    found = np.asarray(values, dtype=np.float64)
    if not np.isfinite(found).all():
        raise BadInput(f"{name}: a value is not finite; leave out what was not measured")
    whose = codes(patients, found.size)
    n, groups = found.size, int(whose.max()) + 1 if found.size else 0
    rule, statistic = "ratio estimator over patients, t with patients - 1 degrees of freedom", f"t({max(groups - 1, 0)})"
    value = float(found.mean()) if n else None
    se = ratio_se(found, whose) if groups > 1 else 0.0
    if value is None or not se:
        why = "there is none" if value is None else "one patient shows no spread" if groups < 2 else "all patients are alike"
        effect = Estimated(name, value, n=n, unit=unit, level=level, note=why)
        return Tested("mean over patients", rule, (n,), statistic, None, None, (effect,), about, f"{why}: nothing to test")
    half = float(stats.t.isf((1 - level) / 2, groups - 1)) * se
    effect = Estimated(name, value, value - half, value + half, rule, n, unit, level, f"{n} of {groups} patients")
    p = 2 * float(stats.t.sf(abs(value) / se, groups - 1))
    return Tested("mean over patients", rule, (n,), statistic, value / se, p, (effect,), about, f"{n} of {groups} patients")


def ratio_se(values: Values, patients: Codes) -> float:
    """Standard error of the mean over exams when patients are drawn: the ratio of two sums over patients, linearised."""
    groups = int(patients.max()) + 1
    sums = np.bincount(patients, weights=values - values.mean(), minlength=groups)
    return math.sqrt(groups / (groups - 1) * float(sums @ sums)) / values.size


def _by_ratio(name: str, hit: Flags, whose: Codes, words: str, level: float) -> Estimated:
    share, n, groups = float(hit.mean()), hit.size, int(whose.max()) + 1
    se = ratio_se(hit.astype(np.float64), whose)
    if se == 0:
        return Estimated(name, share, n=n, level=level, note=f"no interval: each patient has the same share; {words}")
    effect = se**2 / (share * (1 - share) / n)
    t2, alone = float(stats.t.isf((1 - level) / 2, groups - 1)) ** 2, n / effect
    centre, whole = share + t2 / (2 * alone), 1 + t2 / alone
    half = math.sqrt(t2 * (share * (1 - share) / alone + t2 / (4 * alone**2)))
    note = f"{words}, design effect {effect:.2f}"
    return Estimated(
        name, share, max(0.0, (centre - half) / whole), min(1.0, (centre + half) / whole), RATIO, n, level=level, note=note
    )


def _by_gee(name: str, hit: Flags, whose: Codes, words: str, level: float) -> Estimated:
    import statsmodels.api as sm

    n = hit.size
    model = sm.GEE(
        hit.astype(np.float64),
        np.ones((n, 1)),
        groups=whose,
        family=sm.families.Binomial(),
        cov_struct=sm.cov_struct.Exchangeable(),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say is asked for below
        fit = model.fit(cov_type="bias_reduced")
    centre, se = float(fit.params[0]), float(fit.standard_errors(cov_type="bias_reduced")[0])
    if not fit.converged or not math.isfinite(centre) or not math.isfinite(se) or se == 0:
        return Estimated(name, float(hit.mean()), n=n, level=level, note=f"no interval: GEE did not converge; {words}")
    half = float(stats.norm.isf((1 - level) / 2)) * se
    value, low, high = (float(special.expit(v)) for v in (centre, centre - half, centre + half))
    return Estimated(name, value, low, high, GEE, n, level=level, note=words)
