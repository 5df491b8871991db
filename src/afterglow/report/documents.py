"""Results become documents: the call first, then what it rests on."""

from collections.abc import Iterable, Mapping, Sequence

from afterglow import __version__
from afterglow.records.alignment import QualityLine
from afterglow.records.document import Block, Document, Figure, Section, Text
from afterglow.records.lesion import Lesion
from afterglow.records.maps import Provenance
from afterglow.records.measurement import Measurement
from afterglow.records.response import Repeatability, Rule
from afterglow.records.result import ExamResult, PatientResult
from afterglow.report.calls import DISCLAIMER, MOST_LESIONS, call_section, earlier_section
from afterglow.report.course import alignment_section, events_section, noticed_section, space_section, timeline_section
from afterglow.report.figures.arterial import arterial_figure
from afterglow.report.figures.before_after import before_after
from afterglow.report.figures.bolus import bolus_figure
from afterglow.report.figures.change import change_figure
from afterglow.report.figures.curves import curves_figure
from afterglow.report.figures.leakage import leakage_figure
from afterglow.report.figures.loops import loops_figure
from afterglow.report.figures.maps import maps_overview, pictures_of
from afterglow.report.figures.motion import motion_figure
from afterglow.report.figures.reference import reference_figure
from afterglow.report.figures.spread import spread_figure
from afterglow.report.figures.windows import Window, windows_of
from afterglow.report.painted import painted_sections
from afterglow.report.tables import alignment_table, measurement_table, provenance_table, spread_table, visits_table
from afterglow.report.words import visit_words

MOST_WHOLE_VISITS = 3  # a patient with more visits has them short in the report


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
    patient: PatientResult,
    *,
    rules: Sequence[Rule] = (),
    repeatability: Sequence[Repeatability] = (),
    also: Sequence[Section] = (),
) -> Document:
    """The report of one patient: the calls, the course, each visit, methods and provenance.

    With the `rules` behind the verdicts, and the `repeatability` of their quantities, numbers get their thresholds.
    From four visits on each visit is short here, and whole on its own page. `also` stands after the calls: what other
    commands have found of the patient.
    """
    windows = windows_of(patient.exams)
    long = len(patient.exams) > MOST_WHOLE_VISITS
    sections = [call_section(patient.verdicts, patient.course, patient.leads, patient.disagreements)]
    if patient.painted is not None:
        sections += painted_sections(patient.painted)
    sections += also
    sections += _course_sections(patient, windows, rules, repeatability)
    measured = {visit.session_id: visit.measurements for visit in patient.course.visits}
    for exam in patient.exams:
        numbers = measured.get(exam.session, ())
        blocks = _short_visit(patient, exam, windows, numbers) if long else _whole_visit(exam, windows, numbers)
        sections.append(Section(f"Visit {visit_words(exam.session, exam.day)}", tuple(blocks), f"visit-{exam.session}"))
    sections.append(_methods(patient.methods_paragraph, patient.references))
    sections.append(_provenance(patient.exams, long=long))
    sections.append(Section("Use", (Text(DISCLAIMER, "caution"),), "use"))
    return Document(title=f"sub-{patient.participant_id}", subtitle=_about(patient, long=long), sections=tuple(sections))


def _about(patient: PatientResult, *, long: bool) -> str:
    named = [visit_words(exam.session, exam.day) for exam in patient.exams]
    visits = f"{len(named)} visits, {named[0]} to {named[-1]}" if long else ", ".join(named)
    return f"{visits} · method {patient.method} · afterglow {__version__}"


def _course_sections(
    patient: PatientResult, windows: Mapping[str, Window], rules: Sequence[Rule], repeatability: Sequence[Repeatability]
) -> list[Section]:
    """What only several visits have; two visits are compared in one picture and need no timeline."""
    found: list[Section | None] = []
    many = len(patient.exams) > 2
    if many:
        found.append(timeline_section(patient, rules, repeatability))
    found.append(earlier_section(patient.verdicts, patient.course, patient.disagreements))
    if many or patient.pair is None:
        found.append(space_section(patient, rules, windows))
    comparison = _comparison(patient, windows, rules, repeatability, plots=not many)
    found.append(Section("Before and after", tuple(comparison), "before-after") if comparison else None)
    found += [events_section(patient.course), alignment_section(patient), noticed_section(patient)]
    return [section for section in found if section is not None]


def _whole_visit(exam: ExamResult, windows: Mapping[str, Window], numbers: Sequence[Measurement]) -> list[Block]:
    parts = _visit_sections(exam, windows, _measured(numbers))
    return [block for part in parts for block in (Text(part.title, "heading"), *part.blocks)]


def _short_visit(
    patient: PatientResult, exam: ExamResult, windows: Mapping[str, Window], numbers: Sequence[Measurement]
) -> list[Block]:
    """The maps through the largest lesion, the headline numbers, and what quality control warned of."""
    lesions = sorted(exam.lesions, key=lambda lesion: -lesion.n_voxels)[:1]
    worth = [line for line in exam.quality if line.level == "warning"]
    own = [m for m in numbers if m.region != "reference"]
    page = f"The whole visit, with curves, close-ups and all quality lines: sub-{patient.participant_id}_ses-{exam.session}.html."
    return [
        maps_overview(exam, lesions[0] if lesions else None, windows),
        *([measurement_table(own)] if own else [Text("Nothing was measured at this visit.")]),
        *_quality_lines(worth),
        Text(page),
    ]


def _provenance(exams: Sequence[ExamResult], *, long: bool) -> Section:
    """The steps of every visit; of many visits those of the last one, for the others stand on their own pages."""
    shown = exams[-1:] if long else exams
    tables: list[Block] = []
    for exam in shown:
        tables += [Text(visit_words(exam.session, exam.day), "heading"), provenance_table(exam.provenance)]
    if long:
        tables.append(Text("The steps of the visits before stand on their own pages and in manifest.json."))
    return Section("Provenance", tuple(tables), "provenance")


def _comparison(
    patient: PatientResult,
    windows: Mapping[str, Window],
    rules: Sequence[Rule],
    repeatability: Sequence[Repeatability],
    *,
    plots: bool,
) -> list[Block]:
    by_name = {rule.name: rule for rule in rules}
    blocks: list[Block] = []
    if patient.pair is not None:
        if not patient.pair.alignment.trusted:
            blocks.append(
                Text(f"The visits could not be registered reliably: {patient.pair.alignment.remark}", "quality-warning")
            )
        blocks.append(before_after(patient.pair, windows))
    for verdict in patient.verdicts if plots else ():
        rule = by_name.get(verdict.rule)
        plot = change_figure(patient.course, verdict, rule, repeatability) if rule is not None else None
        if plot is not None:
            blocks.append(plot)
        if rule is not None and rule.caution:
            blocks.append(Text(f"Rule {rule.name}: {rule.caution}", "quality-note"))
    table = visits_table(patient.course) if plots else None
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
        if exam.reference.quality:  # nobody drew it: look at it
            blocks += _given(reference_figure(exam))
        blocks.append(Text(f"Reference tissue: {exam.reference.kind}, {exam.reference.method}."))
    return blocks


def _quality(exam: ExamResult) -> list[Block]:
    blocks = _quality_lines(exam.quality)
    blocks += _given(motion_figure(exam))
    if exam.alignments:
        blocks.append(alignment_table(exam.alignments))
    return blocks


def _quality_lines(lines: Iterable[QualityLine]) -> list[Block]:
    return [
        Text(f"{line.what}: {line.found}.{f' {line.advice}' if line.advice else ''}".replace("..", "."), f"quality-{line.level}")
        for line in lines
    ]


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
