"""Plans of the research kernel: what they cover, what they spare, what they say; and that every setting is read."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from tests.rooms.plan_phantoms import QUICK, Phantom, quick

from afterglow.flows.bench_dose import clarabel_optimum
from afterglow.painting.machine import MODEL_C, PERFEXION
from afterglow.painting.placement import candidates, depths_of, points_of
from afterglow.painting.plan import first_programme, make_plan
from afterglow.painting.reach import Reached, reached_by
from afterglow.painting.settings import PlanSettings
from afterglow.painting.shots import dose_at, dose_on_grid, parts_of
from afterglow.painting.weights import best_weights, programme
from afterglow.records.dose import Shot, Structure
from afterglow.records.errors import AfterglowError, BadInput, BadMethod, GridMismatch
from afterglow.records.grid import Grid


def planned(phantom, wanted, settings=QUICK, machine=MODEL_C, name="a plan", brain=True):
    return make_plan(name, wanted, phantom.target, phantom.grid, phantom.brain if brain else None, machine, settings)


@pytest.fixture(scope="module")
def phantom():
    return Phantom()


@pytest.fixture(scope="module")
def plans(phantom):
    return planned(phantom, phantom.uniform, name="uniform"), planned(phantom, phantom.painted, name="painted")


@pytest.fixture(scope="module")
def asked(phantom):
    """The first programme of the painted plan."""
    return first_programme(phantom.painted, phantom.target, phantom.grid, phantom.brain, MODEL_C, QUICK)


def covered(plan, wanted, target):
    return float((target.share * (plan.dose.dose_gy >= wanted * 0.9999) * (wanted > 0)).sum() / target.share.sum())


def test_both_plans_cover_the_target_as_asked(plans, phantom):
    for plan, wanted in zip(plans, (phantom.uniform, phantom.painted), strict=True):
        assert covered(plan, wanted, phantom.target) == pytest.approx(QUICK.coverage, abs=0.01)


def test_d95_of_every_band_reaches_its_prescription_or_a_reason_says_why(plans, phantom):
    for plan, wanted in zip(plans, (phantom.uniform, phantom.painted), strict=True):
        inside = wanted > 0
        rest = Reached(wanted[inside].astype(float), phantom.target.share[inside].astype(float), QUICK)
        low = [ratio for ratio in rest.d95(plan.dose.dose_gy[inside].astype(float)) if ratio < QUICK.zone_least]
        assert len(low) == sum("has a D95 of" in reason for reason in plan.reasons)


def test_the_prescription_lies_near_the_isodose_asked_for(plans):
    for plan in plans:
        assert 0.4 < plan.isodose < 0.7
        assert float(plan.dose.dose_gy.max()) > 20


def test_painting_less_at_the_border_spares_what_is_around(plans, phantom):
    uniform, painted = (plan.dose.dose_gy for plan in plans)
    outside = phantom.brain & (phantom.target.share == 0)
    assert np.count_nonzero(painted[outside] >= 12) < np.count_nonzero(uniform[outside] >= 12)
    assert painted[outside].mean() < uniform[outside].mean()


def test_the_dose_of_a_plan_is_the_sum_of_its_shots(plans, phantom):
    index = np.random.default_rng(4).integers(0, phantom.grid.shape, size=(600, 3))
    direct = dose_at(phantom.grid.to_mm(index.astype(float)), plans[0].shots, MODEL_C)
    error = np.abs(plans[0].dose.dose_gy[tuple(index.T)] - direct)
    near = np.linalg.norm(phantom.grid.to_mm(index.astype(float)), axis=1) < 20
    assert near.any()
    assert error[near].max() < 1e-4
    assert error.max() < 0.2


def test_a_plan_is_the_same_every_time(plans, phantom):
    again = planned(phantom, phantom.uniform, name="uniform")
    assert again.shots == plans[0].shots
    np.testing.assert_array_equal(again.dose.dose_gy, plans[0].dose.dose_gy)


def test_a_plan_says_that_it_is_not_for_treatment_and_what_was_not_confirmed(plans):
    for plan in plans:
        assert plan.dose.origin == "research kernel"
        assert "not for treatment" in plan.dose.source
        assert "not for treatment" in plan.provenance.sentence
        assert "not confirmed" in plan.provenance.sentence
        assert plan.provenance.settings["machine"] == "model-c"
        assert all(name in plan.provenance.settings for name in (field.name for field in dataclasses.fields(PlanSettings)))


def test_the_programme_is_as_good_as_a_reference_solver_finds(asked):
    pytest.importorskip("clarabel")
    few = asked._replace(
        **{name: getattr(asked, name)[::4] for name in ("target", "wanted_gy", "foci", "foci_most_gy", "shells", "allowed_gy")},
        shell_shares=asked.shell_shares[::4] / asked.shell_shares[::4].sum(),
    )
    found = best_weights(few, QUICK)
    assert found.objective == pytest.approx(clarabel_optimum(*programme(few, QUICK)), rel=0.01)
    assert (found.values_gy >= 0).all()


def test_the_objective_is_the_sum_of_its_terms(asked):
    found = best_weights(asked, QUICK)
    terms = (
        QUICK.underdose_penalty * found.underdose_gy
        + QUICK.spill_penalty * found.spill_gy
        + QUICK.brain_penalty * found.brain_gy
        + QUICK.beam_on_penalty * found.beam_on_gy
    )
    assert found.objective == pytest.approx(terms, rel=1e-6)


@pytest.mark.parametrize(
    ("penalty", "term"),
    [
        ("spill_penalty", "spill_gy"),
        ("brain_penalty", "brain_gy"),
        ("beam_on_penalty", "beam_on_gy"),
        ("underdose_penalty", "underdose_gy"),
    ],
)
def test_a_higher_penalty_never_raises_what_it_is_for(asked, penalty, term):
    start = getattr(QUICK, penalty)
    found = [getattr(best_weights(asked, quick(**{penalty: start * factor})), term) for factor in (0.1, 1, 10, 100)]
    assert (np.diff(found) <= 1e-6).all()


def test_twice_the_prescription_costs_twice_as_much(asked):
    double = asked._replace(wanted_gy=2 * asked.wanted_gy, foci_most_gy=2 * asked.foci_most_gy, allowed_gy=2 * asked.allowed_gy)
    assert best_weights(double, QUICK).objective == pytest.approx(2 * best_weights(asked, QUICK).objective, rel=1e-6)


CHANGES = {
    "isodose": 0.7,
    "candidate_spacing_mm": 5.0,
    "candidates": 10,
    "target_points": 100,
    "shell_points": 20,
    "shell_distances_mm": (2.0, 5.0, 9.0, 12.0),
    "shell_shares": (0.5, 0.3, 0.2, 0.1),
    "underdose_penalty": 20.0,
    "spill_penalty": 500.0,
    "brain_penalty": 500.0,
    "beam_on_penalty": 20.0,
    "least_shot_share": 0.5,
    "coverage": 0.9,
    "hottest": 2.0,
    "rounds": 1,
    "head_radius_mm": 60.0,
    "seed": 2,
}
BESIDE = {"head_radius_mm": {"beam_on_penalty": 20.0}, "shell_points": {"spill_penalty": 500.0}}  # what makes them felt here


@pytest.mark.parametrize("name", CHANGES)
def test_every_setting_changes_the_plan(name, plans, phantom):
    beside = BESIDE.get(name, {})
    before = planned(phantom, phantom.painted, quick(**beside)) if beside else plans[1]
    after = planned(phantom, phantom.painted, quick(**{name: CHANGES[name], **beside}))
    assert after.shots != before.shots


def test_the_least_ratio_decides_what_is_said(plans, phantom):
    strict = planned(phantom, phantom.painted, quick(zone_least=1.0, coverage=0.8))
    assert any("has a D95 of" in reason for reason in strict.reasons)
    lenient = planned(phantom, phantom.painted, quick(zone_least=0.5, coverage=0.8))
    assert not any("has a D95 of" in reason for reason in lenient.reasons)


def test_a_tumour_too_small_for_its_dose_is_held_to_the_hottest_and_says_what_it_covers():
    small = Phantom(ml=0.3, spacing_mm=(1.5, 1.5, 1.5), head_mm=30.0)
    plan = planned(small, small.uniform, quick(candidates=3, target_points=60, shell_points=30, hottest=2.1))
    inside = small.uniform > 0
    assert float((plan.dose.dose_gy[inside] / small.uniform[inside]).max()) <= 2.1 * 1.001
    assert any("Held to 2.1 times the prescription" in reason for reason in plan.reasons)


def test_bands_as_wide_as_all_doses_are_one(phantom):
    wanted = phantom.painted[phantom.painted > 0].astype(float)
    assert len(Reached(wanted, np.ones_like(wanted), quick(band_gy=10.0)).bands()) == 1
    assert len(Reached(wanted, np.ones_like(wanted), quick(band_gy=1.0)).bands()) == 3


def test_sectors_of_their_own_make_shots_of_one_sector():
    small = Phantom(ml=1.0, spacing_mm=(2.0, 2.0, 2.0), head_mm=30.0)
    settings = quick(sectors=True, candidates=4, target_points=80, shell_points=30)
    free = planned(small, small.uniform, settings, machine=PERFEXION)
    assert all(len(shot.collimator_mm) == 8 and np.count_nonzero(shot.collimator_mm) == 1 for shot in free.shots)
    assert covered(free, small.uniform, small.target) == pytest.approx(0.98, abs=0.02)
    whole = planned(small, small.uniform, quick(candidates=4, target_points=80, shell_points=30), machine=PERFEXION)
    assert all(len(shot.collimator_mm) == 1 for shot in whole.shots)


def test_a_shot_of_mixed_sectors_leaves_its_weight_at_its_focus():
    mixed = Shot((5.0, -3.0, 2.0), (4, 0, 8, 8, 16, 0, 4, 4), 12.0)
    assert float(dose_at(np.array([[5.0, -3.0, 2.0]]), [mixed], PERFEXION)[0]) == pytest.approx(12.0, rel=5e-3)
    full = Shot((5.0, -3.0, 2.0), (8,), 12.0)
    both = dose_at(np.array([[5.0, -3.0, 2.0]]), [mixed, full], PERFEXION)
    assert float(both[0]) == pytest.approx(24.0, rel=5e-3)


@pytest.mark.parametrize("collimators", [(5,), (0,), (4, 4), (4,) * 8])
def test_a_shot_that_the_machine_cannot_make_is_refused(collimators):
    with pytest.raises(BadInput, match="correct the plan"):
        parts_of([Shot((0.0, 0.0, 0.0), collimators, 1.0)], MODEL_C)


def test_far_from_all_shots_the_coarser_lattice_errs_little():
    affine = np.eye(4)
    affine[:3, 3] = -60
    grid = Grid((120, 120, 120), affine)
    shots = [Shot((0.0, 0.0, 0.0), (18,), 10.0), Shot((6.0, 3.0, -4.0), (8,), 8.0)]
    dose = dose_on_grid(shots, grid, MODEL_C)
    index = np.random.default_rng(5).integers(0, 120, size=(4000, 3))
    exact = dose_at(grid.to_mm(index.astype(float)), shots, MODEL_C)
    error = np.abs(dose[tuple(index.T)] - exact)
    assert error.max() < 0.02 * 18
    assert error.mean() < 0.002 * 18


def test_voxels_of_any_shape_and_tilt_are_planned():
    tilt = Rotation.from_euler("xyz", [10, -15, 20], degrees=True).as_matrix()
    slabs = Phantom(ml=6.0, spacing_mm=(1.0, 1.4, 3.0), head_mm=36.0, tilt=tilt)
    plan = planned(slabs, slabs.painted)
    assert covered(plan, slabs.painted, slabs.target) == pytest.approx(0.98, abs=0.02)


def test_a_plan_turned_with_its_grid_index_order_is_the_same_dose(plans, phantom):
    """The voxels' order is no part of the plan: axes flipped in the array and in the affine."""
    flip = np.diag([-1.0, 1.0, 1.0, 1.0])
    flip[0, 3] = phantom.grid.shape[0] - 1
    grid = Grid(phantom.grid.shape, phantom.grid.affine @ flip)
    dose = dose_on_grid(plans[0].shots, grid, MODEL_C)[::-1]
    np.testing.assert_allclose(dose, plans[0].dose.dose_gy, atol=0.2)  # the far lattice starts at the other end


