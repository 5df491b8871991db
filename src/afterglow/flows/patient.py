"""One patient: every visit in the order of its day, the calls, the report."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from afterglow import __version__
from afterglow.align.resample import resample
from afterglow.align.rigid import register
from afterglow.flows.exam import Quantified, begin, dynamic_series, quantify_exam
from afterglow.flows.keys import exam_inputs, exam_settings, versions
from afterglow.flows.method import Method
from afterglow.flows.regions import read_outlines
from afterglow.flows.work import Carried, Progress
from afterglow.io.atomic import Written
from afterglow.io.bids import Dataset, Session, sessions
from afterglow.io.derivatives import report_path
from afterglow.io.exam import ROLES, read_exam
from afterglow.io.manifest import FileEntry, ManifestEntry, fingerprint, is_finished, output_entry, read_manifest, record
from afterglow.io.outlines import Outline, files_beside, find_outlines
from afterglow.io.results import read_exam_result, write_exam
from afterglow.io.write import write_text
from afterglow.records.alignment import Alignment
from afterglow.records.course import Course, Visit
from afterglow.records.errors import AfterglowError
from afterglow.records.grid import Grid
from afterglow.records.lesion import Lesion
from afterglow.records.maps import Provenance
from afterglow.records.measurement import Measurement
from afterglow.records.result import ExamResult, PairView, PatientResult
from afterglow.report.documents import exam_document, patient_document
from afterglow.report.html import document_html
from afterglow.response.judge import baseline_visit, judge
from afterglow.response.repeatability import REPEATABILITY

_SHOWN = 4  # quantities in the before/after panel


@dataclass(frozen=True)
class Place:
    """Where a run reads and writes."""

    dataset: Dataset
    out: Path
    outlines_dir: Path | None


@dataclass(frozen=True, eq=False)
class Done:
    """One visit that is on disk, and whether this run made it or found it finished."""

    result: ExamResult
    measurements: tuple[Measurement, ...]
    skipped: bool


def run_patient(
    place: Place, subject: str, method: Method, method_text: str, *, wanted: Sequence[str], workers: int, progress: Progress
) -> tuple[PatientResult | None, list[str]]:
    """Quantify the visits of one subject that are not finished yet, judge them, and write the report.

    A visit that fails with a stated error is recorded in the manifest with its sentence and does not stop the others; the
    sentences are returned.
    """
    visits = [s for s in sessions(place.dataset, subject) if not wanted or s.label in wanted]
    done: list[Done] = []
    failures: list[str] = []
    for visit in visits:
        try:
            done.append(_visit(place, subject, visit, done, method, method_text, workers, progress))
        except AfterglowError as error:
            failures.append(str(error))
            _record_failure(place, subject, visit, method, str(error))
    if not done:
        return None, failures
    progress("report", 0, 1)
    patient = _patient(place, subject, method, done)
    document = patient_document(
        patient, rules=[r.record() for r in method.rule], repeatability=[r for r in REPEATABILITY if r.site == method.site]
    )
    written = write_text(report_path(place.out, subject), document_html(document))
    _record_patient(place, patient, method, written)
    return patient, failures


def _visit(
    place: Place,
    subject: str,
    visit: Session,
    before: list[Done],
    method: Method,
    method_text: str,
    workers: int,
    progress: Progress,
) -> Done:
    exam = read_exam(place.dataset, subject, visit.label, role_patterns(method))
    outlines = find_outlines(place.dataset, subject, visit.label, place.outlines_dir)
    donor = next((one.result for one in reversed(before) if one.result.lesions), None)
    beside = files_beside(place.dataset, subject, visit.label, place.outlines_dir)
    inputs = exam_inputs(place.dataset, exam, outlines, beside)
    settings = exam_settings(method_text, visit.day, donor.session if donor is not None and not _has_lesion(outlines) else None)
    wanted = fingerprint(inputs, settings, versions())
    key = f"sub-{subject}" + (f"_ses-{visit.label}" if visit.label else "_exam")
    if is_finished(read_manifest(place.out), key, wanted):
        stored = read_exam_result(place.out, subject, visit.label)
        return Done(stored.result, stored.measurements, skipped=True)
    tell = lambda what, n, total: progress(f"sub-{subject} {visit.label}: {what}", n, total)  # noqa: E731
    dynamic = dynamic_series(exam, method)
    drawn = read_outlines(exam, dynamic, outlines)
    work = begin(exam, dynamic, method, workers=workers, progress=tell)
    carried = None
    if donor is not None and not _has_lesion(outlines):
        carried = _carry(work.data.mean(axis=-1, dtype=np.float64).astype(np.float32), work.grid, donor, work.source)
    made = quantify_exam(place.dataset, work, drawn, place.outlines_dir, carried=carried, run_id=wanted[:12])
    written = list(write_exam(place.out, made.result, made.measurements))
    if visit.label:
        page = document_html(exam_document(made.result, made.measurements))
        written.append(write_text(report_path(place.out, subject, visit.label), page))
    record(place.out, _entry(key, method, wanted, inputs, written, made, settings, place.out))
    return Done(made.result, made.measurements, skipped=False)


def role_patterns(method: Method) -> dict[str, str]:
    """File patterns of every role that the method names, and of the anatomies that outlines are drawn on."""
    wanted = [role for spec in method.series.values() for role in spec.roles]
    return {role: ROLES.get(role, role) for role in dict.fromkeys([*wanted, "CE-T1w", "T1w", "T2w", "FLAIR"])}


def _has_lesion(outlines: Sequence[Outline]) -> bool:
    return any(outline.label == "lesion" for outline in outlines)


def _carry(mean: NDArray[np.float32], grid: Grid, donor: ExamResult, source: str) -> Carried | None:
    """Lesions of an earlier visit, with the registration that brings them here; None where it failed."""
    alignment = register(donor.backdrop, donor.grid, mean, grid, names=(f"ses-{donor.session}", source))
    return Carried(donor.lesions, donor.session, alignment.matrix) if alignment.trusted else None


def _entry(
    key: str,
    method: Method,
    wanted: str,
    inputs: tuple[FileEntry, ...],
    written: Sequence[Written],
    made: Quantified,
    settings: dict[str, object],
    out: Path,
) -> ManifestEntry:
    return ManifestEntry(
        key,
        "done",
        method.name,
        wanted,
        inputs,
        tuple(output_entry(one, out) for one in written),
        settings,
        versions(),
        {step: round(value, 3) for step, value in made.seconds.items()},
        _paragraph(made.result.provenance),
    )


def _record_failure(place: Place, subject: str, visit: Session, method: Method, message: str) -> None:
    key = f"sub-{subject}" + (f"_ses-{visit.label}" if visit.label else "_exam")
    record(place.out, ManifestEntry(key, "failed", method.name, "", (), (), {}, versions(), message=message))


def _record_patient(place: Place, patient: PatientResult, method: Method, written: Written) -> None:
    settings: dict[str, object] = {"visits": [exam.session for exam in patient.exams]}
    entry = ManifestEntry(
        f"sub-{patient.participant_id}", "done", method.name, "", (), (output_entry(written, place.out),), settings, versions(),
        methods_text=patient.methods_paragraph,
    )  # fmt: skip
    record(place.out, entry)


def _patient(place: Place, subject: str, method: Method, done: Sequence[Done]) -> PatientResult:
    exams = tuple(one.result for one in done)
    visits = tuple(Visit(one.result.session, one.result.day, one.measurements) for one in done)
    course = Course(subject, visits, place.dataset.treatments.get(subject, ()))
    warning = unlike(exams)
    calls = (v for rule in method.rule for v in judge(course, rule.record(), REPEATABILITY, site=method.site))
    verdicts = tuple(replace(v, sentence=f"{v.sentence} {warning}") if warning else v for v in calls)
    pair = _pair(exams, course, method) if len(exams) > 1 else None
    dois = dict.fromkeys(doi for exam in exams for p in exam.provenance for doi in p.dois)
    references = (*((method.doi,) if method.doi else ()), *dois)
    paragraph = (
        f"Method {method.name}: {method.title} ({method.citation}), carried out with afterglow {__version__}. "
        + _paragraph(exams[-1].provenance)
    )
    return PatientResult(subject, method.name, exams, course, verdicts, pair, paragraph, references)


def unlike(exams: Sequence[ExamResult]) -> str:
    """A sentence where the visits were not quantified alike, so that a change may be one of method; empty where they were."""
    ways = {
        "the echo time (s)": [_setting(exam, "rates", "te_s") for exam in exams],
        "the correction for leakage": [_setting(exam, "leakage", "model") for exam in exams],
        "T1 before contrast": [_setting(exam, "t1", "how") for exam in exams],
        "the arterial input": [_setting(exam, "aif", "how") for exam in exams],
        "r1 (/mM/s)": [_setting(exam, "concentration", "r1_per_mM_s") for exam in exams],
        "the flip angle (degrees)": [_setting(exam, "concentration", "flip_deg") for exam in exams],
    }
    differing = [f"{what} ({', '.join(found)})" for what, found in ways.items() if len(set(found)) > 1]
    return (
        f"Mind: the visits differ in {' and '.join(differing)}, and part of the change may come from that." if differing else ""
    )


def _setting(exam: ExamResult, step: str, name: str) -> str:
    return next((str(p.settings[name]) for p in exam.provenance if p.step == step and name in p.settings), "not stated")


def _paragraph(provenance: Sequence[Provenance]) -> str:
    return " ".join(dict.fromkeys(p.sentence for p in provenance))


def _pair(exams: Sequence[ExamResult], course: Course, method: Method) -> PairView:
    """The visit before treatment and the last one, in the space of the earlier: for the eye."""
    first = next(exam for exam in exams if exam.session == baseline_visit(course).session_id)
    last = exams[-1]
    alignment = register(
        last.backdrop, last.grid, first.backdrop, first.grid, names=(f"ses-{last.session}", f"ses-{first.session}")
    )
    matrix = alignment.matrix if alignment.trusted else None
    shown = list(method.panel) or list(
        dict.fromkeys([q for rule in method.rule for q in rule.quantities] + [m.quantity for m in method.measure])
    )
    maps = []
    for name in shown:
        a, b = first.map_of(name), last.map_of(name)
        if a is not None and b is not None:
            maps.append((a.quantity, np.array(a.values), resample(b.values, last.grid, first.grid, matrix).astype(np.float32)))
    return PairView(
        first.grid,
        (first.session, last.session),
        (first.day, last.day),
        (np.array(first.backdrop), resample(last.backdrop, last.grid, first.grid, matrix).astype(np.float32)),
        (_union(first.lesions, first.grid.shape), _moved(last, first, alignment)),
        tuple(maps[:_SHOWN]),
        alignment,
    )


def _union(lesions: Sequence[Lesion], shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    everything = np.zeros(shape, dtype=bool)
    for lesion in lesions:
        everything |= lesion.mask
    return everything


def _moved(last: ExamResult, first: ExamResult, alignment: Alignment) -> NDArray[np.bool_]:
    matrix = alignment.matrix if alignment.trusted else None
    moved: NDArray[np.bool_] = resample(_union(last.lesions, last.grid.shape), last.grid, first.grid, matrix, "nearest")
    return moved
