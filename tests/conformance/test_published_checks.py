"""Claims about the five papers' numbers: every check comes to the value that stands in the reference data, and rounds as it says."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import SHARED

from afterglow.flows.audit import Audited, audit_printed_numbers, shipped_papers
from afterglow.records.printed import AuditFinding, PrintedNumber

pytestmark = pytest.mark.shared
FOLDER = SHARED / "data" / "published"
FILE = FOLDER / "checks.json"
ANSWERS = ("published", "recomputed", "verdict", "note")
REPRODUCES = ("reproduces", "reproduces_with_other_rule", "reproduces_after_correction")


@pytest.fixture(scope="module")
def reference() -> dict[str, dict[str, Any]]:
    return {check["id"]: check for check in json.loads(FILE.read_text(encoding="utf-8"))["checks"]}


@pytest.fixture(scope="module")
def audited() -> Audited:
    return audit_printed_numbers(FILE)


def unlike(ours: Any, theirs: Any, where: str = "") -> list[str]:
    """Where ours lacks a key of theirs or differs from it by more than 1e-6."""
    if isinstance(theirs, dict):
        if not isinstance(ours, dict):
            return [f"{where} is {ours}"]
        return [words for key, value in theirs.items() for words in unlike(ours.get(key), value, f"{where}.{key}")]
    if isinstance(theirs, list):
        if not isinstance(ours, (list, tuple)) or len(ours) != len(theirs):
            return [f"{where} is {ours}"]
        return [words for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) for words in unlike(a, b, f"{where}[{i}]")]
    if isinstance(theirs, bool) or not isinstance(theirs, (int, float)):
        return [] if ours == theirs else [f"{where} is {ours}, not {theirs}"]
    near = isinstance(ours, (int, float)) and ours == pytest.approx(theirs, rel=1e-6, abs=0)
    return [] if near else [f"{where} is {ours}, not {theirs}"]


def test_every_check_comes_to_its_recomputed_value(audited: Audited, reference: dict[str, dict[str, Any]]) -> None:
    assert len(audited.findings) == len(reference) == 62
    wrong = [w for f in audited.findings for w in unlike(f.recomputed, reference[f.id]["recomputed"], f.id)]
    assert wrong == []


def test_the_answers_in_the_file_are_not_read(tmp_path: Path, reference: dict[str, dict[str, Any]]) -> None:
    bare = [{key: value for key, value in check.items() if key not in ANSWERS} for check in reference.values()]
    (tmp_path / "bare.json").write_text(json.dumps({"checks": bare}))
    found = audit_printed_numbers(tmp_path / "bare.json", data=FOLDER)
    assert [w for f in found.findings for w in unlike(f.recomputed, reference[f.id]["recomputed"], f.id)] == []
    assert not any("comes with afterglow" in sentence for f in found.findings for sentence in f.sentences)


def test_wrong_answers_in_the_file_change_nothing(tmp_path: Path, reference: dict[str, dict[str, Any]]) -> None:
    false = [{**check, "recomputed": {"value_pct": 1.0, "p": 2.0}, "verdict": "nonsense"} for check in reference.values()]
    (tmp_path / "false.json").write_text(json.dumps({"checks": false}))
    found = audit_printed_numbers(tmp_path / "false.json", data=FOLDER)
    assert [w for f in found.findings for w in unlike(f.recomputed, reference[f.id]["recomputed"], f.id)] == []


def test_what_reproduces_rounds_to_the_printed_value(audited: Audited, reference: dict[str, dict[str, Any]]) -> None:
    """The first printed figure of each; 0.028 for the Wilcoxon P 0.01 is a second one that the reference data refuse too."""
    reproduced = [f for f in audited.findings if reference[f.id]["verdict"] in REPRODUCES]
    assert len(reproduced) == 33
    for finding in reproduced:
        missed = [key for key, rules in finding.rules.items() if not rules and key != "also_printed"]
        assert finding.rules and not missed, finding


def test_what_does_not_reproduce_is_not_bent_to_do_so(audited: Audited, reference: dict[str, dict[str, Any]]) -> None:
    missed = [f for f in audited.findings if reference[f.id]["verdict"] == "does_not_reproduce"]
    assert len(missed) == 7
    assert {f.verdict for f in missed} == {"does not reproduce"}


def test_what_contradicts_itself_in_a_paper_is_said(audited: Audited, reference: dict[str, dict[str, Any]]) -> None:
    contradicting = [f for f in audited.findings if reference[f.id]["verdict"] == "inconsistent_in_paper"]
    assert len(contradicting) == 8
    assert {f.verdict for f in contradicting} <= {"inconsistent", "does not reproduce"}


def test_the_verdict_agrees_with_the_reference_wherever_its_own_words_allow(
    audited: Audited, reference: dict[str, dict[str, Any]]
) -> None:
    alike = {"reproduces": REPRODUCES, "does not reproduce": ("does_not_reproduce",), "computed": ("extension",),
             "inconsistent": ("inconsistent_in_paper",)}  # fmt: skip
    other = {f.id for f in audited.findings if reference[f.id]["verdict"] not in alike[f.verdict]}
    assert other == {"S003-wilcoxon-Ktrans", "S002-fisher-mgmt-rec"}  # two P values of one test; a share of the same table


def test_the_papers_that_come_with_it_hold_the_same_checks_and_tables(
    audited: Audited, reference: dict[str, dict[str, Any]]
) -> None:
    shipped: dict[str, AuditFinding] = {f.id: f for name in shipped_papers() for f in audit_printed_numbers(name).findings}
    assert set(reference) <= set(shipped)
    for finding in audited.findings:
        assert unlike(shipped[finding.id].recomputed, reference[finding.id]["recomputed"]) == []
        assert shipped[finding.id].verdict == finding.verdict
    import afterglow.published

    folder = Path(next(iter(afterglow.published.__path__)))
    for table in FOLDER.glob("seed*.csv"):
        assert (folder / table.name).read_bytes() == table.read_bytes()


def test_closed_form_values_round_to_print_with_the_printed_decimals(reference: dict[str, dict[str, Any]]) -> None:
    ratios = [c for c in reference.values() if c["kind"] == "confusion_metric"]
    assert len(ratios) == 7
    for check in ratios:
        printed = PrintedNumber.read(check["published"]["value_pct"], check["published"]["decimals"])
        assert printed.is_met_by(check["recomputed"]["value_pct"])
