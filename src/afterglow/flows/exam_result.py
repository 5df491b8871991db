"""What a visit has become, as one record: maps, curves and pictures of the series that was quantified."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from afterglow.align.resample import resample
from afterglow.flows.acquired import acquired
from afterglow.flows.work import Work
from afterglow.quantify.dce import region_curve
from afterglow.quantify.region_loop import region_loop
from afterglow.records.alignment import QualityLine
from afterglow.records.bolus import RegionLoop
from afterglow.records.lesion import Lesion, Reference
from afterglow.records.result import ExamResult, RegionCurve
from afterglow.records.series import Series


def result_of(work: Work, space: str) -> ExamResult:
    """The visit on the grid of its dynamic series, once all steps are carried out."""
    lesions, reference = work.lesions or (), work.reference
    backdrop, backdrop_name = _backdrop(work, work.series("anatomy"))
    return ExamResult(
        work.exam.subject,
        work.exam.session,
        work.exam.day,
        work.method.name,
        work.grid,
        backdrop,
        backdrop_name,
        tuple(work.maps),
        None if work.arms else work.need_aif("report"),
        work.motion,
        tuple(work.alignments.values()),
        lesions,
        reference,
        () if work.arms else _curves(work, lesions, reference),
        _lesion_quality(work, lesions),
        tuple(work.provenance),
        space,
        tuple(curve for arm in work.arms.values() for curve in (arm.artery, arm.vein) if curve is not None),
        _loops(work, lesions, reference),
        _pictures(work),
        work.method.panel,
        acquired(work.dynamic),
    )


def _curves(work: Work, lesions: tuple[Lesion, ...], reference: Reference | None) -> tuple[RegionCurve, ...]:
    concentration, aif, step = work.need_concentration("report"), work.need_aif("report"), work.method.fits()[0]
    drawn = (
        region_curve(concentration, aif, mask, label=label, model=step.model, delay_range_s=step.delay_range_s)
        for label, mask in _named_regions(lesions, reference)
    )
    return tuple(curve for curve in drawn if curve is not None)


def _named_regions(lesions: tuple[Lesion, ...], reference: Reference | None) -> list[tuple[str, NDArray[np.bool_]]]:
    regions = [(f"lesion {lesion.lesion_id}", lesion.mask) for lesion in lesions]
    return regions if reference is None else [*regions, ("reference", reference.mask)]


def _loops(work: Work, lesions: tuple[Lesion, ...], reference: Reference | None) -> tuple[RegionLoop, ...]:
    """The loops of regions, where both echoes are there."""
    ge, se = work.arms.get("ge"), work.arms.get("se")
    if work.loops is None or ge is None or se is None or ge.rates is None or se.rates is None:
        return ()
    corrected = (ge.corrected, se.corrected) if ge.corrected is not None and se.corrected is not None else None
    made = (
        region_loop(ge.rates, se.rates, corrected, work.loops.alignment, mask, label=label)
        for label, mask in _named_regions(lesions, reference)
    )
    return tuple(loop for loop in made if loop is not None)


def _pictures(work: Work) -> tuple[tuple[str, NDArray[np.float32]], ...]:
    """Further anatomy on the grid of the maps."""
    flair = work.series("flair")
    return ((flair[0].role, _seen(work, flair[0], "flair")),) if flair else ()


def _backdrop(work: Work, anatomy: Sequence[Series]) -> tuple[NDArray[np.float32], str]:
    """Anatomy on the dynamic grid, for the eye; the mean of the dynamic series where there is none."""
    if not anatomy:
        return work.data.mean(axis=-1, dtype=np.float64).astype(np.float32), f"mean of {work.source}"
    return _seen(work, anatomy[0], "anatomy"), anatomy[0].role


def _seen(work: Work, one: Series, name: str) -> NDArray[np.float32]:
    alignment = work.alignments.get(name)
    matrix = alignment.matrix if alignment is not None and alignment.trusted else None
    seen: NDArray[np.float32] = resample(one.load(), one.grid, work.grid, matrix).astype(np.float32)
    return seen


def _lesion_quality(work: Work, lesions: tuple[Lesion, ...]) -> tuple[QualityLine, ...]:
    if not lesions:
        work.note(
            "lesions", "none outlined", "warning", "no measurements were made; add a label-lesion mask under derivatives/outlines"
        )
    for lesion in lesions:
        if lesion.note:
            work.note(f"lesion {lesion.lesion_id}", lesion.note, "warning")
    return tuple(work.quality)
