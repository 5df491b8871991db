"""Time another package on curves: `python peer_program.py PEER CURVES.npz` prints one JSON object.

Run as a file, by any Python that holds the peer, so it imports nothing of afterglow: osipy needs another Python than this one.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before numpy is loaded: one core, as for afterglow

REPEATS = 3
Fitted = tuple[Any, ...]  # Ktrans in 1/min, ve, vp; or corrected rates in 1/s


def _osipy(times_s: Any, plasma_mM: Any, curves_mM: Any) -> Callable[[], Fitted]:
    fitting = importlib.import_module("osipy.dce.fitting")
    image = curves_mM[:, None, None, :]  # osipy 0.1.4 fails on a plain table of curves

    def fit() -> Fitted:
        maps = fitting.fit_model("extended_tofts", image, plasma_mM, times_s).parameter_maps
        return maps["Ktrans"].values, maps["ve"].values, maps["vp"].values

    return fit


def _pbrain(times_s: Any, plasma_mM: Any, curves_mM: Any) -> Callable[[], Fitted]:
    tofts = importlib.import_module("pbrain.models.extended_tofts")
    inputs = importlib.import_module("pbrain.models.base").CurveInputs(
        c_tissue=curves_mM.T.copy(), c_input=plasma_mM, t_s=times_s
    )

    def fit() -> Fitted:
        maps = tofts.PLUGIN.fit(inputs, method="varpro").maps  # its grid over kep, all voxels at once
        return maps["ktrans"] / 100, maps["ve"], maps["vp"]  # from mL/100 g/min, at 1 g/mL

    return fit


def _osipy_leakage(times_s: Any, artery_per_s: Any, rates_per_s: Any) -> Callable[[], Fitted]:
    leakage = importlib.import_module("osipy.dsc.leakage")
    image = rates_per_s[:, None, None, :]

    def correct() -> Fitted:
        return (leakage.correct_leakage(image, artery_per_s, times_s).corrected_delta_r2,)  # "bsw", as it comes

    return correct


PEERS: dict[str, tuple[str, Callable[..., Callable[[], Fitted]]]] = {  # distribution, how to call it
    "osipy": ("osipy", _osipy),
    "pbrain": ("p-brain", _pbrain),
    "osipy-leakage": ("osipy", _osipy_leakage),
}


def main(peer: str, curves_file: str) -> dict[str, object]:
    """What was measured: best CPU seconds of a few fits, or that the peer is not installed here."""
    distribution, prepare = PEERS[peer]
    try:
        version = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return {"missing": True}
    numpy = importlib.import_module("numpy")
    with numpy.load(curves_file) as held:
        fit = prepare(**{name: held[name] for name in held})
    seconds = []
    for _ in range(REPEATS):
        begin = time.process_time()
        fitted = fit()
        seconds.append(time.process_time() - begin)
    values = [[float(v) for v in numpy.ravel(column)] for column in fitted]
    return {"missing": False, "version": version, "seconds": min(seconds), "values": values}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:3])))  # noqa: T201  this file is a door of its own
