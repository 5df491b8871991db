"""Analyses of markers: ROC curves and cutoffs, groups of outcomes, subgroups of calls, pairs with reference tissue or the visit before."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from afterglow.cohort.all_pairs import dunnett_t3
from afterglow.cohort.analyse_calls import subgroup_of
from afterglow.cohort.auc import auc, compare_aucs
from afterglow.cohort.correlation import baseline_and_change
from afterglow.cohort.cutoff import choose_cutoff
from afterglow.cohort.groups import levene, shapiro, student, welch
from afterglow.cohort.labelled import label, label_together
from afterglow.cohort.many_groups import general_linear_model
from afterglow.cohort.multiplicity import adjusted
from afterglow.cohort.optimism import cutoff_optimism
from afterglow.cohort.part import Part, Sides, by_outcome, file_name, values_of
from afterglow.cohort.rank_sum import mann_whitney
from afterglow.cohort.roc import roc_curve
from afterglow.cohort.signed_rank import wilcoxon
from afterglow.records.case import Marker
from afterglow.records.group import BoxPlot, PairedValues, PairPlot, RocPlot
from afterglow.records.statistic import Estimated, Groups, RocCurve, Tested, Values

TwoGroups = Literal["mann-whitney", "student", "welch"]
SAME_ROWS = (
    "a cutoff chosen and tested on the same rows looks better than it is; what cross-validation leaves of it stands beside"
)


def analyse_roc(name: str, sides: Sides, markers: Sequence[Marker], *, seed: int = 1) -> Part:
    """Areas with intervals, compared on the exams that have all markers; the cutoff of each, its interval and its optimism."""
    curves: list[RocCurve] = []
    areas: list[Estimated] = []
    cutoffs: list[tuple[str, tuple[Estimated, ...]]] = []
    for marker in markers:
        sample = label(
            marker.name,
            values_of(sides.cases, marker.name),
            sides.truth,
            sides.patients,
            higher_is_positive=marker.higher_is_positive,
        )
        areas.append(auc(sample))
        if sample.lacking:
            continue
        chosen = choose_cutoff(sample, unit=marker.unit, seed=seed)
        optimism = cutoff_optimism(sample, seed=seed)
        at = chosen.apparent
        marked = _marked(at.get("sensitivity"), at.get("specificity"), chosen.threshold, marker.unit)
        curves.append(roc_curve(sample, seed=seed, marked=marked))
        rows = (chosen.threshold, *(at[key] for key in ("sensitivity", "specificity") if key in at))
        cutoffs.append(
            (f"Cutoff of {marker.name} that these data would choose", (*rows, optimism.apparent, optimism.cross_validated))
        )
    tests = _areas_compared(name, sides, markers) if len(markers) > 1 else ()
    pictures = (RocPlot(file_name(name), tuple(curves), tuple(t for _, family in tests for t in family)),) if curves else ()
    cautions = (SAME_ROWS,) if curves else ()
    return Part(
        name,
        tuple(areas[:1]),
        ((f"{name}: areas under the curve", tuple(areas)), *cutoffs),
        tests,
        pictures=pictures,
        cautions=cautions,
    )


def _marked(
    sensitivity: Estimated | None, specificity: Estimated | None, threshold: Estimated, unit: str
) -> tuple[tuple[str, float, float], ...]:
    if (
        sensitivity is None
        or specificity is None
        or sensitivity.value is None
        or specificity.value is None
        or threshold.value is None
    ):
        return ()
    shown = "" if unit == "1" else f" {unit}"
    return ((f"cutoff {threshold.value:.3g}{shown}", 1 - specificity.value, sensitivity.value),)


def _areas_compared(name: str, sides: Sides, markers: Sequence[Marker]) -> tuple[tuple[str, tuple[Tested, ...]], ...]:
    """All markers at once where they are more than two, then the first against each other one. They must point one way to share a call."""
    turned = {
        m.name: values_of(sides.cases, m.name) * (1 if m.higher_is_positive else -1) for m in markers
    }  # higher is positive in all
    tests = [compare_aucs(label_together(dict(turned), sides.truth, sides.patients))] if len(markers) > 2 else []
    first = markers[0].name
    for other in markers[1:]:
        two = label_together({first: turned[first], other.name: turned[other.name]}, sides.truth, sides.patients)
        tests.append(compare_aucs(two))
    return ((f"{name}: areas on the same exams", tuple(tests)),)


def analyse_between(name: str, sides: Sides, markers: Sequence[Marker], test: TwoGroups) -> Part:
    """Positive against negative cases, each marker; P values of several are adjusted (Holm). What normality and spread look like stands beside."""
    ways: dict[TwoGroups, Callable[[Values, Values, Marker], Tested]] = {
        "mann-whitney": lambda a, b, m: mann_whitney(a, b, unit=m.unit, about=_between_words(m, sides)),
        "student": lambda a, b, m: student(a, b, log=m.log, unit=m.unit, about=_between_words(m, sides)),
        "welch": lambda a, b, m: welch(a, b, log=m.log, unit=m.unit, about=_between_words(m, sides)),
    }
    tests: list[Tested] = []
    beside: list[Tested] = []
    groups = [by_outcome(sides, marker) for marker in markers]
    for marker, both in zip(markers, groups, strict=True):
        first, second = (v[np.isfinite(v)] for v in both.values)
        tests.append(
            ways[test](first, second, marker) if first.size and second.size else _empty(test, both, _between_words(marker, sides))
        )
        if test != "mann-whitney":
            used = [np.log(v) if marker.log and (v > 0).all() else v for v in (first, second)]
            beside += [shapiro(v, about=f"{marker.name}, {words}") for v, words in zip(used, both.labels, strict=True)]
            if all(v.size for v in used):
                beside += [levene(*used, centre=centre, about=marker.name) for centre in ("mean", "median")]
    made = adjusted(tests) if len(tests) > 1 else tuple(tests)
    pictures = tuple(
        BoxPlot(file_name(name, m.name), both, (one,), log=m.log)
        for m, both, one in zip(markers, groups, made, strict=True)
        if _drawable(both)
    )
    families = (
        (f"{name}: {sides.positive} against {sides.negative}", made),
        *((((f"{name}: assumptions", tuple(beside))),) if beside else ()),
    )
    cautions = ("several exams of one patient are taken as independent in tests of two groups",) if sides.clustered else ()
    return Part(name, made[:1], tests=families, pictures=pictures, cautions=cautions)


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
