"""Claims about analyses of plans, zones and baselines: what they compute, whom they count, and what few or odd numbers make of them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterglow.cohort.analyse_baseline import BaselineNumber, ChangeCohort, analyse_baseline, strength
from afterglow.cohort.analyse_plans import INDEPENDENT, PlanFigure, analyse_plans
from afterglow.cohort.analyse_zones import UNCHANGED, ZoneCohort, ZoneNumber, ZonePatient, analyse_zones
from afterglow.cohort.part import Part
from afterglow.records.errors import BadInput
from afterglow.report.group import picture_figure
from afterglow.report.group_tables import data_table

NAN = float("nan")
PLANS = ("uniform", "painted")


def plan_figure(first: list[float], second: list[float], name: str = "V12", **more: object) -> PlanFigure:
    patients = tuple(f"{n + 1:02d}" for n in range(len(first)))
    return PlanFigure(name, "mL", patients, np.array(first, dtype=np.float64), np.array(second, dtype=np.float64), **more)


def zone_cohort(
    before: list[float], after: list[float], *, empty: tuple[int, ...] = (), chosen_by: tuple[str, ...] = ("ktrans",)
) -> ZoneCohort:
    """One zone and one number; a patient whose number after is NaN was not followed."""
    n = len(before)
    people = tuple(
        ZonePatient(
            f"{k + 1:02d}",
            "pre",
            "" if np.isnan(a) else "post",
            None if np.isnan(a) else 90.0,
            "no later visit" if np.isnan(a) else "",
        )
        for k, a in enumerate(after)
    )
    number = ZoneNumber(
        "ktrans",
        "median Ktrans",
        "/min",
        True,
        "aggressive",
        np.array(before),
        np.array(after),
        tuple(k in empty for k in range(n)),
    )
    return ZoneCohort(people, (number,), chosen_by, "45 to 135 days after radiosurgery")


def change_cohort(before: np.ndarray, after: np.ndarray, other: np.ndarray, **adjust: np.ndarray) -> ChangeCohort:
    baselines = (
        BaselineNumber("baseline Ktrans", "/min", before, True),
        BaselineNumber("baseline Cho/NAA", "{ratio}", other, False),
    )
    patients = tuple(f"{n + 1:02d}" for n in range(before.size))
    return ChangeCohort("median Ktrans, aggressive zone", "/min", patients, before, after, baselines, adjust)


def drawn(part: Part) -> Part:
    """The same after every picture and table of it could be set."""
    for picture in part.pictures:
        figure = picture_figure(picture)
        assert figure.vector and figure.data is not None
    for table in part.tables:
        assert data_table(table).columns
    return part


# --- plans ---


def test_each_plan_and_their_difference_have_a_row_of_the_summary() -> None:
    part = drawn(
        analyse_plans(
            "dose", PLANS, [plan_figure([10.0, 20.0, 30.0, 40.0], [9.0, 18.0, 28.5, 36.0])], printed_as=("Table 1", "Table 2")
        )
    )
    first, second = part.tables
    assert (first.name, second.name) == ("table-1", "table-2")
    assert [row[3:7] for row in second.rows] == [(4, 10.0, 40.0, 25.0), (4, 9.0, 36.0, 22.875), (4, -4.0, -1.0, -2.125)]
    test = part.answers[0]
    assert (test.p, test.effects[1].value) == (pytest.approx(2 / 16), -1.0), (
        "four differences below zero: two of 16 choices of signs"
    )
    assert INDEPENDENT in part.tests[1][1][0].note
    assert "not for treatment" in first.caption
    assert "not for treatment" in picture_figure(part.pictures[0]).caption


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.floats(1, 50), st.floats(1, 50)), min_size=1, max_size=12))
def test_the_other_way_round_every_difference_turns_its_sign(pairs: list[tuple[float, float]]) -> None:
    first, second = (list(column) for column in zip(*pairs, strict=True))
    there, back = (analyse_plans("dose", PLANS, [plan_figure(a, b)]).answers[0] for a, b in ((first, second), (second, first)))
    assert there.p == pytest.approx(back.p)
    assert [-e.value for e in there.effects] == pytest.approx([e.value for e in back.effects])


def test_one_patient_has_a_difference_and_no_interval() -> None:
    part = drawn(analyse_plans("dose", PLANS, [plan_figure([10.0], [9.0])]))
    assert part.answers[0].p == 1.0
    assert (part.answers[0].effects[0].value, part.answers[0].effects[0].low) == (-1.0, None)
    assert part.tests[2][1][0].p is None


def test_equal_plans_make_no_test_and_say_why() -> None:
    part = drawn(analyse_plans("dose", PLANS, [plan_figure([10.0, 20.0, 30.0], [10.0, 20.0, 30.0])]))
    assert (part.answers[0].p, part.answers[0].note) == (None, "every difference is zero")
    assert part.tests[2][1][0].note == "all values are equal"


def test_a_figure_that_is_not_known_leaves_its_pair_out_and_is_told_with_its_reason() -> None:
    found = plan_figure(
        [10.0, NAN, 30.0, 40.0],
        [9.0, 18.0, NAN, 36.0],
        notes=("sub-02, uniform: runs off the grid", "sub-03, painted: not there"),
    )
    part = drawn(analyse_plans("dose", PLANS, [found]))
    assert part.answers[0].n == (2,)
    assert [row[3] for row in part.tables[1].rows] == [3, 3, 2]
    assert (
        "2 of 4 patients, who are left out of it (sub-02, uniform: runs off the grid; sub-03, painted: not there)"
        in part.cautions[0]
    )
    nothing = drawn(analyse_plans("dose", PLANS, [plan_figure([NAN, NAN], [1.0, 2.0])]))
    assert (nothing.answers[0].p, nothing.pictures) == (None, ())


def test_plans_that_lie_ten_times_apart_are_pointed_at() -> None:
    part = analyse_plans("dose", PLANS, [plan_figure([550.9, 60.0], [55.04, 61.0])])
    assert [words.split(":")[0] for words in part.cautions] == ["sub-01"]


def test_lists_of_other_lengths_are_refused() -> None:
    with pytest.raises(BadInput, match="give one of each plan"):
        PlanFigure("V12", "mL", ("01", "02"), np.array([1.0]), np.array([1.0, 2.0]))


# --- zones ---


def test_a_change_is_told_with_quartiles_and_the_pairs_are_tested() -> None:
    part = drawn(
        analyse_zones("change", zone_cohort([0.02, 0.04, 0.1, 0.2, NAN], [0.01, 0.03, 0.05, 0.15, 0.1]), missing_unchanged=False)
    )
    median, test = part.answers
    assert (median.value, median.n, test.n, test.p) == (pytest.approx(-37.5), 4, (4,), pytest.approx(0.125))
    assert "quartiles -50 to -25 %" in median.note and "of 1 of 5 patients no change is known" in median.note
    assert not any(UNCHANGED in family for family, _ in part.tests)


def test_who_was_not_followed_stays_in_the_table_and_is_counted() -> None:
    part = analyse_zones("change", zone_cohort([0.02, 0.04, 0.1], [0.01, NAN, NAN]), missing_unchanged=True, printed_as="Table 3")
    table = part.tables[0]
    assert [row[-1] for row in table.rows] == [None, "no later visit", "no later visit"]
    assert "2 of 3 painted patients have no follow-up (2: no later visit)" in part.cautions[0]


def test_presumed_unchanged_is_marked_and_counts_by_pratts_rule_alone() -> None:
    after = [0.01, 0.02, 0.06, 0.09, *[NAN] * 6]
    part = drawn(analyse_zones("change", zone_cohort([0.02, 0.04, 0.1, 0.2, *[0.05] * 6], after), missing_unchanged=True))
    marked = next(tests for family, tests in part.tests if UNCHANGED in family)
    assert [test.n for test in marked] == [(10,), (10,)]
    assert marked[0].p == part.answers[1].p, "zeros dropped: those presumed unchanged do not count"
    assert all(UNCHANGED in test.note for test in marked) and "Pratt" in marked[1].rule
    medians = [found[0].value for family, found in part.estimates]
    assert medians[0] < -40 and medians[1] == 0.0


def test_nobody_followed_makes_no_number_and_says_so() -> None:
    part = drawn(analyse_zones("change", zone_cohort([0.02, 0.04], [NAN, NAN]), missing_unchanged=True))
    median, test = part.answers
    assert (median.value, median.note) == (None, "no patient has the number at both visits")
    assert (test.p, test.note.split(";")[0]) == (None, "no difference was measured")
    assert part.pictures == ()


def test_an_empty_aggressive_zone_is_a_result_and_is_counted() -> None:
    part = analyse_zones("change", zone_cohort([0.02, NAN, 0.1], [0.01, NAN, 0.05], empty=(1,)), missing_unchanged=False)
    assert any("1 of 3 painted patients have no aggressive zone" in words for words in part.cautions)
    assert "no aggressive zone" in str(part.tables[0].rows[1][-1])


def test_a_number_that_lacks_at_one_visit_is_told_by_name() -> None:
    cohort = zone_cohort([0.02, 0.04], [0.01, NAN])
    followed = replace(cohort.patients[1], follow_up="post", days=90.0, why="")
    part = analyse_zones("change", replace(cohort, patients=(cohort.patients[0], followed)), missing_unchanged=False)
    assert any("not measured at both visits in 1 patients who were followed (sub-02)" in words for words in part.cautions)


@pytest.mark.parametrize(("chosen_by", "told"), [(("ktrans", "rcbv"), True), (("rcbv",), False)])
def test_regression_to_the_mean_is_said_where_the_number_chose_the_zone(chosen_by: tuple[str, ...], told: bool) -> None:
    part = analyse_zones("change", zone_cohort([0.02, 0.04], [0.01, 0.02], chosen_by=chosen_by), missing_unchanged=False)
    assert any("regression to the mean" in words for words in part.cautions) is told


def test_a_change_from_zero_has_no_per_cent_and_is_still_a_pair() -> None:
    part = analyse_zones("change", zone_cohort([0.0, 0.04, 0.1], [0.01, 0.02, 0.05]), missing_unchanged=False)
    assert (part.answers[0].n, part.answers[1].n) == (2, (3,))


# --- baselines ---


def invented(n: int = 11, seed: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    dice = np.random.default_rng(seed)
    before = dice.lognormal(-3, 0.7, n)
    after = before * dice.lognormal(-0.6, 0.3, n)
    return (
        before,
        after,
        dice.lognormal(0.8, 0.3, n),
        {"age_years": 40 + 3.0 * np.arange(n), "kps": 70.0 + 10 * (np.arange(n) % 3)},
    )


def test_logarithms_that_could_be_normal_choose_pearson_and_all_ways_stand_beside() -> None:
    before, after, other, adjust = invented()
    part = drawn(analyse_baseline("baseline", change_cohort(before, after, other, **adjust), bands=(0.3, 0.7)))
    assert part.answers[0].name == "Pearson" and "log" in part.answers[0].about
    assert [row[1] for row in part.tables[0].rows if row[0].startswith("baseline Ktrans")] == [
        "Pearson, as measured", "Pearson, logarithms", "Spearman", "Oldham, as measured", "Oldham, logarithms",
    ]  # fmt: skip
    assert sum(row[2] == "yes" for row in part.tables[0].rows) == 2
    assert any("part of the change it is set against" in words for words in part.cautions)


def test_a_number_of_zero_has_no_logarithm_and_chooses_spearman() -> None:
    before, after, other, adjust = invented()
    after[3] = 0.0
    part = drawn(analyse_baseline("baseline", change_cohort(before, after, other, **adjust), bands=(0.3, 0.7)))
    assert part.answers[0].name == "Spearman"
    assert "a number is not above zero" in part.tests[0][1][0].note


def test_logarithms_that_are_not_normal_choose_spearman() -> None:
    before, after, other, adjust = invented(20)
    after[0] = before[0] * 1e-4
    part = analyse_baseline("baseline", change_cohort(before, after, other, **adjust), bands=(0.3, 0.7))
    assert part.answers[0].name == "Spearman"


def test_the_adjusted_models_are_marked_as_hypothesis_generating_and_hold_each_column() -> None:
    before, after, other, adjust = invented()
    part = analyse_baseline("baseline", change_cohort(before, after, other, **adjust), bands=(0.3, 0.7))
    models = next(tests for family, tests in part.tests if "hypothesis-generating" in family)
    assert [test.about.rpartition(": ")[2] for test in models] == [
        "log baseline Ktrans",
        "age_years",
        "kps",
        "log baseline Cho/NAA",
        "age_years",
        "kps",
    ]
    few = analyse_baseline(
        "baseline", change_cohort(before[:4], after[:4], other[:4], **{k: v[:4] for k, v in adjust.items()}), bands=(0.3, 0.7)
    )
    models = next(tests for family, tests in few.tests if "hypothesis-generating" in family)
    assert all(test.p is None and "4 rows for 4 coefficients" in test.note for test in models)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_patients_make_no_correlation_and_say_so(n: int) -> None:
    before, after, other = (numbers[:n] for numbers in invented()[:3])
    part = drawn(analyse_baseline("baseline", change_cohort(before, after, other), bands=(0.3, 0.7)))
    assert part.answers[0].p is None and "needs three" in part.answers[0].note


def test_strength_goes_by_the_bands() -> None:
    said = [strength(r, (0.3, 0.7)) for r in (-0.841, 0.7, 0.69, 0.3, 0.091, -0.29, 0.0, None)]
    assert said == [
        "strong, falling",
        "strong, rising",
        "moderate, rising",
        "moderate, rising",
        "weak, rising",
        "weak, falling",
        "weak",
        None,
    ]
