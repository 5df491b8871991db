"""Claims about analyses that read probabilities, marks and outcomes that come instead: a user's own method file, and bad tables."""

import atexit
import csv
import re
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
from group_data import invented_cohort

from afterglow.flows.cohort import GroupReport, run_group
from afterglow.flows.method import load_method, method_text
from afterglow.flows.work import silent
from afterglow.records.errors import AfterglowError, BadInput, BadMethod, MissingInput

ANALYSES = """
[[cohort.marker]]
name = "vp before"
quantity = "vp"
statistic = "mean"
normalised = true
at = "before"
unit = "1"
higher = "positive"
log = true

[[cohort.probability]]
name = "model"
table = "risk"
column = "p_failure"

[[cohort.analysis]]
do = "calibration"
name = "calibration of the model"
probabilities = ["model"]
source = "own"

[[cohort.analysis]]
do = "decision curve"
name = "use of the model"
probabilities = ["model"]
thresholds = [0.1, 0.3, 0.6]
source = "own"

[[cohort.analysis]]
do = "detection"
name = "detection"
table = "marks"
false_marks = [0.25, 1.0]
source = "own"

[[cohort.analysis]]
do = "model"
name = "markers together"
markers = ["vp before"]
columns = ["age_years"]
source = "own"

[[cohort.analysis]]
do = "competing risks"
name = "failure or death"
instead = ["death"]
days = [100.0, 250.0]
by = "sex"
source = "own"
"""
FIRST = method_text("behar2023").split("[[cohort.analysis]]")  # the method's own, as far as its primary analysis
MINE = FIRST[0] + "[[cohort.analysis]]" + FIRST[1] + ANALYSES
FIGURES = {
    "calibration-of-the-model": ("x", "y"),
    "use-of-the-model": ("x", "y"),
    "detection": ("x", "y"),
    "markers-together": ("term", "value"),
    "failure-or-death": (),
}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def write_table(path: Path, columns: tuple[str, ...], cells: list[tuple[object, ...]]) -> None:
    path.write_text("\n".join("\t".join(str(one) for one in row) for row in (columns, *cells)) + "\n")


def cohort(root: Path) -> tuple[Path, Path, Path]:
    """A copy of the cohort of one's own, to be spoilt."""
    shutil.copytree(pristine(), root, dirs_exist_ok=True)
    return root / "bids", root / "out", root / "mine.toml"


