"""One visit: series -> maps -> lesion and reference -> measurements. The order of steps is the method's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from afterglow.align.resample import resample
from afterglow.flows.method import Method
from afterglow.flows.regions import Carried, Drawn, arterial_region, lesions_of, reference_of
from afterglow.flows.steps import carry_out
from afterglow.flows.work import Progress, Work
from afterglow.io.bids import Dataset
from afterglow.io.outlines import find_aif_curve
from afterglow.io.results import SPACE
from afterglow.lesions.measure import Labels, measure, measure_reference
from afterglow.lesions.size import sizes
from afterglow.quantify.dce import region_curve
from afterglow.records.alignment import QualityLine
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.lesion import Lesion, Reference
from afterglow.records.measurement import Measurement
from afterglow.records.protocol import Spgr
from afterglow.records.result import ExamResult, RegionCurve
from afterglow.records.series import Exam, Series

_SLOW_FRAMES_S = 10.0
_SHORT_S = 120.0


@dataclass(frozen=True, eq=False)
class Quantified:
    """A visit's result, its measurements, and the seconds of each step."""

    result: ExamResult
    measurements: tuple[Measurement, ...]
    seconds: dict[str, float]


def dynamic_series(exam: Exam, method: Method) -> Series:
    """The series to quantify, with all the method requires beside it. MissingInput or BadInput otherwise; reads no voxel."""
    where = f"sub-{exam.subject} ses-{exam.session}" if exam.session else f"sub-{exam.subject}"
    for spec in method.series.values():
        if spec.required and not any(role in exam.series for role in spec.roles):
            raise MissingInput(
                f"{where}: method {method.name} needs a series of role {' or '.join(spec.roles)}, and there is none"
            )
    return _only(exam, method, where)


def begin(exam: Exam, dynamic: Series, method: Method, *, workers: int, progress: Progress) -> Work:
    """Read the dynamic series, and settle whose relaxivity and haematocrit hold."""
    if not isinstance(dynamic.protocol, Spgr):
        raise BadInput(f"{dynamic.source}: it is not a spoiled gradient echo")
    progress("reading", 0, 1)
    agent = dynamic.agent or method.agent.record()
    if dynamic.agent is not None and dynamic.agent.r2star_per_mM_s is None:
        agent = replace(agent, r2star_per_mM_s=method.agent.r2star_per_mM_s)
    haematocrit = dynamic.haematocrit if dynamic.haematocrit is not None else method.haematocrit.value
    work = Work(exam, method, dynamic, dynamic.load(), dynamic.protocol, agent, haematocrit, workers, progress)
    _note_protocol(work)
    return work


def _only(exam: Exam, method: Method, where: str) -> Series:
    roles = method.series["dce"].roles
    found = [one for role in roles for one in exam.series.get(role, ())]
    if len(found) != 1:
        names = ", ".join(one.source for one in found)
        raise BadInput(
            f"{where}: {len(found)} dynamic series ({names}); move all but one away, or name one by its role in a copy of the method file"
        )
    return found[0]


def _note_protocol(work: Work) -> None:
    step_s = float(np.median(np.diff(work.times_s)))
    length_s = float(work.times_s[-1] - work.times_s[0])
    slow, short = step_s > _SLOW_FRAMES_S, length_s < _SHORT_S
    advice = (
        "slower than 10 s: the bolus is hardly seen, and vp and delay with it"
        if slow
        else "shorter than 2 minutes: ve is not determined"
        if short
        else ""
    )
    work.note(
        "frames", f"{work.times_s.size}, one each {step_s:.2f} s, {length_s:.0f} s in all", "warning" if advice else "ok", advice
    )
    finite = np.isfinite(work.data)
    bad = int(np.count_nonzero(~finite.all(axis=-1)))
    if bad:
        work.data = np.where(finite, work.data, np.float32(np.nan))
        work.note("voxels with values that are not finite", str(bad), "warning", "they are left out and have status 5")
    source = work.agent.source if work.dynamic.agent is not None else f"{work.agent.name}, method file: {work.agent.source}"
    work.note(
        "r1 of the contrast agent",
        f"{work.agent.r1_per_mM_s:g} /mM/s",
        "ok" if work.dynamic.agent is not None else "note",
        source,
    )
    given = work.dynamic.haematocrit is not None
    work.note(
        "haematocrit",
        f"{work.haematocrit:g}",
        "ok" if given else "note",
        "" if given else f"method file: {work.method.haematocrit.source}",
    )


