"""Apparent diffusion coefficient from diffusion-weighted signals: one exponential, by nonlinear least squares."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.types import Array, Mask, Status

_STEPS = 12
_SMALL_STEP = 1e-5  # of one over the largest b-value; Gauss-Newton's next step is far smaller
_LEAST_SPREAD = 0.1  # of the largest b-value: closer b-values tell no decay
_BLOCK = 8192  # voxels at a time


class Adc(NamedTuple):
    """Coefficients of n voxels; NaN where there are none."""

    adc_mm2_s: Array  # (n,) negative where noise makes it so
    s0: Array  # (n,) signal at b = 0
    adc_se_mm2_s: Array  # (n,) from what is left; NaN where no more than two b-values were used
    rms: Array  # (n,) of what is left, signal unit
    n_used: NDArray[np.uint8]  # (n,) signals above the floor
    status: NDArray[np.uint8]  # (n,) OK, NO_SIGNAL (too few above the floor), NO_CONVERGENCE, NOT_FINITE


def mono_exponential_adc(signals: Array, b_s_mm2: Array, *, noise_floor: Array | float) -> Adc:
    """S = S0 exp(-b D) fitted to signals (n, b) at b-values (b,) in s/mm2: D in mm2/s (Stejskal and Tanner, 1965).

    Signals at or below `noise_floor`, one number or (n,), are left out: there magnitudes no longer decay. Starts from the
    logarithms weighted with the squared signal and ends at the nonlinear optimum by Gauss-Newton, for all voxels at once.
    """
    b = np.asarray(b_s_mm2, dtype=np.float64)
    if signals.ndim != 2 or b.shape != signals.shape[1:] or b.size > 255:
        raise ValueError(f"signals of shape {signals.shape} and b-values of {b.shape}: they must be (n, b) and (b,)")
    if not (b.min(initial=0) >= 0 and np.ptp(b) > 0):
        raise ValueError(f"b-values {b.tolist()} s/mm2 tell no decay: at least two different ones, none negative, are needed")
    floor = np.broadcast_to(np.asarray(noise_floor, dtype=np.float64), signals.shape[:1])
    numbers, flags = np.empty((4, len(signals)), dtype=signals.dtype), np.empty((2, len(signals)), dtype=np.uint8)
    for begin in range(0, len(signals), _BLOCK):
        rows = slice(begin, begin + _BLOCK)
        numbers[:, rows], flags[:, rows] = _block(signals[rows].astype(np.float64), b / b.max(), floor[rows])
    numbers[0] /= b.max()
    numbers[2] /= b.max()
    return Adc._make([*numbers, *flags])


def _block(signals: Array, b: Array, floor: Array) -> tuple[Array, NDArray[np.uint8]]:
    """The rows of `Adc` for a block (m, b), with b-values up to 1."""
    finite: Mask = np.asarray(np.isfinite(signals).all(axis=1))
    used: Mask = (signals > np.maximum(floor, 0)[:, None]) & finite[:, None]
    count = used.sum(axis=1)
    reach = np.where(used, b, -np.inf).max(axis=1) - np.where(used, b, np.inf).min(axis=1)
    enough = (count >= 2) & (reach >= _LEAST_SPREAD)
    used &= enough[:, None]
    adc, s0 = _weighted_logs(signals, b, used)
    adc, s0, converged = _gauss_newton(signals, b, used, adc, s0)
    decay = np.exp(-adc[:, None] * b) * used
    left = np.where(used, signals, 0) - s0[:, None] * decay
    squares = (left**2).sum(axis=1)
    aa, ab, bb = _normal(b, decay, s0)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(squares / (count - 2) * aa / (aa * bb - ab * ab))
        rms = np.sqrt(squares / count)
    numbers = np.stack([adc, s0, np.where(count > 2, error, np.nan), rms])
    status = np.where(enough, np.where(converged, Status.OK, Status.NO_CONVERGENCE), Status.NO_SIGNAL)
    status = np.where(finite, status, Status.NOT_FINITE)
    numbers[:, status != Status.OK] = np.nan
    return numbers, np.stack([count, status]).astype(np.uint8)


def _weighted_logs(signals: Array, b: Array, used: Mask) -> tuple[Array, Array]:
    """Decay (m,) and signal at b = 0 by a straight line through the logarithms, weights S^2."""
    weight = np.where(used, signals, 0) ** 2
    logs = np.log(np.where(used, signals, 1))
    total, first, second = weight.sum(axis=1), weight @ b, weight @ b**2
    level, slope = (weight * logs).sum(axis=1), (weight * logs) @ b
    determinant = total * second - first * first
    safe = np.where(determinant > 0, determinant, 1)
    adc = np.where(determinant > 0, (first * level - total * slope) / safe, 0)
    return adc, np.exp((level + adc * first) / np.where(total > 0, total, 1))


def _normal(b: Array, decay: Array, s0: Array) -> tuple[Array, Array, Array]:
    """Normal matrix of S0 and D: decay.decay, -S0 b.decay^2, S0^2 b^2.decay^2, each (m,)."""
    square = decay**2
    return square.sum(axis=1), -s0 * (square @ b), s0 * s0 * (square @ b**2)


def _gauss_newton(signals: Array, b: Array, used: Mask, adc: Array, s0: Array) -> tuple[Array, Array, Mask]:
    """The optimum from a near start, and where the steps have become small. A step is cut at one unit of the largest b."""
    data = np.where(used, signals, 0)
    converged = np.zeros(adc.shape, dtype=bool)
    for _ in range(_STEPS):
        decay = np.exp(-adc[:, None] * b) * used
        left = data - s0[:, None] * decay
        aa, ab, bb = _normal(b, decay, s0)
        pull, push = (left * decay).sum(axis=1), -s0 * ((left * decay) @ b)
        determinant = aa * bb - ab * ab
        safe = np.where(determinant > 0, determinant, np.inf)
        step = np.clip((aa * push - ab * pull) / safe, -1, 1)
        adc = adc + step
        decay = np.exp(-adc[:, None] * b) * used
        size = (decay**2).sum(axis=1)
        s0 = (data * decay).sum(axis=1) / np.where(size > 0, size, 1)
        converged = np.abs(step) < _SMALL_STEP * (1 + np.abs(adc))
        if converged.all():
            break
    return adc, s0, converged
