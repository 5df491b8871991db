"""Claims about several echoes of one excitation: T1 drops out, and one injection needs no alignment."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.digital import run
from tests.doors.test_dsc_way import without_registration
from tests.dsc_digital import METHOD, PLAN

from afterglow.flows.digital import write_patient
from afterglow.records.result import ExamResult
from afterglow.simulate.dsc_signal import Scan
from afterglow.simulate.dsc_visit import DscVisit, simulate_dsc_visit

TE1_S = 0.008
ONE = replace(
    PLAN, ge=Scan(), se=Scan(), offset_s=0.0, echoes=replace(PLAN.echoes, te_se_s=0.050)
)  # one injection, no preload: T1 shows


@pytest.fixture(scope="module")
def visits() -> tuple[DscVisit, DscVisit]:
    """The same head, noise and bolus at an early and at the usual gradient echo."""
    early = replace(ONE, echoes=replace(ONE.echoes, te_ge_s=TE1_S))
    return simulate_dsc_visit(early, seed=3), simulate_dsc_visit(ONE, seed=3)


def written(visits: tuple[DscVisit, DscVisit], folder: Path, names: dict[str, str]) -> Path:
    """A BIDS folder with the series renamed: early GE, late GE and SE as `names` has them, others left out."""
    bids, kept = folder / "bids", folder / "kept"
    kept.mkdir()
    for visit, made in zip(visits, ("early", "late"), strict=True):
        write_patient(visit.patient, bids, folder / "truth")
        for acq in ("GE", "SE"):
            for end in ("nii.gz", "json"):
                source = bids / f"sub-01/ses-01/perf/sub-01_ses-01_acq-{acq}_dsc.{end}"
                shutil.move(source, kept / f"{made}-{acq}.{end}")
    for made, name in names.items():
        for end in ("nii.gz", "json"):
            shutil.copy(kept / f"{made}.{end}", bids / f"sub-01/ses-01/perf/sub-01_ses-01_{name}_dsc.{end}")
    return bids


def exam_of(bids: Path, folder: Path) -> ExamResult:
    done = run(bids, folder / "out", method=without_registration(folder))
    assert not done.failures
    return done.patients[0].exams[0]


def median(exam: ExamResult, quantity: str, where: np.ndarray) -> float:
    found = exam.map_of(quantity)
    assert found is not None, quantity
    return float(np.nanmedian(found.values[where]))


def test_two_gradient_echoes_take_t1_out_of_a_leaking_lesion(visits: tuple[DscVisit, DscVisit], tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    single = exam_of(written(visits, tmp_path / "one", {"late-GE": "acq-GE"}), tmp_path / "one")
    double = exam_of(
        written(visits, tmp_path / "two", {"early-GE": "acq-GE_echo-1", "late-GE": "acq-GE_echo-2"}), tmp_path / "two"
    )
    lesion, white = double.lesions[0].mask, visits[0].truth["white"] > 0.9
    ratios = [median(exam, "cbv_uncorrected", lesion) / median(exam, "cbv_uncorrected", white) for exam in (single, double)]
    assert ratios[0] < 0  # T1 pulls the one echo below its baseline
    assert ratios[1] > 2
    assert median(double, "leakage_ge", lesion) < 0 < median(single, "leakage_ge", lesion)  # what is left is T2* alone


def test_sage_gives_both_echoes_of_one_injection_on_one_clock(visits: tuple[DscVisit, DscVisit], tmp_path: Path) -> None:
    names = {"early-GE": "acq-SAGE_echo-1", "late-GE": "acq-SAGE_echo-2", "late-SE": "acq-SAGE_echo-3"}
    exam = exam_of(written(visits, tmp_path, names), tmp_path)
    lesion, white, grey = exam.lesions[0].mask, visits[0].truth["white"] > 0.9, visits[0].truth["grey"] > 0.9
    assert median(exam, "ucbv_uncorrected", lesion) / median(exam, "ucbv_uncorrected", white) > 1.5
    assert median(exam, "ucbv", grey) / median(exam, "ucbv", white) == pytest.approx(2, rel=0.15)
    line = next(line for line in exam.quality if line.what == "timing of the two echoes")
    assert line.level == "ok"
    assert exam.map_of("mti") is not None
    assert abs(median(exam, "nmti", white)) < 0.06  # as good as frames of 1.7 s allow


def test_echoes_that_do_not_fit_are_refused(visits: tuple[DscVisit, DscVisit], tmp_path: Path) -> None:
    bids = written(visits, tmp_path, {"early-GE": "acq-GE_echo-1", "late-GE": "acq-GE_echo-2"})
    path = bids / "sub-01/ses-01/perf/sub-01_ses-01_acq-GE_echo-2_dsc.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "EchoTime": TE1_S}))
    done = run(bids, tmp_path / "out", method=METHOD)
    assert len(done.failures) == 1
    assert "not echoes of one excitation" in done.failures[0]


def test_a_gradient_echo_after_half_the_spin_echo_time_is_refused(visits: tuple[DscVisit, DscVisit], tmp_path: Path) -> None:
    names = {"early-GE": "acq-SAGE_echo-1", "late-GE": "acq-SAGE_echo-2", "late-SE": "acq-SAGE_echo-3"}
    bids = written(visits, tmp_path, names)
    path = bids / "sub-01/ses-01/perf/sub-01_ses-01_acq-SAGE_echo-3_dsc.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "EchoTime": 0.03}))
    done = run(bids, tmp_path / "out", method=without_registration(tmp_path))
    assert len(done.failures) == 1
    assert "half the spin echo time" in done.failures[0]
