"""Claims about recomputing: each kind agrees with another way to the same number, for inputs of its own choosing."""

from collections.abc import Sequence
from itertools import combinations_with_replacement, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics
from tests.properties.audit_cases import finding, recomputed

FEW = settings(max_examples=30)
counts = st.integers(0, 400)
shares = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
printed_values = st.integers(1, 999).map(lambda k: k / 100)
columns = st.integers(4, 24).flatmap(lambda n: st.tuples(*[st.lists(printed_values, min_size=n, max_size=n)] * 2))


def near(value: object, other: object, rel: float = 1e-9) -> bool:
    return value == pytest.approx(other, rel=rel, abs=1e-12)


@FEW
@given(shares)
def test_intervals_of_a_share_are_those_of_scipy(share: tuple[int, int]) -> None:
    x, n = share
    found = recomputed("proportion_ci", {"x": x, "n": n})
    test = stats.binomtest(x, n)
    for key, method in (("clopper_pearson_pct", "exact"), ("wilson_pct", "wilson")):
        ends = test.proportion_ci(method=method)
        assert near(found[key], [100 * ends.low, 100 * ends.high], 1e-7)
    assert near(found["value_pct"], 100 * x / n)


@settings(max_examples=12)
@given(*[st.integers(1, 60)] * 4)
def test_ratios_of_a_matrix_are_those_of_scikit_learn(tp: int, fp: int, tn: int, fn: int) -> None:
    truth = np.repeat([1, 0, 0, 1], [tp, fp, tn, fn])
    calls = np.repeat([1, 1, 0, 0], [tp, fp, tn, fn])
    oracles = {
        "sensitivity": metrics.recall_score(truth, calls), "specificity": metrics.recall_score(truth, calls, pos_label=0),
        "precision": metrics.precision_score(truth, calls), "ppv": metrics.precision_score(truth, calls),
        "npv": metrics.precision_score(truth, calls, pos_label=0), "accuracy": metrics.accuracy_score(truth, calls),
        "f1": metrics.f1_score(truth, calls), "F1": metrics.f1_score(truth, calls), "recall": metrics.recall_score(truth, calls),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, calls),
    }  # fmt: skip
    for name, value in oracles.items():
        found = recomputed("confusion_metric", {"TP": tp, "FP": fp, "TN": tn, "FN": fn, "metric": name})
        assert near(found["value_pct"], 100 * value), name


@FEW
@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_that_of_the_binomial_whatever_its_keys_are_called(b: int, c: int) -> None:
    found = recomputed("mcnemar", {"b_first_right": b, "c_second_right": c})
    assert near(found["exact_p"], stats.binomtest(b, b + c).pvalue if b + c else 1.0)
    if b + c:
        assert near(found["chi2"], (b - c) ** 2 / (b + c))
        assert near(found["chi2_cc_p"], stats.chi2.sf(max(abs(b - c) - 1, 0) ** 2 / (b + c), 1))
    assert finding("mcnemar", {"b": b}).verdict == "not recomputed"


@FEW
@given(st.integers(2, 14), st.data())
def test_the_discordant_counts_behind_a_printed_p_are_found(n: int, data: st.DataObject) -> None:
    both, b, c = (data.draw(st.integers(0, n)) for _ in range(3))
    if both + b + c > n:
        return
    p = round(float(stats.binomtest(b, b + c).pvalue) if b + c else 1.0, 2)
    found = recomputed("mcnemar_inverse", {"x1": both + b, "x2": both + c, "n": n, "p_published": p})
    assert [b, c] in found["pairs"]
    every = [
        [b2, c2] for a2, b2, c2 in product(range(n + 1), repeat=3)
        if a2 + b2 == both + b and a2 + c2 == both + c and a2 + b2 + c2 <= n
        and abs((stats.binomtest(b2, b2 + c2).pvalue if b2 + c2 else 1.0) - p) <= 0.005 + 1e-9
    ]  # fmt: skip
    assert sorted(found["pairs"]) == sorted(every)
    assert ("b" in found) == (len(every) == 1)
    bounds = recomputed("mcnemar_bounds", {"x1": both + b, "x2": both + c, "n": n})
    assert bounds["p_min"] - 0.005 <= p <= bounds["p_max"] + 0.005


@settings(max_examples=12)
@given(*[st.integers(1, 60)] * 4)
def test_fisher_is_that_of_scipy_for_one_table_and_for_several(a: int, b: int, c: int, d: int) -> None:
    p = stats.fisher_exact([[a, b], [c, d]]).pvalue
    one = recomputed("fisher_exact", {"table": [[a, b], [c, d]]}, title="sex, first vs second", method="share of 3/4")
    several = recomputed("fisher_exact", {"train": [[a, b], [c, d]], "test": [[d, c], [b, a]]})
    assert near(one["p"], p, 1e-7) and near(several["train"]["p"], p, 1e-7) and near(several["test"]["p"], p, 1e-7)
    assert near(several["train"]["youden"], a / (a + b) + d / (c + d) - 1)
    assert near(one["pct_first"], 100 * a / (a + b)) and near(one["pct_second"], 100 * c / (c + d))
    assert one["share_pct"] == 75


