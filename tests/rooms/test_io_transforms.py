"""Claims about transforms and patients' spaces on the disk."""

import json

import numpy as np
import pytest
import SimpleITK as sitk
from align_heads import box, pose

from afterglow.align.images import from_transform
from afterglow.io.transforms import read_space, read_transform, space_path, transform_path, write_space, write_transform
from afterglow.records.alignment import Alignment
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.space import PatientSpace

MATRIX = pose((7, -4, 12), (3.3, -20.1, 1 / 3), np.array([5.0, -18.0, 10.0]))
VISIT = Alignment("ses-01", "patient", MATRIX, (("pairs", 1.0), ("consensus_mm", float("nan"))), trusted=True)
LOST = Alignment("ses-02", "patient", np.eye(4), (), trusted=False, remark="ses-02 is not used: another head")
SPACE = PatientSpace(box((7, 8, 9), (1, 1, 1), (0.1, 0.2, 1 / 7)), (VISIT, LOST), (), "in words", ("left and right",))


@pytest.fixture
def written(tmp_path):
    path = transform_path(tmp_path, "01", "02", source="T1w", target="patient")
    write_transform(path, VISIT)
    return path


def test_the_name_says_from_where_to_where(written, tmp_path):
    assert written == tmp_path / "sub-01/ses-02/anat/sub-01_ses-02_from-T1w_to-patient_mode-image_xfm.txt"


def test_itk_reads_the_same_map_that_was_written(written):
    np.testing.assert_allclose(from_transform(sitk.ReadTransform(str(written))), MATRIX, atol=1e-12)


def test_itk_resamples_an_image_from_the_source_to_the_target_with_it(written):
    """A spot at a point of the T1w must appear where the patient's space has that point."""
    grid = box((40, 40, 40), (2, 2, 2), (0, 0, 0))
    where = np.array([6.0, -4.0, 10.0])
    there = MATRIX @ [*where, 1.0]
    image = sitk.Image(40, 40, 40, sitk.sitkFloat32)
    image.SetSpacing((2, 2, 2))
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))  # the axes of a RAS grid in ITK's LPS
    image.SetOrigin((-grid.affine[0, 3], -grid.affine[1, 3], grid.affine[2, 3]))
    axes = [grid.to_mm(np.indices(grid.shape).reshape(3, -1).T.astype(float))]
    spot = np.exp(-((axes[0] - there[:3]) ** 2).sum(axis=1) / 50).reshape(grid.shape).astype(np.float32)
    source = sitk.GetImageFromArray(spot.transpose(2, 1, 0))
    source.CopyInformation(image)
    seen = sitk.GetArrayFromImage(sitk.Resample(source, image, sitk.ReadTransform(str(written)))).transpose(2, 1, 0)
    weight = seen.ravel() / seen.sum()
    np.testing.assert_allclose(weight @ axes[0], where, atol=0.05)


def test_every_digit_comes_back(written):
    np.testing.assert_array_equal(read_transform(written), MATRIX)


def test_what_itk_writes_with_a_centre_is_read(tmp_path):
    turned = sitk.AffineTransform(3)
    turned.SetCenter((10, -20, 30))
    turned.Rotate(0, 1, 0.3)
    turned.SetTranslation((1, 2, 3))
    path = tmp_path / "other.txt"
    sitk.WriteTransform(turned, str(path))
    np.testing.assert_allclose(read_transform(path), from_transform(turned), atol=1e-9)


def test_the_sidecar_states_the_direction(written):
    meaning = json.loads(written.with_suffix(".json").read_text())
    np.testing.assert_array_equal(meaning["Matrix"], MATRIX)
    assert (meaning["Source"], meaning["Target"], meaning["Type"]) == ("ses-01", "patient", "rigid")
    assert "takes a point of the space named by `to`" in meaning["Convention"]


def test_what_is_not_trusted_is_not_laid_out_for_use(tmp_path):
    with pytest.raises(ValueError, match="not trusted"):
        write_transform(tmp_path / "x.txt", LOST)
    paths = [one.path.name for one in write_space(tmp_path, "01", SPACE)]
    assert not any("ses-02" in name for name in paths)
    assert "sub-01_ses-01_from-T1w_to-patient_mode-image_xfm.txt" in paths


def test_a_space_comes_back_as_it_was(tmp_path):
    write_space(tmp_path, "01", SPACE)
    back = read_space(tmp_path, "01")
    np.testing.assert_array_equal(back.to_visit("01"), MATRIX)
    np.testing.assert_array_equal(back.grid.affine, SPACE.grid.affine)
    assert (back.grid.shape, back.flags, back.method) == (SPACE.grid.shape, SPACE.flags, SPACE.method)
    assert back.to_visit("02") is None
    assert back.visits[1].remark == LOST.remark
    assert back.visits[0].quality[0] == ("pairs", 1.0)
    assert np.isnan(back.visits[0].quality[1][1])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no transform"),
        ("#Insight Transform File V1.0\nTransform: BSplineTransform_double_3_3\nParameters: 1\n", "BSplineTransform"),
        (
            "#Insight Transform File V1.0\nTransform: AffineTransform_double_3_3\nParameters: 1 2 x\nFixedParameters: 0 0 0\n",
            "12",
        ),
        ("#Insight Transform File V1.0\nTransform: AffineTransform_double_3_3\nFixedParameters: 0 0 0\n", "12"),
    ],
)
def test_a_file_that_is_no_affine_transform_is_refused(tmp_path, text, words):
    path = tmp_path / "x.txt"
    path.write_text(text)
    with pytest.raises(BadInput, match=words):
        read_transform(path)


def test_what_is_missing_or_spoilt_is_named(tmp_path):
    with pytest.raises(MissingInput, match="sub-01"):
        read_space(tmp_path, "01")
    with pytest.raises(MissingInput):
        read_transform(tmp_path / "none.txt")
    write_space(tmp_path, "01", SPACE)
    path = space_path(tmp_path, "01")
    fields = json.loads(path.read_text())
    for spoil in ({"Version": 9}, {"Visits": [{}]}, {"Grid": {"Shape": [1], "Affine": []}}, {"Pairs": 3}, {"Flags": None}):
        path.write_text(json.dumps(fields | spoil))
        with pytest.raises(BadInput, match="patientspace"):
            read_space(tmp_path, "01")
    path.write_text("[]")
    with pytest.raises(BadInput, match="patientspace"):
        read_space(tmp_path, "01")
    path.write_text("{")
    with pytest.raises(BadInput, match="no JSON"):
        read_space(tmp_path, "01")
