"""A dot for each patient in panels side by side: differences of pairs over their means, a change over where it began."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from afterglow.records.document import Figure, FigureData
from afterglow.records.group import PointPanel, PointPlot
from afterglow.report.figures.canvas import FAINT_INK, INK, LESION_INK, PAGE_INCHES, SMALL_PT, WARNING_INK, box, dress_plot, sheet
from afterglow.report.figures.cohort_canvas import (
    LINE_IN,
    MOST_VECTOR_POINTS,
    cell_of,
    drawn,
    finite,
    lines_of_tests,
    padded,
    say,
    shortened,
    write_lines,
)
from afterglow.report.group_words import estimated_words, sentence, with_bracket, words_of_test
from afterglow.report.words import number, powers_math

_IN_A_ROW = 3
_LEFT_IN = 1.05
_AXES_IN = 2.5
_ROW_IN = _AXES_IN + 0.95


def points_figure(plot: PointPlot) -> Figure:
    """Up to three panels in a row, each with its own axes; patients without one of both numbers are counted and not drawn."""
    across = min(_IN_A_ROW, len(plot.panels))
    rows = -(-len(plot.panels) // across)
    each = PAGE_INCHES / _IN_A_ROW if across == _IN_A_ROW else 4.4
    wide = each * across
    lines = lines_of_tests(plot.tests, wide - 0.2, about=True)
    over = 0.15 + LINE_IN * (len(lines) + bool(plot.stamp))
    figure = sheet(wide, over + _ROW_IN * rows)
    write_lines(figure, 0.1, 0.1, lines)
    if plot.stamp:
        write_lines(figure, 0.1, 0.1 + LINE_IN * len(lines), [plot.stamp], WARNING_INK)
    for n, panel in enumerate(plot.panels):
        left, top = (n % across) * each, over + (n // across) * _ROW_IN
        axes = box(figure, left + _LEFT_IN, top + 0.35, each - _LEFT_IN - 0.15, _AXES_IN)
        _draw(axes, panel)
        room = each - _LEFT_IN
        x_name, y_name = with_bracket(panel.x_name, panel.x_unit), with_bracket(panel.y_name, panel.y_unit)
        dress_plot(axes, powers_math(shortened(x_name, room, 1)), powers_math(shortened(y_name, _AXES_IN, 2)))
        title = shortened(f"{panel.title}, n = {_known(panel)[0].size}", room, 1, SMALL_PT + 1)
        axes.set_title(title, fontsize=SMALL_PT + 1, color=INK, loc="left", pad=4)
    return drawn(figure, name=plot.name, caption=_caption(plot), alt=_alt(plot), data=_data(plot))


def _known(panel: PointPanel) -> tuple[np.ndarray, np.ndarray]:
    both = np.isfinite(panel.x) & np.isfinite(panel.y)
    return panel.x[both], panel.y[both]


def _draw(axes: Axes, panel: PointPanel) -> None:
    x, y = _known(panel)
    if x.size == 0:
        axes.set_xticks([])
        axes.set_yticks([])
        say(axes, "no patient has both")
        return
    level = panel.level
    ends = [] if level is None else [v for v in (level.value, level.low, level.high) if v is not None]
    axes.axhline(0, color=FAINT_INK, linewidth=0.8)
    if level is not None and level.value is not None:
        if level.low is not None and level.high is not None:
            axes.axhspan(level.low, level.high, color=LESION_INK, alpha=0.14, linewidth=0)
        axes.axhline(level.value, color=LESION_INK, linewidth=1.3)
    axes.plot(x, y, "o", color=INK, markersize=4.2, alpha=0.7, markeredgewidth=0, rasterized=x.size > MOST_VECTOR_POINTS)
    axes.set_xlim(*padded(float(x.min()), float(x.max())))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    shown = finite([0.0, *ends, *y.tolist()])
    axes.set_ylim(*padded(float(shown.min()), float(shown.max())))


def _caption(plot: PointPlot) -> str:
    said = [sentence(plot.caption or "one number over another"), *([plot.stamp] if plot.stamp else []), "A dot for each patient."]
    for panel in plot.panels:
        x, _ = _known(panel)
        absent = len(panel.patients) - x.size
        words = f"{panel.title}: n = {x.size}{f', {absent} without one of both numbers' if absent else ''}"
        if panel.level is not None and panel.level.value is not None:
            words += f"; line and band: {panel.level.name} {estimated_words(panel.level)}"
        said.append(f"{words}.")
    said += [sentence(words_of_test(tested)) for tested in plot.tests]
    return " ".join(said)


def _alt(plot: PointPlot) -> str:
    said = []
    for panel in plot.panels:
        x, y = _known(panel)
        middle = (
            f", median {number(float(np.median(y)))}, {int((y > 0).sum())} above and {int((y < 0).sum())} below 0"
            if x.size
            else ""
        )
        said.append(f"{panel.title}: {panel.y_name} over {panel.x_name}, {x.size} patients{middle}")
    return f"{'; '.join(said)}."


def _data(plot: PointPlot) -> FigureData:
    """Every dot, then the line of each panel with the ends of its interval."""
    rows: list[tuple[str | float | None, ...]] = []
    for panel in plot.panels:
        names = (panel.title, panel.x_name, panel.x_unit, panel.y_name, panel.y_unit)
        pairs = zip(panel.patients, panel.x.tolist(), panel.y.tolist(), strict=True)
        rows += [(*names, "patient", patient, cell_of(x), cell_of(y), None, None) for patient, x, y in pairs]
        if panel.level is not None:
            rows.append((*names, panel.level.name, None, None, panel.level.value, panel.level.low, panel.level.high))
    return FigureData(
        (
            ("panel", "title of the panel"),
            ("x_name", "what x is"),
            ("x_unit", "UCUM unit of x"),
            ("y_name", "what y is"),
            ("y_unit", "UCUM unit of y, low and high"),
            ("what", "patient, or the name of the line"),
            ("patient", "whose dot"),
            ("x", "n/a: not known"),
            ("y", "n/a: not known; of a line, where it lies"),
            ("low", "lower end of the interval of the line"),
            ("high", "upper end of the interval of the line"),
        ),
        tuple(rows),
    )
