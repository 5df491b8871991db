"""Closed polygons in a plane: their area, whether they cross themselves, and the share of each pixel inside them.

A ring is (n, 2): corners in pixel units, pixel (i, j) centred on (i, j); the last corner is joined to the first. Several rings
together mean by the even-odd rule: inside is what an odd number of them surrounds, so that a ring in a ring is a hole.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.float64]
_MOST_CUTS = 50  # rounds of looking for edges that cross within a strip
_TOUCHING = 1e-9  # pixels
_CHUNK = 256  # edges compared with all others at a time


def signed_area(ring: Ring) -> float:
    """Area in pixels by the shoelace formula; positive where the ring runs from the first axis to the second."""
    x, y = (ring - ring[0]).T  # differences near the ring, so that a far origin costs no digits
    return float(0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


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

    The plane is cut into strips along the first axis at every corner, crossing and pixel border. In a strip the edges are straight
    and their order stands, so that the area beyond each is exact.
    """
    n_i, n_j = shape
    if not rings:
        return np.zeros(shape)
    row, height, first, last = _strips(rings, n_j)
    low, high = np.minimum(first, last) + 0.5, np.maximum(first, last) + 0.5  # in units of pixel borders
    # Each piece of an edge changes the share of the pixels that it passes, and of the one after; further on all is as before.
    count = np.floor(high).astype(np.intp) - np.floor(low).astype(np.intp) + 2
    piece = np.repeat(np.arange(count.size), count)
    pixel = np.floor(low).astype(np.intp)[piece] + np.arange(piece.size) - np.repeat(np.cumsum(count) - count, count)
    beyond = _mean_beyond(pixel, low[piece], high[piece]) - _mean_beyond(pixel - 1, low[piece], high[piece])
    steps = np.zeros((n_i + 1, n_j))
    np.add.at(steps, (pixel.clip(0, n_i), row[piece]), height[piece] * beyond)
    share: NDArray[np.float64] = np.cumsum(steps, axis=0)[:n_i]
    return share.clip(0.0, 1.0)


def _mean_beyond(pixel: NDArray[np.intp], low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of a pixel that lies beyond an edge running straight from `low` to `high` across a strip."""
    start, stop = pixel + 1 - high, pixel + 1 - low
    flat = stop - start < 1e-9
    mean: NDArray[np.float64] = (_ramp_area(stop) - _ramp_area(start)) / np.where(flat, 1.0, stop - start)
    return np.where(flat, (0.5 * (start + stop)).clip(0.0, 1.0), mean)


def _ramp_area(reach: NDArray[np.float64]) -> NDArray[np.float64]:
    """Integral from 0 of a ramp that rises from 0 at 0 to 1 at 1 and stays there."""
    within = reach.clip(0.0, 1.0)
    area: NDArray[np.float64] = 0.5 * within**2 + (reach - 1.0).clip(0.0)
    return area


class _Pieces(NamedTuple):
    """Edges cut at the borders of strips, in order along the first axis within each strip."""

    strip: NDArray[np.intp]
    start: NDArray[np.float64]  # place along the first axis at the lower border of the strip
    end: NDArray[np.float64]  # and at the upper


def _strips(
    rings: Sequence[Ring], n_j: int
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Pieces of edges, strip by strip: row of the strip, its signed height (in: positive), and where the piece starts and ends."""
    corners = np.concatenate([ring[:, 1] for ring in rings]).clip(-0.5, n_j - 0.5)
    levels = np.unique(np.concatenate((corners, np.arange(n_j + 1) - 0.5)))
    pieces = _cut(rings, levels)
    for _ in range(_MOST_CUTS):
        crossings = _crossing_heights(pieces, levels)
        if not crossings.size:
            break
        levels = np.union1d(levels, crossings)
        pieces = _cut(rings, levels)
    low, high = levels[pieces.strip], levels[pieces.strip + 1]
    sign = np.where(_rank_within(pieces.strip) % 2 == 0, 1.0, -1.0)  # in, out, in, out …
    row = np.floor(0.5 * (low + high) + 0.5).astype(np.intp)
    return row, sign * (high - low), pieces.start, pieces.end


def _cut(rings: Sequence[Ring], levels: NDArray[np.float64]) -> _Pieces:
    x, y = np.concatenate(rings).T
    x_next, y_next = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings]).T
    lowest, highest = float(levels[0]), float(levels[-1])
    first = np.searchsorted(levels, np.minimum(y, y_next).clip(lowest, highest))
    count = np.searchsorted(levels, np.maximum(y, y_next).clip(lowest, highest)) - first
    edge = np.repeat(np.arange(count.size), count)
    strip = first[edge] + np.arange(edge.size) - np.repeat(np.cumsum(count) - count, count)
    slope = (x_next - x) / np.where(count > 0, y_next - y, 1.0)
    start = x[edge] + (levels[strip] - y[edge]) * slope[edge]
    end = x[edge] + (levels[strip + 1] - y[edge]) * slope[edge]
    order = np.lexsort((start + end, strip))
    return _Pieces(strip[order], start[order], end[order])


def _crossing_heights(pieces: _Pieces, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where neighbours within a strip pass through each other."""
    together = pieces.strip[1:] == pieces.strip[:-1]
    before, after = np.diff(pieces.start), np.diff(pieces.end)
    crossing = together & (np.minimum(before, after) < -_TOUCHING) & (np.maximum(before, after) > _TOUCHING)
    strip, before, after = pieces.strip[1:][crossing], before[crossing], after[crossing]
    low, high = levels[strip], levels[strip + 1]
    heights: NDArray[np.float64] = low + (high - low) * before / (before - after)
    inside: NDArray[np.float64] = heights[(heights > low) & (heights < high)]
    return inside


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
