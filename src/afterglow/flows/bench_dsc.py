"""`afterglow bench dsc`: speed of the bolus kernels on one core of this machine, measured now, and two checks against peers."""

import sys
import time
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from afterglow.flows.bench_curves import repeated
from afterglow.flows.bench_dsc_curves import BEFORE, BRAIN, WINDOW, RateCurves, mixture, tumour_without_leak
from afterglow.flows.figures import BenchFigure, at_least, at_most
from afterglow.flows.peers import program_run
from afterglow.flows.peers_dsc import GammaPeer, largest_excess, scipy_gamma
from afterglow.flows.stopwatch import least_cpu_s
from afterglow.flows.work import Progress
from afterglow.kernels.dsc_deconvolution import STEPPED_THRESHOLDS, deconvolve_oscillation
from afterglow.kernels.dsc_leakage import bidirectional, boxerman, corrected_rates
from afterglow.kernels.dsc_volume import blood_volume
from afterglow.kernels.gamma_variate import GammaFit, fit_gamma_variate
from afterglow.kernels.types import Array, Status

_RATE = "voxels/s/core"
_DIFFERENT, _MANY = 50_000, 200_000  # curves made; curves that the matrix kernels take, the made ones repeated
_PEER_CURVES = {"bounded": 500, "unbounded": 1_000}
_OSCILLATION_LIMIT = 0.035
_GOALS = {"gamma_variate": 150e3, "osvd": 600e3, "bsw": 900e3, "bidirectional": 300e3}
_OVER_SCIPY, _EXCESS, _VOLUME_WITHIN = 250.0, 1e-5, 0.03


class _Gamma(NamedTuple):
    rate: float  # voxels per second of CPU time
    figure: BenchFigure


def bench_dsc(*, peers: bool, peer_python: str | None, progress: Progress) -> list[BenchFigure]:
    """Figures of speed and, with `peers`, of the ratio to scipy and of the optimum against scipy's; and a volume that must stay.

    `peer_python` is another Python to look for osipy in.
    """
    stages = 5 if peers else 4
    with threadpool_limits(limits=1):
        progress("making curves", 0, stages)
        curves = mixture(_DIFFERENT)
        progress("gamma-variate", 1, stages)
        gamma = _gamma_rate(curves)
        progress("deconvolution and leakage", 2, stages)
        figures = [gamma.figure, _osvd(curves), *(_leakage(name, curves) for name in ("bsw", "bidirectional"))]
        progress("tumour without leak", 3, stages)
        pythons = (sys.executable, *([peer_python] if peer_python else []))
        figures += _tumour(pythons if peers else None)
        if not peers:
            return [*figures, *_no_scipy()]
        progress("scipy", 4, stages)
        return [*figures, *_over_scipy(curves, gamma.rate)]


def _gamma_rate(curves: RateCurves) -> _Gamma:
    begin = time.process_time()
    _fit(curves, 8)  # the loop is compiled, or read from the cache, by the first call
    warm_up_s = time.process_time() - begin
    n = len(curves.rates_per_s)
    seconds, fit = least_cpu_s(lambda: _fit(curves, n), repeats=3)
    detail = (
        f"float64, Levenberg-Marquardt with bounds, standard errors and covariance, {n} voxels, {100 * fit.accepted.mean():.1f} % accepted, "
        f"{100 * (fit.status == Status.AT_BOUND).mean():.1f} % on a bound; compiling or loading the loop took {warm_up_s:.2f} s before and is not "
        f"counted; {curves.words}"
    )
    return _Gamma(n / seconds, at_least("gamma_variate", n / seconds, _RATE, _GOALS["gamma_variate"], detail))


def _fit(curves: RateCurves, n: int) -> GammaFit:
    return fit_gamma_variate(curves.times_s, curves.rates_per_s[:n], noise=curves.noise_per_s[:n])


def _osvd(curves: RateCurves) -> BenchFigure:
    rates = repeated(curves.rates_per_s.astype(np.float32), _MANY)
    seconds, found = least_cpu_s(
        lambda: deconvolve_oscillation(
            curves.times_s, curves.artery_per_s, rates, oscillation_limit=_OSCILLATION_LIMIT, thresholds=STEPPED_THRESHOLDS
        ),
        repeats=3,
    )
    return at_least(
        "osvd", len(rates) / seconds, _RATE, _GOALS["osvd"],
        f"float32, {len(STEPPED_THRESHOLDS)} thresholds, oscillation below {_OSCILLATION_LIMIT}, mean threshold {np.nanmean(found.threshold):.2f}, "
        f"{len(rates)} voxels ({len(curves.rates_per_s)} different); the same curves",
    )  # fmt: skip


def _leakage(name: str, curves: RateCurves) -> BenchFigure:
    """Coefficients and corrected curves: one without the other is of no use."""
    model = {"bsw": boxerman, "bidirectional": bidirectional}[name]
    rates = repeated(curves.rates_per_s.astype(np.float32), _MANY)
    noise = np.resize(curves.noise_per_s, len(rates)).astype(np.float32)
    times, reference = curves.times_s, curves.reference_per_s
    seconds, found = least_cpu_s(lambda: model(times, rates, reference, noise, window=WINDOW), repeats=3)
    correction_s, _ = least_cpu_s(lambda: corrected_rates(times, rates, reference, found, window=WINDOW), repeats=3)
    rate = len(rates) / (seconds + correction_s)
    return at_least(
        name, rate, _RATE, _GOALS[name],
        f"float32, coefficients, standard errors and corrected curves, {100 * found.applied.mean():.0f} % to be corrected, {len(rates)} voxels "
        f"({len(curves.rates_per_s)} different); {len(rates) / seconds:.3g}/s without the corrected curves; the same curves",
    )  # fmt: skip


