"""Claims about the group level, on digital cohorts whose truth is known: it finds what is there, nothing where nothing is, and no names."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from cohorts import auroc, simulation
from table_cohorts import analysed, gathered, renamed, tables, with_outcomes

from afterglow.cohort.auc import auc
from afterglow.cohort.labelled import label
from afterglow.cohort.part import Part
from afterglow.records import statistic
from afterglow.records.study import Study
from afterglow.simulate.cohort import draw_stories


def numbers(parts: Sequence[Part]) -> Iterator[tuple[str, str, float | None, float | None, float | None]]:
    """Name, rule, value or P, interval: what no random draw has a part in."""
    for part in parts:
        found: list[statistic.Estimated | statistic.Tested] = [
            one for _, family in (*part.estimates, *part.tests) for one in family
        ]
        for one in found:
            if isinstance(one, statistic.Tested):
                yield one.about or one.name, one.rule, one.p, one.statistic, one.p_adjusted
            elif "seed" not in one.rule + one.note:
                yield one.name, one.rule, one.value, one.low, one.high


def same(first: Sequence[Part], second: Sequence[Part]) -> bool:
    one, two = list(numbers(first)), list(numbers(second))
    assert len(one) > 20 and [row[:2] for row in one] == [row[:2] for row in two]
    for a, b in zip(one, two, strict=True):
        found, other = ([math.nan if v is None else v for v in row[2:]] for row in (a, b))
        assert found == pytest.approx(other, rel=1e-9, abs=1e-12, nan_ok=True), a[0]
    return True


def test_with_many_patients_and_little_noise_the_area_is_that_of_the_stories() -> None:
    told, study = tables("behar2023", 400, 5, 0.01, rules=[])
    (part,) = analysed("behar2023", told, study, "ROC of change")
    areas = {one.name: one for family, found in part.estimates for one in found if family.endswith("areas under the curve")}
    stories = draw_stories(simulation("behar2023").cohort, 400, 5)
    for name, hidden in (("change of normalised vp", "vp_ratio"), ("change of area", "area_ratio")):
        true = auroc(*([float(s.hidden[hidden]) for s in stories if (s.group == "response") is kind] for kind in (False, True)))
        assert areas[f"AUC of {name}"].value == pytest.approx(true, abs=0.005)


def test_where_outcomes_are_dealt_at_random_the_interval_of_the_area_holds_one_half() -> None:
    told, study = tables("behar2023", 150, 2, 0.2, rules=[])
    held = 0
    for seed in range(40):
        labels = np.random.default_rng(seed).permutation([o.label for o in study.outcomes])
        exchanged = with_outcomes(study, dict(zip((o.participant_id for o in study.outcomes), labels.tolist(), strict=True)))
        cases = gathered("behar2023", told, exchanged).cases
        area = auc(label("vp", [c.value("change of normalised vp") for c in cases], [c.positive for c in cases]))
        assert area.low is not None and area.high is not None
        held += area.low <= 0.5 <= area.high
    assert held >= 33  # of 40 at 95 %: fewer has a chance of 3e-4


def test_other_names_for_patients_change_nothing() -> None:
    for name, patients in (("behar2023", 60), ("stadlbauer2025", 40)):
        told, study = tables(name, patients, 1, 0.2)
        order = np.random.default_rng(4).permutation(len(study.participants))
        names = {p.participant_id: f"x{order[n]:03d}" for n, p in enumerate(study.participants)}
        kept = KEPT[name]
        assert same(analysed(name, told, study, *kept), analysed(name, *renamed(told, study, names), *kept))


def test_the_order_of_outcomes_changes_nothing() -> None:
    for name, patients in (("behar2023", 60), ("stadlbauer2025", 40)):
        told, study = tables(name, patients, 1, 0.2)
        order = np.random.default_rng(5).permutation(len(study.outcomes))
        shuffled = Study(study.participants, tuple(study.outcomes[k] for k in order), study.readings, study.treatments)
        assert same(analysed(name, told, study, *KEPT[name]), analysed(name, told, shuffled, *KEPT[name]))


KEPT = {
    "behar2023": ("calls by perfusion and by size", "change by outcome", "before and after radiotherapy"),
    "stadlbauer2025": (
        "both readings", "markers by what the readings found", "lesion and white matter", "volumes by outcome", "earlier detection",
        "time to recurrence",
    ),
}  # fmt: skip
