"""Analyses of markers: groups of outcomes, subgroups of calls, pairs with reference tissue or the visit before."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from afterglow.cohort.all_pairs import dunnett_t3
from afterglow.cohort.analyse_calls import subgroup_of
from afterglow.cohort.correlation import baseline_and_change
from afterglow.cohort.groups import levene, shapiro, student, welch
from afterglow.cohort.many_groups import general_linear_model
from afterglow.cohort.multiplicity import adjusted
from afterglow.cohort.part import Part, Sides, by_outcome, file_name, values_of
from afterglow.cohort.rank_sum import mann_whitney
from afterglow.cohort.repeated import mixed_model
from afterglow.cohort.signed_rank import wilcoxon
from afterglow.records.case import Marker
from afterglow.records.group import BoxPlot, PairedValues, PairPlot
from afterglow.records.statistic import Groups, Tested, Values

TwoGroups = Literal["mann-whitney", "student", "welch"]


def analyse_between(name: str, sides: Sides, markers: Sequence[Marker], test: TwoGroups) -> Part:
    """Positive against negative cases, each marker; P values of several are adjusted (Holm).

    Beside them: what normality and spread look like for a t test, and where patients have several cases a mixed model that knows it.
    """
    groups = [by_outcome(sides, marker) for marker in markers]
    tests = [_two_groups(both, marker, test, sides) for marker, both in zip(markers, groups, strict=True)]
    made = adjusted(tests) if len(tests) > 1 else tuple(tests)
    pictures = tuple(
        BoxPlot(file_name(name, m.name), both, (one,), log=m.log)
        for m, both, one in zip(markers, groups, made, strict=True)
        if _drawable(both)
    )
    families = [(f"{name}: {sides.positive} against {sides.negative}", made)]
    if test != "mann-whitney":
        beside = tuple(one for m, both in zip(markers, groups, strict=True) for one in _assumptions(both, m))
        families.append((f"{name}: assumptions", beside))
    if sides.clustered:
        families.append((f"{name}: patients with several cases", tuple(t for m in markers for t in _mixed(m, sides))))
    cautions = ("several exams of one patient are taken as independent in tests of two groups; the mixed model does not",)
    return Part(name, made[:1], tests=tuple(families), pictures=pictures, cautions=cautions if sides.clustered else ())


def _two_groups(both: Groups, marker: Marker, test: TwoGroups, sides: Sides) -> Tested:
    first, second = (v[np.isfinite(v)] for v in both.values)
    words = _between_words(marker, sides)
    if not (first.size and second.size):
        return _empty(test, both, words)
    ways: dict[TwoGroups, Callable[[Values, Values], Tested]] = {
        "mann-whitney": lambda a, b: mann_whitney(a, b, unit=marker.unit, about=words),
        "student": lambda a, b: student(a, b, log=marker.log, unit=marker.unit, about=words),
        "welch": lambda a, b: welch(a, b, log=marker.log, unit=marker.unit, about=words),
    }
    return ways[test](first, second)


def _assumptions(both: Groups, marker: Marker) -> list[Tested]:
    """Normality of each group, and equal spread by both centres; on the scale of the test."""
    known = [v[np.isfinite(v)] for v in both.values]
    used = [np.log(v) if marker.log and (v > 0).all() else v for v in known]
    found = [shapiro(v, about=f"{marker.name}, {words}") for v, words in zip(used, both.labels, strict=True)]
    if all(v.size for v in used):
        found += [levene(*used, centre=centre, about=marker.name) for centre in ("mean", "median")]
    return found


def _mixed(marker: Marker, sides: Sides) -> tuple[Tested, ...]:
    """The difference between outcomes with a random intercept of each patient, on the marker's scale."""
    values = values_of(sides.cases, marker.name)
    scale = ""
    if marker.log and (values[np.isfinite(values)] > 0).all():
        values, scale = np.log(values), ", natural logarithm"
    about = f"{_between_words(marker, sides)}{scale}"
    side = {sides.positive: np.array(sides.truth, dtype=np.float64)}
    fitted = mixed_model(values, side, sides.patients, unit="1" if scale else marker.unit, about=about)
    if not fitted.terms:
        return (
            Tested(
                fitted.name, fitted.rule, (fitted.n,), "", None, None, about=about, note=fitted.note or "it could not be fitted"
            ),
        )
    slope = fitted.term(sides.positive)
    return (replace(slope, about=about, note="; ".join(words for words in (slope.note, fitted.note) if words)),)


