"""The whole way of a painted patient: simulated, run, painted again with what a person adds, every file read back."""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from afterglow.cli.main import app
from afterglow.flows.method import load_method, method_text
from afterglow.flows.paint_curves import concentration_again
from afterglow.flows.verify import verify_output
from afterglow.flows.visit import role_patterns
from afterglow.io.bids import open_dataset
from afterglow.io.dicom_nouns import DicomSeries, DicomVisit
from afterglow.io.dicom_write import write_dicom_series
from afterglow.io.dosimetry import read_dosimetry_table
from afterglow.io.exam import read_exam
from afterglow.io.measurements import read_measurements
from afterglow.io.nifti import read_image
from afterglow.io.results import read_exam_result
from afterglow.io.zone_curves import read_zone_curves
from afterglow.io.zones import PaintedPlace, read_painted
from afterglow.records.dose import NOT_FOR_TREATMENT
from afterglow.records.protocol import Anatomy
from afterglow.records.zones import Zone

SUBJECT = "01"


def invoke(*arguments: object):
    return CliRunner().invoke(app, [str(one) for one in arguments])


def quick_method(folder: Path) -> Path:
    """The shipped method on a coarser planning grid, with fewer points and draws."""
    text = method_text("seyithanoglu2025")
    for old, new in (
        ("grid_mm = 1.5", "grid_mm = 3.0"), ("candidates = 120", "candidates = 30"), ("target_points = 1000", "target_points = 200"),
        ("shell_points = 250", "shell_points = 60"), ("draws = 8", "draws = 2"), ("rounds = 3", "rounds = 2"),
    ):  # fmt: skip
        assert old in text
        text = text.replace(old, new)
    path = folder / "quick.toml"
    path.write_text(text)
    load_method(str(path))
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A followed patient, simulated coarsely and run once."""
    root = tmp_path_factory.mktemp("painted")
    method = quick_method(root)
    made = invoke("simulate", "seyithanoglu2025", root / "study", "--patients", 1, "--size", "coarse", "--seed", 8)
    assert made.exit_code == 0, made.output
    done = invoke("run", root / "study" / "bids", root / "out", "participant", "--method", method)
    assert done.exit_code == 0, done.output
    return root


def paint(place: Path, *more: object):
    return invoke("paint", place / "study" / "bids", place / "out", SUBJECT, "--method", place / "quick.toml", *more)


def session(place: Path) -> str:
    return next(place.glob("out/sub-01/ses-*/dose")).parent.name.removeprefix("ses-")


@pytest.mark.slow
def test_a_run_leaves_zones_doses_and_their_figures_and_says_in_the_report_what_they_are_not(place: Path) -> None:
    found = read_painted(PaintedPlace(place / "out", SUBJECT, session(place)))
    tumour = found.zones.tumour
    assert found.zones.volume_ml(Zone.AGGRESSIVE) > 0.5
    assert found.prescription.dose_gy[tumour].min() >= 15
    assert found.prescription.dose_gy.max() <= 18
    rows = read_dosimetry_table(place / "out" / "dosimetry.tsv")
    told = {(row.figure.plan, row.figure.structure, row.figure.name): row.figure.value for row in rows}
    for plan in ("uniform", "painted"):
        assert told[plan, "brain", "integral_dose"] == pytest.approx(
            told[plan, "brain", "mean_dose"] * told[plan, "brain", "mass"], rel=1e-5
        )
    assert told["painted", "aggressive", "mean_dose"] > told["uniform", "aggressive", "mean_dose"]
    page = (place / "out" / "sub-01.html").read_text()
    assert page.count(NOT_FOR_TREATMENT) >= 2
    assert not verify_output(place / "out", place / "study" / "bids")


@pytest.mark.slow
def test_what_is_painted_is_not_painted_again(place: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in place.glob("out/sub-01/**/dose/*")}
    assert before
    assert paint(place).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in place.glob("out/sub-01/**/dose/*")} == before


@pytest.mark.slow
def test_zones_are_measured_at_the_painted_visit_on_their_own_grid(place: Path) -> None:
    rows = read_measurements(next(place.glob("out/sub-01/ses-*/perf/*_desc-zones_measurements.tsv")))
    regions = {row.region for row in rows if row.quantity == "iaugc60" and row.n_voxels > 0}
    assert "aggressive" in regions
    middle = {row.region: row.value for row in rows if (row.quantity, row.statistic) == ("iaugc60", "median")}
    assert middle["aggressive"] > middle["not aggressive"]


@pytest.mark.slow
def test_with_the_planning_series_objects_are_written_and_hold_the_zones(place: Path) -> None:
    from afterglow.io.rt_structures_read import read_structures

    image = read_image(next((place / "study" / "bids").glob(f"sub-01/ses-{session(place)}/anat/*_ce-gadolinium_T1w.nii.gz")))
    visit = DicomVisit("paint", SUBJECT, session(place), datetime(2000, 1, 1), "BRAIN", "F", 54.0, 70.0)
    stored = np.clip(np.rint(image.load()), 0, 32000).astype(np.int16)
    folder = place / "dicom"
    write_dicom_series(
        DicomSeries(1, "CE-T1w", "planning", stored, 1.0, image.grid, Anatomy("T1w"), 1.5), visit, folder, "siemens"
    )
    told = paint(place, "--planning-series", folder, "--json")
    assert told.exit_code == 0, told.output
    names = {Path(path).name for path in json.loads(told.output)["objects"]}
    assert {"zones_seg.dcm", "zones_rtstruct.dcm", "prescription_rtdose.dcm"} <= names
    written = next(place.glob("out/sub-01/ses-*/dose/zones_rtstruct.dcm"))
    back = {one.name: one.volume_ml for one in read_structures(written, image.grid)}
    delivered = ("--planning-series", folder, "--rtdose", written.with_name("plan-painted_rtdose.dcm"), "--rtstruct", written)
    again = paint(place, *delivered, "--prescribed", 18, "--objects", "rtdose", "--json")
    assert again.exit_code == 0, again.output
    figures = {(one["plan"], one["structure"], one["name"]): one["value"] for one in json.loads(again.output)["figures"]}
    assert figures["delivered", "dose grid", "V12"] == pytest.approx(figures["painted", "dose grid", "V12"], rel=1e-3)
    assert figures["delivered", "dose grid", "gamma_passing"] == figures["painted", "dose grid", "gamma_passing"]
    elsewhere = place / "elsewhere"
    other = DicomVisit("other", SUBJECT, "x", datetime(2001, 1, 1), "BRAIN", "F", 54.0, 70.0)
    write_dicom_series(
        DicomSeries(1, "CE-T1w", "planning", stored, 1.0, image.grid, Anatomy("T1w"), 1.5), other, elsewhere, "siemens"
    )
    refused = paint(place, *(elsewhere if one is folder else one for one in delivered), "--prescribed", 18)
    assert refused.exit_code == 1
    assert "frame of reference" in str(refused.exception)
    found = read_painted(PaintedPlace(place / "out", SUBJECT, session(place))).zones
    whole_ml = float(np.count_nonzero(found.tumour)) * found.grid.voxel_ml
    assert back["tumour"] == pytest.approx(whole_ml, rel=0.15)  # voxels of 3 mm laid on those of 4 mm


@pytest.mark.slow
def test_the_zones_have_curves_made_from_the_concentrations_that_the_maps_were_made_from(place: Path) -> None:
    one = session(place)
    curves = {curve.zone: curve for curve in read_zone_curves(place / "out", SUBJECT, one)}
    assert curves["aggressive"].mean_mM.max() > 5 * abs(curves["aggressive"].mean_mM[0])
    method, dataset = load_method(str(place / "quick.toml")), open_dataset(place / "study" / "bids")
    again = concentration_again(read_exam(dataset, SUBJECT, one, role_patterns(method)), method)
    stored = read_exam_result(place / "out", SUBJECT, one).result
    lesion = next(curve for curve in stored.curves if curve.label == "lesion 1")
    np.testing.assert_allclose(again.of(stored.lesions[0].mask).mean(axis=0), lesion.measured_mM, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--retest", "nowhere"), "there is no second scan ses-nowhere"),
        (("--by", "gone.nii.gz"), "there is no such file"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(place: Path, more: tuple[str, ...], words: str) -> None:
    done = paint(place, *more)
    assert done.exit_code == 1
    assert words in str(done.exception)


def test_objects_without_the_series_they_refer_to_are_wrong_usage_and_a_plan_is_never_written(tmp_path: Path) -> None:
    assert invoke("paint", tmp_path, tmp_path / "out", SUBJECT, "--objects", "seg").exit_code == 2
    refused = invoke("paint", tmp_path, tmp_path / "out", SUBJECT, "--objects", "rtplan", "--planning-series", tmp_path)
    assert refused.exit_code == 1
    assert "RTPLAN" in str(refused.exception)


def test_a_method_that_does_not_paint_is_refused(tmp_path: Path) -> None:
    done = invoke("paint", tmp_path, tmp_path / "out", SUBJECT, "--method", "behar2023")
    assert done.exit_code == 1
    assert "it has no [paint]" in str(done.exception)
