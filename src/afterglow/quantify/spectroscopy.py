"""A spectroscopic image to maps of NAA, creatine, choline and lactate and their ratios, with what each voxel is worth.

Ratios are of peak areas, the number of protons not divided out, and not corrected for T1 or T2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.spectrum import WATER_PPM
from afterglow.kernels.spectrum_align import eddy_corrected, water_phase
from afterglow.kernels.spectrum_fit import SpectrumFit, fit_spectra, setting
from afterglow.kernels.spectrum_lines import NAMES, reference_hz
from afterglow.kernels.spectrum_ratio import fieller_least, ratio_error
from afterglow.kernels.types import Array, Status
from afterglow.quantify.made import map_from_voxels, provenance
from afterglow.quantify.spectroscopy_check import require_upright
from afterglow.quantify.spectroscopy_quality import quality_lines
from afterglow.records.alignment import QualityLine
from afterglow.records.errors import BadInput
from afterglow.records.grid import Grid
from afterglow.records.maps import ParameterMap, Provenance
from afterglow.records.spectra import Fids, SpectralSeries

_REACH_PPM = 0.37  # where the lines are looked for around their place
_REACH_BY_WATER_PPM = 0.125  # where each voxel's water has shown its place
_READ = ("naa", "cr", "cho", "lac")
_RATIOS = (("cho_naa", "cho", "naa"), ("cho_cr", "cho", "cr"), ("naa_cr", "naa", "cr"), ("lac_cr", "lac", "cr"))
_LEAST = ("cho_naa", "cho_cr")
_KLOSE, _VARPRO = "10.1002/mrm.1910140104", "10.1088/0266-5611/19/2/201"


@dataclass(frozen=True)
class SpectraGates:
    """What a voxel must reach to count."""

    crlb_percent: float
    width_hz: float
    snr: float


@dataclass(frozen=True, eq=False)
class Spectroscopy:
    """Maps on the grid of the spectra, and what is needed to draw any voxel: `fitted` (i, j, k) is where a fit was made."""

    maps: tuple[ParameterMap, ...]
    quality: tuple[QualityLine, ...]
    provenance: Provenance
    fits: SpectrumFit  # one row for each voxel of `fitted`
    fitted: NDArray[np.bool_]
    grid: Grid
    fids: Fids  # (v, t) that were fitted, corrected by the water where there was one
    dwell_s: float
    spectrometer_mhz: float
    reference_ppm: float  # chemical shift at 0 Hz of `fids`


def spectral_maps(
    series: SpectralSeries,
    *,
    crlb_gate_percent: float,
    width_gate_hz: float,
    snr_gate: float,
    te_s: float | None = None,
    tumour: NDArray[np.bool_] | None = None,
) -> Spectroscopy:
    """Fit every voxel whose centre lies in the excited box; NaN everywhere else and wherever a gate is not reached.

    `te_s` is the echo time that the method was made for: another one is said. `tumour` (i, j, k) on the grid of the spectra: where
    the box misses it, that is said. BadInput where the spectra are mirrored or no voxel can be fitted.
    """
    gates = SpectraGates(crlb_gate_percent, width_gate_hz, snr_gate)
    inside = in_box(series)
    if not inside.any():
        raise BadInput(f"{series.source}: the centre of no voxel lies in its box (VOI); correct the box, or leave it out")
    fids = series.load()[inside]
    water = None if series.water is None else series.water()[inside]
    require_upright(fids, water, series)
    fits, fids, shift_hz, reference_ppm = _fitted(fids, water, series)
    how = _provenance(series, gates, fits)
    maps = (*_read_maps(fits, gates, inside, series.grid, how), *_ratio_maps(fits, gates, inside, series.grid, how))
    maps += _quality_maps(fits, shift_hz, inside, series.grid, how)
    lines = quality_lines(series, fits, maps, inside, te_s=te_s, tumour=tumour)
    return Spectroscopy(maps, lines, how, fits, inside, series.grid, fids, series.dwell_s, series.spectrometer_mhz, reference_ppm)


def in_box(series: SpectralSeries) -> NDArray[np.bool_]:
    """Voxels (i, j, k) whose centre lies in the excited box; all of them where the file knows none."""
    if series.box is None:
        return np.ones(series.grid.shape, dtype=np.bool_)
    index = np.stack(np.meshgrid(*(np.arange(float(n)) for n in series.grid.shape), indexing="ij"), axis=-1)
    inverse = np.linalg.inv(series.box)
    place = series.grid.to_mm(index) @ inverse[:3, :3].T + inverse[:3, 3]
    inside: NDArray[np.bool_] = (np.abs(place) <= 0.5 + 1e-6).all(axis=-1)
    return inside


def over_reference(one: ParameterMap, mask: NDArray[np.bool_]) -> tuple[NDArray[np.float32], float]:
    """A map over its median in the reference tissue (i, j, k), and that median. BadInput where nothing was measured there."""
    if mask.shape != one.grid.shape:
        raise BadInput(f"{one.quantity.name}: the reference mask is {mask.shape} but the map is on {one.grid}; resample it first")
    there = one.values[mask]
    there = there[np.isfinite(there)]
    if not there.size:
        raise BadInput(f"{one.quantity.name} was measured in none of the {np.count_nonzero(mask)} voxels of the reference tissue; choose a reference inside the box")  # fmt: skip
    middle = float(np.median(there))
    if middle <= 0:
        raise BadInput(f"{one.quantity.name} is {middle:g} in the reference tissue; nothing can be divided by that")
    return (one.values / np.float32(middle)).astype(np.float32), middle


def _fitted(fids: Fids, water: Fids | None, series: SpectralSeries) -> tuple[SpectrumFit, Fids, Array, float]:
    """The fits, the decays they were made of, how far each voxel's lines lie from their place in Hz, and the ppm at 0 Hz of them."""
    from_water: Array = np.zeros(fids.shape[0])
    reference_ppm, reach_ppm = series.reference_ppm, _REACH_PPM
    if water is not None:
        nominal_hz = reference_hz(WATER_PPM, series.spectrometer_mhz, series.reference_ppm)
        phase, from_water = water_phase(water, dwell_s=series.dwell_s, nominal_hz=nominal_hz)
        fids = eddy_corrected(fids, phase)
        reference_ppm, reach_ppm = WATER_PPM, _REACH_BY_WATER_PPM
    how = setting(
        fids.shape[1], dwell_s=series.dwell_s, spectrometer_mhz=series.spectrometer_mhz, te_s=series.te_s,
        reference_ppm=reference_ppm, water_ppm=WATER_PPM,
        reach_hz=reach_ppm * series.spectrometer_mhz,
    )  # fmt: skip
    fits = fit_spectra(fids, how)
    return fits, fids, fits.shift_hz + from_water, reference_ppm