@cache
def pristine() -> Path:
    root = Path(mkdtemp(prefix="afterglow-probabilities-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    made_in(root)
    return root


def made_in(root: Path) -> None:
    """bids, out and mine.toml: 40 patients, 15 failures; a model whose probabilities are drawn from, marks, two deaths."""
    bids, _ = invented_cohort(root, patients=40, failures=15)
    rng = np.random.default_rng(3)
    failed = np.arange(40) < 15
    risk = np.clip(np.where(failed, 0.65, 0.25) + rng.normal(0, 0.2, 40), 0.02, 0.98)
    names = [f"sub-{n + 1:02d}" for n in range(40)]
    risks = [(name, "ses-post", "1", f"{p:.4f}") for name, p in zip(names, risk, strict=True)]
    write_table(bids / "phenotype" / "risk.tsv", ("participant_id", "session_id", "lesion_id", "p_failure"), risks)
    marks: list[tuple[object, ...]] = []
    for n, name in enumerate(names):
        marks += [(name, "ses-post", reader, f"{rng.uniform(0.4, 1):.3f}", "1") for reader in ("A", "B") if rng.random() < 0.8]
        marks += [(name, "ses-post", "A", f"{rng.uniform(0, 0.6):.3f}", "n/a")] if n % 3 == 0 else []
    write_table(bids / "phenotype" / "marks.tsv", ("participant_id", "session_id", "reader", "score", "lesion_id"), marks)
    outcomes = bids / "phenotype" / "outcomes.tsv"
    lines = outcomes.read_text().splitlines()
    columns = lines[0].split("\t")
    for name, day in (("sub-01", 150.0), ("sub-30", 200.0)):
        cells = {
            "participant_id": name,
            "session_id": "n/a",
            "lesion_id": "n/a",
            "label": "death",
            "basis": "follow-up",
            "day": str(day),
        }
        lines.append("\t".join(cells[column] for column in columns))
    outcomes.write_text("\n".join(lines) + "\n")
    people = [(name, f"{age:.0f}", "FM"[n % 2]) for n, (name, age) in enumerate(zip(names, rng.normal(60, 8, 40), strict=True))]
    write_table(bids / "participants.tsv", ("participant_id", "age_years", "sex"), people)
    file = root / "mine.toml"
    file.write_text(MINE)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, GroupReport]:
    bids, out, file = cohort(tmp_path_factory.mktemp("probabilities"))
    return bids, out, run_group(bids, out, str(file), progress=silent)


def numbers(out: Path, family: str) -> dict[str, dict[str, str]]:
    return {row["name"]: row for row in rows(out / "group" / "estimates.tsv") if row["family"] == family}


def test_each_kind_leaves_its_numbers_its_picture_and_the_rows_behind_it(done: tuple[Path, Path, GroupReport]) -> None:
    folder = done[1] / "group" / "figures"
    for name, columns in FIGURES.items():
        assert all((folder / f"{name}.{ending}").is_file() for ending in ("png", "svg", "tsv")), name
        data = rows(folder / f"{name}.tsv")
        assert data and set(columns) <= data[0].keys()


def test_a_death_is_no_case_and_rules_the_failure_out_that_would_have_come_later(done: tuple[Path, Path, GroupReport]) -> None:
    assert done[2].n_cases == 40 and not any("death" in one for one in done[2].refusals)
    found = numbers(done[1], "failure or death: share to whom it came")
    assert float(found["death by day 250"]["value"]) == pytest.approx(2 / 40), "both died by then, nobody was lost before"
    assert found["failure by day 100"]["value"] == "0.0" and found["failure by day 100"]["low"] == "n/a"
    page = (done[1] / "group.html").read_text(encoding="utf-8")
    assert "Gray" in page and "14 patients had failure first, 2 death" in page
    tested = [row for row in rows(done[1] / "group" / "tests.tsv") if row["family"] == "failure or death: by sex"]
    assert [row["about"] for row in tested] == ["cause-specific hazard of failure, by sex"]


def test_the_calibration_of_a_model_is_what_the_functions_say_of_its_probabilities(done: tuple[Path, Path, GroupReport]) -> None:
    found = numbers(done[1], "calibration of the model: model")
    risk = np.array([float(row["p_failure"]) for row in rows(done[0] / "phenotype" / "risk.tsv")])
    failed = np.arange(40) < 15
    assert float(found["Brier score of model"]["value"]) == pytest.approx(float(np.mean((risk - failed) ** 2)))
    assert float(found["uncertainty"]["value"]) == pytest.approx(15 / 40 * 25 / 40)
    slope = found["calibration slope of model"]
    assert float(slope["low"]) < float(slope["value"]) < float(slope["high"])


def test_net_benefit_is_counted_by_hand_at_each_threshold(done: tuple[Path, Path, GroupReport]) -> None:
    found = numbers(done[1], "use of the model: model")
    risk = np.array([float(row["p_failure"]) for row in rows(done[0] / "phenotype" / "risk.tsv")])
    failed = np.arange(40) < 15
    for t in (0.1, 0.3, 0.6):
        gain = (np.sum(failed & (risk >= t)) - np.sum(~failed & (risk >= t)) * t / (1 - t)) / 40
        better = max(15 / 40 - 25 / 40 * t / (1 - t), 0.0)
        assert float(found[f"net benefit at {t:g}"]["value"]) == pytest.approx(gain)
        assert float(found[f"net benefit over all or none at {t:g}"]["value"]) == pytest.approx(gain - better)
    drawn = rows(done[1] / "group" / "figures" / "use-of-the-model.tsv")
    assert {row["curve"] for row in drawn} == {"model", "treat all", "treat none"}
    assert [float(row["x"]) for row in drawn if row["curve"] == "model"] == pytest.approx(np.arange(10, 61) / 100)


def test_a_mark_on_a_lesion_that_responded_is_a_false_mark(done: tuple[Path, Path, GroupReport]) -> None:
    for reader in ("A", "B"):
        marks = [row for row in rows(done[0] / "phenotype" / "marks.tsv") if row["reader"] == reader]
        sick = {f"sub-{n + 1:02d}" for n in range(15)}
        hits = {
            row["participant_id"]: float(row["score"])
            for row in marks
            if row["lesion_id"] == "1" and row["participant_id"] in sick
        }
        false = sorted(
            (float(r["score"]) for r in marks if r["lesion_id"] != "1" or r["participant_id"] not in sick), reverse=True
        )
        found = numbers(done[1], f"detection: {reader}")["share of lesions found at 0.25 false marks for each exam"]
        bar = false[10] if len(false) > 10 else -1.0  # ten false marks in forty exams are a quarter
        assert float(found["value"]) == pytest.approx(sum(score > bar for score in hits.values()) / 15)


def test_what_parts_the_outcomes_perfectly_has_no_odds_ratio_and_says_so(tmp_path: Path) -> None:
    bids, out, file = cohort(tmp_path)
    file.write_text(file.read_text().replace('markers = ["vp before"]', 'markers = ["change of normalised vp"]'))
    run_group(bids, out, str(file), progress=silent)
    assert not (out / "group" / "figures" / "markers-together.png").exists()
    assert "perfect" in (out / "group.html").read_text(encoding="utf-8")


def test_a_model_of_markers_is_a_logistic_regression_of_them_all(done: tuple[Path, Path, GroupReport]) -> None:
    tested = [row for row in rows(done[1] / "group" / "tests.tsv") if row["family"].startswith("markers together")]
    assert [row["about"] for row in tested] == [
        f"odds of failure: {t}" for t in ("intercept", "vp before, for each doubling", "age_years")
    ]


@pytest.mark.parametrize(
    ("table", "old", "new", "kind", "words"),
    [
        ("risk", r"(sub-01\tses-post\t1\t)[\d.]+", r"\g<1>65", BadInput, "line 2, p_failure is '65'; a probability lies between 0 and 1"),
        ("risk", r"(sub-01\tses-post\t1\t)[\d.]+", r"\g<1>0,65", BadInput, "write a number with a decimal point"),
        ("risk", "sub-02\t", "sub-01\t", BadInput, "lines 2 and 3 are about the same lesion and visit"),
        ("risk", "p_failure", "risk", BadInput, "it has no column 'p_failure'"),
        ("marks", r"(ses-post\tA\t)[\d.]+", r"\g<1>n/a", BadInput, "a mark has a score"),
        ("marks", "score", "points", BadInput, "it has no column 'score'"),
    ],
)  # fmt: skip
def test_a_table_that_is_wrong_is_refused_with_its_line(
    tmp_path: Path, table: str, old: str, new: str, kind: type[AfterglowError], words: str
) -> None:
    bids, out, file = cohort(tmp_path)
    path = bids / "phenotype" / f"{table}.tsv"
    path.write_text(re.sub(old, new, path.read_text(), count=1))
    with pytest.raises(kind, match=re.escape(words)):
        run_group(bids, out, str(file), progress=silent)


def test_a_table_that_is_not_there_and_a_column_of_words_are_refused(tmp_path: Path) -> None:
    bids, out, file = cohort(tmp_path)
    text = file.read_text()
    file.write_text(text.replace('columns = ["age_years"]', 'columns = ["sex"]'))
    with pytest.raises(BadInput, match=r"sex is '[FM]', which is no number; the analysis 'markers together' needs numbers"):
        run_group(bids, out, str(file), progress=silent)
    file.write_text(text.replace('columns = ["age_years"]', 'columns = ["weight_kg"]'))
    with pytest.raises(BadInput, match=r"participants\.tsv has no column 'weight_kg'"):
        run_group(bids, out, str(file), progress=silent)
    file.write_text(text)
    (bids / "phenotype" / "marks.tsv").unlink()
    with pytest.raises(MissingInput, match=r"marks\.tsv: the method file reads this table and it is not there"):
        run_group(bids, out, str(file), progress=silent)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('probabilities = ["model"]\nthresholds', 'probabilities = ["modell"]\nthresholds', "no probability is called 'modell'"),
        ("[0.1, 0.3, 0.6]", "[0.3, 0.1]", "thresholds rise and lie between 0 and 1"),
        ("[0.1, 0.3, 0.6]", "[0.0, 0.5]", "thresholds rise and lie between 0 and 1"),
        ('instead = ["death"]', 'instead = ["response"]', "'response' comes instead of an outcome and is one"),
        ('table = "risk"', 'table = "../risk"', "table"),
        ('name = "model"\ntable', 'name = "change of area"\ntable', "two markers are called 'change of area'"),
        ('unit = "%"\nhigher = "positive"', 'unit = "%"\nhigher = "positive"\nprobability = true', "a probability of the positive outcome"),
    ],
)  # fmt: skip
def test_a_method_file_that_cannot_be_meant_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    file, text = tmp_path / "mine.toml", MINE
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(BadMethod, match=re.escape(words)):
        load_method(str(file))
