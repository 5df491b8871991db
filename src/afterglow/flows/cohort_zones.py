"""Numbers in zones at the painted visit and at follow-up, by patient, as the analyses of zones read them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from afterglow.cohort.analyse_zones import ZoneCohort, ZoneNumber, ZonePatient
from afterglow.flows.method import Method
from afterglow.flows.method_painted import ZoneMeasureSpec, Zones
from afterglow.records.course import Course, Visit
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.measurement import Measurement
from afterglow.records.statistic import Values

ALL = "all"  # lesion_id of rows about zones, which are those of the whole tumour


def zone_cohort(courses: Mapping[str, Course], spec: Zones, method: Method, out: Path) -> ZoneCohort:
    """Every patient with zone rows, sorted by name: the painted visit is the first that has them."""
    painted = {name: course for name, course in sorted(courses.items()) if _zone_visits(course)}
    if not painted:
        raise MissingInput(
            f"{out}: no visit has numbers in zones; run the participant level first, with a method that has [paint]"
        )
    before = "" if method.paint is None else method.paint.before
    people = tuple(_patient(course, spec, before) for course in painted.values())
    numbers = tuple(_number(zone, measure, list(painted.values()), people) for zone in spec.zones for measure in spec.measures)
    window = f"{spec.window_days[0]:g} to {spec.window_days[1]:g} days after {before}, the one nearest to {spec.follow_up_days:g}"
    unplanned = [name for name, course in painted.items() if _treated(course, before) is None]
    notes = (
        (f"days of follow-up count from the painted visit where no {before} is recorded after it: {named(unplanned)}",)
        if unplanned
        else ()
    )
    chosen_by = () if method.paint is None else tuple(method.paint.quantities)
    return ZoneCohort(people, numbers, chosen_by, window, notes)


def named(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(f"sub-{one}" for one in names[:most]) + (", …" if len(names) > most else "")


def _zone_visits(course: Course) -> list[Visit]:
    return [visit for visit in course.visits if any(m.lesion_id == ALL for m in visit.measurements)]


def _treated(course: Course, kind: str) -> float | None:
    """The first day of the treatment that was painted for, on or after the painted visit."""
    painted = _zone_visits(course)[0]
    return min((one.day for one in course.treatments if one.kind == kind and one.day >= painted.day), default=None)


def _patient(course: Course, spec: Zones, kind: str) -> ZonePatient:
    """The follow-up is the visit inside the window that lies nearest to the day asked for, the earlier of two."""
    painted = _zone_visits(course)[0]
    day = _treated(course, kind)
    zero = painted.day if day is None else day
    later = [visit for visit in course.visits if visit.day > painted.day]
    measured = {visit.session_id for visit in _zone_visits(course)}
    inside = [v for v in later if spec.window_days[0] <= v.day - zero <= spec.window_days[1]]
    found = [v for v in inside if v.session_id in measured]
    if found:
        best = min(found, key=lambda v: (abs(v.day - zero - spec.follow_up_days), v.day))
        return ZonePatient(course.participant_id, painted.session_id, best.session_id, best.day - zero)
    why = "not laid on the painted visit" if inside else "no visit in the window" if later else "no later visit"
    return ZonePatient(course.participant_id, painted.session_id, "", None, why)


def _number(zone: str, measure: ZoneMeasureSpec, courses: Sequence[Course], people: Sequence[ZonePatient]) -> ZoneNumber:
    wanted = zone, measure.quantity, measure.statistic
    before = [zone_row(course, one.painted, *wanted) for course, one in zip(courses, people, strict=True)]
    after = [zone_row(course, one.follow_up, *wanted) for course, one in zip(courses, people, strict=True)]
    unit = next((m.unit for m in (*before, *after) if m is not None), "1")
    empty = tuple(m is not None and m.volume_ml == 0 for m in before)
    return ZoneNumber(measure.quantity, measure.name, unit, measure.log, zone, values_of(before), values_of(after), empty)


def zone_row(course: Course, session: str, region: str, quantity: str, statistic: str) -> Measurement | None:
    """The measurement of a zone at a visit. BadInput where it stands there twice."""
    visit = next((v for v in course.visits if session and v.session_id == session), None)
    rows = [] if visit is None else visit.measurements
    found = [m for m in rows if (m.lesion_id, m.region, m.quantity, m.statistic) == (ALL, region, quantity, statistic)]
    if len(found) > 1:
        raise BadInput(
            f"sub-{course.participant_id} ses-{session}: the {statistic} of {quantity} in the {region} zone stands there twice; keep one row"
        )
    return found[0] if found else None


def values_of(rows: Sequence[Measurement | None]) -> Values:
    return np.array([np.nan if m is None or m.value is None else m.value for m in rows], dtype=np.float64)
