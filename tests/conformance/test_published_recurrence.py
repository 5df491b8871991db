"""Claims about the recurrence paper: predictions made to have its printed counts give its printed statistics by the way of the group level."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from afterglow.cohort.groups import t_from_summaries
from afterglow.cohort.paired_readings import mcnemar_inverse
from afterglow.cohort.part import Part
from afterglow.flows.audit import audit_printed_numbers
from afterglow.flows.cohort_recurrence import predicted_cohort, predicted_part
from afterglow.flows.method_cohort import CohortSpec
from afterglow.flows.method_predictions import Predictions
from afterglow.io.predictions import predictions_path, read_predictions, write_predictions
from afterglow.records import statistic
from afterglow.records.recurrence import Predicted, Shown

# set: recurrence or not -> (right by the combined model, right by the conventional one, patients, printed P of McNemar)
PRINTED: dict[Shown, dict[bool, tuple[int, int, int, float]]] = {
    "test": {True: (12, 6, 15, 0.03), False: (8, 9, 18, 1.00)},
    "training": {True: (42, 36, 61, 0.33), False: (29, 26, 85, 0.69)},
}
INTERVALS = {
    ("combined (test)", "sensitivity"): (52, 96),
    ("conventional (test)", "sensitivity"): (16, 68),
    ("combined (test)", "specificity"): (22, 69),
    ("conventional (test)", "specificity"): (26, 74),
    ("combined (seen in training)", "sensitivity"): (56, 80),
    ("conventional (seen in training)", "sensitivity"): (46, 71),
    ("combined (seen in training)", "specificity"): (24, 45),
    ("conventional (seen in training)", "specificity"): (21, 42),
}
SPEC = {
    "question": "Where does it come back?",
    "primary": "prediction",
    "source": "the paper",
    "analysis": [
        {
            "do": "predictions",
            "name": "prediction",
            "source": "the paper",
            "models": ["combined", "conventional"],
            "shown": ["test", "training"],
            "rule": "max",
            "threshold": 0.5,
            "scores": ["max"],
        }
    ],
}


def right(first: int, second: int, n: int, p: float) -> list[tuple[bool, bool]]:
    """Who is right by which model, so that the discordant pairs give the printed P; the first of the pairings that do."""
    found = mcnemar_inverse(first, second, n, p)[0]
    both = first - found.b
    pairs = [(True, True)] * both + [(True, False)] * found.b + [(False, True)] * found.c
    return pairs + [(False, False)] * (n - len(pairs))


def rows() -> list[Predicted]:
    made = []
    for shown, sides in PRINTED.items():
        for recurs, printed in sides.items():
            for k, pair in enumerate(right(*printed)):
                for model, is_right in zip(("combined", "conventional"), pair, strict=True):
                    value = 0.9 if is_right == recurs else 0.1
                    name = f"{shown}{'r' if recurs else 'n'}{k:02d}"
                    made.append(Predicted(name, "pre", model, shown, "max", value, "1", recurs))
    return made


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Part:
    out = tmp_path_factory.mktemp("printed")
    write_predictions(predictions_path(out), rows())
    spec = CohortSpec.model_validate(SPEC)
    analysis = spec.analysis[0]
    assert isinstance(analysis, Predictions)
    return predicted_part(
        analysis, spec, predicted_cohort(Path("predictions.tsv"), read_predictions(predictions_path(out)), analysis)
    )


def estimates(part: Part) -> dict[str, statistic.Estimated]:
    return {one.name: one for _, family in part.estimates for one in family}


def named(part: Part, name: str) -> Sequence[statistic.Tested]:
    return [one for _, family in part.tests for one in family if one.name.startswith(name)]


@pytest.mark.parametrize(("reading", "metric"), INTERVALS)
def test_the_intervals_are_those_printed(part: Part, reading: str, metric: str) -> None:
    found = estimates(part)[f"{reading} {metric}"]
    assert found.rule == "Clopper-Pearson" and found.low is not None and found.high is not None
    assert (round(100 * found.low), round(100 * found.high)) == INTERVALS[reading, metric]


def test_mcnemar_gives_the_four_printed_p_values(part: Part) -> None:
    found = {one.about: one.p for one in named(part, "McNemar")}
    assert len(found) == 4
    for shown, words in (("test", "test"), ("training", "seen in training")):
        for metric, recurs in (("sensitivity", True), ("specificity", False)):
            p = found[f"{metric}, combined ({words}) against conventional ({words})"]
            assert p is not None and round(p, 2) == PRINTED[shown][recurs][3]


def test_no_call_of_the_paper_is_shown_to_do_better_than_chance_and_each_is_said(part: Part) -> None:
    fisher = named(part, "Fisher")
    expected = [0.2659, 0.7285, 0.7249, 0.2203]  # 12/3, 10/8; 6/9, 9/9; 42/19, 56/29; 36/25, 59/26
    assert [round(one.p, 4) for one in fisher if one.p is not None] == expected
    said = [one for one in part.cautions if "not shown to do better than chance" in one]
    assert len(said) == 4
    youden = estimates(part)["combined (test) Youden index"]
    assert youden.value == pytest.approx(12 / 15 + 8 / 18 - 1)
    assert youden.low is not None and youden.low < 0 < (youden.high or 0)


def test_the_first_answer_is_the_difference_that_the_paper_reports(part: Part) -> None:
    first = part.answers[0]
    assert isinstance(first, statistic.Tested) and first.p == pytest.approx(0.03125)
    assert "test" in first.about


def test_patients_seen_in_training_stand_apart_and_say_so(part: Part) -> None:
    assert any("say how well a model remembers them" in one for one in part.cautions)
    tables = {table.name: table.counts.tolist() for table in part.crossed}
    assert tables["combined (test) against outcome"] == [[12, 10], [3, 8]]
    assert tables["combined (seen in training) against outcome"] == [[42, 56], [19, 29]]


def test_the_age_of_both_sets_gives_the_printed_p() -> None:
    found = t_from_summaries((57.1, 13.7, 146), (60.5, 11.9, 33), equal=True)
    assert found.p is not None and round(found.p, 2) == 0.19


def test_what_cannot_be_in_the_paper_is_named() -> None:
    found = {one.id: one for one in audit_printed_numbers("yoon2024").findings}
    assert found["S002-p-over-1"].verdict == "inconsistent"
    assert any("1.44" in sentence for sentence in found["S002-p-over-1"].sentences)
    assert found["S002-denominators"].verdict == "inconsistent"
    assert any("62 and 84" in sentence for sentence in found["S002-denominators"].sentences)
