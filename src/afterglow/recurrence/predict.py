"""From a patient to a map of where the tumour will come back, by a trained model."""

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from afterglow import __version__
from afterglow.records.errors import BadInput, GridMismatch, MissingInput
from afterglow.records.maps import Provenance, Setting
from afterglow.records.recurrence import Channel, LearningCase, ModelCard, RecurrenceMap, Shown
from afterglow.recurrence.card import CARD, hash_file
from afterglow.recurrence.checks import valued_words
from afterglow.recurrence.extra import check_device, need_nnunet
from afterglow.recurrence.network import load_network, probabilities
from afterglow.recurrence.training_data import filled

NNUNET_DOI = "10.1038/s41592-020-01008-z"  # printed by the paper as its reference 46
_SPACING_TOLERANCE = 0.01  # of the model's voxel size


def predict_case(
    model_folder: Path,
    card: ModelCard,
    case: LearningCase,
    *,
    device: str = "cpu",
    mirroring: bool = False,
    folds: tuple[int, ...] | None = None,
) -> RecurrenceMap:
    """Probability in each voxel of the brain, NaN outside it.

    `folds` None: those that did not learn from the patient (all of them where every one did, which `shown` says).
    `mirroring` averages over flipped copies, as nnU-Net's command does: eight times the work in three dimensions.
    A missing map is refused unless the model was trained with maps hidden by chance: then it is hidden the same way.
    """
    need_nnunet()
    check_device(device)
    began = time.perf_counter()
    hidden = _check_case(card, case)
    chosen = _chosen(card, case.subject, folds)
    names = [channel.name for channel in card.channels]
    nothing = np.zeros(case.grid.shape, dtype=np.float32)
    stack = np.stack([nothing if name in hidden else case.images[name] for name in names])
    network = load_network(model_folder, card, device)
    found = probabilities(
        network,
        filled(stack, case.brain).transpose(0, 3, 2, 1),
        case.grid.spacing_mm[::-1],
        folds=chosen,
        mirroring=mirroring,
        hidden=[names.index(name) for name in hidden],
    ).transpose(2, 1, 0)
    made = _provenance(model_folder, card, case, chosen, mirroring, device, hidden, time.perf_counter() - began)
    return RecurrenceMap(
        subject=case.subject,
        session=case.session,
        model=card.name,
        probability=np.where(case.brain, found, np.float32(np.nan)),
        grid=case.grid,
        shown=shown_to(card, case.subject, chosen),
        folds=chosen,
        provenance=made,
        remarks=_remarks(card, case, hidden),
    )


def shown_to(card: ModelCard, subject: str, folds: tuple[int, ...]) -> Shown:
    """What these folds have seen of a patient: "out of fold" only where each of them held the patient out."""
    shown = card.splits.shown(subject)
    if shown in ("out of fold", "training"):
        return "training" if any(subject in card.splits.folds[k].training for k in folds) else "out of fold"
    return shown


def _chosen(card: ModelCard, subject: str, folds: tuple[int, ...] | None) -> tuple[int, ...]:
    if folds is not None:
        absent = [fold for fold in folds if fold not in card.folds]
        if absent or not folds:
            trained = ", ".join(map(str, card.folds))
            raise BadInput(f"model {card.name} has no fold {absent[0] if absent else '(none was named)'}; it has {trained}")
        return tuple(sorted(set(folds)))
    unseen = tuple(k for k in card.splits.unseen_by(subject) if k in card.folds)
    return unseen or card.folds


def _check_case(card: ModelCard, case: LearningCase) -> tuple[str, ...]:
    """Names of maps to hide; a sentence where the case is not what the model learned to read."""
    who = f"sub-{case.subject} ses-{case.session}"
    ours, theirs = case.grid.spacing_mm, card.spacing_mm
    if not np.allclose(ours, theirs, rtol=_SPACING_TOLERANCE, atol=0):
        raise GridMismatch(
            f"{who}: voxels of {_mm(ours)} mm, and model {card.name} learned from {_mm(theirs)} mm; "
            "build the case with the spacing of the model's method"
        )
    if not case.brain.any():
        raise BadInput(f"{who}: its brain mask is empty; outline the brain again")
    return tuple(channel.name for channel in card.channels if not _measured(card, case, channel, who))


