"""Claims about the numbers of a predicted map: what each says, whom it is asked of, what is refused; and about their table."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.recurrence_cases import CHANNELS, make_cases

from afterglow.io.predictions import collect_predictions, predictions_path, read_predictions, write_predictions
from afterglow.records.errors import BadInput, GridMismatch
from afterglow.records.grid import Grid
from afterglow.records.maps import Provenance
from afterglow.records.predicted import (
    COVERED_EQUAL,
    COVERED_GAIN,
    COVERED_STANDARD,
    FALSE_MARK,
    PRECISION,
    PRECISION_BEYOND,
    RECURRENCES,
    SPARED,
    TARGET_VOLUME,
    covered_by,
    volume_covering,
)
from afterglow.records.recurrence import LearningCase, Predicted, RecurrenceMap
from afterglow.recurrence.baselines import baselines
from afterglow.recurrence.evaluate import evaluate_case
from afterglow.recurrence.geodesic import geodesic_distance, tumour_distance
from afterglow.recurrence.localise import localisation, marks
from afterglow.recurrence.scores import patient_scores
from afterglow.recurrence.target import risk_target

MADE = Provenance("model", "0", {}, (), "Invented.")


@pytest.fixture(scope="module")
def cases() -> tuple[LearningCase, LearningCase]:
    """One whose tumour comes back, one whose does not."""
    first, second = make_cases(2, seed=5, side=32)[0]
    return first, second


def map_of(case: LearningCase, values: NDArray[np.floating] | float) -> RecurrenceMap:
    inside = np.where(case.brain, values, np.nan).astype(np.float32)
    return RecurrenceMap(case.subject, case.session, "combined", inside, case.grid, "test", (0,), MADE)


def by_measure(rows: tuple[Predicted, ...]) -> dict[str, float]:
    return {row.measure: row.value for row in rows}


def test_a_patients_numbers_are_those_of_the_map(cases: tuple[LearningCase, LearningCase]) -> None:
    case = cases[0]
    values = np.zeros(case.grid.shape)
    hot = np.argwhere(case.brain)[:200]
    values[tuple(hot[:130].T)] = 0.7
    values[tuple(hot[0])] = 0.9
    rows = patient_scores(map_of(case, values), case)
    found = by_measure(rows)
    assert found["max"] == pytest.approx(0.9) and found["voxel at 0.5"] == 1
    assert found["volume at 0.5"] == pytest.approx(130 * 0.008)  # voxels of 2 mm
    assert found["mean of the hottest 1 mL"] == pytest.approx((0.9 + 124 * 0.7) / 125)
    assert {row.unit for row in rows if row.measure.startswith("volume")} == {"mL"}
    assert {(row.participant_id, row.session_id, row.model, row.shown, row.recurs) for row in rows} == {
        ("01", "pre", "combined", "test", True)
    }


def test_the_paper_calls_a_voxel_of_exactly_one_half(cases: tuple[LearningCase, LearningCase]) -> None:
    assert by_measure(patient_scores(map_of(cases[0], 0.5), cases[0]))["voxel at 0.5"] == 1
    assert by_measure(patient_scores(map_of(cases[0], 0.499), cases[0]))["voxel at 0.5"] == 0


def test_the_peritumoural_zone_holds_neither_the_tumour_nor_what_is_far(cases: tuple[LearningCase, LearningCase]) -> None:
    case = cases[0]
    distance = tumour_distance(case)
    assert distance is not None and case.enhancing is not None
    values = np.where(case.enhancing, 1.0, np.where(distance <= 15.0, 0.25, 0.75))
    found = by_measure(patient_scores(map_of(case, values), case))
    assert found["mean within 15 mm of the tumour"] == pytest.approx(0.25)


def test_a_map_that_knows_nothing_is_not_measured(cases: tuple[LearningCase, LearningCase]) -> None:
    case = cases[0]
    empty = map_of(case, np.nan)
    for rows in (patient_scores(empty, case), localisation(empty, case)):
        assert rows and all(math.isnan(row.value) for row in rows)
    assert marks(empty, case) == () and risk_target(empty, case) is None


def test_without_an_outlined_tumour_what_needs_one_is_not_measured(cases: tuple[LearningCase, LearningCase]) -> None:
    case = replace(cases[0], enhancing=None)
    made = map_of(case, 0.3)
    assert math.isnan(by_measure(patient_scores(made, case))["mean within 15 mm of the tumour"])
    assert risk_target(made, case) is None and tumour_distance(case) is None
    assert [one.model for one in baselines(case)] == ["ve"]


def test_place_is_asked_of_those_who_recurred_alone(cases: tuple[LearningCase, LearningCase]) -> None:
    stayed = cases[1]
    made = map_of(stayed, 0.9)
    assert localisation(made, stayed) == ()
    target = risk_target(made, stayed)
    assert target is not None and target.rows == ()
    unknown = replace(stayed, label=None)
    assert localisation(made, unknown) == () and marks(made, unknown) == ()
    assert {row.recurs for row in patient_scores(made, unknown)} == {None}


def test_marks_of_a_patient_without_recurrence_are_all_false(cases: tuple[LearningCase, LearningCase]) -> None:
    rows = marks(map_of(cases[1], 0.9), cases[1])
    assert [(row.measure, row.value) for row in rows] == [(FALSE_MARK, pytest.approx(0.9)), (RECURRENCES, 0.0)]


def test_a_mark_lies_on_the_recurrence_that_its_hottest_voxel_is_nearest_to(cases: tuple[LearningCase, LearningCase]) -> None:
    case = cases[1]
    label = np.zeros(case.grid.shape, dtype=bool)
    label[10, 16, 16] = label[22, 16, 16] = True
    came = replace(case, label=label)
    values = np.zeros(case.grid.shape)
    values[12, 16, 16], values[22, 17, 16], values[16, 8, 16] = 0.4, 0.6, 0.8  # 4 mm off, 2 mm off, far
    rows = marks(map_of(came, values), came)
    found = sorted((row.measure, round(row.value, 3)) for row in rows)
    assert found == [("false mark", 0.8), ("mark on recurrence 1", 0.4), ("mark on recurrence 2", 0.6), ("recurrences", 2.0)]


def test_false_components_meet_no_recurrence(cases: tuple[LearningCase, LearningCase]) -> None:
    case = cases[0]
    assert case.label is not None
    values = np.where(case.label, 0.8, 0.0)
    far = np.argwhere(case.brain & ~case.label)
    for one in (far[0], far[-1]):
        values[tuple(one)] = 0.6
    found = by_measure(localisation(map_of(case, values), case))
    assert found["false components at 0.5"] == 2
    assert found["hit at 0.5"] == 1 and found["coverage at 0.5"] == 1


def test_of_two_hottest_voxels_the_share_that_hits_counts(cases: tuple[LearningCase, LearningCase]) -> None:
    case = cases[0]
    assert case.label is not None
    values = np.zeros(case.grid.shape)
    values[tuple(np.argwhere(case.label)[0])] = values[tuple(np.argwhere(case.brain & ~case.label)[0])] = 0.7
    assert by_measure(localisation(map_of(case, values), case))["hottest voxel in the recurrence"] == 0.5


def test_ve_that_is_high_where_it_comes_back_covers_more_than_the_margin_of_the_same_volume(
    cases: tuple[LearningCase, LearningCase],
) -> None:
    case = cases[0]
    ve = next(one for one in baselines(case) if one.model == "ve")
    found = risk_target(ve, case, margin_mm=6.0)
    assert found is not None
    rows = by_measure(found.rows)
    assert rows[COVERED_EQUAL] == 1 and rows[COVERED_STANDARD] < 0.9
    assert rows[COVERED_GAIN] == pytest.approx(rows[COVERED_EQUAL] - rows[COVERED_STANDARD])
    assert rows[SPARED] > 0
    assert rows[TARGET_VOLUME] == pytest.approx((found.standard & ~(tumour_distance(case) == 0)).sum() * 0.008)


def test_tissue_spared_is_told_by_the_voxel() -> None:
    """A line of brain: tumour at 0, recurrence at 3 and 4; the margin of 4 voxels takes 1 to 4, the model finds 3, then 4."""
    shape = (12, 1, 1)
    line = np.zeros(shape, dtype=bool)
    enhancing, label = line.copy(), line.copy()
    enhancing[0], label[3:5] = True, True
    case = LearningCase("01", "pre", Grid(shape, np.diag([10.0, 10.0, 10.0, 1.0])), {}, ~line, label, enhancing)
    values = np.full(shape, 0.1)
    values[3], values[9], values[4] = 0.9, 0.8, 0.7
    found = risk_target(map_of(case, values), case, margin_mm=40.0)
    assert found is not None
    rows = by_measure(found.rows)
    assert rows[COVERED_STANDARD] == rows[COVERED_EQUAL] == 1
    assert rows[SPARED] == pytest.approx(1.0)  # the margin meets voxels 1 and 2, the model voxel 9 alone; each holds 1 mL
    assert rows[covered_by(2)] == 0.5 and volume_covering(covered_by(2)) == 2.0
    assert found.chosen[:, 0, 0].tolist() == [True, True, False, True, True, *[False] * 4, True, False, False]


def test_what_was_not_learned_ranks_beyond_the_tumour_and_calls_nobody(cases: tuple[LearningCase, LearningCase]) -> None:
    case = cases[0]
    made = baselines(case, channels=CHANNELS, shown="test")
    assert [one.model for one in made] == ["ve", "ve-ratio", "distance"]
    assert case.enhancing is not None
    for one in made:
        assert not one.is_probability and one.shown == "test" and one.folds == ()
        assert np.isnan(one.probability[case.enhancing]).all() and np.isnan(one.probability[~case.brain]).all()
        measures = set(by_measure((*patient_scores(one, case), *localisation(one, case))))
        assert not any("0.5" in measure for measure in measures) and marks(one, case) == ()
    itself, ratio, nearness = (by_measure(localisation(one, case)) for one in made)
    assert itself[PRECISION] == itself[PRECISION_BEYOND] == ratio[PRECISION] > 0.9 > nearness[PRECISION]
    units = [{row.unit for row in patient_scores(one, case)} for one in made]
    assert units == [{"1"}, {"{ratio}"}, {"mm"}]


def test_the_ratio_is_to_the_brain_away_from_the_tumour(cases: tuple[LearningCase, LearningCase]) -> None:
    case = cases[0]
    distance = tumour_distance(case)
    assert distance is not None
    itself, ratio = baselines(case)[:2]
    away = case.images["ve"][case.brain & (distance > 15.0)]
    middle = np.median(away[np.isfinite(away)])
    np.testing.assert_allclose(ratio.probability, itself.probability / middle, rtol=1e-5)


def test_a_map_that_is_nowhere_above_zero_away_from_the_tumour_has_no_ratio(cases: tuple[LearningCase, LearningCase]) -> None:
    case = cases[0]
    flat = replace(case, images={**case.images, "ve": np.zeros(case.grid.shape, dtype=np.float32)})
    assert [one.model for one in baselines(flat)] == ["ve", "distance"]


def test_ventricles_that_the_brain_leaves_out_are_walked_around() -> None:
    brain = np.ones((20, 20, 20), dtype=bool)
    brain[10, 2:] = False
    start = np.zeros_like(brain)
    start[8, 15, 10] = True
    walked = geodesic_distance(start, brain, (1.0, 1.0, 1.0))
    assert walked[12, 15, 10] > 25  # straight it is 4


def test_maps_of_another_grid_or_patient_are_refused(cases: tuple[LearningCase, LearningCase]) -> None:
    case, other = cases
    made = map_of(case, 0.2)
    with pytest.raises(GridMismatch, match="sub-01 ses-pre and the case of sub-02"):
        patient_scores(made, other)
    moved = replace(made, grid=Grid(case.grid.shape, np.diag([1.0, 1.0, 1.0, 1.0])))
    with pytest.raises(GridMismatch, match="resample the map first"):
        localisation(moved, case)


def test_everything_asked_of_a_patient_is_one_table(cases: tuple[LearningCase, LearningCase], tmp_path: Path) -> None:
    case = cases[0]
    rows = evaluate_case((map_of(case, 0.2), *baselines(case)), case)
    assert {row.model for row in rows} == {"combined", "ve", "ve-ratio", "distance"}
    once = [(row.model, row.measure) for row in rows if not row.measure.startswith(("mark", FALSE_MARK))]
    assert len(set(once)) == len(once)
    path = tmp_path / "sub-01" / "ses-pre" / "recurrence" / "sub-01_ses-pre_predictions.tsv"
    write_predictions(path, rows)
    collect_predictions(tmp_path)
    again = read_predictions(predictions_path(tmp_path))
    assert [repr(row) for row in again] == [repr(row) for row in rows]


def test_nothing_predicted_makes_no_table(tmp_path: Path) -> None:
    assert collect_predictions(tmp_path) == () and not predictions_path(tmp_path).exists()


@pytest.mark.parametrize(
    ("column", "cell", "sentence"),
    [
        ("shown", "seen", "write one of test, out of fold"),
        ("recurs", "yes", "write true, false or n/a"),
        ("value", "much", "write a number"),
    ],
)
def test_a_cell_that_says_something_else_is_refused(tmp_path: Path, column: str, cell: str, sentence: str) -> None:
    path = predictions_path(tmp_path)
    write_predictions(path, [Predicted("01", "pre", "combined", "test", "max", 0.5, "1", None)])
    head, row = path.read_text().splitlines()
    cells = dict(zip(head.split("\t"), row.split("\t"), strict=True)) | {column: cell}
    path.write_text(f"{head}\n" + "\t".join(cells.values()) + "\n")
    with pytest.raises(BadInput, match=sentence):
        read_predictions(path)
