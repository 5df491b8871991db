"""Claims about areas under ROC curves: brute force over all pairs agrees, order is all that counts, and patients are not exams."""

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score
from sklearn.metrics import roc_curve as roc_of_sklearn

from afterglow.cohort.auc import auc, auc_hanley_mcneil, compare_aucs
from afterglow.cohort.labelled import Labelled, label, label_together
from afterglow.cohort.operating import area, operating_points
from afterglow.cohort.placements import delong_covariance, hanley_mcneil_se, obuchowski_covariance, placements
from afterglow.cohort.roc import average_precision, precision_recall, roc_curve, wilson
from afterglow.records.errors import BadInput

Z = float(stats.norm.isf(0.025))


def random_exams(rng: np.random.Generator, markers: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values with ties, truth with two of each kind at least, patients with up to four exams."""
    n = int(rng.integers(6, 40))
    truth = rng.permutation(np.arange(n) < rng.integers(2, n - 1))
    values = np.round(rng.normal(truth * rng.uniform(0, 2), 1, (markers, n)), int(rng.integers(0, 3)))
    return values, truth, rng.integers(0, max(2, n // 2), n)


def beats(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a[:, None] > b[None]) + 0.5 * (a[:, None] == b[None])


def delong_by_pairs(values: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Areas and their covariance from the definition, O(n squared)."""
    won = [beats(v[truth], v[~truth]) for v in values]
    rows, columns = np.array([w.mean(axis=1) for w in won]), np.array([w.mean(axis=0) for w in won])
    areas = np.array([w.mean() for w in won])
    apart, across = rows - areas[:, None], columns - areas[:, None]
    p, n = rows.shape[1], columns.shape[1]
    return areas, apart @ apart.T / (p - 1) / p + across @ across.T / (n - 1) / n


def obuchowski_by_loops(values: np.ndarray, truth: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """The sums of Obuchowski 1997, patient by patient."""
    won = [beats(v[truth], v[~truth]) for v in values]
    areas = [w.mean() for w in won]
    ids = sorted(set(patients))
    up, down = patients[truth], patients[~truth]
    x = [[sum(w[j].mean() - a for j in range(len(up)) if up[j] == i) for i in ids] for w, a in zip(won, areas, strict=True)]
    y = [
        [sum(w[:, j].mean() - a for j in range(len(down)) if down[j] == i) for i in ids] for w, a in zip(won, areas, strict=True)
    ]
    p, n, all_, with_p, with_n = len(up), len(down), len(ids), len(set(up)), len(set(down))
    out = np.empty((len(values), len(values)))
    for r in range(len(values)):
        for s in range(len(values)):
            s10 = with_p / ((with_p - 1) * p) * np.dot(x[r], x[s])
            s01 = with_n / ((with_n - 1) * n) * np.dot(y[r], y[s])
            s11 = all_ / (all_ - 1) * (np.dot(x[r], y[s]) + np.dot(y[r], x[s]))
            out[r, s] = s10 / p + s01 / n + s11 / (p * n)
    return out


def test_areas_and_their_covariance_are_those_of_all_pairs() -> None:
    rng = np.random.default_rng(1)
    for _ in range(1000):
        values, truth, patients = random_exams(rng)
        found = placements(values, truth)
        areas, covariance = delong_by_pairs(values, truth)
        np.testing.assert_allclose(found.areas, areas, atol=1e-12)
        np.testing.assert_allclose(delong_covariance(found), covariance, atol=1e-9, rtol=1e-9)
        np.testing.assert_allclose(found.negative.mean(axis=1), areas, atol=1e-12)
        if min(np.unique(patients[truth]).size, np.unique(patients[~truth]).size) > 1:
            whose = np.unique(patients, return_inverse=True)[1]
            np.testing.assert_allclose(
                obuchowski_covariance(found, truth, whose), obuchowski_by_loops(values, truth, whose), atol=1e-9, rtol=1e-9
            )


def test_an_exam_given_twice_leaves_the_area_and_its_variance_as_the_patients_made_them() -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        values, truth, _ = random_exams(rng)
        once = delong_covariance(placements(values, truth))
        twice = placements(np.hstack([values, values]), np.hstack([truth, truth]))
        patients = np.tile(np.arange(truth.size), 2)
        np.testing.assert_allclose(obuchowski_covariance(twice, np.hstack([truth, truth]), patients), once, atol=1e-12)
        assert (delong_covariance(twice) <= once + 1e-12)[0, 0], "taken as independent, they seem to know more"


def test_with_one_exam_a_patient_obuchowski_is_delong() -> None:
    values, truth, _ = random_exams(np.random.default_rng(3))
    found = placements(values, truth)
    np.testing.assert_allclose(obuchowski_covariance(found, truth, np.arange(truth.size)), delong_covariance(found), atol=1e-15)


def test_intervals_are_normal_or_normal_on_the_logit() -> None:
    rng = np.random.default_rng(4)
    for turn in range(1000):
        values, truth, _ = random_exams(rng, markers=1)
        areas, covariance = delong_by_pairs(values, truth)
        a, se = float(areas[0]), math.sqrt(covariance[0, 0])
        sample = label("vp", values[0], truth)
        plain, logit = auc(sample, rule="DeLong"), auc(sample)
        assert plain.value == pytest.approx(a, abs=1e-12)
        if turn < 50:
            assert a == pytest.approx(float(roc_auc_score(truth, values[0])), abs=1e-12)
        if se < 1e-6:
            assert plain.low is None and "no interval" in plain.note
            continue
        assert (plain.low, plain.high) == pytest.approx((max(0, a - Z * se), min(1, a + Z * se)), rel=1e-9, abs=1e-9)
        odds = a / (1 - a)
        ends = [odds * math.exp(sign * Z * se / (a * (1 - a))) for sign in (-1, 1)]
        assert (logit.low, logit.high) == pytest.approx([o / (1 + o) for o in ends], rel=1e-9, abs=1e-9)


def test_the_paired_test_is_that_of_all_pairs() -> None:
    rng = np.random.default_rng(5)
    for _ in range(100):
        values, truth, _ = random_exams(rng, markers=3)
        areas, covariance = delong_by_pairs(values, truth)
        contrast = np.array([[1.0, -1, 0], [0, 1, -1]])
        spread = contrast @ covariance @ contrast.T
        if np.linalg.cond(spread) > 1e6:
            continue
        names = dict(zip("abc", values, strict=True))
        three = compare_aucs(label_together(names, truth))
        apart = contrast @ areas
        assert three.statistic == pytest.approx(apart @ np.linalg.solve(spread, apart), rel=1e-6)
        assert three.p == pytest.approx(stats.chi2.sf(three.statistic, 2), rel=1e-9)
        two = compare_aucs(label_together({"a": values[0], "b": values[1]}, truth))
        z = apart[0] / math.sqrt(spread[0, 0])
        assert two.statistic == pytest.approx(z, rel=1e-9, abs=1e-9)
        assert two.p == pytest.approx(special.erfc(abs(z) / math.sqrt(2)), rel=1e-9)
        assert two.effects[0].value == pytest.approx(apart[0], abs=1e-12)


def test_hanley_and_mcneil_by_the_chance_of_triples() -> None:
    rng = np.random.default_rng(6)
    for a, p, n in zip(rng.uniform(0.01, 0.99, 1000), rng.integers(1, 500, 1000), rng.integers(1, 500, 1000), strict=True):
        # the exponential model: P(both positives beat a negative) and P(a positive beats both negatives)
        k = a / (1 - a)  # ratio of the two rates
        both, twice = k / (k + 2), 2 * k**2 / ((k + 1) * (2 * k + 1))
        variance = (a * (1 - a) + (p - 1) * (both - a * a) + (n - 1) * (twice - a * a)) / (p * n)
        assert hanley_mcneil_se(float(a), int(p), int(n)) == pytest.approx(math.sqrt(variance), rel=1e-9)
    found = auc_hanley_mcneil(0.8623, 11, 38)
    assert found.low == pytest.approx(0.717, abs=5e-4) and found.high == 1
    with pytest.raises(BadInput, match="an area of 1"):
        auc_hanley_mcneil(1.2, 3, 4)
    with pytest.raises(BadInput, match="both kinds"):
        auc_hanley_mcneil(0.7, 0, 4)


@settings(max_examples=50)
@given(st.integers(0, 10_000))
def test_only_the_order_of_the_values_counts(seed: int) -> None:
    values, truth, _ = random_exams(np.random.default_rng(seed), markers=1)
    plain = auc(label("vp", values[0], truth))
    assert auc(label("vp", np.exp(values[0] / 3) + 5, truth)) == plain
    turned = auc(label("vp", -values[0], truth, higher_is_positive=False))
    assert (turned.value, turned.low, turned.high) == (plain.value, plain.low, plain.high)
    backwards = auc(label("vp", -values[0], truth))
    assert plain.value is not None and backwards.value == pytest.approx(1 - plain.value)


def test_a_hundred_thousand_exams_take_less_than_a_second() -> None:
    rng = np.random.default_rng(7)
    truth = rng.random(100_000) < 0.3
    samples = label_together({"a": rng.normal(truth, 1), "b": rng.normal(truth * 0.5, 1)}, truth)
    start = time.process_time()
    auc(samples[0])
    assert time.process_time() - start < 1
    start = time.process_time()
    assert compare_aucs(samples).p is not None
    assert time.process_time() - start < 3  # two markers, each alone, and both together


def test_the_curve_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(8)
    for _ in range(100):
        values, truth, _ = random_exams(rng, markers=1)
        false, true, thresholds = roc_of_sklearn(truth, values[0], drop_intermediate=False)
        points = operating_points(label("vp", values[0], truth))
        np.testing.assert_allclose(points.true / truth.sum(), true, atol=1e-12)
        np.testing.assert_allclose(points.false / (~truth).sum(), false, atol=1e-12)
        np.testing.assert_allclose(points.above, thresholds)
        drawn = roc_curve(label("vp", values[0], truth), band="none")
        assert np.trapezoid(drawn.sensitivity, drawn.false_positive_rate) == pytest.approx(drawn.auc.value)
        precision, recall, _ = precision_recall_curve(truth, values[0])
        curve, _ = precision_recall(label("vp", values[0], truth), draws=1)
        np.testing.assert_allclose(curve.x, recall[:-1][::-1])
        np.testing.assert_allclose(curve.y, precision[:-1][::-1])


def precision_by_steps(values: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> float:
    total, before, whole = 0.0, 0.0, weights[truth].sum()
    for at in np.unique(values)[::-1]:
        called = values >= at
        recall = weights[called & truth].sum() / whole
        if weights[called].sum():
            total += (recall - before) * weights[called & truth].sum() / weights[called].sum()
        before = recall
    return total


def test_average_precision_is_that_of_steps_and_of_scikit_learn_for_any_weights() -> None:
    rng = np.random.default_rng(9)
    for turn in range(1000):
        values, truth, _ = random_exams(rng, markers=1)
        weights = rng.integers(0, 3, truth.size).astype(float)
        weights[np.flatnonzero(truth)[0]] = 1
        got = average_precision(label("vp", values[0], truth), weights[None])[0]
        assert got == pytest.approx(precision_by_steps(values[0], truth, weights), abs=1e-12)
        if turn < 50:
            assert got == pytest.approx(average_precision_score(truth, values[0], sample_weight=weights), abs=1e-12)


def test_a_long_curve_loses_points_and_no_area() -> None:
    rng = np.random.default_rng(13)
    truth = np.arange(4000) < 1000
    sample = label("vp", rng.normal(3 * truth, 1), truth)
    curve = roc_curve(sample, band="none")
    assert curve.sensitivity.size < 2000
    assert np.trapezoid(curve.sensitivity, curve.false_positive_rate) == pytest.approx(curve.auc.value, abs=1e-12)


def test_thresholds_are_in_the_markers_unit_and_call_what_reaches_them() -> None:
    sample = label("change of vp", [-90, -60, -30, 10], [0, 0, 1, 1])
    curve = roc_curve(sample, band="none")
    assert curve.thresholds[0] == np.inf
    low = roc_curve(label("T1", [-90, -60, -30, 10], [1, 1, 0, 0], higher_is_positive=False), band="none")
    assert low.thresholds[0] == -np.inf
    for one, turned in ((curve, False), (low, True)):
        at = one.thresholds[1]
        values = np.array([-90, -60, -30, 10])
        called = values <= at if turned else values >= at
        truth = np.array([1, 1, 0, 0] if turned else [0, 0, 1, 1], dtype=bool)
        assert called[truth].mean() == one.sensitivity[1]


def test_the_band_holds_the_curve_and_a_seed_makes_it_again() -> None:
    rng = np.random.default_rng(10)
    truth = np.arange(80) < 30
    sample = label("vp", rng.normal(truth, 1), truth, [f"{k // 2}" for k in range(80)])
    one, again = roc_curve(sample, draws=300), roc_curve(sample, draws=300)
    assert one.sensitivity_low is not None and one.sensitivity_high is not None and again.sensitivity_low is not None
    np.testing.assert_array_equal(one.sensitivity_low, again.sensitivity_low)
    inside = (one.sensitivity_low <= one.sensitivity + 1e-9) & (one.sensitivity <= one.sensitivity_high + 1e-9)
    assert inside[one.false_positive_rate > 0].mean() > 0.9
    assert "patients" in one.band_rule and "seed 1" in one.band_rule
    other = roc_curve(sample, draws=300, seed=2)
    assert other.sensitivity_low is not None and not np.array_equal(one.sensitivity_low, other.sensitivity_low)
    low, high = wilson(np.arange(31.0), 30.0)
    at = roc_curve(sample, band="Wilson")
    assert at.sensitivity_low is not None
    np.testing.assert_allclose(at.sensitivity_low, low[np.round(at.sensitivity * 30).astype(int)])
    assert "threshold" in at.band_rule and (low <= high).all()


def test_where_nothing_can_be_told_apart_a_sentence_stands() -> None:
    for values, truth in (([], []), ([1.0], [1]), ([1.0, 2.0], [1, 1]), ([np.nan, 1.0], [1, 0]), ([1.0, 2, 3], [0, 0, 0])):
        sample = label("vp", values, truth)
        assert auc(sample).value is None and auc(sample).note
        with pytest.raises(BadInput, match="both kinds"):
            roc_curve(sample)
    perfect = auc(label("vp", [1, 2, 3, 4, 5], [0, 0, 0, 1, 1]))
    assert perfect.value == 1 and perfect.low is None and "shows no spread" in perfect.note
    assert auc(label("vp", [2.0, 2, 2, 2], [0, 1, 0, 1])).value == 0.5
    alone = auc(label("vp", [1.0, 2, 3], [0, 0, 1]))
    assert alone.value == 1 and alone.low is None
    empty = precision_recall(label("vp", [1.0, 2.0], [0, 0]))[1]
    assert empty.value is None and "no positive exam" in empty.note


def test_exams_of_one_patient_are_said_and_lead_to_the_clustered_rule() -> None:
    rng = np.random.default_rng(11)
    truth = np.arange(40) < 20
    sample = label("vp", rng.normal(truth, 1), truth, [f"{k // 4}" for k in range(40)])
    assert auc(sample).rule == "Obuchowski, logit" and "40 exams of 10 patients" in auc(sample).note
    assert "taken as independent" in auc(sample, rule="DeLong").note
    one_patient = label("vp", rng.normal(truth, 1), truth, ["1"] * 40)
    assert auc(one_patient).low is None and "one patient" in auc(one_patient).note


def test_markers_of_other_exams_are_not_compared_and_the_same_marker_is_no_test() -> None:
    rng = np.random.default_rng(12)
    truth = np.arange(20) < 8
    a = label("a", rng.normal(size=20), truth)
    with pytest.raises(BadInput, match="same exams"):
        compare_aucs([a, label("b", rng.normal(size=20), ~truth)])
    with pytest.raises(BadInput, match="two or more"):
        compare_aucs([a])
    same = compare_aucs([a, a])
    assert same.p is None and "nothing to test" in same.note
    assert compare_aucs(label_together({"a": [1.0], "b": [2.0]}, [1])).p is None


def test_an_exam_without_one_of_the_markers_is_left_out_of_all() -> None:
    a, b = label_together({"a": [1.0, np.nan, 3, 4], "b": [1.0, 2, np.nan, 4]}, [0, 0, 1, 1])
    assert a.values.tolist() == b.values.tolist() == [1, 4]
    assert a.left_out == b.left_out == 2
    assert "2 exams without a value left out" in auc(a).note


def test_nonsense_is_refused_with_a_sentence() -> None:
    for values, truth, words in (
        ([1.0, 2.0], [1], "2 values and 1 truths"),
        ([1.0, 2.0], [1, np.nan], "not known"),
        ([1.0, 2.0], [1, 2], "neither 0 nor 1"),
        ([1.0, np.inf], [1, 0], "infinite"),
    ):
        with pytest.raises(BadInput, match=words):
            label("vp", values, truth)
    with pytest.raises(BadInput, match="3 patients for 2 exams"):
        label("vp", [1.0, 2.0], [0, 1], ["a", "b", "c"])


def test_a_sample_keeps_its_arrays() -> None:
    sample = label("vp", [1.0, 2.0], [0, 1])
    assert isinstance(sample, Labelled)
    with pytest.raises(ValueError, match="read-only"):
        sample.values[0] = 3
    assert float(area(operating_points(sample))) == 1
