"""RTDOSE: the dose comes back where it was, in Gy; what is no dose of a whole plan in Gy is refused."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom", reason="pydicom is an extra")
import SimpleITK as sitk  # noqa: E402
from painted_objects import plan  # noqa: E402
from pydicom.uid import RLELossless  # noqa: E402
from rt_series import AXIAL, TILTED, dicom_errors, square, write_series  # noqa: E402

from afterglow.io.rt_alignment import placed  # noqa: E402
from afterglow.io.rt_dose_read import read_dose  # noqa: E402
from afterglow.io.rt_dose_write import write_dose  # noqa: E402
from afterglow.records.dose import DoseGrid  # noqa: E402
from afterglow.records.errors import AfterglowError, BadInput, CorruptFile, GridMismatch  # noqa: E402
from afterglow.records.grid import Grid  # noqa: E402

PLASTIMATCH = Path(sys.executable).with_name("plastimatch")
OWN = Grid((20, 17, 9), np.array([[1.5, 0, 0, -14], [0, 1.5, 0, -12], [0, 0, -2.5, 10], [0, 0, 0, 1.0]]))
SAGITTAL = Grid((12, 14, 9), np.array([[0, 0, 3.0, -6.0], [-1.1, 0, 0, 30.0], [0, -1.1, 0, 40.0], [0, 0, 0, 1.0]]))


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return write_series(tmp_path_factory.mktemp("rt") / "series")


@pytest.fixture
def path(reference, tmp_path):
    write_dose(tmp_path / "rd.dcm", plan(AXIAL, with_gap=False).dose, reference, name="Plan painted")
    return tmp_path / "rd.dcm"


@pytest.mark.parametrize("grid", [AXIAL, OWN, SAGITTAL, square(TILTED)], ids=["axial", "own", "sagittal", "tilted"])
def test_the_dose_comes_back_to_a_millionth_at_its_own_place(reference, tmp_path, grid):
    want = plan(grid, with_gap=False).dose
    write_dose(tmp_path / "rd.dcm", want, reference, name="Plan painted")
    got = read_dose(tmp_path / "rd.dcm", frame_uid=reference.frame_uid)
    there = placed(np.asarray(got.dose_gy), got.grid, grid)  # None where a voxel is a thousandth of a millimetre off
    assert there is not None
    assert np.abs(there - want.dose_gy).max() <= 1e-6 * float(want.dose_gy.max())
    assert (got.origin, got.frame_uid) == ("delivered plan", reference.frame_uid)


def test_a_rim_without_dose_is_cut_off_and_a_gap_is_refused(reference, tmp_path):
    want = plan(AXIAL, with_gap=False).dose
    dose = np.array(want.dose_gy)
    dose[:3], dose[:, -2:] = np.nan, np.nan
    write_dose(tmp_path / "rd.dcm", DoseGrid(dose, AXIAL, "research kernel", "kernel"), reference, name="Plan")
    got = read_dose(tmp_path / "rd.dcm")
    assert sorted(got.grid.shape) == sorted((33, 30, 24))
    back = placed(np.asarray(got.dose_gy), got.grid, AXIAL)
    np.testing.assert_allclose(back[3:, :-2], dose[3:, :-2], atol=1e-5)
    dose[20, 10, 10] = np.nan
    with pytest.raises(BadInput, match="1 voxels inside it have no dose"):
        write_dose(tmp_path / "no.dcm", DoseGrid(dose, AXIAL, "research kernel", "kernel"), reference, name="Plan")


@pytest.mark.parametrize("origin", ["prescription", "research kernel", "delivered plan"])
def test_every_dose_says_what_it_is(reference, tmp_path, origin):
    dose = dataclasses.replace(plan(AXIAL, with_gap=False).dose, origin=origin)
    write_dose(tmp_path / "rd.dcm", dose, reference, name="Dose")
    ds = pydicom.dcmread(tmp_path / "rd.dcm")
    assert "NOT FOR TREATMENT" in ds.SeriesDescription and "not for treatment" in ds.DoseComment and len(ds.DoseComment) <= 64
    assert ("PRESCRIPTION - not calculated dose" in ds.DoseComment) == (origin == "prescription")
    assert (ds.DoseUnits, ds.DoseType, ds.DoseSummationType) == ("GY", "PHYSICAL", "PLAN")
    assert ds.FrameOfReferenceUID == reference.frame_uid and ds.PatientID == "DIGITAL-01"


def test_the_validator_finds_no_error(path, tmp_path):
    """Debian's dciodvfy stops at 32-bit pixels (an assertion of its own); it is given the same file with 16 bits."""
    ds = pydicom.dcmread(path)
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
    ds.PixelData = bytes(ds.Rows * ds.Columns * int(ds.NumberOfFrames) * 2)
    ds.save_as(tmp_path / "sixteen.dcm")
    assert dicom_errors(tmp_path / "sixteen.dcm") == []


@pytest.mark.skipif(not PLASTIMATCH.is_file(), reason="plastimatch (a wheel) is not installed")
def test_plastimatch_reads_the_same_dose(path, tmp_path):
    command = [str(PLASTIMATCH), "convert", "--input", str(path), "--output-dose-img", str(tmp_path / "dose.mha")]
    subprocess.run(command, check=True, capture_output=True)
    image = sitk.ReadImage(str(tmp_path / "dose.mha"))
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])
    affine[:3, :3] = affine[:3, :3] @ np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = np.array(image.GetOrigin()) * [-1, -1, 1]
    array = sitk.GetArrayFromImage(image).transpose(2, 1, 0)
    there = placed(array, Grid(array.shape, affine), AXIAL)
    np.testing.assert_allclose(there, plan(AXIAL, with_gap=False).dose.dose_gy, rtol=0, atol=1e-4)


