"""Share of each voxel of a grid inside a stack of planes: exact where the planes are parallel to slices of the grid."""

import numpy as np
from numpy.typing import NDArray

from afterglow.io.rt_planes import PlaneStack
from afterglow.kernels.contours import Ring, polygon_share
from afterglow.records.grid import Grid

_PARALLEL = 1e-5  # sine of the largest angle that counts as none: a hundredth of a pixel over a thousand
_POINTS = 4  # sample points along each edge of a voxel where planes are oblique
_FINE = 2.0  # pixels of an oblique plane along the shortest edge of a voxel

Slabs = NDArray[np.float64]  # (p, 2) lower and upper height of each plane


def stack_share(stack: PlaneStack, slabs_mm: Slabs, grid: Grid) -> tuple[NDArray[np.float32], float]:
    """Share (i, j, k), 0 to 1, and the volume in mL of the whole stack, in and outside the grid."""
    axes = grid.affine[:3, :3] / np.array(grid.spacing_mm)
    leaning = np.linalg.norm(np.cross(axes.T, stack.normal), axis=1)
    axis = int(np.argmin(leaning))
    others = [n for n in range(3) if n != axis]
    upright = float(np.abs(axes[:, others].T @ stack.normal).max())
    if leaning[axis] < _PARALLEL and upright < _PARALLEL:
        return _parallel(stack, slabs_mm, grid, axis)
    return _oblique(stack, slabs_mm, grid)


def _parallel(stack: PlaneStack, slabs_mm: Slabs, grid: Grid, axis: int) -> tuple[NDArray[np.float32], float]:
    """Polygons are filled in the pixels of the slices; a slab gives each slice the part of it that it fills."""
    others = [n for n in range(3) if n != axis]
    shape = (grid.shape[axis], grid.shape[others[0]], grid.shape[others[1]])
    total = np.zeros(shape, dtype=np.float64)
    volume = 0.0
    for height, rings, faces in zip(stack.heights_mm, stack.rings, slabs_mm, strict=True):
        index = [grid.to_index(stack.to_mm(ring, float(height))) for ring in rings]
        ends = grid.to_index(np.array([stack.normal * float(face) for face in faces]) + stack.to_mm(rings[0][:1], 0.0))[:, axis]
        low, high = float(ends.min()), float(ends.max())
        box, corner = _filled([one[:, others] for one in index])
        volume += float(box.sum()) * (high - low)
        _add(total, box, corner, _overlap(low, high, shape[0]))
    share = np.moveaxis(total, 0, axis)
    return np.clip(share, 0.0, 1.0).astype(np.float32), volume * grid.voxel_ml


def _filled(rings: list[Ring]) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Share of the pixels of the smallest box around the rings, and the box's first pixel."""
    points = np.concatenate(rings)
    low = np.floor(points.min(axis=0) + 0.5).astype(int)
    high = np.floor(points.max(axis=0) + 0.5).astype(int)
    n_i, n_j = (int(n) for n in high - low + 1)
    return polygon_share([ring - low for ring in rings], (n_i, n_j)), (int(low[0]), int(low[1]))


def _overlap(low: float, high: float, count: int) -> NDArray[np.float64]:
    """Part of each of `count` slices that lies between two heights in slices."""
    slices = np.arange(count, dtype=np.float64)
    part: NDArray[np.float64] = np.minimum(high, slices + 0.5) - np.maximum(low, slices - 0.5)
    return part.clip(0.0, 1.0)


def _add(total: NDArray[np.float64], box: NDArray[np.float64], corner: tuple[int, int], part: NDArray[np.float64]) -> None:
    """Add a filled box to every slice by its part; what lies outside is left out."""
    first = [max(0, -c) for c in corner]
    last = [min(n, size - c) for n, size, c in zip(box.shape, total.shape[1:], corner, strict=True)]
    if last[0] <= first[0] or last[1] <= first[1]:
        return
    inside = box[first[0] : last[0], first[1] : last[1]]
    rows = slice(corner[0] + first[0], corner[0] + last[0])
    columns = slice(corner[1] + first[1], corner[1] + last[1])
    for k in np.flatnonzero(part):
        total[k, rows, columns] += part[k] * inside


