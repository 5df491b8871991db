"""One visit of a course: its outlines are settled, its maps made and measured unless they are on disk already."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from afterglow.flows.begin import begin, dynamic_series
from afterglow.flows.course_outlines import CourseVisit
from afterglow.flows.exam import Quantified, quantify_exam
from afterglow.flows.keys import exam_inputs, exam_settings, versions
from afterglow.flows.method import Method
from afterglow.flows.place import Place
from afterglow.flows.regions import read_outlines
from afterglow.flows.work import Drawn, Progress
from afterglow.io.atomic import Written
from afterglow.io.bids import Dataset, Session
from afterglow.io.derivatives import report_path
from afterglow.io.exam import ROLES, read_exam
from afterglow.io.manifest import FileEntry, ManifestEntry, fingerprint, is_finished_on_disk, output_entry, record
from afterglow.io.outlines import files_beside, find_outlines
from afterglow.io.results import read_exam_result, write_exam
from afterglow.io.write import write_text
from afterglow.records.maps import Provenance
from afterglow.records.measurement import Measurement
from afterglow.records.result import ExamResult
from afterglow.records.series import Exam
from afterglow.report.documents import exam_document
from afterglow.report.html import document_html


@dataclass(frozen=True, eq=False)
class Opened:
    """A visit whose headers and outlines were read: nothing is computed yet."""

    session: Session
    exam: Exam
    drawn: tuple[Drawn, ...]
    inputs: tuple[FileEntry, ...]


@dataclass(frozen=True, eq=False)
class Done:
    """One visit that is on disk, and whether this run made it or found it finished."""

    result: ExamResult
    measurements: tuple[Measurement, ...]
    skipped: bool
    fingerprint: str  # of its inputs, settings and versions


def open_visit(place: Place, subject: str, session: Session, method: Method) -> Opened:
    """Read what the visit has, and refuse now what could not be used later. AfterglowError with its sentence."""
    exam = read_exam(place.dataset, subject, session.label, role_patterns(method))
    outlines = find_outlines(place.dataset, subject, session.label, place.outlines_dir)
    beside = files_beside(place.dataset, subject, session.label, place.outlines_dir)
    dynamic = dynamic_series(exam, method)
    drawn = read_outlines(exam, dynamic, outlines)
    return Opened(session, exam, drawn, exam_inputs(place.dataset, exam, outlines, beside))


def only_tells_what_came(dataset: Dataset, subject: str, session: Session, method: Method) -> bool:
    """Whether a visit after the treatment that models look ahead from has nothing to quantify: its outlines and outcome are all that is read."""
    if method.recurrence is None:
        return False
    days = [one.day for one in dataset.treatments.get(subject, ()) if one.kind == method.recurrence.before]
    if not days or session.day <= min(days):
        return False
    exam = read_exam(dataset, subject, session.label, role_patterns(method))
    return not any(exam.has(role) for name in method.leads for role in method.series[name].roles)


def role_patterns(method: Method) -> dict[str, str]:
    """File patterns of every role that the method names, and of the anatomies that outlines are drawn on."""
    wanted = [role for spec in method.series.values() for role in spec.roles]
    return {role: ROLES.get(role, role) for role in dict.fromkeys([*wanted, "CE-T1w", "T1w", "T2w", "FLAIR"])}


def visit_key(subject: str, session: str) -> str:
    """The visit's name in the manifest."""
    return f"sub-{subject}" + (f"_ses-{session}" if session else "_exam")


def make_visit(
    place: Place,
    opened: Opened,
    visit: CourseVisit,
    method: Method,
    method_text: str,
    *,
    workers: int,
    progress: Progress,
) -> Done:
    """Carry out the method on one visit, with the lesions that were settled for it; a finished one is read back."""
    subject, label = opened.exam.subject, opened.session.label
    settings = exam_settings(method_text, opened.session.day, outlines_digest(visit.drawn))
    wanted, key = fingerprint(opened.inputs, settings, versions()), visit_key(subject, label)
    if is_finished_on_disk(place.out, key, wanted):
        stored = read_exam_result(place.out, subject, label)
        return Done(stored.result, stored.measurements, skipped=True, fingerprint=wanted)
    tell = lambda what, n, total: progress(f"sub-{subject} {label}: {what}", n, total)  # noqa: E731
    work = begin(opened.exam, dynamic_series(opened.exam, method), method, workers=workers, progress=tell)
    made = quantify_exam(place.dataset, work, visit.drawn, place.outlines_dir, run_id=wanted[:12])
    written = list(write_exam(place.out, made.result, made.measurements))
    if label:
        page = document_html(exam_document(made.result, made.measurements))
        written.append(write_text(report_path(place.out, subject, label), page))
    record(place.out, _entry(key, method, wanted, opened.inputs, written, made, settings, place))
    return Done(made.result, made.measurements, skipped=False, fingerprint=wanted)


def outlines_digest(drawn: Sequence[Drawn]) -> str:
    """SHA-256 of every region that the visit is measured with: its name, its place and its voxels."""
    digest = hashlib.sha256()
    for one in drawn:
        digest.update(f"{one.label}|{one.lesion_id}|{one.how}|{one.note}|{one.on.source}|{one.mask.shape}".encode())
        for mask in (one.mask, *(part for _, part in one.parts)):
            digest.update(np.packbits(mask).tobytes())
    return digest.hexdigest()


def record_failure(place: Place, subject: str, session: str | None, method: Method, message: str) -> None:
    """A visit that could not be made, or with None the whole subject, with its sentence."""
    key = f"sub-{subject}" if session is None else visit_key(subject, session)
    entry = ManifestEntry(key, "failed", method.name, "", (), (), {}, versions(), message=message)
    record(place.out, entry)


def _entry(
    key: str,
    method: Method,
    wanted: str,
    inputs: tuple[FileEntry, ...],
    written: Sequence[Written],
    made: Quantified,
    settings: dict[str, object],
    place: Place,
) -> ManifestEntry:
    return ManifestEntry(
        key,
        "done",
        method.name,
        wanted,
        inputs,
        tuple(output_entry(one, place.out) for one in written),
        settings,
        versions(),
        {step: round(value, 3) for step, value in made.seconds.items()},
        sentences(made.result.provenance),
    )


def sentences(provenance: Sequence[Provenance]) -> str:
    """The methods paragraph of a visit."""
    return " ".join(dict.fromkeys(p.sentence for p in provenance))
