"""How much the patient moved during the dynamic series."""

import numpy as np

from afterglow.records.document import Figure
from afterglow.records.result import ExamResult
from afterglow.report.figures.canvas import FAINT_INK, PAGE_INCHES, SMALL_PT, box, dress_plot, finished, sheet
from afterglow.report.figures.once import drawn_once
from afterglow.report.words import number

AXIS_INKS = ("#be185d", "#15803d", "#1d4ed8")
WORLD = ("left-right", "back-front", "foot-head")
TURNS = ("about left-right", "about back-front", "about foot-head")


@drawn_once
def motion_figure(exam: ExamResult) -> Figure | None:
    """Translation, rotation and displacement over time; None where motion was not looked at."""
    motion = exam.motion
    if motion is None:
        return None
    figure = sheet(PAGE_INCHES, 2.5)
    width = (PAGE_INCHES - 3 * 0.76 - 0.1) / 3
    panels = [box(figure, 0.7 + n * (width + 0.76), 0.12, width, 1.85) for n in range(3)]
    for axis in range(3):
        panels[0].plot(motion.times_s, motion.translation_mm[:, axis], color=AXIS_INKS[axis], linewidth=1.1, label=WORLD[axis])
        panels[1].plot(motion.times_s, motion.rotation_deg[:, axis], color=AXIS_INKS[axis], linewidth=1.1, label=TURNS[axis])
    panels[2].fill_between(motion.times_s, motion.framewise_mm, color="#cbd5e1", linewidth=0, label="against the frame before")
    panels[2].plot(motion.times_s, motion.displacement_mm, color="#334155", linewidth=1.1, label="against the reference frame")
    for panel, title in zip(panels, ("translation [mm]", "rotation [°]", "displacement [mm]"), strict=True):
        dress_plot(panel, "time [s]", title)
        panel.axhline(0, color=FAINT_INK, linewidth=0.5)
        low, high = panel.get_ylim()
        panel.set_ylim(min(low, -0.05), max(high, 0.05) + 0.35 * (max(high, 0.05) - min(low, -0.05)))
        panel.legend(fontsize=SMALL_PT - 0.5, frameon=False, loc="upper left", handlelength=1.2, labelspacing=0.2, borderpad=0.1)
    panels[2].set_ylim(bottom=0)
    largest = number(float(np.nanmax(motion.displacement_mm)))
    typical = number(float(np.nanmean(motion.framewise_mm)))
    moved = int(motion.resampled.sum())
    caption = (
        f"Motion during ses-{exam.session}: largest displacement {largest} mm, mean framewise displacement {typical} mm; "
        f"{moved} of {motion.times_s.size} frames were moved, the stiller ones are as acquired."
    )
    return finished(figure, name=f"ses-{exam.session}_motion", caption=caption, alt=caption)
