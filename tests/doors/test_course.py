"""Claims about a course of several visits, from a BIDS folder to the reports."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.courses import edit_sidecars, lesion_masks, redraw, three_visits
from tests.digital import begun, copy_to, quick_method, run
from typer.testing import CliRunner

from afterglow.cli.main import app
from afterglow.flows.course import tell_course
from afterglow.flows.run import RunReport
from afterglow.flows.verify import verify_output
from afterglow.io.tracks import read_tracks
from afterglow.io.transforms import read_space

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunReport]:
    """The third visit comes when the first two are finished."""
    folder = tmp_path_factory.mktemp("course")
    bids = three_visits(folder)
    return bids, run(bids, begun(folder))


def test_every_visit_after_treatment_is_judged(course: tuple[Path, RunReport]) -> None:
    _, done = course
    (patient,) = done.patients
    rules = {v.rule for v in patient.verdicts}
    for rule in rules:
        judged = {v.to_session for v in patient.verdicts if v.rule == rule}
        assert judged >= {"02", "03"}, rule


def test_a_lesion_keeps_its_name_and_its_uid(course: tuple[Path, RunReport]) -> None:
    _, done = course
    (track,) = read_tracks(done.out, "01")
    assert [s.session_id for s in track.sightings] == ["01", "02", "03"]
    assert track.tracking_uid.startswith("2.25.")
    assert done.patients[0].course.events == ()


def test_the_same_scan_twice_lies_in_one_place(course: tuple[Path, RunReport]) -> None:
    _, done = course
    space = read_space(done.out, "01")
    between = space.between("02", "03")
    assert between is not None
    moved = space.grid.to_mm(np.array([[40.0, 60.0, 40.0]]))
    np.testing.assert_allclose(moved @ between[:3, :3].T + between[:3, 3], moved, atol=0.15)


def test_what_a_course_writes_is_there_and_in_the_manifest(course: tuple[Path, RunReport]) -> None:
    bids, done = course
    for name in (
        "sub-01.html",
        "sub-01.pdf",
        "sub-01/sub-01_lesions.tsv",
        "sub-01/sub-01_events.tsv",
        "sub-01/sub-01_course.json",
        "sub-01/sub-01_patientspace.json",
        "sub-01/ses-02/anat/sub-01_ses-02_from-T1w_to-patient_mode-image_xfm.txt",
    ):
        assert (done.out / name).is_file(), name
    assert verify_output(done.out, bids) == []


def test_the_course_is_told_in_the_order_of_days(course: tuple[Path, RunReport]) -> None:
    _, done = course
    told = tell_course(done.out, "sub-01")
    days = [float(line.split()[1]) for line in told.lines if line.startswith("day")]
    assert days == sorted(days)
    assert sum("visit ses-" in line for line in told.lines) == 3
    assert any("radiosurgery" in line for line in told.lines)
    shown = CliRunner().invoke(app, ["course", "01", "--derivatives", str(done.out), "--json"])
    assert shown.exit_code == 0
    assert [v["session_id"] for v in json.loads(shown.stdout)["visits"]] == ["ses-01", "ses-02", "ses-03"]


def test_a_subject_without_a_course_is_named(course: tuple[Path, RunReport]) -> None:
    from afterglow.records.errors import MissingInput

    with pytest.raises(MissingInput, match="sub-77"):
        tell_course(course[1].out, "77")


def test_an_empty_outline_says_that_nothing_is_left(tmp_path: Path) -> None:
    bids = copy_to(tmp_path)
    (path,) = lesion_masks(bids, "02")
    redraw(path, lambda mask: mask * 0)
    (patient,) = run(bids, begun(tmp_path)).patients
    assert [e.kind for e in patient.course.events] == ["vanished"]
    calls = {v.rule: v for v in patient.verdicts}
    assert calls["perfusion now and before radiosurgery"].category == "cannot tell"
    assert calls["RANO-BM"].label == "CR"
    assert patient.exams[1].lesions[0].n_voxels == 0


def test_other_scanners_doses_and_decades_are_said_with_the_call(tmp_path: Path) -> None:
    bids = copy_to(tmp_path)
    edit_sidecars(bids, "02", Manufacturer="Other", ContrastDose=0.05)
    table = bids / "sub-01" / "sub-01_sessions.tsv"
    rows = [line.split("\t") for line in table.read_text().splitlines()]
    rows[2][rows[0].index("day")] = "10957"
    table.write_text("\n".join("\t".join(row) for row in rows) + "\n")
    (patient,) = run(bids, tmp_path / "out", method=quick_method(tmp_path)).patients
    for words in ("the scanner", "the dose (mmol/kg)", "30 years apart"):
        assert words in patient.verdicts[-1].sentence


def test_left_and_right_exchanged_between_visits_is_noticed(tmp_path: Path) -> None:
    bids = copy_to(tmp_path)
    for path in sorted((bids / "sub-01" / "ses-02").rglob("*.nii.gz")):
        redraw(path, lambda data: data[::-1])
    (patient,) = run(bids, tmp_path / "out", method=quick_method(tmp_path)).patients
    assert patient.space is not None
    assert any("mirror" in words or "left" in words for words in patient.space.flags)


def test_a_correction_that_names_no_outline_is_refused_with_its_file(tmp_path: Path) -> None:
    bids = copy_to(tmp_path)
    table = bids / "derivatives/outlines/sub-01/sub-01_lesions.tsv"
    table.write_text("session_id\tdrawn_id\tlesion_id\nses-02\t9\t1\n")
    done = run(bids, begun(tmp_path))
    assert any("sub-01_lesions.tsv" in words and "9" in words for words in done.failures)
