"""What studies are planned for: each endpoint asks its cases by the same test, under the same rule, as the report on a cohort."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from afterglow.cohort.analyse_markers import TwoGroups
from afterglow.cohort.auc import auc, compare_aucs
from afterglow.cohort.groups import student, welch
from afterglow.cohort.labelled import label, label_together
from afterglow.cohort.paired_readings import MCNEMAR_RULES, mcnemar_p, tango
from afterglow.cohort.power import (
    DigitalCases,
    PowerEndpoint,
    StudyAnswer,
    calls_tossed,
    outcomes_exchanged,
    rules_exchanged,
    visits_exchanged,
)
from afterglow.cohort.proportions import proportion_interval
from afterglow.cohort.rank_sum import mann_whitney
from afterglow.cohort.signed_rank import wilcoxon
from afterglow.records.case import Marker
from afterglow.records.statistic import Estimated, Tested, Values

_KINDS = (("sensitivity", True), ("specificity", False))
_OUTCOMES = "outcomes are dealt anew among patients"


def call_endpoints(rules: Sequence[str]) -> tuple[PowerEndpoint, ...]:
    """Sensitivity and specificity of the first rule above one half, and against the second rule where there is one."""
    first = rules[0]
    limits = tuple(_limit_endpoint(first, ratio, kind) for ratio, kind in _KINDS)
    return (*limits, *(_pair_endpoint(first, other, ratio, kind) for other in rules[1:2] for ratio, kind in _KINDS))


def _limit_endpoint(rule: str, ratio: str, kind: bool) -> PowerEndpoint:
    def ask(cases: DigitalCases, level: float) -> StudyAnswer:
        calls = cases.calls[rule][cases.truth == kind]
        made = calls[~np.isnan(calls)]
        if not made.size:
            return StudyAnswer(None)
        right = int((made == kind).sum())
        low, high = _interval(right, made.size, level)
        return StudyAnswer(low > 0.5, right / made.size, high - low)

    return PowerEndpoint(
        f"{ratio} of {rule} above .5", "lower Clopper-Pearson limit above .5, exams taken as independent", ratio, ask, calls_tossed(rule),
        "each patient's call is turned by the toss of a coin", 0.5,
    )  # fmt: skip


def _pair_endpoint(first: str, second: str, ratio: str, kind: bool) -> PowerEndpoint:
    def ask(cases: DigitalCases, level: float) -> StudyAnswer:
        both = (cases.truth == kind) & ~np.isnan(cases.calls[first]) & ~np.isnan(cases.calls[second])
        if not both.any():
            return StudyAnswer(None)
        one, two = (cases.calls[rule][both] == kind for rule in (first, second))
        p, difference, width = _mcnemar(int((one & ~two).sum()), int((two & ~one).sum()), int(both.sum()), level)
        return StudyAnswer(p < 1 - level, difference, width)

    return PowerEndpoint(
        f"{ratio}, {first} against {second}", f"McNemar, {MCNEMAR_RULES['exact']}, exams taken as independent; either may be the better one",
        f"difference of {ratio}, first less second", ask, rules_exchanged(first, second), "each patient's calls change places by the toss of a coin",
    )  # fmt: skip


@lru_cache(maxsize=65536)
def _interval(x: int, n: int, level: float) -> tuple[float, float]:
    return proportion_interval(x, n, level=level)


@lru_cache(maxsize=65536)
def _mcnemar(b: int, c: int, n: int, level: float) -> tuple[float, float, float | None]:
    """P, difference, and width of its Tango interval."""
    p = mcnemar_p(b, c, rule="exact")[1]
    found = tango(b, c, n, level=level)
    return (1.0 if p is None else p), (b - c) / n, _width(found)


def roc_endpoints(markers: Sequence[Marker]) -> tuple[PowerEndpoint, ...]:
    """The area of each marker above one half, and the areas of the first two compared."""
    return (*(_area_endpoint(m) for m in markers), *(_areas_endpoint(markers[0], m) for m in markers[1:2]))


def _area_endpoint(marker: Marker) -> PowerEndpoint:
    def ask(cases: DigitalCases, level: float) -> StudyAnswer:
        whose = cases.patients.astype(str).tolist()
        sample = label(marker.name, cases.markers[marker.name], cases.truth, whose, higher_is_positive=marker.higher_is_positive)
        found = auc(sample, level=level)
        return StudyAnswer(None if found.low is None else found.low > 0.5, found.value, _width(found))

    return PowerEndpoint(
        f"area under the curve of {marker.name} above .5", "lower limit (DeLong on the logit scale; Obuchowski where patients have several exams) above .5",
        "area", ask, outcomes_exchanged, _OUTCOMES, 0.5,
    )  # fmt: skip


def _areas_endpoint(first: Marker, second: Marker) -> PowerEndpoint:
    def ask(cases: DigitalCases, level: float) -> StudyAnswer:
        turned = {m.name: cases.markers[m.name] * (1 if m.higher_is_positive else -1) for m in (first, second)}
        found = compare_aucs(label_together(dict(turned), cases.truth, cases.patients.astype(str).tolist()), level=level)
        return _answer(found, level)

    return PowerEndpoint(
        f"area under the curve, {first.name} against {second.name}", "DeLong, paired (Obuchowski where patients have several exams); either may be the better one",
        "difference of areas, first less second", ask, outcomes_exchanged, _OUTCOMES,
    )  # fmt: skip


def between_endpoints(markers: Sequence[Marker], test: TwoGroups, sides: tuple[str, str]) -> tuple[PowerEndpoint, ...]:
    """Positive against negative cases, each marker by itself."""
    return tuple(_between_endpoint(m, test, sides) for m in markers)


def _between_endpoint(marker: Marker, test: TwoGroups, sides: tuple[str, str]) -> PowerEndpoint:
    def ask(cases: DigitalCases, level: float) -> StudyAnswer:
        first, second = (_there(cases.markers[marker.name][cases.truth == kind]) for kind in (True, False))
        if not (first.size and second.size):
            return StudyAnswer(None)
        if test == "mann-whitney":
            return _answer(mann_whitney(first, second, level=level), level)
        return _answer((student if test == "student" else welch)(first, second, log=marker.log, level=level), level)

    words = {"mann-whitney": "Mann-Whitney", "student": "Student's t", "welch": "Welch's t"}[test]
    return PowerEndpoint(
        f"{marker.name}, {sides[0]} against {sides[1]}", f"{words}, not adjusted for other markers, exams taken as independent",
        "effect", ask, outcomes_exchanged, _OUTCOMES,
    )  # fmt: skip


def before_after_endpoints(markers: Sequence[Marker], sides: tuple[str, str]) -> tuple[PowerEndpoint, ...]:
    """Before against after, in each group of outcomes."""
    return tuple(
        _before_after_endpoint(m, words, kind) for m in markers for words, kind in zip(sides, (True, False), strict=True)
    )


def change_endpoints(names: Sequence[str]) -> tuple[PowerEndpoint, ...]:
    """After against before, in all patients that have both."""
    return tuple(_change_endpoint(name) for name in names)


def _change_endpoint(name: str) -> PowerEndpoint:
    def ask(cases: DigitalCases, level: float) -> StudyAnswer:
        first, second = cases.before[name], cases.markers[name]
        whole = ~(np.isnan(first) | np.isnan(second))
        if not whole.any():
            return StudyAnswer(None)
        return _answer(wilcoxon(first[whole], second[whole], level=level), level)

    return PowerEndpoint(
        f"{name} in the aggressive zone, after less before", "Wilcoxon signed rank, not adjusted", "effect", ask, visits_exchanged(name),
        "each patient's numbers before and after change places by the toss of a coin",
    )  # fmt: skip


def _before_after_endpoint(marker: Marker, words: str, kind: bool) -> PowerEndpoint:
    def ask(cases: DigitalCases, level: float) -> StudyAnswer:
        first, second = (held[marker.name][cases.truth == kind] for held in (cases.before, cases.markers))
        whole = ~(np.isnan(first) | np.isnan(second))
        if not whole.any():
            return StudyAnswer(None)
        return _answer(wilcoxon(first[whole], second[whole], level=level), level)

    return PowerEndpoint(
        f"{marker.name}, after less before: {words}", "Wilcoxon signed rank, not adjusted, exams taken as independent", "effect", ask,
        visits_exchanged(marker.name), "each patient's numbers before and after change places by the toss of a coin",
    )  # fmt: skip


def _answer(found: Tested, level: float) -> StudyAnswer:
    effect = found.effects[0] if found.effects else None
    return StudyAnswer(
        None if found.p is None else found.p < 1 - level, None if effect is None else effect.value, None if effect is None else _width(effect)
    )  # fmt: skip


def _there(values: Values) -> Values:
    return values[~np.isnan(values)]


def _width(found: Estimated) -> float | None:
    return None if found.low is None or found.high is None else found.high - found.low
