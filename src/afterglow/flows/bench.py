"""`afterglow bench dce`: speed of the fits on one core of this machine, measured now, against goals and other packages."""

import os
import sys
import tracemalloc
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from afterglow.flows.bench_curves import (
    FLIPS_DEG,
    TR_S,
    Curves,
    flip_angle_signals,
    in_vivo_like,
    read_curves,
    repeated,
    synthetic,
)
from afterglow.flows.figures import BenchFigure, at_least
from afterglow.flows.peers import PeerRun, filtered_tofts, lagged_tofts, largest_excess, package_run, scipy_run
from afterglow.flows.stopwatch import least_cpu_s
from afterglow.flows.work import Progress
from afterglow.kernels.delayed import fit_delayed
from afterglow.kernels.fit import fit_tissue
from afterglow.kernels.problem import Fit
from afterglow.kernels.types import Array, Float, Status
from afterglow.kernels.vfa import t1_vfa

_RATE = "voxels/s/core"
_DIFFERENT, _MANY = 100_000, 1_000_000  # curves made; curves fitted, the made ones repeated
_SIZES = (10_000, 100_000, 1_000_000, 4_000_000)
_LATE = (2_000, 100_000)  # the same for curves with delay
_DELAYS_S, _DELAY_RANGE_S = (0.0, 6.0), (-10.0, 10.0)
_T1_BOUNDS_S = (0.05, 10.0)
_PEER_CURVES = {"scipy": 1_000, "bounded": 200, "package": 20_000}
_PACKAGES = (("pbrain", "etofts_over_pbrain", 300.0), ("osipy", "etofts_over_osipy", 1000.0))
_GOALS = {"etofts_f32": 4e6, "etofts_f64": 2e6, "etofts_invivo": 1.5e6, "etofts_delay": 250e3, "t1_vfa": 500e3}


class _Measured(NamedTuple):
    rate: float  # voxels per second of CPU time
    words: str


def bench_dce(*, peers: bool, in_vivo: Path | None, peer_python: str | None, progress: Progress) -> list[BenchFigure]:
    """Figures of speed, growth, memory and, with `peers`, of the ratio to other packages on the same curves.

    `in_vivo` is a .npz file of a user's own curves; `peer_python` another Python to look for peers in.
    """
    stages = 8 if peers else 6
    with threadpool_limits(limits=1):
        progress("making curves", 0, stages)
        curves = synthetic(_DIFFERENT)
        real = in_vivo_like(_DIFFERENT) if in_vivo is None else read_curves(in_vivo)
        progress("extended Tofts", 1, stages)
        fast = _etofts_rate(curves, np.float32)
        measured = {"etofts_f32": fast, "etofts_f64": _etofts_rate(curves, np.float64)}
        progress("extended Tofts, in vivo", 2, stages)
        measured["etofts_invivo"] = _etofts_rate(real, np.float32)
        progress("extended Tofts with delay", 3, stages)
        measured["etofts_delay"] = _delay_rate()
        progress("T1", 4, stages)
        measured["t1_vfa"] = _t1_rate()
        figures = [at_least(name, m.rate, _RATE, _GOALS[name], m.words) for name, m in measured.items()]
        progress("growth and memory", 5, stages)
        figures += [_growth(curves), _memory(curves)]
        if not peers:
            return [*figures, *_no_peers()]
        progress("scipy", 6, stages)
        figures += _over_scipy(curves, fast.rate, measured["etofts_f64"].rate)
        progress("other packages", 7, stages)
        pythons = (sys.executable, *([peer_python] if peer_python else []))
        return figures + [_over_package(curves, fast.rate, peer, name, goal, pythons) for peer, name, goal in _PACKAGES]


def _etofts_rate(curves: Curves, dtype: Float) -> _Measured:
    y = repeated(curves.curves_mM.astype(dtype), _MANY)
    seconds, fit = least_cpu_s(lambda: _fit(curves, y), repeats=5)
    on_bound = float(np.isin(fit.status, (Status.AT_BOUND, Status.NO_UPTAKE)).mean())
    return _Measured(
        len(y) / seconds,
        f"{np.dtype(dtype).name}, {len(y)} voxels ({len(curves.curves_mM)} different), bounds on, {100 * on_bound:.1f} % on a bound, "
        f"with standard errors; {curves.words}",
    )


def _fit(curves: Curves, y: Array) -> Fit:
    return fit_tissue("etofts", curves.times_s, y, curves.times_s, curves.plasma_mM)


def _delay_rate() -> _Measured:
    curves = synthetic(_LATE[0], delays_s=_DELAYS_S)
    y = repeated(curves.curves_mM.astype(np.float32), _LATE[1])
    seconds, _ = least_cpu_s(
        lambda: fit_delayed("etofts", curves.times_s, y, curves.times_s, curves.plasma_mM, delay_range_s=_DELAY_RANGE_S),
        repeats=2,
    )
    low, high = _DELAY_RANGE_S
    return _Measured(
        len(y) / seconds,
        f"float32, delay searched from {low:g} to {high:g} s, {len(y)} voxels ({len(curves.curves_mM)} different); {curves.words}",
    )