def _measured(card: ModelCard, case: LearningCase, channel: Channel, who: str) -> bool:
    """Whether the channel can be read; False: it is to be hidden."""
    image = case.images.get(channel.name)
    typical = None if image is None else typical_value(image, case.brain)
    if typical is None:
        if channel.quantity and _dropped(card) > 0:
            return False
        there = ", ".join(case.images) or "none"
        what = f"its channels are {there}" if image is None else "it has no value in the brain"
        raise MissingInput(f"{who}: model {card.name} reads {channel.name}, and {what}; measure it, or use a model without it")
    if not channel.low <= typical <= channel.high:
        unit = f" ({channel.unit})" if channel.unit else ""
        raise BadInput(
            f"{who}: {channel.name} is typically {typical:.3g} in the brain, outside {channel.low:g} to {channel.high:g}{unit} "
            "that the model knows; per cent in place of a fraction, or another map?"
        )
    return True


def typical_value(image: NDArray[np.float32], brain: NDArray[np.bool_]) -> float | None:
    """Median of the values in the brain, as a learning set is checked; None where there is none."""
    inside = image[brain]
    inside = inside[np.isfinite(inside)]
    return float(np.median(inside)) if inside.size else None


def _dropped(card: ModelCard) -> float:
    dropped = card.settings.get("dropped", 0.0)
    return float(dropped) if isinstance(dropped, int | float) else 0.0


def _remarks(card: ModelCard, case: LearningCase, hidden: tuple[str, ...]) -> tuple[str, ...]:
    remarks = [f"{name} was not measured and is hidden from model {card.name}, as in its training" for name in hidden]
    for channel in card.channels:
        if channel.name in hidden:
            continue
        absent = float((~np.isfinite(case.images[channel.name][case.brain])).mean())
        if absent > 0:
            told = any(one.startswith(valued_words(channel.name)) for one in case.remarks)
            share = "" if told else f" ({absent:.1%} of the brain)"
            remarks.append(f"model {card.name} reads 0 where {channel.name} has no value{share}, as in its training")
    return (*case.remarks, *remarks, *card.remarks)


def _provenance(
    model_folder: Path,
    card: ModelCard,
    case: LearningCase,
    folds: tuple[int, ...],
    mirroring: bool,
    device: str,
    hidden: tuple[str, ...],
    seconds: float,
) -> Provenance:
    shown = shown_to(card, case.subject, folds)
    settings: dict[str, Setting | tuple[Setting, ...]] = {
        "model": card.name,
        "card_sha256": hash_file(model_folder / CARD) if (model_folder / CARD).is_file() else None,
        "folds": folds,
        "mirroring": mirroring,
        "device": device,
        "shown": shown,
        "hidden": hidden,
    }
    sentence = _sentence(card, folds, mirroring, shown)
    return Provenance("predict", __version__, settings, tuple(case.sources), sentence, (NNUNET_DOI,), seconds)


def _sentence(card: ModelCard, folds: tuple[int, ...], mirroring: bool, shown: Shown) -> str:
    channels = ", ".join(channel.name for channel in card.channels)
    of = f"fold {folds[0]}" if len(folds) == 1 else f"the mean of folds {', '.join(map(str, folds))}"
    seen = {"training": ", which learned from this patient", "out of fold": ", which never saw this patient"}.get(shown, "")
    return (
        f"Where the tumour would come back was predicted by nnU-Net (model {card.name}: {channels}; {of}{seen}"
        f"{'; averaged over mirrored copies' if mirroring else ''})."
    )


def _mm(spacing: tuple[float, float, float]) -> str:
    return " x ".join(f"{mm:g}" for mm in spacing)
