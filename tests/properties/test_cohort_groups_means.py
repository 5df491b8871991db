"""Claims about means and spreads of groups: against scipy, statsmodels and scikit-posthocs, and what odd groups give."""

import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.stats.anova import anova_lm

from afterglow.cohort import all_pairs
from afterglow.cohort.all_pairs import dunn, dunnett_t3, games_howell
from afterglow.cohort.groups import kolmogorov_smirnov, levene, shapiro, student, t_from_summaries, welch
from afterglow.cohort.many_groups import general_linear_model, kruskal_wallis, welch_anova
from afterglow.cohort.multiplicity import adjusted
from afterglow.cohort.pairs import paired_by, paired_t
from afterglow.cohort.studentised import maximum_modulus_isf, maximum_modulus_sf
from afterglow.cohort.summaries import mean_estimate, median_estimate, pooled, summarise
from afterglow.records import statistic
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Groups

NINE = 1e-9
# the oracles of scikit-posthocs take their time: a few inputs always, a thousand in the long run
FEW_OR_MANY = pytest.mark.parametrize("inputs", [15, pytest.param(1000, marks=pytest.mark.slow)])


def groups_of(rng: np.random.Generator, sizes: tuple[int, ...]) -> Groups:
    values = tuple(rng.normal(k / 2, 1 + k, size) for k, size in enumerate(sizes))
    return Groups("vp", "1", tuple("abcdefg"[: len(sizes)]), values)


def long(groups: Groups) -> pd.DataFrame:
    return pd.DataFrame({"v": np.concatenate(groups.values), "g": np.repeat(groups.labels, [v.size for v in groups.values])})


def test_t_tests_agree_with_scipy() -> None:
    rng = np.random.default_rng(1)
    for _ in range(10):
        m, n = rng.integers(2, 20, 2)
        x, y = rng.normal(size=(100, m)), rng.normal(0.5, 3, size=(100, n))
        for test, equal in ((student, True), (welch, False)):
            oracle = stats.ttest_ind(x, y, equal_var=equal, axis=1)
            ends = oracle.confidence_interval()
            made = [test(a, b) for a, b in zip(x, y, strict=True)]
            np.testing.assert_allclose([t.statistic for t in made], oracle.statistic, rtol=NINE)
            np.testing.assert_allclose([t.p for t in made], oracle.pvalue, rtol=NINE)
            np.testing.assert_allclose(
                [(t.effects[0].low, t.effects[0].high) for t in made], np.transpose(ends), rtol=NINE, atol=NINE
            )


def test_a_t_test_of_printed_numbers_is_that_of_the_values() -> None:
    x, y = np.array([1.0, 2.0, 4.0]), np.array([2.0, 5.0, 7.0, 8.0])
    for test, equal in ((student, True), (welch, False)):
        made = t_from_summaries((x.mean(), x.std(ddof=1), 3), (y.mean(), y.std(ddof=1), 4), equal=equal)
        assert made.p == pytest.approx(test(x, y).p) and "printed" in made.note
    with pytest.raises(BadInput, match="n of two or more"):
        t_from_summaries((1.0, 1.0, 1), (1.0, 1.0, 5), equal=True)


def test_on_the_log_scale_the_effect_is_a_ratio() -> None:
    rng = np.random.default_rng(2)
    x, y = np.exp(rng.normal(size=20)), np.exp(rng.normal(1, size=30))
    one, tenfold = welch(x, y, log=True), welch(10 * x, y, log=True)
    assert one.effects[0].name == "ratio of geometric means"
    assert one.effects[0].value == pytest.approx(math.exp(np.log(x).mean() - np.log(y).mean()))
    assert tenfold.effects[0].value == pytest.approx(10 * one.effects[0].value)
    assert paired_t(x, 2 * x + 0.001 * y[:20], log=True).effects[0].value == pytest.approx(2, rel=0.1)
    for test in (welch, paired_t):
        with pytest.raises(BadInput, match="above zero"):
            test([0.0, 1.0], [1.0, 2.0], log=True)


