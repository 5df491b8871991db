"""Autodoc for docstrings that are plain English: signatures as in the source, nothing read as markup by accident."""

import ast
import inspect
import re
import textwrap
from typing import Any

_CODE = re.compile(r"(`[^`]+`)")


def as_rest(lines: list[str]) -> list[str]:
    """Text with `code` in backticks, and tables drawn with bars, as reStructuredText."""
    made: list[str] = []
    drawn = False
    for line in lines:
        bar = line.lstrip().startswith("|")
        if bar and not drawn:
            made += ["::", ""]
        made.append("   " + line if bar else _escaped(line))
        drawn = bar
    return made


def _escaped(line: str) -> str:
    parts = _CODE.split(line)
    return "".join(f"`{p}`" if _CODE.fullmatch(p) else re.sub(r"([\\*|_])", r"\\\1", p) for p in parts)


def on_docstring(app: Any, what: str, name: str, obj: object, options: Any, lines: list[str]) -> None:
    lines[:] = as_rest(lines)


class _WithHomes(ast.NodeTransformer):
    """Names of afterglow's own classes in annotations, with the module they come from; two rooms may use one name."""

    def __init__(self, known: dict[str, object]) -> None:
        self.known = known

    def visit_Name(self, node: ast.Name) -> ast.expr:
        found = self.known.get(node.id)
        if isinstance(found, type) and found.__module__.startswith("afterglow."):
            return ast.parse(f"~{found.__module__}.{found.__qualname__}", mode="eval").body
        return node


def on_signature(app: Any, what: str, name: str, obj: object, options: Any, signature: str, returned: str) -> Any:
    """Names and types as they are written in the source."""
    if not str(getattr(obj, "__module__", "")).startswith("afterglow."):
        return None
    try:
        node = ast.parse(textwrap.dedent(inspect.getsource(obj))).body[0]  # type: ignore[arg-type]
    except (OSError, TypeError, SyntaxError):
        return None
    homes = _WithHomes(vars(inspect.getmodule(obj)))
    match node:
        case ast.FunctionDef():
            return f"({ast.unparse(homes.visit(node.args))})", ast.unparse(homes.visit(node.returns)) if node.returns else None
        case ast.ClassDef():
            fields = _fields(node, homes)
            return (fields, None) if fields else None
        case _:
            return None


def _fields(node: ast.ClassDef, homes: _WithHomes) -> str:
    annotated = [n for n in node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]
    fields = [f"{n.target.id}: {ast.unparse(homes.visit(n.annotation))}" for n in annotated if isinstance(n.target, ast.Name)]
    return f"({', '.join(fields)})" if fields else ""


def on_skip(app: Any, what: str, name: str, obj: object, skip: bool, options: Any) -> bool | None:
    """The fields of a NamedTuple stand in its signature."""
    return True if (inspect.getdoc(obj) or "").startswith("Alias for field number") else None


def setup(app: Any) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", on_docstring)
    app.connect("autodoc-process-signature", on_signature)
    app.connect("autodoc-skip-member", on_skip)
    return {"parallel_read_safe": True}
