"""Train a model: nnU-Net on its stock trainer, fold by fold, to a folder with a card."""

import dataclasses
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from afterglow import __version__
from afterglow.records.errors import BadInput, Unwritable
from afterglow.records.maps import Setting
from afterglow.records.recurrence import Channel, ModelCard, ModelWanted
from afterglow.recurrence.card import CARD, hash_model, read_card, write_card
from afterglow.recurrence.extra import aloud, augmenters, check_device, full_disk_said, need_nnunet, nnunet_surroundings, quiet
from afterglow.recurrence.fold import train_fold
from afterglow.recurrence.network import load_network, probabilities
from afterglow.recurrence.plans import CONFIGURATION, Progress, dataset_json, prepare, read_case
from afterglow.recurrence.presets import Preset, changed
from afterglow.recurrence.training_data import OUTSIDE, TrainingCase, TrainingData

ASKED = "asked.json"  # what the folder's model was asked to be: a training goes on only as what it began
WORK = "work"  # preprocessed cases and checkpoints; removed when all folds are trained
THRESHOLD = 0.5  # of the Dice that the card tells


@dataclasses.dataclass(frozen=True)
class _Job:
    """One model to train, all questions answered."""

    data: TrainingData
    wanted: ModelWanted
    preset: Preset
    folder: Path
    channels: tuple[Channel, ...]
    cases: tuple[TrainingCase, ...]
    folds: tuple[int, ...]
    method: str
    device: str
    seed: int
    licence: str
    processes: int
    told: Progress

    @property
    def described(self) -> dict[str, Any]:
        return dataset_json(self.channels, len(self.cases))


def train_model(
    data: TrainingData,
    wanted: ModelWanted,
    preset: Preset,
    folder: Path,
    *,
    method: str,
    device: str,
    seed: int,
    progress: Progress,
    licence: str = "not stated",
    folds: tuple[int, ...] | None = None,
    workers: int | None = None,
) -> ModelCard:
    """Train the folds of one model into `folder` and write its card; what is there already is not done again.

    `folds` None: all of the splits. `workers`: processes that prepare batches; None: none on a CPU, most cores beside a
    graphics card. On a CPU with one worker and the same number of threads the weights are the same to the last bit.
    """
    need_nnunet()
    check_device(device)
    channels, cases, chosen = data.channels_of(wanted), data.learned_from(), _chosen(data, folds)
    _begin(folder, _asked(data, wanted, preset, channels, method, seed))
    earlier = read_card(folder) if (folder / CARD).is_file() else None
    if earlier and set(earlier.folds) >= set(chosen):
        return earlier
    processes = augmenters(device) if workers is None else workers
    told = aloud(lambda what, done, of: progress(f"{wanted.name}: {what}", done, of))
    job = _Job(data, wanted, preset, folder, channels, cases, chosen, method, device, seed, licence, processes, told)
    return _carry_out(job, earlier.seconds if earlier else 0.0)


