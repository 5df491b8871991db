"""How a quantity is spread over the lesion, against the reference tissue."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from afterglow.records.document import Figure
from afterglow.records.lesion import Lesion
from afterglow.records.maps import ParameterMap
from afterglow.records.result import ExamResult
from afterglow.report.figures.canvas import LESION_INK, PAGE_INCHES, REFERENCE_INK, SMALL_PT, box, dress_plot, finished, sheet
from afterglow.report.figures.once import drawn_once
from afterglow.report.figures.scene import check_grids
from afterglow.report.words import lesion_words, number, shown_in, symbol_of, title_math

SHOWN = ("ktrans", "vp", "ve", "t1", "iaugc60")  # where the visit names no panel
FEWEST_VOXELS = 8  # below this a histogram is a row of sticks


def _finite(found: ParameterMap, mask: NDArray[np.bool_]) -> NDArray[Any]:
    """The measured values inside the mask, in the unit that the report shows."""
    inside = found.values[mask].astype(np.float64) * shown_in(found.quantity.unit)
    return inside[np.isfinite(inside)]


@drawn_once
def spread_figure(exam: ExamResult, lesion: Lesion) -> Figure | None:
    """Histograms of up to four maps, lesion against reference; None where the lesion has too few measured voxels."""
    check_grids(exam)
    reference = exam.reference
    known = [found for found in (exam.map_of(name) for name in exam.panel or SHOWN) if found is not None]
    shown = [found for found in known if _finite(found, lesion.mask).size >= FEWEST_VOXELS][:4]
    if not shown:
        return None
    width = PAGE_INCHES / 4
    figure = sheet(width * len(shown), 2.3)
    for n, parameter_map in enumerate(shown):
        axes = box(figure, n * width + 0.5, 0.32, width - 0.62, 1.45)
        inside = _finite(parameter_map, lesion.mask)
        outside = _finite(parameter_map, reference.mask) if reference is not None else np.zeros(0)
        both = np.concatenate([inside, outside])
        low, high = float(np.percentile(both, 0.5)), float(np.percentile(both, 99.5))
        edges = np.linspace(low, high if high > low else low + 1.0, 33)
        for values, ink, label in ((outside, REFERENCE_INK, "reference"), (inside, LESION_INK, "lesion")):
            if values.size:
                share = np.full(values.size, 100.0 / values.size)
                axes.hist(values, bins=edges.tolist(), weights=share, color=ink, alpha=0.5, label=label)
                axes.axvline(float(np.median(values)), color=ink, linewidth=1.2)
        dress_plot(axes, title_math(parameter_map.quantity), "% of voxels" if n == 0 else "")
        if n == 0:
            axes.legend(
                fontsize=SMALL_PT, frameon=False, handlelength=1.0, loc="lower left", bbox_to_anchor=(-0.04, 0.97), ncols=2
            )
    medians = ", ".join(
        f"{symbol_of(m.quantity.name)} {number(float(np.median(_finite(m, lesion.mask))))}" for m in shown
    )  # fmt: skip
    caption = (
        f"Spread over the voxels of {lesion_words(lesion.lesion_id)}"
        + (f" and of the reference ({reference.kind})" if reference is not None else "")
        + f", ses-{exam.session}; vertical lines are medians. The outer half per cent on each side is not drawn."
    )
    alt = f"Histograms of the lesion with medians: {medians}."
    return finished(figure, name=f"ses-{exam.session}_lesion-{lesion.lesion_id}_spread", caption=caption, alt=alt)
