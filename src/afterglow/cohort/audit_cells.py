"""Checks of single cells and ratios of a table: what they imply, and what other cells would make of a summary."""

import ast
import re

import numpy as np

from afterglow.cohort.audit_asked import AskedCheck, Computed, Value
from afterglow.cohort.audit_columns import (
    Formula,
    Values,
    column,
    complete,
    decimals_of,
    formula_of,
    names_of,
    parse_formula,
)
from afterglow.cohort.audit_samples import kept, stated_rules
from afterglow.cohort.rank_sum import rank_sum_ps
from afterglow.cohort.summaries import summarise
from afterglow.records.printed import PrintedTable

_COMPARE = re.compile(r"compare with (.+?) of (\d+(?:\.\d+)?)\s*(?:-|–|to)\s*(\d+(?:\.\d+)?)")
_CELL = re.compile(r"(.+)\[(\d+)\]")


def physics(asked: AskedCheck) -> Computed:
    """A ratio of two columns (of each plan where the columns exist for several), and the least it can be within their rounding."""
    formula = parse_formula(asked, "ratio")
    names = names_of(formula)
    table = asked.table(asked.text("file")) if asked.has("file") else _of_inputs(asked, names)
    prefixes = [""] if all(table.column(n) for n in names) else _prefixes(table, names)
    if not prefixes:
        raise asked.refuse(f"{table.name} has no columns {' and '.join(names)}, nor such with a common beginning")
    values: dict[str, object] = {}
    least = []
    for prefix in prefixes:
        whole = formula_of(asked, "ratio", _prefixed(formula.words, names, prefix))
        (made,), _ = complete(asked, table, whole)
        mark = prefix or "ratio_"
        values |= {f"{mark}min": float(made.min()), f"{mark}max": float(made.max()), f"{mark}mean": float(made.mean())}
        if not asked.has("file"):
            values["ratio"] = [float(v) for v in made] if made.size > 1 else float(made[0])
        least += _least(asked, table, whole)
    if least:
        values["lower_bound_smallest"] = min(least)
    return Computed(values, about=f"{formula.words} of {table.name}", against=_out_of_range(asked, values))


def _out_of_range(asked: AskedCheck, values: dict[str, object]) -> tuple[str, ...]:
    """Where the method names a range to compare with ("an adult brain of 1.2-1.5 kg"): what lies wholly outside it."""
    found = _COMPARE.search(asked.check.method)
    if found is None:
        return ()
    what, low, high = found.group(1), float(found.group(2)), float(found.group(3))
    least = min([v for k, v in values.items() if k.endswith("min") or k.startswith("lower") if isinstance(v, float)])
    most = max(v for k, v in values.items() if k.endswith("max") and isinstance(v, float))
    if most >= low and least <= high:
        return ()
    return (f"The ratio runs from {least:.3g} to {most:.3g}, rounding allowed for; {what} is {low:g} to {high:g}.",)


def _prefixes(table: PrintedTable, names: tuple[str, ...]) -> list[str]:
    """plan1_ and plan2_, where both names stand behind each."""
    found = [full.removesuffix(names[0]) for full in table.columns if full.endswith(f"_{names[0]}")]
    return [p for p in found if all(f"{p}{name}" in table.columns for name in names)]


def _prefixed(words: str, names: tuple[str, ...], prefix: str) -> str:
    for name in names:
        words = re.sub(rf"\b{re.escape(name)}\b", f"{prefix}{name}", words)
    return words


def _of_inputs(asked: AskedCheck, names: tuple[str, ...]) -> PrintedTable:
    """Numbers, or lists of one length, that stand in the check itself."""
    lists = {name: asked.numbers(name) if isinstance(asked.raw(name), list) else (asked.number(name),) for name in names}
    rows = max((len(values) for values in lists.values()), default=0)
    if any(len(values) not in (1, rows) for values in lists.values()):
        raise asked.refuse(f"{' and '.join(names)} have different lengths; write one number, or as many in each")
    cells = {name: tuple(str(v) for v in (values * rows if len(values) == 1 else values)) for name, values in lists.items()}
    return PrintedTable("the check", cells)


def _least(asked: AskedCheck, table: PrintedTable, formula: Formula) -> list[float]:
    """The smallest ratio of two columns above zero when each number may be half a unit of its last digit off."""
    match formula.tree:
        case ast.BinOp(left=ast.Name(id=upper), op=ast.Div(), right=ast.Name(id=lower)):
            pass
        case _:
            return []
    top, bottom = column(asked, table, upper), column(asked, table, lower)
    whole = ~np.isnan(top) & ~np.isnan(bottom)
    if min(top[whole].min(), bottom[whole].min()) <= 0:
        return []
    off = [0.5 * 10.0 ** -decimals_of(table, name) for name in (upper, lower)]
    return [float(np.min((top[whole] - off[0]) / (bottom[whole] + off[1])))]


def forensic(asked: AskedCheck) -> Computed:
    """The summary and the test once more, after single cells of a table were set to other numbers."""
    table = asked.table(asked.text("file"))
    changes = asked.raw("set")
    if not isinstance(changes, dict) or not changes:
        raise asked.refuse('set is no object; write cells such as {"plan1_V12_cc[7]": 55.09}')
    changed: dict[str, Values] = {}
    for cell, number in changes.items():
        name, row = _cell(asked, table, str(cell))
        changed.setdefault(name, column(asked, table, name).copy())[row] = asked.as_number(str(cell), number)
    pair = _pair(asked, table, list(changed))
    samples = [kept(changed[name] if name in changed else column(asked, table, name)) for name in pair]
    found = [summarise(sample) for sample in samples]
    values: dict[str, object] = {"mean": [f.mean for f in found], "sd": [f.sd for f in found],
                                 "min": [f.minimum for f in found], "max": [f.maximum for f in found]}  # fmt: skip
    rules: dict[str, dict[str, Value]] = {}
    if len(samples) == 2:
        ps = rank_sum_ps(*samples)
        values |= {"U": ps.u_first, "p": ps.p_asymptotic_no_cc, "p_cc": ps.p_asymptotic_cc}
        rules["p"] = stated_rules({
            "Mann-Whitney, asymptotic, ties corrected, no continuity correction": ps.p_asymptotic_no_cc,
            "Mann-Whitney, asymptotic, ties corrected, continuity correction": ps.p_asymptotic_cc,
        })  # fmt: skip
    edits = ", ".join(f"{cell} = {number}" for cell, number in changes.items())
    return Computed(values, rules, f"{table.name} with {edits}")


def _cell(asked: AskedCheck, table: PrintedTable, words: str) -> tuple[str, int]:
    found = _CELL.fullmatch(words)
    name = table.column(found.group(1)) if found else None
    if found is None or name is None:
        raise asked.refuse(f"{words!r} is no cell of {table.name}; write column[row], rows from 1")
    row, rows = int(found.group(2)), len(table.columns[name])
    if not 1 <= row <= rows:
        raise asked.refuse(f"{words!r}: {table.name} has the rows 1 to {rows}")
    return name, row - 1


def _pair(asked: AskedCheck, table: PrintedTable, changed: list[str]) -> list[str]:
    """The columns to compare: those that were changed, or one and its counterpart of the other plan, in the table's order."""
    if asked.has("columns"):
        return [str(name) for name in asked.items("columns", 2)]
    tails = {name.partition("_")[2] or name for name in changed}
    there = [name for name in table.columns if name in changed or name.partition("_")[2] in tails]
    if len(there) > 2:
        raise asked.refuse(f"{len(there)} columns go together ({', '.join(there)}); name the two to compare under 'columns'")
    return there
