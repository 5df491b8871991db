"""`afterglow predict`: every patient asked for, by every model; one that fails never stops the others."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from afterglow.flows.keys import versions
from afterglow.flows.learning_cases import learning_case
from afterglow.flows.method import Method, load_method, method_text
from afterglow.flows.method_recurrence import RecurrenceSpec
from afterglow.flows.place import Place
from afterglow.flows.predict_beside import maps_beside
from afterglow.flows.predict_report import write_report
from afterglow.flows.predict_visit import (
    PredictSettings,
    Reader,
    VisitPrediction,
    check_channels,
    needed_by,
    open_models,
    predict_visit,
)
from afterglow.flows.work import Progress
from afterglow.io.atomic import clean_temporary, require_writable
from afterglow.io.bids import Dataset, open_dataset
from afterglow.io.learning import LearningSet, read_learning_set
from afterglow.io.manifest import ManifestEntry, merged_at_the_end, output_entry, record
from afterglow.io.predictions import collect_predictions, predictions_path
from afterglow.io.readings import read_readings
from afterglow.io.recurrence_maps import RecurrencePlace
from afterglow.records.errors import AfterglowError, BadMethod, MissingInput
from afterglow.records.predicted import MAX, volume_at
from afterglow.records.recurrence import NOT_FOR_DECISIONS, LearningCase
from afterglow.recurrence.extra import check_device, need_nnunet
from afterglow.response.repeatability import with_own


@dataclass(frozen=True)
class PredictOrders:
    """Choices of a person; empty and None: what the method and the models say."""

    models: tuple[str, ...] = ()
    folds: tuple[int, ...] = ()
    mirroring: bool = False
    threshold: float | None = None
    device: str = "cpu"
    trust: bool = False


@dataclass(frozen=True)
class PredictReport:
    """What was predicted of whom, and a sentence for each patient who could not be."""

    out: Path
    models: tuple[str, ...]
    threshold: float
    predicted: tuple[VisitPrediction, ...]
    remarks: tuple[str, ...]
    failures: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """For --json."""
        return {
            "not_for_decisions": NOT_FOR_DECISIONS,
            "output": str(self.out),
            "models": list(self.models),
            "threshold": self.threshold,
            "patients": [
                {
                    "participant": one.subject,
                    "session": one.session,
                    "made": one.made,
                    "maps": [str(path) for path in one.maps],
                    "scores": [
                        {
                            "model": row.model, "shown": row.shown, "measure": row.measure,
                            "value": None if math.isnan(row.value) else row.value, "unit": row.unit,
                        }
                        for row in one.rows
                    ],
                }
                for one in self.predicted
            ],
            "table": str(predictions_path(self.out)),
            "remarks": list(self.remarks),
            "failures": list(self.failures),
        }  # fmt: skip

    def lines(self) -> Iterator[str]:
        """For a person."""
        yield NOT_FOR_DECISIONS
        for one in self.predicted:
            found = {(row.model, row.measure): row for row in one.rows}
            told = []
            for model in self.models:
                high, volume = found.get((model, MAX)), found.get((model, volume_at(self.threshold)))
                if high is None or volume is None or math.isnan(high.value):
                    told.append(f"{model} not measured")
                else:
                    told.append(
                        f"{model} at most {high.value:.2f}, {volume.value:.2f} mL of {self.threshold:g} and more ({high.shown})"
                    )
            yield f"sub-{one.subject} ses-{one.session}: {'; '.join(told)}{'' if one.made else '; stood there already'}"
        yield from self.remarks
        if self.predicted:
            yield f"Maps: {self.predicted[0].maps[0].parent} and likewise; numbers: {predictions_path(self.out)}"
            yield "Next: `afterglow run … group` holds them against what became of the patients; `afterglow paint --by MAP` paints by one."


def predict_patients(
    bids_dir: Path, out: Path, models: Path, method_name: str,
    *, participants: Sequence[str], orders: PredictOrders, outlines_dir: Path | None, progress: Progress,
) -> PredictReport:  # fmt: skip
    """Predict patients of a finished run. AfterglowError where nothing can be predicted at all.

    A patient of the data set that the models were trained on is read from it; any other is made from the run, label or not.
    """
    method, text = load_method(method_name), method_text(method_name)
    spec = recurrence_of(method)
    names = chosen_models(spec, orders.models, method.name)
    dataset = open_dataset(bids_dir)
    subjects = _subjects(dataset, participants)
    readers = open_models(models, names, method.name, trust=orders.trust)
    check_channels(readers, spec.channels)
    stored = stored_cases(models, method.name)
    need_nnunet()
    check_device(orders.device)
    require_writable(out)
    clean_temporary(out)
    place = Place(dataset, out.absolute(), outlines_dir, with_own(()), read_readings(dataset.root))
    threshold = spec.threshold if orders.threshold is None else orders.threshold
    settings = PredictSettings(spec.space, threshold, spec.margin_mm, orders.folds, orders.mirroring, orders.device)
    predicted: list[VisitPrediction] = []
    failures: list[str] = []
    remarks: list[str] = []
    with merged_at_the_end(place.out):
        for number, subject in enumerate(subjects):
            progress(f"{number} of {len(subjects)} patients, {len(failures)} failed", number, len(subjects))
            try:
                case = _case(place, subject, method, stored, readers, progress)
                beside = maps_beside(place, case, method)
                one = predict_visit(
                    place.out, case, readers, spec.channels, settings, beside=beside, method=method.name, progress=progress
                )
                predicted.append(one)
                story = RecurrencePlace(place.out, subject, one.session, settings.space)
                remarks += filter(None, [write_report(place, subject, story, method, text, progress=progress)])
            except AfterglowError as error:
                failures.append(_named(subject, error))
        write_predictions_table(place.out, method.name)
    return PredictReport(place.out, names, threshold, tuple(predicted), tuple(remarks), tuple(failures))


def recurrence_of(method: Method) -> RecurrenceSpec:
    """What the method says of recurrence. BadMethod where it says nothing."""
    if method.recurrence is None:
        raise BadMethod(f"{method.name}: it has no [recurrence], so it does not say which models there are; yoon2024 does")
    return method.recurrence


def chosen_models(spec: RecurrenceSpec, wanted: Sequence[str], method: str) -> tuple[str, ...]:
    """The method's models, or those of them that are asked for. MissingInput for one that it does not know."""
    names = tuple(one.name for one in spec.models)
    unknown = next((name for name in wanted if name not in names), None)
    if unknown is not None:
        raise MissingInput(f"{method} has no model {unknown}; it has {' and '.join(names)}")
    return tuple(dict.fromkeys(wanted)) or names


