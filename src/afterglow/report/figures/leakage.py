"""Leakage of contrast agent as both echoes see it: the term K2 over the anatomy, through the lesion's widest slice."""

from collections.abc import Mapping

import numpy as np

from afterglow.records.document import Figure
from afterglow.records.lesion import Lesion
from afterglow.records.result import ExamResult
from afterglow.report.figures.canvas import PAGE_INCHES, box, finished, sheet
from afterglow.report.figures.once import drawn_once
from afterglow.report.figures.scene import body_crop, scene_of, widest_slice
from afterglow.report.figures.tiles import (
    bar_beside,
    draw_anatomy,
    draw_letters,
    draw_map,
    draw_regions,
    fit_tile,
    heat_said,
    outlines_said,
    tile_title,
)
from afterglow.report.figures.windows import Window, dimmed, grey_range, tables_of, windows_of
from afterglow.report.words import lesion_words, powers_math, unit_words

TITLE_ROOM = 0.3
BAR_ROOM = 0.62
TALLEST_TILE = 3.2
_TITLES = {"leakage_ge": "gradient echo", "leakage_se": "spin echo"}


@drawn_once
def leakage_figure(exam: ExamResult, windows: Mapping[str, Window] | None = None) -> Figure | None:
    """K2 of the gradient echo and of the spin echo side by side; None where neither was mapped.

    Through the widest slice of the largest lesion, else the slice with the most measured voxels. `windows` by quantity name, so
    that all visits share one range; from this visit alone where none are given. GridMismatch where a map lies elsewhere.
    """
    shown = [found for found in (exam.map_of(name) for name in _TITLES) if found is not None]
    if not shown:
        return None
    windows = windows_of([exam]) if windows is None else windows
    lesion = max(exam.lesions, key=lambda one: one.n_voxels, default=None)
    scene = scene_of(exam, lesion)
    index = widest_slice(scene.lesion, scene.view.stand(np.isfinite(shown[0].values)))
    crop = body_crop(scene.view, scene.backdrop, scene.lesion | scene.reference)
    wide, high = fit_tile(crop.size_mm(scene.view), PAGE_INCHES / 3 - BAR_ROOM, TALLEST_TILE)
    figure = sheet(len(shown) * (wide + BAR_ROOM), high + TITLE_ROOM + 0.04)
    for n, found in enumerate(shown):
        quantity, left = found.quantity, n * (wide + BAR_ROOM) + 0.02
        axes = box(figure, left, TITLE_ROOM, wide, high)
        draw_anatomy(axes, crop.of(scene.backdrop[index]), dimmed(grey_range(scene.backdrop)))
        draw_map(axes, crop.of(scene.view.stand(found.values)[index]), windows[quantity.name])
        draw_regions(axes, scene, index, crop)
        draw_letters(axes, scene.view)
        unit = powers_math(unit_words(quantity.unit))
        tile_title(axes, f"$K_2$ of the {_TITLES[quantity.name]} [{unit}]")
        bar_beside(figure, axes, windows[quantity.name])
    where = f"{scene.view.words} slice at {scene.view.slice_words(index)}"
    said = "; ".join(windows[found.quantity.name].said for found in shown)
    outlines = f"{outlines_said(bool(scene.lesion[index].any()), bool(scene.reference[index].any()))} ".lstrip()
    return finished(
        figure,
        name=f"ses-{exam.session}_leakage",
        caption=f"Leakage term K2 of ses-{exam.session} over {exam.backdrop_name}, {where}{_through(lesion)}. {outlines}"
        f"{heat_said([found.quantity for found in shown])} K2 is not a permeability: it depends on the sequence and does not follow "
        f"Ktrans. Windows: {said}.",
        alt=f"Leakage term K2 over the anatomy, {where}: {' and '.join(_TITLES[found.quantity.name] for found in shown)}.",
        colour_tables=tables_of([windows[found.quantity.name] for found in shown]),
    )


def _through(lesion: Lesion | None) -> str:
    return f" through {lesion_words(lesion.lesion_id)}" if lesion is not None and lesion.mask.any() else ""
