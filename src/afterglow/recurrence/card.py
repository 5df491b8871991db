"""A model's card: what it is, and the hash of every file that `predict` will read."""

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from afterglow.records.errors import BadInput, CorruptFile, MissingInput, NotVerified
from afterglow.records.recurrence import Channel, Fold, ModelCard, Splits

CARD = "card.json"
TRUSTED = "trusted"
_TRUST = (
    "a checkpoint is executable content, and opening one from elsewhere can run any program as you; only if you know who made it "
    "and how it came here, say so with --trust"
)


def card_json(card: ModelCard) -> str:
    """The card as a file's text; the same card gives the same text."""
    content = _plain(card)
    content["channels"] = [
        {**channel, "low": _finite(channel["low"]), "high": _finite(channel["high"])} for channel in content["channels"]
    ]
    content["seconds"] = _finite(card.seconds)
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def card_of(text: str) -> ModelCard:
    """The card in a file's text. ValueError where it is none."""
    try:
        content = json.loads(text)
        channels = tuple(Channel(**{**channel, **_limits(channel)}) for channel in content["channels"])
        folds = tuple(Fold(tuple(fold["training"]), tuple(fold["held_out"])) for fold in content["splits"]["folds"])
        splits = Splits(**{**content["splits"], "folds": folds, "test": tuple(content["splits"]["test"])})
        plain = {
            "channels": channels,
            "splits": splits,
            "folds": tuple(content["folds"]),
            "spacing_mm": tuple(content["spacing_mm"]),
            "settings": {
                name: tuple(v) if isinstance(v, list) else v
                for name, v in content["settings"].items()
                if name != TRUSTED  # a person says it, never a file
            },
            "remarks": tuple(content.get("remarks", ())),
            "seconds": math.nan if content["seconds"] is None else float(content["seconds"]),
        }
        return ModelCard(**{**content, **plain})
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no card of a model ({error})") from None


def write_card(model_folder: Path, card: ModelCard) -> Path:
    """Write the card beside the model's files, whole or not at all."""
    path = model_folder / CARD
    part = path.with_name(f".{CARD}.part")
    with part.open("w", encoding="utf-8") as stream:
        stream.write(card_json(card))
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
    return path


def read_card(model_folder: Path, *, trust: bool = False) -> ModelCard:
    """The card of a model whose every file has the hash that stands in it.

    Without a card NotVerified, unless `trust`: then a card of what nnU-Net's own files say, with the hashes of now.
    """
    path = model_folder / CARD
    if not model_folder.is_dir():
        raise MissingInput(f"{model_folder}: no such folder; name the folder of one model, as `afterglow train` wrote it")
    if not path.is_file():
        if not trust:
            raise NotVerified(f"{model_folder}: no {CARD}, so nobody can tell what this model is; {_TRUST}")
        return _foreign(model_folder)
    try:
        card = card_of(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise CorruptFile(f"{path}: {error}; train the model again") from None
    check_files(model_folder, card.files)
    return card


def check_files(model_folder: Path, files: Mapping[str, str]) -> None:
    """NotVerified where a file's bytes are not those of the card, MissingInput where it is gone."""
    for name, sha256 in files.items():
        path = _inside(model_folder, name)
        if not path.is_file():
            raise MissingInput(f"{path}: the model's card names this file and it is gone; copy the model's folder whole")
        if hash_file(path) != sha256:
            raise NotVerified(
                f"{path}: its bytes are not those that were trained (SHA-256 differs from {CARD}); copy the model again from its source"
            )


def hash_model(model_folder: Path, folds: tuple[int, ...]) -> dict[str, str]:
    """SHA-256 of every file that a prediction reads."""
    names = ["dataset.json", "plans.json"]
    for fold in folds:
        names += [f"fold_{fold}/checkpoint_final.pth", f"fold_{fold}/epochs.tsv"]
    return {name: hash_file(model_folder / name) for name in names if (model_folder / name).is_file()}


def hash_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _foreign(model_folder: Path) -> ModelCard:
    """What nnU-Net's own files say of a model without a card; whom it learned from is not known."""
    from afterglow.recurrence.plans import CONFIGURATION, NORMALISATIONS

    try:
        described = json.loads((model_folder / "dataset.json").read_text(encoding="utf-8"))
        plan = json.loads((model_folder / "plans.json").read_text(encoding="utf-8"))
        configuration = plan["configurations"][CONFIGURATION]
        names, schemes = list(described["channel_names"].values()), configuration["normalization_schemes"]
        channels = tuple(Channel(str(name), NORMALISATIONS[scheme]) for name, scheme in zip(names, schemes, strict=True))
        spacing = tuple(float(mm) for mm in reversed(configuration["spacing"]))
    except FileNotFoundError as error:
        raise MissingInput(f"{error.filename}: an nnU-Net model in full resolution has this file") from None
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise BadInput(f"{model_folder}: no nnU-Net model of {CONFIGURATION} that can be read here ({error!r})") from None
    folds = tuple(sorted(int(p.parent.name[5:]) for p in model_folder.glob("fold_[0-9]*/checkpoint_final.pth")))
    if not folds:
        raise MissingInput(f"{model_folder}: no fold_*/checkpoint_final.pth; nnU-Net leaves one when a training ends")
    nobody = Splits("k-fold", tuple(Fold((), ()) for _ in range(max(folds) + 1)), (), 0, "not known")
    return ModelCard(
        name="foreign",
        method="not known",
        channels=channels,
        preset="not known",
        splits=nobody,
        folds=folds,
        spacing_mm=(spacing[0], spacing[1], spacing[2]),
        seed=0,
        device="not known",
        settings={TRUSTED: True},
        data_sha256="",
        versions={},
        metrics={},
        licence="not stated",
        files=hash_model(model_folder, folds),
        seconds=math.nan,
        remarks=("a model from elsewhere without a card, trusted by the person who ran it; whom it learned from is not known",),
    )


def _plain(card: ModelCard) -> dict[str, Any]:
    """The card as plain dictionaries and lists; mappings that are locked are copied."""
    content: dict[str, Any] = {name: getattr(card, name) for name in card.__dataclass_fields__}
    for name in ("settings", "versions", "metrics", "files"):
        content[name] = dict(content[name])
    content["channels"] = [asdict(channel) for channel in card.channels]
    content["splits"] = asdict(card.splits)
    return content


def _inside(folder: Path, name: str) -> Path:
    """A card names files below its own folder and nothing else."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise NotVerified(f"{folder / CARD}: it names {name}, which lies outside the model's folder; train the model again")
    return path


def _finite(limit: float) -> float | None:
    return limit if math.isfinite(limit) else None


def _limits(channel: Mapping[str, Any]) -> dict[str, float]:
    low, high = channel.get("low"), channel.get("high")
    return {"low": -math.inf if low is None else float(low), "high": math.inf if high is None else float(high)}
