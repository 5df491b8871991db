"""What lies beside the DCE of a visit: DSC of a second injection and spectroscopy, each quantified and measured on its own grid."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from afterglow import __version__
from afterglow.align.conservative import carry_map
from afterglow.align.resample import compose, resample
from afterglow.flows.begin import begin, dynamic_series
from afterglow.flows.beside_spectra import ready_result, spectra_result
from afterglow.flows.exam_result import result_of
from afterglow.flows.regions import share_on, to_image
from afterglow.flows.steps import carry_out
from afterglow.flows.work import Drawn, Work
from afterglow.kernels.types import Status
from afterglow.lesions.measure import Labels, measure_visit
from afterglow.records.alignment import QualityLine
from afterglow.records.errors import AfterglowError
from afterglow.records.maps import ParameterMap, Provenance
from afterglow.records.measurement import Measurement
from afterglow.records.result import ExamResult
from afterglow.records.series import Series

_HALF = 0.5  # of a voxel that tissue must fill to count


@dataclass(frozen=True, eq=False)
class Beside:
    """The other series of a visit: each on its own grid, and what of it is shown on the grid of the DCE."""

    results: tuple[ExamResult, ...] = ()
    shown: tuple[ParameterMap, ...] = ()
    provenance: tuple[Provenance, ...] = ()

    def measurements(self, work: Work, labels: Labels) -> tuple[Measurement, ...]:
        """Measured where it was acquired: nothing is measured on resampled maps."""
        wanted = [spec.record() for spec in work.method.measure]
        made: list[Measurement] = []
        for one in self.results:
            by_name = {found.quantity.name: found for found in one.maps}
            made += measure_visit(by_name, one.lesions, one.reference, wanted, labels=replace(labels, space=one.space))
        return tuple(made)


def series_beside(work: Work) -> Beside:
    """Everything that the method makes of the visit beside its DCE. A series that fails is told in the quality lines; the DCE stays."""
    results: list[ExamResult] = []
    shown: list[ParameterMap] = []
    provenance: list[Provenance] = []
    for space, section in (("dsc", work.method.dsc), ("mrs", work.method.mrs)):
        if section is None:
            continue
        result = _of_dsc(work) if space == "dsc" else _of_spectra(work)
        if result is None:
            continue
        results.append(result)
        laid = [_laid(one, result, work) for one in result.maps if one.quantity.name in section.show]
        shown += laid
        work.quality += [replace(line, what=f"{space.upper()}: {line.what}") for line in result.quality]
        provenance += [*result.provenance, *(one.provenance for one in laid[:1])]
    return Beside(tuple(results), tuple(shown), tuple(provenance))


def _of_dsc(work: Work) -> ExamResult | None:
    method = work.method.of_dsc()
    if method is None or not work.series("ge"):
        work.note("DSC", "not made: the visit has none", "warning", "criteria that read it are not assessed")
        return None
    try:
        own = begin(work.exam, dynamic_series(work.exam, method), method, workers=work.workers, progress=work.progress)
        own.drawn = (*work.drawn, *_carried_reference(work))
        own.quality = [_preload(work) if line.what == "preload" else line for line in own.quality]
        carry_out(own)
        return result_of(own, "dsc")
    except AfterglowError as error:
        work.note("DSC", "not made", "warning", f"{error}; criteria that read it are not assessed")
        return None


def _preload(work: Work) -> QualityLine:
    """The injection of the DCE comes before that of the DSC, and has filled what leaks."""
    injection = work.dynamic.injection
    dose = injection.dose_mmol_kg if injection is not None else None
    return QualityLine("preload", "the injection of the DCE" + ("" if dose is None else f", {dose:g} mmol/kg"), "ok")


def _of_spectra(work: Work) -> ExamResult | None:
    spec, series = work.method.mrs, work.exam.spectra
    if spec is None or (series is None and not work.exam.ready_maps):
        work.note("spectroscopy", "not made: the visit has none", "warning", "criteria that read it are not assessed")
        return None
    try:
        return ready_result(work, spec) if series is None else spectra_result(work, series, spec)
    except AfterglowError as error:
        work.note("spectroscopy", "not made", "warning", f"{error}; criteria that read it are not assessed")
        return None


def _carried_reference(work: Work) -> tuple[Drawn, ...]:
    """The reference that was found in the DCE, on the anatomy, so that both series have one; none where a person drew it or there is no anatomy."""
    given = any(drawn.label == "reference" for drawn in work.drawn)
    anatomy = work.series("anatomy")
    if given or work.reference is None or not anatomy:
        return ()
    on: Series = anatomy[0]
    back = np.linalg.inv(to_image(on, work)).astype(np.float64)
    mask = share_on(work.reference.mask, work.grid, on.grid, back) >= _HALF
    return (Drawn("reference", "", f"reference of {work.source}", "carried", mask, on),) if mask.any() else ()


def _laid(one: ParameterMap, result: ExamResult, work: Work) -> ParameterMap:
    """A map on the grid of the DCE, for the eye: linear for perfusion, by shared volume for spectra."""
    of_spectra, matrix = result.space == "mrs", between(work, result)

    def move(values: NDArray[np.float32]) -> NDArray[np.float32]:
        if of_spectra:
            return carry_map(values, one.grid, work.grid, matrix, least_share=_HALF)
        moved: NDArray[np.float32] = resample(values, one.grid, work.grid, matrix).astype(np.float32)
        return moved

    status = resample(one.status, one.grid, work.grid, matrix, "nearest", outside=float(Status.NOT_ASKED)).astype(np.uint8)
    error = None if one.standard_error is None else move(one.standard_error)
    words = "shared volume" if of_spectra else "linear interpolation"
    sentence = f"For display, maps of {result.space.upper()} were laid on the grid of the DCE by {words}; they were measured on their own grid."
    settings = {"laid_from": result.space, "interpolation": words}
    return ParameterMap(
        one.quantity,
        move(one.values),
        work.grid,
        status,
        Provenance("laid", __version__, settings, one.provenance.sources, sentence),
        error,
    )


def between(work: Work, result: ExamResult) -> NDArray[np.float64]:
    """Matrix from a point of the DCE to that series: as it was laid on the DCE, else through the anatomy of the visit."""
    direct = next((a for a in result.alignments if a.source == work.source and a.trusted), None)
    if direct is not None:
        return np.asarray(np.linalg.inv(direct.matrix), dtype=np.float64)
    anatomy = work.series("anatomy")
    if not anatomy:
        return np.eye(4)
    own = next((a for a in result.alignments if a.source == anatomy[0].source and a.trusted), None)
    back = np.eye(4) if own is None else np.linalg.inv(own.matrix)
    return compose(to_image(anatomy[0], work), np.asarray(back, dtype=np.float64))
