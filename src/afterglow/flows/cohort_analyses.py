"""The analyses that a method names, carried out on the cases of its cohort."""

from collections.abc import Iterator

import numpy as np

from afterglow.cohort.analyse_agreement import analyse_agreement
from afterglow.cohort.analyse_calls import analyse_calls, analyse_lead
from afterglow.cohort.analyse_competing import analyse_competing
from afterglow.cohort.analyse_curves import analyse_curves
from afterglow.cohort.analyse_detection import analyse_detection
from afterglow.cohort.analyse_markers import (
    analyse_against_reference,
    analyse_before_after,
    analyse_between,
    analyse_subgroups,
)
from afterglow.cohort.analyse_model import analyse_model
from afterglow.cohort.analyse_probabilities import analyse_calibration, analyse_decision
from afterglow.cohort.analyse_roc import analyse_roc
from afterglow.cohort.analyse_time import Followed, analyse_time
from afterglow.cohort.part import Part, Sides
from afterglow.flows.cohort_cases import Cohort
from afterglow.flows.cohort_painted import painted_part
from afterglow.flows.cohort_recurrence import predicted_part
from afterglow.flows.method_cohort import (
    AgainstReference,
    Agreement,
    Analysis,
    BeforeAfter,
    Between,
    Calibration,
    Calls,
    CaseModel,
    CohortSpec,
    CompetingRisks,
    Curves,
    DecisionCurve,
    Detection,
    Lead,
    Roc,
    Subgroups,
    TimeTo,
)
from afterglow.flows.method_painted import BaselineChange, Plans, Zones
from afterglow.flows.method_predictions import Predictions
from afterglow.flows.work import Progress
from afterglow.records.case import Marker
from afterglow.records.course import Course
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Values
from afterglow.records.study import Outcome, Study
from afterglow.response.baseline import RADIATION
from afterglow.response.identity import Wanted, number_of


def carry_out_analyses(spec: CohortSpec, cohort: Cohort, study: Study, progress: Progress) -> tuple[Part, ...]:
    """Every analysis of the method, in its order."""
    sides = Sides(cohort.cases, *spec.sides)
    return tuple(_parts(spec, sides, cohort, study, progress))


def _parts(spec: CohortSpec, sides: Sides, cohort: Cohort, study: Study, progress: Progress) -> Iterator[Part]:
    for number, analysis in enumerate(spec.analysis):
        progress(analysis.name, number, len(spec.analysis))
        yield _part(analysis, spec, sides, cohort, study)


def _part(analysis: Analysis, spec: CohortSpec, sides: Sides, cohort: Cohort, study: Study) -> Part:
    name, wanted = analysis.name, sides.positive
    match analysis:
        case Calls():
            return analyse_calls(name, sides, analysis.rules)
        case Agreement():
            return analyse_agreement(name, study.readings, analysis.reading)
        case Curves():
            return analyse_curves(name, sides, cohort.curves)
        case Lead():
            return analyse_lead(name, cohort.leads, analysis.first, analysis.second)
        case TimeTo():
            return analyse_time(name, _followed(spec, cohort, study, ()), wanted, by=analysis.by)
        case CompetingRisks():
            seen = _followed(spec, cohort, study, analysis.instead)
            return analyse_competing(name, seen, wanted, analysis.instead, analysis.days, by=analysis.by)
        case Calibration():
            return analyse_calibration(name, sides, analysis.probabilities)
        case DecisionCurve():
            return analyse_decision(name, sides, analysis.probabilities, analysis.thresholds)
        case Detection():
            return analyse_detection(name, sides, cohort.marks[analysis.table], analysis.false_marks)
        case Plans() | Zones() | BaselineChange():
            courses = {patient: told.course for patient, told in cohort.told.items()}
            return painted_part(analysis, spec, cohort.painted, courses, study)
        case Predictions():
            return predicted_part(analysis, spec, cohort.predicted[name])
        case _:
            return _of_markers(analysis, spec, sides, cohort, study)


def _of_markers(
    analysis: Roc | Between | Subgroups | AgainstReference | BeforeAfter | CaseModel,
    spec: CohortSpec,
    sides: Sides,
    cohort: Cohort,
    study: Study,
) -> Part:
    known = {one.name: one.record() for one in spec.marker}
    name, markers = analysis.name, [known[one] for one in analysis.markers]
    match analysis:
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
        case CaseModel():
            return analyse_model(name, sides, markers, _columns(analysis, cohort, study))


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


def _columns(analysis: CaseModel, cohort: Cohort, study: Study) -> dict[str, Values]:
    """Numbers of participants.tsv, one for each case; NaN where a cell is empty. BadInput where one is no number, or none is there."""
    found: dict[str, Values] = {}
    for column in analysis.columns:
        people = [study.participant(case.participant_id) for case in cohort.cases]
        if not any(person is not None and column in person.columns for person in people):
            raise BadInput(f"participants.tsv has no column {column!r}, which the analysis {analysis.name!r} reads; add it")
        try:
            cells = [None if person is None else person.number(column) for person in people]
        except ValueError as problem:
            raise BadInput(f"participants.tsv: {problem}; the analysis {analysis.name!r} needs numbers") from None
        found[column] = np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
    return found


def _followed(spec: CohortSpec, cohort: Cohort, study: Study, instead: tuple[str, ...]) -> tuple[Followed, ...]:
    """From the first radiation to the first positive outcome, or one of `instead`; without any, to the last day on which the patient was seen."""
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
        at = [(days.get(o.session_id) if o.day is None else o.day, _kind(o.label, spec, instead)) for o in own]
        events = [(day, kind) for day, kind in at if kind and day is not None and day > begun]
        seen = max([told.course.visits[-1].day, *(day for day, _ in at if day is not None)])
        last, kind = min(events) if events else (seen, 0)
        person = study.participant(name)
        if last > begun:
            found.append(Followed(name, last - begun, kind, {} if person is None else person.columns))
    return tuple(found)


def _kind(label: str, spec: CohortSpec, instead: tuple[str, ...]) -> int:
    return 1 if label in spec.positive else 2 if label in instead else 0
