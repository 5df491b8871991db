"""Where models expect a tumour back: probabilities over anatomy, the maps that they read, and targets of equal volume."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from numpy.typing import NDArray

from afterglow.records.document import Figure
from afterglow.records.quantity import QUANTITIES
from afterglow.records.recurrence import NOT_FOR_DECISIONS, Channel, LearningCase, RecurrenceMap
from afterglow.report.figures.canvas import INK, SMALL_PT, TEXT_PT, WARNING_INK, box, finished, plain, sheet, write
from afterglow.report.figures.cohort_canvas import block
from afterglow.report.figures.dose_planes import (
    FOOT_IN,
    GAP_IN,
    TILE_IN,
    TOP_IN,
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
)
from afterglow.report.figures.tiles import colour_bar
from afterglow.report.figures.windows import Window, dimmed, grey_range, tables_of, window_of

SEEN_FROM = 0.1  # less probable voxels stay see-through
ENHANCING_ON_IMAGE = "#ffffff"
RECURRENCE_ON_IMAGE = "#19e3ff"
PREDICTED_ON_IMAGE = "#7dff6b"
TARGETS_ON_IMAGE = ("#ffd23f", "#ff7ac6", "#c4a5ff", "#a3e635")
_PROBABILITY = Window(0.0, 1.0, matplotlib.colormaps["inferno"], "0 to 1")
_SIDE_IN = 2.6
_BAR_IN = 0.72  # colours with their numbers; the legend stands beside them
_LEAST_REACH_MM = 45.0
_ROW_IN = 0.24
_Tile = Callable[[Axes, Cut], None]


@dataclass(frozen=True, eq=False)
class _Row:
    """A row of three planes: what stands over it, the anatomy, what is drawn on it, and the colours beside it."""

    title: str
    backdrop: NDArray[Any]
    dark: bool  # anatomy under a map is dimmed
    draw: _Tile
    window: Window | None = None
    unit: str = ""


def prediction_figure(
    case: LearningCase, maps: Sequence[RecurrenceMap], backdrop: str, *, threshold: float, name: str, title: str
) -> Figure:
    """The channel `backdrop` alone, and below it the probability of each model over it, in three planes.

    The planes go through the middle of the later recurrence; without one through the hottest voxel of the first model, if it
    reaches the threshold, or else the tumour.
    """
    _check(case, maps)
    image = case.images[backdrop]
    rows = [_Row(backdrop, image, False, lambda axes, cut: None)]
    rows += [
        _Row(f"{made.model}: {seen_words(made)}", image, True, _probability(made, threshold), _PROBABILITY, "1") for made in maps
    ]
    found = np.any([np.nan_to_num(made.probability) >= threshold for made in maps], axis=0) if maps else None
    page = _sheet(case, _middle(case, maps, threshold), rows, title, also=found)
    lines = [*_known_lines(case), line_of(PREDICTED_ON_IMAGE, f"probability {threshold:g} and more", dashed=True)]
    _legend(page, lines)
    models = " and ".join(made.model for made in maps)
    return finished(
        page,
        name=name,
        caption=f"{title}: {backdrop}, and the probability that the tumour comes back by {models}; less than {SEEN_FROM:g} is "
        f"see-through, the dashed line runs at {threshold:g}. {_lines_said(case)} {_place_said(case, maps, threshold)}",
        alt=f"Probability of recurrence by {models} over {backdrop} in three planes.",
        colour_tables=(_PROBABILITY.colours,),
        lines_too=(ENHANCING_ON_IMAGE, RECURRENCE_ON_IMAGE, PREDICTED_ON_IMAGE),
    )


def channel_maps_figure(
    case: LearningCase,
    channels: Sequence[Channel],
    maps: Sequence[RecurrenceMap],
    backdrop: str,
    *,
    threshold: float,
    name: str,
    title: str,
) -> Figure | None:
    """Each map that a model reads over the channel `backdrop`, with its colours, in the planes of the prediction; None where all channels are images."""
    shown = [one for one in channels if one.quantity and one.name in case.images]
    if not shown:
        return None
    _check(case, maps)
    rows = []
    for one in shown:
        values = case.images[one.name]
        quantity = QUANTITIES[one.quantity]
        window = window_of(quantity, values[_region(case)], called="the tumour", whole=values)
        rows.append(_Row(one.name, case.images[backdrop], True, _map(case, values, window), window, quantity.unit))
    page = _sheet(case, _middle(case, maps, threshold), rows, title)
    _legend(page, _known_lines(case))
    said = "; ".join(row.window.said for row in rows if row.window is not None)
    return finished(
        page,
        name=name,
        caption=f"{title}: {said}; what was not measured is see-through. {_lines_said(case)}",
        alt=f"Maps of {', '.join(one.name for one in shown)} in three planes.",
        colour_tables=tables_of([row.window for row in rows if row.window is not None]),
        lines_too=(ENHANCING_ON_IMAGE, RECURRENCE_ON_IMAGE),
    )


def targets_figure(
    case: LearningCase,
    maps: Sequence[RecurrenceMap],
    targets: Sequence[tuple[str, NDArray[np.bool_]]],
    backdrop: str,
    *,
    threshold: float,
    name: str,
    title: str,
) -> Figure:
    """Outlines of targets of one volume over the channel `backdrop`: a margin around the tumour, and what models choose."""
    _check(case, maps)
    check_backdrop("the case", case.grid, *((what, mask.shape) for what, mask in targets))
    inks = [TARGETS_ON_IMAGE[n % len(TARGETS_ON_IMAGE)] for n in range(len(targets))]

    def draw(axes: Axes, cut: Cut) -> None:
        for (_, mask), ink in zip(targets, inks, strict=True):
            outline(axes, cut, mask, ink)

    widest = np.any([mask for _, mask in targets], axis=0)
    page = _sheet(case, _middle(case, maps, threshold), [_Row(backdrop, case.images[backdrop], False, draw)], title, also=widest)
    volumes = [float(np.count_nonzero(mask)) * case.grid.voxel_ml for _, mask in targets]
    told = [f"{what}, {ml:.0f} mL" for (what, _), ml in zip(targets, volumes, strict=True)]
    _legend(page, [line_of(ink, words) for ink, words in zip(inks, told, strict=True)] + _known_lines(case))
    return finished(
        page,
        name=name,
        caption=f"{title}: {'; '.join(told)}. {_lines_said(case)} Outlines to compare, no targets to treat.",
        alt=f"Outlines of {', '.join(what for what, _ in targets)} in three planes.",
        colour_tables=(_PROBABILITY.colours,),
        lines_too=(ENHANCING_ON_IMAGE, RECURRENCE_ON_IMAGE, *inks),
    )


def seen_words(made: RecurrenceMap) -> str:
    """What the model had seen of the patient, in words of a person."""
    folds = f"{len(made.folds)} folds" if len(made.folds) != 1 else f"fold {made.folds[0]}"
    return {
        "test": f"a test patient, {folds}",
        "out of fold": f"held out by {folds}",
        "training": f"SEEN IN TRAINING, {folds}",
        "new": f"new to the model, {folds}",
    }[made.shown]


def hottest(made: RecurrenceMap) -> NDArray[np.bool_]:
    """A mask of the one most probable voxel; empty where nothing was measured."""
    mask = np.zeros(made.grid.shape, dtype=np.bool_)
    if np.isfinite(made.probability).any():
        mask.flat[int(np.nanargmax(made.probability))] = True
    return mask


def _check(case: LearningCase, maps: Sequence[RecurrenceMap]) -> None:
    check_backdrop("the case", case.grid, *((f"the map of {made.model}", made.grid) for made in maps))


def _sheet(
    case: LearningCase,
    middle: tuple[int, int, int],
    rows: Sequence[_Row],
    title: str,
    also: NDArray[np.bool_] | None = None,
) -> Sheet:
    grid = case.grid
    cuts = three_cuts(grid, middle)
    reach = max(_LEAST_REACH_MM, reach_of(_region(case) if also is None else also | _region(case), grid, middle))
    page = sheet(3 * (TILE_IN + GAP_IN) + GAP_IN + _SIDE_IN, TOP_IN + len(rows) * (TILE_IN + _ROW_IN) + FOOT_IN)
    for number, row in enumerate(rows):
        top = TOP_IN + number * (TILE_IN + _ROW_IN) + _ROW_IN - 0.04
        grey = grey_range(np.where(case.brain, row.backdrop, np.nan))
        for column, cut in enumerate(cuts):
            axes = box(page, GAP_IN + column * (TILE_IN + GAP_IN), top, TILE_IN, TILE_IN)
            anatomy(axes, cut, row.backdrop, dimmed(grey) if row.dark else grey, reach)
            row.draw(axes, cut)
            _known(axes, cut, case)
            if column == 0:
                axes.set_title(plain(row.title), loc="left", fontsize=SMALL_PT + 1, color=INK, pad=3)
        if row.window is not None:
            _bar(page, top, row.window, row.unit)
    heading(page, title, cuts)
    high = float(page.get_size_inches()[1])
    write(page, GAP_IN, high - FOOT_IN + 0.08, NOT_FOR_DECISIONS, size_pt=TEXT_PT, colour=WARNING_INK)
    return page


def _bar(page: Sheet, top: float, window: Window, unit: str) -> None:
    left = 3 * (TILE_IN + GAP_IN) + 0.12
    colour_bar(page, left, top, TILE_IN, window)
    words = {"1": "fraction" if window is not _PROBABILITY else "probability"}.get(unit, unit)
    write(page, left, top - 0.14, words, size_pt=SMALL_PT, colour=INK)


def _middle(case: LearningCase, maps: Sequence[RecurrenceMap], threshold: float) -> tuple[int, int, int]:
    """Where the planes meet; see `prediction_figure`."""
    called = (hottest(maps[0]),) if _calls(maps, threshold) else ()
    return middle_of(*(mask for mask in (case.label, *called, case.enhancing, case.brain) if mask is not None))


def _calls(maps: Sequence[RecurrenceMap], threshold: float) -> bool:
    """Whether the first model calls any voxel."""
    return bool(maps) and bool((np.nan_to_num(maps[0].probability) >= threshold).any())


def _region(case: LearningCase) -> NDArray[np.bool_]:
    """What a picture must not cut off: the tumour and where it came back; the brain where neither is known."""
    known = [mask for mask in (case.label, case.enhancing) if mask is not None and mask.any()]
    return np.any(known, axis=0) if known else case.brain


def _probability(made: RecurrenceMap, threshold: float) -> _Tile:
    known = np.nan_to_num(made.probability, nan=0.0)
    shown = np.ma.masked_less(known, SEEN_FROM)

    def draw(axes: Axes, cut: Cut) -> None:
        laid(axes, cut, cut.of(shown), _PROBABILITY)
        outline(axes, cut, known >= threshold, PREDICTED_ON_IMAGE, dashed=True)

    return draw


def _map(case: LearningCase, values: NDArray[np.float32], window: Window) -> _Tile:
    shown = np.ma.masked_where(~(np.isfinite(values) & case.brain), values)

    def draw(axes: Axes, cut: Cut) -> None:
        laid(axes, cut, cut.of(shown), window)

    return draw


def _known(axes: Axes, cut: Cut, case: LearningCase) -> None:
    for mask, ink in ((case.enhancing, ENHANCING_ON_IMAGE), (case.label, RECURRENCE_ON_IMAGE)):
        if mask is not None:
            outline(axes, cut, mask, ink)


def _known_lines(case: LearningCase) -> list[Any]:
    lines = [line_of(ENHANCING_ON_IMAGE, "enhancing tumour")] if case.enhancing is not None and case.enhancing.any() else []
    return [*lines, *([line_of(RECURRENCE_ON_IMAGE, "later recurrence")] if case.recurs else [])]


def _lines_said(case: LearningCase) -> str:
    said = []
    if case.enhancing is not None and case.enhancing.any():
        said.append("white line: enhancing tumour")
    if case.recurs:
        said.append("blue line: where the tumour came back later")
    words = "; ".join(said)
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def _place_said(case: LearningCase, maps: Sequence[RecurrenceMap], threshold: float) -> str:
    if case.recurs:
        return "The planes go through the middle of the recurrence."
    known = "The tumour did not come back" if case.recurs is False else "What became of the patient is not known"
    where = f"the most probable voxel of {maps[0].model}" if _calls(maps, threshold) else "the tumour"
    return f"{known}; the planes go through {where}."


def _legend(page: Sheet, lines: Sequence[Any]) -> None:
    wide, high = (float(v) for v in page.get_size_inches())
    for line in lines:
        line.set_label(block(str(line.get_label()), _SIDE_IN - _BAR_IN - 0.45, SMALL_PT + 0.5))
    page.legend(
        handles=list(lines), loc="upper left", bbox_to_anchor=((wide - _SIDE_IN + _BAR_IN) / wide, 1 - (TOP_IN + _ROW_IN) / high),
        fontsize=SMALL_PT + 0.5, frameon=False, borderaxespad=0.2, labelspacing=0.7, handlelength=1.6,
    )  # fmt: skip