def _over_scipy(curves: RateCurves, rate: float) -> list[BenchFigure]:
    """Ratios to scipy and the worst excess of the sum of squares, over the first curves."""
    few, many = (_first(curves, _PEER_CURVES[name]) for name in ("bounded", "unbounded"))
    fit = _fit(many, len(many.rates_per_s))
    last = fit.last_frame
    bounded = scipy_gamma(few, last[: len(few.rates_per_s)], bounded=True, jacobian=True, repeats=2)
    lm, slopes = (scipy_gamma(many, last, bounded=False, jacobian=jacobian, repeats=2) for jacobian in (False, True))
    short = len(many.rates_per_s) - len(few.rates_per_s)
    padded = bounded._replace(
        residual=np.append(bounded.residual, np.full(short, np.nan)),
        inside=np.append(bounded.inside, np.zeros(short, dtype=bool)),
    )
    excess, n = largest_excess(fit, (padded, lm, slopes))
    return [
        at_least(
            "gamma_variate_over_scipy", rate / bounded.voxels_per_s, "1", _OVER_SCIPY,
            f"afterglow over {bounded.who} at {bounded.voxels_per_s:.0f} voxels/s: the same frames, start and bounds, {_lost(bounded)}",
        ),
        BenchFigure(
            "gamma_variate_over_scipy_unbounded", rate / lm.voxels_per_s, "1", None, None,
            f"the same over {lm.who} at {lm.voxels_per_s:.0f} voxels/s, {_lost(lm)}; {slopes.who.removeprefix('scipy curve_fit ')} {slopes.voxels_per_s:.0f} voxels/s",
        ),
        at_most(
            "gamma_variate_excess_over_scipy", excess, "1", _EXCESS,
            f"sum of squares over the least of scipy's three ways, less one, at the worst of {n} accepted voxels where scipy ended within the bounds",
        ),
    ]  # fmt: skip


def _first(curves: RateCurves, n: int) -> RateCurves:
    return curves._replace(rates_per_s=curves.rates_per_s[:n], noise_per_s=curves.noise_per_s[:n])


def _lost(peer: GammaPeer) -> str:
    return f"{len(peer.residual)} of the curves, {int(np.isnan(peer.residual).sum())} without an answer"


def _no_scipy() -> list[BenchFigure]:
    goals = {"gamma_variate_over_scipy": _OVER_SCIPY, "gamma_variate_excess_over_scipy": _EXCESS}
    return [BenchFigure(name, None, "1", goal, None, "not measured: --no-peers") for name, goal in goals.items()]


def _tumour(pythons: tuple[str, ...] | None) -> list[BenchFigure]:
    """Corrected over true volume of a tumour that does not leak; osipy's where one of the Pythons holds it."""
    curves, truth = tumour_without_leak()
    found = boxerman(curves.times_s, curves.rates_per_s, curves.reference_per_s, curves.noise_per_s, window=WINDOW)
    own = corrected_rates(curves.times_s, curves.rates_per_s, curves.reference_per_s, found, window=WINDOW)
    ratio, brain = _volume(curves, own, truth)
    figures = [
        BenchFigure(
            "bsw_tumour_volume", ratio, "1", 1.0, abs(ratio - 1) <= _VOLUME_WITHIN,
            f"corrected over true volume, median; within {100 * _VOLUME_WITHIN:g} % is the goal; {brain}; {curves.words}",
        )
    ]  # fmt: skip
    name = "bsw_tumour_volume_osipy"
    if pythons is None:
        return [*figures, BenchFigure(name, None, "1", None, None, "not measured: --no-peers")]
    arrays = {"times_s": curves.times_s, "artery_per_s": curves.artery_per_s, "rates_per_s": curves.rates_per_s}
    peer = program_run("osipy-leakage", arrays, len(curves.rates_per_s), pythons)
    if peer is None:
        where = " or ".join(pythons)
        words = f"not measured: not installed in {where}; scripts/bench_peers.sh makes an environment for --peer-python"
        return [*figures, BenchFigure(name, None, "1", None, None, words)]
    theirs, brain = _volume(curves, peer.values.reshape(curves.rates_per_s.shape), truth)
    return [
        *figures,
        BenchFigure(name, theirs, "1", None, None, f"{peer.who}, correct_leakage as it comes, on the same curves; {brain}"),
    ]


def _volume(curves: RateCurves, corrected: Array, truth: Array) -> tuple[float, str]:
    window = slice(BEFORE.stop - 1, None)
    volume = blood_volume(curves.times_s, corrected, window=window)
    true = float(blood_volume(curves.times_s, truth[None], window=window)[0])
    tumour, brain = float(np.median(volume[BRAIN:])), float(np.median(volume[:BRAIN]))
    return tumour / true, f"true {true:.1f}, found {tumour:.1f}, brain {brain:.1f} (areas in 1)"
