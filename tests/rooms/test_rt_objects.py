"""All objects of a painted visit: one call, one frame of reference, and no plan for a machine."""

import dataclasses
import importlib.util

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom", reason="pydicom is an extra")
pytest.importorskip("highdicom", reason="highdicom is an extra")
from painted_objects import plan, prescription, zone_map  # noqa: E402
from rt_series import AXIAL, dicom_errors, write_series  # noqa: E402

from afterglow.flows.objects import planning_series, write_objects, zone_structures  # noqa: E402
from afterglow.io.rt_alignment import placed  # noqa: E402
from afterglow.io.rt_dose_read import read_dose  # noqa: E402
from afterglow.io.rt_structures_read import read_structures  # noqa: E402
from afterglow.io.seg_read import read_segments  # noqa: E402
from afterglow.records.errors import BadInput, GridMismatch, MissingInput, NotForTreatment  # noqa: E402
from afterglow.records.grid import Grid  # noqa: E402


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("objects")
    write_series(folder / "series")
    reference = planning_series(folder / "series")
    zones = zone_map(AXIAL)
    plans = (plan(AXIAL, "uniform", with_gap=False), plan(AXIAL, "painted", with_gap=False))
    written = write_objects(folder / "objects", zones, prescription(zones), plans, reference)
    return folder / "objects", reference, zones, plans, written


def test_every_object_is_written_and_read_in_one_frame_of_reference(painted):
    folder, reference, zones, plans, written = painted
    assert sorted(w.path.name for w in written) == sorted(p.name for p in folder.iterdir())
    assert len(written) == 5
    uid = reference.frame_uid
    wanted = {one.name: one for one in zone_structures(zones)}
    for found in (
        read_structures(folder / "zones_rtstruct.dcm", AXIAL, frame_uid=uid),
        read_segments(folder / "zones_seg.dcm", AXIAL, frame_uid=uid, series_uid=reference.series_uid),
    ):
        assert {one.name for one in found} == set(wanted)
        for one in found:
            np.testing.assert_array_equal(one.share > 0.5, wanted[one.name].share > 0.5)
    for one in plans:
        got = read_dose(folder / f"plan-{one.name}_rtdose.dcm", frame_uid=uid)
        np.testing.assert_allclose(placed(np.asarray(got.dose_gy), got.grid, AXIAL), one.dose.dose_gy, atol=1e-5)


def test_the_prescription_is_within_its_bounds_in_the_file_too(painted):
    got = read_dose(painted[0] / "prescription_rtdose.dcm")
    inside = np.asarray(got.dose_gy)[np.asarray(got.dose_gy) > 0]
    assert inside.min() >= 15 - 1e-5 and inside.max() <= 18 + 1e-5


def test_regions_have_the_same_tracking_uid_in_every_object(painted):
    segments, structures = (pydicom.dcmread(painted[0] / name) for name in ("zones_seg.dcm", "zones_rtstruct.dcm"))
    there = {item.SegmentLabel: item.TrackingUID for item in segments.SegmentSequence}
    assert there == {item.ROIName: item.TrackingUID for item in structures.StructureSetROISequence}


def test_the_validator_finds_no_error_in_the_zones(painted):
    for name in ("zones_seg.dcm", "zones_rtstruct.dcm"):
        assert dicom_errors(painted[0] / name) == []


def test_the_same_visit_gives_the_same_bytes(painted, tmp_path):
    _, reference, zones, plans, written = painted
    again = write_objects(tmp_path, zones, prescription(zones), plans, reference)
    assert [w.sha256 for w in again] == [w.sha256 for w in written]


def test_all_instances_and_series_have_their_own_uid(painted):
    files = [pydicom.dcmread(w.path) for w in painted[-1]]
    assert len({ds.SOPInstanceUID for ds in files}) == len({ds.SeriesInstanceUID for ds in files}) == 5
    assert {ds.StudyInstanceUID for ds in files} == {painted[1].study_uid}


def test_a_plan_for_a_machine_is_refused(painted, tmp_path):
    _, reference, zones, plans, _ = painted
    with pytest.raises(NotForTreatment, match="an RTPLAN is not written"):
        write_objects(tmp_path, zones, prescription(zones), plans, reference, objects=("seg", "rtplan"))
    assert not list(tmp_path.iterdir())


def test_only_what_is_named_is_written(painted, tmp_path):
    _, reference, zones, plans, _ = painted
    written = write_objects(tmp_path, zones, prescription(zones), plans, reference, objects=("rtstruct",))
    assert [w.path.name for w in written] == ["zones_rtstruct.dcm"]
    with pytest.raises(BadInput, match="no object 'rtimage'"):
        write_objects(tmp_path, zones, prescription(zones), plans, reference, objects=("rtimage",))


def test_zones_of_another_image_are_refused(painted, tmp_path):
    _, reference, zones, plans, _ = painted
    affine = AXIAL.affine.copy()
    affine[2, 3] += 0.5
    moved = dataclasses.replace(zones, grid=Grid(AXIAL.shape, affine))
    with pytest.raises(GridMismatch, match="give the series that the planning image was made from"):
        write_objects(tmp_path, moved, prescription(zones), plans, reference)


def test_without_the_extra_the_sentence_says_what_to_install(tmp_path, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "highdicom" else real(name, *a))
    with pytest.raises(MissingInput, match=r"pip install 'afterglow\[dicom\]'"):
        planning_series(tmp_path)
