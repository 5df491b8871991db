"""What every fit of a tissue model is given and gives back."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.convolution import between_knots, exp_convolve, integrate, sample
from afterglow.kernels.dictionary import Dictionary, build_dictionary, rate_grid
from afterglow.kernels.models import KEP_RANGE_PER_MIN, MODELS, SECONDS_PER_MINUTE
from afterglow.kernels.types import Array, Float, Mask, Status

BLOCK = 65536  # voxels worked on at a time


class Limits(NamedTuple):
    """The physical range that the optimum is searched in."""

    ve: float = 1.0
    vp: float = 1.0
    kep_per_min: tuple[float, float] = KEP_RANGE_PER_MIN


PHYSICAL = Limits()


class Fit(NamedTuple):
    """The outcome for n voxels and p parameters, which are in the unit of their quantity."""

    parameters: tuple[str, ...]
    values: Array  # (n, p), NaN where there is no answer
    standard_errors: Array  # (n, p), NaN where a parameter is on a bound or not determined
    rms: Array  # (n,) mM
    residual: Array  # (n,) weighted sum of squares, mM^2
    status: NDArray[np.uint8]  # (n,), see Status
    n_frames: int  # frames with weight


class Artery(NamedTuple):
    """The plasma curve, when the tissue was measured, how much each frame counts, and how late the artery's blood arrives."""

    aif_times_s: Array  # (m,)
    plasma_mM: Array  # (m,)
    times_s: Array  # (t,)
    root_weights: Array  # (t,)
    delay_s: float

    @property
    def n_frames(self) -> int:
        """Frames with weight."""
        return int(np.count_nonzero(self.root_weights))

    def plasma(self) -> Array:
        """The weighted plasma column (t,)."""
        return self.root_weights * sample(self.aif_times_s, self.plasma_mM, at_s=self.times_s, delay_s=self.delay_s)

    def integral(self) -> Array:
        """The weighted running integral of the plasma (t,)."""
        return self.root_weights * integrate(self.aif_times_s, self.plasma_mM, at_s=self.times_s, delay_s=self.delay_s)

    def exponentials(self, rates_per_s: Array, *, at_knots: Array | None = None) -> Array:
        """The weighted convolutions with exponentials (k, t); `at_knots` (k, m) are those at the arterial times, if known."""
        known = exp_convolve(self.aif_times_s, self.plasma_mM, rates_per_s) if at_knots is None else at_knots
        at = self.times_s - self.delay_s
        return self.root_weights * between_knots(self.aif_times_s, self.plasma_mM, rates_per_s, known, at)


def artery(times_s: Array, aif_times_s: Array, plasma_mM: Array, *, weights: Array | None = None, delay_s: float = 0.0) -> Artery:
    """Check and gather what every fit needs. ValueError with the sizes where they do not fit together."""
    times = np.asarray(times_s, dtype=np.float64)
    root = np.ones(times.size) if weights is None else np.sqrt(np.asarray(weights, dtype=np.float64))
    if root.shape != times.shape:
        raise ValueError(f"{root.size} frame weights for {times.size} frames")
    if not (np.isfinite(root).all() and (root >= 0).all() and (root > 0).any()):
        raise ValueError("frame weights must be finite, not negative, and not all zero")
    if not np.isfinite(times).all():
        raise ValueError("the frame times hold values that are not finite")
    if not np.isfinite(plasma_mM).all():
        raise ValueError("the arterial curve holds values that are not finite")
    return Artery(np.asarray(aif_times_s, dtype=np.float64), np.asarray(plasma_mM, dtype=np.float64), times, root, float(delay_s))


def working_dtype(curves_mM: Array, times_s: Array) -> Float:
    """float32 for float32 curves, float64 for all others. ValueError where the curves (n, t) do not fit the times (t,)."""
    if curves_mM.ndim != 2 or curves_mM.shape[1] != np.size(times_s):
        raise ValueError(f"curves of shape {curves_mM.shape} for {np.size(times_s)} frames; expected voxels by frames")
    return np.float32 if curves_mM.dtype == np.float32 else np.float64


