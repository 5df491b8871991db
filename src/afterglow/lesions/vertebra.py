"""The healthy vertebral body beside a lesion's: bodies found as blobs between discs, strung into a column, the nearest that matches taken."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from afterglow.lesions.reference import Limits
from afterglow.records.errors import MissingInput
from afterglow.records.grid import Grid
from afterglow.records.locking import locked

Mask = NDArray[np.bool_]
Image = NDArray[np.float32]

# Sizes of vertebral bodies with room to spare: from C3 of a small woman to L4 of a tall man. The field may cut them at the sides.
_HEIGHT_MM, _DEPTH_MM, _WIDTH_MM = (9.0, 42.0), (10.0, 48.0), (10.0, 65.0)
_TALL = 0.5  # height over depth, at least: a disc has .3, bodies .7 and more
_OPENING_MM = 4.5  # radius that parts a body from its pedicles: they are as wide as that, bodies twice as high and more
_COMPACT = (
    0.82  # volume over that of the box with the same spread; a box has 1, an oval cylinder 1.05, a body with its pedicles .75
)
_EVEN = 0.1  # spread of brightness in a body over its median; digital bodies have .03 to .1, muscle with its fat .15 and more
_LEVELS = 28  # brightnesses at which blobs are looked for
_REACH_MM = (45.0, 110.0)  # of the window about the lesion: back to front, head to foot
_SPACING_MM = (12.0, 76.0)  # from one body to the next one found: one may be missing, the lesion's own
_LEAN = 0.9  # how far back or forward the column may lean between bodies, over the height
_BEND = 0.2  # 1 less the cosine of the turn from one body to the next: 37 degrees, more than any healthy curve
_LIKE = 2.2  # times by which neighbours on the column may differ in size
_MATCH = 0.2  # logarithm of brightness by which a body may leave the others, shading along the column taken out
_OWN_LEVEL = 0.6  # of the step between bodies: nearer to the lesion's middle lies its own body
_NEAR_MM = (
    20.0  # from the column to the lesion, at which a column counts half: strings of fat in muscle lie farther off than the spine
)
_VEIN_DEPTH, _VEIN_HEIGHT_MM = (
    0.5,
    5.0,
)  # the wedge of the basivertebral vein: share of the depth from the back, and half its height
_VOID_MAD = 4.0  # deviations from a body's median: the basivertebral vein, and what is not marrow
_NEAREST_STEPS = 4  # between bodies that say how far apart these are at the lesion: the column widens downwards
_FEW = 3  # bodies; fewer are no column, and nothing can be compared


@dataclass(frozen=True, eq=False)
class Body:
    """A vertebral body without its edge: voxels (n, 3), middle in mm, sizes back to front and head to foot, brightness."""

    at: NDArray[np.intp]
    middle_mm: NDArray[np.float64]
    size_mm: tuple[float, float, float]  # right to left, back to front, head to foot
    log_brightness: float
    uneven: float
    compact: float
    up: NDArray[np.float64]  # (3,) unit vectors along its height and to its front
    forward: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Vertebra:
    """The body that was chosen (i, j, k), with named numbers: levels from the lesion (above is positive), match, bodies seen."""

    mask: Mask
    numbers: tuple[tuple[str, float], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "mask", locked(self.mask))


def adjacent_vertebra(image: Image, grid: Grid, lesion: Mask, limits: Limits, *, others: Sequence[Image] = ()) -> Vertebra:
    """The nearest vertebral body (i, j, k) that is not the lesion's and looks like the rest of the column.

    `image` is T1-weighted before contrast; `others` (T2w, STIR) on the same grid must match too. The body is taken inside
    its border, without its vein. MissingInput, with the reason, where there is no lesion, no column, or no body that matches.
    """
    if not lesion.any():
        raise MissingInput("the lesion lies outside the anatomy, so that no vertebra is next to it")
    near = grid.to_mm(np.argwhere(lesion).astype(np.float64))
    middle_mm = near.mean(axis=0)
    free = [body for body in bodies_of(image, grid, middle_mm, limits.edge_mm) if not lesion[tuple(body.at.T)].any()]
    column = column_of(free, middle_mm)
    if not column:
        raise MissingInput(
            f"fewer than {_FEW} vertebral bodies in a row were found about the lesion, and nothing can be compared"
        )
    heights = np.array([body.middle_mm[2] for body in column])
    step_mm = _step_mm(heights, float(middle_mm[2]))
    away_mm = ndimage.distance_transform_edt(~lesion, sampling=grid.spacing_mm)
    levels = (heights - middle_mm[2]) / step_mm
    misfits = np.max([_misfits(one, column) for one in (image, *others)], axis=0)
    refused = []
    for n in np.argsort(np.abs(levels), kind="stable"):
        body = column[n]
        if abs(levels[n]) < _OWN_LEVEL or (away_mm[tuple(body.at.T)] < limits.away_mm).any():
            continue
        if misfits[n] > _MATCH:
            refused.append(f"{abs(levels[n]):.0f} levels away, brightness off by {100 * np.expm1(misfits[n]):.0f} %")
            continue
        mask = _without_vein(body, image, grid)
        found_ml = np.count_nonzero(mask) * grid.voxel_ml
        if not limits.least_ml <= found_ml <= limits.most_ml:
            refused.append(f"{abs(levels[n]):.0f} levels away, {found_ml:.1f} mL")
            continue
        apart = np.sign(levels[n]) * np.ceil(np.abs(levels[n]) - _OWN_LEVEL)  # the lesion's middle may lie off that of its body
        numbers = (("levels", float(apart)), ("misfit", float(misfits[n])), ("bodies", float(len(column))))
        return Vertebra(mask, (*numbers, ("uneven", body.uneven)))
    raise MissingInput(
        f"of {len(column)} vertebral bodies none is healthy and like the others ({'; '.join(refused) or 'all touch the lesion'})"
    )


def bodies_of(image: Image, grid: Grid, about_mm: NDArray[np.float64], edge_mm: float) -> list[Body]:
    """Blobs in the window that have the size, shape and evenness of a vertebral body, each at the brightness where it is most compact.

    A body is brighter than the cortex and discs around it, but shading makes one threshold for all of them impossible: all are tried.
    """
    window = _window(grid, about_mm)
    values = np.nan_to_num(image[window])
    offset = np.array([part.start for part in window])
    found: list[Body] = []
    for threshold in np.quantile(values[values > 0], np.linspace(0.2, 0.95, _LEVELS)):
        depth = ndimage.distance_transform_edt(values > threshold, sampling=grid.spacing_mm)
        pieces = _opened(depth, grid, edge_mm)
        for number, box in enumerate(ndimage.find_objects(pieces), start=1):
            at = np.argwhere(pieces[box] == number) + [part.start for part in box]
            body = _as_body(at + offset, image, grid, edge_mm)
            if body is not None:
                found.append(body)
    return _best(found)


def _opened(depth: NDArray[np.float64], grid: Grid, edge_mm: float) -> NDArray[np.int32]:
    """Labels of pieces that are thick, each grown back to `edge_mm` inside its border."""
    cores, n = ndimage.label(depth > max(_OPENING_MM, edge_mm))
    if n == 0:
        return np.zeros(depth.shape, dtype=np.int32)
    away_mm, nearest = ndimage.distance_transform_edt(cores == 0, sampling=grid.spacing_mm, return_indices=True)
    back = (depth > edge_mm) & (away_mm <= _OPENING_MM - edge_mm + 0.5)
    labels: NDArray[np.int32] = np.where(back, cores[tuple(nearest)], 0).astype(np.int32)
    return labels


def _window(grid: Grid, about_mm: NDArray[np.float64]) -> tuple[slice, slice, slice]:
    reach = np.array([1e3, *_REACH_MM])
    corners = about_mm + np.array([[a, b, c] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)]) * reach
    index = grid.to_index(corners)
    low = np.clip(np.floor(index.min(axis=0)), 0, np.array(grid.shape) - 1).astype(int)
    high = np.clip(np.ceil(index.max(axis=0)) + 1, 1, np.array(grid.shape)).astype(int)
    a, b, c = (slice(int(first), int(last)) for first, last in zip(low, high, strict=True))
    return a, b, c


def _as_body(at: NDArray[np.intp], image: Image, grid: Grid, edge_mm: float) -> Body | None:
    """A blob as a body; None where its size, shape or evenness is that of something else."""
    volume = len(at) * grid.voxel_ml * 1000.0
    if volume < 0.2 * _HEIGHT_MM[0] * _DEPTH_MM[0] * _WIDTH_MM[0] or volume > np.prod(
        [size[1] for size in (_HEIGHT_MM, _DEPTH_MM, _WIDTH_MM)]
    ):
        return None
    points = grid.to_mm(at.astype(np.float64))
    spread, axes = np.linalg.eigh(np.cov(points.T) + np.diag(np.square(grid.spacing_mm)) / 12)
    sizes = np.sqrt(12 * spread)
    compact = volume / float(np.prod(sizes))
    order = [int(np.argmax(np.abs(axes[2])))]  # the axis nearest to head-foot, then back-front, then the rest
    order.append(max((n for n in range(3) if n not in order), key=lambda n: abs(axes[1, n])))
    height, depth, width = (float(sizes[n]) + 2 * edge_mm for n in (*order, 3 - sum(order)))
    up, forward = (axes[:, n] * np.sign(axes[row, n] or 1.0) for n, row in zip(order, (2, 1), strict=True))
    within = all(
        low <= size <= high for size, (low, high) in zip((height, depth, width), (_HEIGHT_MM, _DEPTH_MM, _WIDTH_MM), strict=True)
    )
    values = image[tuple(at.T)]
    middle = float(np.median(values))
    uneven = 1.4826 * float(np.median(np.abs(values - middle))) / middle if middle > 0 else np.inf
    if not within or height < _TALL * depth or compact < _COMPACT or uneven > _EVEN:
        return None
    return Body(at, points.mean(axis=0), (width, depth, height), float(np.log(middle)), uneven, compact, up, forward)


def _best(found: list[Body]) -> list[Body]:
    """Of blobs that share their place, the largest that is still compact."""
    kept: list[Body] = []
    for body in sorted(found, key=lambda one: -len(one.at) * min(one.compact, 1.0) ** 4):
        if all(np.linalg.norm(body.middle_mm - other.middle_mm) > 0.6 * min(body.size_mm[2], other.size_mm[2]) for other in kept):
            kept.append(body)
    return kept


def column_of(bodies: Sequence[Body], lesion_mm: NDArray[np.float64]) -> list[Body]:
    """The string of bodies from foot to head that holds the most volume: of similar size, at the distances of a spine, little bent, and
    near the lesion; empty where no three are. Fat in the foramina and in muscle makes strings too, of smaller pieces or farther away.
    """
    ordered = sorted(bodies, key=lambda one: float(one.middle_mm[2]))
    best: list[tuple[float, list[int]]] = []
    for n, body in enumerate(ordered):
        options = [(score, path) for m, (score, path) in enumerate(best) if _follows(ordered[m], body)]
        straight = [(score, path) for score, path in options if _bend(ordered, path, n) < _BEND]
        score, path = max(straight, key=lambda one: one[0], default=(0.0, []))
        best.append((score + len(body.at), [*path, n]))
    strings = [(score, [ordered[n] for n in path]) for score, path in best if len(path) >= _FEW]
    return max(strings, key=lambda one: one[0] / (1 + (_off_mm(one[1], lesion_mm) / _NEAR_MM) ** 2))[1] if strings else []


def _off_mm(string: Sequence[Body], lesion_mm: NDArray[np.float64]) -> float:
    """How far a string passes from the lesion's middle, at its height."""
    places = np.array([body.middle_mm for body in string])
    x, y = (float(np.interp(lesion_mm[2], places[:, 2], places[:, axis])) for axis in (0, 1))
    return float(np.hypot(x - lesion_mm[0], y - lesion_mm[1]))