def test_without_a_brain_mask_the_plan_goes_on_and_says_so(phantom):
    plan = planned(phantom, phantom.uniform, brain=False)
    assert any("No brain mask" in reason for reason in plan.reasons)
    empty = make_plan("a plan", phantom.uniform, phantom.target, phantom.grid, np.zeros_like(phantom.brain), MODEL_C, QUICK)
    assert empty.shots == plan.shots


def test_a_painting_without_an_aggressive_zone_is_legal(phantom):
    wanted = np.where(phantom.painted > 17, 16.5, phantom.painted).astype(np.float32)
    assert covered(planned(phantom, wanted), wanted, phantom.target) == pytest.approx(0.98, abs=0.01)


def test_a_part_without_prescription_is_said(phantom):
    wanted = np.where(phantom.painted == 15, 0, phantom.painted).astype(np.float32)
    assert any("has no prescription" in reason for reason in planned(phantom, wanted).reasons)


def test_a_tumour_wider_than_six_centimetres_goes_on_with_a_warning():
    large = Phantom(ml=135.0, spacing_mm=(3.0, 3.0, 3.0), head_mm=48.0)
    plan = planned(large, large.uniform, quick(candidates=25, target_points=200, rounds=1))
    assert any("mm wide" in reason for reason in plan.reasons)


