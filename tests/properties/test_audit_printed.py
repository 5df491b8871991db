"""Claims about what is possible: numbers of real samples are never called impossible, and known slips are found."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.properties.audit_cases import finding, recomputed

from afterglow.cohort.audit_grain import largest_sd, samuelson_sd, smallest_sd
from afterglow.cohort.audit_hints import other_counts
from afterglow.records.printed import PrintedNumber

MANY = settings(max_examples=150)
samples = st.lists(st.floats(-500, 500), min_size=2, max_size=30)
whole_samples = st.lists(st.integers(0, 20), min_size=2, max_size=30)


def as_printed(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}"


@MANY
@given(samples, st.integers(0, 3))
def test_summaries_of_real_numbers_are_always_possible(values: list[float], decimals: int) -> None:
    v = np.array(values)
    printed = {
        name: as_printed(value, decimals)
        for name, value in (("mean", v.mean()), ("sd", v.std(ddof=1)), ("min", v.min()), ("max", v.max()), ("median", np.median(v)),
                            ("q1", np.quantile(v, 0.25)), ("q3", np.quantile(v, 0.75)))
    }  # fmt: skip
    found = finding("printed_summary", {"n": v.size, **printed})
    assert found.verdict == "consistent", found.sentences


@MANY
@given(whole_samples, st.integers(0, 4), st.sampled_from([1, 0.5, 0.1]))
def test_summaries_of_real_whole_numbers_pass_grim_and_grimmer(values: list[int], decimals: int, grain: float) -> None:
    v = np.array(values) * grain
    given_ = {"n": v.size, "mean": as_printed(v.mean(), decimals), "sd": as_printed(v.std(ddof=1), decimals), "grain": grain}
    assert finding("printed_summary", given_).verdict == "consistent"


@MANY
@given(st.lists(st.booleans(), min_size=2, max_size=60), st.integers(1, 4))
def test_summaries_of_real_noughts_and_ones_pass_debit(values: list[bool], decimals: int) -> None:
    v = np.array(values, dtype=float)
    given_ = {"n": v.size, "mean": as_printed(v.mean(), decimals), "sd": as_printed(v.std(ddof=1), decimals), "binary": True}
    found = finding("printed_summary", given_)
    assert found.verdict == "consistent"
    assert int(v.sum()) in found.recomputed["counts"]


@MANY
@given(samples)
def test_no_sd_lies_outside_its_bounds(values: list[float]) -> None:
    v = np.array(values)
    mean, sd, n = v.mean(), v.std(ddof=1), v.size
    slack = 1e-9 * max(1.0, float(np.abs(v).max()))
    assert samuelson_sd(mean, v.max(), n) <= sd + slack
    assert smallest_sd(mean, v.min(), v.max(), n) <= sd + slack
    assert sd <= largest_sd(mean, v.min(), v.max(), n) + slack


@given(st.integers(3, 40), st.floats(-5, 5), st.floats(0.1, 9))
def test_the_bounds_of_the_sd_are_reached(n: int, mean: float, up: float) -> None:
    one = np.array([mean + up, *[mean - up / (n - 1)] * (n - 1)])
    assert one.std(ddof=1) == pytest.approx(samuelson_sd(mean, mean + up, n))
    two = np.array([mean - up, mean + 2 * up, *[mean - up / (n - 2)] * (n - 2)])
    if two.min() == mean - up:
        assert two.std(ddof=1) == pytest.approx(smallest_sd(mean, mean - up, mean + 2 * up, n))
    ends = np.array([mean - up] * n + [mean + up] * n)
    assert ends.std(ddof=1) == pytest.approx(largest_sd(mean, mean - up, mean + up, 2 * n))


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"n": 10, "mean": "3.45", "grain": 1}, "GRIM"),
        ({"n": 5, "mean": "2.00", "sd": "0.10", "grain": 1}, "GRIMMER"),
        ({"n": 20, "mean": "0.50", "sd": "0.40", "binary": True}, "DEBIT"),
        ({"n": 57, "mean": "13.4", "sd": "8.8", "min": "0.2", "max": "100.1"}, "at least"),
        ({"n": 20, "mean": "5.0", "sd": "9.0", "min": "0", "max": "10"}, "at most"),
        ({"n": 20, "mean": "12", "min": "0", "max": "10"}, "above the maximum"),
        ({"n": 20, "mean": "-2", "min": "0", "max": "10"}, "below the minimum"),
        ({"n": 20, "median": "4", "q1": "6", "q3": "7"}, "do not rise"),
        ({"n": 20, "mean": "4", "sd": "-1"}, "cannot be"),
        ({"n": 1, "mean": "4", "sd": "2"}, "One number has no SD"),
    ],
)
def test_summaries_that_cannot_be_are_found(given_: dict[str, object], words: str) -> None:
    found = finding("printed_summary", given_)
    assert found.verdict == "inconsistent"
    assert words in " ".join(found.sentences)


@MANY
@given(st.lists(st.integers(0, 300), min_size=1, max_size=8), st.integers(0, 2))
def test_rounded_percentages_of_real_counts_can_sum_to_100(counts: list[int], decimals: int) -> None:
    if sum(counts):
        percents = [as_printed(100 * x / sum(counts), decimals) for x in counts]
        assert finding("consistency", {"percents": percents}).verdict == "consistent"


def test_percentages_and_parts_that_do_not_sum_are_found() -> None:
    assert finding("consistency", {"percents": [50.1, 40.1, 12.0]}).verdict == "inconsistent"
    assert finding("consistency", {"parts": [2, 3], "total": 6}).recomputed == {"sum": 5.0, "sums_to_total": False}
    flow = {"enrolled": 318, "excluded": [55, 42, 39, 2, 1], "included": 180}
    assert finding("consistency", flow).recomputed["remaining"] == 179
    assert finding("consistency", flow).verdict == "inconsistent"


@given(st.floats(0.01, 50), st.floats(0.001, 5), st.integers(1, 3))
def test_a_wald_interval_is_symmetric_and_that_of_a_ratio_on_the_log_scale(value: float, se: float, decimals: int) -> None:
    plain = {
        "value": as_printed(value, decimals),
        "low": as_printed(value - 1.96 * se, decimals),
        "high": as_printed(value + 1.96 * se, decimals),
    }
    assert recomputed("interval", plain)["symmetric"]
    ratio = {
        key: as_printed(value * math.exp(sign * 1.96 * se), decimals) for key, sign in (("value", 0), ("low", -1), ("high", 1))
    }
    found = recomputed("interval", ratio)
    assert found["inside"]
    if PrintedNumber.read(ratio["low"]).low > 0:
        assert found["symmetric_on_log_scale"]


@pytest.mark.parametrize(
    ("p", "low", "high", "null", "verdict"),
    [
        ("0.20", "0.4", "1.6", 0, "inconsistent"), ("0.01", "-0.4", "1.6", 0, "inconsistent"),
        ("0.01", "0.4", "1.6", 0, "consistent"), ("0.20", "-0.4", "1.6", 0, "consistent"), ("<0.05", "0.4", "1.6", 0, "consistent"),
        ("<0.05", "0.4", "1.6", 1, "inconsistent"), ("0.05", "0.0", "1.6", 0, "consistent"), ("1.2", "0.4", "1.6", 0, "inconsistent"),
    ],
)  # fmt: skip
def test_p_goes_with_the_side_of_its_interval(p: str, low: str, high: str, null: int, verdict: str) -> None:
    given_ = {"value": "1.0", "low": low, "high": high, "p": p, "null": null}
    assert finding("interval", given_).verdict == verdict


def test_a_value_outside_its_interval_is_found() -> None:
    found = finding("interval", {"value": 2.5, "low": 1.0, "high": 2.0})
    assert found.verdict == "inconsistent" and "outside its own interval" in found.sentences[0]


@MANY
@given(
    st.integers(2, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.sampled_from(["clopper_pearson_pct", "wilson_pct"]),
)
def test_a_printed_interval_names_the_rule_that_made_it(share: tuple[int, int], key: str) -> None:
    x, n = share
    ends = recomputed("proportion_ci", {"x": x, "n": n})[key]
    found = finding("proportion_ci", {"x": x, "n": n}, printed={"ci_pct": [as_printed(end, 3) for end in ends]})
    assert found.verdict == "reproduces"
    assert {"clopper_pearson_pct": "Clopper-Pearson", "wilson_pct": "Wilson"}[key] in found.rules["ci_pct"]


def test_a_printed_interval_of_other_counts_is_traced_to_them() -> None:
    ends = recomputed("proportion_ci", {"x": 61, "n": 67})["clopper_pearson_pct"]
    printed = tuple(PrintedNumber.read(as_printed(end, 0)) for end in ends)
    assert "61 of 67 (Clopper-Pearson)" in other_counts(printed, {"value_pct": 100 * 10 / 11})
    found = finding("proportion_ci", {"x": 10, "n": 11}, printed={"ci_pct": [82, 97]})
    assert found.verdict == "does not reproduce"
    assert "61 of 67" in found.sentences[0] and "possible" in found.sentences[1]


@pytest.mark.parametrize(
    ("text", "value", "says"),
    [("12.50", 12.5, "12.50"), ("<0.001", 0.0009, "<0.001"), ("≤0.05", 0.05, "≤0.05"), (">.9", 0.95, ">0.9"), ("-41.0%", -41.04, "-41.0"),
     ("1.44", 1.444, "1.44"), (5, 5.4, "5")],
)  # fmt: skip
def test_printed_numbers_are_met_by_what_rounds_to_them(text: object, value: float, says: str) -> None:
    printed = PrintedNumber.read(text)
    assert printed.is_met_by(value)
    assert str(printed) == says
    assert not printed.is_met_by(value + 10) or printed.relation == ">"


@pytest.mark.parametrize("text", ["0,05", "", "p", True, None, float("nan"), "1.2.3", "1e999"])
def test_what_is_no_number_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"no (finite )?number"):
        PrintedNumber.read(text)


@MANY
@given(st.floats(-1e4, 1e4), st.integers(0, 6))
def test_every_number_meets_its_own_print_and_its_cut_digits(value: float, decimals: int) -> None:
    assert PrintedNumber.read(as_printed(value, decimals)).is_met_by(value)
    cut = math.trunc(value * 10**decimals) / 10**decimals
    if abs(value * 10**decimals - round(value * 10**decimals)) > 1e-6:
        assert PrintedNumber.read(as_printed(cut, decimals)).is_cut_from(value)


def test_swapped_percentages_are_recognised() -> None:
    found = finding("consistency", {"one": 27, "two": 16, "n": 49}, printed={"one_pct": 32.7, "two_pct": 55.1})
    assert found.verdict == "inconsistent"
    assert "swapped" in found.sentences[-1]


def test_digits_that_were_cut_off_are_said_and_not_called_a_match() -> None:
    found = finding("rate", {"x": 2, "n": 3}, printed={"value_pct": 66.6})
    assert found.verdict == "does not reproduce"
    assert "cut off" in found.sentences[0]


def test_printed_words_that_are_no_number_leave_the_recomputed_ones_as_they_are() -> None:
    found = finding("pearson_p", {"r": 0.5, "n": 11}, printed={"p": "NS", "ci": [0.1, "x"]})
    assert found.verdict == "computed"
    assert found.recomputed["p"] == pytest.approx(0.1173, abs=1e-4)
    assert "'NS' is no number" in " ".join(found.sentences)


def test_the_rounding_of_printed_inputs_counts_in_favour() -> None:
    found = finding("pearson_p", {"r": 0.091, "n": 11}, printed={"p": 0.791})
    assert found.verdict == "reproduces"
    assert "rounding of the printed inputs" in found.sentences[0]
    assert finding("pearson_p", {"r": 0.091, "n": 11}, printed={"p": 0.70}).verdict == "does not reproduce"


@pytest.mark.parametrize(
    ("given_", "printed", "rule"),
    [({"z": "1.96"}, 0.05, "two-sided P of z"), ({"t": "2.10", "df": 20}, 0.049, "two-sided P of t(20)"),
     ({"chi2": "3.84", "df": 1}, 0.050, "P of chi2(1)"), ({"f": "4.10", "df": 2, "df2": 30}, 0.027, "P of f(2, 30)")],
)  # fmt: skip
def test_p_of_a_printed_statistic_is_recomputed(given_: dict[str, object], printed: float, rule: str) -> None:
    found = finding("printed_statistic", given_, printed={"p": printed})
    assert found.verdict == "reproduces" and rule in found.rules["p"]
    assert finding("printed_statistic", given_, printed={"p": 0.4}).verdict == "does not reproduce"


@settings(max_examples=60)
@given(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), st.tuples(st.floats(-50, 50), st.floats(-50, 50)))
def test_a_subgroup_lies_inside_its_cohort_or_not(one: tuple[float, float], two: tuple[float, float]) -> None:
    cohort, subgroup = sorted(one), sorted(two)
    inside = cohort[0] <= subgroup[0] and subgroup[1] <= cohort[1]
    for given_ in ({"cohort": cohort, "subgroup": subgroup}, {"subgroup": subgroup, "cohort": cohort}):
        assert recomputed("consistency", given_) == {"lies_inside": inside, "same": cohort == subgroup}


@settings(max_examples=60)
@given(*[st.integers(0, 90)] * 4)
def test_pairs_give_the_counts_of_either_reading(both: int, second: int, first: int, neither: int) -> None:
    given_ = {"paired": [both, second, first, neither], "total": both + second + first + neither}
    one = recomputed("consistency", given_, title="cMRI false positives", readings=("cMRI", "uPerf"))
    two = recomputed("consistency", given_, title="uPerf false positives", readings=("cMRI", "uPerf"))
    assert (one["FP"], one["TN"]) == (second + neither, both + first)
    assert (two["FP"], two["TN"]) == (first + neither, both + second)
    assert one[f"total_if_{second + neither + 1}"] == given_["total"] + 1  # type: ignore[operator]
    hit = recomputed("consistency", given_, title="cMRI sensitivity")
    assert (hit["FN"], hit["TP"]) == (second + neither, both + first)
