"""ROC curves of several markers in one square, with their bands, and the cutoffs and readings that were marked."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from afterglow.records.document import Figure, FigureData
from afterglow.records.group import RocPlot
from afterglow.records.statistic import RocCurve
from afterglow.report.figures.canvas import FAINT_INK, SMALL_PT, box, dress_plot, sheet
from afterglow.report.figures.cohort_canvas import (
    LINE_IN,
    MARKS,
    block,
    cell_of,
    dash_of,
    drawn,
    ink_of,
    lines_of_tests,
    write_lines,
)
from afterglow.report.group_words import estimated_words, sentence, words_of_test
from afterglow.report.words import number

_SQUARE_IN = 4.4
_LEFT_IN = 0.8
_LEGEND_IN = 4.6


def roc_figure(plot: RocPlot) -> Figure:
    """One square; the legend beside it gives each area with its interval, and each marked point."""
    lines = lines_of_tests(plot.tests, _LEGEND_IN, about=True)
    wide = _LEFT_IN + _SQUARE_IN + 0.2 + _LEGEND_IN + 0.1
    figure = sheet(wide, max(_SQUARE_IN + 0.85, 0.5 + _legend_high(plot.curves) + LINE_IN * len(lines)))
    axes = box(figure, _LEFT_IN, 0.15, _SQUARE_IN, _SQUARE_IN)
    axes.plot([0, 1], [0, 1], color=FAINT_INK, linewidth=0.8, linestyle=(0, (2, 2)))
    marked = 0
    for n, curve in enumerate(plot.curves):
        marked = _draw(axes, curve, n, marked)
    dress_plot(axes, "false positive rate (1 \N{MINUS SIGN} specificity)", "sensitivity")
    axes.set_xlim(-0.015, 1.015)
    axes.set_ylim(-0.015, 1.015)
    axes.legend(
        fontsize=SMALL_PT + 0.5, frameon=False, loc="upper left", bbox_to_anchor=(1.02, 1.01), handlelength=2.4, borderaxespad=0.0,
        labelspacing=0.7, alignment="left",
    )  # fmt: skip
    write_lines(figure, _LEFT_IN + _SQUARE_IN + 0.25, 0.35 + _legend_high(plot.curves), lines)
    return drawn(figure, name=plot.name, caption=_caption(plot), alt=_alt(plot.curves), data=_data(plot.curves))


def _legend_of(curve: RocCurve) -> str:
    area = estimated_words(curve.auc).replace(" %", "\u00a0%")
    return block(f"{curve.name}: AUC {area}, {_counts(curve)}", _LEGEND_IN - 0.5, SMALL_PT + 0.5)


def _counts(curve: RocCurve) -> str:
    return f"n\u00a0=\u00a0{curve.n_positive} with and {curve.n_negative} without"


def _mark_words(name: str, false_positive_rate: float, sensitivity: float) -> str:
    words = f"{name}: sensitivity {number(sensitivity)}, specificity {number(1 - false_positive_rate)}"
    return block(words, _LEGEND_IN - 0.5, SMALL_PT + 0.5)


def _legend_high(curves: Sequence[RocCurve]) -> float:
    entries = [_legend_of(curve) for curve in curves] + [_mark_words(*point) for curve in curves for point in curve.marked]
    return sum(0.145 * (entry.count("\n") + 1) + 0.1 for entry in entries)


def _draw(axes: Axes, curve: RocCurve, n: int, marked: int) -> int:
    """The curve, its band and its points; how many points were marked by now."""
    ink = ink_of(n)
    if curve.sensitivity_low is not None and curve.sensitivity_high is not None:
        axes.fill_between(
            curve.false_positive_rate, curve.sensitivity_low, curve.sensitivity_high, color=ink, alpha=0.13, linewidth=0
        )
    axes.plot(
        curve.false_positive_rate, curve.sensitivity, color=ink, linewidth=1.7, linestyle=dash_of(n), label=_legend_of(curve)
    )
    for name, false_positive_rate, sensitivity in curve.marked:
        axes.plot(
            [false_positive_rate], [sensitivity], linestyle="none", marker=MARKS[marked % len(MARKS)], color=ink, markersize=8,
            markeredgecolor="white", markeredgewidth=1.0, zorder=5, label=_mark_words(name, false_positive_rate, sensitivity),
        )  # fmt: skip
        marked += 1
    return marked


def _caption(plot: RocPlot) -> str:
    said = [sentence(plot.caption or "Receiver operating characteristic")]
    for curve in plot.curves:
        band = f"; band: {curve.band_rule}" if curve.sensitivity_low is not None and curve.band_rule else ""
        said.append(f"{curve.name}: area {estimated_words(curve.auc)}, {_counts(curve)} the condition{band}.")
        for name, false_positive_rate, sensitivity in curve.marked:
            where = f"sensitivity {number(sensitivity)}, specificity {number(1 - false_positive_rate)}"
            said.append(f"Marked on {curve.name}, {name}: {where}.")
    said += [sentence(words_of_test(tested)) for tested in plot.tests]
    return " ".join(said)


def _alt(curves: Sequence[RocCurve]) -> str:
    return f"ROC curves. {'; '.join(f'{curve.name}: area {estimated_words(curve.auc)}' for curve in curves)}."


def _data(curves: Sequence[RocCurve]) -> FigureData:
    rows: list[tuple[str | float | int | None, ...]] = []
    for curve in curves:
        for k in range(curve.false_positive_rate.size):
            band = (curve.sensitivity_low, curve.sensitivity_high)
            rows.append(
                (
                    curve.name,
                    cell_of(float(curve.thresholds[k])),
                    cell_of(float(curve.false_positive_rate[k])),
                    cell_of(float(curve.sensitivity[k])),
                    *(None if side is None else cell_of(float(side[k])) for side in band),
                    "",
                )
            )
        rows += [(curve.name, None, rate, sensitivity, None, None, words) for words, rate, sensitivity in curve.marked]
    return FigureData(
        (
            ("marker", "whose curve it is"),
            ("threshold", "of the marker, in its unit; n/a where it is infinite"),
            ("false_positive_rate", "1 less the specificity"),
            ("sensitivity", "share of those with the condition that the marker finds"),
            ("sensitivity_low", "lower edge of the band"),
            ("sensitivity_high", "upper edge of the band"),
            ("marked", "name of a point that is marked on the curve; empty for points of the curve itself"),
        ),
        tuple(rows),
    )
