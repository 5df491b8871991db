"""Which earlier visit a visit is compared with."""

from dataclasses import dataclass

from afterglow.records.course import Course, Treatment, Visit
from afterglow.records.response import Baseline, Rule

RADIATION = ("radiotherapy", "radiosurgery")
NO_SCAN_BEFORE = "there is no scan before treatment"
NOT_RECORDED = "No radiation treatment is recorded, so the first visit stands for the one before treatment."


@dataclass(frozen=True)
class Before:
    """The visit that a later one is compared with; None where there is none. `note` says what a reader must know of it."""

    visit: Visit | None
    treatment: Treatment | None
    note: str = ""


def before(course: Course, now: Visit, baseline: Baseline) -> Before | None:
    """What `now` is compared with; None where `now` itself lies before all treatment, or is the first visit: nothing is judged.

    "before treatment": the last visit on or before the day of the latest radiation that lies before `now`. Where radiation is
    recorded but no scan before it, there is no visit to compare with; only where none is recorded the first visit stands in.
    """
    first = course.visits[0]
    given = [t for t in course.treatments if t.kind in RADIATION]
    if baseline == "first visit" or not given:
        note = "" if baseline == "first visit" else NOT_RECORDED
        return None if now.session_id == first.session_id else Before(first, latest_radiation(course, now), note)
    treatment = latest_radiation(course, now)
    if treatment is None:
        return None
    earlier = [visit for visit in course.visits if visit.day <= treatment.day]
    return Before(earlier[-1] if earlier else None, treatment)


def latest_radiation(course: Course, now: Visit) -> Treatment | None:
    """The last radiation treatment on a day before the visit."""
    given = [t for t in course.treatments if t.kind in RADIATION and t.day < now.day]
    return max(given, key=lambda t: t.day, default=None)


def window_words(rule: Rule, found: Before, now: Visit) -> str:
    """A sentence for each time window of the rule's source that the visits do not keep; empty where they do."""
    said = []
    if found.treatment is None:
        return ""
    day = found.treatment.day
    if rule.before_within_days is not None and found.visit is not None and day - found.visit.day > rule.before_within_days:
        said.append(
            f"Mind: the scan before treatment is {day - found.visit.day:g} days older than the treatment, the source of the rule "
            f"takes {rule.before_within_days:g} days at most."
        )
    if rule.after_beyond_days is not None and now.day - day <= rule.after_beyond_days:
        said.append(
            f"Mind: this scan is {now.day - day:g} days after treatment, the source of the rule takes scans later than "
            f"{rule.after_beyond_days:g} days."
        )
    return " ".join(said)
