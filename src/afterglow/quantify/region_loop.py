"""The hysteresis loop of a region's mean curves: less noise than any voxel's, and what a reader is shown."""

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.gamma_variate import GammaFit, fit_gamma_variate, gamma_variate
from afterglow.kernels.loop import Alignment, vascular_loop
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
    curves, fits = [], []
    for rates, better in zip((ge, se), corrected or (None, None), strict=True):
        measured = rates.per_s[rows].mean(axis=0, dtype=np.float64)
        mended = None if better is None else better.per_s[rows].mean(axis=0, dtype=np.float64)
        used = measured if mended is None else mended
        noise = float(used[: rates.bolus.last_baseline + 1].std(ddof=1))
        fit = fit_gamma_variate(rates.times_s[: rates.last], used[None, : rates.last], noise=noise)
        fitted = _curve(fit, rates.times_s) if fit.accepted[0] else None
        curves.append(RateCurve(rates.times_s, measured, mended, fitted))
        fits.append(fit)
    shift_s = alignment.shift_s if np.isfinite(alignment.shift_s) else 0.0
    loop = vascular_loop(fits[0], fits[1], shift_s=shift_s, shift_error_s=np.nan_to_num(alignment.error_s))
    fine_s, ge_fine, se_fine = _fine(fits, shift_s) if np.isfinite(loop.mti[0]) else (np.zeros(0),) * 3
    return RegionLoop(
        label, int(rows.size), curves[0], curves[1], fine_s, ge_fine, se_fine,
        float(loop.mti[0]), float(loop.mti_error[0]), float(loop.nmti[0]), float(loop.probability_negative[0]), _remark(int(loop.status[0])),
    )  # fmt: skip


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
