"""A course and its rules give Verdicts: progression, response, no change, or cannot tell, because …"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from afterglow.records.course import Course, Visit
from afterglow.records.response import SIZE_KINDS, Reading, Repeatability, Rule, Verdict
from afterglow.response.baseline import RADIATION, before
from afterglow.response.case import Case
from afterglow.response.compared import judge_change
from afterglow.response.identity import lesions_at, lesions_between
from afterglow.response.one_visit import judge_level, judge_reading
from afterglow.response.size import judge_sizes
from afterglow.response.states import judge_states


def judge_course(
    course: Course,
    rules: Sequence[Rule],
    repeatability: Sequence[Repeatability],
    *,
    site: str,
    readings: Sequence[Reading] = (),
) -> tuple[Verdict, ...]:
    """A verdict for each rule, lesion and visit that can be judged: rule by rule, then in the order of visits.

    A rule that compares is asked at every visit after the treatment it compares across; a level or a reading at every visit.
    Rules of size speak of all lesions together: their lesion_id is "all".
    """
    return tuple(
        verdict for rule in rules for verdict in _judged(Case(course, rule, site, tuple(repeatability), tuple(readings)))
    )


def judge(
    course: Course, rule: Rule, repeatability: Sequence[Repeatability], *, site: str, readings: Sequence[Reading] = ()
) -> tuple[Verdict, ...]:
    """The verdicts of one rule at the last visit alone."""
    if not course.visits:
        return ()
    last = course.visits[-1].session_id
    return tuple(v for v in judge_course(course, [rule], repeatability, site=site, readings=readings) if v.to_session == last)


def flag(verdict: Verdict, words: str) -> Verdict:
    """The verdict with a sentence more: that its visits were not acquired or quantified alike, for example."""
    return replace(verdict, sentence=f"{verdict.sentence} {words}") if words else verdict


def baseline_visit(course: Course) -> Visit:
    """The last visit on or before the day of the first radiation treatment; the first visit where there is none.

    For pictures of before and after. Rules do not use it: they say where there is no scan before treatment.
    """
    days = [t.day for t in course.treatments if t.kind in RADIATION]
    if days:
        earlier = [visit for visit in course.visits[:-1] if visit.day <= min(days)]
        if earlier:
            return earlier[-1]
    return course.visits[0]


def _judged(case: Case) -> Iterator[Verdict]:
    if case.rule.kind in SIZE_KINDS:
        yield from judge_sizes(case)
        return
    for now in case.course.visits:
        yield from _at_visit(case, now)


def _at_visit(case: Case, now: Visit) -> Iterator[Verdict]:
    if case.rule.kind in ("level", "reading"):
        for lesion_id in _read_at(case, now):
            made = judge_level(case, lesion_id, now) if case.rule.kind == "level" else judge_reading(case, lesion_id, now)
            if made is not None:
                yield made
        return
    found = before(case.course, now, case.rule.baseline)
    if found is not None:
        ask = judge_change if case.rule.kind == "change" else judge_states
        for lesion_id in lesions_between(case.course, found.visit, now):
            yield ask(case, lesion_id, found, now)


def _read_at(case: Case, now: Visit) -> tuple[str, ...]:
    """Lesions that the visit holds, and those that somebody read there without outlining them."""
    read = {r.lesion_id for r in case.readings if r.session_id == now.session_id} if case.rule.kind == "reading" else set()
    return tuple(sorted({*lesions_at(now), *read}))