@FEW
@given(columns)
def test_signed_ranks_are_those_of_scipy(two: tuple[list[float], list[float]]) -> None:
    before, after = two
    differences = np.round(np.array(after) - np.array(before), 6)
    given_ = {"file": "t.csv", "difference": "late - early, rounded to 6 decimals"}
    found = recomputed("wilcoxon_signed_rank", given_, tables={"t.csv": {"early_mm": before, "late_mm": after}})
    moved = differences[differences != 0]
    assert found["n_nonzero"] == moved.size
    if moved.size == 0:
        return
    for key, zeros, correction in (("p_no_cc", "wilcox", False), ("p_cc", "wilcox", True), ("p_pratt", "pratt", False)):
        oracle = stats.wilcoxon(differences, zero_method=zeros, correction=correction, method="asymptotic")
        assert near(found[key], float(oracle.pvalue), 1e-7), key
    ranks = stats.rankdata(np.abs(moved))
    up, down = ranks[moved > 0].sum(), ranks[moved < 0].sum()
    assert near(found["W_min"], min(up, down)) and near(found["rank_biserial"], (up - down) / (up + down))


@settings(max_examples=25)
@given(st.lists(st.integers(-6, 6), min_size=2, max_size=9))
def test_the_exact_permutation_goes_through_every_sign(steps: list[int]) -> None:
    given_ = {"file": "t.csv", "difference": "d - zero, rounded to 3 decimals"}
    found = recomputed("wilcoxon_signed_rank", given_, tables={"t.csv": {"d": steps, "zero": [0] * len(steps)}})
    moved = np.array([s for s in steps if s])
    if moved.size == 0:
        return
    ranks = stats.rankdata(np.abs(moved))
    sums = np.array([ranks[np.array(signs) > 0].sum() for signs in product((-1, 1), repeat=moved.size)])
    far = np.abs(sums - ranks.sum() / 2) >= abs(ranks[moved > 0].sum() - ranks.sum() / 2) - 1e-9
    assert near(found["p_exact_permutation"], far.mean())


@FEW
@given(columns)
def test_mann_whitney_is_that_of_scipy(two: tuple[list[float], list[float]]) -> None:
    found = recomputed("mann_whitney", {"file": "t.csv", "columns": ["x", "y"]}, tables={"t.csv": {"x": two[0], "y": two[1]}})
    if len({*two[0], *two[1]}) == 1:
        return
    for key, correction in (("p_asymptotic_no_cc", False), ("p_asymptotic_cc", True)):
        oracle = stats.mannwhitneyu(*two, use_continuity=correction, method="asymptotic")
        assert near(found[key], float(oracle.pvalue), 1e-7) and found["U"] == oracle.statistic
    assert near(found["p_exact_ignoring_ties"], float(stats.mannwhitneyu(*two, method="exact").pvalue), 1e-7)


@FEW
@given(columns)
def test_hodges_lehmann_is_the_median_of_all_averages(two: tuple[list[float], list[float]]) -> None:
    d = np.array(two[1]) - np.array(two[0])
    found = recomputed(
        "hodges_lehmann_1s", {"file": "t.csv", "difference": "y - x"}, tables={"t.csv": {"x": two[0], "y": two[1]}}
    )
    walsh = np.sort([(a + b) / 2 for a, b in combinations_with_replacement(d, 2)])
    assert found["estimate"] == pytest.approx(np.median(walsh), abs=1e-9)
    sums = np.zeros(walsh.size + 1)  # of positive ranks, when every sign is a fair coin
    sums[0] = 1
    for rank in range(1, d.size + 1):
        sums = (sums + np.concatenate([np.zeros(rank), sums[:-rank]])) / 2
    k = max(1, int(np.searchsorted(np.cumsum(sums), 0.025)))
    assert found["ci"] == pytest.approx([walsh[k - 1], walsh[-k]], abs=1e-9)
    assert found["achieved_conf"] == pytest.approx(1 - 2 * np.cumsum(sums)[k - 1])


