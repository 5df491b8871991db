"""The compiled loop from the optimum over one rate to parameters, standard errors and status.

The curve is alpha q + beta e(k) with unit columns, so e.e' = 0 with ' the derivative by log rate l, and e'.e' = `turn`. With
rho = q.e and q projected out where alpha is free, the inner products of the columns of log beta and l are beta^2 times
1 - rho^2, -rho rho', turn - rho'^2. No voxel's curve is looked at again.
"""

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.compiled import compiled
from afterglow.kernels.dictionary import Dictionary
from afterglow.kernels.models import SECONDS_PER_MINUTE
from afterglow.kernels.search import Found
from afterglow.kernels.search_loop import entry, taylor_at
from afterglow.kernels.types import Array

_OK, _NO_UPTAKE, _AT_BOUND = 0, 2, 3  # codes of kernels.types.Status
_NEARLY = 1 - 1e-12


@compiled
def _variances(
    rho: float, rho_slope: float, turn: float, growth: float, rate_held: bool, tied: bool
) -> tuple[float, float, float]:
    """Of alpha, and of log amplitude and log (amplitude / rate) times beta^2, for unit noise.

    The amplitude is beta / |column|, and `growth` the derivative of log |column| by log rate. Where it is `tied` to its upper
    bound (amplitude = limit * rate), the ratio is held and beta moves with the rate, 1 + growth as fast in log.
    """
    spread = 1 - rho * rho
    if tied:
        length, along = turn + (1 + growth) ** 2, rho_slope + (1 + growth) * rho
        return length / (length - along * along), 1 / (length - along * along), np.nan
    if rate_held:
        return 1 / spread, 1 / spread, 1 / spread
    cross, bent = -rho * rho_slope, turn - rho_slope * rho_slope
    inverse = 1 / (spread * bent - cross * cross)
    log_amplitude = bent + growth * (2 * cross + growth * spread)
    log_ratio = bent + (growth + 1) * (2 * cross + (growth + 1) * spread)
    return turn * inverse, log_amplitude * inverse, log_ratio * inverse


@compiled
def report_each(
    d: Dictionary, found: Found, alpha_max: float, ratio_max: float, noise_share: float, rms_share: float,
    values: Array, errors: Array, rms: Array, status: NDArray[np.uint8],
) -> None:  # fmt: skip
    """Ktrans, ve and, where there are three, vp of each optimum into values (n, p), with their standard errors.

    A parameter on a bound has no error (NaN); the others are then conditional on it. Where nothing leaks, the rate is not
    determined, so neither is ve. The shares turn the root of the sum of squares into the noise and into the rms.
    """
    last, with_fixed, per_step = d.fine_rho.shape[1] - 1, values.shape[1] > 2, 1 / d.log_step
    for n in range(values.shape[0]):
        index, alpha, beta, root = found.place[n], found.alpha[n], found.beta[n], np.sqrt(found.residual[n])
        cell = int(np.rint(index))
        log_norm, growth = taylor_at(entry(d.fine_log_norm, cell), index - cell)
        rho, turning = taylor_at(entry(d.fine_rho, cell), index - cell)
        rate = np.exp(d.log_rate_low + d.log_step * index)
        amplitude, limit = beta * np.exp(-log_norm), ratio_max * rate
        nothing, tied, rate_held = beta <= 0, amplitude >= limit * _NEARLY, index <= 0 or index >= last
        fixed_held = not with_fixed or alpha <= 0 or alpha >= alpha_max
        if fixed_held:
            rho = turning = 0.0
        turn = d.fine_turn[0, cell] + (index - cell) * d.fine_turn[1, cell]
        of_alpha, of_amplitude, of_ratio = _variances(rho, turning * per_step, turn, growth * per_step, rate_held, tied)
        noise, ve = noise_share * root, ratio_max if tied else amplitude / rate
        per_beta = np.nan if nothing else noise / beta
        values[n, 0], values[n, 1] = SECONDS_PER_MINUTE * amplitude, np.nan if nothing else ve
        errors[n, 0] = values[n, 0] * per_beta * np.sqrt(of_amplitude)
        errors[n, 1] = values[n, 1] * per_beta * np.sqrt(of_ratio)
        if with_fixed:
            values[n, 2] = alpha / d.fixed_norm
            errors[n, 2] = np.nan if fixed_held else noise * (1.0 if nothing else np.sqrt(of_alpha)) / d.fixed_norm
        rms[n] = rms_share * root
        on_bound = nothing or tied or rate_held or (with_fixed and fixed_held)
        status[n] = _NO_UPTAKE if nothing and not (with_fixed and alpha > 0) else _AT_BOUND if on_bound else _OK
