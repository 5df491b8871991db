"""Fitting tissue models to many concentration curves: one call, all voxels, bounds inside the optimum.

Failure is data: every voxel has a status, and a value that was not measured is NaN, never zero.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from afterglow.kernels.boxed import best_in_box
from afterglow.kernels.compartments import fit_compartments
from afterglow.kernels.dictionary import Dictionary
from afterglow.kernels.models import SECONDS_PER_MINUTE
from afterglow.kernels.problem import PHYSICAL, Artery, Fit, Limits, artery, dictionary_of, outcome, weighted
from afterglow.kernels.search import Found, search
from afterglow.kernels.types import Array, Mask, Status
from afterglow.kernels.uncertainty import amplitude_errors, rate_errors


def fit_tissue(
    model: str,
    times_s: Array,
    curves_mM: Array,
    aif_times_s: Array,
    plasma_mM: Array,
    *,
    weights: Array | None = None,
    delay_s: float = 0.0,
    limits: Limits = PHYSICAL,
) -> Fit:
    """Least-squares fit of a model of `MODELS` to curves (n, t) in mM, sampled at times_s (t,).

    The arterial curve has its own times and is straight between its samples; `weights` (t,) count frames (0 leaves one
    out). Works in the dtype of the curves: float32 for speed, float64 for digits. ValueError for an unknown model, sizes
    that do not fit, or an arterial curve of zeros.
    """
    if model not in _FITTERS:
        raise ValueError(f"unknown model {model!r}; known: {', '.join(_FITTERS)}")
    feed = artery(times_s, aif_times_s, plasma_mM, weights=weights, delay_s=delay_s)
    y, finite = weighted(curves_mM, feed)
    return mark_not_finite(fit_feed(model, feed, y, limits), finite)


def fit_feed(model: str, feed: Artery, weighted_mM: Array, limits: Limits) -> Fit:
    """The fit of curves (n, t) that are weighted and finite already."""
    return _FITTERS[model](feed, weighted_mM, limits)


def mark_not_finite(fit: Fit, finite: Mask) -> Fit:
    """NaN and NOT_FINITE where the data were not finite."""
    if finite.all():
        return fit
    return fit._replace(
        values=_where(finite, fit.values),
        standard_errors=_where(finite, fit.standard_errors),
        rms=_where(finite, fit.rms),
        residual=_where(finite, fit.residual),
        status=np.where(finite, fit.status, np.uint8(Status.NOT_FINITE)),
    )


def _where(finite: Mask, values: Array) -> Array:
    kept: Array = np.where(finite.reshape(-1, *[1] * (values.ndim - 1)), values, np.nan)
    return kept


def _fit_extended_tofts(feed: Artery, y: Array, limits: Limits) -> Fit:
    d = dictionary_of("etofts", feed, y.dtype.type, kep_per_min=limits.kep_per_min)
    return extended_tofts_outcome(feed, d, search(d, y, fixed_max=limits.vp, amplitude_max_per_rate=limits.ve))


def extended_tofts_outcome(feed: Artery, d: Dictionary, found: Found) -> Fit:
    """Ktrans, ve, vp and their standard errors from the optimum of the search."""
    ve = _distribution_volume(found)
    values = np.stack([found.amplitude * SECONDS_PER_MINUTE, ve, found.fixed_amplitude], axis=1)
    amplitude, ratio, fixed = rate_errors(d, found)
    errors = np.stack([amplitude * SECONDS_PER_MINUTE, ratio, fixed], axis=1)
    nothing = (found.amplitude <= 0) & (found.fixed_amplitude <= 0)
    at_bound = found.fixed_at_bound | found.amplitude_at_bound | found.rate_at_bound | (found.amplitude <= 0)
    return outcome("etofts", feed, values, errors, found.residual, no_uptake=nothing, at_bound=at_bound)


def _distribution_volume(found: Found) -> Array:
    """Amplitude over rate; NaN where nothing leaks, since the rate is then not determined."""
    volume: Array = found.amplitude * np.exp(-found.log_rate)
    return np.where(found.amplitude > 0, volume, np.nan).astype(volume.dtype)


def _fit_tofts(feed: Artery, y: Array, limits: Limits) -> Fit:
    d = dictionary_of("tofts", feed, y.dtype.type, kep_per_min=limits.kep_per_min)
    found = search(d, y, fixed_max=0.0, amplitude_max_per_rate=limits.ve)
    values = np.stack([found.amplitude * SECONDS_PER_MINUTE, _distribution_volume(found)], axis=1)
    amplitude, ratio, _ = rate_errors(d, found)
    nothing = found.amplitude <= 0
    at_bound = found.amplitude_at_bound | found.rate_at_bound
    return outcome(
        "tofts",
        feed,
        values,
        np.stack([amplitude * SECONDS_PER_MINUTE, ratio], axis=1),
        found.residual,
        no_uptake=nothing,
        at_bound=at_bound,
    )


def _fit_patlak(feed: Artery, y: Array, limits: Limits) -> Fit:
    q, e = feed.plasma(), feed.integral()
    q_norm, e_norm = _norm(q), _norm(e)
    columns = np.stack([q / q_norm, e / e_norm], axis=1).astype(y.dtype)
    a, s = (y @ columns).T
    rho = np.asarray((q / q_norm) @ (e / e_norm), dtype=y.dtype)
    box = best_in_box(a, s, rho, alpha_max=limits.vp * q_norm, beta_max=np.asarray(np.inf))
    residual = np.maximum(np.einsum("nt,nt->n", y, y) - box.gain, 0)
    values = np.stack([box.beta / e_norm * SECONDS_PER_MINUTE, box.alpha / q_norm], axis=1)
    vp_held, ps_held = (box.alpha <= 0) | (box.alpha >= limits.vp * q_norm), box.beta <= 0
    vp_error, ps_error = amplitude_errors(q_norm, e_norm, float(rho), vp_held, ps_held)
    errors = np.stack([ps_error * SECONDS_PER_MINUTE, vp_error], axis=1)
    return outcome("patlak", feed, values, errors, residual, no_uptake=(box.alpha <= 0) & ps_held, at_bound=vp_held | ps_held)


def _fit_steady_state(feed: Artery, y: Array, limits: Limits) -> Fit:
    q = feed.plasma()
    norm = _norm(q)
    a = y @ (q / norm).astype(y.dtype)
    alpha = np.clip(a, 0, limits.vp * norm)
    residual = np.maximum(np.einsum("nt,nt->n", y, y) - alpha * (2 * a - alpha), 0)
    held = (alpha <= 0) | (alpha >= limits.vp * norm)
    error = np.where(held, np.nan, 1 / norm)[:, None]
    return outcome("steady_state", feed, (alpha / norm)[:, None], error, residual, no_uptake=alpha <= 0, at_bound=held)


def _norm(column: Array) -> float:
    norm = float(np.linalg.norm(column))
    if norm == 0:
        raise ValueError("the arterial curve is zero over all frames: there is nothing to fit with")
    return norm


_FITTERS: dict[str, Callable[[Artery, Array, Limits], Fit]] = {
    "steady_state": _fit_steady_state,
    "patlak": _fit_patlak,
    "tofts": _fit_tofts,
    "etofts": _fit_extended_tofts,
    "2cum": partial(fit_compartments, "2cum"),
    "2cxm": partial(fit_compartments, "2cxm"),
}
