"""The planning grid of a visit, and everything laid on it: anatomy, tumour, brain, and the maps that the criteria read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from afterglow.align.resample import compose, resample
from afterglow.flows.course_outlines import CourseVisit
from afterglow.flows.regions import share_on
from afterglow.lesions.white_matter import brain_of
from afterglow.painting.criteria import Evidence
from afterglow.records.alignment import QualityLine
from afterglow.records.errors import MissingInput
from afterglow.records.grid import Grid
from afterglow.records.maps import ParameterMap
from afterglow.records.quantity import QUANTITIES
from afterglow.records.result import ExamResult

_HALF = 0.5  # of a voxel that tissue must fill to count
_MARGIN_MM = 8.0  # of the planning grid around brain and tumour
_SMOOTH_MM = 0.7  # against noise, before the brain is told from the rest
_LARGE_MM = 60.0  # the greatest diameter that the paper treated


@dataclass(frozen=True, eq=False)
class Native:
    """A map where it was measured, and how a point of the anatomy (RAS mm) comes to it."""

    parameter_map: ParameterMap
    matrix: NDArray[np.float64]
    nearest: bool  # spectra are carried by the nearest voxel, never smoothed
    reference: NDArray[np.bool_] | None
    at_least: ParameterMap | None = None

    def laid(self, values: NDArray[np.float32], grid: Grid) -> NDArray[np.float32]:
        """Values of this map's voxels on the planning grid; NaN stays NaN."""
        how = "nearest" if self.nearest else "linear"
        out: NDArray[np.float32] = resample(values, self.parameter_map.grid, grid, self.matrix, how).astype(np.float32)  # type: ignore[arg-type]
        return out

    def evidence(self, values: NDArray[np.float32], grid: Grid) -> Evidence:
        """The map with those values and its own errors, and median and spread of its reference."""
        inside = values[self.reference] if self.reference is not None else np.zeros(0, dtype=np.float32)
        known = inside[np.isfinite(inside)].astype(np.float64)
        median = float(np.median(known)) if known.size else None
        spread = None if median is None or known.size < 2 else 1.4826 * float(np.median(np.abs(known - median)))
        least = None if self.at_least is None else self.laid(self.at_least.values, grid)
        error = self.parameter_map.standard_error
        return Evidence(self.laid(values, grid), median, spread, least, None if error is None else self.laid(error, grid))


@dataclass(frozen=True, eq=False)
class PlanningScene:
    """What is painted, on the planning grid."""

    grid: Grid
    backdrop: NDArray[np.float32]
    backdrop_name: str
    tumour_share: NDArray[np.float32]
    brain_share: NDArray[np.float32] | None
    natives: Mapping[str, Native]  # by quantity
    quality: tuple[QualityLine, ...]

    @property
    def tumour(self) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = self.tumour_share >= _HALF
        return mask


def seen_from(scene: PlanningScene, visit: CourseVisit, result: ExamResult, matrix: NDArray[np.float64]) -> PlanningScene:
    """The same tumour on the same planning grid, with the maps of another visit. `matrix`: a point of the planning image -> that visit's anatomy."""
    found = {name: native_of(name, visit, result) for name in scene.natives}
    natives = {name: replace(one, matrix=compose(matrix, one.matrix)) for name, one in found.items() if one is not None}
    return replace(scene, natives=natives)


def scene_of(visit: CourseVisit, result: ExamResult, quantities: Sequence[str], *, grid_mm: float) -> PlanningScene:
    """Lay out a visit for painting. MissingInput where it has no anatomy or no tumour is outlined."""
    where = f"sub-{result.subject} ses-{result.session}"
    if visit.anchor.is_dynamic:
        raise MissingInput(f"{where}: there is no anatomy to plan on; add a CE-T1w image")
    series = visit.anchor.series
    image = series.load()
    tumour = _tumour(visit, where)
    brain, told = _brain(visit, image)
    grid = planning_grid(series.grid, tumour if brain is None else tumour | brain, grid_mm)
    share = share_on(tumour, series.grid, grid, np.eye(4))
    natives = {name: found for name in quantities if (found := native_of(name, visit, result)) is not None}
    lines = [*told, *_size_lines(share >= _HALF, grid), *_missing_lines(quantities, natives)]
    brain_share = None if brain is None else share_on(brain, series.grid, grid, np.eye(4))
    backdrop = resample(image, series.grid, grid).astype(np.float32)
    return PlanningScene(grid, backdrop, series.role, share, brain_share, natives, tuple(lines))


