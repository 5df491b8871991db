"""The flow of patients, as STARD asks for it: a box for each step, and beside it who left and why."""

from collections.abc import Sequence
from itertools import pairwise

from matplotlib.figure import Figure as Sheet
from matplotlib.patches import FancyArrowPatch, Rectangle

from afterglow.records.document import Figure, FigureData
from afterglow.records.statistic import FlowStep
from afterglow.report.figures.canvas import FAINT_INK, INK, TEXT_PT, plain, sheet, write
from afterglow.report.figures.cohort_canvas import LINE_IN, drawn, wrapped
from afterglow.report.group_words import count_words

_MAIN_IN = 4.2
_SIDE_IN = 4.2
_APART_IN = 0.7  # between the two columns
_EDGE_IN = 0.12
_PAD_IN = 0.12
_STEP_IN = 0.42  # an arrow
_SPLIT_GAP_IN = 0.2
_FILL = "#f1f5f9"


def flow_figure(steps: Sequence[FlowStep], *, name: str = "patient-flow") -> Figure:
    """Boxes from top to bottom, who left at the side, and at the end into what the last ones fall."""
    if not steps:
        raise ValueError("a flow of patients without a step; the first one holds all who were there")
    wide = 2 * _EDGE_IN + _MAIN_IN + _APART_IN + _SIDE_IN
    figure = sheet(wide, 2 * _EDGE_IN + sum(_high(step, first=n == 0) for n, step in enumerate(steps)))
    below = _EDGE_IN
    for n, step in enumerate(steps):
        below = _draw_step(figure, step, below, first=n == 0)
    caption = " ".join(["Flow of patients.", *_doubts(steps)])
    return drawn(figure, name=name, caption=caption, alt=_alt(steps), data=_data(steps))


def _draw_step(figure: Sheet, step: FlowStep, above: float, *, first: bool) -> float:
    """Who left at the side, then the box of the step, and what is under it; the lower edge of all that.

    `above` is the lower edge of the step before. Those who left before the first step come from a pool that has no box.
    """
    middle, side = _EDGE_IN + _MAIN_IN / 2, _EDGE_IN + _MAIN_IN + _APART_IN
    top = above if first and not step.left else above + _STEP_IN
    if step.left:
        gone = _lines_of_left(step)
        beside = above + _STEP_IN / 2
        _frame(figure, side, beside, _SIDE_IN, gone, fill="white")
        _arrow(figure, middle, beside + _box_high(gone) / 2, side, beside + _box_high(gone) / 2)
        top = beside + _box_high(gone) + _STEP_IN / 2
    if step.left or not first:
        _arrow(figure, middle, above, middle, top)
    lines = _lines(step)
    _frame(figure, _EDGE_IN, top, _MAIN_IN, lines, fill=_FILL)
    lower = top + _box_high(lines)
    return _draw_split(figure, step, lower) if step.split else lower


def _lines(step: FlowStep) -> list[str]:
    exams = "" if step.exams is None else f", {step.exams} {'exam' if step.exams == 1 else 'exams'}"
    number = f"{step.patients} {'patient' if step.patients == 1 else 'patients'}{exams}"
    return [*wrapped(step.words, _MAIN_IN - 2 * _PAD_IN), number]


def _lines_of_left(step: FlowStep) -> list[str]:
    gone = sum(number for _, number in step.left)
    lines = [f"Left: {gone} {'patient' if gone == 1 else 'patients'}"]
    for reason, number in step.left:
        lines += wrapped(f"{number}  {reason}", _SIDE_IN - 2 * _PAD_IN)
    return lines


def _box_high(lines: Sequence[str]) -> float:
    return len(lines) * LINE_IN * 1.12 + 2 * _PAD_IN


def _split_lines(step: FlowStep) -> list[list[str]]:
    width = _split_wide(step) - 2 * _PAD_IN
    return [[*wrapped(words, width), count_words(number, step.patients)] for words, number in step.split]


def _split_wide(step: FlowStep) -> float:
    whole = _MAIN_IN + _APART_IN + _SIDE_IN
    return min(2.6, (whole - _SPLIT_GAP_IN * (len(step.split) - 1)) / len(step.split))


def _high(step: FlowStep, *, first: bool) -> float:
    """Of the step with the arrow to it, and with what stands before and under it."""
    high = _box_high(_lines(step))
    if step.left:
        high += _box_high(_lines_of_left(step)) + _STEP_IN
    elif not first:
        high += _STEP_IN
    if step.split:
        high += _STEP_IN + max(_box_high(lines) for lines in _split_lines(step))
    return high


