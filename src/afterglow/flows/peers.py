"""The same curves fitted by other packages, in the same run, on one core."""

import json
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit
from scipy.signal import lfilter

from afterglow.flows import peer_program
from afterglow.flows.bench_curves import Curves
from afterglow.kernels.models import MODELS
from afterglow.kernels.types import Array
from afterglow.records.errors import BadInput

_PATIENCE_S = 300
_START = (0.1, 0.2, 0.02)  # Ktrans in 1/min, ve, vp
_BOUNDS = ((0.0, 1e-3, 0.0), (5.0, 1.0, 1.0))


Forward = Callable[[Array, float, float, float], Array]  # times, Ktrans in 1/min, ve, vp -> mM


class PeerRun(NamedTuple):
    """How fast a peer was, and what it found: the values tell that it really fitted."""

    who: str
    voxels_per_s: float
    values: Array  # (n, p), for tissue Ktrans in 1/min, ve, vp; NaN where it gave up


def scipy_run(curves: Curves, forward: Forward, *, bounded: bool, repeats: int) -> PeerRun:
    """scipy's curve_fit voxel by voxel: Levenberg-Marquardt without bounds, or the trust region method with them."""
    values = np.full((len(curves.curves_mM), 3), np.nan)
    least = np.inf
    fitter = partial(curve_fit, forward, curves.times_s, p0=_START, **({"bounds": _BOUNDS} if bounded else {"method": "lm"}))
    with warnings.catch_warnings(), np.errstate(all="ignore"):  # without bounds its steps leave the range of floats
        warnings.simplefilter("ignore", OptimizeWarning)
        for _ in range(repeats):
            begin = time.process_time()
            for row, y in enumerate(curves.curves_mM):
                try:
                    values[row] = fitter(y)[0]
                except RuntimeError:  # curve_fit's word for no convergence
                    values[row] = np.nan
            least = min(least, time.process_time() - begin)
    return PeerRun("scipy curve_fit " + ("bounded TRF" if bounded else "LM"), len(values) / least, values)


def lagged_tofts(curves: Curves) -> Forward:
    """Extended Tofts for one voxel, in numpy, exact on any frame times: each stretch of the artery decays by its lag."""
    times, plasma, steps = curves.times_s, curves.plasma_mM, np.diff(curves.times_s)
    lags = times[:, None] - times[None, 1:]
    past = (lags >= 0).astype(np.float64)
    lags = lags * past

    def forward(_: Array, ktrans_per_min: float, ve: float, vp: float) -> Array:
        rate = ktrans_per_min / ve / 60
        x = rate * steps
        whole = -np.expm1(-x) / x
        rising = (1 - whole) / x
        stretches = steps * (plasma[:-1] * (whole - rising) + plasma[1:] * rising)
        modelled: Array = vp * plasma + ktrans_per_min / 60 * ((np.exp(-rate * lags) * past) @ stretches)
        return modelled

    return forward


def filtered_tofts(curves: Curves) -> Forward:
    """The same as a recursive filter of first order: the fastest that numpy and scipy offer, for frames of one length."""
    step, plasma = float(curves.times_s[1] - curves.times_s[0]), curves.plasma_mM
    if not np.allclose(np.diff(curves.times_s), step, rtol=1e-6):
        raise ValueError("the recursive filter needs frames of one length")

    def forward(_: Array, ktrans_per_min: float, ve: float, vp: float) -> Array:
        x = ktrans_per_min / ve / 60 * step
        whole = -np.expm1(-x) / x
        rising = (1 - whole) / x
        new, old = step * rising, step * (whole - rising)
        leaked = lfilter((new, old), (1.0, -np.exp(-x)), plasma, zi=-new * plasma[:1])[0]
        modelled: Array = vp * plasma + ktrans_per_min / 60 * leaked
        return modelled

    return forward


def largest_excess(curves: Curves, values: Array, peer: PeerRun) -> tuple[float, int]:
    """How much the sum of squares at `values` (n, 3) exceeds the peer's, relative to it, at worst; over how many voxels.

    Voxels where the peer stayed within the physical bounds: outside them it may go lower than a fit with bounds.
    """
    low, high = np.array(_BOUNDS)
    inside = (np.nan_to_num(peer.values, nan=-1.0) >= low).all(axis=1) & (peer.values <= high).all(axis=1)
    data = curves.curves_mM[inside]
    own, theirs = (
        ((data - MODELS["etofts"].curve(curves.times_s, curves.plasma_mM, v)) ** 2).sum(axis=1)
        for v in (np.nan_to_num(values[inside], nan=1.0), peer.values[inside])  # without leakage ve is NaN and does not matter
    )
    return float((own / theirs - 1).max(initial=-1.0)), int(inside.sum())


def package_run(peer: str, curves: Curves, pythons: tuple[str, ...]) -> PeerRun | None:
    """A package of `peer_program.PEERS`, by the first of some Pythons that holds it; None where none does.

    BadInput where the Python cannot be started or the package fails.
    """
    arrays = {"times_s": curves.times_s, "plasma_mM": curves.plasma_mM, "curves_mM": curves.curves_mM}
    return program_run(peer, arrays, len(curves.curves_mM), pythons)


def program_run(peer: str, arrays: Mapping[str, Array], n: int, pythons: tuple[str, ...]) -> PeerRun | None:
    """The same with the arrays by name that this peer takes, for `n` curves."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "curves.npz"
        np.savez(file, allow_pickle=False, **arrays)
        for python in pythons:
            answer = _ask(python, peer, file)
            if not answer["missing"]:
                who = f"{peer_program.PEERS[peer][0]} {answer['version']}"
                return PeerRun(who, n / float(answer["seconds"]), np.array(answer["values"]).T)
    return None


def _ask(python: str, peer: str, file: Path) -> dict[str, Any]:
    command = [python, "-W", "ignore", str(peer_program.__file__), peer, str(file)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_PATIENCE_S)
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except OSError as problem:
        raise BadInput(f"{python}: cannot be started ({problem.strerror}); give the path of a Python") from problem
    except subprocess.TimeoutExpired as problem:
        raise BadInput(f"{peer}: no answer from {python} within {_PATIENCE_S} s; leave peers out with --no-peers") from problem
    except subprocess.CalledProcessError as problem:
        last = (problem.stderr.strip().splitlines() or ["no message"])[-1]
        raise BadInput(f"{peer}: failed in {python}: {last}") from problem
    except (IndexError, json.JSONDecodeError) as problem:
        raise BadInput(f"{peer}: {python} printed no result; is it a Python?") from problem
    return answer
