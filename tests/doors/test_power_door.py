"""Claims about the command `power`: what it says to people and to programs, and with which exit code."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from afterglow.cli.main import app, main

SMALL = ("power", "behar2023", "--patients", "20,49", "--repeats", "15", "--wcv", "vp=.2", "--wcv", "bidimensional_product=.05")


def test_power_is_a_table_for_people_with_the_rule_the_error_and_the_smallest_size() -> None:
    done = CliRunner().invoke(app, list(SMALL))
    assert done.exit_code == 0, done.output
    assert "behar2023, calls by perfusion and by size: 15 studies of each size, seed 1; power" in done.output
    assert "specificity, change of normalised vp against change of size (McNemar, exact binomial, two-sided" in done.output
    assert (
        "None of these sizes reaches 80 %." in done.output
        and "The smallest of these sizes that reaches 80 %: 20 patients" in done.output
    )
    assert "Noise (wCV): vp 0.2, bidimensional_product 0.05." in done.output
    assert "real studies need more patients" in done.output


def test_programs_get_one_object_with_every_number() -> None:
    done = CliRunner().invoke(app, [*SMALL, "--json", "--endpoint", "ROC of change", "--level", ".9"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert (said["method"], said["analysis"], said["repeats"], said["level"], said["null"]) == (
        "behar2023",
        "ROC of change",
        15,
        0.9,
        False,
    )
    assert said["wcv"] == {"vp": 0.2, "bidimensional_product": 0.05} and len(said["endpoints"]) == 3
    for endpoint in said["endpoints"]:
        assert [one["patients"] for one in endpoint["sizes"]] == [20, 49]
        for one in endpoint["sizes"]:
            assert one["low"] <= one["power"] == one["reached"] / 15 <= one["high"] and one["interval"] == "Clopper-Pearson"


def test_the_null_says_how_often_studies_err_and_names_no_size() -> None:
    done = CliRunner().invoke(app, [*SMALL, "--null"])
    assert done.exit_code == 0, done.output
    assert "share of studies that find what is not there" in done.output and "80 %" not in done.output
    assert "each patient's calls change places by the toss of a coin; the rule errs in 5.0 %" in done.output


def test_the_picture_is_a_png(tmp_path: Path) -> None:
    path = tmp_path / "power.png"
    done = CliRunner().invoke(app, [*SMALL, "--figure", str(path)])
    assert done.exit_code == 0 and f"Written: {path}" in done.output
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_noise_that_is_not_given_is_one_sentence_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["afterglow", "power", "behar2023", "--wcv", "vp=.2", "--json"])
    with pytest.raises(SystemExit) as stopped:
        main()
    said = capsys.readouterr()
    assert stopped.value.code == 1
    assert json.loads(said.out)["kind"] == "BadInput" and "how well bidimensional_product repeats is not said" in said.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--patients", "20;50"], "give whole numbers with commas"),
        (["--wcv", "vp"], "give a quantity and a fraction"),
        (["--wcv", "vp=0,2"], "give a quantity and a fraction"),
        (["--wcv", "vp=.1"], "vp is given twice"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_wrong_words_are_wrong_usage(words: list[str], sentence: str) -> None:
    done = CliRunner().invoke(app, [*SMALL, *words])
    assert done.exit_code == 2 and sentence in " ".join(done.output.replace("│", " ").split())
