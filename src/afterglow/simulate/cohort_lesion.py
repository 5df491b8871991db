"""What a simulation file says about lesions: each entry is a number, or the name of a value that was drawn for the patient."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from afterglow.simulate.cohort_draw import STRICT, Bounds, Number
from afterglow.simulate.story import LesionState, Nest, Perfusion
from afterglow.simulate.tissues import TISSUES, Tissue
from afterglow.simulate.vascular import ARCHITECTURES

_MEASURED = ("ktrans_per_min", "ve", "vp")  # of a tissue, that a value may be a multiple of


@dataclass(frozen=True)
class PerfusionSpec:
    """Entries of story.Perfusion. `architecture` is a row of vascular.ARCHITECTURES, or a column that holds one."""

    ktrans_per_min: Number
    ve: Number
    vp: Number
    delay_s: Number = 1.0
    spread: Number = 0.25
    architecture: str = "normal-like"
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def draw(self, known: Mapping[str, float], words: Mapping[str, str]) -> Perfusion:
        """That perfusion, from the values and words drawn for the patient."""
        ktrans, ve, vp, delay_s, spread = (
            resolved(entry, known) for entry in (self.ktrans_per_min, self.ve, self.vp, self.delay_s, self.spread)
        )
        return Perfusion(ktrans, ve, vp, delay_s, spread, words.get(self.architecture, self.architecture))

    def check(self, where: str, known: Mapping[str, Bounds], words: Mapping[str, tuple[str, ...]]) -> None:
        """ValueError where a draw could be impossible."""
        ends = {name: span(getattr(self, name), known, f"{where}.{name}") for name in (*_MEASURED, "delay_s", "spread")}
        for name, (low, _) in ends.items():
            if low < 0:
                raise ValueError(f"{where}.{name} can be {low:g}; raise the lower end to 0 or more")
        if ends["ve"][1] + ends["vp"][1] > 1:
            raise ValueError(
                f"{where}: ve up to {ends['ve'][1]:g} and vp up to {ends['vp'][1]:g} are more than one volume; lower an upper end"
            )
        if ends["ktrans_per_min"][1] > 0 and ends["ve"][0] <= 0:
            raise ValueError(
                f"{where}: Ktrans up to {ends['ktrans_per_min'][1]:g}/min leaks into a ve of 0; raise the lower end of ve"
            )
        for row in words.get(self.architecture, (self.architecture,)):
            if row not in ARCHITECTURES:
                raise ValueError(f"{where}.architecture is {row!r}; choose from {', '.join(ARCHITECTURES)}")


@dataclass(frozen=True)
class LesionSpec:
    """Entries of story.LesionState; what is not given here stays as that record has it."""

    volume_ml: Number
    tumour_share: Number
    tumour: PerfusionSpec
    scar: PerfusionSpec
    rim_mm: Number | None = None
    ragged_mm: Number | None = None
    oedema_mm: Number | None = None
    patch_mm: Number | None = None
    cavity_ml: Number | None = None
    infiltration_mm: Number | None = None
    infiltration: PerfusionSpec | None = None
    extraosseous: Number | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def draw(self, known: Mapping[str, float], words: Mapping[str, str], nests: tuple[Nest, ...] = ()) -> LesionState:
        """That lesion, from the values and words drawn for the patient."""
        sizes = {name: resolved(entry, known) for name, entry in self._sizes()}
        around = None if self.infiltration is None else self.infiltration.draw(known, words)
        return LesionState(
            tumour=self.tumour.draw(known, words), scar=self.scar.draw(known, words), infiltration=around, nests=nests, **sizes
        )

    def check(self, where: str, known: Mapping[str, Bounds], words: Mapping[str, tuple[str, ...]]) -> None:
        """ValueError where a draw could be impossible."""
        for name, entry in self._sizes():
            low, high = span(entry, known, f"{where}.{name}")
            if low < 0:
                raise ValueError(f"{where}.{name} can be {low:g}; raise the lower end to 0 or more")
            if name in ("tumour_share", "extraosseous") and high > 1:
                raise ValueError(f"{where}.{name} can be {high:g}; a share is at most 1")
        for part in ("tumour", "scar", "infiltration"):
            spec = getattr(self, part)
            if spec is not None:
                spec.check(f"{where}.{part}", known, words)
        if self.infiltration is None and self.infiltration_mm not in (None, 0):
            raise ValueError(
                f"{where}.infiltration_mm is {self.infiltration_mm} but its perfusion is not given; add infiltration"
            )

    def _sizes(self) -> Iterator[tuple[str, Number]]:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if entry.name not in ("tumour", "scar", "infiltration") and value is not None:
                yield entry.name, value


def resolved(entry: Number, known: Mapping[str, float]) -> float:
    """The number, or the value of that name."""
    return known[entry] if isinstance(entry, str) else float(entry)


def span(entry: Number, known: Mapping[str, Bounds], where: str) -> Bounds:
    """Smallest and largest value of an entry; ValueError where it names none."""
    if not isinstance(entry, str):
        if not math.isfinite(entry):
            raise ValueError(f"{where} is {entry}; give a finite number")
        return float(entry), float(entry)
    if entry not in known:
        raise ValueError(
            f"{where} is {entry!r}, which no value gives to every group concerned; correct the name or add the value"
        )
    return known[entry]


def tissue_values(tissues: Mapping[str, Tissue] = TISSUES) -> dict[str, float]:
    """Perfusion of healthy tissues by names such as "white.vp", so that ratios to them can be drawn."""
    return {f"{row.name}.{name}": getattr(row, name) for row in tissues.values() for name in _MEASURED}