def _follows(below: Body, above: Body) -> bool:
    across, along, up = above.middle_mm - below.middle_mm
    sizes = [max(a, b) / min(a, b) for a, b in zip(below.size_mm, above.size_mm, strict=True)]
    alike = max(sizes) < _LIKE and abs(above.log_brightness - below.log_brightness) < 2 * _MATCH
    return bool(_SPACING_MM[0] < up < _SPACING_MM[1] and abs(along) < _LEAN * up and abs(across) < 0.6 * up and alike)


def _bend(ordered: Sequence[Body], path: Sequence[int], n: int) -> float:
    """How much a string turns when body n is added: 1 less the cosine."""
    if len(path) < 2:
        return 0.0
    first, second, third = (ordered[m].middle_mm for m in (path[-2], path[-1], n))
    a, b = second - first, third - second
    return 1.0 - float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def _step_mm(heights: NDArray[np.float64], lesion_mm: float) -> float:
    """From one body to the next about the lesion; where the lesion's own body is missing a step is twice as long and does not count."""
    steps, middles = np.diff(heights), (heights[1:] + heights[:-1]) / 2
    near = steps[np.argsort(np.abs(middles - lesion_mm), kind="stable")[:_NEAREST_STEPS]]
    return float(np.median(near[near < 1.6 * near.min()]))


