"""Claims about own test-retest pairs: what is read, what is refused, what is written and read again."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from afterglow.cli.repeatability import repeatability
from afterglow.flows.repeatability import repeatability_of_run, repeatability_of_table, write_repeated
from afterglow.io.measurements import measurements_path, write_measurements
from afterglow.io.repeatability import PAIR_COLUMNS, read_pairs, read_repeatability
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.measurement import Measurement
from afterglow.report.figures.bland_altman import bland_altman_figure

APP = typer.Typer()
APP.command()(repeatability)


def table(path: Path, *lines: str, separator: str = "\t") -> Path:
    text = [separator.join(PAIR_COLUMNS), *(separator.join(line.split()) for line in lines)]
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    return path


def many(path: Path, n: int = 12, *, separator: str = "\t") -> Path:
    rng = np.random.default_rng(1)
    lines = []
    for i in range(n):
        level = 0.05 * np.exp(rng.normal(0, 0.5))
        for name, unit, wcv in (("ktrans", "/min", 0.1), ("vp", "1", 0.3)):
            first, second = level * np.exp(wcv * rng.normal(size=2))
            lines.append(f"sub-{i:02} 1 {name} median false {unit} {first:.6g} {second:.6g}")
    return table(path, *lines, separator=separator)


GOOD = ("sub-01 1 vp mean true 1 2.0 2.2", "sub-02 1 vp mean true 1 3.0 2.7")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((GOOD[0],), "one pair"),
        ((), "no pair"),
        (("sub-01 1 vp mean true 1 2.0 0", GOOD[1]), "above zero"),
        (("sub-01 1 vp mean true 1 -2.0 2.0", GOOD[1]), "above zero"),
        (("sub-01 1 vp mean true 1 high 2.0", GOOD[1]), "write a number"),
        (("sub-01 1 vp mean true 1 n/a 2.0", GOOD[1]), "both scans"),
        (("sub-01 1 vp mean true 1 2 2", "sub-02 1 vp mean true 1 3 3"), "identical"),
        (("sub-01 1 vp mean true 1 2.0 2.2", "sub-02 1 vp mean true % 200 220"), "several units"),
        (("sub-01 1 vpp mean true 1 2.0 2.2", GOOD[1]), "table of quantities"),
        (("sub-01 1 vp middle true 1 2.0 2.2", GOOD[1]), "unknown statistic"),
        (("sub-01 1 vp mean perhaps 1 2.0 2.2", GOOD[1]), "true or false"),
    ],
)
@pytest.mark.parametrize("ending", ["tsv", "csv"])
def test_pairs_that_say_nothing_are_refused_in_one_sentence(
    tmp_path: Path, lines: tuple[str, ...], said: str, ending: str
) -> None:
    path = table(tmp_path / f"pairs.{ending}", *lines, separator="\t" if ending == "tsv" else ",")
    with pytest.raises(BadInput, match=said) as refused:
        repeatability_of_table(path, site="brain")
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    for ending in ("tsv", "csv"):
        path = tmp_path / f"pairs.{ending}"
        path.write_text("participant_id\tfirst\n01\t2\n".replace("\t", "," if ending == "csv" else "\t"))
        with pytest.raises(BadInput, match="lesion_id"):
            read_pairs(path)


def test_commas_and_tabs_say_the_same(tmp_path: Path) -> None:
    assert read_pairs(many(tmp_path / "a.tsv")) == read_pairs(many(tmp_path / "a.csv", separator=","))


def test_what_is_written_is_read_as_rows_of_the_table(tmp_path: Path) -> None:
    found = repeatability_of_table(many(tmp_path / "pairs.tsv"), site="brain")
    write_repeated(tmp_path / "own.tsv", found)
    again = read_repeatability(tmp_path / "own.tsv")
    assert again == found.rows
    assert [(r.quantity, r.n_pairs, r.confirmed) for r in again] == [("ktrans", 12, True), ("vp", 12, True)]


def test_a_table_by_hand_needs_five_columns(tmp_path: Path) -> None:
    path = tmp_path / "own.tsv"
    path.write_text("quantity\tnormalised\tsite\twcv\tsource\nvp\ttrue\tspine\t0.12\tour own pairs of 2024\n")
    (row,) = read_repeatability(path)
    assert (row.quantity, row.wcv, row.confirmed, row.statistic) == ("vp", 0.12, False, "")
    path.write_text("quantity\tnormalised\tsite\twcv\tsource\nvp\ttrue\tspine\t0\tx\n")
    with pytest.raises(BadInput, match="above zero"):
        read_repeatability(path)


def test_a_bias_and_several_lesions_of_one_person_are_said(tmp_path: Path) -> None:
    lines = [f"sub-01 {i} vp mean true 1 {2 + 0.1 * i} {2.5 + 0.11 * i}" for i in range(6)]
    (study,) = repeatability_of_table(table(tmp_path / "pairs.tsv", *lines), site="brain").studies
    assert "the second scan is higher" in study.remarks[0]
    assert "6 pairs come from 1 people" in study.remarks[1]


def a_number(person: str, session: str, day: float, value: float | None) -> Measurement:
    return Measurement(
        person,
        session,
        day,
        "1",
        "lesion",
        "vp",
        "mean",
        value,
        "1",
        None,
        None,
        "",
        100,
        2.0,
        "given region",
        0.01,
        "dce",
        "m",
        "r",
    )


def test_two_sessions_of_a_run_are_pairs(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    for person in ("01", "02", "03", "04"):
        for day, session in ((0.0, "test"), (3.0, "retest")):
            value = None if (person, session) == ("04", "retest") else 2.0 * float(np.exp(0.1 * rng.normal()))
            write_measurements(measurements_path(tmp_path, person, session), [a_number(person, session, day, value)])
    found = repeatability_of_run(tmp_path, sessions=("test", "ses-retest"), site="brain")
    assert [s.n_pairs for s in found.studies] == [3]
    assert found.left_out == ("sub-04 lesion 1: mean vp is missing, or not above zero, at one of the scans",)
    assert "up to 3 days apart" in found.rows[0].source
    with pytest.raises(MissingInput, match="ses-later"):
        repeatability_of_run(tmp_path, sessions=("test", "later"), site="brain")


def test_the_plot_has_a_caption_with_its_numbers(tmp_path: Path) -> None:
    found = repeatability_of_table(many(tmp_path / "pairs.tsv"), site="brain")
    figure = bland_altman_figure(found.studies)
    assert figure.image.startswith(b"\x89PNG")
    assert "12 pairs" in figure.caption
    assert f"wCV {100 * found.studies[0].wcv.value:.1f} %" in figure.caption
    assert figure.vector is not None and figure.vector.startswith(b"<?xml")
    assert figure.data is not None
    drawn = figure.data.records
    assert [row["what"] for row in drawn[:15]] == ["pair"] * 12 + ["bias", "lower limit", "upper limit"]
    assert drawn[12]["difference"] == found.studies[0].bias.value
    assert drawn[0]["difference"] == found.studies[0].pairs[0].difference


def test_the_command_prints_writes_and_draws(tmp_path: Path) -> None:
    pairs, out, figure = many(tmp_path / "pairs.tsv"), tmp_path / "own.tsv", tmp_path / "plot.png"
    runner = CliRunner()
    plain = runner.invoke(APP, [str(pairs), "--out", str(out), "--figure", str(figure)])
    assert plain.exit_code == 0
    assert "median ktrans, 12 pairs" in plain.output
    assert out.exists()
    made = sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("plot"))
    assert made == ["plot.png", "plot_bland-altman.json", "plot_bland-altman.svg", "plot_bland-altman.tsv"]
    asked = json.loads(runner.invoke(APP, [str(pairs), "--json"]).output)
    assert [row["quantity"] for row in asked["rows"]] == ["ktrans", "vp"]
    assert runner.invoke(APP, []).exit_code == 2
    assert runner.invoke(APP, ["--runs", str(tmp_path), "--pairs", "one"]).exit_code == 2
