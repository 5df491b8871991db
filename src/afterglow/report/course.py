"""A course in a report: the timeline of each lesion, every visit in one space, events, and how well visits lie on each other."""

from collections.abc import Mapping, Sequence

from afterglow.records.course import Course
from afterglow.records.document import Block, Section, Table, Text
from afterglow.records.quantity import QUANTITIES
from afterglow.records.response import Repeatability, Rule
from afterglow.records.result import ExamResult, PatientResult
from afterglow.records.track import Track
from afterglow.report.calls import MOST_LESIONS
from afterglow.report.course_numbers import Asked, DatedValue, asked_of, lesion_ids, points_of, volumes_of
from afterglow.report.figures.canvas import LESION_COLOURS
from afterglow.report.figures.checkerboard import checkerboard_figure
from afterglow.report.figures.course_panels import COLUMNS, course_panels
from afterglow.report.figures.timeline import timeline_figure, treatment_words
from afterglow.report.figures.windows import Window
from afterglow.report.tables import alignment_table, without_empty
from afterglow.report.words import (
    day_words,
    interval,
    lesion_title,
    lesion_words,
    number,
    symbol_of,
    unit_words,
    visit_words,
    with_unit,
)

MOST_SHEETS = 6  # of small multiples: fewer lesions are shown where there are more visits


def timeline_section(patient: PatientResult, rules: Sequence[Rule], repeatability: Sequence[Repeatability]) -> Section | None:
    """For each of the largest lesions its timeline and its numbers; None where nothing was measured twice."""
    names, panel = lesion_ids(patient.course), _panel(patient.exams)
    blocks: list[Block] = []
    if len(names) > MOST_LESIONS:
        blocks.append(Text(f"Pictures of the {MOST_LESIONS} largest of {len(names)} lesions; the tables hold all."))
    for name, (ink, _) in zip(names[:MOST_LESIONS], LESION_COLOURS, strict=False):
        figure = timeline_figure(patient.course, name, patient.verdicts, rules, repeatability, panel=panel, ink=ink)
        if figure is not None:
            blocks.append(figure)
    if not blocks:
        return None
    blocks += [Text(f"Rule {rule.name}: {rule.caution}", "quality-note") for rule in rules if rule.caution]
    blocks += [course_table(patient.course, name, asked_of(patient.course, rules, panel)) for name in names]
    return Section("Over time", tuple(blocks), "timeline")


def _panel(exams: Sequence[ExamResult]) -> tuple[str, ...]:
    return next((exam.panel for exam in exams if exam.panel), ())


def course_table(course: Course, lesion_id: str, asked: Sequence[Asked]) -> Table:
    """One row for each visit: volume and the numbers that rules read, each with its interval."""
    columns = ["Visit", "Volume [mL]", *(_column(one) for one in asked)]
    numbers = [volumes_of(course, lesion_id), *(points_of(course, lesion_id, one) for one in asked)]
    rows = [
        (visit_words(visit.session_id, visit.day), *(_at(points, visit.session_id) for points in numbers))
        for visit in course.visits
    ]
    return Table(f"{lesion_title(lesion_id)} at every visit, with 95 % intervals.", tuple(columns), tuple(rows))


def _column(asked: Asked) -> str:
    what = symbol_of(asked.quantity) if asked.statistic == "value" else f"{asked.statistic} {symbol_of(asked.quantity)}"
    if asked.normalised:
        return f"{what}, over reference"
    unit = unit_words(QUANTITIES[asked.quantity].unit)
    return f"{what} [{unit}]" if unit else what


def _at(points: Sequence[DatedValue], session: str) -> str:
    found = next((point for point in points if point.session == session), None)
    if found is None:
        return ""
    ends = "" if found.low is None or found.high is None else f" ({interval(found.value, found.low, found.high)})"
    return f"{number(found.value)}{ends}"


