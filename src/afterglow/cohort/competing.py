"""Events that rule one another out: cumulative incidence of each (Aalen-Johansen).

One less Kaplan-Meier, with death counted as last seen, is too high: the dead cannot recur any more.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from afterglow.cohort.followed import CENSORED, Whole, at_risk, followed, numbers_at_risk, ticks
from afterglow.records.errors import BadInput
from afterglow.records.statistic import StepCurve, Values


def cumulative_incidence(
    days: ArrayLike, event: ArrayLike, *, of: int = 1, name: str = "all", level: float = 0.95, at: Sequence[float] | None = None
) -> StepCurve:
    """Share to whom event number `of` has come over days, where the others rule it out; 0 is last seen without any.

    The band is log-log on the delta-method variance (Marubini and Valsecchi); NaN where the share is still zero.
    """
    seen = followed(days, event)
    if not seen.days.size:
        raise BadInput(f"cumulative incidence, {name}: nobody was followed; {seen.note or 'the table is empty'}")
    if of < 1:
        raise BadInput(f"cumulative incidence of event {of}; events are numbered from 1, 0 is last seen without any")
    when, incidence, variance = aalen_johansen(seen.days, seen.event, of)
    low, high = np.full_like(incidence, math.nan), np.full_like(incidence, math.nan)
    inside = (incidence > 0) & (incidence < 1)
    f = incidence[inside]
    half = float(stats.norm.isf((1 - level) / 2)) * np.sqrt(variance[inside]) / (f * -np.log(f))
    low[inside], high[inside] = f ** np.exp(half), f ** np.exp(-half)
    counts = numbers_at_risk(seen.days, ticks(seen.days) if at is None else at)
    nothing = np.zeros(1)
    return StepCurve(
        name, np.r_[0.0, when], np.r_[nothing, incidence], np.r_[nothing, low], np.r_[nothing, high],
        f"Aalen-Johansen of event {of}, pointwise log-log interval (delta method), {100 * level:g} %", counts,
        tuple(np.sort(seen.days[seen.event == CENSORED]).tolist()),
    )  # fmt: skip


def aalen_johansen(days: Values, event: Whole, of: int) -> tuple[Values, Values, Values]:
    """Days of any event, cumulative incidence of event `of` on them, and its variance."""
    risk = at_risk(days, event)
    kept = risk.events > 0
    when, n, d = risk.days[kept], risk.at_risk[kept].astype(np.float64), risk.events[kept].astype(np.float64)
    mine = np.bincount(np.searchsorted(when, days[event == of]), minlength=when.size).astype(np.float64)
    before = np.r_[1.0, np.cumprod(1 - d / n)[:-1]]  # share without any event just before each day
    incidence = np.cumsum(before * mine / n)
    # Greenwood's term of the last day has no value where all who are left have an event; nothing comes after it
    hazard = np.divide(d, n * (n - d), out=np.zeros_like(d), where=n > d)
    own, shared = before**2 * (n - mine) * mine / n**3, before * mine / n**2
    variance = (  # of the last share less each earlier one, squared, multiplied out so that one pass is enough
        incidence**2 * np.cumsum(hazard) - 2 * incidence * np.cumsum(incidence * hazard) + np.cumsum(incidence**2 * hazard)
        + np.cumsum(own) - 2 * (incidence * np.cumsum(shared) - np.cumsum(incidence * shared))
    )  # fmt: skip
    return when, incidence, np.maximum(variance, 0.0)
