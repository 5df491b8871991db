"""What a DSC scan should find: blood volume, and the loop of both echoes, of every voxel of a body."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.loop import loop_area
from afterglow.kernels.vessel import VesselRates
from afterglow.simulate.body import Body
from afterglow.simulate.dsc_scan import voxel_of
from afterglow.simulate.dsc_signal import HAEMATOCRIT, STEP_S
from afterglow.simulate.series import TrueMap
from afterglow.simulate.vascular import ARCHITECTURES, Bolus, Echoes, Network, artery_mM, compartments_mM, vascular_rates

Map = NDArray[np.float32]

_SPAN_S = 60.0
_THINNED = 4  # of the fine clock; .2 s between points of the true loop
_CHUNK = 8192
_BRAIN = ("grey", "white", "oedema", "infiltration", "tumour", "scar")
_SHARES = (*_BRAIN, "core", "cavity", "csf", "artery", "vein")


def true_maps(body: Body, bolus: Bolus, network: Network, echoes: Echoes, *, both: bool, space: str) -> tuple[TrueMap, ...]:
    """Blood volume and shares of tissues in each voxel of the series, the body as sampled; where `both` echoes were scanned, their loops in brain.

    `enhancing` is tumour and scar together; `space` is the role of the series.
    """
    shares = {name: body.share(name) for name in _SHARES}
    maps = {"cbv": true_cbv(body), **shares, "enhancing": shares["tumour"] + shares["scar"]}
    made = [TrueMap(name, "1", values, body.grid, space) for name, values in maps.items()]
    for name, values in zip(("area_ge", "area_se"), true_areas(body, bolus, network, echoes), strict=True):
        made.append(TrueMap(name, "1", values, body.grid, space))
    if both:
        brain = np.sum([shares[name] for name in _BRAIN], axis=0) > 0.5
        mti, nmti = true_loops(body, bolus, network, echoes, brain)
        made += [TrueMap("mti", "s-5/2", mti, body.grid, space), TrueMap("nmti", "1", nmti, body.grid, space)]
    return tuple(made)


def true_cbv(body: Body) -> Map:
    """Blood volume fraction (i, j, k) as the mean over each voxel; a large vessel counts as blood."""
    total = np.sum(list(_by_architecture(body).values()), axis=0)
    blood = [part for name, part in body.shares.items() if body.table[name].blood]
    out: Map = (total + np.sum(blood, axis=0)).astype(np.float32) if blood else total.astype(np.float32)
    return out


def true_areas(body: Body, bolus: Bolus, network: Network, echoes: Echoes) -> tuple[Map, Map]:
    """Integral of dR2* and of dR2 over the first pass (i, j, k), small vessels only, without leak: what a perfect scan calls blood volume.

    It is not proportional to the blood volume where architectures differ: a spin echo sees capillaries best.
    """
    rates = _fine_rates(bolus, network, echoes)
    amounts = _by_architecture(body)
    ge, se = (
        np.sum([part * np.float32(rates[name][n].sum() * STEP_S) for name, part in amounts.items()], axis=0) for n in (0, 1)
    )
    return ge.astype(np.float32), se.astype(np.float32)


def _fine_rates(bolus: Bolus, network: Network, echoes: Echoes) -> Mapping[str, VesselRates]:
    """Rates per unit of blood volume by architecture on a fine clock."""
    fine_s = np.arange(0.0, bolus.onset_s + _SPAN_S, STEP_S)
    concentrations, _ = compartments_mM(STEP_S, artery_mM(fine_s, bolus), network)
    return {name: vascular_rates(concentrations, shares, network, echoes) for name, shares in ARCHITECTURES.items()}


def true_loops(body: Body, bolus: Bolus, network: Network, echoes: Echoes, where: NDArray[np.bool_]) -> tuple[Map, Map]:
    """MTI (s^-5/2) and nMTI (i, j, k) of one bolus seen by both echoes without leak, delay or noise; NaN outside `where`.

    The rates of all vessels in a voxel are added before the loop is drawn.
    """
    rates = _fine_rates(bolus, network, echoes)
    amounts = {name: part[where].astype(np.float64) for name, part in _by_architecture(body).items()}
    ge, se = (np.stack([r[n][::_THINNED] for r in (rates[name] for name in amounts)]) for n in (0, 1))
    weights = np.stack(list(amounts.values()), axis=1)
    mti, nmti = (np.full(where.shape, np.nan, np.float32) for _ in range(2))
    area, scaled = np.empty(weights.shape[0]), np.empty(weights.shape[0])
    for first in range(0, weights.shape[0], _CHUNK):
        part = slice(first, first + _CHUNK)
        mine_ge, mine_se = weights[part] @ ge, np.maximum(weights[part] @ se, 0.0)
        area[part] = loop_area(mine_ge, mine_se)
        peak = mine_ge.max(axis=1) * mine_se.max(axis=1) ** 1.5
        scaled[part] = np.divide(area[part], peak, out=np.full(peak.size, np.nan), where=peak > 0)
    mti[where], nmti[where] = area, scaled
    return mti, nmti


def _by_architecture(body: Body) -> Mapping[str, Map]:
    """Blood volume fraction (i, j, k) of each kind of network; large vessels left out."""
    out = {name: np.zeros(body.grid.shape, np.float32) for name in ARCHITECTURES}
    drawn = {one.name for one in body.drawn}
    for name, share in body.shares.items():
        row = body.table[name]
        if name not in drawn and not row.blood and row.vp > 0:
            uneven = body.textured[name][0] if name in body.textured else 0.0
            out[row.architecture] += np.float32(row.vp / (1 - HAEMATOCRIT)) * (share + uneven)
    for one in body.drawn:
        voxel, slices = voxel_of(body, one)
        inside = slices >= 0
        i, j = np.divmod(voxel[inside], body.grid.shape[1])
        np.add.at(out[one.architecture], (i, j, slices[inside]), 0.125 * one.vp[inside] / np.float32(1 - HAEMATOCRIT))
    return out
