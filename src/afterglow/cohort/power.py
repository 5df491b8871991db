"""Power by simulation: how often studies of a given size succeed, when each is carried out on patients of its own.

Patients come as they are drawn, so that a study's number of positive cases varies as it does in life. A study that cannot make its
test (no positive case, a marker that tells all apart) does not succeed, and is counted. Smaller studies are the first patients of
larger ones: their powers share the luck of the draw, and differ the less by chance.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from afterglow.cohort.labelled import Codes, Flags
from afterglow.cohort.proportions import proportion
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated, Values

ENOUGH = 0.8  # the power that studies are usually planned for


@dataclass(frozen=True, eq=False)
class DigitalCases:
    """Cases of many simulated patients, in the order of patients. NaN: no call could be made, or not measured."""

    patients: Codes  # (n,) ascending: the patient's place in the simulation, from 0
    truth: Flags  # (n,)
    calls: Mapping[str, Values]  # by rule: 1 speaks for a positive outcome, 0 against
    markers: Mapping[str, Values]
    before: Mapping[str, Values]  # the marker at the visit before, of those that are compared across treatment

    def of(self, first: int, beyond: int) -> "DigitalCases":
        """Those of the patients from `first` up to, and without, `beyond`."""
        begin, end = np.searchsorted(self.patients, [first, beyond])
        part = slice(int(begin), int(end))
        cut = ({k: v[part] for k, v in held.items()} for held in (self.calls, self.markers, self.before))
        return DigitalCases(self.patients[part], self.truth[part], *cut)


class StudyAnswer(NamedTuple):
    """What one study finds: whether it succeeds (None: the test could not be made), its number, and how wide the interval is."""

    success: bool | None
    value: float | None = None
    width: float | None = None


Ask = Callable[[DigitalCases, float], StudyAnswer]
Exchange = Callable[[DigitalCases, np.random.Generator], DigitalCases]


@dataclass(frozen=True)
class PowerEndpoint:
    """A question that a study asks of its cases at a level, and how patients are exchanged so that there is nothing to find."""

    name: str
    rule: str
    value_name: str
    ask: Ask
    exchange: Exchange
    exchanged: str  # the same in words
    nominal: float = 1.0  # share of 1 - level by which the test may err: a lower limit errs in half


@dataclass(frozen=True)
class PowerAt:
    """How studies of one size fare; `power` has the interval of its number of repeats."""

    patients: int
    power: Estimated
    reached: int
    not_made: int
    median_value: float | None
    median_width: float | None
    median_cases: float


@dataclass(frozen=True)
class PowerCurve:
    """One endpoint over the sizes."""

    endpoint: PowerEndpoint
    at: tuple[PowerAt, ...]

    @property
    def smallest(self) -> int | None:
        """The smallest of the sizes from which on every size reaches 80 %; None where none does."""
        short = [one.patients for one in self.at if one.power.value is None or one.power.value < ENOUGH]
        enough = [one.patients for one in self.at if not short or one.patients > max(short)]
        return min(enough, default=None)


def power_curve(
    endpoint: PowerEndpoint, cases: DigitalCases, sizes: Sequence[int], *, repeats: int, level: float, null_seed: int | None
) -> PowerCurve:
    """Studies of each size, one on each block of as many patients as the largest has.

    `null_seed`: patients are exchanged first, so that there is nothing to find; None leaves them as they are. BadInput for sizes,
    repeats or a level that make no study.
    """
    check_sizes(sizes, repeats=repeats, level=level)
    most = max(sizes)
    found: dict[int, list[tuple[StudyAnswer, int]]] = {size: [] for size in sorted(set(sizes))}
    rng = None if null_seed is None else np.random.default_rng(null_seed)
    for study in range(repeats):
        whole = cases.of(study * most, (study + 1) * most)
        used = whole if rng is None else endpoint.exchange(whole, rng)
        for size, answers in found.items():
            part = used.of(study * most, study * most + size)
            answers.append((endpoint.ask(part, level), part.truth.size))
    return PowerCurve(endpoint, tuple(_at(size, endpoint.name, answers) for size, answers in found.items()))


def check_sizes(sizes: Sequence[int], *, repeats: int, level: float) -> None:
    """BadInput where no study can be made of them."""
    odd = [size for size in sizes if size < 2]
    if not sizes or odd:
        raise BadInput(f"a study of {odd[0] if odd else 'no'} patients; give sizes from 2, such as 20,50,100")
    if repeats < 1:
        raise BadInput(f"{repeats} studies of each size; ask for 500 or so")
    if not 0.5 <= level < 1:
        raise BadInput(f"a level of {level:g}; give one from .5 to below 1, such as .95")


def _at(size: int, name: str, answers: Sequence[tuple[StudyAnswer, int]]) -> PowerAt:
    reached = sum(bool(answer.success) for answer, _ in answers)
    return PowerAt(
        size, proportion(f"power, {name}", reached, len(answers)), reached, sum(a.success is None for a, _ in answers),
        _median([a.value for a, _ in answers]), _median([a.width for a, _ in answers]), float(np.median([n for _, n in answers])),
    )  # fmt: skip


def _median(values: Sequence[float | None]) -> float | None:
    there = [v for v in values if v is not None and math.isfinite(v)]
    return float(np.median(there)) if there else None


def outcomes_exchanged(cases: DigitalCases, rng: np.random.Generator) -> DigitalCases:
    """Patients' outcomes dealt anew: a patient is positive as a whole where one of its cases is."""
    at = np.unique(cases.patients, return_inverse=True)[1]
    positive = np.bincount(at, weights=cases.truth) > 0
    return replace(cases, truth=rng.permutation(positive)[at])


def rules_exchanged(first: str, second: str) -> Exchange:
    """Each patient's calls by the two rules change places by the toss of a coin."""

    def exchange(cases: DigitalCases, rng: np.random.Generator) -> DigitalCases:
        swap = _coins(cases, rng)
        one, two = cases.calls[first], cases.calls[second]
        return replace(cases, calls={**cases.calls, first: np.where(swap, two, one), second: np.where(swap, one, two)})

    return exchange


def calls_tossed(rule: str) -> Exchange:
    """Each patient's calls by the rule are turned into their opposite by the toss of a coin: one half is right."""

    def exchange(cases: DigitalCases, rng: np.random.Generator) -> DigitalCases:
        calls = cases.calls[rule]
        return replace(cases, calls={**cases.calls, rule: np.where(_coins(cases, rng), 1 - calls, calls)})

    return exchange


def visits_exchanged(marker: str) -> Exchange:
    """Each patient's numbers before and after change places by the toss of a coin."""

    def exchange(cases: DigitalCases, rng: np.random.Generator) -> DigitalCases:
        swap = _coins(cases, rng)
        first, last = cases.before[marker], cases.markers[marker]
        return replace(
            cases,
            before={**cases.before, marker: np.where(swap, last, first)},
            markers={**cases.markers, marker: np.where(swap, first, last)},
        )

    return exchange


def _coins(cases: DigitalCases, rng: np.random.Generator) -> Flags:
    """One toss for each patient, for all of its cases."""
    at = np.unique(cases.patients, return_inverse=True)[1]
    tosses = rng.random(int(at.max()) + 1 if at.size else 0) < 0.5
    return np.asarray(tosses[at])
