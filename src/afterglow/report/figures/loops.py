"""Hysteresis loops of the regions: the mean curves they are made of, and the loops with their direction in time."""

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from numpy.typing import NDArray

from afterglow.records.bolus import Echo, RateCurve, RegionLoop
from afterglow.records.document import Figure
from afterglow.records.result import ExamResult
from afterglow.report.figures.bolus import ECHO_WORDS, RATE_MATH
from afterglow.report.figures.canvas import (
    COOL_INK,
    FAINT_INK,
    INK,
    PAGE_INCHES,
    SMALL_PT,
    TEXT_PT,
    WARM_INK,
    box,
    dress_plot,
    finished,
    plain,
    region_inks,
    sheet,
    write,
)
from afterglow.report.figures.once import drawn_once
from afterglow.report.words import number, powers_math, unit_words

ROW_INCHES = 2.95
HEAD_INCHES = 0.3
PLOT_INCHES = ROW_INCHES - 0.72
CURVE_WIDTH, LOOP_WIDTH = 2.3, 2.75
LEFTS = (0.6, 3.5, 6.55, 9.5)  # of the gradient echo, the spin echo, the plane and the numbers
LINE_CHARACTERS = 26
MOST_LESIONS = 4
ARROWS = (0.2, 0.4, 0.65, 0.9)  # places along the loop; those on the way back do not lie beside those on the way out
ARROW_REACH = 0.012  # of the length of the loop, behind and before such a place
X_MATH, Y_MATH = r"$(\Delta R_{2,\mathrm{SE}})^{3/2}$ [s$^{-3/2}$]", r"$\Delta R_{2,\mathrm{GE}}^*$ [s⁻¹]"

HOW_TO_READ = (
    "Right: gradient echo against spin echo to the power of 3/2; arrow heads show the direction in time; each plane is scaled to its own "
    "loop, other regions thin in the same axes where they fit. Clockwise: MTI positive, warm in the maps, the gradient echo leads, "
    "arterioles prevail; counter-clockwise: negative, cool, it lags, venules prevail."
)
FRAGILE = (
    "Fragile: MTI grows with CBV^(5/2), a tenth of a second between the injections moves nMTI by about 0.04, and leakage can turn the "
    "sign. MTI has been validated on simulated physics only."
)


def _shown(loops: Sequence[RegionLoop]) -> list[RegionLoop]:
    """The largest lesions in their order, then the other regions."""
    lesions = [loop for loop in loops if loop.label.startswith("lesion")]
    kept = sorted(lesions, key=lambda loop: -loop.n_voxels)[:MOST_LESIONS]
    return [loop for loop in lesions if loop in kept] + [loop for loop in loops if loop not in lesions]


def _has_loop(loop: RegionLoop) -> bool:
    return loop.loop_times_s.size > 1 and math.isfinite(loop.mti)


