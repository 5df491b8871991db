"""Signal to concentration of contrast agent, with the frames before contrast said aloud."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.arrival import find_arrival, rise_over_noise
from afterglow.kernels.spgr import concentration as spgr_concentration
from afterglow.quantify.made import provenance
from afterglow.records.alignment import QualityLine
from afterglow.records.errors import BadInput
from afterglow.records.grid import Grid
from afterglow.records.maps import ParameterMap, Provenance
from afterglow.records.protocol import Agent, Spgr

FEW_BASELINE_FRAMES = 3
_FALLEN = 0.2  # of the curve's span: drift and noise are far less
_BRIGHTEST_RISE = 0.02  # of the voxels: those that rise most over their noise show when the bolus comes
_CLEAR_RISE = 8.0  # times its noise: more than noise alone reaches in any of a million voxels
_FEWEST_FRAMES = 6
_BLOCK = 65536  # voxels at a time, so that what is needed on the way does not fill the memory


@dataclass(frozen=True, eq=False)
class Concentration:
    """Curves of the mask's voxels, and what they were made with."""

    grid: Grid
    mask: NDArray[np.bool_]  # (i, j, k)
    times_s: NDArray[np.float64]  # (t,)
    curves_mM: NDArray[np.float32]  # (n, t); NaN where saturated or without T1
    baseline_signal: NDArray[np.float32]  # (n,)
    n_baseline: int
    arrival_s: float
    provenance: Provenance
    quality: tuple[QualityLine, ...]

    def of(self, region: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Curves (m, t) of a region (i, j, k); voxels outside the mask are left out."""
        return self.curves_mM[region[self.mask]]


def to_concentration(
    data: NDArray[np.float32],
    times_s: NDArray[np.float64],
    protocol: Spgr,
    t1: ParameterMap,
    mask: NDArray[np.bool_],
    *,
    agent: Agent,
    b1: NDArray[np.float32] | None,
    undo_t2star: Literal["always", "where known", "never"],
    source: str,
) -> Concentration:
    """Concentration (CAPLEX M.SM2.002 inverted) of every voxel of the mask from a series (i, j, k, t).

    The frames before contrast are found on the voxels that rise most. BadInput where contrast is there from the first
    frame on, or no voxel rises. `undo_t2star` also undoes the agent's T2* decay, which needs
    TE and r2*: BadInput where it should "always" and one is missing.
    """
    signal = data[mask]
    frame, arrival_s, remark = _arrival(signal, times_s, source)
    quality = _baseline_quality(frame, remark)
    decay, line = _decay(protocol.te_s, agent, undo_t2star, source)
    quality += (line,)
    te_s, r2star = decay
    curves = np.empty(signal.shape, dtype=np.float32)
    t10 = t1.values[mask]
    for start in range(0, len(signal), _BLOCK):
        part = slice(start, start + _BLOCK)
        curves[part] = spgr_concentration(
            signal[part],
            t10_s=t10[part],
            flip_deg=protocol.flip_deg,
            tr_s=protocol.tr_s,
            r1_per_mM_s=agent.r1_per_mM_s,
            baseline_frames=slice(0, frame),
            b1=1.0 if b1 is None else b1[mask][part],
            te_s=te_s,
            r2star_per_mM_s=r2star,
        )
    sentence = (
        f"Signal was converted to concentration with the steady-state equation of the spoiled gradient echo, r1 {agent.r1_per_mM_s:g} /mM/s "
        f"({agent.source}) and the first {frame} frame{'' if frame == 1 else 's'} as baseline."
        + (f" The T2* decay that the agent adds was undone (r2* {r2star:g} /mM/s)." if r2star is not None else "")
    )
    settings = {
        "r1_per_mM_s": agent.r1_per_mM_s,
        "baseline_frames": frame,
        "tr_s": protocol.tr_s,
        "flip_deg": protocol.flip_deg,
        "r2star_per_mM_s": r2star,
    }
    how = provenance("concentration", sentence, settings, (source,))
    unusable = float(np.mean(~np.isfinite(curves).all(axis=1)))
    quality += (_saturation_quality(unusable),)
    return Concentration(t1.grid, mask, times_s, curves, signal[:, :frame].mean(axis=1), frame, arrival_s, how, quality)


def _decay(
    te_s: float | None, agent: Agent, undo: str, source: str
) -> tuple[tuple[float, float] | tuple[None, None], QualityLine]:
    """TE and r2* where T2* decay is undone, and a line that says whether it is."""
    what = "T2* decay of the agent"
    if undo == "never":
        return (None, None), QualityLine(what, "left in, as the method says", "ok", "")
    if te_s is not None and agent.r2star_per_mM_s is not None:
        return (te_s, agent.r2star_per_mM_s), QualityLine(what, f"undone with r2* {agent.r2star_per_mM_s:g} /mM/s", "ok", "")
    missing = "its sidecar gives no EchoTime" if te_s is None else f"the method file gives no r2* of {agent.name}"
    if undo == "always":
        raise BadInput(f"{source}: T2* decay cannot be undone, {missing}; add it")
    return (None, None), QualityLine(
        what, f"left in: {missing}", "note", "high concentrations, the artery's first, come out too low"
    )


def _arrival(signal: NDArray[np.float32], times_s: NDArray[np.float64], source: str) -> tuple[int, float, str]:
    finite = np.isfinite(signal).all(axis=1)
    if not finite.any():
        raise BadInput(f"{source}: no voxel is finite in all frames; look at the image, or convert it again")
    if times_s.size < _FEWEST_FRAMES:
        raise BadInput(f"{source}: {times_s.size} frames are too few to see a bolus arrive; at least {_FEWEST_FRAMES} are needed")
    _refuse_late_start(signal[finite], times_s, source)
    rise = np.concatenate([rise_over_noise(signal[start : start + _BLOCK]) for start in range(0, len(signal), _BLOCK)])
    keep = max(10, int(_BRIGHTEST_RISE * np.count_nonzero(finite)))
    clearest = np.argsort(-rise, kind="stable")[:keep]
    clearest = clearest[rise[clearest] > _CLEAR_RISE]
    if not clearest.size:
        raise BadInput(
            f"{source}: no voxel rises above its noise and stays there: either no bolus arrives, or contrast is there from the first "
            f"frame on ({times_s[0]:g} s), so that there is no baseline; start the series before the injection"
        )
    curve = signal[clearest].mean(axis=0, dtype=np.float64)
    try:
        found = find_arrival(times_s, curve / curve.mean())
    except ValueError as error:
        raise BadInput(f"{source}: {error}") from error
    if found.frame < 1:
        raise BadInput(
            f"{source}: contrast is there from the first frame on ({times_s[0]:g} s), so there is no baseline; start the series before the injection"
        )
    return found.frame, found.time_s, found.remark


def _refuse_late_start(signal: NDArray[np.float32], times_s: NDArray[np.float64], source: str) -> None:
    """Refuse a series whose most changing voxels end lower than they began: agent stays, so it was there before the first frame."""
    noise = np.abs(np.diff(signal, axis=1)).mean(axis=1)
    change = (signal.max(axis=1) - signal.min(axis=1)) / np.where(noise > 0, noise, np.inf)
    keep = max(10, int(_BRIGHTEST_RISE * change.size))
    curve = signal[np.argsort(-change, kind="stable")[:keep]].mean(axis=0, dtype=np.float64)
    few = max(2, times_s.size // 15)
    fallen = curve[:few].mean() - curve[-few:].mean()
    if fallen > _FALLEN * (curve.max() - curve.min()):
        raise BadInput(
            f"{source}: contrast is there from the first frame on ({times_s[0]:g} s): the voxels that change most end lower than they began, so there is no "
            "baseline; start the series before the injection, or check the order of the frames"
        )


def _baseline_quality(frame: int, remark: str) -> tuple[QualityLine, ...]:
    level = "warning" if frame < FEW_BASELINE_FRAMES else "ok"
    advice = (
        f"fewer than {FEW_BASELINE_FRAMES}: the baseline is noisy, and with it every concentration"
        if level == "warning"
        else remark
    )
    return (QualityLine("frames before contrast", str(frame), level, advice),)  # type: ignore[arg-type]


def _saturation_quality(share: float) -> QualityLine:
    level = "warning" if share > 0.05 else "note" if share > 0 else "ok"
    return QualityLine("voxels without a concentration (saturated, or no T1)", f"{100 * share:.1f} %", level)  # type: ignore[arg-type]
