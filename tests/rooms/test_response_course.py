"""Claims about rules over a whole course: every visit is judged, by lesions that keep their identity."""

from dataclasses import replace

import pytest
from judged import RADIOSURGERY, RADIOTHERAPY, balls, course, number, track

from afterglow.flows.method import load_method
from afterglow.records.course import Course, Treatment
from afterglow.records.response import Reading, Repeatability, Rule
from afterglow.records.track import Event
from afterglow.response.compare import disagreements, first_calls, lead_times
from afterglow.response.judge import flag, judge, judge_course

BEHAR = load_method("behar2023").rule[0].record()
SIZE = load_method("behar2023").rule[1].record()
ADEMOLA = load_method("ademola2025").rule[0].record()
READ = load_method("stadlbauer2025").rule[0].record()
LEVEL = Rule(
    "high blood volume", "level", ("cbv",), "mean", True, "none", 1.75, "only", "1", "the user's own", above="high", below="low"
)


def vp(*values: float | None, days: tuple[float, ...], treatments: tuple[Treatment, ...] = (RADIOTHERAPY,)) -> Course:
    return course({day: [number(v, "vp")] for day, v in zip(days, values, strict=True)}, treatments=treatments)


def test_every_visit_after_treatment_is_judged_against_the_one_before() -> None:
    made = judge_course(vp(8.0, 2.0, 4.0, 9.0, days=(0, 60, 120, 300)), [BEHAR], (), site="spine")
    assert [(v.from_session, v.to_session, v.category) for v in made] == [
        ("01", "02", "response"), ("01", "03", "response"), ("01", "04", "progression"),
    ]  # fmt: skip
    assert [v.label for v in made] == ["treatment success", "treatment success", "treatment failure"]


def test_judge_gives_the_last_visit_of_the_course() -> None:
    made = vp(8.0, 2.0, 4.0, 9.0, days=(0, 60, 120, 300))
    assert judge(made, BEHAR, (), site="spine") == judge_course(made, [BEHAR], (), site="spine")[-1:]


def test_without_a_scan_before_treatment_a_change_cannot_be_told() -> None:
    made = judge_course(vp(8.0, 2.0, days=(20, 60)), [BEHAR], (), site="spine")
    assert [v.category for v in made] == ["cannot tell", "cannot tell"]
    assert all("there is no scan before treatment" in v.sentence and v.from_session == "" for v in made)


def test_where_no_treatment_is_recorded_the_first_visit_stands_in_and_the_sentence_says_so() -> None:
    (verdict,) = judge_course(vp(8.0, 2.0, days=(0, 60), treatments=()), [BEHAR], (), site="spine")
    assert "No radiation treatment is recorded" in verdict.sentence


def test_after_radiation_again_the_visit_before_the_second_course_is_the_baseline() -> None:
    again = (replace(RADIOTHERAPY, day=-300.0), replace(RADIOSURGERY, day=100.0))
    made = judge_course(vp(8.0, 7.0, 2.0, days=(0, 90, 160), treatments=again), [BEHAR], (), site="spine")
    assert [(v.from_session, v.to_session) for v in made] == [("", "01"), ("", "02"), ("02", "03")]


def test_a_rule_may_compare_with_the_first_visit_instead() -> None:
    made = judge_course(vp(8.0, 2.0, days=(20, 60)), [replace(BEHAR, baseline="first visit")], (), site="spine")
    assert [(v.from_session, v.category) for v in made] == [("01", "response")]


def test_a_change_within_the_intervals_of_both_scans_is_no_change_where_repeatability_is_not_known() -> None:
    apart = course({0: [number(4.0, "vp", ci=(3.6, 4.4))], 60: [number(2.0, "vp", ci=(1.8, 2.2))]}, treatments=(RADIOTHERAPY,))
    alike = course({0: [number(4.0, "vp", ci=(3.6, 4.4))], 60: [number(4.1, "vp", ci=(3.7, 4.5))]}, treatments=(RADIOTHERAPY,))
    assert judge(apart, BEHAR, (), site="spine")[0].category == "response"
    (verdict,) = judge(alike, BEHAR, (), site="spine")
    assert (verdict.category, verdict.label) == ("no change", "treatment failure")
    assert "by the word of the rule alone this is treatment failure" in verdict.sentence


def test_a_number_without_an_interval_beside_one_with_makes_no_call_unless_repeatability_is_known() -> None:
    made = course({0: [number(4.0, "vp")], 60: [number(6.0, "vp", ci=(5.0, 7.0))]}, treatments=(RADIOTHERAPY,))
    (verdict,) = judge(made, BEHAR, (), site="spine")
    assert (verdict.category, verdict.label) == ("cannot tell", "treatment failure")
    assert "too few voxels for an interval" in verdict.sentence
    known = (Repeatability("vp", True, "spine", 0.1, "own pairs", True),)
    assert judge(made, BEHAR, known, site="spine")[0].category == "progression"


