"""Rules beside each other: where they disagree, and which one spoke of progression first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from afterglow.records.course import Course
from afterglow.records.lead import LeadTime
from afterglow.records.response import PATIENT, Disagreement, Verdict
from afterglow.response.identity import Wanted, family, lesions_at, size_of


@dataclass(frozen=True)
class FirstCall:
    """The first day on which a rule called progression of a lesion, and whether it kept to it.

    `stays`: no later visit that the rule could judge was called otherwise; a visit of which it could not tell does not count.
    """

    lesion_id: str
    rule: str
    session_id: str
    day: float
    stays: bool


def disagreements(verdicts: Sequence[Verdict]) -> tuple[Disagreement, ...]:
    """Each lesion and visit of which rules say different things, all calls side by side; "cannot tell" alone is no difference.

    A call about all lesions together stands beside the calls of each lesion.
    """
    found = []
    for session in dict.fromkeys(v.to_session for v in verdicts):
        here = [v for v in verdicts if v.to_session == session]
        lesions = dict.fromkeys(v.lesion_id for v in here if v.lesion_id != PATIENT) or {PATIENT: None}
        for lesion_id in lesions:
            beside = [v for v in here if v.lesion_id in (lesion_id, PATIENT)]
            if len({v.category for v in beside} - {"cannot tell"}) > 1:
                found.append(Disagreement(lesion_id, session, tuple(beside)))
    return tuple(found)


def first_calls(course: Course, verdicts: Sequence[Verdict]) -> tuple[FirstCall, ...]:
    """The first call of progression by each rule of each lesion, in the order of days."""
    days = {visit.session_id: visit.day for visit in course.visits}
    found = []
    key = _lesion_and_rule
    for (lesion_id, rule), group in groupby(sorted(verdicts, key=key), key=key):
        calls = sorted((v for v in group if v.category != "cannot tell"), key=lambda v: days[v.to_session])
        first = next((n for n, v in enumerate(calls) if v.category == "progression"), None)
        if first is not None:
            session = calls[first].to_session
            stays = all(v.category == "progression" for v in calls[first:])
            found.append(FirstCall(lesion_id, rule, session, days[session], stays))
    return tuple(sorted(found, key=lambda one: (one.lesion_id, one.day, one.rule)))


def lead_times(course: Course, verdicts: Sequence[Verdict]) -> tuple[LeadTime, ...]:
    """For each lesion and pair of rules: which called progression first, and the volume of the lesion on both days.

    Where the later rule has not called, the volume is that of the last visit. Two rules that never called make no pair; a rule
    about all lesions together is paired with those of each lesion.
    """
    first = first_calls(course, verdicts)
    lesions = dict.fromkeys(v.lesion_id for v in verdicts if v.lesion_id != PATIENT) or {PATIENT: None}
    return tuple(lead for lesion_id in lesions for lead in _leads(course, verdicts, first, lesion_id))


def _leads(course: Course, verdicts: Sequence[Verdict], first: Sequence[FirstCall], lesion_id: str) -> Iterator[LeadTime]:
    rules = dict.fromkeys(v.rule for v in verdicts if v.lesion_id in (lesion_id, PATIENT))
    called = {one.rule: one for one in first if one.lesion_id in (lesion_id, PATIENT)}
    order = sorted(called, key=lambda rule: (called[rule].day, rule))
    for n, early in enumerate(order):
        for late in [*order[n + 1 :], *(rule for rule in rules if rule not in called)]:
            then = called.get(late)
            yield LeadTime(
                lesion_id, early, late, called[early].day, None if then is None else then.day,
                _volume(course, called[early].session_id, lesion_id),
                _volume(course, course.visits[-1].session_id if then is None else then.session_id, lesion_id),
                course.participant_id,
            )  # fmt: skip


def _lesion_and_rule(verdict: Verdict) -> tuple[str, str]:
    return verdict.lesion_id, verdict.rule


def _volume(course: Course, session: str, lesion_id: str) -> float | None:
    """Volume of the lesion with all its pieces, of all lesions where it is about the patient; None where it was not measured."""
    visit = next(v for v in course.visits if v.session_id == session)
    members = lesions_at(visit) if lesion_id == PATIENT else family(course, [lesion_id])
    return size_of(course, visit, Wanted("volume", "value", False), members).value if members else None
