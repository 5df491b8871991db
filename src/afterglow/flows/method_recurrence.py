"""The table of a method file that says what a model of recurrence learns from, and which models there are."""

from typing import Literal

from pydantic import Field, model_validator

from afterglow.flows.method_steps import Strict
from afterglow.records.recurrence import Channel, ModelWanted, Normalisation
from afterglow.recurrence.baselines import DISTANCE

ANATOMY_ROLES = ("CE-T1w", "T1w", "T2w", "FLAIR")


class ChannelSpec(Strict):
    """One image that models can read: an anatomy by its role, or any map that the method makes by its quantity."""

    name: str = Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z-]*$")
    quantity: str = ""
    normalisation: Normalisation
    low: float | None = None
    high: float | None = None
    source: str

    @model_validator(mode="after")
    def _is_there(self) -> "ChannelSpec":
        if not self.quantity and self.name not in ANATOMY_ROLES:
            raise ValueError(
                f"channel {self.name!r} is no anatomy ({', '.join(ANATOMY_ROLES)}); a map is named by its quantity as well"
            )
        if self.quantity and (self.low is None or self.high is None):
            raise ValueError(
                f"channel {self.name!r}: low and high say where a map's typical value is believed, so that per cent is not taken for a fraction"
            )
        self.record()
        return self

    def record(self) -> Channel:
        bounds = {name: value for name, value in (("low", self.low), ("high", self.high)) if value is not None}
        return Channel(self.name, self.normalisation, self.quantity, **bounds)


class BesideSpec(Strict):
    """A map that no model reads: itself and its ratio to the brain away from the tumour stand beside the models, where a run has it."""

    name: str = Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z-]*$")
    quantity: str = Field(min_length=1)
    source: str

    @model_validator(mode="after")
    def _is_known(self) -> "BesideSpec":
        self.record()
        return self

    def record(self) -> Channel:
        return Channel(self.name, "none", self.quantity)


class ModelSpec(Strict):
    """A model and the channels it reads, in their order."""

    name: str
    channels: tuple[str, ...] = Field(min_length=1)
    dropped: float = Field(default=0.0, ge=0, lt=1)
    source: str

    @model_validator(mode="after")
    def _is_whole(self) -> "ModelSpec":
        self.record()
        return self

    def record(self) -> ModelWanted:
        return ModelWanted(self.name, self.channels, self.dropped)


class RecurrenceLabelSpec(Strict):
    """How it is known where the tumour came back, and that it did not."""

    outline: str = Field(pattern=r"^[0-9A-Za-z]+$")
    came_back: tuple[str, ...] = Field(min_length=1)
    stayed_away: tuple[str, ...] = Field(min_length=1)
    carried_back: bool
    source: str

    @model_validator(mode="after")
    def _words_are_different(self) -> "RecurrenceLabelSpec":
        both = sorted(set(self.came_back) & set(self.stayed_away))
        if both:
            raise ValueError(f"the outcome {both[0]!r} cannot say both that the tumour came back and that it did not")
        return self


class SplitSpec(Strict):
    """Who trains and who is tested: by a column of participants.tsv, or drawn."""

    kind: Literal["temporal", "k-fold"]
    column: str = ""
    training: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    folds: int = Field(ge=2)
    test_share: float = Field(default=0.0, ge=0, lt=1)
    seed: int
    source: str

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "SplitSpec":
        named = bool(self.column and self.training and self.test)
        if self.kind == "temporal" and (not named or self.test_share > 0):
            raise ValueError(
                "a temporal split names a column of participants.tsv and its words for training and test, and no share"
            )
        if self.kind == "k-fold" and (self.column or self.training or self.test):
            raise ValueError("a k-fold split is drawn: it has no column and no words for training and test")
        if set(self.training) & set(self.test):
            raise ValueError(f"{sorted(set(self.training) & set(self.test))[0]!r} cannot stand for training and for test")
        return self


class RecurrenceSpec(Strict):
    """What models of recurrence learn from, on which grid, and how their maps are read."""

    space: Literal["CE-T1w", "T1w"]
    spacing_mm: float = Field(gt=0)
    around_mm: float = Field(ge=0)
    before: Literal["surgery", "radiotherapy", "radiosurgery", "drug"]
    threshold: float = Field(gt=0, lt=1)
    margin_mm: float = Field(gt=0)
    channel: tuple[ChannelSpec, ...] = Field(min_length=1)
    model: tuple[ModelSpec, ...] = Field(min_length=1)
    beside: tuple[BesideSpec, ...] = ()
    label: RecurrenceLabelSpec
    split: SplitSpec
    source: str

    @model_validator(mode="after")
    def _fits_together(self) -> "RecurrenceSpec":
        maps = [*(one.name for one in self.channel), *(one.name for one in self.beside)]
        for what, names in (("channel or recurrence.beside", maps), ("model", [m.name for m in self.model])):
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise ValueError(f"two of recurrence.{what} are called {twice!r}")
        known = {channel.name for channel in self.channel}
        for model in self.model:
            strange = [name for name in model.channels if name not in known]
            if strange:
                raise ValueError(f"model {model.name!r} reads {strange[0]!r}, which no [[recurrence.channel]] is called")
        return self

    @property
    def channels(self) -> tuple[Channel, ...]:
        return tuple(one.record() for one in self.channel)

    @property
    def maps_beside(self) -> tuple[Channel, ...]:
        """Maps that no model reads."""
        return tuple(one.record() for one in self.beside)

    @property
    def rules_beside(self) -> tuple[str, ...]:
        """What stands beside the models where its map was made: each map, its ratio to the brain, nearness to the tumour."""
        maps = [one for one in (*self.channels, *self.maps_beside) if one.quantity]
        ratios = (f"{one.name}-ratio" for one in maps if one.unit != "{ratio}")
        return (*(one.name for one in maps), *ratios, DISTANCE)

    @property
    def models(self) -> tuple[ModelWanted, ...]:
        return tuple(one.record() for one in self.model)
