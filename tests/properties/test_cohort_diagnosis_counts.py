"""Claims about counts of right and wrong calls: every named rule against a second way to it, and what cannot be is said."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats
from statsmodels.stats.contingency_tables import Table2x2
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_of_statsmodels
from statsmodels.stats.proportion import confint_proportions_2indep
from tests.conftest import SHARED

from afterglow.cohort.confusion import METRIC_WORDS, Confusion, confusion_of, metric, metrics
from afterglow.cohort.confusion_resampled import ratios, resampled_metrics
from afterglow.cohort.paired_readings import (
    compare_readings,
    mcnemar,
    mcnemar_bounds,
    mcnemar_inverse,
    mcnemar_p,
    mcnemar_variants,
    paired_counts,
    possible_pairs,
    tango,
)
from afterglow.cohort.placements import hanley_mcneil_se
from afterglow.cohort.proportions import (
    PROPORTION_RULES,
    design_effect,
    proportion,
    proportion_difference,
    proportion_interval,
    proportion_intervals,
)
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated

CHECKS = SHARED / "data" / "published" / "checks.json"
Z = float(stats.norm.isf(0.025))


def random_counts(seed: int, most: int = 400) -> list[tuple[int, int]]:
    rng = np.random.default_rng(seed)
    n = rng.integers(1, most, 1000)
    return [(int(rng.integers(0, k + 1)), int(k)) for k in n]


@pytest.fixture(scope="module")
def tables() -> list[tuple[Confusion, dict[str, Estimated]]]:
    """1,000 random tables with all their ratios."""
    counts = [Confusion(*(int(v) for v in row)) for row in np.random.default_rng(4).integers(1, 200, (1000, 4))]
    return [(c, metrics(c)) for c in counts]


def test_every_interval_of_a_share_is_the_one_of_its_name() -> None:
    for x, n in random_counts(1):
        got = proportion_intervals(x, n)
        exact = (
            0.0 if x == 0 else float(special.betaincinv(x, n - x + 1, 0.025)),
            1.0 if x == n else float(special.betaincinv(x + 1, n - x, 0.975)),
        )
        jeffreys = (
            0.0 if x == 0 else float(special.betaincinv(x + 0.5, n - x + 0.5, 0.025)),
            1.0 if x == n else float(special.betaincinv(x + 0.5, n - x + 0.5, 0.975)),
        )
        wilson = stats.binomtest(x, n).proportion_ci(method="wilson")
        half = Z * math.sqrt(x / n * (1 - x / n) / n)
        more, middle = n + Z**2, (x + Z**2 / 2) / (n + Z**2)
        wide = Z * math.sqrt(middle * (1 - middle) / more)
        oracle = {
            "Clopper-Pearson": exact, "Jeffreys": jeffreys, "Wilson": (wilson.low, wilson.high),
            "Wald": (max(0, x / n - half), min(1, x / n + half)), "Agresti-Coull": (max(0, middle - wide), min(1, middle + wide)),
        }  # fmt: skip
        assert set(oracle) == set(PROPORTION_RULES)
        for rule, ends in oracle.items():
            assert got[rule] == pytest.approx(ends, rel=1e-9, abs=1e-9), (rule, x, n)  # type: ignore[index]


def test_the_exact_interval_never_covers_less_than_it_says() -> None:
    for n in (5, 11, 38, 100):
        ends = np.array([proportion_interval(x, n) for x in range(n + 1)])
        for p in np.linspace(0.001, 0.999, 333):
            inside = (ends[:, 0] <= p) & (p <= ends[:, 1])
            assert stats.binom.pmf(np.arange(n + 1), n, p)[inside].sum() >= 0.95 - 1e-9


@given(st.integers(0, 60), st.integers(1, 60), st.sampled_from(list(PROPORTION_RULES)))
def test_the_share_lies_inside_its_interval_and_the_others_mirror_it(x: int, n: int, rule: str) -> None:
    x = min(x, n)
    low, high = proportion_interval(x, n, rule=rule)  # type: ignore[arg-type]
    assert 0 <= low <= x / n <= high <= 1
    mirrored = proportion_interval(n - x, n, rule=rule)  # type: ignore[arg-type]
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high), abs=1e-9)


def test_a_share_of_nothing_has_no_value_and_impossible_counts_are_refused() -> None:
    nothing = proportion("sensitivity", 0, 0)
    assert nothing.value is None and nothing.low is None and nothing.note
    for x, n in ((5, 4), (-1, 4), (math.nan, 4), (1.5, 4)):
        with pytest.raises(BadInput):
            proportion("sensitivity", x, n)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="choose Clopper-Pearson"):
        proportion("sensitivity", 1, 2, rule="exactish")  # type: ignore[arg-type]


def test_the_difference_of_shares_is_newcombes() -> None:
    for (x1, n1), (x2, n2) in zip(random_counts(2), random_counts(3), strict=True):
        got = proportion_difference("d", x1, n1, x2, n2)
        assert got.value is not None
        (l1, u1), (l2, u2) = (proportion_interval(x, n, rule="Wilson") for x, n in ((x1, n1), (x2, n2)))
        low = got.value - math.hypot(x1 / n1 - l1, u2 - x2 / n2)
        high = got.value + math.hypot(u1 - x1 / n1, x2 / n2 - l2)
        assert (got.low, got.high) == pytest.approx((low, high), rel=1e-9, abs=1e-9)
    assert proportion_difference("d", 0, 0, 1, 2).value is None


def test_alike_exams_of_a_patient_widen_by_the_design_effect() -> None:
    assert design_effect({1: 10}) == 1
    assert design_effect({3: 10}) == 3
    assert design_effect({3: 10}, icc=0.5) == 2
    assert design_effect({1: 239, 2: 37, 3: 8, 4: 1}) == pytest.approx(1.3929618768328447)
    for nonsense in ({}, {0: 4}, {-1: 3}):
        with pytest.raises(BadInput):
            design_effect(nonsense)


def test_every_ratio_of_four_counts_is_the_one_of_its_name(tables: list[tuple[Confusion, dict[str, Estimated]]]) -> None:
    for c, found in tables:
        got = {key: e.value for key, e in found.items()}
        calls, truth = (np.repeat(v, [c.tp, c.fp, c.tn, c.fn]) for v in ([1, 1, 0, 0], [1, 0, 0, 1]))
        sensitivity, specificity, precision = calls[truth == 1].mean(), 1 - calls[truth == 0].mean(), truth[calls == 1].mean()
        oracle = {
            "sensitivity": sensitivity, "specificity": specificity, "ppv": precision, "npv": 1 - truth[calls == 0].mean(),
            "accuracy": np.mean(calls == truth), "balanced_accuracy": (sensitivity + specificity) / 2,
            "f1": 2 / (1 / precision + 1 / sensitivity), "youden": sensitivity + specificity - 1,
            "lr_positive": sensitivity / (1 - specificity), "lr_negative": (1 - sensitivity) / specificity,
            "dor": sensitivity / (1 - specificity) / ((1 - sensitivity) / specificity),
            "mcc": np.corrcoef(calls, truth)[0, 1], "prevalence": truth.mean(),
        }  # fmt: skip
        assert set(got) == set(oracle) == set(METRIC_WORDS)
        for key, value in oracle.items():
            assert got[key] == pytest.approx(value, rel=1e-9, abs=1e-12), key


def test_intervals_of_ratios_are_those_of_their_names(tables: list[tuple[Confusion, dict[str, Estimated]]]) -> None:
    for c, got in tables:
        positive, negative = c.tp + c.fn, c.tn + c.fp
        plus = confint_proportions_2indep(c.tp, positive, c.fp, negative, compare="ratio", method="log")
        minus = confint_proportions_2indep(c.fn, positive, c.tn, negative, compare="ratio", method="log")
        odds = Table2x2(np.array([[c.tp, c.fp], [c.fn, c.tn]])).oddsratio_confint()
        for key, ends in (("lr_positive", plus), ("lr_negative", minus), ("dor", odds)):
            assert (got[key].low, got[key].high) == pytest.approx(ends, rel=1e-9), key
        jaccard = [2 * j / (1 + j) for j in proportion_interval(c.tp, c.tp + c.fp + c.fn)]
        assert (got["f1"].low, got["f1"].high) == pytest.approx(jaccard, rel=1e-9)


def test_empty_cells_give_a_sentence_and_never_a_number_that_is_not_there() -> None:
    no_false_positive = metrics(Confusion(10, 0, 20, 3))
    assert no_false_positive["lr_positive"].value is None and "no end" in no_false_positive["lr_positive"].note
    assert no_false_positive["dor"].value is None
    assert no_false_positive["specificity"].value == 1
    for counts in (
        Confusion(0, 0, 0, 0),
        Confusion(5, 0, 0, 0),
        Confusion(0, 0, 5, 0),
        Confusion(0, 4, 0, 3),
        Confusion(0, 3, 4, 2),
    ):
        for found in metrics(counts).values():
            assert found.value is None or math.isfinite(found.value)
            assert found.value is not None or found.note
            assert found.low is not None or found.note


def test_ratios_have_other_names_and_an_unknown_one_is_refused() -> None:
    c = Confusion(334, 4, 77, 7)
    assert metric(c, "precision") == metric(c, "ppv")
    assert metric(c, "F1-score") == metric(c, "f1")
    assert metric(c, "Recall").value == metric(c, "sensitivity").value
    assert metric(c, "LR+").value == metric(c, "lr_positive").value
    with pytest.raises(BadInput, match="sensitivtiy"):
        metric(c, "sensitivtiy")
    with pytest.raises(BadInput, match="TP"):
        Confusion(-1, 0, 0, 0)


def test_a_call_that_was_not_made_is_counted_apart_and_said() -> None:
    c = confusion_of([True, False, None, math.nan, True], [1, 1, 0, 1, 0])
    assert (c.tp, c.fp, c.tn, c.fn, c.uncalled) == (1, 1, 0, 1, 2)
    assert "2 exams could not be called" in metric(c, "accuracy").note
    with pytest.raises(BadInput, match="not known"):
        confusion_of([True], [math.nan])
    with pytest.raises(BadInput, match="2 calls and 1 truths"):
        confusion_of([True, False], [1])


def test_mcnemar_agrees_with_statsmodels_and_with_counting() -> None:
    rng = np.random.default_rng(6)
    for b, c in rng.integers(0, 40, (1000, 2)):
        got = mcnemar_variants(int(b), int(c))
        assert got["exact_p"] == pytest.approx(mcnemar_of_statsmodels([[0, b], [c, 0]], exact=True).pvalue, rel=1e-9)
        total, small = int(b + c), int(min(b, c))
        below = sum(math.comb(total, k) for k in range(small)) / 2**total
        assert got["mid_p"] == pytest.approx(min(1.0, 2 * below + math.comb(total, small) / 2**total), rel=1e-9)
        if total:
            plain = mcnemar_of_statsmodels([[0, b], [c, 0]], exact=False, correction=False)
            assert (got["chi2"], got["chi2_p"]) == pytest.approx((plain.statistic, plain.pvalue), rel=1e-9)
        if b != c:
            corrected = mcnemar_of_statsmodels([[0, b], [c, 0]], exact=False, correction=True)
            assert (got["chi2_cc"], got["chi2_cc_p"]) == pytest.approx((corrected.statistic, corrected.pvalue), rel=1e-9)


def score_by_likelihood(d: np.ndarray, b: np.ndarray, c: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Tango's score with the share of c found by halving on the likelihood's slope, not by the quadratic."""
    low, high = np.maximum(0, -d), (1 - d) / 2
    for _ in range(70):
        q = (low + high) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = np.nan_to_num(b / (q + d)) + np.nan_to_num(c / q) - np.nan_to_num(2 * (n - b - c) / (1 - 2 * q - d))
        low, high = np.where(slope > 0, q, low), np.where(slope > 0, high, q)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num((b - c - n * d) / np.sqrt(n * (2 * q + d * (1 - d))))