def _t1_rate() -> _Measured:
    signal = repeated(flip_angle_signals(_DIFFERENT).astype(np.float32), _MANY)
    flips = np.array(FLIPS_DEG)
    seconds, _ = least_cpu_s(lambda: t1_vfa(signal, flip_deg=flips, tr_s=TR_S, t1_bounds_s=_T1_BOUNDS_S), repeats=3)
    b1 = np.linspace(0.8, 1.2, len(signal), dtype=np.float32)
    with_map, _ = least_cpu_s(lambda: t1_vfa(signal, flip_deg=flips, tr_s=TR_S, b1=b1, t1_bounds_s=_T1_BOUNDS_S), repeats=1)
    return _Measured(
        len(signal) / seconds,
        f"float32, nonlinear least squares of {len(FLIPS_DEG)} flip angles, {len(signal)} voxels; {len(signal) / with_map:.3g}/s with a B1 map",
    )


def _growth(curves: Curves) -> BenchFigure:
    """Cost of a voxel in the largest image that memory holds, over that in the smallest."""
    sizes = [n for n in _SIZES if 2.5 * n * curves.times_s.size * 4 < _free_bytes()]
    costs = []
    for n in sizes:
        y = repeated(curves.curves_mM.astype(np.float32), n)
        costs.append(least_cpu_s(lambda y=y: _fit(curves, y), repeats=2 if n > _MANY else 3)[0])  # type: ignore[misc]
    per_voxel = ", ".join(f"{1e6 * cost / n:.3f} us at {n}" for n, cost in zip(sizes, costs, strict=True))
    ratio = costs[-1] / sizes[-1] / (costs[0] / sizes[0])
    return BenchFigure(
        "etofts_linear",
        ratio,
        "1",
        1.1,
        ratio <= 1.1,
        f"CPU time of a voxel among {sizes[-1]} over that among {sizes[0]}, which also bear the tables; {per_voxel}; float32",
    )


def _free_bytes() -> float:
    """Memory that is free now; two gigabytes where the system does not say."""
    known = getattr(os, "sysconf_names", {})
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if "SC_AVPHYS_PAGES" in known else 2e9


def _memory(curves: Curves) -> BenchFigure:
    y = repeated(curves.curves_mM.astype(np.float32), _MANY)
    tracemalloc.start()
    try:
        _fit(curves, y)
        peak = 1 + tracemalloc.get_traced_memory()[1] / y.nbytes
    finally:
        tracemalloc.stop()
    return BenchFigure(
        "etofts_peak_memory",
        peak,
        "1",
        2.0,
        peak <= 2,
        f"input and all that the fit allocates, over the input; {len(y)} voxels, float32",
    )


def _over_scipy(curves: Curves, fast: float, double: float) -> list[BenchFigure]:
    some = curves._replace(curves_mM=curves.curves_mM[: _PEER_CURVES["scipy"]])
    few = curves._replace(curves_mM=curves.curves_mM[: _PEER_CURVES["bounded"]])
    lm = scipy_run(some, lagged_tofts(some), bounded=False, repeats=3)
    filtered = scipy_run(some, filtered_tofts(some), bounded=False, repeats=3)
    bounded = scipy_run(few, lagged_tofts(few), bounded=True, repeats=1)
    ratio = fast / lm.voxels_per_s
    excess, n = largest_excess(some, _fit(some, some.curves_mM).values, lm)
    return [
        at_least(
            "etofts_over_curve_fit", ratio, "1", 1500.0,
            f"afterglow float32 over {lm.who} at {lm.voxels_per_s:.0f} voxels/s, exact convolution on any frame times in numpy, "
            f"{_lost(lm)}; afterglow float64 is {double / lm.voxels_per_s:.0f} times as fast; {bounded.who} {bounded.voxels_per_s:.0f} voxels/s",
        ),
        BenchFigure(
            "etofts_over_curve_fit_filter", fast / filtered.voxels_per_s, "1", None, None,
            f"the same over {filtered.who} at {filtered.voxels_per_s:.0f} voxels/s with a recursive filter, which only frames of one length allow",
        ),
        BenchFigure(
            "etofts_excess_over_curve_fit", excess, "1", 1e-6, excess <= 1e-6,
            f"afterglow's sum of squares over curve_fit's, less one, at the worst of {n} voxels where curve_fit ended within the bounds; float64",
        ),
    ]  # fmt: skip


def _over_package(curves: Curves, fast: float, peer: str, name: str, goal: float, pythons: tuple[str, ...]) -> BenchFigure:
    some = curves._replace(curves_mM=curves.curves_mM[: _PEER_CURVES["package"]])
    run = package_run(peer, some, pythons)
    if run is None:
        return BenchFigure(
            name, None, "1", goal, None,
            f"not measured: not installed in {' or '.join(pythons)}; scripts/bench_peers.sh makes an environment for --peer-python",
        )  # fmt: skip
    own = _fit(some, some.curves_mM).values[:, 0]
    truth = some.truth[: len(own), 0]
    errors = [100 * float(np.median(np.abs(found / truth - 1))) for found in (run.values[:, 0], own)]
    return at_least(
        name, fast / run.voxels_per_s, "1", goal,
        f"afterglow float32 over {run.who} at {run.voxels_per_s:.0f} voxels/s, {_lost(run)}; median error of Ktrans {errors[0]:.2f} %, "
        f"of afterglow {errors[1]:.2f} %",
    )  # fmt: skip


def _lost(run: PeerRun) -> str:
    return f"{len(run.values)} of the same curves, {int(np.isnan(run.values).any(axis=1).sum())} without an answer"


def _no_peers() -> list[BenchFigure]:
    names = [("etofts_over_curve_fit", 1500.0), *((name, goal) for _, name, goal in _PACKAGES)]
    return [BenchFigure(name, None, "1", goal, None, "not measured: --no-peers") for name, goal in names]
