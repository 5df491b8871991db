"""Claims about deconvolution: equal to singular value decomposition voxel by voxel, blind to delay, honest about noise."""

import numpy as np
import pytest
from dsc_cases import TIMES, artery, tissue
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import circulant

from afterglow.kernels.dsc_deconvolution import (
    STEPPED_THRESHOLDS,
    deconvolve_fixed,
    deconvolve_oscillation,
    flow_ml_100g_min,
    mean_transit_s,
)
from afterglow.kernels.dsc_volume import blood_volume
from afterglow.kernels.types import Status

ARTERY = 20 * artery(TIMES)
STEP_S, N = 1.5, TIMES.size
BANK = np.stack([tissue(TIMES, mtt_s=mtt_s) for mtt_s in np.linspace(2, 10, 33)])
OSVD = {"oscillation_limit": 0.035, "thresholds": STEPPED_THRESHOLDS}


def voxel_by_voxel(curve, thresholds, limit):
    """oSVD as the papers write it, on one curve: flow, delay, index, threshold."""
    u, s, vt = np.linalg.svd(circulant(np.concatenate([ARTERY * STEP_S, np.zeros(N)])))
    projected = u.T @ np.concatenate([curve, np.zeros(N)])
    for threshold in thresholds:
        residue = vt.T @ np.where(s >= threshold * s[0], projected / s, 0)
        index = np.abs(residue[2:] - 2 * residue[1:-1] + residue[:-2]).sum() / (2 * N) / residue.max()
        if index < limit or threshold == thresholds[-1]:
            at = int(np.argmax(residue))
            return residue.max(), STEP_S * (at - 2 * N if at >= N else at), index, threshold
    raise AssertionError


def noisy_voxels(seed, n=12):
    rng = np.random.default_rng(seed)
    curves = BANK[rng.integers(0, len(BANK), n)] * rng.uniform(0.3, 3, (n, 1))
    return curves + rng.normal(0, rng.uniform(0.05, 2), (n, N))


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([0.05, 0.1, 0.2, 0.3]))
def test_it_is_the_singular_value_decomposition_of_each_voxel(seed, threshold):
    curves = noisy_voxels(seed)
    for found, thresholds, limit in (
        (deconvolve_fixed(TIMES, ARTERY, curves, threshold=threshold), (threshold,), np.inf),
        (deconvolve_oscillation(TIMES, ARTERY, curves, **OSVD), STEPPED_THRESHOLDS, 0.035),
    ):
        expected = np.array([voxel_by_voxel(curve, thresholds, limit) for curve in curves]).T
        np.testing.assert_allclose(np.stack(found[:4]), expected, rtol=1e-6, atol=1e-9)


def test_single_precision_gives_the_same_flows():
    curves = np.concatenate([noisy_voxels(seed) for seed in range(40)])
    one = deconvolve_oscillation(TIMES, ARTERY, curves, **OSVD)
    other = deconvolve_oscillation(TIMES, ARTERY, curves.astype(np.float32), **OSVD)
    assert other.cbf_per_s.dtype == np.float32
    same = np.isclose(one.threshold, other.threshold)  # a voxel on the very limit may fall to either side
    assert same.mean() > 0.995
    np.testing.assert_allclose(other.cbf_per_s[same], one.cbf_per_s[same], rtol=1e-5)


@settings(max_examples=30)
@given(st.integers(-8, 20), st.floats(2, 10))
def test_the_delay_is_found_with_its_sign_and_leaves_flow_alone(frames, mtt_s):
    curve = tissue(np.arange(-60.0, 150.0, 1.5), mtt_s=mtt_s, recirculation=0.0)
    at_artery = deconvolve_fixed(TIMES, 20 * artery(TIMES, recirculation=0.0), curve[None, 40:100], threshold=0.1)
    late = deconvolve_fixed(TIMES, 20 * artery(TIMES, recirculation=0.0), curve[None, 40 - frames : 100 - frames], threshold=0.1)
    assert late.tmax_s[0] - at_artery.tmax_s[0] == pytest.approx(frames * STEP_S)
    np.testing.assert_allclose(late.cbf_per_s, at_artery.cbf_per_s, rtol=5e-3)  # the tail that the series cuts off


