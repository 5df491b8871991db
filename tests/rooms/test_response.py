"""Claims about verdicts: every one shows its numbers, and knows when it cannot tell."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.flows.method import load_method
from afterglow.records.course import Course, Treatment, Visit
from afterglow.records.measurement import Measurement
from afterglow.records.response import CATEGORIES, Repeatability, Rule, Verdict
from afterglow.response.change import ChangeInterval
from afterglow.response.compared import category_of_change
from afterglow.response.judge import baseline_visit, judge
from afterglow.response.states import CALLS, state_of

BEHAR = load_method("behar2023").rule[0].record()
SIZE = load_method("behar2023").rule[1].record()
ADEMOLA = load_method("ademola2025").rule[0].record()
RADIOSURGERY = Treatment("radiosurgery", 10.0, dose_gy=20, fractions=1)


def measured(value: float | None, rule: Rule, quantity: str, *, flags: tuple[str, ...] = ()) -> Measurement:
    unit = "1" if rule.normalised else "mm2"
    kind = "given region" if rule.normalised else ""
    return Measurement(
        "01",
        "x",
        0.0,
        "1",
        "lesion",
        quantity,
        rule.statistic,
        value,
        unit,
        None,
        None,
        "",
        10,
        1.0,
        kind,
        1.0,
        "dce",
        "m",
        "r",
        flags,
    )


def course(
    rule: Rule, *ratios: dict[str, float | None], days: tuple[float, ...] = (0.0, 60.0), treatments: tuple[Treatment, ...] = ()
) -> Course:
    visits = tuple(
        Visit(f"{i + 1:02d}", day, tuple(measured(v, rule, q) for q, v in values.items()))
        for i, (day, values) in enumerate(zip(days, ratios, strict=True))
    )
    return Course("01", visits, treatments)


def call(
    rule: Rule,
    before: dict[str, float | None],
    now: dict[str, float | None],
    known: tuple[Repeatability, ...] = (),
    **more: object,
) -> Verdict:
    (verdict,) = judge(course(rule, before, now, **more), rule, known, site="spine")  # type: ignore[arg-type]
    return verdict


def test_the_two_printed_patients_of_behar2023_come_out_as_printed() -> None:
    success = call(BEHAR, {"vp": 9.26}, {"vp": 1.13})
    failure = call(BEHAR, {"vp": 5.48}, {"vp": 9.03})
    assert (success.category, round(success.value or 0, 1)) == ("response", -87.8)
    assert (failure.category, round(failure.value or 0, 1)) == ("progression", 64.8)


def test_a_change_at_the_threshold_is_not_above_it() -> None:
    assert call(BEHAR, {"vp": 10.0}, {"vp": 6.0}).category == "response"
    assert call(BEHAR, {"vp": 10.0}, {"vp": 6.001}).category == "progression"


def test_inside_repeatability_there_is_no_change() -> None:
    known = (Repeatability("vp", True, "spine", 0.10, "a site's own pairs", confirmed=True),)
    verdict = call(BEHAR, {"vp": 2.0}, {"vp": 2.4}, known)
    assert verdict.category == "no change"
    assert "no change can be claimed" in verdict.sentence
    assert call(BEHAR, {"vp": 2.0}, {"vp": 2.7}, known).category == "progression"  # 95 % +2 to +78


def test_the_distance_is_given_in_repeatability_units() -> None:
    known = (Repeatability("vp", True, "spine", 0.10, "a site's own pairs", confirmed=False),)
    verdict = call(BEHAR, {"vp": 2.0}, {"vp": 4.0}, known)
    assert verdict.distance_rc == pytest.approx((100 + 40) / 27.7)
    assert "not confirmed at its source" in verdict.sentence


def test_unknown_repeatability_is_said_and_not_guessed() -> None:
    verdict = call(BEHAR, {"vp": 2.0}, {"vp": 4.0})
    assert verdict.distance_rc is None
    assert "not known" in verdict.sentence


@pytest.mark.parametrize(("before", "now"), [(None, 1.0), (1.0, None), (None, None)])
def test_a_missing_number_means_cannot_tell_because(before: float | None, now: float | None) -> None:
    verdict = call(BEHAR, {"vp": before}, {"vp": now})
    assert verdict.category == "cannot tell"
    assert "because" in verdict.sentence


def test_a_baseline_of_zero_has_no_change_in_per_cent() -> None:
    assert call(BEHAR, {"vp": 0.0}, {"vp": 1.0}).category == "cannot tell"


def test_the_size_rule_carries_its_pseudoprogression_warning() -> None:
    assert "pseudoprogression" in call(SIZE, {"bidimensional_product": 100.0}, {"bidimensional_product": 130.0}).sentence


@pytest.mark.parametrize(
    ("before", "now", "category"),
    [
        ({"ktrans": 3.0, "vp": 2.0}, {"ktrans": 7.0, "vp": 3.0}, "progression"),
        ({"ktrans": 1.0, "vp": 1.0}, {"ktrans": 7.0, "vp": 3.0}, "progression"),
        ({"ktrans": 3.0, "vp": 2.0}, {"ktrans": 1.6, "vp": 0.9}, "response"),
        ({"ktrans": 0.4, "vp": 0.7}, {"ktrans": 0.5, "vp": 0.9}, "cannot tell"),
        ({}, {"ktrans": 0.5, "vp": 0.9}, "cannot tell"),
        ({}, {"ktrans": 5.0, "vp": 2.0}, "progression"),
        ({"ktrans": 3.0, "vp": 2.0}, {"ktrans": None, "vp": None}, "cannot tell"),
    ],
)
def test_every_state_of_ademola2025(before: dict[str, float | None], now: dict[str, float | None], category: str) -> None:
    assert call(ADEMOLA, before, now, treatments=(RADIOSURGERY,)).category == category


def test_a_tumour_that_never_showed_on_perfusion_is_named_as_such() -> None:
    sentence = call(ADEMOLA, {"ktrans": 0.4, "vp": 0.7}, {"ktrans": 0.5, "vp": 0.9}, treatments=(RADIOSURGERY,)).sentence
    assert "did not show on perfusion before treatment" in sentence


def test_a_scan_after_radiosurgery_is_no_scan_before_it() -> None:
    verdict = call(ADEMOLA, {"ktrans": 3.0, "vp": 2.0}, {"ktrans": 0.5, "vp": 0.9}, treatments=(replace(RADIOSURGERY, day=-5.0),))
    assert verdict.category == "cannot tell"
    assert "no scan before treatment" in verdict.sentence


def test_all_pairs_of_states_have_a_call() -> None:
    states = ("present", "absent", "unknown")
    assert set(CALLS) == {(a, b) for a in states for b in states}


@given(st.lists(st.one_of(st.none(), st.floats(0, 10)), min_size=1, max_size=3))
def test_either_is_present_wherever_both_is(ratios: list[float | None]) -> None:
    if state_of(ratios, threshold=1.5, combine="both") == "present":
        assert state_of(ratios, threshold=1.5, combine="either") == "present"
    if state_of(ratios, threshold=1.5, combine="either") == "absent":
        assert state_of(ratios, threshold=1.5, combine="both") == "absent"


@given(st.floats(-90, 300), st.floats(-60, 60), st.one_of(st.none(), st.floats(1, 80)))
def test_a_larger_change_is_never_a_better_call(value: float, threshold: float, half: float | None) -> None:
    worse = {"response": 0, "no change": 1, "progression": 2}
    first, second = (
        category_of_change(
            ChangeInterval(v, None, None, ()) if half is None else ChangeInterval(v, v - half, v + half, ()), threshold
        )
        for v in (value, value + 50)
    )
    assert first in CATEGORIES
    if "no change" not in (first, second):
        assert worse[second] >= worse[first]


def test_the_baseline_is_the_last_visit_before_radiation() -> None:
    three = course(
        BEHAR, {"vp": 1.0}, {"vp": 2.0}, {"vp": 3.0}, days=(0.0, 20.0, 90.0), treatments=(Treatment("radiotherapy", 30.0),)
    )
    assert baseline_visit(three).day == 20.0
    assert baseline_visit(replace(three, treatments=())).day == 0.0


def test_one_visit_makes_no_call() -> None:
    assert judge(course(BEHAR, {"vp": 1.0}, days=(0.0,)), BEHAR, (), site="spine") == ()
