"""The gamma-variate of a first pass, in Madsen's scaled form (doi:10.1088/0031-9155/37/7/010), fitted to many voxels at once.

C(t) = ymax (u / tp)^alpha exp(alpha (1 - u / tp)) with u = t - t0 > 0, else 0: its height and its time to peak are parameters,
so they are far less correlated than K, alpha and beta = tp / alpha. Use it for shape and timing; an integral of a fitted first
pass is a poor blood volume (Hu and others, AJNR 2015;36:2242).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln

from afterglow.kernels.types import Array, Index, Mask, Status

PARAMETERS = ("t0_s", "tp_s", "alpha", "ymax")
LEAST_CNR = 4.0
LEAST_R_SQUARED = 0.75

_TP_RANGE_S, _ALPHA_RANGE = (0.5, 25.0), (0.3, 20.0)
_CLAMP = (3.0, 0.7, 0.7, np.inf)  # largest step in t0 (s), ln tp, ln alpha, ymax
_BLOCK = 8192


class GammaFit(NamedTuple):
    """A gamma-variate for each curve, any leading shape; values are NaN where there is no answer, and status says why.

    The covariance is that of (t0, ln tp, ln alpha, ymax), the coordinates of the fit, from the scatter of the residuals.
    """

    values: Array  # (..., 4) t0_s, tp_s, alpha, ymax
    errors: Array  # (..., 4) standard errors of the values
    covariance: Array  # (..., 4, 4)
    r_squared: Array  # (...,) over the frames used
    cnr: Array  # (...,) largest sample over the noise
    residual: Array  # (...,) sum of squares over the frames used
    last_frame: Index  # (...,) where the first pass was cut
    status: NDArray[np.uint8]  # (...,)

    @property
    def accepted(self) -> Mask:
        """Where R2, bounds and CNR all hold (...,)."""
        good: Mask = self.status == Status.OK
        return good


def gamma_variate(times_s: Array, *, t0_s: Array, tp_s: Array, alpha: Array, ymax: Array) -> Array:
    """The curve itself. times_s (t,), parameters (...,) -> (..., t), in the unit of ymax."""
    r = (np.asarray(times_s, dtype=np.float64) - np.asarray(t0_s)[..., None]) / np.asarray(tp_s)[..., None]
    after = r > 0
    r = np.where(after, r, 1.0)
    shape = np.asarray(alpha)[..., None] * (np.log(r) + 1 - r)
    return np.where(after, np.asarray(ymax)[..., None] * np.exp(shape), 0.0)


def gamma_area(*, tp_s: Array, alpha: Array, ymax: Array) -> Array:
    """Integral of the whole curve, unit of ymax times s: ymax tp e^alpha alpha^-(alpha + 1) Gamma(alpha + 1). (...) -> (...)."""
    area: Array = ymax * tp_s * np.exp(alpha - (alpha + 1) * np.log(alpha) + gammaln(alpha + 1))
    return area


def gamma_first_moment(*, t0_s: Array, tp_s: Array, alpha: Array) -> Array:
    """Mean time of the curve in s: t0 + (alpha + 1) tp / alpha. (...) -> (...)."""
    mean: Array = t0_s + (alpha + 1) * tp_s / alpha
    return mean


def gamma_time_to_peak(*, t0_s: Array, tp_s: Array) -> Array:
    """Time of the highest point in s, on the clock of the series. (...) -> (...)."""
    peak: Array = t0_s + tp_s
    return peak


def time_to_peak_error(fit: GammaFit) -> Array:
    """Standard error in s of t0 + tp, with their covariance. (...,)."""
    tp_s = fit.values[..., 1]
    variance = fit.covariance[..., 0, 0] + tp_s * (2 * fit.covariance[..., 0, 1] + tp_s * fit.covariance[..., 1, 1])
    return np.sqrt(np.maximum(variance, 0.0))


def area_error(fit: GammaFit) -> Array:
    """Standard error of `gamma_area`, to first order in the covariance. (...,)."""
    _, tp_s, alpha, ymax = np.moveaxis(fit.values, -1, 0)
    area = gamma_area(tp_s=tp_s, alpha=alpha, ymax=ymax)
    per_alpha = alpha * (digamma(alpha + 1) - np.log(alpha) - 1 / alpha)
    slope = np.stack([np.zeros_like(area), np.ones_like(area), per_alpha, 1 / ymax], axis=-1)
    error: Array = area * np.sqrt(np.maximum(np.einsum("...i,...ij,...j->...", slope, fit.covariance, slope), 0.0))
    return error


def fit_gamma_variate(times_s: Array, curves: Array, *, noise: Array | float, first_frame: int = 0) -> GammaFit:
    """Bounded Levenberg-Marquardt from `first_frame` to the end of the first pass of each voxel.

    times_s (t,) rising, curves (..., t), noise (...,) or one number: standard deviation before arrival, in the curves' unit.
    The first pass ends with the first frame after the peak below 30 % of it, but not before the third. Bounds: tp .5 to 25 s,
    alpha .3 to 20, t0 not after the peak. Status: NOT_FINITE; LOW_CONTRAST where the largest sample is below 4 times the noise;
    AT_BOUND for tp or alpha; NO_CONVERGENCE; POOR_FIT where R2 < .75. Threads may call it at the same time.
    """
    from afterglow.kernels.gamma_variate_loop import fit_block

    times = _checked(times_s, curves, first_frame)
    shape, frames = curves.shape[:-1], times.size
    rows = curves.reshape(-1, frames)
    count = rows.shape[0]
    fits, covariances = np.full((count, 4), np.nan), np.full((count, 4, 4), np.nan)
    sums, codes, ends = np.full((count, 3), np.nan), np.zeros(count, np.uint8), np.zeros(count, np.intp)
    bounds = np.array([[-np.inf, np.log(_TP_RANGE_S[0]), np.log(_ALPHA_RANGE[0]), 0.0], [0.0, np.log(_TP_RANGE_S[1]), np.log(_ALPHA_RANGE[1]), np.inf]])  # fmt: skip
    clock = times - times[0]  # the zero of the clock must not cost digits
    for begin in range(0, count, _BLOCK):
        part = slice(begin, begin + _BLOCK)
        block = np.ascontiguousarray(rows[part], dtype=np.float64)
        fit_block(clock, block, first_frame, bounds, np.array(_CLAMP), fits[part], covariances[part], sums[part], codes[part], ends[part])  # fmt: skip
    with np.errstate(divide="ignore", invalid="ignore"):  # without noise any rise is beyond doubt
        cnr = sums[:, 2] / np.broadcast_to(np.asarray(noise, dtype=np.float64), shape).reshape(-1)
    fits[:, 0] += times[0]
    return _result(fits, covariances, sums, cnr, codes, ends, bounds, shape)


def _result(
    fits: Array, covariances: Array, sums: Array, cnr: Array, codes: NDArray[np.uint8], last: Index, bounds: Array, shape: tuple[int, ...]
) -> GammaFit:  # fmt: skip
    values = np.concatenate([fits[:, :1], np.exp(fits[:, 1:3]), fits[:, 3:]], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):  # a curve without any course explains nothing
        r_squared = 1 - sums[:, 0] / sums[:, 1]
    on_bound = ((fits[:, 1:3] <= bounds[0, 1:3]) | (fits[:, 1:3] >= bounds[1, 1:3])).any(axis=1)
    free = codes == Status.OK
    codes[free & ~(r_squared >= LEAST_R_SQUARED)] = Status.POOR_FIT
    codes[free & on_bound] = Status.AT_BOUND
    codes[(codes != Status.NOT_FINITE) & ~(cnr >= LEAST_CNR)] = Status.LOW_CONTRAST
    silent = (codes == Status.LOW_CONTRAST) | (codes == Status.NOT_FINITE)
    values[silent], covariances[silent] = np.nan, np.nan
    errors = np.sqrt(np.maximum(np.einsum("nii->ni", covariances), 0.0))
    errors[:, 1:3] *= values[:, 1:3]
    return GammaFit(
        values.reshape(*shape, 4),
        errors.reshape(*shape, 4),
        covariances.reshape(*shape, 4, 4),
        np.where(silent, np.nan, r_squared).reshape(shape),
        cnr.reshape(shape),
        np.where(silent, np.nan, sums[:, 0]).reshape(shape),
        last.reshape(shape),
        codes.reshape(shape),
    )


def _checked(times_s: Array, curves: Array, first_frame: int) -> Array:
    times = np.asarray(times_s, dtype=np.float64)
    if times.ndim != 1 or curves.shape[-1:] != times.shape:
        raise ValueError(f"curves of shape {curves.shape} do not fit times of shape {times.shape}; time is the last axis")
    if not (np.diff(times) > 0).all():
        raise ValueError("times must rise")
    if not 0 <= first_frame <= times.size - 6:
        raise ValueError(
            f"from frame {first_frame} on, {times.size - first_frame} frames are left; a gamma-variate needs at least 6"
        )
    return times
