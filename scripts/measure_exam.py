"""Time and memory of one whole visit of clinical size, from BIDS to report.

    python scripts/measure_exam.py [--method ademola2025] [--workers 2] [--keep DIR] [--json]

The exam is made here from a few tissues, so that making it takes seconds: DCE 192 x 192 x 40 x 60, five flip angles, anatomy
of 1 mm, lesion and reference outlines, noise, and a head that moves. With `--method stadlbauer2025` it is a digital glioma in GE and
SE DSC of 128 x 128 x 29 x 60 each, diffusion, FLAIR and T1w. `afterglow run` then works on it in a process of its own.
Clock time means something on a quiet machine only; CPU time is printed beside it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import shift

from afterglow.flows.digital import write_patient
from afterglow.flows.method import load_method
from afterglow.io.images import write_image, write_mask
from afterglow.io.write import write_json, write_tsv
from afterglow.kernels.aif_population import parker
from afterglow.kernels.models import MODELS
from afterglow.kernels.spgr import spgr_signal
from afterglow.records.grid import Grid
from afterglow.simulate.dsc_visit import DscVisitPlan, simulate_dsc_visit

DCE_SHAPE, DCE_MM, FRAMES, FRAME_S = (192, 192, 40), (1.25, 1.25, 4.0), 60, 5.0
ANATOMY_SHAPE = (240, 240, 160)
TR_S, FLIP_DEG, R1_PER_MM_S, HAEMATOCRIT, BOLUS_S = 0.005, 15.0, 4.5, 0.45, 42.0
VFA_DEG = (2.0, 5.0, 10.0, 15.0, 20.0)
GOAL_S, GOAL_GB = {"dce": 90.0, "dsc": 60.0}, 3.0
DSC_SHAPE, DSC_MM = (128, 128, 29), (1.8, 1.8, 4.0)
NOISE = 0.01  # of the brightest tissue
# T1 s, proton density, ktrans 1/min, ve, vp, brightness in the anatomy
TISSUES = {
    0: (1.0, 0.0, 0.0, 0.1, 0.0, 0),  # air
    1: (0.35, 0.9, 0.02, 0.1, 0.01, 900),  # scalp
    2: (0.85, 0.7, 0.001, 0.2, 0.01, 600),  # white matter
    3: (1.35, 0.8, 0.002, 0.2, 0.03, 400),  # grey matter
    4: (3.5, 1.0, 0.0, 0.2, 0.0, 150),  # fluid
    5: (1.5, 0.9, 0.15, 0.4, 0.06, 1000),  # lesion
    6: (1.6, 0.95, 0.0, 0.2, 1.0 - HAEMATOCRIT, 1100),  # artery
}


def grid_of(shape: tuple[int, int, int], voxel_mm: tuple[float, float, float]) -> Grid:
    """Axial slices centred on 0."""
    affine = np.diag([*voxel_mm, 1.0])
    affine[:3, 3] = -(np.array(shape) - 1) / 2 * voxel_mm
    return Grid(shape, affine)


def tissues_on(grid: Grid) -> NDArray[np.uint8]:
    """Which tissue each voxel is: nested ellipsoids with folds, ventricles, a lesion, arteries."""
    axes = [grid.affine[n, n] * np.arange(grid.shape[n], dtype=np.float32) + np.float32(grid.affine[n, 3]) for n in range(3)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    radius = np.sqrt((x / 75) ** 2 + (y / 92) ** 2 + (z / 85) ** 2)
    folds = 0.03 * (np.sin(x / 5) * np.sin(y / 6 + 1) * np.sin(z / 7 + 2))
    found = np.zeros(grid.shape, dtype=np.uint8)
    found[radius < 1] = 1
    found[radius < 0.9] = 3
    found[radius + folds < 0.78] = 2
    found[((np.abs(x) - 12) / 7) ** 2 + (y / 30) ** 2 + (z / 16) ** 2 < 1] = 4
    found[((x - 35) / 13) ** 2 + ((y + 22) / 13) ** 2 + ((z - 10) / 13) ** 2 < 1] = 5
    for left in (-1, 1):
        found[((x - left * 25) ** 2 + (y - 40) ** 2 < 9) & (np.abs(z) < 40)] = 6
    found[(x**2 + (y + 78) ** 2 < 20) & (np.abs(z) < 40)] = 6
    return found


def dynamic_series(grid: Grid, times_s: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int16]:
    """Signal of every tissue through its curve, with a head that moves by up to a millimetre, and noise."""
    plasma_mM = parker(times_s, delay_s=BOLUS_S) / (1 - HAEMATOCRIT)
    signals = np.stack([tissue_signal(times_s, plasma_mM, code) for code in TISSUES])
    where = tissues_on(grid)
    scale = 8000 / signals.max()
    moved_mm = np.cumsum(rng.normal(0, 0.12, (times_s.size, 3)), axis=0)
    series = np.empty((*grid.shape, times_s.size), dtype=np.int16, order="F")
    for t in range(times_s.size):
        frame = (scale * signals[:, t]).astype(np.float32)[where]
        frame = shift(frame, moved_mm[t] / np.array(grid.spacing_mm), order=1, mode="nearest")
        series[..., t] = magnitude(frame, NOISE * 8000, rng)
    return series


def magnitude(image: NDArray[np.float32], sigma: float, rng: np.random.Generator) -> NDArray[np.int16]:
    """Noise of that standard deviation in both channels of the receiver."""
    real, imaginary = (rng.standard_normal(image.shape, dtype=np.float32) * np.float32(sigma) for _ in range(2))
    return np.hypot(image + real, imaginary).astype(np.int16)


def tissue_signal(times_s: NDArray[np.float64], plasma_mM: NDArray[np.float64], code: int) -> NDArray[np.float64]:
    """Signal (t,) of one tissue in the dynamic series."""
    t1_s, density, ktrans, ve, vp, _ = TISSUES[code]
    curve_mM = MODELS["etofts"].curve(times_s, plasma_mM, np.array([ktrans, ve, vp]), at_s=times_s)
    return density * spgr_signal(1 / t1_s + R1_PER_MM_S * curve_mM, flip_deg=FLIP_DEG, tr_s=TR_S, s0=1.0)


def write_exam(bids: Path, rng: np.random.Generator) -> None:
    """The whole BIDS folder."""
    dce, anatomy = grid_of(DCE_SHAPE, DCE_MM), grid_of(ANATOMY_SHAPE, (1.0, 1.0, 1.0))
    visit, outlines = bids / "sub-01" / "ses-01", bids / "derivatives" / "outlines" / "sub-01" / "ses-01" / "anat"
    write_json(bids / "dataset_description.json", {"Name": "measured exam", "BIDSVersion": "1.11.1", "DatasetType": "raw"})
    write_tsv(
        bids / "sub-01" / "sub-01_sessions.tsv", [{"session_id": "ses-01", "day": 0}], {"session_id": "Visit", "day": "Day"}
    )
    sequence = {"RepetitionTimeExcitation": TR_S, "Relaxivity": R1_PER_MM_S, "Haematocrit": HAEMATOCRIT}
    times_s = np.arange(FRAMES) * FRAME_S
    series = dynamic_series(dce, times_s, rng)
    fields = {**sequence, "FlipAngle": FLIP_DEG}
    write_image(visit / "perf" / "sub-01_ses-01_dce.nii.gz", series, dce, times_s=times_s, sidecar=fields)
    codes, where = np.array([[*row] for row in TISSUES.values()]), tissues_on(dce)
    for number, flip_deg in enumerate(VFA_DEG, start=1):
        signal = codes[:, 1] * spgr_signal(1 / codes[:, 0], flip_deg=flip_deg, tr_s=TR_S, s0=40000.0)
        image = magnitude(signal.astype(np.float32)[where], 20.0, rng)
        path = visit / "anat" / f"sub-01_ses-01_flip-{number}_VFA.nii.gz"
        write_image(path, image, dce, sidecar={**sequence, "FlipAngle": flip_deg})
    fine = tissues_on(anatomy)
    bright = magnitude(codes[:, 5].astype(np.float32)[fine], 15.0, rng)
    write_image(visit / "anat" / "sub-01_ses-01_ce-gadolinium_T1w.nii.gz", bright, anatomy)
    lesion = fine == 5
    write_mask(outlines / "sub-01_ses-01_space-T1w_label-lesion_mask.nii.gz", lesion, anatomy)
    write_mask(outlines / "sub-01_ses-01_space-T1w_label-reference_mask.nii.gz", lesion[::-1] & (fine == 2), anatomy)


def write_dsc_exam(bids: Path) -> None:
    """The BIDS folder of a microvascular visit, its truth beside it."""
    visit = simulate_dsc_visit(DscVisitPlan(shape=DSC_SHAPE, voxel_mm=DSC_MM, motion=1.0), seed=1)
    write_patient(visit.patient, bids, bids.parent / "truth")


def run_measured(bids: Path, out: Path, method: str, workers: int) -> tuple[float, float, float]:
    """Clock seconds, CPU seconds and peak memory in GB of `afterglow run` in a process of its own."""
    command = [sys.executable, "-m", "afterglow", "run", str(bids), str(out), "participant"]
    began = time.perf_counter()
    with subprocess.Popen([*command, "--method", method, "--workers", str(workers)]) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(process.returncode)
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e9


def report(out: Path, goal_s: float, clock_s: float, cpu_s: float, peak_gb: float, as_json: bool) -> None:
    """The figures, and the seconds of each step from the manifest."""
    steps = json.loads((out / "manifest.json").read_text())["exams"]["sub-01_ses-01"]["seconds"]
    said = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in steps.items())
    figures = [
        {"name": "exam_seconds", "value": clock_s, "unit": "s", "goal": goal_s, "ok": clock_s < goal_s, "detail": said},
        {"name": "exam_cpu_seconds", "value": cpu_s, "unit": "s", "goal": None, "ok": None, "detail": "user and system"},
        {"name": "exam_peak_memory", "value": peak_gb, "unit": "GB", "goal": GOAL_GB, "ok": peak_gb < GOAL_GB, "detail": ""},
    ]
    if as_json:
        print(json.dumps({"figures": figures}, indent=2))
        return
    for figure in figures:
        print(f"{figure['name']:<18} {figure['value']:7.2f} {figure['unit']:<3} goal {figure['goal']}  {figure['detail']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="ademola2025")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="write here and keep, instead of a folder that is removed")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    kind = "dce" if "dce" in load_method(given.method).leads else "dsc"
    with tempfile.TemporaryDirectory(prefix="afterglow-exam-") as temporary:
        root = given.keep or Path(temporary)
        if not (root / "bids" / "sub-01").is_dir():
            write_dsc_exam(root / "bids") if kind == "dsc" else write_exam(root / "bids", np.random.default_rng(1))
        out = Path(tempfile.mkdtemp(prefix="out-", dir=root))
        report(out, GOAL_S[kind], *run_measured(root / "bids", out, given.method, given.workers), given.json)


if __name__ == "__main__":
    main()
