"""What a DICOM writer is told: a visit, and its series as plain numbers."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid
from afterglow.records.locking import locked
from afterglow.records.protocol import Anatomy, Diffusion, Epi, Injection, InversionRecovery, Protocol, Spgr


@dataclass(frozen=True)
class DicomVisit:
    """One visit of one subject. `cohort` says what makes its data set differ from any other (method, seed); UIDs are made of it."""

    cohort: str
    subject: str
    session: str
    start: datetime
    body_part: str  # BRAIN or SPINE
    sex: str = ""  # M, F, O, or empty where it is not known
    age_years: float | None = None
    weight_kg: float | None = None

    def __post_init__(self) -> None:
        if self.body_part not in ("BRAIN", "SPINE"):
            raise ValueError(f"sub-{self.subject}: a body part of {self.body_part!r} has no code here; use BRAIN or SPINE")
        if self.sex not in ("M", "F", "O", ""):
            raise ValueError(f"sub-{self.subject}: a sex of {self.sex!r} is not one of DICOM's; use M, F, O or nothing")


@dataclass(frozen=True)
class ScanTiming:
    """Times and angle of a sequence; None where they are not known, and then the header is silent too."""

    tr_s: float | None = None
    te_s: float | None = None
    ti_s: float | None = None
    flip_deg: float | None = None


@dataclass(frozen=True, eq=False)
class DicomSeries:
    """One series: whole numbers (i, j, k) or (i, j, k, t) whose values are `stored` x `slope`.

    `times_s` (t,) and the injection count from the start of the series, slice_times_s (k,) from the start of a frame.
    `told` holds the times of an anatomical image or of diffusion, whose protocols are silent.
    """

    number: int
    role: str
    description: str
    stored: NDArray[np.int16]
    slope: float
    grid: Grid
    protocol: Protocol
    field_t: float
    start_s: float = 0.0  # after the start of the visit
    times_s: NDArray[np.float64] | None = None
    slice_times_s: tuple[float, ...] = ()
    injection: Injection | None = None
    told: ScanTiming = ScanTiming()

    def __post_init__(self) -> None:
        if self.stored.ndim not in (3, 4) or self.stored.shape[:3] != self.grid.shape:
            raise ValueError(f"{self.role}: the voxels are {self.stored.shape} but the grid is {self.grid.shape}")
        if self.stored.dtype != np.int16:
            raise ValueError(f"{self.role}: voxels of {self.stored.dtype} are not written; a scanner's are int16")
        if not (math.isfinite(self.slope) and self.slope > 0):
            raise ValueError(f"{self.role}: a slope of {self.slope} is not positive")
        if self.times_s is not None and self.times_s.shape != (self.n_frames,):
            raise ValueError(f"{self.role}: {self.times_s.size} times for {self.n_frames} frames")
        if self.slice_times_s and len(self.slice_times_s) != self.grid.shape[2]:
            raise ValueError(f"{self.role}: {len(self.slice_times_s)} slice times for {self.grid.shape[2]} slices")
        for name, values in (("b-values", self.b_s_mm2), ("inversion times", self.ti_s)):
            if values and len(values) not in (1, self.n_frames):
                raise ValueError(f"{self.role}: {len(values)} {name} for {self.n_frames} frames")
        object.__setattr__(self, "stored", locked(self.stored))
        if self.times_s is not None:
            object.__setattr__(self, "times_s", locked(self.times_s))

    @property
    def n_frames(self) -> int:
        return self.stored.shape[3] if self.stored.ndim == 4 else 1

    @property
    def n_slices(self) -> int:
        return self.grid.shape[2]

    @property
    def is_dynamic(self) -> bool:
        return self.times_s is not None

    @property
    def is_planar(self) -> bool:
        """Slices are excited one by one."""
        return isinstance(self.protocol, Epi | Diffusion)

    @property
    def b_s_mm2(self) -> tuple[float, ...]:
        """b-value of each frame; empty where there is no diffusion weighting."""
        return self.protocol.b_s_mm2 if isinstance(self.protocol, Diffusion) else ()

    @property
    def ti_s(self) -> tuple[float, ...]:
        """Inversion time of each frame, or one for all; empty where nothing is inverted."""
        if isinstance(self.protocol, InversionRecovery):
            return self.protocol.ti_s
        return () if self.told.ti_s is None else (self.told.ti_s,)

    @property
    def timing(self) -> ScanTiming:
        """What the protocol says, else what was told."""
        told = self.told
        match self.protocol:
            case Spgr(tr_s, te_s, flip_deg) | Epi(_, tr_s, te_s, flip_deg):
                return ScanTiming(tr_s, te_s, None, flip_deg)
            case InversionRecovery(_, tr_s, te_s):
                return ScanTiming(tr_s, te_s, None, told.flip_deg)
            case Diffusion(_, te_s):
                return ScanTiming(told.tr_s, te_s if te_s is not None else told.te_s, None, told.flip_deg)
            case Anatomy():
                return told

    def frame(self, number: int) -> NDArray[np.int16]:
        """Voxels (i, j, k) of one frame."""
        return self.stored[..., number] if self.stored.ndim == 4 else self.stored

    def seconds(self, frame: int, k: int | None = None) -> float:
        """Start of a frame, or of a slice of it, after the start of the series."""
        start_s = 0.0 if self.times_s is None else float(self.times_s[frame])
        return start_s + (self.slice_times_s[k] if k is not None and self.slice_times_s else 0.0)

    def moment(self, visit: DicomVisit, seconds: float = 0.0) -> datetime:
        """Date and time that lie so many seconds after the start of the series."""
        return visit.start + timedelta(seconds=self.start_s + seconds)
