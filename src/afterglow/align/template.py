"""The patient's own space: visits laid on one another in pairs, and one consensus that favours none of them."""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from afterglow.align.agreement import head_points
from afterglow.align.consensus import Pair, Poses, component, consistent, inverted, settle_poses
from afterglow.align.flip import compare_sides
from afterglow.align.halves import HALVES_MM, halves_apart_mm
from afterglow.align.rigid import SHARP_SAME, SHARP_VISITS, register
from afterglow.records.alignment import Alignment
from afterglow.records.errors import BadInput, GridMismatch
from afterglow.records.grid import Grid
from afterglow.records.locking import locked
from afterglow.records.space import PatientSpace

ALL_PAIRS = 4  # visits; with more, each is laid on the next two alone, so that the cost of a visit stays the same
MARGIN_MM = 5.0  # around the heads
TARGET = "patient"
METHOD = (
    "rigid registration of pairs of visits by mutual information; robust least squares over all pairs; the mean pose is the "
    "mean of the scanners' coordinates, so that no visit is favoured"
)

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class VisitImage:
    """The anatomy by which one visit is laid on the others."""

    session: str
    image: NDArray[np.float32]  # (i, j, k)
    grid: Grid
    contrast: str  # "CE-T1w"; different ones can be laid on one another, and it is said; of the same, a sharper fit is asked for
    mask: NDArray[np.bool_] | None = None  # where to look; None looks everywhere

    def __post_init__(self) -> None:
        if self.image.shape != self.grid.shape:
            raise GridMismatch(f"ses-{self.session}: the image is {self.image.shape} but its grid is {self.grid.shape}")
        object.__setattr__(self, "image", locked(self.image))

    @property
    def name(self) -> str:
        return f"ses-{self.session}"


def patient_space(
    visits: Sequence[VisitImage], *, spacing_mm: float = 1.0, workers: int = 1, progress: Progress | None = None
) -> PatientSpace:
    """One space for all visits of a patient; the order in which they are given does not matter, nor do `workers`.

    Up to four visits are laid on one another in all pairs, more of them each on the next two by name; a visit that found no
    partner is then tried on the one that found most. Pairs that are not trusted, that fit better mirrored, or that contradict
    the others are left out. The largest group of visits that hold together makes the space (of equal groups, the one with the
    first name); every other visit comes back with `trusted` False. One visit alone lies at the identity.
    """
    ordered = sorted(visits, key=lambda one: _natural(one.session))
    if not ordered:
        raise BadInput("a patient's space needs at least one visit with an anatomical image")
    if len({one.session for one in ordered}) < len(ordered):
        raise BadInput(f"a visit was given twice: {', '.join(one.name for one in ordered)}; give each visit one anatomical image")
    if not spacing_mm > 0:
        raise BadInput(f"a patient's space cannot have voxels of {spacing_mm:g} mm")
    pairs = _registered(ordered, workers, progress)
    heads = [_head(one) for one in ordered]
    kept, quarrels = consistent([one for one in pairs if one.usable], heads)
    pairs = [quarrels.get((one.source, one.target), one) for one in pairs]
    group = component(len(ordered), kept)
    poses = settle_poses(group, kept, heads)
    alignments = tuple(_placed(n, one, poses, pairs, kept, ordered) for n, one in enumerate(ordered))
    grid = _around([_seen_from(poses, n, heads[n]) for n in group], spacing_mm)
    return PatientSpace(grid, alignments, tuple(one.alignment for one in pairs), METHOD, _flags(ordered, alignments, pairs))


