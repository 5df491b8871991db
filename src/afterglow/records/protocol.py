"""How a series was acquired, and what was injected. Nothing here has a default: physics is never guessed."""

import math
from dataclasses import dataclass
from typing import Literal


def _positive(owner: str, **values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{owner}: {name} must be positive and finite, found {value}")


@dataclass(frozen=True)
class Spgr:
    """Spoiled gradient echo (T1-weighted): the signal of DCE and of variable flip angles."""

    tr_s: float
    te_s: float | None  # None where the sidecar is silent and no step needs it
    flip_deg: float
    field_t: float | None

    def __post_init__(self) -> None:
        _positive("SPGR", tr_s=self.tr_s, flip_deg=self.flip_deg)
        if self.tr_s >= 1.0:
            raise ValueError(f"SPGR: a repetition time of {self.tr_s} s is not one; in milliseconds? BIDS wants seconds")
        if self.flip_deg >= 180:
            raise ValueError(f"SPGR: a flip angle of {self.flip_deg} degrees is not one")


@dataclass(frozen=True)
class InversionRecovery:
    """Inversion recovery: one inversion time for each volume."""

    ti_s: tuple[float, ...]
    tr_s: float
    te_s: float | None
    field_t: float | None

    def __post_init__(self) -> None:
        _positive("inversion recovery", tr_s=self.tr_s)
        if not self.ti_s:
            raise ValueError("inversion recovery: no inversion time")


@dataclass(frozen=True)
class Anatomy:
    """An anatomical image: nothing quantitative is read from its contrast."""

    contrast: str  # the BIDS suffix: T1w, T2w, FLAIR …


Protocol = Spgr | InversionRecovery | Anatomy


@dataclass(frozen=True)
class Agent:
    """A contrast agent and its relaxivities at the field of the scan, with where the numbers come from."""

    name: str
    r1_per_mM_s: float
    r2star_per_mM_s: float | None
    source: str

    def __post_init__(self) -> None:
        _positive(f"agent {self.name}", r1_per_mM_s=self.r1_per_mM_s)
        if not self.source:
            raise ValueError(f"agent {self.name}: a relaxivity needs its source")


@dataclass(frozen=True)
class Injection:
    """What was injected, how much, when (on the series' own clock) and how fast. None where not recorded."""

    agent: str | None
    dose_mmol_kg: float | None
    start_s: float | None
    rate_ml_s: float | None


AnatomyContrast = Literal["T1w", "T2w", "FLAIR"]
