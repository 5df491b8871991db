"""Results become documents: the call first, then what it rests on."""

from collections.abc import Iterable, Mapping, Sequence

from afterglow import __version__
from afterglow.records.course import Course
from afterglow.records.document import Block, Document, Figure, Section, Table, Text
from afterglow.records.lesion import Lesion
from afterglow.records.maps import Provenance
from afterglow.records.measurement import Measurement
from afterglow.records.response import Repeatability, Rule, Verdict
from afterglow.records.result import ExamResult, PatientResult
from afterglow.report.figures.arterial import arterial_figure
from afterglow.report.figures.before_after import before_after
from afterglow.report.figures.bolus import bolus_figure
from afterglow.report.figures.change import change_figure
from afterglow.report.figures.curves import curves_figure
from afterglow.report.figures.leakage import leakage_figure
from afterglow.report.figures.loops import loops_figure
from afterglow.report.figures.maps import pictures_of
from afterglow.report.figures.motion import motion_figure
from afterglow.report.figures.spread import spread_figure
from afterglow.report.figures.windows import Window, windows_of
from afterglow.report.tables import alignment_table, measurement_table, provenance_table, spread_table, visits_table
from afterglow.report.words import NOT_MEASURED, lesion_title, lesion_words, number, visit_words, with_unit

DISCLAIMER = (
    "afterglow is research software. It is not a medical device and must not be used for diagnosis or for treatment decisions."
)
MOST_LESIONS = 4  # pictures are drawn for the largest ones; the tables hold all


def exam_document(exam: ExamResult, measurements: Sequence[Measurement]) -> Document:
    """The report of one visit. GridMismatch where a map, a mask or the anatomy lies on another grid."""
    about = f"{visit_words(exam.session, exam.day)} · method {exam.method} · afterglow {__version__}"
    sections = [
        Section("Measurements", (*_measured(measurements), Text(DISCLAIMER, "caution")), "measurements"),
        *_visit_sections(exam, windows_of([exam]), ()),
        _methods(" ".join(_sentences(exam.provenance)), _dois(exam.provenance)),
        Section("Provenance", (provenance_table(exam.provenance),), "provenance"),
        Section("Use", (Text(DISCLAIMER, "caution"),), "use"),
    ]
    return Document(title=f"sub-{exam.subject}", subtitle=about, sections=tuple(sections))


def patient_document(
    patient: PatientResult, *, rules: Sequence[Rule] = (), repeatability: Sequence[Repeatability] = ()
) -> Document:
    """The report of one patient: the calls, before and after, each visit, methods and provenance.

    With the `rules` behind the verdicts, and the `repeatability` of their quantities, each call gets its plot over time.
    """
    visits = ", ".join(visit_words(exam.session, exam.day) for exam in patient.exams)
    about = f"{visits} · method {patient.method} · afterglow {__version__}"
    windows = windows_of(patient.exams)
    sections = [_calls(patient.verdicts, patient.course)]
    comparison = _comparison(patient, windows, rules, repeatability)
    if comparison:
        sections.append(Section("Before and after", tuple(comparison), "before-after"))
    measured = {visit.session_id: visit.measurements for visit in patient.course.visits}
    for exam in patient.exams:
        title = f"Visit {visit_words(exam.session, exam.day)}"
        parts = _visit_sections(exam, windows, _measured(measured.get(exam.session, ())))
        blocks = [block for part in parts for block in (Text(part.title, "heading"), *part.blocks)]
        sections.append(Section(title, tuple(blocks), f"visit-{exam.session}"))
    sections.append(_methods(patient.methods_paragraph, patient.references))
    steps = tuple(
        table
        for exam in patient.exams
        for table in (Text(visit_words(exam.session, exam.day), "heading"), provenance_table(exam.provenance))
    )
    sections.append(Section("Provenance", steps, "provenance"))
    sections.append(Section("Use", (Text(DISCLAIMER, "caution"),), "use"))
    return Document(title=f"sub-{patient.participant_id}", subtitle=about, sections=tuple(sections))


def _calls(verdicts: Sequence[Verdict], course: Course) -> Section:
    blocks: list[Block] = []
    for verdict in verdicts:
        blocks.append(Text(f"{lesion_title(verdict.lesion_id)} · rule {verdict.rule}", "eyebrow"))
        blocks.append(Text(verdict.sentence, f"call-{verdict.category.replace(' ', '-')}"))
    if not verdicts:
        blocks.append(Text("No call: no rule of the method could be asked of this patient's visits."))
    else:
        blocks.append(_verdict_table(verdicts, {visit.session_id: visit.day for visit in course.visits}))
        blocks.append(_numbers_table(verdicts))
    blocks.append(Text(DISCLAIMER, "caution"))
    return Section("The call", tuple(blocks), "call")


def _distance(verdict: Verdict) -> str:
    if verdict.distance_rc is None:
        return NOT_MEASURED if verdict.value is None else "repeatability not known"
    return number(verdict.distance_rc)


