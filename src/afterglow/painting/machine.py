"""The two radiosurgery machines of the research kernel: where their sources are, how much each collimator lets through, and who says so.

Output factors and the Perfexion's profiles come from sources. The ring angles do not: where the makers' drawings are not
published, they are effective values, and `doubts` says so.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SourceRing:
    """Sources on one circle around the long axis, all aimed at the focus."""

    latitude_deg: float  # above the plane through the focus, towards the top of the head
    sources: int
    distance_mm: float  # source to focus


@dataclass(frozen=True)
class Collimator:
    """One collimator size. `radius_mm` and `edge_mm` (the sigma of its erf edge) are those of one beam where it crosses the focus.

    `tilt_per_rad`: a ring's share of the dose at the focus goes with exp(tilt x latitude), since rings are collimated unequally.
    `fwhm_mm` (x, z) and `penumbra_mm` (x, z; 80 to 20 %) of a full shot are what a source gives, NaN where none was found.
    """

    size_mm: int
    output_factor: float  # dose rate at the focus over that of the largest collimator
    radius_mm: float
    edge_mm: float
    tilt_per_rad: float
    fwhm_mm: tuple[float, float]
    penumbra_mm: tuple[float, float]


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
        """The collimator of a size."""
        return next(one for one in self.collimators if one.size_mm == size_mm)

    def ring_shares(self, collimator: Collimator) -> tuple[float, ...]:
        """Share of each ring in the dose at the focus."""
        raw = [ring.sources * np.exp(collimator.tilt_per_rad * np.radians(ring.latitude_deg)) for ring in self.rings]
        return tuple(float(one / sum(raw)) for one in raw)


NAN = float("nan")
_WATER = "water at 1.25 MeV: .06323 cm2/g, NIST (Hubbell and Seltzer, NISTIR 5632), narrow beam: scatter is left out"
_SPHERE = "focus in the middle of a sphere of 80 mm radius: the phantom of the profiles (Hur 2020, doi:10.3340/jkns.2020.0186)"
_DISTANCE = "the distance from source to focus (about 400 mm) is not confirmed"

MODEL_C = Machine(
    name="model-c",
    title="201 sources, model C",
    rings=(
        SourceRing(6.0, 44, 403.0),
        SourceRing(13.5, 44, 403.0),
        SourceRing(21.0, 39, 403.0),
        SourceRing(28.5, 39, 403.0),
        SourceRing(36.0, 35, 403.0),
    ),
    sectors=1,
    collimators=(
        Collimator(4, 0.870, 2.27, 0.64, 0.0, (6.14, 5.05), (2.6, NAN)),
        Collimator(8, 0.951, 4.13, 0.80, 0.0, (11.04, 9.79), (4.3, NAN)),
        Collimator(14, 0.984, 7.20, 1.30, 0.0, (NAN, NAN), (7.9, NAN)),
        Collimator(18, 1.0, 9.10, 1.36, 0.0, (NAN, NAN), (9.7, NAN)),
    ),
    attenuation_per_mm=0.006323,
    sphere_mm=80.0,
    sources=(
        "201 sources: Leksell gamma knife past, present and future, Lekar a technika 2012(3)",
        "output factors: Araki 2005 (Igaku Butsuri 25:24; PMID 15961925): .984 and .951 measured for 14 and 8 mm, the maker's .870 for 4 mm",
        "penumbra 2.6, 4.3, 7.9, 9.7 mm: Banaee 2017, AAPM SU-I-GPD-T-344, Monte Carlo; taken as across the long axis, which it does not say",
        "widths of the 4 and 8 mm shots: those of the Perfexion, with which model 4C agrees (PMC2807679)",
        "beams of 4 and 8 mm fitted to that width and penumbra; those of 14 and 18 mm: half the size, with the Perfexion's 16 mm for excess and edge",
        _WATER,
        _SPHERE,
    ),
    doubts=(
        "the angles and source counts of the five rings are not confirmed",
        _DISTANCE,
        "no published width was found for the 14 and 18 mm shots",
    ),
)

PERFEXION = Machine(
    name="perfexion",
    title="192 sources in 8 sectors, Perfexion or Icon",
    rings=tuple(
        SourceRing(latitude, sources, 400.0)
        for latitude, sources in ((6.93, 39), (17.29, 39), (27.65, 38), (38.00, 38), (48.36, 38))
    ),
    sectors=8,
    collimators=(
        Collimator(4, 0.814, 2.296, 0.852, -1.656, (6.14, 5.05), (2.86, 1.63)),
        Collimator(8, 0.900, 4.285, 1.075, -0.581, (11.04, 9.79), (4.00, 2.38)),
        Collimator(16, 1.0, 8.133, 1.301, -2.801, (21.74, 17.37), (8.99, 2.64)),
    ),
    attenuation_per_mm=0.006323,
    sphere_mm=80.0,
    sources=(
        "192 sources, 8 sectors of 24, five rings: Petti, Perfexion QA considerations (lecture); Leksell gamma knife past, present and future, Lekar a technika 2012(3)",
        "output factors .814, .900, 1: the maker's, as given in Leksell Radiosurgery, chapter on dosimetry",
        "widths and penumbrae: the planning system's own single-shot profiles in github.com/noahbice/GK-profiles (MIT), read here",
        "latitudes, ring shares, radii and edges: fitted to those six profiles (least squares, 11 parameters, root mean square .7 % of the maximum)",
        _WATER,
        _SPHERE,
    ),
    doubts=("the angles and strengths of the five rings are fitted, not published", _DISTANCE),
)

MACHINES: dict[str, Machine] = {machine.name: machine for machine in (MODEL_C, PERFEXION)}
