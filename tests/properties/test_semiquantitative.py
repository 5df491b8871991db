"""Claims about areas, slopes and peaks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from afterglow.kernels.semiquantitative import initial_area, largest_change_percent, peak, steepest_slope, time_to_peak

steps = st.lists(st.floats(0.5, 12), min_size=30, max_size=40)


def curve_on(steps_s, seed):
    times = np.concatenate([[0.0], np.cumsum(steps_s)])
    return times, np.random.default_rng(seed).normal(0.3, 1, times.size)


@given(steps, st.integers(0, 99), st.floats(0, 5), st.floats(1, 9))
def test_the_area_is_that_of_the_straight_pieces(steps_s, seed, arrival_s, duration_s):
    times, curve = curve_on(steps_s, seed)
    inside = times[(times > arrival_s) & (times < arrival_s + duration_s)]
    expected, _ = quad(
        lambda t: np.interp(t, times, curve), arrival_s, arrival_s + duration_s, points=inside if inside.size else None
    )
    assert initial_area(times, curve, arrival_s=arrival_s, duration_s=duration_s) == pytest.approx(expected, abs=1e-8)


@given(steps, st.integers(0, 99), st.floats(-200, 900))
def test_the_time_origin_does_not_matter(steps_s, seed, origin_s):
    times, curve = curve_on(steps_s, seed)
    for here, there in (
        (
            initial_area(times, curve, arrival_s=2, duration_s=9),
            initial_area(times + origin_s, curve, arrival_s=2 + origin_s, duration_s=9),
        ),
        (steepest_slope(times, curve, span_s=4), steepest_slope(times + origin_s, curve, span_s=4)),
        (time_to_peak(times, curve, arrival_s=2), time_to_peak(times + origin_s, curve, arrival_s=2 + origin_s)),
    ):
        assert there == pytest.approx(here, abs=1e-7)


@given(steps, st.integers(0, 99))
def test_extra_samples_on_a_straight_line_change_nothing(steps_s, seed):
    times, curve = curve_on(steps_s, seed)
    finer = np.sort(np.concatenate([times, (times[1:] + times[:-1]) / 2]))
    more = np.interp(finer, times, curve)
    assert initial_area(finer, more, arrival_s=2, duration_s=9) == pytest.approx(
        float(initial_area(times, curve, arrival_s=2, duration_s=9))
    )
    assert steepest_slope(finer, more, span_s=4) == pytest.approx(float(steepest_slope(times, curve, span_s=4)))
    assert time_to_peak(finer, more, arrival_s=2) == time_to_peak(times, curve, arrival_s=2)


@given(st.floats(0.01, 50))
def test_dose_scales_heights_and_leaves_times(dose):
    times, curve = curve_on(np.full(30, 3.0), 7)
    assert initial_area(times, dose * curve, arrival_s=5, duration_s=60) == pytest.approx(
        dose * initial_area(times, curve, arrival_s=5, duration_s=60)
    )
    assert steepest_slope(times, dose * curve, span_s=6) == pytest.approx(dose * steepest_slope(times, curve, span_s=6))
    assert time_to_peak(times, dose * curve, arrival_s=5) == time_to_peak(times, curve, arrival_s=5)


def test_any_leading_shape_keeps_its_type_and_voxels_do_not_talk():
    curve = np.random.default_rng(0).normal(1, 1, (3, 4, 2, 40)).astype(np.float32)
    times = 2.0 * np.arange(40)
    for number in (
        initial_area(times, curve, arrival_s=11, duration_s=60),
        steepest_slope(times, curve, span_s=6),
        peak(curve),
        time_to_peak(times, curve, arrival_s=11),
        largest_change_percent(curve + 100, baseline_frames=slice(1, 5)),
    ):
        assert number.shape == (3, 4, 2)
        assert number.dtype == np.float32
    together = steepest_slope(times, curve, span_s=6)[1, 2, 0]
    assert together == pytest.approx(float(steepest_slope(times, curve[1, 2, 0], span_s=6)), rel=1e-5)


def test_a_scan_that_ends_too_early_gives_no_area():
    times = np.arange(0, 60, 5.0)
    assert np.isnan(initial_area(times, np.ones((2, 12)), arrival_s=10, duration_s=60)).all()
    assert np.isfinite(initial_area(times, np.ones((2, 12)), arrival_s=10, duration_s=45)).all()


def test_what_was_not_measured_gives_no_number_and_what_lies_outside_does_not_matter():
    times = np.arange(0, 100, 5.0)
    curve = np.ones((2, 20))
    curve[0, 6], curve[1, 19] = np.nan, np.nan
    area = initial_area(times, curve, arrival_s=10, duration_s=60)
    assert np.isnan(area[0])
    assert area[1] == pytest.approx(60)
    assert np.isnan(time_to_peak(times, curve, arrival_s=10)).all()


def test_relative_signal_change_counts_from_the_named_baseline():
    signal = np.array([[50.0, 100, 100, 100, 300, 200], [0, 0, 0, 0, 5, 5]])
    change = largest_change_percent(signal, baseline_frames=slice(1, 4))
    assert change[0] == pytest.approx(200)
    assert np.isnan(change[1])


def test_a_span_longer_than_the_series_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        steepest_slope(np.arange(5.0), np.ones(5), span_s=10)
