"""Analyses of markers as tests: ROC and precision-recall curves, areas compared, cutoffs with what cross-validation leaves of them."""

from collections.abc import Sequence

from afterglow.cohort.auc import auc, compare_aucs
from afterglow.cohort.cutoff import choose_cutoff
from afterglow.cohort.labelled import Labelled, label, label_together
from afterglow.cohort.optimism import cutoff_optimism
from afterglow.cohort.part import Part, Sides, file_name, values_of
from afterglow.cohort.roc import precision_recall, roc_curve
from afterglow.records.case import Marker
from afterglow.records.group import LinePlot, RocPlot
from afterglow.records.statistic import Estimated, RocCurve, Tested

SAME_ROWS = (
    "a cutoff chosen and tested on the same rows looks better than it is; what cross-validation leaves of it stands beside"
)
MANY = 5_000  # cases, from which a bootstrap of 2,000 draws would take minutes
Family = tuple[str, tuple[Estimated, ...]]


def analyse_roc(name: str, sides: Sides, markers: Sequence[Marker], *, seed: int = 1) -> Part:
    """Areas with intervals, compared on the exams that have all markers; precision over recall; cutoffs and their optimism."""
    samples = [(marker, _sample(sides, marker)) for marker in markers]
    areas = tuple(auc(sample) for _, sample in samples)
    usable = [(marker, sample) for marker, sample in samples if not sample.lacking]
    draws = 200 if len(sides.cases) > MANY else 2_000
    made = [_with_cutoff(marker, sample, seed, draws) for marker, sample in usable]
    recalled = [precision_recall(sample, seed=seed, draws=draws) for _, sample in usable]
    tests = _areas_compared(name, sides, markers) if len(markers) > 1 else ()
    pictures = (
        RocPlot(file_name(name), tuple(curve for curve, _ in made), tuple(t for _, family in tests for t in family)),
        LinePlot(file_name(name, "precision-recall"), (("", tuple(curve for curve, _ in recalled)),), kind="precision-recall"),
    ) if usable else ()  # fmt: skip
    return Part(
        name, areas[:1],
        (
            (f"{name}: areas under the curve", areas),
            *(((f"{name}: average precision", tuple(one for _, one in recalled)),) if usable else ()),
            *(rows for _, rows in made),
        ),
        tests, pictures=pictures, cautions=(SAME_ROWS,) if usable else (),
    )  # fmt: skip


def _sample(sides: Sides, marker: Marker) -> Labelled:
    values = values_of(sides.cases, marker.name)
    return label(marker.name, values, sides.truth, sides.patients, higher_is_positive=marker.higher_is_positive)


def _with_cutoff(marker: Marker, sample: Labelled, seed: int, draws: int) -> tuple[RocCurve, Family]:
    """The curve with the cutoff that these data would choose marked on it, and that cutoff in numbers."""
    chosen = choose_cutoff(sample, unit=marker.unit, seed=seed, draws=draws)
    optimism = cutoff_optimism(sample, seed=seed)
    at = chosen.apparent
    marked = _marked(at.get("sensitivity"), at.get("specificity"), chosen.threshold, marker.unit)
    rows = (chosen.threshold, *(at[key] for key in ("sensitivity", "specificity") if key in at))
    family = (f"Cutoff of {marker.name} that these data would choose", (*rows, optimism.apparent, optimism.cross_validated))
    return roc_curve(sample, seed=seed, draws=draws, marked=marked), family


def _marked(
    sensitivity: Estimated | None, specificity: Estimated | None, threshold: Estimated, unit: str
) -> tuple[tuple[str, float, float], ...]:
    found = [None if one is None else one.value for one in (sensitivity, specificity, threshold)]
    if found[0] is None or found[1] is None or found[2] is None:
        return ()
    shown = "" if unit == "1" else f" {unit}"
    return ((f"cutoff {found[2]:.3g}{shown}", 1 - found[1], found[0]),)


def _areas_compared(name: str, sides: Sides, markers: Sequence[Marker]) -> tuple[tuple[str, tuple[Tested, ...]], ...]:
    """All markers at once where they are more than two, then the first against each other one; all turned so that higher is positive."""
    turned = {m.name: values_of(sides.cases, m.name) * (1 if m.higher_is_positive else -1) for m in markers}
    tests = [compare_aucs(label_together(dict(turned), sides.truth, sides.patients))] if len(markers) > 2 else []
    first = markers[0].name
    for other in markers[1:]:
        two = label_together({first: turned[first], other.name: turned[other.name]}, sides.truth, sides.patients)
        tests.append(compare_aucs(two))
    return ((f"{name}: areas on the same exams", tuple(tests)),)
