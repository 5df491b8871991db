"""Concentration curves of two in-vivo studies as .npz files for `afterglow bench dce --in-vivo FILE`.

Usage: python scripts/invivo_curves.py DATA_FOLDER OUT_FOLDER, where DATA_FOLDER holds dcemri-jl/invivo.mat and madym/.
Each file has times_s (t,), plasma_mM (t,) and curves_mM (n, t): every voxel of the patient whose curve is finite.
"""

import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from afterglow.kernels.aif_search import find_artery
from afterglow.kernels.smoothing import foreground
from afterglow.kernels.spgr import concentration, plasma_from_blood
from afterglow.kernels.vfa import t1_vfa

Array = NDArray[np.float64]
Curves = NDArray[np.floating[Any]]
T1_BOUNDS_S = (0.05, 6.0)
MADYM_SHAPE = (96, 64, 5)
MADYM_HAEMATOCRIT, MADYM_R1_PER_MM_S = 0.42, 3.4  # the settings of Madym's example


class Scan(NamedTuple):
    """Signals at several flip angles (i, j, k, f) and over time (i, j, k, t), and what was set on the scanner."""

    flip_signals: Array
    flips_deg: Array
    dynamic: Array
    flip_deg: float
    tr_s: float
    r1_per_mM_s: float
    before: slice  # frames before contrast


def tissue_curves(scan: Scan) -> tuple[Curves, Curves]:
    """Curves (n, t) in mM of the patient's voxels, and their signal (n,) before contrast."""
    inside = foreground(scan.dynamic.mean(axis=-1))
    dynamic = scan.dynamic[inside]
    t1 = t1_vfa(scan.flip_signals[inside], flip_deg=scan.flips_deg, tr_s=scan.tr_s, t1_bounds_s=T1_BOUNDS_S)
    curves = concentration(
        dynamic,
        t10_s=t1.t1_s,
        flip_deg=scan.flip_deg,
        tr_s=scan.tr_s,
        r1_per_mM_s=scan.r1_per_mM_s,
        baseline_frames=scan.before,
    )
    finite = np.isfinite(curves).all(axis=1)
    return curves[finite], dynamic[finite][:, scan.before].mean(axis=1)


def dcemri_jl(folder: Path) -> dict[str, Curves]:
    """One section of a patient, 25 frames of 16.4 s, with the arterial curve that came with it."""
    held = loadmat(folder / "dcemri-jl" / "invivo.mat")
    scan = Scan(
        flip_signals=held["T1data"].T[:, :, None],
        flips_deg=held["T1flip"].ravel().astype(np.float64),
        dynamic=held["DCEdata"].T[:, :, None],
        flip_deg=float(held["DCEflip"][0, 0]),
        tr_s=float(held["TR"][0, 0]),
        r1_per_mM_s=float(held["relaxivity"][0, 0]),
        before=slice(0, 3),
    )
    return {"times_s": held["t"].ravel(), "plasma_mM": held["Cp"].ravel(), "curves_mM": tissue_curves(scan)[0]}


def madym(folder: Path) -> dict[str, Curves]:
    """A slab through an abdominal tumour, 75 frames of 5 s, with an artery found in it."""
    source = folder / "madym"
    frames = [f"dyn_{n}" for n in range(1, 76)]
    scan = Scan(
        flip_signals=_volumes(source / "vfa", ["FA_1", "FA_2", "FA_3"]),
        flips_deg=np.array([2.0, 10.0, 20.0]),
        dynamic=_volumes(source / "dynamic", frames),
        flip_deg=20.0,
        tr_s=0.004,
        r1_per_mM_s=MADYM_R1_PER_MM_S,
        before=slice(1, 7),
    )
    curves, before = tissue_curves(scan)
    clock_s = np.array([_clock_s(source / "dynamic" / f"{frame}.xtr") for frame in frames])
    blood = find_artery(clock_s, curves, baseline_signal=before).curve
    plasma = plasma_from_blood(blood, haematocrit=MADYM_HAEMATOCRIT)
    return {"times_s": clock_s - clock_s[0], "plasma_mM": plasma, "curves_mM": curves}


def _volumes(folder: Path, names: list[str]) -> Array:
    """Stored numbers (i, j, k, m) of Analyze images; the scale in their headers is wrong and not applied."""
    stored = [np.fromfile(folder / f"{name}.img", dtype="<i2").reshape(MADYM_SHAPE, order="F") for name in names]
    return np.stack(stored, axis=-1).astype(np.float64)


def _clock_s(path: Path) -> float:
    """Seconds since midnight from a time stamp HHMMSS.ss."""
    found = re.search(r"TimeStamp (\d\d)(\d\d)([\d.]+)", path.read_text(encoding="ascii"))
    if found is None:
        raise SystemExit(f"{path}: no time stamp; is it Madym's .xtr file?")
    return 3600 * int(found[1]) + 60 * int(found[2]) + float(found[3])


def main(data: Path, out: Path) -> None:
    """Write both files and say what they hold."""
    out.mkdir(parents=True, exist_ok=True)
    for name, study in (("dcemri-jl", dcemri_jl), ("madym", madym)):
        arrays = study(data)
        n, t = arrays["curves_mM"].shape
        np.savez(out / f"{name}.npz", times_s=arrays["times_s"], plasma_mM=arrays["plasma_mM"], curves_mM=arrays["curves_mM"])
        print(f"{out / name}.npz: {n} curves of {t} frames, artery up to {arrays['plasma_mM'].max():.2f} mM")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
