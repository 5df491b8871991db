"""scipy's curve_fit of a gamma-variate, voxel by voxel: same frames, same start, with and without bounds."""

import time
import warnings
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit

from afterglow.flows.bench_dsc_curves import RateCurves
from afterglow.kernels.gamma_variate import GammaFit
from afterglow.kernels.types import Array, Index, Mask

_LOW, _HIGH = (-np.inf, np.log(0.5), np.log(0.3), 0.0), (np.inf, np.log(25.0), np.log(20.0), np.inf)  # t0, ln tp, ln alpha, ymax


class GammaPeer(NamedTuple):
    """One way of calling scipy."""

    who: str
    voxels_per_s: float
    residual: Array  # (n,) sum of squares; NaN where it gave up
    inside: Mask  # (n,) whether it ended within the bounds


def scipy_gamma(curves: RateCurves, last: Index, *, bounded: bool, jacobian: bool, repeats: int) -> GammaPeer:
    """Fit each curve up to its own last frame (n,): trust region with bounds, or Levenberg-Marquardt without.

    The start is that of `fit_gamma_variate`, so the ratio is one of fitters and not of guesses.
    """
    n = len(curves.rates_per_s)
    residual, inside = np.full(n, np.nan), np.zeros(n, dtype=bool)
    options: dict[str, Any] = {"jac": _slopes} if jacobian else {}
    least = np.inf
    with warnings.catch_warnings(), np.errstate(all="ignore"):  # without bounds its steps leave the range of floats
        warnings.simplefilter("ignore", OptimizeWarning)
        for _ in range(repeats):
            begin = time.process_time()
            for row, (curve, end) in enumerate(zip(curves.rates_per_s, last, strict=True)):
                residual[row], inside[row] = _one(curves.times_s, curve, int(end) + 1, bounded, options)
            least = min(least, time.process_time() - begin)
    words = ("bounded TRF" if bounded else "LM without bounds") + (" with the analytic Jacobian" if jacobian else "")
    return GammaPeer(f"scipy curve_fit {words}", n / least, residual, inside)


def largest_excess(fit: GammaFit, peers: tuple[GammaPeer, ...]) -> tuple[float, int]:
    """How much the sum of squares of the accepted fits exceeds the peers' least, relative to it, at worst; over how many.

    Peers that ended outside the bounds do not count: there they may go lower.
    """
    theirs = np.array([np.where(peer.inside, peer.residual, np.inf) for peer in peers])
    best = np.nanmin(theirs, axis=0)
    used = fit.accepted & np.isfinite(best)
    return float((fit.residual[used] / best[used] - 1).max(initial=-1.0)), int(used.sum())


def _one(times: Array, curve: Array, end: int, bounded: bool, options: dict[str, Any]) -> tuple[float, bool]:
    """Sum of squares of one curve over its first `end` frames, and whether the optimum lies within the bounds."""
    peak = int(np.argmax(curve))
    below = np.flatnonzero(curve[:peak] < 0.1 * curve[peak])
    foot = int(below[-1]) if below.size else 0
    t0 = times[foot] - 0.5 * (times[foot + 1] - times[foot])
    low, high = np.array(_LOW), np.array([times[peak], *_HIGH[1:]])
    start = np.clip([t0, np.log(max(times[peak] - t0, 1e-3)), np.log(3.0), curve[peak]], low, high)
    way: dict[str, Any] = {"bounds": (low, high)} if bounded else {"method": "lm"}
    times, curve = times[:end], curve[:end]
    try:
        found = curve_fit(_curve, times, curve, p0=start, **way, **options)[0]
    except (RuntimeError, ValueError):  # no convergence; numbers out of range
        return np.nan, False
    squares = float(np.sum((curve - _curve(times, *found)) ** 2))
    return squares, bool((found >= low).all() and (found <= high).all())


def _curve(times: Array, t0: float, log_tp: float, log_alpha: float, ymax: float) -> Array:
    """The analytic form, at the frames after the onset alone: the fastest that numpy offers."""
    r = (times - t0) / np.exp(log_tp)
    values = np.zeros_like(times)
    after = r > 0
    r = r[after]
    values[after] = ymax * np.exp(np.exp(log_alpha) * (np.log(r) + 1 - r))
    return values


def _slopes(times: Array, t0: float, log_tp: float, log_alpha: float, ymax: float) -> Array:
    """Its derivatives (t, 4)."""
    tp, alpha = np.exp(log_tp), np.exp(log_alpha)
    r = (times - t0) / tp
    slopes = np.zeros((times.size, 4))
    after = r > 0
    r = r[after]
    shape = alpha * (np.log(r) + 1 - r)
    unit = np.exp(shape)
    by_tp = ymax * unit * alpha * (r - 1)
    slopes[after] = np.stack([by_tp / (r * tp), by_tp, ymax * unit * shape, unit], axis=1)
    return slopes
