"""Claims about `afterglow demo --study`: one command from the first scan to the group report, resumable, honest about failures."""

import json
import re
from pathlib import Path

import pytest
from group_data import invented_cohort
from tests.digital import quick_method
from typer.testing import CliRunner

from afterglow.cli.main import app
from afterglow.flows import digital_study
from afterglow.flows.method import method_text
from afterglow.flows.run import RunReport
from afterglow.flows.simulate import Order, SimulationReport
from afterglow.records.errors import AfterglowError


def call(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["demo", *(str(one) for one in arguments)])
    if isinstance(done.exception, AfterglowError):
        return done.exception.exit_code, done.stdout, str(done.exception)
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The study without its images: what simulation and measurement were asked for; the group level is the real one."""
    orders: list[object] = []

    def simulated(order: Order, out: Path, *, workers: int, progress: object) -> SimulationReport:
        orders.append((order, workers))
        bids, made = invented_cohort(out, patients=order.patients or 24)
        made.rename(out / "results")
        return SimulationReport(bids, out / "truth", order.patients or 24, 48, 24, ("sub-07: no room",))

    def measured(bids: Path, out: Path, method: str, **more: object) -> RunReport:
        orders.append((bids, out, method, more["workers"]))
        return RunReport(out, ())

    monkeypatch.setattr(digital_study, "simulate_cohort", simulated)
    monkeypatch.setattr(digital_study, "run_participants", measured)
    return orders


def test_a_study_ends_at_its_group_report_and_says_the_seconds_of_each_part(asked: list[object], tmp_path: Path) -> None:
    code, said, _ = call("--study", "behar2023", "--patients", 24, "--seed", 3, "--workers", 2, tmp_path / "study")
    assert asked == [
        (Order("behar2023", 24, 3, "coarse"), 2),
        (tmp_path / "study" / "bids", tmp_path / "study" / "results", "behar2023", 2),
    ]
    assert code == 1, "a patient that could not be simulated is no success"
    assert re.search(r"simulate \d+\.\d s; participant \d+\.\d s; group \d+\.\d s\.", said)
    assert said.rstrip().endswith(str(tmp_path / "study" / "results" / "group.html"))
    assert (tmp_path / "study" / "results" / "group.html").is_file()


def test_with_json_a_study_is_one_object(asked: list[object], tmp_path: Path) -> None:
    said = json.loads(call("--study", "behar2023", "--json", tmp_path / "study")[1])
    assert (said["patients"], said["cases"], said["failures"]) == (24, 24, ["sub-07: no room"])
    assert list(said["seconds"]) == ["simulate", "participant", "group"]
    assert "change of normalised vp sensitivity" in said["answer"]


def test_a_method_of_ones_own_on_the_cohort_of_its_name(asked: list[object], tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(method_text("behar2023").replace('normalised = true\nat = "change"', 'normalised = false\nat = "change"'))
    call("--study", mine, "--size", "full", tmp_path / "study")
    assert asked[0] == (Order("behar2023", None, 7, "full"), 2)
    assert asked[1][2] == str(mine)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (('name = "behar2023"', 'name = "mine"'), "mine: no digital cohort has that name; there are ademola2025, behar2023"),
        (("[cohort]", None), "behar2023: its file has no [cohort]"),
    ],
)
def test_a_study_that_cannot_end_is_refused_before_it_begins(
    asked: list[object], tmp_path: Path, edit: tuple[str, str | None], words: str
) -> None:
    mine, text = tmp_path / "mine.toml", method_text("behar2023")
    mine.write_text(text[: text.index(edit[0])] if edit[1] is None else text.replace(edit[0], edit[1], 1))
    code, _, said = call("--study", mine, tmp_path / "study")
    assert code == 1
    assert words in said
    assert asked == []


@pytest.mark.parametrize("option", [("--patients", "3"), ("--size", "full")])
def test_what_only_a_study_reads_is_refused_without_one(option: tuple[str, str], tmp_path: Path) -> None:
    code, _, said = call(*option, tmp_path / "demo")
    assert code == 2
    assert "--study METHOD makes many" in " ".join(said.replace("│", " ").split())


@pytest.mark.slow
def test_two_patients_go_the_whole_way_and_the_second_time_nothing_is_made_again(tmp_path: Path) -> None:
    arguments = ("--study", quick_method(tmp_path, "behar2023"), "--patients", 2, "--workers", 2, "--json", tmp_path / "study")
    code, said, problems = call(*arguments)
    assert (code, problems) == (0, "")
    first = json.loads(said)
    assert (first["patients"], first["cases"], first["failures"]) == (2, 2, [])
    page = (tmp_path / "study" / "results" / "group.html").read_bytes()
    again = json.loads(call(*arguments)[1])
    assert again["seconds"]["simulate"] < first["seconds"]["simulate"] / 2
    assert (tmp_path / "study" / "results" / "group.html").read_bytes() == page
