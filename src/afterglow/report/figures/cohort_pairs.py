"""Before and after: a line for each patient, one panel for each group, and the medians over them."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from afterglow.records.document import Figure, FigureData
from afterglow.records.group import PairedValues, PairPlot
from afterglow.records.statistic import Values
from afterglow.report.figures.canvas import INK, PAGE_INCHES, SMALL_PT, box, dress_plot, sheet
from afterglow.report.figures.cohort_canvas import (
    LINE_IN,
    MOST_VECTOR_POINTS,
    cell_of,
    drawn,
    finite,
    ink_of,
    lines_of_tests,
    padded,
    say,
    shortened,
    write_lines,
)
from afterglow.report.group_words import sentence, with_bracket, words_of_test
from afterglow.report.words import number, powers_math, shown_in, unit_after

_AXES_IN = 3.3
_LEFT_IN = 0.9


def pairs_figure(plot: PairPlot) -> Figure:
    """Panels with one axis of values; patients with one of two values are counted and not drawn."""
    pairs = plot.pairs
    groups = list(dict.fromkeys((*pairs.group_order, *pairs.groups))) or [""]
    each = max(min(2.6, (PAGE_INCHES - _LEFT_IN - 0.2) / len(groups)), 1.2)
    wide = max(_LEFT_IN + each * len(groups) + 0.1, 4.4)
    lines = lines_of_tests(plot.tests, wide - 0.2)
    over = 0.55 + LINE_IN * len(lines)
    figure = sheet(wide, over + _AXES_IN + 0.5)
    write_lines(figure, 0.1, 0.1, lines)
    whole = finite(np.concatenate([np.concatenate(_both(pairs, group)) for group in groups]))
    for n, group in enumerate(groups):
        axes = box(figure, _LEFT_IN + n * each, over, each - 0.15, _AXES_IN)
        before, after = _both(pairs, group)
        _draw(axes, before, after, n)
        dress_plot(axes, "", powers_math(shortened(with_bracket(pairs.name, pairs.unit), _AXES_IN, 3)) if n == 0 else "")
        axes.grid(False, axis="x")
        ticks = [shortened(words, each / 2 - 0.15, 2, SMALL_PT + 0.5) for words in (pairs.before_words, pairs.after_words)]
        axes.set_xticks([0, 1], ticks)
        axes.set_xlim(-0.3, 1.3)
        if whole.size == 0:
            axes.set_yticks([])
        elif plot.log and whole.min() > 0:
            _logarithmic(axes, whole)
        else:
            axes.set_ylim(*padded(float(whole.min()), float(whole.max())))
        if n:
            axes.tick_params(labelleft=False)
        title = f"{group}, n = {before.size}" if group else f"n = {before.size}"
        axes.set_title(shortened(title, each - 0.2, 2, SMALL_PT + 1), fontsize=SMALL_PT + 1, color=INK, loc="left", pad=4)
    return drawn(figure, name=plot.name, caption=_caption(plot, groups), alt=_alt(pairs, groups), data=_data(pairs))


def _both(pairs: PairedValues, group: str) -> tuple[Values, Values]:
    """Values before and after of those of that group who have both, in the unit that is shown."""
    mine = np.array([name == group for name in pairs.groups], dtype=bool) if pairs.groups else np.ones(len(pairs.patients), bool)
    mine &= np.isfinite(pairs.before) & np.isfinite(pairs.after)
    factor = shown_in(pairs.unit)
    return pairs.before[mine] * factor, pairs.after[mine] * factor


def _logarithmic(axes: Axes, whole: Values) -> None:
    """A logarithmic axis around the values, with plain numbers at 1, 2 and 5."""
    low, high = padded(float(np.log(whole.min())), float(np.log(whole.max())))
    axes.set_yscale("log")
    axes.set_ylim(float(np.exp(low)), float(np.exp(high)))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _draw(axes: Axes, before: Values, after: Values, n: int) -> None:
    if before.size == 0:
        say(axes, "no pairs")
        return
    many = before.size > 100
    axes.plot(
        [0, 1], np.stack([before, after]), "-o", color=ink_of(n), linewidth=0.7, markersize=2.2 if many else 3.6,
        alpha=max(0.08, min(0.6, 30 / before.size)), markeredgewidth=0, rasterized=before.size > MOST_VECTOR_POINTS / 2,
    )  # fmt: skip
    axes.plot([0, 1], [np.median(before), np.median(after)], "-D", color=INK, linewidth=2.2, markersize=6, zorder=5)


def _caption(plot: PairPlot, groups: Sequence[str]) -> str:
    pairs = plot.pairs
    named = f"{pairs.name}, {pairs.before_words} and {pairs.after_words}"
    said = [sentence(plot.caption or named), "A thin line for each patient; black: the medians."]
    if plot.log:
        said.append("The axis is logarithmic where no value is zero or below.")
    for group in groups:
        before, after = _both(pairs, group)
        all_of_it = len(pairs.patients) if not pairs.groups else sum(name == group for name in pairs.groups)
        absent = f", {all_of_it - before.size} without one of the two values" if all_of_it > before.size else ""
        middle = ""
        if before.size:
            unit = unit_after(pairs.unit)
            middle = f", medians {number(float(np.median(before)))}{unit} and {number(float(np.median(after)))}{unit}"
            rose, fell = int((after > before).sum()), int((after < before).sum())
            middle += f", {rose} rose and {fell} fell"
        said.append(f"{f'{group}: ' if group else ''}n = {before.size}{absent}{middle}.")
    said += [sentence(words_of_test(tested)) for tested in plot.tests]
    return " ".join(said)


def _alt(pairs: PairedValues, groups: Sequence[str]) -> str:
    said = []
    for group in groups:
        before, after = _both(pairs, group)
        name = f"{group}: " if group else ""
        if before.size:
            middles = f"from {number(float(np.median(before)))} to {number(float(np.median(after)))}"
            said.append(f"{name}median {middles}, {before.size} pairs")
        else:
            said.append(f"{name}no pairs")
    return f"{with_bracket(pairs.name, pairs.unit)} {pairs.before_words} and {pairs.after_words}. {'; '.join(said)}."


def _data(pairs: PairedValues) -> FigureData:
    groups = pairs.groups or ("",) * len(pairs.patients)
    unit = f", in {pairs.unit}" if pairs.unit not in ("", "1") else ""
    rows = tuple(
        (patient, group, cell_of(before), cell_of(after))
        for patient, group, before, after in zip(pairs.patients, groups, pairs.before.tolist(), pairs.after.tolist(), strict=True)
    )
    return FigureData(
        (
            ("patient", "the patient, or the lesion of a patient"),
            ("group", "group of the patient; empty where there is one alone"),
            ("before", f"{pairs.name}, {pairs.before_words}{unit}; n/a: not measured"),
            ("after", f"{pairs.name}, {pairs.after_words}{unit}; n/a: not measured"),
        ),
        rows,
    )
