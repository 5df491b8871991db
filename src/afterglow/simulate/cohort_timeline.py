"""When a patient under surveillance is scanned: examinations that count, those that follow them, and the quiet ones between."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from afterglow.simulate.cohort_draw import apportioned

MONTH_D = 30.44
Moment = Literal["quiet", "counted", "growing", "delayed"]
Detection = Literal["", "at once", "next", "second", "treated"]


@dataclass(frozen=True)
class Slot:
    """One examination of a timeline: what it is, which counted examination it belongs to (-1: none yet), and its day."""

    moment: Moment
    event: int
    day: float


@dataclass(frozen=True)
class Due:
    """A counted examination: what must follow it, and when. `delay_d` is the time to the delayed detection."""

    detection: Detection
    delay_d: float
    follow_ups: int  # quiet examinations that must come after it


def needed(dues: Sequence[Due]) -> int:
    """Examinations a patient has at least: 1 where none counts."""
    return sum(1 + _followers(due.detection) for due in dues) + max((due.follow_ups for due in dues), default=0)


def _followers(detection: Detection) -> int:
    return {"next": 1, "second": 2}.get(detection, 0)


def extra_examinations(needs: Sequence[int], total: int, most: int, mostly: Sequence[int], rng: np.random.Generator) -> list[int]:
    """How many quiet examinations each patient has beyond what is needed, so that all sum to `total`.

    Their numbers follow an exponential distribution (the longer followed, the fewer), scaled to the total; no patient exceeds
    `mostly`, the most of that patient, nor `most`, and somebody reaches it. ValueError where the total cannot be reached.
    """
    n, rest = len(needs), total - sum(needs)
    room = [min(cap, most) - need for need, cap in zip(needs, mostly, strict=True)]
    if rest < 0 or rest > sum(max(0, r) for r in room):
        raise ValueError(
            f"{total} examinations of {n} patients cannot be had: {sum(needs)} are needed, {sum(needs) + sum(room)} are the most; change examinations"
        )
    ranks = (np.arange(n) + 0.5) / n
    counts = sorted(apportioned((-np.log1p(-ranks)).tolist(), rest), reverse=True)
    order = sorted(rng.permutation(n).tolist(), key=lambda k: room[k] < counts[0])
    given = [0] * n
    for count, k in zip(counts, order, strict=True):
        given[k] = min(count, max(0, room[k]))
    _level(given, room, rest, order)
    return given


def _level(given: list[int], room: Sequence[int], rest: int, order: Sequence[int]) -> None:
    """Give away what did not fit: the fullest patient to the brim, then one each in turn."""
    left = rest - sum(given)
    first = order[0]
    fill = min(left, max(0, room[first] - given[first]))
    given[first] += fill
    left -= fill
    while left > 0:
        for k in reversed(order):
            if left > 0 and given[k] < room[k]:
                given[k] += 1
                left -= 1


def timeline(
    dues: Sequence[Due],
    extra: int,
    *,
    first_d: float,
    interval_months: tuple[float, float],
    study_months: float,
    rng: np.random.Generator,
) -> tuple[Slot, ...]:
    """Examinations in the order of their days. Quiet ones fall between the counted ones by chance, required ones after."""
    after = max((due.follow_ups for due in dues), default=0)
    at_end = 0 if not dues else after
    places = rng.integers(0, len(dues) + 1, size=extra) if dues else np.zeros(extra, dtype=int)
    row: list[tuple[Moment, int, float | None]] = []
    for number in range(len(dues) + 1):
        row += [("quiet", number - 1, None)] * int(np.sum(places == number))
        if number < len(dues):
            row += _counted(dues[number], number, rng)
    row += [("quiet", len(dues) - 1, None)] * at_end
    return _dated(row, first_d, interval_months, study_months, rng)


def _counted(due: Due, number: int, rng: np.random.Generator) -> list[tuple[Moment, int, float | None]]:
    row: list[tuple[Moment, int, float | None]] = [("counted", number, None)]
    if due.detection == "next":
        row.append(("delayed", number, due.delay_d))
    if due.detection == "second":
        first_d = due.delay_d * (0.4 + 0.2 * rng.random())  # assumed: the two intervals are about alike
        row += [("growing", number, first_d), ("delayed", number, due.delay_d - first_d)]
    return row


def _dated(
    row: Sequence[tuple[Moment, int, float | None]], first_d: float, interval_months: tuple[float, float], study_months: float,
    rng: np.random.Generator,
) -> tuple[Slot, ...]:  # fmt: skip
    """Scheduled intervals are even over their range, drawn towards the short end where the study would end too early."""
    low_d, high_d = (months * MONTH_D for months in interval_months)
    free = sum(1 for _, _, gap_d in row[1:] if gap_d is None)
    fixed_d = first_d + sum(gap_d for _, _, gap_d in row[1:] if gap_d is not None)
    beyond_d = rng.random(free) * (high_d - low_d)
    spare_d = max(0.0, study_months * MONTH_D - fixed_d - free * low_d)
    if beyond_d.sum() > spare_d:
        beyond_d *= spare_d / beyond_d.sum()
    scheduled = iter((low_d + beyond_d).tolist())
    slots, day = [], first_d
    for place, (moment, event, gap_d) in enumerate(row):
        if place:
            day += next(scheduled) if gap_d is None else gap_d
        slots.append(Slot(moment, event, round(day)))
    return tuple(slots)
