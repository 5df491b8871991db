"""The analyses that a method names, carried out on the cases of its cohort."""

from collections.abc import Iterator

import numpy as np

from afterglow.cohort.analyse_agreement import analyse_agreement
from afterglow.cohort.analyse_calls import analyse_calls, analyse_lead
from afterglow.cohort.analyse_curves import analyse_curves
from afterglow.cohort.analyse_markers import (
    analyse_against_reference,
    analyse_before_after,
    analyse_between,
    analyse_subgroups,
)
from afterglow.cohort.analyse_roc import analyse_roc
from afterglow.cohort.analyse_time import Followed, analyse_time
from afterglow.cohort.part import Part, Sides
from afterglow.flows.cohort_cases import Cohort
from afterglow.flows.method_cohort import (
    AgainstReference,
    Agreement,
    Analysis,
    BeforeAfter,
    Between,
    Calls,
    CohortSpec,
    Curves,
    Lead,
    Roc,
    Subgroups,
    TimeTo,
)
from afterglow.flows.work import Progress
from afterglow.records.case import Marker
from afterglow.records.course import Course
from afterglow.records.statistic import Values
from afterglow.records.study import Outcome, Study
from afterglow.response.baseline import RADIATION
from afterglow.response.identity import Wanted, number_of


def carry_out_analyses(spec: CohortSpec, cohort: Cohort, study: Study, progress: Progress) -> tuple[Part, ...]:
    """Every analysis of the method, in its order."""
    sides = Sides(cohort.cases, spec.positive[0], spec.negative[0])
    return tuple(_parts(spec, sides, cohort, study, progress))


def _parts(spec: CohortSpec, sides: Sides, cohort: Cohort, study: Study, progress: Progress) -> Iterator[Part]:
    for number, analysis in enumerate(spec.analysis):
        progress(analysis.name, number, len(spec.analysis))
        yield _part(analysis, spec, sides, cohort, study)


def _part(analysis: Analysis, spec: CohortSpec, sides: Sides, cohort: Cohort, study: Study) -> Part:
    known = {one.name: one.record() for one in spec.marker}
    markers = [known[name] for name in getattr(analysis, "markers", ())]
    name = analysis.name
    match analysis:
        case Calls():
            return analyse_calls(name, sides, analysis.rules)
        case Roc():
            return analyse_roc(name, sides, markers)
        case Between():
            return analyse_between(name, sides, markers, analysis.test)
        case Subgroups():
            return analyse_subgroups(name, sides, markers, analysis.rules)
        case AgainstReference():
            return analyse_against_reference(name, sides, markers)
        case BeforeAfter():
            return analyse_before_after(name, sides, [(m, *both_visits(m, cohort)) for m in markers])
        case Agreement():
            return analyse_agreement(name, study.readings, analysis.reading)
        case Curves():
            return analyse_curves(name, sides, cohort.curves)
        case Lead():
            return analyse_lead(name, cohort.leads, analysis.first, analysis.second)
        case TimeTo():
            return analyse_time(name, _followed(spec, cohort, study), spec.positive[0], by=analysis.by)


def both_visits(marker: Marker, cohort: Cohort) -> tuple[Values, Values]:
    """The marker's number at the visit before and at the one judged, NaN where it was not measured."""
    wanted = Wanted(marker.quantity, marker.statistic, marker.normalised)

    def at(course: Course, session: str, lesion_id: str) -> float:
        visit = next((v for v in course.visits if v.session_id == session), None)
        value = None if visit is None else number_of(course, visit, wanted, lesion_id).value
        return np.nan if value is None else value

    courses = [cohort.told[c.participant_id].course for c in cohort.cases]
    first = [
        at(course, c.before_session, c.lesion_id) if c.before_session else np.nan
        for course, c in zip(courses, cohort.cases, strict=True)
    ]
    second = [at(course, c.session_id, c.lesion_id) for course, c in zip(courses, cohort.cases, strict=True)]
    return np.array(first, dtype=np.float64), np.array(second, dtype=np.float64)


def _followed(spec: CohortSpec, cohort: Cohort, study: Study) -> tuple[Followed, ...]:
    """From the first radiation to the first positive outcome; without one, to the last day on which the patient was seen."""
    found = []
    ended: dict[str, list[Outcome]] = {}
    for outcome in study.outcomes:
        ended.setdefault(outcome.participant_id, []).append(outcome)
    for name, told in cohort.told.items():
        begun = min((t.day for t in told.course.treatments if t.kind in RADIATION), default=None)
        own = ended.get(name, [])
        if begun is None or not own:
            continue
        days = {v.session_id: v.day for v in told.course.visits}
        at = [(days.get(o.session_id) if o.day is None else o.day, o.label in spec.positive) for o in own]
        events = [day for day, positive in at if positive and day is not None and day > begun]
        seen = max([told.course.visits[-1].day, *(day for day, _ in at if day is not None)])
        last = min(events) if events else seen
        person = study.participant(name)
        if last > begun:
            found.append(Followed(name, last - begun, bool(events), {} if person is None else person.columns))
    return tuple(found)
