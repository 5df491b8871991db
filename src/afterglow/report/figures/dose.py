"""Doses over anatomy: isodose lines of plans below one another, and the prescribed dose."""

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from numpy.typing import NDArray

from afterglow.records.document import Figure
from afterglow.records.dose import DoseGrid, DosePlan
from afterglow.records.zones import Prescription, Zone, ZoneMap
from afterglow.report.figures.canvas import INK, SMALL_PT, box, finished, plain, sheet
from afterglow.report.figures.dose_planes import (
    FOOT_IN,
    GAP_IN,
    TILE_IN,
    TOP_IN,
    TUMOUR_ON_IMAGE,
    ZONE_ON_IMAGE,
    Cut,
    anatomy,
    check_backdrop,
    heading,
    laid,
    line_of,
    middle_of,
    outline,
    reach_of,
    three_cuts,
    warn,
)
from afterglow.report.figures.tiles import colour_bar
from afterglow.report.figures.windows import Window, dimmed, grey_range

ISODOSES_GY = (18.0, 16.5, 16.0, 15.0, 12.0, 8.0)
# From hot to cool; their order, their numbers on the lines and the legend tell them apart too.
_LINES = ("#ff4b5c", "#ff9f1c", "#ffe14d", "#5ee08a", "#35c9ff", "#a58bff")
_APART_GY = 2.0  # lines of doses nearer than this run too close for numbers; the legend tells them
_SIDE_IN = 1.75
_ROW_IN = 0.24  # the name of a plan over its row
_PRESCRIBED = matplotlib.colormaps["plasma"]


def isodose_figure(
    plans: Sequence[DosePlan],
    zones: ZoneMap,
    backdrop: NDArray[np.floating[Any]],
    *,
    name: str,
    title: str,
    levels_gy: Sequence[float] = ISODOSES_GY,
) -> Figure:
    """A row of three planes for each plan with its isodose lines, the outline of the tumour and of the aggressive zone.

    Doses, zones and backdrop (i, j, k) lie on one grid. The planes go through the middle of the aggressive zone.
    """
    check_backdrop("the zone map", zones.grid, ("the anatomy", backdrop.shape), *((f"plan {p.name}", p.dose.grid) for p in plans))
    middle = middle_of(zones.mask(Zone.AGGRESSIVE), zones.tumour)
    cuts, grey = three_cuts(zones.grid, middle), dimmed(grey_range(backdrop))
    reach = reach_of(zones.tumour, zones.grid, middle)
    inks = [_LINES[n % len(_LINES)] for n in range(len(levels_gy))]
    page = sheet(3 * (TILE_IN + GAP_IN) + GAP_IN + _SIDE_IN, TOP_IN + len(plans) * (TILE_IN + _ROW_IN) + FOOT_IN)
    for row, plan in enumerate(plans):
        top = TOP_IN + row * (TILE_IN + _ROW_IN) + _ROW_IN - 0.04
        for column, cut in enumerate(cuts):
            axes = box(page, GAP_IN + column * (TILE_IN + GAP_IN), top, TILE_IN, TILE_IN)
            anatomy(axes, cut, backdrop, grey, reach)
            _plan_tile(axes, cut, plan.dose, zones, list(zip(levels_gy, inks, strict=True)))
            if column == 0:
                axes.set_title(plain(f"{plan.name}: {plan.prescribed}"), loc="left", fontsize=SMALL_PT + 1, color=INK, pad=3)
    heading(page, title, cuts)
    warn(page)
    _legend(page, levels_gy, inks)
    names = " and ".join(plan.name for plan in plans)
    return finished(
        page,
        name=name,
        caption=f"{title}: isodose lines of {', '.join(f'{gy:g}' for gy in levels_gy)} Gy of {names} in the same three planes; white line: "
        f"tumour, dashed: aggressive zone. {_origins(plans)}",
        alt=f"Isodose lines of {names} over anatomy in three planes.",
        colour_tables=(_PRESCRIBED,),
        lines_too=(*inks, TUMOUR_ON_IMAGE, ZONE_ON_IMAGE[Zone.AGGRESSIVE]),
    )


