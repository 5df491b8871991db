"""The same curves fitted by other packages, in the same run, on one core."""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import curve_fit
from scipy.signal import lfilter

from afterglow.flows import peer_program
from afterglow.flows.bench_curves import Curves
from afterglow.kernels.types import Array
from afterglow.records.errors import BadInput

_PATIENCE_S = 300
_START = (0.1, 0.2, 0.02)  # Ktrans in 1/min, ve, vp
_BOUNDS = ((0.0, 1e-3, 0.0), (5.0, 1.0, 1.0))


class PeerRun(NamedTuple):
    """How fast a peer was, and what it found: the values tell that it really fitted."""

    who: str
    voxels_per_s: float
    values: Array  # (n, 3) Ktrans in 1/min, ve, vp; NaN where it gave up


def scipy_run(curves: Curves, *, bounded: bool, repeats: int) -> PeerRun:
    """scipy's curve_fit voxel by voxel, Levenberg-Marquardt or bounded trust region, on the exact convolution.

    On frames of equal length the convolution of a piecewise-linear curve with an exponential is a recursive filter of
    first order: the fastest forward model that numpy and scipy offer for one voxel. ValueError on other frames.
    """
    forward = _filtered_tofts(curves)
    values = np.full((len(curves.curves_mM), 3), np.nan)
    least = np.inf
    for _ in range(repeats):
        begin = time.process_time()
        for row, y in enumerate(curves.curves_mM):
            try:
                if bounded:
                    values[row] = curve_fit(forward, curves.times_s, y, p0=_START, bounds=_BOUNDS)[0]
                else:
                    values[row] = curve_fit(forward, curves.times_s, y, p0=_START, method="lm")[0]
            except RuntimeError:  # curve_fit's word for no convergence
                values[row] = np.nan
        least = min(least, time.process_time() - begin)
    return PeerRun("scipy curve_fit " + ("bounded TRF" if bounded else "LM"), len(values) / least, values)


def _filtered_tofts(curves: Curves) -> Callable[[Array, float, float, float], Array]:
    step, plasma = float(curves.times_s[1] - curves.times_s[0]), curves.plasma_mM
    if not np.allclose(np.diff(curves.times_s), step, rtol=1e-6):
        raise ValueError("the recursive filter needs frames of equal length")
    first = np.array([plasma[0]])

    def forward(_: Array, ktrans_per_min: float, ve: float, vp: float) -> Array:
        x = ktrans_per_min / ve / 60 * step
        decay = np.exp(-x)
        whole = -np.expm1(-x) / x if x else 1.0
        rising = (1 - whole) / x if abs(x) > 1e-6 else 0.5
        new, old = step * rising, step * (whole - rising)
        leaked = lfilter((new, old), (1.0, -decay), plasma, zi=-new * first)[0]
        modelled: Array = vp * plasma + ktrans_per_min / 60 * leaked
        return modelled

    return forward


def package_run(peer: str, curves: Curves, pythons: tuple[str, ...]) -> PeerRun | None:
    """A package of `peer_program.PEERS`, by the first of some Pythons that holds it; None where none does.

    BadInput where the Python cannot be started or the package fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "curves.npz"
        np.savez(file, times_s=curves.times_s, plasma_mM=curves.plasma_mM, curves_mM=curves.curves_mM)
        for python in pythons:
            answer = _ask(python, peer, file)
            if not answer["missing"]:
                who = f"{peer_program.PEERS[peer][0]} {answer['version']}"
                return PeerRun(who, len(curves.curves_mM) / float(answer["seconds"]), np.array(answer["values"]).T)
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