def _misfits(image: Image, column: Sequence[Body]) -> NDArray[np.float64]:
    """How far each body's brightness (logarithm) leaves that of the others, a straight trend along the column taken out robustly."""
    logs = np.array([np.log(max(float(np.median(np.nan_to_num(image[tuple(body.at.T)]))), 1e-6)) for body in column])
    heights = np.array([body.middle_mm[2] for body in column])
    pairs = [(logs[b] - logs[a]) / (heights[b] - heights[a]) for a in range(len(column)) for b in range(a + 1, len(column))]
    slope = float(np.median(pairs))
    left = logs - slope * heights
    out: NDArray[np.float64] = np.abs(left - np.median(left))
    return out


def _without_vein(body: Body, image: Image, grid: Grid) -> Mask:
    """The body less the wedge in which its vein runs from the middle of the back, and less what stands out in brightness."""
    mask = np.zeros(image.shape, dtype=bool)
    values = image[tuple(body.at.T)]
    middle = np.median(values)
    spread = 1.4826 * np.median(np.abs(values - middle))
    from_middle = grid.to_mm(body.at.astype(np.float64)) - body.middle_mm
    behind = from_middle @ body.forward < (_VEIN_DEPTH - 0.5) * body.size_mm[1]
    wedge = behind & (np.abs(from_middle @ body.up) < _VEIN_HEIGHT_MM)
    mask[tuple(body.at[~wedge & (np.abs(values - middle) <= _VOID_MAD * spread)].T)] = True
    return mask
