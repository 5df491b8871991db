"""From what runs wrote and what the study says: the cases of a cohort, and how many of whom were left out on the way."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from afterglow.cohort.analyse_curves import Curve, since_arrival
from afterglow.cohort.predicted import PredictedCohort
from afterglow.flows.cohort_painted import PaintedCohort
from afterglow.flows.method import Method
from afterglow.flows.method_cohort import CohortSpec, Detection, Lead
from afterglow.io.bids import Dataset, sessions
from afterglow.io.measurements import measurements_below
from afterglow.io.phenotype import CasePlace, of_place, read_marks, read_probabilities
from afterglow.io.results import read_curves
from afterglow.io.tracks import events_path, read_events, read_tracks, tracks_path
from afterglow.io.verdicts import read_verdicts
from afterglow.records.case import Case, Marker
from afterglow.records.course import Course, Visit
from afterglow.records.errors import BadInput
from afterglow.records.lead import LeadTime
from afterglow.records.mark import DetectionMark
from afterglow.records.measurement import Measurement
from afterglow.records.response import PATIENT, Verdict, speaks_of_disease
from afterglow.records.statistic import FlowStep
from afterglow.records.study import Outcome, Refusal, Study
from afterglow.response.baseline import before
from afterglow.response.compare import lead_times
from afterglow.response.identity import Wanted, lesions_at, number_of, own


@dataclass(frozen=True)
class Told:
    """One patient as the runs left them: the course with its measurements, and the calls."""

    course: Course
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class Cohort:
    """The cases, who was left out and why, and leads of rules over one another."""

    cases: tuple[Case, ...]
    told: Mapping[str, Told]  # by patient
    flow: tuple[FlowStep, ...]
    refusals: tuple[Refusal, ...]
    leads: tuple[LeadTime, ...]  # none where no analysis asks for them
    curves: Mapping[tuple[str, str, str], Curve] = field(
        default_factory=dict
    )  # of lesions, by patient, session and lesion; as leads
    marks: Mapping[str, tuple[DetectionMark, ...]] = field(default_factory=dict)  # by the table that holds them
    painted: PaintedCohort = field(default_factory=PaintedCohort)
    predicted: Mapping[str, PredictedCohort] = field(default_factory=dict)  # by analysis


def read_told(out: Path, dataset: Dataset) -> dict[str, Told]:
    """What the participant level wrote, by patient."""
    told: dict[str, Told] = {}
    for course in _courses(out, dataset):
        name = course.participant_id
        if name in told:
            raise BadInput(f"{out}: measurements of sub-{name} lie in two places; each patient has one folder of their own name")
        told[name] = Told(course, read_verdicts(out, name))
    return told


def read_lesion_curves(out: Path, cases: Sequence[Case]) -> dict[tuple[str, str, str], Curve]:
    """The mean curve of each case's lesion at both its visits, on the clock of contrast in the artery."""
    found: dict[tuple[str, str, str], Curve] = {}
    for case in cases:
        for session in dict.fromkeys((case.before_session, case.session_id)):
            aif, curves = read_curves(out, case.participant_id, session)
            own = next((one for one in curves if one.label == f"lesion {case.lesion_id}"), None)
            if aif is not None and own is not None:
                begun = since_arrival(aif.times_s, aif.plasma_mM)
                found[case.participant_id, session, case.lesion_id] = (own.times_s - begun, own.measured_mM)
    return found


def held_in(dataset: Dataset) -> tuple[int, int]:
    """Patients and exams of a data set."""
    return len(dataset.subjects), sum(len(sessions(dataset, subject)) for subject in dataset.subjects)


def read_beside(
    root: Path, spec: CohortSpec
) -> tuple[dict[str, Mapping[CasePlace, float]], dict[str, tuple[DetectionMark, ...]]]:
    """Probabilities by their names, and marks by their tables, as far as analyses read them."""
    asked = {name for one in spec.analysis for name in getattr(one, "probabilities", ())}
    columns = {p.name: read_probabilities(root, p.table, p.column) for p in spec.probability if p.name in asked}
    return columns, {one.table: read_marks(root, one.table) for one in spec.analysis if isinstance(one, Detection)}


