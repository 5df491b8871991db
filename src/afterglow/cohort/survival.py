"""Time to an event where some are last seen before it: Kaplan-Meier with its median, log-rank, restricted mean."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from afterglow.cohort.followed import CENSORED, Whole, at_risk, followed, numbers_at_risk, ticks
from afterglow.cohort.measured import measured_together, together
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated, StepCurve, Tested, Values

BAND = "Kaplan-Meier, pointwise log-log interval (Greenwood)"


def kaplan_meier(
    days: ArrayLike, event: ArrayLike, *, name: str = "all", level: float = 0.95, at: Sequence[float] | None = None
) -> StepCurve:
    """Share without event over days; `event` is 1 where it came and 0 where the patient was last seen without it.

    The band is log-log, so that it stays between 0 and 1. It is NaN where nobody is left without event, as nothing tells the
    spread there. `at`: days at which the number at risk is told.
    """
    seen = followed(days, event)
    _one_kind(seen.event)
    if not seen.days.size:
        raise BadInput(f"survival, {name}: nobody was followed; {seen.note or 'the table is empty'}")
    risk = at_risk(seen.days, seen.event)
    happened = risk.events > 0
    n, d = risk.at_risk[happened].astype(np.float64), risk.events[happened].astype(np.float64)
    survival = np.asarray(np.cumprod(1 - d / n), dtype=np.float64)
    low, high = _log_log(survival, n, d, level)
    start = np.ones(1)
    counts = numbers_at_risk(seen.days, ticks(seen.days) if at is None else at)
    return StepCurve(
        name, np.r_[0.0, risk.days[happened]], np.r_[start, survival], np.r_[start, low], np.r_[start, high],
        f"{BAND}, {100 * level:g} %", counts, tuple(np.sort(seen.days[seen.event == CENSORED]).tolist()),
    )  # fmt: skip


def median_days(curve: StepCurve, *, level: float = 0.95, n: int = 0) -> Estimated:
    """The first day on which half or fewer are without event; the interval is where the band holds one half.

    (Brookmeyer and Crowley.) An upper end that the follow-up does not reach is infinite; `level` is that of the curve's band.
    """
    middle = _first(curve.times_days, curve.values)
    low, high = _first(curve.times_days, curve.low), _first(curve.times_days, curve.high)
    note = "" if middle is not None else "more than half were without event at the end of follow-up"
    if middle is not None and high is None:
        note = "the follow-up does not reach the upper end"
    rule = "Brookmeyer-Crowley on the log-log band"
    if low is None:
        return Estimated("median", middle, n=n, unit="d", level=level, note=note or "the band never reaches one half")
    return Estimated("median", middle, low, math.inf if high is None else high, rule, n=n, unit="d", level=level, note=note)


def log_rank(days: ArrayLike, event: ArrayLike, labels: Sequence[str], *, about: str = "") -> Tested:
    """Log-rank test of two groups or more; the effects are observed over expected events of each group."""
    groups = list(dict.fromkeys(labels))
    if np.asarray(days).size != len(labels):
        raise BadInput(f"log-rank: {np.asarray(days).size} patients and {len(labels)} groups; each patient is in one")
    numbers = np.array([groups.index(g) for g in labels], dtype=np.float64)
    (t, e, code), missing = measured_together([days, event, numbers], ["the days", "the events", "the groups"])
    seen = followed(t, e)
    _one_kind(seen.event)
    n = tuple(int((code == k).sum()) for k in range(len(groups)))
    rule, name = "asymptotic chi-square, hypergeometric variance", f"chi2({len(groups) - 1})"
    why = "there is one group only" if len(groups) < 2 else "a group is empty" if 0 in n else ""
    if not why and not (seen.event != CENSORED).any():
        why = "no event was seen"
    if why:
        return Tested("log-rank", rule, n, name, None, None, about=about, note=together(why, missing))
    apart, spread, ratios = _observed_less_expected(seen.days, seen.event, code.astype(np.int64), len(groups))
    chi2 = float(apart[:-1] @ np.linalg.pinv(spread[:-1, :-1], hermitian=True) @ apart[:-1])
    effects = tuple(
        Estimated(
            f"observed over expected events, {g}",
            None if math.isnan(r) else r,
            n=k,
            note="none expected" if math.isnan(r) else "",
        )
        for g, r, k in zip(groups, ratios.tolist(), n, strict=True)
    )
    p = float(stats.chi2.sf(chi2, len(groups) - 1))
    return Tested("log-rank", rule, n, name, chi2, p, effects, about=about, note=missing)


def restricted_mean(days: ArrayLike, event: ArrayLike, *, up_to_days: float, level: float = 0.95) -> Estimated:
    """Mean number of days without event up to a day: the area under Kaplan-Meier, with a normal interval (Greenwood)."""
    seen = followed(days, event)
    _one_kind(seen.event)
    name = f"mean days without event up to day {up_to_days:g}"
    last = float(seen.days.max()) if seen.days.size else 0.0
    if not seen.days.size or (last < up_to_days and not (seen.event[seen.days == last] != CENSORED).any()):
        return Estimated(
            name, None, n=seen.days.size, unit="d", level=level, note="nobody is followed so long; take an earlier day"
        )
    risk = at_risk(seen.days, seen.event)
    kept = (risk.events > 0) & (risk.days <= up_to_days)
    n, d = risk.at_risk[kept].astype(np.float64), risk.events[kept].astype(np.float64)
    edges = np.r_[0.0, risk.days[kept], up_to_days]
    areas = np.r_[1.0, np.cumprod(1 - d / n)] * np.diff(edges)
    beyond = areas[::-1].cumsum()[::-1][1:]
    left = n > d
    se = math.sqrt(float((beyond[left] ** 2 * d[left] / (n[left] * (n[left] - d[left]))).sum()))
    half, mean = float(stats.norm.isf((1 - level) / 2)) * se, float(areas.sum())
    return Estimated(
        name, mean, mean - half, mean + half, "normal (Greenwood)", n=seen.days.size, unit="d", level=level, note=seen.note
    )


def _log_log(survival: Values, n: Values, d: Values, level: float) -> tuple[Values, Values]:
    """Band of survival on the scale of log(-log S); NaN where S is 0."""
    low, high = np.full_like(survival, math.nan), np.full_like(survival, math.nan)
    inside = survival > 0
    s = survival[inside]
    greenwood = np.cumsum(d[inside] / (n[inside] * (n[inside] - d[inside])))
    half = float(stats.norm.isf((1 - level) / 2)) * np.sqrt(greenwood) / -np.log(s)
    low[inside], high[inside] = s ** np.exp(half), s ** np.exp(-half)
    return low, high


def _observed_less_expected(days: Values, event: Whole, code: Whole, groups: int) -> tuple[Values, Values, Values]:
    """Events less those expected of each group, their covariance, and observed over expected."""
    when, which = np.unique(days, return_inverse=True)
    leaving, happened = np.zeros((when.size, groups)), np.zeros((when.size, groups))
    np.add.at(leaving, (which, code), 1)
    np.add.at(happened, (which, code), event != CENSORED)
    risk = leaving[::-1].cumsum(axis=0)[::-1]
    n, d = risk.sum(axis=1), happened.sum(axis=1)
    share = risk / n[:, None]
    expected = d @ share
    factor = np.divide(d * (n - d), n - 1, out=np.zeros_like(n), where=n > 1)
    spread = np.diag(factor @ share) - (share * factor[:, None]).T @ share
    observed = happened.sum(axis=0)
    ratios = np.divide(observed, expected, out=np.full(groups, math.nan), where=expected > 0)
    return observed - expected, spread, ratios


def _first(days: Values, values: Values) -> float | None:
    below = np.flatnonzero(values <= 0.5 + 1e-12)  # NaN is not below
    return float(days[below[0]]) if below.size else None


def _one_kind(event: Whole) -> None:
    if (event > 1).any():
        raise BadInput("several kinds of event: Kaplan-Meier would count the others as last seen; use cumulative incidence")