def test_a_target_thinner_than_the_smallest_shot_gets_one_place(phantom):
    share = np.zeros(phantom.grid.shape, dtype=np.float32)
    share[20, 20, 20] = 0.3
    thin = Structure("thread", share, phantom.grid, "target")
    plan = make_plan("a plan", (share > 0).astype(np.float32) * 16, thin, phantom.grid, phantom.brain, MODEL_C, QUICK)
    assert len(plan.shots) == 1
    assert plan.shots[0].position_mm == pytest.approx(tuple(phantom.grid.to_mm(np.array([20.0, 20.0, 20.0]))))


def test_what_cannot_be_planned_is_one_sentence(phantom):
    nothing = Structure("tumour", np.zeros(phantom.grid.shape, dtype=np.float32), phantom.grid, "target")
    with pytest.raises(BadInput, match="no voxel on the grid"):
        make_plan("a plan", phantom.uniform, nothing, phantom.grid, None, MODEL_C, QUICK)
    with pytest.raises(BadInput, match="give at least one"):
        planned(phantom, np.zeros_like(phantom.uniform))
    with pytest.raises(BadInput, match="not finite"):
        planned(phantom, np.where(phantom.uniform > 0, np.nan, 0).astype(np.float32))
    with pytest.raises(BadInput, match="negative"):
        planned(phantom, -phantom.uniform)
    with pytest.raises(GridMismatch, match="resample"):
        planned(phantom, phantom.uniform[:-1])
    with pytest.raises(AfterglowError, match="raise underdose_penalty"):
        planned(phantom, phantom.uniform, quick(underdose_penalty=1e-6))


