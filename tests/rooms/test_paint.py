"""A visit painted: what the zones are, what is missing, what is written and read again, what a person may add."""

import dataclasses
from functools import cache

import nibabel as nib
import numpy as np
import pytest
from painted_visits import ACTIVE, SCAR, SESSION, SUBJECT, active_side, painting_method, result, scene, visit

from afterglow.flows.paint import PAINTED, UNIFORM, SecondScan, paint_visit
from afterglow.flows.paint_course import painted_index
from afterglow.flows.paint_evidence import planning_grid, scene_of
from afterglow.flows.paint_orders import PaintOrders, numbers_of
from afterglow.flows.paint_zones import Painter
from afterglow.io.dosimetry import collect_dosimetry, read_dosimetry_table
from afterglow.io.painted import read_painted_visit, write_painted_visit
from afterglow.io.zones import PaintedPlace
from afterglow.records.course import Treatment
from afterglow.records.dose import NOT_FOR_TREATMENT
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.zones import Zone

METHOD = painting_method()
SPEC = METHOD.paint


def silent(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@cache
def painted():
    return paint_visit(visit(), result(), SPEC, progress=silent, mrs=METHOD.mrs)


def zones_without(*quantities: str):
    found = scene_of(visit(), result(without=quantities), SPEC.quantities, grid_mm=SPEC.grid_mm)
    return found, Painter(found, SPEC).found()[0]


def test_the_half_that_leaks_and_has_blood_and_choline_is_aggressive_and_the_other_passive() -> None:
    zones = painted().zones
    side = active_side(zones.grid)
    inside = zones.tumour
    assert (zones.labels[inside & side] == Zone.AGGRESSIVE).mean() > 0.85
    assert (
        zones.labels[inside & ~side] == Zone.AGGRESSIVE
    ).mean() < 0.25  # thresholds lie near the foot of the border, voxels of 3 mm
    assert zones.volume_ml(Zone.PASSIVE) > 1
    assert not zones.labels[~inside].any()
    here = scene()
    assert np.count_nonzero(inside) * zones.grid.voxel_ml == pytest.approx(here.lesion.sum() * here.grid.voxel_ml, rel=0.03)


def test_maps_of_different_grids_meet_where_the_registrations_put_them() -> None:
    """The DSC lies 2 mm off by its header, and its registration says so: half its height lies where that of the DCE does."""
    found = scene_of(visit(), result(), SPEC.quantities, grid_mm=SPEC.grid_mm)
    high = {}
    for name in ("iaugc60", "rcbv"):
        native = found.natives[name]
        values = native.laid(native.parameter_map.values, found.grid)
        high[name] = found.tumour & (values > (SCAR[name] + ACTIVE[name]) / 2)
    a, b = high.values()
    assert 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b)) > 0.97


def test_spectra_that_are_missing_leave_two_criteria_and_never_make_tissue_normal() -> None:
    found, zones = zones_without("cho_naa", "cho_cr")
    assert zones.volume_ml(Zone.AGGRESSIVE) > 1  # the other two suffice
    assert zones.volume_ml(Zone.PASSIVE) == 0
    assert zones.volume_ml(Zone.NOT_ASSESSED) > 1
    assert any("missing: Cho/NAA, Cho/Cr" in line.found for line in found.quality)


def test_with_one_map_alone_nothing_is_aggressive_and_nothing_passive() -> None:
    _, zones = zones_without("cho_naa", "cho_cr", "ktrans", "iaugc60")
    assert zones.volume_ml(Zone.AGGRESSIVE) == 0
    assert zones.volume_ml(Zone.PASSIVE) == 0
    assert zones.volume_ml(Zone.PENUMBRA) > 1


def test_both_plans_lie_on_the_planning_grid_and_painting_raises_the_dose_of_the_aggressive_zone() -> None:
    assert [plan.name for plan in painted().plans] == [UNIFORM, PAINTED]
    dose = {one.plan: one.value for one in painted().figures if (one.structure, one.name) == ("aggressive", "D95")}
    assert dose[PAINTED] > dose[UNIFORM]
    assert all(plan.dose.grid.same_as(painted().grid) for plan in painted().plans)
    assert all(NOT_FOR_TREATMENT in plan.dose.source for plan in painted().plans)


def test_the_brain_is_found_and_its_integral_dose_is_its_mean_dose_times_its_mass() -> None:
    told = {one.name: one.value for one in painted().of_plan(UNIFORM) if one.structure == "brain"}
    assert told["integral_dose"] == pytest.approx(told["mean_dose"] * told["mass"])
    assert 0.8 < told["mass"] < 2.0


def test_a_painted_visit_comes_back_from_disk_as_it_was(tmp_path) -> None:
    place = PaintedPlace(tmp_path, SUBJECT, SESSION)
    write_painted_visit(place, painted())
    back = read_painted_visit(place)
    np.testing.assert_array_equal(back.zones.labels, painted().zones.labels)
    np.testing.assert_array_equal(back.prescription.dose_gy, painted().prescription.dose_gy)
    np.testing.assert_array_equal(back.backdrop, painted().backdrop)
    assert [one.name for one in back.structures] == [one.name for one in painted().structures]
    assert back.quality == painted().quality
    assert back.stability.dice == painted().stability.dice
    for a, b in zip(back.figures, painted().figures, strict=True):
        assert dataclasses.replace(a, value=0.0) == dataclasses.replace(b, value=0.0)
        np.testing.assert_allclose(a.value, b.value, rtol=1e-6)


