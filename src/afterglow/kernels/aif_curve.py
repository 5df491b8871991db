"""A continuous arterial curve from its samples: what the artery did between frames is the error of a coarsely sampled fit.

The first pass is a gamma-variate. What comes after it is the body: exponentials of the same bolus, or of a later and wider
one (the shape shared by doi:10.1002/mrm.21066, doi:10.1088/0031-9155/53/5/005 and doi:10.1002/mrm.27524). Each
form is fitted by least squares, the amplitudes projected out and kept positive, and the corrected Akaike criterion chooses.

Where frames are as long as the first pass is wide, samples alone do not determine its shape. So the shape is drawn, as
weakly as samples that are 2 % of the peak uncertain allow, towards the population curves of Parker and Georgiou.
"""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares, nnls
from scipy.special import gammainc, gammaln

from afterglow.kernels.types import Array, Status

_FEWEST = 8  # samples
_PRIOR_NOISE = 0.02  # of the peak
_FLOOR = 1e-3  # of the peak: below, no form is better than another
_MISFIT = 0.15  # of the peak: above, none of the forms is this artery
_OUTSIDE = 1e3  # a residual that turns the optimiser back


class _Shape(NamedTuple):
    """One nonlinear parameter: bounds, starts, and the population's mean and spread, where it has one."""

    low: float
    high: float
    starts: tuple[float, ...]
    mean: float = 0.0
    spread: float = np.inf


_LOG = np.log
# Parker's and Georgiou's curves as plasma, fitted with the delayed form: first pass 3.5 and 4.3 s wide (standard deviation),
# shape 100 and 4, body 14 and 13 s later, its transit 8.7 and 3.1 s wide
_WIDTH = _Shape(_LOG(1.0), _LOG(40.0), (_LOG(4.0),), _LOG(3.9), 0.25)
_SHAPE = _Shape(0.0, _LOG(100.0), (_LOG(10.0),), _LOG(12.0), 1.0)
_LAG = _Shape(0.0, 40.0, (2.0, 15.0), 13.0, 4.0)
_TRANSIT = _Shape(_LOG(1.0), _LOG(60.0), (_LOG(6.0),), _LOG(5.0), 0.5)
_FAST, _SLOW = _Shape(_LOG(1e-5), _LOG(0.5), (_LOG(0.02),)), _Shape(_LOG(1e-6), _LOG(0.02), (_LOG(5e-4),))
_TRANSIT_SHAPE = 30.0  # nearly a Gaussian: what many passages in a row tend to


class ArterialCurve(NamedTuple):
    """The continuous curve at the times asked for; NaN, with the reason in `status`, where there is none."""

    times_s: Array  # (n,)
    plasma_mM: Array  # (n,)
    form: str  # the form that was chosen
    rms_mM: float  # of the samples about it
    status: Status


def continuous_artery(times_s: Array, plasma_mM: Array, *, at_s: Array) -> ArterialCurve:
    """Fit a continuous curve to arterial samples plasma_mM (t,) at times_s (t,) rising, and give it at `at_s` (n,).

    Samples that are not finite are left out. NOT_FINITE where fewer than eight remain, NO_UPTAKE where they do not rise,
    NO_CONVERGENCE where no form comes within 15 % of the peak: the curve is then NaN. Only a curve with its bolus inside
    the samples can be fitted. ValueError where the times do not fit or do not rise.
    """
    times, plasma = np.asarray(times_s, dtype=np.float64), np.asarray(plasma_mM, dtype=np.float64)
    at = np.asarray(at_s, dtype=np.float64)
    if times.ndim != 1 or times.shape != plasma.shape:
        raise ValueError(f"an arterial curve of shape {plasma.shape} does not fit times of shape {times.shape}")
    if not (np.diff(times) > 0).all():
        raise ValueError("times must rise")
    known = np.isfinite(plasma)
    if np.count_nonzero(known) < _FEWEST:
        return _none(at, Status.NOT_FINITE)
    times, plasma = times[known], plasma[known]
    peak = float(plasma.max())
    if peak <= 0 or int(plasma.argmax()) == 0:
        return _none(at, Status.NO_UPTAKE)
    fits = [_fitted(form, times, plasma) for form in FORMS]
    best = min(fits, key=lambda fit: fit.akaike)
    if not best.rms <= _MISFIT * peak:
        return _none(at, Status.NO_CONVERGENCE)
    return ArterialCurve(at, best.form.columns(best.shape, at) @ best.amplitudes, best.form.name, best.rms, Status.OK)


def _none(at_s: Array, status: Status) -> ArterialCurve:
    return ArterialCurve(at_s, np.full(at_s.shape, np.nan), "", float("nan"), status)


class ArterialForm(NamedTuple):
    """One row: the columns (t, k) of a form for its nonlinear parameters, which begin with the time of the peak, in s."""

    name: str
    columns: Callable[[Array, Array], Array]
    shapes: tuple[_Shape, ...]
    n_amplitudes: int


