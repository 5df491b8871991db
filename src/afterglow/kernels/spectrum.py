"""Spectroscopy: lines in time, the signs of NIfTI-MRS, PRESS weighting, the excited box, and finite phase encoding.

Signs follow NIfTI-MRS (doi:10.1002/mrm.29418, its appendix A): protons that resonate further downfield (more ppm) have the
more negative frequency, so `fftshift(fft(fid))` runs from high to low ppm.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from afterglow.kernels.types import Array

Complex = NDArray[np.complexfloating[Any, Any]]

WATER_PPM = 4.65  # what NIfTI-MRS readers take for the shift at the spectrometer's frequency where a file does not say
PROTON_MHZ_PER_T = 42.577478518  # gamma / 2 pi of the proton, CODATA 2018 (from memory)
_HALF_EDGE = float(special.erfinv(0.8))  # an error function goes from 10 % to 90 % within twice this


def hz_of_ppm(ppm: Array, *, spectrometer_mhz: float, reference_ppm: float) -> Array:
    """Signed frequency in Hz of a chemical shift (...) under NIfTI-MRS; `reference_ppm` lies at 0 Hz."""
    return -(np.asarray(ppm) - reference_ppm) * spectrometer_mhz


def ppm_of_hz(frequency_hz: Array, *, spectrometer_mhz: float, reference_ppm: float) -> Array:
    """Chemical shift in ppm of a signed frequency (...): the inverse of `hz_of_ppm`."""
    return reference_ppm - np.asarray(frequency_hz) / spectrometer_mhz


def ppm_axis(n_points: int, *, dwell_s: float, spectrometer_mhz: float, reference_ppm: float) -> Array:
    """Chemical shift (t,) of each point of `fftshift(fft(fid))`, falling from left to right."""
    frequency_hz = np.fft.fftshift(np.fft.fftfreq(n_points, dwell_s))
    return ppm_of_hz(frequency_hz, spectrometer_mhz=spectrometer_mhz, reference_ppm=reference_ppm)


def line_signals(times_s: Array, *, frequency_hz: Array, phase_rad: Array, lorentz_hz: Array, gauss_hz: Array) -> Complex:
    """FID of each Voigt line of unit amplitude. times_s (t,), the rest (l,) -> (l, t); widths are full widths at half maximum.

    A Lorentzian of width w decays as exp(-pi w t), a Gaussian as exp(-(pi w t)^2 / (4 ln 2)).
    """
    return voxel_modulation(times_s, shift_hz=frequency_hz, phase_rad=phase_rad, gauss_hz=gauss_hz) * np.exp(
        -np.pi * lorentz_hz[:, None] * times_s
    )


def voxel_modulation(times_s: Array, *, shift_hz: Array, phase_rad: Array, gauss_hz: Array) -> Complex:
    """What a voxel's field does to all its lines alike: shift, phase and Gaussian broadening. (...) -> (..., t)."""
    turn = 2j * np.pi * shift_hz[..., None] * times_s + 1j * phase_rad[..., None]
    out: Complex = np.exp(turn - (np.pi * gauss_hz[..., None] * times_s) ** 2 / (4 * np.log(2)))
    return out


def fid(
    times_s: Array, amplitude: Array, *, frequency_hz: Array, phase_rad: Array, lorentz_hz: Array, gauss_hz: Array
) -> Complex:
    """Free induction decay (..., t) of lines with amplitudes (..., l); the other parameters as in `line_signals`."""
    lines = line_signals(times_s, frequency_hz=frequency_hz, phase_rad=phase_rad, lorentz_hz=lorentz_hz, gauss_hz=gauss_hz)
    return np.asarray(amplitude) @ lines


def voigt_width_hz(lorentz_hz: Array, gauss_hz: Array) -> Array:
    """Full width at half maximum of a Voigt line, within 0.02 % (Olivero and Longbothum 1977, from memory)."""
    return 0.5346 * lorentz_hz + np.sqrt(0.2166 * lorentz_hz**2 + gauss_hz**2)


def doublet(j_hz: float, te_s: float) -> tuple[Array, Array]:
    """Frequency offsets in Hz and phases in rad (2,) of the two lines of a weakly coupled doublet at the echo of a PRESS.

    Each line turns by pi J TE, up or down, while the shift is refocused: together cos(pi J (TE + t)), inverted at TE = 1/J.
    Ideal refocusing of both partners; what a displaced box costs (doi:10.1006/jmre.2001.2420) is not in it.
    """
    offset_hz = np.array([-0.5, 0.5]) * j_hz
    return offset_hz, 2 * np.pi * offset_hz * te_s


def press_weight(*, te_s: float, tr_s: float, t1_s: float, t2_s: float) -> float:
    """Signal at the echo over that of fully relaxed spins: 90-180-180 in the steady state, ideal pulses.

    The refocusing pulses stand at TE/4 and 3 TE/4 and invert what has recovered until then.
    """
    after_first, after_second = tr_s - te_s / 4, tr_s - 3 * te_s / 4
    along = 1 - 2 * np.exp(-after_second / t1_s) + 2 * np.exp(-after_first / t1_s) - np.exp(-tr_s / t1_s)
    return float(along * np.exp(-te_s / t2_s))


def box_profile(position_mm: Array, *, centre_mm: float, width_mm: float, edge_mm: float) -> Array:
    """Share (...) of the signal that slice selection along one axis leaves at a position; edges rise over `edge_mm`, 10 to 90 %."""
    reach = edge_mm / (2 * _HALF_EDGE)
    low, high = (np.asarray(position_mm) - centre_mm + width_mm / 2, np.asarray(position_mm) - centre_mm - width_mm / 2)
    return 0.5 * (special.erf(low / reach) - special.erf(high / reach))


def box_shift_mm(ppm: float, *, transmit_ppm: float, spectrometer_mhz: float, bandwidth_hz: float, width_mm: float) -> float:
    """How far the box of a chemical shift lies from that of the transmit frequency, for a gradient that rises along the axis.

    Spins of more ppm meet the pulse where the gradient field is lower.
    """
    return -(ppm - transmit_ppm) * spectrometer_mhz / bandwidth_hz * width_mm


def encoding_weights(n_voxels: int, *, hamming: bool) -> tuple[Array, Array]:
    """Steps of phase encoding and their weights (k,): the middle of k-space weighs 1.

    An even number of steps has no partner for its outermost one; it is taken half on either side, so that the point spread is real.
    """
    half = n_voxels // 2
    steps = np.arange(-half, half + 1, dtype=np.float64)
    weights = 0.54 + 0.46 * np.cos(2 * np.pi * steps / n_voxels) if hamming else np.ones(steps.size)
    if n_voxels % 2 == 0:
        weights[[0, -1]] *= 0.5
    return steps, weights


def point_spread(n_voxels: int, distance: Array, *, hamming: bool) -> Array:
    """Signal in a voxel from a point `distance` voxels away (...), one axis; its mean over the field of view times n is 1.

    What lies outside the field of view folds back into it.
    """
    steps, weights = encoding_weights(n_voxels, hamming=hamming)
    return np.asarray(np.cos(2 * np.pi * np.asarray(distance)[..., None] * steps / n_voxels) @ weights / n_voxels)
