"""The parts of a timeline: labels above it, one panel of numbers, the strip of calls, the axes of time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from afterglow.records.response import Category, Verdict
from afterglow.report.course_numbers import DatedValue
from afterglow.report.figures.canvas import (
    DPI,
    FAINT_INK,
    GRID_LINE,
    INK,
    PAGE_INCHES,
    SMALL_PT,
    TEXT_PT,
    WARNING_INK,
    box,
    plain,
    write,
)
from afterglow.report.figures.lanes import lanes_of, width_in
from afterglow.report.words import number

LEFT_IN = 1.75
RIGHT_IN = 1.45
PLOT_IN = PAGE_INCHES - LEFT_IN - RIGHT_IN
LANE_IN = 0.19
ROW_IN = 0.24
FEW_POINTS = 7  # as many numbers stand beside their points; of more, the first, the last, the smallest and the largest
NUMBER_IN = 0.62  # and none closer than this to another
LOG_FROM = 12.0  # a volume that grows or falls this much is drawn on a logarithmic scale
BAND = "#eceff3"
TREATMENT_INK = "#475569"
EVENT_INK = "#8a3ffc"
CALL_MARKS: dict[Category, tuple[str, str]] = {  # shape and colour, as the calls of the page
    "progression": ("^", "#b3261e"),
    "response": ("v", "#1f7a4d"),
    "no change": ("s", "#55606f"),
    "cannot tell": ("D", "#b87a00"),
}


@dataclass(frozen=True)
class Span:
    """The days that a timeline shows, and where a day lies on the sheet."""

    first: float
    last: float

    def at_in(self, day: float) -> float:
        """Inches from the left edge of the sheet."""
        return LEFT_IN + PLOT_IN * (day - self.first) / (self.last - self.first)


@dataclass(frozen=True)
class Flag:
    """A labelled day above the panels: a treatment, or an event of the lesion."""

    day: float
    words: str
    colour: str
    dashed: bool


@dataclass(frozen=True)
class Line:
    """A threshold in a panel, and the band around the value before in which repeating alone moves it."""

    value: float
    words: str
    band: tuple[float, float] | None = None


def flag_lanes(flags: Sequence[Flag], span: Span) -> list[tuple[int, bool]]:
    """For each flag its lane, and whether its words stand on the left of its line because the sheet ends on the right."""
    sides, spans = [], []
    for flag in flags:
        x, wide = span.at_in(flag.day), width_in(flag.words, SMALL_PT) + 0.06
        left = x + wide > PAGE_INCHES - 0.05
        sides.append(left)
        spans.append((x - wide, x) if left else (x, x + wide))
    return list(zip(lanes_of(spans), sides, strict=True))


def draw_flags(figure: Sheet, flags: Sequence[Flag], span: Span, bottom_in: float) -> None:
    """The labels in their lanes above `bottom_in`, each with the head of its line."""
    page_high = float(figure.get_size_inches()[1])
    places = flag_lanes(flags, span)
    deepest = max((lane for lane, _ in places), default=0)
    for flag, (lane, left) in zip(flags, places, strict=True):
        top = bottom_in - (deepest - lane + 1) * LANE_IN - 0.02
        x = span.at_in(flag.day)
        figure.text(
            (x + (-0.04 if left else 0.04)) / PAGE_INCHES, 1 - top / page_high, plain(flag.words), fontsize=SMALL_PT,
            color=flag.colour, ha="right" if left else "left", va="top", family="DejaVu Sans",
        )  # fmt: skip
        stem = box(figure, x - 0.02, top, 0.04, bottom_in - top)
        stem.axis("off")
        stem.set_xlim(-1, 1)
        stem.axvline(0, color=flag.colour, linewidth=1.0, linestyle=(0, (2, 2)) if flag.dashed else "-")


def draw_panel(
    axes: Axes, points: Sequence[DatedValue], span: Span, title: str, *, ink: str, lines: Sequence[Line], flags: Sequence[Flag]
) -> None:
    """Values with their intervals over the days, thresholds, and the lines of treatments and events."""
    axes.set_xlim(span.first, span.last)
    for line in lines:
        if line.band is not None:
            axes.axhspan(*line.band, color=BAND, linewidth=0, zorder=0)
    for flag in flags:
        axes.axvline(
            flag.day, color=flag.colour, linewidth=0.8, linestyle=(0, (2, 2)) if flag.dashed else (0, (1, 2.5)), zorder=1
        )
    for point in points:
        if point.low is not None and point.high is not None:
            axes.plot([point.day] * 2, [point.low, point.high], color=ink, linewidth=1.6, solid_capstyle="butt", alpha=0.75)
    axes.plot([p.day for p in points], [p.value for p in points], "o-", color=ink, markersize=4.2, linewidth=1.2, zorder=3)
    _scale(axes, points, lines, may_be_log=title.startswith("volume"))
    _thresholds(axes, lines)
    _numbers(axes, points, span, flags)
    _dress(axes, title)


def _scale(axes: Axes, points: Sequence[DatedValue], lines: Sequence[Line], *, may_be_log: bool) -> None:
    values = [v for p in points for v in (p.value, p.low, p.high) if v is not None] + [line.value for line in lines]
    above = [p.value for p in points if p.value > 0]
    if may_be_log and above and len(above) == len(points) and max(above) > LOG_FROM * min(above):
        axes.set_yscale("log")
        axes.set_ylim(min(v for v in values if v > 0) / 1.5, max(values) * 1.9)
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=6))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        return
    low, high = min(0.0, *values), max(values)
    axes.set_ylim(low - (0.08 * (high - low) if low < 0 else 0.0), high + 0.22 * ((high - low) or 1.0))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))


def _thresholds(axes: Axes, lines: Sequence[Line]) -> None:
    """Each threshold as a line with its words at the right edge, moved apart where two would lie on each other."""
    room = 0.155 * len(max((line.words for line in lines), key=len, default="").splitlines() or [""])
    axes_in = axes.get_window_extent().height / DPI
    apart = room / axes_in
    place = -1.0
    for line in sorted(lines, key=lambda one: one.value):
        axes.axhline(line.value, color=WARNING_INK, linewidth=1.1, linestyle="--", zorder=2)
        share = float(axes.transAxes.inverted().transform(axes.transData.transform((0, line.value)))[1])
        place = max(share, place + apart)
        axes.annotate(
            line.words, (1.0, place), xycoords="axes fraction", xytext=(4, 0), textcoords="offset points", fontsize=SMALL_PT - 0.3,
            color=WARNING_INK, va="center", ha="left", annotation_clip=False, linespacing=1.1,
        )  # fmt: skip


def _worth_a_number(points: Sequence[DatedValue], span: Span) -> list[int]:
    """Points whose number is written: the last, the first, the largest, the smallest, then all; none close to one before it."""
    values = [p.value for p in points]
    wanted = [len(points) - 1, 0, int(np.argmax(values)), int(np.argmin(values))]
    wanted += list(range(len(points))) if len(points) <= FEW_POINTS else []
    chosen: list[int] = []
    for n in dict.fromkeys(wanted):
        if all(abs(span.at_in(points[n].day) - span.at_in(points[m].day)) >= NUMBER_IN for m in chosen):
            chosen.append(n)
    return sorted(chosen)


def _numbers(axes: Axes, points: Sequence[DatedValue], span: Span, flags: Sequence[Flag]) -> None:
    """Each on the right of its point; on the left where a treatment or an event is marked on the right."""
    for n in _worth_a_number(points, span):
        last = n == len(points) - 1 and len(points) > 1
        marked = any(0 <= span.at_in(flag.day) - span.at_in(points[n].day) < 0.75 * NUMBER_IN for flag in flags)
        side, shift = ("center", 0) if last else ("right", -4) if marked and n > 0 else ("left", 4)
        axes.annotate(
            number(points[n].value), (points[n].day, points[n].value), xytext=(shift, 5), textcoords="offset points",
            fontsize=SMALL_PT, color=INK, ha=side, va="bottom", zorder=4,
            bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.4},
        )  # fmt: skip


def _dress(axes: Axes, title: str) -> None:
    axes.set_ylabel(title, fontsize=SMALL_PT + 0.8, color=INK, rotation=0, ha="right", va="center", labelpad=6)
    axes.yaxis.set_label_coords(-0.052, 0.5)
    axes.tick_params(labelsize=SMALL_PT, colors=FAINT_INK, labelcolor=INK, length=2.5, width=0.6)
    axes.tick_params(axis="x", labelbottom=False, length=0)
    axes.grid(True, axis="y", color=GRID_LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_color(FAINT_INK)
    axes.spines["left"].set_linewidth(0.6)


def draw_calls(axes: Axes, verdicts: Sequence[Verdict], rows: Sequence[str], days: dict[str, float], span: Span) -> None:
    """One row for each rule, one mark for each call: colour and shape say which, the rule's own word stands beside."""
    axes.set_xlim(span.first, span.last)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    for n, _ in enumerate(rows):
        axes.axhline(n, color=GRID_LINE, linewidth=0.8, zorder=0)
    for v in verdicts:
        if v.to_session not in days:
            continue
        shape, colour = CALL_MARKS[v.category]
        row = rows.index(v.rule)
        hollow = v.category == "cannot tell"
        axes.plot(
            days[v.to_session], row, shape, color=colour, markersize=6.2, markerfacecolor="white" if hollow else colour,
            markeredgewidth=1.3, zorder=3,
        )  # fmt: skip
        if v.label:
            axes.annotate(
                plain(v.label), (days[v.to_session], row), xytext=(5, 0), textcoords="offset points", fontsize=SMALL_PT - 1,
                color=colour, va="center", zorder=3,
            )  # fmt: skip
    axes.set_yticks(range(len(rows)), [plain(_short(name)) for name in rows], fontsize=SMALL_PT)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_xticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _short(name: str, most: int = 25) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def draw_key(figure: Sheet, top_in: float, used: Sequence[Category]) -> None:
    """What the marks of the calls mean."""
    left = LEFT_IN
    for category, (shape, colour) in CALL_MARKS.items():
        if category not in used:
            continue
        mark = box(figure, left, top_in, 0.16, 0.16)
        mark.axis("off")
        hollow = category == "cannot tell"
        mark.plot(0, 0, shape, color=colour, markersize=6, markerfacecolor="white" if hollow else colour, markeredgewidth=1.3)
        write(figure, left + 0.2, top_in + 0.015, category, size_pt=SMALL_PT, colour=FAINT_INK)
        left += 0.45 + width_in(category, SMALL_PT)


