"""Closed polygons in a plane: their area, whether they cross themselves, and the share of each pixel inside them.

A ring is (n, 2): corners in pixel units, pixel (i, j) centred on (i, j); the last corner is joined to the first. Several rings
together mean by the even-odd rule: inside is what an odd number of them surrounds, so that a ring in a ring is a hole.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.float64]
_LINES = 32  # scan lines across a pixel; along a line the share is exact
_CHUNK = 256  # edges compared with all others at a time


def signed_area(ring: Ring) -> float:
    """Area in pixels by the shoelace formula; positive where the ring runs from the first axis to the second."""
    x, y = (ring - ring[0]).T  # differences near the ring, so that a far origin costs no digits
    return float(0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def covered_area(rings: Sequence[Ring]) -> float:
    """Area in pixels inside rings that do not cross, by the even-odd rule."""
    total = 0.0
    for number, ring in enumerate(rings):
        others = sum(contains(other, ring[0]) for n, other in enumerate(rings) if n != number)
        total += abs(signed_area(ring)) * (-1.0 if others % 2 else 1.0)
    return total


def contains(ring: Ring, point: NDArray[np.float64]) -> bool:
    """Whether a point (2,) lies inside a ring by the even-odd rule."""
    x, y = ring.T
    x_next, y_next = np.roll(x, -1), np.roll(y, -1)
    between = (y > point[1]) != (y_next > point[1])
    rise = np.where(between, y_next - y, 1.0)
    at = x + (point[1] - y) / rise * (x_next - x)
    return bool(np.count_nonzero(between & (point[0] < at)) % 2)


def crosses_itself(ring: Ring) -> bool:
    """Whether two of its edges pass through each other. Edges that merely touch or lie on each other, as in a keyhole, do not."""
    return cross_each_other(ring, ring)


def cross_each_other(first: Ring, second: Ring) -> bool:
    """Whether an edge of one ring passes through an edge of the other."""
    c, d = second, np.roll(second, -1, axis=0)
    slack = 1e-9 * max(1.0, float(np.ptp(np.concatenate((first, second)), axis=0).max())) ** 2
    for start in range(0, len(first), _CHUNK):
        a = first[start : start + _CHUNK, None]
        b = np.roll(first, -1, axis=0)[start : start + _CHUNK, None]
        sides = (_side(a, b, c), _side(a, b, d), _side(c, d, a), _side(c, d, b))
        apart_ab = (np.minimum(sides[0], sides[1]) < -slack) & (np.maximum(sides[0], sides[1]) > slack)
        apart_cd = (np.minimum(sides[2], sides[3]) < -slack) & (np.maximum(sides[2], sides[3]) > slack)
        if bool((apart_ab & apart_cd).any()):
            return True
    return False


def _side(a: Ring, b: Ring, p: Ring) -> NDArray[np.float64]:
    """Twice the signed area of the triangle a, b, p."""
    side: NDArray[np.float64] = (b[..., 0] - a[..., 0]) * (p[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (
        p[..., 0] - a[..., 0]
    )
    return side


def polygon_share(rings: Sequence[Ring], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Share of each pixel (i, j) inside the rings by the even-odd rule, 0 to 1; what lies outside `shape` is cut off.

    Exact along the first axis, and in `_LINES` steps along the second.
    """
    n_i, n_j = shape
    share = np.zeros((n_i + 1, n_j * _LINES))
    crossings = _crossings(rings, n_j)
    if crossings[0].size:
        line, at = crossings
        order = np.lexsort((at, line))
        line, at = line[order], at[order]
        sign = np.where(_rank_within(line) % 2 == 0, 1.0, -1.0)  # in, out, in, out …
        at = np.clip(at + 0.5, 0.0, float(n_i))  # in units of pixel edges
        pixel = np.minimum(at.astype(np.intp), n_i - 1)
        np.add.at(share, (pixel, line), sign * (1.0 - (at - pixel)))
        np.add.at(share, (pixel + 1, line), sign * (at - pixel))
    filled: NDArray[np.float64] = np.cumsum(share, axis=0)[:n_i].reshape(n_i, n_j, _LINES).mean(axis=2)
    return filled.clip(0.0, 1.0)


