"""Claims about the exact convolution of a piecewise-linear curve."""

import numpy as np
import pytest
from dce_cases import PLASMA, TIMES, UNEVEN, UNEVEN_PLASMA
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from afterglow.kernels.convolution import exp_convolve, exp_convolve_slope, integrate, sample

rates = st.floats(1e-6, 2.0)


@given(rates, st.floats(-1e4, 1e4))
def test_the_clocks_origin_does_not_matter(rate: float, origin: float) -> None:
    moved = exp_convolve(UNEVEN + origin, UNEVEN_PLASMA, rate)
    np.testing.assert_allclose(moved, exp_convolve(UNEVEN, UNEVEN_PLASMA, rate), rtol=1e-8, atol=1e-8)


@given(rates, st.lists(st.floats(0.5, 289.5), min_size=1, max_size=20))
def test_extra_samples_on_a_straight_line_change_nothing(rate: float, extra: list[float]) -> None:
    times = np.union1d(TIMES, extra)
    times = times[np.concatenate([[True], np.diff(times) > 1e-6])]
    finer = exp_convolve(times, np.interp(times, TIMES, PLASMA), rate)
    known = np.isin(times, TIMES)
    np.testing.assert_allclose(finer[known], exp_convolve(TIMES, PLASMA, rate)[np.isin(TIMES, times)], rtol=1e-10, atol=1e-10)


@given(rates, st.floats(20, 280))
def test_it_is_the_integral_that_it_says(rate: float, until: float) -> None:
    knots = [t for t in TIMES if t < until]
    numeric, _ = quad(
        lambda s: np.interp(s, TIMES, PLASMA) * np.exp(-rate * (until - s)), 0, until, points=knots[1:], limit=500, epsrel=1e-10
    )
    found = exp_convolve(TIMES, PLASMA, rate, at_s=np.array([until]))[0]
    assert found == pytest.approx(numeric, rel=1e-8, abs=1e-9)


def test_a_rate_of_zero_is_the_trapezoidal_integral() -> None:
    trapezoid = np.concatenate([[0], np.cumsum(0.5 * (UNEVEN_PLASMA[1:] + UNEVEN_PLASMA[:-1]) * np.diff(UNEVEN))])
    np.testing.assert_allclose(integrate(UNEVEN, UNEVEN_PLASMA), trapezoid, rtol=1e-13)


def test_small_and_large_exponents_meet_without_a_step() -> None:
    x = np.linspace(0.015, 0.025, 101)  # across the change from series to closed form
    wide = x.astype(np.longdouble)
    ramp = ((wide + np.expm1(-wide)) / wide**2).astype(np.float64)
    np.testing.assert_allclose(exp_convolve(np.array([0.0, 1.0]), np.array([0.0, 1.0]), x)[:, 1], ramp, rtol=2e-14)


@given(st.floats(1e-4, 1.0))
def test_the_slope_by_rate_is_the_derivative(rate: float) -> None:
    step = 1e-5 * rate
    value, slope = exp_convolve_slope(UNEVEN, UNEVEN_PLASMA, rate)
    ahead, behind = (exp_convolve(UNEVEN, UNEVEN_PLASMA, rate + sign * step) for sign in (1, -1))
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(value, exp_convolve(UNEVEN, UNEVEN_PLASMA, rate), rtol=1e-14)


@given(rates, st.floats(-30, 30))
def test_a_delay_moves_the_curve_and_nothing_else(rate: float, delay: float) -> None:
    late = exp_convolve(UNEVEN, UNEVEN_PLASMA, rate, delay_s=delay)
    moved = exp_convolve(UNEVEN + delay, UNEVEN_PLASMA, rate, at_s=UNEVEN)
    np.testing.assert_allclose(late, moved, rtol=1e-7, atol=1e-7)


def test_before_its_first_sample_the_curve_has_not_begun_and_after_its_last_it_stays() -> None:
    times, curve = np.array([10.0, 20.0]), np.array([1.0, 3.0])
    np.testing.assert_array_equal(sample(times, curve, at_s=np.array([0.0, 10.0, 15.0, 40.0])), [0, 1, 2, 3])
    np.testing.assert_allclose(integrate(times, curve, at_s=np.array([0.0, 20.0, 40.0])), [0, 20, 80])


def test_many_rates_are_done_at_once_and_keep_their_shape() -> None:
    rate = np.array([[0.01, 0.1, 1.0], [0.0, 1e-9, 5.0]])
    together = exp_convolve(TIMES, PLASMA, rate, at_s=UNEVEN)
    assert together.shape == (2, 3, UNEVEN.size)
    np.testing.assert_allclose(together[1, 2], exp_convolve(TIMES, PLASMA, 5.0, at_s=UNEVEN), rtol=1e-13)


@pytest.mark.parametrize(
    ("times", "curve", "words"),
    [
        (np.arange(4.0), np.zeros(3), r"shape \(3,\) does not fit times of shape \(4,\)"),
        (np.array([0.0, 2.0, 2.0]), np.zeros(3), "times must rise"),
    ],
)
def test_what_does_not_fit_together_is_refused(times: np.ndarray, curve: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        exp_convolve(times, curve, 0.1)