@FEW
@given(columns)
def test_pearson_and_its_neighbours_are_those_of_scipy(two: tuple[list[float], list[float]]) -> None:
    before, after = (np.array(v) for v in two)
    change = after - before
    given_ = {"file": "t.csv", "x": "early", "y": "late - early"}
    found = finding("pearson", given_, tables={"t.csv": {"early_mm": two[0], "late_mm": two[1]}})
    if min(np.ptp(v) for v in (before, change, before + after, np.log(after / before))) < 1e-6:
        return
    oracles = {
        "raw": (before, change), "log_logratio": (np.log(before), np.log(after / before)),
        "oldham": (before + after, change),
    }  # fmt: skip
    for name, (x, y) in oracles.items():
        oracle = stats.pearsonr(x, y)
        r, p = ("oldham_r", "oldham_p") if name == "oldham" else (f"r_{name}", f"p_{name}")
        assert found.recomputed[r] == pytest.approx(oracle.statistic, rel=1e-6, abs=1e-9)
        assert found.recomputed[p] == pytest.approx(oracle.pvalue, rel=1e-5, abs=1e-9)
    assert "coupled" in " ".join(found.sentences)


@FEW
@given(st.floats(-0.99, 0.99), st.integers(3, 300))
def test_p_of_a_printed_correlation_is_that_of_numbers_with_it(r: float, n: int) -> None:
    found = recomputed("pearson_p", {"r": r, "n": n})
    t = r * ((n - 2) / (1 - r * r)) ** 0.5
    assert near(found["p"], float(2 * stats.t.sf(abs(t), n - 2)), 1e-7)


@FEW
@given(st.lists(st.lists(st.floats(-50, 50), min_size=2, max_size=9), min_size=1, max_size=4))
def test_pooled_parts_are_the_whole(groups: list[list[float]]) -> None:
    parts = [[len(g), float(np.mean(g)), float(np.std(g, ddof=1))] for g in groups]
    whole = np.concatenate(groups)
    found = recomputed("pooled_summary", {"parts": parts})
    assert found["mean"] == pytest.approx(whole.mean(), abs=1e-9)
    assert found["sd"] == pytest.approx(whole.std(ddof=1), abs=1e-6)


@FEW
@given(*[st.tuples(st.integers(2, 90), st.floats(-9, 9), st.floats(0.1, 9))] * 2)
def test_t_tests_from_summaries_are_those_of_scipy(first: tuple[int, float, float], second: tuple[int, float, float]) -> None:
    found = recomputed("two_means", {"parts": [list(first), list(second)]})
    for name, equal in (("student", True), ("welch", False)):
        oracle = stats.ttest_ind_from_stats(first[1], first[2], first[0], second[1], second[2], second[0], equal_var=equal)
        assert found[f"p_{name}"] == pytest.approx(oracle.pvalue, rel=1e-6)
    assert found["p"] == found["p_student"]
    assert recomputed("two_means", {"parts": [list(first), list(second)]}, method="Welch")["p"] == found["p_welch"]


@FEW
@given(st.dictionaries(st.integers(1, 9), st.integers(1, 40), min_size=1), st.floats(0, 1))
def test_the_design_effect_counts_patients_and_exams(groups: dict[int, int], icc: float) -> None:
    found = recomputed("design_effect", {"people_by_scans": {str(m): k for m, k in groups.items()}, "icc": icc})
    sizes = np.repeat(list(groups), list(groups.values()))
    assert (found["people"], found["scans"]) == (sizes.size, sizes.sum())
    assert near(found["design_effect"], 1 + ((sizes**2).sum() / sizes.sum() - 1) * icc)


@FEW
@given(st.lists(shares, min_size=1, max_size=4))
def test_shares_are_named_after_what_they_are_of(parts: list[tuple[int, int]]) -> None:
    named: dict[str, object] = {f"part{i}": x for i, (x, _) in enumerate(parts)}
    total = sum(x for x, _ in parts)
    if total:
        found = recomputed("rate", named)
        assert all(near(found[f"{name}_pct"], 100 * x / total) for name, x in named.items())  # type: ignore[operator]
    x, n = parts[0]
    assert near(recomputed("rate", {"x": x, "n": n})[f"of_{n}"], 100 * x / n)
    assert near(recomputed("consistency", {"thoracic": x, "n": n})["thoracic_pct"], 100 * x / n)
    assert recomputed("count", {"n_any": n, "right": {"a": x, "b": n}}) == {"a": n - x, "b": 0}
    assert recomputed("count", {"n_any": n, "right": [x, n]}, readings=("one", "two")) == {"one": n - x, "two": 0}


@FEW
@given(st.lists(st.tuples(printed_values, printed_values), min_size=1, max_size=5))
def test_changes_are_from_the_first_to_the_second(pairs: Sequence[tuple[float, float]]) -> None:
    found = recomputed("percent_change", {"pairs": [list(pair) for pair in pairs]})
    assert near(found["pct"], [100 * (b / a - 1) for a, b in pairs], 1e-7)
    a, b = pairs[0]
    fold = recomputed("fold_change", {"first": a, "second": b})
    assert near(fold["ratio"], b / a) and near(fold["fold_increase"] + 1, fold["ratio"])


