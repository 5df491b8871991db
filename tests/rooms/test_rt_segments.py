"""SEG: the zones come back voxel by voxel, on the series they were drawn on and on no other."""

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom", reason="pydicom is an extra")
hd = pytest.importorskip("highdicom", reason="highdicom is an extra")
from painted_objects import zone_map  # noqa: E402
from rt_series import AXIAL, TILTED, dicom_errors, square, write_series  # noqa: E402

from afterglow.io.rt_reference import reference_series  # noqa: E402
from afterglow.io.seg_read import read_segments  # noqa: E402
from afterglow.io.seg_write import write_segments  # noqa: E402
from afterglow.records.dose import NOT_FOR_TREATMENT  # noqa: E402
from afterglow.records.errors import AfterglowError, BadInput, GridMismatch  # noqa: E402
from afterglow.records.grid import Grid  # noqa: E402
from afterglow.records.zones import TUMOUR, ZONE_WORDS, Zone, ZoneMap  # noqa: E402

SCAN = square(TILTED)


def as_labels(segments):
    """Label map of the zones among the segments."""
    labels = np.zeros(segments[0].share.shape, np.uint8)
    for zone, words in ZONE_WORDS.items():
        for one in segments:
            if one.name == words:
                labels[one.share > 0.5] = zone
    return labels


