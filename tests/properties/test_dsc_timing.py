"""Claims about steady state, arrival, peak and the end of the first pass."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterglow.kernels.arrival import find_arrival
from afterglow.kernels.dsc_timing import arrivals, bolus_frames, steady_frames

TR = 1.5


def bolus(times, arrival_s, *, recirculation=0.15):
    """A first pass of gamma shape, peaking 6 s after it begins, and what comes round again."""
    since = np.maximum(times - arrival_s, 0) / 6
    first = since**3 * np.exp(3 * (1 - since))
    return 10 * (first + recirculation * (1 - np.exp(-since / 2)) * (since > 0))


def approach(unsteady, arrival, noise, seed):
    """A signal curve whose first frames are above steady state, halving their excess at each frame."""
    times = TR * np.arange(60)
    signal = 800 * np.exp(-0.03 * bolus(times, TR * arrival)) * (1 + noise * np.random.default_rng(seed).normal(size=60))
    signal[:unsteady] += 800 * 0.3 * 0.5 ** np.arange(unsteady)
    return signal


@given(st.integers(0, 5), st.integers(9, 20))
def test_without_noise_it_counts_the_frames_before_steady_state(unsteady, arrival):
    assert steady_frames(approach(unsteady, arrival, 0.0, 0)) == unsteady


def test_with_the_noise_of_a_mean_it_nearly_always_counts_them():
    found = [steady_frames(approach(3, 9 + seed % 8, 1e-3, seed)) for seed in range(300)]
    assert np.mean(np.array(found) == 3) > 0.9


def test_steady_frames_are_seldom_dropped():
    rng = np.random.default_rng(0)
    times = TR * np.arange(60)
    counts = [steady_frames(800 * np.exp(-0.03 * bolus(times, 15.0)) + rng.normal(0, 2, 60)) for _ in range(500)]
    assert np.mean(np.array(counts) > 0) < 0.05


@given(st.floats(14, 30), st.floats(-1e4, 1e4))
def test_the_time_origin_does_not_matter(arrival_s, origin_s):
    times = TR * np.arange(60)
    curve = bolus(times, arrival_s)
    one, other = bolus_frames(times, curve), bolus_frames(times + origin_s, curve)
    assert (one.last_baseline, one.peak, one.end) == (other.last_baseline, other.peak, other.end)
    assert other.arrival_s - origin_s == pytest.approx(one.arrival_s, abs=1e-6)
    np.testing.assert_allclose(arrivals(times + origin_s, curve[None]) - origin_s, arrivals(times, curve[None]), atol=1e-6)


@given(st.floats(14, 30), st.integers(0, 10_000), st.booleans())
def test_the_baseline_ends_before_the_bolus_and_the_pass_after_its_peak(arrival_s, seed, even):
    rng = np.random.default_rng(seed)
    times = TR * np.arange(60) if even else np.cumsum(rng.uniform(0.8, 2.2, 60))
    found = bolus_frames(times, bolus(times, arrival_s) + rng.normal(0, 0.05, 60))
    assert times[found.last_baseline] <= arrival_s + 1
    assert abs(found.arrival_s - arrival_s) < 2.5
    assert abs(times[found.peak] - arrival_s - 6) < 2.5
    assert 3 < times[found.end] - times[found.peak] < 14


def test_skipped_frames_are_counted_in_the_numbers_given_back():
    times = TR * np.arange(60)
    curve = bolus(times, 20.0)
    whole, cut = bolus_frames(times, curve), bolus_frames(times, np.r_[[-9, -5, -2], curve[3:]], skip=3)
    assert whole == cut


def test_a_pass_that_leakage_hides_still_ends():
    times = TR * np.arange(60)
    curve = bolus(times, 20.0) + 6 * (1 - np.exp(-np.maximum(times - 22, 0) / 8))
    found = bolus_frames(times, curve)
    assert found.peak < found.end < 59


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_voxels_do_not_talk(seed):
    rng = np.random.default_rng(seed)
    times = TR * np.arange(50)
    curves = bolus(times, rng.uniform(10, 25, (20, 1))) + rng.normal(0, 0.5, (20, 50))
    curves[3, 7] = np.nan
    together = arrivals(times, curves)
    np.testing.assert_array_equal(together, np.concatenate([arrivals(times, curve[None]) for curve in curves]))
    np.testing.assert_array_equal(np.isnan(together), np.arange(20) == 3)


def test_each_voxels_arrival_is_that_of_the_search_on_one_curve():
    times = TR * np.arange(50)
    truth = np.linspace(12, 25, 40)
    curves = bolus(times, truth[:, None])
    one_by_one = np.array([find_arrival(times, curve).time_s for curve in curves])
    np.testing.assert_allclose(arrivals(times, curves), one_by_one, atol=0.5 * TR)
    noisy = curves + np.random.default_rng(0).normal(0, 0.5, curves.shape)
    assert np.std(arrivals(times, noisy) - truth) < TR


def test_curves_that_never_rise_have_no_arrival():
    found = arrivals(TR * np.arange(20), np.array([np.zeros(20), -np.arange(20.0), np.full(20, np.nan)]))
    assert np.isnan(found).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: steady_frames(np.ones(6)), "at least 10 frames"),
        (lambda: bolus_frames(np.arange(30.0), np.zeros(30)), "no bolus arrives"),
        (lambda: bolus_frames(np.arange(30.0), np.exp(-np.arange(30.0))), "no bolus|no frame is left"),
        (lambda: arrivals(np.zeros(5), np.zeros((2, 5))), "rising times"),
    ],
)
def test_what_cannot_be_told_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