def _tumour(visit: CourseVisit, where: str) -> NDArray[np.bool_]:
    """All enhancing tissue that is outlined, on the anatomy."""
    on = visit.anchor.series
    whole = np.zeros(on.grid.shape, dtype=bool)
    for one in visit.lesions:
        mask = next((part for kind, part in one.parts if kind == "enhancing"), one.mask)
        if mask.any():
            back = compose(visit.to_image(one.on))
            whole |= share_on(mask, one.on.grid, on.grid, back) >= _HALF
    if not whole.any():
        raise MissingInput(f"{where}: no tumour is outlined, so nothing can be painted; outline it (label-lesion) on {on.source}")
    return whole


def _brain(visit: CourseVisit, image: NDArray[np.float32]) -> tuple[NDArray[np.bool_] | None, list[QualityLine]]:
    """A brain mask that is given, or the largest piece of tissue of the anatomy; None, with a warning, where none is found."""
    on = visit.anchor.series
    given = [one for one in visit.drawn if one.label == "brain"]
    if given:
        share = share_on(given[0].mask, given[0].on.grid, on.grid, visit.to_image(given[0].on))
        return share >= _HALF, [QualityLine("brain", f"given ({given[0].name})", "ok")]
    smooth = ndimage.gaussian_filter(np.nan_to_num(image), [_SMOOTH_MM / step for step in on.grid.spacing_mm]).astype(np.float32)
    try:
        brain = brain_of(smooth, on.grid)
    except MissingInput as error:
        advice = "doses of the brain are not told; give a label-brain mask"
        return None, [QualityLine("brain", str(error), "warning", advice)]
    filled: NDArray[np.bool_] = ndimage.binary_fill_holes(brain)
    found_ml = float(np.count_nonzero(filled)) * on.grid.voxel_ml
    advice = f"the largest piece of tissue in {on.role}; a label-brain mask of your own wins"
    return filled, [QualityLine("brain", f"{found_ml:.0f} mL, found in the anatomy", "note", advice)]


def planning_grid(anatomy: Grid, inside: NDArray[np.bool_], grid_mm: float) -> Grid:
    """Isotropic voxels along the anatomy's axes around everything inside, with a margin."""
    spacing = np.array(anatomy.spacing_mm)
    box = ndimage.find_objects(inside.astype(np.uint8))[0]
    low = np.array([s.start for s in box]) - 0.5 - _MARGIN_MM / spacing
    high = np.array([s.stop for s in box]) - 0.5 + _MARGIN_MM / spacing
    counts = np.ceil((high - low) * spacing / grid_mm).astype(int)
    affine = anatomy.affine.copy()
    affine[:3, :3] = anatomy.affine[:3, :3] / spacing * grid_mm
    affine[:3, 3] = anatomy.to_mm(low) + affine[:3, :3] @ np.full(3, 0.5)
    i, j, k = (int(n) for n in counts)
    return Grid((i, j, k), affine)


def native_of(quantity: str, visit: CourseVisit, result: ExamResult) -> Native | None:
    """The map of that quantity where it was measured; None where the visit has none."""
    source = visit.anchor.series.source
    for exam in (*result.beside, result):
        found = exam.map_of(quantity)
        if found is None or found.provenance.step == "laid":
            continue
        own = next((one for one in exam.alignments if one.source == source and one.trusted), None)
        matrix = np.eye(4) if own is None else np.linalg.inv(own.matrix)
        reference = None if exam.reference is None else exam.reference.mask
        least = exam.map_of(f"{quantity}_least") if f"{quantity}_least" in QUANTITIES else None
        return Native(found, np.asarray(matrix, dtype=np.float64), exam.space == "mrs", reference, least)
    return None


def _size_lines(tumour: NDArray[np.bool_], grid: Grid) -> list[QualityLine]:
    at = grid.to_mm(np.argwhere(tumour & ~ndimage.binary_erosion(tumour)).astype(np.float64))
    span_mm = float(np.linalg.norm(at.max(axis=0) - at.min(axis=0))) if len(at) else 0.0
    axes_mm = float((at.max(axis=0) - at.min(axis=0)).max()) if len(at) else 0.0
    if axes_mm <= _LARGE_MM:
        return []
    words = f"{axes_mm:.0f} mm along one axis, {span_mm:.0f} mm across its box"
    return [QualityLine("size of the tumour", words, "warning", "the published method treated tumours below 60 mm only")]


def _missing_lines(quantities: Sequence[str], natives: Mapping[str, Native]) -> list[QualityLine]:
    gone = [QUANTITIES[name].symbol for name in quantities if name not in natives]
    advice = "criteria that read them are not assessed, which is not the same as normal"
    return [QualityLine("maps for the criteria", f"missing: {', '.join(gone)}", "warning", advice)] if gone else []