def gather(
    told: Mapping[str, Told], study: Study, method: Method, spec: CohortSpec, *, held: tuple[int, int],
    probabilities: Mapping[str, Mapping[CasePlace, float]] | None = None,
) -> Cohort:  # fmt: skip
    """Every outcome that has a measured lesion becomes a case; none where nothing is asked about outcomes.

    `held`: patients and exams of the whole data set.

    An outcome that comes instead of one (`spec.instead`), such as death, is no case. `probabilities`: numbers of tables beside.
    """
    markers = [one.record() for one in spec.marker]
    cases: list[Case] = []
    refused: list[Refusal] = []
    for outcome in study.outcomes if spec.positive else ():
        if outcome.label in spec.instead:
            continue
        made = _case(outcome, told.get(outcome.participant_id), method, spec, markers)
        (cases if isinstance(made, Case) else refused).append(made)  # type: ignore[arg-type]
    _refuse_twice(cases)
    cases = [_with_probabilities(case, probabilities or {}) for case in cases]
    asked = any(isinstance(one, Lead) for one in spec.analysis)
    leads = tuple(lead for one in told.values() for lead in lead_times(one.course, one.verdicts)) if asked else ()
    flow = _flow(held, told, study, cases, refused, spec, method)
    return Cohort(tuple(cases), told, flow, (*study.refusals, *refused), leads)


def _with_probabilities(case: Case, columns: Mapping[str, Mapping[CasePlace, float]]) -> Case:
    place = case.participant_id, case.session_id, case.lesion_id
    found = {name: value for name, values in columns.items() if (value := of_place(values, *place)) is not None}
    return replace(case, values={**case.values, **found}) if found else case


def _courses(out: Path, dataset: Dataset) -> Iterator[Course]:
    """What was measured, by patient, with treatments and the story of each lesion."""
    for subject, rows_of_one in groupby(measurements_below(out), key=lambda m: m.participant_id):
        of_one = sorted(rows_of_one, key=lambda m: (m.day, m.session_id))
        visits = tuple(Visit(session, day, tuple(rows)) for (session, day), rows in groupby(of_one, key=_visit))
        tracks = read_tracks(out, subject) if tracks_path(out, subject).is_file() else ()
        events = read_events(out, subject) if events_path(out, subject).is_file() else ()
        try:
            yield Course(subject, visits, dataset.treatments.get(subject, ()), tracks, events)
        except ValueError as error:
            raise BadInput(f"{out}: measurements of {error}; run the participant level again") from None


def _visit(m: Measurement) -> tuple[str, float]:
    return m.session_id, m.day


def _case(outcome: Outcome, told: Told | None, method: Method, spec: CohortSpec, markers: Sequence[Marker]) -> Case | Refusal:
    """The case of an outcome, or why there is none."""
    about = f"sub-{outcome.participant_id}" + (f" ses-{outcome.session_id}" if outcome.session_id else "")

    def refusal(column: str, found: str, remedy: str) -> Refusal:
        return Refusal("phenotype/outcomes.tsv", 0, column, f"{about}: {found}", remedy)

    if told is None:
        return refusal("participant_id", "nothing was measured", "run the participant level, and see its failures")
    course = told.course
    now = _now(course, outcome.session_id)
    if now is None:
        return refusal("session_id", "that visit was not measured", "see why it failed in manifest.json")
    there = lesions_at(now)
    lesion_id = outcome.lesion_id or (there[0] if len(there) == 1 else "")
    if not lesion_id:
        return refusal("lesion_id", f"{len(there)} lesions and none named", "say which lesion the outcome is about")
    found = before(course, now, "before treatment")
    earlier = None if found is None else found.visit
    numbers = {marker: _numbers(course, earlier, now, marker, lesion_id) for marker in markers}
    return Case(
        outcome.participant_id, now.session_id, lesion_id, now.day, outcome.label in spec.positive, outcome.label, outcome.basis,
        "" if earlier is None else earlier.session_id,
        _calls(told.verdicts, method, spec.rules, now.session_id, lesion_id),
        {m.name: value for m, (value, _) in numbers.items() if value is not None},
        {m.name: value for m, (_, value) in numbers.items() if value is not None},
    )  # fmt: skip


