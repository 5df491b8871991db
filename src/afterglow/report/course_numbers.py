"""What a course says about one lesion, picked out of its records for pictures and tables; nothing is measured here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from afterglow.records.course import Course
from afterglow.records.measurement import Measurement
from afterglow.records.response import Rule, Verdict
from afterglow.report.words import shown_in

SIZES = ("volume", "longest_diameter", "bidimensional_product")  # in mL and mm; all else is perfusion and diffusion
HEADLINE = ("mean", "median", "value")
MOST_ASKED = 3  # quantities that a timeline has room for


@dataclass(frozen=True)
class DatedValue:
    """One number on its day, in the unit that the report shows, with its interval where it has one."""

    session: str
    day: float
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Asked:
    """Which number of a lesion is looked at: a quantity, a statistic, and whether it is over the reference."""

    quantity: str
    statistic: str
    normalised: bool


def of_lesion(course: Course, lesion_id: str) -> Iterable[Measurement]:
    """Every measurement of that lesion, in the order of the visits."""
    return (m for visit in course.visits for m in visit.measurements if m.region == "lesion" and m.lesion_id == lesion_id)


def points_of(course: Course, lesion_id: str, asked: Asked) -> list[DatedValue]:
    """The measured values of that number; a visit without one is left out."""
    wanted = (asked.quantity, asked.statistic, asked.normalised)
    return [
        DatedValue(
            m.session_id, m.day, m.value * factor, *(None if end is None else end * factor for end in (m.ci_low, m.ci_high))
        )
        for m in of_lesion(course, lesion_id)
        if m.value is not None and (m.quantity, m.statistic, m.is_normalised) == wanted
        for factor in (shown_in(m.unit),)
    ]


def volumes_of(course: Course, lesion_id: str) -> list[DatedValue]:
    """Volumes in mL as measured; of a visit without a measured one, as the lesion was sighted there (0: nothing is left)."""
    measured = {point.session: point for point in points_of(course, lesion_id, Asked("volume", "value", False))}
    sighted = {
        s.session_id: DatedValue(s.session_id, s.day, s.volume_ml)
        for track in course.tracks
        if track.lesion_id == lesion_id
        for s in track.sightings
    }
    return sorted((sighted | measured).values(), key=lambda point: point.day)


def lesion_ids(course: Course) -> list[str]:
    """Every lesion of the course, the one that was largest at any visit first."""
    known = [track.lesion_id for track in course.tracks]
    known += [m.lesion_id for visit in course.visits for m in visit.measurements if m.region == "lesion"]
    sizes = {one: max((point.value for point in volumes_of(course, one)), default=0.0) for one in dict.fromkeys(known)}
    return sorted(sizes, key=lambda one: -sizes[one])


def asked_of(course: Course, rules: Sequence[Rule], panel: Sequence[str]) -> list[Asked]:
    """The numbers that a timeline shows beside the volume: those that rules read, sizes last, then ratios of the panel."""
    by_rule = [Asked(q, rule.statistic, rule.normalised) for rule in rules for q in rule.quantities if q != "volume"]
    by_rule.sort(key=lambda one: one.quantity in SIZES)
    found = {
        Asked(m.quantity, m.statistic, m.is_normalised): None
        for visit in course.visits
        for m in visit.measurements
        if m.region == "lesion" and m.value is not None
    }
    usual = [one for one in found if one.statistic in HEADLINE and one.quantity not in SIZES]
    first_choice = sorted(usual, key=lambda one: (not one.normalised, _place(one.quantity, panel), HEADLINE.index(one.statistic)))
    chosen: list[Asked] = []
    for one in (*by_rule, *first_choice):
        twice = any(one.quantity == known.quantity for known in chosen) and one not in by_rule
        if one in found and one not in chosen and not twice:
            chosen.append(one)
    return chosen[:MOST_ASKED]


def _place(name: str, panel: Sequence[str]) -> int:
    return panel.index(name) if name in panel else len(panel)


def last_of(verdicts: Sequence[Verdict], course: Course) -> list[Verdict]:
    """The calls at the last visit that has any."""
    days = {visit.session_id: visit.day for visit in course.visits}
    latest = max((days.get(v.to_session, float("-inf")) for v in verdicts), default=None)
    return [v for v in verdicts if days.get(v.to_session, float("-inf")) == latest]