def draw_days(axes: Axes, span: Span, title: str, zero: float, per: float) -> None:
    """An axis of time: days or months of the patient's own clock, or weeks or months since a treatment (`zero` a day, `per` days a step)."""
    axes.set_xlim(span.first, span.last)
    axes.set_yticks([])
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT_INK)
    axes.spines["bottom"].set_linewidth(0.6)
    steps = MaxNLocator(nbins=9, integer=True).tick_values((span.first - zero) / per, (span.last - zero) / per)
    shown = [step for step in steps if span.first <= zero + step * per <= span.last]
    axes.xaxis.set_major_locator(FixedLocator([zero + step * per for step in shown]))
    axes.set_xticklabels([f"{step:g}" for step in shown])
    axes.tick_params(labelsize=SMALL_PT, colors=FAINT_INK, labelcolor=INK, length=3, width=0.6, pad=2)
    axes.annotate(
        title, (0, 0), xycoords="axes fraction", xytext=(-6, -9), textcoords="offset points", fontsize=SMALL_PT + 0.5, color=INK,
        ha="right", va="center", annotation_clip=False,
    )  # fmt: skip


def visit_lanes(sessions: Sequence[tuple[str, float]], span: Span) -> list[int]:
    """Lanes for the names of the visits, centred on their days."""
    halves = [width_in(name, SMALL_PT) / 2 for name, _ in sessions]
    return lanes_of([(span.at_in(day) - half, span.at_in(day) + half) for (_, day), half in zip(sessions, halves, strict=True)])


def draw_visits(figure: Sheet, sessions: Sequence[tuple[str, float]], span: Span, top_in: float) -> None:
    """The names of the visits on their days."""
    page_high = float(figure.get_size_inches()[1])
    for (name, day), lane in zip(sessions, visit_lanes(sessions, span), strict=True):
        figure.text(
            span.at_in(day) / PAGE_INCHES, 1 - (top_in + lane * 0.15) / page_high, plain(name), fontsize=SMALL_PT, color=INK,
            ha="center", va="top", family="DejaVu Sans",
        )  # fmt: skip
    figure.text(
        (LEFT_IN - 0.1) / PAGE_INCHES, 1 - top_in / page_high, "visit", fontsize=SMALL_PT + 0.5, color=INK, ha="right", va="top",
        family="DejaVu Sans",
    )  # fmt: skip


TITLE_PT = TEXT_PT + 0.5
