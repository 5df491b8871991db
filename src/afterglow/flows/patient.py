"""One patient: every visit in the order of its day, lesions that keep their names, the calls, the reports."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from afterglow import __version__
from afterglow.flows.course_outlines import CourseVisit, carry_lesions, note_maps, renamed, visit_masks
from afterglow.flows.course_space import anchor_of, settle_space
from afterglow.flows.course_view import course_view, pair_view
from afterglow.flows.keys import versions
from afterglow.flows.method import Method
from afterglow.flows.paint_course import paint_course
from afterglow.flows.paint_orders import NO_ORDERS, PaintOrders
from afterglow.flows.place import Place
from afterglow.flows.predict_kept import TOLD, KeptPrediction, kept_prediction
from afterglow.flows.unlike import unlike
from afterglow.flows.visit import Done, Opened, make_visit, only_tells_what_came, open_visit, record_failure, sentences
from afterglow.flows.work import Progress
from afterglow.io.atomic import Written, write_bytes
from afterglow.io.bids import sessions
from afterglow.io.course import write_course
from afterglow.io.derivatives import report_path
from afterglow.io.manifest import ManifestEntry, output_entry, record
from afterglow.io.tracks import check_corrections, read_corrections, write_events, write_tracks
from afterglow.io.verdicts import write_verdicts
from afterglow.io.write import write_text
from afterglow.lesions.track import track_lesions
from afterglow.records.alignment import QualityLine
from afterglow.records.course import Course, Visit
from afterglow.records.errors import AfterglowError, MissingInput
from afterglow.records.painted import PaintedVisit
from afterglow.records.result import CourseView, ExamResult, PairView, PatientResult
from afterglow.records.space import PatientSpace
from afterglow.records.track import Correction, Event, Track
from afterglow.report.documents import patient_document
from afterglow.report.html import document_html
from afterglow.report.pdf import document_pdf
from afterglow.response.compare import disagreements, lead_times
from afterglow.response.judge import baseline_visit, flag, judge_course

_SHOWN = 4  # quantities in the pictures of a course


@dataclass
class Story:
    """What a course has come to so far, while its visits are made one after the other."""

    visits: list[CourseVisit] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)
    tracks: tuple[Track, ...] = ()
    events: tuple[Event, ...] = ()
    identity: tuple[str, ...] = ()  # remarks on who is who
    corrections: tuple[Correction, ...] = ()  # a person's word on who is who
    quality: list[QualityLine] = field(default_factory=list)
    painted: PaintedVisit | None = None


def run_patient(
    place: Place,
    subject: str,
    method: Method,
    method_text: str,
    *,
    wanted: Sequence[str],
    workers: int,
    progress: Progress,
    orders: PaintOrders = NO_ORDERS,
) -> tuple[PatientResult | None, list[str]]:
    """Quantify the visits of one subject that are not finished yet, judge them, and write the reports.

    A visit that fails with a stated error is recorded in the manifest with its sentence and does not stop the others; the
    sentences are returned.
    """
    opened, failures = _opened(place, subject, method, wanted)
    if not opened:
        return None, failures
    anchors = [anchor_of(one.exam, method) for one in opened]
    space = settle_space(place, subject, anchors, method, workers=workers, progress=progress)
    lines = [QualityLine("visits in one space", words, "warning") for words in (space.flags if space else ())]
    story = Story(quality=lines, corrections=_corrections(place, subject, opened))
    for one, anchor in zip(opened, anchors, strict=True):
        visit = CourseVisit(anchor, one.exam, one.drawn)
        try:
            _settle(place, subject, story, visit, space, method)
            made = make_visit(place, one, visit, method, method_text, workers=workers, progress=progress)
        except AfterglowError as error:
            failures.append(str(error))
            record_failure(place, subject, one.session.label, method, str(error))
            continue
        note_maps(visit, made.result)
        story.visits.append(visit)
        story.done.append(made)
    if not story.done:
        return None, failures
    story.painted, told = paint_course(
        place, subject, story.visits, story.done, space, method, method_text, progress=progress, orders=orders
    )
    kept = kept_prediction(place, subject)
    story.quality += [*told, *kept.left_out]
    progress("report", 0, 1)
    patient = _patient(place, subject, method, story, space)
    write_patient(place, patient, method, kept)
    return patient, failures


def _opened(place: Place, subject: str, method: Method, wanted: Sequence[str]) -> tuple[list[Opened], list[str]]:
    """Visits that can be read, and a sentence for each that cannot."""
    found: list[Opened] = []
    failures: list[str] = []
    for session in sessions(place.dataset, subject):
        if wanted and session.label not in wanted:
            continue
        try:
            if not only_tells_what_came(place.dataset, subject, session, method):
                found.append(open_visit(place, subject, session, method))
        except AfterglowError as error:
            failures.append(str(error))
            record_failure(place, subject, session.label, method, str(error))
    return found, failures


def _corrections(place: Place, subject: str, opened: Sequence[Opened]) -> tuple[Correction, ...]:
    """A person's word on which outline is which lesion. BadInput where it speaks of what is not there."""
    found = read_corrections(place.outlines_root, subject)
    names = {one.session.label: tuple(d.lesion_id for d in one.drawn if d.label == "lesion") for one in opened}
    check_corrections(place.outlines_root, subject, found, names)
    return found


