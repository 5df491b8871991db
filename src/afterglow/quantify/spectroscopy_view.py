"""One voxel of a spectroscopic image with its fit, ready to be drawn."""

import numpy as np

from afterglow.kernels.spectrum_lines import LINES
from afterglow.kernels.spectrum_show import shown
from afterglow.kernels.types import STATUS_WORDS, Status
from afterglow.quantify.spectroscopy import Spectroscopy
from afterglow.records.errors import BadInput
from afterglow.records.maps import ParameterMap
from afterglow.records.spectra import FittedPeak, FittedSpectrum

_BROADENING_HZ = 2.0
_PPM_RANGE = (0.3, 4.3)
_PEAKS = (("naa", "NAA"), ("cr", "Cr"), ("cho", "Cho"), ("lac", "Lac"))
_RATIOS = ("cho_naa", "cho_cr")


def spectrum_at(found: Spectroscopy, voxel: tuple[int, int, int]) -> FittedSpectrum:
    """Measured and fitted spectrum of one voxel with its numbers. BadInput where that voxel was not fitted."""
    if any(not 0 <= index < n for index, n in zip(voxel, found.grid.shape, strict=True)) or not found.fitted[voxel]:
        raise BadInput(f"voxel {voxel} lies outside the box of the spectra ({found.grid}); choose one inside")
    row = int(np.count_nonzero(found.fitted.ravel()[: np.ravel_multi_index(voxel, found.grid.shape)]))
    picture = shown(
        found.fids[row], found.fits, row, dwell_s=found.dwell_s, spectrometer_mhz=found.spectrometer_mhz,
        reference_ppm=found.reference_ppm, broadening_hz=_BROADENING_HZ, ppm_range=_PPM_RANGE,
    )  # fmt: skip
    maps = {one.quantity.name: one for one in found.maps}
    x, y, z = found.grid.to_mm(np.array(voxel, dtype=np.float64)).tolist()
    return FittedSpectrum(
        voxel, (x, y, z), picture.ppm.astype(np.float64), picture.measured.astype(np.float64), picture.fitted.astype(np.float64),
        picture.baseline.astype(np.float64),
        peaks=tuple(_peak(found, row, name, symbol, maps, voxel) for name, symbol in _PEAKS),
        ratios=tuple(_ratio(maps[name], voxel) for name in _RATIOS),
        least=tuple((maps[name].quantity.symbol, float(maps[f"{name}_least"].values[voxel])) for name in _RATIOS),
        snr=float(found.fits.snr[row]), width_hz=float(found.fits.width_hz[row]), broadening_hz=_BROADENING_HZ,
        status=STATUS_WORDS[Status(int(maps["cho_naa"].status[voxel]))],
    )  # fmt: skip


def _peak(
    found: Spectroscopy, row: int, name: str, symbol: str, maps: dict[str, ParameterMap], voxel: tuple[int, int, int]
) -> FittedPeak:
    number = next(n for n, line in enumerate(LINES) if line.name == name)
    return FittedPeak(
        symbol, LINES[number].ppm, float(found.fits.amplitudes[row, number]), float(maps[f"{name}_crlb"].values[voxel])
    )


def _ratio(one: ParameterMap, voxel: tuple[int, int, int]) -> tuple[str, float, float]:
    error = np.nan if one.standard_error is None else float(one.standard_error[voxel])
    return one.quantity.symbol, float(one.values[voxel]), error


def extreme_voxels(found: Spectroscopy, name: str) -> tuple[tuple[int, int, int], ...]:
    """The voxels where a quantity is largest and where it is nearest to its median: none where it was measured nowhere."""
    values = next(one.values for one in found.maps if one.quantity.name == name)
    if not np.isfinite(values).any():
        return ()
    places = (int(np.nanargmax(values)), int(np.nanargmin(np.abs(values - np.nanmedian(values)))))
    corners = [tuple(int(n) for n in np.unravel_index(place, values.shape)) for place in dict.fromkeys(places)]
    return tuple((i, j, k) for i, j, k in corners)
