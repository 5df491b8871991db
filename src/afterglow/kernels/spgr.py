"""Spoiled gradient echo: signal from relaxation, relaxation from signal, concentration from both.

The curves keep their floating type (float32 in, float32 out). A voxel without an answer is NaN, and nothing is clipped:
negative concentrations are noise and stay, a signal above what the sequence can give is saturated and becomes NaN.
"""

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.types import Array

Frames = slice | NDArray[np.bool_]
_NEWTON_STEPS = 25
_BLOCK = 2048  # curves at a time


def spgr_signal(
    r1_per_s: Array | float,
    *,
    s0: Array | float,
    flip_deg: Array | float,
    tr_s: Array | float,
    b1: Array | float = 1.0,
    te_s: float | None = None,
    r2star_per_s: Array | float | None = None,
) -> Array:
    """Steady-state signal of a perfectly spoiled gradient echo (CAPLEX M.SM2.002; Ernst angle equation).

    All arguments broadcast. `b1` is the flip angle that was reached over the nominal one. `te_s` and `r2star_per_s` come
    together; without them the decay up to the echo is part of `s0`. Unit: that of `s0`.
    """
    if (te_s is None) != (r2star_per_s is None):
        raise ValueError("echo time and R2* come together: give both or neither")
    sine, one_minus_cosine = _flip(flip_deg, b1)
    saturation = -np.expm1(-np.asarray(tr_s) * r1_per_s)
    # 1 - cos(a) E1 written as a sum of two positive terms: no digits are lost at short TR and small flip angles
    cosine = 1 - one_minus_cosine
    signal: Array = s0 * sine * saturation / (one_minus_cosine + cosine * saturation)
    if te_s is not None and r2star_per_s is not None:
        signal = signal * np.exp(-te_s * np.asarray(r2star_per_s))
    return signal


def spgr_r1(
    signal: Array, *, baseline_signal: Array, t10_s: Array | float, flip_deg: float, tr_s: float, b1: Array | float = 1.0
) -> Array:
    """Longitudinal relaxation rate in 1/s along a curve, from the signal before contrast and T1 then. Exact inverse.

    signal (..., t), baseline_signal (...), t10_s and b1 (...) or scalar -> (..., t). NaN where the baseline is not
    positive or the signal exceeds what full relaxation gives (saturated).
    """
    dtype = signal.dtype
    part, one_minus_cosine = _relaxed_part(signal, baseline_signal, t10_s, flip_deg, tr_s, b1)
    return _rate(part, one_minus_cosine, tr_s).astype(dtype, copy=False)


def concentration(
    signal: Array,
    *,
    t10_s: Array | float,
    flip_deg: float,
    tr_s: float,
    r1_per_mM_s: float,
    baseline_frames: Frames,
    b1: Array | float = 1.0,
    te_s: float | None = None,
    r2star_per_mM_s: float | None = None,
) -> Array:
    """Concentration of contrast agent in mM from a signal curve (CAPLEX M.SM2.002 inverted, M.EL1.003).

    signal (..., t); t10_s and b1 (...) or scalar; `baseline_frames` names the frames before contrast, as a slice or a
    mask (t,). With `te_s` and `r2star_per_mM_s` the T2* decay that the agent adds is undone too, by Newton's method to
    machine precision; the lower of the two concentrations with that signal is returned.
    NaN where the signal exceeds the ceiling of the sequence, where the baseline or T10 is not positive, and where the decay
    outweighs T1 from the first trace of agent on.
    """
    if (te_s is None) != (r2star_per_mM_s is None):
        raise ValueError("echo time and r2* come together: give both or neither")
    if not r1_per_mM_s > 0:
        raise ValueError(f"r1 of {r1_per_mM_s} per mM per s is not a relaxivity")
    dtype = signal.dtype if np.issubdtype(signal.dtype, np.floating) else np.dtype(np.float64)
    flat = signal.reshape(-1, signal.shape[-1])
    t10, scale = (np.broadcast_to(np.asarray(v, dtype=np.float64), signal.shape[:-1]).reshape(-1) for v in (t10_s, b1))
    agent = np.empty(flat.shape, dtype=dtype)
    decay = None if te_s is None or r2star_per_mM_s is None else te_s * r2star_per_mM_s
    # the Newton steps want double precision; a block at a time keeps that in the cache and out of the memory's way
    working = dtype if decay is None else np.dtype(np.float64)
    for begin in range(0, flat.shape[0], _BLOCK):
        rows = slice(begin, begin + _BLOCK)
        curves = flat[rows].astype(working, copy=False)
        part, rest = _relaxed_part(curves, baseline_signal(curves, baseline_frames), t10[rows], flip_deg, tr_s, scale[rows])
        r10 = (1 / _positive(t10[rows]))[:, None].astype(working)
        block: Array = (_rate(part, rest, tr_s) - r10) / r1_per_mM_s
        agent[rows] = block if decay is None else _with_decay(block, part, r10, rest, tr_s, r1_per_mM_s, decay)
    return agent.reshape(signal.shape)


