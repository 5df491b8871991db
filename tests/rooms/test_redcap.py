"""Claims about exports of REDCap: raw or with labels, with events and repeats, they come out as one long table for each instrument."""

import csv
from pathlib import Path

import pytest
from study_files import cells

from afterglow.flows.study_tables import TablesDone, make_tables
from afterglow.io.redcap import read_redcap_dictionary, unsparsed
from afterglow.io.sheets import Sheet, SheetForm, read_sheets
from afterglow.records.errors import BadInput

DICTIONARY = [
    ("record_id", "demographics", "text", "Record ID", "", ""),
    ("surname", "demographics", "text", "Surname", "", "y"),
    ("sex", "demographics", "radio", "Sex", "1, Male | 2, Female", ""),
    ("age", "demographics", "text", "Age (years)", "", ""),
    ("smoker", "demographics", "yesno", "Smoker", "", ""),
    ("drugs", "demographics", "checkbox", "Drugs", "1, Temozolomide | 2, Bevacizumab, low dose | -9, Other", ""),
    ("rt_end", "demographics", "text", "End of radiotherapy", "", "y"),
    ("mri_label", "mri", "text", "Visit", "", ""),
    ("mri_date", "mri", "text", "Date of MRI", "", ""),
    ("reader", "reading", "text", "Reader", "", ""),
    ("call", "reading", "dropdown", "Call", "0, no recurrence | 1, recurrence", ""),
    ("truth", "outcome", "radio", "Final diagnosis", "1, recurrence | 2, treatment effect", ""),
    ("truth_date", "outcome", "text", "Date of surgery", "", ""),
]  # fmt: skip
BOXES = ("drugs___1", "drugs___2", "drugs____9")
RAW_HEAD = (
    "record_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance", "surname", "sex", "age", "smoker", *BOXES,
    "rt_end", "demographics_complete", "mri_label", "mri_date", "mri_complete", "reader", "call", "reading_complete", "truth", "truth_date",
    "outcome_complete",
)  # fmt: skip
BASE, FOLLOW = "baseline_arm_1", "follow_up_arm_1"


def line(record: str, event: str, repeat: str = "", instance: str = "", **given: str) -> dict[str, str]:
    return dict.fromkeys(RAW_HEAD, "") | {
        "record_id": record, "redcap_event_name": event, "redcap_repeat_instrument": repeat, "redcap_repeat_instance": instance, **given,
    }  # fmt: skip


RAW = [
    line("1", BASE, surname="Muster", sex="2", age="61", smoker="1", drugs___1="1", drugs___2="1", drugs____9="0", rt_end="2024-02-01",
         demographics_complete="2"),
    line("1", FOLLOW, "mri", "1", mri_label="1", mri_date="2024-01-20"),
    line("1", FOLLOW, "mri", "2", mri_label="2", mri_date="2024-04-11"),
    line("1", FOLLOW, "reading", "1", reader="A", call="1"),
    line("1", FOLLOW, truth="1", truth_date="2024-05-13", outcome_complete="2"),
    line("2", BASE, surname="Beispiel", sex="1", age="48", smoker="0", drugs___1="0", drugs___2="0", drugs____9="1", rt_end="2024-03-15"),
    line("2", FOLLOW, "mri", "1", mri_label="1", mri_date="2024-03-01"),
    line("2", FOLLOW, outcome_complete="0"),
]  # fmt: skip
MAP = """
[participant_id]
column = "record_id"
pad = 2
[session_id]
pad = 2
[day_zero]
sheet = "demographics"
column = "rt_end"
meaning = "end of radiotherapy"
[participants]
sheet = "demographics"
columns = { age_years = "age", sex = "sex" }
keep = ["drugs", "smoker"]
[sessions]
sheet = "mri"
columns = { session_id = "mri_label", day = "mri_date" }
[outcomes]
sheet = "outcome"
columns = { label = "truth", day = "truth_date" }
constant = { basis = "histology" }
"""


