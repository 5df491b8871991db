"""What a training reads: files by path, what each channel is, and who may be learned from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.recurrence import Channel, ModelWanted, Splits

OUTSIDE = 0.0  # what a model sees outside the brain and where a map has no value, in training as in prediction


@dataclass(frozen=True)
class TrainingCase:
    """One patient's NIfTI files, all on one grid."""

    subject: str
    session: str
    images: Mapping[str, Path]  # channel -> file
    brain: Path
    label: Path | None  # None: not known whether and where the tumour came back

    def __post_init__(self) -> None:
        object.__setattr__(self, "images", MappingProxyType(dict(self.images)))

    @property
    def name(self) -> str:
        """As BIDS names the patient's visit."""
        return f"sub-{self.subject}_ses-{self.session}"


@dataclass(frozen=True)
class TrainingData:
    """A learning set as files; `sha256` is its data card's."""

    cases: tuple[TrainingCase, ...]
    channels: tuple[Channel, ...]
    splits: Splits
    sha256: str

    def channels_of(self, wanted: ModelWanted) -> tuple[Channel, ...]:
        """The channels that a model reads, in its order."""
        known = {channel.name: channel for channel in self.channels}
        absent = [name for name in wanted.channels if name not in known]
        if absent:
            raise MissingInput(
                f"model {wanted.name} reads {absent[0]}, which the learning set does not hold (it holds {', '.join(known)})"
            )
        return tuple(known[name] for name in wanted.channels)

    def learned_from(self) -> tuple[TrainingCase, ...]:
        """The patients of the folds, never the test set; each with all that training needs."""
        everybody = {*self.splits.folds[0].training, *self.splits.folds[0].held_out}
        cases = tuple(case for case in self.cases if case.subject in everybody)
        absent = sorted(everybody - {case.subject for case in cases})
        if absent:
            raise MissingInput(f"sub-{absent[0]} is in a fold and not in the learning set; make the learning set again")
        for case in cases:
            if case.label is None:
                raise BadInput(f"{case.name} is in a fold, and it is not known whether its tumour came back; leave it out")
        return cases


def filled(images: NDArray[np.float32], brain: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Images (c, …) as a model sees them: nothing outside the brain (…), and nothing where there is no value."""
    return np.where(brain & np.isfinite(images), images, np.float32(OUTSIDE)).astype(np.float32)
