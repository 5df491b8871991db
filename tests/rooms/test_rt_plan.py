"""RTPLAN: what the standard's part of it says is read, and none is ever written."""

import pytest

pydicom = pytest.importorskip("pydicom", reason="pydicom is an extra")
from rt_plan_files import item, target, write_plan  # noqa: E402

from afterglow.io.rt_plan import read_plan_prescription, refuse_rt_plan  # noqa: E402
from afterglow.records.errors import BadInput, NotForTreatment  # noqa: E402


def test_prescription_isodose_fractions_and_isocentres_are_read(tmp_path):
    beams = [
        item(ControlPointSequence=[item(IsocenterPosition=[10.0, -20.0, 30.0]), item(ControlPointIndex=1)]),
        item(ControlPointSequence=[item(IsocenterPosition=[10.0, -20.0, 30.0]), item(IsocenterPosition=[1.0, 2.0, 3.0])]),
    ]
    path = write_plan(
        tmp_path / "rp.dcm",
        DoseReferenceSequence=[target(16.0, 32.0)],
        FractionGroupSequence=[item(NumberOfFractionsPlanned=1)],
        BeamSequence=beams,
        ReferencedStructureSetSequence=[item(ReferencedSOPInstanceUID="2.25.7")],
    )
    plan = read_plan_prescription(path)
    assert plan.prescription_gy == 16.0 and plan.references[0].isodose == 0.5 and plan.references[0].roi_number == 3
    assert (plan.fractions, plan.n_beams, plan.n_control_points) == (1, 2, 4)
    assert plan.isocentres_mm == ((-10.0, 20.0, 30.0), (-1.0, -2.0, 3.0))
    assert (plan.frame_uid, plan.structure_set_uid, plan.label) == ("2.25.9", "2.25.7", "GK")


def test_what_a_plan_does_not_tell_is_absent_and_not_zero(tmp_path):
    plan = read_plan_prescription(write_plan(tmp_path / "rp.dcm"))
    assert plan.prescription_gy is None and plan.fractions is None and plan.references == () and plan.isocentres_mm == ()
    one = read_plan_prescription(write_plan(tmp_path / "rp.dcm", DoseReferenceSequence=[target(18.0)])).references[0]
    assert one.target_prescription_gy == 18.0 and one.isodose is None and one.target_minimum_gy is None


def test_two_prescriptions_that_differ_are_not_one(tmp_path):
    plan = read_plan_prescription(write_plan(tmp_path / "rp.dcm", DoseReferenceSequence=[target(18.0), target(15.0)]))
    assert plan.prescription_gy is None and [one.target_prescription_gy for one in plan.references] == [18.0, 15.0]


def test_another_object_is_no_plan(tmp_path):
    path = write_plan(tmp_path / "rp.dcm", SOPClassUID="1.2.840.10008.5.1.4.1.1.481.2")
    with pytest.raises(BadInput, match="RT Dose Storage, not a RT Plan"):
        read_plan_prescription(path)


def test_no_plan_is_written_and_the_sentence_says_why():
    with pytest.raises(NotForTreatment, match="not commissioned, and a plan file is an order to a treatment machine"):
        refuse_rt_plan()
