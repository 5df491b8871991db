"""One acquisition, and one visit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from afterglow.records.alignment import QualityLine
from afterglow.records.grid import Grid
from afterglow.records.locking import locked
from afterglow.records.maps import ParameterMap
from afterglow.records.protocol import Agent, Injection, Protocol
from afterglow.records.spectra import SpectralSeries


@dataclass(frozen=True, eq=False)
class Series:
    """Images on one grid, one for each time (or each flip angle, each echo): data is read when asked for.

    `load()` gives float32 (i, j, k, t), or (i, j, k) where `times_s` is empty.
    """

    role: str  # dce, vfa, T1w, FLAIR …: what the method file asks for
    grid: Grid
    times_s: NDArray[np.float64]  # (t,); empty for a single image
    protocol: Protocol
    load: Callable[[], NDArray[np.float32]] = field(repr=False)
    source: str  # path relative to the data set
    injection: Injection | None = None
    agent: Agent | None = None  # with the relaxivity that the sidecar gives
    haematocrit: float | None = None  # of the subject at that visit, where the sidecar gives it
    scanner: str = ""  # maker and model as the sidecar names them; empty where it does not

    def __post_init__(self) -> None:
        times_s = np.asarray(self.times_s, dtype=np.float64)
        if times_s.ndim != 1 or not np.isfinite(times_s).all():
            raise ValueError(f"{self.source}: frame times must be a list of finite seconds")
        if times_s.size > 1 and not (np.diff(times_s) > 0).all():
            raise ValueError(f"{self.source}: frame times must rise from frame to frame")
        object.__setattr__(self, "times_s", locked(times_s))

    @property
    def is_dynamic(self) -> bool:
        return self.times_s.size > 1


@dataclass(frozen=True, eq=False)
class Exam:
    """One visit of one subject: a day on the subject's own clock, and its series by role.

    A role may hold several series (one for each flip angle, say), in the order of their acquisition label.
    """

    subject: str
    session: str
    day: float
    series: Mapping[str, tuple[Series, ...]]
    spectra: SpectralSeries | None = None
    ready_maps: tuple[ParameterMap, ...] = ()  # of spectra, as scanner software made them
    ready_remarks: tuple[QualityLine, ...] = ()
    acquired_s: Mapping[str, float] = field(
        default_factory=dict
    )  # by source, since midnight, where told; read beside spectra alone

    def __post_init__(self) -> None:
        if not np.isfinite(self.day):
            raise ValueError(f"sub-{self.subject} ses-{self.session}: a visit needs its day")

    def has(self, role: str) -> bool:
        """Whether anything of that role was acquired."""
        return role in self.series or (role == "mrsi" and (self.spectra is not None or bool(self.ready_maps)))

    def one(self, role: str) -> Series | None:
        """The only series of that role; None where there is none. ValueError where there are several."""
        found = self.series.get(role, ())
        if len(found) > 1:
            raise ValueError(
                f"sub-{self.subject} ses-{self.session}: {len(found)} series with role {role}: "
                + ", ".join(s.source for s in found)
            )
        return found[0] if found else None
