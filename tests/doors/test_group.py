"""Claims about `afterglow run … group`: cases from outcomes, numbers with their rules, the same bytes again, and what is refused."""

import csv
import json
from pathlib import Path

import pytest
from group_data import invented_cohort
from typer.testing import CliRunner

from afterglow.cli.main import app
from afterglow.flows.cohort import run_group
from afterglow.flows.verify import verify_output
from afterglow.flows.work import silent
from afterglow.records.errors import AfterglowError, BadInput, BadMethod, MissingInput


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    bids, out = invented_cohort(tmp_path_factory.mktemp("group"))
    run_group(bids, out, "behar2023", progress=silent)
    return bids, out


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def outcome(bids: Path, line: int, column: str, word: str) -> None:
    """Write another word into the table of outcomes."""
    path = bids / "phenotype" / "outcomes.tsv"
    lines = [row.split("\t") for row in path.read_text().splitlines()]
    lines[line][lines[0].index(column)] = word
    path.write_text("\n".join("\t".join(row) for row in lines) + "\n")


def test_every_number_stands_in_a_table_with_its_rule_and_its_n(done: tuple[Path, Path]) -> None:
    estimates = rows(done[1] / "group" / "estimates.tsv")
    sensitivity = next(row for row in estimates if row["name"] == "change of normalised vp sensitivity")
    assert (float(sensitivity["value"]), sensitivity["rule"], sensitivity["n"]) == (1.0, "Clopper-Pearson", "8")
    assert float(sensitivity["low"]) == pytest.approx(0.025 ** (1 / 8)), "the exact lower end of 8 of 8"
    tests = rows(done[1] / "group" / "tests.tsv")
    assert {row["test"] for row in tests} >= {"McNemar", "Mann-Whitney", "Wilcoxon signed rank"}
    assert all(row["rule"] not in ("", "n/a") for row in tests)


def test_the_answer_is_the_first_thing_on_the_page_and_says_what_to_be_careful_about(done: tuple[Path, Path]) -> None:
    page = (done[1] / "group.html").read_text(encoding="utf-8")
    sections = [page.index(f'id="{anchor}"') for anchor in ("answer", "patients", "figures", "results", "cautions", "methods")]
    assert sections == sorted(sections)
    for words in ("STARD 2015", "TRIPOD+AI", "research software", "chosen and tested on the same rows"):
        assert words in page


def test_every_picture_has_its_drawing_and_its_numbers_beside_it(done: tuple[Path, Path]) -> None:
    folder = done[1] / "group" / "figures"
    names = {path.stem for path in folder.glob("*.png")}
    assert {"patient-flow", "roc-of-change"} <= names
    for name in names:
        assert (folder / f"{name}.svg").read_bytes().lstrip().startswith(b"<?xml")
        assert rows(folder / f"{name}.tsv")
        assert json.loads((folder / f"{name}.json").read_text())


