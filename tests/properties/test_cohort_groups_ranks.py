"""Claims about rank tests: every P rule against a second implementation, estimates against brute force, odd input said."""

import math
from collections.abc import Iterator
from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats

from afterglow.cohort import hodges_lehmann as hl_module
from afterglow.cohort.hodges_lehmann import hodges_lehmann, hodges_lehmann_shift
from afterglow.cohort.null_ranks import rank_sum_below, signed_rank_below
from afterglow.cohort.rank_sum import RULES as RANK_SUM_RULES
from afterglow.cohort.rank_sum import mann_whitney, rank_sum_ps
from afterglow.cohort.signed_rank import RULES as SIGNED_RANK_RULES
from afterglow.cohort.signed_rank import sign_test, signed_rank_ps, wilcoxon, wilcoxon_of
from afterglow.records.errors import BadInput

NINE = 1e-9
# nine patients before and after a tranquillizer; Hollander and Wolfe print 0.46 (0.010 to 0.786) at 96.1 %
BEFORE = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
AFTER = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])


def many_groups(rng: np.random.Generator, *, ties: bool, largest: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """A thousand pairs of groups, a hundred of each size, as scipy tests them at once."""
    for _ in range(10):
        m, n = rng.integers(2, largest + 1, 2)
        if ties:
            yield rng.integers(0, 40, (100, m)) / 10, rng.integers(0, 40, (100, n)) / 10
        else:
            yield rng.normal(size=(100, m)), rng.normal(size=(100, n))


@pytest.mark.parametrize("ties", [False, True])
def test_mann_whitney_agrees_with_scipy_by_each_asymptotic_rule(ties: bool) -> None:
    for x, y in many_groups(np.random.default_rng(1), ties=ties, largest=30):
        for rule, continuity in (("asymptotic", False), ("asymptotic, continuity", True)):
            oracle = stats.mannwhitneyu(x, y, use_continuity=continuity, method="asymptotic", axis=1)
            for a, b, u, p in zip(x, y, oracle.statistic, oracle.pvalue, strict=True):
                made = mann_whitney(a, b, rule=rule)
                assert made.statistic == u
                assert made.p == pytest.approx(p, rel=NINE)


def test_mann_whitney_exact_agrees_with_scipy_where_nothing_ties() -> None:
    for x, y in many_groups(np.random.default_rng(2), ties=False, largest=12):
        oracle = stats.mannwhitneyu(x, y, method="exact", axis=1).pvalue
        for a, b, p in zip(x, y, oracle, strict=True):
            ps = rank_sum_ps(a, b)
            assert ps.p_exact_ignoring_ties == pytest.approx(p, rel=NINE)
            assert ps.p_exact_with_ties == pytest.approx(p, rel=NINE)


def test_mann_whitney_with_ties_counts_every_choice() -> None:
    rng = np.random.default_rng(3)
    for _ in range(1000):
        x, y = (rng.integers(0, 5, int(k)).astype(float) for k in rng.integers(1, 6, 2))
        ranks = stats.rankdata(np.r_[x, y])
        sums = np.array([sum(c) for c in combinations(ranks.tolist(), x.size)])
        far = np.abs(sums - sums.mean()) >= abs(ranks[: x.size].sum() - sums.mean()) - 1e-9
        assert rank_sum_ps(x, y).p_exact_with_ties == pytest.approx(far.mean(), rel=NINE)


def test_wilcoxon_agrees_with_scipy_by_each_asymptotic_rule() -> None:
    rng = np.random.default_rng(4)
    for k in range(10):
        n = int(rng.integers(8, 40))
        d = np.round(rng.integers(-9, 10, (100, n)) * 0.01 if k % 2 else rng.normal(size=(100, n)), 6)
        oracles = [
            stats.wilcoxon(d, zero_method=zeros, correction=continuity, method="asymptotic", axis=1).pvalue
            for zeros in ("wilcox", "pratt") for continuity in (False, True)
        ]  # fmt: skip
        for row, *wanted in zip(d, *oracles, strict=True):
            ps = signed_rank_ps(row)
            np.testing.assert_allclose([ps.p_no_cc, ps.p_cc, ps.p_pratt, ps.p_pratt_cc], wanted, rtol=NINE)


def test_wilcoxon_exact_agrees_with_scipy_where_nothing_ties() -> None:
    rng = np.random.default_rng(5)
    for _ in range(10):
        d = rng.normal(0.3, size=(100, int(rng.integers(2, 45))))
        oracle = stats.wilcoxon(d, method="exact", axis=1)
        for row, w, p in zip(d, oracle.statistic, oracle.pvalue, strict=True):
            ps = signed_rank_ps(row)
            np.testing.assert_allclose([ps.w_min, ps.p_exact_ignoring_ties, ps.p_exact_permutation], [w, p, p], rtol=NINE)


def test_wilcoxon_with_ties_counts_every_sign() -> None:
    rng = np.random.default_rng(6)
    signs = {n: np.array(list(product((-1, 1), repeat=n))) for n in range(1, 9)}
    for _ in range(1000):
        d = rng.integers(-3, 4, int(rng.integers(3, 9))).astype(float)
        d = d[d != 0]
        if not d.size:
            continue
        ranks = stats.rankdata(np.abs(d))
        sums = signs[d.size] @ ranks
        share = np.mean(np.abs(sums) >= abs(np.sign(d) @ ranks) - 1e-9)
        assert signed_rank_ps(d).p_exact_permutation == pytest.approx(share, rel=NINE)


def test_rounding_before_ranking_matters() -> None:
    """0.03 - 0.02 and 0.02 - 0.01 tie on paper, and not in binary."""
    d = np.array([0.03 - 0.02, -(0.02 - 0.01), 0.04, 0.05, 0.07])
    plain, as_printed = (signed_rank_ps(d, decimals=k) for k in (None, 6))
    assert not plain.ties and as_printed.ties
    assert (plain.w_negative, as_printed.w_negative) == (2, 1.5)
    assert "rounded to 6 decimals" in wilcoxon_of(d).rule and "rounded" not in wilcoxon_of(d, decimals=None).rule


def test_hodges_lehmann_gives_the_textbooks_numbers() -> None:
    made = hodges_lehmann(BEFORE - AFTER)
    assert made.value == pytest.approx(0.46)
    assert (made.low, made.high) == pytest.approx((0.010, 0.786))
    assert made.achieved == pytest.approx(0.961, abs=5e-4) and "96.09 %" in made.rule


def test_hodges_lehmann_is_the_median_of_walsh_averages_and_its_interval_inverts_the_test() -> None:
    rng = np.random.default_rng(7)
    for _ in range(10):
        n = int(rng.integers(6, 15))
        rows = rng.normal(1, 2, (100, n))
        i, j = np.triu_indices(n)
        made = np.array([(e.value, e.low, e.high) for e in map(hodges_lehmann, rows)], dtype=float)
        np.testing.assert_allclose(made[:, 0], np.median((rows[:, i] + rows[:, j]) / 2, axis=1), rtol=NINE)
        for ends, inward in ((made[:, 1], 1e-9), (made[:, 2], -1e-9)):
            inside, outside = (
                stats.wilcoxon(rows - (ends + s)[:, None], method="exact", axis=1).pvalue for s in (inward, -inward)
            )
            assert (inside > 0.05).all() and (outside <= 0.05).all()


def exact_p(x: np.ndarray, y: np.ndarray) -> float | None:
    return mann_whitney(x, y, rule="exact").p


def test_the_shift_is_the_median_difference_and_its_interval_inverts_the_test() -> None:
    rng = np.random.default_rng(8)
    for _ in range(1000):
        x, y = rng.normal(size=int(rng.integers(4, 10))), rng.normal(1, size=int(rng.integers(4, 10)))
        made = hodges_lehmann_shift(x, y)
        assert made.value == pytest.approx(np.median(np.subtract.outer(x, y)), rel=NINE)
        assert made.low is not None and made.high is not None
        inside, outside = (made.low + 1e-9, made.high - 1e-9), (made.low - 1e-9, made.high + 1e-9)
        assert all((exact_p(x - end, y) or 0) > 0.05 for end in inside)
        assert all((exact_p(x - end, y) or 0) <= 0.05 for end in outside)


def test_large_groups_find_the_same_ranks_by_halving(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(9)
    for decimals in (1, 12):
        x, y = np.round(rng.normal(size=90), decimals), np.round(rng.normal(0.5, size=81), decimals)
        written = hodges_lehmann(x), hodges_lehmann_shift(x, y)
        monkeypatch.setattr(hl_module, "KEPT", 10)
        found = hodges_lehmann(x), hodges_lehmann_shift(x, y)
        monkeypatch.undo()
        for one, other in zip(written, found, strict=True):
            np.testing.assert_allclose(
                [one.value, one.low, one.high], [other.value, other.low, other.high], rtol=NINE, atol=1e-12
            )


def test_null_distributions_are_whole_and_their_middle_is_half() -> None:
    for n in (1, 5, 50, 300):
        below = signed_rank_below(n)
        assert below.size == n * (n + 1) // 2 + 1 and below[-1] == pytest.approx(1, abs=NINE)
        assert below[0] == pytest.approx(0.5**n, rel=NINE)
    for m, n in ((1, 1), (3, 7), (40, 60)):
        below = rank_sum_below(m, n)
        assert below.size == m * n + 1 and below[-1] == pytest.approx(1, abs=NINE)
        assert below[0] == pytest.approx(1 / math.comb(m + n, m), rel=NINE)


def test_small_samples_cannot_reach_the_level_and_say_so() -> None:
    made = hodges_lehmann([1.0, 2.0, 3.0])
    assert made.achieved == pytest.approx(0.75) and "75 %" in made.note
    assert (made.low, made.high) == (1.0, 3.0)


@pytest.mark.parametrize("rule", [*SIGNED_RANK_RULES, "choose"])
def test_wilcoxon_names_its_rule(rule: str) -> None:
    d = np.array([1.0, -2.0, 3.0, 4.0, 5.0, 6.5, 7.0])
    made = wilcoxon_of(d, rule=rule)
    assert made.p is not None and made.rule.startswith(SIGNED_RANK_RULES["exact" if rule == "choose" else rule])
    assert ("chosen" in made.rule) == (rule == "choose")


@pytest.mark.parametrize("rule", [*RANK_SUM_RULES, "choose"])
def test_mann_whitney_names_its_rule(rule: str) -> None:
    made = mann_whitney([1.0, 2.0, 3.5], [2.5, 4.0, 5.0, 6.0], rule=rule)
    assert made.p is not None and made.rule.startswith(RANK_SUM_RULES["exact" if rule == "choose" else rule])


def test_the_choice_is_by_number_and_ties() -> None:
    rng = np.random.default_rng(10)
    assert "asymptotic" in wilcoxon_of(rng.normal(size=51)).rule
    assert "permutation" in wilcoxon_of([1.0, 1.0, 2.0]).rule
    assert "asymptotic" in mann_whitney(rng.normal(size=51), rng.normal(size=50)).rule
    assert "permutation" in mann_whitney([1.0, 2.0], [2.0, 3.0]).rule


def test_an_exact_rule_that_does_not_hold_is_said() -> None:
    assert "not exact" in wilcoxon_of([1.0, 1.0, 2.0], rule="exact").note
    assert "not exact" in mann_whitney([1.0, 1.0], [1.0, 2.0], rule="exact").note
    many = mann_whitney(np.arange(80.0), np.arange(80.0), rule="exact, ties")
    assert many.p is None and "asymptotic" in many.note
    assert wilcoxon_of(np.arange(1.0, 700.0), rule="exact").p is None


def test_odd_input_gets_a_sentence() -> None:
    assert wilcoxon([1.0, 2.0], [1.0, 2.0]).note == "every difference is zero"
    assert wilcoxon([], []).note == "no difference was measured"
    assert wilcoxon([math.nan], [1.0]).p is None
    assert mann_whitney([], [1.0]).note == "a group is empty"
    same = mann_whitney([2.0, 2.0], [2.0, 2.0])
    assert same.p == 1 and "all values are equal" in same.note
    one = mann_whitney([1.0], [2.0])
    assert one.p == 1 and one.effects[0].value == -1
    with_gap = wilcoxon([1.0, math.nan, 3.0], [2.0, 5.0, 6.0])
    assert with_gap.n == (2,) and "1 of 3" in with_gap.note
    with pytest.raises(BadInput, match="rows without partner: the first list has 2, the second list has 3"):
        wilcoxon([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(BadInput, match="infinite"):
        mann_whitney([math.inf], [1.0])
    with pytest.raises(BadInput, match="no rule"):
        wilcoxon_of([1.0], rule="usual")


def test_the_sign_test_is_binomial() -> None:
    made = sign_test([1.0, 2.0, -1.0, 0.0, 3.0, 4.0, 5.0])
    assert made.p == pytest.approx(stats.binomtest(5, 6).pvalue) and made.n == (7,)
    assert sign_test([0.0, 0.0]).p is None


def test_rank_biserial_runs_from_minus_one_to_one() -> None:
    assert mann_whitney([1.0, 2.0], [3.0, 4.0]).effects[1].value == -1
    assert wilcoxon([1.0, 2.0], [3.0, 4.0]).effects[1].value == 1


def test_a_hundred_thousand_numbers_take_little() -> None:
    rng = np.random.default_rng(11)
    x, y = rng.normal(size=60_000), rng.normal(0.1, size=40_000)
    made = mann_whitney(x, y)
    assert made.effects[0].value == pytest.approx(-0.1, abs=0.03)
    assert wilcoxon_of(x).p is not None