def test_tangos_interval_is_where_the_score_test_turns() -> None:
    rng = np.random.default_rng(7)
    n = rng.integers(5, 400, 1000)
    b = rng.integers(0, n // 2 + 1)
    c = rng.integers(0, n // 2 + 1)
    value = (b - c) / n
    ends = []
    for side, limit in ((-1.0, Z), (1.0, -Z)):
        inside, outside = value.copy(), np.full(1000, side)
        for _ in range(60):
            middle = (inside + outside) / 2
            beyond = np.abs(score_by_likelihood(middle, b, c, n)) > abs(limit)
            inside, outside = np.where(beyond, inside, middle), np.where(beyond, middle, outside)
        ends.append((inside + outside) / 2)
    got = [tango(int(i), int(j), int(k)) for i, j, k in zip(b, c, n, strict=True)]
    np.testing.assert_allclose([g.low for g in got], ends[0], atol=1e-9)
    np.testing.assert_allclose([g.high for g in got], ends[1], atol=1e-9)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_the_readings_may_change_places(b: int, c: int, rest: int) -> None:
    n = b + c + rest
    one, two = mcnemar(b, c, n), mcnemar(c, b, n)
    assert one.p == two.p
    if n:
        first, second = one.effects[0], two.effects[0]
        assert first.low is not None and second.high is not None
        assert first.low == pytest.approx(-second.high, abs=1e-9)


def test_without_a_discordant_exam_there_is_nothing_to_test() -> None:
    assert mcnemar_p(0, 0) == (None, 1.0)
    said = mcnemar(0, 0, 10, rule="chi-square")
    assert said.p is None and "nothing to test" in said.note
    assert mcnemar(0, 0, 0).p is None
    with pytest.raises(BadInput):
        tango(5, 6, 10)
    with pytest.raises(BadInput):
        mcnemar_p(-1, 2)


def test_pairings_that_fit_printed_shares_are_all_and_only_those() -> None:
    rng = np.random.default_rng(8)
    for _ in range(200):
        n = int(rng.integers(1, 25))
        x1, x2 = (int(v) for v in rng.integers(0, n + 1, 2))
        brute = {
            (b, c) for b in range(n + 1) for c in range(n + 1) if b - c == x1 - x2 and b <= x1 and c <= x2 and x1 + c <= n
        }  # fmt: skip
        found = possible_pairs(x1, x2, n)
        assert {(one.b, one.c) for one in found} == brute
        low, high = mcnemar_bounds(x1, x2, n)
        assert low <= min(one.p for one in found) <= max(one.p for one in found) <= high
    assert [one[:2] for one in mcnemar_inverse(12, 6, 15, 0.03)] == [(6, 0)]
    assert mcnemar_inverse(12, 6, 15, 0.5) == ()


def test_two_readings_are_compared_in_the_exams_of_each_kind() -> None:
    truth = [1] * 6 + [0] * 4
    first, second = [1, 1, 1, 1, 0, 0, 0, 0, 0, 1], [1, 0, 0, 0, 1, 0, 0, 0, 1, 1]
    sensitivity, specificity = compare_readings(truth, first, second, names=("perfusion", "size"))
    assert sensitivity.n == (6,) and specificity.n == (4,)
    assert sensitivity.p == mcnemar_p(3, 1)[1]
    assert sensitivity.about == "sensitivity, perfusion against size"
    part = compare_readings(truth, [None, *first[1:]], [*second[:-1], math.nan])
    assert [t.n for t in part] == [(5,), (3,)] and "2 of 10 of the exams" in part[0].note
    assert paired_counts([1, 1, 0, 0], [1, 0, 1, 0]) == (1, 1, 1, 1)
    with pytest.raises(BadInput, match="same exams"):
        compare_readings(truth, first, second[:-1])
    with pytest.raises(BadInput, match="3 exams in the first"):
        paired_counts([1, 0, 1], [1, 0])


def printed(kind: str) -> list[dict[str, object]]:
    return [c for c in json.loads(Path(CHECKS).read_text("utf-8"))["checks"] if c["kind"] == kind]


@pytest.mark.shared
def test_the_published_counts_come_out_as_recomputed() -> None:
    for check in printed("proportion_ci"):
        given_, wanted = check["input"], check["recomputed"]
        for key, rule in (("clopper_pearson_pct", "Clopper-Pearson"), ("wilson_pct", "Wilson")):
            ends = [100 * v for v in proportion_interval(given_["x"], given_["n"], rule=rule)]  # type: ignore[index, arg-type]
            assert ends == pytest.approx(wanted[key], rel=1e-6)  # type: ignore[index]
    for check in printed("confusion_metric"):
        given_ = check["input"]
        counts = Confusion(*(given_[k] for k in ("TP", "FP", "TN", "FN")))  # type: ignore[index]
        found = metric(counts, given_["metric"]).value  # type: ignore[index]
        assert found is not None
        assert 100 * found == pytest.approx(check["recomputed"]["value_pct"], rel=1e-6)  # type: ignore[index]
    for check in printed("auc_ci"):
        assert hanley_mcneil_se(*check["input"].values()) == pytest.approx(check["recomputed"]["se"], rel=1e-6)  # type: ignore


@pytest.mark.shared
def test_the_published_pairs_come_out_as_recomputed() -> None:
    (pairs,) = printed("mcnemar")
    assert mcnemar_variants(*pairs["input"].values()) == pytest.approx(pairs["recomputed"], rel=1e-6)  # type: ignore
    (apart,) = printed("paired_difference_ci")
    found = tango(*apart["input"].values())  # type: ignore
    assert [found.value, found.low, found.high] == pytest.approx(
        [apart["recomputed"]["diff"], *apart["recomputed"]["ci"]], rel=1e-6
    )  # type: ignore
    (bounds,) = printed("mcnemar_bounds")
    assert mcnemar_bounds(*bounds["input"].values()) == pytest.approx(tuple(bounds["recomputed"].values()), rel=1e-6)  # type: ignore
    for check in printed("mcnemar_inverse"):
        x1, x2, n, p = check["input"].values()  # type: ignore
        pairs_ = mcnemar_inverse(x1, x2, n, p)
        wanted = check["recomputed"]
        assert all(one.p == pytest.approx(wanted["exact_p"], rel=1e-6) for one in pairs_)  # type: ignore
        if "b" in wanted:  # type: ignore
            assert [(one.b, one.c) for one in pairs_] == [(wanted["b"], wanted["c"])]  # type: ignore


def test_ratios_of_drawn_counts_are_those_of_plain_counts(tables: list[tuple[Confusion, dict[str, Estimated]]]) -> None:
    counts = np.array([(c.tp, c.fp, c.tn, c.fn) for c, _ in tables], dtype=float)
    wanted = [[e.value for e in found.values()] for _, found in tables]
    np.testing.assert_allclose(ratios(counts), np.array(wanted, dtype=float), rtol=1e-9)
    assert np.isnan(ratios(np.zeros((1, 4)))).all()


def test_a_bootstrap_of_patients_gives_every_ratio_an_interval() -> None:
    rng = np.random.default_rng(9)
    truth = np.arange(120) < 60
    calls = [bool(v) for v in np.where(rng.random(120) < 0.8, truth, ~truth)]
    patients = [str(k // 3) for k in range(120)]
    found = resampled_metrics(calls, truth, patients, draws=300)
    assert list(found) == list(METRIC_WORDS)
    for name, e in found.items():
        assert e.value == metrics(confusion_of(calls, truth))[name].value
        assert e.low is not None and e.value is not None and e.high is not None and e.low <= e.value <= e.high, name
        assert "patients" in e.rule
    assert found == resampled_metrics(calls, truth, patients, draws=300)
    accelerated = resampled_metrics(calls, truth, patients, draws=300, kind="BCa")
    assert "BCa" in accelerated["mcc"].rule and accelerated["mcc"].low != found["mcc"].low
    some = resampled_metrics([None, *calls[1:]], truth, patients, draws=50)
    assert "1 exams could not be called" in some["mcc"].note
    perfect = resampled_metrics([1, 1, 0, 0], [1, 1, 0, 0], draws=50)
    assert perfect["sensitivity"].value == 1 and perfect["sensitivity"].low is None and perfect["sensitivity"].note
    assert resampled_metrics([], [])["mcc"].value is None
    with pytest.raises(BadInput, match="2 patients for 1"):
        resampled_metrics([1], [1], ["a", "b"])
