"""The zones of a tumour over its anatomy."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Patch
from numpy.typing import NDArray

from afterglow.records.document import Figure
from afterglow.records.zones import ZONE_COLOURS, ZONE_WORDS, Zone, ZoneMap
from afterglow.report.figures.canvas import SMALL_PT, box, finished, sheet
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
    middle_of,
    outline,
    reach_of,
    three_cuts,
    warn,
)
from afterglow.report.figures.windows import dimmed, grey_range

_LEGEND_IN = 1.75
_SEE_THROUGH = 0.7
# Each zone's colour over dark and over bright anatomy, so that few colours of a picture serve.
_SHADES = LinearSegmentedColormap.from_list(
    "zones",
    [
        tuple(_SEE_THROUGH * part / 255 + (1 - _SEE_THROUGH) * grey for part in colour)
        for colour in ZONE_COLOURS.values()
        for grey in (0.0, 1.0)
    ],
)


def zones_figure(zones: ZoneMap, backdrop: NDArray[np.floating[Any]], *, name: str, title: str) -> Figure:
    """Anatomy with the tumour's outline, and below it the zones, in three planes through the middle of the aggressive zone.

    backdrop (i, j, k) on the grid of the zones. Without an aggressive zone the planes go through the middle of the tumour.
    """
    check_backdrop("the zone map", zones.grid, ("the anatomy", backdrop.shape))
    middle = middle_of(zones.mask(Zone.AGGRESSIVE), zones.tumour)
    cuts, reach, grey = three_cuts(zones.grid, middle), reach_of(zones.tumour, zones.grid, middle), grey_range(backdrop)
    page = sheet(3 * (TILE_IN + GAP_IN) + GAP_IN + _LEGEND_IN, TOP_IN + 2 * (TILE_IN + GAP_IN) + FOOT_IN)
    for column, cut in enumerate(cuts):
        for row in range(2):
            left, top = GAP_IN + column * (TILE_IN + GAP_IN), TOP_IN + row * (TILE_IN + GAP_IN)
            axes = box(page, left, top, TILE_IN, TILE_IN)
            anatomy(axes, cut, backdrop, dimmed(grey) if row else grey, reach)
            if row:
                _fill(axes, cut, zones)
            outline(axes, cut, zones.tumour, TUMOUR_ON_IMAGE)
    heading(page, title, cuts)
    warn(page)
    told = [f"{ZONE_WORDS[zone]} {zones.volume_ml(zone):.2f} mL" for zone in ZONE_COLOURS]
    wide, high = (float(v) for v in page.get_size_inches())
    page.legend(
        handles=[Patch(facecolor=ZONE_ON_IMAGE[zone], label=words) for zone, words in zip(ZONE_COLOURS, told, strict=True)],
        loc="upper left", bbox_to_anchor=((wide - _LEGEND_IN) / wide, 1 - TOP_IN / high),
        fontsize=SMALL_PT + 0.5, frameon=False, borderaxespad=0.2, handlelength=1.2, labelspacing=0.7,
    )  # fmt: skip
    nothing = (
        ""
        if zones.mask(Zone.AGGRESSIVE).any()
        else " The aggressive zone is empty; the planes go through the middle of the tumour."
    )
    return finished(
        page,
        name=name,
        caption=f"{title}: zones of the tumour over anatomy in three planes; white line: tumour. {'; '.join(told)}.{nothing}",
        alt=f"Zones of a tumour in three planes: {'; '.join(told)}.",
        colour_tables=(_SHADES,),
        lines_too=tuple(ZONE_ON_IMAGE.values()),
    )


def _fill(axes: Axes, cut: Cut, zones: ZoneMap) -> None:
    plane = cut.of(zones.labels)
    colours = np.zeros((*plane.shape, 4))
    for zone, colour in ZONE_COLOURS.items():
        colours[plane == zone] = (*(part / 255 for part in colour), _SEE_THROUGH)
    axes.imshow(colours, extent=cut.extent, interpolation="nearest", aspect="auto")
