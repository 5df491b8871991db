"""One visit before treatment as models see it: maps, what they are worth, pictures, and all of it on disk."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.flows.keys import versions
from afterglow.flows.learning_brain import holds_average_brain
from afterglow.flows.predict_beside import MapsBeside
from afterglow.flows.work import Progress
from afterglow.io.atomic import Written
from afterglow.io.integrity import sha256
from afterglow.io.manifest import ManifestEntry, fingerprint, is_finished_on_disk, output_entry, read_entry, record
from afterglow.io.predictions import read_predictions, write_predictions
from afterglow.io.recurrence_maps import RecurrencePlace, write_recurrence_map, write_story
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.recurrence import Channel, LearningCase, ModelCard, Predicted, RecurrenceMap
from afterglow.recurrence.baselines import baselines
from afterglow.recurrence.card import CARD, read_card
from afterglow.recurrence.evaluate import evaluate_case
from afterglow.recurrence.geodesic import Distances, tumour_distance
from afterglow.recurrence.predict import predict_case
from afterglow.recurrence.target import risk_target
from afterglow.report.recurrence import PredictedVisit, recurrence_section
from afterglow.simulate.template import NOTICE


class Reader(NamedTuple):
    """A trained model that reads patients: its folder, its card, and the hash of that ("" of a model without one)."""

    folder: Path
    card: ModelCard
    sha256: str


@dataclass(frozen=True)
class PredictSettings:
    """How models are asked, and how their answers are read."""

    space: str
    threshold: float
    margin_mm: float
    folds: tuple[int, ...] = ()  # empty: those that had not seen the patient
    mirroring: bool = False
    device: str = "cpu"


@dataclass(frozen=True)
class VisitPrediction:
    """What was predicted of one patient; `made` is False where it stood there already."""

    subject: str
    session: str
    rows: tuple[Predicted, ...]
    maps: tuple[Path, ...]
    made: bool


def open_models(models: Path, names: Sequence[str], method: str, *, trust: bool) -> tuple[Reader, ...]:
    """Models by name whose files are as they were trained. AfterglowError where one is not, or belongs to another method."""
    readers = []
    for name in names:
        folder = models / name
        if not folder.is_dir():
            raise MissingInput(f"{folder}: there is no model {name}; train it first (afterglow train)")
        card = read_card(folder, trust=trust)
        own = (folder / CARD).is_file()
        if own and (card.method, card.name) != (method, name):
            raise BadInput(
                f"{folder}: its card says model {card.name} of method {card.method}, but {name} of {method} was asked for; "
                "give the method that it was trained by, and its own folder"
            )
        readers.append(Reader(folder, card, sha256(folder / CARD) if own else ""))
    return tuple(readers)


def check_channels(readers: Sequence[Reader], channels: Sequence[Channel]) -> None:
    """BadInput where the method now means something else by a channel's name than the model learned from."""
    meant = {channel.name: channel for channel in channels}
    for reader in (one for one in readers if one.sha256):  # a model without a card tells no quantities
        for learned in reader.card.channels:
            now = meant.get(learned.name)
            if now is not None and (now.quantity, now.normalisation) != (learned.quantity, learned.normalisation):
                was, is_now = (f"{one.quantity or 'an image'} ({one.normalisation})" for one in (learned, now))
                raise BadInput(
                    f"{reader.folder}: it learned from a channel {learned.name} that was {was}, and the method file says {is_now}; "
                    "give the method file that it was trained with, or train again"
                )


def needed_by(reader: Reader) -> tuple[str, ...]:
    """Channels that the model cannot do without: all, or its images alone where it was trained with maps hidden by chance."""
    dropped = reader.card.settings.get("dropped")
    stands = isinstance(dropped, int | float) and dropped > 0
    return tuple(channel.name for channel in reader.card.channels if not (stands and channel.quantity))


def predict_visit(
    out: Path, case: LearningCase, readers: Sequence[Reader], channels: tuple[Channel, ...], settings: PredictSettings,
    *, beside: MapsBeside, method: str, progress: Progress,
) -> VisitPrediction:  # fmt: skip
    """Predict, score, draw and write one visit; what stands there from the same inputs is left as it is."""
    place = RecurrencePlace(out, case.subject, case.session, settings.space)
    key = f"sub-{case.subject}_recurrence"
    wanted = _fingerprint(case, readers, settings, beside)
    paths = tuple(place.map_path(reader.folder.name) for reader in readers)
    if len(set(paths)) < len(paths):
        raise BadInput(f"two models have one name without hyphens ({', '.join(r.folder.name for r in readers)}); rename one")
    if is_finished_on_disk(out, key, wanted):
        return VisitPrediction(case.subject, case.session, read_predictions(place.table_path), paths, made=False)
    maps = []
    for reader in readers:
        progress(f"sub-{case.subject}: {reader.folder.name}", 0, 1)
        maps.append(_asked(reader, case, settings))
    distance = tumour_distance(case)
    whole = replace(case, images={**case.images, **beside.images})
    rules = baselines(whole, channels=(*channels, *beside.channels), shown=maps[0].shown, distance_mm=distance)
    rows = evaluate_case((*maps, *rules), case, threshold=settings.threshold, margin_mm=settings.margin_mm, distance_mm=distance)
    progress(f"sub-{case.subject}: pictures", 0, 1)
    seen = PredictedVisit(
        case, channels, tuple(maps), rows, settings.threshold, _targets(maps, case, settings, distance),
        tuple(dict.fromkeys((*(words for made in maps for words in made.remarks), *beside.remarks))),
    )  # fmt: skip
    written = _write(place, seen, readers, {**case.sources, **beside.sources})
    _put_down(out, key, method, wanted, written, maps)
    return VisitPrediction(case.subject, case.session, rows, paths, made=True)


