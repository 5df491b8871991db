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
class Epi:
    """Echo-planar imaging during a bolus (DSC): gradient echo or spin echo."""

    echo: Literal["gradient", "spin"]
    tr_s: float
    te_s: float
    flip_deg: float
    field_t: float | None

    def __post_init__(self) -> None:
        _positive(f"{self.echo}-echo EPI", tr_s=self.tr_s, te_s=self.te_s, flip_deg=self.flip_deg)
        if self.te_s >= 0.5:
            raise ValueError(
                f"{self.echo}-echo EPI: an echo time of {self.te_s} s is not one; in milliseconds? BIDS wants seconds"
            )
        if self.te_s >= self.tr_s:
            raise ValueError(
                f"{self.echo}-echo EPI: its echo time of {self.te_s} s is not shorter than its repetition time of {self.tr_s} s"
            )


@dataclass(frozen=True)
class Diffusion:
    """Diffusion-weighted imaging: one b-value for each volume."""

    b_s_mm2: tuple[float, ...]
    te_s: float | None
    field_t: float | None

    def __post_init__(self) -> None:
        if not all(math.isfinite(b) and b >= 0 for b in self.b_s_mm2):
            raise ValueError(f"diffusion: b-values of {self.b_s_mm2} s/mm2 are not")
        if len({round(b, -1) for b in self.b_s_mm2}) < 2:
            raise ValueError("diffusion: fewer than two different b-values, so nothing can be told from them")


@dataclass(frozen=True)
class Anatomy:
    """An anatomical image: nothing quantitative is read from its contrast."""

    contrast: str  # the BIDS suffix: T1w, T2w, FLAIR …


Protocol = Spgr | InversionRecovery | Epi | Diffusion | Anatomy


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
