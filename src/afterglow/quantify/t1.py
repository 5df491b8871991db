"""T1 before contrast: from flip angles, from inversions, or fixed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.inversion import t1_inversion
from afterglow.kernels.types import Status
from afterglow.kernels.vfa import t1_vfa
from afterglow.quantify.made import map_from_voxels, provenance
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.grid import Grid
from afterglow.records.maps import ParameterMap, Settings
from afterglow.records.protocol import InversionRecovery, Spgr
from afterglow.records.series import Series

T1_BOUNDS_S = (0.05, 6.0)  # fat at 1.5 T is .2 s, cerebrospinal fluid at 7 T 4.4 s


def fixed_t1(grid: Grid, mask: NDArray[np.bool_], *, t1_s: float, source: str) -> ParameterMap:
    """One T1 for all tissue, with who says so."""
    n = int(np.count_nonzero(mask))
    how = provenance("t1", f"T1 before contrast was fixed at {t1_s:g} s ({source}).", {"how": "fixed", "t1_s": t1_s}, ())
    return map_from_voxels("t1", np.full(n, t1_s), np.full(n, np.uint8(Status.OK)), mask, grid, how)


def t1_from_flip_angles(
    series: Sequence[Series], mask: NDArray[np.bool_], *, b1: NDArray[np.float32] | None = None
) -> tuple[ParameterMap, ParameterMap]:
    """T1 and S0 maps from SPGR images at two or more flip angles, all on the mask's grid; b1 (i, j, k) is relative."""
    if len(series) < 2:
        raise MissingInput(f"T1 from flip angles needs two or more of them, found {len(series)}: {_names(series)}")
    grid, protocols = series[0].grid, [s.protocol for s in series]
    if not all(isinstance(p, Spgr) for p in protocols):
        raise BadInput(f"T1 from flip angles needs spoiled gradient echoes: {_names(series)}")
    spgr = [p for p in protocols if isinstance(p, Spgr)]
    flips = np.array([p.flip_deg for p in spgr])
    if np.unique(flips).size < 2:
        raise BadInput(f"all flip angles are {flips[0]:g} degrees, T1 needs two different ones: {_names(series)}")
    signal = np.stack([s.load()[mask] for s in series], axis=-1)
    relative = 1.0 if b1 is None else b1[mask]
    fit = t1_vfa(signal, flip_deg=flips, tr_s=np.array([p.tr_s for p in spgr]), b1=relative, t1_bounds_s=T1_BOUNDS_S)
    angles = ", ".join(f"{f:g}" for f in flips)
    corrected = "with" if b1 is not None else "without"
    sentence = f"T1 before contrast was fitted by nonlinear least squares to spoiled gradient echoes at {angles} degrees, {corrected} B1 correction."
    settings: Settings = {"how": "vfa", "flip_deg": tuple(float(f) for f in flips), "b1": b1 is not None, "bounds_s": T1_BOUNDS_S}
    how = provenance("t1", sentence, settings, _sources(series), "10.1002/mrm.10407")
    t1 = map_from_voxels("t1", fit.t1_s, fit.status, mask, grid, how, fit.t1_se_s)
    return t1, map_from_voxels("s0", fit.s0, fit.status, mask, grid, how)


def t1_from_inversion(series: Sequence[Series], mask: NDArray[np.bool_]) -> ParameterMap:
    """A T1 map from magnitude inversion recovery images, one series for each inversion time, all on the mask's grid."""
    ti_s = [ti for s in series if isinstance(s.protocol, InversionRecovery) for ti in s.protocol.ti_s]
    if len(ti_s) != len(series) or len(set(ti_s)) < 3:
        raise MissingInput(
            f"T1 from inversion recovery needs three or more inversion times, found {sorted(set(ti_s))}: {_names(series)}"
        )
    signal = np.stack([s.load()[mask] for s in series], axis=-1)
    fit = t1_inversion(signal, ti_s=np.array(ti_s), magnitude=True, t1_bounds_s=T1_BOUNDS_S)
    sentence = f"T1 before contrast was fitted to inversion recovery at {', '.join(f'{t:g}' for t in ti_s)} s."
    settings: Settings = {"how": "inversion recovery", "ti_s": tuple(ti_s), "bounds_s": T1_BOUNDS_S}
    how = provenance("t1", sentence, settings, _sources(series), "10.1002/mrm.22497")
    return map_from_voxels("t1", fit.t1_s, fit.status, mask, series[0].grid, how, fit.t1_se_s)


def _names(series: Sequence[Series]) -> str:
    return ", ".join(_sources(series)) or "no file"


def _sources(series: Sequence[Series]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(s.source for s in series))
