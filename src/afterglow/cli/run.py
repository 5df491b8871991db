"""The command `run`, at both levels of a BIDS App. Heavy imports stay inside."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afterglow.cli import show
from afterglow.cli.options import Json, MethodName, Outlines, PatientWorkers
from afterglow.records.errors import BadInput

if TYPE_CHECKING:
    from afterglow.flows.chunk import Chunk
    from afterglow.flows.run import RunReport


class Level(StrEnum):
    """Levels of a BIDS App."""

    PARTICIPANT = "participant"
    GROUP = "group"


def run(
    bids_dir: Annotated[Path, typer.Argument(help="BIDS data set.")],
    output_dir: Annotated[Path, typer.Argument(help="Folder for the derivatives.")],
    analysis_level: Annotated[
        Level, typer.Argument(help="participant: each patient; group: the cohort, from what participant has written.")
    ],
    method: MethodName,
    participant_label: Annotated[list[str] | None, typer.Option(help="Only these subjects (repeat the option).")] = None,
    session_label: Annotated[list[str] | None, typer.Option(help="Only these visits (repeat the option).")] = None,
    outlines: Outlines = None,
    repeatability_table: Annotated[
        Path | None, typer.Option("--repeatability", help="Your own test-retest numbers, from `afterglow repeatability`.")
    ] = None,
    workers: PatientWorkers = 1,
    scheduler: Annotated[
        str, typer.Option(help="Address of a running dask scheduler, tcp://HOST:PORT: its workers share the patients.")
    ] = "",
    chunk: Annotated[
        str, typer.Option(help="i/N: only every N-th subject from the i-th on, for the i-th of N tasks of a job array.")
    ] = "",
    json: Json = False,
) -> None:
    """Carry out a method on a BIDS data set: maps, measurements, calls and a report for each patient; or the statistics of the cohort."""
    if analysis_level is Level.GROUP:
        given = {
            "--participant-label": participant_label, "--session-label": session_label, "--outlines": outlines, "--repeatability": repeatability_table,
            "--workers": workers > 1, "--scheduler": scheduler, "--chunk": chunk,
        }  # fmt: skip
        unread = next((name for name, value in given.items() if value), None)
        if unread is not None:
            raise typer.BadParameter("the group level reads what the participant level wrote, all of it", param_hint=unread)
        _run_group(bids_dir, output_dir, method, json)
        return
    if scheduler and workers > 1:
        raise typer.BadParameter("the scheduler has workers of its own; give one of the two", param_hint="--workers")
    part = _chunk(chunk) if chunk else None
    from afterglow.flows.run import run_participants

    sessions = [label.removeprefix("ses-") for label in session_label or ()]
    with show.progress_shown(json) as progress:
        done = run_participants(
            bids_dir, output_dir, method,
            participants=participant_label or (), session_labels=sessions, outlines_dir=outlines, workers=workers, progress=progress,
            repeatability=repeatability_table, scheduler=scheduler, chunk=part,
        )  # fmt: skip
    _show_json(done) if json else _show_lines(done)
    if done.failures:
        for sentence in done.failures:
            show.error(sentence)
        if len(done.told) > 1:
            show.error(
                f"{done.n_failed} of {len(done.told)} patients failed in part or in whole; the same command tries them again"
            )
        raise typer.Exit(1)


def _chunk(text: str) -> "Chunk":
    from afterglow.flows.chunk import Chunk

    try:
        return Chunk.parse(text)
    except BadInput as problem:
        raise typer.BadParameter(str(problem), param_hint="--chunk") from None


def _show_json(done: "RunReport") -> None:
    calls = [
        {"participant": v.participant_id, "lesion": v.lesion_id, "rule": v.rule, "call": v.category, "sentence": v.sentence}
        for one in done.told
        for v in one.verdicts
    ]
    show.as_json(
        {
            "output": str(done.out), "patients": len(done.told), "failed": done.n_failed, "reports": [str(r) for r in done.reports],
            "calls": calls, "failures": list(done.failures), "remarks": list(done.remarks),
        }
    )  # fmt: skip


def _show_lines(done: "RunReport") -> None:
    for one in done.told:
        for verdict in one.verdicts:
            if verdict.to_session == one.sessions[-1]:
                show.line(f"sub-{one.participant_id} {verdict.whose}: {verdict.category}. {verdict.sentence}")
    for path in done.reports:
        show.line(f"Report: {path}")
    for remark in done.remarks:
        show.line(f"{remark[0].upper()}{remark[1:]}.")


def _run_group(bids_dir: Path, output_dir: Path, method: str, json: bool) -> None:
    from dataclasses import asdict

    from afterglow.flows.cohort import run_group

    with show.progress_shown(json) as progress:
        done = run_group(bids_dir, output_dir, method, progress=progress)
    if json:
        primary = [{"kind": type(one).__name__, **asdict(one)} for one in done.facts.primary]
        show.as_json(
            {
                "report": str(done.report), "cases": done.n_cases, "primary": primary, "cautions": list(done.facts.cautions),
                "refused": list(done.refusals),
            }
        )  # fmt: skip
        return
    for sentence in done.refusals[:5]:
        show.line(f"Not used: {sentence}")
    if len(done.refusals) > 5:
        show.line(f"… and {len(done.refusals) - 5} more rows; all stand in group/refusals.tsv.")
    show.line(f"{done.counted}. {done.answer}")
    show.line(f"Report: {done.report}")
