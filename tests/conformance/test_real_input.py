"""Patients that were scanned, from the files of three other projects to maps and tables: conversion, run, numbers.

Nobody knows the true parameters of these tumours. What can be claimed: the conversion loses nothing, the fits are those of
an independent least squares, and the numbers are those of a tumour.
"""

import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.io import loadmat
from scipy.optimize import least_squares

from afterglow.flows.run import run_participants
from afterglow.flows.verify import verify_output
from afterglow.flows.work import silent
from afterglow.records.result import ExamResult, RegionCurve

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
METHOD = str(ROOT / "scripts" / "methods" / "body_etofts.toml")
pytestmark = pytest.mark.shared


def script(name: str, *arguments: object) -> str:
    """What a script prints."""
    command = [sys.executable, str(ROOT / "scripts" / name), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def quantified(bids: Path, out: Path) -> ExamResult:
    """`afterglow run` on the only visit of a data set."""
    report = run_participants(
        bids,
        out,
        METHOD,
        participants=(),
        session_labels=(),
        outlines_dir=None,
        workers=2,
        progress=silent,
        keep_results=True,
    )
    assert report.failures == ()
    assert report.reports[0].stat().st_size > 100_000
    assert verify_output(out, bids) == []
    (exam,) = report.patients[0].exams
    return exam


@pytest.fixture(scope="module")
def abdomen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bids = tmp_path_factory.mktemp("abdomen") / "bids"
    script("madym_to_bids.py", DATA / "madym", bids)
    return bids


@pytest.fixture(scope="module")
def breast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bids = tmp_path_factory.mktemp("breast") / "bids"
    script("dcemri_to_bids.py", DATA / "dcemri-jl" / "invivo.mat", bids, "--voxel-mm", 1.15, 1.15, 5)
    return bids


def brute_force(exam: ExamResult, curve: RegionCurve, starts_s: tuple[float, ...]) -> float:
    """Least sum of squares of extended Tofts with delay by another way: a fine grid, a discrete convolution, many starts."""
    times, low = curve.times_s, min(starts_s) - 30
    fine = np.arange(low, times[-1] + 0.05, 0.1)

    def model(p: np.ndarray) -> np.ndarray:
        ktrans, ve, vp, delay_s = p
        plasma = np.interp(fine - delay_s, exam.aif.times_s, exam.aif.plasma_mM, left=0)
        kept = np.exp(-ktrans / 60 / ve * (fine - low))
        leaked = (np.convolve(plasma, kept)[: fine.size] - 0.5 * plasma - 0.5 * plasma[0] * kept) * 0.1
        return np.interp(times, fine, vp * plasma + ktrans / 60 * leaked)

    fits = [
        least_squares(
            lambda p: model(p) - curve.measured_mM,
            [0.2, 0.3, 0.03, start_s],
            bounds=([0, 1e-3, 0, -20], [5, 1, 1, 20]),
            x_scale=[0.1, 0.1, 0.01, 1],
            diff_step=1e-4,
        )
        for start_s in starts_s
    ]
    return 2 * min(fit.cost for fit in fits)


def inside(exam: ExamResult, quantity: str) -> np.ndarray:
    """The lesion's voxels that were measured."""
    found = exam.map_of(quantity)
    assert found is not None
    values = found.values[exam.lesions[0].mask]
    return values[np.isfinite(values)]


def test_no_number_of_the_analyze_files_is_lost_or_scaled(abdomen):
    visit = abdomen / "sub-01" / "ses-01"
    image = nib.load(visit / "perf" / "sub-01_ses-01_dce.nii.gz")
    assert nib.aff2axcodes(image.affine) == ("L", "A", "S")
    for number in (1, 40, 75):
        raw = np.fromfile(DATA / "madym" / "dynamic" / f"dyn_{number}.img", "<i2").reshape(5, 64, 96).T
        np.testing.assert_array_equal(np.asarray(image.dataobj)[..., number - 1], raw)
    sidecar = json.loads((visit / "perf" / "sub-01_ses-01_dce.json").read_text())
    times = np.array(sidecar["FrameTimesStart"])
    assert times[0] == 0
    assert times[-1] == pytest.approx(6 * 60 + 8.21875, abs=0.01)  # 12:34:10.14 to 12:40:18.36: HHMMSS is no number of seconds
    assert np.diff(times).min() > 4.9 and np.diff(times).max() < 5.1
    assert (sidecar["RepetitionTimeExcitation"], sidecar["FlipAngle"]) == (0.004, 20)
    flips = [json.loads(path.read_text())["FlipAngle"] for path in sorted((visit / "anat").glob("*_VFA.json"))]
    assert flips == [2, 10, 20]


@pytest.mark.slow
def test_the_abdominal_tumour_has_the_numbers_of_a_tumour(abdomen, tmp_path):
    exam = quantified(abdomen, tmp_path / "out")
    assert exam.lesions[0].n_voxels == 294
    assert (np.abs(exam.aif.voxels[:, :2] - [50, 33.5]) <= 4).all()  # the aorta
    assert 0.1 < np.median(inside(exam, "ktrans")) < 0.3
    assert 0.3 < np.median(inside(exam, "ve")) < 0.55
    assert 0.01 < np.median(inside(exam, "vp")) < 0.05
    assert 0.85 < np.median(inside(exam, "t1")) < 1.0
    areas = [float(np.median(inside(exam, name))) for name in ("iaugc60", "iaugc90", "iaugc120")]
    assert areas == sorted(areas)
    (curve,) = exam.curves
    assert curve.fitted_mM is not None
    found = float(((curve.fitted_mM - curve.measured_mM) ** 2).sum())
    assert found <= 1.001 * brute_force(exam, curve, (-8.0, 1.0, 5.0, 12.0))


def test_the_breast_slice_keeps_its_numbers_and_its_measured_curve(breast):
    content = loadmat(DATA / "dcemri-jl" / "invivo.mat")
    visit = breast / "sub-01" / "ses-01"
    image = nib.load(visit / "perf" / "sub-01_ses-01_dce.nii.gz")
    assert nib.aff2axcodes(image.affine)[:2] == ("P", "I")
    np.testing.assert_array_equal(np.asarray(image.dataobj)[:, :, 0, 7], content["DCEdata"][7].T.astype(np.float32))
    flips = json.loads((visit / "anat" / "sub-01_ses-01_VFA.json").read_text())["FlipAngle"]
    assert flips == content["T1flip"].ravel().tolist()
    curve = np.loadtxt(breast / "derivatives/outlines/sub-01/ses-01/perf/sub-01_ses-01_aif.tsv", skiprows=1)
    np.testing.assert_array_equal(curve[:, 1], content["Cp"].ravel())


@pytest.mark.slow
def test_the_breast_tumour_is_fitted_with_the_curve_that_was_given(breast, tmp_path):
    exam = quantified(breast, tmp_path / "out")
    assert exam.aif.origin == "given curve, sub-01_ses-01_aif.tsv"
    settings = next(p.settings for p in exam.provenance if p.step == "concentration")
    assert settings["baseline_frames"] == 4  # noise around the heart once made frame 2 look enhanced
    assert 0.05 < np.median(inside(exam, "ktrans")) < 0.3
    assert 0.2 < np.median(inside(exam, "ve")) < 0.5
    assert 1.5 < np.median(inside(exam, "t1")) < 2.3
    (curve,) = exam.curves
    assert curve.fitted_mM is not None
    found = float(((curve.fitted_mM - curve.measured_mM) ** 2).sum())
    assert found <= 1.001 * brute_force(exam, curve, (-15.0, -8.0, 0.0, 8.0))


def test_the_t1_script_repeats_the_published_voxel_and_b1_makes_the_fluid_uniform(tmp_path):
    said = script("sepal_t1.py", DATA / "sepal", tmp_path / "t1.png").splitlines()
    rows = {line[:24].strip(): line[24:].split() for line in said if line.startswith("  ")}
    assert rows["HIFI"] == rows["published"] == ["1.0218", "11856", "1.1379"]
    with_k_fa, t1_s = (float(rows[name][0]) for name in ("flip angles with k_fa", "published"))
    assert with_k_fa == pytest.approx(t1_s, rel=2e-3)
    assert len([name for name in rows if name.startswith("tube")]) >= 18
    assert (tmp_path / "t1.png").stat().st_size > 20_000
