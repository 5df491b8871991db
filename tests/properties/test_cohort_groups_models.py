"""Claims about correlations, regressions, and models of several rows of one patient."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from afterglow.cohort.correlation import baseline_and_change, pearson, pearson_p, spearman
from afterglow.cohort.difference_agreement import difference_agreement
from afterglow.cohort.models import linear_regression, logistic_regression, separated
from afterglow.cohort.repeated import gee, mixed_model
from afterglow.records.errors import BadInput

NINE = 1e-9


def test_pearson_agrees_with_scipy_and_so_does_p_of_a_printed_r() -> None:
    rng = np.random.default_rng(1)
    for _ in range(1000):
        n = int(rng.integers(4, 40))
        x = rng.normal(size=n)
        y = x + rng.normal(0, 2, n)
        made, oracle = pearson(x, y), stats.pearsonr(x, y)
        ends = oracle.confidence_interval()
        assert made.p == pytest.approx(oracle.pvalue, rel=NINE)
        assert pearson_p(float(oracle.statistic), n) == pytest.approx(oracle.pvalue, rel=NINE)
        effect = made.effects[0]
        np.testing.assert_allclose(
            [effect.value, effect.low, effect.high], [oracle.statistic, ends.low, ends.high], rtol=NINE, atol=NINE
        )


def test_spearman_agrees_with_scipy_and_counts_every_order_of_few() -> None:
    rng = np.random.default_rng(2)
    for _ in range(1000):
        x, y = rng.integers(0, 15, 20).astype(float), rng.integers(0, 15, 20).astype(float)
        oracle = stats.spearmanr(x, y)
        made = spearman(x, y)
        assert (made.statistic, made.p) == (pytest.approx(oracle.statistic, abs=NINE), pytest.approx(oracle.pvalue, rel=NINE))
    few = spearman([1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 2.0, 3.0, 5.0, 4.0])
    assert few.p == pytest.approx(2 * 5 / 120) and "every order" in few.rule  # 5 orders of 120 reach rho of 0.9


def test_the_interval_of_spearman_is_that_of_bonetts_own_program() -> None:
    """The example of ci.spear in R's statpsych, with what its manual prints."""
    y = [21, 4, 9, 12, 35, 18, 10, 22, 24, 1, 6, 8, 13, 16, 19]
    x = [67, 28, 30, 28, 52, 40, 25, 37, 44, 10, 14, 20, 28, 40, 51]
    effect = spearman(x, y).effects[0]
    assert [effect.value, effect.low, effect.high] == pytest.approx([0.8699639, 0.5840951, 0.9638297], abs=5e-7)


def test_noise_alone_correlates_with_its_change_and_oldham_tells() -> None:
    rng = np.random.default_rng(3)
    made = baseline_and_change(np.exp(rng.normal(size=500)), np.exp(rng.normal(size=500)))
    assert made.raw.p is not None and made.raw.p < 1e-9 and (made.raw.statistic or 0) < -0.5
    assert made.log is not None and (made.log.statistic or 0) == pytest.approx(-math.sqrt(0.5), abs=0.1)
    assert made.oldham_spearman.p is not None and made.oldham_spearman.p > 0.01
    assert all("Oldham" in t.note for t in (made.raw, made.log, made.spearman)) and "Oldham" in made.oldham.about
    assert baseline_and_change([0.0, 1.0, 2.0], [1.0, 0.5, 2.0]).log is None


def test_odd_pairs_of_a_correlation_get_a_sentence() -> None:
    assert pearson([1.0, 2.0], [1.0, 2.0]).p is None and "never varies" in spearman([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]).note
    line = pearson([1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0])
    assert line.p == 0 and line.effects[0].low is None
    assert "1 of 4" in pearson([1.0, 2.0, math.nan, 4.0], [1.0, 3.0, 2.0, 1.0]).note
    with pytest.raises(BadInput, match="without partner"):
        pearson([1.0], [1.0, 2.0])
    with pytest.raises(BadInput, match="between -1 and 1"):
        pearson_p(1.2, 10)


