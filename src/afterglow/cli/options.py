"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Workers = Annotated[
    int, typer.Option("--workers", min=1, help="Threads for motion correction and simulation; the bytes do not depend on it.")
]
PatientWorkers = Annotated[
    int,
    typer.Option(
        "--workers",
        min=1,
        help="Patients made at once, a process each (extra: cluster); for a single patient, threads. The bytes do not depend on it.",
    ),
]
Outlines = Annotated[Path | None, typer.Option(help="Folder of outlines; derivatives/outlines of the data set otherwise.")]
MethodName = Annotated[
    str, typer.Option("--method", help="A method's name (see `afterglow methods`) or the path of a .toml file.")
]
