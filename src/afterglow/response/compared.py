"""`change` rules: one number at two visits."""

from dataclasses import dataclass

from afterglow.records.course import Visit
from afterglow.records.quantity import QUANTITIES
from afterglow.records.response import Category, Repeatability, Rule, Verdict
from afterglow.response.after_radiation import time_words
from afterglow.response.baseline import NO_SCAN_BEFORE, Before, window_words
from afterglow.response.case import Case, Numbers
from afterglow.response.change import ChangeInterval, ChangeKind, change_interval
from afterglow.response.identity import Number, Wanted, number_of
from afterglow.response.repeatability import change_in_rc
from afterglow.response.wording import cannot_tell, label_of, named, printed, sentences, source_words, speaks_for, with_unit

_GONE = ChangeInterval(-100.0, None, None, ())  # of a lesion that is no longer there


@dataclass(frozen=True)
class _Change:
    """Two numbers and what lies between them."""

    first: Number
    second: Number
    interval: ChangeInterval
    spread: Repeatability | None


def judge_change(case: Case, lesion_id: str, found: Before, now: Visit) -> Verdict:
    """The verdict on one lesion at one visit, against the visit before."""
    rule, course = case.rule, case.course
    wanted = Wanted(rule.quantities[0], rule.statistic, rule.normalised)
    name = named(wanted.quantity, rule)
    second = number_of(course, now, wanted, lesion_id)
    numbers: Numbers = ((f"{name}, before", None), (f"{name}, ses-{now.session_id}", second.value))
    if found.visit is None:
        return case.verdict(lesion_id, None, now, "cannot tell", cannot_tell(NO_SCAN_BEFORE), numbers)
    first = number_of(course, found.visit, wanted, lesion_id)
    numbers = ((f"{name}, ses-{found.visit.session_id}", first.value), numbers[1])
    for visit, number in ((found.visit, first), (now, second)):
        if number.value is None:
            why = cannot_tell(f"{name} is missing at ses-{visit.session_id} ({number.why})")
            return case.verdict(lesion_id, found.visit, now, "cannot tell", sentences(why, found.note), numbers)
    if rule.change == "percent" and first.value is not None and first.value <= 0:
        why = cannot_tell(f"{name} was {printed(first.value)} before, and a change in per cent of that has no meaning")
        return case.verdict(lesion_id, found.visit, now, "cannot tell", sentences(why, found.note), numbers)
    change = _Change(first, second, _interval(rule, first, second, case.spread(wanted.quantity)), case.spread(wanted.quantity))
    bare = _bare(change)
    category = "cannot tell" if bare else category_of_change(change.interval, rule.threshold, _units(rule, change))
    grew = category == "progression" and change.interval.value > 0
    said = sentences(
        _sentence(rule, name, change, category, bare), first.note, second.note, found.note, rule.caution, window_words(rule, found, now),
        time_words(case.site, rule.quantities, found.treatment, now.day) if grew else "",
    )  # fmt: skip
    return case.verdict(
        lesion_id, found.visit, now, category, said, numbers, value=change.interval.value, distance=_distance(rule, change),
        label=label_of(change.interval.value > rule.threshold, rule), spread=change.spread,
    )  # fmt: skip


def category_of_change(change: ChangeInterval, threshold: float, units: float | None = None) -> Category:
    """A change whose interval holds zero, or of at most 1 repeatability coefficient (`units`), is none; else the side decides."""
    if change.holds_zero or (units is not None and abs(units) <= 1):
        return "no change"
    return "progression" if change.value > threshold else "response"


def _interval(rule: Rule, first: Number, second: Number, spread: Repeatability | None) -> ChangeInterval:
    kind: ChangeKind = "percent" if rule.change == "percent" else "difference"
    if first.source is not None and second.source is not None and second.source.value is not None:
        made = change_interval(first.source, second.source, kind=kind, spread=spread)
        if made is not None:
            return made
    a, b = first.value or 0.0, second.value or 0.0  # a size of a lesion that is gone: 0 was seen, not measured
    return (
        _GONE
        if kind == "percent" and b == 0
        else ChangeInterval(100 * (b / a - 1) if kind == "percent" else b - a, None, None, ())
    )


def _units(rule: Rule, change: _Change) -> float | None:
    """The change in repeatability coefficients."""
    a, b = change.first.value, change.second.value
    if change.spread is None or a is None or b is None:
        return None
    return change_in_rc(a, b, change.spread, kind=rule.change)


def _distance(rule: Rule, change: _Change) -> float | None:
    """From the threshold, in repeatability coefficients."""
    if change.spread is None or change.first.value is None:
        return None
    limit = change.spread.rc_percent
    limit = limit if rule.change == "percent" else limit / 100 * abs(change.first.value)
    return (change.interval.value - rule.threshold) / limit if limit > 0 else None


def _bare(change: _Change) -> str:
    """The session whose number has no interval while the other's has one and nothing else is known: its doubt could be anything."""
    first, second = change.first.source, change.second.source
    if (
        change.spread is not None or first is None or second is None or change.second.value == 0
    ):  # nothing left is seen, not measured
        return ""
    without = [m.session_id for m in (first, second) if m.ci_low is None or m.ci_high is None]
    return without[0] if len(without) == 1 else ""


def _sentence(rule: Rule, name: str, change: _Change, category: Category, bare: str) -> str:
    unit, made = with_unit(rule.unit), change.interval
    side = "above" if made.value > rule.threshold else "not above"
    within = f" ({_range(made, unit)})" if made.low is not None and made.high is not None else ""
    of = with_unit(QUANTITIES[rule.quantities[0]].unit) if not rule.normalised else ""
    said = (
        f"{name} went from {printed(change.first.value)} to {printed(change.second.value)}{of}, a change of {made.value:+.1f}{unit}{within}, "
        f"{side} the threshold of {rule.threshold:+g}{unit}"
    )
    if category == "cannot tell":
        said = cannot_tell(
            f"{said}, but the number at ses-{bare} has too few voxels for an interval, of the lesion or of the reference"
        )
    elif category == "no change":
        word = label_of(made.value > rule.threshold, rule)
        inside = "the interval holds 0" if made.holds_zero else "repeating the scan alone gives as much"
        said += f", but {inside}: no change can be claimed"
        said += f"; by the word of the rule alone this is {word}" if word else ""
    else:
        said += speaks_for(category, rule)
        if made.low is not None and made.high is not None and made.low <= rule.threshold < made.high:
            said += ", but the interval reaches across the threshold"
    return sentences(said, _repeatability_words(rule, name, change))


def _repeatability_words(rule: Rule, name: str, change: _Change) -> str:
    spread = change.spread
    if spread is None:
        known = "the interval holds the noise and the outline of both scans only" if change.interval.low is not None else ""
        return f"How well {name} repeats at this site is not known{': ' + known if known else ''}"
    units, distance = _units(rule, change), _distance(rule, change)
    said = "" if units is None else f"The change is {abs(units):.2f} repeatability coefficients"
    away = "" if distance is None else f"the threshold is {abs(distance):.2f} away"
    return f"{', '.join(part for part in (said, away) if part)} ({source_words(spread)})"


def _range(made: ChangeInterval, unit: str) -> str:
    return (
        f"95 % {made.low:+.0f} to {made.high:+.0f}{unit}" if unit == " %" else f"95 % {made.low:+.3g} to {made.high:+.3g}{unit}"
    )