def quantify_exam(
    dataset: Dataset,
    work: Work,
    outlines: tuple[Drawn, ...],
    outlines_dir: Path | None,
    *,
    carried: Carried | None,
    run_id: str,
) -> Quantified:
    """Carry out the method on one visit and measure its lesions."""
    exam, method = work.exam, work.method
    curve = find_aif_curve(dataset, exam.subject, exam.session, outlines_dir, haematocrit=work.haematocrit)
    work.given_aif = (curve, curve.origin) if curve is not None else None
    anatomy = work.series("anatomy")
    work.given_aif_mask = arterial_region(outlines)
    carry_out(work)
    work.progress("lesions", 0, 1)
    lesions = lesions_of(work, outlines, carried)
    reference = reference_of(work, outlines, lesions)
    labels = Labels(exam.subject, exam.session, exam.day, SPACE, method.name, run_id)
    measurements = _measurements(work, lesions, reference, labels)
    backdrop, backdrop_name = _backdrop(work, anatomy)
    result = ExamResult(
        exam.subject,
        exam.session,
        exam.day,
        method.name,
        work.grid,
        backdrop,
        backdrop_name,
        tuple(work.maps),
        work.need_aif("report"),
        work.motion,
        tuple(work.alignments.values()),
        lesions,
        reference,
        _curves(work, lesions, reference),
        _lesion_quality(work, lesions),
        tuple(work.provenance),
    )
    return Quantified(result, measurements, work.seconds)


def _measurements(
    work: Work, lesions: tuple[Lesion, ...], reference: Reference | None, labels: Labels
) -> tuple[Measurement, ...]:
    by_name = {one.quantity.name: one for one in reversed(work.maps)}  # of several models the method's first
    made: list[Measurement] = []
    for spec in work.method.measure:
        if spec.quantity not in by_name:
            continue
        one = by_name[spec.quantity]
        for statistic in spec.statistics:
            if reference is not None:
                made.append(measure_reference(one, reference, statistic=statistic, labels=labels))
            for lesion in lesions:
                ways = (False, True) if spec.normalised else (False,)
                made += [measure(one, lesion, reference, statistic=statistic, normalised=way, labels=labels) for way in ways]
    for lesion in lesions:
        made += sizes(lesion, labels=labels)
    return tuple(made)


def _curves(work: Work, lesions: tuple[Lesion, ...], reference: Reference | None) -> tuple[RegionCurve, ...]:
    concentration, aif, step = work.need_concentration("report"), work.need_aif("report"), work.method.fits()[0]
    regions = [(f"lesion {lesion.lesion_id}", lesion.mask) for lesion in lesions]
    if reference is not None:
        regions.append(("reference", reference.mask))
    drawn = (
        region_curve(concentration, aif, mask, label=label, model=step.model, delay_range_s=step.delay_range_s)
        for label, mask in regions
    )
    return tuple(curve for curve in drawn if curve is not None)


def _backdrop(work: Work, anatomy: Sequence[Series]) -> tuple[NDArray[np.float32], str]:
    """Anatomy on the dynamic grid, for the eye; the mean of the dynamic series where there is none."""
    if not anatomy:
        return work.data.mean(axis=-1, dtype=np.float64).astype(np.float32), f"mean of {work.source}"
    alignment = work.alignments.get("anatomy")
    matrix = alignment.matrix if alignment is not None and alignment.trusted else None
    seen = resample(anatomy[0].load(), anatomy[0].grid, work.grid, matrix).astype(np.float32)
    return seen, anatomy[0].role


def _lesion_quality(work: Work, lesions: tuple[Lesion, ...]) -> tuple[QualityLine, ...]:
    if not lesions:
        work.note(
            "lesions", "none outlined", "warning", "no measurements were made; add a label-lesion mask under derivatives/outlines"
        )
    for lesion in lesions:
        if lesion.note:
            work.note(f"lesion {lesion.lesion_id}", lesion.note, "warning")
    return tuple(work.quality)
