"""Claims about the search for the arrival of the bolus."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.kernels.aif_population import parker
from afterglow.kernels.arrival import baseline_frames, find_arrival, rise_over_noise


@given(st.floats(-500, 500), st.floats(20, 60), st.sampled_from([1.0, 2.5, 5.0]))
def test_the_time_origin_does_not_matter(origin_s, delay_s, step_s):
    times = np.arange(0, 300, step_s)
    curve = parker(times, delay_s=delay_s)
    here, there = find_arrival(times, curve), find_arrival(times + origin_s, curve)
    assert here.frame == there.frame
    assert there.time_s - here.time_s == pytest.approx(origin_s, abs=1e-6)


@given(st.floats(20, 60), st.sampled_from([1.0, 2.5, 5.0]), st.integers(0, 1000))
def test_a_noisy_bolus_is_found_within_a_frame_and_a_half(delay_s, step_s, seed):
    times = np.arange(0, 300, step_s)
    noise = np.random.default_rng(seed).normal(0, 0.1, times.size)
    found = find_arrival(times, parker(times, delay_s=delay_s) + noise)
    assert abs(found.time_s - delay_s - 3) < 1.5 * step_s + 3  # Parker's curve rises slowly over its first seconds


@given(st.floats(0.01, 1e4), st.floats(-100, 100))
def test_gain_and_offset_do_not_matter(gain, offset):
    times = np.arange(0, 200, 4.0)
    curve = parker(times, delay_s=33)
    assert find_arrival(times, curve).frame == find_arrival(times, gain * curve + offset).frame


def test_a_slow_rise_does_not_pull_the_arrival_forward():
    times = np.arange(0, 400, 5.0)
    curve = np.where(times > 52, 1 - np.exp(-np.maximum(times - 52, 0) / 90), 0)
    assert find_arrival(times, curve).frame == 11


def test_frames_before_contrast_are_named_and_few_are_remarked_on():
    times = np.arange(0, 300, 5.0)
    many, words = baseline_frames(times, parker(times, delay_s=42), skip=1)
    assert many == slice(1, 9)
    assert words == ""
    few, words = baseline_frames(times, parker(times, delay_s=11), skip=1)
    assert few == slice(1, 3)
    assert "only 2 frames before contrast" in words


def test_contrast_before_the_first_frame_is_an_error():
    times = np.arange(0, 300, 5.0)
    with pytest.raises(ValueError, match="no frame before it"):
        baseline_frames(times, parker(times, delay_s=-4), skip=1)


@pytest.mark.parametrize("curve", [np.zeros(60), np.random.default_rng(1).normal(0, 1, 60), np.full(60, 3.0)])
def test_a_curve_without_a_bolus_is_an_error(curve):
    with pytest.raises(ValueError, match="no bolus arrives"):
        find_arrival(np.arange(60.0), curve)


def test_a_gap_is_an_error():
    with pytest.raises(ValueError, match="without gaps"):
        find_arrival(np.arange(6.0), np.array([0, 0, np.nan, 1, 2, 3.0]))


def noisy_tissue(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A thousand dim voxels of nothing but noise, and fifty that enhance at 62 s."""
    rng = np.random.default_rng(seed)
    times = np.arange(0, 400, 16.0)
    nothing = np.abs(rng.normal(1.0, 0.8, (1000, times.size)))
    tissue = 100 + 200 * (1 - np.exp(-np.maximum(times - 62, 0) / 40)) + rng.normal(0, 5, (50, times.size))
    return times, np.vstack([nothing, tissue]), np.arange(1000, 1050)


@pytest.mark.parametrize("seed", range(5))
def test_noise_never_outranks_tissue_that_enhances(seed):
    times, curves, enhancing = noisy_tissue(seed)
    clearest = np.argsort(-rise_over_noise(curves))[:40]
    assert np.isin(clearest, enhancing).all()
    assert find_arrival(times, curves[clearest].mean(axis=0)).frame == 4


@given(st.floats(0.01, 1e4))
def test_gain_does_not_change_a_rise_over_noise(gain):
    _, curves, _ = noisy_tissue(0)
    np.testing.assert_allclose(rise_over_noise(gain * curves), rise_over_noise(curves), rtol=1e-6)


def test_a_jerk_a_gap_and_a_constant_have_no_rise():
    jerk = np.full(40, 10.0) + np.random.default_rng(0).normal(0, 0.1, 40)
    gap = jerk.copy()
    jerk[12], gap[5] = 90.0, np.nan
    assert (rise_over_noise(np.stack([jerk, gap, np.full(40, 7.0)])) == 0).all()


def test_a_curve_without_noise_has_a_rise_too():
    times = np.arange(0, 300, 5.0)
    assert rise_over_noise(parker(times, delay_s=42)[None])[0] > 100


def test_a_curve_that_ends_below_its_start_has_no_rise():
    times = np.arange(0, 300, 5.0)
    backwards = parker(times, delay_s=42)[None, ::-1] + np.random.default_rng(0).normal(0, 0.02, (1, 60))
    assert rise_over_noise(backwards) == 0
