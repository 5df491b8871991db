"""Claims about probabilities, detection and readers' agreement: a second way gives the same, and what cannot be is said."""

import itertools
import math

import numpy as np
import pingouin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special
from sklearn.metrics import brier_score_loss, cohen_kappa_score
from statsmodels.stats.inter_rater import fleiss_kappa as fleiss_of_statsmodels

from afterglow.cohort.agreement import _fleiss, _kappas, cohen_kappa, fleiss_kappa, percent_agreement
from afterglow.cohort.calibration import brier, calibration_curve, calibration_line
from afterglow.cohort.decision import decision_curve, net_benefit
from afterglow.cohort.detection import MarkedExam, froc, froc_sensitivities
from afterglow.cohort.intraclass import FORMS, icc, mean_squares
from afterglow.cohort.labelled import label
from afterglow.records.errors import BadInput


def forecasts(seed: int, n: int = 80, slope: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logit = rng.normal(0, 1.2, n)
    return special.expit(slope * logit), rng.random(n) < special.expit(logit)


def patients(n: int, each: int) -> list[str]:
    return [str(k // each) for k in range(n)]


def test_the_brier_score_is_the_sum_of_its_parts() -> None:
    for seed in range(100):
        p, truth = forecasts(seed, n=30)
        found = brier(label("model", p, truth))
        assert found.score.value == pytest.approx(brier_score_loss(truth, p), rel=1e-9)
        assert found.miscalibration is not None and found.discrimination is not None and found.uncertainty is not None
        assert found.score.value == pytest.approx(found.miscalibration - found.discrimination + found.uncertainty)
        assert found.miscalibration >= -1e-12 and found.discrimination >= -1e-12
        assert found.score.low is not None and found.score.high is not None
        assert found.score.low < found.score.value < found.score.high
    same = brier(label("model", [0.5] * 4, [0, 1, 0, 1]))
    assert same.score.value == 0.25 and same.score.low is None and same.discrimination == pytest.approx(0)
    assert brier(label("model", [], [])).score.value is None


def test_intercept_and_slope_are_where_the_likelihood_is_largest() -> None:
    for seed in range(40):
        p, truth = forecasts(seed, n=120, slope=1.7)
        logit = special.logit(p)

        def loss(b: np.ndarray, logit: np.ndarray = logit, truth: np.ndarray = truth) -> float:
            eta = b[0] + b[1] * logit
            return float(np.sum(np.logaddexp(0, eta) - truth * eta))

        def slope_of_loss(b: np.ndarray, logit: np.ndarray = logit, truth: np.ndarray = truth) -> np.ndarray:
            apart = special.expit(b[0] + b[1] * logit) - truth
            return np.array([apart.sum(), apart @ logit])

        intercept, slope = calibration_line(label("model", p, truth))
        best = optimize.minimize(loss, [0.0, 1.0], jac=slope_of_loss, method="BFGS", options={"gtol": 1e-9})
        assert slope.value == pytest.approx(best.x[1], abs=1e-6)
        level = optimize.brentq(lambda b, x=logit, t=truth: slope_of_loss(np.array([b, 1.0]), x, t)[0], -5, 5)
        assert intercept.value == pytest.approx(level, abs=1e-7)


def test_a_model_that_is_too_extreme_has_a_slope_below_one() -> None:
    p, truth = forecasts(1, n=4000, slope=2.0)
    intercept, slope = calibration_line(label("model", p, truth))
    assert slope.high is not None and slope.value == pytest.approx(0.5, abs=0.06) and slope.high < 1
    assert intercept.value == pytest.approx(0, abs=0.15)


def test_exams_of_one_patient_widen_calibration() -> None:
    p, truth = forecasts(2, n=100)
    many = np.repeat(p, 3), np.repeat(truth, 3)
    for one, thrice, robust in zip(
        calibration_line(label("m", p, truth)),
        calibration_line(label("m", *many)),
        calibration_line(label("m", *many, patients(300, 3))),
        strict=True,
    ):
        widths = [e.high - e.low for e in (one, thrice, robust) if e.high is not None and e.low is not None]
        assert widths[1] == pytest.approx(widths[0] / math.sqrt(3), rel=1e-6)
        assert widths[2] > 1.4 * widths[1] and "robust over patients" in robust.rule


def test_no_line_is_drawn_where_there_is_none() -> None:
    perfect = calibration_line(label("m", [0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1]))[1]
    assert perfect.value is None and "no end" in perfect.note
    flat = calibration_line(label("m", [0.4] * 6, [0, 1, 0, 1, 0, 0]))
    assert flat[0].value is not None and flat[1].value is None
    sure = calibration_line(label("m", [0.0, 0.5, 1.0], [0, 1, 1]))
    assert sure[0].value is None and "no logit" in sure[0].note
    assert calibration_line(label("m", [0.3, 0.4], [1, 1]))[0].note == "no negative exam"
    for call in (brier, calibration_line, calibration_curve, decision_curve):
        with pytest.raises(BadInput, match="not per cent"):
            call(label("m", [55.0, 0.2], [0, 1]))
        with pytest.raises(BadInput, match="1 - p"):
            call(label("m", [0.5, 0.2], [0, 1], higher_is_positive=False))


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(1, 12))
def test_the_calibration_curve_loses_no_exam_and_parts_no_ties(seed: int, groups: int) -> None:
    p, truth = forecasts(seed, n=50)
    p = np.round(p, 1)
    curve = calibration_curve(label("m", p, truth), groups=groups)
    assert 1 <= curve.x.size <= groups
    assert (np.diff(curve.x) > 0).all()
    assert curve.low is not None and curve.high is not None
    assert (curve.low <= curve.y).all() and (curve.y <= curve.high).all()
    one = calibration_curve(label("m", p, truth), groups=1)
    assert (one.x[0], one.y[0]) == pytest.approx((p.mean(), truth.mean()))


def test_net_benefit_is_counted() -> None:
    rng = np.random.default_rng(3)
    for seed in range(500):
        p, truth = forecasts(seed, n=25)
        p = np.round(p, 2)
        at = np.array([0.05, 0.2, 0.5, 0.8])
        times = rng.integers(0, 3, (2, 25)).astype(float) + (np.arange(25) == 0)
        got = net_benefit(label("m", p, truth), at, times)
        for row, w in zip(got, times, strict=True):
            hand = [np.sum(w * (p >= t) * (truth - (~truth) * t / (1 - t))) / w.sum() for t in at]
            np.testing.assert_allclose(row, hand, atol=1e-12)
    model, every, none = decision_curve(label("m", p, truth), thresholds=at, draws=50)
    assert every.y == pytest.approx([truth.mean() - (1 - truth.mean()) * t / (1 - t) for t in at])
    assert (none.y == 0).all() and model.low is not None and "patients" in model.rule
    with pytest.raises(BadInput, match="between 0 and 1"):
        decision_curve(label("m", p, truth), thresholds=[0.5, 1.0])
    with pytest.raises(BadInput, match="no exam"):
        decision_curve(label("m", [], []))


def random_reading(rng: np.random.Generator, n: int) -> list[MarkedExam]:
    out = []
    for k in range(n):
        lesions = tuple("abc"[: rng.integers(0, 4)])
        hits = tuple((float(np.round(rng.normal(1), 1)), str(rng.choice(lesions))) for _ in range(rng.integers(0, 4)) if lesions)
        misses = tuple((float(np.round(rng.normal(), 1)), None) for _ in range(rng.poisson(1.0)))
        out.append(MarkedExam(str(k // 2), lesions, hits + misses))
    return out


def test_froc_is_counted_score_by_score() -> None:
    rng = np.random.default_rng(4)
    for _ in range(1000):
        exams = random_reading(rng, 4)
        lesions = sum(len(e.lesions) for e in exams)
        if not lesions:
            continue
        curve = froc(exams, draws=2)
        scores = sorted({s for e in exams for s, _ in e.marks if np.isfinite(s)}, reverse=True)
        points = [(0.0, 0.0)]
        for score in scores:
            found = sum(len({hit for s, hit in e.marks if s >= score and hit is not None}) for e in exams)
            false = sum(s >= score and hit is None for e in exams for s, hit in e.marks)
            points.append((false / len(exams), found / lesions))
        assert set(zip(curve.x.tolist(), curve.y.tolist(), strict=True)) == set(points)
        asked = froc_sensitivities(exams, at=[0.5], draws=2)[0]
        assert asked.value == max(y for x, y in points if x <= 0.5 + 1e-12)


def test_the_froc_band_is_of_patients_and_nonsense_is_refused() -> None:
    exams = random_reading(np.random.default_rng(5), 30)
    curve = froc(exams, draws=300)
    assert curve.low is not None and curve.high is not None
    later = curve.x > 0
    assert ((curve.low <= curve.y + 1e-9) & (curve.y <= curve.high + 1e-9))[later].mean() > 0.9
    np.testing.assert_array_equal(curve.low, froc(exams, draws=300).low)
    mean = froc_sensitivities(exams, draws=300)[-1]
    assert mean.low is not None and mean.value is not None and mean.high is not None and mean.low <= mean.value <= mean.high
    nothing = froc([MarkedExam("1", ("a",), ())])
    assert nothing.y.tolist() == [0] and nothing.low is None
    for words, make in (
        ("twice", lambda: MarkedExam("1", ("a", "a"), ())),
        ("not among", lambda: MarkedExam("1", ("a",), ((1.0, "b"),))),
        ("score of nan", lambda: MarkedExam("1", ("a",), ((math.nan, "a"),))),
        ("without a lesion", lambda: froc([MarkedExam("1", (), ((1.0, None),))])),
        ("from 0 on", lambda: froc_sensitivities(exams, at=[-1])),
    ):
        with pytest.raises(BadInput, match=words):
            make()


def random_calls(rng: np.random.Generator) -> tuple[list[str], list[str]]:
    n, k = int(rng.integers(5, 60)), int(rng.integers(2, 5))
    one = rng.integers(0, k, n)
    two = np.where(rng.random(n) < 0.6, one, rng.integers(0, k, n))
    return ["abcd"[v] for v in one], ["abcd"[v] for v in two]


def test_kappa_of_any_draw_is_that_of_statsmodels_and_of_scikit_learn() -> None:
    rng = np.random.default_rng(6)
    for turn in range(350):
        one, two = random_calls(rng)
        if len({*one, *two}) < 2:
            continue
        places = np.array([["abcd".index(v) for v in pair] for pair in zip(one, two, strict=True)])
        for name in ("unweighted", "linear", "quadratic"):
            found = cohen_kappa(one, two, weights=name, order=list("abcd"))  # type: ignore[arg-type]
            drawn = _kappas(places, np.ones((1, len(one))), 4, name)  # type: ignore[arg-type]
            assert found.value == pytest.approx(drawn[0], abs=1e-9)
            if turn < 15:
                weights = rng.integers(1, 4, len(one))
                kind = None if name == "unweighted" else name
                wanted = cohen_kappa_score(one, two, labels=list("abcd"), weights=kind, sample_weight=weights)
                got = _kappas(places, weights[None].astype(float), 4, name)[0]  # type: ignore[arg-type]
                assert got == pytest.approx(wanted, abs=1e-9)


def test_fleiss_kappa_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(7)
    for _ in range(1000):
        n, readers, k = (int(v) for v in rng.integers([4, 2, 2], [30, 6, 5]))
        table = rng.multinomial(readers, rng.dirichlet(np.ones(k)), size=n).astype(float)
        if np.sum(table.sum(axis=0) > 0) < 2:
            continue
        assert _fleiss(table, np.ones((1, n)))[0] == pytest.approx(fleiss_of_statsmodels(table), rel=1e-9, abs=1e-9)
    two = random_calls(rng)
    found = fleiss_kappa([*two, two[0]], draws=200)
    assert found.low is not None and found.value is not None and found.low <= found.value and "3 readers" in found.name


def test_exams_of_one_patient_lead_to_a_bootstrap_of_kappa() -> None:
    rng = np.random.default_rng(8)
    one = [str(v) for v in rng.choice(list("ab"), 60)]
    two = [v if rng.random() < 0.7 else "a" for v in one]
    alone = cohen_kappa(one, two, patients=patients(60, 1))
    assert alone == cohen_kappa(one, two) and "inverse tanh" in alone.rule
    plain = cohen_kappa(one, two, rule="asymptotic")
    assert plain.low is not None and plain.high is not None and plain.value is not None and alone.low is not None
    assert plain.value - plain.low == pytest.approx(plain.high - plain.value)
    half = (plain.value - plain.low) / (1 - plain.value**2)
    assert math.atanh(alone.low) == pytest.approx(math.atanh(plain.value) - half)
    many = cohen_kappa(one, two, patients=patients(60, 3), draws=300)
    assert many.value == pytest.approx(alone.value) and "patients" in many.rule


def test_agreement_counts_what_both_called() -> None:
    found = percent_agreement(["a", "b", None, "a"], ["a", "a", "b", None])
    assert found.value == 0.5 and found.n == 2 and "2 of 4" in found.note
    same = cohen_kappa(["a", "a"], ["a", "a"])
    assert same.value is None and "throughout" in same.note
    whole = cohen_kappa(["a", "b"], ["a", "b"])
    assert whole.value == 1 and whole.low is None and "no spread" in whole.note
    assert cohen_kappa([], []).value is None and fleiss_kappa([[], []]).value is None
    for words, make in (
        ("needs their order", lambda: cohen_kappa(["a", "b", "c"], ["a", "b", "c"], weights="linear")),
        ("'c' is not in the order", lambda: cohen_kappa(["a", "c"], ["a", "b"], order=["a", "b"])),
        ("same exams", lambda: cohen_kappa(["a", "c"], ["a"])),
        ("two or more", lambda: fleiss_kappa([["a"]])),
        ("choose unweighted", lambda: cohen_kappa(["a"], ["a"], weights="cubic")),  # type: ignore[arg-type]
        ("1 patients for 2", lambda: cohen_kappa(["a", "b"], ["a", "b"], patients=["1"])),
    ):
        with pytest.raises(BadInput, match=words):
            make()


def random_table(rng: np.random.Generator) -> np.ndarray:
    n, k = (int(v) for v in rng.integers([3, 2], [25, 6]))
    spread = rng.uniform(0, 2, 2)
    return rng.normal(0, spread[0], (n, 1)) + rng.normal(0, spread[1], (1, k)) + rng.normal(size=(n, k))


def test_intraclass_correlations_are_those_of_the_covariances() -> None:
    """A second way without sums of squares: mean covariance of two readers, and mean squared distance of two readings."""
    rng = np.random.default_rng(9)
    for _ in range(1000):
        table = random_table(rng)
        n, k = table.shape
        covariance = np.cov(table.T)
        common, own = covariance[~np.eye(k, dtype=bool)].mean(), np.diag(covariance).mean()
        shift = np.mean([(table[:, i] - table[:, j]).mean() ** 2 for i, j in itertools.combinations(range(k), 2)]) / 2
        assert icc(table, "ICC(3,1)").value == pytest.approx(common / own, rel=1e-9, abs=1e-9)
        noise = own - common
        assert icc(table, "ICC(2,1)").value == pytest.approx(common / (own + shift - noise / n), rel=1e-9, abs=1e-9)
        within = np.mean(table.var(axis=1, ddof=1))
        between = table.mean(axis=1).var(ddof=1) - within / k
        assert icc(table, "ICC(1)").value == pytest.approx(between / (between + within), rel=1e-9, abs=1e-9)
        assert mean_squares(table)[1] == pytest.approx(within)


def against_pingouin(table: np.ndarray) -> None:
    import pandas as pd

    n, k = table.shape
    long = pd.DataFrame({"subject": np.repeat(np.arange(n), k), "reader": np.tile(np.arange(k), n), "value": table.ravel()})
    found = pingouin.intraclass_corr(long, targets="subject", raters="reader", ratings="value").set_index("Type")
    for form, row in zip(FORMS, ("ICC(1,1)", "ICC(A,1)", "ICC(C,1)"), strict=True):
        got = icc(table, form)
        assert got.value == pytest.approx(found.loc[row, "ICC"], rel=1e-9, abs=1e-9)
        ends = found.loc[row, "CI95"]
        if ends[0] <= got.value <= ends[1]:
            assert (got.low, got.high) == pytest.approx(tuple(ends), rel=1e-9, abs=1e-9)


@pytest.fixture()
def exact_pingouin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pingouin.options, "round.column.CI95", None)


@pytest.mark.usefixtures("exact_pingouin")
def test_intervals_of_intraclass_correlations_are_those_of_pingouin() -> None:
    rng = np.random.default_rng(10)
    for _ in range(10):
        against_pingouin(random_table(rng))


@pytest.mark.slow
@pytest.mark.usefixtures("exact_pingouin")
def test_intervals_of_a_thousand_tables_are_those_of_pingouin() -> None:
    rng = np.random.default_rng(11)
    for _ in range(1000):
        against_pingouin(random_table(rng))


def test_tables_without_a_correlation_say_why() -> None:
    for form in FORMS:
        assert icc([[1, 2]], form).value is None
        assert "all values are equal" in icc([[1, 1], [1, 1]], form).note
        said = icc([[1, 2], [2, 3], [math.nan, 4], [4, 4]], form)
        assert said.n == 3 and "1 of 4 of the subjects" in said.note
        exact = icc([[1, 1], [2, 2], [3, 3]], form)
        assert exact.value == 1 and exact.low is None and exact.note
    assert icc([[1, 2], [2, 3], [3, 4]], "ICC(3,1)").value == 1
    assert icc([[1, 2], [1, 2]], "ICC(3,1)").value is None
    for table, words in (([1, 2], "row for each subject"), ([[1], [2]], "two readers"), ([[1, math.inf], [2, 3]], "infinite")):
        with pytest.raises(BadInput, match=words):
            icc(table)
    with pytest.raises(BadInput, match="choose ICC"):
        icc([[1, 2], [2, 3]], "ICC(9)")  # type: ignore[arg-type]


def test_a_constant_difference_of_readers_matters_to_agreement_alone() -> None:
    table = random_table(np.random.default_rng(12))
    moved = table + np.array([3.0] + [0.0] * (table.shape[1] - 1))
    assert icc(moved, "ICC(3,1)").value == pytest.approx(icc(table, "ICC(3,1)").value)
    agreement = icc(moved, "ICC(2,1)").value
    assert agreement is not None and agreement < (icc(table, "ICC(2,1)").value or 1)
