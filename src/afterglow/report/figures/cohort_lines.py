"""Curves with bands: means by group over time, calibration, net benefit, precision over recall, FROC."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from afterglow.records.document import Figure, FigureData
from afterglow.records.group import LinePlot
from afterglow.records.statistic import PlainCurve
from afterglow.report.figures.canvas import FAINT_INK, INK, PAGE_INCHES, SMALL_PT, box, dress_plot, sheet
from afterglow.report.figures.cohort_canvas import (
    block,
    cell_of,
    dash_of,
    drawn,
    empty,
    finite,
    ink_of,
    padded,
    shortened,
)
from afterglow.report.group_words import sentence
from afterglow.report.words import powers_math

_HIGH_IN = 3.5
_LEFT_IN = 0.85
_MOST_MARKED = 15  # a curve of no more points than these shows each of them
_SQUARE = ("calibration", "precision-recall")
_ALSO = {
    "plain": "",
    "calibration": "Dotted: what is foretold is what happens.",
    "decision": "Dotted: nobody is treated, no benefit.",
    "precision-recall": "",
    "froc": "",
}


def lines_figure(plot: LinePlot) -> Figure:
    """One panel, or several side by side with the same axes; the legend stands above the first."""
    names = list(dict.fromkeys(curve.name for _, curves in plot.panels for curve in curves))
    wide = min(5.6 if len(plot.panels) == 1 else 4.6, (PAGE_INCHES - 0.1) / len(plot.panels))
    inside = _HIGH_IN + 0.3 if plot.kind in _SQUARE and len(plot.panels) == 1 else wide - _LEFT_IN - 0.15
    room = max(wide * len(plot.panels) - _LEFT_IN - 0.6, 2.5) if len(plot.panels) > 1 else inside - 0.5
    legend = {name: block(_legend_of(name, plot), room, SMALL_PT + 0.5) for name in names}
    titled = any(title for title, _ in plot.panels)
    over = 0.2 + sum(0.158 * (words.count("\n") + 1) for words in legend.values()) + (0.22 if titled else 0.0)
    figure = sheet(wide * len(plot.panels) if len(plot.panels) > 1 else _LEFT_IN + inside + 0.15, over + _HIGH_IN + 0.62)
    panels = [box(figure, n * wide + _LEFT_IN, over, inside, _HIGH_IN) for n in range(len(plot.panels))]
    for axes, (title, curves) in zip(panels, plot.panels, strict=True):
        for curve in curves:
            _draw(axes, curve, names.index(curve.name), legend[curve.name])
        first = curves[0] if curves else plot.panels[0][1][0]
        dress_plot(axes, powers_math(shortened(first.x_name, inside, 2)), powers_math(shortened(first.y_name, _HIGH_IN, 3)))
        if title:
            axes.set_title(shortened(title, inside, 1), fontsize=SMALL_PT + 1.5, color=INK, loc="left", pad=4)
    _limits(panels, plot)
    handles = {words: handle for axes in panels for handle, words in zip(*axes.get_legend_handles_labels(), strict=True)}
    if handles:
        figure.legend(
            handles.values(), handles.keys(), fontsize=SMALL_PT + 0.5, frameon=False, loc="upper left", borderaxespad=0.1,
            bbox_to_anchor=(_LEFT_IN * 0.9 / figure.get_figwidth(), 1.0), handlelength=2.4, labelspacing=0.25, alignment="left",
        )  # fmt: skip
    return drawn(figure, name=plot.name, caption=_caption(plot), alt=_alt(plot), data=_data(plot))


def _legend_of(name: str, plot: LinePlot) -> str:
    """The name with its number where all curves of that name have one and the same."""
    counted = {curve.n for _, curves in plot.panels for curve in curves if curve.name == name}
    return f"{name}, n = {counted.pop()}" if len(counted) == 1 and 0 not in counted else name


def _draw(axes: Axes, curve: PlainCurve, n: int, words: str) -> None:
    ink = ink_of(n)
    few = finite(curve.y).size <= _MOST_MARKED
    if curve.low is not None and curve.high is not None:
        if few:
            axes.vlines(curve.x, curve.low, curve.high, color=ink, linewidth=1.0, alpha=0.7)
        else:
            axes.fill_between(curve.x, curve.low, curve.high, color=ink, alpha=0.15, linewidth=0)
    axes.plot(
        curve.x, curve.y, color=ink, linewidth=1.6, linestyle=dash_of(n), marker="o" if few else None, markersize=4.5, label=words
    )


def _limits(panels: Sequence[Axes], plot: LinePlot) -> None:
    """The same axes in all panels, and the line that the kind of plot needs."""
    curves = [curve for _, held in plot.panels for curve in held]
    xs = finite(np.concatenate([curve.x for curve in curves]))
    edges = [edge for c in curves for edge in (c.y, c.low, c.high) if edge is not None]
    ys = finite(np.concatenate(edges))
    for axes in panels:
        if plot.kind == "calibration":
            axes.plot([0, 1], [0, 1], color=FAINT_INK, linewidth=0.9, linestyle=(0, (1.5, 2)))
        if plot.kind == "decision" and not _zero_is_drawn(plot):
            axes.axhline(0, color=FAINT_INK, linewidth=0.9, linestyle=(0, (1.5, 2)))
        if xs.size == 0 or ys.size == 0:
            empty(axes)
            axes.set_xticks([])
            continue
        if plot.kind in _SQUARE:
            axes.set_xlim(-0.02, 1.02)
        else:
            axes.set_xlim(*padded(float(xs.min()), float(xs.max()), 0.03))
        if plot.kind in (*_SQUARE, "froc"):
            axes.set_ylim(-0.02, 1.02)
        elif plot.kind == "decision":  # far below zero nothing is to be read
            top = max(float(np.max(ys)), 0.02)
            axes.set_ylim(max(float(np.min(ys)), -0.35 * top) - 0.02 * top, 1.08 * top)
        else:
            axes.set_ylim(*padded(float(ys.min()), float(ys.max())))


def _zero_is_drawn(plot: LinePlot) -> bool:
    """Whether one of the curves is that of treating nobody."""
    return any(curve.y.size and not np.any(curve.y) for _, curves in plot.panels for curve in curves)


def _caption(plot: LinePlot) -> str:
    first = plot.panels[0][1][0] if plot.panels[0][1] else next(curve for _, curves in plot.panels for curve in curves)
    said = [sentence(plot.caption or f"{first.y_name} over {first.x_name}")]
    for title, curves in plot.panels:
        numbers = [f"{curve.name} n = {curve.n}" for curve in curves if curve.n]
        if numbers:
            said.append(sentence(f"{f'{title}: ' if title else ''}{', '.join(numbers)}"))
    rules = dict.fromkeys(curve.rule for _, curves in plot.panels for curve in curves if curve.rule)
    said += [sentence(rule) for rule in rules]
    also = "" if plot.kind == "decision" and _zero_is_drawn(plot) else _ALSO[plot.kind]
    return " ".join(part for part in (*said, also) if part)


def _alt(plot: LinePlot) -> str:
    said = []
    for title, curves in plot.panels:
        for curve in curves:
            seen = finite(curve.y)
            reach = f"from {seen.min():.3g} to {seen.max():.3g}" if seen.size else "not measured"
            said.append(f"{f'{title}, ' if title else ''}{curve.name}: {curve.y_name} {reach}")
    return f"{'; '.join(said)}."


def _data(plot: LinePlot) -> FigureData:
    rows: list[tuple[str | float | int | None, ...]] = []
    for title, curves in plot.panels:
        for curve in curves:
            sides = [None if side is None else side.tolist() for side in (curve.low, curve.high)]
            for k, (x, y) in enumerate(zip(curve.x.tolist(), curve.y.tolist(), strict=True)):
                band = [None if side is None else cell_of(side[k]) for side in sides]
                rows.append((title, curve.name, cell_of(x), cell_of(y), *band, curve.n))
    one = next(curve for _, curves in plot.panels for curve in curves)
    return FigureData(
        (
            ("panel", "title of the panel; empty where there is one alone"),
            ("curve", "name of the curve"),
            ("x", one.x_name),
            ("y", one.y_name),
            ("low", "lower edge of the band"),
            ("high", "upper edge of the band"),
            ("n", "number behind the curve; 0 where it was not given"),
        ),
        tuple(rows),
    )
