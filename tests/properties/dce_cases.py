"""Tissue curves that the tests of the fits share."""

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.aif_population import parker
from afterglow.kernels.convolution import exp_convolve
from afterglow.kernels.models import MODELS, extended_tofts

Array = NDArray[np.float64]

TIMES = np.arange(60) * 5.0
PLASMA = parker(TIMES, delay_s=20.0) / 0.58
UNEVEN = np.cumsum(np.concatenate([[0.0], np.full(25, 2.0), np.full(12, 7.5), np.full(8, 20.0)]))
UNEVEN_PLASMA = parker(UNEVEN, delay_s=17.0) / 0.58


def tissue(n: int, seed: int = 0, *, times: Array = TIMES, plasma: Array = PLASMA) -> tuple[Array, Array]:
    """Values (n, 3) well inside the bounds, and their curves (n, t)."""
    rng = np.random.default_rng(seed)
    values = np.stack([10 ** rng.uniform(-2, -0.4, n), rng.uniform(0.1, 0.6, n), rng.uniform(0.005, 0.1, n)], axis=1)
    return values, extended_tofts(times, plasma, ktrans_per_min=values[:, 0], ve=values[:, 1], vp=values[:, 2])


def noisy(curves: Array, snr: float, seed: int = 1) -> Array:
    """With noise of the curve's peak over `snr`."""
    return curves + np.random.default_rng(seed).normal(size=curves.shape) * curves.max(axis=1, keepdims=True) / snr


def mixture(n: int, seed: int = 0) -> Array:
    """Curves of which a good part has its best fit on a bound: flat, noisy, rising to the end, without plasma, nothing but noise."""
    rng = np.random.default_rng(seed)
    ktrans, ve = 10 ** rng.uniform(-3, 0, n), rng.uniform(0.02, 1.3, n)
    vp = np.where(rng.random(n) < 0.4, 0.0, rng.uniform(0, 0.3, n))
    clean = vp[:, None] * PLASMA + (ktrans / 60)[:, None] * exp_convolve(TIMES, PLASMA, ktrans / 60 / ve)
    clean[: n // 8] = 0
    return clean + rng.normal(0, 0.05, clean.shape)


def residuals(model: str, values: Array, curves: Array, times: Array, aif_times: Array, plasma: Array) -> Array:
    """Sums of squares (n,) of the curves about the model, from the parameters alone. What is not determined does not matter."""
    known = np.where(np.isnan(values), 1.0, values.astype(np.float64))
    return np.sum((curves - MODELS[model].curve(aif_times, plasma, known, at_s=times)) ** 2, axis=1)