def _between_words(marker: Marker, sides: Sides) -> str:
    return f"{marker.name}, {sides.positive} against {sides.negative}"


def _empty(test: str, both: Groups, words: str) -> Tested:
    n = tuple(int(np.isfinite(v).sum()) for v in both.values)
    return Tested(test, "not made", n, "", None, None, about=words, note="one of the groups has no value")


def _drawable(groups: Groups) -> bool:
    return any(np.isfinite(v).any() for v in groups.values)


def analyse_subgroups(name: str, sides: Sides, markers: Sequence[Marker], rules: tuple[str, str]) -> Part:
    """Groups by outcome and by which rule was right: general linear model, Levene by both centres, Dunnett T3 for each pair."""
    named = [(case, subgroup_of(case, rules)) for case in sides.cases]
    labels = sorted({group for _, group in named if group is not None})
    tests: list[tuple[str, tuple[Tested, ...]]] = []
    pictures: list[BoxPlot] = []
    for marker in markers:
        values = tuple(values_of((case for case, group in named if group == one), marker.name) for one in labels)
        groups = Groups(marker.name, marker.unit, tuple(labels), values)
        known = [(v[np.isfinite(v)], one) for v, one in zip(values, labels, strict=True)]
        enough = [(v, one) for v, one in known if v.size > 1]
        if len(enough) < 2:
            continue
        flat = np.concatenate([v for v, _ in enough])
        whose = [one for v, one in enough for _ in range(v.size)]
        model = general_linear_model(flat, whose, unit=marker.unit, about=marker.name)
        spread = tuple(levene(*(v for v, _ in enough), centre=centre, about=marker.name) for centre in ("mean", "median"))
        pairs = dunnett_t3(Groups(marker.name, marker.unit, tuple(one for _, one in enough), tuple(v for v, _ in enough)))
        tests.append((f"{name}: {marker.name}", (*model, *spread, *pairs)))
        pictures.append(BoxPlot(file_name(name, marker.name), groups, model[:1], log=marker.log))
    cautions = (
        ("several exams of one patient are taken as independent in the general linear model and in Dunnett's T3",)
        if sides.clustered
        else ()
    )
    return Part(name, tests=tuple(tests), pictures=tuple(pictures), cautions=cautions)


def analyse_against_reference(name: str, sides: Sides, markers: Sequence[Marker]) -> Part:
    """Each marker in the lesion less in the reference tissue of the same visit."""
    tests = []
    for marker in markers:
        pairs = [
            (c.reference[marker.name], c.values[marker.name])
            for c in sides.cases
            if marker.name in c.reference and marker.name in c.values
        ]
        first, second = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
        tests.append(wilcoxon(first, second, unit=marker.unit, about=f"{marker.name}, lesion less reference tissue"))
    made = adjusted(tests) if len(tests) > 1 else tuple(tests)
    return Part(name, made[:1], tests=((f"{name}: lesion against reference tissue", made),))


def analyse_before_after(name: str, sides: Sides, pairs: Sequence[tuple[Marker, Values, Values]]) -> Part:
    """Each marker at the visit before and at the visit judged, in each group; whether the change hangs on where it began."""
    tests: list[Tested] = []
    coupled: list[Tested] = []
    pictures: list[PairPlot] = []
    groups = tuple(sides.positive if c.positive else sides.negative for c in sides.cases)
    for marker, first, second in pairs:
        whole = np.isfinite(first) & np.isfinite(second)
        own: list[Tested] = []
        for one in (side for side in (sides.positive, sides.negative) if side in groups):
            here = whole & np.array([g == one for g in groups])
            own.append(wilcoxon(first[here], second[here], unit=marker.unit, about=f"{marker.name}, after less before: {one}"))
        tests += own
        if whole.sum() > 3:
            found = baseline_and_change(first[whole], second[whole], about=f"{marker.name}: where it began against its change")
            coupled += [found.raw, found.spearman, found.oldham]
        if whole.any():
            drawn = PairedValues(marker.name, marker.unit, "before", "after", first, second, tuple(sides.patients), groups,
                                 (sides.positive, sides.negative))  # fmt: skip
            pictures.append(PairPlot(file_name(name, marker.name), drawn, tuple(own)))
    families = [
        (f"{name}: before and after", tuple(tests)),
        *([(f"{name}: baseline against change", tuple(coupled))] if coupled else []),
    ]
    return Part(name, tuple(tests[:1]), tests=tuple(families), pictures=tuple(pictures))
