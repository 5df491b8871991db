"""Voxels that a vessel's curve was read from: marked on the slices that hold the most of them, over the anatomy."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from numpy.typing import NDArray

from afterglow.records.errors import GridMismatch
from afterglow.records.result import ExamResult
from afterglow.report.figures.canvas import PAGE_INCHES, box
from afterglow.report.figures.scene import Crop, Scene, body_crop, scene_of, widest_slice
from afterglow.report.figures.tiles import draw_anatomy, draw_letters, fit_tile, tile_title
from afterglow.report.figures.windows import grey_range

GAP = 0.08


@dataclass(frozen=True, eq=False)
class Marked:
    """Voxels (n, 3) on the grid of the visit, and how they are marked: a full square, or a ring around the voxel."""

    what: str  # "arterial", "venous"
    voxels: NDArray[np.intp]
    colour: str
    ring: bool = False


@dataclass(frozen=True, eq=False)
class VesselSlices:
    """The slices to show, and what is marked on them as (slice, row, column)."""

    scene: Scene
    crop: Crop
    marks: tuple[tuple[Marked, NDArray[np.bool_]], ...]
    held: NDArray[np.intp]  # (slices,) marked voxels, each once
    indices: tuple[int, ...]

    @property
    def shown(self) -> int:
        """How many of the voxels lie on these slices."""
        return int(self.held[list(self.indices)].sum())

    @property
    def total(self) -> int:
        return int(self.held.sum())


def _mask(exam: ExamResult, marked: Marked) -> NDArray[np.bool_]:
    mask = np.zeros(exam.grid.shape, dtype=np.bool_)
    voxels = marked.voxels
    if voxels.size == 0:
        return mask
    if voxels.ndim != 2 or voxels.shape[1] != 3 or (voxels < 0).any() or (voxels >= np.asarray(exam.grid.shape)).any():
        raise GridMismatch(
            f"sub-{exam.subject} ses-{exam.session}: {marked.what} voxels reach index {voxels.max(axis=0).tolist()} "
            f"but the visit's grid is {exam.grid}; give them in the grid of the visit's maps"
        )
    mask[tuple(voxels.T)] = True
    return mask


def vessel_slices(exam: ExamResult, vessels: Sequence[Marked], most: int) -> VesselSlices:
    """Up to `most` slices: for each kind of vessel the one that holds most of its voxels, then the fullest of the others."""
    scene = scene_of(exam, None)
    marks = tuple((marked, scene.view.stand(_mask(exam, marked))) for marked in vessels)
    everything = np.zeros(scene.backdrop.shape, dtype=np.bool_)
    fullest: dict[str, int] = {}
    for what in dict.fromkeys(marked.what for marked in vessels):
        kind = np.logical_or.reduce([mask for marked, mask in marks if marked.what == what])
        if kind.any():
            fullest[what] = widest_slice(kind, kind)
        everything |= kind
    held = np.count_nonzero(everything, axis=(1, 2))
    others = [int(s) for s in np.argsort(-held, kind="stable") if held[s] > 0]
    indices = tuple(sorted(list(dict.fromkeys([*fullest.values(), *others]))[:most]))
    return VesselSlices(scene, body_crop(scene.view, scene.backdrop, everything), marks, held, indices)


def _mark(axes: Axes, plane: NDArray[np.bool_], marked: Marked) -> None:
    rows, columns = np.nonzero(plane)
    if marked.ring:
        axes.scatter(columns, rows, s=20, marker="o", facecolors="none", edgecolors=marked.colour, linewidths=0.8)
    else:
        axes.scatter(columns, rows, s=8, marker="s", color=marked.colour, linewidths=0)


def draw_vessel_slices(figure: Sheet, slices: VesselSlices, top_in: float, width_in: float, height_in: float) -> float:
    """Pictures side by side at the right edge of the page, each up to that size; gives the inches that they take."""
    scene, crop = slices.scene, slices.crop
    wide, high = fit_tile(crop.size_mm(scene.view), width_in, height_in)
    grey = grey_range(scene.backdrop)
    for column, index in enumerate(slices.indices):
        left = PAGE_INCHES - (len(slices.indices) - column) * (wide + GAP)
        axes = box(figure, left, top_in, wide, high)
        draw_anatomy(axes, crop.of(scene.backdrop[index]), grey)
        for marked, mask in slices.marks:
            _mark(axes, crop.of(mask[index]), marked)
        held = int(slices.held[index])
        tile_title(axes, f"{scene.view.slice_words(index)}, {held} {'voxel' if held == 1 else 'voxels'}")
        draw_letters(axes, scene.view)
    return len(slices.indices) * (wide + GAP)


def quality_words(quality: float) -> str:
    """ "quality 0.87 of 1", or "quality not judged" for NaN."""
    return f"quality {quality:.2f} of 1" if math.isfinite(quality) else "quality not judged"
