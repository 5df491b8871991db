"""A spectroscopic image: one free induction decay in each voxel, and what a reader of it must be told."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid
from afterglow.records.locking import locked

Fids = NDArray[np.complexfloating[Any, Any]]


@dataclass(frozen=True, eq=False)
class SpectralSeries:
    """Free induction decays (i, j, k, t) under the signs of NIfTI-MRS (kernels.spectrum); read when asked for.

    `box`: affine (4, 4) of the excited box as one voxel, RAS mm; None where the file does not tell, so that the whole grid counts.
    `water`: decays of the same grid without water suppression, where they were acquired.
    """

    grid: Grid
    dwell_s: float
    spectrometer_mhz: float
    te_s: float
    tr_s: float
    reference_ppm: float  # chemical shift at 0 Hz
    load: Callable[[], Fids] = field(repr=False)
    source: str  # path relative to the data set
    box: NDArray[np.float64] | None = None
    water: Callable[[], Fids] | None = field(default=None, repr=False)
    water_source: str = ""
    remarks: tuple[str, ...] = ()  # what the file does not tell and was taken instead
    bandwidth_hz: tuple[float, float, float] | None = None  # of the pulses that select the box along i, j, k, where known

    def __post_init__(self) -> None:
        if not 0 < self.dwell_s <= 1 or not 0 < self.te_s < self.tr_s or self.spectrometer_mhz <= 0:
            raise ValueError(
                f"{self.source}: a dwell time of {self.dwell_s} s, TE {self.te_s} s, TR {self.tr_s} s and {self.spectrometer_mhz} MHz are no protocol"
            )


@dataclass(frozen=True)
class FittedPeak:
    """One line of a fitted spectrum: its signal and its Cramer-Rao bound in per cent, NaN where there is no answer."""

    name: str  # "NAA", "Cr", "Cho", "Lac"
    ppm: float
    signal: float
    crlb_percent: float


@dataclass(frozen=True, eq=False)
class FittedSpectrum:
    """One voxel as it is drawn: real spectra over the chemical shift, phased and moved to their place, with what was fitted.

    `fitted` is lines and baseline together; `measured` less `fitted` is the residual. Residual water is taken off both.
    """

    voxel: tuple[int, int, int]
    centre_mm: tuple[float, float, float]  # RAS
    ppm: NDArray[np.float64]  # (f,) falling
    measured: NDArray[np.float64]  # (f,)
    fitted: NDArray[np.float64]  # (f,)
    baseline: NDArray[np.float64]  # (f,)
    peaks: tuple[FittedPeak, ...]
    ratios: tuple[tuple[str, float, float], ...]  # symbol, value, standard error; NaN where it is not assessed
    least: tuple[tuple[str, float], ...]  # symbol and what the ratio is at least
    snr: float
    width_hz: float
    broadening_hz: float  # Gaussian apodisation of the drawing
    status: str  # in words

    def __post_init__(self) -> None:
        for name in ("measured", "fitted", "baseline"):
            if getattr(self, name).shape != self.ppm.shape:
                raise ValueError(
                    f"spectrum of voxel {self.voxel}: its {name} values are not one for each of {self.ppm.size} shifts"
                )
            object.__setattr__(self, name, locked(getattr(self, name)))
