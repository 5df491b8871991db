"""Claims about files of tables: separators, encodings, decimal signs, workbooks; what can be read in two ways is refused."""

from datetime import date
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from study_files import FIRST, HEAD, SECOND, WIDE_MAP, cells, changed, made, wide, written_map

from afterglow.flows.study_tables import TablesDone, make_tables
from afterglow.io.sheets import SheetForm, read_sheets
from afterglow.io.study_cells import Unreadable, date_of, decimal_of, holds_date, number_of, shape_of, without_dates
from afterglow.records.errors import BadInput, MissingInput


def text_file(folder: Path, text: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def workbook(folder: Path, *rows: tuple[object, ...], head: tuple[str, ...] = HEAD, merge: str = "") -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Patients"
    for row in (head, *rows):
        sheet.append(row)
    if merge:
        sheet.merge_cells(merge)
    book.save(folder / "study.xlsx")
    return folder / "study.xlsx"


def from_workbook(folder: Path, *rows: tuple[object, ...], merge: str = "", text: str = WIDE_MAP) -> TablesDone:
    return make_tables(workbook(folder, *rows, merge=merge), folder / "bids", map_file=written_map(folder, text))


TYPED = ("P-1", 61.5, "male", "yes", date(2024, 2, 1), 59.4, date(2024, 5, 13), "tumour")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_may_be_separated_by_comma_semicolon_or_tab(tmp_path: Path, separator: str) -> None:
    path = wide(tmp_path, FIRST, SECOND, separator=separator)
    (sheet,) = read_sheets(path, SheetForm())
    assert sheet.separator == separator and sheet.columns == HEAD
    assert sheet.rows[0].cells["Dose"] == "59,4" and sheet.rows[1].line == 3


def test_quotes_line_breaks_and_a_line_of_excel_keep_their_line_numbers(tmp_path: Path) -> None:
    path = text_file(tmp_path, 'sep=;\r\na;b\r\n"x;\ny";1\r\n\r\nz;2;\r\n')
    (sheet,) = read_sheets(path, SheetForm())
    assert [(row.line, row.cells) for row in sheet.rows] == [(3, {"a": "x;\ny", "b": "1"}), (6, {"a": "z", "b": "2"})]


def test_a_row_with_too_few_or_too_many_cells_is_refused_alone(tmp_path: Path) -> None:
    (sheet,) = read_sheets(text_file(tmp_path, "a,b\n1,2\n3\n4,5,6\n"), SheetForm())
    assert [row.line for row in sheet.rows] == [2] and [r.row for r in sheet.refusals] == [3, 4]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a;b,c\n1;2,3\n", "separated by semicolon and comma"),
        ("Größe;b\n1;2\n".encode("cp1252"), "'ö' in Windows-1252"),
        (b"a;b\n1;\x00\n", "zero bytes"),
        ('a;b\n1;"open\n', "close every quote"),
    ],
)
def test_a_file_that_cannot_be_read_in_one_way_is_refused(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(BadInput, match=r"table\.csv: .*" + words):
        read_sheets(text_file(tmp_path, text), SheetForm())


def test_what_the_map_says_of_the_file_is_believed(tmp_path: Path) -> None:
    (sheet,) = read_sheets(text_file(tmp_path, "Größe;b\n-99;2\n".encode("cp1252")), SheetForm("cp1252", ";", ("-99",)))
    assert sheet.columns == ("Größe", "b") and sheet.rows[0].cells == {"Größe": None, "b": "2"}
    (sheet,) = read_sheets(text_file(tmp_path, "a\tb\n1\t2\n".encode("utf-16")), SheetForm())
    assert sheet.rows[0].cells == {"a": "1", "b": "2"}
    with pytest.raises(BadInput, match="unknown encoding"):
        read_sheets(text_file(tmp_path, "a;b\n"), SheetForm("latin-none"))


def test_empty_files_and_folders_are_said_to_be_empty(tmp_path: Path) -> None:
    (sheet,) = read_sheets(text_file(tmp_path, ""), SheetForm())
    assert sheet.refusals[0].sentence.startswith("table.csv: found an empty table")
    (tmp_path / "none").mkdir()
    with pytest.raises(MissingInput, match="holds no table"):
        read_sheets(tmp_path / "none", SheetForm())
    with pytest.raises(MissingInput, match="no such file"):
        read_sheets(tmp_path / "gone.csv", SheetForm())
    with pytest.raises(BadInput, match=r"save it as"):
        read_sheets(text_file(tmp_path, "x", "study.xls"), SheetForm())


def test_a_decimal_comma_needs_semicolons_or_a_word_of_the_map(tmp_path: Path) -> None:
    assert made(tmp_path, FIRST, separator=";").refusals == ()
    folder = tmp_path / "tab"
    folder.mkdir()
    refused = made(folder, FIRST, separator="\t").refusals
    assert [r.column for r in refused] == ["Age", "Dose"] and "decimal sign or group thousands" in refused[0].sentence
    assert made(folder, FIRST, separator="\t", text=WIDE_MAP.replace("[source]", '[source]\ndecimal = ","')).refusals == ()


@given(st.decimals(-9999, 9999, places=2), st.booleans())
@settings(max_examples=200)
def test_a_number_survives_both_decimal_signs(value: object, comma: bool) -> None:
    text = f"{value}"
    written = text.replace(".", ",") if comma else text
    assert number_of(written, decimal_of([written], ";")) == float(text)


@pytest.mark.parametrize("cells_found", [["1,234", "5,678"], ["1,5", "1.5"]])
def test_a_decimal_sign_that_cannot_be_told_is_not_guessed(cells_found: list[str]) -> None:
    assert decimal_of(cells_found, ";") == ""
    with pytest.raises(Unreadable, match="group thousands"):
        number_of(cells_found[0], "")


@pytest.mark.parametrize("text", ["1.234,5", "1,234.5", "12a", "--1", "1e", "½", "١٢"])
def test_what_is_no_number_is_refused_under_either_sign(text: str) -> None:
    for decimal in (".", ",", ""):
        with pytest.raises(Unreadable):
            number_of(text, decimal)


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)))
@settings(max_examples=300)
def test_a_date_is_read_back_from_every_form_and_never_as_another_day(day: date) -> None:
    for form, text in (
        ("", day.isoformat()),
        ("dd/mm/yyyy", day.strftime("%d/%m/%Y")),
        ("mm/dd/yyyy", day.strftime("%m/%d/%Y")),
        ("dd-mmm-yyyy", f"{day.day:02d}-{day:%b}-{day.year}"),
        ("yyyymmdd", day.strftime("%Y%m%d")),
    ):
        assert date_of(text, form) == day
    ambiguous = day.day <= 12 and day.day != day.month
    try:
        assert date_of(day.strftime("%d.%m.%Y"), "") == day and not ambiguous
    except Unreadable:
        assert ambiguous


