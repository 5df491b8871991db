"""Blood that flows into an axial slab has seen few pulses, so it is brighter than the steady state says.

Spins that have seen n pulses have z magnetisation M = Mss + (1 - Mss) (E1 cos a)^n (Haacke and others, Magnetic Resonance Imaging,
1999, chapter 18, from memory); n grows with the distance from the slab's lower face, against which arteries flow in.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.records.protocol import Agent, Spgr
from afterglow.simulate.body import Body

Map = NDArray[np.float32]

_LEAST = 0.05  # share of artery in a sub-voxel below which inflow is not worked out


@dataclass(frozen=True, eq=False)
class Inflow:
    """The arterial sub-voxels of a body and how many pulses their blood has seen."""

    where: NDArray[np.intp]  # (m,) of the body's n sub-voxels
    amount: Map  # (m,) share of artery times proton density
    pulses: Map  # (m,)
    t1_s: float
    r2star_per_s: float
    column: int  # of `Body.amounts`


def arterial_inflow(body: Body, tr_s: float, velocity_mm_s: float) -> Inflow | None:
    """Pulses that arterial blood has seen at each sub-voxel when it enters through the lowest slice; None without artery."""
    if "artery" not in body.tissues or velocity_mm_s <= 0:
        return None
    column = body.tissues.index("artery")
    share = body.amounts[:, column]
    where = np.flatnonzero(share > _LEAST)
    height = np.unravel_index(np.flatnonzero(body.present)[where], body.present.shape)[2]
    above_mm = np.maximum((height - 1.5) / 2.0 * body.grid.spacing_mm[2], 0.0)  # sub-voxel 2 is the first inside the slab
    row = body.table["artery"]
    pulses = (above_mm / (velocity_mm_s * tr_s)).astype(np.float32)
    return Inflow(where, share[where] * np.float32(row.proton_density), pulses, row.t1_s, row.r2star_per_s, column)


def excess(inflow: Inflow, blood_mM: float, spgr: Spgr, agent: Agent, b1: Map) -> Map:
    """Signal (m,) above the steady state, in units of the equilibrium signal; `blood_mM` in whole blood, b1 (m,)."""
    r1 = 1 / inflow.t1_s + agent.r1_per_mM_s * blood_mM
    flip = np.deg2rad(spgr.flip_deg) * b1
    left = np.exp(-spgr.tr_s * r1) * np.cos(flip)
    steady = (1 - np.exp(-spgr.tr_s * r1)) / (1 - left)
    decay = np.exp(-(spgr.te_s or 0.0) * (inflow.r2star_per_s + (agent.r2star_per_mM_s or 0.0) * blood_mM))
    out: Map = (inflow.amount * np.sin(flip) * (1 - steady) * left**inflow.pulses * decay).astype(np.float32)
    return out
