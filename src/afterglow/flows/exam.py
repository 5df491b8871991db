"""One visit: series -> maps -> lesion and reference -> measurements. The order of steps is the method's."""

from dataclasses import dataclass, replace
from pathlib import Path

from afterglow.flows.beside import series_beside
from afterglow.flows.exam_result import result_of
from afterglow.flows.regions import arterial_region
from afterglow.flows.sizes import lesion_sizes
from afterglow.flows.steps import carry_out
from afterglow.flows.work import Drawn, Work
from afterglow.io.bids import Dataset
from afterglow.io.outlines import find_aif_curve, find_bolus_curves
from afterglow.lesions.measure import Labels, measure_visit
from afterglow.records.lesion import Lesion, Reference
from afterglow.records.measurement import Measurement
from afterglow.records.result import ExamResult


@dataclass(frozen=True, eq=False)
class Quantified:
    """A visit's result, its measurements, and the seconds of each step."""

    result: ExamResult
    measurements: tuple[Measurement, ...]
    seconds: dict[str, float]


def quantify_exam(
    dataset: Dataset,
    work: Work,
    outlines: tuple[Drawn, ...],
    outlines_dir: Path | None,
    *,
    run_id: str,
) -> Quantified:
    """Carry out the method on one visit and measure its lesions."""
    exam, method = work.exam, work.method
    if work.haematocrit is not None:
        curve = find_aif_curve(dataset, exam.subject, exam.session, outlines_dir, haematocrit=work.haematocrit)
        work.given_aif = (curve, curve.origin) if curve is not None else None
    if work.arms:
        work.given_boluses = find_bolus_curves(dataset, exam.subject, exam.session, outlines_dir)
    work.given_aif_mask, work.drawn = arterial_region(outlines), outlines
    carry_out(work)
    space = "dsc" if work.arms else "dce"
    labels = Labels(exam.subject, exam.session, exam.day, space, method.name, run_id)
    own = _measurements(work, work.lesions or (), work.reference, labels)
    beside = series_beside(work)
    measurements = (*own, *beside.measurements(work, labels))
    work.maps += beside.shown
    work.provenance += beside.provenance
    result = replace(result_of(work, space), beside=beside.results)
    return Quantified(result, measurements, work.seconds)


def _measurements(
    work: Work, lesions: tuple[Lesion, ...], reference: Reference | None, labels: Labels
) -> tuple[Measurement, ...]:
    by_name = {one.quantity.name: one for one in reversed(work.maps)}  # of several models the method's first
    wanted = [spec.record() for spec in work.method.measure]
    return (*measure_visit(by_name, lesions, reference, wanted, labels=labels), *lesion_sizes(work, lesions, labels))
