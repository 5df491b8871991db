"""The same slice at two visits, in one window, and what changed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from numpy.typing import NDArray

from afterglow.records.document import Figure
from afterglow.records.errors import GridMismatch
from afterglow.records.quantity import Quantity
from afterglow.records.result import PairView
from afterglow.report.figures.canvas import (
    FAINT_INK,
    INK,
    LESION_ON_IMAGE,
    PAGE_INCHES,
    SMALL_PT,
    box,
    finished,
    plain,
    sheet,
    write,
)
from afterglow.report.figures.planes import View, view_of
from afterglow.report.figures.scene import Crop, body_crop, widest_slice
from afterglow.report.figures.tiles import (
    colour_bar,
    draw_anatomy,
    draw_letters,
    draw_map,
    draw_outline,
    fit_tile,
    heat_said,
    tile_title,
)
from afterglow.report.figures.windows import Window, difference_window, dimmed, grey_range, tables_of, window_of
from afterglow.report.words import symbol_of, title_math, visit_words

AFTER_ON_IMAGE = "#ffffff"
ROW_NAME = 0.42
BAR_ROOM = 0.7
GAP = 0.07
TALLEST_TILE = 2.75


def _check(pair: PairView) -> None:
    arrays = [("anatomy", a) for a in pair.backdrops] + [("lesion mask", a) for a in pair.lesions]
    arrays += [(f"{quantity.name} map", a) for quantity, *both in pair.maps for a in both]
    for what, array in arrays:
        if array.shape != pair.grid.shape:
            raise GridMismatch(
                f"ses-{pair.sessions[0]} against ses-{pair.sessions[1]}: a {what} is {array.shape} "
                f"but the pair's grid is {pair.grid.shape}; resample it onto that grid"
            )


class _Layout:
    """Places of the pictures: before, after, bar, difference, bar; one row for each quantity."""

    def __init__(self, size_mm: tuple[float, float], rows: int) -> None:
        room = (PAGE_INCHES - ROW_NAME - 2 * BAR_ROOM - GAP) / 3
        self.wide, self.high = fit_tile(size_mm, room, TALLEST_TILE)
        self.top_in = 0.34
        difference = ROW_NAME + 2 * (self.wide + GAP) + BAR_ROOM
        self.lefts = (ROW_NAME, ROW_NAME + self.wide + GAP, difference)
        self.width_in = difference + self.wide + BAR_ROOM
        self.height_in = self.top_in + rows * (self.high + GAP)

    def tile(self, figure: Sheet, row: int, column: int) -> Axes:
        return box(figure, self.lefts[column], self.top(row), self.wide, self.high)

    def top(self, row: int) -> float:
        return self.top_in + row * (self.high + GAP)


def _outlines(axes: Axes, lesions: tuple[NDArray[np.bool_], NDArray[np.bool_]], column: int) -> None:
    if column != 1:
        draw_outline(axes, lesions[0], LESION_ON_IMAGE)
    if column != 0:
        draw_outline(axes, lesions[1], AFTER_ON_IMAGE, width_pt=0.9)


def _quantity_row(
    figure: Sheet,
    layout: _Layout,
    row: int,
    planes: tuple[NDArray[np.float32], NDArray[np.float32]],
    anatomy: tuple[NDArray[np.float32], NDArray[np.float32]],
    outlines: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    quantity: Quantity,
    values: Window,
) -> tuple[Window, Window]:
    """Draws before, after and difference; gives the windows of the values and of the change."""
    earlier, later = (np.where(np.isfinite(plane), plane, np.nan).astype(np.float64) for plane in planes)
    change = later - earlier
    changed = difference_window(quantity, change, outlines[0] | outlines[1])
    drawn: tuple[tuple[NDArray[Any], Window], ...] = ((planes[0], values), (planes[1], values), (change, changed))
    for column, (plane, window) in enumerate(drawn):
        axes = layout.tile(figure, row, column)
        under = anatomy[1] if column == 1 else anatomy[0]
        draw_anatomy(axes, under, dimmed(grey_range(under)))
        draw_map(axes, plane, window)
        _outlines(axes, outlines, column)
        if column == 0:
            axes.set_ylabel(title_math(quantity), fontsize=SMALL_PT + 2, color=INK, labelpad=6)
    for column, window in ((1, values), (2, changed)):
        left = layout.lefts[column] + layout.wide + 0.06
        colour_bar(figure, left, layout.top(row), layout.high, window)
    return values, changed


def _anatomy_row(
    figure: Sheet, layout: _Layout, pair: PairView, view: View, crop: Crop, index: int, lesions: tuple[NDArray[np.bool_], ...]
) -> None:
    for column in range(2):
        axes = layout.tile(figure, 0, column)
        standing = view.stand(pair.backdrops[column])
        draw_anatomy(axes, crop.of(standing[index]), grey_range(standing))
        _outlines(axes, (lesions[0], lesions[1]), column)
        draw_letters(axes, view)
        tile_title(axes, plain(visit_words(pair.sessions[column], pair.days[column])))
        if column == 0:
            axes.set_ylabel("anatomy", fontsize=SMALL_PT + 2, color=INK, labelpad=6)


def _key(figure: Sheet, layout: _Layout, pair: PairView, where: str) -> None:
    left = layout.lefts[2]
    write(figure, left, layout.top_in + 0.08, where, colour=FAINT_INK)
    for line, (colour, session) in enumerate(zip((LESION_ON_IMAGE, AFTER_ON_IMAGE), pair.sessions, strict=True)):
        top = layout.top_in + 0.42 + 0.26 * line
        swatch = box(figure, left, top, 0.3, 0.15)
        swatch.set_facecolor("black")
        swatch.set_xticks([])
        swatch.set_yticks([])
        swatch.axhline(0.5, color=colour, linewidth=1.6)
        write(figure, left + 0.38, top, plain(f"lesion, ses-{session}"))
    if pair.maps:
        write(figure, left, layout.top(1) - 0.27, "change: after minus before", colour=INK)


def _meaning(pair: PairView) -> str:
    """What colours mean, and which maps cannot be read across visits as they stand; nothing, or sentences with a space after them."""
    quantities = [quantity for quantity, _, _ in pair.maps]
    relative = [symbol_of(quantity.name) for quantity in quantities if quantity.unit == "{relative}"]
    scale = (
        f"Relative units change with dose and timing: compare {' and '.join(relative)} by ratio to the reference."
        if relative
        else ""
    )
    heat = heat_said(quantities)
    change = "In the column of changes warm is a rise and cool a fall." if heat else ""
    return "".join(f"{words} " for words in (heat, change, scale) if words)


def before_after(pair: PairView, windows: Mapping[str, Window]) -> Figure:
    """Rows of quantities; columns before, after, difference. One window for both visits. Drawn, never measured.

    `windows` by quantity name; a quantity without one gets its own from the lesions of both visits.
    GridMismatch where an array does not lie on the pair's grid.
    """
    _check(pair)
    view = view_of(pair.grid)
    lesions = tuple(view.stand(mask) for mask in pair.lesions)
    either = lesions[0] | lesions[1]
    backdrops = tuple(view.stand(backdrop) for backdrop in pair.backdrops)
    index = widest_slice(either, np.isfinite(backdrops[0]))
    crop = body_crop(view, backdrops[0], either)
    layout = _Layout(crop.size_mm(view), len(pair.maps) + 1)
    figure = sheet(layout.width_in, layout.height_in)
    outlines = (crop.of(lesions[0][index]), crop.of(lesions[1][index]))
    where = f"{view.words} slice at {view.slice_words(index)}"
    _anatomy_row(figure, layout, pair, view, crop, index, outlines)
    _key(figure, layout, pair, where)
    anatomy = (crop.of(backdrops[0][index]), crop.of(backdrops[1][index]))
    used: list[Window] = []
    for row, (quantity, before, after) in enumerate(pair.maps, start=1):
        standing = (view.stand(before), view.stand(after))
        planes = (crop.of(standing[0][index]), crop.of(standing[1][index]))
        focus = (standing[0][lesions[0]], standing[1][lesions[1]]) if either.any() else standing
        window = windows.get(quantity.name) or window_of(
            quantity, np.concatenate([values.ravel() for values in focus]), called="both visits"
        )
        used += _quantity_row(figure, layout, row, planes, anatomy, outlines, quantity, window)
    first, second = (visit_words(s, d) for s, d in zip(pair.sessions, pair.days, strict=True))
    trust = "" if pair.alignment.trusted else f" The registration is not to be trusted: {pair.alignment.remark}."
    caption = (
        f"{first} and {second} in the space of the earlier visit, {where}, one window for both. "
        f"{_meaning(pair)}Windows: {'; '.join(window.said for window in used)}. "
        f"For the eye only: every number is measured in its own visit's space.{trust}"
    )
    names = ", ".join(quantity.long_name for quantity, _, _ in pair.maps)
    alt = f"Maps at {first}, at {second} and their difference: {names}."
    return finished(figure, name="before_after", caption=caption, alt=alt, colour_tables=tables_of(used))
