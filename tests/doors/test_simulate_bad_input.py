"""Claims about bad orders to `afterglow simulate`: one sentence, exit code 1 (2 for wrong usage), and nothing written."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.tiny_cohorts import tiny_file

from afterglow.cli.main import main

Command = Callable[..., tuple[int, str]]
NAME = "behar2023"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`afterglow simulate` in this process: its exit code and what it said on standard error."""

    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["afterglow", "simulate", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr().err.splitlines(keepends=True)
        return int(ended.value.code or 0), "".join(line for line in said if not line.startswith("["))  # without progress

    return run


@pytest.fixture
def nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(*_: object) -> None:
        raise AssertionError("a patient was made")

    monkeypatch.setattr("afterglow.flows.simulate._make_patient", made)


def refused(said: tuple[int, str], *words: str) -> None:
    code, sentence = said
    assert code == 1, sentence
    assert sentence.startswith("afterglow: ")
    assert sentence.count("\n") == 1
    for word in words:
        assert word in sentence


@pytest.mark.usefixtures("nothing_is_made")
def test_an_unknown_method_is_answered_with_the_known(command: Command, tmp_path: Path) -> None:
    known = ("ademola2025", "behar2023", "seyithanoglu2025", "stadlbauer2025", "yoon2024")
    refused(command("smith2031", tmp_path / "out"), "'smith2031'", *known)
    refused(command(tmp_path / "absent.toml", tmp_path / "out"), "absent.toml", "cannot be read")
    assert not (tmp_path / "out").exists()


IMPOSSIBLE = {
    "ve and vp beyond the whole": ({r"ve = 0\.2, vp = 0\.009": "ve = 0.995, vp = 0.009"}, "ve"),
    "drawn ve and vp beyond the whole": (
        {r'(name = "ve_after"\nunit = "1"\nparts = )\[.*\]': r'\1[{ shape = "uniform", low = 0.98, high = 0.99 }]'},
        "ve",
    ),
    "a series before the visit": ({r"(\[acquisition.dce\]\nstart_s = )600\.0": r"\g<1>-600.0"}, "dce.start_s is -600"),
    "an injection before its series": ({r"(rate_ml_s = 3\.0\nstart_s = )30\.0": r"\g<1>-30.0"}, "injection.start_s is -30"),
    "an echo after the next pulse": ({r"te_s = 0\.0018": "te_s = 0.5"}, "te_s"),
    "a voxel without size": ({r"body_mm = 4\.0": "body_mm = 0.0"}, "body_mm"),
    "no haematocrit": ({r"haematocrit = 0\.42": "haematocrit = 42"}, "haematocrit"),
    "an unknown key": ({r"motion = 1\.0": "motion = 1.0\nmotoin = 2.0"}, "motoin"),
    "an unknown series": ({r'roles = \["dce"': 'roles = ["pet", "dce"'}, "'pet'"),
    "no TOML": ({r'title = "': "title = "}, "TOML"),
}


@pytest.mark.usefixtures("nothing_is_made")
@pytest.mark.parametrize("changes", IMPOSSIBLE)
def test_impossible_parameters_name_the_file_and_the_key(command: Command, tmp_path: Path, changes: str) -> None:
    edits, word = IMPOSSIBLE[changes]
    file = tiny_file("ademola2025", tmp_path, edits)
    refused(command(file, tmp_path / "out", "--patients", 3), str(file), word)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("nothing_is_made")
@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--patients", "0"), "0 patients cannot"),
        (("--patients", "-3"), "-3 patients cannot"),
        (("--seed", "-1"), "negative"),
        (("--dicom", "toshiba"), "siemens, ge, philips"),
    ],
)
def test_impossible_orders_are_one_sentence(command: Command, tmp_path: Path, options: tuple[str, ...], word: str) -> None:
    refused(command(NAME, tmp_path / "out", *options), word)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options", [("--patients", "many"), ("--size", "huge"), ("--workers", "0"), ("--wrong",), ("--seed", "1.5")]
)
def test_wrong_usage_ends_with_two(command: Command, tmp_path: Path, options: tuple[str, ...]) -> None:
    assert command(NAME, tmp_path / "out", *options)[0] == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("nothing_is_made")
def test_a_folder_or_file_that_is_somebody_elses_is_let_be(command: Command, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    refused(command(NAME, tmp_path / "mine"), "mine", "not empty", "give a new folder")
    refused(command(NAME, tmp_path / "mine" / "thesis.txt"), "it is a file", "give a new folder")
    refused(command(NAME, tmp_path / "mine" / "thesis.txt" / "below"), "thesis.txt")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "words"


def test_a_folder_goes_on_with_its_own_order_alone(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def pretend(order: object, out: Path, index: int, wanted: str, workers: int) -> str:
        made.append(wanted)
        return ""

    monkeypatch.setattr("afterglow.flows.simulate._make_patient", pretend)
    out, file = tmp_path / "out", tiny_file(NAME, tmp_path)
    assert command(file, out, "--patients", 2, "--seed", 4)[0] == 0
    assert len(made) == 2
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    refused(command(file, out, "--patients", 2, "--seed", 5), "seed = 4, now it is 5", "another folder")
    refused(command(file, out, "--patients", 3, "--seed", 4), "patients = 2, now it is 3")
    refused(command(file, out, "--patients", 2, "--seed", 4, "--size", "coarse"), "size = 'full', now it is 'coarse'")
    refused(command(file, out, "--patients", 2, "--seed", 4, "--ideal"), "ideal = False, now it is True")
    refused(command("ademola2025", out, "--patients", 2, "--seed", 4), "method = 'behar2023', now it is 'ademola2025'")
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    file.write_text(file.read_text().replace("motion = 1.0", "motion = 0.5"))
    refused(command(file, out, "--patients", 2, "--seed", 4), "simulation_sha256")
    (tmp_path / "moved").mkdir()
    assert command(tiny_file(NAME, tmp_path / "moved"), out, "--patients", 2, "--seed", 4)[0] == 0


class Usage(NamedTuple):
    """As shutil.disk_usage tells."""

    total: int
    used: int
    free: int


@pytest.mark.usefixtures("nothing_is_made")
def test_a_full_disk_is_told_before_anything_is_written(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(2**40, 2**40 - 3 * 2**20, 3 * 2**20))
    refused(command(NAME, tmp_path / "out"), "MiB are to be written and 3 MiB are free", "make room")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("nothing_is_made")
@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind root")
def test_a_folder_that_cannot_be_written_is_told_at_once(command: Command, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    refused(command(NAME, tmp_path / "locked"), "cannot be written")


@pytest.mark.usefixtures("nothing_is_made")
def test_dicom_without_pydicom_is_told_before_the_work(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    refused(command(NAME, tmp_path / "out", "--dicom", "ge"), "pydicom", "pip install")
    assert not (tmp_path / "out").exists()


def test_a_patient_that_cannot_be_made_is_told_and_the_others_are_made(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scan(order: object, simulation: object, story: object, index: int, out: Path, workers: int) -> list[object]:
        if index == 1:
            raise ValueError("the lesion finds no room")
        return []

    monkeypatch.setattr("afterglow.flows.simulate._scan_and_write", scan)
    out, file = tmp_path / "out", tiny_file(NAME, tmp_path)
    refused(command(file, out, "--patients", 3), "sub-02: the lesion finds no room")
    code, said = command(file, out, "--patients", 3)
    assert (code, said.count("sub-")) == (1, 1)  # the two others are not tried again, the one is
