"""Claims about the digital cohort of stadlbauer2025: who had what, when it was found, how much it grew."""

import itertools
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from cohorts import auroc, drawn, lesion_perfusion, simulation

from afterglow.simulate.story import Story
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


def test_surveillance_has_the_printed_patients_examinations_and_readings() -> None:
    for stories in drawn("stadlbauer2025"):
        counts = [len(story.visits) for story in stories]
        assert (sum(counts), min(counts), max(counts)) == (2003, 1, 25)
        outcomes = [(story, outcome) for story in stories for outcome in story.outcomes]
        assert Counter(outcome.label for _, outcome in outcomes) == {"recurrence": 341, "no recurrence": 81}
        assert Counter(len(story.outcomes) for story in stories if story.group == "recurrence") == {1: 239, 2: 37, 3: 8, 4: 1}
        assert Counter(story.group for story in stories) == {"recurrence": 285, "no recurrence": 66}
        pairs: Counter[tuple[str, str, str]] = Counter()
        for story, outcome in outcomes:
            calls = {r.method: r.call for r in story.readings if (r.session, r.lesion_id) == (outcome.session, outcome.lesion_id)}
            pairs[outcome.label, calls["conventional"], calls["microvascular"]] += 1
        yes, no = "recurrence", "no recurrence"
        assert pairs == {
            (yes, yes, yes): 277, (yes, no, yes): 57, (yes, yes, no): 6, (yes, no, no): 1,
            (no, no, no): 75, (no, yes, no): 2, (no, no, yes): 1, (no, yes, yes): 3,
        }  # fmt: skip


def test_patients_with_each_kind_of_finding_are_as_printed() -> None:
    for stories in drawn("stadlbauer2025"):
        kinds = Counter(kind for story in stories for kind in {v for k, v in story.hidden.items() if k.startswith("finding")})
        assert {kind: kinds[kind] for kind in ("TP/TP", "FN/TP", "TP/FN", "FN/FN")} == {
            "TP/TP": 239,
            "FN/TP": 55,
            "TP/FN": 6,
            "FN/FN": 1,
        }
        early = Counter(s.participant["diagnosis"] for s in stories if "FN/TP" in s.hidden.values())
        assert early["glioblastoma, IDH-wildtype"] == 37 and early["oligodendroglioma grade 3"] == 7
        assert round(100 * sum(s.participant["diagnosis"] == "oligodendroglioma grade 3" for s in stories) / 351, 1) == 6.8
        assert Counter(s.participant["sex"] for s in stories) == {"F": 148, "M": 203}


def test_treatments_of_recurrences_are_as_printed() -> None:
    for stories in drawn("stadlbauer2025"):
        again = Counter((t.kind, t.agent) for story in stories for t in story.treatments if t.day > 28)
        assert again["surgery", ""] == 74 and again["drug", "bevacizumab"] == 88 and again["drug", "lomustine"] == 19
        assert (
            again["drug", "temozolomide"] == 49 and again["radiotherapy", ""] == 35 + 61 and again["drug", "experimental"] == 10
        )


def delays(stories: Sequence[Story]) -> list[tuple[float, float, float]]:
    """Days, early and late volume of recurrences that the conventional reading saw later."""
    found = []
    for story in stories:
        visits = {visit.session: visit for visit in story.visits}
        for lesion in {outcome.lesion_id for outcome in story.outcomes}:
            read = [r for r in story.readings if r.lesion_id == lesion and r.method == "conventional"]
            if len(read) > 1:
                assert [r.call for r in read] == ["no recurrence"] * (len(read) - 1) + ["recurrence"]
                first, last = visits[read[0].session], visits[read[-1].session]
                found.append((last.day - first.day, first.lesion.volume_ml, last.lesion.volume_ml))
    return found


def test_recurrences_seen_later_grow_meanwhile_as_printed() -> None:
    each = [delays(stories) for stories in drawn("stadlbauer2025")]
    assert all(len(found) == 28 + 7 for found in each)
    days, early, late = np.array([row for found in each for row in found]).T
    n = days.size
    assert days.min() >= 41 - 1 and days.max() <= 353 + 1  # whole days
    assert abs(days.mean() - 137) < 4 * 77 / np.sqrt(n)  # standard error with the printed SD
    assert early.min() >= 0.2 and early.max() <= 100.1 and late.min() >= 1.0 and late.max() <= 118.0
    assert abs(early.mean() - 13.4) < 4 * early.std() / np.sqrt(n) and abs(late.mean() - 30.6) < 4 * 29.2 / np.sqrt(n)
    grown = late / early - 1
    assert grown.min() >= 0.38 - 1e-9 and grown.max() <= 155
    assert abs(grown.mean() - 9.1) < 4 * grown.std() / np.sqrt(n)


def test_intervals_are_those_of_the_grade() -> None:
    for story in drawn("stadlbauer2025")[0]:
        low, high = (91, 183) if story.participant["grading"] == "high grade" else (182, 366)
        later = {r.session for r in story.readings} - {outcome.session for outcome in story.outcomes}
        gaps = [b.day - a.day for a, b in itertools.pairwise(story.visits) if b.session not in later]
        assert all(low - 1 <= gap <= high + 1 for gap in gaps)
        assert story.visits[-1].day <= 108 * 30.44 + 1


@pytest.fixture(scope="module")
def per_cbv() -> dict[str, tuple[float, float, float]]:
    """Gradient-echo area, spin-echo area and MTI of each architecture at a blood volume of 1 (areas go with CBV, MTI with its power 2.5)."""
    step_s = 0.1
    inside, _ = compartments_mM(step_s, artery_mM(np.arange(0, 104.4, step_s), Bolus()), Network())
    rates = {name: vascular_rates(inside, shares, Network(), Echoes()) for name, shares in ARCHITECTURES.items()}
    return {name: (float(r.ge_per_s.sum()), float(r.se_per_s.sum()), loop_truth(step_s, r, 1.0).mti) for name, r in rates.items()}


def test_the_lesions_of_surveillance_have_the_printed_areas_under_the_curve(
    per_cbv: dict[str, tuple[float, float, float]],
) -> None:
    """Mean of the seeds inside the printed 95 % intervals; markers by vascular physics, without noise."""
    plasma = 1 - simulation("stadlbauer2025").acquisition.scanner.haematocrit
    areas = []
    for stories in drawn("stadlbauer2025"):
        marks: dict[str, list[tuple[float, float, float]]] = {"recurrence": [], "no recurrence": []}
        for story in stories:
            for outcome in story.outcomes:
                seen = lesion_perfusion(story, outcome.session)
                ge, se, mti = per_cbv[seen.architecture]
                cbv = seen.vp / plasma
                marks[outcome.label].append((cbv * ge, cbv * se, -mti * cbv**2.5))
        yes, no = np.array(marks["recurrence"]), np.array(marks["no recurrence"])
        areas.append([auroc(yes[:, k], no[:, k]) for k in range(3)])
    cbv, ucbv, mti = np.mean(areas, axis=0)
    assert 0.918 < cbv < 0.965 and 0.965 < ucbv < 0.998 and 0.976 < mti < 0.999
