"""The data card and the splits of a learning set as JSON knows them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from afterglow import __version__
from afterglow.records.recurrence import Channel, Fold, Splits

_VERSION = 1


@dataclass(frozen=True)
class CardFields:
    """What the data card says beside its cases."""

    method: str
    channels: tuple[Channel, ...]
    spacing_mm: float
    left_out: Mapping[str, str]
    splits_sha256: str


def card_fields(
    channels: Sequence[Channel],
    cases: Sequence[Mapping[str, object]],
    *,
    method: str,
    spacing_mm: float,
    left_out: Mapping[str, str],
    splits_sha256: str,
) -> dict[str, object]:
    """data.json: what was learnt from, who was left out and why."""
    known = [one["recurs"] for one in cases]
    return {
        "Version": _VERSION,
        "GeneratedBy": {"Name": "afterglow", "Version": __version__},
        "method": method,
        "spacing_mm": spacing_mm,
        "channels": [channel_fields(one) for one in channels],
        "not_measured": "NaN",
        "patients": {"all": len(known), "recurrence": known.count(True), "no recurrence": known.count(False)},
        "splits_sha256": splits_sha256,
        "left_out": dict(sorted(left_out.items())),
        "cases": list(cases),
    }


def read_card_fields(content: Mapping[str, Any]) -> CardFields:
    """The way back; KeyError, TypeError or ValueError where something is missing or of another kind."""
    if content["Version"] != _VERSION:
        raise ValueError(f"version {content['Version']!r} instead of {_VERSION}")
    channels = tuple(channel_of(one) for one in content["channels"])
    left_out = {str(name): str(why) for name, why in content["left_out"].items()}
    return CardFields(str(content["method"]), channels, float(content["spacing_mm"]), left_out, str(content["splits_sha256"]))


def channel_fields(one: Channel) -> dict[str, object]:
    """A channel; a bound that is infinite is null."""
    return {
        "name": one.name,
        "normalisation": one.normalisation,
        "quantity": one.quantity,
        "unit": one.unit,
        "low": one.low if math.isfinite(one.low) else None,
        "high": one.high if math.isfinite(one.high) else None,
    }


def channel_of(content: Mapping[str, Any]) -> Channel:
    """The way back."""
    low, high = content["low"], content["high"]
    return Channel(
        str(content["name"]),
        content["normalisation"],
        str(content["quantity"]),
        -math.inf if low is None else float(low),
        math.inf if high is None else float(high),
    )


def splits_fields(splits: Splits) -> dict[str, object]:
    """splits.json."""
    return {
        "Version": _VERSION,
        "kind": splits.kind,
        "stratified_by": splits.stratified_by,
        "seed": splits.seed,
        "test": list(splits.test),
        "folds": [{"training": list(one.training), "held_out": list(one.held_out)} for one in splits.folds],
    }


def splits_of(content: Mapping[str, Any]) -> Splits:
    """The way back; ValueError where a patient is in two places."""
    if content["Version"] != _VERSION:
        raise ValueError(f"version {content['Version']!r} instead of {_VERSION}")
    if content["kind"] not in ("temporal", "k-fold"):
        raise ValueError(f"kind {content['kind']!r} is neither temporal nor k-fold")
    folds = tuple(Fold(tuple(map(str, one["training"])), tuple(map(str, one["held_out"]))) for one in content["folds"])
    return Splits(content["kind"], folds, tuple(map(str, content["test"])), int(content["seed"]), str(content["stratified_by"]))
