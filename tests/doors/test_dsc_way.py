"""Claims about the whole way of DSC, from two series of a BIDS folder to maps, loops and a report."""

from pathlib import Path

import numpy as np
import pytest
from tests.digital import run
from tests.dsc_digital import METHOD, copy_to, pristine, visit

from afterglow.flows.method import method_text
from afterglow.flows.run import RunReport
from afterglow.flows.verify import verify_output
from afterglow.io.results import read_exam_result
from afterglow.records.result import ExamResult


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> RunReport:
    return run(pristine(), tmp_path_factory.mktemp("dsc") / "out", method=METHOD)


@pytest.fixture(scope="module")
def exam(done: RunReport) -> ExamResult:
    assert not done.failures
    return done.patients[0].exams[0]


def without_registration(folder: Path, **changes: str) -> str:
    """The method as a file of one's own, quicker: the digital head does not move. `changes` replace text."""
    text = method_text(METHOD)
    for do in ("still", "align"):
        begin = text.index(f'[[step]]\ndo = "{do}"')
        text = text[:begin] + text[text.index("[[step]]", begin + 1) :]
    for old, new in changes.items():
        assert f'"{old}"' in text
        text = text.replace(f'"{old}"', f'"{new}"')
    mine = folder / "mine.toml"
    mine.write_text(text)
    return str(mine)


def tissue(name: str) -> np.ndarray:
    return visit().truth[name] > 0.9


def median(exam: ExamResult, quantity: str, where: np.ndarray) -> float:
    found = exam.map_of(quantity)
    assert found is not None, quantity
    return float(np.nanmedian(found.values[where]))


def test_every_map_of_the_method_is_made(exam: ExamResult) -> None:
    made = {one.quantity.name for one in exam.maps}
    wanted = {
        "cbv", "cbv_uncorrected", "rcbv", "ucbv", "ucbv_uncorrected", "rucbv", "cbv_volume", "cbf", "mtt", "tmax", "adc", "mti", "mti_uncorrected",
        "nmti", "nmti_uncorrected", "mti_negative", "loop_disagreement", "loop_confident", "peak_shift", "loop_axis", "loop_slope", "cnr_ge", "cnr_se", "noise_ge", "noise_se", "leakage_ge",
        "leakage_se", "vessel_radius", "vessel_size_index", "vessel_density", "tumour_burden",
    }  # fmt: skip
    assert made == wanted


def test_blood_volume_of_grey_over_white_matter_is_the_truth_within_a_tenth(exam: ExamResult) -> None:
    cbv = visit().truth["cbv"]
    true = np.median(cbv[tissue("grey")]) / np.median(cbv[tissue("white")])
    for quantity in ("cbv", "ucbv"):
        assert median(exam, quantity, tissue("grey")) / median(exam, quantity, tissue("white")) == pytest.approx(true, rel=0.1)


def test_normalised_blood_volume_of_the_reference_is_one(exam: ExamResult) -> None:
    assert exam.reference is not None
    found = exam.map_of("rcbv")
    assert found is not None
    assert np.nanmean(found.values[exam.reference.mask]) == pytest.approx(1.0, rel=1e-5)


def test_leakage_is_seen_where_it_is_and_uncorrected_maps_stand_beside(exam: ExamResult) -> None:
    lesion = exam.lesions[0].mask
    assert median(exam, "leakage_se", lesion) > 10 * abs(median(exam, "leakage_se", tissue("white")))
    assert median(exam, "ucbv_uncorrected", lesion) < 0 < median(exam, "ucbv", lesion)


def test_the_adc_is_that_of_the_tissue(exam: ExamResult) -> None:
    assert median(exam, "adc", tissue("white")) == pytest.approx(0.75e-3, rel=0.03)


def test_the_clocks_of_both_injections_are_aligned_within_their_error(exam: ExamResult) -> None:
    settings = next(p.settings for p in exam.provenance if p.step == "loop")
    shift_s, error_s = settings["shift_s"], settings["shift_error_s"]
    assert isinstance(shift_s, float) and isinstance(error_s, float)
    assert abs(shift_s - visit().plan.offset_s) < 3 * error_s
    assert 0.1 <= error_s < 0.5