def dictionary(folder: Path, *, api: bool = False) -> Path:
    path = folder / "dictionary.csv"
    spoken = (
        "Variable / Field Name",
        "Form Name",
        "Field Type",
        "Field Label",
        "Choices, Calculations, OR Slider Labels",
        "Identifier?",
    )
    plain = ("field_name", "form_name", "field_type", "field_label", "select_choices_or_calculations", "identifier")
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([plain if api else spoken, *DICTIONARY])
    return path


def export(folder: Path, rows: list[dict[str, str]], head: tuple[str, ...] = RAW_HEAD) -> Path:
    path = folder / "export.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([head, *(tuple(row.values()) for row in rows)])
    return path


def long_tables(folder: Path, rows: list[dict[str, str]], *, told: bool = True, **options: tuple[str, ...]) -> dict[str, Sheet]:
    (sheet,) = read_sheets(export(folder, rows, **options), SheetForm())
    fields = read_redcap_dictionary(dictionary(folder)) if told else ()
    return {one.name: one for one in unsparsed(sheet, fields)}


def tables(folder: Path, rows: list[dict[str, str]], text: str = MAP) -> TablesDone:
    (folder / "map.toml").write_text(text, encoding="utf-8")
    for subject, session in (("01", "01"), ("01", "02"), ("02", "01")):
        (folder / "bids" / f"sub-{subject}" / f"ses-{session}").mkdir(parents=True, exist_ok=True)
    return make_tables(export(folder, rows), folder / "bids", map_file=folder / "map.toml", dictionary=dictionary(folder))


def test_each_instrument_becomes_a_long_table_of_its_own_lines(tmp_path: Path) -> None:
    found = long_tables(tmp_path, RAW)
    assert list(found) == ["demographics", "mri", "reading", "outcome"]
    assert [row.line for row in found["mri"].rows] == [3, 4, 8]
    assert [row.line for row in found["demographics"].rows] == [2, 7]
    assert [row.line for row in found["outcome"].rows] == [6]  # that a form is marked incomplete says nothing of the patient


def test_codes_become_labels_and_checked_boxes_one_list(tmp_path: Path) -> None:
    first, second = (row.cells for row in long_tables(tmp_path, RAW)["demographics"].rows)
    assert (first["sex"], first["smoker"], first["drugs"]) == ("Female", "Yes", "Temozolomide; Bevacizumab, low dose")
    assert (second["sex"], second["smoker"], second["drugs"]) == ("Male", "No", "Other")


def test_what_is_known_once_of_a_patient_is_filled_down(tmp_path: Path) -> None:
    found = long_tables(tmp_path, RAW)
    assert [row.cells["rt_end"] for row in found["mri"].rows] == ["2024-02-01", "2024-02-01", "2024-03-15"]
    assert [row.cells["truth"] for row in found["mri"].rows] == ["recurrence", "recurrence", None]
    assert [row.cells["mri_date"] for row in found["outcome"].rows] == [None]  # several of it are not one


def test_without_a_dictionary_the_lines_tell_what_repeats(tmp_path: Path) -> None:
    found = long_tables(tmp_path, RAW, told=False)
    assert set(found) == {"record", "mri", "reading"}
    assert [row.cells["mri_date"] for row in found["mri"].rows] == ["2024-01-20", "2024-04-11", "2024-03-01"]
    assert found["record"].rows[0].cells["drugs"] == "1; 2" and found["mri"].rows[0].cells["age"] == "61"


