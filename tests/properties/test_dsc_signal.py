"""Claims about relaxation rates from signals: inverse of the signal equation, floors, missing values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from afterglow.kernels.dsc_signal import baseline, contrast_to_noise, dual_echo_rate, rate_change, simplified_sage

TE1, TE2, TE_SE = 0.008, 0.025, 0.09
rates = arrays(np.float64, (3, 12), elements=st.floats(-2, 20))
sizes = arrays(np.float64, 3, elements=st.floats(10, 2000))


@given(rates, sizes)
def test_one_echo_gives_back_the_rate_that_made_the_signal(rate, s0):
    found = rate_change(s0[:, None] * np.exp(-0.03 * rate), s0, 0.03, floor=0.0)
    np.testing.assert_allclose(found.per_s, rate, atol=1e-10)
    assert not found.saturated.any()


@given(rates, sizes, arrays(np.float64, (3, 12), elements=st.floats(0.5, 3.0)))
def test_two_echoes_give_the_rate_whatever_t1_does(rate, s0, t1_effect):
    at_zero = s0[:, None] * t1_effect
    r2star0 = 15.0
    echoes = [at_zero * np.exp(-te * (r2star0 + rate)) for te in (TE1, TE2)]
    before = [s0 * np.exp(-te * r2star0) for te in (TE1, TE2)]
    found = dual_echo_rate(*echoes, *before, te1_s=TE1, te2_s=TE2, floor=0.0)
    np.testing.assert_allclose(found.per_s, rate, atol=1e-9)
    np.testing.assert_allclose(found.signal_te0, at_zero, rtol=1e-9)


@given(rates, rates, sizes, arrays(np.float64, (3, 12), elements=st.floats(0.5, 3.0)))
def test_three_echoes_give_both_rates_whatever_t1_does(rate, rate_se, s0, t1_effect):
    decays = [15.0 * TE1, 15.0 * TE2, 10.0 * TE_SE]
    before = tuple(s0 * np.exp(-d) for d in decays)
    changes = [TE1 * rate, TE2 * rate, TE_SE * rate_se / 3]
    signals = [b[:, None] * t1_effect * np.exp(-c) for b, c in zip(before, changes, strict=True)]
    found = simplified_sage(*signals, before, te1_s=TE1, te2_s=TE2, te_se_s=TE_SE, floor=0.0)
    np.testing.assert_allclose(found.r2star_per_s, rate, atol=1e-9)
    np.testing.assert_allclose(found.r2_per_s, rate_se / 3, atol=1e-9)


@given(rates, sizes, st.floats(0.1, 100))
def test_the_receiver_gain_does_not_matter(rate, s0, gain):
    signal = s0[:, None] * np.exp(-0.03 * rate)
    one, other = rate_change(signal, s0, 0.03, floor=5.0), rate_change(gain * signal, gain * s0, 0.03, floor=5.0 * gain)
    np.testing.assert_allclose(one.per_s, other.per_s, atol=1e-9)


def test_a_signal_at_the_floor_is_held_there_and_marked_and_negatives_stay():
    signal = np.array([[100.0, 130.0, 2.0, -5.0, np.nan, 0.0]])
    found = rate_change(signal, np.array([100.0]), 0.03, floor=4.0)
    np.testing.assert_array_equal(found.saturated, [[False, False, True, True, False, True]])
    np.testing.assert_allclose(found.per_s[0, [2, 3, 5]], np.log(25) / 0.03)
    assert found.per_s[0, 1] < 0
    np.testing.assert_array_equal(np.isnan(found.per_s), np.isnan(signal))
    assert rate_change(signal, np.array([100.0]), 0.03, floor=0.0).per_s[0, 5] == pytest.approx(np.log(1000) / 0.03)


def test_a_voxel_without_baseline_is_nan_and_leaves_the_others_alone():
    rng = np.random.default_rng(0)
    signal, s0 = rng.uniform(50, 100, (4, 9)), np.array([80.0, 0.0, -3.0, np.nan])
    found = rate_change(signal, s0, 0.03, floor=1.0)
    np.testing.assert_array_equal(np.isnan(found.per_s).all(axis=1), [False, True, True, True])
    np.testing.assert_array_equal(found.per_s[:1], rate_change(signal[:1], s0[:1], 0.03, floor=1.0).per_s)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_type_of_the_data_is_kept_and_the_data_untouched(dtype):
    signal, s0 = np.full((2, 8), 90, dtype), np.full(2, 100, dtype)
    copy = signal.copy()
    two = dual_echo_rate(signal, signal / 2, s0, s0 / 2, te1_s=TE1, te2_s=TE2, floor=1.0)
    three = simplified_sage(signal, signal, signal, (s0, s0, s0), te1_s=TE1, te2_s=TE2, te_se_s=TE_SE, floor=1.0)
    one = rate_change(signal, s0, 0.03, floor=1.0)
    for found in (one.per_s, two.per_s, two.signal_te0, three.r2_per_s, three.r2star_per_s, *baseline(signal, slice(0, 4))):
        assert found.dtype == dtype
    np.testing.assert_array_equal(signal, copy)


def test_the_noise_before_contrast_is_that_of_the_rates():
    rng = np.random.default_rng(1)
    signal = 500 + rng.normal(0, 5, (4000, 30))
    rates = rate_change(signal, baseline(signal, slice(0, 25)).mean, 0.03, floor=1.0).per_s
    sigma0 = baseline(rates, slice(0, 25)).sd
    assert sigma0.mean() == pytest.approx(5 / 500 / 0.03, rel=0.02)
    rates[:, 27] = 10.0
    np.testing.assert_allclose(contrast_to_noise(rates, sigma0), 10 / sigma0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: rate_change(np.ones((2, 5)), np.ones(2), 0.0, floor=1.0), "echo time of 0.0 s"),
        (lambda: rate_change(np.ones((2, 5)), np.ones(3), 0.03, floor=1.0), r"\(2, 5\) and S0 of shape \(3,\)"),
        (lambda: baseline(np.ones((2, 5)), slice(0, 2)), "2 frames before contrast"),
        (
            lambda: dual_echo_rate(np.ones((1, 5)), np.ones((1, 5)), np.ones(1), np.ones(1), te1_s=0.03, te2_s=0.01, floor=0.0),
            "the first must be the shorter",
        ),
    ],
)
def test_what_cannot_be_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
