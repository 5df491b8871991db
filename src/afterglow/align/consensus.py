"""One pose for each visit out of the registrations of pairs: least squares over rotations and shifts, contradictions left out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from afterglow.align.starts import apart_mm
from afterglow.records.alignment import Alignment

Matrix = NDArray[np.float64]  # (4, 4)

ROUNDS = 50
SETTLED = 1e-11  # rad and mm of a step
CONTRADICTION_MM = (
    2.0  # as in rigid.CONSISTENT_MM: what one registration may be off against itself, all of them may against one another
)


@dataclass(frozen=True, eq=False)
class Pair:
    """A registration between two visits, known by their numbers; its matrix takes points of `target` to `source`."""

    source: int
    target: int
    alignment: Alignment
    exchanged: bool = False  # fits better with left and right exchanged
    contradicted: bool = False  # the other pairs say otherwise

    @property
    def usable(self) -> bool:
        return self.alignment.trusted and not self.contradicted

    @property
    def matrix(self) -> Matrix:
        return self.alignment.matrix

    @property
    def sharpness(self) -> float:
        return dict(self.alignment.quality)["sharpness"]


@dataclass(frozen=True, eq=False)
class Poses:
    """For each visit of the group the matrix from the shared space to it, and points (n, 3) of the head in that space."""

    matrices: dict[int, Matrix]
    points: NDArray[np.float64]

    def apart_mm(self, pair: Pair) -> float:
        """How far a pair's registration lies from the consensus, on average over the head."""
        between = inverted(self.matrices[pair.source]) @ pair.matrix @ self.matrices[pair.target]
        return float(apart_mm(between, self.points).mean())

    def moved_mm(self, visit: int) -> float:
        """How far the visit's scanner coordinates lie from the shared space, on average over the head."""
        return float(apart_mm(self.matrices[visit], self.points).mean())


def consistent(pairs: Sequence[Pair], heads: Sequence[NDArray[np.float64]]) -> tuple[list[Pair], dict[tuple[int, int], Pair]]:
    """The pairs that agree with one another, and those left out, known by (source, target), with a remark.

    While some pair lies more than 2 mm from the consensus, the worst goes: the farthest, weighed by how blunt its fit is,
    since in a ring of three all three lie equally far off. What goes was in a ring, so no group falls apart by it.
    """
    kept, out = list(pairs), {}
    for group in _groups(len(heads), pairs):
        while own := [one for one in kept if one.source in group]:
            poses = settle_poses(group, own, heads)
            apart = {(one.source, one.target): poses.apart_mm(one) for one in own}
            if max(apart.values()) <= CONTRADICTION_MM:
                break
            worst = max(own, key=lambda one: apart[one.source, one.target] / one.sharpness)
            kept.remove(worst)
            out[worst.source, worst.target] = _refuted(worst, apart[worst.source, worst.target])
    return kept, out


def _refuted(pair: Pair, apart_mm: float) -> Pair:
    names = pair.alignment.source, pair.alignment.target
    remark = f"{names[0]} on {names[1]} lies {apart_mm:.1f} mm from what the other pairs of visits say; it was left out"
    return replace(pair, contradicted=True, alignment=replace(pair.alignment, trusted=False, remark=remark))


def _groups(count: int, pairs: Sequence[Pair]) -> list[tuple[int, ...]]:
    """Visits that pairs hold together, groups of one included."""
    label = list(range(count))
    for pair in pairs:
        a, b = sorted((label[pair.source], label[pair.target]))
        label = [a if g == b else g for g in label]
    return [tuple(n for n in range(count) if label[n] == g) for g in sorted(set(label))]


def component(count: int, pairs: Sequence[Pair]) -> tuple[int, ...]:
    """The largest group of visits that pairs hold together; of equal ones, that with the lowest number."""
    return max(_groups(count, pairs), key=len)


def settle_poses(group: Sequence[int], pairs: Sequence[Pair], heads: Sequence[NDArray[np.float64]]) -> Poses:
    """The poses of a group in which its pairs contradict one another least, squared; their mean is the mean of the scanners.

    T_source^-1 M T_target is the identity for a pair that agrees. Small turns and shifts of each pose, about the middle of the
    head, follow from the graph's normal equations; a few rounds of them settle to rounding.
    """
    matrices = _along_a_tree(group, pairs)
    if len(group) > 1:
        own = [one for one in pairs if one.source in matrices]
        middle = np.mean([_moved(inverted(matrices[n]), heads[n].mean(axis=0)) for n in group], axis=0)
        place = {n: row for row, n in enumerate(group)}
        edges = np.zeros((len(own), len(group)))
        for row, one in enumerate(own):
            edges[row, place[one.source]], edges[row, place[one.target]] = 1.0, -1.0
        solve = np.linalg.pinv(edges)
        for _ in range(ROUNDS):
            steps = solve @ np.array([_twist(_loop(matrices, one), middle) for one in own])
            matrices = {n: m @ _untwisted(steps[place[n]], middle) for n, m in matrices.items()}
            if np.abs(steps).max() < SETTLED:
                break
        matrices = _centred(matrices, middle)
    points = np.concatenate([_moved(inverted(matrices[n]), heads[n][:: max(1, len(heads[n]) // 1_000)]) for n in group])
    return Poses(matrices, points)


def _along_a_tree(group: Sequence[int], pairs: Sequence[Pair]) -> dict[int, Matrix]:
    """First poses: from visit to visit over the sharpest pairs."""
    matrices = {group[0]: np.eye(4)}
    by_sharpness = sorted(pairs, key=lambda one: -one.sharpness)
    while len(matrices) < len(group):
        one = next(one for one in by_sharpness if (one.source in matrices) != (one.target in matrices))
        if one.target in matrices:
            matrices[one.source] = one.matrix @ matrices[one.target]
        else:
            matrices[one.target] = inverted(one.matrix) @ matrices[one.source]
    return matrices


def _loop(matrices: dict[int, Matrix], pair: Pair) -> Matrix:
    loop: Matrix = inverted(matrices[pair.source]) @ pair.matrix @ matrices[pair.target]
    return loop


def _twist(matrix: Matrix, middle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotation vector (rad), then the shift of a point (mm): six numbers that are 0 for the identity."""
    return np.concatenate([Rotation.from_matrix(matrix[:3, :3]).as_rotvec(), _moved(matrix, middle) - middle])


def _untwisted(twist: NDArray[np.float64], middle: NDArray[np.float64]) -> Matrix:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(twist[:3]).as_matrix()
    matrix[:3, 3] = middle + twist[3:] - matrix[:3, :3] @ middle
    return matrix


def _centred(matrices: dict[int, Matrix], middle: NDArray[np.float64]) -> dict[int, Matrix]:
    """The same poses seen from where their mean is the identity: mean rotation none, the head's middle at its mean place."""
    left, _, right = np.linalg.svd(np.mean([m[:3, :3] for m in matrices.values()], axis=0))
    turn = left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right
    place = np.mean([_moved(m, middle) for m in matrices.values()], axis=0)
    shared = np.eye(4)
    shared[:3, :3] = turn.T
    shared[:3, 3] = middle - turn.T @ place
    return {n: m @ shared for n, m in matrices.items()}


def inverted(matrix: Matrix) -> Matrix:
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def _moved(matrix: Matrix, points: NDArray[np.float64]) -> NDArray[np.float64]:
    moved: NDArray[np.float64] = points @ matrix[:3, :3].T + matrix[:3, 3]
    return moved
