"""Mean concentration of the regions over time, with the fitted model and what it leaves over."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet

from afterglow.records.document import Figure
from afterglow.records.quantity import QUANTITIES
from afterglow.records.result import ExamResult, RegionCurve
from afterglow.report.figures.canvas import (
    FAINT_INK,
    PAGE_INCHES,
    SMALL_PT,
    TEXT_PT,
    box,
    dress_plot,
    finished,
    plain,
    region_inks,
    sheet,
    write,
)
from afterglow.report.figures.once import drawn_once
from afterglow.report.words import symbol_math, with_unit

LEGEND_INCHES = 2.5
LINE_INCHES = 0.19


def _parameter(name: str, value: float, unit: str) -> str:
    symbol = symbol_math(QUANTITIES[name]) if name in QUANTITIES else plain(name)
    return f"{symbol}  {plain(with_unit(value, unit))}"


def _legend(figure: Sheet, left_in: float, curves: tuple[RegionCurve, ...], inks: list[str]) -> None:
    """Label, model and parameters of each curve, in its colour, one below the other."""
    top = 0.12
    for curve, ink in zip(curves, inks, strict=True):
        lines = [plain(f"{curve.label}, {curve.n_voxels} voxels")]
        if curve.fitted_mM is not None:
            lines.append(plain(curve.model))
        lines += [_parameter(*parameter) for parameter in curve.parameters]
        for n, line in enumerate(lines):
            indent = 0.0 if n == 0 else 0.12
            write(figure, left_in + indent, top, line, size_pt=TEXT_PT if n == 0 else SMALL_PT + 0.8, colour=ink)
            top += LINE_INCHES
        top += 0.14


def _residuals(axes: Axes, curves: tuple[RegionCurve, ...], inks: list[str]) -> None:
    axes.axhline(0, color=FAINT_INK, linewidth=0.6)
    for curve, ink in zip(curves, inks, strict=True):
        if curve.fitted_mM is not None:
            axes.plot(curve.times_s, curve.measured_mM - curve.fitted_mM, "o-", color=ink, markersize=2, linewidth=0.6)
    dress_plot(axes, "time [s]", "residual\n[mmol/L]")


@drawn_once
def curves_figure(exam: ExamResult) -> Figure | None:
    """Points measured, lines fitted, residuals below, parameters in the legend; None where there is no curve."""
    curves = exam.curves
    if not curves:
        return None
    inks = region_inks([curve.label for curve in curves])
    lines = sum(3 + len(curve.parameters) for curve in curves)
    figure = sheet(PAGE_INCHES, max(4.4, lines * LINE_INCHES + 0.2))
    width = PAGE_INCHES - 0.9 - LEGEND_INCHES
    upper = box(figure, 0.9, 0.15, width, 2.75)
    lower = box(figure, 0.9, 3.02, width, 0.88)
    upper.axhline(0, color="#94a3b8", linewidth=0.6)
    for curve, ink in zip(curves, inks, strict=True):
        upper.plot(curve.times_s, curve.measured_mM, "o", color=ink, markersize=3.2, markeredgewidth=0, alpha=0.75)
        fitted = curve.measured_mM if curve.fitted_mM is None else curve.fitted_mM
        style = ":" if curve.fitted_mM is None else "-"
        upper.plot(curve.times_s, fitted, style, color=ink, linewidth=1.5)
    dress_plot(upper, "", "mean concentration [mmol/L]")
    upper.tick_params(labelbottom=False)
    _legend(figure, PAGE_INCHES - LEGEND_INCHES + 0.25, curves, inks)
    _residuals(lower, curves, inks)
    for axes in (upper, lower):
        axes.yaxis.set_label_coords(-0.068, 0.5)
    lower.set_xlim(upper.get_xlim())
    caption = (
        f"Mean concentration of the regions, ses-{exam.session}: points measured, lines the model fitted to that mean curve; "
        "below, measured minus fitted."
    )
    alt = "; ".join(f"{c.label} peaks at {with_unit(_peak(c), 'mmol/L')}" for c in curves)
    return finished(figure, name=f"ses-{exam.session}_curves", caption=caption, alt=f"Concentration over time: {alt}.")


def _peak(curve: RegionCurve) -> float | None:
    finite = curve.measured_mM[np.isfinite(curve.measured_mM)]
    return float(finite.max()) if finite.size else None
