"""Claims about the population curves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.kernels.aif_population import POPULATION_AIFS, population_plasma

ROWS = list(POPULATION_AIFS.values())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@given(st.floats(-500, 500), st.floats(0, 60))
def test_the_time_origin_does_not_matter(row, origin_s, delay_s):
    times = np.arange(0, 400, 1.7)
    times = times[np.abs(times - delay_s) > 1e-6]  # at a jump, rounding decides
    here, there = row.curve(times, delay_s=delay_s), row.curve(times + origin_s, delay_s=delay_s + origin_s)
    np.testing.assert_allclose(here, there, atol=1e-6)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_nothing_comes_before_the_bolus_and_nothing_is_negative(row):
    times = np.arange(0, 1800, 1.0)
    curve = row.curve(times, delay_s=30.5)
    assert (curve[times < 30.5] == 0).all()
    assert (curve >= 0).all()
    assert np.isfinite(curve).all()
    assert 0 < curve[-1] < curve.max() / 2


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_sample_does_not_depend_on_the_others(row):
    times = np.arange(0, 600, 2.0)
    np.testing.assert_allclose(
        row.curve(times, delay_s=12.0)[[7, 40, 299]], row.curve(times[[7, 40, 299]], delay_s=12.0), rtol=1e-12
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_plasma_is_the_printed_curve_over_one_less_haematocrit_only_where_that_is_blood(row):
    times = np.arange(0, 300, 5.0)
    ratio = population_plasma(row, times, delay_s=0.0, haematocrit=0.42)[10] / row.curve(times, delay_s=0.0)[10]
    assert ratio == pytest.approx(1 / 0.58 if row.compartment == "whole blood" else 1.0)


@pytest.mark.parametrize(
    ("name", "at_s", "expected_mM"),
    [
        ("weinmann", 0.0, 0.1 * (3.99 + 4.78)),
        ("weinmann", 600.0, 0.1 * (3.99 * np.exp(-1.44) + 4.78 * np.exp(-0.111))),
        ("fritz_hansen", 0.0, 3.02),
        ("fritz_hansen", 60.0, 2.4 * np.exp(-3.0) + 0.62 * np.exp(-0.016)),
        ("mcgrath", 7.0, 5.21),
    ],
)
def test_known_values(name, at_s, expected_mM):
    assert POPULATION_AIFS[name].curve(np.array([at_s]), delay_s=0.0)[0] == pytest.approx(expected_mM)
