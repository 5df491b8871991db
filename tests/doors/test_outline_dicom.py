"""An outline from a clinical system: a structure of a SEG or RTSTRUCT becomes the mask that a run finds, or is refused in a sentence."""

import json
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

pydicom = pytest.importorskip("pydicom", reason="pydicom is an extra")
pytest.importorskip("highdicom", reason="highdicom is an extra")
sys.path.insert(0, str(Path(__file__).parents[1] / "rooms"))
from painted_objects import middle_mm, zone_map  # noqa: E402
from rt_series import AXIAL, ball, write_series  # noqa: E402

from afterglow.cli.main import app  # noqa: E402
from afterglow.io.bids import open_dataset  # noqa: E402
from afterglow.io.integrity import sha256  # noqa: E402
from afterglow.io.learning_labels import find_label_outlines  # noqa: E402
from afterglow.io.outlines import find_outlines, read_mask  # noqa: E402
from afterglow.io.rt_structures_write import write_structures  # noqa: E402
from afterglow.io.seg_write import write_segments  # noqa: E402
from afterglow.records.dose import Structure  # noqa: E402
from afterglow.records.grid import Grid  # noqa: E402

NIFTI = Grid(  # the voxels of the series, counted from the other corner, as converters do
    AXIAL.shape, AXIAL.affine @ np.array([[-1.0, 0, 0, AXIAL.shape[0] - 1], [0, -1.0, 0, AXIAL.shape[1] - 1], [0, 0, 1.0, 0], [0, 0, 0, 1]])
)  # fmt: skip