def _settle(place: Place, subject: str, story: Story, visit: CourseVisit, space: PatientSpace | None, method: Method) -> None:
    """The visit's lesions, carried over where it has none, under the names of their tracks."""
    problem = carry_lesions(visit, story.visits, space, method)
    if problem:
        story.quality.append(QualityLine(f"lesions at ses-{visit.session}", problem, "warning"))
    all_visits = [*story.visits, visit]
    corrections = [one for one in story.corrections if one.session_id in {seen.session for seen in all_visits}]
    surgery = [t.day for t in place.dataset.treatments.get(subject, ()) if t.kind == "surgery"]
    masks, grid = visit_masks(all_visits, space)
    found = track_lesions(
        masks, grid, subject=subject, identity=method.lesions.identity, dataset=place.dataset.name, corrections=corrections, resections=surgery
    )  # fmt: skip
    story.tracks, story.events, story.identity = found.tracks, found.events, found.remarks
    names = {s.drawn_id: t.lesion_id for t in story.tracks for s in t.sightings if s.session_id == visit.session}
    visit.drawn = renamed(visit.drawn, names)


def _patient(place: Place, subject: str, method: Method, story: Story, space: PatientSpace | None) -> PatientResult:
    exams = tuple(one.result for one in story.done)
    visits = tuple(Visit(one.result.session, one.result.day, one.measurements) for one in story.done)
    treatments = place.dataset.treatments.get(subject, ())
    course = Course(subject, visits, treatments, story.tracks, story.events)
    rules = [rule.record() for rule in method.rule]
    warning = unlike(exams)
    calls = judge_course(course, rules, place.repeatability, site=method.site, readings=place.readings.get(subject, ()))
    verdicts = tuple(flag(one, warning) if warning else one for one in calls)
    pair, view = _pictures(exams, course, method, story, space)
    dois = dict.fromkeys(doi for exam in exams for p in exam.provenance for doi in p.dois)
    references = (*((method.doi,) if method.doi else ()), *dois)
    paragraph = (
        f"Method {method.name}: {method.title} ({method.citation}), carried out with afterglow {__version__}. "
        + (f"{space.method} " if space is not None else "")
        + sentences((*exams[-1].provenance, *(story.painted.provenance if story.painted else ())))
    )
    return PatientResult(
        subject, method.name, exams, course, verdicts, pair, paragraph, references, space, view,
        (*story.quality, *(QualityLine("identity of lesions", words, "note") for words in story.identity)),
        lead_times(course, verdicts), disagreements(verdicts), story.painted,
    )  # fmt: skip


def _pictures(
    exams: Sequence[ExamResult], course: Course, method: Method, story: Story, space: PatientSpace | None
) -> tuple[PairView | None, CourseView | None]:
    if space is None or len(exams) < 2:
        return None, None
    shown = list(method.panel) or list(
        dict.fromkeys([q for rule in method.rule for q in rule.quantities] + [m.quantity for m in method.measure])
    )
    have = [name for name in shown if any(exam.map_of(name) is not None for exam in exams)][:_SHOWN]
    first = next(exam for exam in exams if exam.session == baseline_visit(course).session_id)
    pair = None if first is exams[-1] else pair_view(first, exams[-1], story.visits, space, have)
    return pair, course_view(exams, story.visits, space, have)


def write_patient(place: Place, patient: PatientResult, method: Method, kept: KeptPrediction) -> None:
    """The reports and tables of the patient, with what was predicted earlier, and their line in the manifest."""
    known = [row for row in place.repeatability if row.site == method.site]
    rules = [rule.record() for rule in method.rule]
    document = patient_document(patient, rules=rules, repeatability=known, also=kept.sections)
    subject = patient.participant_id
    written: list[Written] = [
        write_text(report_path(place.out, subject), document_html(document)),
        *write_tracks(place.out, subject, patient.course.tracks),
        *write_events(place.out, subject, patient.course.events),
        *write_verdicts(place.out, subject, patient.verdicts),
        write_course(place.out, patient),
    ]
    problem = ""
    try:
        written.append(write_bytes(report_path(place.out, subject).with_suffix(".pdf"), document_pdf(document)))
    except MissingInput as error:  # typst is an extra: the page on screen holds the same
        problem = str(error)
    settings: dict[str, object] = {"visits": [exam.session for exam in patient.exams], "pdf": problem or "written"}
    settings |= {TOLD: kept.told} if kept.told else {}
    outputs = tuple(output_entry(one, place.out) for one in written)
    entry = ManifestEntry(
        f"sub-{subject}", "done", method.name, "", (), outputs, settings, versions(), methods_text=patient.methods_paragraph
    )
    record(place.out, entry)
