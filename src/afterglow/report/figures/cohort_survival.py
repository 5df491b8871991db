"""Survival and cumulative incidence over time, with bands, censored patients, and the numbers at risk below."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet

from afterglow.records.clock import unit_of_time
from afterglow.records.document import Figure, FigureData
from afterglow.records.group import SurvivalPlot
from afterglow.records.statistic import StepCurve, Values
from afterglow.report.figures.canvas import FAINT_INK, INK, SMALL_PT, TEXT_PT, box, dress_plot, sheet, write
from afterglow.report.figures.cohort_canvas import (
    LINE_IN,
    block,
    cell_of,
    dash_of,
    drawn,
    empty,
    ink_of,
    lines_of_tests,
    shortened,
    write_lines,
)
from afterglow.report.group_words import sentence, words_of_test
from afterglow.report.words import number

_AXES_IN = (6.4, 3.5)
_LEFT_IN = 2.1  # the names of the curves stand there, beside the numbers at risk
_ROW_IN = 0.3
_MOST_TIMES = 9


def survival_figure(plot: SurvivalPlot) -> Figure:
    """Steps with their bands; the legend is in the plot, the numbers at risk stand under the days they belong to."""
    lines = lines_of_tests(plot.tests, _AXES_IN[0])
    legend = [block(curve.name, _AXES_IN[0] - 1.0, SMALL_PT + 0.5) for curve in plot.curves]
    over = 0.15 + LINE_IN * len(lines) + sum(0.165 * (words.count("\n") + 1) for words in legend) + 0.1
    rows = _ROW_IN * len(plot.curves)
    figure = sheet(_LEFT_IN + _AXES_IN[0] + 0.35, over + _AXES_IN[1] + 0.8 + rows)
    write_lines(figure, _LEFT_IN, 0.1, lines)
    axes = box(figure, _LEFT_IN, over, *_AXES_IN)
    days = _days(plot.curves)
    last = max([_last_seen(curve) for curve in plot.curves] + days[-1:])
    for n, (curve, words) in enumerate(zip(plot.curves, legend, strict=True)):
        _draw(axes, curve, n, words)
    unit, per = unit_of_time(last)
    dress_plot(axes, f"{unit}s", shortened(plot.y_name, _AXES_IN[1], 3))
    if not last > 0:
        empty(axes, "nobody was followed")
    axes.set_xlim(0, last * 1.02 if last > 0 else 1.0)
    axes.set_ylim(-0.02, 1.02)
    if days:
        axes.set_xticks(days, [f"{round(day / per, 1):g}" for day in days])
    axes.legend(
        fontsize=SMALL_PT + 0.5, frameon=False, loc="lower left", bbox_to_anchor=(-0.01, 1.0), borderaxespad=0.1, handlelength=2.4,
        labelspacing=0.25,
    )  # fmt: skip
    _write_at_risk(figure, axes, plot.curves, days, over + _AXES_IN[1] + 0.55)
    return drawn(figure, name=plot.name, caption=_caption(plot), alt=_alt(plot), data=_data(plot.curves))


def _days(curves: Sequence[StepCurve]) -> list[float]:
    """The days for which numbers at risk were counted, those of most curves first, as far as they stand clear of each other."""
    found = Counter(day for curve in curves for day, _ in curve.at_risk)
    apart = max(found, default=0.0) / _MOST_TIMES
    kept: list[float] = []
    for day in sorted(found, key=lambda one: (-found[one], one)):
        if all(abs(day - other) >= apart for other in kept):
            kept.append(day)
    return sorted(kept)


def _draw(axes: Axes, curve: StepCurve, n: int, words: str) -> None:
    ink = ink_of(n)
    days, values, low, high = _arrays(curve)
    end = _last_seen(curve)
    if end > days[-1]:  # nothing changes until the last one was seen
        days = np.append(days, end)
        values, low, high = (np.append(side, side[-1]) for side in (values, low, high))
    bottom, top = (np.repeat(side, 2)[:-1] for side in (low, high))  # a step without a band takes none from the one before
    axes.fill_between(np.repeat(days, 2)[1:], bottom, top, color=ink, alpha=0.13, linewidth=0)
    axes.step(days, values, where="post", color=ink, linewidth=1.7, linestyle=dash_of(n), label=words)
    if curve.censored_days:
        censored = np.asarray(curve.censored_days, dtype=np.float64)
        place = np.clip(np.searchsorted(curve.times_days, censored, side="right") - 1, 0, None)
        many = censored.size > 100
        axes.plot(
            censored, curve.values[place], linestyle="none", marker="|", color=ink, markersize=4 if many else 7,
            markeredgewidth=0.4 if many else 1.1,
        )  # fmt: skip


def _last_seen(curve: StepCurve) -> float:
    """The last day on which somebody of the curve was still followed."""
    return max(float(curve.times_days[-1]), *curve.censored_days, 0.0)


def _arrays(curve: StepCurve) -> tuple[Values, Values, Values, Values]:
    return curve.times_days, curve.values, curve.low, curve.high


def _write_at_risk(figure: Sheet, axes: Axes, curves: Sequence[StepCurve], days: Sequence[float], top_in: float) -> None:
    if not days:
        return
    page_wide, page_high = figure.get_size_inches()
    write(figure, 0.1, top_in, "at risk", size_pt=SMALL_PT + 0.5, colour=FAINT_INK)
    low, high = axes.get_xlim()
    for n, curve in enumerate(curves):
        top = top_in + 0.2 + n * _ROW_IN
        name = shortened(curve.name, _LEFT_IN - 0.45, 2, SMALL_PT)
        write(figure, 0.1, top - (0.06 if "\n" in name else 0.0), name, size_pt=SMALL_PT, colour=ink_of(n))
        counted = dict(curve.at_risk)
        for day in days:
            if day in counted:
                place = (_LEFT_IN + _AXES_IN[0] * (day - low) / (high - low)) / page_wide
                figure.text(
                    place, 1 - top / page_high, str(counted[day]), fontsize=TEXT_PT - 0.5, color=INK, ha="center", va="top"
                )


def _caption(plot: SurvivalPlot) -> str:
    said = [sentence(plot.caption or plot.y_name)]
    rules = dict.fromkeys(curve.rule for curve in plot.curves if curve.rule)
    said += [sentence(rule) for rule in rules]
    for curve in plot.curves:
        start = f"n = {curve.at_risk[0][1]}" if curve.at_risk else "n not given"
        end = f"{number(float(curve.values[-1]))} on day {curve.times_days[-1]:g}"
        said.append(f"{curve.name}: {start}, {end}, {len(curve.censored_days)} censored.")
    if any(curve.censored_days for curve in plot.curves):
        said.append("Upright marks: censored.")
    said += [sentence(words_of_test(tested)) for tested in plot.tests]
    return " ".join(said)


def _alt(plot: SurvivalPlot) -> str:
    said = [f"{c.name}: {number(float(c.values[-1]))} on day {c.times_days[-1]:g}" for c in plot.curves]
    return f"{sentence(f'{plot.y_name} over days')} {'; '.join(said)}."


def _data(curves: Sequence[StepCurve]) -> FigureData:
    rows: list[tuple[str | float | int | None, ...]] = []
    for curve in curves:
        counted = dict(curve.at_risk)
        for day, value, low, high in zip(*(a.tolist() for a in _arrays(curve)), strict=True):
            rows.append((curve.name, "step", day, cell_of(value), cell_of(low), cell_of(high), counted.pop(day, None)))
        rows += [(curve.name, "at risk", day, None, None, None, at_risk) for day, at_risk in sorted(counted.items())]
        rows += [(curve.name, "censored", float(day), None, None, None, None) for day in curve.censored_days]
    return FigureData(
        (
            ("curve", "whose curve it is"),
            ("what", "step: the value from that day on; at risk: a count on another day; censored: last day of a patient"),
            ("day", "days from the start of the clock"),
            ("value", "of the curve from that day on"),
            ("low", "lower edge of the band"),
            ("high", "upper edge of the band"),
            ("at_risk", "patients at risk on that day"),
        ),
        tuple(rows),
    )
