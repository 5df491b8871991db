"""Every visit in the patient's space, for the eye: what the course report is drawn from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from afterglow.align.resample import compose, resample
from afterglow.flows.course_outlines import CourseVisit
from afterglow.records.alignment import Alignment
from afterglow.records.grid import Grid
from afterglow.records.result import CourseView, ExamResult, PairView, VisitView
from afterglow.records.space import PatientSpace

_PIXEL_MM = 1.0
_SLICE_MM = 2.0
_MOST_SLICES = 40
_MARGIN_MM = 6.0


def course_view(
    exams: Sequence[ExamResult], visits: Sequence[CourseVisit], space: PatientSpace, quantities: Sequence[str]
) -> CourseView:
    """Anatomy, lesions and maps of all visits in a slab of the patient's space around the lesions, sliced as the maps are."""
    ways = [_to_maps(exam, visit, space) for exam, visit in zip(exams, visits, strict=True)]
    grid = _slab(exams, ways, space.grid)
    made = []
    for exam, visit, (matrix, placed) in zip(exams, visits, ways, strict=True):
        shown = [m for name in quantities if (m := exam.map_of(name)) is not None]
        maps = tuple((m.quantity, resample(m.values, exam.grid, grid, matrix).astype(np.float32)) for m in shown)
        lesions = tuple((one.lesion_id, _outline(one.mask, exam.grid, grid, matrix)) for one in exam.lesions)
        made.append(VisitView(exam.session, exam.day, placed, _anatomy(visit, exam, grid, matrix), lesions, maps))
    return CourseView(grid, tuple(made))


def _to_maps(exam: ExamResult, visit: CourseVisit, space: PatientSpace) -> tuple[NDArray[np.float64], bool]:
    """The matrix from the patient's space to the maps of a visit; the header's place where the visit is not trusted."""
    placed = space.to_visit(exam.session)
    back: NDArray[np.float64] = np.asarray(np.linalg.inv(visit.maps_to_anchor), dtype=np.float64)
    return (back, False) if placed is None else (compose(placed, back), True)


def _anatomy(visit: CourseVisit, exam: ExamResult, grid: Grid, matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """The visit's anatomy at its own sharpness; the backdrop of the maps where it has none."""
    if visit.anchor.is_dynamic:
        return resample(exam.backdrop, exam.grid, grid, matrix).astype(np.float32)
    to_anchor = compose(matrix, visit.maps_to_anchor)
    anatomy: NDArray[np.float32] = resample(visit.anchor.load(), visit.anchor.series.grid, grid, to_anchor).astype(np.float32)
    return anatomy


def _outline(mask: NDArray[np.bool_], grid: Grid, onto: Grid, matrix: NDArray[np.float64]) -> NDArray[np.bool_]:
    laid: NDArray[np.bool_] = resample(mask.astype(np.float32), grid, onto, matrix, outside=0.0) >= 0.5
    return laid


def _slab(exams: Sequence[ExamResult], ways: Sequence[tuple[NDArray[np.float64], bool]], whole: Grid) -> Grid:
    """The whole patient in plane, and across the planes what holds every lesion."""
    axis = _slice_axis(exams[0].grid, whole)
    corners = whole.to_mm(np.array(np.meshgrid(*[(0, n - 1) for n in whole.shape])).reshape(3, -1).T.astype(float))
    low, high = corners.min(axis=0), corners.max(axis=0)
    inside = [_lesion_range(exam, matrix, axis) for exam, (matrix, _) in zip(exams, ways, strict=True)]
    known = [one for one in inside if one is not None]
    first = min(a for a, _ in known) - _MARGIN_MM if known else (low[axis] + high[axis]) / 2 - _MARGIN_MM
    last = max(b for _, b in known) + _MARGIN_MM if known else first + 2 * _MARGIN_MM
    low[axis], high[axis] = max(low[axis], first), min(high[axis], last)
    step = np.full(3, _PIXEL_MM)
    step[axis] = max(_SLICE_MM, (high[axis] - low[axis]) / _MOST_SLICES)
    i, j, k = (max(1, int(n) + 1) for n in np.floor((high - low) / step))
    affine = np.diag([*step, 1.0])
    affine[:3, 3] = low
    return Grid((i, j, k), affine)


def _slice_axis(grid: Grid, whole: Grid) -> int:
    """The world axis across the slices of the maps; from below where their voxels are cubes."""
    spacing = np.array(grid.spacing_mm)
    if spacing.max() < 1.15 * np.sort(spacing)[1]:
        return 2
    across = grid.affine[:3, int(np.argmax(spacing))]
    return int(np.argmax(np.abs(across)))


def _lesion_range(exam: ExamResult, matrix: NDArray[np.float64], axis: int) -> tuple[float, float] | None:
    masks = [lesion.mask for lesion in exam.lesions if lesion.mask.any()]
    if not masks:
        return None
    points = exam.grid.to_mm(np.argwhere(np.any(masks, axis=0)).astype(np.float64))
    back = np.linalg.inv(matrix)
    along = (points @ back[:3, :3].T + back[:3, 3])[:, axis]
    return float(along.min()), float(along.max())


def pair_view(
    first: ExamResult, last: ExamResult, visits: Sequence[CourseVisit], space: PatientSpace, quantities: Sequence[str]
) -> PairView:
    """Two visits in the space of the earlier one's maps."""
    before, after = (next(v for v in visits if v.session == exam.session) for exam in (first, last))
    between = space.between(first.session, last.session)
    trusted = between is not None
    way = between if between is not None else np.eye(4)
    matrix = compose(before.maps_to_anchor, way, np.asarray(np.linalg.inv(after.maps_to_anchor), dtype=np.float64))
    names = f"ses-{last.session}", f"ses-{first.session}"
    laid = next((one for one in space.visits if one.source == names[0]), None)
    remark = "" if trusted else "the visits could not be laid on one another; they are shown where their headers put them"
    alignment = Alignment(*names, matrix, laid.quality if laid is not None else (), trusted, remark)
    maps = []
    for name in quantities:
        a, b = first.map_of(name), last.map_of(name)
        if a is not None and b is not None:
            maps.append((a.quantity, np.array(a.values), resample(b.values, last.grid, first.grid, matrix).astype(np.float32)))
    return PairView(
        first.grid,
        (first.session, last.session),
        (first.day, last.day),
        (np.array(first.backdrop), resample(last.backdrop, last.grid, first.grid, matrix).astype(np.float32)),
        (_union(first), _outline(_union(last), last.grid, first.grid, matrix)),
        tuple(maps),
        alignment,
    )


def _union(exam: ExamResult) -> NDArray[np.bool_]:
    everything = np.zeros(exam.grid.shape, dtype=bool)
    for lesion in exam.lesions:
        everything |= lesion.mask
    return everything
