"""T1 and the flip angle together: spoiled gradient echoes with and without inversion (DESPOT1-HIFI, doi:10.1002/jmri.21130).

The inversion-prepared train is simulated in its own steady state, pulse by pulse in closed form, not as a recovery that
the readout leaves alone. s0 is linear and projected out; T1 and the relative flip angle are searched for on a table of
pairs, then refined by damped Gauss-Newton steps on all voxels at once.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.spgr import spgr_signal
from afterglow.kernels.types import Array, Status

_T1_CELLS, _B1_CELLS = 48, 21
_CHUNK = 8192
_STEPS = 30
_DIFFERENCE = 1e-5  # relative step of the central differences


class Train(NamedTuple):
    """The readout after an inversion: equal pulses at equal spacing."""

    echo_spacing_s: float
    n_pulses: int
    flip_deg: float
    wait_s: float  # from the end of the train to the next inversion
    centre: float  # where in the train the centre of k-space lies, 0 to 1


class HifiFit(NamedTuple):
    """T1, s0 and relative flip angle. NaN where there is no answer; `status` says why."""

    t1_s: Array  # (...,)
    s0: Array  # (...,)
    b1: Array  # (...,) flip angle reached over the nominal one
    rms: Array  # (...,)
    status: NDArray[np.uint8]  # (...,)
    t1_se_s: Array  # (...,) standard error; NaN on a bound and where signals are as many as unknowns


def irspgr_signal(t1_s: Array | float, *, s0: Array | float, ti_s: Array | float, train: Train, b1: Array | float = 1.0) -> Array:
    """Magnitude signal at the centre of k-space of an inversion-prepared spoiled gradient echo train in its steady state.

    t1_s, s0, ti_s (from the inversion to the first pulse) and b1 broadcast. A perfect inversion is taken, and perfect
    spoiling. Each pulse leaves cos(a) of the longitudinal magnetisation, which then recovers for one echo spacing, so it
    moves geometrically towards the steady state of the train (doi:10.1016/0022-2364(92)90347-A for the effective T1).
    """
    t1 = np.asarray(t1_s, dtype=np.float64)
    flip = np.deg2rad(train.flip_deg * np.asarray(b1))
    recovered = -np.expm1(-train.echo_spacing_s / t1)
    kept = np.cos(flip) * (1 - recovered)
    driven = recovered / (1 - kept)  # longitudinal magnetisation before each pulse, after very many
    whole = _power(kept, train.n_pulses)
    delay, wait = np.exp(-np.asarray(ti_s) / t1), np.exp(-train.wait_s / t1)
    # m = before the first pulse; one cycle is train, wait, inversion, delay, and comes back to m
    after_inversion = -((1 - wait) + wait * driven * (1 - whole))
    m = ((1 - delay) + delay * after_inversion) / (1 + delay * wait * whole)
    signal: Array = s0 * np.abs(driven + (m - driven) * _power(kept, train.centre * train.n_pulses)) * np.abs(np.sin(flip))
    return signal


def t1_hifi(
    ir_signal: Array,
    spgr_signals: Array,
    *,
    ti_s: Array,
    train: Train,
    flip_deg: Array,
    tr_s: float,
    t1_bounds_s: tuple[float, float],
    b1_bounds: tuple[float, float],
) -> HifiFit:
    """T1, s0 and relative flip angle by least squares over both kinds of signals.

    ir_signal (..., k) magnitudes at ti_s (k,), spgr_signals (..., m) at flip_deg (m,) and tr_s -> HifiFit (...).
    ValueError where there are fewer than three signals, or none of a kind.
    """
    times, flips = np.atleast_1d(np.asarray(ti_s, dtype=np.float64)), np.atleast_1d(np.asarray(flip_deg, dtype=np.float64))
    if ir_signal.shape[-1] != times.size or spgr_signals.shape[-1] != flips.size:
        raise ValueError(
            f"{times.size} inversion times and {flips.size} flip angles for {ir_signal.shape[-1]} and {spgr_signals.shape[-1]} signals"
        )
    if times.size < 1 or flips.size < 1 or times.size + flips.size < 3:
        raise ValueError("T1 with the flip angle needs signals of both kinds, three in all")
    scan = _Scan(times, train, flips, tr_s)
    data = np.concatenate([ir_signal, spgr_signals], axis=-1).astype(np.float64)
    flat = data.reshape(-1, data.shape[-1])
    grid = _pairs(t1_bounds_s, b1_bounds)
    table = scan.signal(*grid)
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    out = np.full((flat.shape[0], 5), np.nan)
    status = np.zeros(flat.shape[0], dtype=np.uint8)
    for begin in range(0, flat.shape[0], _CHUNK):
        part = slice(begin, begin + _CHUNK)
        out[part], status[part] = _chunk(flat[part], scan, table, grid, (t1_bounds_s, b1_bounds))
    shape = data.shape[:-1]
    t1, s0, b1, rms, error = (column.reshape(shape) for column in out.T)
    return HifiFit(t1, s0, b1, rms, status.reshape(shape), error)


class _Scan(NamedTuple):
    """Everything about the acquisition that the model needs."""

    ti_s: Array
    train: Train
    flip_deg: Array
    tr_s: float

    def signal(self, t1_s: Array, b1: Array) -> Array:
        """Signals at s0 = 1: (n,), (n,) -> (n, k + m)."""
        t1, scale = t1_s[:, None], b1[:, None]
        inverted = irspgr_signal(t1, s0=1.0, ti_s=self.ti_s, train=self.train, b1=scale)
        return np.concatenate([inverted, spgr_signal(1 / t1, s0=1.0, flip_deg=self.flip_deg, tr_s=self.tr_s, b1=scale)], axis=1)


def _power(base: Array, exponent: float) -> Array:
    """base ** exponent; over 90 degrees the base is negative, and only whole numbers of pulses have a meaning."""
    raised: Array = np.sign(base) ** round(exponent) * np.abs(base) ** exponent
    return raised


def _pairs(t1_bounds_s: tuple[float, float], b1_bounds: tuple[float, float]) -> tuple[Array, Array]:
    if not 0 < t1_bounds_s[0] < t1_bounds_s[1] or not 0 < b1_bounds[0] < b1_bounds[1]:
        raise ValueError(f"T1 bounds {t1_bounds_s} s and flip angle bounds {b1_bounds} are not ranges")
    t1, b1 = np.meshgrid(np.geomspace(*t1_bounds_s, _T1_CELLS), np.linspace(*b1_bounds, _B1_CELLS), indexing="ij")
    return t1.ravel(), b1.ravel()


Bounds = tuple[tuple[float, float], tuple[float, float]]


def _chunk(data: Array, scan: _Scan, table: Array, grid: tuple[Array, Array], bounds: Bounds) -> tuple[Array, NDArray[np.uint8]]:
    """data (n, k + m) -> T1, s0, b1, rms, standard error (n, 5) and status (n,)."""
    finite = np.isfinite(data).all(axis=1)
    status = np.where(finite, Status.OK, Status.NOT_FINITE).astype(np.uint8)
    status[finite & ~(data.max(axis=1, initial=-np.inf) > 0)] = Status.NO_SIGNAL
    asked = np.flatnonzero(status == Status.OK)
    out = np.full((data.shape[0], 5), np.nan)
    if asked.size:
        cell = np.argmax(data[asked] @ table.T, axis=1)
        fitted, done = _refine(data[asked], scan, grid[0][cell], grid[1][cell], bounds)
        edge = np.zeros(asked.size, dtype=bool)
        for column, (low, high) in zip((0, 2), bounds, strict=True):
            edge |= (fitted[:, column] <= low) | (fitted[:, column] >= high)
        fitted[edge, 4] = np.nan
        fitted[~done] = np.nan
        out[asked] = fitted
        status[asked] = np.where(~done, Status.NO_CONVERGENCE, np.where(edge, Status.AT_BOUND, Status.OK))
    return out, status


def _refine(data: Array, scan: _Scan, t1: Array, b1: Array, bounds: Bounds) -> tuple[Array, NDArray[np.bool_]]:
    """Damped Gauss-Newton steps in log T1 and b1 with s0 projected out; voxels leave as they converge."""
    out = np.empty((data.shape[0], 5))
    done = np.zeros(data.shape[0], dtype=bool)
    open_ = np.arange(data.shape[0])
    damping = np.full(data.shape[0], 1e-3)
    for _ in range(_STEPS):
        y, x, k = data[open_], t1[open_], b1[open_]
        s0, residual, slopes = _linearised(y, scan, x, k)
        sse = (residual**2).sum(axis=1)
        step_x, step_k, error = _step(residual, slopes, damping[open_], (x, k), bounds)
        new_x = np.clip(x * np.exp(np.clip(step_x, -0.5, 0.5)), *bounds[0])
        new_k = np.clip(k + np.clip(step_k, -0.1, 0.1), *bounds[1])
        better = _sse(y, scan, new_x, new_k) <= sse
        still = (np.abs(np.log(new_x / x)) < 1e-7) & (np.abs(new_k - k) < 1e-7)
        out[open_] = np.stack([x, s0, k, np.sqrt(sse / y.shape[1]), x * error], axis=1)
        t1[open_], b1[open_] = np.where(better, new_x, x), np.where(better, new_k, k)
        damping[open_] *= np.where(better, 0.2, 8.0)
        finished = still | (damping[open_] > 1e8)
        done[open_[finished]] = True
        open_ = open_[~finished]
        if not open_.size:
            break
    return out, done


def _sse(data: Array, scan: _Scan, t1: Array, b1: Array) -> Array:
    v = scan.signal(t1, b1)
    s0 = np.maximum((v * data).sum(axis=1) / (v * v).sum(axis=1), 0)
    error: Array = ((data - s0[:, None] * v) ** 2).sum(axis=1)
    return error


def _linearised(data: Array, scan: _Scan, t1: Array, b1: Array) -> tuple[Array, Array, tuple[Array, Array]]:
    """s0, residual, and the two slopes (log T1, b1) of the model once s0 has taken its part."""
    v = scan.signal(t1, b1)
    size = (v * v).sum(axis=1)
    s0 = np.maximum((v * data).sum(axis=1) / size, 0)
    up, down = scan.signal(t1 * np.exp(_DIFFERENCE), b1), scan.signal(t1 * np.exp(-_DIFFERENCE), b1)
    by_t1 = (up - down) / (2 * _DIFFERENCE)
    by_b1 = (scan.signal(t1, b1 + _DIFFERENCE) - scan.signal(t1, b1 - _DIFFERENCE)) / (2 * _DIFFERENCE)
    slopes = tuple(s0[:, None] * (d - v * ((d * v).sum(axis=1) / size)[:, None]) for d in (by_t1, by_b1))
    return s0, data - s0[:, None] * v, (slopes[0], slopes[1])


def _step(
    residual: Array, slopes: tuple[Array, Array], damping: Array, at: tuple[Array, Array], bounds: Bounds
) -> tuple[Array, Array, Array]:
    """The step in log T1 and b1, and the standard error of log T1. A variable pressed against its bound stays there."""
    (p, q), (x, k) = slopes, at
    pp, qq, pq = (p * p).sum(axis=1), (q * q).sum(axis=1), (p * q).sum(axis=1)
    pr, qr = (p * residual).sum(axis=1), (q * residual).sum(axis=1)
    hold_x = ((x <= bounds[0][0]) & (pr < 0)) | ((x >= bounds[0][1]) & (pr > 0))
    hold_k = ((k <= bounds[1][0]) & (qr < 0)) | ((k >= bounds[1][1]) & (qr > 0))
    freedom = residual.shape[1] - 3
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt((residual**2).sum(axis=1) / freedom * qq / (pp * qq - pq**2)) if freedom > 0 else np.full_like(x, np.nan)
        ppd, qqd = pp * (1 + damping), qq * (1 + damping)
        cross = np.where(hold_x | hold_k, 0, pq)
        determinant = ppd * qqd - cross**2
        step_x = np.where(hold_x, 0, (pr * qqd - qr * cross) / determinant)
        step_k = np.where(hold_k, 0, (qr * ppd - pr * cross) / determinant)
    return np.nan_to_num(step_x), np.nan_to_num(step_k), error
