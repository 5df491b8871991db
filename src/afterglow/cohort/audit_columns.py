"""Numbers of a table by a formula: "plan2_V12_cc - plan1_V12_cc, rounded to 6 decimals"."""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.cohort.audit_asked import AskedCheck
from afterglow.records.printed import PrintedNumber, PrintedTable

Values = NDArray[np.float64]
_ROUNDED = re.compile(r"^(.*?)[,;]?\s*\(?rounded to (\d+) decimals?\)?\s*$")
_BINARY: dict[type[ast.operator], Callable[[Values, Values], Values]] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide, ast.Pow: np.power,
}  # fmt: skip
_CALLS: dict[str, Callable[[Values], Values]] = {"log": np.log, "log10": np.log10, "log2": np.log2, "sqrt": np.sqrt, "abs": np.abs, "exp": np.exp}  # fmt: skip
_DEEPEST = 40


@dataclass(frozen=True)
class Formula:
    """A formula over columns, and to how many decimals its result is rounded (None: not)."""

    tree: ast.expr
    words: str
    decimals: int | None


def parse_formula(asked: AskedCheck, key: str) -> Formula:
    """The formula of an input; BadInput where it is more than names, numbers, + - * / **, brackets and logarithms."""
    return formula_of(asked, key, asked.text(key))


def formula_of(asked: AskedCheck, key: str, text: str) -> Formula:
    found = _ROUNDED.match(text)
    words, decimals = (found.group(1).strip(), int(found.group(2))) if found else (text, None)
    try:
        tree = ast.parse(words.replace("−", "-").replace("×", "*"), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise asked.refuse(f"{key} is {text[:60]!r}; write a formula over columns, such as after - before") from None
    if decimals is not None and decimals > 15:
        raise asked.refuse(f"{key} is rounded to {decimals} decimals; numbers have 15 at most")
    return Formula(tree, words, decimals)


def names_of(formula: Formula) -> tuple[str, ...]:
    """The columns that a formula reads, in their order."""
    calls = {id(node.func) for node in ast.walk(formula.tree) if isinstance(node, ast.Call)}
    names = [n for n in ast.walk(formula.tree) if isinstance(n, ast.Name) and id(n) not in calls]
    return tuple(dict.fromkeys(n.id for n in sorted(names, key=lambda n: (n.lineno, n.col_offset))))


def column(asked: AskedCheck, table: PrintedTable, name: str) -> Values:
    """A column as numbers, NaN where a cell is empty; BadInput where it is absent or holds something else."""
    full = table.column(name)
    if full is None:
        raise asked.refuse(f"{table.name} has no column {name!r} (found: {', '.join(table.columns)})")
    return np.array([_cell(asked, table, full, row, cell) for row, cell in enumerate(table.columns[full], start=1)])


def decimals_of(table: PrintedTable, name: str) -> int:
    """Decimals that a column is printed with: the most of any cell."""
    full = table.column(name)
    cells = table.columns[full] if full is not None else ()
    return max((PrintedNumber.read(cell).decimals for cell in cells if cell is not None), default=0)


def complete(asked: AskedCheck, table: PrintedTable, *formulas: Formula) -> tuple[list[Values], int]:
    """Each formula over the rows in which every column stands, and how many rows were left out."""
    names = dict.fromkeys(name for formula in formulas for name in names_of(formula))
    if not names:
        raise asked.refuse(f"{formulas[0].words!r} names no column of {table.name}")
    columns = {name: column(asked, table, name) for name in names}
    whole = ~np.isnan(np.array(list(columns.values()))).any(axis=0)
    if not whole.any():
        raise asked.refuse(f"{table.name} has no row with numbers in {', '.join(names)}")
    kept = {name: values[whole] for name, values in columns.items()}
    return [_evaluated(asked, table, formula, kept) for formula in formulas], int((~whole).sum())


def _evaluated(asked: AskedCheck, table: PrintedTable, formula: Formula, columns: dict[str, Values]) -> Values:
    with np.errstate(all="ignore"):
        made = np.broadcast_to(_value(asked, formula, formula.tree, columns, 0), next(iter(columns.values())).shape)
    bad = np.flatnonzero(~np.isfinite(made))
    if bad.size:
        raise asked.refuse(
            f"{formula.words!r} is no number in row {bad[0] + 1} of {table.name} (a division by zero, or a logarithm)"
        )
    return np.array(made if formula.decimals is None else np.round(made, formula.decimals), dtype=float)


def _value(asked: AskedCheck, formula: Formula, node: ast.expr, columns: dict[str, Values], depth: int) -> Values:
    def inner(part: ast.expr) -> Values:
        return _value(asked, formula, part, columns, depth + 1)

    match node:
        case _ if depth > _DEEPEST:
            pass
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return np.array(asked.as_number("a number of the formula", number))
        case ast.Name(id=name):
            return columns[name]
        case ast.UnaryOp(op=ast.USub(), operand=part):
            return -inner(part)
        case ast.UnaryOp(op=ast.UAdd(), operand=part):
            return inner(part)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _BINARY:
            return _BINARY[type(sign)](inner(left), inner(right))
        case ast.Call(func=ast.Name(id=name), args=[part], keywords=[]) if name in _CALLS:
            return _CALLS[name](inner(part))
        case _:
            pass
    raise asked.refuse(f"{formula.words[:60]!r} is more than columns, numbers, + - * / and brackets; write a plain formula")


def _cell(asked: AskedCheck, table: PrintedTable, name: str, row: int, cell: str | None) -> float:
    if cell is None:
        return float("nan")
    return asked.as_number(f"{table.name}, {name}, row {row}", cell)
