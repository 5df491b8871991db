"""Claims about the apparent diffusion coefficient."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from afterglow.kernels.diffusion import mono_exponential_adc
from afterglow.kernels.types import Status

B = np.array([0.0, 200.0, 500.0, 800.0, 1000.0])


def decays(adc, s0):
    return np.asarray(s0)[:, None] * np.exp(-np.asarray(adc)[:, None] * B)


@given(st.lists(st.floats(1e-5, 4e-3), min_size=1, max_size=20), st.floats(1, 1e5))
def test_without_noise_the_coefficient_comes_back(adc, s0):
    found = mono_exponential_adc(decays(adc, [s0] * len(adc)), B, noise_floor=0.0)
    np.testing.assert_allclose(found.adc_mm2_s, adc, rtol=1e-6)
    np.testing.assert_allclose(found.s0, s0, rtol=1e-6)
    assert (found.status == Status.OK).all()


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_it_is_the_nonlinear_least_squares_optimum(seed):
    rng = np.random.default_rng(seed)
    signal = decays([rng.uniform(2e-4, 3e-3)], [1000.0]) + rng.normal(0, 40, (1, 5))
    found = mono_exponential_adc(signal, B, noise_floor=1e-9)
    used = signal[0] > 0
    best, covariance = curve_fit(
        lambda b, s0, d: s0 * np.exp(-b * d * 1e-3), B[used], signal[0, used], p0=(1000, 1.0), xtol=1e-12, ftol=1e-12
    )
    assert found.adc_mm2_s[0] == pytest.approx(best[1] * 1e-3, rel=1e-4)
    assert found.adc_se_mm2_s[0] == pytest.approx(np.sqrt(covariance[1, 1]) * 1e-3, rel=1e-2)


@given(st.floats(0.01, 1000))
def test_the_receiver_gain_does_not_matter(gain):
    signals = decays([5e-4, 1e-3, 2e-3], [900.0, 700.0, 500.0]) + np.random.default_rng(0).normal(0, 10, (3, 5))
    one = mono_exponential_adc(signals, B, noise_floor=30.0)
    other = mono_exponential_adc(gain * signals, B, noise_floor=30.0 * gain)
    np.testing.assert_allclose(other.adc_mm2_s, one.adc_mm2_s, rtol=1e-6)
    np.testing.assert_allclose(other.rms, gain * one.rms, rtol=1e-6)


@given(st.permutations(range(5)))
def test_the_order_of_the_b_values_does_not_matter(order):
    signals = decays([5e-4, 1e-3, 2e-3], [900.0, 700.0, 500.0]) + np.random.default_rng(1).normal(0, 10, (3, 5))
    one, other = (
        mono_exponential_adc(signals, B, noise_floor=0.0),
        mono_exponential_adc(signals[:, order], B[order], noise_floor=0.0),
    )
    np.testing.assert_allclose(other.adc_mm2_s, one.adc_mm2_s, rtol=1e-9)


def test_signals_under_the_floor_are_left_out_and_do_not_bend_the_decay():
    signals = np.maximum(decays([3e-3, 1e-3], [1000.0, 1000.0]), 100.0)  # magnitudes end at the noise
    found = mono_exponential_adc(signals, B, noise_floor=110.0)
    np.testing.assert_allclose(found.adc_mm2_s, [3e-3, 1e-3], rtol=1e-6)
    np.testing.assert_array_equal(found.n_used, [3, 5])
    assert mono_exponential_adc(signals, B, noise_floor=0.0).adc_mm2_s[0] < 2.9e-3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_voxels_do_not_talk_and_what_is_not_measured_stays_so(dtype):
    rng = np.random.default_rng(2)
    signals = (decays(rng.uniform(3e-4, 2e-3, 10), [800.0] * 10) + rng.normal(0, 8, (10, 5))).astype(dtype)
    alone = mono_exponential_adc(signals, B, noise_floor=20.0)
    signals[3, 2], signals[5], signals[7, 1:] = np.nan, 0.0, 5.0
    found = mono_exponential_adc(signals, B, noise_floor=20.0)
    kept = ~np.isin(np.arange(10), [3, 5, 7])
    np.testing.assert_array_equal(found.status[[3, 5, 7]], [Status.NOT_FINITE, Status.NO_SIGNAL, Status.NO_SIGNAL])
    for a, b in zip(found[:4], alone[:4], strict=True):
        assert a.dtype == dtype
        assert np.isnan(a[~kept]).all()
        np.testing.assert_allclose(a[kept], b[kept], rtol=1e-6)


def test_two_b_values_give_a_coefficient_without_an_error():
    found = mono_exponential_adc(np.array([[1000.0, 1000 * np.exp(-0.8)]]), np.array([0.0, 1000.0]), noise_floor=0.0)
    assert found.adc_mm2_s[0] == pytest.approx(8e-4)
    assert np.isnan(found.adc_se_mm2_s[0])


def test_the_standard_errors_are_those_of_repeated_measurements():
    noise = np.random.default_rng(3).normal(0, 10, (20000, 5))
    found = mono_exponential_adc(decays([1e-3] * 20000, [1000.0] * 20000) + noise, B, noise_floor=1.0)
    assert np.std(found.adc_mm2_s) == pytest.approx(np.sqrt(np.mean(found.adc_se_mm2_s**2)), rel=0.03)
    assert np.mean(found.adc_mm2_s) == pytest.approx(1e-3, rel=0.005)


@pytest.mark.parametrize(
    ("b", "words"),
    [(np.full(5, 1000.0), "at least two different"), (B - 100, "none negative"), (B[:3], r"must be \(n, b\)")],
)
def test_b_values_that_tell_no_decay_are_refused(b, words):
    with pytest.raises(ValueError, match=words):
        mono_exponential_adc(np.ones((2, 5)), b, noise_floor=0.0)
