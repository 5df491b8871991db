"""What quantification makes: arterial input functions and parameter maps, with where they come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid
from afterglow.records.locking import locked
from afterglow.records.quantity import Quantity

Setting = str | float | int | bool | None
Settings = Mapping[str, Setting | tuple[Setting, ...]]


@dataclass(frozen=True)
class Provenance:
    """How something was made: the step and its settings, inputs by hash, a sentence for a methods section, sources."""

    step: str
    version: str
    settings: Settings
    sources: tuple[str, ...]  # paths relative to the data set
    sentence: str
    dois: tuple[str, ...] = ()
    seconds: float | None = None


@dataclass(frozen=True, eq=False)
class Aif:
    """Plasma concentration in the feeding artery.

    `quality` runs 0 (unusable) to 1; NaN where the curve was given and not judged. `voxels` (n, 3) are indices
    in the dynamic series, empty for a population or given curve.
    """

    times_s: NDArray[np.float64]  # (t,)
    plasma_mM: NDArray[np.float64]  # (t,)
    origin: str  # "automatic, cluster analysis", "population, Parker 2006", "given" …
    haematocrit: float
    quality: float
    voxels: NDArray[np.intp] = field(default_factory=lambda: np.zeros((0, 3), dtype=np.intp))
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.times_s.shape != self.plasma_mM.shape or self.times_s.ndim != 1:
            raise ValueError(f"arterial curve has {self.plasma_mM.shape} values for {self.times_s.shape} times")
        if not (np.diff(self.times_s) > 0).all():
            raise ValueError("the times of the arterial curve must rise")
        if not np.isfinite(self.plasma_mM).all():
            raise ValueError("the arterial curve holds values that are not finite")
        if not 0 <= self.haematocrit < 1:
            raise ValueError(f"haematocrit {self.haematocrit} is not a fraction below 1")
        object.__setattr__(self, "times_s", locked(self.times_s))
        object.__setattr__(self, "plasma_mM", locked(self.plasma_mM))
        object.__setattr__(self, "voxels", locked(self.voxels))


@dataclass(frozen=True, eq=False)
class ParameterMap:
    """One quantity on one grid; NaN means not measured, never zero. `status` says why (kernels.status.Status)."""

    quantity: Quantity
    values: NDArray[np.float32]  # (i, j, k)
    grid: Grid
    status: NDArray[np.uint8]  # (i, j, k)
    provenance: Provenance
    standard_error: NDArray[np.float32] | None = None  # (i, j, k), same unit

    def __post_init__(self) -> None:
        for name in ("values", "status", "standard_error"):
            array = getattr(self, name)
            if array is None:
                continue
            if array.shape != self.grid.shape:
                raise ValueError(
                    f"{self.quantity.name} map: its {name} are {array.shape} but its grid is {self.grid.shape}; resample it first"
                )
            object.__setattr__(self, name, locked(array))
