"""Spectroscopy of a visit: its maps, and the lesion and reference tissue on its own grid."""

import numpy as np
from numpy.typing import NDArray

from afterglow.align.resample import resample
from afterglow.flows.beside_place import SpectraPlace, spectra_place
from afterglow.flows.method_beside import SpectraBeside
from afterglow.flows.regions import share_on
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
    """The spectroscopic image where it was acquired, and its place against the visit's images."""
    work.progress("spectra", 0, 1)
    place = spectra_place(work, spec, series.source)
    lesions, tumour = _lesions(series.grid, work, place)
    found = spectral_maps(
        series, te_s=spec.te_s, crlb_gate_percent=spec.crlb_percent, width_gate_hz=spec.width_hz, snr_gate=spec.snr, tumour=tumour
    )
    return _result(work, series.grid, found.maps, lesions, found.quality, (found.provenance,), place)


def ready_result(work: Work, spec: SpectraBeside) -> ExamResult:
    """Maps that scanner software made. GridMismatch where they do not lie on one grid."""
    maps = work.exam.ready_maps
    grid = maps[0].grid
    odd = next((one for one in maps if not one.grid.same_as(grid)), None)
    if odd is not None:
        raise GridMismatch(
            f"{odd.provenance.sources[0]}: its grid is not that of {maps[0].provenance.sources[0]}; export both maps on one grid"
        )
    place = spectra_place(work, spec, maps[0].provenance.sources[0])
    lesions, _ = _lesions(grid, work, place)
    made = tuple(one.provenance for one in maps)
    note = QualityLine("spectra", "ready-made maps", "note", "their fit, its bounds and its gates are not known here")
    return _result(work, grid, maps, lesions, (note, *work.exam.ready_remarks), made, place)


def _result(
    work: Work, grid: Grid, maps: tuple[ParameterMap, ...], lesions: tuple[Lesion, ...], quality: tuple[QualityLine, ...],
    provenance: tuple[Provenance, ...], place: SpectraPlace,
) -> ExamResult:  # fmt: skip
    backdrop, name = _backdrop(grid, work, place)
    return ExamResult(
        subject=work.exam.subject, session=work.exam.session, day=work.exam.day, method=work.method.name, grid=grid,
        backdrop=backdrop, backdrop_name=name, maps=maps, aif=None, motion=None, alignments=place.alignments, lesions=lesions,
        reference=_reference(grid, work, place), curves=(), quality=(*quality, place.line), provenance=provenance, space="mrs",
    )  # fmt: skip


def _lesions(grid: Grid, work: Work, place: SpectraPlace) -> tuple[tuple[Lesion, ...], NDArray[np.bool_]]:
    """Every lesion on the grid of the spectra, and all of them together."""
    lesions = tuple(_lesion(one, grid, work, place) for one in work.lesions or ())
    tumour = np.zeros(grid.shape, dtype=bool)
    for one in lesions:
        tumour |= one.mask
    return lesions, tumour


def _lesion(lesion: Lesion, grid: Grid, work: Work, place: SpectraPlace) -> Lesion:
    mask = _filled(lesion.mask, grid, work, place)
    note = lesion.note or ("" if mask.any() else _SMALL)
    return Lesion(lesion.lesion_id, mask, grid, lesion.outlined, note)


def _reference(grid: Grid, work: Work, place: SpectraPlace) -> Reference | None:
    if work.reference is None:
        return None
    mask = _filled(work.reference.mask, grid, work, place)
    if not mask.any():
        work.note("reference of the spectra", "none", "note", f"{_SMALL}; ratios to the reference are not made of spectra")
        return None
    return Reference(mask, grid, work.reference.kind, work.reference.method)


def _filled(mask: NDArray[np.bool_], grid: Grid, work: Work, place: SpectraPlace) -> NDArray[np.bool_]:
    filled: NDArray[np.bool_] = share_on(mask, work.grid, grid, place.to_dce) >= _HALF
    return filled


def _backdrop(grid: Grid, work: Work, place: SpectraPlace) -> tuple[NDArray[np.float32], str]:
    anatomy = work.series("anatomy")
    if not anatomy:
        return np.full(grid.shape, np.nan, dtype=np.float32), "no anatomy"
    seen = resample(anatomy[0].load(), anatomy[0].grid, grid, place.to_anatomy).astype(np.float32)
    return seen, anatomy[0].role
