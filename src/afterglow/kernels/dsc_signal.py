"""From signal to relaxation rate: what the agent adds to R2* or R2 along a curve, for one, two and three echoes.

Curves are (n, t), time last, and keep their floating type. A signal at the noise floor says only that the rate is at least
so high: it is held at the floor and marked as saturated. Negative rates are noise or T1 and stay; nothing is shifted.
"""

from typing import Any, NamedTuple

import numpy as np

from afterglow.kernels.spgr import Frames, baseline_signal
from afterglow.kernels.types import Array, Mask

_LEAST_SHARE = 1e-3  # of the signal before contrast: below, there is nothing to take a logarithm of
_FEWEST_FRAMES = 3  # a spread of two is none


class RateChange(NamedTuple):
    """Change of one relaxation rate along n curves."""

    per_s: Array  # (n, t)
    saturated: Mask  # (n, t), where the signal met its floor


class DualEcho(NamedTuple):
    """Change of R2* without T1, and the signal without T2*: what T1 alone would show."""

    per_s: Array  # (n, t)
    signal_te0: Array  # (n, t), extrapolated to an echo time of zero
    saturated: Mask  # (n, t), where either echo met its floor


class Sage(NamedTuple):
    """Changes of R2* and R2 from one excitation, both without T1."""

    r2star_per_s: Array  # (n, t)
    r2_per_s: Array  # (n, t)
    saturated: Mask  # (n, t)


class Baseline(NamedTuple):
    """A curve before contrast."""

    mean: Array  # (n,)
    sd: Array  # (n,)


def baseline(curves: Array, frames: Frames) -> Baseline:
    """Mean and standard deviation of curves (n, t) over the frames before contrast, a slice or a mask (t,).

    Of signals the mean is S0; of rates the standard deviation is sigma0, in 1/s. ValueError for fewer than three frames.
    """
    before = curves[:, frames]
    if before.shape[1] < _FEWEST_FRAMES:
        raise ValueError(f"{before.shape[1]} frames before contrast show no spread: at least {_FEWEST_FRAMES} are needed")
    return Baseline(baseline_signal(curves, frames), before.std(axis=1, ddof=1))


def rate_change(signal: Array, s0: Array, te_s: float, *, floor: Array | float) -> RateChange:
    """Change of R2* (gradient echo) or R2 (spin echo): -ln(S / S0) / TE in 1/s (CAPLEX M.SM1.001, M.SM1.002).

    signal (n, t), s0 (n,) before contrast, floor the noise floor in signal units, one number or (n,).
    NaN where S0 is not above zero or the signal is not finite.
    """
    if not te_s > 0:
        raise ValueError(f"an echo time of {te_s} s is none; echo times are in seconds and above zero")
    share, saturated = _shares(signal, s0, floor)
    np.log(share, out=share)
    share *= share.dtype.type(-1 / te_s)
    return RateChange(share, saturated)


def dual_echo_rate(
    first: Array, second: Array, s0_first: Array, s0_second: Array, *, te1_s: float, te2_s: float, floor: Array | float
) -> DualEcho:
    """Change of R2* in 1/s from two gradient echoes of one excitation: what changes T1 changes both and cancels.

    first, second (n, t); s0_first, s0_second (n,); floor as in `rate_change`. Signal at TE = 0: S1 (S1 / S2)^(TE1 / (TE2 - TE1))
    (doi:10.1002/mrm.25591).
    """
    if not 0 <= te1_s < te2_s:
        raise ValueError(f"echo times of {te1_s} s and {te2_s} s: the first must be the shorter and none negative")
    rate, saturated = _shares(first, s0_first, floor)
    later, saturated_later = _shares(second, s0_second, floor)
    saturated |= saturated_later
    rate /= later
    np.log(rate, out=rate)
    before = np.log(_positive(s0_first) / _positive(s0_second)).astype(rate.dtype)[:, None]
    weight = te1_s / (te2_s - te1_s)
    np.add(rate, before, out=later)
    later *= rate.dtype.type(weight)
    np.exp(later, out=later)
    later *= np.maximum(first, _level(s0_first, floor, rate.dtype)[:, None])
    rate *= rate.dtype.type(1 / (te2_s - te1_s))
    return DualEcho(rate, later, saturated)


def simplified_sage(
    ge1: Array,
    ge2: Array,
    se: Array,
    baselines: tuple[Array, Array, Array],
    *,
    te1_s: float,
    te2_s: float,
    te_se_s: float,
    floor: Array | float,
) -> Sage:
    """Changes of R2* and R2 in 1/s from two gradient echoes and one spin echo (doi:10.1002/mrm.25591).

    ge1, ge2, se (n, t); `baselines` their S0, each (n,). dR2 = ln[(S_TE0 / S_TE0,0) / (S_SE / S_SE,0)] / TE_SE: the
    extrapolated signal takes T1 out of the spin echo too. Both gradient echoes lie before half the spin echo time.
    """
    if not te2_s < te_se_s / 2:
        raise ValueError(f"a gradient echo at {te2_s} s is not before half the spin echo time of {te_se_s} s")
    s0_first, s0_second, s0_se = baselines
    rates, _, saturated = dual_echo_rate(ge1, ge2, s0_first, s0_second, te1_s=te1_s, te2_s=te2_s, floor=floor)
    share, saturated_se = _shares(se, s0_se, floor)
    saturated |= saturated_se
    # ln of the share of S_TE0 is that of the first echo plus the decay up to it
    r2, first = np.log(share, out=share), _shares(ge1, s0_first, floor)[0]
    np.subtract(np.log(first, out=first), r2, out=r2)
    r2 += np.multiply(rates, rates.dtype.type(te1_s), out=first)
    r2 *= r2.dtype.type(1 / te_se_s)
    return Sage(rates, r2, saturated)


def contrast_to_noise(rates: Array, sigma0_per_s: Array) -> Array:
    """Peak of each curve (n, t) over the noise before contrast (n,): (n,). NaN where there is no noise to compare with."""
    ratio: Array = rates.max(axis=1) / _positive(sigma0_per_s)
    return ratio


def _shares(signal: Array, s0: Array, floor: Array | float) -> tuple[Array, Mask]:
    """The signal over S0, not below the floor, and where it was; NaN where S0 is not positive."""
    if signal.ndim != 2 or s0.shape != signal.shape[:1]:
        raise ValueError(f"signals of shape {signal.shape} and S0 of shape {s0.shape}: they must be (n, t) and (n,)")
    level = _level(s0, floor, signal.dtype)[:, None]
    saturated: Mask = signal <= level
    share = np.maximum(signal, level)
    share *= (1 / _positive(s0)).astype(signal.dtype)[:, None]
    share[np.isinf(share)] = np.nan
    return share, saturated


def _level(s0: Array, floor: Array | float, dtype: np.dtype[np.floating[Any]]) -> Array:
    level: Array = np.maximum(floor, _LEAST_SHARE * _positive(s0)).astype(dtype)
    return level


def _positive(values: Array) -> Array:
    return np.where(values > 0, values, np.nan)
