"""Decays and their fits as spectra for the eye."""

from typing import NamedTuple

import numpy as np

from afterglow.kernels.spectrum import Complex, ppm_axis
from afterglow.kernels.spectrum_fit import SpectrumFit
from afterglow.kernels.spectrum_refine import TO_B, columns_of
from afterglow.kernels.types import Array

_ZERO_FILL = 4


class SpectrumShown(NamedTuple):
    """Real spectra (f,) over falling chemical shift: measured without water, lines and baseline as fitted, baseline alone."""

    ppm: Array
    measured: Array
    fitted: Array
    baseline: Array


def shown(
    fid: Complex, fit: SpectrumFit, row: int, *, dwell_s: float, spectrometer_mhz: float, reference_ppm: float,
    broadening_hz: float, ppm_range: tuple[float, float],
) -> SpectrumShown:  # fmt: skip
    """One fitted decay (t,) in phase and at its place. A row without a fit is shown as it was measured, with a fit of NaN."""
    how = fit.settings[1] if fit.learned[row] else fit.settings[0]
    times_s = how.times_s
    y = np.asarray(fid[: times_s.size], dtype=np.complex128)
    p = np.array([*fit.amplitudes[row], fit.phase_rad[row], fit.shift_hz[row], TO_B * fit.gauss_hz[row] ** 2])
    turn = np.ones(times_s.size, dtype=np.complex128)
    lines = beside = np.full(times_s.size, np.nan + 0j)
    if np.isfinite(p).all():
        lines = columns_of(p[None], how)[1][0]
        sizes = how.weights * ((y - lines) @ how.barred.conj().T)
        y = y - sizes[: how.n_water] @ how.barred[: how.n_water]
        beside = sizes[how.n_water :] @ how.barred[how.n_water :]
        turn = np.exp(-1j * fit.phase_rad[row] - 2j * np.pi * fit.shift_hz[row] * times_s)
    turn = turn * np.exp(-TO_B * broadening_hz**2 * times_s**2)
    turn[0] *= 0.5  # half of the first point, else its spectrum stands on a step
    n = _ZERO_FILL * times_s.size
    axis = ppm_axis(n, dwell_s=dwell_s, spectrometer_mhz=spectrometer_mhz, reference_ppm=reference_ppm)
    low, high = ppm_range
    kept = (axis >= low) & (axis <= high)
    measured, fitted, baseline = (np.fft.fftshift(np.fft.fft(one * turn, n)).real[kept] for one in (y, lines + beside, beside))
    return SpectrumShown(axis[kept], measured, fitted, baseline)