def test_paired_t_agrees_with_scipy() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(1000, 9)), rng.normal(0.4, 2, size=(1000, 9))
    oracle = stats.ttest_rel(y, x, axis=1)
    made = [paired_t(a, b) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose([t.p for t in made], oracle.pvalue, rtol=NINE)
    np.testing.assert_allclose([t.effects[0].low for t in made], oracle.confidence_interval().low, rtol=NINE, atol=NINE)
    with pytest.raises(BadInput, match="without partner"):
        paired_t([1.0], [1.0, 2.0])


def test_pairs_are_found_by_name_and_strangers_are_no_pairs() -> None:
    x, y, note = paired_by({"b": 1.0, "a": 2.0, "c": 9.0}, {"a": 5.0, "b": 4.0})
    assert x.tolist() == [1.0, 2.0] and y.tolist() == [4.0, 5.0] and note == "1 patients with one number only left out"
    with pytest.raises(BadInput, match="unpaired rows: none of 1 and 1 exams"):
        paired_by({"a": 1.0}, {"b": 1.0}, what="exams")


def test_levene_has_two_centres_and_names_them() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.exponential(size=20), rng.exponential(3, size=25)
    for centre, words in (("mean", "SPSS"), ("median", "Brown-Forsythe")):
        made, oracle = levene(x, y, centre=centre), stats.levene(x, y, center=centre)
        assert made.statistic == pytest.approx(oracle.statistic, rel=NINE) and made.p == pytest.approx(oracle.pvalue, rel=NINE)
        assert words in made.rule
    assert levene(x, y, centre="mean").p != levene(x, y, centre="median").p
    with pytest.raises(BadInput, match="no centre"):
        levene(x, y, centre="trimmed")


def test_shapiro_and_kolmogorov_smirnov_name_their_limits() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=80), rng.normal(0.5, size=90)
    assert shapiro(x).p == pytest.approx(stats.shapiro(x).pvalue)
    assert "up to 5000" in shapiro(rng.normal(size=5001)).note
    assert kolmogorov_smirnov(x, y).rule == "exact"
    assert kolmogorov_smirnov(x, y).p == pytest.approx(stats.ks_2samp(x, y, method="exact").pvalue)
    assert kolmogorov_smirnov(rng.normal(size=500), y).rule == "asymptotic"


