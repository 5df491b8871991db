"""Small multiples: every visit side by side in the patient's own space, one slice, one window for each quantity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from afterglow.records.document import Figure
from afterglow.records.errors import GridMismatch
from afterglow.records.quantity import Quantity
from afterglow.records.result import CourseView, VisitView
from afterglow.report.figures.canvas import (
    FAINT_INK,
    INK,
    LESION_COLOURS,
    PAGE_INCHES,
    SMALL_PT,
    WARNING_INK,
    box,
    finished,
    plain,
    sheet,
)
from afterglow.report.figures.planes import View, view_of
from afterglow.report.figures.scene import Crop, body_crop, close_crop, widest_slice
from afterglow.report.figures.tiles import (
    colour_bar,
    draw_anatomy,
    draw_letters,
    draw_map,
    draw_outline,
    fit_tile,
    heat_said,
)
from afterglow.report.figures.windows import Window, dimmed, grey_range, tables_of, window_of
from afterglow.report.words import day_words, lesion_title, title_math, visit_words

COLUMNS = 6  # visits on one sheet
MOST_MAPS = 4
NAME_IN = 0.55
BAR_IN = 0.62
TITLE_IN = 0.42
GAP_IN = 0.05
TALLEST_WHOLE = 2.0
TALLEST_CLOSE = 1.55
TALLEST_SHEET = 8.0  # so that all rows and their titles stay legible on one page
ON_IMAGE = tuple(light for _, light in LESION_COLOURS)


@dataclass(frozen=True, eq=False)
class CourseScene:
    """The slice that all visits are shown in, and what of it: the whole of the body, and the lesion with its neighbourhood."""

    view: View
    index: int
    whole: Crop
    close: Crop

    @property
    def where(self) -> str:
        """ "axial slice at 12.5 mm S"."""
        return f"{self.view.words} slice at {self.view.slice_words(self.index)}"

    def plane(self, volume: NDArray[Any], crop: Crop) -> NDArray[Any]:
        """That part of that slice."""
        return crop.of(self.view.stand(volume)[self.index])


def check_view(course: CourseView) -> None:
    """GridMismatch where an array of a visit does not lie on the grid of the course."""
    for visit in course.visits:
        arrays: list[tuple[str, NDArray[Any]]] = [("anatomy", visit.backdrop)]
        arrays += [(f"mask of lesion {name}", mask) for name, mask in visit.lesions]
        arrays += [(f"{quantity.name} map", values) for quantity, values in visit.maps]
        for what, array in arrays:
            if array.shape != course.grid.shape:
                raise GridMismatch(
                    f"ses-{visit.session}: the {what} is {array.shape} but the grid of the course is {course.grid.shape}; "
                    "resample it onto that grid"
                )


def course_scene(course: CourseView, lesion_id: str | None) -> CourseScene:
    """The slice in which the lesion covers most over all visits that were laid on one another; the widest one without a lesion."""
    check_view(course)
    view = view_of(course.grid)
    placed = [visit for visit in course.visits if visit.placed] or list(course.visits)
    held = np.zeros(view.stand(course.visits[0].backdrop).shape, dtype=np.uint8)
    for visit in placed:
        for name, mask in visit.lesions:
            if lesion_id is None or name == lesion_id:
                held += view.stand(mask)
    areas = held.sum(axis=(1, 2), dtype=np.int64)
    inside = held > 0
    backdrop = view.stand(placed[0].backdrop)
    index = int(np.argmax(areas)) if areas.any() else widest_slice(inside, np.isfinite(backdrop))
    whole = body_crop(view, backdrop, inside)
    return CourseScene(view, index, whole, close_crop(view, inside) if inside.any() else whole)


def quantities_of(course: CourseView, wanted: Sequence[str]) -> list[Quantity]:
    """The maps that the sheets show: those wanted in their order, then the others, at most four."""
    found = {quantity.name: quantity for visit in course.visits for quantity, _ in visit.maps}
    names = [*(name for name in wanted if name in found), *(name for name in found if name not in wanted)]
    return [found[name] for name in names[:MOST_MAPS]]


def course_panels(
    course: CourseView,
    lesion_id: str | None,
    wanted: Sequence[str],
    windows: Mapping[str, Window],
    colours: Mapping[str, str],
) -> list[Figure]:
    """One sheet for every six visits. `windows` by quantity name, `colours` on the picture by lesion id."""
    scene = course_scene(course, lesion_id)
    quantities = quantities_of(course, wanted)
    shown = [(quantity, windows.get(quantity.name) or _own_window(course, quantity)) for quantity in quantities]
    pages = -(-len(course.visits) // COLUMNS)
    size = -(-len(course.visits) // pages)
    parts = [course.visits[n : n + size] for n in range(0, len(course.visits), size)]
    return [_sheet(scene, part, lesion_id, shown, colours, f"_{n + 1}" if len(parts) > 1 else "") for n, part in enumerate(parts)]


def _own_window(course: CourseView, quantity: Quantity) -> Window:
    values = [array.ravel() for visit in course.visits for found, array in visit.maps if found.name == quantity.name]
    return window_of(quantity, np.concatenate(values), called="all visits")


def _sheet(
    scene: CourseScene,
    visits: Sequence[VisitView],
    lesion_id: str | None,
    shown: Sequence[tuple[Quantity, Window]],
    colours: Mapping[str, str],
    part: str,
) -> Figure:
    room = (PAGE_INCHES - NAME_IN - BAR_IN) / COLUMNS - GAP_IN
    whole, close = _tiles(scene, room, len(shown) + 1)
    pitch = max(whole[0], close[0]) + GAP_IN
    right = NAME_IN + len(visits) * pitch
    figure = sheet(right + BAR_IN, TITLE_IN + whole[1] + (len(shown) + 1) * (close[1] + GAP_IN) + 0.03)
    rows = TITLE_IN + whole[1] + GAP_IN
    for column, visit in enumerate(visits):
        left = NAME_IN + column * pitch
        _anatomy(figure, scene, visit, (left, whole, close, rows), colours, lesion_id, named=column == 0)
        for row, (quantity, window) in enumerate(shown, start=1):
            axes = box(figure, left, rows + row * (close[1] + GAP_IN), *close)
            _map(axes, scene, visit, quantity, window, colours)
            if column == 0:
                axes.set_ylabel(title_math(quantity).replace(" [", "\n["), fontsize=SMALL_PT + 0.8, color=INK, labelpad=4)
    for row, (_, window) in enumerate(shown, start=1):
        colour_bar(figure, right + 0.02, rows + row * (close[1] + GAP_IN), close[1], window)
    return finished(
        figure,
        name=f"{f'lesion-{lesion_id}_' if lesion_id is not None else ''}course{part}",
        caption=_caption(scene, visits, lesion_id, shown),
        alt=f"Anatomy and maps of {', '.join(q.long_name for q, _ in shown)} at "
        f"{', '.join(visit_words(v.session, v.day) for v in visits)}.",
        colour_tables=tables_of([window for _, window in shown]),
        lines_too=(*ON_IMAGE, WARNING_INK),
    )


def _tiles(scene: CourseScene, room: float, rows: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Sizes in inches of the whole slice and of the close-ups, of which there are that many rows below it."""
    row = (TALLEST_SHEET - TITLE_IN) / (rows + 1.25) - GAP_IN
    whole = fit_tile(scene.whole.size_mm(scene.view), room, min(TALLEST_WHOLE, 1.25 * row))
    return whole, fit_tile(scene.close.size_mm(scene.view), room, min(TALLEST_CLOSE, row))


