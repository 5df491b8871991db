"""A delivered plan: dose, prescription and isodose from the files of a planning system."""

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom", reason="pydicom is an extra")
from painted_objects import plan  # noqa: E402
from rt_plan_files import target, write_plan  # noqa: E402
from rt_series import AXIAL, write_series  # noqa: E402

from afterglow.io.rt_delivered import read_delivered  # noqa: E402
from afterglow.io.rt_dose_write import write_dose  # noqa: E402
from afterglow.records.errors import BadInput, GridMismatch, MissingInput  # noqa: E402


@pytest.fixture
def files(tmp_path):
    """An RTDOSE, and a function that writes the RTPLAN it belongs to."""
    reference = write_series(tmp_path / "series")
    write_dose(tmp_path / "rd.dcm", plan(AXIAL, with_gap=False).dose, reference, name="Plan")
    uid = pydicom.dcmread(tmp_path / "rd.dcm").ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID
    return (
        reference,
        tmp_path / "rd.dcm",
        lambda *references: write_plan(tmp_path / "rp.dcm", SOPInstanceUID=uid, DoseReferenceSequence=list(references)),
    )


def test_prescription_and_isodose_come_from_the_plan(files):
    reference, dose, plan_of = files
    got = read_delivered(dose, plan_of(target(16.0)), frame_uid=reference.frame_uid)
    largest = float(np.asarray(got.dose.dose_gy).max())
    assert got.dose.origin == "delivered plan" and got.isodose == pytest.approx(16 / largest)
    assert got.prescribed == "16 Gy" and got.shots == () and "none are listed" in got.reasons[0]
    assert "16 Gy" in got.provenance.sentence and got.provenance.sources == ("rd.dcm", "rp.dcm")


def test_a_prescription_that_is_said_goes_before_the_plans(files):
    _, dose, plan_of = files
    assert read_delivered(dose, plan_of(target(16.0)), prescription_gy=12.0).prescribed == "12 Gy"
    assert read_delivered(dose, prescription_gy=12.0).provenance.sources == ("rd.dcm",)


def test_a_prescription_that_nobody_tells_is_asked_for(files):
    _, dose, plan_of = files
    with pytest.raises(MissingInput, match="no RTPLAN was given"):
        read_delivered(dose)
    with pytest.raises(MissingInput, match="tells no single target dose"):
        read_delivered(dose, plan_of(target(16.0), target(18.0)))


def test_a_prescription_above_the_dose_is_refused(files):
    with pytest.raises(BadInput, match="not below its largest dose"):
        read_delivered(files[1], prescription_gy=50.0)


def test_the_dose_of_another_plan_or_place_is_refused(files, tmp_path):
    _, dose, _ = files
    with pytest.raises(BadInput, match="its dose belongs to plan"):
        read_delivered(dose, write_plan(tmp_path / "other.dcm", DoseReferenceSequence=[target(16.0)]))
    with pytest.raises(GridMismatch, match="frame of reference"):
        read_delivered(dose, prescription_gy=16.0, frame_uid="1.2.3")
