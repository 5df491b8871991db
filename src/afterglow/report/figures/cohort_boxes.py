"""Box plots by group, every value over its box, with the threshold, the numbers and what the tests say."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from afterglow.records.document import Figure, FigureData
from afterglow.records.group import BoxPlot
from afterglow.records.statistic import Values
from afterglow.report.figures.canvas import PAGE_INCHES, SMALL_PT, WARNING_INK, box, dress_plot, sheet
from afterglow.report.figures.cohort_canvas import (
    LINE_IN,
    MOST_VECTOR_POINTS,
    cell_of,
    drawn,
    empty,
    finite,
    ink_of,
    lines_of_tests,
    padded,
    shortened,
    wrapped,
    write_lines,
)
from afterglow.report.group_words import sentence, with_bracket, words_of_test
from afterglow.report.words import number, powers_math, shown_in, unit_after

_GROUP_IN = 1.35
_LEFT_IN = 0.95
_AXES_IN = 3.3
_LABEL_LINES = 3
_GOLDEN = 0.6180339887498949
BOXES = (
    "Boxes: quartiles (linear interpolation, type 7) and median; whiskers: last value within 1.5 box lengths; dots: every value."
)


def boxes_figure(plot: BoxPlot) -> Figure:
    """One box for each group, side by side."""
    groups = plot.groups
    factor = shown_in(groups.unit)
    values = [np.asarray(v, dtype=np.float64) * factor for v in groups.values]
    inside = min(max(_GROUP_IN * len(values), 3.2), PAGE_INCHES - _LEFT_IN - 0.2)
    lines = lines_of_tests(plot.tests, inside + _LEFT_IN - 0.1)
    threshold = [] if groups.line is None else wrapped(f"Dashed: {_line_words(plot)}", inside + _LEFT_IN - 0.1, SMALL_PT)
    wide = inside / max(len(values), 1) - 0.08
    labels = [_label(label, v, wide) for label, v in zip(groups.labels, values, strict=True)]
    over = 0.15 + LINE_IN * (len(lines) + len(threshold)) + (0.1 if lines or threshold else 0.0)
    under = 0.25 + LINE_IN * (1 + max((label.count("\n") for label in labels), default=0))
    figure = sheet(_LEFT_IN + inside + 0.2, over + _AXES_IN + under)
    write_lines(figure, 0.1, 0.1, lines)
    write_lines(figure, 0.1, 0.1 + LINE_IN * len(lines), threshold, WARNING_INK)
    axes = box(figure, _LEFT_IN, over, inside, _AXES_IN)
    shown = [finite(v) if not plot.log else finite(v)[finite(v) > 0] for v in values]
    _draw(axes, shown, None if groups.line is None else groups.line * factor, log=plot.log)
    dress_plot(axes, "", powers_math(shortened(with_bracket(groups.name, groups.unit), _AXES_IN, 3)))
    axes.grid(False, axis="x")
    axes.set_xticks(range(1, len(values) + 1), labels)
    return drawn(figure, name=plot.name, caption=_caption(plot, values), alt=_alt(plot, values), data=_data(plot))


def _label(label: str, values: Values, wide_in: float) -> str:
    return f"{shortened(label, wide_in, _LABEL_LINES, SMALL_PT + 0.5)}\nn = {finite(values).size}"


def _line_words(plot: BoxPlot) -> str:
    line = plot.groups.line
    return plot.groups.line_words or number(None if line is None else line * shown_in(plot.groups.unit))


def _draw(axes: Axes, shown: Sequence[Values], line: float | None, *, log: bool) -> None:
    if log:
        axes.set_yscale("log")
    for n, values in enumerate(shown, 1):
        if values.size:
            _draw_group(axes, n, values)
    if line is not None:
        axes.axhline(line, color=WARNING_INK, linewidth=1.2, linestyle="--")
    axes.set_xlim(0.4, len(shown) + 0.6)
    found = np.concatenate([*shown, [] if line is None or (log and line <= 0) else [line]]) if shown else np.empty(0)
    if found.size == 0:
        empty(axes, "no value above zero" if log else "nothing was measured")
    elif log:
        low, high = padded(float(np.log10(found.min())), float(np.log10(found.max())))
        low, high = (low, high) if high - low > 0.3 else (low - 0.3, high + 0.3)
        axes.set_ylim(10**low, 10**high)
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0,) if high - low > 2.5 else (1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(*padded(float(found.min()), float(found.max())))


def _draw_group(axes: Axes, at: int, values: Values) -> None:
    ink = ink_of(at - 1)
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    reach = 1.5 * (high - low)
    whiskers = (values[values >= low - reach].min(), values[values <= high + reach].max())
    axes.bxp(
        [{"q1": low, "med": middle, "q3": high, "whislo": whiskers[0], "whishi": whiskers[1], "fliers": []}],
        positions=[at], widths=0.56, showfliers=False, patch_artist=True, manage_ticks=False,
        boxprops={"facecolor": "white", "edgecolor": ink, "linewidth": 1.3},
        medianprops={"color": ink, "linewidth": 2.2}, whiskerprops={"color": ink, "linewidth": 1.0},
        capprops={"color": ink, "linewidth": 1.0},
    )  # fmt: skip
    many = values.size > 100
    axes.plot(
        at + _aside(values), values, "o", color=ink, markersize=2.4 if many else 4.2, alpha=0.35 if many else 0.6,
        markeredgewidth=0, zorder=3, rasterized=values.size > MOST_VECTOR_POINTS,
    )  # fmt: skip


def _aside(values: Values) -> Values:
    """How far each dot stands from the middle: neighbours in value stand far apart; the same for the same values."""
    rank = np.empty(values.size)
    rank[np.argsort(values, kind="stable")] = np.arange(values.size)
    if values.size == 1:
        return np.zeros(1)
    return np.asarray(((rank * _GOLDEN + 0.5) % 1 - 0.5) * 0.4)


def _caption(plot: BoxPlot, values: Sequence[Values]) -> str:
    groups = plot.groups
    said = [sentence(plot.caption or groups.name), BOXES]
    counted = []
    for label, v in zip(groups.labels, values, strict=True):
        measured = finite(v)
        absent = f", {v.size - measured.size} not measured" if v.size > measured.size else ""
        middle = f", median {number(float(np.median(measured)))}{unit_after(groups.unit)}" if measured.size else ""
        counted.append(f"{label}: n = {measured.size}{absent}{middle}")
    if counted:
        said.append("; ".join(counted) + ".")
    if groups.line is not None:
        said.append(sentence(f"Dashed: {_line_words(plot)}"))
    unseen = sum(int((finite(v) <= 0).sum()) for v in values) if plot.log else 0
    if unseen:
        said.append(f"{unseen} value{'s' if unseen > 1 else ''} of zero or less cannot stand on a logarithmic axis.")
    said += [sentence(words_of_test(tested)) for tested in plot.tests]
    return " ".join(said)


def _alt(plot: BoxPlot, values: Sequence[Values]) -> str:
    said = []
    for label, v in zip(plot.groups.labels, values, strict=True):
        measured = finite(v)
        if measured.size:
            low, middle, high = (number(float(q)) for q in np.quantile(measured, (0.25, 0.5, 0.75)))
            said.append(f"{label}: median {middle}, quartiles {low} and {high}, n = {measured.size}")
        else:
            said.append(f"{label}: nothing measured")
    return f"Box plot of {with_bracket(plot.groups.name, plot.groups.unit)}. {'; '.join(said)}."


def _data(plot: BoxPlot) -> FigureData:
    groups = plot.groups
    unit = f", in {groups.unit}" if groups.unit not in ("", "1") else ""
    rows = tuple((label, cell_of(float(v))) for label, held in zip(groups.labels, groups.values, strict=True) for v in held)
    return FigureData((("group", "group of the value"), ("value", f"{groups.name}{unit}; n/a: not measured")), rows)