def fit_in_blocks(model: str, feed: Artery, curves_mM: Array, solve: Callable[[Array], Fit]) -> Fit:
    """`solve` applied to curves (n, t) a block at a time, weighted and with zeros where they are not finite, which are marked after.

    Blocks keep the work in the cache and the memory near that of the input.
    """
    dtype, n = working_dtype(curves_mM, feed.times_s), curves_mM.shape[0]
    p = len(MODELS[model].parameters)
    values, errors = np.empty((n, p), dtype=dtype), np.empty((n, p), dtype=dtype)
    rms, residual, status = np.empty(n, dtype=dtype), np.empty(n, dtype=dtype), np.empty(n, dtype=np.uint8)
    for begin in range(0, n, BLOCK):
        part = slice(begin, begin + BLOCK)
        y, finite = finite_curves(curves_mM[part], feed, dtype)
        _, values[part], errors[part], rms[part], residual[part], status[part], _ = solve(y)
        if finite is not None:
            bad = np.flatnonzero(~finite) + begin
            for column in (values, errors, rms, residual):
                column[bad] = np.nan
            status[bad] = Status.NOT_FINITE
    return Fit(MODELS[model].parameters, values, errors, rms, residual, status, feed.n_frames)


def finite_curves(curves_mM: Array, feed: Artery, dtype: Float) -> tuple[Array, Mask | None]:
    """Curves (n, t) times the root weights, zero where not finite, and which were finite; None where all were.

    A frame without weight is left out, so it may hold anything.
    """
    y: Array = np.ascontiguousarray(curves_mM, dtype=dtype)
    if not (feed.root_weights == 1).all():
        roots: Array = feed.root_weights.astype(dtype)
        y = np.where(roots > 0, y, 0) * roots
    if np.isfinite(y @ np.ones(y.shape[1], dtype=dtype)).all():
        return y, None
    finite: Mask = np.asarray(np.isfinite(y).all(axis=1))
    return np.where(finite[:, None], y, 0), finite


def outcome(
    model: str,
    feed: Artery,
    values: Array,
    errors_per_sigma: Array,
    residual: Array,
    *,
    no_uptake: Mask,
    at_bound: Mask,
    extra_parameters: int = 0,
) -> Fit:
    """Put a Fit together: noise from the residual, status from what was met."""
    free = max(feed.n_frames - values.shape[1] - extra_parameters, 1)
    sigma = np.sqrt(residual / free)
    status = np.where(no_uptake, np.uint8(Status.NO_UPTAKE), np.where(at_bound, np.uint8(Status.AT_BOUND), np.uint8(Status.OK)))
    rms = np.sqrt(residual / float(np.sum(feed.root_weights**2)))
    return Fit(
        MODELS[model].parameters, values, errors_per_sigma * sigma[:, None], rms, residual, status.astype(np.uint8), feed.n_frames
    )


def rates_of(kep_per_min: tuple[float, float]) -> Array:
    """The table's rates in 1/s for bounds in 1/min."""
    return rate_grid(kep_per_min[0] / SECONDS_PER_MINUTE, kep_per_min[1] / SECONDS_PER_MINUTE)


def dictionary_of(
    model: str,
    feed: Artery,
    dtype: Float,
    *,
    kep_per_min: tuple[float, float],
    at_knots: Array | None = None,
    basis: Array | None = None,
) -> Dictionary:
    """The tables of a model with one searched rate: `tofts`, `etofts`, `2cum`."""
    rates = rates_of(kep_per_min)
    fixed = {"tofts": None, "etofts": feed.plasma, "2cum": feed.integral}[model]
    return build_dictionary(
        rates, feed.exponentials(rates, at_knots=at_knots), fixed() if fixed else None, dtype=dtype, basis=basis
    )
