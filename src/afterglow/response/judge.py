"""Two visits and a rule give a Verdict: progression, response, no change, or cannot tell, because …"""

from collections.abc import Mapping, Sequence

from afterglow.records.course import Course, Visit
from afterglow.records.measurement import Measurement
from afterglow.records.response import Category, Repeatability, Rule, Verdict
from afterglow.response.states import judge_states
from afterglow.response.wording import cannot_tell, named


def judge(course: Course, rule: Rule, repeatability: Sequence[Repeatability], *, site: str) -> tuple[Verdict, ...]:
    """One verdict for each lesion: the last visit against the visit before treatment (or the first visit)."""
    if len(course.visits) < 2:
        return ()
    before, now = baseline_visit(course), course.visits[-1]
    lesions = sorted(
        {m.lesion_id for m in now.measurements if m.region == "lesion"}
        | {m.lesion_id for m in before.measurements if m.region == "lesion"}
    )
    known = {(r.quantity, r.normalised): r for r in repeatability if r.site == site}
    verdicts = []
    for lesion_id in lesions:
        match rule.kind:
            case "change":
                verdicts.append(_judge_change(course, rule, lesion_id, before, now, known))
            case "ratio state":
                verdicts.append(judge_states(course, rule, lesion_id, before, now, known))
    return tuple(verdicts)


def baseline_visit(course: Course) -> Visit:
    """The last visit on or before the day of the first radiation treatment; the first visit where none is recorded."""
    days = [t.day for t in course.treatments if t.kind in ("radiotherapy", "radiosurgery")]
    if days:
        earlier = [visit for visit in course.visits[:-1] if visit.day <= min(days)]
        if earlier:
            return earlier[-1]
    return course.visits[0]


def find(visit: Visit, rule: Rule, quantity: str, lesion_id: str) -> Measurement | None:
    """The measurement that the rule reads, or None."""
    for m in visit.measurements:
        if (m.region, m.lesion_id, m.quantity, m.statistic, m.is_normalised) == (
            "lesion",
            lesion_id,
            quantity,
            rule.statistic,
            rule.normalised,
        ):
            return m
    return None


def _judge_change(
    course: Course, rule: Rule, lesion_id: str, before: Visit, now: Visit, known: Mapping[tuple[str, bool], Repeatability]
) -> Verdict:
    quantity = rule.quantities[0]
    first, second = find(before, rule, quantity, lesion_id), find(now, rule, quantity, lesion_id)
    a, b = (m.value if m else None for m in (first, second))
    name = named(quantity, rule)
    numbers = ((f"{name}, ses-{before.session_id}", a), (f"{name}, ses-{now.session_id}", b))
    spread = known.get((quantity, rule.normalised))

    def verdict(category: Category, value: float | None, distance: float | None, sentence: str) -> Verdict:
        return Verdict(
            course.participant_id, lesion_id, rule.name, before.session_id, now.session_id, category, value, rule.unit, rule.threshold,
            distance, spread.source if spread else "none known", sentence, numbers,
        )  # fmt: skip

    for visit, number, m in ((before, a, first), (now, b, second)):
        if number is None:
            why = "; ".join(m.flags) if m and m.flags else "it was not measured"
            return verdict("cannot tell", None, None, cannot_tell(f"{name} is missing at ses-{visit.session_id} ({why})"))
    assert a is not None and b is not None
    if rule.change == "percent" and a <= 0:
        return verdict(
            "cannot tell", None, None, cannot_tell(f"{name} was {a:.3g} before, and a change in per cent of that has no meaning")
        )
    value = 100 * (b / a - 1) if rule.change == "percent" else b - a
    limit = None if spread is None else spread.rc_percent if rule.change == "percent" else spread.rc_percent / 100 * abs(a)
    category, distance = category_of_change(value, rule.threshold, limit)
    return verdict(category, value, distance, _change_sentence(rule, name, a, b, value, category, limit, distance, spread))


def category_of_change(value: float, threshold: float, limit: float | None) -> tuple[Category, float | None]:
    """Category of a change and its distance to the threshold in units of `limit`, the repeatability coefficient.

    A change that repeating the scan alone could make is no change; otherwise the side of the threshold decides.
    """
    distance = None if limit is None else (value - threshold) / limit
    if limit is not None and abs(value) <= limit:
        return "no change", distance
    return ("progression" if value > threshold else "response"), distance


def _change_sentence(
    rule: Rule,
    name: str,
    a: float,
    b: float,
    value: float,
    category: Category,
    limit: float | None,
    distance: float | None,
    spread: Repeatability | None,
) -> str:
    unit = " %" if rule.unit == "%" else f" {rule.unit}"
    side = "above" if value > rule.threshold else "not above"
    said = (
        f"{name} went from {a:.3g} to {b:.3g}, a change of {value:+.1f}{unit}, {side} the threshold of {rule.threshold:+g}{unit}"
    )
    match category:
        case "no change":
            said += f", but inside what repeating the scan gives ({limit:.1f}{unit}): no change can be claimed"
        case "progression":
            said += ": this speaks for progression (treatment failure)"
        case _:
            said += ": this speaks for response"
    if limit is None or spread is None:
        said += (
            f". How well {name} repeats at this site is not known, so the distance to the threshold cannot be given in its units"
        )
    else:
        confirmed = "" if spread.confirmed else ", not confirmed at its source"
        said += f". The threshold is {abs(distance or 0):.2f} repeatability coefficients away ({spread.source}{confirmed})"
    return said + (f". {rule.caution}" if rule.caution else ".")
