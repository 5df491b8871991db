"""The planning series as other objects see it: its slices in order, its voxels those of the NIfTI, and nothing invented."""

import shutil

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom", reason="pydicom is an extra")

from rt_series import AXIAL, THICK, TILTED, square, write_series  # noqa: E402

from afterglow.io.rt_reference import reference_series  # noqa: E402
from afterglow.records.errors import BadInput, GridMismatch, MissingInput  # noqa: E402
from afterglow.records.grid import Grid  # noqa: E402


@pytest.mark.parametrize("style", ["siemens", "ge", "philips", "enhanced"])
@pytest.mark.parametrize("grid", [AXIAL, THICK, square(TILTED)], ids=["axial", "thick", "tilted"])
def test_the_series_lies_where_its_voxels_are(tmp_path, style, grid):
    reference = write_series(tmp_path, grid, style)
    numbers = np.arange(grid.size, dtype=np.int32).reshape(grid.shape)
    turned = reference.arranged(numbers, grid, "numbers")
    index = np.argwhere(turned >= 0)[:: grid.size // 7]
    there = np.array(np.unravel_index(turned[tuple(index.T)], grid.shape)).T
    away = np.linalg.norm(reference.grid.to_mm(index.astype(float)) - grid.to_mm(there.astype(float)), axis=1)
    assert away.max() < 1e-3
    assert len(reference.instances) == grid.shape[2] and reference.frame_uid and reference.moment == ("20000101", "090000.000000")


def test_a_nifti_counted_the_other_way_is_the_same_grid(tmp_path):
    reference = write_series(tmp_path)
    flipped = AXIAL.affine.copy()
    flipped[:3, 3] = AXIAL.to_mm(np.array([35.0, 0.0, 23.0]))
    flipped[:3, 0], flipped[:3, 2] = -AXIAL.affine[:3, 0], -AXIAL.affine[:3, 2]
    swapped = flipped[:, [2, 0, 1, 3]]
    values = np.random.default_rng(1).random(AXIAL.shape)
    turned = values[::-1, :, ::-1].transpose(2, 0, 1)
    np.testing.assert_array_equal(
        reference.arranged(turned, Grid(turned.shape, swapped), "x"), reference.arranged(values, AXIAL, "x")
    )


@pytest.mark.parametrize("how", ["moved", "coarser", "smaller", "turned"])
def test_another_grid_is_not_taken_for_the_series(tmp_path, how):
    reference = write_series(tmp_path)
    affine, shape = AXIAL.affine.copy(), AXIAL.shape
    if how == "moved":
        affine[0, 3] += 2e-3
    if how == "coarser":
        affine[:3, 2] *= 1.0005
    if how == "smaller":
        shape = (36, 32, 23)
    if how == "turned":
        affine[:3, :3] = affine[:3, :3] @ np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
    with pytest.raises(GridMismatch, match="give the series that the planning image was made from"):
        reference.arranged(np.zeros(shape), Grid(shape, affine), "zones")


def test_files_that_are_no_dicom_are_passed_over(tmp_path):
    write_series(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "empty").write_bytes(b"")
    assert len(reference_series(tmp_path).instances) == 24


def test_a_folder_without_a_series_is_missing(tmp_path):
    with pytest.raises(MissingInput, match="no DICOM image"):
        reference_series(tmp_path)
    with pytest.raises(MissingInput, match="no such folder"):
        reference_series(tmp_path / "no")


def change(folder, name, **fields):
    path = folder / name
    ds = pydicom.dcmread(path)
    for key, value in fields.items():
        setattr(ds, key, value)
    ds.save_as(path)


def test_two_series_in_one_folder_are_refused(tmp_path):
    write_series(tmp_path)
    change(tmp_path, "00003.dcm", SeriesInstanceUID="1.2.3")
    with pytest.raises(BadInput, match="2 image series"):
        reference_series(tmp_path)


def test_a_missing_slice_is_noticed(tmp_path):
    write_series(tmp_path)
    (tmp_path / "00007.dcm").unlink()
    with pytest.raises(BadInput, match="one may be missing"):
        reference_series(tmp_path)


def test_two_volumes_are_not_one(tmp_path):
    write_series(tmp_path)
    shutil.copy(tmp_path / "00003.dcm", tmp_path / "again.dcm")
    with pytest.raises(BadInput, match="in one place"):
        reference_series(tmp_path)


def test_a_frame_of_reference_is_never_invented(tmp_path):
    write_series(tmp_path)
    for path in tmp_path.iterdir():
        change(tmp_path, path.name, FrameOfReferenceUID="")
    with pytest.raises(BadInput, match="none is invented"):
        reference_series(tmp_path)


def test_a_scout_among_the_slices_is_noticed(tmp_path):
    write_series(tmp_path)
    change(tmp_path, "00003.dcm", ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    with pytest.raises(BadInput, match="differ in direction"):
        reference_series(tmp_path)