@pytest.fixture(scope="module", params=["siemens", "enhanced"])
def written(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("seg")
    reference = write_series(folder / "series", SCAN, request.param)
    zones = zone_map(SCAN, 8.0)
    write_segments(folder / "seg.dcm", zones, reference)
    return folder, reference, zones


def test_every_voxel_comes_back(written):
    folder, reference, zones = written
    segments = read_segments(folder / "seg.dcm", SCAN, frame_uid=reference.frame_uid, series_uid=reference.series_uid)
    np.testing.assert_array_equal(as_labels(segments), zones.labels)
    (tumour,) = [one for one in segments if one.name == TUMOUR]
    np.testing.assert_array_equal(tumour.share > 0, zones.tumour)
    assert tumour.kind == "target" and {one.kind for one in segments if one is not tumour} == {"zone"}


def test_highdicom_sees_the_same_voxels_at_the_same_place(written):
    folder, _, zones = written
    volume = hd.seg.segread(folder / "seg.dcm").get_volume(segment_numbers=[1])
    index = np.argwhere(volume.array[..., 0] > 0).astype(float)
    there = (volume.affine @ np.column_stack((index, np.ones(len(index)))).T).T[:, :3] * [-1, -1, 1]
    want = SCAN.to_mm(np.argwhere(zones.tumour).astype(float))
    order = [np.lexsort(np.round(points, 2).T) for points in (there, want)]
    assert np.abs(there[order[0]] - want[order[1]]).max() < 1e-3


def test_the_validator_finds_no_error(written):
    assert dicom_errors(written[0] / "seg.dcm") == []


def test_the_segments_say_how_they_were_made_and_what_for(written):
    folder, reference, _ = written
    ds = pydicom.dcmread(folder / "seg.dcm")
    assert ds.ContentDescription == NOT_FOR_TREATMENT and "NOT FOR TREATMENT" in ds.SeriesDescription
    assert (ds.ContentDate, ds.PatientID, ds.FrameOfReferenceUID) == ("20000101", "DIGITAL-01", reference.frame_uid)
    for item in ds.SegmentSequence:
        assert item.SegmentedPropertyTypeCodeSequence[0].CodeValue == "108369006"  # neoplasm
        assert item.SegmentAlgorithmType == "AUTOMATIC" and item.TrackingUID and item.SegmentationAlgorithmIdentificationSequence


def test_the_same_zones_give_the_same_bytes(written, tmp_path):
    folder, reference, zones = written
    write_segments(tmp_path / "again.dcm", zones, reference)
    assert (tmp_path / "again.dcm").read_bytes() == (folder / "seg.dcm").read_bytes()


def test_a_tumour_without_an_aggressive_zone_is_a_legal_result(written, tmp_path):
    _, reference, zones = written
    labels = np.where(zones.labels == Zone.AGGRESSIVE, np.uint8(Zone.PASSIVE), zones.labels)
    quiet = ZoneMap(labels, zones.reasons, zones.grid, (), zones.provenance)
    write_segments(tmp_path / "seg.dcm", quiet, reference)
    np.testing.assert_array_equal(as_labels(read_segments(tmp_path / "seg.dcm", SCAN)), labels)
    assert dicom_errors(tmp_path / "seg.dcm") == []


def test_no_tumour_makes_no_segmentation(written, tmp_path):
    _, reference, zones = written
    none = ZoneMap(np.zeros_like(zones.labels), zones.reasons, zones.grid, (), zones.provenance)
    with pytest.raises(BadInput, match="there is no tumour"):
        write_segments(tmp_path / "seg.dcm", none, reference)


def test_zones_of_another_grid_are_refused(written, tmp_path):
    with pytest.raises(GridMismatch, match="give the series that the planning image was made from"):
        write_segments(tmp_path / "seg.dcm", zone_map(AXIAL), written[1])


def test_a_segmentation_of_another_series_is_refused(written):
    path = written[0] / "seg.dcm"
    with pytest.raises(GridMismatch, match="it segments series"):
        read_segments(path, SCAN, series_uid="1.2.3")
    with pytest.raises(GridMismatch, match="its frame of reference is"):
        read_segments(path, SCAN, frame_uid="1.2.3")
    with pytest.raises(GridMismatch, match="does not lie on the voxels"):
        read_segments(path, AXIAL)


def test_a_grid_that_holds_the_segmented_slices_is_enough(written):
    affine = SCAN.affine.copy()
    affine[:3, 3] = SCAN.to_mm(np.array([-2.0, -3.0, -1.0]))
    larger = Grid((SCAN.shape[0] + 4, SCAN.shape[1] + 5, SCAN.shape[2] + 2), affine)
    labels = as_labels(read_segments(written[0] / "seg.dcm", larger))
    np.testing.assert_array_equal(labels[2:-2, 3:-2, 1:-1], written[2].labels)


@pytest.mark.parametrize("kind", ["LABELMAP", "FRACTIONAL"])
def test_other_kinds_of_segmentation_are_read_too(written, tmp_path, kind):
    _, reference, zones = written
    from pydicom.sr.codedict import codes

    brain = hd.seg.SegmentDescription(
        1, "brain", codes.SCT.AnatomicalStructure, codes.SCT.Brain, hd.seg.SegmentAlgorithmTypeValues.MANUAL
    )
    inside = reference.arranged(zones.tumour, SCAN, "x").transpose(2, 1, 0)
    order = np.argsort([one.frame for one in reference.instances]) if reference.instances[0].frame else slice(None)
    pixels = inside[order].astype(np.float32) * 0.5 if kind == "FRACTIONAL" else inside[order].astype(np.uint8)
    made = hd.seg.Segmentation(
        list(reference.datasets), pixels, kind, [brain], hd.UID(), 5, hd.UID(), 1, "someone", "something", "1", "2"
    )
    made.save_as(tmp_path / "seg.dcm")
    (got,) = read_segments(tmp_path / "seg.dcm", SCAN)
    np.testing.assert_allclose(got.share, zones.tumour * (0.5 if kind == "FRACTIONAL" else 1.0), atol=0.003)
    assert got.kind == "organ"


def test_a_date_is_never_invented(tmp_path):
    write_series(tmp_path / "series")
    for path in (tmp_path / "series").iterdir():
        ds = pydicom.dcmread(path)
        for kind in ("Series", "Study", "Acquisition", "Content"):
            setattr(ds, f"{kind}Date", "")
        ds.save_as(path)
    with pytest.raises(BadInput, match="none is invented"):
        write_segments(tmp_path / "seg.dcm", zone_map(AXIAL), reference_series(tmp_path / "series"))


def test_a_file_that_ends_too_early_is_refused(written, tmp_path):
    whole = (written[0] / "seg.dcm").read_bytes()
    for cut in np.linspace(200, len(whole) - 40, 15).astype(int):
        (tmp_path / "cut.dcm").write_bytes(whole[:cut])
        with pytest.raises(AfterglowError):
            read_segments(tmp_path / "cut.dcm", SCAN)
