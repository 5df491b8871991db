"""Three planes through one place, upright and in millimetres, whatever the grid: what pictures of zones and doses are drawn on."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from afterglow.records.dose import NOT_FOR_TREATMENT
from afterglow.records.errors import GridMismatch
from afterglow.records.grid import Grid
from afterglow.records.zones import ZONE_COLOURS, Zone
from afterglow.report.figures.canvas import INK, SMALL_PT, TEXT_PT, WARNING_INK, plain, write
from afterglow.report.figures.windows import Window

TILE_IN = 3.0
GAP_IN = 0.08
TOP_IN = 0.62  # a title, and the names of the planes
FOOT_IN = 0.34  # the words that no picture of a dose is without
MARGIN_MM = 12.0
LEAST_REACH_MM = 24.0
SCALE_MM = 20.0
ZONE_ON_IMAGE = {zone: "#" + "".join(f"{part:02x}" for part in colour) for zone, colour in ZONE_COLOURS.items()}
ZONE_ON_WHITE = {**ZONE_ON_IMAGE, Zone.PENUMBRA: "#b39b00"}  # yellow is too pale for a line on paper
TUMOUR_ON_IMAGE = "#ffffff"
_FINER = 8  # than a voxel: an outline runs along the faces of voxels


@dataclass(frozen=True, eq=False)
class Cut:
    """One plane: how it is taken out of a volume, where its pixels lie in mm from the middle, and what is on its four sides."""

    name: str  # axial, coronal, sagittal
    where: str  # "12 mm S"
    axes: tuple[int, int, int]  # voxel axes that become slice, row, column
    flips: tuple[bool, bool, bool]
    index: int
    rows_mm: NDArray[np.float64]  # of row centres, rising downwards
    columns_mm: NDArray[np.float64]
    letters: tuple[str, str, str, str]  # left, right, top, bottom

    def of(self, volume: NDArray[Any]) -> NDArray[Any]:
        """(i, j, k) -> (row, column) as seen."""
        turned = volume.transpose(self.axes)
        a, b, c = (slice(None, None, -1) if flip else slice(None) for flip in self.flips)
        plane: NDArray[Any] = turned[a, b, c][self.index]
        return plane

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top edge in mm."""
        x, y = self.columns_mm, self.rows_mm
        half_x, half_y = (abs(v[1] - v[0]) / 2 if len(v) > 1 else 0.5 for v in (x, y))
        return float(x[0] - half_x), float(x[-1] + half_x), float(y[-1] + half_y), float(y[0] - half_y)


# World axis (0 right, 1 front, 2 up) and whether it falls, for slice, row from the top, column from the viewer's left.
_SEEN = (
    ("axial", (2, False), (1, True), (0, True), ("R", "L", "A", "P"), "IS"),
    ("coronal", (1, False), (2, True), (0, True), ("R", "L", "S", "I"), "PA"),
    ("sagittal", (0, False), (2, True), (1, True), ("A", "P", "S", "I"), "LR"),
)


def three_cuts(grid: Grid, middle: tuple[int, int, int]) -> tuple[Cut, Cut, Cut]:
    """Axial, coronal and sagittal plane nearest to the voxel axes, through a voxel; the patient's right on the viewer's left."""
    cosines = grid.affine[:3, :3] / np.asarray(grid.spacing_mm)
    world = max(permutations(range(3)), key=lambda order: sum(abs(cosines[w, order[w]]) for w in range(3)))
    place = grid.to_mm(np.asarray(middle, dtype=np.float64))
    cuts = []
    for name, *sides, letters, ends in _SEEN:
        axes, flips, lines = [], [], []
        for w, falls in sides:
            axis = world[w]
            flip = bool(cosines[w, axis] < 0) != falls
            at = grid.shape[axis] - 1 - middle[axis] if flip else middle[axis]
            axes.append(axis)
            flips.append(flip)
            steps: NDArray[np.float64] = np.arange(grid.shape[axis], dtype=np.float64) - at
            lines.append((at, (steps * grid.spacing_mm[axis]).astype(np.float64)))
        across = float(place[sides[0][0]])
        where = f"{abs(across):.0f} mm {ends[across > 0]}"
        cuts.append(
            Cut(
                name,
                where,
                (axes[0], axes[1], axes[2]),
                (flips[0], flips[1], flips[2]),
                lines[0][0],
                lines[1][1],
                lines[2][1],
                letters,
            )
        )
    return cuts[0], cuts[1], cuts[2]