def _draw_split(figure: Sheet, step: FlowStep, top: float) -> float:
    """The boxes below a step, in a row; their lower edge."""
    wide, all_lines = _split_wide(step), _split_lines(step)
    row = wide * len(all_lines) + _SPLIT_GAP_IN * (len(all_lines) - 1)
    first = max(_EDGE_IN, _EDGE_IN + _MAIN_IN / 2 - row / 2)
    high = max(_box_high(lines) for lines in all_lines)
    bend = top + _STEP_IN / 2
    middles = [first + n * (wide + _SPLIT_GAP_IN) + wide / 2 for n in range(len(all_lines))]
    _line(figure, _EDGE_IN + _MAIN_IN / 2, top, _EDGE_IN + _MAIN_IN / 2, bend)
    _line(figure, min(*middles, _EDGE_IN + _MAIN_IN / 2), bend, max(*middles, _EDGE_IN + _MAIN_IN / 2), bend)
    for middle, lines in zip(middles, all_lines, strict=True):
        _arrow(figure, middle, bend, middle, top + _STEP_IN)
        _frame(figure, middle - wide / 2, top + _STEP_IN, wide, lines, fill=_FILL, high=high)
    return top + _STEP_IN + high


def _frame(figure: Sheet, left: float, top: float, wide: float, lines: Sequence[str], *, fill: str, high: float = 0.0) -> None:
    page_wide, page_high = figure.get_size_inches()
    tall = high or _box_high(lines)
    figure.add_artist(
        Rectangle(
            (left / page_wide, 1 - (top + tall) / page_high), wide / page_wide, tall / page_high, transform=figure.transFigure,
            facecolor=fill, edgecolor=FAINT_INK, linewidth=0.8,
        )
    )  # fmt: skip
    for n, line in enumerate(lines):
        write(figure, left + _PAD_IN, top + _PAD_IN + n * LINE_IN * 1.12, plain(line), size_pt=TEXT_PT, colour=INK)


def _line(figure: Sheet, x: float, y: float, to_x: float, to_y: float) -> None:
    _arrow(figure, x, y, to_x, to_y, style="-")


def _arrow(figure: Sheet, x: float, y: float, to_x: float, to_y: float, style: str = "-|>") -> None:
    page_wide, page_high = figure.get_size_inches()
    figure.add_artist(
        FancyArrowPatch(
            (x / page_wide, 1 - y / page_high), (to_x / page_wide, 1 - to_y / page_high), transform=figure.transFigure,
            arrowstyle=style, mutation_scale=9, shrinkA=0, shrinkB=0, color=FAINT_INK, linewidth=0.9,
        )
    )  # fmt: skip


def _doubts(steps: Sequence[FlowStep]) -> list[str]:
    """Where the numbers do not add up: said, not mended."""
    said = []
    for before, step in pairwise(steps):
        gone = sum(number for _, number in step.left)
        if before.patients - gone != step.patients:
            said.append(f"The numbers do not add up at {step.words!r}: {before.patients} less {gone} is not {step.patients}.")
    for step in steps:
        parts = sum(number for _, number in step.split)
        if step.split and parts != step.patients:
            said.append(f"The boxes under {step.words!r} hold {parts}, not {step.patients}.")
    return said


def _alt(steps: Sequence[FlowStep]) -> str:
    said = []
    for step in steps:
        gone = ", ".join(f"{number} left: {reason}" for reason, number in step.left)
        parts = ", ".join(f"{number} {words}" for words, number in step.split)
        said.append("; ".join(part for part in (gone, f"{step.words}: {step.patients}", parts) if part))
    return f"Flow of patients. {'. '.join(said)}."


def _data(steps: Sequence[FlowStep]) -> FigureData:
    rows: list[tuple[str | float | int | None, ...]] = []
    for n, step in enumerate(steps, 1):
        rows += [(n, "left", reason, number, None) for reason, number in step.left]
        rows.append((n, "remain", step.words, step.patients, step.exams))
        rows += [(n, "of these", words, number, None) for words, number in step.split]
    return FigureData(
        (
            ("step", "number of the step, from the top"),
            ("what", "left: before the step; remain: in its box; of these: in a box under it"),
            ("words", "what the step is, or why patients left"),
            ("patients", "number of patients"),
            ("exams", "number of exams of those who remain"),
        ),
        tuple(rows),
    )
