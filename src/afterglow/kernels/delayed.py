"""Fits with the arterial delay as one more unknown, and the choice of a model for each voxel.

The delay is searched on a coarse grid first, then by halving around each voxel's best cell; voxels that share a delay
share its tables. At every delay the other parameters are at their bounded optimum, so the search is over one number.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from afterglow.kernels.convolution import exp_convolve
from afterglow.kernels.dictionary import Dictionary, build_dictionary, span
from afterglow.kernels.fit import extended_tofts_outcome, fit_feed, mark_not_finite
from afterglow.kernels.problem import PHYSICAL, Artery, Fit, Limits, artery, dictionary_of, rates_of, weighted
from afterglow.kernels.search import BLOCK, Found, search
from afterglow.kernels.types import Array, Index, Status

_COARSE_DELAYS = 17
_FINEST = 1 / 64  # of the median frame spacing
_BEND_STEP = 0.3  # of the spacing: where the residual's bend over the delay is taken


class DelayedFit(NamedTuple):
    """The fit at each voxel's delay, the delay (n,) in s, and its standard error (n,) from the residual's bend."""

    fit: Fit
    delay_s: Array
    delay_error_s: Array


def fit_delayed(
    model: str,
    times_s: Array,
    curves_mM: Array,
    aif_times_s: Array,
    plasma_mM: Array,
    *,
    delay_range_s: tuple[float, float],
    weights: Array | None = None,
    limits: Limits = PHYSICAL,
) -> DelayedFit:
    """Like `fit_tissue`, with the delay of the arterial curve in `delay_range_s` found for every voxel of curves (n, t).

    The delay is resolved to 1/64 of the frame spacing. Voxels without uptake have no delay (NaN).
    ValueError where the range is empty.
    """
    low, high = delay_range_s
    if not low < high:
        raise ValueError(f"the range of delays from {low} to {high} s is empty")
    feed = artery(times_s, aif_times_s, plasma_mM, weights=weights)
    y, finite = weighted(curves_mM, feed)
    scan = _Scan(model, feed, y, limits, exp_convolve(feed.aif_times_s, feed.plasma_mM, rates_of(limits.kep_per_min)))
    step = (high - low) / (_COARSE_DELAYS - 1)
    delays = low + step * np.arange(_COARSE_DELAYS)
    best, residual = _coarse(scan, delays)
    spacing = float(np.median(np.diff(feed.times_s)))
    finest = _FINEST * spacing
    delay, bend = delays[best], np.full(best.size, np.nan)
    while step > finest:
        step /= 2
        delay, residual, now = _halve(scan, delay, residual, step, low, high)
        bend = np.where(np.isnan(bend) & (step < _BEND_STEP * spacing), now, bend)
    fit = mark_not_finite(_fit_at(scan, delay), finite)
    variance = fit.residual / max(fit.n_frames - len(fit.parameters) - 1, 1)
    error = np.sqrt(2 * variance / np.where(bend > 0, bend, np.nan))
    unknown = np.isin(fit.status, (Status.NOT_FINITE, Status.NO_UPTAKE))
    return DelayedFit(fit, np.where(unknown, np.nan, delay), np.where(unknown, np.nan, error))


def fit_at_delays(
    model: str,
    times_s: Array,
    curves_mM: Array,
    aif_times_s: Array,
    plasma_mM: Array,
    *,
    delay_s: Array,
    weights: Array | None = None,
    limits: Limits = PHYSICAL,
) -> Fit:
    """Like `fit_tissue`, each voxel of curves (n, t) at its own arterial delay_s (n,), rounded to 1/64 of the frame spacing.

    A delay that is not known (NaN) counts as none.
    """
    feed = artery(times_s, aif_times_s, plasma_mM, weights=weights)
    y, finite = weighted(curves_mM, feed)
    if delay_s.shape != y.shape[:1]:
        raise ValueError(f"{delay_s.shape} delays for {y.shape[0]} curves")
    scan = _Scan(model, feed, y, limits, exp_convolve(feed.aif_times_s, feed.plasma_mM, rates_of(limits.kep_per_min)))
    finest = _FINEST * float(np.median(np.diff(feed.times_s)))
    return mark_not_finite(_fit_at(scan, np.round(np.nan_to_num(delay_s) / finest) * finest), finite)


class _Scan(NamedTuple):
    model: str
    feed: Artery
    y: Array  # (n, t) weighted
    limits: Limits
    at_knots: Array  # (k, m) convolutions at the arterial samples: the same for every delay

    def at(self, delay_s: float, rows: Index) -> Fit:
        """The full fit of some voxels at one delay."""
        if self.model == "etofts":
            d, found = self._search(delay_s, rows)
            return extended_tofts_outcome(self.feed, d, found)
        return fit_feed(self.model, self.feed._replace(delay_s=float(delay_s)), self.y[rows], self.limits)

    def residual(self, delay_s: float, rows: Index) -> Array:
        """The sum of squares alone."""
        if self.model in ("tofts", "etofts"):
            return self._search(delay_s, rows)[1].residual
        return self.at(delay_s, rows).residual

    def _search(self, delay_s: float, rows: Index) -> tuple[Dictionary, Found]:
        feed = self.feed._replace(delay_s=float(delay_s))
        dtype = np.float32 if self.y.dtype == np.float32 else np.float64
        d = dictionary_of(self.model, feed, dtype, kep_per_min=self.limits.kep_per_min, at_knots=self.at_knots)
        fixed_max = self.limits.vp if self.model == "etofts" else 0.0
        return d, search(d, self.y[rows], fixed_max=fixed_max, amplitude_max_per_rate=self.limits.ve)


def _coarse(scan: _Scan, delays: Array) -> tuple[Index, Array]:
    """Best coarse delay of every voxel and its sum of squares: by free profiles where one rate is searched."""
    n = scan.y.shape[0]
    everyone = np.arange(n)
    if scan.model == "etofts":
        best = _coarse_by_profile(scan, delays)
        residual = np.empty(n)
        for i in np.unique(best):
            rows = np.flatnonzero(best == i)
            residual[rows] = scan.residual(delays[i], rows)
        return best, residual
    table = np.stack([scan.residual(delay, everyone) for delay in delays], axis=1)
    best = table.argmin(axis=1)
    return best, table[everyone, best]


def _coarse_by_profile(scan: _Scan, delays: Array) -> Index:
    """Extended Tofts: explained energy with free amplitudes at the coarse rates alone, one product for each delay."""
    rates = rates_of(scan.limits.kep_per_min)
    feeds = [scan.feed._replace(delay_s=float(delay)) for delay in delays]
    columns, plasmas = [feed.exponentials(rates, at_knots=scan.at_knots) for feed in feeds], [feed.plasma() for feed in feeds]
    basis = span(np.vstack([*(c[::16] / np.linalg.norm(c[::16], axis=1)[:, None] for c in columns), *plasmas]), tolerance=1e-5)
    dtype = np.float32 if scan.y.dtype == np.float32 else np.float64
    tables = [build_dictionary(rates, c, p, dtype=dtype, basis=basis) for c, p in zip(columns, plasmas, strict=True)]
    best = np.empty(scan.y.shape[0], dtype=np.intp)
    for start in range(0, scan.y.shape[0], BLOCK):
        z = np.ascontiguousarray((scan.y[start : start + BLOCK] @ basis.astype(dtype)).T)
        gains = np.stack(
            [np.maximum(t.fixed @ z, 0) ** 2 + np.maximum((t.coarse_free.T @ z).max(axis=0), 0) ** 2 for t in tables]
        )
        best[start : start + BLOCK] = gains.argmax(axis=0)
    return best


def _halve(scan: _Scan, delay: Array, residual: Array, step: float, low: float, high: float) -> tuple[Array, Array, Array]:
    """Look half a cell to either side of each voxel's delay: the better delay, its sum of squares, and the bend there."""
    found, least, bend = delay.copy(), residual.copy(), np.full(delay.size, np.nan)
    for middle in np.unique(delay):
        rows = np.flatnonzero(delay == middle)
        sides = [scan.residual(aside, rows) if low <= aside <= high else None for aside in (middle - step, middle + step)]
        for aside, now in zip((middle - step, middle + step), sides, strict=True):
            if now is not None:
                better = now < least[rows]
                found[rows[better]], least[rows[better]] = aside, now[better]
        if sides[0] is not None and sides[1] is not None:
            bend[rows] = (sides[0] + sides[1] - 2 * residual[rows]) / step**2
    return found, least, bend


