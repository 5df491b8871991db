"""The hysteresis loop of a region's mean curves: less noise than any voxel's, and what a reader is shown."""

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.gamma_variate import GammaFit, fit_gamma_variate, gamma_variate
from afterglow.kernels.loop import Alignment, VascularLoop, vascular_loop
from afterglow.kernels.types import Status
from afterglow.quantify.leakage import Corrected
from afterglow.quantify.rates import Rates
from afterglow.records.bolus import RateCurve, RegionLoop

_FINE_S = 0.1


def region_loop(
    ge: Rates,
    se: Rates,
    corrected: tuple[Corrected, Corrected] | None,
    alignment: Alignment,
    region: NDArray[np.bool_],
    *,
    label: str,
) -> RegionLoop | None:
    """The loop of a region's mean curves; None where the region has no voxel that was measured in both."""
    rows = np.flatnonzero(ge.of(region) & np.isfinite(ge.per_s).all(axis=1) & np.isfinite(se.per_s).all(axis=1))
    if not rows.size:
        return None
    pairs = list(zip((ge, se), corrected or (None, None), strict=True))
    raw = [rates.per_s[rows].mean(axis=0, dtype=np.float64) for rates, _ in pairs]
    mended = [None if better is None else better.per_s[rows].mean(axis=0, dtype=np.float64) for _, better in pairs]
    used = [a if b is None else b for a, b in zip(raw, mended, strict=True)]
    shift_s = float(np.nan_to_num(alignment.shift_s))
    fits, loop = _loop((ge, se), used, shift_s, alignment)
    curves = [
        RateCurve(rates.times_s, a, b, _curve(fit, rates.times_s) if fit.accepted[0] else None)
        for rates, a, b, fit in zip((ge, se), raw, mended, fits, strict=True)
    ]
    remark = _remark(int(loop.status[0]))
    if corrected is not None and not remark:
        remark = _rests_on_correction(float(loop.mti[0]), float(_loop((ge, se), raw, shift_s, alignment)[1].mti[0]))
    fine_s, ge_fine, se_fine = _fine(fits, shift_s) if np.isfinite(loop.mti[0]) else (np.zeros(0),) * 3
    return RegionLoop(
        label, int(rows.size), curves[0], curves[1], fine_s, ge_fine, se_fine,
        float(loop.mti[0]), float(loop.mti_error[0]), float(loop.nmti[0]), float(loop.probability_negative[0]), remark,
    )  # fmt: skip


def _loop(
    both: tuple[Rates, Rates], curves: list[NDArray[np.float64]], shift_s: float, alignment: Alignment
) -> tuple[list[GammaFit], VascularLoop]:
    """First-pass fits of two mean curves (t,), and their loop."""
    fits = []
    for rates, curve in zip(both, curves, strict=True):
        noise = float(curve[: rates.bolus.last_baseline + 1].std(ddof=1))
        fits.append(fit_gamma_variate(rates.times_s[: rates.last], curve[None, : rates.last], noise=noise))
    return fits, vascular_loop(fits[0], fits[1], shift_s=shift_s, shift_error_s=float(np.nan_to_num(alignment.error_s)))


def _rests_on_correction(mti: float, raw_mti: float) -> str:
    """What a reader must know where the correction for leakage decides the sign; empty where it does not."""
    if not np.isfinite(raw_mti):
        return "without correction for leakage there is no loop: its sign rests on the correction"
    return "correction for leakage turns its sign" if np.sign(mti) != np.sign(raw_mti) else ""


def _remark(status: int) -> str:
    words = {
        Status.LOW_CONTRAST: "no loop: its contrast is less than 4 times the noise",
        Status.POOR_FIT: "no loop: the first pass has not the shape of a gamma-variate",
        Status.AT_BOUND: "no loop: the fit of the first pass ends on a bound",
        Status.NO_CONVERGENCE: "no loop: the fit of the first pass does not settle",
        Status.UNDETERMINED: "a figure of eight: its sign says little",
    }
    return words.get(Status(status), "")


def _curve(fit: GammaFit, times_s: NDArray[np.float64], later_s: float = 0.0) -> NDArray[np.float64]:
    t0_s, tp_s, alpha, ymax = fit.values[0]
    curve: NDArray[np.float64] = gamma_variate(times_s, t0_s=t0_s - later_s, tp_s=tp_s, alpha=alpha, ymax=ymax).astype(np.float64)
    return curve


def _fine(fits: list[GammaFit], shift_s: float) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Both fits on one fine clock, from the first onset until both have nearly gone."""
    ge, se = fits
    start = min(float(ge.values[0, 0]) - shift_s, float(se.values[0, 0]))
    until = start + 6 * max(float(ge.values[0, 1]), float(se.values[0, 1]))
    fine_s = np.arange(start, until, _FINE_S)
    a, b = _curve(ge, fine_s, shift_s), _curve(se, fine_s)
    seen = (a > 0.01 * a.max()) | (b > 0.01 * b.max())
    last = int(np.flatnonzero(seen)[-1]) + 2
    return fine_s[:last], a[:last], b[:last]