def _now(course: Course, session_id: str) -> Visit | None:
    """The visit that an outcome is about; the last one where it names none."""
    return course.visits[-1] if not session_id else next((v for v in course.visits if v.session_id == session_id), None)


def _numbers(
    course: Course, earlier: Visit | None, now: Visit, marker: Marker, lesion_id: str
) -> tuple[float | None, float | None]:
    """The marker's number of a lesion, and the same number in the reference tissue."""
    wanted = Wanted(marker.quantity, marker.statistic, marker.normalised)
    at = earlier if marker.at == "before" else now
    reference = None if at is None or marker.at == "change" else _reference(at, marker, lesion_id)
    value = None if at is None else number_of(course, at, wanted, lesion_id).value
    if marker.at != "change" or value is None:
        return value, reference
    first = None if earlier is None else number_of(course, earlier, wanted, lesion_id).value
    return (None if first is None or first <= 0 else 100 * (value / first - 1)), None


def _reference(visit: Visit, marker: Marker, lesion_id: str) -> float | None:
    """What a ratio was divided by; of a number that is no ratio, the one it would have been."""
    ratio = own(visit, Wanted(marker.quantity, marker.statistic, True), lesion_id)
    return None if ratio is None else ratio.reference_value


def _calls(
    verdicts: Sequence[Verdict], method: Method, wanted: Sequence[str], session: str, lesion_id: str
) -> dict[str, bool | None]:
    rules = {spec.name: spec.record() for spec in method.rule if spec.name in wanted}
    here = {v.rule: v for v in verdicts if v.to_session == session and v.lesion_id in (lesion_id, PATIENT) and v.rule in rules}
    return {name: speaks_of_disease(rules[name], verdict) for name, verdict in here.items()}


def _refuse_twice(cases: Sequence[Case]) -> None:
    """One lesion at one visit has one outcome."""
    counted = Counter((c.participant_id, c.session_id, c.lesion_id) for c in cases)
    twice = next((key for key, n in counted.items() if n > 1), None)
    if twice is not None:
        raise BadInput(
            f"phenotype/outcomes.tsv: lesion {twice[2]} of sub-{twice[0]} at ses-{twice[1]} has two outcomes, by name and by default; keep one"
        )


def _flow(
    held: tuple[int, int], told: Mapping[str, Told], study: Study, cases: Sequence[Case], refused: Sequence[Refusal], spec: CohortSpec,
    method: Method,
) -> tuple[FlowStep, ...]:  # fmt: skip
    """Data set, measured, with an outcome, called by the first rule of the primary analysis."""
    measured = sum(len(one.course.visits) for one in told.values())
    begun = (
        FlowStep("In the data set", *held),
        FlowStep(
            f"Measured by {method.name}", len(told), measured,
            _kept((("without a measured lesion", held[0] - len(told)), ("exams without", held[1] - measured))),
        ),
    )  # fmt: skip
    if not spec.positive:
        return begun
    known = {c.participant_id for c in cases}
    sick = {c.participant_id for c in cases if c.positive}
    several = " alone" if len(known) < len(cases) else ""
    split = ((f"with {spec.positive[0]}", len(sick)), (f"with {spec.negative[0]}{several}", len(known) - len(sick)))
    return (
        *begun,
        FlowStep(
            "With a known outcome", len(known), len({(c.participant_id, c.session_id) for c in cases}),
            _kept((
                ("without an outcome", len(told) - len(known)), ("outcomes of what was not measured", len(refused)),
                ("outcomes refused when read", sum(r.file.endswith("outcomes.tsv") for r in study.refusals)),
            )), split,
        ),
    )  # fmt: skip


def _kept(left: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    return tuple((words, n) for words, n in left if n > 0)
