"""How much an arterial curve looks like one: six named parts, each 0 to 1, and their geometric mean."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.types import Array

_SURE_VOXELS = 8
_BLOCK = 4096  # curves at a time


class Part(NamedTuple):
    """One part of the score."""

    name: str
    score: float  # 0 .. 1
    found: str  # the number behind it, in words


def quality_parts(
    times: Array,
    values: Array,
    members: NDArray[np.intp],
    others: NDArray[np.intp],
    arrival_s: float,
    baseline_signal: Array | None,
) -> tuple[Part, ...]:
    """The parts of the score of the mean curve of `members` among `others`. times (t,), values (n, t).

    Each is 1 where an artery is sharp and whole, 0 where it could as well be a vein, tissue or noise. The limits are those
    of a rapid injection (1 to 5 mL/s): first pass up to 15 s wide plus one frame, late level up to half of the peak.
    """
    curve = values[members].mean(axis=0)
    top = int(np.argmax(curve))
    step_s = float(np.median(np.diff(times)))
    width_s = width_at_half(times, curve) - step_s
    tail = float(curve[-max(1, times.size // 10) :].mean() / curve[top])
    snr = float(curve[top] / max(float(noise_of(curve[None])[0]), 1e-12))
    rise_s = float(times[top] - arrival_s)
    parts = [
        Part("peak time", _falling(rise_s - step_s, 15, 40), f"peak {rise_s:.0f} s after arrival"),
        Part("peak height", _falling(-float(curve[top]), -1.5, -0.2), f"peak {curve[top]:.2f} mM"),
        Part("width", _falling(width_s, 15, 60), f"{width_s + step_s:.0f} s wide at half of the peak"),
        Part("washout", _falling(tail, 0.5, 0.95), f"late level {100 * tail:.0f} % of the peak"),
        Part("noise", _falling(-snr, -20, -3), f"peak {snr:.0f} times the noise"),
        _agreement(values[members], curve),
    ]
    if baseline_signal is not None:
        ratio = float(np.median(baseline_signal[members]) / np.median(baseline_signal[others]))
        parts.append(Part("inflow", _falling(ratio, 2.5, 6), f"signal before contrast {ratio:.1f} times that of other vessels"))
    return tuple(parts)


def quality_score(parts: tuple[Part, ...]) -> float:
    """Geometric mean: one part at zero makes the curve unusable."""
    scores = np.array([part.score for part in parts])
    return float(np.exp(np.log(scores).mean())) if (scores > 0).all() else 0.0


def width_at_half(times: Array, curve: Array) -> float:
    """Seconds for which the curve stays above half of its peak around it; to the end where it never falls below."""
    top = int(np.argmax(curve))
    half = curve[top] / 2
    begin, end = times[0], times[-1]
    for k in range(top, 0, -1):
        if curve[k - 1] < half:
            begin = times[k] - (curve[k] - half) / (curve[k] - curve[k - 1]) * (times[k] - times[k - 1])
            break
    for k in range(top, times.size - 1):
        if curve[k + 1] < half:
            end = times[k] + (curve[k] - half) / (curve[k] - curve[k + 1]) * (times[k + 1] - times[k])
            break
    return float(end - begin)


def noise_of(curves: Array) -> Array:
    """Standard deviation of the noise from second differences, which a smooth curve hardly has. (n, t) -> (n,)."""
    noise: Array = np.empty(len(curves))
    for begin in range(0, len(curves), _BLOCK):
        rows = slice(begin, begin + _BLOCK)
        noise[rows] = np.median(np.abs(np.diff(curves[rows], 2, axis=1)), axis=1)
    noise /= 0.6745 * np.sqrt(6.0)
    return noise


def _falling(value: float, good: float, bad: float) -> float:
    """1 up to `good`, 0 from `bad` on, straight between."""
    return float(np.clip((bad - value) / (bad - good), 0.0, 1.0))


def _agreement(members: Array, curve: Array) -> Part:
    """How alike the members are: correlation with the mean curve, less for peaks of unlike height and for few voxels."""
    centred = members - members.mean(axis=1, keepdims=True)
    reference = curve - curve.mean()
    scale = np.linalg.norm(centred, axis=1) * np.linalg.norm(reference)
    likeness = float(np.mean(centred @ reference / np.where(scale > 0, scale, np.inf)))
    tops = members.max(axis=1)
    spread = float(tops.std() / tops.mean())
    score = float(np.clip(likeness, 0, 1)) * _falling(spread, 0.25, 1.0) * min(1.0, members.shape[0] / _SURE_VOXELS)
    return Part("agreement", score, f"{members.shape[0]} voxels, their peaks differ by {100 * spread:.0f} %")