def test_limits_of_agreement_tell_bias_spread_and_slope() -> None:
    rng = np.random.default_rng(4)
    truth = rng.uniform(5, 20, 60)
    first, second = truth * np.exp(rng.normal(0, 0.1, 60)), truth * np.exp(rng.normal(0, 0.1, 60)) + 0.5
    made = difference_agreement(first, second, unit="ml")
    assert made.bias.value == pytest.approx(np.mean(second - first))
    apart = second - first
    assert (
        made.upper_limit.value == pytest.approx(apart.mean() + 1.96 * apart.std(ddof=1))
        and "noncentral t" in made.upper_limit.rule
    )
    assert made.within_cv.value == pytest.approx(0.1, rel=0.3) and made.within_cv.unit == "1" and made.bias.unit == "ml"
    assert made.repeatability_coefficient.value == pytest.approx(1.96 * math.sqrt(2) * (made.within_sd.value or 0))
    assert made.slope.name == "Pearson"
    assert difference_agreement([1.0, 2.0], [2.0, 3.0]).bias.note == "all differences are equal"
    assert difference_agreement([1.0], [2.0]).bias.value is None
    crossing = difference_agreement([1.0, -2.0, 3.0], [2.0, -1.0, 5.0])
    assert crossing.within_cv.value is None and "not above zero" in crossing.within_cv.note and crossing.bias.value is not None


