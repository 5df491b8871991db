"""Which way a volume is looked at: the plane it was acquired in, radiological convention, letters from the affine."""

from dataclasses import dataclass
from itertools import permutations
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid

Scalar = TypeVar("Scalar", bound=np.generic)

_LOW, _HIGH = "LPI", "RAS"
# World axis (0 right, 1 anterior, 2 superior) and direction of slices, of rows downwards, of columns to the viewer's right.
_PLANES: dict[int, tuple[str, tuple[tuple[int, int], tuple[int, int], tuple[int, int]]]] = {
    0: ("sagittal", ((0, 1), (2, -1), (1, -1))),
    1: ("coronal", ((1, 1), (2, -1), (0, -1))),
    2: ("axial", ((2, 1), (1, -1), (0, -1))),
}
THICK_SLICES = 1.15  # a spacing this much above the other two marks the slice direction
TILT_WORTH_SAYING_DEG = 5.0


@dataclass(frozen=True, eq=False)
class View:
    """A way to stand a volume (i, j, k) up as (slice, row, column), row 0 on top, column 0 on the viewer's left."""

    plane: str  # axial, sagittal, coronal: the nearest one
    tilt_deg: float  # between the slice normal and that plane's own
    axes: tuple[int, int, int]  # voxel axes that become slice, row, column
    flipped: tuple[bool, bool, bool]
    spacing_mm: tuple[float, float, float]  # slice, row, column
    left: str
    right: str
    top: str
    bottom: str
    _centres_mm: NDArray[np.float64]  # (slices,) position along the plane's world axis
    _ends: tuple[str, str]  # letters of falling and rising position

    @property
    def words(self) -> str:
        """ "axial", or "axial, tilted by 12°"."""
        tilted = self.tilt_deg >= TILT_WORTH_SAYING_DEG
        return f"{self.plane}, tilted by {self.tilt_deg:.0f}°" if tilted else self.plane

    def stand(self, volume: NDArray[Scalar]) -> NDArray[Scalar]:
        """(i, j, k) -> (slice, row, column) as seen; a view of the same memory."""
        turned: NDArray[Any] = volume.transpose(self.axes)
        a, b, c = (slice(None, None, -1) if flip else slice(None) for flip in self.flipped)
        return turned[a, b, c]

    def slice_words(self, index: int) -> str:
        """Where a slice lies: "12.5 mm S"."""
        place = round(float(self._centres_mm[index]), 1)
        return f"{abs(place):g} mm {self._ends[place > 0]}"


def _world_axes(grid: Grid) -> tuple[int, int, int]:
    """For each voxel axis the world axis it runs along: the assignment with the largest sum of direction cosines."""
    cosines = np.abs(grid.affine[:3, :3]) / np.asarray(grid.spacing_mm)
    orders = [(a, b, c) for a, b, c in permutations((0, 1, 2))]
    return max(orders, key=lambda world: round(float(sum(cosines[world[v], v] for v in range(3))), 9))


def _slice_axis(grid: Grid, world: tuple[int, int, int]) -> int:
    single = [axis for axis, size in enumerate(grid.shape) if size == 1]
    if len(single) == 1:
        return single[0]
    by_spacing = sorted(range(3), key=lambda axis: grid.spacing_mm[axis])
    if grid.spacing_mm[by_spacing[2]] > THICK_SLICES * grid.spacing_mm[by_spacing[1]]:
        return by_spacing[2]
    return world.index(2)


def view_of(grid: Grid) -> View:
    """The acquired plane where slices are thicker than pixels, else axial; patient's right on the viewer's left.

    Only where voxels lie decides: storing the same volume with other axes or flips gives the same picture.
    """
    world = _world_axes(grid)
    slice_axis = _slice_axis(grid, world)
    plane, wanted = _PLANES[world[slice_axis]]
    axes = tuple(world.index(axis) for axis, _ in wanted)
    signs = [np.sign(grid.affine[w, world.index(w)]) for w in range(3)]
    flipped = tuple(bool(signs[axis] != direction) for axis, direction in wanted)
    direction = grid.affine[:3, slice_axis] / grid.spacing_mm[slice_axis]
    tilt = float(np.degrees(np.arccos(min(1.0, abs(float(direction[world[slice_axis]]))))))
    (normal, _), (down, _), (across, _) = wanted
    middle = (np.asarray(grid.shape, dtype=np.float64) - 1) / 2
    places = np.tile(middle, (grid.shape[slice_axis], 1))
    places[:, slice_axis] = np.arange(grid.shape[slice_axis])
    centres = grid.to_mm(places)[:, normal]
    return View(
        plane=plane,
        tilt_deg=tilt,
        axes=(axes[0], axes[1], axes[2]),
        flipped=(flipped[0], flipped[1], flipped[2]),
        spacing_mm=(grid.spacing_mm[axes[0]], grid.spacing_mm[axes[1]], grid.spacing_mm[axes[2]]),
        left=_HIGH[across],
        right=_LOW[across],
        top=_HIGH[down],
        bottom=_LOW[down],
        _centres_mm=centres[::-1] if flipped[0] else centres,
        _ends=(_LOW[normal], _HIGH[normal]),
    )
