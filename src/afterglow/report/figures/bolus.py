"""The bolus in arteries and veins: rates of relaxation of the gradient-echo and the spin-echo scan, and where they were read."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet

from afterglow.records.bolus import BolusCurve, Echo
from afterglow.records.document import Figure
from afterglow.records.result import ExamResult
from afterglow.report.figures.canvas import (
    ARTERY,
    ARTERY_INK,
    PAGE_INCHES,
    SMALL_PT,
    TEXT_PT,
    VEIN,
    VEIN_INK,
    box,
    dress_plot,
    finished,
    sheet,
    write,
)
from afterglow.report.figures.once import drawn_once
from afterglow.report.figures.vessels import Marked, draw_vessel_slices, quality_words, vessel_slices
from afterglow.report.figures.windows import tables_of
from afterglow.report.words import number

HEIGHT_INCHES = 3.35
TOP_INCHES = 0.8
MOST_SLICES = 2
ROOM_FOR_WORDS = 0.28  # of the time axis
MARGIN = 0.62  # inches left of a plot for its numbers and title
ECHO_WORDS: dict[Echo, str] = {"gradient": "gradient echo", "spin": "spin echo"}
RATE_MATH: dict[Echo, str] = {"gradient": r"$\Delta R_2^*$ [s⁻¹]", "spin": r"$\Delta R_2$ [s⁻¹]"}
_INKS = {"artery": ARTERY_INK, "vein": VEIN_INK}
_MARKS = {"artery": ARTERY, "vein": VEIN}
_KINDS = {"artery": "arterial", "vein": "venous"}


def _peak(curve: BolusCurve) -> tuple[float, float]:
    """Time and rate of the highest sample; NaN where no sample is finite."""
    finite = np.isfinite(curve.rate_per_s)
    if not finite.any():
        return float("nan"), float("nan")
    top = int(np.argmax(np.where(finite, curve.rate_per_s, -np.inf)))
    return float(curve.times_s[top]), float(curve.rate_per_s[top])


def _draw_curve(axes: Axes, curve: BolusCurve, *, first: bool) -> None:
    ink = _INKS[curve.vessel]
    axes.plot(curve.times_s, curve.rate_per_s, "o-", color=ink, linewidth=1.2, markersize=2.6, markeredgewidth=0)
    time_s, rate = _peak(curve)
    if not np.isfinite(rate):
        return
    axes.plot(time_s, rate, "o", markersize=6.5, markerfacecolor="none", markeredgecolor=ink, markeredgewidth=1.0)
    # the earlier peak is written on its left, where nothing has happened yet; the later one on its right, where all has
    along = (time_s - curve.times_s[0]) / (curve.times_s[-1] - curve.times_s[0])
    left = (first and along > ROOM_FOR_WORDS) or along > 1 - ROOM_FOR_WORDS
    axes.annotate(
        f"{number(rate)} s⁻¹\nat {number(time_s)} s", (time_s, rate), xytext=(-8 if left else 8, 3), textcoords="offset points",
        ha="right" if left else "left", va="top", fontsize=SMALL_PT, color=ink, linespacing=1.1,
    )  # fmt: skip


def _panel(figure: Sheet, left_in: float, width_in: float, echo: Echo, curves: Sequence[BolusCurve]) -> None:
    """One scan: a title, a line about each vessel in its colour, the curves below."""
    write(figure, left_in, 0.08, ECHO_WORDS[echo], size_pt=TEXT_PT)
    for line, curve in enumerate(curves):
        count = len(curve.voxels)
        read = f"{count} voxel{'s' * (count != 1)}" if count else curve.origin
        words = f"{curve.vessel}: {quality_words(curve.quality)}, {read}"
        write(figure, left_in, 0.28 + 0.18 * line, words, size_pt=SMALL_PT + 0.3, colour=_INKS[curve.vessel])
    axes = box(figure, left_in, TOP_INCHES, width_in, HEIGHT_INCHES - TOP_INCHES - 0.5)
    axes.axhline(0, color="#94a3b8", linewidth=0.6)
    order = sorted(curves, key=lambda curve: _peak(curve)[0])
    for curve in curves:
        _draw_curve(axes, curve, first=curve is order[0])
    dress_plot(axes, "time [s]", RATE_MATH[echo])
    axes.yaxis.labelpad = 2
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.05 * (high - low))


@drawn_once
def bolus_figure(exam: ExamResult) -> Figure | None:
    """Curves of arteries and veins, one panel for each scan; beside them the slices that hold most of their voxels.

    None where no vessel was read. GridMismatch where voxels lie outside the visit's grid.
    """
    scans: list[tuple[Echo, list[BolusCurve]]] = []
    for echo in ECHO_WORDS:
        found = sorted((curve for curve in exam.boluses if curve.echo == echo), key=lambda curve: curve.vessel)
        scans += [(echo, found)] if found else []
    if not scans:
        return None
    marks = [Marked(_KINDS[c.vessel], c.voxels, _MARKS[c.vessel], ring=c.echo == "spin") for c in exam.boluses]
    slices = vessel_slices(exam, marks, MOST_SLICES)
    figure = sheet(PAGE_INCHES, HEIGHT_INCHES)
    taken = draw_vessel_slices(figure, slices, 0.3, 2.1, HEIGHT_INCHES - 0.4)
    width = (PAGE_INCHES - taken - 0.2) / len(scans) - MARGIN
    for n, (echo, curves) in enumerate(scans):
        _panel(figure, MARGIN + n * (width + MARGIN), width, echo, curves)
    return finished(
        figure,
        name=f"ses-{exam.session}_bolus",
        caption=_caption(exam, [echo for echo, _ in scans], slices.shown, slices.total),
        alt=_alt(exam.boluses),
        colour_tables=tables_of(()),
    )


def _caption(exam: ExamResult, echoes: Sequence[Echo], shown: int, total: int) -> str:
    missing = (
        "" if len(echoes) == 2 else f"No vessel was read in the {ECHO_WORDS['spin' if 'gradient' in echoes else 'gradient']}."
    )
    kinds = {"artery": "arteries red", "vein": "veins blue"}
    colours = ", ".join(words for vessel, words in kinds.items() if any(c.vessel == vessel for c in exam.boluses))
    marks = "squares: gradient echo, rings: spin echo" if len(echoes) == 2 else "squares" if "gradient" in echoes else "rings"
    where = (
        f"Pictures: {shown} of the {total} voxels ({marks}; {colours})."
        if total
        else "No voxels: the curves were not measured here."
    )
    parts = (
        f"The bolus in the vessels of ses-{exam.session}, {colours}: change of the relaxation rate (ΔR₂* of the "
        "gradient echo, ΔR₂ of the spin echo), each on the clock of its own scan; a rate, not a concentration.",
        _origins(exam.boluses), missing, where, _remarks(exam.boluses),
    )  # fmt: skip
    return " ".join(part for part in parts if part)


def _name(curve: BolusCurve) -> str:
    return f"{curve.vessel}, {ECHO_WORDS[curve.echo]}"


def _origins(curves: Sequence[BolusCurve]) -> str:
    """How the vessels were found, in one word where all were found alike."""
    found: dict[str, list[str]] = {}
    for curve in curves:
        found.setdefault(curve.origin, []).append(_name(curve))
    if len(found) == 1:
        return f"All curves: {next(iter(found))}."
    said = "; ".join(f"{' and '.join(names)}: {origin}" for origin, names in found.items())
    return f"{said[:1].upper()}{said[1:]}."


def _remarks(curves: Sequence[BolusCurve]) -> str:
    said = [f"{_name(curve)}: {'; '.join(words.rstrip('.') for words in curve.remarks)}" for curve in curves if curve.remarks]
    return " ".join(f"{words[:1].upper()}{words[1:]}." for words in said)


def _alt(curves: Sequence[BolusCurve]) -> str:
    peaks = [(curve, *_peak(curve)) for curve in curves]
    said = "; ".join(f"{_name(c)}: peak {number(rate)} per second at {number(time_s)} s" for c, time_s, rate in peaks)
    return f"Bolus curves over time. {said}."
