"""How far a change between two visits could be off: what each visit leaves open, and what repeating the scan alone gives."""

import math
from dataclasses import dataclass
from typing import Literal

from afterglow.records.measurement import Measurement
from afterglow.records.response import LIMIT_FACTOR, Repeatability

ChangeKind = Literal["percent", "difference"]


@dataclass(frozen=True)
class ChangeInterval:
    """A change with its 95 % interval. `parts` are the half widths (down, up) of each source, in the unit of the change.

    `low` and `high` are None where neither visit has an interval and repeatability is not known.
    """

    value: float
    low: float | None
    high: float | None
    parts: tuple[tuple[str, float, float], ...]

    @property
    def holds_zero(self) -> bool | None:
        """Whether no change at all lies inside; None where there is no interval."""
        return None if self.low is None or self.high is None else self.low <= 0 <= self.high


def change_interval(
    before: Measurement, now: Measurement, *, kind: ChangeKind, spread: Repeatability | None
) -> ChangeInterval | None:
    """The change from `before` to `now`, in per cent of before or as a difference, and its 95 % interval.

    The visits' own intervals (noise, outline) are independent and add up by their squares, each side apart. Repeatability
    was measured by scanning, and as a rule outlining, people twice, so it holds the same noise already: on each side the
    wider of the two counts, not their sum. In per cent of positive numbers all of this is done with logarithms.
    None where a number is missing, or where a change in per cent has no meaning (before is not above zero).
    """
    a, b = before.value, now.value
    if a is None or b is None or (kind == "percent" and a <= 0):
        return None
    if kind == "percent" and min(a, b, *(_ends(before, now) or ())) > 0:
        return _in_logarithms(before, now, a, b, spread)
    return _straight(before, now, a, b, kind, spread)


def _in_logarithms(before: Measurement, now: Measurement, a: float, b: float, spread: Repeatability | None) -> ChangeInterval:
    centre = math.log(b / a)
    sides: list[tuple[str, float, float]] = []
    ends = _ends(before, now)
    if ends is not None:
        a_low, a_high, b_low, b_high = ends
        sides.append(("both visits", math.hypot(math.log(a_high / a), math.log(b / b_low)),
                      math.hypot(math.log(a / a_low), math.log(b_high / b))))  # fmt: skip
    if spread is not None:
        half = LIMIT_FACTOR * spread.log_sd
        sides.append(("repeatability", half, half))
    value = 100 * math.expm1(centre)
    parts = tuple(
        (name, value - 100 * math.expm1(centre - down), 100 * math.expm1(centre + up) - value) for name, down, up in sides
    )
    return _widest(value, parts)


def _straight(
    before: Measurement, now: Measurement, a: float, b: float, kind: ChangeKind, spread: Repeatability | None
) -> ChangeInterval:
    scale, slope = (100 / a, b / a) if kind == "percent" else (1.0, 1.0)
    value = scale * (b - a)
    parts: list[tuple[str, float, float]] = []
    ends = _ends(before, now)
    if ends is not None:
        a_low, a_high, b_low, b_high = ends
        down = math.hypot(b - b_low, slope * ((a_high - a) if slope > 0 else (a - a_low)))
        up = math.hypot(b_high - b, slope * ((a - a_low) if slope > 0 else (a_high - a)))
        parts.append(("both visits", scale * down, scale * up))
    if spread is not None:
        half = scale * 1.96 * spread.wcv * math.hypot(b, slope * a)
        parts.append(("repeatability", half, half))
    return _widest(value, tuple(parts))


def _ends(before: Measurement, now: Measurement) -> tuple[float, float, float, float] | None:
    """Both visits' intervals; None where one of them has none."""
    if before.ci_low is None or before.ci_high is None or now.ci_low is None or now.ci_high is None:
        return None
    return before.ci_low, before.ci_high, now.ci_low, now.ci_high


def _widest(value: float, parts: tuple[tuple[str, float, float], ...]) -> ChangeInterval:
    if not parts:
        return ChangeInterval(value, None, None, ())
    return ChangeInterval(value, value - max(down for _, down, _ in parts), value + max(up for _, _, up in parts), parts)
