"""Two spectra of a painted visit to look at: one of the aggressive zone, one of the reference tissue."""

import numpy as np
from numpy.typing import NDArray

from afterglow.flows.course_outlines import CourseVisit
from afterglow.flows.method_beside import SpectraBeside
from afterglow.flows.regions import share_on
from afterglow.quantify.spectroscopy import Spectroscopy, spectral_maps
from afterglow.quantify.spectroscopy_view import spectrum_at
from afterglow.records.grid import Grid
from afterglow.records.result import ExamResult
from afterglow.records.spectra import FittedSpectrum, SpectralSeries
from afterglow.records.zones import Zone, ZoneMap

_Voxel = tuple[int, int, int]


def spectra_of(
    series: SpectralSeries | None,
    spec: SpectraBeside | None,
    result: ExamResult,
    zones: ZoneMap,
    to_anatomy: NDArray[np.float64],
) -> tuple[tuple[str, FittedSpectrum], ...]:
    """The voxel that the aggressive zone fills most (of the tumour, where no voxel is aggressive), and the middle one of the reference.

    `to_anatomy`: a point of the spectra -> the anatomy, on which the zones lie. Nothing where the visit has no spectra that could
    be quantified.
    """
    own = next((one for one in result.beside if one.space == "mrs"), None)
    if series is None or spec is None or own is None:
        return ()
    found = spectral_maps(
        series, te_s=spec.te_s, crlb_gate_percent=spec.crlb_percent, width_gate_hz=spec.width_hz, snr_gate=spec.snr
    )
    aggressive = zones.mask(Zone.AGGRESSIVE)
    label, region = ("aggressive zone", aggressive) if aggressive.any() else ("tumour", zones.tumour)
    share = np.where(found.fitted, share_on(region, zones.grid, series.grid, to_anatomy), 0)
    shown: list[tuple[str, FittedSpectrum]] = []
    if share.max() > 0:
        shown.append((label, spectrum_at(found, _place(int(np.argmax(share)), share.shape))))
    middle = None if own.reference is None else _middle(found, own.reference.mask)
    if middle is not None:
        shown.append(("reference tissue", spectrum_at(found, middle)))
    return tuple(shown)


def spectra_to_anatomy(visit: CourseVisit, result: ExamResult) -> NDArray[np.float64]:
    """How a point of the spectra (RAS mm) comes to the anatomy; as it is where they lie by their header."""
    own = next((one for one in result.beside if one.space == "mrs"), None)
    found = () if own is None else own.alignments
    return next((a.matrix for a in found if a.source == visit.anchor.series.source and a.trusted), np.eye(4))


def grid_on_anatomy(visit: CourseVisit, result: ExamResult, grid: Grid) -> Grid:
    """The voxels of the spectra as they lie on the anatomy."""
    return Grid(grid.shape, spectra_to_anatomy(visit, result) @ grid.affine)


def _middle(found: Spectroscopy, mask: NDArray[np.bool_]) -> _Voxel | None:
    """The voxel of the reference whose Cho/NAA lies in the middle."""
    ratio = next(one.values for one in found.maps if one.quantity.name == "cho_naa")
    known = np.argwhere(mask & np.isfinite(ratio))
    if not len(known):
        return None
    order = np.argsort(ratio[tuple(known.T)], kind="stable")
    i, j, k = known[order[len(order) // 2]]
    return int(i), int(j), int(k)


def _place(index: int, shape: tuple[int, ...]) -> _Voxel:
    i, j, k = np.unravel_index(index, shape)
    return int(i), int(j), int(k)
