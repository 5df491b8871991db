"""A digital visit as DICOM: each style is read back by its own tags, by nibabel, and by an independent validator where there is one."""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rooms import dicom_exams as made
from tests.rooms.dicom_reading import slope_of, upright, volume

from afterglow.flows.digital_dicom import EPOCH, write_exam_dicom
from afterglow.io.dicom_nouns import DicomSeries, DicomVisit
from afterglow.io.dicom_write import STYLES, write_dicom_series
from afterglow.records.errors import MissingInput
from afterglow.records.grid import Grid
from afterglow.records.protocol import Anatomy
from afterglow.simulate.series import DigitalSeries

pydicom = pytest.importorskip("pydicom", reason="pydicom is an extra")

EXAM = made.exam()
ROLES = [series.role for series in EXAM.series]
DYNAMIC = ("dce", "dsc-ge", "dsc-se")
Files = Mapping[str, Mapping[str, list[Any]]]  # style -> folder name -> data sets in the order of their files


def written(folder: Path, style: str, day: float = 93.0, **changed: Any) -> tuple[Any, ...]:
    told = {"cohort": "test", "subject": "01", "participant": made.PARTICIPANT, "body_part": "BRAIN", "told": made.TOLD}
    return write_exam_dicom(made.exam(day), folder, style, **{**told, **changed})


def read(folder: Path) -> dict[str, list[Any]]:
    places = sorted((folder / "sub-01" / "ses-02").iterdir())
    return {place.name: [pydicom.dcmread(path) for path in sorted(place.iterdir())] for place in places}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    places = {style: tmp_path_factory.mktemp(style) for style in STYLES}
    for style, place in places.items():
        written(place, style)
    return places


@pytest.fixture(scope="module")
def files(folders: Mapping[str, Path]) -> Files:
    return {style: read(place) for style, place in folders.items()}


def series_of(files: Files, style: str, number: int) -> list[Any]:
    return files[style][f"{number + 1:02d}-{ROLES[number]}"]


def numbered(role: str) -> int:
    return ROLES.index(role)


def truth(series: DigitalSeries) -> tuple[np.ndarray, np.ndarray, bool]:
    stored = series.image.stored
    return upright(stored if stored.ndim == 4 else stored[..., None], series.image.grid.affine)


cases = pytest.mark.parametrize(("style", "number"), [(s, n) for s in STYLES for n in range(len(ROLES))])


@cases
def test_stored_numbers_and_their_places_come_back(files: Files, style: str, number: int) -> None:
    series = EXAM.series[number]
    array, affine, _ = volume(series_of(files, style, number), style)
    (got, got_affine, _), (want, want_affine, _) = upright(array, affine), truth(series)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_allclose(got_affine, want_affine, rtol=0, atol=1e-4)


@cases
def test_stored_numbers_times_the_slope_of_the_style_are_the_values(files: Files, style: str, number: int) -> None:
    ds = series_of(files, style, number)[0]
    if style == "enhanced":
        ds = ds.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence[0]
    slope, image = slope_of(ds, style), EXAM.series[number].image
    got = image.stored.astype(np.float32) * slope
    # Philips' scale slope is the float32 of a reciprocal, and cannot be better than that
    np.testing.assert_allclose(got, image.values(), rtol=2e-7 if style == "philips" else 0, atol=0)


@pytest.mark.parametrize("role", DYNAMIC)
@pytest.mark.parametrize("style", STYLES)
def test_times_come_back_from_the_tags_of_the_style_alone(files: Files, style: str, role: str) -> None:
    number = numbered(role)
    series = EXAM.series[number]
    array, affine, when = volume(series_of(files, style, number), style)
    seconds = np.array([[(one - EPOCH).total_seconds() - 93 * 86400 for one in row] for row in when])
    delays = np.array(series.slice_times_s or [0.0] * 4)
    if style == "philips":  # it has no place for the time of a slice
        delays = np.zeros(4)
    if upright(array, affine)[2] != truth(series)[2]:
        delays = delays[::-1]
    want = series.start_s + np.asarray(series.times_s)[:, None] + delays
    np.testing.assert_allclose(seconds, want, rtol=0, atol=1e-3)