def write_study(root: Path, grid: Grid = NIFTI) -> Path:
    """A BIDS data set whose only image lies on that grid."""
    bids = root / "bids"
    anat = bids / "sub-01" / "ses-02" / "anat"
    anat.mkdir(parents=True)
    (bids / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.8.0"}')
    (bids / "sub-01" / "sub-01_sessions.tsv").write_text("session_id\tday\nses-02\t0\n")
    image = np.random.default_rng(1).uniform(100, 200, grid.shape).astype(np.float32)
    nib.save(nib.Nifti1Image(image, grid.affine), anat / "sub-01_ses-02_ce-gd_T1w.nii.gz")
    return bids


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Image, its DICOM series, and structures drawn on it."""
    root = tmp_path_factory.mktemp("clinical")
    reference = write_series(root / "dicom", AXIAL)
    middle = middle_mm(AXIAL)
    gtv = ball("GTV 1", AXIAL, 2.0, middle)
    tumour = Structure("GTV 1", gtv.share, AXIAL, "target")
    brain = ball("brain", AXIAL, 8.0, middle)
    speck = Structure("speck", 0.2 * ball("x", AXIAL, 0.1, middle).share, AXIAL, "target")
    write_structures(root / "rs.dcm", (tumour, brain, ball("nerve", AXIAL, 0.5, middle), speck), reference)
    write_structures(root / "one.dcm", (tumour,), reference)
    write_segments(root / "seg.dcm", zone_map(AXIAL, 8.0), reference)
    return root


def take(bids: Path, place: Path, name: str, *more: object):
    arguments = ("outline", bids, "01", "--session", "02", "--from-dicom", place / name, "--series", place / "dicom", *more)
    return CliRunner().invoke(app, [str(one) for one in arguments])


def refusal(bids: Path, place: Path, name: str, *more: object) -> str:
    done = take(bids, place, name, *more)
    assert done.exit_code == 1, done.output
    return str(done.exception)


def test_a_target_of_a_structure_set_becomes_the_lesion_of_its_visit(place: Path, tmp_path: Path) -> None:
    bids = write_study(tmp_path)
    done = take(bids, place, "rs.dcm", "--structure", "GTV 1")
    assert done.exit_code == 0, done.output
    assert "GTV 1: 2.0" in done.output
    (outline,) = find_outlines(open_dataset(bids), "01", "02")
    assert (outline.label, outline.lesion_id) == ("lesion", "1")
    mask, centre = read_mask(outline), outline.image.grid.to_mm
    true = ball("x", NIFTI, 2.0, middle_mm(AXIAL)).share > 0
    np.testing.assert_array_equal(mask, true)
    np.testing.assert_allclose(centre(np.argwhere(mask).mean(axis=0)), centre(np.argwhere(true).mean(axis=0)), atol=1e-3)
    told = json.loads(outline.path.with_name(outline.path.name.replace(".nii.gz", ".json")).read_text())
    assert told["Source"]["SHA256"] == sha256(place / "rs.dcm")
    assert told["Structure"] == "GTV 1"
    assert told["VolumeMl"] == pytest.approx(told["StructureVolumeMl"], rel=0.02)
    assert outline.path.with_name(outline.path.name.replace("_mask.nii.gz", "_outline.png")).is_file()


def test_a_segment_comes_voxel_by_voxel(place: Path, tmp_path: Path) -> None:
    bids = write_study(tmp_path)
    assert take(bids, place, "seg.dcm", "--structure", "tumour", "--lesion", "2").exit_code == 0
    (outline,) = find_outlines(open_dataset(bids), "01", "02")
    assert outline.lesion_id == "2"
    flipped = zone_map(AXIAL, 8.0).tumour[::-1, ::-1]
    np.testing.assert_array_equal(read_mask(outline), flipped)


def test_a_structure_is_what_its_name_says_or_what_a_person_says(place: Path, tmp_path: Path) -> None:
    bids = write_study(tmp_path)
    assert take(bids, place, "rs.dcm", "--structure", "brain").exit_code == 0
    assert take(bids, place, "one.dcm", "--as", "recurrence").exit_code == 0
    assert [one.label for one in find_outlines(open_dataset(bids), "01", "02")] == ["brain"]
    assert len(find_label_outlines(open_dataset(bids), "01", "02", None, label="recurrence")) == 1
    assert "is no target, and its name does not say what it is" in refusal(bids, place, "rs.dcm", "--structure", "nerve")


def test_an_outline_that_is_there_is_not_replaced_without_a_word(place: Path, tmp_path: Path) -> None:
    bids = write_study(tmp_path)
    assert take(bids, place, "one.dcm").exit_code == 0
    assert "is outlined already; give --overwrite" in refusal(bids, place, "one.dcm")
    assert take(bids, place, "one.dcm", "--overwrite").exit_code == 0


def test_what_cannot_be_taken_is_refused_in_a_sentence(place: Path, tmp_path: Path) -> None:
    bids = write_study(tmp_path)
    assert "it has no structure 'PTV'; there are GTV 1, brain, nerve, speck" in refusal(
        bids, place, "rs.dcm", "--structure", "PTV"
    )
    assert "name one with --structure" in refusal(bids, place, "rs.dcm")
    assert "it has no structure 'core'" in refusal(bids, place, "seg.dcm", "--structure", "core")
    assert "fills no voxel" in refusal(bids, place, "rs.dcm", "--structure", "speck")
    (tmp_path / "rs.txt").write_text("x")
    assert "it is not a DICOM file" in refusal(bids, place, tmp_path / "rs.txt")
    assert not list(bids.glob("derivatives/**/*.nii.gz"))


def test_bytes_of_any_kind_are_refused_as_no_dicom_file_or_a_damaged_one(place: Path, tmp_path: Path) -> None:
    from afterglow.io.seg_read import is_segmentation

    rng, whole = np.random.default_rng(3), (place / "seg.dcm").read_bytes()
    for n in range(100):
        odd = tmp_path / f"{n}.dcm"
        cut = int(rng.integers(0, 600))
        odd.write_bytes(rng.bytes(cut) if n % 2 else whole[:cut] + rng.bytes(40))
        assert is_segmentation(odd) in (True, False)
    assert is_segmentation(place / "seg.dcm")
    assert not is_segmentation(place / "one.dcm")


def test_another_frame_of_reference_and_open_contours_are_refused(place: Path, tmp_path: Path) -> None:
    bids = write_study(tmp_path)
    ds = pydicom.dcmread(place / "one.dcm")
    ds.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = "1.2.3"
    ds.save_as(tmp_path / "elsewhere.dcm")
    assert "frame of reference 1.2.3" in refusal(bids, place, tmp_path / "elsewhere.dcm")
    ds = pydicom.dcmread(place / "one.dcm")
    for contour in ds.ROIContourSequence[0].ContourSequence:
        contour.ContourGeometricType = "OPEN_PLANAR"
    ds.save_as(tmp_path / "open.dcm")
    assert "none of its 1 structures has a closed contour" in refusal(bids, place, tmp_path / "open.dcm")


def test_a_series_that_is_no_image_of_the_visit_is_refused_since_the_image_may_have_been_moved(
    place: Path, tmp_path: Path
) -> None:
    moved = NIFTI.affine.copy()
    moved[0, 3] += 2.5
    bids = write_study(tmp_path, Grid(NIFTI.shape, moved))
    assert "are those of no image of sub-01 ses-02" in refusal(bids, place, "one.dcm")


def test_a_click_beside_a_structure_or_a_structure_without_its_series_is_wrong_usage(place: Path, tmp_path: Path) -> None:
    bids = write_study(tmp_path)
    assert take(bids, place, "one.dcm", "--at", "0,0,0").exit_code == 2
    assert take(bids, place, "one.dcm", "--as", "liver").exit_code == 2
    alone = CliRunner().invoke(app, ["outline", str(bids), "01", "--session", "02", "--from-dicom", str(place / "one.dcm")])
    assert alone.exit_code == 2
