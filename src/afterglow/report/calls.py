"""The call and why: the last visit large, the visits before it in a table, rules that disagree side by side, lead times."""

from collections.abc import Mapping, Sequence

from afterglow.records.course import Course
from afterglow.records.document import Block, Section, Table, Text
from afterglow.records.lead import LeadTime
from afterglow.records.response import Disagreement, Verdict
from afterglow.report.course_numbers import last_of, lesion_ids
from afterglow.report.tables import without_empty
from afterglow.report.words import (
    NOT_MEASURED,
    day_words,
    lesion_title,
    lesion_words,
    number,
    visit_words,
    with_unit,
)

DISCLAIMER = (
    "afterglow is research software. It is not a medical device and must not be used for diagnosis or for treatment decisions."
)
MOST_LESIONS = 4  # pictures are drawn, and calls set large, for the largest ones; the tables hold all


def call_section(
    verdicts: Sequence[Verdict], course: Course, leads: Sequence[LeadTime], torn: Sequence[Disagreement] = ()
) -> Section:
    """The calls of the last visit, what they rest on, rules that disagree, and which rule was first."""
    days = {visit.session_id: visit.day for visit in course.visits}
    order = {name: n for n, name in enumerate(lesion_ids(course))}
    last = sorted(
        last_of(verdicts, course), key=lambda v: order.get(v.lesion_id, len(order))
    )  # calls about all lesions come last
    blocks: list[Block] = []
    for verdict in _shown_large(last, course):
        blocks.append(Text(f"{lesion_title(verdict.lesion_id)} · rule {verdict.rule}{_own_word(verdict)}", "eyebrow"))
        blocks.append(Text(verdict.sentence, f"call-{verdict.category.replace(' ', '-')}"))
    if not verdicts:
        blocks.append(Text("No call: no rule of the method could be asked of this patient's visits."))
    else:
        now = {v.to_session for v in last}
        for one in torn:
            blocks += _side_by_side(one, days) if one.session_id in now else []
        blocks += [_verdict_table(last, days), _numbers_table(last)]
    ahead = [lead for lead in leads if lead.days != 0]  # on the same day neither rule was ahead
    if ahead:
        blocks.append(lead_table(ahead))
    return Section("The call", (*blocks, Text(DISCLAIMER, "caution")), "call")


def _shown_large(last: Sequence[Verdict], course: Course) -> list[Verdict]:
    """Calls about the largest lesions and about all lesions together."""
    lesser = set(lesion_ids(course)[MOST_LESIONS:])
    return [v for v in last if v.lesion_id not in lesser]


def _own_word(verdict: Verdict) -> str:
    return f" · {verdict.label}" if verdict.label else ""


def _visit(session: str, days: Mapping[str, float]) -> str:
    return visit_words(session, days[session]) if session in days else (f"ses-{session}" if session else "")


def _distance(verdict: Verdict) -> str:
    if verdict.distance_rc is None:
        return NOT_MEASURED if verdict.value is None else "repeatability not known"
    return number(verdict.distance_rc)


def _call(verdict: Verdict) -> str:
    return f"{verdict.category} ({verdict.label})" if verdict.label else verdict.category


def _verdict_table(verdicts: Sequence[Verdict], days: Mapping[str, float]) -> Table:
    rows = tuple(
        (
            lesion_words(v.lesion_id),
            v.rule,
            _call(v),
            with_unit(v.value, v.unit),
            with_unit(v.threshold, v.unit),
            _distance(v),
            v.repeatability_source,
            " to ".join(words for words in (_visit(v.from_session, days), _visit(v.to_session, days)) if words),
        )
        for v in verdicts
    )
    columns = (
        "Lesion", "Rule", "Call", "Number", "Threshold", "Distance to threshold, in repeatability units",
        "Repeatability from", "Visits",
    )  # fmt: skip
    return Table("The number, its threshold, and the distance between them.", columns, rows)


def _numbers_table(verdicts: Sequence[Verdict]) -> Table:
    rows = tuple((lesion_words(v.lesion_id), v.rule, name, number(value)) for v in verdicts for name, value in v.numbers)
    return Table("Numbers behind the call.", ("Lesion", "Rule", "Name", "Value"), rows)


def _side_by_side(torn: Disagreement, days: Mapping[str, float]) -> list[Block]:
    """One column for each rule that spoke about the same lesion at the same visit."""
    group = torn.verdicts
    rows = (
        ("About", *(v.whose for v in group)),
        ("Call", *(_call(v) for v in group)),
        ("Number", *(with_unit(v.value, v.unit) for v in group)),
        ("Threshold", *(with_unit(v.threshold, v.unit) for v in group)),
        ("Distance, in repeatability units", *(_distance(v) for v in group)),
        ("Compared with", *(_visit(v.from_session, days) for v in group)),
        ("In words", *(v.sentence for v in group)),
    )
    caption = f"{lesion_title(torn.lesion_id)} at {_visit(torn.session_id, days)}: the rules side by side."
    columns = ("", *(v.rule for v in group))
    return [Text(f"{lesion_title(torn.lesion_id)}. {torn.words}", "quality-warning"), Table(caption, columns, rows)]


def earlier_section(verdicts: Sequence[Verdict], course: Course, torn: Sequence[Disagreement] = ()) -> Section | None:
    """Every call before the last visit, the latest first, with a remark where rules disagreed; None where there is none."""
    days = {visit.session_id: visit.day for visit in course.visits}
    last = last_of(verdicts, course)
    before = [v for v in verdicts if v not in last]
    if not before:
        return None
    split = {(v.lesion_id, v.to_session) for one in torn for v in one.verdicts}
    before.sort(key=lambda v: -days.get(v.to_session, float("-inf")))
    rows = tuple(
        (
            _visit(v.to_session, days),
            lesion_words(v.lesion_id),
            v.rule,
            _call(v),
            f"{with_unit(v.value, v.unit)} ({with_unit(v.threshold, v.unit)})",
            _distance(v),
            _visit(v.from_session, days),
            "rules disagree" if (v.lesion_id, v.to_session) in split and v.category != "cannot tell" else "",
        )
        for v in before
    )
    columns = (
        "Visit", "Lesion", "Rule", "Call", "Number (threshold)", "Distance, in repeatability units", "Compared with", "Remark",
    )  # fmt: skip
    table = Table("Calls at the visits before. Their sentences stand in verdicts.tsv.", columns, rows)
    return Section("Earlier calls", (without_empty(table, keep=columns[:4]),), "earlier-calls")


def lead_table(leads: Sequence[LeadTime]) -> Table:
    """How much earlier one rule called progression than another, and how large the lesion was on both days."""
    rows = tuple(
        (
            lesion_words(lead.lesion_id),
            lead.rule_early,
            day_words(lead.day_early),
            lead.rule_late,
            "not yet" if lead.day_late is None else day_words(lead.day_late),
            "" if lead.days is None else f"{lead.days:g} days",
            with_unit(lead.volume_early_ml, "mL"),
            "" if lead.day_late is None else with_unit(lead.volume_late_ml, "mL"),
        )
        for lead in leads
    )
    columns = (
        "Lesion",
        "First rule",
        "Its first progression",
        "Other rule",
        "Its first progression",
        "Lead",
        "Volume then",
        "Volume later",
    )
    return Table("Lead time: the day on which each rule first called progression.", columns, rows)
