"""Where the reference tissue lies: its outline over the anatomy with the lesion and the midline, slice by slice."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from afterglow.records.document import Figure
from afterglow.records.lesion import Reference
from afterglow.records.result import ExamResult
from afterglow.report.figures.canvas import PAGE_INCHES, box, finished, sheet
from afterglow.report.figures.once import drawn_once
from afterglow.report.figures.scene import Scene, body_crop, scene_of, widest_slice
from afterglow.report.figures.tiles import draw_anatomy, draw_letters, draw_regions, fit_tile, outlines_said, tile_title
from afterglow.report.figures.windows import grey_range

TITLE_ROOM, GAP = 0.26, 0.06
TALLEST_TILE = 2.6
SLICES = 5
MIDLINE = "#ffffff"
_PLANE = ("midline_x", "midline_y", "midline_z", "midline_offset_mm")
# The numbers that are told under the picture, each with how it is said; others stay in the record.
_SAID = {
    "volume_ml": "{:.1f} mL",
    "n_voxels": "{:.0f} voxels",
    "variation": "brightness varies by {:.1%} in it",
    "tissue_share": "voxels filled to {:.0%} on average",
    "from_mirrored_mm": "half of it within {:.0f} mm of the mirrored lesion",
    "midline_involution_mm": "a point mirrored twice comes back to {:.1f} mm",
    "midline_halves_mm": "the midline lies {:.1f} mm from the plane that halves the brain",
    "misfit": "brightness within {:.0%} of the other vertebral bodies",
    "bodies": "one of {:.0f} bodies found",
}


@drawn_once
def reference_figure(exam: ExamResult) -> Figure | None:
    """Slices through the reference tissue and through the largest lesion; None where the visit has no reference.

    GridMismatch where a region lies elsewhere.
    """
    reference = exam.reference
    if reference is None:
        return None
    lesion = max(exam.lesions, key=lambda one: one.n_voxels, default=None)
    scene = scene_of(exam, lesion)
    indices = _slices(scene)
    crop = body_crop(scene.view, scene.backdrop, scene.lesion | scene.reference)
    wide, high = fit_tile(crop.size_mm(scene.view), PAGE_INCHES / len(indices) - GAP, TALLEST_TILE)
    figure = sheet(len(indices) * (wide + GAP), high + TITLE_ROOM + 0.04)
    side, grey = _side(exam, reference), grey_range(scene.backdrop)
    for n, index in enumerate(indices):
        axes = box(figure, n * (wide + GAP) + GAP / 2, TITLE_ROOM, wide, high)
        draw_anatomy(axes, crop.of(scene.backdrop[index]), grey)
        draw_regions(axes, scene, index, crop)
        if side is not None:
            _draw_midline(axes, crop.of(scene.view.stand(side)[index]))
        draw_letters(axes, scene.view)
        held = int(np.count_nonzero(scene.reference[index]))
        tile_title(axes, f"{scene.view.slice_words(index)}, {held} {'voxel' if held == 1 else 'voxels'}")
    lines = outlines_said(bool(scene.lesion[list(indices)].any()), bool(scene.reference[list(indices)].any()))
    midline = "" if side is None else " Dotted: the midline found in the image."
    numbers = "; ".join(
        words.format(value) for name, value in reference.quality if (words := _SAID.get(name)) and np.isfinite(value)
    )
    return finished(
        figure,
        name=f"ses-{exam.session}_reference",
        caption=f"Reference tissue ({reference.kind}) of ses-{exam.session} over {exam.backdrop_name}, {scene.view.words} slices: {reference.method}. "
        f"{lines}{midline}{f' {numbers[0].upper()}{numbers[1:]}.' if numbers else ''}",
        alt=f"Reference tissue ({reference.kind}) outlined on {len(indices)} {scene.view.plane} slices of the anatomy.",
        colour_tables=(matplotlib.colormaps["gray"],),
    )


def _slices(scene: Scene) -> list[int]:
    """The widest slice of the lesion, and slices that part the reference's voxels into equal shares."""
    held = np.count_nonzero(scene.reference, axis=(1, 2))
    shares = np.cumsum(held) / held.sum()
    chosen = {int(np.searchsorted(shares, (n + 0.5) / (SLICES - 1))) for n in range(SLICES - 1)}
    return sorted(chosen | {widest_slice(scene.lesion, scene.reference)})


def _side(exam: ExamResult, reference: Reference) -> NDArray[np.float32] | None:
    """Signed distance in mm from the midline (i, j, k); None where none was used."""
    known = dict(reference.quality)
    if any(name not in known for name in _PLANE):
        return None
    x, y, z, offset_mm = (known[name] for name in _PLANE)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in exam.grid.shape), indexing="ij"), axis=-1).astype(np.float64)
    side: NDArray[np.float32] = (exam.grid.to_mm(index) @ np.array([x, y, z]) - offset_mm).astype(np.float32)
    return side


def _draw_midline(axes: Axes, side: NDArray[np.float32]) -> None:
    """Where the plane cuts the slice (rows, columns)."""
    if side.min() < 0 < side.max():
        limits = axes.get_xlim(), axes.get_ylim()
        axes.contour(side, levels=[0.0], colors=[MIDLINE], linewidths=0.8, linestyles=["dotted"])
        axes.set_xlim(limits[0])
        axes.set_ylim(limits[1])