@pytest.mark.parametrize("style", STYLES)
def test_a_series_may_cross_midnight(tmp_path: Path, style: str) -> None:
    """The DCE series starts 10 minutes after a visit that starts 10 s before 23:50."""
    day = 93.0 + (14 * 3600 + 50 * 60 - 10) / 86400
    written(tmp_path, style, day)
    when = volume(series_of({style: read(tmp_path)}, style, numbered("dce")), style)[2]
    start = EPOCH + timedelta(days=day)
    seconds = [(row[0] - start).total_seconds() for row in when]
    np.testing.assert_allclose(seconds, 600.0 + made.DCE_TIMES_S, rtol=0, atol=1e-3)
    assert when[0][0].date() != when[-1][0].date()


@pytest.mark.parametrize("style", STYLES)
def test_the_same_visit_gives_the_same_bytes(folders: Mapping[str, Path], tmp_path: Path, style: str) -> None:
    again = written(tmp_path, style)
    assert {file.path.relative_to(tmp_path): file.path.read_bytes() for file in again} == {
        path.relative_to(folders[style]): path.read_bytes() for path in folders[style].rglob("*.dcm")
    }


def test_no_two_instances_of_any_style_share_a_uid(files: Files) -> None:
    uids = [ds.SOPInstanceUID for style in files.values() for sets in style.values() for ds in sets]
    assert len(set(uids)) == len(uids)
    assert all(one.is_valid and one.startswith("2.25.") for one in uids)
    studies = {style: {ds.StudyInstanceUID for sets in places.values() for ds in sets} for style, places in files.items()}
    assert all(len(found) == 1 for found in studies.values()) and len(set.union(*studies.values())) == len(STYLES)


def test_another_cohort_has_other_uids(files: Files, tmp_path: Path) -> None:
    written(tmp_path, "enhanced", cohort="another")
    ours = {ds.SOPInstanceUID for sets in files["enhanced"].values() for ds in sets}
    assert not ours & {ds.SOPInstanceUID for sets in read(tmp_path).values() for ds in sets}


@pytest.mark.parametrize("style", STYLES)
def test_the_dose_can_be_computed_from_volume_weight_and_product(files: Files, style: str) -> None:
    ds = series_of(files, style, numbered("dce"))[0]
    holder = ds.ContrastBolusAgentSequence[0] if style == "enhanced" else ds
    profile = holder.ContrastAdministrationProfileSequence[0] if style == "enhanced" else ds
    assert float(holder.ContrastBolusVolume) * 1.0 / float(ds.PatientWeight) == pytest.approx(0.1)  # gadobutrol: 1 mmol/mL
    assert profile.ContrastBolusStartTime == "091005.000000"
    assert float(profile.ContrastFlowRate) == 3.0


def test_without_a_weight_no_volume_is_made_up(tmp_path: Path) -> None:
    written(tmp_path, "siemens", participant={})
    ds = read(tmp_path)["08-dce"][0]
    assert "ContrastBolusVolume" not in ds and "PatientWeight" not in ds and ds.ContrastBolusAgent == "gadobutrol"


@pytest.mark.parametrize("style", STYLES)
def test_physics_is_in_milliseconds_degrees_and_tesla(files: Files, style: str) -> None:
    for role, tr_ms, te_ms, flip_deg in (("dce", 5.0, 2.0, 15.0), ("dsc-se", 1600.0, 70.0, 90.0), ("T1w", 2000.0, 3.0, 8.0)):
        ds = series_of(files, style, numbered(role))[0]
        shared = ds.SharedFunctionalGroupsSequence[0] if style == "enhanced" else None
        timing = shared.MRTimingAndRelatedParametersSequence[0] if shared else ds
        echo = shared.MREchoSequence[0].EffectiveEchoTime if shared else ds.EchoTime
        found = (float(timing.RepetitionTime), float(echo), float(timing.FlipAngle))
        assert found == pytest.approx((tr_ms, te_ms, flip_deg))
        assert float(ds.MagneticFieldStrength) == 3.0
        assert (shared.MRImagingModifierSequence[0].TransmitterFrequency if shared else ds.ImagingFrequency) == pytest.approx(
            127.7324
        )


