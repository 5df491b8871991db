"""The command `predict`. Heavy imports stay inside."""

from pathlib import Path
from typing import Annotated

import typer

from afterglow.cli import show
from afterglow.cli.options import Json, MethodName, Outlines


def predict(
    bids_dir: Annotated[Path, typer.Argument(help="BIDS data set.")],
    output_dir: Annotated[
        Path, typer.Argument(help="Folder of derivatives, with a finished run; predictions are written there.")
    ],
    models_dir: Annotated[Path, typer.Argument(help="Folder of trained models.")],
    method: MethodName,
    participant_label: Annotated[list[str] | None, typer.Option(help="Only these subjects (repeat the option).")] = None,
    model: Annotated[list[str] | None, typer.Option(help="Only these models of the method (repeat the option).")] = None,
    fold: Annotated[
        list[int] | None,
        typer.Option(min=0, help="Only these folds; else all that had not seen the patient (repeat the option)."),
    ] = None,
    mirroring: Annotated[
        bool, typer.Option("--mirroring", help="Average over mirrored images, as nnU-Net does: eight times the time.")
    ] = False,
    threshold: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Of the binary map and the scores, in place of the method's.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda, where the models run.")] = "cpu",
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Run models although their files cannot be checked. A checkpoint can hold any program: only for files of your own.",
        ),
    ] = False,
    outlines: Outlines = None,
    json: Json = False,
) -> None:
    """Predict where tumours come back: a probability map for each patient, scores, and a section of the report (extra: recurrence).

    Research models; not for treatment decisions.
    """
    from afterglow.flows.predict import PredictOrders, predict_patients

    orders = PredictOrders(
        models=tuple(model or ()), folds=tuple(fold or ()), mirroring=mirroring, threshold=threshold, device=device, trust=trust
    )
    with show.progress_shown(json) as progress:
        done = predict_patients(
            bids_dir, output_dir, models_dir, method,
            participants=participant_label or (), orders=orders, outlines_dir=outlines, progress=progress,
        )  # fmt: skip
    if json:
        show.as_json(done.as_dict())
    else:
        for line in done.lines():
            show.line(line)
    for sentence in done.failures:
        show.error(sentence)
    if done.failures:
        raise typer.Exit(1)