def test_an_interval_across_the_threshold_is_said() -> None:
    near = course({0: [number(4.0, "vp", ci=(3.6, 4.4))], 60: [number(2.5, "vp", ci=(2.2, 2.8))]}, treatments=(RADIOTHERAPY,))
    assert "reaches across the threshold" in judge(near, BEHAR, (), site="spine")[0].sentence


def test_a_lesion_that_split_off_is_compared_with_what_it_was_part_of() -> None:
    tracks = (track("1", {"01": 0, "02": 60}), track("2", {"02": 60}, ("1",)))
    made = course(
        {0: [number(8.0, "vp")], 60: [number(2.0, "vp"), number(6.0, "vp", lesion="2")]},
        treatments=(RADIOTHERAPY,),
        tracks=tracks,
    )
    first, second = judge(made, BEHAR, (), site="spine")
    assert (first.value, second.value) == (pytest.approx(-75), pytest.approx(-25))
    assert "Lesion 2 was part of lesion 1 then" in second.sentence


def test_merged_lesions_are_compared_with_their_mean_by_volume_and_vanish_from_the_list() -> None:
    tracks = (track("1", {"01": 0}), track("2", {"01": 0}), track("3", {"02": 60}, ("1", "2")))
    made = course(
        {
            0: [number(8.0, "vp", volume_ml=3.0), number(4.0, "vp", lesion="2", volume_ml=1.0)],
            60: [number(3.5, "vp", lesion="3")],
        },
        treatments=(RADIOTHERAPY,), tracks=tracks,
    )  # fmt: skip
    (verdict,) = judge(made, BEHAR, (), site="spine")
    assert (verdict.lesion_id, verdict.value) == ("3", pytest.approx(-50))
    (median,) = judge(made, replace(BEHAR, statistic="median"), (), site="spine")
    assert median.category == "cannot tell"


def test_a_size_counts_all_pieces_so_that_splitting_is_no_shrinking() -> None:
    tracks = (track("1", {"01": 0, "02": 60}), track("2", {"02": 60}, ("1",)))
    whole, pieces = {"1": 20.0}, {"1": 16.0, "2": 16.0}
    volume = replace(SIZE, quantities=("volume",))
    split = judge(balls(whole, pieces, days=(0, 60), treatments=(RADIOTHERAPY,), tracks=tracks), volume, (), site="spine")
    assert [v.value for v in split] == [pytest.approx(100 * (2 * 16**3 / 20**3 - 1))] * 2


def test_a_new_lesion_has_no_change() -> None:
    tracks = (track("1", {"01": 0, "02": 60}), track("2", {"02": 60}))
    made = course(
        {0: [number(8.0, "vp")], 60: [number(2.0, "vp"), number(6.0, "vp", lesion="2")]},
        treatments=(RADIOTHERAPY,),
        tracks=tracks,
    )
    new = judge(made, BEHAR, (), site="spine")[1]
    assert new.category == "cannot tell"
    assert "new since ses-02" in new.sentence


def test_a_lesion_that_vanished_is_a_response_of_size_and_says_nothing_of_perfusion() -> None:
    gone = Event("vanished", "02", 60.0, ("1",), (), "Lesion 1 is no longer seen")
    sizes = balls({"1": 20.0}, {}, days=(0, 60), treatments=(RADIOTHERAPY,), events=(gone,))
    assert judge(sizes, SIZE, (), site="spine")[0].value == -100
    perfusion = course({0: [number(8.0, "vp")], 60: []}, treatments=(RADIOTHERAPY,), events=(gone,))
    (verdict,) = judge(perfusion, BEHAR, (), site="spine")
    assert "no longer seen" in verdict.sentence


def states(before: dict[str, float], now: dict[str, float], *, days: tuple[float, float] = (0, 90)) -> Course:
    def made(values: dict[str, float]) -> list[object]:
        return [number(v, q, statistic="median") for q, v in values.items()]

    return course({days[0]: made(before), days[1]: made(now)}, treatments=(RADIOSURGERY,))  # type: ignore[dict-item]


def test_the_time_windows_of_ademola2025_are_cautions() -> None:
    high, low = {"ktrans": 4.0, "vp": 4.0}, {"ktrans": 0.5, "vp": 0.5}
    assert "Mind" not in judge(states(high, low), ADEMOLA, (), site="brain")[0].sentence
    old = judge(states(high, low, days=(-40, 90)), ADEMOLA, (), site="brain")[0]
    assert "50 days older than the treatment" in old.sentence
    soon = judge(states(high, low, days=(0, 30)), ADEMOLA, (), site="brain")[0]
    assert "this scan is 20 days after treatment" in soon.sentence
    assert old.category == soon.category == "response"


