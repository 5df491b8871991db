"""Zones, prescriptions and plans come back from disk as they were."""

import dataclasses
import json

import numpy as np
import pytest
from painted_objects import MADE, plan, prescription, zone_map

from afterglow.io.images import write_image
from afterglow.io.tables import read_table
from afterglow.io.zones import PaintedPlace, read_painted, read_zones, write_nifti_objects
from afterglow.records.dose import NOT_FOR_TREATMENT
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.grid import Grid

GRID = Grid((20, 18, 9), np.array([[-1.5, 0.1, 0, 10], [0.1, 1.5, 0, -20], [0, 0, 3.0, 4], [0, 0, 0, 1]]))


@pytest.fixture
def written(tmp_path):
    zones = zone_map(GRID)
    place = PaintedPlace(tmp_path, "01", "2")
    plans = (plan(GRID, "uniform"), plan(GRID, "painted"))
    return place, zones, prescription(zones), plans, write_nifti_objects(place, zones, prescription(zones), plans)


def same_plan(got, want):
    np.testing.assert_array_equal(got.dose.dose_gy, want.dose.dose_gy)
    assert got.shots == want.shots and got.reasons == want.reasons
    for name in ("name", "isodose", "prescribed"):
        assert getattr(got, name) == getattr(want, name)
    assert (got.dose.origin, got.dose.source, got.dose.frame_uid) == (want.dose.origin, want.dose.source, want.dose.frame_uid)


def test_everything_comes_back_as_it_was(written):
    place, zones, wanted, plans, _ = written
    got = read_painted(place)
    np.testing.assert_array_equal(got.zones.labels, zones.labels)
    np.testing.assert_array_equal(got.zones.reasons, zones.reasons)
    np.testing.assert_array_equal(got.zones.criteria[0].votes, zones.criteria[0].votes)
    assert (got.zones.criteria[0].name, got.zones.criteria[0].words) == ("ktrans", "Ktrans / white matter > 1.5")
    assert got.zones.islands_ml == zones.islands_ml and got.zones.grid.same_as(GRID)
    np.testing.assert_array_equal(got.prescription.dose_gy, wanted.dose_gy)
    np.testing.assert_array_equal(got.prescription.reasons, wanted.reasons)
    assert (got.prescription.least_gy, got.prescription.greatest_gy, got.prescription.rule) == (15.0, 18.0, wanted.rule)
    for one in (got.zones, got.prescription, *got.plans):
        assert one.provenance == dataclasses.replace(MADE, seconds=None)
    for a, b in zip(got.plans, plans, strict=True):
        same_plan(a, b)


def test_the_same_visit_gives_the_same_bytes(written, tmp_path):
    place, zones, wanted, plans, files = written
    again = write_nifti_objects(dataclasses.replace(place, out=tmp_path / "again"), zones, wanted, plans)
    assert [f.sha256 for f in again] == [f.sha256 for f in files]


def test_every_dose_says_that_it_is_not_for_treatment_and_in_what_unit(written):
    *_, files = written
    sidecars = [f.path for f in files if f.path.name.endswith("_dose.json")]
    assert len(sidecars) == 3
    for path in sidecars:
        fields = json.loads(path.read_text())
        assert fields["NotForTreatment"] == NOT_FOR_TREATMENT and fields["Units"] == "Gy"


def test_the_label_map_has_a_table_of_names_and_colours(written):
    place = written[0]
    rows = read_table(place.path("anat", "zones", "dseg", ".tsv"), ("index", "name", "color"))
    assert [(row.whole("index"), row.text("name")) for row in rows] == [
        (1, "passive"), (2, "penumbra"), (3, "aggressive"), (4, "not assessed"),
    ]  # fmt: skip


def test_two_plans_of_one_name_are_refused(written):
    place, zones, wanted, plans, _ = written
    with pytest.raises(ValueError, match="one name"):
        write_nifti_objects(place, zones, wanted, (plans[0], plans[0]))


def test_a_visit_that_was_not_painted_is_missing(tmp_path):
    with pytest.raises(MissingInput, match="run this visit again"):
        read_painted(PaintedPlace(tmp_path, "01", "2"))


def test_a_sidecar_without_a_field_is_refused(written):
    path = written[0].path("dose", "planpainted", "dose", ".json")
    fields = json.loads(path.read_text())
    del fields["Isodose"]
    path.write_text(json.dumps(fields))
    with pytest.raises(BadInput, match="it has no Isodose"):
        read_painted(written[0])


def test_a_lost_shot_is_noticed(written):
    path = written[0].path("dose", "planpainted", "shots", ".tsv")
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(BadInput, match="1 shots, its plan 2"):
        read_painted(written[0])


def test_a_label_without_meaning_is_refused(written):
    place = written[0]
    path = place.path("anat", "zonereasons", "dseg", ".nii.gz")
    write_image(path, np.full(GRID.shape, 9, np.uint8), GRID)
    with pytest.raises(BadInput, match="the value 9"):
        read_zones(place)
