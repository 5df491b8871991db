"""The command `audit`: recompute what a publication prints. Heavy imports stay inside."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afterglow.cli import show
from afterglow.cli.options import Json

if TYPE_CHECKING:
    from afterglow.flows.audit import Audited


def audit(
    file: Annotated[
        str, typer.Argument(help="A file of checks (.json) or of printed numbers (.toml), or a paper's name such as behar2023.")
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the tables that checks read; otherwise the file's own."),
    ] = None,
    json: Json = False,
) -> None:
    """Recompute the numbers that a publication prints, and say which named rule gives each of them.

    Findings about a paper end with 0. It ends with 1 where the file, or a check in it, cannot be used as it stands.
    """
    from afterglow.flows.audit import audit_printed_numbers

    found = audit_printed_numbers(file, data=data)
    if json:
        show.as_json(_as_object(found))
    else:
        _show(found)
    refused = [finding for finding in found.findings if finding.verdict == "not recomputed"]
    for finding in refused if json else ():
        show.error(f"{finding.id}: {finding.sentences[0]}")
    if refused:
        raise typer.Exit(1)


def _as_object(found: "Audited") -> dict[str, object]:
    checks = [
        {"id": f.id, "kind": f.kind, "title": f.title, "recomputed": f.recomputed or None, "verdict": f.verdict,
         "given_by": f.rules, "sentences": f.sentences}
        for f in found.findings
    ]  # fmt: skip
    file = found.file
    return {"file": file.name, "title": file.title, "citation": file.citation, "doi": file.doi, "checks": checks,
            "recomputed": {f.id: f.recomputed or None for f in found.findings}, "counts": found.counts}  # fmt: skip


def _show(found: "Audited") -> None:
    file = found.file
    head = ", ".join(part for part in (file.title, file.citation, f"doi:{file.doi}" if file.doi else "") if part)
    if head:
        show.line(f"{head}\n")
    for f in found.findings:
        show.line(f"{f.id}{f' ({f.title})' if f.title else ''}: {f.verdict}\n  {' '.join(f.sentences)}\n")
    counted = ", ".join(f"{number} {_plural(verdict, number)}" for verdict, number in found.counts.items())
    show.line(f"{len(found.findings)} checks: {counted}.")


def _plural(verdict: str, number: int) -> str:
    many = {"reproduces": "reproduce", "does not reproduce": "do not reproduce", "unknown kind": "of an unknown kind"}
    return verdict if number == 1 and verdict != "unknown kind" else many.get(verdict, verdict)