def _carry_out(job: _Job, spent: float) -> ModelCard:
    began = time.perf_counter()
    with full_disk_said(job.folder):
        plan = _train_folds(job)
        for name, content in (("dataset.json", job.described), ("plans.json", plan)):
            (job.folder / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        card = _card(job, plan)
        card = dataclasses.replace(card, metrics=_metrics(job, card), seconds=spent + time.perf_counter() - began)
        write_card(job.folder, card)
    shutil.rmtree(job.folder / WORK, ignore_errors=True)
    return card


def _train_folds(job: _Job) -> dict[str, Any]:
    """Prepare the patients and train each fold that is not there yet; nnU-Net's plan."""
    work = job.folder / WORK
    with quiet(), nnunet_surroundings(work.resolve(), processes=1):
        plan = prepare(job.cases, job.channels, job.data.splits, job.preset, work, workers=max(1, job.processes), told=job.told)
    with quiet(), nnunet_surroundings(work.resolve(), job.processes):
        for fold in job.folds:
            place = job.folder / f"fold_{fold}"
            if (place / "checkpoint_final.pth").is_file():
                continue
            train_fold(
                plan, job.described, job.channels, job.preset, work, place,
                fold=fold, dropped=job.wanted.dropped, seed=job.seed, device=job.device,
                told=partial(job.told, f"fold {fold}, epochs"),
            )  # fmt: skip
    return plan


def _chosen(data: TrainingData, folds: tuple[int, ...] | None) -> tuple[int, ...]:
    n = len(data.splits.folds)
    chosen = tuple(range(n)) if folds is None else tuple(sorted(set(folds)))
    outside = [fold for fold in chosen if not 0 <= fold < n]
    if outside or not chosen:
        raise BadInput(f"fold {outside[0] if outside else '(none was named)'}: the splits have folds 0 to {n - 1}")
    for fold in chosen:
        if not data.splits.folds[fold].training:
            raise BadInput(f"fold {fold} has nobody to learn from; give it more patients or fewer folds")
    return chosen


def _asked(
    data: TrainingData, wanted: ModelWanted, preset: Preset, channels: Sequence[Channel], method: str, seed: int
) -> dict[str, object]:
    """All that the weights depend on, but for the device and the libraries' versions, which the card tells."""
    return {
        "model": dataclasses.asdict(wanted),
        "channels": [{**dataclasses.asdict(c), "low": repr(c.low), "high": repr(c.high)} for c in channels],
        "preset": dataclasses.asdict(preset),
        "splits": dataclasses.asdict(data.splits),
        "method": method,
        "seed": seed,
        "data_sha256": data.sha256,
    }


def _begin(folder: Path, asked: dict[str, object]) -> None:
    """A new folder, or one whose training was asked to be the same."""
    path, text = folder / ASKED, json.dumps(asked, indent=1, sort_keys=True) + "\n"
    try:
        if path.is_file():
            before = json.loads(path.read_text(encoding="utf-8"))
            other = sorted(key for key in asked if json.loads(text)[key] != before.get(key))
            if other:
                raise BadInput(
                    f"{folder}: a model trained with other settings lies there ({', '.join(other)}); "
                    "name another folder, or delete this one"
                )
            return
        if folder.is_dir() and any(folder.iterdir()):
            raise BadInput(f"{folder}: holds files of something else; name an empty folder")
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Unwritable(f"{folder}: cannot be written ({error.strerror or error}); nothing was trained") from None


def _card(job: _Job, plan: dict[str, Any]) -> ModelCard:
    folds = job.data.splits.folds
    trained = tuple(k for k in range(len(folds)) if (job.folder / f"fold_{k}" / "checkpoint_final.pth").is_file())
    remarks = tuple(
        f"fold {k} holds nobody out; its epochs were watched on a patient it learned from"
        for k in trained
        if not folds[k].held_out
    )
    i_mm, j_mm, k_mm = (float(mm) for mm in reversed(plan["configurations"][CONFIGURATION]["spacing"]))
    return ModelCard(
        name=job.wanted.name,
        method=job.method,
        channels=job.channels,
        preset=job.preset.name,
        splits=job.data.splits,
        folds=trained,
        spacing_mm=(i_mm, j_mm, k_mm),
        seed=job.seed,
        device=_device_words(job.device),
        settings=_settings(job, plan["configurations"][CONFIGURATION]),
        data_sha256=job.data.sha256,
        versions={"afterglow": __version__, **{name: version(name) for name in ("nnunetv2", "torch", "numpy")}},
        metrics={},
        licence=job.licence,
        files=hash_model(job.folder, trained),
        seconds=0.0,
        remarks=remarks,
    )


def _settings(job: _Job, full: dict[str, Any]) -> Mapping[str, Setting | tuple[Setting, ...]]:
    """What was asked, and what nnU-Net planned."""
    preset = job.preset
    return {
        "configuration": CONFIGURATION,
        "epochs": preset.epochs,
        "iterations_per_epoch": preset.iterations,
        "validation_iterations_per_epoch": preset.validation_iterations,
        "optimiser": preset.optimiser,
        "learning_rate": preset.learning_rate,
        "foreground": preset.foreground,
        "patch": tuple(full["patch_size"]),
        "batch": full["batch_size"],
        "features": tuple(full["architecture"]["arch_kwargs"]["features_per_stage"]),
        "normalisation": tuple(full["normalization_schemes"]),
        "normalised_in_brain_alone": tuple(full["use_mask_for_norm"]),
        "outside_brain": OUTSIDE,
        "dropped": job.wanted.dropped,
        "why": preset.why,
        "changed": changed(preset),
    }


def _device_words(device: str) -> str:
    import torch

    return "cpu" if device == "cpu" else f"cuda ({torch.cuda.get_device_name(0)})"


def _metrics(job: _Job, card: ModelCard) -> dict[str, float]:
    """Mean Dice of the held-out patients whose tumour came back, by fold, from our own predictions; no entry where there is none."""
    metrics, network = {}, load_network(job.folder, card, job.device)
    for fold in card.folds:
        held_out = [case for case in job.cases if case.subject in card.splits.folds[fold].held_out]
        dice = []
        for k, case in enumerate(held_out):
            images, label, properties = read_case(case, job.channels)
            if label.any():
                found = probabilities(network, images, properties["spacing"], folds=(fold,), mirroring=False) >= THRESHOLD
                dice.append(2.0 * float((found & (label[0] > 0)).sum()) / float(found.sum() + label.sum()))
            job.told(f"fold {fold}, held-out patients", k + 1, len(held_out))
        if dice:
            metrics[f"dice_fold_{fold}"] = float(np.mean(dice))
    return metrics
