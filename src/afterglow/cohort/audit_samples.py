"""Checks that start from the numbers of each patient, in a table beside the file."""

import ast
import re

import numpy as np
from scipy import stats

from afterglow.cohort.audit_asked import AskedCheck, Computed, Value
from afterglow.cohort.audit_columns import (
    Formula,
    Values,
    column,
    complete,
    formula_of,
    parse_formula,
)
from afterglow.cohort.hodges_lehmann import hodges_lehmann
from afterglow.cohort.rank_sum import rank_sum_ps
from afterglow.cohort.signed_rank import signed_rank_ps
from afterglow.cohort.summaries import summarise

_PERCENT = re.compile(r"\b100(\.0*)?\s*\*|\*\s*100\b")


def summary(asked: AskedCheck) -> Computed:
    """Mean, SD, range, median and quartiles of a column or a formula; named …_pct as well where the formula is a percentage."""
    table = asked.table(asked.text("file"))
    if asked.has("columns"):
        names = [str(name) for name in asked.items("columns")]
        each = {name: _summary_of(asked, column(asked, table, name)) for name in names}
        return Computed({**each, **{key: [each[name][key] for name in names] for key in next(iter(each.values()))}})
    if asked.has("column"):
        values, words = column(asked, table, asked.text("column")), asked.text("column")
        shown = _summary_of(asked, values)
    else:
        key = next((k for k in ("value", "difference", "expression", "ratio") if asked.has(k)), "column")
        formula = parse_formula(asked, key)
        (values,), _ = complete(asked, table, formula)
        shown, words = _summary_of(asked, values), formula.words
        if _PERCENT.search(formula.words):
            shown |= {f"{name}_pct": shown[name] for name in ("median", "mean", "q1", "q3", "min", "max", "sd")}
    return Computed(dict(shown), _spreads(values), f"{words} of {table.name}, n = {shown['n']}")


def _summary_of(asked: AskedCheck, values: Values) -> dict[str, float | int | None]:
    found = summarise(values)
    if not found.n:
        raise asked.refuse("the column holds no number; name a column with numbers")
    return {"n": found.n, "missing": found.missing, "mean": found.mean, "sd": found.sd, "min": found.minimum,
            "max": found.maximum, "median": found.median, "q1": found.q1, "q3": found.q3}  # fmt: skip


def _spreads(values: Values) -> dict[str, dict[str, Value]]:
    """An SD may be that of the sample or, by a slip, of a whole population, or the standard error."""
    v = values[~np.isnan(values)]
    if v.size < 2:
        return {}
    sd = float(v.std(ddof=1))
    return {"sd": {"the sample SD (n - 1)": sd, "the population SD (n)": float(v.std()), "the standard error": sd / v.size**0.5}}


def mann_whitney(asked: AskedCheck) -> Computed:
    """U of the first column and P by three rules, and by permutation with ties."""
    table = asked.table(asked.text("file"))
    first, second = (kept(column(asked, table, str(name))) for name in asked.items("columns", 2))
    if not (first.size and second.size):
        raise asked.refuse("one of the columns holds no number; name columns with numbers")
    ps = rank_sum_ps(first, second)
    values = {
        "U": ps.u_first, "n": [ps.n_first, ps.n_second], "p_asymptotic_no_cc": ps.p_asymptotic_no_cc,
        "p_asymptotic_cc": ps.p_asymptotic_cc, "p_exact_ignoring_ties": ps.p_exact_ignoring_ties,
        "p_exact_with_ties": ps.p_exact_with_ties, "rank_biserial": ps.rank_biserial,
    }  # fmt: skip
    rules = stated_rules({
        "asymptotic, ties corrected, no continuity correction": ps.p_asymptotic_no_cc,
        "asymptotic, ties corrected, continuity correction": ps.p_asymptotic_cc,
        "exact without regard to ties": ps.p_exact_ignoring_ties, "exact permutation with ties": ps.p_exact_with_ties,
    })  # fmt: skip
    return Computed(values, {"p": rules}, f"two columns of {table.name}, n = {ps.n_first} and {ps.n_second}")


