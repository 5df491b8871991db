"""`afterglow train`: a finished run becomes a learning set, and that the method's models with their cards."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from afterglow.flows.learning_cases import make_learning_set
from afterglow.flows.method import load_method
from afterglow.flows.place import Place
from afterglow.flows.predict import chosen_models, recurrence_of
from afterglow.flows.train_files import training_data
from afterglow.flows.work import Progress
from afterglow.io.atomic import clean_temporary, require_writable
from afterglow.io.bids import open_dataset
from afterglow.io.readings import read_readings
from afterglow.records.errors import MissingInput
from afterglow.records.recurrence import NOT_FOR_DECISIONS, ModelCard
from afterglow.recurrence.extra import check_device, need_nnunet
from afterglow.recurrence.presets import PRESETS, Preset
from afterglow.recurrence.train import train_model
from afterglow.response.repeatability import with_own


@dataclass(frozen=True)
class TrainOrders:
    """Choices of a person; empty and None: what the method, the splits and the preset say."""

    models: tuple[str, ...] = ()
    preset: str = "default"
    epochs: int | None = None
    iterations: int | None = None
    folds: tuple[int, ...] = ()
    device: str = "cpu"
    seed: int = 0
    licence: str = "not stated"
    data_only: bool = False

    def of_preset(self) -> Preset:
        """The preset with the person's own numbers. MissingInput where there is none of that name."""
        if self.preset not in PRESETS:
            raise MissingInput(f"there is no preset {self.preset!r}; there are {', '.join(PRESETS)}")
        found = PRESETS[self.preset]
        epochs = found.epochs if self.epochs is None else self.epochs
        iterations = found.iterations if self.iterations is None else self.iterations
        return replace(found, epochs=epochs, iterations=iterations)


@dataclass(frozen=True)
class TrainReport:
    """The learning set, the trained models, and who was left out."""

    models: Path
    n_cases: int
    n_recurred: int
    left_out: Mapping[str, str]
    data_card: Path
    cards: tuple[ModelCard, ...]

    def as_dict(self) -> dict[str, object]:
        """For --json."""
        return {
            "not_for_decisions": NOT_FOR_DECISIONS,
            "models_dir": str(self.models),
            "data_card": str(self.data_card),
            "patients": self.n_cases,
            "recurred": self.n_recurred,
            "left_out": dict(self.left_out),
            "models": [
                {
                    "name": card.name, "folder": str(self.models / card.name), "folds": list(card.folds), "preset": card.preset,
                    "device": card.device, "metrics": dict(card.metrics), "seconds": card.seconds, "licence": card.licence,
                }
                for card in self.cards
            ],
        }  # fmt: skip

    def lines(self) -> Iterator[str]:
        """For a person: what was made, and what to do next."""
        yield NOT_FOR_DECISIONS
        yield f"Data set: {self.n_cases} patients, in {self.n_recurred} of them the tumour came back; {self.data_card}"
        for subject, why in self.left_out.items():
            yield f"Left out: {why if f'sub-{subject}' in why else f'sub-{subject}: {why}'}"
        for card in self.cards:
            dice = ", ".join(f"{name.replace('_', ' ')} {value:.2f}" for name, value in card.metrics.items())
            folds = f"{len(card.folds)} fold{'s' * (len(card.folds) != 1)}"
            yield f"Model {card.name}: {folds}, {card.seconds:.0f} s on {card.device}{f'; {dice}' if dice else ''}; {self.models / card.name}"
        if self.cards:
            yield "Next: `afterglow predict BIDS_DIR OUT MODELS --method METHOD`, then `afterglow run … group`."
        else:
            yield "Next: the same command without --data-only trains the models."


def train_models(
    bids_dir: Path, out: Path, models: Path, method_name: str,
    *, orders: TrainOrders, outlines_dir: Path | None, workers: int, progress: Progress,
) -> TrainReport:  # fmt: skip
    """Make the learning set and train every model asked for; what is there already is not done again. AfterglowError where it cannot be."""
    method = load_method(method_name)
    spec = recurrence_of(method)
    names = chosen_models(spec, orders.models, method.name)
    preset = orders.of_preset()
    if not orders.data_only:
        need_nnunet()
        check_device(orders.device)
    dataset, models = open_dataset(bids_dir), models.absolute()  # nnU-Net looks for relative paths in folders of its own
    require_writable(models)
    clean_temporary(models)
    place = Place(dataset, out.absolute(), outlines_dir, with_own(()), read_readings(dataset.root))
    learning = make_learning_set(place, method, models, workers=workers, progress=progress)
    wanted = {one.name: one for one in spec.models}
    data = training_data(learning)
    cards = tuple(
        train_model(
            data, wanted[name], preset, models / name,
            method=method.name, device=orders.device, seed=orders.seed, progress=progress, licence=orders.licence,
            folds=orders.folds or None,
        )
        for name in (() if orders.data_only else names)
    )  # fmt: skip
    recurred = sum(one.recurs is True for one in learning.entries.values())
    return TrainReport(models, len(learning.entries), recurred, learning.left_out, learning.folder / "data.json", cards)
