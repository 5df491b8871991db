"""Commands about one patient's course. Heavy imports stay inside."""

from pathlib import Path
from typing import Annotated

import typer

from afterglow.cli import show
from afterglow.cli.options import Json


def course(
    subject: Annotated[str, typer.Argument(help="Subject label, with or without sub-.")],
    derivatives: Annotated[Path, typer.Option("--derivatives", help="Folder that `afterglow run` wrote.")] = Path(),
    json: Json = False,
) -> None:
    """A patient's story in lines: visits, treatments, lesions, events and calls by day, as a run left them."""
    from afterglow.flows.course import tell_course

    told = tell_course(derivatives, subject)
    if json:
        show.as_json(dict(told.content))
        return
    for line in told.lines:
        show.line(line)
    show.line(f"Report: {told.report}")