def _plane(loop: RegionLoop) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x in s^-3/2 and y in s^-1; negative rates count as none, as in the area."""
    x: NDArray[np.float64] = np.maximum(loop.loop_se_per_s, 0.0) ** 1.5
    return x, np.maximum(loop.loop_ge_per_s, 0.0)


def _draw_curves(axes: Axes, curve: RateCurve, echo: Echo, ink: str) -> None:
    """Points measured, thin line corrected for leakage, thick line the gamma-variate."""
    dress_plot(axes, "time [s]", RATE_MATH[echo])
    axes.yaxis.labelpad = 2
    if not np.isfinite(curve.measured_per_s).any():
        axes.set_xticks([])
        axes.set_yticks([])
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", va="center", fontsize=TEXT_PT, color=FAINT_INK)
        return
    axes.axhline(0, color="#94a3b8", linewidth=0.6)
    axes.plot(curve.times_s, curve.measured_per_s, "o", color=ink, markersize=2.8, markeredgewidth=0, alpha=0.6, label="measured")
    if curve.corrected_per_s is not None:
        axes.plot(curve.times_s, curve.corrected_per_s, color=ink, linewidth=0.8, label="corrected for leakage")
    if curve.fitted_per_s is not None:
        axes.plot(curve.times_s, curve.fitted_per_s, color=ink, linewidth=2.2, alpha=0.85, label="gamma-variate")


def _line_legend(axes: Axes, curve: RateCurve) -> None:
    """What points and lines are, on the side where the bolus is not."""
    finite = np.isfinite(curve.measured_per_s)
    if not finite.any():
        return
    late = int(np.argmax(np.where(finite, curve.measured_per_s, -np.inf))) > 0.5 * curve.times_s.size
    axes.legend(
        loc="upper left" if late else "upper right", fontsize=SMALL_PT - 0.5, frameon=False, handlelength=1.2, labelcolor=INK,
        borderpad=0,
    )  # fmt: skip


def _arrows(axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64], ink: str) -> None:
    """Heads along the loop, at even lengths of it as it is seen in its own box."""
    steps = np.hypot(np.diff(x) / (x.max() or 1.0), np.diff(y) / (y.max() or 1.0))
    length = np.concatenate([[0.0], np.cumsum(steps)])
    if length[-1] <= 0:
        return
    for place in ARROWS:
        ends = np.array([place - ARROW_REACH, place + ARROW_REACH]) * length[-1]
        (x0, x1), (y0, y1) = np.interp(ends, length, x).tolist(), np.interp(ends, length, y).tolist()
        axes.annotate(
            "", (x1, y1), xytext=(x0, y0),
            arrowprops={"arrowstyle": "-|>,head_length=0.85,head_width=0.42", "color": ink, "linewidth": 0, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip


def _draw_loop(axes: Axes, loop: RegionLoop, ink: str, others: Sequence[tuple[RegionLoop, str]]) -> None:
    """The loop in the plane, the others thin and pale behind it where they fit into the same axes."""
    x, y = _plane(loop)
    for other, pale in others:
        other_x, other_y = _plane(other)
        if other_x.max() <= x.max() and other_y.max() <= y.max():
            axes.plot(other_x, other_y, color=pale, linewidth=0.8, alpha=0.8)
    axes.plot(x, y, color=ink, linewidth=1.6)
    _arrows(axes, x, y, ink)
    axes.plot(x[0], y[0], "o", color=ink, markersize=4, markeredgewidth=0, label="start", clip_on=False)
    axes.plot(
        x[-1],
        y[-1],
        "s",
        markerfacecolor="none",
        markeredgecolor=ink,
        markersize=8.5,
        markeredgewidth=1.1,
        label="end",
        clip_on=False,
    )
    dress_plot(axes, X_MATH, Y_MATH)
    axes.set_xlim(-0.05 * x.max(), 1.08 * x.max())
    axes.set_ylim(-0.05 * y.max(), 1.08 * y.max())
    axes.yaxis.labelpad = 2
    axes.legend(
        loc="lower right", fontsize=SMALL_PT, frameon=False, handlelength=1.0, labelspacing=0.25, borderpad=0.2, labelcolor=INK
    )


def _no_loop(axes: Axes, loop: RegionLoop) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_facecolor("#f8fafc")
    for spine in axes.spines.values():
        spine.set_color("#cbd5e1")
    why = "\n".join(textwrap.wrap(_why(loop), 34))
    axes.text(
        0.5, 0.5, plain(f"no loop\n{why}"), transform=axes.transAxes, ha="center", va="center", fontsize=SMALL_PT + 0.5,
        color=FAINT_INK, linespacing=1.4,
    )  # fmt: skip


def _why(loop: RegionLoop) -> str:
    """Why there is no loop, without saying again that there is none."""
    return loop.remark.removeprefix("no loop: ") or "a mean curve has no accepted gamma-variate"


def direction_words(loop: RegionLoop) -> str:
    """ "clockwise, positive (warm)" for the sign of an MTI; a loop with a remark has a sign only on balance."""
    if loop.mti == 0:
        return "no area"
    sign, colour, turn = ("positive", "warm", "clockwise") if loop.mti > 0 else ("negative", "cool", "counter-clockwise")
    return f"{sign} on balance ({colour})" if loop.remark else f"{turn}, {sign} ({colour})"


def _numbers(figure: Sheet, top_in: float, loop: RegionLoop, ink: str) -> None:
    """Label, voxels, MTI with its error, nMTI, the probability of the sign, the direction and the remark."""
    lines: list[tuple[str, str, float]] = [
        (plain(loop.label), ink, TEXT_PT + 1),
        (f"{loop.n_voxels} voxels", FAINT_INK, SMALL_PT + 0.5),
    ]
    if _has_loop(loop):
        tone = FAINT_INK if loop.remark else WARM_INK if loop.mti > 0 else COOL_INK
        error = f" ± {number(loop.mti_error)}" if math.isfinite(loop.mti_error) else ""
        lines += [
            (f"MTI {number(loop.mti)}{error} {powers_math(unit_words('s-5/2'))}", INK, TEXT_PT),
            (f"nMTI {number(loop.nmti)}", INK, TEXT_PT),
            (f"$P$(MTI < 0) {number(loop.probability_negative, 2)}", INK, TEXT_PT),
        ]
        lines += [(part, tone, SMALL_PT + 0.5) for part in textwrap.wrap(direction_words(loop), LINE_CHARACTERS)]
        lines += [(plain(part), FAINT_INK, SMALL_PT + 0.3) for part in textwrap.wrap(loop.remark, LINE_CHARACTERS)[:5]]
    for words, colour, size_pt in lines:
        write(figure, LEFTS[3], top_in, words, size_pt=size_pt, colour=colour)
        top_in += 0.2


@drawn_once
def loops_figure(exam: ExamResult) -> Figure | None:
    """A row for each region: mean curves of both echoes, the loop with arrow heads along its time, its numbers. None without regions.

    A region without a loop says why. The largest lesions are drawn, and every other region.
    """
    loops = _shown(exam.loops)
    if not loops:
        return None
    inks = region_inks([loop.label for loop in loops])
    figure = sheet(PAGE_INCHES, HEAD_INCHES + ROW_INCHES * len(loops))
    for left, words in zip(LEFTS, (ECHO_WORDS["gradient"], ECHO_WORDS["spin"], "hysteresis loop"), strict=False):
        write(figure, left, 0.06, words)
    for n, (loop, ink) in enumerate(zip(loops, inks, strict=True)):
        top = HEAD_INCHES + n * ROW_INCHES + 0.05
        first = box(figure, LEFTS[0], top, CURVE_WIDTH, PLOT_INCHES)
        _draw_curves(first, loop.ge, "gradient", ink)
        if n == 0:
            _line_legend(first, loop.ge)
        _draw_curves(box(figure, LEFTS[1], top, CURVE_WIDTH, PLOT_INCHES), loop.se, "spin", ink)
        plane = box(figure, LEFTS[2], top, LOOP_WIDTH, PLOT_INCHES)
        if _has_loop(loop):
            others = [pair for pair in zip(loops, inks, strict=True) if pair[0] is not loop and _has_loop(pair[0])]
            _draw_loop(plane, loop, ink, others)
        else:
            _no_loop(plane, loop)
        _numbers(figure, top, loop, ink)
    return finished(figure, name=f"ses-{exam.session}_loops", caption=_caption(exam, loops), alt=_alt(loops))


def _said(loop: RegionLoop) -> str:
    if not _has_loop(loop):
        return f"{loop.label}: no loop ({_why(loop)})"
    remark = f" ({loop.remark})" if loop.remark else ""
    return f"{loop.label}: MTI {number(loop.mti)} ± {number(loop.mti_error)} s^(-5/2), {direction_words(loop)}{remark}"


def _caption(exam: ExamResult, loops: Sequence[RegionLoop]) -> str:
    cut = len(exam.loops) - len(loops)
    drawn = any(_has_loop(loop) for loop in loops)
    parts = (
        f"Hysteresis loops of ses-{exam.session}, from the mean curve of each region after alignment of the two injections. "
        "Left: points measured, thin line corrected for leakage, thick line the gamma-variate of the first pass.",
        HOW_TO_READ if drawn else "",
        f"The {cut} smallest lesions are not drawn." if cut else "",
        " ".join(f"{_said(loop)[:1].upper()}{_said(loop)[1:].rstrip('.')}." for loop in loops),
        FRAGILE if drawn else "",
    )
    return " ".join(part for part in parts if part)


def _alt(loops: Sequence[RegionLoop]) -> str:
    return f"Mean curves of both echoes and hysteresis loops. {'; '.join(_said(loop) for loop in loops)}."
