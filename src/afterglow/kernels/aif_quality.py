"""How much an arterial curve looks like one: named parts, each 0 to 1; the least of them is the score."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from afterglow.kernels.aif_candidates import noise_of
from afterglow.kernels.convolution import integrate, sample
from afterglow.kernels.types import Array

_SURE_VOXELS = 8
_TISSUE_VOXELS = 100  # fewer do not average their noise away
_TISSUE_S = 60.0  # after arrival
_TISSUE_DELAYS_S = np.arange(-15.0, 15.1, 0.25)


class Part(NamedTuple):
    """One part of the score."""

    name: str
    score: float  # 0 .. 1
    found: str  # the number behind it, in words


def quality_parts(
    times: Array,
    values: Array,
    members: NDArray[np.intp],
    vessels: NDArray[np.intp],
    arrival_s: float,
    baseline_signal: Array | None,
) -> tuple[Part, ...]:
    """The parts of the score of the mean curve of `members` among other `vessels`. times (t,), values (n, t).

    Each is 1 where an artery is sharp and whole, 0 where it could as well be a vein, tissue or noise. The limits are those
    of a rapid injection (1 to 5 mL/s): first pass up to 15 s wide plus one frame, late level up to half of the peak.
    """
    curve = values[members].mean(axis=0, dtype=np.float64)
    top = int(np.argmax(curve))
    step_s = float(np.median(np.diff(times)))
    width_s = width_at_half(times, curve) - step_s
    tail = float(curve[-max(1, times.size // 10) :].mean() / curve[top])
    snr = float(curve[top] / max(float(noise_of(curve[None])[0]), 1e-12))
    rise_s = float(times[top] - arrival_s)
    parts = [
        Part(
            "frames",
            _falling(step_s, 6, 25),
            f"frames {step_s:.1f} s apart; blood reaches the veins of the brain within 4 to 8 s",
        ),
        Part("peak time", _falling(rise_s - step_s, 15, 40), f"peak {rise_s:.0f} s after arrival"),
        Part("peak height", _falling(-float(curve[top]), -1.5, -0.2), f"peak {curve[top]:.2f} mM"),
        Part("width", _falling(width_s, 15, 60), f"{width_s + step_s:.0f} s wide at half of the peak"),
        Part("washout", _falling(tail, 0.5, 0.95), f"late level {100 * tail:.0f} % of the peak"),
        Part("noise", _falling(-snr, -20, -3), f"peak {snr:.0f} times the noise"),
        _agreement(values[members], curve),
    ]
    ahead = _ahead_of_tissue(times, values, curve, vessels, arrival_s)
    if ahead is not None:
        parts.append(ahead)
    if baseline_signal is not None:
        ratio = float(np.median(baseline_signal[members]) / np.median(baseline_signal[vessels]))
        parts.append(Part("inflow", _falling(ratio, 2.5, 6), f"signal before contrast {ratio:.1f} times that of other vessels"))
    return tuple(parts)


def quality_score(parts: tuple[Part, ...]) -> float:
    """The least part: what is arterial in all respects but one may still be a vein."""
    return min(part.score for part in parts)


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


def _ahead_of_tissue(times: Array, values: Array, curve: Array, vessels: NDArray[np.intp], arrival_s: float) -> Part | None:
    """Whether tissue follows the curve, as it follows an artery, or precedes it, as it precedes a vein.

    The delay of the Patlak model on the mean of all voxels that are no vessel, while little has flowed back: negative means
    that tissue takes up agent which the curve does not bring yet. None where too few voxels are given, as in a search region.
    """
    tissue = np.ones(len(values), dtype=bool)
    tissue[vessels] = False
    if np.count_nonzero(tissue) < _TISSUE_VOXELS:
        return None
    early = times <= arrival_s + _TISSUE_S
    mean = values[tissue].mean(axis=0, dtype=np.float64)[early]
    left = []
    for delay_s in _TISSUE_DELAYS_S:
        parts = [f(times, curve, at_s=times[early], delay_s=float(delay_s)) for f in (sample, integrate)]
        left.append(nnls(np.stack(parts, axis=1), mean)[1])
    lead_s = float(_TISSUE_DELAYS_S[int(np.argmin(left))])
    step_s = float(np.median(np.diff(times)))
    score = _falling(-lead_s, max(1.0, 0.2 * step_s), max(4.0, 0.8 * step_s))
    order = f"{lead_s:.1f} s after" if lead_s >= 0 else f"{-lead_s:.1f} s before"
    return Part("ahead of tissue", score, f"tissue takes up agent {order} it")


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
