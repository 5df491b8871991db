"""Claims about repeatability: what is known comes back, intervals cover as often as they say, units do not matter."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterglow.kernels.repeat import (
    bias_estimate,
    chi_square_interval,
    cv_log_estimate,
    limits_of_agreement,
    sd_estimate,
    within_cv_log,
    within_cv_rms,
    within_sd,
)
from afterglow.records.measurement import Measurement
from afterglow.records.response import LIMIT_FACTOR, Repeatability
from afterglow.response.change import change_interval
from afterglow.response.repeatability import REPEATABILITY, change_in_rc, repeatability_of, with_own

SETS, PAIRS = 2000, 20


def lognormal_pairs(wcv: float, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """n subjects of different level, each scanned twice with that coefficient of variation."""
    level = np.exp(rng.normal(0, 0.8, n))
    spread = math.sqrt(math.log1p(wcv**2))
    return level * np.exp(spread * rng.normal(size=n)), level * np.exp(spread * rng.normal(size=n))


def spread_of(wcv: float) -> Repeatability:
    return Repeatability("vp", True, "brain", wcv, "made for the tests", confirmed=False)


def a_number(value: float | None, low: float | None = None, high: float | None = None) -> Measurement:
    return Measurement(
        "01", "01", 0.0, "1", "lesion", "vp", "mean", value, "1", low, high, "", 100, 2.0, "given region", 0.01, "dce", "m", "r"
    )


@pytest.mark.parametrize("wcv", [0.03, 0.08, 0.3])
def test_a_known_coefficient_of_variation_comes_back(wcv: float) -> None:
    first, second = lognormal_pairs(wcv, 40_000, np.random.default_rng(1))
    assert within_cv_log(first, second) == pytest.approx(wcv, rel=0.015)
    assert within_cv_rms(first, second) == pytest.approx(wcv, rel=0.015 + wcv**2)  # too small where it is large


def test_the_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(2)
    hits = np.zeros(4)
    for i in range(SETS):
        first, second = rng.normal(10, 0.5, (2, PAIRS))
        bias = bias_estimate(first, second)
        sd = sd_estimate(first, second)
        hits[:2] += [sd.low <= 0.5 <= sd.high, bias.low <= 0 <= bias.high]
        cv = cv_log_estimate(*lognormal_pairs(0.3, PAIRS, rng))
        hits[2] += cv.low <= 0.3 <= cv.high
        upper = limits_of_agreement(first, second)[1] if i < SETS // 4 else None
        hits[3] += 0 if upper is None else upper.low <= 1.96 * math.sqrt(2) * 0.5 <= upper.high
    assert hits[:3] / SETS == pytest.approx(0.95, abs=0.015)  # three standard errors of 2,000 sets
    assert hits[3] / (SETS // 4) == pytest.approx(0.95, abs=0.03)


@settings(max_examples=30)
@given(st.floats(1e-4, 1e4), st.integers(0, 10))
def test_another_unit_scales_the_spread_and_leaves_the_coefficient(scale: float, seed: int) -> None:
    first, second = lognormal_pairs(0.2, 15, np.random.default_rng(seed))
    assert within_sd(scale * first, scale * second) == pytest.approx(scale * within_sd(first, second), rel=1e-9)
    for cv in (within_cv_log, within_cv_rms):
        assert cv(scale * first, scale * second) == pytest.approx(cv(first, second), rel=1e-6)


def test_which_scan_came_first_turns_the_bias_and_nothing_else() -> None:
    first, second = lognormal_pairs(0.2, 15, np.random.default_rng(5))
    assert bias_estimate(first, second).value == pytest.approx(-bias_estimate(second, first).value)
    assert sd_estimate(first, second) == sd_estimate(second, first)
    assert cv_log_estimate(first, second) == cv_log_estimate(second, first)


def test_more_pairs_narrow_the_interval() -> None:
    widths = [high - low for low, high in (chi_square_interval(1.0, n) for n in (2, 10, 35, 200))]
    assert widths == sorted(widths, reverse=True)


@given(st.floats(0.01, 1.0))
def test_the_largest_rise_undoes_the_largest_fall_or_both_are_small(wcv: float) -> None:
    fall, rise = spread_of(wcv).limits_percent
    if wcv > 0.15:
        assert (1 + fall / 100) * (1 + rise / 100) == pytest.approx(1)
        assert fall > -100
    else:
        assert (fall, rise) == (-277 * wcv, 277 * wcv)


@given(st.floats(0.01, 1.0), st.floats(0.1, 100.0))
def test_a_change_at_the_limit_is_one_repeatability_coefficient(wcv: float, before: float) -> None:
    spread = spread_of(wcv)
    fall, rise = spread.limits_percent
    assert change_in_rc(before, before * (1 + rise / 100), spread, kind="percent") == pytest.approx(1, abs=1e-6)
    assert change_in_rc(before, before * (1 + fall / 100), spread, kind="percent") == pytest.approx(-1, abs=1e-6)
    assert change_in_rc(before, before, spread, kind="percent") == 0
    assert change_in_rc(0.0, 1.0, spread, kind="percent") is None


def test_in_pairs_without_change_one_in_twenty_lies_beyond_one_coefficient() -> None:
    for wcv in (0.05, 0.3):
        first, second = lognormal_pairs(wcv, 20_000, np.random.default_rng(3))
        units = [change_in_rc(a, b, spread_of(wcv), kind="percent") for a, b in zip(first, second, strict=True)]
        assert np.mean(np.abs(np.array(units, dtype=float)) > 1) == pytest.approx(0.05, abs=0.012)


def test_the_printed_patients_change_as_printed() -> None:
    for before, now, printed in ((9.26, 1.13, -87.8), (5.48, 9.03, 64.8)):
        found = change_interval(a_number(before), a_number(now), kind="percent", spread=None)
        assert found is not None
        assert round(found.value, 1) == printed
        assert (found.low, found.high, found.parts) == (None, None, ())


def test_repeatability_and_the_visits_own_noise_are_not_counted_twice() -> None:
    before, now = a_number(2.0, 1.8, 2.2), a_number(3.0, 2.9, 3.1)
    alone = change_interval(before, now, kind="percent", spread=None)
    small, large = (change_interval(before, now, kind="percent", spread=spread_of(wcv)) for wcv in (0.001, 0.5))
    assert alone is not None and small is not None and large is not None
    assert (small.low, small.high) == (alone.low, alone.high)
    half = LIMIT_FACTOR * spread_of(0.5).log_sd
    assert large.low == pytest.approx(100 * (1.5 * math.exp(-half) - 1))
    assert large.high == pytest.approx(100 * (1.5 * math.exp(half) - 1))


@given(st.floats(0.1, 10), st.floats(-10, 10), st.floats(0, 3), st.floats(0, 3), st.sampled_from(["percent", "difference"]))
def test_a_change_lies_inside_its_interval(a: float, b: float, wide_a: float, wide_b: float, kind: str) -> None:
    before, now = a_number(a, a - wide_a, a + wide_a), a_number(b, b - wide_b, b + wide_b)
    found = change_interval(before, now, kind=kind, spread=spread_of(0.1))  # type: ignore[arg-type]
    assert found is not None
    assert found.low is not None and found.high is not None
    assert found.low <= found.value <= found.high


def test_wider_visits_widen_the_change() -> None:
    for kind in ("percent", "difference"):
        found = [
            change_interval(a_number(2.0, 2 - w, 2 + w), a_number(3.0, 3 - w, 3 + w), kind=kind, spread=None)  # type: ignore[arg-type]
            for w in (0.1, 0.2, 0.5)
        ]
        widths = [f.high - f.low for f in found if f is not None and f.high is not None and f.low is not None]
        assert widths == sorted(widths)


def test_a_change_of_nothing_has_no_per_cent() -> None:
    assert change_interval(a_number(0.0), a_number(1.0), kind="percent", spread=None) is None
    assert change_interval(a_number(None), a_number(1.0), kind="difference", spread=None) is None


def test_no_number_has_two_rows_and_own_rows_win() -> None:
    keys = [(r.quantity, r.normalised, r.site, r.statistic) for r in REPEATABILITY]
    assert len(set(keys)) == len(keys)
    assert all(r.source for r in REPEATABILITY)
    own = replace(spread_of(0.2), quantity="ktrans", normalised=False, statistic="median")
    table = with_own((own,))
    asked = {"quantity": "ktrans", "normalised": False, "site": "brain"}
    assert repeatability_of(table, **asked, statistic="median") == own  # type: ignore[arg-type]
    assert repeatability_of(table, **asked, statistic="mean") is None  # type: ignore[arg-type]
    assert repeatability_of(REPEATABILITY, **asked, statistic="mean") is not None  # type: ignore[arg-type]