@FEW_OR_MANY
def test_dunnett_t3_agrees_with_posthocs_where_degrees_of_freedom_are_rounded(
    inputs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = all_pairs.welch_df
    monkeypatch.setattr(all_pairs, "welch_df", lambda *given: round(exact(*given)))
    monkeypatch.setattr(all_pairs, "maximum_modulus_isf", lambda *_: 1.0)  # the interval is not asked here
    rng = np.random.default_rng(6)
    for _ in range(inputs):
        groups = groups_of(rng, tuple(rng.integers(3, 15, int(rng.integers(2, 4)))))
        oracle = scikit_posthocs.posthoc_dunnett_t3(long(groups), "v", "g").to_numpy()[np.triu_indices(len(groups.labels), 1)]
        np.testing.assert_allclose([t.p for t in dunnett_t3(groups)], oracle, rtol=NINE, atol=1e-14)


@FEW_OR_MANY
def test_the_maximum_modulus_agrees_with_posthocs(inputs: int) -> None:
    oracle = vars(scikit_posthocs._posthocs)["__smm_sf"]
    rng = np.random.default_rng(7)
    for _ in range(inputs):
        t, df, m = float(rng.exponential(3)), float(10 ** rng.uniform(0, 3)), int(rng.integers(1, 22))
        assert maximum_modulus_sf(t, df, m) == pytest.approx(oracle(t, df, m), rel=NINE, abs=1e-14)


def test_the_maximum_of_one_is_students_t_and_its_quantile_comes_back() -> None:
    for df in (1.0, 3.7, 50.0, 1e5):
        assert maximum_modulus_sf(2.5, df, 1) == pytest.approx(2 * stats.t.sf(2.5, df), rel=1e-8)
        for m in (1, 3, 10):
            assert maximum_modulus_sf(maximum_modulus_isf(0.05, df, m), df, m) == pytest.approx(0.05, rel=1e-8)


def test_an_interval_of_t3_leaves_zero_out_where_p_is_small() -> None:
    rng = np.random.default_rng(8)
    for _ in range(20):
        for test in dunnett_t3(groups_of(rng, (6, 9, 12))):
            effect = test.effects[0]
            assert effect.low is not None and effect.high is not None and test.p is not None
            assert (effect.low > 0 or effect.high < 0) == (test.p < 0.05)


def test_games_howell_agrees_with_scipy() -> None:
    rng = np.random.default_rng(9)
    groups = groups_of(rng, (8, 12, 20))
    oracle = stats.tukey_hsd(*groups.values, equal_var=False)
    ends = oracle.confidence_interval()
    for test, (i, j) in zip(games_howell(groups), ((0, 1), (0, 2), (1, 2)), strict=True):
        assert test.p == pytest.approx(oracle.pvalue[i, j], rel=1e-7, abs=NINE)
        assert test.effects[0].low == pytest.approx(ends.low[i, j], rel=1e-6)


def test_dunn_agrees_with_posthocs_with_ties() -> None:
    rng = np.random.default_rng(10)
    for _ in range(8):
        groups = Groups("x", "1", ("a", "b", "c"), tuple(rng.integers(0, 6, k).astype(float) for k in (5, 8, 11)))
        oracle = scikit_posthocs.posthoc_dunn(long(groups), "v", "g", p_adjust="holm").to_numpy()[np.triu_indices(3, 1)]
        np.testing.assert_allclose([t.p_adjusted for t in dunn(groups)], oracle, rtol=NINE)


@FEW_OR_MANY
def test_dunn_divides_by_the_spread_of_the_ranks_themselves(inputs: int) -> None:
    """The correction for ties is no more than the variance of the middle ranks, taken here from the ranks."""
    rng = np.random.default_rng(14)
    for _ in range(inputs):
        groups = Groups("x", "1", ("a", "b", "c"), tuple(rng.integers(0, 6, k).astype(float) for k in rng.integers(2, 12, 3)))
        ranks = stats.rankdata(np.concatenate(groups.values))
        parts = np.split(ranks, np.cumsum([v.size for v in groups.values])[:-1])
        wanted = [
            2 * stats.norm.sf(abs(a.mean() - b.mean()) / math.sqrt(ranks.var(ddof=1) * (1 / a.size + 1 / b.size)))
            for a, b in combinations(parts, 2)
        ]
        np.testing.assert_allclose([t.p for t in dunn(groups)], wanted, rtol=NINE)


def test_the_general_linear_model_is_type_three_of_statsmodels() -> None:
    rng = np.random.default_rng(11)
    frame = long(groups_of(rng, (8, 12, 20)))
    frame["age"] = rng.normal(60, 10, 40)
    oracle = anova_lm(smf.ols("v ~ C(g) + age", frame).fit(), typ=2)
    groups, age = general_linear_model(frame.v.to_numpy(), list(frame.g), {"age": frame.age.to_numpy()}, about="vp")
    assert groups.p == pytest.approx(oracle.loc["C(g)", "PR(>F)"], rel=NINE)
    assert age.p == pytest.approx(oracle.loc["age", "PR(>F)"], rel=NINE) and age.about == "vp: age"
    at_mean = smf.ols("v ~ 0 + C(g) + I(age - age.mean())", frame).fit()
    assert (
        groups.effects[1].value == pytest.approx(at_mean.params.iloc[0]) and "adjusted to the mean age" in groups.effects[1].rule
    )
    (plain,) = general_linear_model(frame.v.to_numpy(), list(frame.g))
    parts = [frame.v[frame.g == k].to_numpy() for k in "abc"]
    assert plain.p == pytest.approx(stats.f_oneway(*parts).pvalue, rel=NINE)


def test_welch_and_kruskal_wallis_over_several_groups() -> None:
    rng = np.random.default_rng(12)
    two, three = groups_of(rng, (9, 14)), groups_of(rng, (8, 12, 20))
    assert welch_anova(two).p == pytest.approx(welch(*two.values).p, rel=NINE)  # of two groups it is Welch's t
    assert kruskal_wallis(three).p == pytest.approx(stats.kruskal(*three.values).pvalue, rel=NINE)


def test_adjusted_p_counts_the_tests_that_were_made() -> None:
    tests = [statistic.Tested("t", "r", (3,), "t", 1.0, p) for p in (0.01, 0.04, 0.03)]
    none = statistic.Tested("t", "r", (0,), "t", None, None, note="a group is empty")
    made = adjusted([tests[0], none, *tests[1:]], "holm")
    assert [t.p_adjusted for t in made] == [pytest.approx(0.03), None, pytest.approx(0.06), pytest.approx(0.06)]
    assert made[0].adjusted_by == "Holm, 3 tests" and made[1].adjusted_by == ""
    assert [t.p_adjusted for t in adjusted(tests, "bonferroni")] == pytest.approx([0.03, 0.12, 0.09])
    assert [t.p_adjusted for t in adjusted(tests, "benjamini-hochberg")] == pytest.approx([0.03, 0.04, 0.04])
    assert adjusted([none]) == (none,)
    with pytest.raises(BadInput, match="no adjustment"):
        adjusted(tests, "none at all")


def test_summaries_count_what_is_missing() -> None:
    made = summarise([1.0, 2.0, math.nan, 4.0])
    assert (made.n, made.missing, made.median, made.q1, made.maximum) == (3, 1, 2.0, 1.5, 4.0)
    assert summarise([]).mean is None and summarise([3.0]).sd is None
    assert median_estimate([1.0, 2.0]).note.startswith("too few") and mean_estimate([1.0]).low is None


def test_the_pooled_sd_is_that_of_all_values_together() -> None:
    rng = np.random.default_rng(13)
    for _ in range(1000):
        parts = [rng.normal(k, 1 + k, int(rng.integers(1, 9))) for k in range(int(rng.integers(2, 5)))]
        whole = np.concatenate(parts)
        n, mean, sd = pooled([(p.size, float(p.mean()), float(p.std(ddof=1)) if p.size > 1 else 0.0) for p in parts])
        np.testing.assert_allclose([n, mean, sd], [whole.size, whole.mean(), whole.std(ddof=1)], rtol=NINE)
    with pytest.raises(BadInput, match="whole number"):
        pooled([(0, 1.0, 1.0)])


def test_odd_groups_get_a_sentence() -> None:
    three = Groups("x", "1", ("a", "b", "c"), (np.array([1.0]), np.array([2.0, 2.0]), np.array([])))
    for test in (*dunnett_t3(three), *games_howell(three), welch_anova(three), kruskal_wallis(three), *dunn(three)[1:]):
        assert test.p is None and test.note
    same = Groups("x", "1", ("a", "b"), (np.full(3, 2.0), np.full(4, 2.0)))
    for test in (*dunnett_t3(same), *games_howell(same), *dunn(same), welch_anova(same), kruskal_wallis(same)):
        assert test.p is None and test.note
    for made in (student([1.0], [2.0]), welch([], [1.0, 2.0]), levene([1.0, 1.0], [2.0, 2.0]), student([1.0, 1.0], [2.0, 2.0])):
        assert made.p is None and made.note
    for made in (shapiro([1.0, 2.0]), shapiro([1.0] * 5), kolmogorov_smirnov([], [1.0]), paired_t([1.0, 2.0], [2.0, 3.0])):
        assert made.p is None and made.note
    assert general_linear_model([1.0, 2.0, 3.0], ["a", "a", "a"])[0].p is None
    assert "constant" in general_linear_model(np.arange(6.0), list("aabbab"), {"age": np.full(6, 60.0)})[0].note
    assert "fits every value" in general_linear_model([1.0, 1.0, 2.0, 2.0], list("aabb"))[0].note
    assert "1 of 4" in general_linear_model([1.0, 2.0, math.nan, 4.0], list("abab"))[0].note
    with pytest.raises(BadInput, match="3 values and 2 labels"):
        general_linear_model([1.0, 2.0, 3.0], ["a", "b"])
