"""Spectra whose frequency axis is mirrored fail in silence: they are told by where their lines lie, and refused."""

import numpy as np

from afterglow.kernels.spectrum import WATER_PPM, Complex, ppm_axis
from afterglow.kernels.spectrum_fit import setting
from afterglow.kernels.spectrum_refine import explained, free
from afterglow.kernels.types import Array
from afterglow.records.errors import BadInput
from afterglow.records.spectra import SpectralSeries

_MOST = 64  # voxels looked at, spread over the box: those with most signal may hold nothing but lipid
_REACH_PPM = 0.37
_CLEARLY = 1.5  # times as much must be explained by the mirrored lines, in the middle voxel: fat of the scalp reaches some voxels, not most
_WATER_OFF_PPM = 0.7
_BESIDE_WATER_PPM = 0.8


def require_upright(fids: Complex, water: Complex | None, series: SpectralSeries) -> None:
    """BadInput where the lines of decays (v, t) lie mirrored, or where the water does not lie at its place."""
    sound = fids[np.isfinite(fids).all(axis=1) & np.any(fids, axis=1)]
    if not sound.shape[0]:
        raise BadInput(f"{series.source}: no voxel of its box holds a decay that is finite and not zero; convert the scan again")
    some = sound[np.linspace(0, len(sound) - 1, min(_MOST, len(sound))).astype(np.intp)].astype(np.complex128)
    if water is not None:
        _require_water(water, series)
    straight, mirrored = (_explained(one, series) for one in (some, some.conj()))
    if float(np.median(mirrored / np.maximum(straight, 1.0))) > _CLEARLY:
        strongest = _strongest_ppm(some, series)
        raise BadInput(
            f"{series.source}: its strongest line beside water lies at {strongest:.2f} ppm and water at {_water_ppm(some, series):.2f} ppm, but "
            "NAA belongs at 2.01: the sign of the decays is mirrored; conjugate them, or convert again under the signs of NIfTI-MRS"
        )


def _explained(fids: Complex, series: SpectralSeries) -> Array:
    """What the fitted lines explain of each decay (v,), over the noise."""
    how = setting(
        fids.shape[1], dwell_s=series.dwell_s, spectrometer_mhz=series.spectrometer_mhz, te_s=series.te_s,
        reference_ppm=series.reference_ppm, water_ppm=WATER_PPM, reach_hz=_REACH_PPM * series.spectrometer_mhz,
    )  # fmt: skip
    gain: Array = explained(free(fids[:, : how.times_s.size], how.barred), how)
    return gain


def _require_water(water: Complex, series: SpectralSeries) -> None:
    sound = water[np.isfinite(water).all(axis=1) & np.any(water, axis=1)]
    if not sound.shape[0]:
        raise BadInput(
            f"{series.water_source}: no voxel of the box holds a water signal; leave the reference out, or convert it again"
        )
    at = _water_ppm(sound, series, within_ppm=np.inf)
    if abs(at - WATER_PPM) > _WATER_OFF_PPM:
        raise BadInput(
            f"{series.water_source}: its water lies at {at:.2f} ppm, not near {WATER_PPM}; SpecFreqChemShift says {series.reference_ppm:g} ppm at "
            "0 Hz: correct that, or give the reference of this scan"
        )


def _axis_and_power(fids: Complex, series: SpectralSeries) -> tuple[Array, Array]:
    axis = ppm_axis(
        fids.shape[1], dwell_s=series.dwell_s, spectrometer_mhz=series.spectrometer_mhz, reference_ppm=series.reference_ppm
    )
    power = np.mean(np.abs(np.fft.fftshift(np.fft.fft(fids, axis=1), axes=1)) ** 2, axis=0)
    return axis, power


def _strongest_ppm(fids: Complex, series: SpectralSeries) -> float:
    axis, power = _axis_and_power(fids, series)
    return float(axis[np.argmax(np.where(np.abs(axis - WATER_PPM) > _BESIDE_WATER_PPM, power, -1.0))])


def _water_ppm(fids: Complex, series: SpectralSeries, within_ppm: float = _BESIDE_WATER_PPM) -> float:
    axis, power = _axis_and_power(fids, series)
    return float(axis[np.argmax(np.where(np.abs(axis - WATER_PPM) <= within_ppm, power, -1.0))])