def _oblique(stack: PlaneStack, slabs_mm: Slabs, grid: Grid) -> tuple[NDArray[np.float32], float]:
    """Planes are filled in fine pixels of their own, and every voxel is asked at 4 x 4 x 4 points."""
    pixel_mm = min(grid.spacing_mm) / _FINE
    filled, corner = _filled_stack(stack, pixel_mm)
    areas = filled.sum(axis=(1, 2), dtype=np.float64)
    volume_ml = float(areas @ np.diff(slabs_mm, axis=1)[:, 0]) * pixel_mm**2 / 1000.0
    share = np.zeros(grid.shape, dtype=np.float32)
    first, last = _voxel_box(stack, slabs_mm, grid)
    if any(a >= b for a, b in zip(first, last, strict=True)):
        return share, volume_ml
    for i in range(first[0], last[0]):
        points_mm = _sample_points(grid, i, first, last)
        plane = _plane_of(points_mm @ stack.normal, slabs_mm)
        pixel = np.floor(points_mm @ stack.across / pixel_mm + 0.5).astype(np.intp) - corner
        inside = _looked_up(filled, plane, pixel)
        share[i, first[1] : last[1], first[2] : last[2]] = inside.mean(axis=1).reshape(last[1] - first[1], last[2] - first[2])
    return share, volume_ml


def _filled_stack(stack: PlaneStack, pixel_mm: float) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """All planes (p, u, v) filled in one box of pixels, and its first pixel."""
    scaled = [[ring / pixel_mm for ring in rings] for rings in stack.rings]
    points = np.concatenate([ring for rings in scaled for ring in rings])
    low = np.floor(points.min(axis=0) + 0.5).astype(np.intp)
    n_u, n_v = (int(n) for n in np.floor(points.max(axis=0) + 0.5).astype(np.intp) - low + 1)
    filled = np.zeros((len(scaled), n_u, n_v), dtype=np.float32)
    for plane, rings in enumerate(scaled):
        filled[plane] = polygon_share([ring - low for ring in rings], (n_u, n_v))
    return filled, low


def _plane_of(heights_mm: NDArray[np.float64], slabs_mm: Slabs) -> NDArray[np.intp]:
    """The plane whose slab holds each height; -1 where none does."""
    plane = np.searchsorted(slabs_mm[:, 0], heights_mm, side="right") - 1
    return np.where((plane >= 0) & (heights_mm < slabs_mm[plane, 1]), plane, -1)


def _looked_up(filled: NDArray[np.float32], plane: NDArray[np.intp], pixel: NDArray[np.intp]) -> NDArray[np.float32]:
    """Share of the fine pixel in which each point lies; 0 outside."""
    valid = (plane >= 0) & ((pixel >= 0) & (pixel < np.array(filled.shape[1:]))).all(axis=-1)
    found = np.zeros(plane.shape, dtype=np.float32)
    found[valid] = filled[plane[valid], pixel[valid, 0], pixel[valid, 1]]
    return found


def _voxel_box(stack: PlaneStack, slabs_mm: Slabs, grid: Grid) -> tuple[list[int], list[int]]:
    """First voxel, and the one after the last, that the stack can reach."""
    corners = np.concatenate(
        [
            grid.to_index(stack.to_mm(np.concatenate(rings), float(face)))
            for rings, faces in zip(stack.rings, slabs_mm, strict=True)
            for face in faces
        ]
    )
    low = np.clip(np.floor(corners.min(axis=0) + 0.5), 0, grid.shape).astype(int)
    high = np.clip(np.floor(corners.max(axis=0) + 0.5) + 1, low, grid.shape).astype(int)
    return [int(n) for n in low], [int(n) for n in high]


def _sample_points(grid: Grid, i: int, first: list[int], last: list[int]) -> NDArray[np.float64]:
    """RAS mm (voxels of slice i, 64, 3)."""
    steps = (np.arange(_POINTS) + 0.5) / _POINTS - 0.5
    within = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(1, -1, 3)
    ranges = (np.array([float(i)]), np.arange(first[1], last[1], dtype=float), np.arange(first[2], last[2], dtype=float))
    voxels = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    return grid.to_mm(voxels + within)
