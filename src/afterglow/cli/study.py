"""The command `tables`: participants, visits, treatments, outcomes and readings into a data set. Heavy imports stay inside."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afterglow.cli import show
from afterglow.cli.options import Json

if TYPE_CHECKING:
    from afterglow.flows.study_tables import TablesDone


def tables(
    source: Annotated[
        Path, typer.Argument(help="CSV, TSV or XLSX, an export of REDCap, a folder of such files, or a BIDS data set to check.")
    ],
    bids_dir: Annotated[Path, typer.Argument(help="BIDS data set that the tables go into.")],
    map_file: Annotated[
        Path | None,
        typer.Option(
            "--map",
            dir_okay=False,
            help="TOML that says which column is what; without it the columns have our names.",
        ),
    ] = None,
    dictionary: Annotated[Path | None, typer.Option(dir_okay=False, help="Data dictionary of the REDCap project (CSV).")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Where the data set says something else already, the new row wins.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be taken and refused; write nothing.")] = False,
    json: Json = False,
) -> None:
    """Bring a study's tables into a BIDS data set: days for dates, a data dictionary, and every refusal with its reason."""
    from afterglow.flows.study_tables import make_tables

    done = make_tables(source, bids_dir, map_file=map_file, dictionary=dictionary, replace=replace, write=not dry_run)
    if json:
        _as_json(done)
    else:
        _as_lines(done, wrote=not dry_run)
    if done.refusals:
        raise typer.Exit(1)


def _as_json(done: "TablesDone") -> None:
    refused = [
        {"file": r.file, "row": r.row or None, "column": r.column, "found": r.found, "remedy": r.remedy, "sentence": r.sentence}
        for r in done.refusals
    ]
    show.as_json(
        {
            "rows": dict(done.rows),
            "new": dict(done.new),
            "silent": dict(done.silent),
            "refused": refused,
            "not_used": list(done.not_used),
            "remarks": list(done.remarks),
            "written": [str(path) for path in done.written],
        }
    )


def _as_lines(done: "TablesDone", *, wrote: bool) -> None:
    for name in dict.fromkeys((*done.rows, *done.silent)):
        rows, empty = done.rows.get(name, 0), done.silent.get(name, 0)
        more = f"; {empty} line{' says' if empty == 1 else 's say'} nothing of them" if empty else ""
        show.line(f"{name}: {rows} row{'' if rows == 1 else 's'} read, {done.new.get(name, 0)} new{more}.")
    if done.not_used:
        show.line(f"Not read: {', '.join(done.not_used)}.")
    for remark in done.remarks:
        show.line(f"Note: {remark}.")
    for refusal in done.refusals:
        show.error(refusal.sentence)
    show.line(f"Refused: {len(done.refusals)}." if done.refusals else "Nothing was refused.")
    if wrote:
        show.line(f"Data dictionary and refusals: {done.report}")
