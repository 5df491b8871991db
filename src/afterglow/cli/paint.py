"""The command `paint`. Heavy imports stay inside."""

from pathlib import Path
from typing import Annotated

import typer

from afterglow.cli import show
from afterglow.cli.options import Json, Outlines, Workers


def paint(
    bids_dir: Annotated[Path, typer.Argument(help="BIDS data set.")],
    output_dir: Annotated[
        Path, typer.Argument(help="Folder of derivatives; what a run has finished there is read, not made again.")
    ],
    participant: Annotated[str, typer.Argument(help="Subject label, with or without sub-.")],
    method: Annotated[
        str, typer.Option("--method", help="A method that paints: its name or the path of a .toml file.")
    ] = "seyithanoglu2025",
    outlines: Outlines = None,
    by: Annotated[
        Path | None,
        typer.Option(
            help="NIfTI map to paint by numbers (recurrence probability …); the method says which dose a value stands for."
        ),
    ] = None,
    retest: Annotated[str, typer.Option(help="Session of a second scan before treatment: its zones are compared.")] = "",
    rtdose: Annotated[Path | None, typer.Option(help="RTDOSE of the delivered plan.")] = None,
    rtstruct: Annotated[Path | None, typer.Option(help="RTSTRUCT of the delivered plan.")] = None,
    rtplan: Annotated[Path | None, typer.Option(help="RTPLAN of the delivered plan: its prescription is read.")] = None,
    prescribed: Annotated[
        float | None, typer.Option(min=0.1, help="Prescribed dose of the delivered plan in Gy, where no RTPLAN tells it.")
    ] = None,
    planning_series: Annotated[
        Path | None, typer.Option(help="DICOM folder of the planning image: zones, prescription and doses are written for it.")
    ] = None,
    objects: Annotated[
        list[str] | None,
        typer.Option(help="seg, rtstruct or rtdose; all three without this option (repeat it). An RTPLAN is never written."),
    ] = None,
    workers: Workers = 1,
    json: Json = False,
) -> None:
    """Zones, prescription and research plans of one patient; the delivered plan beside them; objects for a planning system.

    Research kernel, not commissioned; not for treatment.
    """
    from afterglow.flows.paint_door import paint_patient
    from afterglow.flows.paint_orders import PaintOrders

    if objects and planning_series is None:
        raise typer.BadParameter(
            "objects are written for the series of --planning-series; give its DICOM folder", param_hint="--objects"
        )
    orders = PaintOrders(by, rtdose, rtstruct, rtplan, prescribed, planning_series, retest.removeprefix("ses-"))
    with show.progress_shown(json) as progress:
        done = paint_patient(
            bids_dir, output_dir, participant, method,
            orders=orders, outlines_dir=outlines, objects=tuple(objects or ()), workers=workers, progress=progress,
        )  # fmt: skip
    if json:
        show.as_json(done.as_dict())
        return
    for line in done.lines():
        show.line(line)