def _fit_at(scan: _Scan, delay: Array) -> Fit:
    """The full fit of every voxel at its delay."""
    rows = [np.flatnonzero(delay == value) for value in np.unique(delay)]
    fits = [scan.at(value, group) for value, group in zip(np.unique(delay), rows, strict=True)]
    back = np.argsort(np.concatenate(rows))
    values, errors, rms, residual, status = (
        np.concatenate(column)[back] for column in zip(*(fit[1:6] for fit in fits), strict=True)
    )
    return Fit(fits[0].parameters, values, errors, rms, residual, status, fits[0].n_frames)


def corrected_akaike(fit: Fit, *, extra_parameters: int = 0) -> Array:
    """AICc (n,) of each voxel's fit; the noise level counts as a parameter (doi:10.1093/biomet/76.2.297)."""
    k = len(fit.parameters) + extra_parameters + 1
    spare = fit.n_frames - k - 1
    if spare <= 0:
        raise ValueError(f"{fit.n_frames} frames are too few to judge a model of {k - 1} parameters")
    floor = np.finfo(np.float64).tiny
    return fit.n_frames * np.log(np.maximum(fit.residual, floor) / fit.n_frames) + 2 * k + 2 * k * (k + 1) / spare


def choose_model(fits: Mapping[str, Fit], *, extra_parameters: int) -> tuple[Array, Array]:
    """Index of the model with the least AICc in each voxel, and its Akaike weight, both (n,); NaN where none was fitted.

    The fits must be of the same voxels and frames, all with a delay or all without; `extra_parameters` is 1 where each has one.
    """
    if not fits:
        raise ValueError("no fits to choose from")
    table = np.stack([corrected_akaike(fit, extra_parameters=extra_parameters) for fit in fits.values()], axis=1)
    failed = np.stack([np.isin(fit.status, (Status.NOT_FINITE, Status.NO_CONVERGENCE)) for fit in fits.values()], axis=1)
    table = np.where(failed | ~np.isfinite(table), np.inf, table)
    best = table.min(axis=1, keepdims=True)
    none = ~np.isfinite(best[:, 0])
    weight = 1 / np.maximum(np.sum(np.exp(-0.5 * (table - np.where(np.isfinite(best), best, 0))), axis=1), 1)
    return np.where(none, np.nan, table.argmin(axis=1)), np.where(none, np.nan, weight)
