"""The two radiosurgery machines of the research kernel: where their sources are, how much each collimator lets through, and who says so."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SourceRing:
    """Sources on one circle around the long axis, all aimed at the focus."""

    latitude_deg: float  # above the plane through the focus, seen from the focus
    sources: int
    distance_mm: float  # source to focus


@dataclass(frozen=True)
class Collimator:
    """One collimator size. `radius_mm` and `edge_mm` (the sigma of its erf edge) are those of one beam where it crosses the focus."""

    size_mm: int
    output_factor: float  # dose at the focus over that of the largest collimator
    radius_mm: float
    edge_mm: float


@dataclass(frozen=True)
class Machine:
    """A machine as the kernel sees it. `doubts` are what could not be confirmed in a source; whoever shows a dose prints them."""

    name: str
    title: str
    rings: tuple[SourceRing, ...]
    sectors: int  # sources move in this many equal parts of the circle; 1 where they do not
    collimators: tuple[Collimator, ...]
    attenuation_per_mm: float  # of the beam in water
    sphere_mm: float  # radius of the water sphere around the focus
    sources: tuple[str, ...]  # where the numbers come from
    doubts: tuple[str, ...]

    @property
    def confirmed(self) -> bool:
        return not self.doubts

    def collimator(self, size_mm: int) -> Collimator:
        for one in self.collimators:
            if one.size_mm == size_mm:
                return one
        raise KeyError(size_mm)


MACHINES: dict[str, Machine] = {}
