"""Files of other makers, as pydicom ships them for its own tests."""

from pathlib import Path

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom", reason="pydicom is an extra")
from pydicom.data import get_testdata_file  # noqa: E402

from afterglow.io.rt_dose_read import read_dose  # noqa: E402
from afterglow.io.rt_plan import read_plan_prescription  # noqa: E402
from afterglow.io.rt_structures_read import read_structure_set  # noqa: E402
from afterglow.records.errors import BadInput, CorruptFile  # noqa: E402
from afterglow.records.grid import Grid  # noqa: E402


def shipped(name):
    return Path(get_testdata_file(name, download=False))


def test_a_plan_of_another_maker_is_read():
    plan = read_plan_prescription(shipped("rtplan.dcm"))
    assert plan.prescription_gy == pytest.approx(30.826203) and plan.fractions == 30
    assert (plan.n_beams, plan.n_control_points, len(plan.isocentres_mm)) == (1, 2, 1)
    organ = next(one for one in plan.references if one.kind == "ORGAN_AT_RISK")
    assert organ.organ_maximum_gy == 75.0 and organ.target_prescription_gy is None


def test_a_plan_cut_in_a_sequence_is_damaged():
    with pytest.raises(CorruptFile, match="it ends after 711 of the 976 bytes"):
        read_plan_prescription(shipped("rtplan_truncated.dcm"))


@pytest.mark.parametrize("name", ["rtdose.dcm", "rtdose_rle.dcm", "rtdose_expb.dcm"])
def test_relative_dose_is_refused_and_the_same_in_gy_is_read(name, tmp_path):
    """The files say RELATIVE; a copy that says GY tries the pixels: plain, packed by RLE, and big-endian."""
    with pytest.raises(BadInput, match="in RELATIVE, not in GY"):
        read_dose(shipped(name))
    ds = pydicom.dcmread(shipped(name))
    ds.DoseUnits, ds.DoseSummationType = "GY", "PLAN"
    ds.save_as(tmp_path / "gy.dcm")
    got = read_dose(tmp_path / "gy.dcm")
    plain = pydicom.dcmread(shipped("rtdose.dcm"))
    want = plain.pixel_array * float(plain.DoseGridScaling)
    np.testing.assert_allclose(got.dose_gy, want.transpose(2, 1, 0), rtol=1e-6)
    corner = got.grid.to_mm(np.zeros(3)) * [-1, -1, 1]
    np.testing.assert_allclose(corner, np.array(plain.ImagePositionPatient, dtype=float), atol=1e-9)


def test_an_old_structure_set_without_a_preamble_is_read():
    path = shipped("rtstruct.dcm")
    ds = pydicom.dcmread(path, force=True)
    points = np.concatenate([np.reshape(c.ContourData, (-1, 3)).astype(float) for c in ds.ROIContourSequence[0].ContourSequence])
    middle = points.mean(axis=0) * [-1, -1, 1]
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = middle - 4 * 100
    grid = Grid((201, 201, 201), affine)
    found = read_structure_set(path, grid)
    assert [one.name for one in found.structures] == ["patient"]
    assert found.structures[0].volume_ml == pytest.approx(3 * 400 * 300 * 10 / 1000)  # three boxes, 10 mm apart
    assert {line.found for line in found.remarks} >= {"1 x POINT passed over"}
