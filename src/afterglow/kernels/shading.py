"""Shading of an image by its coil: the smooth field whose removal leaves the brightness of few tissues, found by least entropy."""

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import minimize

from afterglow.kernels.types import Array

# Widths of the histogram's kernel, in logarithms of brightness: each but the last is where a descent starts, and the best end counts.
_WIDTHS = (0.08, 0.04, 0.02, 0.01)
_PER_WIDTH = 4  # bins
_ROUNDS = 60  # for each width
_RANGE = (0.02, 0.995)  # quantiles that count: fluid at the border and vessels lie outside


def flattest(logs: Array, basis: Array) -> Array:
    """Terms (m,) of the field basis @ terms that, taken from the logarithms of brightness (n,), leaves the least entropy.

    basis (n, m) are smooth functions of the place without a constant. One tissue under shading is spread out in the histogram; without
    it each tissue is a peak, and a histogram of peaks has the least entropy. Nothing is assumed about how many tissues there are. A
    tissue that itself changes as smoothly as the field, a shell without folds around another, may be taken for shading.
    """
    low, high = np.quantile(logs, _RANGE)
    used = (logs >= low) & (logs <= high)
    values, inside = np.asarray(logs[used], dtype=np.float64), np.asarray(basis[used], dtype=np.float64)
    best, least = np.zeros(basis.shape[1]), np.inf
    for first in range(len(_WIDTHS) - 1):
        terms = np.zeros(basis.shape[1])
        for width in _WIDTHS[first:]:
            terms = minimize(
                _entropy, terms, args=(values, inside, width), jac=True, method="L-BFGS-B", options={"maxiter": _ROUNDS}
            ).x
        found = _entropy(terms, values, inside, _WIDTHS[-1])[0]
        if found < least:
            best, least = terms, found
    return best


def _entropy(terms: Array, logs: Array, basis: Array, width: float) -> tuple[float, Array]:
    """Entropy of what the field leaves, by a histogram smoothed over `width`, and its gradient (m,)."""
    left = logs - basis @ terms
    step = width / _PER_WIDTH
    low = float(left.min()) - 4 * width
    bins = int((float(left.max()) - low + 4 * width) / step) + 2
    place = (left - low) / step
    at = place.astype(np.intp)
    share = place - at
    counts = np.bincount(at, 1 - share, bins) + np.bincount(at + 1, share, bins)
    density = np.log(gaussian_filter1d(counts, _PER_WIDTH) / (left.size * step) + 1e-9)
    slope = np.gradient(density, step)
    value = density[at] * (1 - share) + density[at + 1] * share
    rise = slope[at] * (1 - share) + slope[at + 1] * share
    return -float(value.mean()), (rise @ basis) / left.size
