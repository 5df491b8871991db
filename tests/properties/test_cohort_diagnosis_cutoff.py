"""Claims about chosen cutoffs and about exams of one patient: patients are drawn, dealt and counted whole, and a choice pays for itself."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from afterglow.cohort.clustered import clustered_difference, clustered_proportion, clustered_rates, ratio_se
from afterglow.cohort.cutoff import SAME_ROWS, balanced_error, called_at, choose_cutoff, youden_cutoffs
from afterglow.cohort.labelled import label, label_together
from afterglow.cohort.operating import area, operating_points
from afterglow.cohort.optimism import cutoff_optimism, deal
from afterglow.cohort.paired_readings import mcnemar_p
from afterglow.cohort.proportions import proportion_interval
from afterglow.cohort.resampling import bca_tails, resample
from afterglow.records.errors import BadInput


def cutoff_by_trying(scores: np.ndarray, truth: np.ndarray) -> tuple[float, float, int]:
    """Every midpoint tried, from the highest down: cutoff, index, how many share it."""
    distinct = np.unique(scores)[::-1]
    found = []
    for high, low in itertools.pairwise(distinct):
        cut = (high + low) / 2
        found.append((np.mean(scores[truth] > cut) - np.mean(scores[~truth] > cut), cut))
    best = max(index for index, _ in found)
    sharing = [cut for index, cut in found if index > best - 1e-12]
    return sharing[0], best, len(sharing)


def exams(seed: int, n: int = 60, apart: float = 1.0, per_patient: int = 1) -> tuple[np.ndarray, np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    truth = np.arange(n) < n // 3
    return rng.normal(truth * apart, 1), truth, [f"{k // per_patient}" for k in range(n)]


def test_the_cutoff_is_the_one_found_by_trying_all() -> None:
    rng = np.random.default_rng(1)
    for _ in range(1000):
        n = int(rng.integers(4, 30))
        truth = rng.permutation(np.arange(n) < rng.integers(1, n))
        values = np.round(rng.normal(truth, 1), int(rng.integers(0, 3)))
        if np.unique(values).size < 2:
            continue
        sample = label("vp", values, truth)
        weights = rng.multinomial(n, np.full(n, 1 / n), size=2).astype(float)
        got = youden_cutoffs(sample, np.vstack([np.ones(n), weights]))
        for row, times in zip(got, np.vstack([np.ones(n), weights]).astype(int), strict=True):
            drawn, kind = np.repeat(values, times), np.repeat(truth, times)
            if np.unique(drawn).size < 2 or kind.all() or not kind.any():
                assert np.isnan(row).all()
            else:
                assert row == pytest.approx(cutoff_by_trying(drawn, kind)[:2], abs=1e-12)


def test_the_cutoff_of_a_low_marker_is_the_mirror_of_a_high_one() -> None:
    values, truth, _ = exams(2)
    high = choose_cutoff(label("vp", values, truth), draws=200)
    low = choose_cutoff(label("vp", -values, truth, higher_is_positive=False), draws=200)
    assert (low.positive_is, high.positive_is) == ("below", "above")
    assert high.threshold.value is not None and high.threshold.low is not None
    assert low.threshold.value == pytest.approx(-high.threshold.value)
    assert low.threshold.high == pytest.approx(-high.threshold.low)
    assert low.counts == high.counts == called_at(label("vp", values, truth), high.threshold.value)


def test_what_was_chosen_and_tested_on_the_same_rows_says_so() -> None:
    values, truth, _ = exams(3)
    found = choose_cutoff(label("vp", values, truth), draws=200, unit="mL/mL")
    assert all(SAME_ROWS in e.note for e in found.apparent.values())
    assert {"sensitivity", "specificity", "youden", "ppv"} <= set(found.apparent)
    assert found.threshold.unit == "mL/mL" and "patients" in found.threshold.rule and "seed 1" in found.threshold.rule
    assert SAME_ROWS in cutoff_optimism(label("vp", values, truth), repeats=1, draws=5).apparent.note
    tied = choose_cutoff(label("vp", [1, 2, 3, 4], [0, 1, 0, 1]), draws=50)
    assert tied.tied == 2 and "2 cutoffs share" in tied.threshold.note and tied.threshold.value == 3.5
    assert "higher or lower" in choose_cutoff(label("vp", [3, 4, 1, 2], [0, 0, 1, 1]), draws=50).threshold.note


def test_without_a_choice_there_is_no_cutoff() -> None:
    for values, truth in (([], []), ([1.0], [1]), ([1.0, 2], [1, 1]), ([1.0, 1, 1], [0, 1, 0]), ([np.nan, 1], [0, 1])):
        sample = label("vp", values, truth)
        found = choose_cutoff(sample, draws=20)
        assert found.threshold.value is None and "no cutoff" in found.threshold.note and not found.apparent
        assert cutoff_optimism(sample, draws=5).cross_validated.value is None
    with pytest.raises(BadInput, match="folds"):
        cutoff_optimism(label("vp", *exams(4)[:2]), folds=1)


def test_a_bootstrap_draws_patients_with_all_their_exams() -> None:
    values, truth, patients = exams(5, n=40, per_patient=4)
    sample = label("vp", values, truth, patients)
    seen = []

    def areas(weights: np.ndarray) -> np.ndarray:
        seen.append(weights)
        return np.asarray(area(operating_points(sample, weights)))

    drawn = resample(areas, sample.patients, draws=50, seed=3, jackknife=True)
    rows = np.vstack(seen[1:-1])
    assert (rows.reshape(50, 10, 4) == rows.reshape(50, 10, 4)[:, :, :1]).all()
    assert (rows.sum(axis=1) == 40).all()
    for row, got in zip(rows.astype(int), drawn.drawn[:, 0], strict=True):
        kind = np.repeat(truth, row)
        if 0 < kind.sum() < kind.size:
            assert got == pytest.approx(roc_auc_score(kind, np.repeat(values, row)), abs=1e-12)
    assert drawn.without.shape == (10, 1)
    left = np.array([p != patients[0] for p in patients])
    assert drawn.without[0, 0] == pytest.approx(roc_auc_score(truth[left], values[left]), abs=1e-12)


def test_a_seed_makes_the_same_interval_and_the_patients_names_do_not_matter() -> None:
    values, truth, patients = exams(6, per_patient=2)
    one = choose_cutoff(label("vp", values, truth, patients), draws=300)
    renamed = choose_cutoff(label("vp", values, truth, [f"x{int(p):03d}" for p in patients]), draws=300)
    assert one.threshold.value == renamed.threshold.value
    assert one == choose_cutoff(label("vp", values, truth, patients), draws=300)


def bca_against_scipy(rng: np.random.Generator) -> None:
    values = rng.exponential(size=25)
    found = stats.bootstrap((values,), np.mean, n_resamples=99, method="BCa", rng=np.random.default_rng(1))
    drawn = found.bootstrap_distribution
    without = (values.sum() - values) / 24
    tails = bca_tails(float(values.mean()), drawn, without, np.array([0.025, 0.975]))
    ends = np.percentile(drawn, 100 * tails)
    assert ends == pytest.approx([found.confidence_interval.low, found.confidence_interval.high], rel=1e-9)


def test_bca_is_that_of_scipy() -> None:
    rng = np.random.default_rng(7)
    for _ in range(30):
        bca_against_scipy(rng)


@pytest.mark.slow
def test_a_thousand_bca_intervals_are_those_of_scipy() -> None:
    rng = np.random.default_rng(8)
    for _ in range(1000):
        bca_against_scipy(rng)


def test_the_basic_interval_of_a_share_is_turned_round_its_logit() -> None:
    hits = np.arange(40) < 28
    drawn = resample(lambda w: (w @ hits) / w.sum(axis=1), np.arange(40), draws=500, seed=2)
    low, high = drawn.interval(kind="basic on the logit") or (0.0, 0.0)
    q = np.quantile(drawn.drawn[:, 0], [0.025, 0.975])
    odds = (28 / 12) ** 2 / (q / (1 - q))
    assert (high, low) == pytest.approx(tuple(odds / (1 + odds)), rel=1e-3)
    whole = resample(lambda w: np.ones(len(w)), np.arange(40), draws=20, seed=2)
    assert whole.interval(kind="basic on the logit") is None and "basic on the logit" in whole.rule("basic on the logit")


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(2, 6))
def test_folds_hold_whole_patients_and_each_once(seed: int, folds: int) -> None:
    values, truth, patients = exams(seed, n=48, per_patient=3)
    sample = label("vp", values, truth, patients)
    parts = list(deal(sample, folds, np.random.default_rng(seed)))
    np.testing.assert_array_equal(np.sum(parts, axis=0), 1)
    for part in parts:
        assert not set(sample.patients[part]) & set(sample.patients[~part])
    with_positive = [len({p for p, t in zip(sample.patients[part], truth[part], strict=True) if t}) for part in parts]
    assert max(with_positive) - min(with_positive) <= 1


def test_noise_looks_good_on_the_rows_that_chose_and_not_elsewhere() -> None:
    apparent, outside, corrected = [], [], []
    for seed in range(20):
        values, truth, _ = exams(seed, n=40, apart=0)
        found = cutoff_optimism(label("noise", values, truth), repeats=3, draws=30)
        for kept, e in ((apparent, found.apparent), (outside, found.cross_validated), (corrected, found.point632)):
            assert e.value is not None
            kept.append(e.value)
        assert found.optimism == pytest.approx(apparent[-1] - outside[-1])
    assert np.mean(apparent) > 0.2
    assert abs(np.mean(outside)) < 0.12
    assert np.mean(corrected) < 0.5 * np.mean(apparent)


def test_choosing_among_many_markers_is_paid_for_in_nested_folds() -> None:
    rng = np.random.default_rng(8)
    truth = np.arange(45) < 15
    apparent, outside = [], []
    for _ in range(4):
        markers = {f"noise {k}": rng.normal(size=45) for k in range(8)}
        found = cutoff_optimism(label_together(markers, truth), folds=3, repeats=1, draws=3)
        assert "nested" in found.cross_validated.note and "marker chosen too" in found.apparent.note
        assert sum(times for _, times in found.chosen) == 3
        assert found.apparent.value is not None and found.cross_validated.value is not None
        apparent.append(found.apparent.value)
        outside.append(found.cross_validated.value)
    assert np.mean(apparent) > 0.35 > np.mean(outside) + 0.1
    good = label_together({"noise": rng.normal(size=45), "vp": rng.normal(3 * truth, 1)}, truth)
    assert cutoff_optimism(good, folds=3, repeats=2, draws=3).chosen == (("noise", 0), ("vp", 6))
    other = label("x", rng.normal(size=45), ~truth)
    with pytest.raises(BadInput, match="label_together"):
        cutoff_optimism([good[0], other])


def test_half_of_each_kind_of_error() -> None:
    values, truth, _ = exams(9)
    sample = label("vp", values, truth)
    counts = called_at(sample, 0.3)
    assert 1 - 2 * balanced_error(counts) == pytest.approx(np.mean(values[truth] > 0.3) - np.mean(values[~truth] > 0.3))
    assert math.isnan(balanced_error(called_at(label("vp", [1.0], [1]), 0.3)))


def test_the_ratio_estimator_is_the_cluster_robust_mean_of_statsmodels() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(10)
    for _ in range(1000):
        n = int(rng.integers(6, 60))
        hit = (rng.random(n) < rng.uniform(0.2, 0.9)).astype(float)
        whose = np.unique(rng.integers(0, max(2, n // 2), n), return_inverse=True)[1]
        if whose.max() < 1:
            continue
        fit = sm.OLS(hit, np.ones((n, 1))).fit(cov_type="cluster", cov_kwds={"groups": whose})
        assert ratio_se(hit, whose) == pytest.approx(float(fit.bse[0]), rel=1e-9, abs=1e-12)


def test_alike_exams_widen_the_interval_of_a_share() -> None:
    patients = [str(k // 4) for k in range(80)]
    rng = np.random.default_rng(11)
    alike = np.repeat(rng.random(20) < 0.7, 4)
    for rule in ("ratio estimator", "GEE"):
        wide = clustered_proportion("sensitivity", alike, patients, rule=rule)  # type: ignore[arg-type]
        assert wide.value == pytest.approx(alike.mean(), abs=1e-9)
        assert wide.low is not None and wide.high is not None
        assert wide.low < proportion_interval(int(alike.sum()), 80)[0]
        assert wide.low < alike.mean() < wide.high
        assert "80 exams of 20 patients" in wide.note
    effect = clustered_proportion("sensitivity", alike, patients).note.rpartition(" ")[2]
    assert float(effect) == pytest.approx(4 * 20 / 19, abs=0.01)


def test_one_exam_a_patient_is_wilsons_interval() -> None:
    found = clustered_proportion("sensitivity", [1, 1, 0, 1], list("abcd"))
    assert found.rule == "Wilson" and (found.low, found.high) == proportion_interval(3, 4, rule="Wilson")


def test_what_shows_no_spread_has_no_interval() -> None:
    for hits, patients in (([1, 1, 1], "aab"), ([0, 0, 0], "aab"), ([1, 0, 1], "aaa"), ([1, 0, 1, 0], "aabb")):
        found = clustered_proportion("sensitivity", hits, list(patients))
        assert found.value == np.mean(hits) and found.low is None and "no interval" in found.note
    assert clustered_proportion("sensitivity", [], []).value is None
    with pytest.raises(BadInput, match="choose 'ratio estimator'"):
        clustered_proportion("sensitivity", [1], ["a"], rule="guess")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="2 patients for 1 exams"):
        clustered_proportion("sensitivity", [1], ["a", "b"])


def test_sensitivity_and_specificity_come_from_their_own_exams() -> None:
    found = clustered_rates([1, 1, 0, 0, 0, 1], [1, 1, 1, 0, 0, 0], list("aabccd"))
    assert found["sensitivity"].value == pytest.approx(2 / 3) and found["specificity"].value == pytest.approx(2 / 3)
    assert found["sensitivity"].n == 3
    assert "3 exams of 2 patients" in found["specificity"].note
    with pytest.raises(BadInput, match="6 calls, 5 truths"):
        clustered_rates([1] * 6, [1] * 5, list("aabccd"))


def test_paired_shares_of_many_patients_with_one_exam_say_what_mcnemar_says() -> None:
    rng = np.random.default_rng(12)
    one, two = rng.random(2000) < 0.8, rng.random(2000) < 0.78
    found = clustered_difference("sensitivity", one, two, [str(k) for k in range(2000)])
    b, c = int(np.sum(one & ~two)), int(np.sum(~one & two))
    chi2 = mcnemar_p(b, c, rule="chi-square")
    assert chi2[1] is not None and found.p == pytest.approx(chi2[1], abs=2e-3)
    assert found.effects[0].value == pytest.approx((b - c) / 2000)
    alike = clustered_difference(
        "sensitivity", np.repeat(one[:100], 3), np.repeat(two[:100], 3), [str(k // 3) for k in range(300)]
    )
    once = clustered_difference("sensitivity", one[:100], two[:100], [str(k) for k in range(100)])
    assert alike.p == pytest.approx(once.p) and alike.statistic == pytest.approx(once.statistic)
    for empty in (([], [], []), ([1, 0], [1, 0], ["a", "b"]), ([1, 0], [0, 0], ["a", "a"])):
        assert clustered_difference("s", *empty).p is None
    with pytest.raises(BadInput, match="both readings"):
        clustered_difference("s", [1, 0], [1], ["a", "b"])