def _asked(reader: Reader, case: LearningCase, settings: PredictSettings) -> RecurrenceMap:
    """The model's map under the name of its folder, which a foreign card does not know."""
    made = predict_case(
        reader.folder, reader.card, case, device=settings.device, mirroring=settings.mirroring, folds=settings.folds or None
    )
    if made.model == reader.folder.name:
        return made
    return RecurrenceMap(
        made.subject, made.session, reader.folder.name, made.probability, made.grid, made.shown, made.folds, made.provenance,
        made.is_probability, made.remarks,
    )  # fmt: skip


def _targets(
    maps: Sequence[RecurrenceMap], case: LearningCase, settings: PredictSettings, distance: Distances | None
) -> tuple[tuple[str, NDArray[np.bool_]], ...]:
    """The standard margin, and what each model would choose at its volume; nothing where no tumour is outlined."""
    if distance is None:
        return ()
    found = [risk_target(made, case, margin_mm=settings.margin_mm, distance_mm=distance) for made in maps]
    own = [(made.model, one) for made, one in zip(maps, found, strict=True) if one is not None]
    if not own:
        return ()
    standard = (f"tumour and a margin of {settings.margin_mm:g} mm", own[0][1].standard)
    return (standard, *((f"tumour and the hottest of {name}", one.chosen) for name, one in own))


def _write(place: RecurrencePlace, seen: PredictedVisit, readers: Sequence[Reader], sources: Mapping[str, str]) -> list[Written]:
    written: list[Written] = []
    for made, reader in zip(seen.maps, readers, strict=True):
        about = {
            "Method": reader.card.method,
            "ModelCardSHA256": reader.sha256 or None,
            "DataCardSHA256": reader.card.data_sha256 or None,
            "Licence": reader.card.licence,
            "SourceSHA256": dict(sources),
            "Remarks": list(made.remarks),
            **({"Notice": NOTICE} if holds_average_brain(seen.case.remarks) else {}),
        }
        written += write_recurrence_map(place, made, threshold=seen.threshold, about=about)
    written += write_predictions(place.table_path, seen.scores)
    return [*written, *write_story(place, recurrence_section(seen))]


def _put_down(out: Path, key: str, method: str, wanted: str, written: Sequence[Written], maps: Sequence[RecurrenceMap]) -> None:
    """The manifest's entry; what an earlier prediction left and this one did not make again goes."""
    before = read_entry(out, key)
    outputs = tuple(output_entry(one, out) for one in written)
    seconds = {made.model: made.provenance.seconds for made in maps if made.provenance.seconds is not None}
    sentences = " ".join(dict.fromkeys(made.provenance.sentence for made in maps))
    record(out, ManifestEntry(key, "done", method, wanted, (), outputs, {}, versions(), seconds, methods_text=sentences))
    for old in before.outputs if before is not None else ():
        if old.path not in {one.path for one in outputs}:
            (out / old.path).unlink(missing_ok=True)


def _fingerprint(case: LearningCase, readers: Sequence[Reader], settings: PredictSettings, beside: MapsBeside) -> str:
    """Everything that a prediction depends on: every voxel of the case, every model by its card, and how it was asked."""
    digest = hashlib.sha256()
    for name, image in (
        *sorted(case.images.items()),
        ("brain", case.brain),
        ("label", case.label),
        ("enhancing", case.enhancing),
    ):
        digest.update(name.encode("utf-8"))
        digest.update(b"none" if image is None else np.ascontiguousarray(image).tobytes())
    digest.update(case.grid.affine.tobytes())
    asked: dict[str, object] = {
        "case": digest.hexdigest(),
        "session": case.session,
        "sources": dict(case.sources),
        "beside": [dict(beside.sources), list(beside.remarks)],
        "models": {one.folder.name: one.sha256 or dict(one.card.files) for one in readers},
        "settings": {name: getattr(settings, name) for name in settings.__dataclass_fields__},
    }
    return fingerprint((), asked, versions())