@pytest.mark.parametrize("text", ["03/04/24", "2024-02-30", "32/01/2024", "today", "03/04", "13/13/2024"])
def test_what_is_no_certain_date_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        date_of(text, "")


@pytest.mark.parametrize(
    "text",
    [
        "since 01.02.1990",
        "3/4/24",
        "2024-05-13T10:00",
        "20240513",
        "ses20240513",
        "13 May 2024",
        "May 13, 2024",
        "13. März 2024",
        "05/2024",
        "2024-05",
    ],
)
def test_a_date_is_seen_in_a_text(text: str) -> None:
    assert holds_date(text) and not holds_date(without_dates(text))


@pytest.mark.parametrize(
    "text", ["Achieva 5.1.7", "3 lesions, 20 Gy", "grade 4", "1/2", "90/60", "WHO 2021", "30 x 2", "12345678", "margin 5 mm"]
)
def test_what_is_no_date_is_let_be(text: str) -> None:
    assert not holds_date(text)


def test_a_shape_keeps_no_letter_and_no_digit() -> None:
    assert shape_of("Müller 03/04") == "xxxxxx ##/##"


def test_a_workbook_with_typed_cells_needs_no_form_of_dates(tmp_path: Path) -> None:
    done = from_workbook(tmp_path, TYPED, text=WIDE_MAP.replace('dates = "dd/mm/yyyy"', ""))
    assert done.refusals == ()
    assert cells(tmp_path / "bids" / "phenotype" / "outcomes.tsv")[0]["day"] == "102.0"
    assert cells(tmp_path / "bids" / "participants.tsv")[0]["age_years"] == "61.5"


