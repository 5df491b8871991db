"""Fitting NAA, creatine, choline and lactate to the decays of many voxels at once, in time (variable projection).

A decay is e^(i phase + 2 pi i shift t - b t^2) times the sum of the lines with real amplitudes, plus anything that water, lipid and
baseline can be (`spectrum_lines.nuisance`), plus white noise. What the nuisance can explain is projected out of data and model alike,
so that its uncertainty is part of every Cramer-Rao bound.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.spectrum import Complex, voigt_width_hz
from afterglow.kernels.spectrum_lines import LINES, NAMES, line_basis, nuisance
from afterglow.kernels.spectrum_refine import TO_B, Setting, first_guess, free, refined
from afterglow.kernels.types import Array, Status

_FIT_S = 0.6  # longer than a line of 3 Hz lasts
_AT_ONCE = 256  # voxels, so that their derivatives stay within some tens of MB
_POSITIVE = [NAMES.index(name) for name in ("naa", "cr", "cho")]


class SpectrumFit(NamedTuple):
    """One row for each voxel; NaN where there is no answer. Amplitudes are signals at the start of the decay: areas of the peaks."""

    amplitudes: Array  # (v, l) of spectrum_lines.NAMES
    covariance: Array  # (v, l, l) by Cramer and Rao
    noise: Array  # (v,) standard deviation of each channel of the decay
    snr: Array  # (v,) of the highest of NAA, Cr and Cho over the noise of the spectrum, without apodisation
    shift_hz: Array  # (v,)
    gauss_hz: Array  # (v,) of the voxel, beyond what each line has
    phase_rad: Array  # (v,)
    width_hz: Array  # (v,) full width of NAA at half height
    misfit: Array  # (v,) root mean square residual over noise: 1 where the model is right
    status: NDArray[np.uint8]  # (v,)

    @property
    def errors(self) -> Array:
        """Standard errors (v, l) of the amplitudes by Cramer and Rao."""
        out: Array = np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2))
        return out


def setting(
    n_points: int, *, dwell_s: float, spectrometer_mhz: float, te_s: float, reference_ppm: float, water_ppm: float, reach_hz: float
) -> Setting:  # fmt: skip
    """Lines and nuisance for one protocol."""
    times_s = np.arange(min(n_points, int(np.ceil(_FIT_S / dwell_s)))) * dwell_s
    lines = line_basis(times_s, te_s=te_s, spectrometer_mhz=spectrometer_mhz, reference_ppm=reference_ppm)
    barred = nuisance(times_s, water_ppm=water_ppm, spectrometer_mhz=spectrometer_mhz, reference_ppm=reference_ppm)
    return Setting(times_s, lines, barred, n_points, reach_hz)


def noise_of(fids: Complex) -> Array:
    """Standard deviation (v,) of each channel, from steps between neighbours in the last quarter of the decays (v, t)."""
    steps = np.diff(fids[:, -max(fids.shape[1] // 4, 8) :], axis=1)
    out: Array = np.sqrt(np.mean(np.abs(steps) ** 2, axis=1) / 4)
    return out


def fit_spectra(fids: Complex, how: Setting) -> SpectrumFit:
    """Fit decays (v, n_points). Voxels that hold zeros or values that are not finite get a status and NaN, and disturb no other."""
    v, n_lines = fids.shape[0], len(LINES)
    status = np.full(v, np.uint8(Status.OK))
    status[~np.isfinite(fids).all(axis=1)] = Status.NOT_FINITE
    status[(status == Status.OK) & ~np.any(fids, axis=1)] = Status.NO_SIGNAL
    out = SpectrumFit(
        np.full((v, n_lines), np.nan), np.full((v, n_lines, n_lines), np.nan), *(np.full(v, np.nan) for _ in range(7)), status
    )
    asked = np.flatnonzero(status == Status.OK)
    for first in range(0, asked.size, _AT_ONCE):
        some = asked[first : first + _AT_ONCE]
        y = fids[some].astype(np.complex128)
        _fit_some(free(y[:, : how.times_s.size], how.barred), noise_of(y), how, some, out)
    return out


def _fit_some(y: Complex, noise: Array, how: Setting, rows: NDArray[np.intp], out: SpectrumFit) -> None:
    """Fit projected decays (v, t) and write the answers into these rows of `out`."""
    state = refined(y, noise, how, first_guess(y, how))
    n = len(LINES)
    p, normal = state.parameters, state.normal
    gauss = np.sqrt(np.maximum(p[:, n + 2], 0) / TO_B)
    held = (p[:, n + 2] <= 0) | (np.abs(p[:, n + 1]) >= how.reach_hz)
    sound = np.linalg.cond(normal) < 1 / np.finfo(np.float64).eps
    normal[~sound] = np.eye(n + 3)
    out.amplitudes[rows] = p[:, :n]
    out.covariance[rows] = (np.linalg.inv(normal) * noise[:, None, None] ** 2)[:, :n, :n]
    out.noise[rows], out.shift_hz[rows], out.gauss_hz[rows], out.phase_rad[rows] = noise, p[:, n + 1], gauss, p[:, n]
    lasting = np.exp(-TO_B * gauss[:, None] ** 2 * how.times_s**2) @ np.abs(how.basis[_POSITIVE]).T
    out.snr[rows] = np.max(p[:, _POSITIVE] * lasting, axis=1) / np.maximum(noise * np.sqrt(how.n_points), 1e-300)
    out.width_hz[rows] = voigt_width_hz(np.array(1 / (np.pi * LINES[0].t2_s)), gauss)
    freedom = 2 * (how.times_s.size - how.barred.shape[0]) - (n + 3)
    out.misfit[rows] = np.sqrt(state.cost / freedom) / np.maximum(noise, 1e-300)
    out.status[rows] = np.where(state.done & sound, np.where(held, Status.AT_BOUND, Status.OK), Status.NO_CONVERGENCE)
