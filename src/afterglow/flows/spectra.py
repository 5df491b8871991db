"""One file of spectra on its own: read or converted, fitted, its maps and a picture of a voxel written where asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from afterglow.flows.work import Progress, silent
from afterglow.io.atomic import write_bytes
from afterglow.io.images import write_map
from afterglow.io.mrs_convert import convert_spectra, needs_conversion
from afterglow.io.mrs_read import read_mrs
from afterglow.io.names import bids_name, label_of, parse_name
from afterglow.quantify.spectroscopy import Spectroscopy, spectral_maps
from afterglow.quantify.spectroscopy_view import extreme_voxels, spectrum_at
from afterglow.records.alignment import QualityLine
from afterglow.records.spectra import FittedSpectrum, SpectralSeries
from afterglow.report.figures.spectra import spectra_figure

Voxel = tuple[int, int, int]


@dataclass(frozen=True)
class SpectraOrder:
    """What was asked for: the file and its water reference, the gates, a voxel to look at, and where results go."""

    file: Path
    water: Path | None
    crlb_percent: float
    width_hz: float
    snr: float
    voxel: Voxel | None = None
    out: Path | None = None


@dataclass(frozen=True)
class SpectraRow:
    """One quantity over the voxels that count."""

    quantity: str
    symbol: str
    unit: str
    n: int
    median: float | None
    low: float | None  # 5th and 95th percentile
    high: float | None
    crlb_percent: float | None  # median over the fitted voxels, where the quantity has one


@dataclass(frozen=True)
class SpectraSeen:
    """What was found in one file."""

    n_fitted: int
    te_s: float
    rows: tuple[SpectraRow, ...]
    quality: tuple[QualityLine, ...]
    spectra: tuple[tuple[str, FittedSpectrum], ...]
    written: tuple[Path, ...]
    picture: Path | None


def look_at_spectra(order: SpectraOrder, *, progress: Progress = silent) -> SpectraSeen:
    """Fit every voxel of one file. A stated error where it cannot be read or fitted, or where the voxel lies outside its box."""
    progress("reading", 0, 1)
    with _read(order) as series:
        progress("fitting", 0, 1)
        found = spectral_maps(
            series, crlb_gate_percent=order.crlb_percent, width_gate_hz=order.width_hz, snr_gate=order.snr, te_s=None
        )
    spectra = tuple((label, spectrum_at(found, voxel)) for label, voxel in _voxels(found, order.voxel))
    written, picture = _written(order, found, spectra) if order.out is not None else ((), None)
    n_fitted = int(np.count_nonzero(np.isfinite(found.fits.snr)))
    return SpectraSeen(n_fitted, series.te_s, _rows(found), found.quality, spectra, written, picture)


@contextmanager
def _read(order: SpectraOrder) -> Iterator[SpectralSeries]:
    """The series; a scanner's file is converted first, into the output folder, or aside where there is none."""
    with TemporaryDirectory(prefix="afterglow-spectra-") as aside:
        folder = order.out or Path(aside)
        file, water = order.file, order.water
        if needs_conversion(file):
            file, beside = convert_spectra(file, folder / _name(order.file, "", "mrsi"))
            water = beside if water is None else water
        if water is not None and needs_conversion(water):
            water = convert_spectra(water, folder / _name(order.file, "", "mrsref"))[0]
        yield read_mrs(file, file.parent, water)


def _name(file: Path, param: str, suffix: str, extension: str = ".nii.gz") -> str:
    """A BIDS name with the entities of the file it came from; where that is none, its letters and digits become acq-."""
    name = parse_name(file.name)
    stem = label_of(file.name.partition(".")[0]) or "spectra"
    return bids_name(
        {**(name.entities if name is not None and name.entities else {"acq": stem}), "param": param}, suffix, extension
    )


def _voxels(found: Spectroscopy, asked: Voxel | None) -> list[tuple[str, Voxel]]:
    """The voxel that was asked for beside the usual one; else that with the largest Cho/NAA."""
    extremes = extreme_voxels(found, "cho_naa")
    usual = [("median Cho/NAA", extremes[-1])] if extremes else []
    if asked is not None:
        return [("voxel {}, {}, {}".format(*asked), asked), *(one for one in usual if one[1] != asked)]
    if extremes:
        return [("largest Cho/NAA", extremes[0]), *(one for one in usual if one[1] != extremes[0])]
    i, j, k = np.argwhere(found.fitted)[int(np.nanargmax(np.nan_to_num(found.fits.snr, nan=-1.0)))].tolist()
    return [("highest signal to noise", (i, j, k))]


def _rows(found: Spectroscopy) -> tuple[SpectraRow, ...]:
    maps = {one.quantity.name: one for one in found.maps}
    out = []
    for name, one in maps.items():
        if name.endswith("_crlb"):
            continue
        values = one.values[np.isfinite(one.values)]
        bound = maps.get(f"{name}_crlb")
        finite = np.zeros(0) if bound is None else bound.values[np.isfinite(bound.values)]
        low, middle, high = np.quantile(values, [0.05, 0.5, 0.95]).tolist() if values.size else (None, None, None)
        crlb = float(np.median(finite)) if finite.size else None
        out.append(SpectraRow(name, one.quantity.symbol, one.quantity.unit, values.size, middle, low, high, crlb))
    return tuple(out)


def _written(
    order: SpectraOrder, found: Spectroscopy, spectra: tuple[tuple[str, FittedSpectrum], ...]
) -> tuple[tuple[Path, ...], Path | None]:
    """Every map with its sidecar, standard error and status, and the picture."""
    out = order.out or Path()
    files: list[Path] = []
    for one in found.maps:
        path = out / _name(order.file, one.quantity.name.replace("_", ""), "mrsmap")
        files += [written.path for written in write_map(one, path, with_status=True)]
    figure = spectra_figure(spectra, found.grid, name="spectra")
    if figure is None:
        return tuple(files), None
    picture = out / _name(order.file, "", "spectra", ".png")
    write_bytes(picture, figure.image)
    return (*files, picture), picture
