"""Curves that speed is measured on: made from the models, the same on every machine, or a user's own from a .npz file."""

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from afterglow.kernels.aif_population import POPULATION_AIFS, population_plasma
from afterglow.kernels.models import MODELS
from afterglow.kernels.spgr import spgr_signal
from afterglow.kernels.types import Array
from afterglow.records.errors import BadInput, MissingInput

FRAMES, STEP_S, ARRIVAL_S = 60, 5.0, 25.0
HAEMATOCRIT = 0.42
SNR = 30.0
FLIPS_DEG, TR_S = (2.0, 5.0, 10.0, 15.0, 20.0), 0.005
_SEED = 20
_RANGES = {"ktrans_per_min": (0.01, 0.5), "ve": (0.1, 0.6), "vp": (0.0, 0.1)}
_IN_VIVO = (  # share of the voxels; ranges of Ktrans in 1/min, ve, vp: what a slab through a head with a tumour holds
    (0.34, (0.02, 0.4), (0.1, 0.6), (0.005, 0.1)),  # enhancing tissue
    (0.22, (0.001, 0.02), (0.05, 0.3), (0.002, 0.03)),  # hardly leaking tissue
    (0.20, (0.02, 0.2), (0.05, 0.5), (0.0, 0.0)),  # no plasma seen
    (0.10, (0.0, 0.0), (0.1, 0.1), (0.0, 0.0)),  # nothing but noise
    (0.08, (0.05, 0.4), (1.0, 1.0), (0.0, 0.05)),  # still rising at the end
    (0.06, (0.0, 0.05), (0.1, 0.4), (0.2, 0.6)),  # vessels
)
_IN_VIVO_SIGMA_MM = 0.03


class Curves(NamedTuple):
    """Tissue curves with their artery, and what they are in words."""

    times_s: Array  # (t,)
    plasma_mM: Array  # (t,)
    curves_mM: Array  # (n, t) float64
    truth: Array  # (n, 3) Ktrans in 1/min, ve, vp; NaN where it is not known
    words: str


def synthetic(n: int, *, delays_s: tuple[float, float] | None = None) -> Curves:
    """Extended Tofts curves of random tissue behind Parker's plasma curve, noise in proportion to each curve's peak."""
    rng = np.random.default_rng(_SEED)
    times, plasma = _artery()
    truth = np.stack([rng.uniform(*limits, n) for limits in _RANGES.values()], axis=1)
    clean = _clean(times, plasma, truth, None if delays_s is None else rng.uniform(*delays_s, n))
    noisy = clean + clean.max(axis=1, keepdims=True) / SNR * rng.standard_normal(clean.shape)
    ranges = ", ".join(f"{name} {low:g} to {high:g}" for name, (low, high) in _RANGES.items())
    late = "" if delays_s is None else f", {delays_s[0]:g} to {delays_s[1]:g} s late"
    return Curves(
        times,
        plasma,
        noisy,
        truth,
        f"{FRAMES} frames of {STEP_S:g} s, Parker, peak over noise {SNR:g}, {ranges}{late}, seed {_SEED}",
    )


def in_vivo_like(n: int) -> Curves:
    """A mixture of tissues with one noise level, as in a patient, so that a third of the best fits lie on a bound."""
    rng = np.random.default_rng(_SEED)
    times, plasma = _artery()
    counts = [int(share * n) for share, *_ in _IN_VIVO]
    parts = [
        np.stack([rng.uniform(low, high, count) for low, high in ranges], axis=1)
        for count, (_, *ranges) in zip(counts, _IN_VIVO, strict=True)
    ]
    truth = rng.permutation(np.concatenate(parts))
    noisy = _clean(times, plasma, truth, None) + _IN_VIVO_SIGMA_MM * rng.standard_normal((len(truth), FRAMES))
    return Curves(
        times,
        plasma,
        noisy,
        truth,
        f"simulated mixture of six tissues, {FRAMES} frames of {STEP_S:g} s, noise {_IN_VIVO_SIGMA_MM} mM",
    )


def read_curves(path: Path) -> Curves:
    """A user's curves: a .npz file with times_s (t,), plasma_mM (t,) and curves_mM (n, t).

    MissingInput without the file, BadInput where an array is missing, not finite or of another length.
    """
    if not path.is_file():
        raise MissingInput(f"{path}: no such file; scripts/invivo_curves.py writes one")
    try:
        with np.load(path, allow_pickle=False) as held:
            arrays = {name: np.asarray(held[name], dtype=np.float64) for name in ("times_s", "plasma_mM", "curves_mM")}
    except (KeyError, ValueError, TypeError, OSError, zipfile.BadZipFile) as problem:
        raise BadInput(f"{path}: not a .npz file with times_s, plasma_mM and curves_mM ({problem})") from problem
    times, plasma, curves = arrays["times_s"], arrays["plasma_mM"], arrays["curves_mM"]
    if times.ndim != 1 or plasma.shape != times.shape or curves.ndim != 2 or curves.shape[1] != times.size or not len(curves):
        raise BadInput(
            f"{path}: times_s {times.shape}, plasma_mM {plasma.shape} and curves_mM {curves.shape}; expected (t,), (t,) and (n, t)"
        )
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise BadInput(f"{path}: holds numbers that are not finite; leave those curves out")
    return Curves(
        times, plasma, curves, np.full((len(curves), 3), np.nan), f"{len(curves)} curves of {times.size} frames from {path.name}"
    )


def repeated(curves_mM: Array, n: int) -> Array:
    """At least `n` curves, the given ones again and again: a large image without the time it takes to make one."""
    return np.tile(curves_mM, (-(-n // len(curves_mM)), 1))[:n]


def flip_angle_signals(n: int) -> Array:
    """Signals (n, 5) of tissue with T1 from .3 to 3 s at five flip angles, noise a fiftieth of the largest."""
    rng = np.random.default_rng(_SEED)
    t1_s = rng.uniform(0.3, 3.0, (n, 1))
    clean = spgr_signal(1 / t1_s, s0=rng.uniform(500, 2000, (n, 1)), flip_deg=np.array(FLIPS_DEG), tr_s=TR_S)
    noisy: Array = clean + clean.max(axis=1, keepdims=True) / 50 * rng.standard_normal(clean.shape)
    return noisy


def _artery() -> tuple[Array, Array]:
    times = STEP_S * np.arange(FRAMES)
    return times, population_plasma(POPULATION_AIFS["parker"], times, delay_s=ARRIVAL_S, haematocrit=HAEMATOCRIT)


def _clean(times_s: Array, plasma_mM: Array, truth: Array, delay_s: Array | None) -> Array:
    model = MODELS["etofts"]
    if delay_s is None:
        return model.curve(times_s, plasma_mM, truth)
    return np.stack([model.curve(times_s, plasma_mM, row, delay_s=float(late)) for row, late in zip(truth, delay_s, strict=True)])