@given(st.floats(-1e4, 1e4), st.floats(0.01, 100), st.floats(0.01, 100))
def test_scales_and_the_time_origin_do_what_they_should(origin_s, gain, arterial_gain):
    curves = noisy_voxels(3)
    one = deconvolve_oscillation(TIMES, ARTERY, curves, **OSVD)
    other = deconvolve_oscillation(TIMES + origin_s, arterial_gain * ARTERY, gain * curves, **OSVD)
    np.testing.assert_allclose(other.cbf_per_s, one.cbf_per_s * gain / arterial_gain, rtol=1e-6)
    np.testing.assert_allclose(other.tmax_s, one.tmax_s, rtol=1e-6)


def test_voxels_do_not_talk_and_what_is_not_measured_stays_so():
    curves = np.concatenate([noisy_voxels(seed) for seed in range(3)])
    alone = deconvolve_oscillation(TIMES, ARTERY, curves, **OSVD)
    curves[[2, 7], 30], curves[11] = np.nan, 0.0
    found = deconvolve_oscillation(TIMES, ARTERY, curves, **OSVD)
    assert (found.status[[2, 7]] == Status.NOT_FINITE).all()
    assert found.status[11] == Status.NO_UPTAKE
    kept = ~np.isin(np.arange(36), [2, 7, 11])
    for a, b in zip(found[:4], alone[:4], strict=True):
        assert np.isnan(a[~kept]).all()
        np.testing.assert_allclose(a[kept], b[kept], rtol=1e-9)


def test_a_residue_that_no_threshold_calms_says_so():
    noise = np.random.default_rng(0).normal(0, 1, (20, N))
    found = deconvolve_oscillation(TIMES, ARTERY, noise, oscillation_limit=1e-4, thresholds=(0.05, 0.1))
    assert (found.status == Status.NO_CONVERGENCE).all()
    assert (found.threshold == 0.1).all()


@pytest.mark.parametrize("mtt_s", [4.0, 8.0])
def test_flow_and_transit_time_come_near_the_truth_where_nothing_limits_them(mtt_s):
    fine = np.arange(0, 90, 0.5)
    window = slice(0, fine.size)
    truth = tissue(fine, mtt_s=mtt_s, recirculation=0.0) / 10 * 0.04 * 200  # 4 % blood
    at_artery = 200 * artery(fine, recirculation=0.0)
    found = deconvolve_fixed(fine, at_artery, truth[None], threshold=1e-4)
    assert found.cbf_per_s[0] == pytest.approx(0.04 / mtt_s, rel=0.12)
    volume, area = (blood_volume(fine, curve[None], window=window) for curve in (truth, at_artery))
    assert mean_transit_s(volume, found.cbf_per_s, arterial_area=area[0])[0] == pytest.approx(mtt_s, rel=0.12)


def test_a_flow_of_one_per_cent_per_second_is_sixty_per_hundred_grams_and_minute():
    assert flow_ml_100g_min(np.array([0.01]), kh=1.0, density_g_per_ml=1.0)[0] == pytest.approx(60)


def test_transit_time_is_nan_where_nothing_flows():
    found = mean_transit_s(np.ones(3), np.array([0.5, 0.0, np.nan]), arterial_area=2.0)
    np.testing.assert_array_equal(found, [1.0, np.nan, np.nan])


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (np.cumsum(np.tile([1.0, 2.0], 30)), "1 to 2 s apart.*resample artery and tissue"),
        (TIMES[::-1], "rising times"),
        (TIMES[:-1], "they must be"),
    ],
)
def test_frames_that_are_not_even_are_refused_with_a_remedy(times, words):
    with pytest.raises(ValueError, match=words):
        deconvolve_fixed(times, ARTERY, np.ones((2, N)), threshold=0.2)


@pytest.mark.parametrize(
    ("artery_curve", "thresholds", "words"),
    [(np.zeros(N), (0.1,), "another artery"), (ARTERY, (0.2, 0.1), "must rise"), (ARTERY, (0.1, 1.5), "between 0 and 1")],
)
def test_other_nonsense_is_refused(artery_curve, thresholds, words):
    with pytest.raises(ValueError, match=words):
        deconvolve_oscillation(TIMES, artery_curve, np.ones((2, N)), oscillation_limit=0.035, thresholds=thresholds)