def _natural(session: str) -> tuple[tuple[int, str], ...]:
    """Names with numbers in them by their numbers: ses-2 before ses-10."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", session))


def _head(visit: VisitImage) -> NDArray[np.float64]:
    """Points (n, 3) of the head; the corners of the view where nothing is brighter than air."""
    points = head_points(visit.image, visit.grid)
    if len(points):
        return points
    corners = np.stack(np.meshgrid(*[(0.0, n - 1.0) for n in visit.grid.shape]), axis=-1).reshape(-1, 3)
    return visit.grid.to_mm(corners)


def _partners(count: int) -> list[tuple[int, int]]:
    """(source, target) of the registrations to make: all pairs of a few visits, the next two of each among many."""
    reach = count if count <= ALL_PAIRS else 2
    return [(b, a) for a, b in combinations(range(count), 2) if b - a <= reach]


def _registered(visits: Sequence[VisitImage], workers: int, progress: Progress | None) -> list[Pair]:
    wanted = _partners(len(visits))
    found: list[Pair] = []

    def run(batch: list[tuple[int, int]]) -> None:
        total = len(found) + len(batch)
        with ThreadPoolExecutor(max_workers=workers) as pool:
            for pair in pool.map(lambda at: _pair(visits, *at), batch):
                found.append(pair)
                if progress:
                    progress(len(found), total)

    run(wanted)
    degree = np.bincount([n for one in found if one.usable for n in (one.source, one.target)], minlength=len(visits))
    hub = int(np.argmax(degree))
    group = component(len(visits), [one for one in found if one.usable])
    lost = [n for n in range(len(visits)) if n not in group and (max(n, hub), min(n, hub)) not in wanted]
    if degree[hub] and lost:
        run([(max(n, hub), min(n, hub)) for n in lost])
    return found


def _pair(visits: Sequence[VisitImage], source: int, target: int) -> Pair:
    """One registration, and whether the two fit better mirrored."""
    a, b = visits[source], visits[target]
    sharp = SHARP_SAME if a.contrast == b.contrast else SHARP_VISITS
    found = register(
        a.image, a.grid, b.image, b.grid, names=(a.name, b.name), source_mask=a.mask, target_mask=b.mask, sharp=sharp
    )  # fmt: skip
    if found.trusted:
        found = _whole(found, halves_apart_mm(a.image, a.grid, b.image, b.grid, found.matrix))
    sides = compare_sides(a.image, a.grid, b.image, b.grid, found)
    if sides is None:
        return Pair(source, target, found)
    quality = (*found.quality, ("information_mirrored", sides.mirrored))
    if not sides.exchanged:
        return Pair(source, target, replace(found, quality=quality))
    remark = (
        f"{a.name} fits {b.name} better with left and right exchanged ({sides.mirrored:.2f} nats of shared information against "
        f"{sides.as_given:.2f}); look at the sides of both"
    )
    return Pair(source, target, replace(found, quality=quality, trusted=False, remark=remark), exchanged=True)


def _whole(found: Alignment, apart_mm: float | None) -> Alignment:
    """The registration with how far the halves of the body lie from where the whole puts them; not to be used where that is far."""
    if apart_mm is None:
        return found
    found = replace(found, quality=(*found.quality, ("halves_apart_mm", apart_mm)))
    if apart_mm <= HALVES_MM:
        return found
    far = f"{apart_mm:.0f} mm" if np.isfinite(apart_mm) else "far"
    remark = f"{found.source} could not be laid on {found.target}: a half of it lies {far} from where the whole does; is it the same person?"
    return replace(found, trusted=False, remark=remark)


def _placed(
    n: int, visit: VisitImage, poses: Poses, pairs: Sequence[Pair], kept: Sequence[Pair], visits: Sequence[VisitImage]
) -> Alignment:
    if n in poses.matrices:
        own = [one for one in kept if n in (one.source, one.target)]
        apart = [poses.apart_mm(one) for one in own]
        quality = (
            ("pairs", float(len(own))),
            ("consensus_mm", float(np.mean(apart)) if apart else float("nan")),
            ("moved_mm", poses.moved_mm(n)),
            *_of_pairs(own),
        )
        return Alignment(visit.name, TARGET, poses.matrices[n], quality, trusted=True)
    tried = [one for one in pairs if n in (one.source, one.target)]
    exchanged = sorted(visits[one.source + one.target - n].name for one in tried if one.exchanged)
    if exchanged:
        why = f"it fits {', '.join(exchanged)} better with left and right exchanged"
    else:
        why = "; ".join(one.alignment.remark for one in tried if one.alignment.remark) or "no other visit was laid on it"
    return Alignment(visit.name, TARGET, np.eye(4), (), trusted=False, remark=f"{visit.name} is not used: {why}")


def _of_pairs(own: Sequence[Pair]) -> tuple[tuple[str, float], ...]:
    """The least convincing numbers of a visit's own pairs; none where it stands alone."""
    numbers = [dict(one.alignment.quality) for one in own]
    worst = (("forward_backward_mm", max), ("head_dice", min), ("information_after", min))
    return tuple((name, pick(one[name] for one in numbers)) for name, pick in worst) if numbers else ()


def _flags(visits: Sequence[VisitImage], alignments: Sequence[Alignment], pairs: Sequence[Pair]) -> tuple[str, ...]:
    flags = [one.remark for one in alignments if not one.trusted]
    exchanged = [(visits[one.source].name, visits[one.target].name) for one in pairs if one.exchanged]
    if exchanged:
        words = ", ".join(f"{a} against {b}" for a, b in exchanged)
        flags.append(
            f"left and right look exchanged: {words}; the images do not tell which is right, so check the source of both"
        )
    flags += [one.alignment.remark for one in pairs if one.contradicted]
    contrasts = sorted({one.contrast for one in visits})
    if len(contrasts) > 1:
        flags.append(f"visits were laid on one another by different contrasts ({', '.join(contrasts)})")
    return tuple(flags)


def _seen_from(poses: Poses, n: int, head: NDArray[np.float64]) -> NDArray[np.float64]:
    """The head's points in the patient's space."""
    back = inverted(poses.matrices[n])
    seen: NDArray[np.float64] = head @ back[:3, :3].T + back[:3, 3]
    return seen


def _around(heads: Sequence[NDArray[np.float64]], spacing_mm: float) -> Grid:
    """An upright grid (RAS) around all heads, its corner on a whole number of voxels."""
    low = np.floor((np.min([h.min(axis=0) for h in heads], axis=0) - MARGIN_MM) / spacing_mm)
    high = np.ceil((np.max([h.max(axis=0) for h in heads], axis=0) + MARGIN_MM) / spacing_mm)
    i, j, k = (int(n) for n in high - low + 1)
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = low * spacing_mm
    return Grid((i, j, k), affine)
