"""Where a tumour will come back: what a model learns from, which patients it may learn from, what it is, and what it predicts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid
from afterglow.records.locking import locked
from afterglow.records.maps import Provenance, Setting
from afterglow.records.quantity import QUANTITIES

Normalisation = Literal[
    "z-score", "keep scale", "none", "0 to 1"
]  # of each case; of the whole data set; not at all; each case to [0, 1]
Shown = Literal["test", "out of fold", "training", "new"]  # what the model had seen of a patient whom it predicts
NOT_FOR_DECISIONS = "Research model, trained on the data of its user; not for treatment decisions."
_NAME = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True)
class Channel:
    """One image that a model reads: a series by its role ("CE-T1w") or a map by its quantity ("ve")."""

    name: str
    normalisation: Normalisation
    quantity: str = ""  # empty: an image in arbitrary units
    low: float = -np.inf  # outside [low, high] a map's typical value is not believed: per cent instead of a fraction, say
    high: float = np.inf

    def __post_init__(self) -> None:
        if self.quantity and self.quantity not in QUANTITIES:
            raise ValueError(f"channel {self.name}: unknown quantity {self.quantity!r}")
        if not self.low < self.high:
            raise ValueError(f"channel {self.name}: the range {self.low} to {self.high} is empty")

    @property
    def unit(self) -> str:
        """UCUM unit of a map; empty of an image in arbitrary units."""
        return QUANTITIES[self.quantity].unit if self.quantity else ""


@dataclass(frozen=True)
class ModelWanted:
    """A model by name and the channels it reads, in their order; `dropped` is the chance to hide each map while it trains."""

    name: str
    channels: tuple[str, ...]
    dropped: float = 0.0

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"a model is called by small letters, digits and hyphens, not {self.name!r}")
        if not self.channels or len(set(self.channels)) < len(self.channels):
            raise ValueError(f"model {self.name} reads each of its channels once, not {', '.join(self.channels) or 'none'}")
        if not 0 <= self.dropped < 1:
            raise ValueError(f"model {self.name}: a chance of {self.dropped} to hide a map is not from 0 to below 1")


@dataclass(frozen=True, eq=False)
class LearningCase:
    """One patient before treatment, all channels on one grid. `label`: where the tumour came back; None: not known.

    A label without a voxel is a patient whose tumour did not come back. NaN in a channel is not measured.
    """

    subject: str
    session: str
    grid: Grid
    images: Mapping[str, NDArray[np.float32]]  # channel -> (i, j, k)
    brain: NDArray[np.bool_]  # (i, j, k)
    label: NDArray[np.bool_] | None = None  # (i, j, k)
    enhancing: NDArray[np.bool_] | None = None  # (i, j, k); None: not outlined
    sources: Mapping[str, str] = field(default_factory=dict)  # file, relative to its data set -> SHA-256
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, image in {**self.images, "brain": self.brain, "label": self.label, "enhancing": self.enhancing}.items():
            if image is not None and image.shape != self.grid.shape:
                raise ValueError(
                    f"sub-{self.subject}: {name} is {image.shape} but the grid is {self.grid.shape}; resample it first"
                )
        object.__setattr__(self, "images", MappingProxyType({name: locked(image) for name, image in self.images.items()}))
        object.__setattr__(self, "sources", MappingProxyType(dict(self.sources)))

    @property
    def recurs(self) -> bool | None:
        """None where it is not known."""
        return None if self.label is None else bool(self.label.any())


@dataclass(frozen=True)
class Fold:
    """Who trains and who is held out; nobody does both."""

    training: tuple[str, ...]
    held_out: tuple[str, ...]

    def __post_init__(self) -> None:
        both = sorted(set(self.training) & set(self.held_out))
        if both:
            raise ValueError(f"sub-{both[0]} trains and is held out in one fold")


@dataclass(frozen=True)
class Splits:
    """Folds by subject, shared by all models, and a test set that no fold touches."""

    kind: Literal["temporal", "k-fold"]
    folds: tuple[Fold, ...]
    test: tuple[str, ...]
    seed: int
    stratified_by: str  # "recurrence", "column set of participants.tsv" …

    def __post_init__(self) -> None:
        if not self.folds:
            raise ValueError("a split has one fold at least")
        for fold in self.folds:
            both = sorted({*fold.training, *fold.held_out} & set(self.test))
            if both:
                raise ValueError(f"sub-{both[0]} is in the test set and in a fold")
        everybody = set(self.folds[0].training) | set(self.folds[0].held_out)
        if any({*fold.training, *fold.held_out} != everybody for fold in self.folds):
            raise ValueError("the folds are not made of the same patients")

    def shown(self, subject: str) -> Shown:
        """What models of these folds have seen of a patient; "out of fold" where a fold held the patient out."""
        if subject in self.test:
            return "test"
        if any(subject in fold.held_out for fold in self.folds):
            return "out of fold"
        return "training" if any(subject in fold.training for fold in self.folds) else "new"

    def unseen_by(self, subject: str) -> tuple[int, ...]:
        """Folds whose training did not hold the patient; of one who trained in all of them every fold."""
        without = tuple(k for k, fold in enumerate(self.folds) if subject not in fold.training)
        return without or tuple(range(len(self.folds)))


@dataclass(frozen=True)
class ModelCard:
    """What a trained model is: `predict` reads it, and demands that every file has the hash that stands in it."""

    name: str
    method: str
    channels: tuple[Channel, ...]
    preset: str
    splits: Splits
    folds: tuple[int, ...]  # trained ones
    spacing_mm: tuple[float, float, float]
    seed: int
    device: str
    settings: Mapping[str, Setting | tuple[Setting, ...]]  # epochs, iterations, learning rate, patch, features …
    data_sha256: str  # of the data card
    versions: Mapping[str, str]  # afterglow, nnunetv2, torch …
    metrics: Mapping[str, float]  # Dice of each fold's held-out patients …
    licence: str
    files: Mapping[str, str]  # path below the model's folder -> SHA-256
    seconds: float
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class RecurrenceMap:
    """Probability that the tumour comes back in each voxel; NaN outside the brain. A baseline's score is no probability."""

    subject: str
    session: str
    model: str
    probability: NDArray[np.float32]  # (i, j, k)
    grid: Grid
    shown: Shown
    folds: tuple[int, ...]  # of the model; averaged
    provenance: Provenance
    is_probability: bool = True
    remarks: tuple[str, ...] = ()  # a channel that was hidden, the share of the brain without a value …

    def __post_init__(self) -> None:
        if self.probability.shape != self.grid.shape:
            raise ValueError(f"sub-{self.subject}: the map is {self.probability.shape} but its grid is {self.grid.shape}")
        known = self.probability[np.isfinite(self.probability)]
        if self.is_probability and known.size and not (known.min() >= 0 and known.max() <= 1):
            raise ValueError(f"sub-{self.subject}: probabilities run from {known.min():g} to {known.max():g}")
        object.__setattr__(self, "probability", locked(self.probability))


@dataclass(frozen=True)
class Predicted:
    """A row of predictions.tsv: one number of one patient's map by one model. NaN is not measured."""

    participant_id: str
    session_id: str
    model: str
    shown: Shown
    measure: str  # "max", "volume at 0.5", "mean of the hottest 1 mL", "average precision", "coverage" …
    value: float
    unit: str
    recurs: bool | None = None
