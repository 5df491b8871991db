"""Where one image lies in another, and how still a series was."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from afterglow.records.locking import locked


@dataclass(frozen=True, eq=False)
class Alignment:
    """A rigid transform: `matrix` takes a point of the target space (RAS mm) to the source space (RAS mm).

    That is the direction resampling needs: for each voxel of the target, where to look in the source.
    `quality` holds named numbers (mutual information before and after, forward-backward error in mm …).
    """

    source: str
    target: str
    matrix: NDArray[np.float64]  # (4, 4)
    quality: tuple[tuple[str, float], ...]
    trusted: bool  # False: the registration was noticed to have failed; the caller must not use it
    remark: str = ""

    def __post_init__(self) -> None:
        matrix = np.asarray(self.matrix, dtype=np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            raise ValueError(f"alignment of {self.source} onto {self.target}: its matrix is not a finite 4 x 4")
        object.__setattr__(self, "matrix", locked(matrix))


@dataclass(frozen=True, eq=False)
class Motion:
    """Rigid motion of a dynamic series, frame by frame, against its reference frame."""

    times_s: NDArray[np.float64]  # (t,)
    translation_mm: NDArray[np.float64]  # (t, 3)
    rotation_deg: NDArray[np.float64]  # (t, 3)
    displacement_mm: NDArray[np.float64]  # (t,) mean displacement of the head against the reference frame
    framewise_mm: NDArray[np.float64]  # (t,) mean displacement against the frame before; 0 for the first
    resampled: NDArray[np.bool_]  # (t,) frames that were moved; stiller ones are left as they are

    def __post_init__(self) -> None:
        n = self.times_s.size
        for name, shape in (
            ("translation_mm", (n, 3)),
            ("rotation_deg", (n, 3)),
            ("displacement_mm", (n,)),
            ("framewise_mm", (n,)),
            ("resampled", (n,)),
        ):
            array = getattr(self, name)
            if array.shape != shape:
                raise ValueError(f"motion: {name} is {array.shape}, not {shape}")
            object.__setattr__(self, name, locked(array))


Level = Literal["ok", "note", "warning"]


@dataclass(frozen=True)
class QualityLine:
    """One line of quality control: what was looked at, what was found, and how much it should worry."""

    what: str
    found: str
    level: Level
    advice: str = ""
