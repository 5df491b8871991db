"""What a perfect measurement of a digital lesion would give, without any scan: means over its enhancing tissue, and its sizes.

Ktrans, ve, vp: means of tumour and scar by their shares. CBV, uCBV, MTI: areas and loop of the curves that the physics of
`vascular` gives each architecture, at the blood volume vp / (1 - haematocrit); areas go with the blood volume, MTI with its power
2.5 (gradient echo times spin echo to 1.5), so that its mean also rises with the unevenness of a tissue. Sizes are those of a sphere:
a lesion that keeps its shape changes them alike. Mean and median are not told apart, and nests beside the lesion are not part of it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from afterglow.simulate.spine_tissues import SPINE_TISSUES
from afterglow.simulate.story import LesionState, Perfusion
from afterglow.simulate.tissues import Tissue, with_barrier
from afterglow.simulate.vascular import (
    ARCHITECTURES,
    Bolus,
    Echoes,
    Network,
    artery_mM,
    compartments_mM,
    loop_truth,
    vascular_rates,
)

DCE, BOTH_ECHOES = ("dce",), ("dsc-ge", "dsc-se")
TRUE_QUANTITIES: Mapping[str, tuple[str, ...]] = {  # and the series that a measurement of it needs; sizes need an outline alone
    "ktrans": DCE, "ve": DCE, "vp": DCE, "cbv": ("dsc-ge",), "ucbv": ("dsc-se",), "mti": BOTH_ECHOES, "volume": (),
    "bidimensional_product": (), "longest_diameter": (),
}  # fmt: skip
_MEANS = {"ktrans": "ktrans_per_min", "ve": "ve", "vp": "vp"}
_STEP_S, _END_S = 0.1, 104.4  # as fine and as long as loop_truth needs it
_POWER = 2.5  # of the blood volume in MTI


@dataclass(frozen=True)
class HealthyTissue:
    """What ratios are over: perfusion, and the architecture of its vessels."""

    ktrans_per_min: float
    ve: float
    vp: float
    architecture: str


@dataclass(frozen=True)
class TrueNumber:
    """A number of a lesion, and the same number of healthy tissue; None where it has none, as a size."""

    value: float
    reference: float | None = None


def healthy_tissue(site: str, *, brain_leak: float) -> HealthyTissue:
    """White matter of the head; of the spine marrow that is half red and half fatty, without the bone in it.

    `brain_leak` is that of the simulation's scanner table: how much the healthy barrier lets through.
    """
    if site == "brain":
        return _healthy(with_barrier(brain_leak)["white"])
    if site == "spine":
        return _healthy(SPINE_TISSUES["red marrow"], SPINE_TISSUES["fatty marrow"])
    raise ValueError(f"{site!r} is no site that is simulated; there are brain and spine")


def _healthy(*rows: Tissue) -> HealthyTissue:
    mean = {name: sum(getattr(row, name) for row in rows) / len(rows) for name in _MEANS.values()}
    return HealthyTissue(**mean, architecture=rows[0].architecture)


def true_number(quantity: str, lesion: LesionState, healthy: HealthyTissue, *, haematocrit: float) -> TrueNumber:
    """That number of the lesion. ValueError for a quantity that is none of TRUE_QUANTITIES."""
    if quantity not in TRUE_QUANTITIES:
        raise ValueError(f"a digital lesion has no true {quantity} without a scan; there are {', '.join(TRUE_QUANTITIES)}")
    if quantity == "volume":
        return TrueNumber(lesion.volume_ml)
    if quantity in ("longest_diameter", "bidimensional_product"):
        diameter_mm = (6e3 * lesion.volume_ml / math.pi) ** (1 / 3)
        return TrueNumber(diameter_mm if quantity == "longest_diameter" else diameter_mm**2)
    parts = ((lesion.tumour_share, lesion.tumour), (1 - lesion.tumour_share, lesion.scar))
    if quantity in _MEANS:
        name = _MEANS[quantity]
        return TrueNumber(sum(share * getattr(part, name) for share, part in parts), getattr(healthy, name))
    plasma = 1 - haematocrit
    value = sum(share * _vascular(quantity, part, plasma) for share, part in parts if share > 0)
    even = Perfusion(healthy.ktrans_per_min, healthy.ve, healthy.vp, spread=0.0, architecture=healthy.architecture)
    return TrueNumber(value, _vascular(quantity, even, plasma))


def _vascular(quantity: str, tissue: Perfusion, plasma: float) -> float:
    """The mean over a tissue whose blood volume is log-normal about its mean."""
    ge, se, mti = _of_all_blood(tissue.architecture)
    cbv = tissue.vp / plasma
    if quantity == "mti":
        return mti * float(cbv**_POWER) * math.exp(_POWER * (_POWER - 1) / 2 * tissue.spread**2)
    return cbv * (ge if quantity == "cbv" else se)


@lru_cache(maxsize=len(ARCHITECTURES))
def _of_all_blood(architecture: str) -> tuple[float, float, float]:
    """Areas of gradient and spin echo, and MTI, per unit of blood volume."""
    inside, _ = compartments_mM(_STEP_S, artery_mM(np.arange(0, _END_S, _STEP_S), Bolus()), Network())
    rates = vascular_rates(inside, ARCHITECTURES[architecture], Network(), Echoes())
    truth = loop_truth(_STEP_S, rates, 1.0)
    return float(rates.ge_per_s.sum() * _STEP_S), truth.se_area, truth.mti