def stored_cases(models: Path, method: str) -> LearningSet | None:
    """The data set beside the models, where it is at hand; models may travel without it."""
    if not (models / "data" / "data.json").is_file():
        return None
    found = read_learning_set(models)
    if found.method != method:
        raise MissingInput(f"{found.folder}: this data set was made by method {found.method}, not {method}; give its own method")
    return found


def write_predictions_table(out: Path, method: str) -> None:
    """OUT/predictions.tsv of all visits that are on disk; a process that comes in between is seen by looking again."""
    while True:
        before = _tables(out)
        written = collect_predictions(out)
        record(
            out,
            ManifestEntry("predictions", "done", method, "", (), tuple(output_entry(w, out) for w in written), {}, versions()),
        )
        if _tables(out) == before:
            return


def _tables(out: Path) -> list[tuple[str, int, int]]:
    paths = out.glob("sub-*/**/recurrence/*_predictions.tsv")
    return sorted((path.as_posix(), path.stat().st_mtime_ns, path.stat().st_size) for path in paths)


def _subjects(dataset: Dataset, participants: Sequence[str]) -> tuple[str, ...]:
    labels = tuple(dict.fromkeys(label.removeprefix("sub-") for label in participants))
    unknown = next((label for label in labels if label not in dataset.subjects), None)
    if unknown is not None:
        raise MissingInput(f"{dataset.root}: there is no sub-{unknown}; it has {len(dataset.subjects)} subjects")
    return labels or dataset.subjects


def _case(
    place: Place, subject: str, method: Method, stored: LearningSet | None, readers: Sequence[Reader], progress: Progress
) -> LearningCase:
    """From the data set, or from the run with what these models read. A map that all of them stand without may be missing."""
    if stored is not None and subject in stored.entries:
        return stored.case(subject)
    read = {channel.name: channel for reader in readers for channel in reader.card.channels}
    needed = {name for reader in readers for name in needed_by(reader)}
    try:
        return learning_case(place, subject, method, channels=tuple(read.values()), progress=progress)
    except MissingInput:
        if needed == set(read):
            raise
        return learning_case(
            place, subject, method, channels=tuple(read[name] for name in read if name in needed), progress=progress
        )


def _named(subject: str, error: AfterglowError) -> str:
    sentence = str(error)
    return sentence if f"sub-{subject}" in sentence else f"sub-{subject}: {sentence}"