def test_the_same_dose_gives_the_same_bytes(path, reference, tmp_path):
    write_dose(tmp_path / "again.dcm", plan(AXIAL, with_gap=False).dose, reference, name="Plan painted")
    assert (tmp_path / "again.dcm").read_bytes() == path.read_bytes()


def test_a_dose_of_another_frame_of_reference_is_refused(reference, path, tmp_path):
    with pytest.raises(GridMismatch, match="register the two first"):
        read_dose(path, frame_uid="1.2.3")
    dose = dataclasses.replace(plan(AXIAL, with_gap=False).dose, frame_uid="1.2.3")
    with pytest.raises(BadInput, match=r"its frame of reference is 1\.2\.3"):
        write_dose(tmp_path / "no.dcm", dose, reference, name="Plan")


# What planning systems write otherwise, and what must not pass.


def changed(path, **fields):
    ds = pydicom.dcmread(path)
    for name, value in fields.items():
        if value is None:
            del ds[name]
        else:
            setattr(ds, name, value)
    ds.save_as(path)
    return path


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"DoseUnits": "RELATIVE"}, "in RELATIVE, not in GY"),
        ({"DoseType": "ERROR"}, "type ERROR, not PHYSICAL"),
        ({"DoseType": "EFFECTIVE"}, "type EFFECTIVE, not PHYSICAL"),
        ({"DoseSummationType": "BEAM"}, "dose of one BEAM alone"),
        ({"DoseGridScaling": "1e-6"}, "as if it were in cGy"),
        ({"DoseGridScaling": "0"}, "DoseGridScaling is 0"),
        ({"DoseGridScaling": None}, "it has no DoseGridScaling"),
        ({"GridFrameOffsetVector": [0.0, 1.0]}, "2 values for 24 frames"),
        ({"GridFrameOffsetVector": [float(n * n) for n in range(24)]}, "mm apart"),
        ({"GridFrameOffsetVector": [float(n) + 500 for n in range(24)]}, "neither 0 nor the height"),
        ({"ImageOrientationPatient": [1, 0, 0, 0.5, 1, 0]}, "not at right angles"),
        ({"PixelData": None}, "it has no PixelData"),
        ({"BitsAllocated": 8}, "8 bits"),
    ],
)
def test_what_is_no_dose_of_a_whole_plan_in_gy_is_refused(path, fields, words):
    with pytest.raises(BadInput, match=words):
        read_dose(changed(path, **fields))


def test_a_dose_without_dose_is_refused(path):
    ds = pydicom.dcmread(path)
    ds.PixelData = bytes(len(ds.PixelData))
    ds.save_as(path)
    with pytest.raises(BadInput, match="every voxel is zero"):
        read_dose(path)


def test_offsets_may_be_heights_of_axial_frames(path):
    want = read_dose(path)
    ds = pydicom.dcmread(path)
    first = float(ds.ImagePositionPatient[2])
    ds.GridFrameOffsetVector = [first + float(v) for v in ds.GridFrameOffsetVector]
    ds.save_as(path)
    assert read_dose(path).grid.same_as(want.grid)


def test_frames_may_run_downwards(path):
    want = read_dose(path)
    ds = pydicom.dcmread(path)
    frames = ds.pixel_array[::-1]
    ds.ImagePositionPatient[2] = float(ds.ImagePositionPatient[2]) + float(ds.GridFrameOffsetVector[-1])
    ds.GridFrameOffsetVector = [-float(v) for v in ds.GridFrameOffsetVector]
    ds.PixelData = np.ascontiguousarray(frames).tobytes()
    ds.save_as(path)
    got = read_dose(path)
    np.testing.assert_array_equal(placed(np.asarray(got.dose_gy), got.grid, want.grid), want.dose_gy)


def test_a_compressed_dose_is_unpacked(path, tmp_path):
    ds = pydicom.dcmread(path)
    ds.PixelData = (ds.pixel_array >> 16).astype("<u2").tobytes()
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.DoseGridScaling = 16, 16, 15, f"{float(ds.DoseGridScaling) * 65536:.9E}"
    ds.save_as(path)
    want = read_dose(path)
    ds.compress(RLELossless)
    ds.save_as(tmp_path / "rle.dcm")
    np.testing.assert_array_equal(read_dose(tmp_path / "rle.dcm").dose_gy, want.dose_gy)


def test_a_folder_is_not_a_dose(tmp_path):
    with pytest.raises(BadInput, match="give the one RTDOSE file"):
        read_dose(tmp_path)


def test_a_file_that_ends_too_early_is_refused(path, tmp_path):
    whole = path.read_bytes()
    for cut in np.linspace(200, len(whole) - 1, 25).astype(int):
        (tmp_path / "cut.dcm").write_bytes(whole[:cut])
        with pytest.raises(AfterglowError):
            read_dose(tmp_path / "cut.dcm")
    (tmp_path / "cut.dcm").write_bytes(whole[:-1000])
    with pytest.raises(CorruptFile):
        read_dose(tmp_path / "cut.dcm")
