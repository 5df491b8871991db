"""The tables of a method file that say where to measure."""

from typing import Literal

from pydantic import Field, model_validator

from afterglow.flows.method_steps import Strict
from afterglow.lesions.reference import Limits
from afterglow.records.lesion import ReferenceKind

Way = Literal["given", "automatic", "mirrored lesion"]
_FOUND = ("contralateral white matter", "whole-brain white matter", "adjacent vertebra")


class ReferenceSpec(Strict):
    """The tissue that lesions are divided by, and the ways to come by it, the first that succeeds."""

    kind: ReferenceKind
    ways: tuple[Way, ...] = Field(min_length=1)
    volume_ml: tuple[float, float] | None = None  # least and most
    away_mm: float | None = Field(default=None, ge=0)
    edge_mm: float | None = Field(default=None, ge=0)
    source: str

    @model_validator(mode="after")
    def _fits_together(self) -> "ReferenceSpec":
        sizes = {"volume_ml": self.volume_ml, "away_mm": self.away_mm, "edge_mm": self.edge_mm}
        automatic = "automatic" in self.ways
        odd = [name for name, value in sizes.items() if (value is None) == automatic]
        if odd:
            raise ValueError(f"{odd[0]} goes with the way 'automatic': give both or neither")
        if automatic and self.kind not in _FOUND:
            raise ValueError(f"no {self.kind!r} is found automatically; there are {', '.join(_FOUND)}")
        if len(set(self.ways)) < len(self.ways):
            raise ValueError("ways names one way twice")
        if self.volume_ml is not None and not 0 < self.volume_ml[0] <= self.volume_ml[1]:
            raise ValueError(f"volume_ml is {list(self.volume_ml)}; give the least and the most, above zero")
        return self

    @property
    def limits(self) -> Limits:
        """Sizes of an automatic region. ValueError where the method finds none."""
        if self.volume_ml is None or self.away_mm is None or self.edge_mm is None:
            raise ValueError("a reference that is not found automatically has no limits")
        return Limits(*self.volume_ml, self.away_mm, self.edge_mm)


class LesionsSpec(Strict):
    """How lesions keep their names from visit to visit, and what a visit without an outline gets."""

    identity: Literal["names", "places"]
    carry: Literal["refit", "rigid"]
    source: str