def _standing(fits: SpectrumFit, gates: SpectraGates) -> NDArray[np.uint8]:
    """Why a whole voxel does not count, else its fit's own status."""
    out = fits.status.copy()
    fitted = np.isin(out, (Status.OK, Status.AT_BOUND))
    broad = fitted & (fits.width_hz > gates.width_hz)
    out[broad] = Status.BROAD_LINES
    out[fitted & (fits.snr < gates.snr)] = Status.WEAK_LINES
    return out


def _percent(fits: SpectrumFit, name: str) -> Array:
    """Cramer-Rao bound of one line in per cent of its size."""
    n = NAMES.index(name)
    size = np.abs(fits.amplitudes[:, n])
    out: Array = 100 * fits.errors[:, n] / np.where(size > 0, size, np.nan)
    return out


def _passes(fits: SpectrumFit, name: str, gates: SpectraGates) -> NDArray[np.bool_]:
    """Where a line was detected: its bound is within the gate, and it does not point the wrong way."""
    passed: NDArray[np.bool_] = (_percent(fits, name) <= gates.crlb_percent) & (fits.amplitudes[:, NAMES.index(name)] > 0)
    return passed


def _counts(status: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.isin(status, (Status.OK, Status.AT_BOUND))


def _read_maps(
    fits: SpectrumFit, gates: SpectraGates, inside: NDArray[np.bool_], grid: Grid, how: Provenance
) -> tuple[ParameterMap, ...]:
    out = []
    for name in _READ:
        status = _standing(fits, gates)
        status[_counts(status) & ~_passes(fits, name, gates)] = Status.UNCERTAIN
        n, counts = NAMES.index(name), _counts(status)
        values, errors = (np.where(counts, column[:, n], np.nan) for column in (fits.amplitudes, fits.errors))
        out.append(map_from_voxels(name, values, status, inside, grid, how, errors))
    return tuple(out)


def _ratio_maps(
    fits: SpectrumFit, gates: SpectraGates, inside: NDArray[np.bool_], grid: Grid, how: Provenance
) -> tuple[ParameterMap, ...]:
    """Ratios where both lines pass the gate, and what a ratio is at least, wherever the upper line does."""
    out = []
    for name, upper, lower in _RATIOS:
        standing = _standing(fits, gates)
        above, below = (_passes(fits, one, gates) for one in (upper, lower))
        status = standing.copy()
        status[_counts(standing) & ~below] = Status.DIVISOR_LOST
        status[_counts(standing) & ~above] = Status.UNCERTAIN
        a, b = NAMES.index(upper), NAMES.index(lower)
        counts = _counts(status)
        over, under = fits.amplitudes[:, a], np.where(counts, fits.amplitudes[:, b], np.nan)
        error = ratio_error(over, under, fits.covariance[:, [[a, a], [b, b]], [[a, b], [a, b]]])
        out.append(map_from_voxels(name, over / under, status, inside, grid, how, error))
        if name in _LEAST:
            out.append(
                _least_map(
                    name, fits, (a, b), np.where(_counts(standing) & ~above, Status.UNCERTAIN, standing), inside, grid, how
                )
            )
    return tuple(out)


def _least_map(
    name: str, fits: SpectrumFit, pair: tuple[int, int], status: NDArray[np.uint8], inside: NDArray[np.bool_], grid: Grid,
    how: Provenance,
) -> ParameterMap:  # fmt: skip
    a, b = pair
    counts = _counts(status)
    least = np.full(counts.size, np.nan)
    covariance = fits.covariance[:, [[a, a], [b, b]], [[a, b], [a, b]]]
    least[counts] = fieller_least(fits.amplitudes[counts, a], fits.amplitudes[counts, b], covariance[counts])
    return map_from_voxels(f"{name}_least", least, status.astype(np.uint8), inside, grid, how)


def _quality_maps(
    fits: SpectrumFit, shift_hz: Array, inside: NDArray[np.bool_], grid: Grid, how: Provenance
) -> tuple[ParameterMap, ...]:
    """What the gates were applied to, wherever a fit was made: nothing is gated here."""
    columns = [(f"{name}_crlb", _percent(fits, name)) for name in _READ]
    columns += [("mrs_snr", fits.snr), ("mrs_width", fits.width_hz), ("mrs_shift", shift_hz)]
    return tuple(map_from_voxels(name, values, fits.status, inside, grid, how) for name, values in columns)


def _provenance(series: SpectralSeries, gates: SpectraGates, fits: SpectrumFit) -> Provenance:
    common = int(np.count_nonzero(fits.learned))
    learned = (
        f" In {common} of {fits.status.size} voxels lipid and baseline were bounded by what the voxels of the image have in common."
        if common
        else ""
    )
    eddy = " Each voxel's own water removed field shift, phase and eddy currents." if series.water is not None else ""
    sentence = (
        f"Spectra (TE {1000 * series.te_s:.0f} ms, TR {1000 * series.tr_s:.0f} ms) were fitted in time by NAA, Cr, Cho, lactate, myo-inositol "
        "and the second line of Cr with a common shift, phase and width, beside a nuisance space for residual water, lipid and baseline."
        f"{learned}{eddy} Values with a Cramer-Rao bound above {gates.crlb_percent:g} %, lines wider than {gates.width_hz:g} Hz and spectra with a "
        f"signal-to-noise ratio under {gates.snr:g} count as not assessed. Ratios are of peak areas, without correction for T1 and T2."
    )
    settings = {
        "te_s": series.te_s,
        "tr_s": series.tr_s,
        "crlb_gate_percent": gates.crlb_percent,
        "width_gate_hz": gates.width_hz,
        "snr_gate": gates.snr,
        "voxels": fits.status.size,
        "voxels_with_learned_baseline": common,
        "eddy_corrected": series.water is not None,
    }
    sources = (series.source, series.water_source) if series.water_source else (series.source,)
    return provenance("spectra", sentence, settings, sources, _VARPRO, _KLOSE if series.water is not None else "")
