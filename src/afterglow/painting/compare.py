"""Two plans side by side: their figures with differences, and their doses by the gamma index."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.gamma_index import gamma_index
from afterglow.painting.dosimetry import same_frame, same_grid
from afterglow.records.dose import DoseFigure, DoseGrid
from afterglow.records.errors import BadInput
from afterglow.records.grid import Grid
from afterglow.records.locking import locked

_STEPS = 4  # along each axis, of the lattice that the search starts from between eight voxels
_SHEAR = 1e-3
_GREATEST = 2.0  # gamma is not told apart above this


@dataclass(frozen=True)
class PlanDifference:
    """One figure of two plans; NaN where a plan has none, `note` says why. The difference is second less first."""

    structure: str
    name: str
    unit: str
    first: float
    second: float
    note: str = ""

    @property
    def difference(self) -> float:
        return self.second - self.first


@dataclass(frozen=True)
class GammaSettings:
    """The criteria of a gamma comparison. `norm_gy` is the dose of which a global criterion is a percentage."""

    dose_percent: float
    distance_mm: float
    cutoff_percent: float  # of the norm: voxels of the reference below it are not judged
    local: bool  # the percentage is of the dose of each voxel
    norm_gy: float

    def __post_init__(self) -> None:
        if min(self.dose_percent, self.distance_mm, self.norm_gy) <= 0 or not 0 <= self.cutoff_percent < 100:
            raise ValueError(f"{self} compares nothing: criteria and norm lie above 0, the cutoff below 100 %")

    @property
    def words(self) -> str:
        """ "2 % of 32 Gy / 1 mm, voxels above 10 %"."""
        of = "of the local dose" if self.local else f"of {self.norm_gy:g} Gy"
        above = f"{self.cutoff_percent / 100 * self.norm_gy:g} Gy"
        return f"{self.dose_percent:g} % {of} / {self.distance_mm:g} mm, voxels above {above}"


@dataclass(frozen=True, eq=False)
class GammaMap:
    """Gamma of each voxel that was judged, NaN elsewhere, and how many pass."""

    gamma: NDArray[np.float32]  # (i, j, k)
    grid: Grid
    passing: float  # share of judged voxels with gamma of at most 1; NaN where none was judged
    judged: int
    uncovered: int  # voxels above the cutoff where the other dose is not known
    words: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "gamma", locked(self.gamma))


def compare_plans(first: Sequence[DoseFigure], second: Sequence[DoseFigure]) -> tuple[PlanDifference, ...]:
    """Each figure of two plans side by side, in the order of the first plan; then what only the second has."""
    ours, theirs = _by_key(first), _by_key(second)
    rows = []
    for key in [*ours, *(key for key in theirs if key not in ours)]:
        a, b = ours.get(key), theirs.get(key)
        notes = [f"{one.plan}: {one.note}" for one in (a, b) if one is not None and one.note and math.isnan(one.value)]
        notes += ["only one plan has this figure"] if a is None or b is None else []
        values = [float("nan") if one is None else one.value for one in (a, b)]
        rows.append(PlanDifference(*key, values[0], values[1], "; ".join(notes)))
    return tuple(rows)


def _by_key(figures: Sequence[DoseFigure]) -> dict[tuple[str, str, str], DoseFigure]:
    found: dict[tuple[str, str, str], DoseFigure] = {}
    for one in figures:
        key = (one.structure, one.name, one.unit)
        if key in found:
            raise BadInput(
                f"{one.name} of {one.structure} stands twice among the figures of plan {one.plan}; compare one plan with one"
            )
        found[key] = one
    return found


def gamma_map(reference: DoseGrid, evaluated: DoseGrid, settings: GammaSettings) -> GammaMap:
    """Gamma of every voxel of the reference above the cutoff (kernels.gamma_index), the other dose trilinear between its voxels.

    Values above 2 are not told apart. GridMismatch on different grids: read one on the other's grid with `dose_on` first.
    """
    axes = reference.grid.affine[:3, :3] / np.asarray(reference.grid.spacing_mm)
    if float(np.abs(axes.T @ axes - np.eye(3)).max()) > _SHEAR:
        raise BadInput(f"dose of {reference.source}: its grid axes are not at right angles; read it on an upright grid first")
    same_grid(f"dose of {reference.source}", reference.grid, f"dose of {evaluated.source}", evaluated.grid)
    same_frame(f"dose of {reference.source}", reference.frame_uid, f"dose of {evaluated.source}", evaluated.frame_uid)
    a = reference.dose_gy.astype(np.float64)
    allowed = a if settings.local else np.full(a.shape, settings.norm_gy)
    judged = np.nan_to_num(a, nan=-1.0) >= settings.cutoff_percent / 100 * settings.norm_gy
    gamma = gamma_index(
        a, evaluated.dose_gy.astype(np.float64), spacing_mm=reference.grid.spacing_mm,
        tolerance_gy=np.where(judged, allowed * settings.dose_percent / 100, 0.0), distance_mm=settings.distance_mm,
        steps=_STEPS, greatest=_GREATEST,
    )  # fmt: skip
    found = gamma[np.isfinite(gamma)]
    passing = float((found <= 1).mean()) if found.size else float("nan")
    uncovered = int(np.count_nonzero(judged & ~np.isfinite(evaluated.dose_gy)))
    return GammaMap(gamma, reference.grid, passing, int(found.size), uncovered, settings.words)
