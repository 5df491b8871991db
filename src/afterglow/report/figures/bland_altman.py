"""Bland-Altman plots: each pair's difference over its mean, with bias, limits and their intervals."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from afterglow.records.document import Figure, FigureData
from afterglow.records.quantity import QUANTITIES
from afterglow.records.repeat import Interval, RepeatStudy
from afterglow.report.figures.canvas import (
    FAINT_INK,
    INK,
    LESION_INK,
    PAGE_INCHES,
    SMALL_PT,
    WARNING_INK,
    box,
    dress_plot,
    sheet,
)
from afterglow.report.figures.cohort_canvas import drawn
from afterglow.report.words import number, powers_math, shown_in, symbol_math, symbol_of, unit_after, unit_words

_IN_A_ROW = 3
_HIGH_IN = 3.4


def bland_altman_figure(studies: Sequence[RepeatStudy]) -> Figure:
    """One panel for each study, three in a row."""
    columns = min(_IN_A_ROW, len(studies))
    rows = -(-len(studies) // columns)
    width = PAGE_INCHES / _IN_A_ROW if columns > 1 else 4.6
    figure = sheet(width * columns, _HIGH_IN * rows)
    for n, study in enumerate(studies):
        left, top = (n % columns) * width, (n // columns) * _HIGH_IN
        axes = box(figure, left + 0.78, top + 0.42, width - 0.92, _HIGH_IN - 1.0)
        _draw(axes, study)
    caption = "Test-retest pairs, second scan less first over their mean. " + " ".join(_words(study) for study in studies)
    return drawn(figure, name="bland-altman", caption=caption, alt=caption, data=_data(studies))


def _data(studies: Sequence[RepeatStudy]) -> FigureData:
    """Every pair, then bias and limits of each study with their intervals."""
    rows: list[tuple[str | float | None, ...]] = []
    for study in studies:
        what = (study.quantity, study.statistic, "yes" if study.normalised else "no", study.unit)
        rows += [(*what, "pair", p.participant_id, p.lesion_id, p.mean, p.difference, None, None) for p in study.pairs]
        lines = (("bias", study.bias), ("lower limit", study.agreement[0]), ("upper limit", study.agreement[1]))
        rows += [(*what, name, None, None, None, line.value, line.low, line.high) for name, line in lines]
    return FigureData(
        (
            ("quantity", "what was measured twice"),
            ("statistic", "of the voxels of the lesion"),
            ("normalised", "whether over reference tissue"),
            ("unit", "UCUM unit of mean, difference, low and high"),
            ("what", "pair, bias, lower limit or upper limit"),
            ("participant_id", "whose pair"),
            ("lesion_id", "lesion of the pair"),
            ("mean", "mean of both scans"),
            ("difference", "second less first; of a line, where it lies"),
            ("low", "lower end of the interval of a line"),
            ("high", "upper end of the interval of a line"),
        ),
        tuple(rows),
    )


def _draw(axes: Axes, study: RepeatStudy) -> None:
    factor = shown_in(study.unit)
    lines = (
        (study.bias, LESION_INK, "bias"),
        (study.agreement[0], WARNING_INK, "limit"),
        (study.agreement[1], WARNING_INK, "limit"),
    )
    axes.axhline(0, color=FAINT_INK, linewidth=0.8)
    for interval, ink, name in lines:
        low, middle, high = (factor * v for v in (interval.low, interval.value, interval.high))
        axes.axhspan(low, high, color=ink, alpha=0.12, linewidth=0)
        axes.axhline(middle, color=ink, linewidth=1.2, linestyle="-" if name == "bias" else "--")
        axes.annotate(
            f"{name} {number(middle)}", (0.99, middle), xycoords=("axes fraction", "data"), xytext=(0, 1.5), textcoords="offset points",
            fontsize=SMALL_PT, color=ink, va="bottom", ha="right",
        )  # fmt: skip
    means, apart = ([factor * getattr(p, which) for p in study.pairs] for which in ("mean", "difference"))
    axes.plot(means, apart, "o", color=INK, markersize=4, alpha=0.75)
    symbol = symbol_math(QUANTITIES[study.quantity]) + (" / reference" if study.normalised else "")
    unit = powers_math(unit_words(study.unit))
    bracket = f" [{unit}]" if unit else ""
    low, high = axes.get_xlim()
    axes.set_xlim(low, high + 0.25 * (high - low))  # room for the words at the right
    dress_plot(axes, f"mean of both scans{bracket}", f"second \N{MINUS SIGN} first{bracket}")
    axes.set_title(f"{study.statistic} {symbol}, {study.n_pairs} pairs", fontsize=SMALL_PT + 1.5, color=INK, loc="left")


def _words(study: RepeatStudy) -> str:
    over = " over reference" if study.normalised else ""
    return (
        f"{study.statistic} {symbol_of(study.quantity)}{over}: {study.n_pairs} pairs, bias {_said(study.bias, study.unit)}, "
        f"limits {_said(study.agreement[0], study.unit)} and {_said(study.agreement[1], study.unit)}, wCV {100 * study.wcv.value:.1f} % "
        f"({100 * study.wcv.low:.1f} to {100 * study.wcv.high:.1f} %)."
    )


def _said(interval: Interval, unit: str) -> str:
    value, low, high = (number(shown_in(unit) * v) for v in (interval.value, interval.low, interval.high))
    return f"{value}{unit_after(unit)} ({low} to {high})"
