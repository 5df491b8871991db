"""The command `train`. Heavy imports stay inside."""

from pathlib import Path
from typing import Annotated

import typer

from afterglow.cli import show
from afterglow.cli.options import Json, MethodName, Outlines


def train(
    bids_dir: Annotated[Path, typer.Argument(help="BIDS data set.")],
    output_dir: Annotated[Path, typer.Argument(help="Folder of derivatives, with the finished run that the maps come from.")],
    models_dir: Annotated[Path, typer.Argument(help="Folder for the data set and the models; a stopped training goes on there.")],
    method: MethodName,
    model: Annotated[list[str] | None, typer.Option(help="Only these models of the method (repeat the option).")] = None,
    preset: Annotated[
        str, typer.Option(help="How long and how large: smoke, medium, default or yoon2024 (docs: recurrence).")
    ] = "default",
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs in place of the preset's.")] = None,
    iterations: Annotated[int | None, typer.Option(min=1, help="Batches an epoch in place of the preset's.")] = None,
    fold: Annotated[list[int] | None, typer.Option(min=0, help="Only these folds (repeat the option).")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda, where the models are trained.")] = "cpu",
    seed: Annotated[int, typer.Option(min=0, help="Of first weights and of all that is drawn while training.")] = 0,
    licence: Annotated[str, typer.Option(help="Under which the models may be used; their cards say it.")] = "not stated",
    outlines: Outlines = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="Patients of the data set made at once; the bytes do not depend on it.")
    ] = 1,
    data_only: Annotated[bool, typer.Option("--data-only", help="Stop when the data set is made.")] = False,
    json: Json = False,
) -> None:
    """Make a data set of a finished run and train the method's models of where tumours come back (extra: recurrence).

    Research models; not for treatment decisions.
    """
    from afterglow.flows.train import TrainOrders, train_models

    if data_only and (model or epochs or iterations or fold):
        raise typer.BadParameter("--data-only trains nothing; leave the options of training away", param_hint="--data-only")
    orders = TrainOrders(
        models=tuple(model or ()), preset=preset, epochs=epochs, iterations=iterations, folds=tuple(fold or ()), device=device,
        seed=seed, licence=licence, data_only=data_only,
    )  # fmt: skip
    with show.progress_shown(json) as progress:
        done = train_models(
            bids_dir, output_dir, models_dir, method, orders=orders, outlines_dir=outlines, workers=workers, progress=progress
        )
    if json:
        show.as_json(done.as_dict())
        return
    for line in done.lines():
        show.line(line)