@pytest.mark.parametrize(
    "wrong",
    [
        {"isodose": 1.0},
        {"coverage": 0.0},
        {"hottest": 1.5},
        {"shell_shares": (0.5,)},
        {"rounds": 0},
        {"band_gy": 0.0},
        {"spill_penalty": -1.0},
        {"underdose_penalty": 0.0},
        {"least_shot_share": 1.0},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(BadMethod, match="plan"):
        quick(**wrong)


def test_depths_are_those_of_a_sphere(phantom):
    depths = depths_of(phantom.target.share, phantom.grid)
    assert float(depths.inside.max()) == pytest.approx(phantom.radius_mm, abs=2.5)
    assert not (depths.inside * depths.outside).any()


def test_candidates_stand_deep_enough_for_their_size(phantom):
    depths = depths_of(phantom.target.share, phantom.grid)
    parts = candidates(depths, phantom.grid, MODEL_C, QUICK)
    index = np.rint(phantom.grid.to_index(parts.positions_mm)).astype(int)
    sizes = np.array([one.size_mm for one in MODEL_C.collimators])[parts.which]
    assert (depths.inside[tuple(index.T)] >= 0.4 * sizes - 1e-6).all()


def test_points_are_drawn_from_every_band(phantom):
    depths = depths_of(phantom.target.share, phantom.grid)
    points = points_of(phantom.painted, depths, phantom.grid, QUICK, np.random.default_rng(0))
    assert set(np.unique(phantom.painted[tuple(points.target.T)])) == {15.0, 16.5, 18.0}
    assert all(len(shell) == QUICK.shell_points for shell in points.shells)


def test_the_dose_that_a_part_reaches_is_read_by_volume():
    assert reached_by(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0]), 0.75) == 2.0
    assert reached_by(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0]), 1.0) == 1.0