def baseline_signal(signal: Array, baseline_frames: Frames) -> Array:
    """Mean signal before contrast. (..., t) -> (...). ValueError where no frame is named."""
    frames = signal[..., baseline_frames]
    if frames.shape[-1] == 0:
        raise ValueError(f"no frame before contrast among the {signal.shape[-1]} frames of the series")
    mean: Array = frames.mean(axis=-1)
    return mean


def plasma_from_blood(blood_mM: Array, *, haematocrit: float) -> Array:
    """Plasma concentration from whole blood: the agent stays outside the cells. Any shape, mM."""
    if not 0 <= haematocrit < 1:
        raise ValueError(f"haematocrit {haematocrit} is not a fraction below 1")
    return blood_mM / (1 - haematocrit)


def _flip(flip_deg: Array | float, b1: Array | float) -> tuple[Array, Array]:
    """Sine and one minus cosine of the flip angle that was reached."""
    flip = np.deg2rad(np.asarray(flip_deg) * b1)
    return np.sin(flip), 2 * np.sin(flip / 2) ** 2


def _relaxed_part(
    signal: Array, baseline: Array, t10_s: Array | float, flip_deg: float, tr_s: float, b1: Array | float
) -> tuple[Array, Array]:
    """(1 - E1) / (1 - cos(a) E1) along the curve, and 1 - cos(a): the part of the fully relaxed signal."""
    dtype = signal.dtype
    _, one_minus_cosine = _flip(flip_deg, np.asarray(b1, dtype=np.float64))
    saturation = -np.expm1(-tr_s / _positive(np.asarray(t10_s, dtype=np.float64)))
    before = saturation / (one_minus_cosine + (1 - one_minus_cosine) * saturation)
    scale = np.asarray(before / _positive(baseline), dtype=dtype)
    angle = np.asarray(one_minus_cosine, dtype=dtype)
    return signal * scale[..., None], angle[..., None] if angle.ndim else angle


def _positive(values: Array) -> Array:
    """The values, NaN where they are not above zero."""
    return np.where(values > 0, values, np.nan)


def _rate(part: Array, one_minus_cosine: Array, tr_s: float) -> Array:
    """R1 from the relaxed part; NaN from 1 upwards, where no R1 gives that signal."""
    below = np.where(part < 1, part, np.nan)
    rate: Array = -np.log1p(-below * one_minus_cosine / ((1 - below) + below * one_minus_cosine)) / tr_s
    return rate


def _with_decay(
    agent: Array, part: Array, r10: Array, one_minus_cosine: Array, tr_s: float, r1_per_mM_s: float, decay_per_mM: float
) -> Array:
    """Concentration with the T2* decay of the agent undone: the first root of f(C) - k exp(decay C).

    For a positive signal that difference is concave, and the start (the root without decay) lies so that Newton's steps
    approach the first root from one side. Where the slope turns before the root there is none: the decay has won. Where it
    wins from the first trace of agent on, the signal only falls, and the voxel has no answer.
    """

    def steepness(now: Array, grown: Array) -> tuple[Array, Array]:
        left = np.exp(-tr_s * (r10 + r1_per_mM_s * now))
        below = 1 - (1 - one_minus_cosine) * left
        return (1 - left) / below, one_minus_cosine * tr_s * r1_per_mM_s * left / below**2 - decay_per_mM * grown

    none = np.zeros_like(r10)
    relaxed = steepness(none, none)[0]
    now = np.where(steepness(none, relaxed)[1] > 0, agent, np.nan)
    for _ in range(_NEWTON_STEPS):
        with np.errstate(over="ignore"):  # a voxel that runs away has no root: its slope turns, and it ends as NaN
            grown = part * np.exp(decay_per_mM * now)
        value, slope = steepness(now, grown)
        step = (value - grown) / np.where(slope > 0, slope, np.nan)
        now = now - step
        with np.errstate(invalid="ignore"):
            moving = np.abs(step) > 1e-7 * (1 + np.abs(now))  # Newton doubles the digits: the step after is below 1e-13
        if not moving.any():
            break
    return now