def test_the_table_of_a_study_holds_the_figures_of_every_painted_visit(tmp_path) -> None:
    assert collect_dosimetry(tmp_path) == ()
    write_painted_visit(PaintedPlace(tmp_path, SUBJECT, SESSION), painted())
    collect_dosimetry(tmp_path)
    rows = read_dosimetry_table(tmp_path / "dosimetry.tsv")
    assert len(rows) == len(painted().figures)
    assert {row.participant_id for row in rows} == {SUBJECT}


def test_the_same_visit_gives_the_same_bytes(tmp_path) -> None:
    again = paint_visit(visit(), result(), SPEC, progress=silent, mrs=METHOD.mrs)
    one = {w.path.name: w.sha256 for w in write_painted_visit(PaintedPlace(tmp_path / "a", SUBJECT, SESSION), painted())}
    two = {w.path.name: w.sha256 for w in write_painted_visit(PaintedPlace(tmp_path / "b", SUBJECT, SESSION), again)}
    assert one == two


def test_a_second_scan_of_the_same_tumour_has_the_same_zones() -> None:
    second = SecondScan(visit(session="again", day=1.0), result(session="again", day=1.0), np.eye(4))
    found = paint_visit(visit(), result(), SPEC, progress=silent, second=second)
    assert found.retest.session == "again"
    assert all(one.dice in (None, 1.0) for one in found.retest.zones)
    assert found.retest.change.mean_absolute_gy == 0


def test_a_visit_without_a_tumour_or_without_anatomy_cannot_be_painted() -> None:
    with pytest.raises(MissingInput, match="no tumour is outlined"):
        paint_visit(visit(tumour=False), result(), SPEC, progress=silent)


def test_the_planning_grid_holds_everything_inside_with_a_margin_and_has_voxels_of_one_size() -> None:
    here = scene()
    grid = planning_grid(here.grid, here.brain, 2.0)
    np.testing.assert_allclose(grid.spacing_mm, 2.0)
    corners = here.grid.to_mm(np.argwhere(here.brain).astype(float))
    index = grid.to_index(corners)
    assert (index > 2).all()
    assert (index < np.array(grid.shape) - 3).all()


def treated(day: float) -> tuple[Treatment, ...]:
    return (Treatment("radiosurgery", day, 18.0, 1, "", ""),)


def test_the_last_visit_before_the_treatment_is_painted() -> None:
    visits = [visit(session=f"v{day:g}", day=day) for day in (0.0, 10.0, 100.0)]
    assert painted_index(visits, treated(12.0), SPEC) == (1, [])
    assert painted_index(visits, treated(10.0), SPEC) == (1, [])
    index, told = painted_index(visits, (), SPEC)
    assert index == 2
    assert "no radiosurgery is recorded" in told[0].found
    index, told = painted_index(visits[1:], treated(5.0), SPEC)
    assert index == 0
    assert told[0].level == "warning"


def by_numbers(tmp_path, values: np.ndarray, units: str = "1"):
    here = scene()
    path = tmp_path / "p_probmap.nii.gz"
    nib.save(nib.Nifti1Image(values.astype(np.float32), here.grid.affine), path)
    (tmp_path / "p_probmap.json").write_text(f'{{"Units": "{units}"}}')
    doses = {"least_gy": 15.0, "greatest_gy": 18.0, "not_assessed_gy": 15.0, "border_mm": 2.0}
    numbers = {"quantity": "recurrence probability", "low": 0.2, "high": 0.8, **doses}
    spec = type(SPEC).model_validate({**SPEC.model_dump(), "numbers": {**numbers, "source": "here"}})
    return path, spec


def test_a_dose_may_go_by_the_numbers_of_a_map(tmp_path) -> None:
    here = scene()
    path, spec = by_numbers(tmp_path, np.where(active_side(here.grid), 0.8, 0.2))
    found = scene_of(visit(), result(), spec.quantities, grid_mm=spec.grid_mm)
    zones, prescription = Painter(found, spec, numbers_of(PaintOrders(by=path), spec, found.grid)).found()
    side = active_side(zones.grid)
    assert prescription.dose_gy[zones.tumour & side].max() == pytest.approx(18.0)
    assert prescription.dose_gy[zones.tumour & ~side].min() == pytest.approx(15.0)


def test_a_map_in_per_cent_or_without_a_rule_is_refused(tmp_path) -> None:
    here = scene()
    path, spec = by_numbers(tmp_path, np.where(active_side(here.grid), 80.0, 20.0))
    found = scene_of(visit(), result(), spec.quantities, grid_mm=spec.grid_mm)
    with pytest.raises(BadInput, match="as if it were in per cent"):
        numbers_of(PaintOrders(by=path), spec, found.grid)
    with pytest.raises(BadInput, match=r"the method has no \[paint.numbers\]"):
        numbers_of(PaintOrders(by=path), SPEC, found.grid)


def test_orders_that_cannot_be_carried_out_are_refused_before_anything_is_computed(tmp_path) -> None:
    with pytest.raises(MissingInput, match="no such file"):
        PaintOrders(by=tmp_path / "nothing.nii.gz").check()
    (tmp_path / "rs.dcm").touch()
    with pytest.raises(BadInput, match="without its dose"):
        PaintOrders(structures=tmp_path / "rs.dcm").check()