def _verdict_table(verdicts: Sequence[Verdict], days: dict[str, float]) -> Table:
    def visit(session: str) -> str:
        return visit_words(session, days[session]) if session in days else (f"ses-{session}" if session else "")

    rows = tuple(
        (
            lesion_words(v.lesion_id),
            v.rule,
            v.category,
            with_unit(v.value, v.unit),
            with_unit(v.threshold, v.unit),
            _distance(v),
            v.repeatability_source,
            " to ".join(words for words in (visit(v.from_session), visit(v.to_session)) if words),
        )
        for v in verdicts
    )
    columns = (
        "Lesion", "Rule", "Call", "Number", "Threshold", "Distance to threshold, in repeatability units",
        "Repeatability from", "Visits",
    )  # fmt: skip
    return Table("The number, its threshold, and the distance between them.", columns, rows)


def _numbers_table(verdicts: Sequence[Verdict]) -> Table:
    rows = tuple((lesion_words(v.lesion_id), v.rule, name, number(value)) for v in verdicts for name, value in v.numbers)
    return Table("Numbers behind the call.", ("Lesion", "Rule", "Name", "Value"), rows)


def _comparison(
    patient: PatientResult, windows: Mapping[str, Window], rules: Sequence[Rule], repeatability: Sequence[Repeatability]
) -> list[Block]:
    by_name = {rule.name: rule for rule in rules}
    blocks: list[Block] = []
    if patient.pair is not None:
        if not patient.pair.alignment.trusted:
            blocks.append(
                Text(f"The visits could not be registered reliably: {patient.pair.alignment.remark}", "quality-warning")
            )
        blocks.append(before_after(patient.pair, windows))
    for verdict in patient.verdicts:
        rule = by_name.get(verdict.rule)
        plot = change_figure(patient.course, verdict, rule, repeatability) if rule is not None else None
        if plot is not None:
            blocks.append(plot)
        if rule is not None and rule.caution:
            blocks.append(Text(f"Rule {rule.name}: {rule.caution}", "quality-note"))
    table = visits_table(patient.course)
    if table is not None:
        blocks.append(table)
    return blocks


def _visit_sections(exam: ExamResult, windows: Mapping[str, Window], numbers: Sequence[Block]) -> list[Section]:
    """Pictures, curves, the given numbers and quality control of one visit; a part without content is left out."""
    lesions = sorted(exam.lesions, key=lambda lesion: -lesion.n_voxels)[:MOST_LESIONS]
    parts = (
        Section("Maps", tuple(_maps(exam, lesions, windows)), "maps"),
        Section("Curves", tuple(_curves(exam)), "curves"),
        Section("Measurements", tuple(numbers), "measurements"),
        Section("Quality", tuple(_quality(exam)), "quality"),
    )
    return [part for part in parts if part.blocks]


def _curves(exam: ExamResult) -> list[Block]:
    """What went into the vessels and came out of the regions: concentrations, or rates of relaxation and their loops."""
    return _given(arterial_figure(exam), curves_figure(exam), bolus_figure(exam), loops_figure(exam))


def _given(*figures: Figure | None) -> list[Block]:
    return [figure for figure in figures if figure is not None]


def _maps(exam: ExamResult, lesions: Sequence[Lesion], windows: Mapping[str, Window]) -> list[Block]:
    blocks: list[Block] = []
    if len(lesions) < len(exam.lesions):
        blocks.append(Text(f"Pictures of the {len(lesions)} largest of {len(exam.lesions)} lesions; the tables hold all."))
    blocks += pictures_of(exam, lesions, windows)
    blocks += _given(leakage_figure(exam, windows), *(spread_figure(exam, lesion) for lesion in lesions[:1]))
    if exam.reference is not None:
        blocks.append(Text(f"Reference tissue: {exam.reference.kind}, {exam.reference.method}."))
    return blocks


def _quality(exam: ExamResult) -> list[Block]:
    blocks: list[Block] = []
    for line in exam.quality:
        advice = f" {line.advice}" if line.advice else ""
        blocks.append(Text(f"{line.what}: {line.found}.{advice}".replace("..", "."), f"quality-{line.level}"))
    blocks += _given(motion_figure(exam))
    if exam.alignments:
        blocks.append(alignment_table(exam.alignments))
    return blocks


def _measured(measurements: Sequence[Measurement]) -> list[Block]:
    if not measurements:
        return [Text("Nothing was measured at this visit.")]
    spread = spread_table(measurements)
    return [measurement_table(measurements), *([spread] if spread is not None else [])]


def _sentences(steps: Iterable[Provenance]) -> list[str]:
    return list(dict.fromkeys(step.sentence for step in steps if step.sentence))


def _dois(steps: Iterable[Provenance]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(doi for step in steps for doi in step.dois))


def _methods(paragraph: str, dois: Sequence[str]) -> Section:
    return Section("Methods", (Text(paragraph), *(Text(doi, "doi") for doi in dois)), "methods")
