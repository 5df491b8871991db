"""Two-compartment models (2CXM, 2CUM): a global start from a table of rate pairs, then bounded refinement.

Both are sums of exponentials, so curve and Jacobian come from the dictionary's tables in its few coordinates.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from afterglow.kernels.boxed import best_in_box
from afterglow.kernels.dictionary import REFINE, Dictionary, taylor
from afterglow.kernels.levenberg import covariance_diagonal, refine_bounded
from afterglow.kernels.models import MODELS, SECONDS_PER_MINUTE, exchange_to_exponentials, exponentials_to_exchange
from afterglow.kernels.problem import Artery, Fit, Limits, dictionary_of, outcome
from afterglow.kernels.search import amplitudes, search
from afterglow.kernels.types import Array, Float, Mask, Status

RATES_PER_MIN = (1e-3, 600.0)  # wide: a plasma compartment of 1 % at 60 mL/100 mL/min washes out at 60 per minute
_BLOCK = 4096
_PAIR_STEP = 2  # coarse cells between the rates of the start table
_DIFFERENCE = 1e-6


class _Exponentials(NamedTuple):
    """Amplitude of the fixed column, then amplitude and log rate of one or two exponentials, each (n,)."""

    fixed: Array
    amplitudes: tuple[Array, ...]
    log_rates: tuple[Array, ...]


def compartments_solver(model: str, feed: Artery, _dtype: Float, limits: Limits) -> Callable[[Array], Fit]:
    """Bounded least squares of `2cum` or `2cxm` for a block of weighted curves (n, t); works in float64."""
    d = dictionary_of("2cum" if model == "2cum" else "tofts", feed, np.float64, kep_per_min=RATES_PER_MIN)
    low, high = _box(model, limits)

    def solve(y: Array) -> Fit:
        parts = [
            _fit_block(model, feed, d, y[i : i + _BLOCK].astype(np.float64), low, high) for i in range(0, y.shape[0], _BLOCK)
        ]
        columns = [np.concatenate(column) for column in zip(*(part[1:6] for part in parts), strict=True)]
        return Fit(parts[0].parameters, columns[0], columns[1], columns[2], columns[3], columns[4], parts[0].n_frames)

    return solve


def _box(model: str, limits: Limits) -> tuple[Array, Array]:
    high = [
        {"ve": limits.ve, "vp": limits.vp}.get(name, bounds[1])
        for name, bounds in zip(MODELS[model].parameters, MODELS[model].bounds, strict=True)
    ]
    low = [max(bounds[0], 1e-9) for bounds in MODELS[model].bounds]  # rates are ratios: zero is reached as a limit
    return np.array(low), np.array(high)


def _fit_block(model: str, feed: Artery, d: Dictionary, y: Array, low: Array, high: Array) -> Fit:
    z = y @ d.basis
    outside = np.maximum(np.einsum("nt,nt->n", y, y) - np.einsum("nr,nr->n", z, z), 0)
    starts = _uptake_starts(d, y) if model == "2cum" else _exchange_starts(d, z)
    best = None
    for start in starts:
        now = refine_bounded(lambda values: _evaluate(model, d, values), start, z, low=low, high=high)
        if best is None:
            best = now
        else:
            better = now.residual < best.residual
            best = type(now)(
                *(np.where(better.reshape(-1, *[1] * (new.ndim - 1)), new, old) for new, old in zip(now, best, strict=True))
            )
    assert best is not None
    margin = 1e-6 * (high - low)
    held: Mask = (best.values <= low + margin) | (best.values >= high - margin)
    errors = np.sqrt(covariance_diagonal(best.jacobian, held))
    nothing = best.values[:, 0] <= 10 * low[0]
    values = np.where(nothing[:, None], np.array([0.0 if n == "fp" else np.nan for n in MODELS[model].parameters]), best.values)
    fit = outcome(model, feed, values, errors, best.residual + outside, no_uptake=nothing, at_bound=np.any(held, axis=1))
    stuck = ~best.converged & ~nothing
    return fit._replace(status=np.where(stuck, np.uint8(Status.NO_CONVERGENCE), fit.status).astype(np.uint8))


def _uptake_starts(d: Dictionary, y: Array) -> list[Array]:
    """fp, ps, vp of the global optimum without upper bounds."""
    plasma, leaking, log_rate = amplitudes(d, search(d, y, fixed_max=np.inf, amplitude_max_per_rate=np.inf))
    fp = plasma + leaking
    ps = np.where(leaking > 0, fp * plasma / np.where(leaking > 0, leaking, 1), 0)
    vp = (fp + ps) * np.exp(-log_rate)
    return [np.stack([fp * 6000, ps * SECONDS_PER_MINUTE, vp], axis=1)]


def _exchange_starts(d: Dictionary, z: Array) -> list[Array]:
    """fp, ps, ve, vp of the best pairs of rates: overall, and among pairs that are far apart."""
    unit = d.coarse_unit[::_PAIR_STEP].astype(np.float64)
    norms = d.coarse_norm[::_PAIR_STEP].astype(np.float64)
    slow, fast = np.triu_indices(len(unit), 1)
    s = z @ unit.T
    rho = unit @ unit.T
    gain = np.empty((z.shape[0], slow.size))
    for start in range(0, slow.size, 64):
        pair = slice(start, start + 64)
        gain[:, pair] = best_in_box(
            s[:, slow[pair]], s[:, fast[pair]], rho[slow[pair], fast[pair]], alpha_max=np.inf, beta_max=np.asarray(np.inf)
        ).gain
    step = d.log_step * REFINE * _PAIR_STEP
    starts = []
    for apart in (0.0, 2.0):
        best = np.where((fast - slow) * step >= apart, gain, -np.inf).argmax(axis=1)
        i, j = slow[best], fast[best]
        row = np.arange(z.shape[0])
        box = best_in_box(s[row, i], s[row, j], rho[i, j], alpha_max=np.inf, beta_max=np.asarray(np.inf))
        k_slow, k_fast = np.exp(d.log_rate_low + step * i), np.exp(d.log_rate_low + step * j)
        small = 1e-3 * (box.alpha / norms[i] + box.beta / norms[j]) + 1e-12  # an empty compartment has no direction to grow in
        starts.append(
            np.stack(exponentials_to_exchange(box.beta / norms[j] + small, k_fast, box.alpha / norms[i] + small, k_slow), axis=1)
        )
    return starts


def _evaluate(model: str, d: Dictionary, values: Array) -> tuple[Array, Array]:
    """Curve (n, r) and Jacobian (n, p, r) in the dictionary's coordinates."""
    terms = _terms(model, values)
    curve = terms.fixed[:, None] * (d.fixed * d.fixed_norm)
    columns = [np.broadcast_to(d.fixed * d.fixed_norm, curve.shape)]
    for amplitude, log_rate in zip(terms.amplitudes, terms.log_rates, strict=True):
        column, slope = _column(d, log_rate)
        curve = curve + amplitude[:, None] * column
        columns += [column, amplitude[:, None] * slope]
    by_term = np.stack(columns, axis=1)
    return curve, np.einsum("npk,nkr->npr", _chain(model, values, terms), by_term)


