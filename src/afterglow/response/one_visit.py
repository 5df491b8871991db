"""Rules that read one visit alone: a level that a number reaches, and what a reader saw."""

from afterglow.records.course import Visit
from afterglow.records.quantity import QUANTITIES
from afterglow.records.response import Category, Repeatability, Rule, Verdict
from afterglow.response.case import Case
from afterglow.response.identity import Number, Wanted, number_of
from afterglow.response.wording import cannot_tell, label_of, named, printed, sentences, source_words, speaks_for, with_unit


def judge_level(case: Case, lesion_id: str, now: Visit) -> Verdict:
    """From the threshold up the number speaks for progression; closer to it than repeating the scan is, it cannot tell."""
    rule = case.rule
    wanted = Wanted(rule.quantities[0], rule.statistic, rule.normalised)
    name, number, spread = (
        named(wanted.quantity, rule),
        number_of(case.course, now, wanted, lesion_id),
        case.spread(wanted.quantity),
    )
    numbers = ((f"{name}, ses-{now.session_id}", number.value),)
    if number.value is None:
        why = cannot_tell(f"{name} is missing at ses-{now.session_id} ({number.why})")
        return case.verdict(lesion_id, None, now, "cannot tell", sentences(why, rule.caution), numbers)
    above = number.value >= rule.threshold
    category: Category = "progression" if above else "response"
    distance = _distance(rule, number.value, spread)
    unit = with_unit(QUANTITIES[wanted.quantity].unit) if not rule.normalised else ""
    what = f"{name} is {printed(number.value)}{unit}, {'at or above' if above else 'below'} the threshold of {rule.threshold:g}{unit}"
    near = _near(rule, number, distance)
    if near:
        category, said = "cannot tell", cannot_tell(f"{what}, {near}")
    else:
        said = what + speaks_for(category, rule)
    known = (
        f"How well {name} repeats at this site is not known"
        if spread is None or distance is None
        else f"The threshold is {abs(distance):.2f} repeatability coefficients away ({source_words(spread)})"
    )
    return case.verdict(
        lesion_id, None, now, category, sentences(said, known, number.note, rule.caution), numbers, value=number.value,
        distance=distance, label="" if near else label_of(above, rule), spread=spread,
    )  # fmt: skip


def _distance(rule: Rule, value: float, spread: Repeatability | None) -> float | None:
    limit = 0.0 if spread is None else spread.rc_percent / 100 * abs(rule.threshold)
    return (value - rule.threshold) / limit if limit > 0 else None


def _near(rule: Rule, number: Number, distance: float | None) -> str:
    """Why the side of the threshold could turn; empty where it could not."""
    if distance is not None:
        return "but inside repeatability of it" if abs(distance) <= 1 else ""
    m = number.source
    inside = m is not None and m.ci_low is not None and m.ci_high is not None and m.ci_low < rule.threshold <= m.ci_high
    return "which lies inside the interval of this scan" if inside else ""


def judge_reading(case: Case, lesion_id: str, now: Visit) -> Verdict | None:
    """What the readers of the rule's method said of the lesion at that visit; None where nobody read it."""
    rule = case.rule
    wanted = (case.course.participant_id, now.session_id, lesion_id, rule.reading)
    read = [r for r in case.readings if (r.participant_id, r.session_id, r.lesion_id, r.method) == wanted]
    if not read:
        return None
    values = [1.0 if r.call in rule.above_calls else 0.0 if r.call in rule.below_calls else None for r in read]
    numbers = tuple((f"{r.reader}, ses-{now.session_id}", value) for r, value in zip(read, values, strict=True))
    told = "; ".join(f"{r.reader}: {r.call}{'' if r.confidence is None else f' (confidence {r.confidence:g})'}" for r in read)
    if None in values:
        known = ", ".join([*rule.above_calls, *rule.below_calls])
        why = cannot_tell(f"a reading is none of {known} ({rule.reading}, {told})")
        return case.verdict(lesion_id, None, now, "cannot tell", sentences(why, rule.caution), numbers)
    if len(set(values)) > 1:
        why = cannot_tell(f"the readers differ ({rule.reading}, {told})")
        return case.verdict(lesion_id, None, now, "cannot tell", sentences(why, rule.caution), numbers)
    above = values[0] == 1.0
    category: Category = "progression" if above else "response"
    said = f"Read by eye, {rule.reading}, {told}{speaks_for(category, rule)}"
    return case.verdict(
        lesion_id, None, now, category, sentences(said, rule.caution), numbers, value=values[0], label=label_of(above, rule)
    )
