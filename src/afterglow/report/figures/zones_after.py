"""What became of the zones: one map at each visit with the zones on it, and the curves of contrast in each zone."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from matplotlib.lines import Line2D

from afterglow.records.document import Figure
from afterglow.records.measurement import Measurement
from afterglow.records.painted import SeenVisit, ZoneCurve
from afterglow.records.zones import ZONE_COLOURS, ZONE_WORDS, Zone, ZoneMap
from afterglow.report.figures.canvas import INK, PAGE_INCHES, SMALL_PT, TEXT_PT, box, dress_plot, finished, plain, sheet, write
from afterglow.report.figures.dose_planes import (
    FOOT_IN,
    GAP_IN,
    ZONE_ON_IMAGE,
    Cut,
    anatomy,
    laid,
    line_of,
    middle_of,
    outline,
    reach_of,
    three_cuts,
    warn,
)
from afterglow.report.figures.tiles import bar_beside
from afterglow.report.figures.windows import Window, grey_range, window_of
from afterglow.report.words import symbol_math, title_math, visit_words, with_unit

VISIT_INKS = ("#1b2430", "#b4460f", "#1c5fb0", "#7c3aed")  # the painted visit, then later ones
MOST = len(VISIT_INKS)
_ZONES = (Zone.AGGRESSIVE, Zone.PENUMBRA, Zone.PASSIVE, Zone.NOT_ASSESSED)
_TOP_IN, _TILE_IN, _BAR_IN = 0.62, 2.6, 0.75
_MOST_PERCENT = 95.0  # of the tumour's voxels: a fit that ran off must not darken the others
_PLOT_IN, _LEFT_IN, _BELOW_IN = 2.3, 0.75, 0.62
_BESIDE = 2  # maps that leave room for numbers beside them


def zones_after_figure(
    zones: ZoneMap,
    seen: Sequence[SeenVisit],
    curves: Sequence[ZoneCurve],
    measured: Sequence[Measurement] = (),
    *,
    name: str,
    title: str,
) -> Figure | None:
    """Above, one map at the first and the last visits on the slice through the middle of the aggressive zone; below, mean
    concentration in each zone at the same visits. Of `measured`, medians of the map's quantity stand beside two maps. None where there
    is neither a map nor a curve of a second visit.
    """
    visits = _visits(seen, curves)
    if len(visits) < 2:
        return None
    shown = [one for one in seen if (one.session, one.day) in visits]
    drawn = [one for one in curves if (one.session, one.day) in visits]
    maps_in = _TILE_IN + (0.45 if len(shown) == MOST else 0.15) if shown else 0.0
    plots_in = 0.3 + _PLOT_IN + _BELOW_IN if drawn else 0.0
    page = sheet(PAGE_INCHES, _TOP_IN + maps_in + plots_in + FOOT_IN)
    write(page, GAP_IN, 0.08, plain(title), size_pt=TEXT_PT + 1, colour=INK)
    cut = three_cuts(zones.grid, middle_of(zones.mask(Zone.AGGRESSIVE), zones.tumour))[0]
    window = _maps(page, zones, shown, cut) if shown else None
    if 0 < len(shown) <= _BESIDE:
        _medians(page, shown, measured, GAP_IN + len(shown) * (_TILE_IN + GAP_IN) + _BAR_IN)
    if drawn:
        _curves(page, drawn, visits, _TOP_IN + maps_in + 0.3)
    warn(page)
    return finished(
        page,
        name=name,
        caption=_caption(title, cut, window, drawn),
        alt=f"The zones of a tumour at {', at '.join(visit_words(*one) for one in visits)}: {_peaks(drawn)}.",
        colour_tables=() if window is None else (window.colours,),
        lines_too=(*ZONE_ON_IMAGE.values(), *VISIT_INKS),
    )


def _visits(seen: Sequence[SeenVisit], curves: Sequence[ZoneCurve]) -> list[tuple[str, float]]:
    """The first visit and the last ones, as many as there are inks for."""
    held = {(one.session, one.day) for one in seen} | {(one.session, one.day) for one in curves}
    found = sorted(held, key=lambda one: one[1])
    return found if len(found) <= MOST else [found[0], *found[1 - MOST :]]


def _maps(page: Sheet, zones: ZoneMap, shown: Sequence[SeenVisit], cut: Cut) -> Window:
    middle = middle_of(zones.mask(Zone.AGGRESSIVE), zones.tumour)
    reach = reach_of(zones.tumour, zones.grid, middle)
    inside = np.concatenate([one.values[zones.tumour & np.isfinite(one.values)] for one in shown])
    usual = inside[inside <= np.percentile(inside, _MOST_PERCENT)] if inside.size else inside
    window = window_of(shown[0].quantity, usual, called="the tumour at these visits without its highest twentieth")
    for n, one in enumerate(shown):
        axes = box(page, GAP_IN + n * (_TILE_IN + GAP_IN), _TOP_IN, _TILE_IN, _TILE_IN)
        anatomy(axes, cut, one.backdrop, grey_range(one.backdrop), reach)
        shown_values = np.ma.masked_invalid(cut.of(np.where(zones.tumour, one.values, np.nan)).astype(np.float64))
        laid(axes, cut, shown_values, window)
        for zone in _ZONES:
            outline(axes, cut, zones.mask(zone), ZONE_ON_IMAGE[zone], width_pt=1.0)
        write(
            page, GAP_IN + n * (_TILE_IN + GAP_IN), _TOP_IN - 0.22, plain(visit_words(one.session, one.day)), size_pt=SMALL_PT + 1
        )
        if n == len(shown) - 1:
            bar_beside(page, axes, window)
            left = GAP_IN + (n + 1) * (_TILE_IN + GAP_IN)
            write(page, left, _TOP_IN - 0.22, title_math(one.quantity).replace("\n", " "), size_pt=SMALL_PT + 0.5)
    _zone_key(page, zones, GAP_IN + len(shown) * (_TILE_IN + GAP_IN) + _BAR_IN if len(shown) < MOST else None)
    return window


def _zone_key(page: Sheet, zones: ZoneMap, left_in: float | None) -> None:
    """Which line is which zone: beside the maps, or below them where these fill the page."""
    wide, high = (float(v) for v in page.get_size_inches())
    there = [zone for zone in ZONE_COLOURS if zones.mask(zone).any()]
    lines = [line_of(ZONE_ON_IMAGE[zone], f"{ZONE_WORDS[zone]}, {zones.volume_ml(zone):.2f} mL") for zone in there]
    beside = left_in is not None
    place = (left_in if left_in is not None else GAP_IN) / wide, 1 - (_TOP_IN if beside else _TOP_IN + _TILE_IN + 0.08) / high
    page.legend(
        handles=lines, loc="upper left", bbox_to_anchor=place, fontsize=SMALL_PT + 0.5, frameon=False, borderaxespad=0.0,
        ncols=1 if beside else len(lines), labelspacing=0.7,
    )  # fmt: skip


def _medians(page: Sheet, shown: Sequence[SeenVisit], measured: Sequence[Measurement], left_in: float) -> None:
    """Median of the quantity in each zone at each of these visits, each measured on its own maps."""
    quantity = shown[0].quantity
    rows = {(one.region, one.session_id): one for one in measured if one.quantity == quantity.name and one.statistic == "median"}
    named = [ZONE_WORDS[zone] for zone in _ZONES if any((ZONE_WORDS[zone], one.session) in rows for one in shown)]
    if not named:
        return
    top = _TOP_IN + 1.2
    write(page, left_in, top, f"median {symbol_math(quantity)}", size_pt=SMALL_PT + 0.5)
    for n, one in enumerate(shown):
        write(page, left_in + 1.5 + n * 1.4, top, plain(visit_words(one.session, one.day)), size_pt=SMALL_PT + 0.5)
    for line, zone in enumerate(named, start=1):
        write(page, left_in, top + 0.22 * line, zone, size_pt=SMALL_PT + 0.5)
        for n, one in enumerate(shown):
            found = rows.get((zone, one.session))
            words = "" if found is None else with_unit(found.value, found.unit)
            write(page, left_in + 1.5 + n * 1.4, top + 0.22 * line, plain(words), size_pt=SMALL_PT + 0.5)


def _curves(page: Sheet, drawn: Sequence[ZoneCurve], visits: Sequence[tuple[str, float]], top_in: float) -> None:
    """One plot for each zone, all with the same axes; one line for each visit."""
    named = [ZONE_WORDS[zone] for zone in _ZONES if any(one.zone == ZONE_WORDS[zone] for one in drawn)]
    width = (PAGE_INCHES - _LEFT_IN - 0.1) / max(len(named), 3)
    ends = [float(one.after_arrival_s[0]) for one in drawn], [float(one.after_arrival_s[-1]) for one in drawn]
    lows, highs = min(float(one.mean_mM.min()) for one in drawn), max(float(one.mean_mM.max()) for one in drawn)
    room = 0.06 * max(highs - lows, 1e-6)
    for n, zone in enumerate(named):
        axes = box(page, _LEFT_IN + n * width, top_in, width - 0.2, _PLOT_IN)
        axes.axhline(0, color="#94a3b8", linewidth=0.6)
        for one in drawn:
            if one.zone == zone:
                ink = VISIT_INKS[visits.index((one.session, one.day))]
                axes.plot(one.after_arrival_s, one.mean_mM, "o-", color=ink, markersize=2.2, markeredgewidth=0, linewidth=1.1)
        axes.set_xlim(min(ends[0]), max(ends[1]))
        axes.set_ylim(lows - room, highs + room)
        axes.set_title(zone, fontsize=TEXT_PT, color=INK, pad=4, loc="left", family="DejaVu Sans")
        dress_plot(axes, "time after contrast arrives [s]", "mean concentration [mmol/L]" if n == 0 else "")
        axes.tick_params(labelleft=n == 0)
        _counts(axes, [one for one in drawn if one.zone == zone], visits)


def _counts(axes: Axes, own: Sequence[ZoneCurve], visits: Sequence[tuple[str, float]]) -> None:
    """Which line is which visit, and how many voxels it is the mean of."""
    lines = [
        Line2D(
            [], [], color=VISIT_INKS[visits.index((one.session, one.day))], linewidth=1.6,
            label=plain(f"{visit_words(one.session, one.day)}, {one.n_voxels} voxels"),
        )
        for one in own
    ]  # fmt: skip
    axes.legend(handles=lines, loc="best", fontsize=SMALL_PT, frameon=False, handlelength=1.4, labelspacing=0.3)


def _caption(title: str, cut: Cut, window: Window | None, drawn: Sequence[ZoneCurve]) -> str:
    maps = "" if window is None else (
        f" Above, {window.said}, over each visit's own anatomy, axial slice at {cut.where} of the painted visit, lines: its zones. "
        "For the eye only: every number is measured in its own visit's space."
    )  # fmt: skip
    curves = " Below, mean concentration of the voxels that a zone fills by half, at each visit." if drawn else ""
    return f"{title}.{maps}{curves}"


def _peaks(drawn: Sequence[ZoneCurve]) -> str:
    told = [f"{one.zone} at ses-{one.session} peaks at {with_unit(float(one.mean_mM.max()), 'mmol/L')}" for one in drawn]
    return "; ".join(told) or "maps only"
