"""The vascular hysteresis loop: gradient echo against spin echo during one bolus, and the microvessel type indicator (MTI).

The plane is x = (dR2_SE)^(3/2), horizontal, and y = dR2_GE, vertical, of rates in 1/s (Xu and others, MRM 2013;69:981). Clockwise is
positive: MTI = integral of y dx around the loop, in s^-5/2 (doi:10.1038/nm.3289). Where arterioles prevail the gradient echo
leads and MTI is positive; where venules prevail it lags and MTI is negative. MTI grows with CBV^(5/2); nMTI = MTI over the
loop's own box (max x times max y) does not.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from afterglow.kernels.gamma_variate import GammaFit, fit_gamma_variate
from afterglow.kernels.types import Array, Mask, Status

CROSSING_SHARE = 0.25  # of the whole area in the lesser lobe; above it the loop is undetermined
CONFIDENT_CNR = 10.0
_FLAT = 1e-6  # of the box: a loop without area has no lobes to compare


class VascularLoop(NamedTuple):
    """One loop for each voxel, any leading shape. NaN where either fit was not accepted; status says which reason came first."""

    mti: Array  # s^-5/2
    mti_error: Array
    nmti: Array  # MTI over the box of the loop, no unit
    nmti_error: Array
    probability_negative: Array  # that MTI < 0
    long_axis: Array  # major axis of the second-moment ellipse of the points, in the units of the plane
    slope: Array  # direction of that axis, dy / dx in s^(1/2)
    peak_shift_s: Array  # time to peak of GE less that of SE, after alignment (VIPS)
    peak_shift_error_s: Array
    crossing: Array  # share of the area that lies in the lesser lobe, 0 to .5
    confident: Mask  # CNR of both echoes at least 10
    status: NDArray[np.uint8]


class Alignment(NamedTuple):
    """How much later the bolus peaks in the arteries of the gradient-echo scan than in those of the spin-echo scan."""

    shift_s: float  # to subtract from the onset of every GE curve
    error_s: float  # bootstrap over arterial voxels; NaN where nothing was aligned
    width_ratio: float  # of the SE bolus to the GE bolus
    status: int  # of kernels.types.Status, the worse of both fits


def loop_area(ge_per_s: Array, se_per_s: Array) -> Array:
    """MTI in s^-5/2 of sampled curves (..., t), closed through the first point; negative rates count as none. -> (...)."""
    y, x = np.maximum(ge_per_s, 0.0), np.maximum(se_per_s, 0.0) ** 1.5
    y, x = y - y[..., :1], x - x[..., :1]
    area: Array = 0.5 * np.sum(y[..., :-1] * x[..., 1:] - x[..., :-1] * y[..., 1:], axis=-1)
    return area


def align_injections(
    ge_times_s: Array, ge_arteries: Array, se_times_s: Array, se_arteries: Array, *, ge_noise: float, se_noise: float,
    method: Literal["arterial peak", "none"], rng: np.random.Generator, draws: int = 200,
) -> Alignment:  # fmt: skip
    """Shift between two injections from gamma-variates of the mean arterial curves, each on its own clock.

    arteries (voxels, t); noise of each mean curve in 1/s. The error is the spread of the shift when arterial voxels are drawn
    anew, so it needs several. At a repetition time of 1.7 s the method itself is good to .1 to .2 s. "none" leaves the clocks alone.
    """
    if method == "none":
        return Alignment(0.0, float("nan"), float("nan"), int(Status.NOT_ASKED))
    if ge_arteries.ndim != 2 or se_arteries.ndim != 2:
        raise ValueError(f"arterial curves must be (voxels, t), not {ge_arteries.shape} and {se_arteries.shape}")
    means, fits = [], []
    for times_s, arteries, noise in ((ge_times_s, ge_arteries, ge_noise), (se_times_s, se_arteries, se_noise)):
        chosen = rng.integers(arteries.shape[0], size=(draws, arteries.shape[0]))
        means.append(np.concatenate([arteries.mean(axis=0)[None], arteries[chosen].mean(axis=1)]))
        fits.append(fit_gamma_variate(times_s, means[-1], noise=noise))
    peaks = [fit.values[:, 0] + fit.values[:, 1] for fit in fits]
    widths = [fit.values[0, 1] / np.sqrt(fit.values[0, 2]) for fit in fits]
    shifts = (peaks[0] - peaks[1])[1:][fits[0].accepted[1:] & fits[1].accepted[1:]]
    status = max(int(fit.status[0]) for fit in fits)
    shift_s = float(peaks[0][0] - peaks[1][0]) if status == Status.OK else float("nan")
    error_s = float(np.std(shifts, ddof=1)) if shifts.size > draws // 2 and status == Status.OK else float("nan")
    return Alignment(shift_s, error_s, float(widths[1] / widths[0]), status)


def vascular_loop(ge: GammaFit, se: GammaFit, *, shift_s: Array | float, shift_error_s: float = 0.0) -> VascularLoop:
    """Loops of fitted curves on a grid of .1 s, from the first onset until both are below 1 % of their peaks.

    `shift_s` (...) or one number is subtracted from the onsets of GE. Errors are first order in the covariance of both fits and
    in the error of the shift; of intervals meant to hold 95 %, 90 to 92 % do in simulation. P(MTI < 0) takes MTI as normal. A
    loop whose lesser lobe holds more than a quarter of the area is UNDETERMINED: it keeps its net area, but its sign says
    little. The loop of a region is that of the fits of its mean curves.
    """
    if ge.status.shape != se.status.shape:
        raise ValueError(f"GE fits of shape {ge.status.shape} do not pair with SE fits of shape {se.status.shape}")
    shape = ge.status.shape
    usable = (ge.accepted & se.accepted).reshape(-1)
    later = np.asarray(shift_s, dtype=np.float64)[..., None] * np.array([1.0, 0.0, 0.0, 0.0])
    ge_values, se_values = ((fit.reshape(-1, 4)[usable]) for fit in (ge.values - later, se.values))
    covariance = np.zeros((ge_values.shape[0], 8, 8))
    covariance[:, :4, :4] = ge.covariance.reshape(-1, 4, 4)[usable]
    covariance[:, 4:, 4:] = se.covariance.reshape(-1, 4, 4)[usable]
    covariance[:, 0, 0] += shift_error_s**2
    maps = np.full((10, usable.size), np.nan)
    maps[:, usable] = _numbers(ge_values, se_values, covariance)
    rows = [row.reshape(shape) for row in maps]
    status = np.where(ge.status != Status.OK, ge.status, se.status)
    status = np.where(rows[-1] > CROSSING_SHARE, Status.UNDETERMINED, status).astype(np.uint8)
    confident: Mask = np.fmin(ge.cnr, se.cnr) >= CONFIDENT_CNR
    return VascularLoop._make([*rows, confident, status])


def _numbers(ge: Array, se: Array, covariance: Array) -> list[Array]:
    """The ten numbers of `VascularLoop`, each (n,), from values (n, 4) and the covariance (n, 8, 8) of both fits."""
    from afterglow.kernels.loop_trace import trace_block

    moments, slopes, lobes = (np.zeros((ge.shape[0], k)) for k in (6, 8, 2))
    trace_block(np.ascontiguousarray(ge), np.ascontiguousarray(se), moments, slopes, lobes)
    mti, box = moments[:, 0], ge[:, 3] * se[:, 3] ** 1.5
    error = _spread(slopes, covariance)
    relative = slopes.copy()
    relative[:, 3] -= mti / ge[:, 3]
    relative[:, 7] -= 1.5 * mti / se[:, 3]
    sure = np.where(mti < 0, 1.0, np.where(mti > 0, 0.0, 0.5))
    negative = np.where(error > 0, ndtr(-mti / np.where(error > 0, error, 1.0)), sure)
    whole = lobes.sum(axis=1)
    crossing = np.where(whole > _FLAT * box, lobes.min(axis=1) / np.where(whole > 0, whole, 1.0), 0.0)
    peak = np.zeros_like(slopes)  # slopes of the peak shift in t0 and ln tp of both
    peak[:, 0], peak[:, 1], peak[:, 4], peak[:, 5] = 1.0, ge[:, 1], -1.0, -se[:, 1]
    apart_s = ge[:, 0] + ge[:, 1] - se[:, 0] - se[:, 1]
    shape = (mti, error, mti / box, _spread(relative, covariance) / box, negative, *_major_axis(moments))
    return [*shape, apart_s, _spread(peak, covariance), crossing]


def _spread(slopes: Array, covariance: Array) -> Array:
    """Standard error of a number with these slopes (n, p) in parameters of that covariance (n, p, p) -> (n,)."""
    variance = (slopes[:, None, :] @ covariance @ slopes[:, :, None])[:, 0, 0]
    spread: Array = np.sqrt(np.maximum(variance, 0.0))
    return spread


def _major_axis(moments: Array) -> tuple[Array, Array]:
    """Length (four standard deviations) and slope dy / dx of the major axis of the points' second moments (n,)."""
    _, x, y, xx, xy, yy = moments.T
    xx, xy, yy = xx - x * x, xy - x * y, yy - y * y
    largest = (xx + yy) / 2 + np.hypot((xx - yy) / 2, xy)
    return 4 * np.sqrt(np.maximum(largest, 0.0)), (largest - xx) / np.where(xy == 0, np.nan, xy)
