"""Claims about tables that people keep, on their way into a data set: what is taken, what is refused, and what never is written."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from study_files import FIRST, HEAD, SECOND, WIDE_MAP, cells, changed, made, wide, written_map

from afterglow.flows.study_tables import make_tables
from afterglow.io.bids import open_dataset
from afterglow.io.study import load_study
from afterglow.records.errors import AfterglowError, BadInput, MissingInput


def test_a_wide_sheet_becomes_tables_with_days_in_place_of_dates(tmp_path: Path) -> None:
    done = made(tmp_path, FIRST, SECOND)
    bids = tmp_path / "bids"
    assert done.refusals == ()
    assert cells(bids / "participants.tsv") == [
        {"participant_id": "sub-01", "age_years": "61.5", "sex": "M", "smoker": "yes"},
        {"participant_id": "sub-02", "age_years": "48.0", "sex": "F", "smoker": "no"},
    ]
    outcomes = cells(bids / "phenotype" / "outcomes.tsv")
    assert [(o["label"], o["basis"], o["day"]) for o in outcomes] == [
        ("recurrence", "histology", "102.0"),
        ("treatment effect", "histology", "19.0"),
    ]
    treatment = cells(bids / "phenotype" / "treatments.tsv")[0]
    assert (treatment["day"], treatment["kind"], treatment["dose_gy"]) == ("0.0", "radiotherapy", "59.4")


def test_a_group_analysis_reads_what_was_written(tmp_path: Path) -> None:
    made(tmp_path, FIRST, SECOND)
    for subject in ("01", "02"):
        (tmp_path / "bids" / f"sub-{subject}" / "ses-1").mkdir(parents=True)
    study = load_study(open_dataset(tmp_path / "bids"), labels=("recurrence", "treatment effect"))
    assert study.refusals == () and len(study.outcomes) == 2
    outcome = study.outcome_of("02", "1", "1")
    assert outcome is not None and outcome.label == "treatment effect" and outcome.day == 19
    assert study.treatments["01"][0].dose_gy == 59.4


def test_no_calendar_date_and_no_name_is_written_anywhere(tmp_path: Path) -> None:
    rows = (FIRST, changed(SECOND, Surgery="31/02/2024"), changed(SECOND, Patient="Muster, Max", Smoker="since 01.02.1990"))
    done = made(tmp_path, *rows)
    assert done.refusals
    for path in (p for p in (tmp_path / "bids").rglob("*") if p.is_file()):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{2,4}", text), path
        assert "Muster" not in text, path


def test_the_day_zero_stands_in_the_description_of_days(tmp_path: Path) -> None:
    made(tmp_path, FIRST)
    day = json.loads((tmp_path / "bids" / "phenotype" / "outcomes.json").read_text(encoding="utf-8"))["day"]
    assert day["DayZero"] == "end of radiotherapy" and "end of radiotherapy" in day["Description"] and day["Units"] == "d"


@pytest.mark.parametrize(
    ("change", "column", "words"),
    [
        ({"Histology": "tumor"}, "Histology", "did you mean 'tumour'?"),
        ({"Histology": "unclear"}, "Histology", "write one of tumour, necrosis"),
        ({"Histology": ""}, "Histology", "cannot be empty"),
        ({"Histology": "NaN"}, "Histology", "cannot be empty"),
        ({"Surgery": "2024-13-01"}, "Surgery", "no such day"),
        ({"Surgery": "13.05.2024"}, "Surgery", "not written as dd/mm/yyyy"),
        ({"Surgery": "45385"}, "Surgery", "format the column as a date"),
        ({"Dose": "5940"}, "Dose", "not in cGy"),
        ({"Dose": "59.4"}, "Dose", "decimal comma"),
        ({"Dose": "#REF!"}, "Dose", "error value of the spreadsheet"),
        ({"Dose": "high"}, "Dose", "write a number"),
        ({"Age": "615"}, "Age", "0 to 120"),
        ({"Patient": "P 1"}, "Patient", "letters and digits only"),
        ({"Patient": ""}, "Patient", "cannot be empty"),
        ({"RT_end": "31/02/2024"}, "RT end", "no such day"),
        ({"RT_end": ""}, "Surgery", "day zero of this patient (end of radiotherapy) is not known"),
        ({"Smoker": "born 03.04.1960"}, "Smoker", "would tell who this is"),
    ],
)
def test_a_wrong_cell_is_refused_in_one_line_and_other_rows_are_taken(
    tmp_path: Path, change: dict[str, str], column: str, words: str
) -> None:
    told = WIDE_MAP.replace('dates = "dd', 'decimal = ","\ndates = "dd')
    done = made(tmp_path, changed(SECOND, **change), FIRST, text=told)
    lines = [r.sentence for r in done.refusals if r.column == column]
    assert any(words in line for line in lines), [r.sentence for r in done.refusals]
    assert all(line.startswith("study.csv, row 2, ") and "\n" not in line for line in lines)
    assert cells(tmp_path / "bids" / "phenotype" / "outcomes.tsv")[0]["participant_id"] == "sub-01"


def test_an_ambiguous_date_is_refused_unless_the_map_says_how_dates_are_written(tmp_path: Path) -> None:
    plain = WIDE_MAP.replace('dates = "dd/mm/yyyy"', "")
    zero = {"RT_end": "2024-03-15"}
    done = made(tmp_path, changed(SECOND, **zero), text=plain)
    assert ["day/month or as month/day" in r.sentence for r in done.refusals] == [True]
    assert "'##/##/####'" in done.refusals[0].sentence
    for form, day in (("dd/mm/yyyy", "19.0"), ("mm/dd/yyyy", "-11.0")):
        folder = tmp_path / form[:2]
        folder.mkdir()
        made(folder, changed(SECOND, **zero), text=WIDE_MAP.replace("dd/mm/yyyy", form))
        assert cells(folder / "bids" / "phenotype" / "outcomes.tsv")[0]["day"] == day


def test_a_date_that_can_be_read_one_way_only_needs_no_form(tmp_path: Path) -> None:
    text = WIDE_MAP.replace('dates = "dd/mm/yyyy"', "")
    made(tmp_path, changed(FIRST, RT_end="2024/02/01", Surgery="13/05/2024"), text=text)
    assert cells(tmp_path / "bids" / "phenotype" / "outcomes.tsv")[0]["day"] == "102.0"


def test_contradicting_rows_of_one_patient_leave_none_and_repeats_leave_one(tmp_path: Path) -> None:
    done = made(tmp_path, FIRST, changed(FIRST, Histology="necrosis"), SECOND, SECOND)
    outcomes = cells(tmp_path / "bids" / "phenotype" / "outcomes.tsv")
    assert [o["participant_id"] for o in outcomes] == ["sub-02"]
    told = [r for r in done.refusals if r.column == "label"]
    assert [r.row for r in told] == [2, 3] and all("row 2 and study.csv row 3" in r.sentence for r in told)
    assert [r.row for r in done.refusals if "says the same" in r.sentence] == [3, 5, 5]


def test_a_duplicated_patient_with_another_age_is_refused(tmp_path: Path) -> None:
    done = made(tmp_path, FIRST, changed(FIRST, Age="62"))
    assert any("same participant and differ" in r.sentence and r.column == "age_years" for r in done.refusals)
    assert not (tmp_path / "bids" / "participants.tsv").exists()


def test_two_days_zero_of_one_patient_leave_no_day(tmp_path: Path) -> None:
    done = made(tmp_path, FIRST, changed(FIRST, RT_end="02/02/2024"))
    assert any("row 2 gives this patient" in r.sentence for r in done.refusals)
    assert not (tmp_path / "bids" / "phenotype" / "treatments.tsv").exists()


def test_two_names_that_make_one_label_are_not_put_together(tmp_path: Path) -> None:
    done = made(tmp_path, FIRST, changed(SECOND, Patient="P1"))
    assert any(r.row == 3 and "makes the same label" in r.sentence for r in done.refusals)
    assert [p["age_years"] for p in cells(tmp_path / "bids" / "participants.tsv")] == ["61.5"]
    assert "outcomes" not in done.rows  # their days zero differ, and nobody knows whose is whose


def test_a_visit_or_a_patient_is_not_named_after_a_day(tmp_path: Path) -> None:
    done = made(tmp_path, FIRST, changed(SECOND, Patient="P-19600403"))
    assert {r.row for r in done.refusals} == {3} and "a calendar date" in done.refusals[0].sentence
    assert "1960" not in done.refusals[0].sentence


def test_two_kept_columns_do_not_become_one(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="several columns would become 'age_years'"):
        made(
            tmp_path,
            FIRST,
            head=tuple("Age years" if n == "Smoker" else n for n in HEAD),
            text=WIDE_MAP.replace('"Smoker"', '"Age years"'),
        )


def test_lines_that_say_nothing_of_a_table_are_counted_and_not_refused(tmp_path: Path) -> None:
    done = made(
        tmp_path,
        FIRST,
        changed(SECOND, Surgery="", Histology="n/a"),
        text=WIDE_MAP.replace('constant = { basis = "histology" }', 'constant = { basis = "histology" }'),
    )
    assert done.refusals == () and done.silent == {"outcomes": 1} and done.rows["outcomes"] == 1


def test_a_second_run_changes_no_byte(tmp_path: Path) -> None:
    made(tmp_path, FIRST, SECOND)
    first = {p: p.read_bytes() for p in (tmp_path / "bids").rglob("*") if p.is_file()}
    again = make_tables(wide(tmp_path, FIRST, SECOND), tmp_path / "bids", map_file=tmp_path / "map.toml")
    assert again.new == {"participants": 0, "treatments": 0, "outcomes": 0} and again.refusals == ()
    assert {p: p.read_bytes() for p in (tmp_path / "bids").rglob("*") if p.is_file()} == first


def test_what_stands_there_stays_gaps_are_filled_and_contradictions_refused_or_replaced(tmp_path: Path) -> None:
    bids = tmp_path / "bids"
    (bids / "phenotype").mkdir(parents=True)
    (bids / "participants.tsv").write_text("participant_id\tage_years\tgrade\nsub-01\tn/a\t4\nsub-09\t50\t3\n", encoding="utf-8")
    (bids / "participants.json").write_text('{"grade": {"Description": "As the centre graded it"}}', encoding="utf-8")
    (bids / "phenotype" / "outcomes.tsv").write_text(
        "participant_id\tsession_id\tlesion_id\tlabel\tbasis\nsub-01\tn/a\tn/a\ttreatment effect\thistology\n", encoding="utf-8"
    )
    done = made(tmp_path, FIRST)
    assert [r.column for r in done.refusals] == ["label"] and "says 'treatment effect' already" in done.refusals[0].sentence
    people = cells(bids / "participants.tsv")
    assert [(p["participant_id"], p["age_years"], p["grade"]) for p in people] == [
        ("sub-01", "61.5", "4"),
        ("sub-09", "50.0", "3"),
    ]
    assert "As the centre graded it" in (bids / "participants.json").read_text(encoding="utf-8")
    make_tables(tmp_path / "study.csv", bids, map_file=tmp_path / "map.toml", replace=True)
    assert cells(bids / "phenotype" / "outcomes.tsv")[0]["label"] == "recurrence"


def test_another_day_zero_than_the_data_set_has_is_refused(tmp_path: Path) -> None:
    made(tmp_path, FIRST)
    other = WIDE_MAP.replace("end of radiotherapy", "first scan")
    with pytest.raises(BadInput, match="one clock"):
        made(tmp_path, SECOND, text=other)


def test_the_data_dictionary_counts_what_is_there(tmp_path: Path) -> None:
    made(tmp_path, FIRST, changed(SECOND, Age=""))
    rows = cells(tmp_path / "bids" / "derivatives" / "tables" / "data_dictionary.tsv")
    age = next(row for row in rows if row["field"] == "age_years")
    assert (age["n_present"], age["n_missing"], age["unit"], age["type"]) == ("1", "1", "a", "number")
    assert (age["observed_min"], age["observed_max"], age["allowed"]) == ("61.5", "61.5", "0 to 120")
    label = next(row for row in rows if row["field"] == "label")
    assert label["observed_words"] == "recurrence (1), treatment effect (1)"
    fields = json.loads((tmp_path / "bids/derivatives/tables/data_dictionary_fields.json").read_text(encoding="utf-8"))
    assert len(fields["fields"]) == len(rows) and set(fields["columns"]) == set(rows[0])


def test_refusals_are_kept_as_a_table_and_as_lines_and_go_when_nothing_is_refused(tmp_path: Path) -> None:
    made(tmp_path, changed(FIRST, Histology="tumor"))
    folder = tmp_path / "bids" / "derivatives" / "tables"
    assert "did you mean 'tumour'" in (folder / "refused.txt").read_text(encoding="utf-8")
    assert cells(folder / "refused.tsv")[0]["row"] == "2"
    made(tmp_path, FIRST)
    assert (folder / "refused.txt").read_text(encoding="utf-8") == "Nothing was refused.\n"
    assert cells(folder / "refused.tsv") == []


def test_a_formula_in_a_cell_does_not_run_in_a_spreadsheet(tmp_path: Path) -> None:
    made(tmp_path, changed(FIRST, Smoker='=HYPERLINK("x")'))
    text = (tmp_path / "bids" / "participants.tsv").read_text(encoding="utf-8")
    assert "\t'=HYPERLINK" in text
    assert cells(tmp_path / "bids" / "participants.tsv")[0]["smoker"] == '=HYPERLINK("x")'


def test_nothing_is_written_on_a_dry_run(tmp_path: Path) -> None:
    done = make_tables(wide(tmp_path, FIRST), tmp_path / "bids", map_file=written_map(tmp_path), write=False)
    assert done.rows["outcomes"] == 1 and done.written == () and not (tmp_path / "bids").exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"Histology"', '"Histolgy"', "no column 'Histolgy'; did you mean 'Histology'"),
        ("[source]", "[sources]", "sources: unknown key"),
        ("label = ", "lable = ", "did you mean 'label'"),
        ('constant = { basis = "histology" }', "", "gives 'basis'"),
        ('basis = "histology" }', 'basis = "histolgy" }', "did you mean 'histology'"),
        ('"dd/mm/yyyy"', '"dd/mm"', "needs yyyy"),
        ('column = "RT end"', 'column = "RT end"\nfirst = "sessions"', "either column, or first"),
        ('column = "Patient"', "", "names the patient"),
        ("[participants]", '[participants]\nsheet = "Patients"', "no sheet 'Patients'"),
        ("age_years", "age_yeras", "did you mean 'age_years'"),
        ('meaning = "end', 'meaning = end"', "not a TOML file"),
    ],
)
def test_a_wrong_map_is_refused_before_anything_is_written(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(AfterglowError, match=re.escape(words)):
        made(tmp_path, FIRST, text=WIDE_MAP.replace(old, new, 1))
    assert not (tmp_path / "bids").exists()


def test_one_column_twice_is_refused_where_it_is_read(tmp_path: Path) -> None:
    head = tuple("Histology" if name == "Smoker" else name for name in HEAD)
    with pytest.raises(BadInput, match="'Histology' stands there twice"):
        made(tmp_path, FIRST, head=head, text=WIDE_MAP.replace('keep = ["Smoker"]', ""))


def test_tables_with_our_own_names_need_no_map_and_check_themselves(tmp_path: Path) -> None:
    made(tmp_path, FIRST, SECOND)
    bids = tmp_path / "bids"
    before = {p: p.read_bytes() for p in bids.rglob("*.tsv")}
    done = make_tables(bids, bids)
    assert done.refusals == () and done.rows == {"participants": 2, "treatments": 2, "outcomes": 2}
    assert {p: p.read_bytes() for p in bids.rglob("*.tsv")} == before


def test_visits_of_a_data_set_get_days_from_their_first_scan(tmp_path: Path) -> None:
    source, bids = tmp_path / "source", tmp_path / "bids"
    for root in (source, bids):
        (root / "sub-01" / "ses-a").mkdir(parents=True)
    (source / "sub-01" / "sub-01_sessions.tsv").write_text(
        "session_id\tacq_time\nses-a\t2024-02-01T10:00:00\nses-b\t2024-03-02T09:00:00\n", encoding="utf-8"
    )
    done = make_tables(source, bids)
    assert done.refusals == ()
    assert [(r["session_id"], r["day"]) for r in cells(bids / "sub-01" / "sub-01_sessions.tsv")] == [
        ("ses-a", "0.0"),
        ("ses-b", "30.0"),
    ]


def test_visits_without_a_folder_are_told_and_not_written(tmp_path: Path) -> None:
    source = tmp_path / "sessions.csv"
    source.write_text("participant_id,session_id,day\nsub-01,ses-1,0\n", encoding="utf-8")
    done = make_tables(source, tmp_path / "bids")
    assert "no ses- folder" in done.remarks[0] and not list((tmp_path / "bids").glob("sub-*"))


def test_a_source_that_names_nothing_of_ours_asks_for_a_map(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="--map"):
        make_tables(wide(tmp_path, FIRST), tmp_path / "bids")


@given(st.lists(st.tuples(*[st.text(max_size=12) for _ in HEAD]), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_the_cells_rows_are_taken_or_refused_and_nothing_else_happens(
    tmp_path: Path, rows: list[tuple[str, ...]]
) -> None:
    try:
        done = make_tables(wide(tmp_path, FIRST, *rows), tmp_path / "none", map_file=written_map(tmp_path), write=False)
    except BadInput as stated:
        assert "\n" not in str(stated)
        return
    assert all("\n" not in refusal.sentence for refusal in done.refusals)
    assert done.rows["outcomes"] + len({r.row for r in done.refusals}) + done.silent.get("outcomes", 0) >= 1
