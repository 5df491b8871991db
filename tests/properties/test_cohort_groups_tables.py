"""Claims about tables of counts: the exact test of any size counts every table, and says where it draws instead."""

from itertools import product

import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaln

from afterglow.cohort import counted_tables
from afterglow.cohort.exact_tables import barnard, boschloo, chi_square, conditional_odds, fisher
from afterglow.records.errors import BadInput


def tables_like(table: np.ndarray) -> list[np.ndarray]:
    """Every table with the same margins, by filling all rows but the last in all ways."""
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    ways = [[w for w in product(*(range(c + 1) for c in columns)) if sum(w) == r] for r in rows[:-1]]
    found = []
    for some in product(*ways):
        last = columns - np.sum(some, axis=0)
        if (last >= 0).all():
            found.append(np.vstack([*some, last]))
    return found


def brute_p(table: np.ndarray) -> float:
    all_of_them = np.array(tables_like(table))
    logs = -gammaln(all_of_them + 1).sum(axis=(1, 2))
    p = np.exp(logs - logs.max())
    return float(p[logs <= -gammaln(table + 1).sum() + 1e-7].sum() / p.sum())


def random_table(rng: np.random.Generator, rows: int, columns: int, total: int) -> np.ndarray:
    while True:
        table = rng.multinomial(total, np.full(rows * columns, 1 / (rows * columns))).reshape(rows, columns)
        if table.sum(axis=0).all() and table.sum(axis=1).all():
            return table


def test_every_table_is_counted() -> None:
    rng = np.random.default_rng(1)
    for k in range(1000):
        rows, columns = ((2, 3), (3, 2), (2, 4), (3, 3))[k % 4]
        table = random_table(rng, rows, columns, int(rng.integers(6, 9 if rows * columns > 8 else 13)))
        made = fisher(table)
        assert "all tables counted" in made.rule
        assert made.p == pytest.approx(brute_p(table), rel=1e-9)


def test_counting_agrees_with_scipy_on_two_by_two() -> None:
    rng = np.random.default_rng(2)
    for _ in range(1000):
        table = random_table(rng, 2, 2, int(rng.integers(6, 60)))
        assert counted_tables.exact_p(table, seed=1, draws=10) == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-9)


def test_a_table_too_large_to_count_is_drawn_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    table = [[6, 2, 1], [1, 4, 3], [2, 1, 5]]
    counted = fisher(table)
    monkeypatch.setattr(counted_tables, "STATES", 5)
    drawn = fisher(table, seed=7, draws=20_000)
    assert "20000 tables drawn, seed 7, standard error" in drawn.rule
    assert drawn.p == pytest.approx(counted.p, abs=0.005) and drawn.p != counted.p
    assert drawn == fisher(table, seed=7, draws=20_000)


@pytest.mark.slow
def test_large_tables_end_in_seconds() -> None:
    rng = np.random.default_rng(3)
    for rows, columns, total in ((3, 3, 180), (6, 6, 120), (2, 12, 300), (8, 2, 1000)):
        assert fisher(random_table(rng, rows, columns, total)).p is not None


def test_the_conditional_odds_ratio_has_its_ends() -> None:
    odds = conditional_odds([[8, 2], [1, 5]])
    oracle = stats.contingency.odds_ratio([[8, 2], [1, 5]])
    assert odds.value == pytest.approx(oracle.statistic) and odds.rule == "exact conditional"
    empty = conditional_odds([[5, 0], [1, 4]])
    assert empty.value == np.inf and empty.high == np.inf and empty.low is not None and empty.low > 0
    assert "empty" in empty.note


def test_unconditional_tests_are_those_of_scipy_and_named() -> None:
    table = [[7, 12], [8, 3]]
    assert barnard(table).p == pytest.approx(stats.barnard_exact(table).pvalue)
    assert boschloo(table).p == pytest.approx(stats.boschloo_exact(table).pvalue)
    assert "pooled Wald" in barnard(table).rule and "columns fixed" in boschloo(table).rule


def test_chi_square_names_its_correction_and_warns_of_small_cells() -> None:
    table = [[3, 8], [9, 2]]
    assert chi_square(table).p == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue)
    assert chi_square(table, continuity=True).p == pytest.approx(stats.chi2_contingency(table).pvalue)
    assert "Yates" in chi_square(table, continuity=True).rule and "expect fewer than 5" in chi_square([[1, 8], [9, 2]]).note


def test_odd_tables_get_a_sentence() -> None:
    assert fisher([[0, 0], [3, 4]]).note == "a row of the table is empty"
    assert chi_square([[0, 2], [0, 4]]).note == "a column of the table is empty"
    assert barnard([[0, 0], [3, 4]]).p is None and boschloo([[0, 2], [0, 4]]).p is None
    for table, words in (([[1.5, 2], [3, 4]], "whole numbers"), ([[-1, 2], [3, 4]], "whole numbers"), ([[1, 2]], "two rows")):
        with pytest.raises(BadInput, match=words):
            fisher(table)
    with pytest.raises(BadInput, match="2 by 2"):
        barnard([[1, 2, 3], [3, 4, 5]])
    with pytest.raises(BadInput, match="Yates"):
        chi_square([[1, 2, 3], [3, 4, 5]], continuity=True)