def test_a_response_rests_on_both_states_and_progression_on_the_one_now() -> None:
    known = (
        Repeatability("ktrans", True, "brain", 0.109, "own pairs", True),
        Repeatability("vp", True, "brain", 0.109, "own pairs", True),
    )
    near, low, high = {"ktrans": 1.6, "vp": 1.6}, {"ktrans": 0.5, "vp": 0.5}, {"ktrans": 4.0, "vp": 4.0}
    unsure = judge(states(near, low), ADEMOLA, known, site="brain")[0]
    assert unsure.category == "cannot tell"
    assert "than scanning again could move it" in unsure.sentence
    assert judge(states(near, high), ADEMOLA, known, site="brain")[0].category == "progression"


def test_a_level_is_read_at_every_visit_and_not_told_near_its_threshold() -> None:
    made = course({0: [number(1.0, "cbv")], 60: [number(1.8, "cbv", ci=(1.6, 2.0))], 120: [number(3.0, "cbv", ci=(2.8, 3.2))]})
    found = judge_course(made, [LEVEL], (), site="brain")
    assert [(v.category, v.label) for v in found] == [("response", "low"), ("cannot tell", ""), ("progression", "high")]


def reading(call: str, *, session: str = "02", reader: str = "A") -> Reading:
    return Reading("01", session, "1", reader, "conventional", call, None)


def test_readings_are_calls_and_readers_who_differ_are_none() -> None:
    made = vp(8.0, 2.0, days=(0, 60))
    (verdict,) = judge_course(made, [READ], (), site="brain", readings=[reading("recurrence")])
    assert (verdict.category, verdict.value, verdict.to_session) == ("progression", 1.0, "02")
    (apart,) = judge_course(
        made, [READ], (), site="brain", readings=[reading("recurrence"), reading("no recurrence", reader="B")]
    )
    assert apart.category == "cannot tell"
    assert "A: recurrence; B: no recurrence" in apart.sentence
    (odd,) = judge_course(made, [READ], (), site="brain", readings=[reading("maybe")])
    assert "none of recurrence, no recurrence" in odd.sentence
    assert judge_course(made, [READ], (), site="brain") == ()


def test_rules_that_disagree_stand_side_by_side() -> None:
    made = vp(8.0, 2.0, days=(0, 60))
    verdicts = judge_course(made, [BEHAR, READ], (), site="spine", readings=[reading("recurrence")])
    (found,) = disagreements(verdicts)
    assert found.session_id == "02"
    assert found.words == (
        "They disagree: change of normalised vp says response (treatment success); conventional reading says progression (recurrence)."
    )
    assert disagreements(verdicts[:1]) == ()


def test_the_lead_of_one_rule_over_another_counts_from_first_call_to_first_call() -> None:
    made = balls({"1": 20.0}, {"1": 16.0}, {"1": 20.0}, {"1": 30.0}, days=(0, 60, 120, 300), treatments=(RADIOTHERAPY,))
    early = [
        reading(call, session=session) for session, call in (("02", "no recurrence"), ("03", "recurrence"), ("04", "recurrence"))
    ]
    verdicts = judge_course(made, [READ, replace(SIZE, threshold=25.0)], (), site="spine", readings=early)
    (lead,) = lead_times(made, verdicts)
    assert (lead.rule_early, lead.rule_late, lead.days) == ("conventional reading", "change of size", 180.0)
    assert lead.volume_late_ml is not None and lead.volume_early_ml is not None
    assert lead.volume_late_ml / lead.volume_early_ml == pytest.approx(1.5**3)
    assert [one.stays for one in first_calls(made, verdicts)] == [True, True]


def test_a_rule_that_never_calls_has_no_day() -> None:
    made = vp(8.0, 2.0, 2.0, days=(0, 60, 120))
    verdicts = judge_course(made, [READ, BEHAR], (), site="spine", readings=[reading("recurrence")])
    (lead,) = lead_times(made, verdicts)
    assert (lead.day_early, lead.day_late, lead.days) == (60.0, None, None)


def test_a_flag_is_said_after_the_call() -> None:
    (verdict,) = judge(vp(8.0, 2.0, days=(0, 60)), BEHAR, (), site="spine")
    assert flag(verdict, "Mind: the visits differ.").sentence.endswith("Mind: the visits differ.")
    assert flag(verdict, "") == verdict
