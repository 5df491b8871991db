"""What a fit of brain spectra at a long echo looks for, and what it lets pass beside it: water, lipid and a broad baseline."""

from typing import NamedTuple

import numpy as np

from afterglow.kernels.spectrum import Complex, doublet, fid, hz_of_ppm, line_signals
from afterglow.kernels.types import Array


class FittedLine(NamedTuple):
    """One line or doublet. `t2_s` sets only how much faster one line decays than another; the voxel's own width is fitted."""

    name: str
    ppm: float
    t2_s: float
    j_hz: float = 0.0


# T2 in white matter at 3 T: Zaaraoui 2007 (Magn Reson Med 57:983, abstract); mI: Choi, ISMRM 2010, 3330 (abstract); lactate in
# gliomas: doi:10.1002/mrm.25352. The digital patients are built from the same sources.
LINES = (
    FittedLine("naa", 2.01, 0.264),
    FittedLine("cr", 3.03, 0.155),
    FittedLine("cho", 3.20, 0.202),
    FittedLine("lac", 1.33, 0.240, j_hz=6.93),
    FittedLine("mi", 3.56, 0.165),
    FittedLine("cr2", 3.91, 0.155),
)
NAMES = tuple(line.name for line in LINES)

_BESIDE_HZ = 10.0  # that residual water may lie farther from its place than the lines
_STEP_HZ = 5.0
_WATER_LORENTZ_HZ = (2.0, 6.0, 15.0)
_WATER_GAUSS_HZ = (0.0, 4.0, 9.0)
_LIPID_PPM = (0.9, 1.3)
_LIPID_GAUSS_PPM = (0.13, 0.2)
_BROAD_PPM = tuple(np.arange(0.6, 4.3, 0.3).tolist())
_BROAD_GAUSS_PPM = 0.33
_SHARE = 1e-4  # directions that carry less than this share of the largest are left out


def line_basis(times_s: Array, *, te_s: float, spectrometer_mhz: float, reference_ppm: float) -> Complex:
    """FIDs (l, t) of unit amplitude of `LINES` at this echo time, in a perfect field."""
    out = []
    for line in LINES:
        offset_hz, phase_rad = doublet(line.j_hz, te_s)
        centre_hz = hz_of_ppm(np.array(line.ppm), spectrometer_mhz=spectrometer_mhz, reference_ppm=reference_ppm)
        two = np.full(2, 1.0)
        lorentz_hz = two / (np.pi * line.t2_s)
        out.append(fid(times_s, 0.5 * two, frequency_hz=centre_hz + offset_hz, phase_rad=phase_rad, lorentz_hz=lorentz_hz, gauss_hz=0 * two))  # fmt: skip
    return np.stack(out)


class Nuisance(NamedTuple):
    """Orthonormal signals (r, t) beside the lines: the first `n_water` span residual water, the others lipid and baseline."""

    signals: Complex
    n_water: int


def nuisance(times_s: Array, *, water_ppm: float, spectrometer_mhz: float, reference_ppm: float, reach_hz: float) -> Nuisance:
    """Signals that span residual water, mobile lipid and a broad baseline of any size and phase.

    Each is a family of lines: water of any width within `reach_hz` and 10 Hz more of its place, lipid at .9 and 1.3 ppm, broad lines of .33 ppm side
    by side; a family is reduced to the directions that carry something.
    """
    water_hz = reference_hz(water_ppm, spectrometer_mhz, reference_ppm)
    half = int(np.ceil((reach_hz + _BESIDE_HZ) / _STEP_HZ))
    offsets = _STEP_HZ * np.arange(-half, half + 1)
    water = [(water_hz + off, lorentz, gauss) for off in offsets for lorentz in _WATER_LORENTZ_HZ for gauss in _WATER_GAUSS_HZ]
    placed = [(ppm, 3.0, width) for ppm in _LIPID_PPM for width in _LIPID_GAUSS_PPM]
    placed += [(ppm, 2.0, _BROAD_GAUSS_PPM) for ppm in _BROAD_PPM]
    other = [
        (reference_hz(ppm, spectrometer_mhz, reference_ppm), lorentz, width * spectrometer_mhz) for ppm, lorentz, width in placed
    ]
    first = _directions(_family(times_s, water))
    rest = _family(times_s, other)
    second = _directions(rest - (rest @ first.conj().T) @ first)
    return Nuisance(np.concatenate([first, second]), first.shape[0])


def _family(times_s: Array, rows: list[tuple[float, float, float]]) -> Complex:
    """Lines (n, t) of unit length from frequency, Lorentzian and Gaussian width in Hz."""
    frequency, lorentz, gauss = (np.array(column) for column in zip(*rows, strict=True))
    out = line_signals(times_s, frequency_hz=frequency, phase_rad=0 * frequency, lorentz_hz=lorentz, gauss_hz=gauss)
    unit: Complex = out / np.linalg.norm(out, axis=1, keepdims=True)
    return unit


def _directions(family: Complex) -> Complex:
    _, size, directions = np.linalg.svd(family, full_matrices=False)
    out: Complex = directions[size > _SHARE * size[0]]
    return out


def reference_hz(ppm: float, spectrometer_mhz: float, reference_ppm: float) -> float:
    """Frequency of one chemical shift."""
    return float(hz_of_ppm(np.array(ppm), spectrometer_mhz=spectrometer_mhz, reference_ppm=reference_ppm))
