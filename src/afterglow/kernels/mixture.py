"""Brightness of a few tissues: a mixture of Gaussians, fitted to a histogram."""

import numpy as np

from afterglow.kernels.types import Array

_BINS = 256
_FAR = 4.0
_ROUNDS = 200
_SETTLED = 1e-5  # of the range, by which no mean moves any more


def gaussian_mixture(values: Array, classes: int) -> tuple[Array, Array, Array]:
    """Means, standard deviations and weights (classes,), in rising order of the means, by expectation maximisation.

    values (n,) finite. Values beyond `_FAR` deviations of the median (robustly) do not count, or a few far ones take a class; classes begin as equal shares of the values. Two classes may come
    out as one where the values hold no more than that: look at means and deviations before believing them.
    """
    middle = float(np.median(values))
    reach = _FAR * 1.4826 * float(np.median(np.abs(values - middle)))
    low, high = max(float(values.min()), middle - reach), min(float(values.max()), middle + reach)
    counts, edges = np.histogram(values, bins=_BINS, range=(low, high if high > low else low + 1.0))
    at = (edges[:-1] + edges[1:]) / 2
    step = float(edges[1] - edges[0])
    kept = values[(values >= low) & (values <= high)]
    means = np.quantile(kept, (np.arange(classes) + 0.5) / classes)
    deviations = np.full(classes, max(float(np.std(kept)) / classes, step))
    weights = np.full(classes, 1 / classes)
    for _ in range(_ROUNDS):
        density = weights * np.exp(-0.5 * ((at[:, None] - means) / deviations) ** 2) / deviations
        belongs = counts[:, None] * density / np.maximum(density.sum(axis=1, keepdims=True), 1e-300)
        held = np.maximum(belongs.sum(axis=0), 1e-9)
        before, means = means, (belongs * at[:, None]).sum(axis=0) / held
        deviations = np.maximum(np.sqrt((belongs * (at[:, None] - means) ** 2).sum(axis=0) / held), step)
        weights = held / held.sum()
        if np.abs(means - before).max() < _SETTLED * (edges[-1] - edges[0]):
            break
    order = np.argsort(means)
    return means[order], deviations[order], weights[order]


def membership(values: Array, means: Array, deviations: Array, weights: Array, which: int) -> Array:
    """Probability (...) that a value belongs to class `which` of a mixture."""
    away = (np.asarray(values)[..., None] - means) / deviations
    log_density = np.log(weights) - np.log(deviations) - 0.5 * away**2
    log_density -= log_density.max(axis=-1, keepdims=True)
    density = np.exp(log_density)
    probability: Array = density[..., which] / density.sum(axis=-1)
    return probability
