"""The digital patient's physics, each part against an answer found another way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from afterglow.records.grid import Grid
from afterglow.simulate.body import blocks
from afterglow.simulate.dce import Bolus, extended_tofts_curves, make_bolus, tissue_curve
from afterglow.simulate.scanner import draw_motion, rician, storage_slope, stored
from afterglow.simulate.tissues import TISSUES, Tissue
from afterglow.simulate.warp import diffeomorphism, resample, rigid, smooth_noise

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def bolus() -> Bolus:
    return make_bolus(start_s=30.0, until_s=400.0, haematocrit=0.42, scale=1.0)


def grid(n: int, step_mm: float) -> Grid:
    return Grid((n, n, n), np.diag([step_mm, step_mm, step_mm, 1.0]))


@settings(max_examples=15, deadline=None)
@given(st.floats(0.002, 0.3), st.floats(0.05, 0.6), st.floats(0.0, 0.1), st.floats(0.0, 4.0))
def test_the_concentration_solves_the_tofts_equation(ktrans: float, ve: float, vp: float, delay_s: float) -> None:
    bolus = make_bolus(start_s=30.0, until_s=400.0, haematocrit=0.42, scale=1.0)
    at_s = np.array([60.0, 75.0, 120.0, 290.0])

    def plasma(t: float) -> float:
        return float(np.interp(t - delay_s, bolus.times_s, bolus.artery_mM))

    def change(t: float, leaked: Array) -> Array:
        return ktrans / 60 * (plasma(t) - leaked / ve)

    solved = solve_ivp(change, (0.0, 300.0), [0.0], t_eval=at_s, rtol=1e-9, atol=1e-12, max_step=0.5).y[0]
    expected = solved + vp * np.array([plasma(t) for t in at_s])
    one = (np.array([value]) for value in (ktrans, ve, vp))
    curve = extended_tofts_curves(bolus, *one, delay_s=delay_s, at_s=at_s)[0]
    np.testing.assert_allclose(curve, expected, rtol=2e-5, atol=1e-6)  # curves are float32


def test_blood_holds_plasma_less_its_cells(bolus: Bolus) -> None:
    at_s = np.arange(0.0, 300.0, 5.0)
    blood = tissue_curve(bolus, TISSUES["artery"], at_s)
    np.testing.assert_allclose(blood, 0.58 * np.interp(at_s, bolus.times_s, bolus.artery_mM), rtol=1e-9)


def test_the_sinus_lags_behind_the_artery_and_carries_the_same_amount(bolus: Bolus) -> None:
    step_s = bolus.times_s[1] - bolus.times_s[0]
    lag_s = bolus.times_s[bolus.vein_mM.argmax()] - bolus.times_s[bolus.artery_mM.argmax()]
    assert 4.0 < lag_s < 12.0
    assert bolus.vein_mM.max() < bolus.artery_mM.max()
    head_start = bolus.artery_mM[-1] * 8.0  # what has passed the artery and not yet the sinus
    assert (bolus.artery_mM.sum() - bolus.vein_mM.sum()) * step_s == pytest.approx(head_start, rel=0.1)


def test_nothing_arrives_before_the_injection(bolus: Bolus) -> None:
    assert (bolus.artery_mM[bolus.times_s < 30.0] == 0).all()
    assert bolus.artery_mM.max() > 5.0


def test_a_tissue_whose_parts_exceed_its_volume_is_refused() -> None:
    with pytest.raises(ValueError, match="not parts of one volume"):
        Tissue("impossible", 1.0, 1.0, 0.1, 1.0, 1e-3, 0.1, 0.9, 0.2, 0.0, "balanced", "made up")
    with pytest.raises(ValueError, match="but ve is 0"):
        Tissue("impossible", 1.0, 1.0, 0.1, 1.0, 1e-3, 0.1, 0.0, 0.2, 0.0, "balanced", "made up")


def test_noise_is_rician_and_its_size_is_the_stated_one() -> None:
    rng = np.random.default_rng(1)
    air = rician(np.zeros(200_000, np.float32), 2.0, rng)
    tissue = rician(np.full(200_000, 100.0, np.float32), 2.0, rng)
    assert air.mean() == pytest.approx(2.0 * np.sqrt(np.pi / 2), rel=0.01)
    assert tissue.std() == pytest.approx(2.0, rel=0.01)
    assert np.sqrt((tissue.astype(float) ** 2).mean()) == pytest.approx(np.sqrt(100.0**2 + 2 * 2.0**2), rel=1e-3)


def test_whole_numbers_are_within_half_a_step_of_the_signal() -> None:
    values = np.random.default_rng(2).uniform(0, 3.7, (5, 6, 7)).astype(np.float32)
    slope = storage_slope(values)
    image = stored(values, slope, Grid((5, 6, 7), np.eye(4)))
    assert image.stored.dtype == np.int16
    assert np.abs(image.values() - values).max() <= slope * 0.501


def test_mixing_sub_voxels_keeps_the_total() -> None:
    fine = np.random.default_rng(3).random((12, 10, 8)).astype(np.float32)
    mixed = blocks(fine)[0::2, 0::2, 0::2]
    assert mixed.shape == (6, 5, 4)
    assert mixed.sum() * 8 == pytest.approx(fine.sum(), rel=1e-5)


def test_a_deformation_folds_nowhere_and_is_as_large_as_asked() -> None:
    space = grid(40, 4.0)
    moved = diffeomorphism(np.random.default_rng(4), space, scale_mm=40.0, amplitude_mm=3.0)
    slopes = np.stack([np.stack(np.gradient(part, 4.0)) for part in moved], axis=0) + np.eye(3).reshape(3, 3, 1, 1, 1)
    assert np.linalg.det(np.moveaxis(slopes, (0, 1), (-2, -1))).min() > 0.2
    assert moved.std() == pytest.approx(3.0, rel=0.35)


def test_smooth_noise_has_unit_variance_at_every_spacing() -> None:
    for step_mm in (1.0, 3.0):
        noise = smooth_noise(np.random.default_rng(5), grid(60, step_mm), scale_mm=6.0)
        assert noise.std() == pytest.approx(1.0, rel=0.12)


def test_resampling_by_a_rigid_motion_finds_the_point_that_moved() -> None:
    space = grid(21, 2.0)
    motion = rigid(np.array([2.0, -4.0, 6.0]), np.array([0.0, 0.0, 90.0]), centre_mm=np.array([20.0, 20.0, 20.0]))
    values = np.zeros(space.shape, np.float32)
    values[12, 7, 9] = 1.0
    landed = motion @ np.array([24.0, 14.0, 18.0, 1.0])
    out = resample(values, space, space, np.linalg.inv(motion))
    assert out[tuple(np.rint(landed[:3] / 2).astype(int))] == pytest.approx(1.0, abs=1e-5)


def test_a_still_patient_does_not_move_and_the_first_frame_is_the_reference() -> None:
    still = draw_motion(np.random.default_rng(6), 30, amount=0.0, centre_mm=np.zeros(3))
    restless = draw_motion(np.random.default_rng(6), 30, amount=1.0, centre_mm=np.zeros(3))
    assert not still.translation_mm.any()
    assert not still.rotation_deg.any()
    assert not restless.translation_mm[0].any()
    assert 0.1 < np.abs(restless.translation_mm).max() < 4.0
