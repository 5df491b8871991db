"""The maps of one visit: those of its panel through the widest slice of a lesion, and a close-up through its neighbours."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure as Sheet
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from afterglow.kernels.types import STATUS_WORDS, Status
from afterglow.records.document import Figure
from afterglow.records.lesion import Lesion
from afterglow.records.maps import ParameterMap
from afterglow.records.result import ExamResult
from afterglow.report.figures.canvas import (
    INK,
    LESION_ON_IMAGE,
    PAGE_INCHES,
    REFERENCE_ON_IMAGE,
    SMALL_PT,
    STATUS_COLOURS,
    box,
    finished,
    plain,
    sheet,
)
from afterglow.report.figures.once import drawn_once
from afterglow.report.figures.scene import Crop, Scene, body_crop, close_crop, neighbours, scene_of, widest_slice
from afterglow.report.figures.tiles import (
    bar_beside,
    colour_bar,
    draw_anatomy,
    draw_letters,
    draw_map,
    draw_regions,
    fit_tile,
    heat_said,
    outlines_said,
    tile_title,
)
from afterglow.report.figures.windows import Window, dimmed, grey_range, tables_of
from afterglow.report.words import lesion_title, lesion_words, number, symbol_of, title_math

COLUMNS = 4
THREES = (3, 5, 6, 9)  # numbers of pictures that stand better in rows of three
SLICES = 5
NAME_ROOM = 0.55
GAP = 0.06
BAR_ROOM = 0.48  # inches beside a picture for the colour bar and its numbers
TITLE_ROOM = 0.3
TALLEST_TILE = 3.2
CLOSE_UP_ROWS = ("ktrans", "vp", "ve", "ps", "fp", "kep")  # which maps a close-up prefers, in this order; else the panel
MOST_ROWS = 4
FITTED = ("ktrans", "fp", "ps", "vp")  # a tissue model was fitted where one of these was mapped


def _measured(exam: ExamResult) -> NDArray[np.bool_]:
    found = np.zeros(exam.grid.shape, dtype=np.bool_)
    for parameter_map in exam.maps:
        found |= np.isfinite(parameter_map.values)
    return found


def _legend(axes: Axes, scene: Scene) -> None:
    handles = []
    if scene.lesion.any():
        handles.append(Line2D([], [], color=LESION_ON_IMAGE, linewidth=1.6, label="lesion"))
    if scene.reference.any():
        handles.append(Line2D([], [], color=REFERENCE_ON_IMAGE, linewidth=1.6, label="reference"))
    if handles:
        axes.legend(
            handles=handles, loc="lower left", fontsize=SMALL_PT - 0.5, frameon=True, facecolor="black", edgecolor="none",
            labelcolor="white", framealpha=0.65, handlelength=1.2, borderpad=0.3, labelspacing=0.25,
        )  # fmt: skip


def _status_tile(axes: Axes, scene: Scene, status: NDArray[np.uint8], crop: Crop, index: int) -> None:
    plane = crop.of(scene.view.stand(status)[index])
    colours = ListedColormap([STATUS_COLOURS.get(state, "#000000") for state in Status])
    shown = np.ma.masked_where((plane == Status.NOT_ASKED) | (plane >= len(Status)), plane)
    axes.imshow(shown, cmap=colours, vmin=-0.5, vmax=len(Status) - 0.5, interpolation="nearest", aspect="auto")
    present = [state for state in STATUS_COLOURS if (plane == state).any()]
    axes.legend(
        handles=[Patch(color=STATUS_COLOURS[state], label=STATUS_WORDS[state]) for state in present],
        loc="lower left", fontsize=SMALL_PT - 0.5, facecolor="black", edgecolor="none", labelcolor="white",
        framealpha=0.65, handlelength=0.9, handleheight=0.8, borderpad=0.3, labelspacing=0.25,
    )  # fmt: skip


def _status_said(found: ParameterMap | None, lesion: Lesion | None) -> str:
    if found is None or lesion is None or not lesion.mask.any():
        return ""
    codes, counts = np.unique(found.status[lesion.mask], return_counts=True)
    words = [
        f"{count} {STATUS_WORDS[Status(code)]}" for code, count in zip(codes.tolist(), counts.tolist(), strict=True)
        if code in set(Status)
    ]  # fmt: skip
    what = "Loops" if found.quantity.name == "mti" else f"Fit of {symbol_of(found.quantity.name)}"
    return f"{what} in the lesion, voxels: {', '.join(words)}."


def _short(backdrop_name: str) -> str:
    """What a backdrop is in a word or two, for the title of a small picture: the suffix of its BIDS name."""
    folder, _, name = backdrop_name.rpartition("/")
    mean = "mean " if folder.startswith("mean of ") else ""
    contrast = " after contrast" if "_ce-" in name else ""
    return mean + name.partition(".")[0].rpartition("_")[2] + contrast


def _grid_of_tiles(size_mm: tuple[float, float], count: int) -> tuple[Sheet, list[tuple[float, float]], tuple[float, float]]:
    """A sheet for that many pictures with room for bars: the places of their top left corners, and their size."""
    most = 3 if count in THREES else COLUMNS
    columns = min(most, count)
    rows = -(-count // columns)
    wide, high = fit_tile(size_mm, PAGE_INCHES / most - BAR_ROOM - GAP, TALLEST_TILE)
    place = wide + BAR_ROOM + GAP
    figure = sheet(place * columns, rows * (high + TITLE_ROOM) + 0.04)
    corners = [((n % columns) * place + 0.02, (n // columns) * (high + TITLE_ROOM) + TITLE_ROOM) for n in range(count)]
    return figure, corners, (wide, high)


def panel_of(exam: ExamResult) -> tuple[ParameterMap, ...]:
    """The maps that the report shows: those of the panel in its order, all where it names none that exists."""
    named = tuple(found for found in (exam.map_of(name) for name in exam.panel) if found is not None)
    return named or exam.maps


@drawn_once
def maps_overview(exam: ExamResult, lesion: Lesion | None, windows: Mapping[str, Window]) -> Figure:
    """Anatomy, the maps of the panel and, where a tissue model was fitted, its status through the widest slice of the lesion.

    Without a lesion the slice with the most measured voxels. GridMismatch where a map lies elsewhere.
    """
    scene = scene_of(exam, lesion)
    index = widest_slice(scene.lesion, scene.view.stand(_measured(exam)))
    crop = body_crop(scene.view, scene.backdrop, scene.lesion | scene.reference)
    anatomy = [(_short(name), scene.view.stand(volume)) for name, volume in ((exam.backdrop_name, exam.backdrop), *exam.pictures)]
    shown, fitted = panel_of(exam), _fitted(exam)
    count = len(anatomy) + len(shown) + (1 if fitted else 0)
    figure, corners, (wide, high) = _grid_of_tiles(crop.size_mm(scene.view), count)
    for n, (left, top) in enumerate(corners):
        axes = box(figure, left, top, wide, high)
        if n < len(anatomy):
            title, volume = anatomy[n]
            draw_anatomy(axes, crop.of(volume[index]), grey_range(volume))
            tile_title(axes, plain(title))
        elif n < len(anatomy) + len(shown):
            _map_tile(figure, axes, scene, shown[n - len(anatomy)], windows, crop, index)
        elif fitted is not None:
            draw_anatomy(axes, crop.of(scene.backdrop[index]), dimmed(grey_range(scene.backdrop)))
            tile_title(axes, "fit status")
            _status_tile(axes, scene, fitted.status, crop, index)
        if n == 0:
            _legend(axes, scene)
        draw_regions(axes, scene, index, crop)
        draw_letters(axes, scene.view)
    where = f"{scene.view.words} slice at {scene.view.slice_words(index)}"
    names = ", ".join(m.quantity.long_name for m in shown) or "nothing"
    return finished(
        figure,
        name=f"ses-{exam.session}_{f'lesion-{lesion.lesion_id}_' if lesion is not None else ''}maps",
        caption=_overview_caption(exam, lesion, scene, where, windows),
        alt=f"Pictures of one {where}: {', '.join(['anatomy', *(name for name, _ in exam.pictures)])} and maps of {names}.",
        colour_tables=tables_of([windows[m.quantity.name] for m in shown]),
    )


def _map_tile(
    figure: Sheet, axes: Axes, scene: Scene, shown: ParameterMap, windows: Mapping[str, Window], crop: Crop, index: int
) -> None:
    """One map over dimmed anatomy, with its title and its colours beside it."""
    window = windows[shown.quantity.name]
    draw_anatomy(axes, crop.of(scene.backdrop[index]), dimmed(grey_range(scene.backdrop)))
    draw_map(axes, crop.of(scene.view.stand(shown.values)[index]), window)
    tile_title(axes, title_math(shown.quantity))
    bar_beside(figure, axes, window)


def _fitted(exam: ExamResult) -> ParameterMap | None:
    """The map whose fit status is shown: of the tissue model, where one of its parameters is among the maps shown."""
    shown = {found.quantity.name: found for found in panel_of(exam)}
    return next((shown[name] for name in FITTED if name in shown), None)


def _overview_caption(exam: ExamResult, lesion: Lesion | None, scene: Scene, where: str, windows: Mapping[str, Window]) -> str:
    shown = panel_of(exam)
    further = [symbol_of(m.quantity.name) for m in exam.maps if m not in shown]
    missing = [symbol_of(name) for name in exam.panel if exam.map_of(name) is None]
    parts = (
        f"Maps of ses-{exam.session} over {exam.backdrop_name}, {where}.",
        _lesion_said(lesion),
        outlines_said(bool(scene.lesion.any()), bool(scene.reference.any())),
        "Voxels that were not measured show the anatomy.",
        heat_said([m.quantity for m in shown]),
        _windows_said(shown, windows),
        _status_said(_fitted(exam) or exam.map_of("mti"), lesion),
        f"Not made at this visit: {', '.join(missing)}." if missing else "",
        f"Further maps in the folder: {', '.join(further)}." if further else "",
    )
    return " ".join(part for part in parts if part)


def _windows_said(maps: Sequence[ParameterMap], windows: Mapping[str, Window]) -> str:
    said = "; ".join(windows[m.quantity.name].said for m in maps)
    return f"Windows: {said}." if said else ""


def _lesion_said(lesion: Lesion | None) -> str:
    if lesion is None:
        return "No lesion was outlined at this visit."
    words = lesion_title(lesion.lesion_id)
    if not lesion.mask.any():
        return f"{words} has no voxel here: {lesion.note}."
    return f"{words}: {lesion.n_voxels} voxels, {number(lesion.volume_ml)} mL, {lesion.outlined}."


@drawn_once
def close_up(exam: ExamResult, lesion: Lesion, windows: Mapping[str, Window]) -> Figure | None:
    """Rows of maps, columns of slices through the lesion and its neighbourhood; None where there is nothing to show."""
    usual = [m for m in (exam.map_of(name) for name in CLOSE_UP_ROWS) if m is not None][:3]
    shown = usual or list(panel_of(exam)[:MOST_ROWS])
    if not lesion.mask.any() or not shown:
        return None
    scene = scene_of(exam, lesion)
    indices = neighbours(scene.lesion, widest_slice(scene.lesion, scene.lesion), SLICES)
    crop = close_crop(scene.view, scene.lesion)
    wide, high = fit_tile(crop.size_mm(scene.view), (PAGE_INCHES - NAME_ROOM - 0.75) / SLICES - GAP, 1.9)
    right = NAME_ROOM + len(indices) * (wide + GAP)
    figure = sheet(right + 0.75, TITLE_ROOM + (len(shown) + 1) * (high + GAP))
    for row, parameter_map in enumerate([None, *shown]):
        top = TITLE_ROOM + row * (high + GAP)
        row_axes = [box(figure, NAME_ROOM + column * (wide + GAP), top, wide, high) for column in range(len(indices))]
        _close_up_row(row_axes, scene, indices, crop, parameter_map, windows)
        name = plain(_short(exam.backdrop_name)) if parameter_map is None else title_math(parameter_map.quantity)
        row_axes[0].set_ylabel(name, fontsize=SMALL_PT + 1.5, color=INK, labelpad=5)
        if parameter_map is not None:
            colour_bar(figure, right + 0.04, top, high, windows[parameter_map.quantity.name])
    words = lesion_words(lesion.lesion_id)
    beside = any(bool(crop.of(scene.reference[index]).any()) for index in indices)
    names = ", ".join(m.quantity.long_name for m in shown)
    return finished(
        figure,
        name=f"ses-{exam.session}_lesion-{lesion.lesion_id}_closeup",
        caption=f"Close-up of {words}, ses-{exam.session}: {len(indices)} {scene.view.words} slice{'s' * (len(indices) > 1)}. "
        f"{outlines_said(True, beside)} {heat_said([m.quantity for m in shown])} {_windows_said(shown, windows)}".replace(
            "  ", " "
        ),
        alt=f"Close-up pictures of {words} in {len(indices)} slices: {names}.",
        colour_tables=tables_of([windows[m.quantity.name] for m in shown]),
    )


def _close_up_row(
    row_axes: Sequence[Axes],
    scene: Scene,
    indices: Sequence[int],
    crop: Crop,
    parameter_map: ParameterMap | None,
    windows: Mapping[str, Window],
) -> None:
    """One row of slices: the map over dimmed anatomy; the anatomy alone, with positions and letters, where there is no map."""
    grey = grey_range(scene.backdrop)
    for column, (axes, index) in enumerate(zip(row_axes, indices, strict=True)):
        draw_anatomy(axes, crop.of(scene.backdrop[index]), grey if parameter_map is None else dimmed(grey))
        if parameter_map is not None:
            plane = scene.view.stand(parameter_map.values)[index]
            draw_map(axes, crop.of(plane), windows[parameter_map.quantity.name])
        else:
            tile_title(axes, scene.view.slice_words(index))
        draw_regions(axes, scene, index, crop)
        if parameter_map is None and column == 0:
            draw_letters(axes, scene.view)


def pictures_of(exam: ExamResult, lesions: Sequence[Lesion], windows: Mapping[str, Window]) -> list[Figure]:
    """Overview and close-up for each lesion; one overview where there is none. `windows` by quantity name."""
    if not lesions:
        return [maps_overview(exam, None, windows)]
    pairs = [(maps_overview(exam, lesion, windows), close_up(exam, lesion, windows)) for lesion in lesions]
    return [figure for pair in pairs for figure in pair if figure is not None]
