"""From dosimetry.tsv and zone measurements: what the analyses of plans and zones read, and who has none of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from afterglow.cohort.analyse_baseline import BaselineNumber, ChangeCohort, analyse_baseline
from afterglow.cohort.analyse_plans import PlanFigure, analyse_plans
from afterglow.cohort.analyse_zones import ZoneCohort, ZonePatient, analyse_zones
from afterglow.cohort.part import Part
from afterglow.flows.cohort_plans import plan_figure, read_dosimetry_figures
from afterglow.flows.cohort_zones import named, values_of, zone_cohort, zone_row
from afterglow.flows.method import Method
from afterglow.flows.method_cohort import CohortSpec
from afterglow.flows.method_painted import BaselineChange, BaselineSpec, Plans, Zones
from afterglow.records.course import Course
from afterglow.records.errors import BadInput
from afterglow.records.measurement import Measurement
from afterglow.records.statistic import FlowStep, Values
from afterglow.records.study import Study
from afterglow.response.identity import Wanted, lesions_at, number_of


@dataclass(frozen=True, eq=False)
class PaintedCohort:
    """What the participant level left of painted patients."""

    plans: Mapping[str, tuple[PlanFigure, ...]] = field(default_factory=dict)  # by analysis
    zones: Mapping[str, ZoneCohort] = field(default_factory=dict)  # by analysis

    @property
    def followed(self) -> tuple[str, ...] | None:
        """Patients with a follow-up, None where nothing asks for one."""
        return next((one.followed for one in self.zones.values()), None)


def read_painted_cohort(out: Path, courses: Mapping[str, Course], method: Method, spec: CohortSpec) -> PaintedCohort:
    """What analyses of plans and zones read. MissingInput where no tumour was painted, BadInput where a table contradicts itself."""
    asked = [one for one in spec.analysis if isinstance(one, Plans)]
    rows = read_dosimetry_figures(out) if asked else {}
    plans = {one.name: tuple(plan_figure(rows, figure, one, out) for figure in one.figures) for one in asked}
    zones = {one.name: zone_cohort(courses, one, method, out) for one in spec.analysis if isinstance(one, Zones)}
    return PaintedCohort(plans, zones)


def painted_part(
    analysis: Plans | Zones | BaselineChange,
    spec: CohortSpec,
    painted: PaintedCohort,
    courses: Mapping[str, Course],
    study: Study,
) -> Part:
    """One such analysis, carried out."""
    match analysis:
        case Plans():
            figures = painted.plans[analysis.name]
            beside = {name: _texts(study, figures[0].patients, name, analysis.name) for name in analysis.columns}
            return analyse_plans(analysis.name, analysis.plans, figures, beside=beside, printed_as=analysis.printed_as or ())
        case Zones():
            zones = painted.zones[analysis.name]
            return analyse_zones(
                analysis.name, zones, missing_unchanged=analysis.missing_unchanged, printed_as=analysis.printed_as
            )
        case BaselineChange():
            change = _change(analysis, spec, painted.zones[analysis.zones_of], courses, study)
            return analyse_baseline(analysis.name, change, bands=analysis.bands, printed_as=analysis.printed_as)


def _texts(study: Study, patients: Sequence[str], column: str, analysis: str) -> list[str | None]:
    people = [study.participant(one) for one in patients]
    _require_column(study, column, analysis)
    return [None if person is None else person.text(column) for person in people]


def _require_column(study: Study, column: str, analysis: str) -> None:
    if not any(column in person.columns for person in study.participants):
        raise BadInput(f"participants.tsv has no column {column!r}, which the analysis {analysis!r} reads; add it")


def _change(
    spec: BaselineChange, cohort: CohortSpec, zones: ZoneCohort, courses: Mapping[str, Course], study: Study
) -> ChangeCohort:
    """The primary number of the zones, and the baselines of those same patients."""
    primary = zones.numbers[0]
    own = [courses[one.participant_id] for one in zones.patients]
    asked = next(one for one in cohort.analysis if isinstance(one, Zones) and one.name == spec.zones_of)
    first = (asked.measures[0].quantity, asked.measures[0].statistic, asked.zones[0])
    baselines = tuple(
        BaselineNumber(one.name, unit, values, (one.quantity, one.statistic, one.region) == first)
        for one in spec.baselines
        for unit, values in [_baseline(one, own, zones.patients)]
    )
    people = [study.participant(one.participant_id) for one in zones.patients]
    adjust: dict[str, Values] = {}
    for column in spec.columns:
        _require_column(study, column, spec.name)
        try:
            cells = [None if person is None else person.number(column) for person in people]
        except ValueError as problem:
            raise BadInput(f"participants.tsv: {problem}; the analysis {spec.name!r} needs numbers") from None
        adjust[column] = np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
    patients = tuple(one.participant_id for one in zones.patients)
    return ChangeCohort(
        f"{primary.name}, {primary.zone} zone", primary.unit, patients, primary.before, primary.after, baselines, adjust
    )


def _baseline(one: BaselineSpec, courses: Sequence[Course], people: Sequence[ZonePatient]) -> tuple[str, Values]:
    """A number of each patient's painted visit with its unit; NaN where there is none, or several lesions have one each."""
    rows = [_at_painted(one, course, patient.painted) for course, patient in zip(courses, people, strict=True)]
    return next((m.unit for m in rows if m is not None), "1"), values_of(rows)


def _at_painted(one: BaselineSpec, course: Course, session: str) -> Measurement | None:
    if one.region != "lesion":
        return zone_row(course, session, one.region, one.quantity, one.statistic)
    visit = next(v for v in course.visits if v.session_id == session)
    lesions = lesions_at(visit)
    if len(lesions) != 1:
        return None
    return number_of(course, visit, Wanted(one.quantity, one.statistic, one.normalised), lesions[0]).source


def painted_cautions(painted: PaintedCohort, measured: Sequence[str]) -> Iterator[str]:
    """Measured patients without plans or zones."""
    for figures in painted.plans.values():
        lost = sorted(set(measured) - set(figures[0].patients))
        if lost:
            yield f"{len(lost)} of {len(measured)} measured patients have no plan ({named(lost)}); manifest.json says why"
    for zones in painted.zones.values():
        lost = sorted(set(measured) - {one.participant_id for one in zones.patients})
        if lost:
            yield f"{len(lost)} of {len(measured)} measured patients have no zones ({named(lost)}); manifest.json says why"


def painted_flow(painted: PaintedCohort, measured: int) -> Iterator[FlowStep]:
    """Boxes for the flow of patients: painted, with both plans, followed; each with those who left before it."""
    for figures in painted.plans.values():
        both = int(np.isfinite(figures[0].second - figures[0].first).sum())
        yield FlowStep("With both plans", both, None, _left("without", measured - both))
        break
    for zones in painted.zones.values():
        total, seen = len(zones.patients), len(zones.followed)
        lost = [one.why for one in zones.patients if not one.follow_up]
        whys = tuple((why, lost.count(why)) for why in dict.fromkeys(lost))
        yield FlowStep("With zones at the painted visit", total, None, _left("without", measured - total))
        yield FlowStep("Followed", seen, None, whys)
        break


def _left(why: str, n: int) -> tuple[tuple[str, int], ...]:
    return ((why, n),) if n > 0 else ()
