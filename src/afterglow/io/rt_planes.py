"""Rings of one structure put in order: parallel planes, each with its rings in the plane's own millimetres."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.contours import Ring, cross_each_other, crosses_itself
from afterglow.records.alignment import QualityLine
from afterglow.records.errors import BadInput
from afterglow.records.grid import Grid

_SAME_PLANE_MM = 0.05
_OUT_OF_PLANE_MM = 0.1
_LINE_MM = 1e-3
_GAP = 1.5  # planes farther apart than so many spacings have nothing between them


@dataclass(frozen=True, eq=False)
class PlaneStack:
    """Planes at rising heights along `normal`; a point is `across` @ (u, v) + normal * height (RAS mm)."""

    normal: NDArray[np.float64]  # (3,)
    across: NDArray[np.float64]  # (3, 2)
    heights_mm: NDArray[np.float64]  # (p,)
    rings: tuple[tuple[Ring, ...], ...]  # of each plane, (n, 2) in mm

    def slabs_mm(self, spacing_mm: float) -> NDArray[np.float64]:
        """Lower and upper height (p, 2) of what each plane stands for: half-way to its neighbour, or half a spacing."""
        gaps = np.diff(self.heights_mm)
        half = np.where(gaps <= _GAP * spacing_mm, gaps, spacing_mm) / 2.0
        lower, upper = np.append(spacing_mm / 2.0, half), np.append(half, spacing_mm / 2.0)
        return np.column_stack((self.heights_mm - lower, self.heights_mm + upper))

    def n_gaps(self, spacing_mm: float) -> int:
        """How many planes are followed by nothing for more than one and a half spacings."""
        return int(np.count_nonzero(np.diff(self.heights_mm) > _GAP * spacing_mm))

    def reaches_beyond(self, slabs_mm: NDArray[np.float64], grid: Grid) -> bool:
        """Whether any corner, at either face of its slab, lies outside the voxels of a grid."""
        for rings, faces in zip(self.rings, slabs_mm, strict=True):
            for height in faces:
                index = grid.to_index(self.to_mm(np.concatenate(rings), float(height)))
                if (index < -0.5 - 1e-6).any() or (index > np.array(grid.shape) - 0.5 + 1e-6).any():
                    return True
        return False

    def to_mm(self, points: Ring, height_mm: float) -> NDArray[np.float64]:
        """(n, 2) in a plane -> RAS mm (n, 3)."""
        moved: NDArray[np.float64] = points @ self.across.T + self.normal * height_mm
        return moved


def plane_stack(rings_mm: list[NDArray[np.float64]], what: str) -> tuple[PlaneStack | None, list[QualityLine]]:
    """Rings (n, 3) in RAS mm as a stack of planes, and what was odd about them; None where there is no ring.

    BadInput where a ring is not flat or the rings lie in planes of several directions.
    """
    normal = _normal(rings_mm)
    if normal is None:
        lines = [QualityLine(what, "its contours enclose nothing", "warning", "it is left out; draw it again")]
        return None, lines if rings_mm else []
    across = _across(normal)
    planes: list[tuple[float, list[Ring]]] = []
    for ring in sorted(rings_mm, key=lambda one: float((one @ normal).mean())):
        heights = ring @ normal
        if float(np.ptp(heights)) > _OUT_OF_PLANE_MM:
            raise BadInput(
                f"{what}: a contour bends {np.ptp(heights):.2g} mm out of its plane, or lies in another direction than the others; "
                "draw it in parallel slices"
            )
        height = float(heights.mean())
        if not planes or height - planes[-1][0] > _SAME_PLANE_MM:
            planes.append((height, []))
        planes[-1][1].append(ring @ across)
    kept = [_without_copies(rings) for _, rings in planes]
    stack = PlaneStack(normal, across, np.array([height for height, _ in planes]), tuple(tuple(rings) for rings in kept))
    return stack, _remarks(stack, sum(len(rings) for _, rings in planes), what)


def _normal(rings_mm: list[NDArray[np.float64]]) -> NDArray[np.float64] | None:
    """Direction in which the widest ring extends least, its largest part positive; None where all are lines or points."""
    widest, normal = _LINE_MM, None
    for ring in rings_mm:
        _, extents, directions = np.linalg.svd(ring - ring.mean(axis=0), full_matrices=True)
        if extents[1] > widest:
            widest, normal = float(extents[1]), directions[2]
    if normal is None:
        return None
    rounded = np.rint(normal)
    if np.abs(normal - rounded).max() < 1e-6:  # rounding of the coordinates
        normal = rounded
    upward: NDArray[np.float64] = normal if normal[int(np.argmax(np.abs(normal)))] > 0 else -normal
    return upward


def _across(normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two directions at right angles in a plane."""
    first = np.cross(normal, np.eye(3)[int(np.argmin(np.abs(normal)))])
    first /= np.linalg.norm(first)
    return np.column_stack((first, np.cross(normal, first)))


def _without_copies(rings: list[Ring]) -> list[Ring]:
    """Each ring once: by the even-odd rule a second copy would erase it."""
    seen: dict[bytes, Ring] = {}
    for ring in rings:
        start = int(np.lexsort(ring.T)[0])
        rolled = np.roll(np.round(ring, 3), -start, axis=0)
        backward = np.roll(rolled[::-1], 1, axis=0)
        key = min(rolled.tobytes(), backward.tobytes())
        seen.setdefault(key, ring)
    return list(seen.values())


def _remarks(stack: PlaneStack, n_rings: int, what: str) -> list[QualityLine]:
    lines = []
    copies = n_rings - sum(len(rings) for rings in stack.rings)
    if copies:
        lines.append(QualityLine(what, f"{copies} contours are there twice", "warning", "each counts once"))
    crossing = sum(crosses_itself(ring) for rings in stack.rings for ring in rings)
    if crossing:
        words = "inside is what an odd number of turns surrounds; draw them again where that is not meant"
        lines.append(QualityLine(what, f"{crossing} contours cross themselves", "warning", words))
    overlapping = sum(cross_each_other(a, b) for rings in stack.rings for n, a in enumerate(rings) for b in rings[n + 1 :])
    if overlapping:
        words = "what both surround is left out, as in a hole; draw one contour around both where that is not meant"
        lines.append(QualityLine(what, f"{overlapping} pairs of contours cross each other", "warning", words))
    return lines