class _Fitted(NamedTuple):
    form: ArterialForm
    shape: Array
    amplitudes: Array
    rms: float
    akaike: float


def _fitted(form: ArterialForm, times_s: Array, plasma_mM: Array) -> _Fitted:
    """The best of a few starts."""
    middle, peak = float(times_s[plasma_mM.argmax()]), float(plasma_mM.max())
    spacing = float(np.median(np.diff(times_s)))
    when = _Shape(middle - 30 - 2 * spacing, middle + 2 * spacing, (middle - 0.4 * spacing, middle + 0.4 * spacing))
    every = (when, *form.shapes)
    low, high, means, spreads = (np.array([getattr(s, name) for s in every]) for name in ("low", "high", "mean", "spread"))

    def residuals(shape: Array) -> Array:
        columns = form.columns(shape, times_s)
        if not np.isfinite(columns).all():
            return np.full(times_s.size + shape.size, _OUTSIDE * peak)
        drawn = _PRIOR_NOISE * peak * (shape - means) / spreads
        return np.concatenate([columns @ _positive(columns, plasma_mM) - plasma_mM, drawn])

    found = [
        least_squares(residuals, start, bounds=(low, high), x_scale=np.array([5.0] + [1.0] * len(form.shapes)), max_nfev=200)
        for start in product(*(s.starts for s in every))
    ]
    shape: Array = min(found, key=lambda result: float(result.cost)).x
    columns = form.columns(shape, times_s)
    amplitudes = _positive(columns, plasma_mM)
    squares, n = float(np.sum((columns @ amplitudes - plasma_mM) ** 2)), times_s.size
    k = len(every) + form.n_amplitudes + 1
    floored = squares / n + (_FLOOR * peak) ** 2
    akaike = n * np.log(floored) + 2 * k + 2 * k * (k + 1) / (n - k - 1) if n > k + 1 else np.inf
    return _Fitted(form, shape, amplitudes, float(np.sqrt(squares / n)), float(akaike))


def _positive(columns: Array, plasma_mM: Array) -> Array:
    """Non-negative amplitudes (k,) of columns (t, k), each scaled to unit length for the solver."""
    norm = np.linalg.norm(columns, axis=0)
    norm = np.where(norm > 0, norm, 1.0)
    amplitudes: Array = nnls(columns / norm, plasma_mM)[0] / norm
    return amplitudes


def _with_prompt_body(shape: Array, times_s: Array) -> Array:
    """First pass, and exponentials of the same bolus: parameters peak time, log width, log shape, log rates."""
    alpha = float(np.exp(shape[2]))
    scale = float(np.exp(shape[1])) / np.sqrt(alpha)
    since = times_s - (shape[0] - alpha * scale)
    return np.stack([_gamma(since, alpha, scale), *(_gamma_washout(since, alpha, scale, np.exp(r)) for r in shape[3:])], axis=1)


def _with_delayed_body(shape: Array, times_s: Array) -> Array:
    """First pass, and exponentials of a later, wider bolus: parameters peak time, log width, log shape, lag, log transit, log rates."""
    alpha = float(np.exp(shape[2]))
    scale = float(np.exp(shape[1])) / np.sqrt(alpha)
    later = float(np.exp(shape[4])) / np.sqrt(_TRANSIT_SHAPE)
    first = times_s - (shape[0] - alpha * scale)
    body = times_s - (shape[0] + shape[3] - _TRANSIT_SHAPE * later)
    washouts = (_gamma_washout(body, _TRANSIT_SHAPE, later, np.exp(rate)) for rate in shape[5:])
    return np.stack([_gamma(first, alpha, scale), *washouts], axis=1)


def _gamma(since_s: Array, alpha: float, scale_s: float) -> Array:
    """The gamma density: zero before it begins."""
    x = np.maximum(since_s, 0) / scale_s
    return np.where(since_s > 0, np.exp((alpha - 1) * np.log(np.maximum(x, 1e-300)) - x - gammaln(alpha)) / scale_s, 0.0)


def _gamma_washout(since_s: Array, alpha: float, scale_s: float, rate_per_s: float) -> Array:
    """The gamma density convolved with an exponential, in closed form by the incomplete gamma function."""
    rate = min(rate_per_s, 0.9 / scale_s)  # beyond, the exponential is gone within the bolus
    since = np.maximum(since_s, 0)
    decayed = np.exp(-rate * since - alpha * np.log1p(-rate * scale_s))
    curve: Array = decayed * gammainc(alpha, since * (1 / scale_s - rate))
    return curve


FORMS = (
    ArterialForm("gamma-variate with one exponential", _with_prompt_body, (_WIDTH, _SHAPE, _SLOW), 2),
    ArterialForm("gamma-variate with a delayed body", _with_delayed_body, (_WIDTH, _SHAPE, _LAG, _TRANSIT, _FAST, _SLOW), 3),
)