_Places = tuple[
    float, tuple[float, float], tuple[float, float], float
]  # left edge, size whole, size close, top of the close rows


def _anatomy(
    figure: Sheet,
    scene: CourseScene,
    visit: VisitView,
    places: _Places,
    colours: Mapping[str, str],
    lesion_id: str | None,
    *,
    named: bool,
) -> None:
    """The title of a column, the whole slice with a frame around the close-up, and the close-up."""
    left, whole, close, rows = places
    grey = grey_range(visit.backdrop)
    above = box(figure, left, TITLE_IN, *whole)
    draw_anatomy(above, scene.plane(visit.backdrop, scene.whole), grey)
    _outlines(above, scene, visit, scene.whole, colours)
    draw_letters(above, scene.view)
    corner = (scene.close.columns.start - scene.whole.columns.start, scene.close.rows.start - scene.whole.rows.start)
    wide = scene.close.columns.stop - scene.close.columns.start
    high = scene.close.rows.stop - scene.close.rows.start
    if lesion_id is not None:
        frame = Rectangle((corner[0] - 0.5, corner[1] - 0.5), wide, high, fill=False, edgecolor="white", linewidth=0.6)
        above.add_patch(frame)
    words = plain(f"ses-{visit.session}\n{day_words(visit.day)}")
    said = words if visit.placed else f"{words}, not placed"
    above.set_title(said, fontsize=SMALL_PT + 1.0, color=INK if visit.placed else WARNING_INK, pad=3, linespacing=1.05)
    axes = box(figure, left, rows, *close)
    draw_anatomy(axes, scene.plane(visit.backdrop, scene.close), grey)
    _outlines(axes, scene, visit, scene.close, colours)
    for one in (above, axes):
        _warn(one, visit)
    if named:
        above.set_ylabel("anatomy", fontsize=SMALL_PT + 0.8, color=INK, labelpad=4)
        axes.set_ylabel("close-up", fontsize=SMALL_PT + 0.8, color=INK, labelpad=4)


