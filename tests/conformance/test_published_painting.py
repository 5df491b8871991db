"""Claims about Tables 1 to 4 of the dose painting paper: its printed rows, fed through the group level, give what was recomputed."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import SHARED
from tests.painted_cohorts import plan_rows, write_people, write_plans, write_visit

from afterglow.flows.cohort import GroupReport, run_group
from afterglow.flows.work import silent
from afterglow.records import statistic

PUBLISHED = SHARED / "data" / "published"
CHECKS: dict[str, Any] = (
    {one["id"]: one["recomputed"] for one in json.loads((PUBLISHED / "checks.json").read_text())["checks"]}
    if PUBLISHED.is_dir()
    else {}
)
FIGURES = {"mean_Gy": "mean dose of the brain", "integral_J": "integral dose of the brain", "V12_cc": "V12"}
pytestmark = pytest.mark.shared


def rows(name: str) -> list[dict[str, float]]:
    with (PUBLISHED / name).open(newline="") as opened:
        return [{k: v if k == "sex" else float(v) for k, v in row.items()} for row in csv.DictReader(opened)]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[GroupReport, Path]:
    """The printed Tables 1 and 3 as the participant level would have left them; the patients of both have no common number in print."""
    bids, out = (tmp_path_factory.mktemp("published") / name for name in ("bids", "out"))
    dose, permeability = rows("seed003_table1_dosimetry.csv"), rows("seed003_table3_permeability.csv")
    plans = []
    people, days = [], {}
    for one in dose:
        name = f"{int(one['patient']):02d}"
        people.append(
            {
                "participant_id": f"sub-{name}",
                "sex": one["sex"],
                "age_years": 40.0 + one["patient"],
                "kps": 80.0,
                "prior_dose_gy": 60.0,
            }
        )
        for plan, which in (("uniform", "plan1"), ("painted", "plan2")):
            plans += plan_rows(name, plan, [one[f"{which}_{key}"] for key in FIGURES])
        found = next((p for p in permeability if p["patient"] == one["patient"]), None)
        before = {("aggressive", "ktrans"): 0.03, ("aggressive", "iaugc60"): 3.0}
        if found is not None:
            days[name] = 95.0
            before, after = (
                {("aggressive", "ktrans"): found[f"Ktrans_{when}_per_min"], ("aggressive", "iaugc60"): found[f"IAUC_{when}"]}
                for when in ("before", "after")
            )
            write_visit(out, name, "post", 95.0, after, None)
        write_visit(out, name, "pre", 0.0, before, None)
    write_people(bids, people, days)
    write_plans(out, plans)
    return run_group(bids, out, "seyithanoglu2025", progress=silent), out


def made(report: GroupReport, family: str, begins: str) -> statistic.Tested:
    return next(
        test for name, tests in report.facts.tests for test in tests if name.endswith(family) and test.about.startswith(begins)
    )


@pytest.mark.parametrize("key", FIGURES)
def test_table_1_gives_the_paired_statistics_that_the_methods_promise(report: tuple[GroupReport, Path], key: str) -> None:
    found = made(report[0], "pairs", FIGURES[key])
    for check in (f"S003-wilcoxon-{key}", f"S003-hl-{key}"):
        known = CHECKS.get(check)
        if known is None:
            continue  # held back
        if "estimate" in known:
            shift = found.effects[0]
            assert [shift.value, shift.low, shift.high] == pytest.approx([known["estimate"], *known["ci"]], abs=1e-9)
        else:
            assert found.effects[1].value == pytest.approx(known["rank_biserial"], rel=1e-6)
            assert min(found.statistic, known["n_nonzero"] * (known["n_nonzero"] + 1) / 2 - found.statistic) == known["W_min"]
            assert found.p is not None and found.p < 0.01


@pytest.mark.parametrize("key", FIGURES)
def test_table_2_gives_its_own_p_beside_and_says_what_it_is(report: tuple[GroupReport, Path], key: str) -> None:
    found = made(report[0], "without regard to pairs", FIGURES[key])
    assert "treats pairs as independent: as the paper printed it" in found.note
    known = CHECKS.get(f"S003-mwu-{key}")
    if known is not None:
        assert (found.statistic, found.p) == pytest.approx((known["U"], known["p_asymptotic_no_cc"]), rel=1e-6)
    if key == "mean_Gy":
        assert found.p is not None and round(found.p, 3) == 0.716


def test_table_2_has_the_means_and_deviations_of_table_1(report: tuple[GroupReport, Path]) -> None:
    with (report[1] / "group" / "tables" / "table-2.tsv").open(newline="") as opened:
        summary = {(r["figure"], r["plan"]): r for r in csv.DictReader(opened, delimiter="\t")}
    for key, words in FIGURES.items():
        for number, plan in ((1, "uniform"), (2, "painted")):
            known = CHECKS.get(f"S003-summary-{key}-plan{number}")
            if known is not None:
                row = summary[words, plan]
                assert [float(row[k]) for k in ("mean", "sd")] == pytest.approx([known["mean"], known["sd"]], rel=1e-6)
                assert [float(row[k]) for k in ("minimum", "maximum")] == [
                    known.get("min", float(row["minimum"])),
                    known.get("max", float(row["maximum"])),
                ]
    assert summary["mean dose of the brain", "uniform"]["n"] == "23"


def test_the_slip_in_table_1_is_pointed_at(report: tuple[GroupReport, Path]) -> None:
    assert any("sub-07: V12 is 550.9 mL by uniform and 55.04 by painted" in words for words in report[0].facts.cautions)


def test_table_3_gives_the_change_and_its_test(report: tuple[GroupReport, Path]) -> None:
    median, test = report[0].facts.primary
    assert isinstance(median, statistic.Estimated)
    assert isinstance(test, statistic.Tested)
    known, percent, shift = (CHECKS[f"S003-{name}-Ktrans"] for name in ("wilcoxon", "pct", "hl"))
    assert (median.value, median.n) == (pytest.approx(percent["median_pct"]), 11)
    assert f"quartiles {percent['q1']:.3g} to {percent['q3']:.3g} %" in median.note
    assert test.p == pytest.approx(known["p_exact_permutation"], rel=1e-6)
    assert test.effects[1].value == pytest.approx(known["rank_biserial"], rel=1e-6)
    assert [test.effects[0].value, test.effects[0].low, test.effects[0].high] == pytest.approx(
        [shift["estimate"], *shift["ci"]], abs=1e-9
    )
    iauc = made(report[0], "other zones and quantities", "median IAUC, aggressive").effects[0]
    known = CHECKS["S003-hl-IAUC"]
    assert [iauc.value, iauc.low, iauc.high] == pytest.approx([known["estimate"], *known["ci"]], abs=1e-9)


def test_table_4_prints_every_way_and_chooses_by_the_rule_of_the_methods(report: tuple[GroupReport, Path]) -> None:
    with (report[1] / "group" / "tables" / "table-4.tsv").open(newline="") as opened:
        ways = {r["way"]: r for r in csv.DictReader(opened, delimiter="\t") if r["comparison"].startswith("baseline Ktrans")}
    known = CHECKS["S003-pearson"]
    for way, r, p in (
        ("Pearson, as measured", known["r_raw"], known["p_raw"]),
        ("Pearson, logarithms", known["r_log_logratio"], known["p_log_logratio"]),
        ("Oldham, as measured", known["oldham_r"], known["oldham_p"]),
        ("Spearman", known["spearman"], None),
    ):
        assert float(ways[way]["coefficient"]) == pytest.approx(r, rel=1e-6)
        assert p is None or float(ways[way]["p"]) == pytest.approx(p, rel=1e-6)
    assert [way for way, row in ways.items() if row["chosen"] == "yes"] == ["Pearson, logarithms"]
    assert ways["Pearson, as measured"]["interpretation"] == "strong, falling"
