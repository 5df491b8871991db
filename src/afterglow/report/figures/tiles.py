"""One picture of one slice: anatomy, a map over it, outlines, letters; and the colour bar beside it."""

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib.patheffects as effects
import numpy as np
from contourpy import LineType, contour_generator
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PathCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure as Sheet
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from afterglow.records.quantity import Quantity
from afterglow.report.figures.canvas import FAINT_INK, INK, LESION_ON_IMAGE, REFERENCE_ON_IMAGE, SMALL_PT, box
from afterglow.report.figures.planes import View
from afterglow.report.figures.scene import Crop, Scene
from afterglow.report.figures.windows import Window

BAR_INCHES = 0.09
_HEAT = (
    (
        {"mti", "nmti", "mti_uncorrected", "nmti_uncorrected"},
        "Warm: positive MTI, a clockwise loop, arterioles prevail; cool: negative, counter-clockwise, venules prevail. "
        "MTI has been validated on simulated physics only.",
    ),
    (
        {"leakage_ge", "leakage_se"},
        "Warm: K2 positive, T1 effects prevail; cool: K2 negative, T2* effects (T2 in the spin echo) prevail.",
    ),
)


def draw_anatomy(axes: Axes, plane: NDArray[Any], grey: tuple[float, float]) -> None:
    """A slice (rows, columns) in grey; fills the axes, whose shape carries the size of the voxels."""
    axes.set_facecolor("black")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    clean = np.nan_to_num(plane, nan=grey[0], posinf=grey[1], neginf=grey[0])
    axes.imshow(clean, cmap="gray", vmin=grey[0], vmax=grey[1], interpolation="bilinear", aspect="auto")


def draw_map(axes: Axes, plane: NDArray[Any], window: Window) -> None:
    """A map over the anatomy, voxel by voxel; what was not measured stays see-through."""
    shown = np.ma.masked_invalid(np.asarray(plane, dtype=np.float64))
    axes.imshow(shown, cmap=window.colours, vmin=window.low, vmax=window.high, interpolation="nearest", aspect="auto")


def draw_outline(axes: Axes, mask: NDArray[np.bool_], colour: str, *, width_pt: float = 1.0, dashed: bool = False) -> None:
    """A thin line around the mask (rows, columns), with a dark rim so that it shows on every colour."""
    if not mask.any():
        return
    rows, columns = mask.shape
    x, y, height = np.arange(-1, columns + 1), np.arange(-1, rows + 1), np.pad(mask, 1).astype(np.float64)
    if dashed:
        axes.contour(x, y, height, levels=[0.5], colors=[colour], linewidths=width_pt, linestyles=["dashed"])
    else:  # what axes.contour draws, pixel by pixel, in a third of its time
        line = PathCollection(_paths(x, y, height), facecolors="none", edgecolors=[colour], linewidths=[width_pt], zorder=2)
        line.set_transform(axes.transData)
        line.set_path_effects([effects.withStroke(linewidth=width_pt + 1.0, foreground="#000000a0")])
        axes.add_collection(line, autolim=False)
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)


def _paths(x: NDArray[Any], y: NDArray[Any], height: NDArray[np.float64]) -> list[Path]:
    """The line at half height."""
    found: Any = contour_generator(x, y, height, line_type=LineType.ChunkCombinedCode).lines(0.5)
    points, codes = found
    return [Path(places, kinds) for places, kinds in zip(points, codes, strict=True) if places is not None]


def draw_regions(axes: Axes, scene: Scene, index: int, crop: Crop) -> None:
    """Outlines of the lesion, of other lesions (thinner) and of the reference tissue."""
    draw_outline(axes, crop.of(scene.others[index]), LESION_ON_IMAGE, width_pt=0.5)
    draw_outline(axes, crop.of(scene.reference[index]), REFERENCE_ON_IMAGE)
    draw_outline(axes, crop.of(scene.lesion[index]), LESION_ON_IMAGE)


def draw_letters(axes: Axes, view: View) -> None:
    """R, L, A, P, S, I at the edges of the picture."""
    for x, y, letter, across, along in (
        (0.02, 0.5, view.left, "left", "center"),
        (0.98, 0.5, view.right, "right", "center"),
        (0.5, 0.98, view.top, "center", "top"),
        (0.5, 0.02, view.bottom, "center", "bottom"),
    ):
        written = axes.text(
            x, y, letter, transform=axes.transAxes, ha=across, va=along, color="white", fontsize=SMALL_PT, family="DejaVu Sans"
        )
        written.set_path_effects([effects.withStroke(linewidth=1.6, foreground="black")])


def tile_title(axes: Axes, words: str) -> None:
    """A short title over a picture."""
    axes.set_title(words, fontsize=SMALL_PT + 1.5, color=INK, pad=4, family="DejaVu Sans")


def colour_bar(figure: Sheet, left_in: float, top_in: float, height_in: float, window: Window) -> None:
    """The colours of a window with numbers to their right."""
    axes = box(figure, left_in, top_in + 0.04 * height_in, BAR_INCHES, 0.92 * height_in)
    bar = figure.colorbar(ScalarMappable(Normalize(window.low, window.high), window.colours), cax=axes)
    bar.locator = MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10])
    bar.formatter = FuncFormatter(lambda value, _: _tick(value * window.factor))
    bar.update_ticks()
    bar.outline.set_visible(False)
    axes.tick_params(labelsize=SMALL_PT, length=2.5, width=0.6, colors=FAINT_INK, labelcolor=INK)


def bar_beside(figure: Sheet, axes: Axes, window: Window) -> None:
    """The colour bar at the right edge of a picture, as high as it."""
    place, (page_width, page_height) = axes.get_position(), figure.get_size_inches()
    colour_bar(figure, place.x1 * page_width + 0.05, (1 - place.y1) * page_height, place.height * page_height, window)


def _tick(value: float) -> str:
    """A number as short as it gets, 2e7 for 2e+07: neither a factor floating over the bar nor ticks that reach the next picture."""
    mantissa, e, power = f"{value:g}".partition("e")
    return f"{mantissa}e{int(power)}" if e else mantissa


def fit_tile(size_mm: tuple[float, float], width_in: float, height_in: float) -> tuple[float, float]:
    """Width and height in inches of a picture of that height and width in mm, as large as the place allows."""
    high_mm, wide_mm = size_mm
    scale = min(width_in / wide_mm, height_in / high_mm)
    return wide_mm * scale, high_mm * scale


def heat_said(quantities: Iterable[Quantity]) -> str:
    """What warm and cool mean in the maps that have zero in the middle of their colours and something to tell by it."""
    names = {quantity.name for quantity in quantities}
    return " ".join(words for known, words in _HEAT if names & known)


def outlines_said(has_lesion: bool, has_reference: bool) -> str:
    """What the coloured lines are."""
    parts: Sequence[str] = [
        *(["blue line: lesion"] if has_lesion else []),
        *(["yellow line: reference tissue"] if has_reference else []),
    ]
    return "; ".join(parts).capitalize() + "." if parts else ""