def wilcoxon_signed_rank(asked: AskedCheck) -> Computed:
    """Wilcoxon's test of paired differences, rounded as the check says (6 decimals where it does not), by every rule."""
    table, formula = asked.table(asked.text("file")), _difference(asked)
    (d,), left_out = complete(asked, table, formula)
    ps = signed_rank_ps(d, decimals=6 if formula.decimals is None else formula.decimals)
    values = {
        "W_min": ps.w_min, "W_positive": ps.w_positive, "W_negative": ps.w_negative, "n": ps.n, "n_nonzero": ps.n_nonzero,
        "n_pos": ps.n_positive, "n_neg": ps.n_negative, "p_no_cc": ps.p_no_cc, "p_cc": ps.p_cc, "p_pratt": ps.p_pratt,
        "p_pratt_cc": ps.p_pratt_cc, "p_asymptotic": ps.p_no_cc, "p_exact_permutation": ps.p_exact_permutation,
        "p_exact_ignoring_ties": ps.p_exact_ignoring_ties, "rank_biserial": ps.rank_biserial,
    }  # fmt: skip
    rules = stated_rules({
        "asymptotic, zeros dropped, no continuity correction": ps.p_no_cc,
        "asymptotic, zeros dropped, continuity correction": ps.p_cc,
        "exact permutation with ties": ps.p_exact_permutation, "asymptotic, Pratt's zeros": ps.p_pratt,
        "asymptotic, Pratt's zeros, continuity correction": ps.p_pratt_cc,
        "exact without regard to ties": ps.p_exact_ignoring_ties,
    })  # fmt: skip
    note = (f"{left_out} rows without both numbers were left out",) if left_out else ()
    about = f"{formula.words} of {table.name}, {ps.n_nonzero} of {ps.n} differences not zero"
    return Computed(values, {"p": rules, "also_printed": dict(rules)}, about, notes=note)


def hodges_lehmann_1s(asked: AskedCheck) -> Computed:
    """Median of the Walsh averages with the exact interval of their order statistics, and the level it has."""
    table, formula = asked.table(asked.text("file")), _difference(asked)
    (d,), _ = complete(asked, table, formula)
    found = hodges_lehmann(d, level=asked.level())
    ci = None if found.low is None or found.high is None else [found.low, found.high]
    values = {"estimate": found.value, "ci": ci, "achieved_conf": found.achieved, "n": found.n}
    return Computed(values, about=f"{formula.words} of {table.name}, n = {found.n}", notes=(found.note,) if found.note else ())


def _difference(asked: AskedCheck) -> Formula:
    if not asked.has("difference") and asked.has("before", "after"):
        return formula_of(asked, "difference", f"({asked.text('after')}) - ({asked.text('before')})")
    return parse_formula(asked, "difference")


def pearson(asked: AskedCheck) -> Computed:
    """Pearson of x and y as they are; on logarithms; Spearman; and Oldham's where y is a change of x, which is coupled to it."""
    table, x, y = asked.table(asked.text("file")), parse_formula(asked, "x"), parse_formula(asked, "y")
    (a, b), _ = complete(asked, table, x, y)
    r, p = _pearson(asked, a, b)
    rank = stats.spearmanr(a, b)
    values: dict[str, object] = {"r_raw": r, "p_raw": p, "spearman": float(rank.statistic), "spearman_p": float(rank.pvalue), "n": a.size}  # fmt: skip
    rs: dict[str, float | None] = {"Pearson of the numbers as they are": r, "Spearman": float(rank.statistic)}
    ps: dict[str, float | None] = {"Pearson of the numbers as they are": p, "Spearman": float(rank.pvalue)}
    after = _after(x, y)
    if after is not None:
        (late,), _ = complete(asked, table, Formula(after, y.words, None))
        if a.min() > 0 and late.min() > 0:
            values["r_log_logratio"], values["p_log_logratio"] = _pearson(asked, np.log(a), np.log(late / a))
        values["oldham_r"], values["oldham_p"] = _pearson(asked, a + late, late - a)
    elif a.min() > 0 and b.min() > 0:
        values["r_log"], values["p_log"] = _pearson(asked, np.log(a), np.log(b))
    for name, words in (("log_logratio", "Pearson of log x and log ratio"), ("log", "Pearson of logarithms")):
        rs[words], ps[words] = _number(values.get(f"r_{name}")), _number(values.get(f"p_{name}"))
    rs["Oldham"], ps["Oldham"] = _number(values.get("oldham_r")), _number(values.get("oldham_p"))
    note = "the change is computed from the baseline that it is held against, so the two are coupled; Oldham's form is free of it"
    return Computed(
        values, {"r": stated_rules(rs), "p": stated_rules(ps)}, f"{x.words} and {y.words} of {table.name}, n = {a.size}",
        notes=(note,) if after is not None else (),
    )  # fmt: skip


def _pearson(asked: AskedCheck, x: Values, y: Values) -> tuple[float, float]:
    if x.size < 3:
        raise asked.refuse(f"{x.size} pairs have no P of a correlation; it needs 3")
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        raise asked.refuse("all values of a column are equal; a correlation needs numbers that differ")
    found = stats.pearsonr(x, y)
    return float(found.statistic), float(found.pvalue)


def _after(x: Formula, y: Formula) -> ast.expr | None:
    """The later number where y is `later - x`; None otherwise."""
    match y.tree:
        case ast.BinOp(left=left, op=ast.Sub(), right=right) if ast.dump(right) == ast.dump(x.tree):
            return left
        case _:
            return None


def _number(value: object) -> float | None:
    return value if isinstance(value, float) else None


def kept(values: Values) -> Values:
    return values[~np.isnan(values)]


def stated_rules(rules: dict[str, float | None]) -> dict[str, Value]:
    return {name: value for name, value in rules.items() if value is not None}
