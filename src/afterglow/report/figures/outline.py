"""An outline to look at: its contour over the image in three planes through its middle."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Sheet
from numpy.typing import NDArray

from afterglow.records.document import Figure
from afterglow.records.grid import Grid
from afterglow.report.figures.canvas import (
    ARTERY,
    FAINT_INK,
    INK,
    LESION_ON_IMAGE,
    REFERENCE_ON_IMAGE,
    SMALL_PT,
    box,
    finished,
    plain,
    sheet,
    write,
)
from afterglow.report.figures.windows import grey_range

_TILE_IN = 3.4
_GAP_IN = 0.15
_TOP_IN = 0.42
_AROUND_MM, _MARGIN_MM = 25.0, 10.0
_INKS = (LESION_ON_IMAGE, REFERENCE_ON_IMAGE, ARTERY)
_PLANES = (("axial", 2, (1, 0)), ("coronal", 1, (2, 0)), ("sagittal", 0, (2, 1)))  # name, across, (up, along)


def outline_picture(
    image: NDArray[np.float32], grid: Grid, contours: Sequence[tuple[str, NDArray[np.bool_]]], *, name: str, title: str
) -> Figure:
    """Three planes through the middle of the first contour that holds anything; the patient's right is on the left.

    `contours` are up to three masks (i, j, k) with their names, each in an ink of its own.
    """
    place, steps_mm, turn = _upright(grid)
    volume = turn(image)
    masks = [(words, turn(mask)) for words, mask in contours if mask.any()]
    middle = [n // 2 for n in volume.shape] if not masks else [round(float(v)) for v in np.argwhere(masks[0][1]).mean(axis=0)]
    page = sheet(3 * _TILE_IN + 4 * _GAP_IN, _TILE_IN + _TOP_IN + 0.35)
    write(page, _GAP_IN, 0.12, plain(title), colour=INK)
    reaches = [
        max([_AROUND_MM, *(_half_mm(mask, n, middle[n], steps_mm[n]) + _MARGIN_MM for _, mask in masks[:1])]) for n in range(3)
    ]
    for number in range(3):
        left = _GAP_IN + number * (_TILE_IN + _GAP_IN)
        across = _tile(page, left, number, volume, masks, middle, steps_mm, reaches)
        words = f"{_PLANES[number][0]}, {'xyz'[across]} = {place(middle)[across]:.0f} mm"
        write(page, left, _TOP_IN + _TILE_IN + 0.06, words, size_pt=SMALL_PT, colour=FAINT_INK)
    said = ", ".join(f"{words} {colour}" for (words, _), colour in zip(masks, ("cyan", "yellow", "red"), strict=False))
    return finished(page, name=name, caption=f"{title}. Contours: {said or 'none'}.", alt=f"{title}: three planes")


def _tile(
    page: Sheet,
    left_in: float,
    number: int,
    volume: NDArray[np.float32],
    masks: Sequence[tuple[str, NDArray[np.bool_]]],
    middle: Sequence[int],
    steps_mm: tuple[float, float, float],
    reaches_mm: Sequence[float],
) -> int:
    """Draw one plane with its contours; the axis that it cuts across."""
    _, across, (up, along) = _PLANES[number]
    axes = box(page, left_in, _TOP_IN, _TILE_IN, _TILE_IN)
    reach_mm = max(reaches_mm[up], reaches_mm[along])
    rows, columns = (_span(volume.shape[a], middle[a], reach_mm, steps_mm[a]) for a in (up, along))
    cut = _cutter(across, middle[across], up, along, rows, columns)
    low, high = grey_range(cut(volume))
    shape = steps_mm[up] / steps_mm[along]
    axes.imshow(cut(volume), cmap="gray", vmin=low, vmax=high, origin="lower", aspect=shape, interpolation="nearest")
    for (_, mask), ink in zip(masks, _INKS, strict=False):
        if cut(mask).any():
            axes.contour(cut(mask).astype(float), [0.5], colors=[ink], linewidths=1.0)
    if along == 0:
        axes.invert_xaxis()
    axes.set_axis_off()
    return across


def _upright(grid: Grid) -> tuple[Any, tuple[float, float, float], Any]:
    """Place in mm of an upright index, steps in mm, and how a volume (i, j, k) is turned so that its axes run right, front, up."""
    cosines = grid.affine[:3, :3] / np.asarray(grid.spacing_mm)
    order = max(permutations(range(3)), key=lambda axes: sum(abs(cosines[w, axes[w]]) for w in range(3)))
    flips = [cosines[w, order[w]] < 0 for w in range(3)]

    def turn(volume: NDArray[Any]) -> NDArray[Any]:
        a, b, c = (slice(None, None, -1) if flip else slice(None) for flip in flips)
        return volume.transpose(order)[a, b, c]

    def place(index: Sequence[int]) -> NDArray[np.float64]:
        own = np.zeros(3)
        for w in range(3):
            own[order[w]] = grid.shape[order[w]] - 1 - index[w] if flips[w] else index[w]
        return grid.to_mm(own)

    a, b, c = (grid.spacing_mm[axis] for axis in order)
    return place, (a, b, c), turn


def _half_mm(mask: NDArray[np.bool_], axis: int, middle: int, step_mm: float) -> float:
    held = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
    return float(max(held[-1] - middle, middle - held[0])) * step_mm


def _span(size: int, middle: int, reach_mm: float, step_mm: float) -> slice:
    reach = round(reach_mm / step_mm)
    return slice(max(0, middle - reach), min(size, middle + reach + 1))


def _cutter(across: int, index: int, up: int, along: int, rows: slice, columns: slice) -> Any:
    """Cuts (row, column) out of an upright volume."""

    def cut(volume: NDArray[Any]) -> NDArray[Any]:
        flat = np.take(volume, index, axis=across)
        upright: NDArray[Any] = (flat.T if up > along else flat)[rows, columns]
        return upright

    return cut