def rows(rng: np.random.Generator, patients: int, each: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    x, own = rng.normal(size=patients * each), np.repeat(rng.normal(size=patients), each)
    return x + own + rng.normal(size=x.size), x, [f"sub-{k:02d}" for k in range(patients) for _ in range(each)]


def test_linear_and_logistic_regression_are_those_of_statsmodels() -> None:
    rng = np.random.default_rng(5)
    x, z = rng.normal(size=80), rng.normal(size=80)
    y = 2 * x + rng.normal(size=80)
    design = np.column_stack([np.ones(80), x, z])
    made, oracle = linear_regression(y, {"x": x, "z": z}), sm.OLS(y, design).fit()
    assert made.names == ("intercept", "x", "z") and made.term("x").p == pytest.approx(oracle.pvalues[1], rel=NINE)
    assert made.term("x").effects[0].low == pytest.approx(oracle.conf_int()[1, 0], rel=NINE)
    came = (x + rng.normal(size=80) > 0).astype(float)
    odds, oracle = logistic_regression(came, {"x": x, "z": z}).term("x").effects[0], sm.Logit(came, design).fit(disp=0)
    assert odds.value == pytest.approx(math.exp(oracle.params[1]), rel=1e-7) and odds.name == "odds ratio, x"
    with pytest.raises(BadInput, match="no term 'age'"):
        made.term("age")


def test_separation_is_noticed_before_the_fit() -> None:
    x = np.arange(10.0)
    perfect = logistic_regression((x > 4).astype(float), {"x": x})
    assert not perfect.terms and "perfect separation" in perfect.note
    touching = logistic_regression([0, 0, 0, 1, 0, 1, 1, 1, 1, 1], {"x": [0, 1, 2, 3, 3, 4, 5, 6, 7, 8]})
    assert not touching.terms and "quasi-complete" in touching.note
    always = logistic_regression(
        [0, 0, 0, 1, 0, 1, 1, 1], {"treated": [0, 0, 0, 1, 0, 1, 0, 0]}
    )  # it came to all who were treated
    assert not always.terms and "quasi-complete" in always.note
    overlapping = logistic_regression([0, 1, 0, 1, 0, 1, 1, 0, 1, 0], {"x": x})
    assert overlapping.terms and overlapping.converged and "under ten" in overlapping.note


def test_separation_is_where_the_likelihood_has_no_top() -> None:
    rng = np.random.default_rng(6)
    seen = set()
    for _ in range(200):
        x = np.sort(rng.integers(0, 12, 8).astype(float))
        y = (x + rng.normal(0, 3, 8) > 6).astype(float)
        if y.all() or not y.any() or np.unique(x).size < 2:
            continue
        ones, zeros = x[y == 1], x[y == 0]
        apart = ones.min() >= zeros.max() or ones.max() <= zeros.min()  # of one predictor, where their ranges but touch
        assert bool(separated(y, np.column_stack([np.ones(8), x]))) == apart
        seen.add(apart)
    assert seen == {True, False}


def test_a_mixed_model_knows_that_rows_of_one_patient_are_alike() -> None:
    y, x, patients = rows(np.random.default_rng(7), 40, 4)
    made = mixed_model(y, {"x": x}, patients, unit="ml")
    oracle = sm.MixedLM(y, np.column_stack([np.ones(160), x]), groups=patients).fit(reml=True)
    assert made.term("x").effects[0].value == pytest.approx(oracle.params[1], rel=1e-6)
    assert made.n == 160 and made.n_clusters == 40 and made.converged
    share = {e.name: e.value for e in made.extras}["share of variance between patients"]
    assert share == pytest.approx(0.5, abs=0.15)
    between = np.repeat(np.random.default_rng(8).normal(size=40), 4)
    plain, mixed = linear_regression(y, {"b": between}), mixed_model(y, {"b": between}, patients)
    widths = [(m.term("b").effects[0].high or 0) - (m.term("b").effects[0].low or 0) for m in (plain, mixed)]
    assert widths[1] > 1.3 * widths[0]


def test_a_mixed_model_without_likeness_says_so() -> None:
    rng = np.random.default_rng(9)
    y = np.tile([-1.0, 1.0], 30) + rng.normal(0, 0.1, 60)  # rows of one patient differ more than those of two
    x = rng.normal(size=60)
    made = mixed_model(y, {"x": x}, [f"s{k // 2}" for k in range(60)])
    assert "singular fit" in made.note and made.converged and "warned" not in made.note
    plain = linear_regression(y, {"x": x})
    assert made.term("x").effects[0].value == pytest.approx(plain.term("x").effects[0].value, rel=1e-4)


def test_the_order_of_rows_does_not_matter() -> None:
    y, x, patients = rows(np.random.default_rng(10), 30, 3)
    shuffled = np.random.default_rng(11).permutation(90)
    came = (y > 0).astype(float)
    for model, outcome in ((mixed_model, y), (gee, came)):
        one = model(outcome, {"x": x}, patients)
        other = model(outcome[shuffled], {"x": x[shuffled]}, [patients[k] for k in shuffled])
        assert one.term("x").effects[0].value == pytest.approx(other.term("x").effects[0].value, rel=1e-5)


def test_gee_names_its_spread_and_is_that_of_statsmodels() -> None:
    y, x, patients = rows(np.random.default_rng(12), 35, 3)
    came = (y > 0).astype(float)
    made = gee(came, {"x": x}, patients)
    design = np.column_stack([np.ones(105), x])
    oracle = sm.GEE(came, design, groups=patients, family=sm.families.Binomial(), cov_struct=sm.cov_struct.Exchangeable())
    oracle = oracle.fit(cov_type="bias_reduced")
    assert made.term("x").p == pytest.approx(oracle.pvalues[1], rel=1e-4) and "Mancl and DeRouen" in made.rule
    assert gee(y, {"x": x}, patients, family="gaussian").term("x").effects[0].value == pytest.approx(1, abs=0.3)


def test_models_that_cannot_be_fitted_say_why() -> None:
    y, x, patients = rows(np.random.default_rng(13), 10, 2)
    assert "one row" in mixed_model(y, {"x": x}, [f"s{k}" for k in range(20)]).note
    assert "perfect separation" in gee((x > 0).astype(float), {"x": x}, patients).note
    assert (
        "constant" in linear_regression(y, {"x": np.ones(20)}).note
        and "made up" in gee((y > 0) * 1.0, {"x": x, "y": 2 * x}, patients).note
    )
    assert "2 rows for 2" in linear_regression([1.0, 2.0], {"x": [1.0, 2.0]}).note
    assert "same" in logistic_regression(np.ones(20), {"x": x}).note
    assert "1 of 20" in linear_regression(np.r_[math.nan, y[1:]], {"x": x}).note
    assert "tend to be narrow" in mixed_model(y, {"x": x}, patients).note
    for call, words in (
        (lambda: logistic_regression(y, {"x": x}), "write 1 where it came"), (lambda: gee(y, {"x": x}, patients, family="poisson"), "no family"),
        (lambda: mixed_model(y, {"x": x}, patients[:-1]), "20 rows and 19 patients"), (lambda: mixed_model(y, {"x": x}, ["", *patients[1:]]), "names no patient"),
        (lambda: linear_regression(y, {"intercept": x}), "another name"), (lambda: linear_regression(y, {"x": x[1:]}), "without partner"),
    ):  # fmt: skip
        with pytest.raises(BadInput, match=words):
            call()