def test_the_same_tables_give_the_same_bytes_and_all_is_in_the_manifest(done: tuple[Path, Path]) -> None:
    bids, out = done
    before = {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    run_group(bids, out, "behar2023", progress=silent)
    assert {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()} == before
    assert verify_output(out, bids) == []


def test_an_outcome_that_fits_no_lesion_is_refused_and_said_and_the_others_count(tmp_path: Path) -> None:
    bids, out = invented_cohort(tmp_path)
    outcome(bids, 3, "label", "failur")
    outcome(bids, 4, "lesion_id", "7")
    outcome(bids, 5, "label", "n/a")
    outcome(bids, 6, "session_id", "ses-pre")
    found = run_group(bids, out, "behar2023", progress=silent)
    words = " ".join(found.refusals)
    assert "did you mean 'failure'" in words
    refused = rows(out / "group" / "refusals.tsv")
    assert len(refused) == len(found.refusals) >= 2
    assert found.n_cases + len(refused) == 24, "every row is a case or a refusal"


def test_a_call_that_was_not_made_is_counted_and_no_wrong_call(tmp_path: Path) -> None:
    bids, out = invented_cohort(tmp_path)
    path = out / "sub-01" / "sub-01_verdicts.tsv"
    path.write_text(path.read_text().replace("\tprogression\t", "\tcannot tell\t").replace("\tno change\t", "\tcannot tell\t"))
    text = path.read_text().splitlines()
    path.write_text("\n".join([text[0], *(line + " because" for line in text[1:])]) + "\n")
    found = run_group(bids, out, "behar2023", progress=silent)
    assert any("made no call in 1 of 24 cases" in words for words in found.facts.cautions)
    sensitivity = next(
        row for row in rows(out / "group" / "estimates.tsv") if row["name"] == "change of normalised vp sensitivity"
    )
    assert sensitivity["n"] == "7"


def test_one_group_alone_gives_a_report_that_says_so(tmp_path: Path) -> None:
    bids, out = invented_cohort(tmp_path, patients=5, failures=0)
    found = run_group(bids, out, "behar2023", progress=silent)
    assert any("no case is failure" in words for words in found.facts.cautions)
    assert "nothing to divide by" in found.answer


def test_one_patient_alone_gives_a_report_too(tmp_path: Path) -> None:
    bids, out = invented_cohort(tmp_path, patients=1, failures=1)
    assert run_group(bids, out, "behar2023", progress=silent).n_cases == 1


@pytest.mark.parametrize(
    ("spoil", "kind", "words"),
    [
        (lambda bids, out: (bids / "phenotype" / "outcomes.tsv").unlink(), MissingInput, "no outcome to hold calls against"),
        (lambda bids, out: [outcome(bids, n, "session_id", "ses-post") for n in (1,)] and [p.unlink() for p in out.rglob("*_measurements.tsv")],
         MissingInput, "run the participant level first"),
        (lambda bids, out: (out / "sub-02" / "sub-02_verdicts.tsv").write_text("participant_id\tlesion_id\n"), BadInput, "sub-02_verdicts.tsv"),
    ],
)  # fmt: skip
def test_what_cannot_be_analysed_is_one_sentence(tmp_path: Path, spoil, kind: type[AfterglowError], words: str) -> None:
    bids, out = invented_cohort(tmp_path, patients=4, failures=2)
    spoil(bids, out)
    with pytest.raises(kind, match=words) as caught:
        run_group(bids, out, "behar2023", progress=silent)
    assert "\n" not in str(caught.value)


def test_a_method_without_a_cohort_says_what_it_lacks(tmp_path: Path) -> None:
    from afterglow.flows.method import method_text

    text = method_text("behar2023")
    (tmp_path / "mine.toml").write_text(text[: text.index("[cohort]")])
    bids, out = invented_cohort(tmp_path, patients=2, failures=1)
    with pytest.raises(BadMethod, match=r"has no \[cohort\]"):
        run_group(bids, out, str(tmp_path / "mine.toml"), progress=silent)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('primary = "calls by perfusion and by size"', 'primary = "something"', "primary names no analysis"),
        ('negative = ["response"]', 'negative = ["failure"]', "called positive and negative"),
        ('rules = ["change of normalised vp", "change of size"]', 'rules = ["magic"]', "no \\[\\[rule\\]\\] is called 'magic'"),
        ('markers = ["normalised vp"]', 'markers = ["magic"]', "no marker is called 'magic'"),
        ('test = "mann-whitney"', 'test = "mann-whitney"\nlog = true', "log"),
    ],
)
def test_a_cohort_that_does_not_fit_its_method_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    from afterglow.flows.method import load_method, method_text

    text = method_text("behar2023")
    assert old in text
    (tmp_path / "mine.toml").write_text(text.replace(old, new))
    with pytest.raises(BadMethod, match=words):
        load_method(str(tmp_path / "mine.toml"))


def test_the_door_prints_the_answer_and_refuses_options_it_would_not_read(done: tuple[Path, Path]) -> None:
    bids, out = done
    told = CliRunner().invoke(app, ["run", str(bids), str(out), "group", "--method", "behar2023", "--json"])
    content = json.loads(told.stdout)
    assert told.exit_code == 0
    assert content["cases"] == 24
    assert content["primary"][0]["name"].endswith("sensitivity")
    assert (
        CliRunner()
        .invoke(app, ["run", str(bids), str(out), "group", "--method", "behar2023", "--participant-label", "01"])
        .exit_code
        == 2
    )


def test_a_patient_whose_measurements_lie_in_two_folders_is_refused(tmp_path: Path) -> None:
    bids, out = invented_cohort(tmp_path)
    (out / "sub-01").rename(out / "sub-77")
    (out / "sub-77" / "ses-pre" / "perf").rename(out / "sub-01-perf")
    (out / "sub-01" / "ses-pre").mkdir(parents=True)
    (out / "sub-01-perf").rename(out / "sub-01" / "ses-pre" / "perf")
    with pytest.raises(BadInput, match="sub-01 lie in two places"):
        run_group(bids, out, "behar2023", progress=silent)
