"""Claims about `afterglow audit`: what it prints, what it refuses with one sentence, and how it ends."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.doors.test_command_line import afterglow

from afterglow.cohort.audit import KINDS
from afterglow.cohort.audit_forms import FORMS
from afterglow.flows.audit import Audited, audit_printed_numbers, shipped_papers
from afterglow.records.errors import AfterglowError

DOCS = Path(__file__).resolve().parents[2] / "docs"
SHARE = {"id": "a", "kind": "proportion_ci", "input": {"x": 10, "n": 11}}


def write(folder: Path, content: object, name: str = "checks.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def audited(folder: Path, *checks: Mapping[str, object]) -> Audited:
    return audit_printed_numbers(write(folder, {"checks": list(checks)}))


def test_people_read_one_paragraph_for_each_check_and_a_count(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        {"checks": [{**SHARE, "published": {"ci_pct": [82, 97]}}, {**SHARE, "id": "b", "published": {"ci_pct": [59, 100]}}]},
    )
    done = afterglow("audit", str(path))
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith(
        "a: does not reproduce\n  The printed interval 82 to 97 for 10 of 11 is given by none of these: Clopper-Pearson"
    )
    assert "The printed interval 59 to 100 for 10 of 11 is reproduced by Clopper-Pearson" in done.stdout
    assert done.stdout.rstrip().endswith("2 checks: 1 reproduces, 1 does not reproduce.")


def test_programs_read_the_same_ids_and_keys(tmp_path: Path) -> None:
    path = write(tmp_path, [SHARE, {"id": "odd", "kind": "astrology", "input": {}}])  # a list alone will do
    done = afterglow("audit", str(path), "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert [check["id"] for check in found["checks"]] == ["a", "odd"]
    assert found["checks"][0]["recomputed"]["value_pct"] == pytest.approx(1000 / 11)
    assert found["recomputed"]["a"] == found["checks"][0]["recomputed"]
    assert found["checks"][1]["verdict"] == "unknown kind"
    assert found["counts"] == {"computed": 1, "unknown kind": 1}


def test_a_check_that_cannot_be_used_ends_with_one_and_the_others_are_still_there(tmp_path: Path) -> None:
    path = write(tmp_path, {"checks": [{"id": "bad", "kind": "proportion_ci", "input": {"x": 12, "n": 11}}, SHARE]})
    done = afterglow("audit", str(path), "--json")
    assert done.returncode == 1
    assert done.stderr == "afterglow: bad: Not recomputed: x of n is 12 of 11; a part cannot exceed its whole.\n"
    assert json.loads(done.stdout)["recomputed"]["a"]["value_pct"] == pytest.approx(1000 / 11)
    assert json.loads(done.stdout)["recomputed"]["bad"] is None


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        ("not json", "a.json", "it is no JSON"), ("", "a.json", "it is no JSON"), ("[[proportion]", "a.toml", "it is no TOML"),
        ("x = 0,05", "a.toml", "decimal point"), ('{"checks": []}', "a.json", "holds no check"), ("", "a.toml", "holds no check"),
        ("[1]", "a.json", "check 1 is '1'"), ('"text"', "a.json", "holds a str"), ('{"checks": 3}', "a.json", "write a list of checks"),
        ('[{"kind": "rate", "input": {}}]', "a.json", "no 'id'"), ('[{"id": "a", "input": {}}]', "a.json", "check 'a' has no 'kind'"),
        ('[{"id": "a", "kind": "rate"}]', "a.json", "check 'a' has no 'input'"),
        ('[{"id": "a", "kind": "rate", "input": {}, "published": 3}]', "a.json", "'published'"),
        ('[{"id": "a", "kind": "rate", "input": {"x": NaN}}]', "a.json", "NaN is no number"),
        ('[{"id": "a", "kind": "rate", "input": {"x": ' + "9" * 5000 + "}}]", "a.json", "cannot be read as JSON"),
        ("[" * 100_000, "a.json", "cannot be read as JSON"), ("[[propotion]]\nx = 1", "a.toml", "no heading"),
        ("[[proportion]]\nx = 1\nm = 2", "a.toml", "unknown key 'm'"), ("[[proportion]]\nx = 1", "a.toml", "has no 'n'"),
        ("[proportion]\nx = 1", "a.toml", "write it as [[proportion]]"),
        ("[[proportion]]\nid = 'a'\nx = 1\nn = 2\n[[total]]\nid = 'a'\nparts = [1]\ntotal = 1", "a.toml", "two checks are named 'a'"),
        (json.dumps([SHARE, SHARE]), "a.json", "two checks are named 'a'"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused_with_one_sentence(tmp_path: Path, content: str, name: str, words: str) -> None:
    path = write(tmp_path, content, name)
    with pytest.raises(AfterglowError) as refused:
        audit_printed_numbers(path)
    assert words in str(refused.value) and name in str(refused.value)
    assert str(refused.value).count("\n") == 0


def test_bytes_that_are_no_text_and_files_that_are_not_there_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xff\xfe\x00")
    for path, words in ((tmp_path / "a.json", "UTF-8"), (tmp_path / "none.json", "no such file"), (tmp_path, "opened")):
        with pytest.raises(AfterglowError, match=words):
            audit_printed_numbers(path)
    with pytest.raises(AfterglowError, match="no such folder"):
        audit_printed_numbers("behar2023", data=tmp_path / "none")
    done = afterglow("audit", str(tmp_path / "none.json"))
    assert done.returncode == 1 and done.stderr.startswith("afterglow: ") and "Traceback" not in done.stderr
    assert afterglow("audit").returncode == 2


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("proportion_ci", {"x": 5}, "needs the input 'n'"), ("proportion_ci", {"x": -1, "n": 4}, "whole number from 0"),
        ("proportion_ci", {"x": 1.5, "n": 4}, "whole number from 0"), ("proportion_ci", {"x": 0, "n": 0}, "0 of 0"),
        ("proportion_ci", {"x": 1, "n": 10**40}, "no paper counts beyond"), ("proportion_ci", {"x": True, "n": 4}, "write a number"),
        ("proportion_ci", {"x": [1], "n": 4}, "write a number"), ("proportion_ci", {"x": 1, "n": 4, "level": 3}, "level"),
        ("pearson_p", {"r": "0,5", "n": 9}, "decimal point"), ("pearson_p", {"r": 1.5, "n": 9}, "between -1 and 1"),
        ("pearson_p", {"r": "<0.5", "n": 9}, "a bound"), ("auc_ci", {"auc": 1.2, "n_pos": 3, "n_neg": 3}, "between 0 and 1"),
        ("fisher_exact", {"table": [[1, 2], [3]]}, "different lengths"), ("fisher_exact", {"table": [[0, 0], [0, 0]]}, "empty"),
        ("fisher_exact", {"table": [[10**6, 1], [1, 1]]}, "up to"), ("fisher_exact", {}, "'table'"),
        ("mcnemar", {"b_one": 1, "b_two": 2, "c": 3}, "both begin with b"),
        ("mcnemar_inverse", {"x1": 10**8, "x2": 10**8, "n": 10**9, "p_published": 0.5}, "too many pairings"),
        ("mcnemar_inverse", {"x1": 5, "x2": 4, "n": 9, "p_published": 1.5}, "between 0 and 1"),
        ("paired_difference_ci", {"b": 5, "c": 6, "n": 10}, "check the total"), ("confusion_metric", {"TP": 1, "FP": 1, "TN": 1, "FN": 1, "metric": "luck"}, "not known"),
        ("confusion_metric", {"TP": 0, "FP": 0, "TN": 3, "FN": 0, "metric": "sensitivity"}, "no positive exam"),
        ("youden", {"a": [1, 2, 3]}, "it needs 4"), ("youden", {}, "add it"), ("rate", {}, "add them"), ("count", {"spec": [1]}, "one total"),
        ("percent_change", {"pairs": [[0, 1]]}, "from 0"), ("fold_change", {"first": 0, "second": 1}, "from 0"),
        ("design_effect", {"patients_by_exams": {"0": 4}}, "counts nothing"), ("design_effect", {}, "patients_by_exams"),
        ("consistency", {}, "no consistency check knows"), ("consistency", {"mean": 1, "sd": 1, "max": 2, "n": 1}, "needs 2"),
        ("pooled_summary", {"parts": [[0, 1, 1]]}, "n = 0"), ("pooled_summary", {"parts": [[3, 1, -1]]}, "cannot be"),
        ("two_means", {"parts": [[3, 1, 0], [3, 1, 0]]}, "nothing to test"), ("interval", {"value": 1, "low": 2, "high": 1}, "turn it round"),
        ("printed_statistic", {"df": 3}, "needs one of"), ("printed_summary", {"n": 3}, "needs n"),
        ("summary", {"file": "none.csv", "column": "a"}, "--data"), ("summary", {"file": "/etc/passwd", "column": "a"}, "its name alone"),
        ("summary", {"file": "../t.csv", "column": "a"}, "its name alone"), ("summary", {"file": "t.csv", "column": "z"}, "no column 'z'"),
        ("summary", {"file": "t.csv", "column": "word"}, "row 1"), ("summary", {"file": "t.csv", "column": "comma"}, "decimal point"),
        ("summary", {"file": "t.csv", "column": "empty"}, "no number"), ("summary", {"file": "bad.csv", "column": "a"}, "cells under"),
        ("summary", {"file": "t.csv", "value": "a / (a - a)"}, "division by zero"), ("summary", {"file": "t.csv", "value": "a b"}, "write a formula"),
        ("summary", {"file": "t.csv", "value": "__import__('os').getcwd() + a"}, "plain formula"), ("summary", {"file": "t.csv", "value": "log(0*a)"}, "logarithm"),
        ("wilcoxon_signed_rank", {"file": "t.csv", "difference": "a - nowhere"}, "no column 'nowhere'"),
        ("wilcoxon_signed_rank", {"file": "t.csv", "difference": "1 - 2"}, "names no column"),
        ("pearson", {"file": "t.csv", "x": "same", "y": "a"}, "equal"), ("mann_whitney", {"file": "t.csv", "columns": ["a"]}, "it needs 2"),
        ("forensic", {"file": "t.csv", "set": {"a[9]": 1}}, "rows 1 to 3"), ("forensic", {"file": "t.csv", "set": {"a": 1}}, "no cell"),
        ("physics", {"file": "t.csv", "ratio": "mass / volume"}, "no columns"),
    ],
)  # fmt: skip
def test_a_check_that_cannot_be_made_says_why(tmp_path: Path, kind: str, given: dict[str, object], words: str) -> None:
    write(tmp_path, 'a,word,comma,empty,same\n1,x,"0,5",,4\n2,y,1,,4\n4,z,1,,4\n', "t.csv")
    write(tmp_path, "a,b\n1\n", "bad.csv")
    (found,) = audited(tmp_path, {"id": "bad one", "kind": kind, "input": given}).findings
    assert found.verdict == "not recomputed"
    assert words in found.sentences[0], found.sentences


def test_tables_are_read_beside_the_file_or_from_the_folder_that_is_named(tmp_path: Path) -> None:
    check = {"id": "a", "kind": "summary", "input": {"file": "seed003_table1_dosimetry.csv", "column": "plan1_mean_Gy"}}
    (lent,) = audited(tmp_path, check).findings
    assert "comes with afterglow" in lent.sentences[-1]
    write(tmp_path, "plan1_mean_Gy\n1\n2\n", "seed003_table1_dosimetry.csv")
    (own,) = audited(tmp_path, check).findings
    assert own.recomputed["mean"] == 1.5 and "comes with" not in " ".join(own.sentences)
    other = tmp_path / "other"
    other.mkdir()
    write(other, "plan1_mean_Gy\n5\n7\n", "seed003_table1_dosimetry.csv")
    path = write(tmp_path, {"checks": [check]})
    assert json.loads(afterglow("audit", str(path), "--data", str(other), "--json").stdout)["recomputed"]["a"]["mean"] == 6


def test_the_file_of_the_docs_runs_and_uses_every_heading(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```", (DOCS / "audit.md").read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found = audit_printed_numbers(write(tmp_path, text, "paper.toml"))
    assert {f.verdict for f in found.findings} <= {"reproduces", "consistent", "computed", "does not reproduce"}
    by_id = {f.id: f for f in found.findings}
    assert by_id["proportion 1"].rules["ci_pct"] == ("Wilson",)
    assert by_id["diagnostic 1 f1"].verdict == "reproduces"
    assert by_id["two_readings 1"].recomputed["b"] == 6
    assert all(f"[[{heading}]]" in text for heading in FORMS)
    assert [f.id for f in found.findings if f.verdict == "does not reproduce"] == []


def test_every_heading_leads_to_a_kind_that_exists() -> None:
    for name, form in FORMS.items():
        assert form.kind in KINDS, name
        assert set(form.needs) <= set(form.inputs), name
        assert set(form.renamed) <= set(form.inputs), name


def test_printed_decimals_of_toml_count(tmp_path: Path) -> None:
    text = "[[proportion]]\nx = 1\nn = 3\npercent = {}\n"
    for percent, verdict in (("33.3", "reproduces"), ("33.30", "does not reproduce"), ('"33"', "reproduces")):
        (found,) = audit_printed_numbers(write(tmp_path, text.format(percent), "a.toml")).findings
        assert found.verdict == verdict, percent


def test_the_five_papers_come_with_it_and_none_of_their_checks_is_refused() -> None:
    assert shipped_papers() == ("ademola2025", "behar2023", "seyithanoglu2025", "stadlbauer2025", "yoon2024")
    for name in shipped_papers():
        found = audit_printed_numbers(name)
        assert found.file.title and found.findings
        assert not {"not recomputed", "unknown kind"} & set(found.counts)


def test_findings_are_said_courteously() -> None:
    every: list[Any] = [f for name in shipped_papers() for f in audit_printed_numbers(name).findings]
    said = " ".join(sentence for finding in every for sentence in finding.sentences).lower()
    assert not {"wrong", "false", "mistake", "fraud", "fabricat", "incorrect"} & set(re.findall(r"[a-z]+", said))
    assert all(re.match(r"[A-Z0-9]", s) and s.endswith((".", ")")) for f in every for s in f.sentences)
