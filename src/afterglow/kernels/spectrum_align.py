"""Bringing decays to one frequency and phase: averages of one voxel, and a voxel by its own water (Klose)."""

import numpy as np

from afterglow.kernels.spectrum import Complex
from afterglow.kernels.types import Array

_ZERO_FILL = 8
_SIGMAS = 50.0  # water this far above its noise has a phase known to 0.02 rad
_LEAST_SHARE = 1e-3  # of its largest size below which water is not followed
_FEWEST = 8  # points of water that make a phase
_LATE = 0.25  # share of a decay, from its end, that is taken for noise


def averaged(fids: Complex) -> Complex:
    """Mean (..., t) of averages (..., t, m) after each was turned to the frequency and phase of the first.

    A scanner drifts in all voxels alike: one shift and one phase is found for each average, from all of them together. Values
    that are not finite leave their voxel NaN and move nothing else.
    """
    n_points, n_averages = fids.shape[-2:]
    every = fids.reshape(-1, n_points, n_averages)
    sound = every[np.isfinite(every).all(axis=(1, 2))]
    times = np.arange(n_points)
    total = np.zeros(every.shape[:2], dtype=np.complex128)
    first = sound[..., 0].astype(np.complex128)
    for number in range(n_averages):
        product = np.sum(sound[..., number] * first.conj(), axis=0)
        cycles, phase = _turn(product)
        total += every[..., number] * np.exp(-1j * (2 * np.pi * cycles * times + phase))
    out: Complex = (total / n_averages).astype(fids.dtype).reshape(fids.shape[:-1])
    return out


def _turn(product: Complex) -> tuple[float, float]:
    """Frequency in cycles per sample and phase in rad that explain a product of two decays best."""
    n = product.size * _ZERO_FILL
    spectrum = np.fft.fft(product, n)
    top = int(np.argmax(np.abs(spectrum)))
    if not np.abs(spectrum[top]) > 0:
        return 0.0, 0.0
    left, middle, right = (float(np.abs(spectrum[(top + step) % n])) for step in (-1, 0, 1))
    curve = left - 2 * middle + right
    offset = 0.5 * (left - right) / curve if curve < 0 else 0.0
    cycles = ((top + offset) / n + 0.5) % 1.0 - 0.5
    turned = product * np.exp(-2j * np.pi * cycles * np.arange(product.size))
    return float(cycles), float(np.angle(turned.sum()))


def eddy_corrected(fids: Complex, water_rad: Array) -> Complex:
    """Decays (v, t) less the phase of the same voxel's water, point by point (Klose 1990, doi:10.1002/mrm.1910140104).

    Field shift, phase and eddy currents leave together: water then lies at 0 Hz.
    """
    out: Complex = fids * np.exp(-1j * water_rad)
    return out


def water_phase(water: Complex, *, dwell_s: float, nominal_hz: float) -> tuple[Array, Array]:
    """Phase (v, t) in rad of each voxel's water (v, t), unwrapped, and how far (v,) it lies from `nominal_hz`.

    Where the water has sunk into its noise the phase goes on at its last frequency. A voxel without water to speak of gets the
    phase of water at its nominal place, and 0 Hz.
    """
    n = water.shape[-1]
    size = np.where(np.isfinite(water), np.abs(water), 0.0).astype(np.float64)
    noise = np.sqrt(np.mean(size[:, -max(int(_LATE * n), 2) :] ** 2, axis=1) / 2)
    floor = np.maximum(_SIGMAS * noise, _LEAST_SHARE * size.max(axis=1))[:, None]
    clear = np.cumprod((size > floor) & (floor > 0), axis=1).astype(bool)
    count = clear.sum(axis=1)
    phase = np.unwrap(np.angle(np.where(clear, water, 1.0)), axis=1)
    times_s = np.arange(n) * dwell_s
    late = np.where(np.arange(n) >= count[:, None] / 2, np.where(clear, size, 0.0) ** 2, 0.0)
    slope = _slope(times_s, phase, late)
    last = np.maximum(count - 1, 0)
    beyond = np.take_along_axis(phase, last[:, None], axis=1) + slope[:, None] * (times_s - times_s[last][:, None])
    enough = count >= _FEWEST
    usual = 2 * np.pi * nominal_hz * times_s
    out: Array = np.where(enough[:, None], np.where(clear, phase, beyond), usual)
    return out, np.where(enough, slope / (2 * np.pi) - nominal_hz, 0.0)


def _slope(times_s: Array, values: Array, weight: Array) -> Array:
    """Slope (v,) of the weighted straight line through each row (v, t)."""
    total = np.maximum(weight.sum(axis=1), 1e-300)[:, None]
    from_mean = times_s - (weight @ times_s)[:, None] / total
    spread = np.maximum(np.sum(weight * from_mean**2, axis=1), 1e-300)
    out: Array = np.sum(weight * from_mean * values, axis=1) / spread
    return out