def _map(
    axes: Axes, scene: CourseScene, visit: VisitView, quantity: Quantity, window: Window, colours: Mapping[str, str]
) -> None:
    found = next((values for one, values in visit.maps if one.name == quantity.name), None)
    draw_anatomy(axes, scene.plane(visit.backdrop, scene.close), dimmed(grey_range(visit.backdrop)))
    if found is None:
        axes.text(0.5, 0.06, "not made", transform=axes.transAxes, ha="center", fontsize=SMALL_PT, color="white")
    else:
        draw_map(axes, scene.plane(found, scene.close), window)
    _outlines(axes, scene, visit, scene.close, colours)
    _warn(axes, visit)


def _outlines(axes: Axes, scene: CourseScene, visit: VisitView, crop: Crop, colours: Mapping[str, str]) -> None:
    for name, mask in visit.lesions:
        draw_outline(axes, scene.plane(mask, crop), colours.get(name, FAINT_INK), width_pt=0.9)


def _warn(axes: Axes, visit: VisitView) -> None:
    """A red frame around every picture of a visit that could not be laid on the others."""
    if visit.placed:
        return
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(WARNING_INK)
        spine.set_linewidth(1.6)


def _caption(
    scene: CourseScene, visits: Sequence[VisitView], lesion_id: str | None, shown: Sequence[tuple[Quantity, Window]]
) -> str:
    lost = [visit_words(v.session, v.day) for v in visits if not v.placed]
    who = f"{lesion_title(lesion_id)}, " if lesion_id is not None else ""
    parts = (
        f"{who}{visit_words(visits[0].session, visits[0].day)} to {visit_words(visits[-1].session, visits[-1].day)} in the patient's "
        f"space, {scene.where}, the same for all.",
        "Each lesion has its own colour, the same as in its timeline." if any(v.lesions for v in visits) else "",
        heat_said([quantity for quantity, _ in shown]),
        f"Windows, one for all visits: {'; '.join(window.said for _, window in shown)}." if shown else "",
        f"Red frame: {', '.join(lost)} could not be laid on the others and lies where its header puts it; do not compare voxels."
        if lost
        else "",
        "For the eye only: every number is measured in its own visit's space.",
    )
    return " ".join(part for part in parts if part)
