"""Claims about time to events, growth and lead: against lifelines, statsmodels and plain loops, and what odd follow-up gives."""

import math
from dataclasses import replace

import lifelines
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from lifelines.statistics import proportional_hazard_test
from lifelines.utils import median_survival_times
from statsmodels.duration.survfunc import CumIncidenceRight, survdiff

from afterglow.cohort.clustered import clustered_mean
from afterglow.cohort.competing import aalen_johansen, cumulative_incidence
from afterglow.cohort.followed import numbers_at_risk, ticks
from afterglow.cohort.growth import growth, growth_of_many, percent_change
from afterglow.cohort.hazards import cox, proportionality
from afterglow.cohort.lead import lead_summary
from afterglow.cohort.survival import kaplan_meier, log_rank, median_days, restricted_mean
from afterglow.records.clock import MONTH_D, YEAR_D
from afterglow.records.errors import BadInput
from afterglow.records.lead import LeadTime

NINE = 1e-9


def people(rng: np.random.Generator, n: int, *, kinds: int = 1, ties: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Days and events; with `ties` many share a day."""
    came, left = rng.exponential(200, n), rng.uniform(30, 500, n)
    days = np.minimum(came, left)
    event = np.where(came <= left, rng.integers(1, kinds + 1, n), 0).astype(float)
    return (np.ceil(days / 20) * 20 if ties else days), event


def by_hand(days: np.ndarray, event: np.ndarray) -> tuple[list[float], list[float], list[float]]:
    """Kaplan-Meier and its log-log band on each day of an event, one after another."""
    s, greenwood, found = 1.0, 0.0, ([], [], [])
    for day in sorted(set(days[event == 1].tolist())):
        n, d = int((days >= day).sum()), int(((days == day) & (event == 1)).sum())
        s *= 1 - d / n
        low = high = math.nan
        if s > 0:
            greenwood += d / (n * (n - d))
            half = 1.959963984540054 * math.sqrt(greenwood) / abs(math.log(s))
            low, high = math.exp(math.log(s) * math.exp(half)), math.exp(math.log(s) * math.exp(-half))
        for one, value in zip(found, (s, low, high), strict=True):
            one.append(value)
    return found


def test_kaplan_meier_agrees_with_a_plain_loop() -> None:
    rng = np.random.default_rng(1)
    for k in range(1000):
        days, event = people(rng, int(rng.integers(2, 25)), ties=bool(k % 2))
        made = kaplan_meier(days, event)
        for found, wanted in zip((made.values, made.low, made.high), by_hand(days, event), strict=True):
            np.testing.assert_allclose(found[1:], wanted, rtol=NINE)
        assert made.values[0] == 1 and made.times_days[0] == 0


def test_kaplan_meier_its_band_and_its_median_are_those_of_lifelines() -> None:
    rng = np.random.default_rng(2)
    for n in (25, 60, 200):
        days, event = people(rng, n)
        made, oracle = kaplan_meier(days, event), lifelines.KaplanMeierFitter().fit(days, event)
        at = made.times_days[made.values > 0]
        np.testing.assert_allclose(made.values[made.values > 0], oracle.survival_function_at_times(at), rtol=NINE)
        band = oracle.confidence_interval_.loc[at].to_numpy()
        np.testing.assert_allclose(np.transpose([made.low, made.high])[made.values > 0], band, rtol=1e-8)
        median, ends = median_days(made, n=n), median_survival_times(oracle.confidence_interval_).to_numpy()[0]
        assert (median.value, median.low, median.high) == (oracle.median_survival_time_, *ends)


def test_numbers_at_risk_are_told_and_the_last_seen_marked() -> None:
    made = kaplan_meier([10.0, 20.0, 20.0, 40.0], [1, 0, 1, 0], at=(0.0, 20.0, 30.0))
    assert made.at_risk == ((0.0, 4), (20.0, 3), (30.0, 1)) and made.censored_days == (20.0, 40.0)
    assert numbers_at_risk(np.array([5.0]), ticks(np.array([5.0])))[0] == (0.0, 1)
    assert ticks(np.array([360.0])) == (0.0, 90.0, 180.0, 270.0, 360.0)
    assert [round(day / MONTH_D) for day in ticks(np.array([400.0]))] == [0, 3, 6, 9, 12], "beyond a year months are counted"
    assert [day / YEAR_D for day in ticks(np.array([2000.0]))] == pytest.approx([0, 1, 2, 3, 4, 5])


def test_a_median_that_is_not_reached_is_said() -> None:
    assert median_days(kaplan_meier([10.0, 20.0, 30.0], [0, 0, 1])).value == 30.0
    never = median_days(kaplan_meier([10.0, 20.0, 30.0], [1, 0, 0]))
    assert never.value is None and "more than half" in never.note
    open_end = median_days(kaplan_meier(np.arange(1.0, 21), (np.arange(20) < 11).astype(float)))
    assert open_end.value == 10.0 and open_end.high == math.inf and "does not reach" in open_end.note


def test_log_rank_agrees_with_statsmodels() -> None:
    rng, compared = np.random.default_rng(4), 0
    for k in range(1000):
        days, event = people(rng, int(rng.integers(8, 40)))
        labels = [str(g) for g in rng.integers(0, 2 + k % 2, days.size)]
        if not event.any() or len(set(labels)) < 2:
            continue
        compared += 1
        made = log_rank(days, event, labels)
        chi2, p = survdiff(days, event, np.array(labels))
        assert made.statistic == pytest.approx(chi2, rel=1e-8, abs=NINE)
        assert made.p == pytest.approx(p, rel=1e-8, abs=NINE)
    assert compared > 990


def test_the_restricted_mean_is_the_area_under_the_curve() -> None:
    rng = np.random.default_rng(5)
    for _ in range(1000):
        days, event = people(rng, int(rng.integers(5, 30)))
        tau = float(np.quantile(days, 0.7))
        made, curve = restricted_mean(days, event, up_to_days=tau), kaplan_meier(days, event)
        steps = [
            (a, min(b, tau), v) for a, b, v in zip(curve.times_days, [*curve.times_days[1:], math.inf], curve.values, strict=True)
        ]
        assert made.value == pytest.approx(sum(v * (b - a) for a, b, v in steps if a < tau), rel=NINE)
    everyone = restricted_mean(np.arange(1.0, 41), np.ones(40), up_to_days=40)
    half = 1.959963984540054 * np.arange(1.0, 41).std() / math.sqrt(40)  # nobody last seen before: the mean of the days
    assert (everyone.value, everyone.high) == pytest.approx((20.5, 20.5 + half))
    assert restricted_mean([10.0, 20.0], [1, 0], up_to_days=50).value is None


def aalen_by_hand(days: np.ndarray, event: np.ndarray) -> list[tuple[float, float]]:
    """Cumulative incidence of event 1 with its variance, each sum written out."""
    when = sorted(set(days[event > 0].tolist()))
    n = [int((days >= t).sum()) for t in when]
    d = [int(((days == t) & (event > 0)).sum()) for t in when]
    mine = [int(((days == t) & (event == 1)).sum()) for t in when]
    before, found, incidence = [1.0], [], []
    for k in range(len(when)):
        before.append(before[-1] * (1 - d[k] / n[k]))
        incidence.append((incidence[-1] if incidence else 0.0) + before[k] * mine[k] / n[k])
        variance = 0.0
        for j in range(k + 1):
            later = incidence[k] - incidence[j]
            variance += later**2 * d[j] / (n[j] * (n[j] - d[j])) if n[j] > d[j] else 0.0
            variance += before[j] ** 2 * (n[j] - mine[j]) * mine[j] / n[j] ** 3 - 2 * later * before[j] * mine[j] / n[j] ** 2
        found.append((incidence[k], variance))
    return found


def test_cumulative_incidence_agrees_with_plain_sums() -> None:
    rng = np.random.default_rng(6)
    for _ in range(1000):
        days, event = people(rng, int(rng.integers(3, 20)), kinds=2)
        if not event.any():
            continue
        _, incidence, variance = aalen_johansen(days, event.astype(np.int64), 1)
        wanted = np.array(aalen_by_hand(days, event))
        np.testing.assert_allclose(incidence, wanted[:, 0], rtol=NINE, atol=1e-14)
        np.testing.assert_allclose(variance, np.maximum(wanted[:, 1], 0), rtol=NINE, atol=1e-12)


def test_cumulative_incidence_is_that_of_statsmodels() -> None:
    days, event = people(np.random.default_rng(7), 120, kinds=2)
    event[days.argmax()] = 0  # statsmodels divides by zero where the last day takes everybody
    oracle = CumIncidenceRight(days, event.astype(int))
    when, incidence, variance = aalen_johansen(days, event.astype(np.int64), 2)
    kept = np.isin(oracle.times, when)
    np.testing.assert_allclose(incidence, oracle.cinc[1][kept], rtol=NINE)
    np.testing.assert_allclose(np.sqrt(variance), oracle.cinc_se[1][kept], rtol=1e-7)


def test_events_that_rule_each_other_out_sum_to_those_of_any_kind() -> None:
    days, event = people(np.random.default_rng(8), 80, kinds=3)
    parts = sum(cumulative_incidence(days, event, of=k).values for k in (1, 2, 3))
    np.testing.assert_allclose(parts, 1 - kaplan_meier(days, (event > 0).astype(float)).values, atol=1e-12)
    alone = kaplan_meier(days, (event == 1).astype(float))
    assert cumulative_incidence(days, event).values[-1] < 1 - alone.values[-1]  # the reason to use it


def test_cox_is_that_of_lifelines() -> None:
    rng = np.random.default_rng(9)
    days, event = people(rng, 150)
    x, z = rng.normal(size=150), rng.integers(0, 2, 150).astype(float)
    made = cox(days, event, {"x": x, "z": z})
    oracle = lifelines.CoxPHFitter().fit(pd.DataFrame({"t": days, "e": event, "x": x, "z": z}), "t", "e").summary
    for name in ("x", "z"):
        effect = made.term(name).effects[0]
        wanted = oracle.loc[name, ["exp(coef)", "exp(coef) lower 95%", "exp(coef) upper 95%"]].tolist()
        assert [effect.value, effect.low, effect.high] == pytest.approx(wanted, rel=1e-4)
        assert made.term(name).p == pytest.approx(oracle.loc[name, "p"], rel=1e-3)


def test_proportionality_agrees_with_plain_sums_and_with_lifelines() -> None:
    rng = np.random.default_rng(10)
    for n in (40, 90):
        days, event = people(rng, n, ties=False)
        frame = pd.DataFrame({"t": days, "e": event, "x": rng.normal(size=n), "z": rng.normal(size=n)})
        made = proportionality(days, event, {"x": frame.x, "z": frame.z}, time="identity")
        fit = lifelines.CoxPHFitter().fit(frame, "t", "e", fit_options={"precision": 1e-12})
        oracle = proportional_hazard_test(fit, frame, time_transform="identity").summary.p
        assert [t.p for t in made] == pytest.approx(oracle.tolist(), rel=1e-3)
        values = [math.log(t.effects[0].value or math.nan) for t in cox(days, event, {"x": frame.x, "z": frame.z}).terms]
        assert [t.statistic for t in made] == pytest.approx(schoenfeld_by_hand(frame, np.array(values)), rel=1e-8)


def schoenfeld_by_hand(frame: pd.DataFrame, beta: np.ndarray) -> list[float]:
    x = frame[["x", "z"]].to_numpy()
    risk, residuals, information, times = np.exp(x @ beta), [], np.zeros((2, 2)), []
    for k in np.flatnonzero(frame.e):
        at = (frame.t >= frame.t[k]).to_numpy()
        weights = risk[at] / risk[at].sum()
        mean = weights @ x[at]
        information += (weights[:, None] * x[at]).T @ x[at] - np.outer(mean, mean)
        residuals.append(x[k] - mean)
        times.append(frame.t[k])
    spread, apart = np.linalg.inv(information), np.array(times) - np.mean(times)
    scaled = len(times) * np.array(residuals) @ spread
    return [(apart @ scaled[:, j]) ** 2 / (len(times) * spread[j, j] * (apart**2).sum()) for j in range(2)]


def test_what_cannot_be_fitted_is_said() -> None:
    days = np.arange(1.0, 31)
    ordered = cox(days, np.ones(30), {"x": -days})
    assert not ordered.terms and "no finite value" in ordered.note
    assert "constant" in cox(days, np.ones(30), {"x": np.ones(30)}).note
    assert "0 events" in cox(days, np.zeros(30), {"x": days}).note
    assert proportionality(days, np.zeros(30), {"x": days})[0].p is None
    few = cox(days, np.r_[np.ones(6), np.zeros(24)], {"x": np.sin(days)})
    assert few.terms and "under ten" in few.note


def test_odd_follow_up_gets_a_sentence() -> None:
    assert log_rank([1.0, 2.0], [0, 0], ["a", "b"]).note == "no event was seen"
    assert log_rank([1.0, 2.0], [1, 1], ["a", "a"]).p is None
    gap = log_rank([1.0, math.nan, 3.0, 4.0], [1, 1, 1, 0], ["a", "a", "b", "b"])
    assert gap.n == (1, 2) and "1 of 4" in gap.note
    for days, event, words in (
        ([-1.0], [1], "below zero"), ([1.0], [0.5], "an event is"), ([], [], "nobody was followed"), ([1.0, 2.0], [1, 2], "several kinds"),
    ):  # fmt: skip
        with pytest.raises(BadInput, match=words):
            kaplan_meier(days, event)
    with pytest.raises(BadInput, match="without a predictor"):
        cox([1.0], [1], {})
    with pytest.raises(BadInput, match="2 patients and 1 groups"):
        log_rank([1.0, 2.0], [1, 1], ["a"])


def test_growth_by_all_its_numbers() -> None:
    made = growth(10.0, 40.0, days=60)
    assert (made.ratio, made.fold_increase, made.percent) == (4.0, 3.0, 300.0)
    assert made.doubling_days == pytest.approx(30) and made.percent_per_day == pytest.approx(100 * (4 ** (1 / 60) - 1))
    assert growth(10.0, 5.0, days=10).doubling_days == pytest.approx(-10)
    assert growth(10.0, 10.0, days=10).doubling_days is None and growth(0.0, 4.0, days=5).ratio is None
    gone = growth(4.0, 0.0, days=5)
    assert gone.percent == -100 and gone.percent_per_day is None
    for bad in ((-1.0, 2.0, 3.0), (1.0, math.nan, 3.0), (1.0, 2.0, 0.0)):
        with pytest.raises(BadInput, match="growth"):
            growth(bad[0], bad[1], days=bad[2])
    with pytest.raises(BadInput, match="no value"):
        percent_change(0.0, 3.0)


def test_growth_of_many_is_a_ratio_whatever_the_unit() -> None:
    rng = np.random.default_rng(11)
    first = np.exp(rng.normal(2, 1, 30))
    second = first * np.exp(rng.normal(0.4, 0.3, 30))
    ml, mm3 = growth_of_many(first, second), growth_of_many(1000 * first, 1000 * second)
    assert ml.effects[0].name == "Hodges-Lehmann ratio" and ml.effects[0].value == pytest.approx(math.exp(0.4), rel=0.15)
    assert ml.p == mm3.p and ml.effects[0].value == pytest.approx(mm3.effects[0].value, rel=1e-4)
    part = growth_of_many([1.0, 0.0, math.nan, 2.0], [2.0, 1.0, 3.0, 5.0])
    assert part.n == (2,) and "empty volume" in part.note and "not measured" in part.note


def lead(n: int, early: str, late: str, days: float | None) -> LeadTime:
    return LeadTime(f"L{n}", early, late, 100.0, None if days is None else 100.0 + days, 2.0, 3.0 + n / 10)


def test_lead_time_counts_both_ways_and_says_who_waits() -> None:
    ahead = [lead(n, "vp", "size", 20.0 + n) for n in range(8)]
    leads = [
        *ahead,
        lead(8, "size", "vp", 10.0),
        lead(9, "vp", "size", 0.0),
        lead(10, "vp", "size", None),
        lead(11, "other", "size", 5.0),
    ]
    made, turned = lead_summary(leads, "vp", "size"), lead_summary(leads, "size", "vp")
    assert made.n_first == 8 and sorted(made.days)[:2] == [-10.0, 0.0] and len(made.days) == 10
    assert (made.n_only_method, made.n_only_over) == (1, 0) == (turned.n_only_over, turned.n_only_method)
    assert made.test.effects[0].unit == "d" and made.test.effects[0].value == -turned.test.effects[0].value
    assert "1 lesions were called by vp alone" in made.test.note
    assert made.growth.n == (8,) and (made.growth.effects[0].value or 0) > 1
    nobody = lead_summary([], "vp", "size")
    assert nobody.test.p is None and "no lesion was called" in nobody.test.note


def test_lesions_of_one_patient_give_the_mean_lead_a_wider_interval() -> None:
    leads = [replace(lead(n, "vp", "size", 20.0 + 5 * (n // 3)), participant_id=f"P{n // 3}") for n in range(18)]
    made = lead_summary(leads, "vp", "size").of_patients
    alone = lead_summary([replace(one, participant_id=f"P{n}") for n, one in enumerate(leads)], "vp", "size")
    assert made is not None and alone.of_patients is None, "without a patient of several lesions nothing stands beside"
    (mean,) = made.effects
    assert mean.value == pytest.approx(np.mean([20.0 + 5 * (n // 3) for n in range(18)])) and mean.unit == "d"
    assert made.statistic_name == "t(5)" and "18 of 6 patients" in made.note
    (single,) = clustered_mean("mean lead", [20.0 + 5 * (n // 3) for n in range(18)], [f"P{n}" for n in range(18)]).effects
    assert mean.low is not None and mean.high is not None and single.low is not None and single.high is not None
    assert mean.high - mean.low > 1.5 * (single.high - single.low), "three lesions that go alike are worth one"


def test_the_mean_over_patients_is_a_regression_on_a_constant_with_clustered_errors() -> None:
    rng = np.random.default_rng(4)
    for _ in range(300):
        whose = rng.integers(0, rng.integers(3, 12), rng.integers(15, 60))
        values = rng.normal(1, 2, whose.size) + rng.normal(0, 2, 12)[whose]
        made = clustered_mean("mean", values, [f"{n}" for n in whose])
        groups = np.unique(whose, return_inverse=True)[1]
        fit = sm.OLS(values, np.ones(whose.size)).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
        assert made.statistic == pytest.approx(fit.tvalues[0], rel=1e-9) and made.p == pytest.approx(fit.pvalues[0], rel=1e-7)
        np.testing.assert_allclose((made.effects[0].low, made.effects[0].high), fit.conf_int()[0], rtol=1e-9)


def test_a_mean_over_patients_that_shows_no_spread_has_no_interval() -> None:
    for values, whose, why in (
        ([], [], "there is none"),
        ([1.0, 2.0], ["a", "a"], "one patient"),
        ([3.0, 3.0], ["a", "b"], "alike"),
    ):
        made = clustered_mean("mean", values, whose)
        assert made.p is None and why in made.note and made.effects[0].low is None
    with pytest.raises(BadInput, match="not finite"):
        clustered_mean("mean", [1.0, math.nan], ["a", "b"])
