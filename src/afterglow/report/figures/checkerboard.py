"""Every visit against the first one in a checkerboard: where edges run on from field to field, the visits lie on each other."""

import math
from collections.abc import Sequence
from textwrap import wrap

import numpy as np
from numpy.typing import NDArray

from afterglow.records.alignment import Alignment
from afterglow.records.document import Figure
from afterglow.records.result import CourseView, VisitView
from afterglow.records.space import PatientSpace
from afterglow.report.figures.canvas import (
    FAINT_INK,
    INK,
    PAGE_INCHES,
    SMALL_PT,
    WARNING_INK,
    box,
    finished,
    plain,
    sheet,
    write,
)
from afterglow.report.figures.course_panels import CourseScene, course_scene
from afterglow.report.figures.tiles import draw_anatomy, draw_letters, fit_tile
from afterglow.report.figures.windows import grey_range, tables_of
from afterglow.report.words import day_words, named_number

FIELD_MM = 22.0  # side of one field
DIMMED = 0.82  # fields of the later visit are a little darker, so that one sees which they are
COLUMNS = 6
GAP_IN = 0.12
TITLE_IN = 0.4
TALLEST = 2.3
LINE_IN = 0.135
TELLING = ("error", "forward", "loop", "dice", "overlap", "after")
SMALLER_PT = SMALL_PT - 0.8
LETTER_EM = 0.55  # mean width of a letter, of its size, where lines are broken


def checkerboard_figure(course: CourseView, space: PatientSpace | None, lesion_id: str | None) -> Figure | None:
    """One picture for each visit after the first that was placed; None where there are no two visits."""
    if len(course.visits) < 2:
        return None
    scene = course_scene(course, lesion_id)
    first = next((visit for visit in course.visits if visit.placed), course.visits[0])
    others = [visit for visit in course.visits if visit is not first]
    columns = min(COLUMNS, len(others))
    wide, high = fit_tile(scene.whole.size_mm(scene.view), PAGE_INCHES / COLUMNS - GAP_IN, TALLEST)
    letters = max(12, int(wide * 72 / (LETTER_EM * SMALLER_PT)))
    lines = [_quality_lines(_placing(space, visit), visit, letters) for visit in others]
    below = LINE_IN * max(len(one) for one in lines) + 0.06
    pitch = TITLE_IN + high + below
    figure = sheet(columns * (wide + GAP_IN), -(-len(others) // columns) * pitch)
    for n, visit in enumerate(others):
        left, top = (n % columns) * (wide + GAP_IN) + 0.03, (n // columns) * pitch + TITLE_IN
        axes = box(figure, left, top, wide, high)
        draw_anatomy(axes, _mixed(scene, first, visit), (0.0, 1.0))
        draw_letters(axes, scene.view)
        axes.set_title(
            plain(f"ses-{visit.session}, {day_words(visit.day)}\non ses-{first.session}"), fontsize=SMALL_PT + 0.5,
            color=INK if visit.placed else WARNING_INK, pad=3, linespacing=1.05,
        )  # fmt: skip
        if not visit.placed:
            for spine in axes.spines.values():
                spine.set_visible(True)
                spine.set_color(WARNING_INK)
                spine.set_linewidth(1.6)
        for m, line in enumerate(lines[n]):
            ink = FAINT_INK if visit.placed else WARNING_INK
            write(figure, left, top + high + 0.05 + m * LINE_IN, plain(line), size_pt=SMALLER_PT, colour=ink)
    return finished(
        figure, name="checkerboard", caption=_caption(scene, first, others), alt=_caption(scene, first, others),
        colour_tables=tables_of(()), lines_too=(WARNING_INK,),
    )  # fmt: skip


def _mixed(scene: CourseScene, first: VisitView, visit: VisitView) -> NDArray[np.float64]:
    """Fields of the one and the other in turn, each visit's anatomy in its own window."""
    ours, theirs = (_grey(scene, one) for one in (first, visit))
    _, row_mm, column_mm = scene.view.spacing_mm
    rows, columns = np.indices(ours.shape)
    fields = np.floor(rows * row_mm / FIELD_MM) + np.floor(columns * column_mm / FIELD_MM)
    return np.where(fields % 2 == 0, ours, DIMMED * theirs)


def _grey(scene: CourseScene, visit: VisitView) -> NDArray[np.float64]:
    low, high = grey_range(visit.backdrop)
    plane = np.asarray(scene.plane(visit.backdrop, scene.whole), dtype=np.float64)
    return np.clip(np.nan_to_num((plane - low) / (high - low)), 0.0, 1.0)


def _placing(space: PatientSpace | None, visit: VisitView) -> Alignment | None:
    wanted = f"ses-{visit.session}"
    return next((one for one in space.visits if one.source == wanted), None) if space is not None else None


def _quality_lines(placing: Alignment | None, visit: VisitView, letters: int) -> list[str]:
    """The quality of a visit's place in words that fit below its picture."""
    said = [] if visit.placed else ["not trusted, not used"]
    if placing is not None:
        said += [named_number(name, value) for name, value in sorted(placing.quality, key=_rank) if math.isfinite(value)][:3]
    return [line for words in said for line in wrap(words, letters)] or [""]


def _rank(named: tuple[str, float]) -> int:
    """Errors in mm say most, then how heads overlap; names that nobody foresaw come last, in their order."""
    return next((n for n, word in enumerate(TELLING) if word in named[0]), len(TELLING))


def _caption(scene: CourseScene, first: VisitView, others: Sequence[VisitView]) -> str:
    lost = [f"ses-{visit.session}" for visit in others if not visit.placed]
    warning = f" Red: the place of {', '.join(lost)} is not trusted and was not used." if lost else ""
    return (
        f"Checkerboards of the anatomy, each visit on ses-{first.session}, {scene.where}: where edges run on from field to field, the "
        f"visits lie on each other; the darker fields are the later visit.{warning}"
    )
