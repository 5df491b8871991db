"""Claims about T1 from inversion recovery."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import least_squares
from scipy.stats import t as student

from afterglow.kernels.inversion import t1_inversion
from afterglow.kernels.types import Status

TI_S = np.array([0.05, 0.2, 0.5, 0.9, 1.6, 3.0])
BOUNDS_S = (0.02, 10.0)


def made(t1_s, a=100.0, b=-190.0):
    return a + b * np.exp(-TI_S / np.asarray(t1_s)[..., None])


@given(st.lists(st.floats(0.1, 3.5), min_size=1, max_size=8), st.floats(-2.0, -1.2), st.booleans())
def test_without_noise_t1_is_exact_with_and_without_signs(t1_s, efficiency, magnitude):
    y = made(np.array(t1_s), b=100 * efficiency)
    fit = t1_inversion(np.abs(y) if magnitude else y, ti_s=TI_S, magnitude=magnitude, t1_bounds_s=BOUNDS_S)
    np.testing.assert_allclose(fit.t1_s, t1_s, rtol=1e-6)
    np.testing.assert_allclose(fit.a, 100, rtol=1e-5)
    np.testing.assert_allclose(fit.b, 100 * efficiency, rtol=1e-5)


def test_the_order_of_the_inversion_times_does_not_matter():
    y = np.abs(made(np.array([0.4, 1.1, 2.0])) + np.random.default_rng(0).normal(0, 2, (3, 6)))
    order = np.array([3, 0, 5, 1, 4, 2])
    one = t1_inversion(y, ti_s=TI_S, magnitude=True, t1_bounds_s=BOUNDS_S)
    other = t1_inversion(y[:, order], ti_s=TI_S[order], magnitude=True, t1_bounds_s=BOUNDS_S)
    np.testing.assert_array_equal(one.t1_s, other.t1_s)


def test_no_start_of_a_solver_finds_a_smaller_error():
    rng = np.random.default_rng(2)
    y = made(rng.uniform(0.2, 2.5, 40)) + rng.normal(0, 6, (40, 6))
    fit = t1_inversion(y, ti_s=TI_S, magnitude=False, t1_bounds_s=BOUNDS_S)
    for number, curve in enumerate(y):
        solved = [
            least_squares(
                lambda p, y=curve: y - p[1] - p[2] * np.exp(-TI_S / p[0]),
                [start, 100, -190],
                bounds=([BOUNDS_S[0], -np.inf, -np.inf], [BOUNDS_S[1], np.inf, np.inf]),
                ftol=1e-13,
                xtol=1e-13,
            )
            for start in (0.3, 1.0, 3.0)
        ]
        best = 2 * min(s.cost for s in solved)
        assert 6 * fit.rms[number] ** 2 <= best * (1 + 1e-6)


def test_the_standard_error_covers_the_truth_in_95_of_100():
    y = made(np.full(20_000, 0.8)) + np.random.default_rng(4).normal(0, 1.0, (20_000, 6))
    fit = t1_inversion(y, ti_s=TI_S, magnitude=False, t1_bounds_s=BOUNDS_S)
    inside = np.abs(fit.t1_s - 0.8) <= student.ppf(0.975, 3) * fit.t1_se_s
    assert 0.94 < inside.mean() < 0.96


def test_what_cannot_be_fitted_says_why():
    y = made(np.array([1.0, 1.0, 1.0, 90.0]))
    y[0, 1], y[1] = np.inf, 0.0
    fit = t1_inversion(y, ti_s=TI_S, magnitude=False, t1_bounds_s=BOUNDS_S)
    assert fit.status.tolist() == [Status.NOT_FINITE, Status.NO_SIGNAL, Status.OK, Status.AT_BOUND]
    assert np.isnan(fit.t1_s[:2]).all()


@pytest.mark.parametrize(
    ("ti_s", "magnitude", "words"),
    [(TI_S[:3], True, "needs 4"), (TI_S[:2], False, "needs 3"), (np.array([0.1, 0.1, 0.1, 0.2]), True, "found 2")],
)
def test_too_few_inversion_times_are_refused(ti_s, magnitude, words):
    with pytest.raises(ValueError, match=words):
        t1_inversion(np.ones((2, ti_s.size)), ti_s=ti_s, magnitude=magnitude, t1_bounds_s=BOUNDS_S)