def _flat(terms: _Exponentials) -> Array:
    pairs = [v for pair in zip(terms.amplitudes, terms.log_rates, strict=True) for v in pair]
    return np.stack([terms.fixed, *pairs], axis=1)


def _chain(model: str, values: Array, terms: _Exponentials) -> Array:
    """Derivatives (n, p, k) of amplitudes and log rates by the physical parameters, by central differences of closed forms."""
    out = np.empty((values.shape[0], values.shape[1], _flat(terms).shape[1]))
    for p in range(values.shape[1]):
        step = _DIFFERENCE * np.maximum(np.abs(values[:, p]), 1e-6)
        up, down = values.copy(), values.copy()
        up[:, p] += step
        down[:, p] -= 0.5 * step
        out[:, p] = (_flat(_terms(model, up)) - _flat(_terms(model, down))) / (1.5 * step)[:, None]
    return out


def _terms(model: str, values: Array) -> _Exponentials:
    if model == "2cum":
        fp, ps, vp = values[:, 0] / 6000, values[:, 1] / SECONDS_PER_MINUTE, values[:, 2]
        share = ps / (fp + ps)
        return _Exponentials(fp * share, (fp * (1 - share),), (np.log((fp + ps) / vp),))
    amplitude_fast, fast, amplitude_slow, slow = exchange_to_exponentials(*values.T)
    return _Exponentials(np.zeros(len(values)), (amplitude_fast, amplitude_slow), (np.log(fast), np.log(np.maximum(slow, 1e-12))))


def _column(d: Dictionary, log_rate: Array) -> tuple[Array, Array]:
    """Searched column (n, r) at log rates inside the table, and its derivative by log rate."""
    index = np.clip((log_rate - d.log_rate_low) / d.log_step, 0, d.n_fine - 1)
    cell = np.rint(index).astype(np.intp)
    off = (index - cell)[:, None]
    rows, norms = d.fine_unit[cell], d.fine_log_norm[:, cell, None]
    unit = rows[:, 0] + off * (rows[:, 1] + off * (0.5 * rows[:, 2] + off * rows[:, 3] / 6))
    turn = rows[:, 1] + off * (rows[:, 2] + 0.5 * off * rows[:, 3])
    log_norm, growth = taylor(norms, off)
    norm = np.exp(log_norm)
    return norm * unit, norm * (turn + growth * unit) / d.log_step
