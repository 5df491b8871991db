"""How near a plan comes to its prescription, voxel by voxel: Q, its histogram, and doses zone by zone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.dose_volume import dose_at_share, voxel_spread
from afterglow.painting.dosimetry import same_grid
from afterglow.records.dose import DoseFigure, DoseGrid, QualityVolume
from afterglow.records.grid import Grid
from afterglow.records.locking import locked
from afterglow.records.zones import ZONE_WORDS, Prescription, Zone, ZoneMap

PAINTED = "tumour"  # the name under which all painted voxels go
_Q_STEP = 0.005
_NEAR = 0.05  # the share of voxels with Q in 0.95 to 1.05 is printed
_ROUNDING = 1e-6
_ZONES = (Zone.PASSIVE, Zone.PENUMBRA, Zone.AGGRESSIVE, Zone.NOT_ASSESSED)


@dataclass(frozen=True, eq=False)
class PaintingQuality:
    """Q of every painted voxel, NaN elsewhere, its cumulative histogram over the tumour and each zone, and the figures."""

    q: NDArray[np.float32]  # (i, j, k)
    grid: Grid
    volumes: tuple[QualityVolume, ...]
    figures: tuple[DoseFigure, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "q", locked(self.q))


def painting_quality(dose: DoseGrid, prescription: Prescription, zones: ZoneMap, *, plan: str) -> PaintingQuality:
    """Q = D planned / D prescribed in each voxel that has a prescription; quality factor QF = mean of abs(Q - 1).

    Histograms of Q and the share of voxels with Q from 0.95 to 1.05 as in doi:10.3109/0284186X.2010.498440. At a prescription on the
    50 % isodose the middle of a target gets up to twice what is prescribed, so QF holds that heat too; `underdose`, the mean of
    max(0, 1 - Q), and `voxels_reached`, the share with Q of at least 1, do not. D98, D50 and D2 by voxel in every zone.
    """
    same_grid(f"dose of {dose.source}", dose.grid, "the prescription", prescription.grid)
    same_grid(f"dose of {dose.source}", dose.grid, "the zones", zones.grid)
    painted = prescription.dose_gy > 0
    q = np.full(dose.grid.shape, np.nan, dtype=np.float32)
    np.divide(dose.dose_gy, prescription.dose_gy, out=q, where=painted)
    regions = [(PAINTED, painted), *((ZONE_WORDS[zone], painted & zones.mask(zone)) for zone in _ZONES)]
    volumes, figures = [], []
    for name, region in regions:
        figures += _ratio_figures(plan, name, q[region])
        if name != PAINTED:
            figures += _zone_doses(plan, name, dose, region)
        if region.any() and np.isfinite(q[region]).all():
            volumes.append(_histogram(plan, name, q[region]))
    return PaintingQuality(q, dose.grid, tuple(volumes), tuple(figures))


def _ratio_figures(plan: str, name: str, q: NDArray[np.float32]) -> list[DoseFigure]:
    names = ("mean_q", "quality_factor", "underdose", "voxels_reached", "voxels_within_5_percent")
    why = _doubt(name, q)
    if why:
        return [DoseFigure(plan, name, one, float("nan"), "1", why) for one in names]
    ratios = q.astype(np.float64)
    values = (
        ratios.mean(),
        np.abs(ratios - 1).mean(),
        np.maximum(1 - ratios, 0).mean(),
        (ratios >= 1 - _ROUNDING).mean(),
        (np.abs(ratios - 1) <= _NEAR + _ROUNDING).mean(),
    )
    return [DoseFigure(plan, name, one, float(value), "1") for one, value in zip(names, values, strict=True)]


def _zone_doses(plan: str, name: str, dose: DoseGrid, region: NDArray[np.bool_]) -> list[DoseFigure]:
    """D98, D50, D2 and the mean by whole voxels, for a zone is a set of voxels."""
    spread = voxel_spread(dose.dose_gy, region.astype(np.float32), voxel_ml=dose.grid.voxel_ml)
    values = [(f"voxel_D{p:g}", dose_at_share(spread, p / 100)) for p in (98.0, 50.0, 2.0)]
    why = _doubt(name, dose.dose_gy[region])
    found = [*values, ("voxel_mean_dose", spread.mean_gy)]
    return [DoseFigure(plan, name, label, float("nan") if why else value, "Gy", why) for label, value in found]


def _doubt(name: str, values: NDArray[np.float32]) -> str:
    if not values.size:
        return f"the zone {name} is empty"
    unknown = float((~np.isfinite(values)).mean())
    return f"{100 * unknown:.3g} % of {name} has no dose: the dose grid does not cover it" if unknown > 0 else ""


def _histogram(plan: str, name: str, q: NDArray[np.float32]) -> QualityVolume:
    """Share of the voxels that reach at least each Q."""
    ordered = np.sort(q.astype(np.float64))
    ratios = _Q_STEP * np.arange(int(np.ceil(ordered[-1] / _Q_STEP)) + 2)
    below = np.searchsorted(ordered, ratios * (1 - _ROUNDING), side="left")
    return QualityVolume(plan, name, ratios.astype(np.float64), 1 - below / ordered.size)
