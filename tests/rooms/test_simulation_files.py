"""Claims about simulation files: their counts are the published ones, and a mistake is refused with place and remedy."""

import csv
from pathlib import Path

import pytest
from cohorts import SIZES, course, simulation, surveillance

from afterglow.flows.simulation_file import load_simulation, simulation_text
from afterglow.records.errors import BadMethod
from afterglow.simulate.cohort import draw_stories

PUBLISHED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "published"


def table(name: str) -> list[dict[str, str]]:
    with (PUBLISHED / name).open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.shared
def test_the_counts_of_the_files_are_those_of_the_published_tables() -> None:
    watched, spine = surveillance(), course("behar2023")
    exams = {f.name: sum(g.n * g.findings.count(f.name) for g in watched.group) for f in watched.finding}
    assert exams == {f"{row['cMRI']}/{row['uPerf']}": int(row["examinations"]) for row in table("seed000_paired_counts.csv")}
    printed = {row["treatment"]: int(row["n"]) for row in table("seed000_treatments.csv")}
    counts = next(c.counts for c in watched.examination_column if c.name == "treatment")
    assert counts["re-craniotomy"] + counts["re-craniotomy and radiochemotherapy"] == printed["re-craniotomy"]
    assert sorted(printed.values()) == sorted([74, *(n for word, n in counts.items() if not word.startswith("re-craniotomy"))])
    rows = {row["item"]: row for row in table("seed004_demographics.csv")}
    for group, column in (("response", "response"), ("persistent", "persistent")):
        primary = next(c.counts for c in spine.column if c.name == "primary" and c.groups == (group,))
        assert {**{"renal cell": 0}, **primary}["renal cell"] == int(rows["RCC"][column]) and primary["lung"] == int(
            rows["lung"][column]
        )


@pytest.mark.shared
def test_the_rows_of_the_permeability_table_are_the_published_ones() -> None:
    cohort = course("seyithanoglu2025")
    values = {v.name: v for v in cohort.value if v.deck == "table 3"}
    for row, before, after in zip(
        table("seed003_table3_permeability.csv"), values["ktrans_before"].parts, values["ktrans_after"].parts, strict=True
    ):
        for part, name in ((before, "Ktrans_before_per_min"), (after, "Ktrans_after_per_min")):
            assert sum(part.bounds()) / 2 == pytest.approx(float(row[name]))


def changed(tmp_path: Path, name: str, old: str, new: str) -> str:
    text = simulation_text(name)
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("behar2023", "sigma = 13.8", "sigmar = 13.8", ("sigmar", "unknown key", "spelling")),
        ("behar2023", "[acquisition.scanner]", "[acquisition.scaner]", ("scaner", "unknown key")),
        ("behar2023", "field_t = 1.5\n", "", ("acquisition.field_t", "missing", "add it")),
        ("behar2023", "frames = 55", 'frames = "many"', ("dce.frames", "'many'", "correct it")),
        ("behar2023", "high = 0.6\n", "high = 0.9\n", ("ve up to 0.2", "vp up to 0.9", "more than one volume", "lower")),
        ("behar2023", 'day = "after_d"', "day = -3.0", ("'post'.day", "-3", "give 0 or more")),
        ("behar2023", 'day = "after_d"', "day = 0.0", ("'post'", "day 0", "raise its day")),
        ("behar2023", "counts = { M = 24, F = 14 }", "counts = { M = 24, F = 15 }", ("sex", "sum to 39", "38", "correct a count")),
        ("behar2023", "tumour_share = 1.0", "tumour_share = 1.5", ("tumour_share", "1.5", "at most 1")),
        ("behar2023", 'vp = "vp_before"', 'vp = "vp_befor"', ("tumour.vp", "vp_befor", "add the value")),
        ("behar2023", 'architecture = "venule"', 'architecture = "venul"', ("architecture", "venul", "choose from")),
        ("behar2023", 'roles = ["dce", "T1w"', 'roles = ["dce", "dwi", "T1w"', ("'dwi'", "[acquisition]", "add it")),
        ("behar2023", "start_s = 25.0", "start_s = -25.0", ("injection.start_s", "-25", "not negative")),
        ("behar2023", "start_s = 25.0", "start_s = 400.0", ("400 s", "give more frames")),
        ("behar2023", "low = 1.0, high = 30.0", "low = 30.0, high = 1.0", ("30 to 1", "empty", "below high")),
        ("behar2023", 'groups = ["persistent"]', 'groups = ["persistant"]', ("persistant", "known: response, persistent")),
        ("behar2023", 'median = 5.5', 'mean = 5.5', ("lognormal", "median", "mean")),
        ("behar2023", 'source = "Table"', 'source = ""', ("sex", "no source", "assumed")),
        ("yoon2024", 'after = "post"', 'after = "pst"', ("nest.after", "pst", "known: pre, post")),
        ("yoon2024", 'lacks = ["dce"]', 'lacks = ["dse"]', ("excluded: images", "dse", "correct the name")),
        ("behar2023", 'when = { regimen = "24 Gy in 1"', 'when = { regimen = "24 Gy"', ("when.regimen", "24 Gy", "known: 24 Gy in 1")),
        ("behar2023", 'session = "post"\ngroups = ["response"]\nlabel', 'session = "past"\ngroups = ["response"]\nlabel', ("outcome", "past")),
        ("stadlbauer2025", 'treatment = "lomustine"', 'treatment = "lomustin"', ("when.treatment", "lomustin", "correct the name")),
        ("yoon2024", "link = 1.0", "link = 2.0", ("link is 2", "0", "1")),
        ("yoon2024", "[cohort.implied.idh]\nwildtype", "[cohort.implied.idh]\nwildtyp", ("implied.idh", "wildtyp", "make them alike")),
        ("stadlbauer2025", '"low grade" = [6.0, 12.0]', '"low grade" = [12.0, 6.0]', ("low grade", "12 to 6", "rise")),
        ("stadlbauer2025", 'findings = ["TP/TP"]', 'findings = ["TP/XX"]', ("seen once", "TP/XX", "name some of")),
        ("stadlbauer2025", "next = 28, second = 7", "later = 28, second = 7", ("detection", "name a column with the words")),
        ("seyithanoglu2025", "box_mm = [80.0", "box_mm = [180.0", ("box_mm", "180", "shrink it")),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_is_refused_with_place_finding_and_remedy(
    tmp_path: Path, name: str, old: str, new: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(BadMethod, match=r"mine\.toml: ") as error:
        load_simulation(changed(tmp_path, name, old, new))
    sentence = str(error.value)
    assert all(word in sentence for word in words), sentence
    assert "\n" not in sentence


def test_an_unknown_cohort_is_refused_with_those_that_exist() -> None:
    with pytest.raises(BadMethod, match=r"behar2023.*yoon2024"):
        load_simulation("behar2024")


@pytest.mark.parametrize("name", SIZES)
def test_a_file_describes_every_series_its_visits_have(name: str) -> None:
    one = simulation(name)
    roles = {role for story in draw_stories(one.cohort, 8, 1) for visit in story.visits for role in visit.roles}
    assert roles <= set(one.acquisition.roles) and {"full", "coarse"} <= set(one.acquisition.size)
