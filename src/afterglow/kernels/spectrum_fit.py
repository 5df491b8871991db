"""Fitting NAA, creatine, choline and lactate to the decays of many voxels at once, in time.

A decay is e^(i phase + 2 pi i shift t - b t^2) times the sum of the lines with real amplitudes, plus what water, lipid and baseline can
be (`spectrum_lines.nuisance`), plus white noise. The nuisance is linear and is projected out of data and model alike (variable
projection, doi:10.1088/0266-5611/19/2/201), so that its uncertainty is part of every Cramer-Rao bound.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.spectrum import Complex, voigt_width_hz
from afterglow.kernels.spectrum_baseline import FEWEST, learned
from afterglow.kernels.spectrum_lines import LINES, NAMES, line_basis, nuisance
from afterglow.kernels.spectrum_refine import TO_B, SpectrumOptimum, SpectrumSetting, first_guess, free, refined
from afterglow.kernels.types import Array, Status

_FIT_S = 0.6  # longer than a line of 3 Hz lasts
_COLUMNS = ("amplitudes", "covariance", "noise", "snr", "shift_hz", "gauss_hz", "phase_rad", "width_hz", "misfit", "status")
_LEARN_SNR = 3.0  # of a voxel from which something may be learned
_ODD = (
    4.0  # times the variance of the noise: a residual above that which is also more than the lines is no spectrum of these lines
)
_ROUNDING = 1e-7  # of a decay's size: noise is never taken for less, float32 stores no more
_SINGULAR = 1e12  # condition beyond which parameters cannot be told apart
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
    learned: NDArray[np.bool_]  # (v,) whether lipid and baseline were bounded by what the image's voxels have in common
    settings: tuple[SpectrumSetting, SpectrumSetting]  # the fit with a free nuisance, and that with a learned one

    @property
    def errors(self) -> Array:
        """Standard errors (v, l) of the amplitudes by Cramer and Rao."""
        out: Array = np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2))
        return out


def setting(
    n_points: int, *, dwell_s: float, spectrometer_mhz: float, te_s: float, reference_ppm: float, water_ppm: float, reach_hz: float
) -> SpectrumSetting:  # fmt: skip
    """Lines and nuisance for one protocol."""
    times_s = np.arange(min(n_points, int(np.ceil(_FIT_S / dwell_s)))) * dwell_s
    lines = line_basis(times_s, te_s=te_s, spectrometer_mhz=spectrometer_mhz, reference_ppm=reference_ppm)
    barred = nuisance(
        times_s, water_ppm=water_ppm, spectrometer_mhz=spectrometer_mhz, reference_ppm=reference_ppm, reach_hz=reach_hz
    )
    return SpectrumSetting(times_s, lines, barred.signals, np.ones(barred.signals.shape[0]), barred.n_water, n_points, reach_hz)


def noise_of(fids: Complex) -> Array:
    """Standard deviation (v,) of each channel, from steps between neighbours in the last quarter of the decays (v, t)."""
    steps = np.diff(fids[:, -max(fids.shape[1] // 4, 8) :], axis=1)
    size = np.sqrt(np.mean(np.abs(fids) ** 2, axis=1))
    out: Array = np.maximum(np.sqrt(np.mean(np.abs(steps) ** 2, axis=1) / 4), _ROUNDING * size)
    return out


def fit_spectra(fids: Complex, how: SpectrumSetting) -> SpectrumFit:
    """Fit decays (v, n_points) of one image. Voxels that hold zeros or values that are not finite get a status and NaN.

    First with lipid and baseline free in each voxel; then, where enough voxels have lines, once more with what they have in common.
    """
    status = np.full(fids.shape[0], np.uint8(Status.OK))
    status[~np.isfinite(fids).all(axis=1)] = Status.NOT_FINITE
    status[(status == Status.OK) & ~np.any(fids, axis=1)] = Status.NO_SIGNAL
    asked = np.flatnonzero(status == Status.OK)
    y: Complex = fids[asked].astype(np.complex128)
    noise = noise_of(y)
    y = free(y[:, : how.times_s.size], how.barred[: how.n_water])
    state = _all(y, noise, how, None)
    free_fit = _read(state, noise, how)
    common, with_common = how, np.zeros(asked.size, dtype=np.bool_)
    usable = (free_fit.status == Status.OK) & (free_fit.snr >= _LEARN_SNR)
    if np.count_nonzero(usable) >= FEWEST:
        common, unusual = learned(y, noise, how, state, usable)
        with_common = ~unusual & np.isin(free_fit.status, (Status.OK, Status.AT_BOUND))
        again = _all(y[with_common], noise[with_common], common, state.parameters[with_common])
        free_fit = _put(free_fit, with_common, _read(again, noise[with_common], common))
    return _put(_nothing(status, how), asked, free_fit)._replace(
        settings=(how, common), learned=_spread(with_common, asked, status.size)
    )


def _all(y: Complex, noise: Array, how: SpectrumSetting, start: Array | None) -> SpectrumOptimum:
    """Fits of decays (v, t) without water, some at a time; from a grid where no start (v, p) is given."""
    parts = []
    for first in range(0, max(y.shape[0], 1), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        begin = first_guess(free(y[some], how.barred), how) if start is None else start[some]
        parts.append(refined(y[some], noise[some], how, begin))
    return SpectrumOptimum(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _read(state: SpectrumOptimum, noise: Array, how: SpectrumSetting) -> SpectrumFit:
    """What the optima (v, p) say, in the units of the answer."""
    n, p = len(LINES), state.parameters
    gauss = np.sqrt(np.maximum(p[:, n + 2], 0) / TO_B)
    astray = np.abs(p[:, n + 1]) >= how.reach_hz
    scale = np.sqrt(np.maximum(np.diagonal(state.normal, axis1=1, axis2=2), 1e-300))
    unit = state.normal / (scale[:, :, None] * scale[:, None, :])
    sound = np.linalg.cond(unit) < _SINGULAR
    unit[~sound] = np.eye(n + 3)
    covariance = (np.linalg.inv(unit) / (scale[:, :, None] * scale[:, None, :]))[:, :n, :n] * noise[:, None, None] ** 2
    covariance[~sound] = np.nan
    lasting = np.exp(-TO_B * gauss[:, None] ** 2 * how.times_s**2) @ np.abs(how.basis[_POSITIVE]).T
    explained = np.einsum("vl,vlm,vm->v", p[:, :n], state.normal[:, :n, :n], p[:, :n])
    freedom = 2 * (how.times_s.size - float(how.weights.sum())) - (n + 3)
    return SpectrumFit(
        amplitudes=np.where(sound[:, None], p[:, :n], np.nan),
        covariance=covariance,
        noise=noise,
        snr=np.max(p[:, _POSITIVE] * lasting, axis=1) / (noise * np.sqrt(how.n_points)),
        shift_hz=p[:, n + 1],
        gauss_hz=gauss,
        phase_rad=p[:, n],
        width_hz=voigt_width_hz(np.array(1 / (np.pi * LINES[0].t2_s)), gauss),
        misfit=np.sqrt(np.maximum(state.cost, 0) / freedom) / noise,
        status=np.select(
            [~(state.done & sound), astray | ((state.cost > explained) & (state.cost > _ODD * freedom * noise**2)), p[:, n + 2] <= 0],
            [Status.NO_CONVERGENCE, Status.POOR_FIT, Status.AT_BOUND], Status.OK,
        ).astype(np.uint8),
        learned=np.zeros(p.shape[0], dtype=np.bool_),
        settings=(how, how),
    )  # fmt: skip


def _nothing(status: NDArray[np.uint8], how: SpectrumSetting) -> SpectrumFit:
    """Rows without an answer."""
    v, n = status.size, len(LINES)
    noise, snr, shift, gauss, phase, width, misfit = np.full((7, v), np.nan)
    return SpectrumFit(
        np.full((v, n), np.nan), np.full((v, n, n), np.nan), noise, snr, shift, gauss, phase, width, misfit, status.copy(),
        learned=np.zeros(v, dtype=np.bool_), settings=(how, how),
    )  # fmt: skip


def _put(whole: SpectrumFit, where: NDArray[Any], part: SpectrumFit) -> SpectrumFit:
    """`whole` with the rows `where` replaced by those of `part`."""
    for name in _COLUMNS:
        getattr(whole, name)[where] = getattr(part, name)
    return whole


def _spread(values: NDArray[np.bool_], rows: NDArray[np.intp], size: int) -> NDArray[np.bool_]:
    out = np.zeros(size, dtype=np.bool_)
    out[rows] = values
    return out