def test_arteries_and_veins_are_written_and_lie_in_vessels_not_in_the_lesion(done: RunReport, exam: ExamResult) -> None:
    kinds = {(one.vessel, one.echo) for one in exam.boluses}
    assert {("artery", "gradient"), ("artery", "spin")} <= kinds
    for one in exam.boluses:
        assert not exam.lesions[0].mask[tuple(one.voxels.T)].any()
        acq = "GE" if one.echo == "gradient" else "SE"
        assert (done.out / f"sub-01/ses-01/perf/sub-01_ses-01_acq-{acq}_label-{one.vessel}_bolus.tsv").is_file()


def test_the_loop_of_the_lesion_is_drawn_and_counts_its_doubt(exam: ExamResult) -> None:
    labels = [loop.label for loop in exam.loops]
    assert labels == ["lesion 1", "reference"]
    for loop in exam.loops:
        assert loop.remark or (np.isfinite(loop.mti) and loop.mti_error > 0)


def test_quality_lines_name_what_departs_from_the_consensus(exam: ExamResult) -> None:
    lines = {line.what: line for line in exam.quality}
    assert lines["GE: flip angle"].level == "note"
    assert lines["GE: repetition time"].level == "note"
    assert lines["GE: echo time"].level == "ok"
    assert any("nMTI of the reference" in what for what in lines)


def test_the_report_says_that_mti_is_validated_on_physics_only(done: RunReport) -> None:
    page = (done.out / "sub-01_ses-01.html").read_text()
    assert "validated on simulated physics only" in page
    assert "not a permeability" in page


def test_what_is_on_disk_comes_back_as_it_was(done: RunReport, exam: ExamResult) -> None:
    stored = read_exam_result(done.out, "01", "01").result
    assert [m.quantity.name for m in stored.maps] == [m.quantity.name for m in exam.maps]
    for a, b in zip(stored.maps, exam.maps, strict=True):
        np.testing.assert_array_equal(a.values, b.values)
    for one, other in zip(stored.loops, exam.loops, strict=True):
        np.testing.assert_array_equal(one.loop_ge_per_s, other.loop_ge_per_s)
        assert one.remark == other.remark
    assert [name for name, _ in stored.pictures] == ["FLAIR"]
    assert not verify_output(done.out, pristine())


def test_one_worker_gives_the_bytes_of_two(tmp_path: Path) -> None:
    method = without_registration(tmp_path)
    runs = [run(pristine(), tmp_path / f"out{workers}", method=method, workers=workers) for workers in (1, 2)]
    one, two = ({p.name: p.read_bytes() for p in r.out.rglob("*.nii.gz")} for r in runs)
    assert one and one == two


def test_without_the_spin_echo_blood_volume_is_still_made(tmp_path: Path) -> None:
    bids = copy_to(tmp_path)
    for path in (bids / "sub-01/ses-01/perf").glob("*acq-SE*"):
        path.unlink()
    exam = run(bids, tmp_path / "out", method=without_registration(tmp_path)).patients[0].exams[0]
    assert exam.map_of("rcbv") is not None and exam.map_of("cbf") is not None
    assert exam.map_of("mti") is None and not exam.loops
    assert any("without se" in line.advice for line in exam.quality)


def test_without_the_gradient_echo_spin_echo_blood_volume_is_still_made(tmp_path: Path) -> None:
    bids = copy_to(tmp_path)
    for path in (bids / "sub-01/ses-01/perf").glob("*acq-GE*"):
        path.unlink()
    exam = run(bids, tmp_path / "out", method=without_registration(tmp_path)).patients[0].exams[0]
    assert exam.map_of("rucbv") is not None
    assert exam.map_of("cbf") is None and exam.map_of("mti") is None


def test_alignment_can_be_switched_off_as_the_paper_has_it(tmp_path: Path) -> None:
    method = without_registration(tmp_path, **{"arterial peak": "none"})
    exam = run(pristine(), tmp_path / "out", method=method).patients[0].exams[0]
    line = next(line for line in exam.quality if line.what == "timing of the two injections")
    assert "not aligned" in line.found
    assert line.level == "warning"
