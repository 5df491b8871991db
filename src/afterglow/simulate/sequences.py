"""Signals of the sequences behind anatomical and diffusion images: signed, per unit of proton density, any shape of tissue.

Ideal pulses throughout: no profile, no B1 error, no stimulated echoes, no magnetisation transfer.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Spins that leave the slice between excitation and refocusing give no echo. What is left of flowing blood is assumed.
SPIN_ECHO_FLOW = {"artery": 0.04, "vein": 0.35}
# Trains of refocusing pulses undo the J-coupling and diffusion that shorten the T2 of fat (doi:10.1002/jmri.1880020511).
FAT_T2_IN_TRAIN = 2.0  # by how much; assumed


@dataclass(frozen=True)
class InversionGradientEcho:
    """Inversion, then a train of spoiled gradient echoes, the centre of k-space in its middle (3D)."""

    tr_s: float  # from inversion to inversion
    ti_s: float  # from inversion to the centre of k-space
    te_s: float
    flip_deg: float
    pulses: int
    spacing_s: float

    def __post_init__(self) -> None:
        if min(self.waits_s) < 0:
            raise ValueError(
                f"{self.pulses} echoes every {self.spacing_s:g} s with their centre at {self.ti_s:g} s do not fit into {self.tr_s:g} s"
            )

    @property
    def waits_s(self) -> tuple[float, float]:
        """Before and after the train."""
        before_s = self.ti_s - self.pulses // 2 * self.spacing_s
        return before_s, self.tr_s - before_s - self.pulses * self.spacing_s


@dataclass(frozen=True)
class SpinEcho:
    """Excitation and one refocusing pulse."""

    tr_s: float
    te_s: float

    def __post_init__(self) -> None:
        if not 0 < self.te_s < self.tr_s:
            raise ValueError(f"an echo at {self.te_s:g} s does not fit into a repetition time of {self.tr_s:g} s")


@dataclass(frozen=True)
class TurboSpinEcho:
    """A train of refocusing pulses, with or without an inversion before; `nulled` names the tissue the TI is set on instead."""

    tr_s: float
    te_s: float  # effective
    train_s: float  # from excitation to the last echo, after which nothing is left along z
    ti_s: float | None = None
    nulled: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.te_s <= self.train_s < self.tr_s - (self.ti_s or 0.0):
            raise ValueError(f"a train of {self.train_s:g} s does not fit into TR {self.tr_s:g} s with TI {self.ti_s or 0:g} s")
        if self.ti_s is not None and self.nulled:
            raise ValueError(f"TI is {self.ti_s:g} s and is to null {self.nulled} too; say one of the two")


Sequence = InversionGradientEcho | SpinEcho | TurboSpinEcho


def sequence_signal(sequence: Sequence, r1_per_s: Array, r2_per_s: Array, r2star_per_s: Array) -> Array:
    """Signed signal per unit of proton density. (...), (...), (...) -> (...)."""
    match sequence:
        case InversionGradientEcho():
            echo: Array = _inversion_gradient_echo(sequence, r1_per_s) * np.exp(-sequence.te_s * r2star_per_s)
            return echo
        case SpinEcho(tr_s, te_s):
            recovered = 1 - 2 * np.exp(-(tr_s - te_s / 2) * r1_per_s) + np.exp(-tr_s * r1_per_s)
        case TurboSpinEcho(tr_s, te_s, train_s, ti_s):
            wait_s = tr_s - train_s - (ti_s or 0.0)
            recovered = 1 - np.exp(-wait_s * r1_per_s)
            if ti_s is not None:
                recovered = 1 - (1 + recovered) * np.exp(-ti_s * r1_per_s)
    decayed: Array = recovered * np.exp(-te_s * r2_per_s)
    return decayed


def null_ti_s(sequence: TurboSpinEcho, t1_s: float) -> float:
    """The inversion time at which a tissue of that T1 has no signal: 2 exp(-TI/T1) = 1 + exp(-(TR - train)/T1)."""
    return float(t1_s * np.log(2 / (1 + np.exp(-(sequence.tr_s - sequence.train_s) / t1_s))))


def _inversion_gradient_echo(sequence: InversionGradientEcho, r1_per_s: Array) -> Array:
    """Transverse signal at the centre of the train, in the steady state over many inversions.

    Every piece of the cycle takes z magnetisation m to a m + b; the cycle's fixed point is what the inversion finds.
    """
    before_s, after_s = sequence.waits_s
    cosine = np.cos(np.deg2rad(sequence.flip_deg))
    first, second = sequence.pulses // 2, sequence.pulses - sequence.pulses // 2
    left = np.exp(-sequence.spacing_s * r1_per_s)
    settled = (1 - left) / (1 - cosine * left)  # where an endless train would end

    def wait(m: Array, seconds: float) -> Array:
        kept: Array = np.exp(-seconds * r1_per_s)
        relaxed: Array = 1 + (m - 1) * kept
        return relaxed

    def train(m: Array, pulses: int) -> Array:
        kept: Array = (cosine * left) ** pulses
        driven: Array = settled + (m - settled) * kept
        return driven

    def cycle(m: Array) -> Array:
        return wait(train(train(wait(-m, before_s), first), second), after_s)

    none = np.zeros_like(left)
    start = cycle(none)
    found = start / (1 - (cycle(none + 1) - start))
    signal: Array = np.sin(np.deg2rad(sequence.flip_deg)) * train(wait(-found, before_s), first)
    return signal
