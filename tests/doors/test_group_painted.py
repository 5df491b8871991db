"""Claims about the group level of painted patients: Tables 1 to 4 without an outcome, who is counted, and what is refused."""

import csv
from pathlib import Path

import pytest
from tests.painted_cohorts import painted_cohort, plan_rows, write_plans, zone_row
from typer.testing import CliRunner

from afterglow.cli.main import app
from afterglow.flows.cohort import GroupReport, run_group
from afterglow.flows.cohort_cases import read_told
from afterglow.flows.cohort_painted import painted_cautions, read_painted_cohort
from afterglow.flows.cohort_zones import zone_cohort
from afterglow.flows.method import load_method, method_text
from afterglow.flows.method_painted import Zones
from afterglow.flows.work import silent
from afterglow.io.bids import open_dataset
from afterglow.io.measurements import write_measurements, zone_measurements_path
from afterglow.io.tables import read_table
from afterglow.records.course import Course, Treatment, Visit
from afterglow.records.errors import AfterglowError, BadInput, BadMethod, MissingInput

METHOD = "seyithanoglu2025"
TABLES = ("table-1", "table-2", "table-3", "table-4")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, GroupReport]:
    bids, out = painted_cohort(tmp_path_factory.mktemp("painted"))
    return bids, out, run_group(bids, out, METHOD, progress=silent)


def test_the_four_tables_hold_every_patient_and_every_comparison(done: tuple[Path, Path, GroupReport]) -> None:
    first, second, third, fourth = (rows(done[1] / "group" / "tables" / f"{name}.tsv") for name in TABLES)
    assert [len(table) for table in (first, second, third, fourth)] == [23, 9, 23, 8]
    assert {row["sex"] for row in first} == {"F", "M"}
    assert [row["remark"] for row in third].count("no later visit") == 12
    assert sum(row["chosen"] == "yes" for row in fourth) == 2
    assert all((done[1] / "group" / "tables" / f"{name}.json").is_file() for name in TABLES)


def test_nothing_is_asked_of_outcomes_and_the_answer_is_the_change_in_the_aggressive_zone(
    done: tuple[Path, Path, GroupReport],
) -> None:
    bids, out, found = done
    assert not (bids / "phenotype" / "outcomes.tsv").exists()
    assert not (out / "group" / "cases.tsv").exists()
    assert found.counted == "23 patients analysed"
    assert found.answer.startswith("median Ktrans, aggressive zone: median change -")
    assert found.facts.labels == ("followed", "not followed") and found.facts.sizes == (11, 12)
    assert [(step.words, step.patients) for step in found.facts.flow][-2:] == [
        ("With zones at the painted visit", 23),
        ("Followed", 11),
    ]


def test_the_page_says_what_weakens_it_and_that_it_is_not_for_treatment(done: tuple[Path, Path, GroupReport]) -> None:
    page = (done[1] / "group.html").read_text(encoding="utf-8")
    for words in (
        "One arm: no patient was treated by the uniform plan",
        "not for treatment",
        "regression to the mean",
        "as the paper printed it",
        "hypothesis-generating",
        "Table 3",
    ):
        assert words in page
    assert "STARD" not in page, "the lists are about telling outcomes apart"
    for name in ("dose-of-the-brain", "change-in-zones-median-ktrans", "change-in-zones-median-iauc", "baseline-against-change"):
        for ending in ("png", "svg", "tsv"):
            assert (done[1] / "group" / "figures" / f"{name}.{ending}").is_file()


