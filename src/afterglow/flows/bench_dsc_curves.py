"""Bolus curves that the speed of DSC is measured on: made by the simulation, the same on every machine."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from afterglow.kernels.dsc_signal import baseline, rate_change
from afterglow.kernels.types import Array, Index
from afterglow.simulate.dsc_signal import PRELOAD, STEP_S, LeakyTissue, Scan, gradient_echo, leaked_mM, vascular_at_frames
from afterglow.simulate.vascular import ARCHITECTURES, Bolus, Echoes, Network, artery_mM

BEFORE = slice(0, 8)  # frames that lie before every bolus
WINDOW = slice(7, 60)
BRAIN, TUMOUR = 750, 250  # voxels of the case without leak
TUMOUR_OVER_BRAIN = 3.0
_SCAN = Scan(frames=60, tr_s=1.74, flip_deg=60.0, earlier=(PRELOAD,))
_ECHOES, _ARTERY_PER_MM_S = Echoes(), 4.0
_LATE_S = tuple(np.linspace(0.0, 1.74, 6, endpoint=False))  # slices and territories see the bolus at their own moments
_KTRANS_PER_MIN = (0.0, *np.geomspace(0.005, 0.15, 7))
_KINDS = (LeakyTissue(), LeakyTissue(r2_ge_per_mM_s=38.0))  # leaks that T1 rules, and T2*
_CBV, _SNR0, _CASE_CBV, _CASE_SNR0 = (0.01, 0.08), (60.0, 200.0), 0.02, 100.0
_SEED = 20


class RateCurves(NamedTuple):
    """Rate curves in 1/s with what their kernels need beside them."""

    times_s: Array  # (t,)
    artery_per_s: Array  # (t,)
    rates_per_s: Array  # (n, t) float64
    reference_per_s: Array  # (t,) mean of tissue that does not leak
    noise_per_s: Array  # (n,) before contrast
    words: str


def mixture(n: int) -> RateCurves:
    """Curves of random vessels, volumes, leaks and noise, from noisy magnitudes."""
    rng = np.random.default_rng(_SEED)
    vessels, late = rng.integers(len(ARCHITECTURES), size=n), rng.integers(len(_LATE_S), size=n)
    leaks = np.where(rng.random(n) < 0.5, 0, rng.integers(1, len(_KTRANS_PER_MIN), size=n))
    kinds = rng.integers(len(_KINDS), size=n)
    vascular = rng.uniform(*_CBV, n)[:, None] * _vascular()[vessels, late]
    leaked = np.stack([leaked_mM(_SCAN, _bolus(s), np.array(_KTRANS_PER_MIN), _KINDS[0].ve) for s in _LATE_S])[late, leaks]
    rates = _measured(vascular, leaked, kinds, rng.uniform(*_SNR0, n), rng)
    return RateCurves(
        _SCAN.times_s,
        _artery(),
        rates,
        rates[leaks == 0].mean(axis=0),
        baseline(rates, BEFORE).sd,
        f"simulated mixture of {len(ARCHITECTURES)} kinds of vessels, blood volume {100 * _CBV[0]:g} to {100 * _CBV[1]:g} %, half of it leaking at "
        f"{_KTRANS_PER_MIN[1]:g} to {_KTRANS_PER_MIN[-1]:g} /min by T1 or T2*, SNR {_SNR0[0]:g} to {_SNR0[1]:g}, {_SCAN.frames} frames of "
        f"{_SCAN.tr_s:g} s, {_SCAN.flip_deg:g} degrees after a preload, seed {_SEED}",
    )


def tumour_without_leak() -> tuple[RateCurves, Array]:
    """Brain, and after it a tumour of three times its blood volume; nothing leaks. And the tumour's curve without noise (t,)."""
    rng = np.random.default_rng(_SEED)
    volume = np.repeat([_CASE_CBV, TUMOUR_OVER_BRAIN * _CASE_CBV], [BRAIN, TUMOUR])
    vascular = volume[:, None] * _vascular()[list(ARCHITECTURES).index("normal-like"), 0]
    n = volume.size
    rates = _measured(vascular, np.zeros_like(vascular), np.zeros(n, dtype=np.intp), np.full(n, _CASE_SNR0), rng)
    words = (
        f"tumour of {TUMOUR_OVER_BRAIN:g} times the brain's blood volume that does not leak, {TUMOUR} voxels beside {BRAIN} of brain, "
        f"SNR {_CASE_SNR0:g}, seed {_SEED}"
    )
    curves = RateCurves(_SCAN.times_s, _artery(), rates, rates[:BRAIN].mean(axis=0), baseline(rates, BEFORE).sd, words)
    return curves, vascular[-1]


def _measured(vascular: Array, leaked: Array, kinds: Index, snr0: Array, rng: np.random.Generator) -> Array:
    """Rates (n, t) of magnitudes with Rician noise, the share 1 / snr0 (n,) of the first frame."""
    signal = np.empty_like(vascular)
    for row, tissue in enumerate(_KINDS):
        here = kinds == row
        signal[here] = gradient_echo(vascular[here], leaked[here], scan=_SCAN, te_s=_ECHOES.te_ge_s, tissue=tissue)
    sigma = signal[:, :1] / snr0[:, None]
    real, imaginary = (sigma * rng.standard_normal(signal.shape) for _ in range(2))
    magnitude = np.hypot(signal + real, imaginary)
    return rate_change(magnitude, baseline(magnitude, BEFORE).mean, _ECHOES.te_ge_s, floor=0.0).per_s


def _vascular() -> Array:
    """dR2* per unit of blood volume (vessels, delays, t)."""
    return np.array(
        [[vascular_at_frames(_SCAN, _bolus(s), Network(), _ECHOES, name)[0] for s in _LATE_S] for name in ARCHITECTURES]
    )


def _artery() -> Array:
    fine_s = np.arange(0.0, _SCAN.times_s[-1] + STEP_S, STEP_S)
    artery: Array = np.interp(_SCAN.times_s, fine_s, _ARTERY_PER_MM_S * artery_mM(fine_s, Bolus()))
    return artery


def _bolus(late_s: float) -> Bolus:
    return replace(Bolus(), onset_s=Bolus().onset_s + late_s)
