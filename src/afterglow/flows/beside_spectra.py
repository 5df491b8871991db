"""Spectroscopy of a visit: its maps, and the lesion and reference tissue on its own grid."""

import numpy as np
from numpy.typing import NDArray

from afterglow.align.resample import resample
from afterglow.flows.method_beside import SpectraBeside
from afterglow.flows.regions import share_on, to_image
from afterglow.flows.work import Work
from afterglow.quantify.spectroscopy import spectral_maps
from afterglow.records.lesion import Lesion, Reference
from afterglow.records.result import ExamResult
from afterglow.records.spectra import SpectralSeries

_HALF = 0.5  # of a voxel that tissue must fill to count
_SMALL = "none of its spectroscopic voxels is filled by half"


def spectra_result(work: Work, series: SpectralSeries, spec: SpectraBeside) -> ExamResult:
    """The spectroscopic image where it was acquired: it lies where its header puts it against the anatomy of the same visit."""
    work.progress("spectra", 0, 1)
    tumour = np.zeros(series.grid.shape, dtype=bool)
    lesions = tuple(_lesion(one, series, work) for one in work.lesions or ())
    for one in lesions:
        tumour |= one.mask
    reference = _reference(series, work)
    found = spectral_maps(
        series, te_s=spec.te_s, crlb_gate_percent=spec.crlb_percent, width_gate_hz=spec.width_hz, snr_gate=spec.snr, tumour=tumour
    )
    backdrop, name = _backdrop(series, work)
    return ExamResult(
        subject=work.exam.subject, session=work.exam.session, day=work.exam.day, method=work.method.name, grid=series.grid,
        backdrop=backdrop, backdrop_name=name, maps=found.maps, aif=None, motion=None, alignments=(), lesions=lesions, reference=reference,
        curves=(), quality=found.quality, provenance=(found.provenance,), space="mrs",
    )  # fmt: skip


def _lesion(lesion: Lesion, series: SpectralSeries, work: Work) -> Lesion:
    mask = _filled(lesion.mask, series, work)
    note = lesion.note or ("" if mask.any() else _SMALL)
    return Lesion(lesion.lesion_id, mask, series.grid, lesion.outlined, note)


def _reference(series: SpectralSeries, work: Work) -> Reference | None:
    if work.reference is None:
        return None
    mask = _filled(work.reference.mask, series, work)
    if not mask.any():
        work.note("reference of the spectra", "none", "note", f"{_SMALL}; ratios to the reference are not made of spectra")
        return None
    return Reference(mask, series.grid, work.reference.kind, work.reference.method)


def _filled(mask: NDArray[np.bool_], series: SpectralSeries, work: Work) -> NDArray[np.bool_]:
    filled: NDArray[np.bool_] = share_on(mask, work.grid, series.grid, _to_dce(work)) >= _HALF
    return filled


def _to_dce(work: Work) -> NDArray[np.float64]:
    """Matrix from a point of the scanner, as the anatomy has it, to the DCE."""
    anatomy = work.series("anatomy")
    return np.linalg.inv(to_image(anatomy[0], work)).astype(np.float64) if anatomy else np.eye(4)


def _backdrop(series: SpectralSeries, work: Work) -> tuple[NDArray[np.float32], str]:
    anatomy = work.series("anatomy")
    if not anatomy:
        return np.full(series.grid.shape, np.nan, dtype=np.float32), "no anatomy"
    seen = resample(anatomy[0].load(), anatomy[0].grid, series.grid).astype(np.float32)
    return seen, anatomy[0].role
