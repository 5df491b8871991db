"""The lesions of a course: each visit's own outlines, those of the visit before carried over where a visit has none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from afterglow.align.resample import compose, resample
from afterglow.flows.anatomies import Anatomies, read_anatomies
from afterglow.flows.course_space import Anchor
from afterglow.flows.method import Method
from afterglow.flows.work import Drawn, silent
from afterglow.lesions.carry import propagate
from afterglow.lesions.visits import VisitMasks
from afterglow.records.grid import Grid
from afterglow.records.result import ExamResult
from afterglow.records.series import Exam, Series
from afterglow.records.space import PatientSpace

IDENTITY_MM = 2.0  # voxels that identity is settled on


@dataclass
class CourseVisit:
    """One visit of a course on its way: outlines, and where the maps lie against the anatomy once they are made."""

    anchor: Anchor
    exam: Exam
    drawn: tuple[Drawn, ...]
    maps_to_anchor: NDArray[np.float64] = field(default_factory=lambda: np.eye(4))  # point of the dynamic grid -> anatomy

    @property
    def session(self) -> str:
        return self.anchor.session

    @property
    def lesions(self) -> tuple[Drawn, ...]:
        return tuple(one for one in self.drawn if one.label == "lesion")

    def to_image(self, image: Series) -> NDArray[np.float64]:
        """The matrix from the visit's anatomy to an image of the same visit."""
        matrix = np.linalg.inv(self.maps_to_anchor) if image.times_s.size and not self.anchor.is_dynamic else np.eye(4)
        return np.asarray(matrix, dtype=np.float64)


def carry_lesions(visit: CourseVisit, earlier: Sequence[CourseVisit], space: PatientSpace | None, method: Method) -> str:
    """Give a visit without outlined lesions those of the visit before; returns why one could not be carried, or "".

    They are laid on the visit's anatomy through the patient's space, and fitted to its own enhancement where the method
    says "refit" and both visits have an image after contrast.
    """
    donors = [] if visit.lesions else _donors(earlier)
    refit = method.lesions.carry == "refit" and visit.anchor.series.role == "CE-T1w"
    anatomies = read_anatomies(visit.exam, silent) if refit and any(_enhances(lesion) for _, lesion in donors) else None
    made, lost = [], []
    for donor, lesion in donors:
        way = space.between(visit.session, donor.session) if space is not None else None
        if way is None:
            lost.append(_origin(lesion, donor))
            continue
        matrix = compose(way, donor.to_image(lesion.on))
        if anatomies is not None and _enhances(lesion):
            made.append(_refitted(lesion, visit, donor, matrix, anatomies))
        else:
            made.append(_carried(lesion, visit, donor, matrix))
    visit.drawn = (*visit.drawn, *made)
    return f"{', '.join(lost)} could not be carried over: the visits could not be laid on one another" if lost else ""


def _donors(earlier: Sequence[CourseVisit]) -> list[tuple[CourseVisit, Drawn]]:
    """Each lesion that may still be there, at the last visit that shows it. What a visit says has vanished is not carried on."""
    found: dict[str, tuple[CourseVisit, Drawn]] = {}
    for visit in reversed(earlier):
        for lesion in visit.lesions:
            if lesion.mask.any():
                found.setdefault(lesion.lesion_id, (visit, lesion))
        if any(lesion.says for lesion in visit.lesions):
            break
    return [found[name] for name in sorted(found)]


def _enhances(lesion: Drawn) -> bool:
    """It was outlined by what enhances: what was outlined on FLAIR is something else."""
    return lesion.on.role == "CE-T1w"


def _carried(lesion: Drawn, visit: CourseVisit, donor: CourseVisit, matrix: NDArray[np.float64]) -> Drawn:
    on = visit.anchor.series
    mask: NDArray[np.bool_] = resample(lesion.mask.astype(np.float32), lesion.on.grid, on.grid, matrix, outside=0.0) >= 0.5
    note = "" if mask.any() else "it lies outside the field of view of this visit"
    how = f"carried from ses-{donor.session} by rigid registration"
    return Drawn("lesion", lesion.lesion_id, _origin(lesion, donor), how, mask, on, note=note, says=False)