@FEW
@given(columns)
def test_summaries_are_those_of_numpy_for_columns_and_formulas(two: tuple[list[float], list[float]]) -> None:
    tables = {"t.csv": {"Ktrans_before_per_min": two[0], "Ktrans_after_per_min": two[1], "note": [None] * len(two[0])}}
    found = recomputed("summary", {"file": "t.csv", "column": "Ktrans_before"}, tables=tables)
    assert near([found["mean"], found["sd"]], [np.mean(two[0]), np.std(two[0], ddof=1)], 1e-7)
    assert [found["min"], found["max"]] == [min(two[0]), max(two[0])]
    formula = {"file": "t.csv", "value": "100*(Ktrans_after-Ktrans_before)/Ktrans_before"}
    percent = 100 * (np.array(two[1]) / np.array(two[0]) - 1)
    made = recomputed("summary", formula, tables=tables)
    oracle = np.quantile(percent, [0.25, 0.5, 0.75])
    assert [made["q1"], made["median_pct"], made["q3"]] == pytest.approx(list(oracle), abs=1e-7)


def test_rows_without_both_numbers_are_left_out_and_said() -> None:
    tables = {"t.csv": {"x": [1, 2, None, 4], "y": [2, None, 3, 9]}}
    found = finding("wilcoxon_signed_rank", {"file": "t.csv", "difference": "y - x"}, tables=tables)
    assert found.recomputed["n"] == 2
    assert "2 rows" in " ".join(found.sentences)


def test_a_ratio_is_made_of_each_plan_and_its_least_value_allows_for_rounding() -> None:
    tables = {"t.csv": {"a_integral_J": ["5.8", "2.5"], "a_mean_Gy": ["2.2", "1.1"], "b_integral_J": ["6", "2"], "b_mean_Gy": ["2", "1"]}}  # fmt: skip
    found = recomputed("physics", {"file": "t.csv", "ratio": "integral_J / mean_Gy"}, tables=tables)
    assert near([found["a_min"], found["a_max"]], [2.5 / 1.1, 5.8 / 2.2])
    assert near([found["b_min"], found["b_mean"]], [2.0, 2.5])
    assert near(found["lower_bound_smallest"], 1.5 / 1.5)  # b: 2 printed without decimals may be 1.5, and 1 may be 1.5


def test_cells_are_set_before_both_plans_are_summarised() -> None:
    tables = {"t.csv": {"plan1_V": [1, 2, 300], "plan2_V": [1, 2, 4]}}
    found = recomputed("forensic", {"file": "t.csv", "set": {"plan1_V[3]": 3}}, tables=tables)
    assert found["mean"] == [2.0, pytest.approx(7 / 3)]
    assert near(found["p"], float(stats.mannwhitneyu([1, 2, 3], [1, 2, 4], use_continuity=False, method="asymptotic").pvalue))


@FEW
@given(st.floats(0.5, 0.999), st.integers(2, 400), st.integers(2, 400))
def test_an_auc_has_hanley_and_mcneils_interval(area: float, positive: int, negative: int) -> None:
    found = recomputed("auc_ci", {"auc": area, "n_pos": positive, "n_neg": negative})
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (positive - 1) * (q1 - area**2) + (negative - 1) * (q2 - area**2)
    se = (spread / (positive * negative)) ** 0.5
    z = stats.norm.isf(0.025)
    assert near(found["se"], se, 1e-7)
    assert near(found["ci"], [max(0.0, area - z * se), min(1.0, area + z * se)], 1e-7)


def test_a_ratio_of_numbers_in_the_check_itself_needs_no_table() -> None:
    found = recomputed("physics", {"ratio": "total_s / phases", "total_s": [298, 305], "phases": 60})
    assert near(found["ratio"], [298 / 60, 305 / 60])
    assert recomputed("physics", {"ratio": "phases * step_s", "phases": 60, "step_s": 1.74})["ratio"] == pytest.approx(104.4)


def test_a_t_test_is_known_by_its_other_names_and_shapes() -> None:
    for kind in ("t_test", "ttest_from_stats"):
        for given_ in (
            {"train": [146, 57.1, 13.7], "test": [33, 60.5, 11.9]},
            {"n1": 146, "mean1": 57.1, "sd1": 13.7, "n2": 33, "mean2": 60.5, "sd2": 11.9},
            {"first": {"n": 146, "mean": 57.1, "sd": 13.7}, "second": {"n": 33, "mean": 60.5, "sd": 11.9}},
        ):
            assert recomputed(kind, given_)["p"] == pytest.approx(0.18951, abs=1e-5)
