"""What a bolus did in vessels and regions during gradient-echo and spin-echo DSC: rates of relaxation, never concentrations."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from afterglow.records.locking import locked

Echo = Literal["gradient", "spin"]
Vessel = Literal["artery", "vein"]


@dataclass(frozen=True, eq=False)
class BolusCurve:
    """Change of the relaxation rate in a vessel, on the clock of its own scan.

    `quality` runs 0 (unusable) to 1; NaN where the curve was given and not judged. `voxels` (n, 3) are indices on the
    grid of the visit's maps, empty for a given curve.
    """

    vessel: Vessel
    echo: Echo
    times_s: NDArray[np.float64]  # (t,)
    rate_per_s: NDArray[np.float64]  # (t,) dR2* or dR2
    origin: str  # "automatic, cluster analysis", "given region …"
    quality: float
    voxels: NDArray[np.intp] = field(default_factory=lambda: np.zeros((0, 3), dtype=np.intp))
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.times_s.shape != self.rate_per_s.shape or self.times_s.ndim != 1:
            raise ValueError(f"{self.vessel} curve has {self.rate_per_s.shape} values for {self.times_s.shape} times")
        if not (np.diff(self.times_s) > 0).all():
            raise ValueError(f"the times of the {self.vessel} curve must rise")
        for name in ("times_s", "rate_per_s", "voxels"):
            object.__setattr__(self, name, locked(getattr(self, name)))


@dataclass(frozen=True, eq=False)
class RateCurve:
    """Mean rate of a region over one scan, and the gamma-variate of its first pass where one was accepted."""

    times_s: NDArray[np.float64]  # (t,)
    measured_per_s: NDArray[np.float64]  # (t,) without leakage correction
    corrected_per_s: NDArray[np.float64] | None  # (t,) with it; None where none was made
    fitted_per_s: NDArray[np.float64] | None  # (t,) the gamma-variate of the curve that the loop is made of

    def __post_init__(self) -> None:
        for name in ("times_s", "measured_per_s", "corrected_per_s", "fitted_per_s"):
            array = getattr(self, name)
            if array is not None:
                if array.shape != self.times_s.shape:
                    raise ValueError(f"a region's {name} is {array.shape} for {self.times_s.shape} times")
                object.__setattr__(self, name, locked(array))


@dataclass(frozen=True, eq=False)
class RegionLoop:
    """The hysteresis loop of a region's mean curves: gradient echo against spin echo to the power of 3/2, after alignment."""

    label: str  # "lesion 1", "reference"
    n_voxels: int
    ge: RateCurve
    se: RateCurve
    loop_times_s: NDArray[np.float64]  # (m,) a fine grid; empty where there is no loop
    loop_ge_per_s: NDArray[np.float64]  # (m,)
    loop_se_per_s: NDArray[np.float64]  # (m,)
    mti: float  # s^-5/2, clockwise positive; NaN where there is no loop
    mti_error: float
    nmti: float
    probability_negative: float
    remark: str = ""  # why there is no loop, or why its sign says little

    def __post_init__(self) -> None:
        for name in ("loop_times_s", "loop_ge_per_s", "loop_se_per_s"):
            array = getattr(self, name)
            if array.shape != self.loop_times_s.shape:
                raise ValueError(f"loop of {self.label}: {name} is {array.shape} for {self.loop_times_s.shape} times")
            object.__setattr__(self, name, locked(array))
