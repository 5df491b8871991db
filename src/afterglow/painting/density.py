"""Densities of tissues, for the mass behind an integral dose."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Density:
    """Mass per volume, and where the number comes from."""

    kg_per_l: float
    source: str

    def __post_init__(self) -> None:
        if not 0 < self.kg_per_l < 25 or not self.source:
            raise ValueError(f"a density of {self.kg_per_l} kg/L from {self.source!r} is none; say the number and its source")


_ICRU_44 = "ICRU Report 44, as tabulated with the X-ray attenuation tables of NIST"
DENSITIES = {
    "brain": Density(1.04, f"brain, grey and white matter, {_ICRU_44}"),
    "blood": Density(1.06, f"whole blood, {_ICRU_44}"),
    "bone": Density(1.92, f"cortical bone, {_ICRU_44}"),
}
