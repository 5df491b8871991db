"""The arterial input function: its curve, and the voxels it was read from."""

import math

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from afterglow.records.document import Figure
from afterglow.records.errors import GridMismatch
from afterglow.records.result import ExamResult
from afterglow.report.figures.canvas import ARTERY, INK, PAGE_INCHES, SMALL_PT, box, dress_plot, finished, sheet
from afterglow.report.figures.scene import Scene, body_crop, scene_of
from afterglow.report.figures.tiles import draw_anatomy, draw_letters, fit_tile, tile_title
from afterglow.report.figures.windows import grey_range, tables_of
from afterglow.report.words import number

HEIGHT_INCHES = 3.0
MOST_SLICES = 3


MOST_MARKS = 200


def _voxel_mask(exam: ExamResult) -> NDArray[np.bool_]:
    mask = np.zeros(exam.grid.shape, dtype=np.bool_)
    voxels = exam.aif.voxels
    if voxels.size == 0:
        return mask
    if voxels.ndim != 2 or voxels.shape[1] != 3 or (voxels < 0).any() or (voxels >= np.asarray(exam.grid.shape)).any():
        raise GridMismatch(
            f"sub-{exam.subject} ses-{exam.session}: arterial voxels reach index {voxels.max(axis=0).tolist()} "
            f"but the visit's grid is {exam.grid}; give them in the grid of the dynamic series"
        )
    mask[tuple(voxels.T)] = True
    return mask


def _mark(axes: Axes, plane: NDArray[np.bool_]) -> None:
    rows, columns = np.nonzero(plane)
    axes.scatter(columns, rows, s=8, marker="s", color=ARTERY, linewidths=0)


def _curve(axes: Axes, exam: ExamResult) -> None:
    aif = exam.aif
    axes.axhline(0, color="#94a3b8", linewidth=0.6)
    axes.plot(aif.times_s, aif.plasma_mM, color=ARTERY, linewidth=1.2)
    if aif.times_s.size <= MOST_MARKS:  # a continuous curve has no samples to mark
        axes.plot(aif.times_s, aif.plasma_mM, "o", color=ARTERY, markersize=2.8, markeredgewidth=0)
    dress_plot(axes, "time [s]", "plasma concentration [mmol/L]")
    peak = int(np.argmax(aif.plasma_mM))
    axes.annotate(
        f"peak {number(float(aif.plasma_mM[peak]))} mmol/L at {number(float(aif.times_s[peak]))} s",
        (float(aif.times_s[peak]), float(aif.plasma_mM[peak])),
        xytext=(10, -4),
        textcoords="offset points",
        fontsize=SMALL_PT + 0.5,
        color=INK,
    )


def quality_words(quality: float) -> str:
    """ "quality 0.87 of 1", or "quality not judged" for NaN."""
    return f"quality {quality:.2f} of 1" if math.isfinite(quality) else "quality not judged"


def arterial_figure(exam: ExamResult) -> Figure:
    """Curve with its samples; beside it the slices that hold the most of its voxels, over the anatomy."""
    aif = exam.aif
    mask = _voxel_mask(exam)
    scene: Scene = scene_of(exam, None)
    held = np.count_nonzero(scene.view.stand(mask), axis=(1, 2))
    indices = sorted(int(s) for s in np.argsort(-held, kind="stable")[:MOST_SLICES] if held[s] > 0)
    crop = body_crop(scene.view, scene.backdrop, scene.view.stand(mask))
    wide, high = fit_tile(crop.size_mm(scene.view), 1.95, HEIGHT_INCHES - 0.4)
    figure = sheet(PAGE_INCHES, HEIGHT_INCHES)
    curve_width = PAGE_INCHES - 0.65 - len(indices) * (wide + 0.08) - 0.25
    _curve(box(figure, 0.6, 0.3, curve_width, HEIGHT_INCHES - 0.85), exam)
    standing = scene.view.stand(mask)
    for column, index in enumerate(indices):
        left = PAGE_INCHES - (len(indices) - column) * (wide + 0.08)
        axes = box(figure, left, 0.3, wide, high)
        draw_anatomy(axes, crop.of(scene.backdrop[index]), grey_range(scene.backdrop))
        _mark(axes, crop.of(standing[index]))
        tile_title(axes, f"{scene.view.slice_words(index)}, {int(held[index])} {'voxel' if held[index] == 1 else 'voxels'}")
        draw_letters(axes, scene.view)
    total = int(mask.sum())
    found = f"Red: {int(held[indices].sum())} of its {total} voxels" if total else "No voxels: the curve was not measured here"
    said = " ".join(f"{remark.rstrip('.')}." for remark in aif.remarks)
    caption = (
        f"Arterial input of ses-{exam.session}: {aif.origin}, {quality_words(aif.quality)}, "
        f"haematocrit {aif.haematocrit:g}. {found}. {said}"
    ).strip()
    peak = number(float(aif.plasma_mM.max()))
    alt = f"Plasma concentration over {aif.times_s.size} samples, peak {peak} mmol/L, and the voxels it was read from."
    return finished(figure, name=f"ses-{exam.session}_aif", caption=caption, alt=alt, colour_tables=tables_of(()))