def space_section(patient: PatientResult, rules: Sequence[Rule], windows: Mapping[str, Window]) -> Section | None:
    """Every visit side by side in the patient's space; None where nobody laid the visits on one another."""
    view = patient.view
    if view is None or len(view.visits) < 2:
        return None
    names = lesion_ids(patient.course)
    drawn = [name for name in names if any(one == name for visit in view.visits for one, _ in visit.lesions)]
    colours = {name: light for name, (_, light) in zip(names, LESION_COLOURS, strict=False)}
    wanted = [q for rule in rules for q in rule.quantities]
    wanted += [*_panel(patient.exams)]
    most = max(1, MOST_SHEETS // -(-len(view.visits) // COLUMNS))
    shown: list[str | None] = [*drawn[: min(most, MOST_LESIONS)]] or [None]
    blocks: list[Block] = []
    if len(shown) < len(drawn):
        words = "largest lesion" if len(shown) == 1 else f"{len(shown)} largest lesions"
        blocks.append(Text(f"Slices through the {words} of {len(drawn)}."))
    for name in shown:
        blocks += course_panels(view, name, list(dict.fromkeys(wanted)), windows, colours)
    return Section("Every visit in one space", tuple(blocks), "one-space")


def events_section(course: Course) -> Section | None:
    """What was done, and what happened to the lesions; None where nothing is recorded."""
    blocks: list[Block] = []
    if course.events:
        rows = tuple(
            (
                visit_words(e.session_id, e.day),
                e.kind,
                ", ".join(lesion_words(one) for one in e.before),
                ", ".join(lesion_words(one) for one in e.after),
                e.words,
            )
            for e in sorted(course.events, key=lambda e: e.day)
        )
        table = Table("What happened to the lesions.", ("Visit", "Event", "Before", "After", "In words"), rows)
        blocks.append(without_empty(table, keep=("Visit", "Event", "In words")))
    if course.treatments:
        done = tuple((day_words(t.day), treatment_words(t), t.target) for t in sorted(course.treatments, key=lambda t: t.day))
        blocks.append(without_empty(Table("What was done.", ("Day", "Treatment", "Target"), done), keep=("Day", "Treatment")))
    if course.tracks:
        blocks.append(_tracks_table(course.tracks))
    return Section("Events and treatments", tuple(blocks), "events") if blocks else None


def _tracks_table(tracks: Sequence[Track]) -> Table:
    """One row for each lesion: where it was seen, how it was recognised, what it came from."""
    rows = []
    for track in tracks:
        seen = [s for s in track.sightings if s.volume_ml > 0] or list(track.sightings)
        ways = [s.matched_by for s in track.sightings]
        rows.append(
            (
                lesion_words(track.lesion_id),
                str(len(seen)),
                visit_words(seen[0].session_id, seen[0].day),
                visit_words(seen[-1].session_id, seen[-1].day),
                " to ".join(with_unit(s.volume_ml, "mL") for s in dict.fromkeys((seen[0], seen[-1]))),
                ", ".join(f"{way} {ways.count(way)}" for way in dict.fromkeys(ways)),
                ", ".join(lesion_words(parent) for parent in track.parents),
            )
        )
    columns = ("Lesion", "Visits", "First", "Last", "Volume", "Recognised by", "Came from")
    return without_empty(Table("The lesions and how they were recognised.", columns, tuple(rows)), keep=columns[:6])


def alignment_section(patient: PatientResult) -> Section | None:
    """Checkerboards, the numbers behind them, and what is not trusted; None where there is one visit only."""
    space, view = patient.space, patient.view
    if space is None and view is None:
        return None
    blocks: list[Block] = []
    if space is not None:
        blocks.append(Text(f"The patient's space: {space.method}."))
        blocks += [Text(flag, "quality-warning") for flag in space.flags]
        blocks += [
            Text(
                f"{one.source} was not laid on the others: {one.remark or 'its registration is not trusted'}.", "quality-warning"
            )
            for one in space.visits
            if not one.trusted
        ]
    if view is not None:
        ids = lesion_ids(patient.course)
        figure = checkerboard_figure(view, space, ids[0] if ids else None)
        blocks += [figure] if figure is not None else []
    if space is not None:
        blocks.append(alignment_table((*space.visits, *space.pairs)))
    return Section("How well the visits lie on each other", tuple(blocks), "alignment") if blocks else None


def noticed_section(patient: PatientResult) -> Section | None:
    """What was noticed between the visits: sides exchanged, outlines that could not be carried, lesions whose names are in doubt."""
    if not patient.quality:
        return None
    lines = tuple(Text(f"{one.what}: {one.found}.".replace("..", "."), f"quality-{one.level}") for one in patient.quality)
    return Section("Noticed between the visits", lines, "noticed")
