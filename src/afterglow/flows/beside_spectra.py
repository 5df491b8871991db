"""Spectroscopy of a visit: its maps, and the lesion and reference tissue on its own grid."""

import numpy as np
from numpy.typing import NDArray

from afterglow.align.resample import resample
from afterglow.flows.method_beside import SpectraBeside
from afterglow.flows.regions import share_on, to_image
from afterglow.flows.work import Work
from afterglow.quantify.spectroscopy import spectral_maps
from afterglow.records.alignment import QualityLine
from afterglow.records.errors import GridMismatch
from afterglow.records.grid import Grid
from afterglow.records.lesion import Lesion, Reference
from afterglow.records.maps import ParameterMap, Provenance
from afterglow.records.result import ExamResult
from afterglow.records.spectra import SpectralSeries

_HALF = 0.5  # of a voxel that tissue must fill to count
_SMALL = "none of its spectroscopic voxels is filled by half"


def spectra_result(work: Work, series: SpectralSeries, spec: SpectraBeside) -> ExamResult:
    """The spectroscopic image where it was acquired: it lies where its header puts it against the anatomy of the same visit."""
    work.progress("spectra", 0, 1)
    lesions, tumour = _lesions(series.grid, work)
    found = spectral_maps(
        series, te_s=spec.te_s, crlb_gate_percent=spec.crlb_percent, width_gate_hz=spec.width_hz, snr_gate=spec.snr, tumour=tumour
    )
    return _result(work, series.grid, found.maps, lesions, found.quality, (found.provenance,))


def ready_result(work: Work) -> ExamResult:
    """Maps that scanner software made. GridMismatch where they do not lie on one grid."""
    maps = work.exam.ready_maps
    grid = maps[0].grid
    odd = next((one for one in maps if not one.grid.same_as(grid)), None)
    if odd is not None:
        raise GridMismatch(
            f"{odd.provenance.sources[0]}: its grid is not that of {maps[0].provenance.sources[0]}; export both maps on one grid"
        )
    lesions, _ = _lesions(grid, work)
    made = tuple(one.provenance for one in maps)
    note = QualityLine("spectra", "ready-made maps", "note", "their fit, its bounds and its gates are not known here")
    return _result(work, grid, maps, lesions, (note, *work.exam.ready_remarks), made)


def _result(
    work: Work, grid: Grid, maps: tuple[ParameterMap, ...], lesions: tuple[Lesion, ...], quality: tuple[QualityLine, ...],
    provenance: tuple[Provenance, ...],
) -> ExamResult:  # fmt: skip
    backdrop, name = _backdrop(grid, work)
    return ExamResult(
        subject=work.exam.subject, session=work.exam.session, day=work.exam.day, method=work.method.name, grid=grid,
        backdrop=backdrop, backdrop_name=name, maps=maps, aif=None, motion=None, alignments=(), lesions=lesions,
        reference=_reference(grid, work), curves=(), quality=quality, provenance=provenance, space="mrs",
    )  # fmt: skip


def _lesions(grid: Grid, work: Work) -> tuple[tuple[Lesion, ...], NDArray[np.bool_]]:
    """Every lesion on the grid of the spectra, and all of them together."""
    lesions = tuple(_lesion(one, grid, work) for one in work.lesions or ())
    tumour = np.zeros(grid.shape, dtype=bool)
    for one in lesions:
        tumour |= one.mask
    return lesions, tumour


def _lesion(lesion: Lesion, grid: Grid, work: Work) -> Lesion:
    mask = _filled(lesion.mask, grid, work)
    note = lesion.note or ("" if mask.any() else _SMALL)
    return Lesion(lesion.lesion_id, mask, grid, lesion.outlined, note)


def _reference(grid: Grid, work: Work) -> Reference | None:
    if work.reference is None:
        return None
    mask = _filled(work.reference.mask, grid, work)
    if not mask.any():
        work.note("reference of the spectra", "none", "note", f"{_SMALL}; ratios to the reference are not made of spectra")
        return None
    return Reference(mask, grid, work.reference.kind, work.reference.method)


def _filled(mask: NDArray[np.bool_], grid: Grid, work: Work) -> NDArray[np.bool_]:
    filled: NDArray[np.bool_] = share_on(mask, work.grid, grid, _to_dce(work)) >= _HALF
    return filled


def _to_dce(work: Work) -> NDArray[np.float64]:
    """Matrix from a point of the scanner, as the anatomy has it, to the DCE."""
    anatomy = work.series("anatomy")
    return np.linalg.inv(to_image(anatomy[0], work)).astype(np.float64) if anatomy else np.eye(4)


def _backdrop(grid: Grid, work: Work) -> tuple[NDArray[np.float32], str]:
    anatomy = work.series("anatomy")
    if not anatomy:
        return np.full(grid.shape, np.nan, dtype=np.float32), "no anatomy"
    seen = resample(anatomy[0].load(), anatomy[0].grid, grid).astype(np.float32)
    return seen, anatomy[0].role
