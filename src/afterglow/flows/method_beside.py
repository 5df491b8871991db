"""What a method makes of the series that lie beside its DCE: a second perfusion series and a spectroscopic image, each on its own grid."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from afterglow.flows.method_steps import Align, Background, DscStep, Regions, Still, Strict
from afterglow.records.quantity import QUANTITIES

BesideStep = Annotated[Still | Align | Background | Regions | DscStep, Field(discriminator="do")]


class Laid(Strict):
    """Which of its maps are also shown on the grid of the DCE. What is measured is measured where it was acquired."""

    show: tuple[str, ...] = Field(min_length=1)
    source: str

    @model_validator(mode="after")
    def _quantities_are_known(self) -> "Laid":
        unknown = [name for name in self.show if name not in QUANTITIES]
        if unknown:
            raise ValueError(f"show: unknown quantity {unknown[0]!r}")
        return self


class DscBeside(Laid):
    """DSC of a second injection: its own steps, on its own grid."""

    step: tuple[BesideStep, ...] = Field(min_length=1)


class SpectraBeside(Laid):
    """Spectroscopic imaging: the echo time that the method was made for, and what a voxel must reach to count."""

    te_s: float = Field(gt=0, lt=1)
    crlb_percent: float = Field(gt=0, le=100)
    width_hz: float = Field(gt=0)
    snr: float = Field(gt=0)
    lies_with: tuple[
        Literal["dce", "anatomy", "flair", "vfa", "irt1", "b1"], ...
    ] = ()  # the image taken beside them, first choice first
