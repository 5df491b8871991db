"""One fold: nnU-Net's stock trainer, configured on the instance, so that its checkpoint loads wherever nnU-Net is."""

import os
import random
import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from afterglow.records.errors import BadInput
from afterglow.records.recurrence import Channel
from afterglow.recurrence.dropout import hiding, maps_of
from afterglow.recurrence.extra import full_disk_said
from afterglow.recurrence.plans import CONFIGURATION, DATASET, PLANS
from afterglow.recurrence.presets import Preset


def train_fold(
    plan: dict[str, Any],
    described: dict[str, Any],
    channels: Sequence[Channel],
    preset: Preset,
    work: Path,
    place: Path,
    *,
    fold: int,
    dropped: float,
    seed: int,
    device: str,
    told: Callable[[int, int], None],
) -> None:
    """Train one fold below `work` and leave its weights and its epochs in `place`; goes on from its last checkpoint."""
    results = work / "results" / DATASET / f"nnUNetTrainer__{PLANS}__{CONFIGURATION}" / f"fold_{fold}"
    if not (results / "checkpoint_final.pth").is_file():
        trainer = _trainer(plan, described, preset, fold, device)
        _seeded_epochs(trainer, channels, dropped, seed, fold)
        _whole_checkpoints(trainer)
        _told_epochs(trainer, told)
        if (results / "checkpoint_latest.pth").is_file():
            trainer.load_checkpoint(str(results / "checkpoint_latest.pth"))
        _run(trainer, deterministic=device == "cpu")
    _keep(results, place, plan, described, fold)
    shutil.rmtree(results, ignore_errors=True)


def _trainer(plan: dict[str, Any], described: dict[str, Any], preset: Preset, fold: int, device: str) -> Any:
    import torch
    from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    trainer = nnUNetTrainer({**plan, "continue_training": False}, CONFIGURATION, fold, described, torch.device(device))
    trainer.num_epochs = preset.epochs
    trainer.num_iterations_per_epoch = preset.iterations
    trainer.num_val_iterations_per_epoch = preset.validation_iterations
    trainer.initial_lr = preset.learning_rate
    trainer.oversample_foreground_percent = preset.foreground
    trainer.save_every = preset.save_every
    trainer._best_ema = float("inf")  # the last weights count; no "best" ones are stored beside them
    trainer.plot_network_architecture = lambda: None  # needs a library that nobody installs
    trainer._save_debug_information = lambda: None  # names the machine
    trainer.logger.plot_progress_png = lambda _folder: None  # epochs.tsv says it

    def adamw() -> tuple[Any, Any]:
        optimiser = torch.optim.AdamW(trainer.network.parameters(), preset.learning_rate, weight_decay=trainer.weight_decay)
        return optimiser, PolyLRScheduler(optimiser, preset.learning_rate, preset.epochs)

    if preset.optimiser == "AdamW":
        trainer.configure_optimizers = adamw
    return trainer


def _seeded_epochs(trainer: Any, channels: Sequence[Channel], dropped: float, seed: int, fold: int) -> None:
    """Seeds for the first weights and again for each epoch, so that a training that was stopped draws what it would have drawn."""
    begin_hiding: Callable[[int], None] | None = None
    maps = maps_of(channels)
    if dropped and maps:
        trainer.train_step, begin_hiding = hiding(trainer.train_step, maps, dropped, seed + fold)
    begin_epoch = trainer.on_train_epoch_start
    transforms = trainer.get_training_transforms

    def seeded_epoch() -> None:
        _seed(seed, fold, trainer.current_epoch + 1)
        if begin_hiding:
            begin_hiding(trainer.current_epoch)
        begin_epoch()

    def settled(*arguments: Any, **named: Any) -> Any:
        made = transforms(*arguments, **named)
        _settle(made)
        return made

    trainer.on_train_epoch_start = seeded_epoch
    trainer.get_training_transforms = settled
    _seed(seed, fold, 0)


def _settle(transform: Any) -> None:
    """Blurring times two ways and takes the faster, and the two differ in the last digit: one way, always."""
    if hasattr(transform, "benchmark"):
        transform.benchmark = False
    for inner in (*getattr(transform, "transforms", ()), getattr(transform, "transform", None)):
        if inner is not None:
            _settle(inner)


def _seed(*parts: int) -> None:
    import torch

    word = int(np.random.SeedSequence(parts).generate_state(1)[0])
    random.seed(word)
    np.random.seed(word)  # noqa: NPY002  nnU-Net draws from numpy's global state
    torch.manual_seed(word)


def _whole_checkpoints(trainer: Any) -> None:
    """A checkpoint is written beside the last one and takes its place when it is whole and on the disk."""
    stock = trainer.save_checkpoint

    def save(filename: str) -> None:
        part = Path(filename + ".part")
        try:
            with full_disk_said(part.parent), part.open("wb") as stream:
                stock(stream)
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(filename)
        finally:
            part.unlink(missing_ok=True)

    trainer.save_checkpoint = save


def _told_epochs(trainer: Any, told: Callable[[int, int], None]) -> None:
    end_epoch = trainer.on_epoch_end

    def end() -> None:
        end_epoch()
        told(trainer.current_epoch, trainer.num_epochs)

    trainer.on_epoch_end = end


def _run(trainer: Any, *, deterministic: bool) -> None:
    import torch

    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(deterministic)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():  # the Dice of a batch without a label is 0 / 0
            warnings.simplefilter("ignore", RuntimeWarning)
            trainer.run_training()
    except torch.cuda.OutOfMemoryError:
        patch = " x ".join(map(str, trainer.configuration_manager.patch_size))
        raise BadInput(
            f"the graphics card has too little memory for {trainer.batch_size} patches of {patch}; "
            "free it of other programs, or train with the preset medium"
        ) from None
    finally:
        torch.use_deterministic_algorithms(before)
        for loader in (trainer.dataloader_train, trainer.dataloader_val):
            if hasattr(loader, "_finish"):  # processes that prepare batches
                loader._finish()


def _keep(results: Path, place: Path, plan: dict[str, Any], described: dict[str, Any], fold: int) -> None:
    """The weights without the optimiser's state, plain enough for torch's safe reader; the epochs as a table."""
    import torch

    final = torch.load(results / "checkpoint_final.pth", map_location="cpu", weights_only=False)  # made here a moment ago
    slim = {
        "network_weights": {name: weights.contiguous() for name, weights in final["network_weights"].items()},
        "init_args": {"plans": plan, "configuration": CONFIGURATION, "fold": fold, "dataset_json": described},
        "trainer_name": "nnUNetTrainer",
        "inference_allowed_mirroring_axes": list(final["inference_allowed_mirroring_axes"]),
        "current_epoch": int(final["current_epoch"]),
    }
    place.mkdir(parents=True, exist_ok=True)
    _write_epochs(final["logging"], place / "epochs.tsv")
    part = place / "checkpoint_final.pth.part"
    torch.save(slim, part)
    part.replace(place / "checkpoint_final.pth")


def _write_epochs(logged: dict[str, Any], path: Path) -> None:
    columns = {"learning_rate": "lrs", "training_loss": "train_losses", "validation_loss": "val_losses", "dice": "mean_fg_dice"}
    rows = zip(*(logged[name] for name in columns.values()), strict=True)
    lines = ["\t".join(("epoch", *columns))]
    for k, row in enumerate(rows):
        cells = (f"{float(value):.6g}" if np.isfinite(value) else "n/a" for value in row)
        lines.append("\t".join((str(k + 1), *cells)))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