def _crossings(rings: Sequence[Ring], n_j: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Where edges meet the scan lines: number of the line and place along the first axis."""
    lines: list[NDArray[np.intp]] = [np.zeros(0, dtype=np.intp)]
    places: list[NDArray[np.float64]] = [np.zeros(0)]
    for ring in rings:
        # Scan line m runs at j = -0.5 + (m + 0.5) / _LINES; half-open edges, so that a corner on a line counts once.
        x, y = ring[:, 0], (ring[:, 1] + 0.5) * _LINES - 0.5
        x_next, y_next = np.roll(x, -1), np.roll(y, -1)
        first = np.clip(np.ceil(np.minimum(y, y_next)), 0, n_j * _LINES).astype(np.intp)
        last = np.clip(np.ceil(np.maximum(y, y_next)), 0, n_j * _LINES).astype(np.intp)  # the first line beyond
        count = last - first
        edge = np.repeat(np.arange(len(ring)), count)
        line = first[edge] + np.arange(edge.size) - np.repeat(np.cumsum(count) - count, count)
        rise = np.where(count > 0, y_next - y, 1.0)
        lines.append(line)
        places.append(x[edge] + (line - y[edge]) / rise[edge] * (x_next - x)[edge])
    return np.concatenate(lines), np.concatenate(places)


def _rank_within(line: NDArray[np.intp]) -> NDArray[np.intp]:
    """How many entries of the same (sorted) line come before."""
    starts = np.flatnonzero(np.diff(line, prepend=-1))
    return np.arange(line.size) - np.repeat(starts, np.diff(starts, append=line.size))


def joined(outer: Ring, holes: Sequence[Ring]) -> Ring:
    """One ring from an outer ring and the holes in it, by channels of no width (a keyhole). The holes must lie inside.

    Each hole is joined, from its corner farthest along the first axis, straight on to the next edge.
    """
    ring = outer if signed_area(outer) > 0 else outer[::-1]
    for hole in sorted(holes, key=lambda one: -float(one[:, 0].max())):
        inner = hole if signed_area(hole) < 0 else hole[::-1]
        start = int(np.argmax(inner[:, 0]))
        inner = np.roll(inner, -start, axis=0)
        edge, at = _next_edge(ring, inner[0])
        meets = np.array([[at, inner[0, 1]]])
        ring = np.concatenate((ring[: edge + 1], meets, inner, inner[:1], meets, ring[edge + 1 :]))
    return ring


def _next_edge(ring: Ring, point: NDArray[np.float64]) -> tuple[int, float]:
    """The edge that a ray from `point` along the first axis meets first, and where. ValueError where there is none."""
    x, y = ring.T
    x_next, y_next = np.roll(x, -1), np.roll(y, -1)
    between = (y > point[1]) != (y_next > point[1])
    at = x + (point[1] - y) / np.where(between, y_next - y, 1.0) * (x_next - x)
    at = np.where(between & (at > point[0]), at, np.inf)
    edge = int(np.argmin(at))
    if not np.isfinite(at[edge]):
        raise ValueError("a hole lies outside its ring")
    return edge, float(at[edge])


def nested(rings: Sequence[Ring]) -> list[tuple[Ring, list[Ring]]]:
    """Rings that do not cross, as outer rings each with its own holes; an island in a hole is an outer ring again."""
    parents = [
        [n for n, other in enumerate(rings) if n != number and contains(other, ring[0])] for number, ring in enumerate(rings)
    ]
    outers = [n for n, above in enumerate(parents) if len(above) % 2 == 0]
    groups = []
    for n in outers:
        depth = len(parents[n])
        holes = [rings[m] for m, above in enumerate(parents) if n in above and len(above) == depth + 1]
        groups.append((rings[n], holes))
    return groups
