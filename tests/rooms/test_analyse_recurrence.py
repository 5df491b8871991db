"""Claims about the analysis of predictions: sets stay apart, thresholds come from others, who is left out is said; what is refused."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.painted_cohorts import write_people, write_visit

from afterglow.cohort.analyse_recurrence import analyse_predictions
from afterglow.cohort.analyse_recurrence_place import place_part
from afterglow.cohort.part import Part
from afterglow.cohort.predicted import PredictedCohort, PredictedPatient, PredictionsAsked
from afterglow.flows.cohort import run_group
from afterglow.flows.cohort_recurrence import predicted_cohort, predicted_part, read_predicted_cohorts
from afterglow.flows.method import load_method, method_text
from afterglow.flows.method_predictions import Predictions
from afterglow.flows.work import silent
from afterglow.io.bids import open_dataset
from afterglow.io.predictions import predictions_path, write_predictions
from afterglow.io.study import load_study
from afterglow.records import statistic
from afterglow.records.errors import BadInput, BadMethod, MissingInput
from afterglow.records.group import LinePlot, PairPlot, RocPlot
from afterglow.records.mark import DetectionMark
from afterglow.records.predicted import (
    COVERED_EQUAL,
    COVERED_STANDARD,
    FALSE_MARK,
    PRECISION,
    RECURRENCES,
    SPARED,
    TARGET_VOLUME,
    TRUE_MARK,
    covered_by,
    hit_at,
)
from afterglow.records.recurrence import Predicted, Shown
from afterglow.report.group import picture_figure

METHOD = "yoon2024"
HIT = hit_at(0.5)
ASKED = PredictionsAsked(
    ("combined", "conventional"), ("test", "out of fold"), "max", 0.5, ("max",), (PRECISION,), (HIT,), ("distance",),
    "max", (0.2, 0.4, 0.6), (0.5, 1.0),
)  # fmt: skip
BRIEF = PredictionsAsked(("combined", "conventional"), ("test", "out of fold"), "max", 0.5, ("max",), (), ())


def predicted(n: int, shown: Shown, rng: np.random.Generator, gain: float = 1.5) -> PredictedPatient:
    """Every second patient recurs; the combined model knows it better, and covers more at equal volume."""
    recurs = n % 2 == 0
    values: dict[tuple[str, str], float] = {}
    for model, knows in (("combined", gain), ("conventional", 0.5 * gain), ("distance", 0.0)):
        values[model, "max"] = float(1 / (1 + np.exp(-rng.normal(knows * (1 if recurs else -1)))))
        if recurs:
            share = float(rng.uniform(0.3, 0.6))
            values |= {
                (model, PRECISION): float(rng.uniform(0.2, 0.4) + 0.2 * knows), (model, HIT): float(knows > 1 or n % 3 == 0),
                (model, COVERED_STANDARD): share, (model, COVERED_EQUAL): share + 0.2 * knows, (model, SPARED): 10 * knows,
                (model, TARGET_VOLUME): 50.0, (model, covered_by(10)): share, (model, covered_by(20)): share + 0.1,
            }  # fmt: skip
    return PredictedPatient(f"{n:02d}", "pre", shown, recurs, values, int(recurs))


def cohort_of(seed: int = 1, *, out_of_fold: int = 40, test: int = 24) -> PredictedCohort:
    rng = np.random.default_rng(seed)
    people = [predicted(n, "out of fold" if n < out_of_fold else "test", rng) for n in range(out_of_fold + test)]
    marks = tuple(
        DetectionMark(one.participant_id, "pre", model, float(rng.random()), "1" if one.recurs and k else None)
        for one in people
        for k, model in enumerate(("conventional", "combined"))
    )
    return PredictedCohort(tuple(people), marks)


@pytest.fixture(scope="module")
def whole() -> Part:
    return analyse_predictions("prediction", cohort_of(), ASKED)


def values(part: Part, begins: str) -> dict[str, float | None]:
    return {one.name: one.value for name, family in part.estimates if name.startswith(begins) for one in family}


def told(part: Part, begins: str) -> Sequence[statistic.Tested]:
    return [one for name, family in part.tests if name.startswith(begins) for one in family]


def test_every_question_has_its_answer_in_each_set(whole: Part) -> None:
    for words in ("test", "out of fold"):
        begins = f"prediction, {words}"
        assert {name for name, _ in whole.tests if name.startswith(begins)} == {
            f"{begins}: max at least 0.5: which rule is right more often",
            f"{begins}: whether calls go with recurrence at all",
            f"{begins}, max: areas on the same patients",
            f"{begins}: place, in pairs",
            f"{begins}: hits, in pairs",
            f"{begins}: target of equal volume less the standard margin",
            f"{begins}: targets of equal volume, between models",
        }
        assert len(values(whole, f"{begins}, max: areas")) == 3
        assert len(values(whole, f"{begins}, marks: combined")) == 3
    kinds = [type(picture) for picture in whole.pictures]
    assert kinds.count(RocPlot) == 2 and kinds.count(PairPlot) == 4 and kinds.count(LinePlot) == 2 * 5


def test_every_picture_can_be_drawn_and_is_called_differently(whole: Part) -> None:
    names = [picture.name for picture in whole.pictures]
    assert len(set(names)) == len(names)
    assert all(title.startswith("prediction, ") for one in whole.pictures if isinstance(one, LinePlot) for title, _ in one.panels)
    few = [picture for picture in whole.pictures if "coverage" in picture.name or "target" in picture.name][:2]
    assert all(picture_figure(one).image for one in few)


def test_the_coverage_curve_is_the_median_over_those_who_recurred(whole: Part) -> None:
    curve = next(p for p in whole.pictures if isinstance(p, LinePlot) and p.name == "prediction-test-coverage").panels[0][1][0]
    came = [one for one in cohort_of().of("test") if one.recurs]
    assert curve.x.tolist() == [10.0, 20.0]
    assert curve.y[0] == pytest.approx(np.median([one.value("combined", covered_by(10)) for one in came]))


def test_the_first_model_less_the_margin_is_told_in_pairs(whole: Part) -> None:
    found = told(whole, "prediction, test: target of equal volume less")
    first = next(one for one in found if one.about.startswith("recurrence covered, combined less the standard margin"))
    assert first.effects[0].value == pytest.approx(0.3) and first.n == (12,)
    spared = next(one for one in found if one.about == f"{SPARED}, combined")
    assert spared.effects[0].unit == "mL" and spared.effects[0].value == pytest.approx(15.0)


def test_a_threshold_does_not_know_the_patients_it_is_judged_on() -> None:
    cohort = cohort_of()
    turned = tuple(
        replace(one, values={key: 1 - value if key[1] == "max" else value for key, value in one.values.items()})
        if one.shown == "test"
        else one
        for one in cohort.patients
    )
    first, second = (analyse_predictions("p", PredictedCohort(people), BRIEF) for people in (cohort.patients, turned))
    chosen = "p: threshold of max by combined, chosen out of fold"
    assert values(first, chosen) == values(second, chosen)
    applied = "p, test: combined, max above"
    assert values(first, applied)["sensitivity"] != values(second, applied)["sensitivity"]


def test_new_patients_are_judged_by_the_same_thresholds_as_the_test_set() -> None:
    cohort = cohort_of()
    new = PredictedCohort(tuple(replace(one, shown="new") if one.shown == "test" else one for one in cohort.patients))
    first = analyse_predictions("p", cohort, BRIEF)
    second = analyse_predictions("p", new, replace(BRIEF, shown=("new", "out of fold")))
    assert values(first, "p, test: combined, max above") == values(second, "p, new patients: combined, max above")


def test_no_threshold_is_chosen_on_patients_seen_in_training() -> None:
    people = tuple(replace(one, shown="training") if one.shown == "out of fold" else one for one in cohort_of().patients)
    found = analyse_predictions("p", PredictedCohort(people), replace(BRIEF, shown=("test", "training", "out of fold")))
    assert not values(found, "p: threshold")
    assert any("no threshold is chosen" in one for one in found.cautions)
    assert any("say how well a model remembers them" in one for one in found.cautions)
    assert "combined (seen in training) against outcome" in [table.name for table in found.crossed]


def test_patients_of_other_sets_are_not_mixed_in(whole: Part) -> None:
    cohort = cohort_of()
    only = analyse_predictions("prediction", PredictedCohort(cohort.of("test"), cohort.marks), replace(ASKED, shown=("test",)))
    assert (
        values(only, "prediction, test")
        == {name: value for name, value in values(whole, "prediction, test").items() if name in values(only, "prediction, test")}
        | {}
    )
    rest = analyse_predictions("p", cohort, replace(BRIEF, shown=("test",)))
    assert any("patients of the sets out of fold are not part" in one for one in rest.cautions)


def test_a_model_that_tells_nothing_is_said_to_do_no_better_than_chance_and_one_that_does_is_not() -> None:
    found = analyse_predictions("p", cohort_of(out_of_fold=0, test=60), BRIEF)
    said = [one for one in found.cautions if "not shown to do better than chance" in one]
    assert not any("combined" in one for one in said)
    rng = np.random.default_rng(2)
    blind = PredictedCohort(tuple(predicted(n, "test", rng, gain=0.0) for n in range(40)))
    said = [one for one in analyse_predictions("p", blind, BRIEF).cautions if "not shown to do better than chance" in one]
    assert len(said) == 2


@pytest.mark.slow
def test_of_null_cohorts_the_difference_between_models_mostly_holds_zero() -> None:
    held = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        null = tuple(predicted(n, "test", rng, gain=0.0) for n in range(30))
        part = place_part("p", null, (), replace(BRIEF, places=(PRECISION,)), ("recurrence", "no recurrence"), seed=1)
        effect = told(part, "p: place")[0].effects[0]
        assert effect.low is not None and effect.high is not None
        held += effect.low <= 0 <= effect.high
    assert held >= 24  # of 30 intervals of 95 %: fewer happen to one test in a thousand


@pytest.mark.parametrize("kept", [0, 1])
def test_one_class_alone_is_said_and_breaks_nothing(kept: int) -> None:
    people = tuple(one for one in cohort_of().patients if one.recurs == bool(kept))
    found = analyse_predictions("p", PredictedCohort(people), ASKED)
    areas = [one for name, family in found.estimates if "areas under" in name for one in family]
    assert areas and all(one.value is None and one.note for one in areas)
    assert any("no threshold is chosen" in one for one in found.cautions)


def test_a_patient_without_a_number_is_left_out_of_that_number_and_counted() -> None:
    cohort = cohort_of()
    first = cohort.patients[-1]
    lacking = replace(first, values={key: value for key, value in first.values.items() if key != ("combined", "max")})
    found = analyse_predictions("p", PredictedCohort((*cohort.patients[:-1], lacking)), BRIEF)
    assert any("made no call in 1 of 24 cases" in one for one in found.cautions)


def test_a_model_that_marks_nothing_is_said_to_find_nothing() -> None:
    cohort = cohort_of()
    of_first = tuple(mark for mark in cohort.marks if mark.reader == "combined")
    asked = replace(BRIEF, false_marks=(1.0,))
    for marks in (of_first, ()):
        part = place_part("p", cohort.of("test"), marks, asked, ("recurrence", "no recurrence"), seed=1)
        silent = ["conventional"] if marks else ["combined", "conventional"]
        assert [one for one in part.cautions if "set no mark" in one] == [
            f"p, marks: {model} set no mark and found nothing; it has no curve" for model in silent
        ]


def test_an_empty_set_is_said() -> None:
    found = analyse_predictions("p", cohort_of(test=0), BRIEF)
    assert "p: no patient is in the set 'test'" in found.cautions


# --- from the table ---


def rows_of(cohort: PredictedCohort, unit: str = "1") -> list[Predicted]:
    rows = [
        Predicted(one.participant_id, one.session_id, model, one.shown, measure, value, unit, one.recurs)
        for one in cohort.patients
        for (model, measure), value in one.values.items()
    ]
    rows += [
        Predicted(one.participant_id, "pre", model, one.shown, RECURRENCES, float(one.recurrences or 0), "1", one.recurs)
        for one in cohort.patients
        for model in ("combined", "conventional")
    ]
    for mark in cohort.marks:
        owner = next(one for one in cohort.patients if one.participant_id == mark.participant_id)
        words = FALSE_MARK if mark.lesion_id is None else f"{TRUE_MARK} {mark.lesion_id}"
        rows.append(Predicted(mark.participant_id, "pre", mark.reader, owner.shown, words, mark.score, "1", owner.recurs))
    return rows


SPEC = Predictions(
    name="prediction", source="here", do="predictions", models=("combined", "conventional"), beside=("distance",),
    shown=("test", "out of fold"), rule="max", threshold=0.5, scores=("max",), places=(PRECISION,), hits=(HIT,),
)  # fmt: skip


def read(rows: Sequence[Predicted], spec: Predictions = SPEC) -> PredictedCohort:
    return predicted_cohort(Path("predictions.tsv"), rows, spec)


def test_a_table_gives_the_cohort_that_it_was_made_of() -> None:
    cohort = cohort_of(test=6, out_of_fold=6)
    found = read(rows_of(cohort))
    assert found.patients == cohort.patients
    assert sorted(found.marks, key=repr) == sorted(cohort.marks, key=repr)


def test_scores_beside_follow_the_set_of_the_models() -> None:
    rows = [replace(row, shown="new") if row.model == "distance" else row for row in rows_of(cohort_of(test=6, out_of_fold=6))]
    assert {one.shown for one in read(rows).patients} == {"test", "out of fold"}


def test_a_rule_beside_that_no_patient_has_a_map_for_is_left_out_and_said() -> None:
    spec = SPEC.model_copy(update={"beside": ("distance", "rcbv")})
    found = read(rows_of(cohort_of(test=6, out_of_fold=6)), spec)
    assert found.without == ("rcbv",)
    cohort = load_method(METHOD).cohort
    assert cohort is not None
    part = predicted_part(spec, cohort, found)
    assert any("no patient has a map for rcbv beside the models" in one for one in part.cautions)
    assert not any("rcbv" in one.name for _, family in part.estimates for one in family)


def test_of_whom_it_is_not_known_is_named_and_left_out() -> None:
    rows = [replace(row, recurs=None) if row.participant_id == "03" else row for row in rows_of(cohort_of(test=6, out_of_fold=6))]
    found = read(rows)
    assert found.unknown == ("03",) and "03" not in [one.participant_id for one in found.patients]
    said = analyse_predictions("p", found, replace(BRIEF, shown=("test",))).cautions
    assert any("not known of 1 predicted patients (sub-03)" in one for one in said)


def test_rows_that_contradict_one_another_are_refused() -> None:
    rows = rows_of(cohort_of(test=6, out_of_fold=6))
    with pytest.raises(BadInput, match="sub-02 is out of fold, training in rows of combined and conventional"):
        read([replace(row, shown="training") if (row.participant_id, row.model) == ("02", "combined") else row for row in rows])
    with pytest.raises(BadInput, match="has 'max' by combined twice"):
        read([*rows, rows[0]])
    with pytest.raises(BadInput, match="no row is of 'other', which the analysis 'prediction' reads; there are combined"):
        read(rows, SPEC.model_copy(update={"models": ("combined", "other")}))
    with pytest.raises(BadInput, match=r"no row has the measure 'volume at 0\.5'"):
        read(rows, SPEC.model_copy(update={"scores": ("volume at 0.5",)}))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"scores": ("max", "max")}, "scores name 'max' twice"),
        ({"beside": ("combined",)}, "models and beside name 'combined' twice"),
        ({"probability": "max", "thresholds": (0.4, 0.2)}, "thresholds of the decision curve rise"),
        ({"thresholds": (0.2, 0.4)}, "needs a probability"),
    ],
)
def test_an_analysis_that_cannot_be_is_refused(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Predictions.model_validate({**SPEC.model_dump(), **change})


# --- the group level whole ---


@pytest.fixture
def study(tmp_path: Path) -> tuple[Path, Path]:
    bids, out = tmp_path / "bids", tmp_path / "out"
    people = [{"participant_id": f"sub-{n:02d}", "age_years": 50.0 + n, "sex": "FM"[n % 3 % 2], "kps": 80.0} for n in range(36)]
    for person in people:
        write_visit(out, str(person["participant_id"]).removeprefix("sub-"), "pre", 0.0, {}, 1.5)
    write_people(bids, people, {})
    cohort = cohort_of(out_of_fold=20, test=16)
    write_predictions(predictions_path(out), _renamed(rows_of(cohort)))
    return bids, out


def _renamed(rows: Sequence[Predicted]) -> list[Predicted]:
    """With the measures that the shipped method asks for, each made of one that is there."""
    extra = {"max": ("mean of the hottest 1 mL", "mean within 15 mm of the tumour"),
             PRECISION: ("average precision beyond the tumour", "coverage at 0.5", "false components at 0.5"),
             HIT: ("hottest voxel within 5 mm of the recurrence",)}  # fmt: skip
    more = [replace(row, measure=name) for row in rows for name in extra.get(row.measure, ())]
    beside = [replace(row, model=name) for row in [*rows, *more] if row.model == "distance" for name in ("ve", "ve-ratio")]
    return [*rows, *more, *beside]


@pytest.mark.slow
def test_the_group_level_of_the_shipped_method_makes_a_report(study: tuple[Path, Path]) -> None:
    bids, out = study
    found = run_group(bids, out, METHOD, progress=silent)
    assert found.counted == "36 patients analysed"
    assert "McNemar" in found.answer or "sensitivity" in found.answer
    assert found.facts.labels == ("recurrence", "no recurrence") and found.facts.sizes == (18, 18)
    assert found.facts.flow[-1].words == "Predicted, with a known outcome"
    assert found.facts.flow[-1].split == (("test", 16), ("out of fold", 20))
    assert any("Fisher's test of its own counts" in one for one in found.facts.cautions)
    assert "predictions are held against recurrence or no recurrence of 36 patients" in found.facts.methods_paragraph
    text = found.report.read_text()
    assert "Predicted, with a known outcome" in text and "hottest tissue beyond it" in text
    assert (out / "group" / "figures" / "prediction-test-coverage.png").is_file()
    assert (out / "group" / "tables" / "prediction-each-patient.tsv").is_file()


def test_without_predictions_the_sentence_says_what_comes_first(study: tuple[Path, Path]) -> None:
    bids, out = study
    predictions_path(out).unlink()
    with pytest.raises(MissingInput, match="run `afterglow train` and `afterglow predict` first"):
        run_group(bids, out, METHOD, progress=silent)


def test_outcomes_that_say_something_else_than_the_learning_set_are_refused(study: tuple[Path, Path]) -> None:
    bids, out = study
    table = bids / "phenotype" / "outcomes.tsv"
    table.write_text("participant_id\tlabel\tbasis\nsub-00\tno recurrence\tfollow-up\n")
    with pytest.raises(BadInput, match=r"sub-00 recurred there, and phenotype/outcomes\.tsv says no recurrence"):
        run_group(bids, out, METHOD, progress=silent)
    table.write_text("participant_id\tlabel\tbasis\nsub-00\trecurrence\tfollow-up\nsub-01\tno recurrence\tfollow-up\n")
    method = load_method(METHOD)
    assert method.cohort is not None
    found = read_predicted_cohorts(out, method, method.cohort, load_study(open_dataset(bids)))
    assert [len(one.patients) for one in found.values()] == [36]


def test_a_method_that_trains_no_such_model_is_refused(tmp_path: Path) -> None:
    text = method_text(METHOD)
    path = tmp_path / "mine.toml"
    path.write_text(text.replace('models = ["combined", "conventional"]', 'models = ["combined", "other"]'))
    with pytest.raises(BadMethod, match=r"reads 'other', which no \[\[recurrence\.model\]\] is called"):
        load_method(str(path))
