"""Claims about the command `tables`: what it says, as lines and as JSON, and with which exit code."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from afterglow.cli.main import app, main

MAP = """
[participant_id]
column = "Patient"
[outcomes]
columns = { label = "Histology" }
constant = { basis = "histology" }
[outcomes.values.label]
tumour = "recurrence"
"""


def files(folder: Path, *rows: str) -> tuple[str, str, str]:
    (folder / "study.csv").write_text("Patient,Histology,Remark\n" + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    (folder / "map.toml").write_text(MAP, encoding="utf-8")
    return str(folder / "study.csv"), str(folder / "bids"), str(folder / "map.toml")


def test_what_was_taken_is_said_in_lines_and_nothing_is_wrong(tmp_path: Path) -> None:
    source, bids, map_file = files(tmp_path, "01,tumour,x", "02,,y")
    done = CliRunner().invoke(app, ["tables", source, bids, "--map", map_file])
    assert done.exit_code == 0, done.output
    assert "outcomes: 1 row read, 1 new; 1 line says nothing of them." in done.output
    assert "Not read: Remark." in done.output and "Nothing was refused." in done.output


def test_refused_rows_are_sentences_and_exit_code_1_and_the_others_are_written(tmp_path: Path) -> None:
    source, bids, map_file = files(tmp_path, "01,tumour,x", "02,tumor,y")
    done = CliRunner().invoke(app, ["tables", source, bids, "--map", map_file, "--json"])
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert said["rows"] == {"outcomes": 1} and [r["row"] for r in said["refused"]] == [3]
    assert said["refused"][0]["sentence"].startswith("study.csv, row 3, Histology: found 'tumor'; did you mean 'tumour'?")
    assert all(Path(path).is_file() for path in said["written"])
    assert (tmp_path / "bids" / "phenotype" / "outcomes.tsv").is_file()


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    source, bids, map_file = files(tmp_path, "01,tumour,x")
    done = CliRunner().invoke(app, ["tables", source, bids, "--map", map_file, "--dry-run"])
    assert done.exit_code == 0 and not Path(bids).exists() and "1 row read, 1 new" in done.output


@pytest.mark.parametrize("option", ["--map", "--dictionary"])
def test_a_file_that_is_not_there_is_one_sentence(
    tmp_path: Path, option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, bids, map_file = files(tmp_path, "01,tumour,x")
    words = ["afterglow", "tables", source, bids, "--map", map_file, option, str(tmp_path / "gone"), "--json"]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    assert "there is no such file" in json.loads(capsys.readouterr().out)["error"]
