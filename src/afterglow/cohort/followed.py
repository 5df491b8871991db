"""People followed until something happens or they are last seen: who is at risk on which day. Days, never dates."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from afterglow.cohort.measured import measured_together
from afterglow.records.clock import unit_of_time
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Values

Whole = NDArray[np.int64]
CENSORED = 0


class AtRisk(NamedTuple):
    """On each day on which anyone left: how many were at risk just before, and what happened to how many."""

    days: Values  # (k,) ascending
    at_risk: Whole
    events: Whole  # of any kind


class FollowUp(NamedTuple):
    """Days until the end of each person's follow-up, and what ended it: 0 last seen without event, 1, 2, … the events."""

    days: Values
    event: Whole
    note: str


def followed(days: ArrayLike, event: ArrayLike) -> FollowUp:
    """Checked follow-up, people without day or event left out. BadInput for a day below zero or an event that is no whole number."""
    (t, e), note = measured_together([days, event], ["the days", "the events"])
    if (t < 0).any():
        raise BadInput(f"follow-up of {float(t.min()):g} days; days count from the start of follow-up and are not below zero")
    if ((e < 0) | (e != np.floor(e))).any():
        raise BadInput("an event is 0 (last seen without it), 1, or 2 and more for others that come instead")
    return FollowUp(t, e.astype(np.int64), note)


def at_risk(days: Values, event: Whole) -> AtRisk:
    """Counts on each day on which anyone left; who is last seen on the day of an event was still at risk on it."""
    when, which = np.unique(days, return_inverse=True)
    leaving = np.bincount(which, minlength=when.size)
    events = np.bincount(which, weights=event != CENSORED, minlength=when.size).astype(np.int64)
    return AtRisk(when, np.cumsum(leaving[::-1])[::-1], events)


def numbers_at_risk(days: Values, at: Sequence[float]) -> tuple[tuple[float, int], ...]:
    """How many are followed up to each of the days or longer."""
    return tuple((float(day), int((days >= day).sum())) for day in at)


def ticks(days: Values, count: int = 6) -> tuple[float, ...]:
    """Days at which numbers at risk are told: about `count` steps of 1, 7, 30, 90, 180 days; of 3, 6, 12 … months beyond a year."""
    last = float(days.max()) if days.size else 0.0
    months = unit_of_time(last)[1]
    steps = [1.0, 7.0, 30.0, 90.0, 180.0] if months == 1.0 else [months * k for k in (3, 6, *range(12, 1201, 12))]
    step = next((s for s in steps if last / s <= count), steps[-1])
    return tuple(step * k for k in range(int(last // step) + 1))