def test_the_command_makes_the_same_bytes_again_and_counts_patients(done: tuple[Path, Path, GroupReport]) -> None:
    bids, out, _ = done
    before = {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    said = CliRunner().invoke(app, ["run", str(bids), str(out), "group", "--method", METHOD])
    assert (said.exit_code, "23 patients analysed. median Ktrans" in said.stdout) == (0, True)
    assert {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()} == before


# --- what is refused ---


def _twice(out: Path) -> None:
    table = [*plan_rows("01", "uniform", (2.0, 3.0, 4.0)), *plan_rows("01", "painted", (2.0, 3.0, 4.0))]
    write_plans(out, [*table, table[0]])


def _zone_twice(out: Path) -> None:
    row = zone_row("01", "pre", 0.0, "aggressive", "ktrans", 0.05)
    write_measurements(zone_measurements_path(out, "01", "pre"), [row, row])


def _other_unit(out: Path) -> None:
    table = [*plan_rows("01", "uniform", (2.0, 3.0, 4.0)), *plan_rows("01", "painted", (2.0, 3.0, 4.0))]
    write_plans(out, [*table[:-1], {**table[-1], "unit": "L"}])


@pytest.mark.parametrize(
    ("spoil", "kind", "words"),
    [
        (lambda _, out: (out / "dosimetry.tsv").unlink(), MissingInput, "no plan was made; run the participant level first"),
        (lambda _, out: write_plans(out, []), MissingInput, "holds no figure of any plan"),
        (lambda _, out: write_plans(out, plan_rows("01", "uniform", (2.0, 3.0, 4.0))), BadInput, "no patient has a plan 'painted'.*there are uniform"),
        (lambda _, out: _twice(out), BadInput, "sub-01 has mean_dose of brain by the plan uniform twice"),
        (lambda _, out: _other_unit(out), BadInput, "V12 of dose grid stands there in L and in mL"),
        (lambda _, out: _zone_twice(out), BadInput, "the median of ktrans in the aggressive zone stands there twice"),
        (lambda _, out: [p.unlink() for p in out.rglob("*desc-zones_measurements.tsv")], MissingInput, "no visit has numbers in zones"),
        (lambda _, out: [p.unlink() for p in out.rglob("*_measurements.tsv")], MissingInput, "nothing was measured"),
        (lambda bids, _: (bids / "participants.tsv").write_text("participant_id\tsex\nsub-01\tF\n"), BadInput, "no column 'age_years'"),
        (lambda bids, _: (bids / "participants.tsv").write_text("participant_id\tsex\tage_years\tkps\tprior_dose_gy\nsub-01\tF\told\t80\t60\n"),
         BadInput, "age_years is 'old'"),
    ],
)  # fmt: skip
def test_what_cannot_be_analysed_is_one_sentence(tmp_path: Path, spoil, kind: type[AfterglowError], words: str) -> None:
    bids, out = painted_cohort(tmp_path, patients=2, followed=1)
    spoil(bids, out)
    with pytest.raises(kind, match=words) as caught:
        run_group(bids, out, METHOD, progress=silent)
    assert "\n" not in str(caught.value)


_ROC = '[[cohort.analysis]]\ndo = "roc"\nname = "r"\nmarkers = ["m"]\nsource = "s"\n'
_MARKER = '[[cohort.marker]]\nname = "m"\nquantity = "ktrans"\nstatistic = "mean"\nnormalised = false\nat = "visit"\nunit = "1"\nhigher = "positive"\n'


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            'primary = "change in zones"',
            'primary = "change in zones"\npositive = ["failure"]',
            "name labels of both, or of neither",
        ),
        ("bands = [0.30, 0.70]", "bands = [0.70, 0.30]", "bands rise"),
        ("window_days = [45.0, 135.0]", "window_days = [100.0, 135.0]", "must hold follow_up_days, 90"),
        ('plans = ["uniform", "painted"]', 'plans = ["uniform", "uniform"]', "plans name 'uniform' twice"),
        ('zones_of = "change in zones"', 'zones_of = "something"', "no analysis of zones is called 'something'"),
        ('zones = ["aggressive", "not aggressive"]', 'zones = ["agressive"]', "aggressive"),
        ('name = "V12"', 'name = "mean dose of the brain"', "figures name 'mean-dose-of-the-brain' twice"),
        ('name = "V12"', 'name = "Δ"', "no plain letter or digit"),
        ('region = "lesion"', 'region = "aggressive", normalised = true', "numbers of zones have no ratio"),
        ("[[cohort.analysis]]", _MARKER + _ROC + "[[cohort.analysis]]", r"analysis 'r' \(roc\) holds cases against outcomes"),
        ("[[cohort.analysis]]", _MARKER + "[[cohort.analysis]]", "markers and probabilities are held against outcomes"),
        ("missing_unchanged = true", "missing_unchanged = true\ntypo = 1", "typo"),
    ],
)
def test_a_mistake_in_the_method_file_is_refused_when_it_is_read(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = method_text(METHOD)
    assert old in text
    (tmp_path / "mine.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(BadMethod, match=words):
        load_method(str(tmp_path / "mine.toml"))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('response = ["ktrans", "iaugc60"]', 'response = ["ktrans"]', "reads the median of iaugc60, which no .* makes in zones"),
        (
            'quantity = "cho_naa", statistic = "median", region',
            'quantity = "cho_naa", statistic = "p95", region',
            "reads the p95 of cho_naa",
        ),
    ],
)
def test_numbers_that_the_method_does_not_make_are_refused_before_anything_is_read(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    text = method_text(METHOD)
    assert old in text
    (tmp_path / "mine.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(BadMethod, match=words):
        run_group(tmp_path, tmp_path, str(tmp_path / "mine.toml"), progress=silent)


# --- who is followed ---


def followed(*days: float, treated: float | None = 5.0, first: float = 0.0) -> str:
    """The session that is taken as follow-up of a patient with zone rows on these days; or why there is none."""
    method = load_method(METHOD)
    spec = next(one for one in method.cohort.analysis if isinstance(one, Zones))
    visits = tuple(
        Visit(f"d{day:g}", day, (zone_row("01", f"d{day:g}", day, "aggressive", "ktrans", 0.05),))
        for day in sorted((first, *days))
    )
    treatments = () if treated is None else (Treatment("radiosurgery", treated),)
    patient = zone_cohort({"01": Course("01", visits, treatments)}, spec, method, Path("out")).patients[0]
    return patient.follow_up or patient.why


def test_the_visit_nearest_to_the_day_asked_for_is_the_follow_up() -> None:
    assert followed(60.0, 100.0, 130.0) == "d100", "95 days after day 5"
    assert followed(55.0, 135.0) == "d55", "the earlier of two that lie equally near"
    assert followed(70.0, treated=None) == "d70", "from the painted visit where no treatment is recorded"


def test_a_visit_outside_the_window_is_no_follow_up() -> None:
    assert followed(20.0, 200.0) == "no visit in the window"
    assert followed() == "no later visit"


def test_a_later_visit_without_zones_was_not_laid_on_the_painted_one() -> None:
    method = load_method(METHOD)
    spec = next(one for one in method.cohort.analysis if isinstance(one, Zones))
    visits = (
        Visit("pre", 0.0, (zone_row("01", "pre", 0.0, "aggressive", "ktrans", 0.05),)),
        Visit("post", 95.0, (zone_row("01", "post", 95.0, "lesion", "cho_naa", 2.0),)),
    )
    found = zone_cohort({"01": Course("01", visits, (Treatment("radiosurgery", 5.0),))}, spec, method, Path("out"))
    assert found.patients[0].why == "not laid on the painted visit"


def test_patients_without_plans_or_zones_are_counted(tmp_path: Path) -> None:
    bids, out = painted_cohort(tmp_path, patients=4, followed=2)
    kept = [r for r in read_table(out / "dosimetry.tsv", ("participant_id",)) if r.text("participant_id") != "sub-04"]
    write_plans(out, [dict(r.cells) for r in kept])
    zone_measurements_path(out, "03", "pre").unlink()
    method, told = load_method(METHOD), read_told(out, open_dataset(bids))
    painted = read_painted_cohort(out, {name: one.course for name, one in told.items()}, method, method.cohort)
    assert list(painted_cautions(painted, tuple(told))) == [
        "1 of 4 measured patients have no plan (sub-04); manifest.json says why",
        "1 of 4 measured patients have no zones (sub-03); manifest.json says why",
    ]
