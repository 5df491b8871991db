"""Claims that hold for any predicted map: what ranks keeps its rank, equal volume is equal, walls are walls, NaN is never chosen."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import average_precision_score

from afterglow.cohort.analyse_recurrence import analyse_predictions
from afterglow.cohort.predicted import PredictedCohort, PredictedPatient, PredictionsAsked
from afterglow.records.grid import Grid
from afterglow.records.maps import Provenance
from afterglow.records.predicted import COVERED_EQUAL, PRECISION, RECURRENCES, marks_of, volume_covering
from afterglow.records.recurrence import LearningCase, Predicted, RecurrenceMap
from afterglow.recurrence.baselines import baselines
from afterglow.recurrence.geodesic import geodesic_distance, tumour_distance
from afterglow.recurrence.localise import localisation, marks
from afterglow.recurrence.scores import patient_scores
from afterglow.recurrence.target import risk_target

SIDE, SPACING = 9, (4.0, 3.0, 5.0)
seeds = st.integers(0, 2**32 - 1)
made_by = Provenance("model", "0", {}, (), "Invented.")


def made_case(rng: np.random.Generator, *, recurs: bool = True) -> LearningCase:
    """A box of brain with a hole or two, a tumour of some voxels, a recurrence beyond it."""
    shape = (SIDE,) * 3
    brain = np.zeros(shape, dtype=bool)
    brain[1:-1, 1:-1, 1:-1] = rng.random((SIDE - 2,) * 3) < 0.95
    enhancing = np.zeros(shape, dtype=bool)
    enhancing[3:5, 3:5, 3:5] = True
    brain |= enhancing
    label = np.zeros(shape, dtype=bool)
    if recurs:
        i, j, k = rng.integers(1, SIDE - 3, 3)
        label[i : i + 2, j : j + 2, k : k + 2] = True
        label[5, 4, 4] = True  # a recurrence has a voxel beyond the tumour
    brain |= label
    ve = np.where(rng.random(shape) < 0.9, rng.random(shape), np.nan).astype(np.float32)
    return LearningCase("01", "pre", Grid(shape, np.diag([*SPACING, 1.0])), {"ve": ve}, brain, label, enhancing)


def made_map(case: LearningCase, values: NDArray[np.floating]) -> RecurrenceMap:
    inside = np.where(case.brain, values, np.nan).astype(np.float32)
    return RecurrenceMap("01", "pre", "combined", inside, case.grid, "test", (0,), made_by)


def some(seed: int, *, steps: int = 0) -> tuple[LearningCase, RecurrenceMap]:
    """A case and a map of chance; with `steps` values tie."""
    rng = np.random.default_rng(seed)
    case = made_case(rng)
    values = rng.random(case.grid.shape)
    return case, made_map(case, np.round(values * steps) / steps if steps else values)


def by_measure(rows: tuple[Predicted, ...]) -> dict[str, float]:
    return {row.measure: row.value for row in rows}


@settings(max_examples=300)
@given(seeds)
def test_a_way_inside_is_never_shorter_than_the_straight_one_and_without_walls_is_that(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(3, 8, 3))
    spacing = tuple(float(v) for v in rng.uniform(0.5, 5.0, 3))
    start = np.zeros(shape, dtype=bool)
    start[tuple(rng.integers(0, shape))] = True
    inside = rng.random(shape) < 0.7
    straight = ndimage.distance_transform_edt(~start, sampling=spacing)
    walked = geodesic_distance(start, inside, spacing)  # type: ignore[arg-type]
    assert (walked >= straight - 1e-9).all()
    assert np.isinf(walked[~(inside | start)]).all()
    free = geodesic_distance(start, np.ones(shape, dtype=bool), spacing)  # type: ignore[arg-type]
    np.testing.assert_allclose(free, straight, atol=1e-5)


@settings(max_examples=60)
@given(seeds)
def test_what_no_way_of_faces_leads_to_is_infinitely_far_and_all_else_is_reached(seed: int) -> None:
    rng = np.random.default_rng(seed)
    inside = rng.random((6, 6, 6)) < 0.5
    start = np.zeros_like(inside)
    start[tuple(rng.integers(0, 6, 3))] = True
    parts, _ = ndimage.label(inside | start)
    walked = geodesic_distance(start, inside, (1.0, 1.0, 1.0))
    assert (np.isfinite(walked) == (parts == parts[start][0])).all()


def test_a_wall_is_walked_around_by_its_door() -> None:
    inside = np.ones((21, 21, 5), dtype=bool)
    start = np.zeros_like(inside)
    start[5, 5, 2] = True
    inside[10] = False
    assert np.isinf(geodesic_distance(start, inside, (1.0, 1.0, 1.0))[11:]).all()
    inside[10, 18, 2] = True
    walked = geodesic_distance(start, inside, (1.0, 1.0, 1.0))
    by_door = 2 * math.hypot(4, 13) + 2  # (5, 5) -> (9, 18), through the door by its faces, (11, 18) -> (15, 5)
    assert 0.99 * by_door <= walked[15, 5, 2] <= 1.05 * by_door
    assert walked[9, 5, 2] == pytest.approx(4.0)


@settings(max_examples=80)
@given(seeds, st.sampled_from([0, 4]), st.floats(0.2, 5.0))
def test_what_ranks_does_not_know_the_scale(seed: int, steps: int, power: float) -> None:
    case, made = some(seed, steps=steps)
    bent = made_map(case, made.probability.astype(np.float64) ** power)
    if np.unique(bent.probability[case.brain]).size < np.unique(made.probability[case.brain]).size:
        return  # float32 let two values fall together
    ranked = ("average precision", "hottest")
    first, second = (by_measure(localisation(one, case)) for one in (made, bent))
    assert {k: v for k, v in first.items() if k.startswith(ranked)} == {k: v for k, v in second.items() if k.startswith(ranked)}
    distance = tumour_distance(case)
    one, two = (risk_target(each, case, distance_mm=distance) for each in (made, bent))
    assert one is not None and two is not None
    assert (one.chosen == two.chosen).all()
    assert by_measure(one.rows) == by_measure(two.rows)


@settings(max_examples=80)
@given(seeds, st.sampled_from([0, 1, 4]), st.floats(0.0, 20.0))
def test_equal_volume_is_equal_to_the_voxel_and_both_hold_the_tumour(seed: int, steps: int, margin_mm: float) -> None:
    case, made = some(seed, steps=steps)
    found = risk_target(made, case, margin_mm=margin_mm)
    assert found is not None and case.enhancing is not None
    assert found.chosen.sum() == found.standard.sum()
    assert found.chosen[case.enhancing].all() and found.standard[case.enhancing].all()
    assert not (found.chosen & ~case.brain).any() and not (found.standard & ~case.brain).any()


@settings(max_examples=60)
@given(seeds)
def test_nearness_as_a_map_chooses_the_margin_itself(seed: int) -> None:
    case, _ = some(seed)
    nearness = baselines(case)[-1]
    found = risk_target(nearness, case, margin_mm=8.0)
    assert found is not None
    assert (found.chosen == found.standard).all()
    assert by_measure(found.rows)["coverage gained at equal volume"] == 0


@settings(max_examples=60)
@given(seeds)
def test_a_flat_map_chooses_the_margin_itself(seed: int) -> None:
    case, _ = some(seed)
    found = risk_target(made_map(case, np.full(case.grid.shape, 0.3)), case, margin_mm=8.0)
    assert found is not None and (found.chosen == found.standard).all()


@settings(max_examples=60)
@given(seeds)
def test_a_map_that_is_the_recurrence_covers_all_of_it_and_nothing_else(seed: int) -> None:
    case, _ = some(seed)
    assert case.label is not None
    perfect = made_map(case, case.label.astype(np.float64))
    found = by_measure(localisation(perfect, case))
    for measure in (PRECISION, "hit at 0.5", "coverage at 0.5", "hottest voxel in the recurrence"):
        assert found[measure] == 1
    assert found["false components at 0.5"] == 0
    target = risk_target(perfect, case, margin_mm=15.0)
    assert target is not None
    rows = by_measure(target.rows)
    assert rows[COVERED_EQUAL] >= rows["coverage of the standard margin"]
    told = marks(perfect, case)
    hit = {lesion for _, lesion in marks_of(told)}
    assert None not in hit and len(hit) == by_measure(told)[RECURRENCES]


@settings(max_examples=60)
@given(seeds)
def test_what_is_not_known_is_never_chosen_and_counts_as_missed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    case = made_case(rng)
    values = np.where(rng.random(case.grid.shape) < 0.5, rng.random(case.grid.shape), np.nan)
    made = made_map(case, values)
    unknown = ~np.isfinite(made.probability)
    found = risk_target(made, case, margin_mm=6.0)
    assert case.label is not None and case.enhancing is not None
    if found is not None:
        assert not (found.chosen & unknown & ~case.enhancing).any()
    scores = by_measure(patient_scores(made, case))
    known = case.brain & ~unknown
    assert scores["volume at 0.5"] == pytest.approx((made.probability[known] >= 0.5).sum() * case.grid.voxel_ml)
    place = by_measure(localisation(made, case))
    assert place["coverage at 0.5"] <= np.isfinite(made.probability[case.label]).mean() + 1e-12
    if case.label[known].any():
        oracle = average_precision_score(case.label[known], made.probability[known])
        assert place[PRECISION] == pytest.approx(oracle)


@settings(max_examples=80)
@given(seeds, st.floats(0.0, 1.0))
def test_any_voxel_at_the_threshold_is_the_maximum_at_the_threshold(seed: int, threshold: float) -> None:
    case, made = some(seed)
    found = by_measure(patient_scores(made, case, threshold=threshold))
    called = found[f"voxel at {threshold:g}"]
    assert called == float(np.float32(found["max"]) >= np.float32(threshold)) == float(found[f"volume at {threshold:g}"] > 0)
    assert found["mean of the hottest 1 mL"] <= found["max"]


@settings(max_examples=60)
@given(seeds)
def test_more_volume_never_covers_less(seed: int) -> None:
    case, made = some(seed)
    found = risk_target(made, case)
    assert found is not None
    curve = sorted((v, row.value) for row in found.rows if (v := volume_covering(row.measure)) is not None)
    shares = [share for _, share in curve if not math.isnan(share)]
    assert shares == sorted(shares) and all(0 <= share <= 1 for share in shares)


@settings(max_examples=30)
@given(seeds, st.integers(0, 2))
def test_a_mirrored_patient_has_the_same_numbers(seed: int, axis: int) -> None:
    case, made = some(seed)
    flip = lambda image: None if image is None else np.flip(image, axis).copy()  # noqa: E731
    other = LearningCase(
        "01", "pre", case.grid, {"ve": flip(case.images["ve"])}, flip(case.brain), flip(case.label), flip(case.enhancing)
    )
    mirrored = made_map(other, flip(made.probability))
    for rows_of in (patient_scores, localisation):
        assert by_measure(rows_of(made, case)) == pytest.approx(by_measure(rows_of(mirrored, other)), nan_ok=True)
    one, two = risk_target(made, case), risk_target(mirrored, other)
    assert one is not None and two is not None
    assert by_measure(one.rows) == pytest.approx(by_measure(two.rows), nan_ok=True)


def patient(rng: np.random.Generator, n: int) -> PredictedPatient:
    recurs = n % 2 == 0
    values = {(model, "max"): float(rng.random()) for model in ("combined", "conventional")}
    if recurs:
        values |= {(model, PRECISION): float(rng.random()) for model in ("combined", "conventional")}
    return PredictedPatient(f"{n:02d}", "pre", "out of fold" if n < 16 else "test", recurs, values)


def test_the_order_of_patients_changes_nothing() -> None:
    rng = np.random.default_rng(4)
    patients = [patient(rng, n) for n in range(28)]
    asked = PredictionsAsked(
        ("combined", "conventional"), ("test", "out of fold"), "max", 0.5, ("max",), (PRECISION,), (), probability="max"
    )
    first = analyse_predictions("prediction", PredictedCohort(tuple(patients)), asked)
    shuffled = tuple(patients[k] for k in rng.permutation(len(patients)))
    second = analyse_predictions("prediction", PredictedCohort(shuffled), asked)
    assert first.estimates == second.estimates and first.tests == second.tests
    assert first.tables == second.tables and first.cautions == second.cautions
