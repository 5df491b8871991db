"""Claims about the published checks of groups, pairs and correlations: what was recomputed comes out again."""

import csv
import json
from typing import Any

import numpy as np
import pytest
from tests.conftest import SHARED

from afterglow.cohort.correlation import baseline_and_change, pearson_p
from afterglow.cohort.exact_tables import fisher
from afterglow.cohort.growth import growth, percent_change
from afterglow.cohort.hodges_lehmann import hodges_lehmann
from afterglow.cohort.rank_sum import rank_sum_ps
from afterglow.cohort.signed_rank import signed_rank_ps
from afterglow.cohort.summaries import pooled, summarise

PUBLISHED = SHARED / "data" / "published"
CHECKS: list[dict[str, Any]] = json.loads((PUBLISHED / "checks.json").read_text())["checks"] if PUBLISHED.is_dir() else []


def column(file: str, name: str) -> np.ndarray:
    """A column of a table; the checks name Ktrans without its unit."""
    with (PUBLISHED / file).open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    key = next(k for k in rows[0] if k in (name, f"{name}_per_min"))
    return np.array([float(r[key]) for r in rows])


def difference(given: dict[str, str]) -> np.ndarray:
    first, second = given["difference"].split(",")[0].split(" - ")
    return column(given["file"], first) - column(given["file"], second)


def checks(kind: str) -> list[Any]:
    return [pytest.param(c["input"], c["recomputed"], id=c["id"]) for c in CHECKS if c["kind"] == kind]


def agree(found: dict[str, Any], recomputed: dict[str, Any]) -> None:
    assert found.keys() >= recomputed.keys()
    for key, value in recomputed.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-6, atol=1e-12, err_msg=key)


@pytest.mark.shared
@pytest.mark.parametrize(("given", "recomputed"), checks("mann_whitney"))
def test_mann_whitney_by_its_three_rules(given: dict[str, Any], recomputed: dict[str, Any]) -> None:
    ps = rank_sum_ps(*(column(given["file"], c) for c in given["columns"]))
    found = {
        "U": ps.u_first, "p_asymptotic_no_cc": ps.p_asymptotic_no_cc, "p_asymptotic_cc": ps.p_asymptotic_cc,
        "p_exact_ignoring_ties": ps.p_exact_ignoring_ties,
    }  # fmt: skip
    agree(found, recomputed)


@pytest.mark.shared
@pytest.mark.parametrize(("given", "recomputed"), checks("wilcoxon_signed_rank"))
def test_wilcoxon_by_every_rule(given: dict[str, Any], recomputed: dict[str, Any]) -> None:
    ps = signed_rank_ps(difference(given))
    found = {
        "W_min": ps.w_min, "n_nonzero": ps.n_nonzero, "n_pos": ps.n_positive, "n_neg": ps.n_negative, "p_no_cc": ps.p_no_cc,
        "p_cc": ps.p_cc, "p_pratt": ps.p_pratt, "p_asymptotic": ps.p_no_cc, "p_exact_permutation": ps.p_exact_permutation,
        "rank_biserial": ps.rank_biserial,
    }  # fmt: skip
    agree(found, recomputed)


@pytest.mark.shared
@pytest.mark.parametrize(("given", "recomputed"), checks("hodges_lehmann_1s"))
def test_hodges_lehmann_with_the_level_that_it_reaches(given: dict[str, Any], recomputed: dict[str, Any]) -> None:
    made = hodges_lehmann(difference(given))
    agree({"estimate": made.value, "ci": [made.low, made.high], "achieved_conf": made.achieved}, recomputed)


@pytest.mark.shared
@pytest.mark.parametrize(("given", "recomputed"), checks("fisher_exact"))
def test_fishers_test(given: dict[str, Any], recomputed: dict[str, Any]) -> None:
    for name, table in given.items():
        wanted = recomputed if name == "table" else recomputed[name]
        assert fisher(table).p == pytest.approx(wanted["p"], rel=1e-6)


@pytest.mark.shared
@pytest.mark.parametrize(("given", "recomputed"), checks("pearson"))
def test_baseline_against_change_by_every_form(given: dict[str, Any], recomputed: dict[str, Any]) -> None:
    after, before = (column(given["file"], c) for c in given["y"].split(" - "))
    made = baseline_and_change(before, after)
    assert made.log is not None
    found = {
        "r_raw": made.raw.statistic, "p_raw": made.raw.p, "r_log_logratio": made.log.statistic, "p_log_logratio": made.log.p,
        "spearman": made.spearman.statistic, "oldham_r": made.oldham.statistic, "oldham_p": made.oldham.p,
    }  # fmt: skip
    agree(found, recomputed)
    assert "Oldham" in made.raw.note and not made.oldham.note


@pytest.mark.shared
@pytest.mark.parametrize(("given", "recomputed"), checks("pearson_p"))
def test_p_of_a_printed_correlation(given: dict[str, Any], recomputed: dict[str, Any]) -> None:
    agree({"p": pearson_p(given["r"], given["n"])}, recomputed)


@pytest.mark.shared
@pytest.mark.parametrize(("given", "recomputed"), checks("summary"))
def test_summaries(given: dict[str, Any], recomputed: dict[str, Any]) -> None:
    if "column" in given:
        made = summarise(column(given["file"], given["column"]))
    else:
        before, after = (column(given["file"], f"Ktrans_{when}") for when in ("before", "after"))
        made = summarise([percent_change(b, a) for b, a in zip(before, after, strict=True)])
    found = {
        "mean": made.mean, "sd": made.sd, "min": made.minimum, "max": made.maximum, "median_pct": made.median, "q1": made.q1,
        "q3": made.q3,
    }  # fmt: skip
    agree(found, recomputed)


@pytest.mark.shared
@pytest.mark.parametrize(("given", "recomputed"), checks("pooled_summary"))
def test_pooled_mean_and_sd(given: dict[str, Any], recomputed: dict[str, Any]) -> None:
    _, mean, sd = pooled([tuple(p) for p in given["parts"]])
    agree({"mean": mean, "sd": sd}, recomputed)


@pytest.mark.shared
@pytest.mark.parametrize(("given", "recomputed"), checks("fold_change"))
def test_fold_increase(given: dict[str, Any], recomputed: dict[str, Any]) -> None:
    made = growth(given["first"], given["second"])
    agree({"fold_increase": made.fold_increase, "ratio": made.ratio}, recomputed)


@pytest.mark.shared
@pytest.mark.parametrize(("given", "recomputed"), checks("percent_change"))
def test_percent_change(given: dict[str, Any], recomputed: dict[str, Any]) -> None:
    agree({"pct": [percent_change(b, a) for b, a in given["pairs"]]}, recomputed)
