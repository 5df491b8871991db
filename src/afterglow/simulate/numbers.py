"""What a perfect measurement of a digital lesion would give, without any scan: means over its enhancing tissue, and its sizes.

Ktrans, ve, vp: means of tumour and scar by their shares. CBV, uCBV, MTI: areas and loop of the curves that the physics of
`vascular` gives each architecture, at the blood volume vp / (1 - haematocrit); areas go with the blood volume, MTI with its power
2.5 (gradient echo times spin echo to 1.5), so that its mean also rises with the unevenness of a tissue. IAUGC60: of extended Tofts
curves of each tissue at its mean, under the population's plasma curve, from where that has risen. Sizes are those of a sphere: a lesion
that keeps its shape changes them alike. Mean and median are not told apart, and nests beside the lesion are not part of it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from afterglow.kernels.convolution import exp_convolve
from afterglow.kernels.types import Array
from afterglow.simulate.dce import make_bolus
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
    "ktrans": DCE, "ve": DCE, "vp": DCE, "iaugc60": DCE, "cbv": ("dsc-ge",), "ucbv": ("dsc-se",), "mti": BOTH_ECHOES, "volume": (),
    "bidimensional_product": (), "longest_diameter": (),
}  # fmt: skip
_MEANS = {"ktrans": "ktrans_per_min", "ve": "ve", "vp": "vp"}
_STEP_S, _END_S = 0.1, 104.4  # as fine and as long as loop_truth needs it
_RISEN = 0.05  # of its peak: there the minute of IAUGC60 begins
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
    made = _iaugc60 if quantity == "iaugc60" else partial(_vascular, quantity)
    value = sum(share * made(part, haematocrit) for share, part in parts if share > 0)
    even = Perfusion(healthy.ktrans_per_min, healthy.ve, healthy.vp, spread=0.0, architecture=healthy.architecture)
    return TrueNumber(value, made(even, haematocrit))


def _iaugc60(tissue: Perfusion, haematocrit: float) -> float:
    """In mM s: what is in plasma, and what has leaked by then; the later the agent comes, the later the minute begins."""
    plasma, kep_per_s, leaked = _minute_of_plasma(haematocrit)
    per_s = tissue.ktrans_per_min / 60
    if per_s == 0:
        return tissue.vp * plasma
    return tissue.vp * plasma + per_s * float(np.interp(math.log(per_s / tissue.ve), np.log(kep_per_s), leaked))


@lru_cache(maxsize=8)
def _minute_of_plasma(haematocrit: float) -> tuple[float, Array, Array]:
    """The area of the plasma curve in mM s over its first minute, and that of its convolution with exp(-kep t) for a row of kep."""
    bolus = make_bolus(start_s=0.0, until_s=_END_S, haematocrit=haematocrit, scale=1.0)
    risen_s = bolus.times_s[np.argmax(bolus.artery_mM >= _RISEN * bolus.artery_mM.max())]
    at_s = risen_s + np.arange(0.0, 60.0 + _STEP_S / 2, _STEP_S)
    kep_per_s = np.geomspace(1e-6, 1.0, 200)
    leaked = exp_convolve(bolus.times_s, bolus.artery_mM, kep_per_s, at_s=at_s)
    plasma = np.interp(at_s, bolus.times_s, bolus.artery_mM)
    return float(np.trapezoid(plasma, at_s)), kep_per_s, np.trapezoid(leaked, at_s, axis=-1)


def _vascular(quantity: str, tissue: Perfusion, haematocrit: float) -> float:
    """The mean over a tissue whose blood volume is log-normal about its mean."""
    ge, se, mti = _of_all_blood(tissue.architecture)
    cbv = tissue.vp / (1 - haematocrit)
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