def test_an_export_with_labels_is_the_same_as_a_raw_one(tmp_path: Path) -> None:
    spoken = {name: label for name, _, _, label, _, _ in DICTIONARY} | {
        "redcap_event_name": "Event Name", "redcap_repeat_instrument": "Repeat Instrument", "redcap_repeat_instance": "Repeat Instance",
        "drugs___1": "Drugs (choice=Temozolomide)", "drugs___2": "Drugs (choice=Bevacizumab, low dose)", "drugs____9": "Drugs (choice=Other)",
    }  # fmt: skip
    words = {"sex": {"1": "Male", "2": "Female"}, "smoker": {"1": "Yes", "0": "No"}, "call": {"0": "no recurrence", "1": "recurrence"},
             "truth": {"1": "recurrence", "2": "treatment effect"}, "redcap_repeat_instrument": {"mri": "MRI", "reading": "Reading"},
             **{box: {"1": "Checked", "0": "Unchecked"} for box in BOXES}}  # fmt: skip
    rows = [{name: words.get(name, {}).get(cell, cell) for name, cell in row.items()} for row in RAW]
    head = tuple(spoken.get(name, "Complete?") for name in RAW_HEAD)
    raw, labelled = long_tables(tmp_path, RAW), long_tables(tmp_path, rows, head=head)
    for name, sheet in raw.items():
        for one, other in zip(sheet.rows, labelled[name].rows, strict=True):
            shared = set(one.cells) & set(other.cells) - {"redcap_repeat_instrument"}
            assert {key: one.cells[key] for key in shared} == {key: other.cells[key] for key in shared}
            assert {"truth", "sex", "drugs", "rt_end"} <= shared


def test_a_repeated_event_keeps_its_instances_apart(tmp_path: Path) -> None:
    rows = [
        line("1", BASE, age="61", rt_end="2024-02-01"),
        line("1", FOLLOW, "", "1", mri_label="1", mri_date="2024-01-20", truth="1"),
        line("1", FOLLOW, "", "2", mri_label="2", mri_date="2024-04-11", truth="2"),
    ]
    found = long_tables(tmp_path, rows)["mri"].rows
    assert [(r.cells["mri_label"], r.cells["truth"], r.cells["age"]) for r in found] == [
        ("1", "recurrence", "61"), ("2", "treatment effect", "61"),
    ]  # fmt: skip


def test_an_export_becomes_the_tables_of_a_data_set(tmp_path: Path) -> None:
    done = tables(tmp_path, RAW)
    assert done.refusals == ()
    bids = tmp_path / "bids"
    assert cells(bids / "participants.tsv")[0] == {
        "participant_id": "sub-01", "age_years": "61.0", "sex": "Female", "drugs": "Temozolomide; Bevacizumab, low dose", "smoker": "Yes",
    }  # fmt: skip
    assert [(r["session_id"], r["day"]) for r in cells(bids / "sub-01" / "sub-01_sessions.tsv")] == [
        ("ses-01", "-12.0"),
        ("ses-02", "70.0"),
    ]
    assert [(o["participant_id"], o["label"], o["day"]) for o in cells(bids / "phenotype" / "outcomes.tsv")] == [
        ("sub-01", "recurrence", "102.0")
    ]
    assert "Muster" not in "".join(p.read_text(encoding="utf-8") for p in bids.rglob("*.*") if p.is_file())


def test_a_column_that_names_a_person_is_not_taken(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="'surname' as naming a person"):
        tables(tmp_path, RAW, MAP.replace('"smoker"]', '"surname"]'))


def test_a_code_that_the_dictionary_lacks_is_refused(tmp_path: Path) -> None:
    done = tables(tmp_path, [*RAW[:4], line("1", FOLLOW, truth="7", truth_date="2024-05-13")])
    assert [r.row for r in done.refusals] == [6]
    assert done.refusals[0].sentence.endswith("it has 1 (recurrence), 2 (treatment effect)")


def test_two_checked_boxes_are_no_single_answer(tmp_path: Path) -> None:
    text = MAP.replace('label = "truth", day = "truth_date"', 'label = "drugs"').replace(
        'sheet = "outcome"', 'sheet = "demographics"'
    )
    done = tables(tmp_path, RAW, text)
    assert [(r.row, "two answers" in r.sentence) for r in done.refusals] == [(2, True)]


def test_a_dictionary_of_the_api_is_the_same_and_another_file_is_none(tmp_path: Path) -> None:
    assert read_redcap_dictionary(dictionary(tmp_path, api=True)) == read_redcap_dictionary(dictionary(tmp_path))
    with pytest.raises(BadInput, match="no column 'Variable / Field Name'"):
        read_redcap_dictionary(export(tmp_path, RAW))