@pytest.mark.parametrize("style", STYLES)
def test_b_values_stand_in_the_standard_tag_too(files: Files, style: str) -> None:
    sets = series_of(files, style, numbered("dwi"))
    groups = [one.MRDiffusionSequence[0] for one in sets[0].PerFrameFunctionalGroupsSequence] if style == "enhanced" else sets
    assert {float(one.DiffusionBValue) for one in groups} == set(made.B_S_MM2)


def test_where_nobody_tells_the_header_is_silent(tmp_path: Path) -> None:
    for style in ("siemens", "enhanced"):
        written(tmp_path / style, style, told=None)
    classic, enhanced = read(tmp_path / "siemens")["01-T1w"][0], read(tmp_path / "enhanced")["01-T1w"][0]
    assert classic.RepetitionTime is None and classic.EchoTime is None and "FlipAngle" not in classic
    assert enhanced.ImageType[0] == "DERIVED"
    assert "MRTimingAndRelatedParametersSequence" not in enhanced.SharedFunctionalGroupsSequence[0]


def test_philips_rescale_slope_is_not_the_one_that_counts(files: Files) -> None:
    first, second = (series_of(files, "philips", n)[0] for n in (5, 6))
    assert first[0x2005, 0x100E].value == second[0x2005, 0x100E].value
    assert all(float(ds.RescaleSlope) != pytest.approx(0.2137, rel=0.1) for ds in (first, second))


def test_nobody_could_take_the_patient_for_a_real_one(files: Files) -> None:
    for style in files.values():
        for ds in (sets[0] for sets in style.values()):
            assert ds.PatientName == "DIGITAL^PATIENT 01" and "imulated" in ds.ImageComments
            assert "PatientIdentityRemoved" not in ds and ds.PatientBirthDate == ""


def series(affine: np.ndarray) -> DicomSeries:
    shape = (3, 3, 2)
    return DicomSeries(1, "T1w", "T1w", np.zeros(shape, np.int16), 1.0, Grid(shape, affine), Anatomy("T1w"), 3.0)


VISIT = DicomVisit("test", "01", "01", EPOCH, "BRAIN")


@pytest.mark.parametrize("style", STYLES)
def test_numbers_below_zero_and_above_twelve_bits_come_back(tmp_path: Path, style: str) -> None:
    one = series(np.eye(4))
    numbers = np.linspace(-32768, 32767, 18).astype(np.int16).reshape(3, 3, 2)
    files = write_dicom_series(replace(one, stored=numbers), VISIT, tmp_path, style)
    array, affine, _ = volume([pydicom.dcmread(file.path) for file in files], style)
    np.testing.assert_array_equal(upright(array, affine)[0][..., 0], numbers)


def test_a_skewed_grid_is_refused(tmp_path: Path) -> None:
    affine = np.eye(4)
    affine[0, 1] = 0.2
    with pytest.raises(ValueError, match="right angle"):
        write_dicom_series(series(affine), VISIT, tmp_path, "ge")


def test_an_unknown_style_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="siemens, ge, philips, enhanced"):
        write_dicom_series(series(np.eye(4)), VISIT, tmp_path, "toshiba")


def test_without_pydicom_the_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent: Callable[[str], None] = lambda _: None  # noqa: E731
    monkeypatch.setattr("importlib.util.find_spec", absent)
    with pytest.raises(MissingInput, match=r"pip install 'afterglow\[dicom\]'"):
        write_dicom_series(series(np.eye(4)), VISIT, tmp_path, "ge")


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
@pytest.mark.parametrize("style", STYLES)
def test_an_independent_validator_finds_no_error(folders: Mapping[str, Path], style: str) -> None:
    """But GE's own: TriggerTime, where the standard wants it for gated scans alone."""
    for place in sorted((folders[style] / "sub-01" / "ses-02").iterdir()):
        report = subprocess.run(["dciodvfy", str(sorted(place.iterdir())[-1])], capture_output=True, text=True, check=False)
        errors = [line for line in (report.stdout + report.stderr).splitlines() if line.startswith("Error")]
        assert [line for line in errors if not (style == "ge" and "TriggerTime" in line)] == []