def middle_of(*masks: NDArray[np.bool_]) -> tuple[int, int, int]:
    """The voxel of the first mask that is not empty that lies nearest to its middle; the middle of the grid where all are."""
    for mask in masks:
        held = np.argwhere(mask)
        if held.size:
            i, j, k = (int(v) for v in held[np.argmin(((held - held.mean(axis=0)) ** 2).sum(axis=1))])
            return i, j, k
    a, b, c = (n // 2 for n in masks[0].shape)
    return a, b, c


def reach_of(mask: NDArray[np.bool_], grid: Grid, middle: tuple[int, int, int]) -> float:
    """Half of the side of a picture, in mm, that shows the whole mask with a margin."""
    held = np.argwhere(mask)
    if not held.size:
        return LEAST_REACH_MM
    far = np.abs(held - np.asarray(middle)).max(axis=0) * np.asarray(grid.spacing_mm)
    return max(LEAST_REACH_MM, float(far.max()) + MARGIN_MM)


def check_backdrop(what: str, grid: Grid, *others: tuple[str, Grid | tuple[int, ...]]) -> None:
    """GridMismatch where something drawn over one another lies elsewhere."""
    for name, other in others:
        same = other.same_as(grid) if isinstance(other, Grid) else other == grid.shape
        if not same:
            raise GridMismatch(f"{what} lies on {grid} but {name} on {other}; lay it on that grid before drawing")


def anatomy(axes: Axes, cut: Cut, backdrop: NDArray[Any], grey: tuple[float, float], reach_mm: float) -> None:
    """The plane in grey within a square around the middle, with letters and a bar of 20 mm."""
    axes.set_facecolor("black")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    clean = np.nan_to_num(cut.of(backdrop), nan=grey[0], posinf=grey[1], neginf=grey[0])
    axes.imshow(clean, cmap="gray", vmin=grey[0], vmax=grey[1], extent=cut.extent, interpolation="bilinear", aspect="auto")
    axes.set_xlim(-reach_mm, reach_mm)
    axes.set_ylim(reach_mm, -reach_mm)
    for x, y, letter, across, along in zip(
        (0.02, 0.98, 0.5, 0.5), (0.5, 0.5, 0.98, 0.02), cut.letters, ("left", "right", "center", "center"),
        ("center", "center", "top", "bottom"), strict=True,
    ):  # fmt: skip
        rimmed(axes, x, y, letter, ha=across, va=along)
    left = reach_mm * 0.92 - SCALE_MM
    axes.plot([left, left + SCALE_MM], [reach_mm * 0.93] * 2, color="white", linewidth=1.6, solid_capstyle="butt")
    rimmed(axes, 0.96, 0.055, f"{SCALE_MM:g} mm", ha="right", va="bottom")


def laid(axes: Axes, cut: Cut, plane: NDArray[Any], window: Window) -> None:
    """Values of one plane over the anatomy, voxel by voxel; masked ones stay see-through."""
    axes.imshow(
        plane, cmap=window.colours, vmin=window.low, vmax=window.high, extent=cut.extent, interpolation="nearest", aspect="auto"
    )


def rimmed(axes: Axes, x: float, y: float, words: str, *, ha: str, va: str) -> None:
    """White words with a dark rim, at shares of the picture."""
    written = axes.text(
        x, y, words, transform=axes.transAxes, ha=ha, va=va, color="white", fontsize=SMALL_PT, family="DejaVu Sans"
    )
    written.set_path_effects([effects.withStroke(linewidth=1.6, foreground="black")])


def outline(axes: Axes, cut: Cut, mask: NDArray[np.bool_], colour: str, *, width_pt: float = 1.2, dashed: bool = False) -> None:
    """A line around a mask, along the faces of its voxels, with a dark rim."""
    plane = cut.of(mask)
    if not plane.any():
        return
    rows, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
    held = np.pad(plane[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1)
    fine = np.kron(held, np.ones((_FINER, _FINER), dtype=np.bool_)).astype(np.float64)
    left, right, bottom, top = cut.extent
    step_x, step_y = (right - left) / plane.shape[1], (bottom - top) / plane.shape[0]
    x = left + step_x * (columns[0] - 1 + (np.arange(fine.shape[1]) + 0.5) / _FINER)
    y = top + step_y * (rows[0] - 1 + (np.arange(fine.shape[0]) + 0.5) / _FINER)
    drawn = axes.contour(
        x, y, fine, levels=[0.5], colors=[colour], linewidths=width_pt, linestyles=["dashed" if dashed else "solid"]
    )
    drawn.set_path_effects([effects.withStroke(linewidth=width_pt + 1.0, foreground="#000000a0")])


def line_of(colour: str, words: str, *, dashed: bool = False) -> Line2D:
    """A line for a legend on white, with the dark rim that lines on pictures have."""
    line = Line2D([], [], color=colour, linewidth=1.8, linestyle="--" if dashed else "-", label=words)
    line.set_path_effects([effects.withStroke(linewidth=2.8, foreground="#000000a0")])
    return line


def heading(page: Sheet, title: str, cuts: Sequence[Cut]) -> None:
    """The title of a sheet, and over each column which plane it is."""
    write(page, GAP_IN, 0.08, plain(title), size_pt=TEXT_PT + 1, colour=INK)
    for n, cut in enumerate(cuts):
        write(page, GAP_IN + n * (TILE_IN + GAP_IN), TOP_IN - 0.22, f"{cut.name}, {cut.where}", size_pt=SMALL_PT + 1, colour=INK)


def warn(page: Sheet, left_in: float = GAP_IN) -> None:
    """The words that are burned into every picture of zones or dose, at its foot."""
    write(
        page, left_in, float(page.get_size_inches()[1]) - FOOT_IN + 0.08, NOT_FOR_TREATMENT, size_pt=TEXT_PT, colour=WARNING_INK
    )
