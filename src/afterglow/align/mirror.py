"""The plane in which a head is its own mirror image, found from the image alone."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.align.images import from_transform, one_itk_thread
from afterglow.align.mutual import CHANCE, Scene, finite_image, information, settle, shrunk
from afterglow.align.rigid import COARSE, EXPLORE, MIDDLE, explored, sharpness
from afterglow.align.starts import apart_mm, bright_points, centre_of_mass, shared_view
from afterglow.records.errors import GridMismatch
from afterglow.records.grid import Grid
from afterglow.records.locking import locked

INVOLUTION_MM = 2.0  # mirrored twice, a point must come back; a wrong plane is a screw and does not
SHARP = 0.09  # heads, real and simulated, lose 19 % and more of their information when pushed by 6 mm or 6 degrees; wrong planes 8 % at most
SHARED_VIEW = 0.4  # less, and the image was matched by a sliver with itself
TILT_DEG = 50.0  # a head lies within this of the scanner's left-right axis, or the plane is not the midline


@dataclass(frozen=True, eq=False)
class Mirror:
    """Left and right exchanged: `reflection` takes a point (RAS mm) to its counterpart on the other side.

    The plane is the points p with normal . p = offset_mm; the normal points to the patient's right side as the scanner has it.
    """

    reflection: NDArray[np.float64]  # (4, 4)
    normal: NDArray[np.float64]  # (3,)
    offset_mm: float
    quality: tuple[tuple[str, float], ...]
    trusted: bool  # False: no plane of symmetry was found; the caller must not use it
    remark: str = ""

    def __post_init__(self) -> None:
        if self.reflection.shape != (4, 4) or not np.isclose(np.linalg.det(self.reflection[:3, :3]), -1.0):
            raise ValueError("a mirror's matrix is a 4 x 4 reflection")
        object.__setattr__(self, "reflection", locked(self.reflection))
        object.__setattr__(self, "normal", locked(self.normal))


class Plane(NamedTuple):
    """Points p with normal . p = offset_mm."""

    normal: NDArray[np.float64]  # (3,)
    offset_mm: float

    @property
    def reflection(self) -> NDArray[np.float64]:
        matrix = np.eye(4)
        matrix[:3, :3] -= 2.0 * np.outer(self.normal, self.normal)
        matrix[:3, 3] = 2.0 * self.offset_mm * self.normal
        return matrix


def find_mirror(image: NDArray[Any], grid: Grid) -> Mirror:
    """The midsagittal plane of a head (i, j, k): its mirror image across the middle is registered rigidly onto it.

    The plane halves the way between both. Quality: `information` (nats), `sharpness` (share of it lost by a push of 6 mm or
    6 degrees), `involution_mm` (how far a point mirrored twice lies from itself), `shared_view`, `tilt_deg` (normal against the scanner's
    left-right axis). A failure is noticed, not raised: `trusted` is False and `remark` says why.
    """
    if image.shape != grid.shape:
        raise GridMismatch(f"the image is {image.shape} but its grid is {grid.shape}; give one volume on its own grid")
    with one_itk_thread():
        fixed = finite_image(image, grid)
        if fixed is None:
            middle = grid.to_mm((np.array(grid.shape) - 1) / 2)
            plane = Plane(np.array([1.0, 0.0, 0.0]), float(middle[0]))
            return Mirror(plane.reflection, *plane, (), trusted=False, remark="the image holds one value everywhere")
        across = Plane(np.array([1.0, 0.0, 0.0]), -float(centre_of_mass(fixed)[0])).reflection
        # The same voxels on a mirrored grid: nothing is interpolated.
        moving = finite_image(image, Grid(grid.shape, across @ grid.affine))
        whole = Scene(fixed, moving)
        found = explored(whole)
        if found is None:
            plane = Plane(np.array([1.0, 0.0, 0.0]), float(across[0, 3] / 2))
            return Mirror(plane.reflection, *plane, (), trusted=False, remark="the image does not meet its own mirror image")
        middle_scene = whole.at(MIDDLE)
        found = settle(whole.at(COARSE), found.transform, COARSE)
        found = settle(middle_scene, found.transform, MIDDLE)
        points = bright_points(shrunk(fixed, EXPLORE))
        numbers = (
            information(middle_scene, found.transform, MIDDLE),
            sharpness(middle_scene, found.transform, MIDDLE, 6.0),
        )
    swap = across @ from_transform(found.transform)
    return _judged(swap, points, shared_view(grid, grid, swap), *numbers)


def halfway(swap: NDArray[np.float64], points: NDArray[np.float64]) -> Plane:
    """The plane nearest to an isometry (4, 4) that exchanges two sides: through the midpoints of points (n, 3) and their images."""
    turn = swap[:3, :3]
    normal = np.linalg.eigh((turn + turn.T) / 2)[1][:, 0]  # the axis that the map reverses has the lowest eigenvalue, -1
    normal = normal * (1.0 if normal[0] > 0 else -1.0)
    moved = points @ turn.T + swap[:3, 3]
    return Plane(normal, float(((points + moved) / 2 @ normal).mean()))


def _judged(swap: NDArray[np.float64], points: NDArray[np.float64], view: float, nats: float, sharp: float) -> Mirror:
    plane = halfway(swap, points)
    involution_mm = float(apart_mm(swap @ swap, points).mean())
    tilt_deg = float(np.degrees(np.arccos(min(1.0, plane.normal[0]))))
    doubts = []
    if not nats >= CHANCE:
        doubts.append(f"its two sides share {nats:.2f} nats of information, no more than chance")
    if not sharp >= SHARP:
        doubts.append(f"a push of 6 mm or 6 degrees costs {100 * sharp:.0f} % of the information")
    if involution_mm > INVOLUTION_MM:
        doubts.append(f"a point mirrored twice lies {involution_mm:.1f} mm from itself")
    if view < SHARED_VIEW:
        doubts.append(f"only {100 * view:.0f} % of the field of view has a counterpart")
    if tilt_deg > TILT_DEG:
        doubts.append(f"the plane is {tilt_deg:.0f} degrees from the scanner's midline")
    quality = (
        ("information", nats),
        ("sharpness", sharp),
        ("involution_mm", involution_mm),
        ("shared_view", view),
        ("tilt_deg", tilt_deg),
    )
    remark = f"no plane of symmetry: {'; '.join(doubts)}" if doubts else ""
    return Mirror(plane.reflection, plane.normal, plane.offset_mm, quality, trusted=not doubts, remark=remark)
