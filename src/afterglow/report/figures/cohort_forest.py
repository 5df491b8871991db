"""Effects of the terms of a model with their intervals, one line each, on a logarithmic scale around 1."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from afterglow.records.document import Figure, FigureData
from afterglow.records.group import ForestPlot
from afterglow.records.statistic import Tested
from afterglow.report.figures.canvas import FAINT_INK, INK, SMALL_PT, TEXT_PT, box, dress_plot, sheet
from afterglow.report.figures.cohort_canvas import cell_of, drawn, empty, ink_of, shortened
from afterglow.report.group_words import sentence, words_of_test
from afterglow.report.words import number

_NAMES_IN = 3.1
_AXES_IN = 4.6
_WORDS_IN = 1.9
_ROW_IN = 0.42
_WIDEST = 100.0  # an interval that runs further is drawn with an arrow


def forest_figure(plot: ForestPlot) -> Figure:
    """A dot and a line for each term; a term without an effect says so."""
    rows = len(plot.terms)
    high = _ROW_IN * rows + 0.1
    figure = sheet(_NAMES_IN + _AXES_IN + _WORDS_IN, high + 0.75)
    axes = box(figure, _NAMES_IN, 0.1, _AXES_IN, high)
    three = [_three(term) for term in plot.terms]
    dress_plot(axes, shortened(plot.x_name, _AXES_IN, 2), "")
    axes.grid(axis="y", visible=False)
    axes.set_ylim(rows - 0.5, -0.5)
    if not any(three):
        empty(axes, "no term has an effect")
    else:
        _scale(axes, [one for one in three if one is not None])
        for n, one in enumerate(three):
            _draw(axes, n, one)
    axes.set_yticks(
        range(rows) if any(three) else [],
        [shortened(_name(term), _NAMES_IN - 0.25, 2, SMALL_PT + 0.5) for term in plot.terms] if any(three) else [],
        fontsize=SMALL_PT + 0.5,
    )
    said = [sentence(plot.caption or plot.x_name), "Dots are estimates, lines their intervals; dotted: no effect."]
    said += [sentence(words_of_test(term)) for term in plot.terms]
    alt = "; ".join(f"{_name(term)}: {_words(one)}" for term, one in zip(plot.terms, three, strict=True))
    return drawn(figure, name=plot.name, caption=" ".join(said), alt=f"{plot.x_name}. {alt}.", data=_data(plot))


def _name(term: Tested) -> str:
    """What the effect is about, without the words that all rows share."""
    return term.about.partition(": ")[2] or term.about or term.name


def _three(term: Tested) -> tuple[float, float, float] | None:
    """Estimate and ends; None where one is lacking, or zero, which has no place on the scale."""
    effect = term.effects[0] if term.effects else None
    if effect is None or effect.value is None or effect.low is None or effect.high is None:
        return None
    found = effect.low, effect.value, effect.high
    return (found[1], found[0], found[2]) if all(v > 0 and not math.isnan(v) for v in found) and math.isfinite(found[1]) else None


def _scale(axes: Axes, three: Sequence[tuple[float, float, float]]) -> None:
    """Wide enough for all, but an interval that runs away does not press the others flat."""
    low = max(min(1.0, *(one[1] for one in three)), min(1.0, *(one[0] for one in three)) / _WIDEST)
    high = min(max(1.0, *(one[2] for one in three)), max(1.0, *(one[0] for one in three)) * _WIDEST)
    spare = (high / low) ** 0.06 if high > low else 2.0
    axes.set_xscale("log")
    axes.set_xlim(low / spare, high * spare)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if high / low > 8:
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.tick_params(axis="x", which="both", labelsize=SMALL_PT)
    axes.axvline(1.0, color=FAINT_INK, linewidth=0.9, linestyle=(0, (1.5, 2)))


def _draw(axes: Axes, n: int, one: tuple[float, float, float] | None) -> None:
    axes.annotate(
        _words(one), (1.02, n), xycoords=("axes fraction", "data"), fontsize=SMALL_PT + 0.5, color=INK if one else FAINT_INK,
        va="center", annotation_clip=False,
    )  # fmt: skip
    if one is None:
        return
    value, low, high = one
    left, right = axes.get_xlim()
    axes.plot([max(low, left), min(high, right)], [n, n], color=ink_of(0), linewidth=1.6)
    for end, outside, mark in ((left, low < left, "<"), (right, high > right, ">")):
        if outside:
            axes.plot([end], [n], marker=mark, color=ink_of(0), markersize=TEXT_PT - 3, clip_on=False)
    axes.plot([value], [n], marker="o", color=ink_of(0), markersize=6)


def _words(one: tuple[float, float, float] | None) -> str:
    if one is None:
        return "not told"
    value, low, high = one
    return f"{number(value)} ({number(low)} to {number(high) if math.isfinite(high) else '∞'})"


def _data(plot: ForestPlot) -> FigureData:
    rows: list[tuple[str | float | int | None, ...]] = []
    for term in plot.terms:
        effect = term.effects[0] if term.effects else None
        ends = (None, None, None) if effect is None else (effect.value, effect.low, effect.high)
        rows.append((_name(term), *(None if v is None else cell_of(v) for v in ends), term.p, term.n[0]))
    return FigureData(
        (
            ("term", "what the effect is about"),
            ("value", plot.x_name),
            ("low", "lower end of the interval"),
            ("high", "upper end of the interval; n/a where it is infinite"),
            ("p", "P value of the term"),
            ("n", "cases of the model"),
        ),
        tuple(rows),
    )
