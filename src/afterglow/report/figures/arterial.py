"""The arterial input function: its curve, and the voxels it was read from."""

import numpy as np
from matplotlib.axes import Axes

from afterglow.records.document import Figure
from afterglow.records.maps import Aif
from afterglow.records.result import ExamResult
from afterglow.report.figures.canvas import ARTERY, INK, PAGE_INCHES, SMALL_PT, box, dress_plot, finished, sheet
from afterglow.report.figures.once import drawn_once
from afterglow.report.figures.vessels import Marked, draw_vessel_slices, quality_words, vessel_slices
from afterglow.report.figures.windows import tables_of
from afterglow.report.words import number

HEIGHT_INCHES = 3.0
MOST_SLICES = 3
MOST_MARKS = 200


def _curve(axes: Axes, aif: Aif) -> None:
    axes.axhline(0, color="#94a3b8", linewidth=0.6)
    axes.plot(aif.times_s, aif.plasma_mM, color=ARTERY, linewidth=1.2)
    if aif.times_s.size <= MOST_MARKS:  # a continuous curve has no samples to mark
        axes.plot(aif.times_s, aif.plasma_mM, "o", color=ARTERY, markersize=2.8, markeredgewidth=0)
    dress_plot(axes, "time [s]", "plasma concentration [mmol/L]")
    peak = int(np.argmax(aif.plasma_mM))
    axes.annotate(
        f"peak {number(float(aif.plasma_mM[peak]))} mmol/L at {number(float(aif.times_s[peak]))} s",
        (float(aif.times_s[peak]), float(aif.plasma_mM[peak])),
        xytext=(10, -4),
        textcoords="offset points",
        fontsize=SMALL_PT + 0.5,
        color=INK,
    )


@drawn_once
def arterial_figure(exam: ExamResult) -> Figure | None:
    """Curve with its samples; beside it the slices that hold the most of its voxels. None where no concentration was measured."""
    aif = exam.aif
    if aif is None:
        return None
    slices = vessel_slices(exam, (Marked("arterial", aif.voxels, ARTERY),), MOST_SLICES)
    figure = sheet(PAGE_INCHES, HEIGHT_INCHES)
    taken = draw_vessel_slices(figure, slices, 0.3, 1.95, HEIGHT_INCHES - 0.4)
    _curve(box(figure, 0.6, 0.3, PAGE_INCHES - 0.9 - taken, HEIGHT_INCHES - 0.85), aif)
    total = slices.total
    found = f"Red: {slices.shown} of its {total} voxels" if total else "No voxels: the curve was not measured here"
    said = " ".join(f"{remark.rstrip('.')}." for remark in aif.remarks)
    caption = (
        f"Arterial input of ses-{exam.session}: {aif.origin}, {quality_words(aif.quality)}, "
        f"haematocrit {aif.haematocrit:g}. {found}. {said}"
    ).strip()
    peak = number(float(aif.plasma_mM.max()))
    alt = f"Plasma concentration over {aif.times_s.size} samples, peak {peak} mmol/L, and the voxels it was read from."
    return finished(figure, name=f"ses-{exam.session}_aif", caption=caption, alt=alt, colour_tables=tables_of(()))
