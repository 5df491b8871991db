"""Claims about criteria of size: sums, the smallest so far, new lesions, a second scan; for any number of visits."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.flows.method_rules import RuleSpec
from afterglow.lesions.measure import Labels
from afterglow.lesions.size import sizes
from afterglow.records.course import Course, Treatment, Visit
from afterglow.records.grid import Grid
from afterglow.records.lesion import Lesion
from afterglow.records.measurement import Measurement
from afterglow.records.quantity import QUANTITIES
from afterglow.records.response import PATIENT, Rule, Verdict
from afterglow.records.track import Event, Sighting, Track
from afterglow.response.judge import judge_course
from afterglow.response.size import category_of_sum
from afterglow.response.size_rules import LABELS, SIZE_CRITERIA

PRODUCT, VOLUME, DIAMETER = (
    SIZE_CRITERIA["rano2", "bidimensional_product"],
    SIZE_CRITERIA["rano2", "volume"],
    SIZE_CRITERIA["rano-bm", "longest_diameter"],
)
RADIOTHERAPY, RADIOSURGERY = Treatment("radiotherapy", 10.0), Treatment("radiosurgery", 10.0)
DAYS = (40.0, 120.0, 200.0, 280.0, 360.0, 440.0)  # from the second on later than 12 weeks after day 10
LABELS_ = Labels("01", "x", 0.0, "T1w", "m", "r")
diameters = st.floats(4.0, 60.0)


def row(kind: str, quantity: str, **more: object) -> Rule:
    return RuleSpec(name=kind, kind=kind, quantities=(quantity,), statistic="value", source="here", **more).record()  # type: ignore[arg-type]


RANO2, RANO2_VOLUME, RANO_BM = row("rano2", "bidimensional_product"), row("rano2", "volume"), row("rano-bm", "longest_diameter")


def ball(lesion: str, diameter_mm: float) -> list[Measurement]:
    volume = math.pi / 6 * diameter_mm**3 / 1000
    values = {"volume": volume, "longest_diameter": diameter_mm or None, "bidimensional_product": diameter_mm**2 or None}
    return [
        Measurement(
            "01",
            "x",
            0.0,
            lesion,
            "lesion",
            q,
            "value",
            v,
            QUANTITIES[q].unit,
            None,
            None,
            "",
            1,
            volume,
            "",
            None,
            "T1w",
            "m",
            "r",
        )
        for q, v in values.items()
    ]


def balls(*visits: dict[str, float], days: tuple[float, ...] = DAYS, treatment: Treatment | None = RADIOTHERAPY) -> Course:
    made = tuple(
        Visit(f"{n:02d}", day, tuple(m for name, d in each.items() for m in ball(name, d)))
        for n, (day, each) in enumerate(zip(days, visits, strict=False), start=1)
    )
    return Course("01", made, () if treatment is None else (treatment,))


def labels(made: Course, rule: Rule = RANO2) -> list[str]:
    return [v.label for v in judge_course(made, [rule], (), site="brain")]


def one(made: Course, rule: Rule = RANO2) -> Verdict:
    return judge_course(made, [rule], (), site="brain")[-1]


@pytest.mark.parametrize(
    ("criteria", "factor", "label"),
    [
        (PRODUCT, 1.25, "PD"), (PRODUCT, 1.2499, "SD"), (PRODUCT, 0.5, "PR"), (PRODUCT, 0.5001, "SD"), (PRODUCT, 0.0, "CR"),
        (VOLUME, 1.4, "PD"), (VOLUME, 1.3999, "SD"), (VOLUME, 0.35, "PR"), (VOLUME, 0.3501, "SD"),
        (DIAMETER, 1.2, "PD"), (DIAMETER, 1.1999, "SD"), (DIAMETER, 0.7, "PR"), (DIAMETER, 0.7001, "SD"),
    ],
)  # fmt: skip
def test_categories_turn_at_the_percentages_of_their_source(criteria: object, factor: float, label: str) -> None:
    assert category_of_sum(criteria, (1.0, factor), grown_percent=criteria.grown_percent) == label  # type: ignore[attr-defined,arg-type]


def test_growth_counts_from_the_smallest_sum_and_a_fall_from_the_baseline() -> None:
    assert labels(balls({"1": 30}, {"1": 20}, {"1": 21}, {"1": 23}, {"1": 20})) == ["PR", "PR", "PD", "PR"]


def test_what_was_gone_and_is_back_is_progression() -> None:
    assert labels(balls({"1": 30}, {"1": 0}, {"1": 12})) == ["CR", "PD"]


def test_a_small_lesion_that_is_left_makes_no_complete_response() -> None:
    assert labels(balls({"1": 30, "2": 6}, {"1": 0, "2": 6}, {"1": 0, "2": 0})) == ["PR", "CR"]


def test_a_new_lesion_is_progression_where_it_is_large_enough_for_the_criteria() -> None:
    assert labels(balls({"1": 30}, {"1": 20, "2": 12})) == ["PD"]
    assert labels(balls({"1": 30}, {"1": 20, "2": 6})) == ["PR"]
    before = (0.0, *DAYS)
    assert labels(balls({"1": 30}, {"1": 20, "2": 6}, days=before, treatment=RADIOSURGERY), RANO_BM) == ["PD"]
    assert "Lesion 2 is new" in one(balls({"1": 30}, {"1": 20, "2": 12})).sentence


def test_growth_within_twelve_weeks_of_radiotherapy_waits_for_a_second_scan() -> None:
    early = (30.0, 80.0, 120.0)
    grown = judge_course(balls({"1": 20}, {"1": 25}, {"1": 26}, days=early), [RANO2], (), site="brain")
    assert [(v.label, v.category) for v in grown] == [("PD?", "cannot tell"), ("PD", "progression")]
    assert "needs a second scan" in grown[0].sentence
    assert "confirms what was first seen at ses-02" in grown[1].sentence
    assert labels(balls({"1": 20}, {"1": 25}, {"1": 20}, days=early)) == ["PD?", "SD"]


def test_rano2_starts_from_the_scan_after_radiotherapy_and_rano_bm_from_the_one_before() -> None:
    made = balls({"1": 30}, {"1": 30}, {"1": 15}, days=(0.0, 40.0, 200.0))
    assert {v.from_session for v in judge_course(made, [RANO2], (), site="brain")} == {"02"}
    assert [v.from_session for v in judge_course(made, [RANO_BM], (), site="brain")] == ["01", "01"]


def test_without_a_scan_before_treatment_rano_bm_cannot_tell() -> None:
    verdict = one(balls({"1": 30}, {"1": 10}), RANO_BM)
    assert (verdict.category, verdict.label) == ("cannot tell", "")
    assert "no scan before treatment" in verdict.sentence


def test_lesions_too_small_at_baseline_are_named_and_not_summed() -> None:
    assert "Not in the sum, too small at baseline: lesion 2" in one(balls({"1": 30, "2": 6}, {"1": 30, "2": 9})).sentence
    assert "no lesion at ses-01 is 10 mm long" in one(balls({"2": 6}, {"2": 9})).sentence


def test_rano_bm_follows_the_five_largest() -> None:
    seven = {str(n): 20.0 + n for n in range(7)}
    verdict = one(balls(seven, seven, days=(0.0, 60.0), treatment=RADIOSURGERY), RANO_BM)
    assert verdict.numbers[0][1] == pytest.approx(sum(sorted(seven.values())[-5:]))
    assert "lesion 0, 1" in verdict.sentence


def test_a_target_that_was_not_measured_makes_no_sum() -> None:
    verdict = one(balls({"1": 30, "2": 20}, {"1": 30}))
    assert verdict.category == "cannot tell"
    assert "not known at ses-02" in verdict.sentence


def test_a_target_that_vanished_counts_nothing_and_one_out_of_view_is_not_known() -> None:
    made = balls({"1": 30, "2": 20}, {"1": 30})
    gone = Event("vanished", "02", 120.0, ("2",), (), "Lesion 2 vanished")
    hidden = Event("unseen", "02", 120.0, ("2",), (), "Lesion 2 lies outside the image")
    assert one(replace(made, events=(gone,))).value == pytest.approx(100 * (900 / 1300 - 1))
    assert "outside the image" in one(replace(made, events=(hidden,))).sentence


def test_splitting_and_merging_alone_are_neither_response_nor_progression() -> None:
    def seen(lesion: str, *sessions: str, parents: tuple[str, ...] = ()) -> Track:
        days = {"01": 40.0, "02": 120.0}
        return Track(lesion, "2.25.1", tuple(Sighting(s, days[s], lesion, 1.0, "name", None, None) for s in sessions), parents)

    split = replace(balls({"1": 30}, {"1": 23, "2": 20}), tracks=(seen("1", "01", "02"), seen("2", "02", parents=("1",))))
    assert labels(split, RANO2_VOLUME) == ["SD"]
    merged = replace(
        balls({"1": 23, "2": 20}, {"3": 30}), tracks=(seen("1", "01"), seen("2", "01"), seen("3", "02", parents=("1", "2")))
    )
    assert labels(merged, RANO2_VOLUME) == ["SD"]


def test_spino_takes_its_percentage_from_the_method_file() -> None:
    spino = row("spino", "volume", threshold=25.0)
    before = (0.0, *DAYS)
    assert labels(balls({"1": 8}, {"1": 8.3}, {"1": 9.5}, days=before), spino) == ["local control", "local progression"]
    with pytest.raises(ValueError, match="needs the key threshold"):
        row("spino", "volume")


def test_a_threshold_of_its_own_is_refused_where_the_criteria_have_one() -> None:
    with pytest.raises(ValueError, match="does not read the key threshold"):
        row("rano2", "volume", threshold=10.0)
    with pytest.raises(ValueError, match="reads the statistic value of bidimensional_product or volume"):
        row("rano2", "longest_diameter")


def test_every_call_names_what_it_does_not_consider_and_shows_its_sums() -> None:
    for verdict in judge_course(balls({"1": 30}, {"1": 10}, {"1": 40}), [RANO2, RANO2_VOLUME], (), site="brain"):
        assert verdict.lesion_id == PATIENT
        assert "corticosteroids" in verdict.sentence
        assert len(verdict.numbers) == 3
    assert set(LABELS) >= set(labels(balls({"1": 30}, {"1": 10}, {"1": 40})))


@given(st.lists(st.floats(0.0, 100.0), min_size=2, max_size=8), st.floats(0.0, 100.0))
def test_a_visit_more_cannot_raise_the_smallest_sum_or_change_what_was_called(sums: list[float], more: float) -> None:
    assert min([*sums, more]) <= min(sums)
    made = balls(*({"1": d} for d in [30.0, *sums]), days=tuple(40.0 + 100 * n for n in range(10)))
    longer = balls(*({"1": d} for d in [30.0, *sums, more]), days=tuple(40.0 + 100 * n for n in range(10)))
    assert judge_course(longer, [RANO2], (), site="brain")[: len(sums)] == judge_course(made, [RANO2], (), site="brain")


@given(st.lists(st.tuples(diameters, diameters, diameters), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_names_and_the_order_of_lesions_change_nothing(lesions: list[tuple[float, float, float]], random: object) -> None:
    names = [str(n) for n in range(len(lesions))]
    shuffled = list(names)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    a = balls(*({n: d[v] for n, d in zip(names, lesions, strict=True)} for v in range(3)))
    b = balls(*({n: d[v] for n, d in zip(shuffled, lesions, strict=True)} for v in range(3)))
    for rule in (RANO2, RANO2_VOLUME):
        assert labels(a, rule) == labels(b, rule)


@given(st.floats(0.2, 3.0), st.lists(diameters, min_size=2, max_size=5))
def test_a_smaller_lesion_is_never_called_worse(shrink: float, series: list[float]) -> None:
    order = {"CR": 0, "PR": 1, "SD": 2, "PD": 3}
    last = min(series[-1], series[-1] * shrink)
    made = labels(balls({"1": 30.0}, *({"1": d} for d in series)))
    smaller = labels(balls({"1": 30.0}, *({"1": d} for d in [*series[:-1], last])))
    assert order[smaller[-1]] <= order[made[-1]]


@pytest.mark.parametrize("diameters_mm", [(20, 13, 17), (20, 19, 19), (16, 22, 22)])
def test_the_size_of_voxels_does_not_change_the_category(diameters_mm: tuple[float, ...]) -> None:
    """Of diameters whose products and volumes lie well away from every percentage."""
    expected = {13: ["PR", "PD"], 19: ["SD", "SD"], 22: ["PD", "PD"]}[int(diameters_mm[1])]
    for spacing in ((0.8, 0.8, 0.8), (1.0, 1.0, 1.0), (1.0, 1.0, 2.0)):
        visits = tuple(
            Visit(f"{n:02d}", day, sizes(drawn(d, spacing), labels=LABELS_))
            for n, (day, d) in enumerate(zip(DAYS, diameters_mm, strict=False))
        )
        for rule in (RANO2, RANO2_VOLUME):
            assert labels(Course("01", visits, (RADIOTHERAPY,)), rule) == expected, (spacing, rule.quantities)


def drawn(diameter_mm: float, spacing: tuple[float, ...]) -> Lesion:
    n = [round(36 / s) for s in spacing]
    grid = Grid((n[0], n[1], n[2]), np.diag([*spacing, 1.0]))
    at = grid.to_mm(np.argwhere(np.ones(n, dtype=bool)).astype(float)).reshape(*n, 3)
    return Lesion("1", np.linalg.norm(at - 17.3, axis=-1) <= diameter_mm / 2, grid, "drawn")
