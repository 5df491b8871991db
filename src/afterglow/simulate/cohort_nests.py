"""Tumour cells beside the lesion: before surgery a nest with raised ve, later a recurrence, there or elsewhere."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from afterglow.kernels.aif_population import parker
from afterglow.simulate.cohort_draw import STRICT, Bounds, Number
from afterglow.simulate.cohort_lesion import PerfusionSpec, resolved
from afterglow.simulate.story import Nest, Perfusion
from afterglow.simulate.tissues import TISSUES, with_water


@dataclass(frozen=True)
class NestSpec:
    """Each patient has `places` places beside the lesion, and at one of them a nest of infiltrating cells.

    The logarithm of its ve is normal about `ve_median` with `ve_sigma`; in patients of `recurring` groups it lies `effect`
    standard deviations higher, times `link`. With the chance `link` the tumour comes back at the nest, otherwise at any
    place. A link of 0 is the null cohort: ve says nothing about whether or where the tumour recurs.

    `decoys`: the other places hold nests as well, which never come back. `alike_s`: Ktrans of each nest is such that, so long
    after the injection, it holds as much agent as one of the median ve (as much as it can, where that is less): an image
    taken then does not tell them apart, and what is left to see is ve. None: all have one Ktrans.

    `r1_per_ve_per_s`, `r2_per_ve_per_s`: how much R1 and R2 rise (fall, where negative) for each unit that ve lies above that
    of the tissue table. More interstitial water relaxes more slowly: with the right slopes a nest with more ve is as bright
    after contrast agent as one with less, and on FLAIR, and what is left to see is how much its signal changed.
    """

    recurring: tuple[str, ...]  # groups whose tumour comes back
    before: str  # session at which cells infiltrate
    after: str  # session at which the tumour has come back
    places: int
    link: float
    effect: float
    ve_median: float
    ve_sigma: float
    ve_high: float
    ktrans_per_min: float  # of the nest before
    vp: float
    volume_ml: Number
    tumour_volume_ml: Number
    tumour: PerfusionSpec  # where it has come back
    source: str
    decoys: bool = False
    alike_s: float | None = None
    r1_per_ve_per_s: float = 0.0
    r2_per_ve_per_s: float = 0.0
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        if self.alike_s is not None and not 0 < self.alike_s < math.inf:
            raise ValueError(f"alike_s is {self.alike_s}; give the time from the injection to the image in seconds")
        if self.places < 1:
            raise ValueError(f"places is {self.places}; give 1 or more")
        if not 0 <= self.link <= 1:
            raise ValueError(f"link is {self.link}; give 0 (ve says nothing) to 1 (as stated)")
        if not all(math.isfinite(v) and v >= 0 for v in (self.ve_sigma, self.effect, self.ktrans_per_min, self.vp)):
            raise ValueError(
                f"ve_sigma {self.ve_sigma}, effect {self.effect}, Ktrans {self.ktrans_per_min} and vp {self.vp} are from 0 and finite; correct one"
            )
        if not self.ve_high + self.vp <= 1:
            raise ValueError(f"ve up to {self.ve_high} and vp {self.vp} are not parts of one volume; lower one of them")
        if not 0 < self.ve_median < self.ve_high:
            raise ValueError(f"ve_median is {self.ve_median}; it lies above 0 and below ve_high, {self.ve_high}")

    def check(self, known: Mapping[str, Bounds], words: Mapping[str, tuple[str, ...]]) -> None:
        """ValueError where a draw could be impossible."""
        self.tumour.check("nest.tumour", known, words)
        row = TISSUES["infiltration"]
        for ve in (0.0, self.ve_high):
            more = ve - row.ve
            with_water(
                f"a nest with ve {ve:g}",
                row,
                more_r1_per_s=self.r1_per_ve_per_s * more,
                more_r2_per_s=self.r2_per_ve_per_s * more,
            )


@dataclass(frozen=True)
class DrawnNests:
    """The nests of one patient by session, and what the truth says about them."""

    by_session: Mapping[str, tuple[Nest, ...]]
    hidden: Mapping[str, str | float]


def draw_nests(
    spec: NestSpec, group: str, known: Mapping[str, float], words: Mapping[str, str], rng: np.random.Generator
) -> DrawnNests:
    """Where the nest sits, its ve, and where the tumour comes back."""
    recurs = group in spec.recurring
    place, other = int(rng.integers(spec.places)), int(rng.integers(spec.places))
    back = place if rng.random() < spec.link else other
    raised = float(ndtri(rng.random())) + spec.effect * spec.link * recurs
    volume_ml = resolved(spec.volume_ml, known)
    nests = {place: _nest(spec, place, volume_ml, raised)}
    for number in range(spec.places) if spec.decoys else ():
        if number != place:
            nests[number] = _nest(spec, number, volume_ml, float(ndtri(rng.random())))
    ve = nests[place].perfusion.ve
    later = [
        nest for number, nest in nests.items() if not recurs or number != back
    ]  # cells that did not become the recurrence stay
    if recurs:
        later.append(Nest(back, resolved(spec.tumour_volume_ml, known), "tumour", spec.tumour.draw(known, words)))
    hidden: dict[str, str | float] = {"nest_place": place, "nest_ve": ve}
    if recurs:
        hidden["recurrence_place"] = back
    return DrawnNests({spec.before: tuple(nests.values()), spec.after: tuple(later)}, hidden)


def _nest(spec: NestSpec, number: int, volume_ml: float, raised: float) -> Nest:
    perfusion = _around(spec, raised)
    more = perfusion.ve - TISSUES["infiltration"].ve
    return Nest(number, volume_ml, "infiltration", perfusion, spec.r1_per_ve_per_s * more, spec.r2_per_ve_per_s * more)


def _around(spec: NestSpec, raised: float) -> Perfusion:
    """A nest whose ve lies that many standard deviations above the median."""
    ve = min(spec.ve_median * math.exp(spec.ve_sigma * raised), spec.ve_high)
    if spec.alike_s is None or spec.ktrans_per_min == 0:
        return Perfusion(spec.ktrans_per_min, ve, spec.vp)
    tried = np.geomspace(spec.ktrans_per_min / 10, spec.ktrans_per_min * 10, 400)
    held = _agent(tried, ve, spec.alike_s)
    wanted = _agent(np.array([spec.ktrans_per_min]), spec.ve_median, spec.alike_s)[0]
    rising = slice(0, int(held.argmax()) + 1)  # beyond its largest the agent has washed out again
    return Perfusion(float(np.exp(np.interp(wanted, held[rising], np.log(tried[rising])))), ve, spec.vp)


def _agent(ktrans_per_min: NDArray[np.float64], ve: float, after_s: float) -> NDArray[np.float64]:
    """Agent in the tissue's interstitium (n,), mM of tissue, so long after the bolus arrived, by Tofts' model and Parker's curve."""
    times_s = np.arange(0.0, after_s + 0.5, 1.0)
    left = np.exp(-np.outer(ktrans_per_min / ve, times_s[-1] - times_s) / 60.0)
    held: NDArray[np.float64] = ktrans_per_min / 60.0 * np.trapezoid(parker(times_s, delay_s=0.0) * left, times_s, axis=1)
    return held
