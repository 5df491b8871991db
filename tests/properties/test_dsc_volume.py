"""Claims about blood volume: areas on any grid, corrected either way, classes that add up."""

import numpy as np
import pytest
from dsc_cases import TIMES, UNEVEN, leaking, tissue
from hypothesis import given, settings
from hypothesis import strategies as st

from afterglow.kernels.dsc_leakage import choose_leakage, corrected_rates
from afterglow.kernels.dsc_volume import blood_volume, blood_volume_ml_100g, corrected_volume, relative_volume, tumour_burden

CURVES = np.random.default_rng(0).normal(2, 5, (6, 60))


@given(st.lists(st.integers(200, 8800).map(lambda k: k / 100), min_size=1, max_size=30), st.floats(-1e4, 1e4))
def test_extra_samples_on_a_straight_line_and_the_origin_change_nothing(extra, origin_s):
    times = np.union1d(TIMES, extra)
    finer = np.stack([np.interp(times, TIMES, curve) for curve in CURVES])
    coarse = blood_volume(TIMES, CURVES, window=slice(0, 60))
    np.testing.assert_allclose(blood_volume(times + origin_s, finer, window=slice(0, times.size)), coarse, rtol=1e-7, atol=1e-7)


@given(st.integers(0, 1000), st.floats(0.1, 50))
def test_time_reversed_and_scaled_curves_keep_their_area(seed, gain):
    times = np.cumsum(np.random.default_rng(seed).uniform(0.5, 3, 60))
    one = blood_volume(times, CURVES, window=slice(10, 50))
    np.testing.assert_allclose(blood_volume(-times[::-1], CURVES[:, ::-1], window=slice(10, 50)), one, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(blood_volume(times, gain * CURVES, window=slice(10, 50)), gain * one, rtol=1e-9, atol=1e-9)


@settings(max_examples=40)
@given(st.integers(0, 1000), st.sampled_from([TIMES, UNEVEN]), st.sampled_from([slice(0, 60), slice(8, 50)]))
def test_a_corrected_area_is_the_area_of_the_corrected_curve(seed, times, window):
    rng, brain = np.random.default_rng(seed), tissue(times)
    k2, kep = rng.uniform(-0.08, 0.08, 12), rng.uniform(0, 0.1, 12)
    curves = leaking(times, brain, k1=2.0, k2=k2, kep=kep) + rng.normal(0, 0.2, (12, 60))
    found = choose_leakage(times, curves, brain, np.full(12, 0.2), window=slice(5, 60))
    one = corrected_volume(times, curves, brain, found, window=window, leakage_window=slice(5, 60))
    curves = corrected_rates(times, curves, brain, found, window=slice(5, 60))
    np.testing.assert_allclose(blood_volume(times, curves, window=window), one, rtol=1e-9)


def test_what_is_not_measured_within_the_window_is_nan_and_nothing_else():
    curves = CURVES.astype(np.float32)
    curves[1, 20], curves[2, 55], curves[3, 30] = np.nan, np.nan, np.inf
    volume = blood_volume(TIMES, curves, window=slice(10, 50))
    assert volume.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(volume), [False, True, False, True, False, False])


def test_quantitative_volume_is_four_for_a_share_of_four_per_cent():
    area = np.array([4.0, np.nan])
    found = blood_volume_ml_100g(area, arterial_area=100.0, kh=0.733, density_g_per_ml=1.04)
    np.testing.assert_allclose(found, [4 * 0.733 / 1.04, np.nan])
    np.testing.assert_allclose(relative_volume(area, reference_area=2.0), [2, np.nan])


@given(st.lists(st.floats(-1, 10), min_size=1, max_size=50))
def test_the_shares_of_tumour_burden_add_to_one(values):
    found = tumour_burden(np.array([*values, np.nan]), low=1.0, high=1.75)
    assert sum(found.shares) == pytest.approx(1)
    assert found.n_measured == len(values)
    assert found.classes[-1] == 0


def test_the_cut_offs_themselves_lie_in_the_middle_class():
    found = tumour_burden(np.array([[0.5, 1.0], [1.75, 2.0]]), low=1.0, high=1.75)
    np.testing.assert_array_equal(found.classes, [[1, 2], [2, 3]])
    assert found.shares == (0.25, 0.5, 0.25)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: blood_volume(TIMES[::-1], CURVES, window=slice(0, 60)), "times must rise"),
        (lambda: blood_volume(TIMES, CURVES, window=slice(5, 6)), "over 1 frames"),
        (lambda: blood_volume_ml_100g(np.ones(1), arterial_area=0.0, kh=0.7, density_g_per_ml=1.04), "must be above zero"),
        (lambda: relative_volume(np.ones(1), reference_area=-1.0), "choose other reference tissue"),
        (lambda: tumour_burden(np.ones(3), low=2.0, high=1.0), "cut-offs of 2.0 and 1.0"),
        (lambda: tumour_burden(np.full(3, np.nan), low=1.0, high=2.0), "no voxel"),
    ],
)
def test_what_gives_no_volume_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