def test_merged_cells_are_refused_where_they_are_read(tmp_path: Path) -> None:
    second = ("P-2", *TYPED[1:])
    done = from_workbook(tmp_path, TYPED, second, ("P-3", *TYPED[1:]), merge="H2:H3")
    told = [r for r in done.refusals if "unmerge" in r.sentence]
    assert [r.row for r in told] == [2, 3] and told[0].sentence.startswith("study.xlsx, sheet Patients, row 2, Histology")
    assert [o["participant_id"] for o in cells(tmp_path / "bids" / "phenotype" / "outcomes.tsv")] == ["sub-03"]


def test_a_formula_without_its_value_is_refused_and_not_taken_as_empty(tmp_path: Path) -> None:
    done = from_workbook(tmp_path, (*TYPED[:5], "=30*2", *TYPED[6:]))
    assert ["its value" in r.sentence or "was not saved" in r.sentence for r in done.refusals] == [True]
    done = from_workbook(tmp_path, ("=1+1", *TYPED[1:]))
    assert done.refusals and all(r.column == "Patient" for r in done.refusals)


def test_an_empty_sheet_and_merged_headers_are_refused_whole(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Empty"
    other = book.create_sheet("Merged")
    other.append(("a", "b"))
    other.append((1, 2))
    other.merge_cells("A1:B1")
    book.save(tmp_path / "book.xlsx")
    empty, merged = read_sheets(tmp_path / "book.xlsx", SheetForm())
    assert "an empty sheet" in empty.refusals[0].sentence and empty.rows == ()
    assert "merged cells in the header" in merged.refusals[0].sentence and merged.rows == ()


def test_several_sheets_are_named_in_the_map(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(workbook(tmp_path, TYPED))
    surgery = book.create_sheet("Surgery")
    for row in (("Patient", "Surgery", "Histology"), ("P-1", date(2024, 5, 13), "necrosis")):
        surgery.append(row)
    book.save(tmp_path / "study.xlsx")
    text = WIDE_MAP.replace("[day_zero]", '[day_zero]\nsheet = "Patients"').replace(
        "[participants]", '[participants]\nsheet = "Patients"'
    )
    text = text.replace("[[treatments]]", '[[treatments]]\nsheet = "Patients"')
    with pytest.raises(BadInput, match="there are several; write one of Patients, Surgery"):
        make_tables(tmp_path / "study.xlsx", tmp_path / "bids", map_file=written_map(tmp_path, text))
    text = text.replace("[[outcomes]]", '[[outcomes]]\nsheet = "Surgery"')
    assert make_tables(tmp_path / "study.xlsx", tmp_path / "bids", map_file=written_map(tmp_path, text)).refusals == ()
    assert cells(tmp_path / "bids" / "phenotype" / "outcomes.tsv")[0]["label"] == "treatment effect"


def test_a_workbook_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no workbook that can be read"):
        read_sheets(text_file(tmp_path, "not a zip", "study.xlsx"), SheetForm())


def test_a_line_for_each_visit_is_one_outcome_where_the_map_says_so(tmp_path: Path) -> None:
    done = made(
        tmp_path,
        FIRST,
        FIRST,
        text=WIDE_MAP.replace("[[outcomes]]", "[[outcomes]]\nonce = true").replace(
            "[[treatments]]", "[[treatments]]\nonce = true"
        ),
    )
    assert done.refusals == () and len(cells(tmp_path / "bids" / "phenotype" / "outcomes.tsv")) == 1


def test_where_takes_only_the_lines_it_names(tmp_path: Path) -> None:
    text = WIDE_MAP.replace("[[outcomes]]", '[[outcomes]]\nwhere = { Smoker = ["no"] }')
    made(tmp_path, FIRST, changed(SECOND), text=text)
    assert [o["participant_id"] for o in cells(tmp_path / "bids" / "phenotype" / "outcomes.tsv")] == ["sub-02"]