def _refitted(lesion: Drawn, visit: CourseVisit, donor: CourseVisit, matrix: NDArray[np.float64], anatomies: Anatomies) -> Drawn:
    plain = _carried(lesion, visit, donor, matrix)
    if not plain.mask.any():
        return plain
    forward: NDArray[np.float64] = np.asarray(np.linalg.inv(matrix), dtype=np.float64)
    found = propagate(lesion.mask, lesion.on.grid, forward, anatomies.images, anatomies.grid)
    how = f"carried from ses-{donor.session} by rigid registration and fitted to this visit's enhancement"
    remarks = "; ".join(found.remarks)
    words, note = (f"{how} ({remarks})" if remarks else how), "" if found.mask.any() else remarks
    return Drawn("lesion", lesion.lesion_id, _origin(lesion, donor), words, found.mask, visit.anchor.series, found.parts, note)


def _origin(lesion: Drawn, donor: CourseVisit) -> str:
    return f"lesion {lesion.lesion_id} of ses-{donor.session}"


def visit_masks(visits: Sequence[CourseVisit], space: PatientSpace | None) -> tuple[tuple[VisitMasks, ...], Grid]:
    """The lesions of all visits on one coarse grid of the patient's space; a visit that is not placed lies where its header says."""
    grid = _identity_grid(visits, space)
    found = []
    for visit in visits:
        placed = space.to_visit(visit.session) if space is not None else None
        matrix = np.eye(4) if placed is None else placed
        masks = tuple((one.lesion_id, _laid(one, one.mask, visit, grid, matrix)) for one in visit.lesions if one.says)
        found.append(VisitMasks(visit.session, visit.anchor.day, masks, _seen(visit, grid, matrix), _cavity(visit, grid, matrix)))
    return tuple(found), grid


def _identity_grid(visits: Sequence[CourseVisit], space: PatientSpace | None) -> Grid:
    fine = space.grid if space is not None else visits[0].anchor.series.grid
    return coarser(fine, IDENTITY_MM)


def coarser(grid: Grid, spacing_mm: float) -> Grid:
    """The same box with voxels of about that size."""
    counts = [max(1, round(n * s / spacing_mm)) for n, s in zip(grid.shape, grid.spacing_mm, strict=True)]
    scale = np.array([n / c for n, c in zip(grid.shape, counts, strict=True)])
    affine = grid.affine.copy()
    affine[:3, :3] = grid.affine[:3, :3] * scale
    affine[:3, 3] = grid.affine[:3, 3] + grid.affine[:3, :3] @ ((scale - 1) / 2)
    i, j, k = counts
    return Grid((i, j, k), affine)


def _cavity(visit: CourseVisit, grid: Grid, matrix: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    """Resection cavities that were told apart at that visit; None where nobody looked for them."""
    parts = [(one, part) for one in visit.lesions for kind, part in one.parts if kind == "cavity"]
    laid = [_laid(one, part, visit, grid, matrix) for one, part in parts]
    return np.any(laid, axis=0) if laid else None


def _laid(
    lesion: Drawn, region: NDArray[np.bool_], visit: CourseVisit, grid: Grid, matrix: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """A region on the coarse grid; one too small for it keeps the voxel of its centre."""
    whole = compose(matrix, visit.to_image(lesion.on))
    share = resample(region.astype(np.float32), lesion.on.grid, grid, whole, outside=0.0)
    mask: NDArray[np.bool_] = share >= 0.5
    if not mask.any() and region.any():
        centre = lesion.on.grid.to_mm(np.argwhere(region).mean(axis=0)[None])
        back = np.linalg.inv(whole)
        at = np.rint(grid.to_index(centre @ back[:3, :3].T + back[:3, 3])[0]).astype(int)
        mask[tuple(np.clip(at, 0, np.array(grid.shape) - 1))] = True
    return mask


def _seen(visit: CourseVisit, grid: Grid, matrix: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where the visit's anatomy has voxels."""
    shape = visit.anchor.series.grid.shape
    seen: NDArray[np.bool_] = resample(np.ones(shape, dtype=np.uint8), visit.anchor.series.grid, grid, matrix, "nearest") > 0
    return seen


def renamed(drawn: Sequence[Drawn], names: Mapping[str, str]) -> tuple[Drawn, ...]:
    """Lesions under the names that their tracks have."""
    return tuple(
        replace(one, lesion_id=names.get(one.lesion_id, one.lesion_id)) if one.label == "lesion" else one for one in drawn
    )


def note_maps(visit: CourseVisit, result: ExamResult) -> None:
    """Remember where the maps lie against the anatomy, as the visit's own registration found it."""
    own = next((one for one in result.alignments if one.source == visit.anchor.series.source), None)
    if own is not None and own.trusted:
        visit.maps_to_anchor = own.matrix
