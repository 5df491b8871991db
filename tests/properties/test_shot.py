"""Shots of the research kernel: superposition, symmetry, fall-off, closed forms, and the widths that sources give."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from afterglow.kernels.shot import (
    Beams,
    BeamShape,
    beam_doses,
    depth_factors,
    ring_beams,
    shot_doses,
    summed_doses,
)
from afterglow.painting.machine import MACHINES, MODEL_C, PERFEXION
from afterglow.painting.shots import beam_shape, exact_beams, sector_azimuths, shot_tables

COLLIMATORS = [(machine, number) for machine in MACHINES.values() for number in range(len(machine.collimators))]
NAMES = [f"{machine.name}-{machine.collimators[number].size_mm}mm" for machine, number in COLLIMATORS]
WIDE = BeamShape(radius_mm=9.0, edge_mm=1.0, attenuation_per_mm=0.006323, sphere_mm=80.0)


def read(points, machine, number, position=(0.0, 0.0, 0.0), weight=1.0):
    tables = shot_tables(machine, False)
    one = np.array([number])
    return shot_doses(points, np.array([position]), tables, one, np.zeros(1), np.array([weight]))[:, 0]


def profile(machine, number, axis):
    places = np.linspace(-45, 45, 9001)
    points = np.zeros((len(places), 3))
    points[:, axis] = places
    dose = read(points, machine, number)
    return places, dose / dose.max()


def width(places, dose, level):
    return float(np.ptp(places[dose >= level]))


@pytest.mark.parametrize(("machine", "number"), COLLIMATORS, ids=NAMES)
def test_widths_are_within_a_millimetre_of_what_sources_give(machine, number):
    one = machine.collimators[number]
    for axis, wanted in ((0, one.fwhm_mm[0]), (2, one.fwhm_mm[1])):
        if np.isfinite(wanted):
            assert width(*profile(machine, number, axis), 0.5) == pytest.approx(wanted, abs=1.0)


@pytest.mark.parametrize(("machine", "number"), COLLIMATORS, ids=NAMES)
def test_penumbrae_are_within_ten_per_cent_of_what_sources_give(machine, number):
    one = machine.collimators[number]
    for axis, wanted in ((0, one.penumbra_mm[0]), (2, one.penumbra_mm[1])):
        if np.isfinite(wanted):
            places, dose = profile(machine, number, axis)
            assert (width(places, dose, 0.2) - width(places, dose, 0.8)) / 2 == pytest.approx(wanted, rel=0.10)


@pytest.mark.parametrize(("machine", "number"), COLLIMATORS, ids=NAMES)
def test_a_table_is_within_half_a_per_cent_of_the_sum_over_its_beams(machine, number):
    rng = np.random.default_rng(1)
    points = np.concatenate([rng.normal(size=(400, 3)) * 12, rng.normal(size=(100, 3)) * 45])
    one = machine.collimators[number]
    exact = beam_doses(points, exact_beams(machine, one), beam_shape(machine, one))
    assert np.abs(read(points, machine, number) - exact).max() < 5e-3


@pytest.mark.parametrize(("machine", "number"), COLLIMATORS, ids=NAMES)
def test_dose_falls_all_the_way_from_the_focus(machine, number):
    out = np.linspace(0, 100, 400)
    for direction in np.concatenate([np.eye(3), -np.eye(3)]):
        dose = read(out[:, None] * direction, machine, number)
        assert dose[0] == pytest.approx(1, abs=5e-3)
        near = out < 25  # farther out, one ring after the other comes into view
        assert (np.diff(dose[near]) < 2e-3).all()
        assert dose[~near].max() < dose[near].min() + 0.05


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.1, 30), st.floats(0.1, 30))
def test_doses_of_shots_add_up(seed, first, second):
    rng = np.random.default_rng(seed)
    points, places = rng.normal(size=(40, 3)) * 25, rng.normal(size=(2, 3)) * 15
    which, tables = rng.integers(0, 4, 2), shot_tables(MODEL_C, False)
    weights = np.array([first, second])
    each = shot_doses(points, places, tables, which, np.zeros(2), weights)
    both = summed_doses(points, places, tables, which, np.zeros(2), weights)
    np.testing.assert_allclose(both, each.sum(axis=1), rtol=1e-6, atol=1e-6)
    alone = shot_doses(points, places, tables, which, np.zeros(2), np.ones(2))
    np.testing.assert_allclose(each, alone * weights.astype(np.float32), rtol=1e-6, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.tuples(*[st.floats(-60, 60)] * 3))
def test_a_shot_moves_with_its_focus(seed, moved):
    points = np.random.default_rng(seed).normal(size=(60, 3)) * 20
    np.testing.assert_allclose(read(points + moved, MODEL_C, 2, position=moved), read(points, MODEL_C, 2), atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.floats(-np.pi, np.pi))
def test_a_full_shot_is_the_same_from_all_sides(seed, angle_rad):
    points = np.random.default_rng(seed).normal(size=(60, 3)) * 20
    turned = points @ Rotation.from_euler("z", angle_rad).as_matrix().T
    np.testing.assert_allclose(read(turned, PERFEXION, 1), read(points, PERFEXION, 1), atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31))
def test_beams_and_points_turned_together_give_the_same_dose(seed):
    rng = np.random.default_rng(seed)
    points, turn = rng.normal(size=(30, 3)) * 20, Rotation.random(rng=rng).as_matrix()
    beams = ring_beams(np.array([10.0, 40.0]), np.full(2, 400.0), np.array([1.0, 2.0]), np.arange(7.0))
    turned = beams._replace(directions=beams.directions @ turn.T)
    np.testing.assert_allclose(beam_doses(points @ turn.T, turned, WIDE), beam_doses(points, beams, WIDE), rtol=1e-6, atol=1e-9)


def test_one_beam_follows_inverse_square_and_attenuation_along_its_axis():
    beam = Beams(np.array([[0.0, 0.0, 1.0]]), np.array([400.0]), np.ones(1))
    along = np.array([-60.0, -20.0, 0.0, 35.0, 75.0])
    points = np.stack([0 * along, 0 * along, along], axis=1)
    closed = (400 / (400 - along)) ** 2 * np.exp(-0.006323 * -along)
    np.testing.assert_allclose(beam_doses(points, beam, WIDE), closed, rtol=1e-12)


def test_one_beam_has_half_its_dose_at_its_radius():
    beam = Beams(np.array([[0.0, 0.0, 1.0]]), np.array([400.0]), np.ones(1))
    assert beam_doses(np.array([[9.0, 0.0, 0.0]]), beam, WIDE)[0] == pytest.approx(0.5, rel=0.01)


def test_the_eight_sectors_together_are_the_full_shot():
    rng = np.random.default_rng(2)
    points = rng.normal(size=(2000, 3)) * 20
    tables = shot_tables(PERFEXION, True)
    eight = summed_doses(points, np.zeros((8, 3)), tables, np.full(8, 1), sector_azimuths(PERFEXION), np.full(8, 1 / 8))
    assert np.abs(eight - read(points, PERFEXION, 1)).max() < 0.012


def test_a_sector_lights_its_own_side():
    tables = shot_tables(PERFEXION, True)
    azimuth = sector_azimuths(PERFEXION)[2]
    toward = np.array([[np.cos(azimuth), np.sin(azimuth), 0.4]]) * 30
    ways = np.concatenate([toward, toward * [-1, -1, 1]])
    own, other = summed_doses(ways, np.zeros((1, 3)), tables, np.array([2]), np.array([azimuth]), np.ones(1))
    assert own > 20 * max(other, 1e-3)


def test_a_focus_near_the_top_of_the_head_gets_its_dose_faster():
    beams = exact_beams(MODEL_C, MODEL_C.collimators[3])
    places = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 40.0], [0.0, 0.0, -40.0]])
    middle, top, bottom = depth_factors(places, beams, attenuation_per_mm=0.006323, sphere_mm=80.0, head_radius_mm=85.0)
    assert middle == pytest.approx(np.exp(-0.006323 * 5), rel=1e-9)
    assert top > middle > bottom


@pytest.mark.parametrize("wrong", [{"radius_mm": 0.0}, {"edge_mm": -1.0}, {"sphere_mm": 0.0}])
def test_a_beam_without_size_is_refused(wrong):
    with pytest.raises(ValueError, match="is none"):
        beam_doses(np.zeros((1, 3)), exact_beams(MODEL_C, MODEL_C.collimators[0]), WIDE._replace(**wrong))


def test_every_machine_says_where_its_numbers_come_from_and_what_is_not_confirmed():
    for machine in MACHINES.values():
        assert machine.sources
        assert not machine.confirmed
        assert any("rings are" in doubt for doubt in machine.doubts)
        assert max(one.output_factor for one in machine.collimators) == 1
        assert sum(ring.sources for ring in machine.rings) == {"model-c": 201, "perfexion": 192}[machine.name]
