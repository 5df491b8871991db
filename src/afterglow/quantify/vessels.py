"""Vessel radius and density from both echoes, an absolute blood volume and the diffusion coefficient."""

import numpy as np

from afterglow.kernels.types import Status
from afterglow.kernels.vessel import vessel_density, vessel_radius, vessel_radius_closed
from afterglow.quantify.made import map_from_voxels, provenance
from afterglow.quantify.microvessel import Loops
from afterglow.quantify.rates import Rates
from afterglow.records.maps import ParameterMap, Provenance

_ADC_GROUPS = 12  # voxels of like diffusion share a table of radii
_DIFFUSION_UM2_PER_MS = (0.2, 3.5)  # outside, it is no tissue


def vessel_maps(
    ge: Rates, se: Rates, loops: Loops, relative: ParameterMap, adc: ParameterMap, *, reference_cbv: float, cbv_source: str
) -> tuple[tuple[ParameterMap, ...], Provenance]:
    """Vessel radius by the table of cylinders, beside it the closed formula, and vessel density, from rates at the peaks.

    `relative` is CBV over that of the reference tissue, whose blood volume `reference_cbv` makes it absolute; `adc` lies on the same grid.
    """
    ge_peak, se_peak = loops.peaks
    zeta = relative.values[ge.mask].astype(np.float64) * reference_cbv
    diffusion = adc.values[ge.mask].astype(np.float64) * 1e3  # um2/ms
    known = (
        np.isfinite(ge_peak * se_peak * zeta * diffusion)
        & (zeta > 0)
        & (zeta < 1)
        & (diffusion > _DIFFUSION_UM2_PER_MS[0])
        & (diffusion < _DIFFUSION_UM2_PER_MS[1])
    )
    radius, closed, number = (np.full(ge_peak.shape, np.nan) for _ in range(3))
    closed[known] = vessel_radius_closed(
        ge_peak[known], se_peak[known], volume_fraction=zeta[known], diffusion_um2_per_ms=diffusion[known]
    )
    number[known] = vessel_density(ge_peak[known], se_peak[known], diffusion_um2_per_ms=diffusion[known])[1]
    for rows in np.array_split(np.flatnonzero(known)[np.argsort(diffusion[known], kind="stable")], _ADC_GROUPS):
        if rows.size:
            radius[rows] = vessel_radius(
                ge_peak[rows], se_peak[rows], volume_fraction=zeta[rows], te_ge_s=ge.protocol.te_s, te_se_s=se.protocol.te_s,
                diffusion_um2_per_ms=float(diffusion[rows].mean()),
            )  # fmt: skip
    sentence = (
        "Vessel radius is that of the cylinder whose simulated gradient- and spin-echo rates at the peak are the measured ones at the voxel's CBV and ADC, "
        f"CBV of the reference being {100 * reference_cbv:g} % ({cbv_source}); the closed "
        "formula, which is too large above about 10 um, and vessel density stand beside it."
    )
    how = provenance(
        "vessels",
        sentence,
        {"te_ge_s": ge.protocol.te_s, "te_se_s": se.protocol.te_s, "reference_cbv": reference_cbv},
        (ge.source, se.source),
    )
    status = np.where(known, np.uint8(Status.OK), np.uint8(Status.LOW_CONTRAST))
    named = (("vessel_radius", radius), ("vessel_size_index", closed), ("vessel_density", number))
    return tuple(map_from_voxels(name, v, status, ge.mask, ge.grid, how) for name, v in named), how
