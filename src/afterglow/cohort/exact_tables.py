"""Counts in tables: Fisher's exact test of two by two and of any size, Barnard, Boschloo, chi-square."""

from numpy.typing import ArrayLike
from scipy import stats

from afterglow.cohort.counted_tables import Counts, MonteCarlo, exact_p, table_of
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated, Tested


def fisher(table: ArrayLike, *, level: float = 0.95, seed: int = 1, draws: int = 100_000, about: str = "") -> Tested:
    """Fisher's exact test, two-sided: all tables with the same margins that are no more likely than the one seen.

    Two by two it comes with the conditional odds ratio. Larger tables (Freeman and Halton) are counted through, or, where that
    would take too long, drawn `draws` times with `seed`; the rule then says so, with the error.
    """
    counts = table_of(table)
    n, rule = tuple(int(k) for k in counts.sum(axis=1)), "two-sided, tables no more likely than the one seen"
    why = _empty(counts)
    if why:
        return Tested("Fisher exact", rule, n, "odds ratio", None, None, about=about, note=why)
    if counts.shape == (2, 2):
        odds = conditional_odds(counts, level=level)
        p = min(1.0, float(stats.fisher_exact(counts).pvalue))
        return Tested("Fisher exact", rule, n, "odds ratio", odds.value, p, (odds,), about=about)
    made = exact_p(counts, seed=seed, draws=draws)
    if isinstance(made, MonteCarlo):
        rule += f", {made.draws} tables drawn, seed {made.seed}, standard error of P {made.error:.2g}"
        return Tested("Fisher-Freeman-Halton", rule, n, "", None, made.p, about=about)
    return Tested("Fisher-Freeman-Halton", f"{rule}, all tables counted", n, "", None, made, about=about)


def conditional_odds(table: ArrayLike, *, level: float = 0.95) -> Estimated:
    """Conditional maximum-likelihood odds ratio with its exact interval; infinite ends where a cell is empty."""
    counts = _two_by_two(table)
    n = int(counts.sum())
    if _empty(counts):
        return Estimated("odds ratio", None, n=n, level=level, note=_empty(counts))
    made = stats.contingency.odds_ratio(counts, kind="conditional")
    ends = made.confidence_interval(level)
    note = "a cell is empty" if (counts == 0).any() else ""
    return Estimated(
        "odds ratio", float(made.statistic), float(ends.low), float(ends.high), "exact conditional", n=n, level=level, note=note
    )


def barnard(table: ArrayLike, *, about: str = "") -> Tested:
    """Barnard's unconditional exact test of two groups (the columns) and two outcomes (the rows), pooled Wald statistic."""
    counts = _two_by_two(table)
    n, rule = tuple(int(k) for k in counts.sum(axis=0)), "two-sided, unconditional exact, pooled Wald statistic; columns fixed"
    if _empty(counts):
        return Tested("Barnard exact", rule, n, "Wald", None, None, about=about, note=_empty(counts))
    made = stats.barnard_exact(counts)
    return Tested("Barnard exact", rule, n, "Wald", float(made.statistic), min(1.0, float(made.pvalue)), about=about)


def boschloo(table: ArrayLike, *, about: str = "") -> Tested:
    """Boschloo's unconditional exact test: Fisher's P as statistic; columns are the groups."""
    counts = _two_by_two(table)
    n, rule = tuple(int(k) for k in counts.sum(axis=0)), "two-sided (twice the smaller side), unconditional exact; columns fixed"
    if _empty(counts):
        return Tested("Boschloo exact", rule, n, "Fisher's P", None, None, about=about, note=_empty(counts))
    made = stats.boschloo_exact(counts)
    return Tested("Boschloo exact", rule, n, "Fisher's P", float(made.statistic), min(1.0, float(made.pvalue)), about=about)


def chi_square(table: ArrayLike, *, continuity: bool = False, about: str = "") -> Tested:
    """Pearson's chi-square; `continuity` is Yates's correction, for two by two only."""
    counts = table_of(table)
    if continuity and counts.shape != (2, 2):
        raise BadInput(f"chi-square: Yates's correction is for tables of 2 by 2, not {counts.shape[0]} by {counts.shape[1]}")
    df = (counts.shape[0] - 1) * (counts.shape[1] - 1)
    n, rule = (
        tuple(int(k) for k in counts.sum(axis=1)),
        f"asymptotic, {'Yates corrected' if continuity else 'no continuity correction'}",
    )
    if _empty(counts):
        return Tested("chi-square", rule, n, f"chi2({df})", None, None, about=about, note=_empty(counts))
    made = stats.chi2_contingency(counts, correction=continuity)
    small = int((made.expected_freq < 5).sum())
    note = f"{small} of {counts.size} cells expect fewer than 5; Fisher's test is exact" if small else ""
    return Tested("chi-square", rule, n, f"chi2({df})", float(made.statistic), float(made.pvalue), about=about, note=note)


def _empty(counts: Counts) -> str:
    if (counts.sum(axis=1) == 0).any():
        return "a row of the table is empty"
    return "a column of the table is empty" if (counts.sum(axis=0) == 0).any() else ""


def _two_by_two(table: ArrayLike) -> Counts:
    counts = table_of(table)
    if counts.shape != (2, 2):
        raise BadInput(f"a table of {counts.shape[0]} by {counts.shape[1]} where 2 by 2 belongs")
    return counts