def _legend(page: Sheet, levels_gy: Sequence[float], inks: Sequence[str]) -> None:
    handles = [line_of(ink, f"{gy:g} Gy") for gy, ink in zip(levels_gy, inks, strict=True)]
    handles += [line_of(TUMOUR_ON_IMAGE, "tumour"), line_of(ZONE_ON_IMAGE[Zone.AGGRESSIVE], "aggressive zone", dashed=True)]
    wide, high = (float(v) for v in page.get_size_inches())
    page.legend(
        handles=handles, loc="upper left", bbox_to_anchor=((wide - _SIDE_IN) / wide, 1 - (TOP_IN + _ROW_IN) / high),
        fontsize=SMALL_PT + 0.5, frameon=False, borderaxespad=0.2, labelspacing=0.7,
    )  # fmt: skip


def _origins(plans: Sequence[DosePlan]) -> str:
    return "; ".join(f"{plan.name}: {plan.dose.origin}, {plan.dose.source.rstrip('.')}" for plan in plans) + "."


def _plan_tile(axes: Axes, cut: Cut, dose: DoseGrid, zones: ZoneMap, levels: Sequence[tuple[float, str]]) -> None:
    """Outlines of tumour and aggressive zone, and the isodose lines that this plane holds, with numbers where there is room."""
    outline(axes, cut, zones.tumour, TUMOUR_ON_IMAGE, width_pt=1.4)
    outline(axes, cut, zones.mask(Zone.AGGRESSIVE), ZONE_ON_IMAGE[Zone.AGGRESSIVE], width_pt=1.2, dashed=True)
    plane = np.ma.masked_invalid(cut.of(dose.dose_gy).astype(np.float64))
    if not plane.count() or min(plane.shape) < 2:
        return
    within = [(gy, ink) for gy, ink in sorted(levels) if float(plane.min()) < gy < float(plane.max())]
    if not within:
        return
    drawn = axes.contour(
        cut.columns_mm, cut.rows_mm, plane, levels=[gy for gy, _ in within], colors=[ink for _, ink in within], linewidths=1.3
    )
    apart = [gy for gy, _ in within if all(abs(gy - other) >= _APART_GY for other, _ in levels if other != gy)]
    axes.clabel(drawn, levels=apart, fmt=lambda gy: f"{gy:g}", fontsize=SMALL_PT - 1, inline=True, inline_spacing=1)


def prescription_figure(
    prescription: Prescription, zones: ZoneMap, backdrop: NDArray[np.floating[Any]], *, name: str, title: str
) -> Figure:
    """The dose prescribed to each voxel in three planes, with its colours in Gy."""
    check_backdrop("the prescription", prescription.grid, ("the anatomy", backdrop.shape), ("the zone map", zones.grid))
    middle = middle_of(zones.mask(Zone.AGGRESSIVE), zones.tumour)
    cuts, grey = three_cuts(zones.grid, middle), dimmed(grey_range(backdrop))
    reach = reach_of(zones.tumour, zones.grid, middle)
    low, high = prescription.least_gy, prescription.greatest_gy
    window = Window(low, high if high > low else low + 1, _PRESCRIBED, f"{low:g} to {high:g} Gy")
    page = sheet(3 * (TILE_IN + GAP_IN) + GAP_IN + 0.75, TOP_IN + TILE_IN + FOOT_IN)
    for column, cut in enumerate(cuts):
        axes = box(page, GAP_IN + column * (TILE_IN + GAP_IN), TOP_IN, TILE_IN, TILE_IN)
        anatomy(axes, cut, backdrop, grey, reach)
        plane = cut.of(prescription.dose_gy)
        shown = np.ma.masked_where(plane <= 0, plane)
        laid(axes, cut, shown, window)
        outline(axes, cut, zones.tumour, TUMOUR_ON_IMAGE)
    heading(page, title, cuts)
    warn(page)
    colour_bar(page, 3 * (TILE_IN + GAP_IN) + 0.12, TOP_IN, TILE_IN, window)
    page.text(0.995, 1 - (TOP_IN - 0.06) / float(page.get_size_inches()[1]), "Gy", ha="right", fontsize=SMALL_PT, color=INK)
    return finished(
        page,
        name=name,
        caption=f"{title}: prescribed dose, {prescription.rule}; colours {window.said}. White line: tumour. A prescription, not a calculated dose.",
        alt=f"Prescribed dose from {low:g} to {high:g} Gy in three planes.",
        colour_tables=(_PRESCRIBED,),
        lines_too=(TUMOUR_ON_IMAGE,),
    )
