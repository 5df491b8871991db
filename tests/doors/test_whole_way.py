"""Claims about the whole way, from a BIDS folder to a report, on a coarse digital patient."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from tests.digital import begun, copy_to, finished, patient, pristine, run

from afterglow.flows.check import check_dataset
from afterglow.flows.run import RunReport
from afterglow.flows.verify import verify_output
from afterglow.io.manifest import read_manifest
from afterglow.io.measurements import read_measurements
from afterglow.io.results import read_exam_result
from afterglow.records.measurement import MEASUREMENT_COLUMNS


@pytest.fixture(scope="module")
def done() -> RunReport:
    return finished()


def test_the_call_is_right(done: RunReport) -> None:
    verdict = done.patients[0].verdicts[0]
    assert verdict.category == "response"
    assert "necrosis" in verdict.sentence


def test_the_tree_has_the_names_of_the_design(done: RunReport) -> None:
    for name in (
        "dataset_description.json",
        ".bidsignore",
        "manifest.json",
        "measurements.tsv",
        "measurements.json",
        "verdicts.tsv",
        "sub-01.html",
        "sub-01_ses-01.html",
        "sub-01_ses-02.html",
        "sub-01/ses-01/perf/sub-01_ses-01_space-dce_model-etofts_param-ktrans_dcemap.nii.gz",
        "sub-01/ses-01/perf/sub-01_ses-01_space-dce_model-etofts_param-ktrans_dcemap.json",
        "sub-01/ses-02/anat/sub-01_ses-02_space-dce_label-lesion1_mask.nii.gz",
        "sub-01/ses-01/perf/sub-01_ses-01_aif.tsv",
    ):
        assert (done.out / name).is_file(), name


def test_a_map_tells_where_it_comes_from(done: RunReport) -> None:
    path = done.out / "sub-01/ses-01/perf/sub-01_ses-01_space-dce_model-etofts_param-ktrans_dcemap"
    about = json.loads(path.with_suffix(".json").read_text())
    assert about["Units"] == "/min"
    assert about["Methods"]
    assert about["Sources"]
    image = nib.load(path.with_name(path.name + ".nii.gz"))
    assert image.get_data_dtype() == np.float32
    assert np.isnan(np.asarray(image.dataobj)).any()  # outside the head nothing was measured


def test_the_table_of_measurements_is_the_contract(done: RunReport) -> None:
    measurements = read_measurements(done.out / "measurements.tsv")
    assert {m.session_id for m in measurements} == {"01", "02"}
    assert (done.out / "measurements.tsv").read_text().splitlines()[0].split("\t") == list(MEASUREMENT_COLUMNS)
    described = json.loads((done.out / "measurements.json").read_text())
    assert set(described) == set(MEASUREMENT_COLUMNS)
    for m in measurements:
        assert m.unit
        if m.ci_low is not None and m.ci_high is not None and m.value is not None and m.statistic in ("mean", "median"):
            assert m.ci_low <= m.value <= m.ci_high


def test_what_is_read_back_is_what_was_computed(done: RunReport) -> None:
    exam = done.patients[0].exams[0]
    stored = read_exam_result(done.out, "01", exam.session)
    for a, b in zip(exam.maps, stored.result.maps, strict=True):
        np.testing.assert_array_equal(a.values, b.values)
        np.testing.assert_array_equal(a.status, b.status)
    np.testing.assert_array_equal(exam.aif.plasma_mM, stored.result.aif.plasma_mM)
    assert stored.result.quality == exam.quality
    assert stored.result.curves[0].parameters == exam.curves[0].parameters
    assert stored.measurements == done.patients[0].course.visits[0].measurements


def test_everything_is_as_the_manifest_says(done: RunReport) -> None:
    assert verify_output(done.out, pristine()) == []


def test_a_changed_byte_is_found(done: RunReport) -> None:
    path = done.out / "measurements.tsv"
    before = path.read_bytes()
    path.write_bytes(before[:-2] + b"9\n")
    try:
        assert any("measurements.tsv" in problem for problem in verify_output(done.out, None))
    finally:
        path.write_bytes(before)


def test_a_second_run_skips_what_is_finished_and_changes_nothing(done: RunReport) -> None:
    told: list[str] = []
    maps = sorted(done.out.glob("sub-01/**/*.nii.gz"))
    before = {path: path.stat().st_mtime_ns for path in maps}
    html = (done.out / "sub-01.html").read_bytes()
    run(pristine(), done.out, progress=lambda what, n, total: told.append(what))
    assert not any("motion correction" in what for what in told)
    assert {path: path.stat().st_mtime_ns for path in maps} == before
    assert (done.out / "sub-01.html").read_bytes() == html


@pytest.mark.slow
def test_a_stopped_run_goes_on_where_it_was_and_ends_with_one_worker_at_the_bytes_of_two_undisturbed(
    done: RunReport, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def stop_in_the_second_visit(what: str, n: int, total: int) -> None:
        if "02: background" in what:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(pristine(), out, workers=1, progress=stop_in_the_second_visit)
    assert set(read_manifest(out).entries) == {"sub-01_space", "sub-01_ses-01"}
    told: list[str] = []
    finished = run(pristine(), out, workers=1, progress=lambda what, n, total: told.append(what))
    assert not any("01 01: motion" in what or "sub-01 01: motion" in what for what in told)
    assert any("02: motion" in what for what in told)
    assert finished.patients[0].verdicts[0].category == "response"
    assert verify_output(out, pristine()) == []
    one, two = (
        {e.path: e.sha256 for entry in read_manifest(made).entries.values() for e in entry.outputs} for made in (out, done.out)
    )
    assert one == two


def test_check_says_what_would_run() -> None:
    found = check_dataset(pristine(), "ademola2025")
    assert found.ready == 2
    assert "outlines: lesion 1, reference" in found.visits[0].sentence()


@pytest.mark.slow
def test_the_spine_method_runs_on_it_too(tmp_path: Path) -> None:
    report = run(copy_to(tmp_path), tmp_path / "out", method="behar2023")
    rules = {v.rule: v for v in report.patients[0].verdicts}
    assert set(rules) == {"change of normalised vp", "change of size"}
    assert rules["change of normalised vp"].category == "response"
    assert "pseudoprogression" in rules["change of size"].sentence


@pytest.mark.slow
def test_a_missing_outline_is_carried_from_the_visit_before(tmp_path: Path) -> None:
    bids = copy_to(tmp_path)
    for path in (bids / "derivatives/outlines/sub-01/ses-02/anat").glob("*label-lesion*"):
        path.unlink()
    lesion = run(bids, begun(tmp_path)).patients[0].exams[1].lesions[0]
    assert "carried from ses-01" in lesion.outlined
    assert "fitted to this visit's enhancement" in lesion.outlined
    own = patient().visits[1].truth.map_of("enhancing", "dce").values > 0.5
    assert lesion.n_voxels == pytest.approx(int(own.sum()), rel=0.2)
    assert (lesion.mask & own).sum() > 0.8 * own.sum()


@pytest.mark.slow
def test_without_a_reference_the_lesion_is_mirrored_and_that_is_said(tmp_path: Path) -> None:
    bids = copy_to(tmp_path, visits=("01",))
    for path in (bids / "derivatives").rglob("*label-reference*"):
        path.unlink()
    exam = run(bids, tmp_path / "out").patients[0].exams[0]
    assert exam.reference is not None
    assert exam.reference.kind in ("mirrored lesion", "contralateral white matter")
    assert "mirrored" in exam.reference.method
    assert any(line.what == "reference tissue" and "mirrored" in line.found for line in exam.quality)
