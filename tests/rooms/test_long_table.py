"""Claims about the long table: every measurement with what became of its lesion, the same in each kind of file."""

import csv
import sys
from pathlib import Path

import pandas as pd
import pytest

from afterglow.flows.long_table import MOST_ROWS_TO_READ, long_html, long_table, long_table_of_run, write_long
from afterglow.io.long import LongTable, write_csv, write_parquet
from afterglow.io.measurements import measurements_path, write_measurements
from afterglow.io.tables import read_table
from afterglow.io.verdicts import write_verdicts
from afterglow.records.errors import MissingInput
from afterglow.records.measurement import Measurement
from afterglow.records.response import Verdict
from afterglow.records.study import Outcome, Participant, Study


def measured(session: str, day: float, lesion: str, value: float | None, subject: str = "01") -> Measurement:
    return Measurement(
        subject, session, day, lesion, "lesion", "vp", "mean", value, "1", None, None, "", 12, 0.3, "", None, "native", "behar2023", "ab", ("small",)
    )  # fmt: skip


def call(lesion: str, rule: str, category: str) -> Verdict:
    said = "said, because it is so"
    return Verdict("01", lesion, rule, "1", "2", category, 1.0, "1", 0.5, None, "none", said, (("x", 1.0),))  # type: ignore[arg-type]


STUDY = Study(
    (Participant("01", {"age_years": "61", "note": "=SUM(A1)"}),),
    (Outcome("01", "", "1", "recurrence", "histology", 100.0), Outcome("01", "", "2", "treatment effect", "follow-up")),
)
MEASURED = [
    measured("1", 0.0, "1", 0.25),
    measured("2", 60.0, "1", None),
    measured("2", 60.0, "2", 0.5),
    measured("1", 0.0, "1", 1.0, "02"),
]


def run_folder(out: Path) -> Path:
    for m in MEASURED:
        same = [one for one in MEASURED if (one.participant_id, one.session_id) == (m.participant_id, m.session_id)]
        write_measurements(measurements_path(out, m.participant_id, m.session_id), same)
    write_verdicts(
        out,
        "01",
        [call("1", "vp change", "progression"), call("all", "RANO 2.0", "response"), call("all", "RANO-2.0", "no change")],
    )
    return out


def test_each_measurement_has_the_outcome_of_its_lesion_and_the_calls_of_its_visit(tmp_path: Path) -> None:
    rows = long_table_of_run(run_folder(tmp_path), STUDY).rows
    assert [(r["outcome"], r["outcome_basis"], r["days_to_outcome"]) for r in rows] == [
        ("recurrence", "histology", 100.0), ("recurrence", "histology", 40.0), ("treatment effect", "follow-up", None), (None, None, None),
    ]  # fmt: skip
    assert [r["call_vp_change"] for r in rows] == [None, "progression", None, None]
    assert [(r["call_rano_2_0"], r["call_rano_2_0_2"]) for r in rows] == [
        (None, None),
        *[("response", "no change")] * 2,
        (None, None),
    ]
    assert [r["participant_age_years"] for r in rows] == [61.0, 61.0, 61.0, None]


def test_every_kind_of_file_says_the_same(tmp_path: Path) -> None:
    table = long_table_of_run(run_folder(tmp_path / "run"), STUDY)
    write_long(tmp_path / "group", table)
    parquet = pd.read_parquet(tmp_path / "group" / "long.parquet")
    commas = pd.read_csv(tmp_path / "group" / "long.csv")
    tabs = read_table(tmp_path / "group" / "long.tsv", tuple(table.columns))
    assert list(parquet.columns) == list(commas.columns) == list(table.columns)
    for number, row in enumerate(table.rows):
        for value in (parquet["value"][number], commas["value"][number], tabs[number].number("value")):
            assert (value is None or pd.isna(value)) if row["value"] is None else value == row["value"]
        assert parquet["outcome"][number] == row["outcome"] or row["outcome"] is None
    assert parquet["n_voxels"].dtype == "int64" and parquet["value"].dtype == "float64"


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    table = long_table_of_run(run_folder(tmp_path / "run"), STUDY)
    first, second = (write_long(tmp_path / name, table) for name in ("a", "b"))
    assert [one.sha256 for one in first] == [one.sha256 for one in second] and len(first) == 5


def test_text_that_a_spreadsheet_would_run_is_guarded_in_csv_and_numbers_are_not(tmp_path: Path) -> None:
    rows = [{"a": text, "b": -1.5} for text in ('=cmd|"x"', "+1", "-", "@x", "plain", "'=y", "x\n=y")]
    write_csv(tmp_path / "t.csv", LongTable("t", {"a": "", "b": ""}, rows))
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as stream:
        found = list(csv.reader(stream))[1:]
    assert [cell for cell, _ in found] == ['\'=cmd|"x"', "+1", "'-", "'@x", "plain", "''=y", "x =y"]
    assert {cell for _, cell in found} == {"-1.5"}


def test_the_page_escapes_what_stands_in_cells_and_says_what_it_leaves_out() -> None:
    row = {"a": "<script>alert(1)</script>", "b": 0.123456, "c": None}
    page = long_html(LongTable("numbers", {"a": "words", "b": "a number", "c": "nothing"}, [row] * (MOST_ROWS_TO_READ + 1)))
    assert "<script>alert" not in page and "&lt;script&gt;" in page and "0.1235" in page
    assert "Columns without any value: c." in page and f"The first {MOST_ROWS_TO_READ} are shown" in page


def test_a_run_without_calls_or_outcomes_still_makes_a_table() -> None:
    table = long_table(MEASURED, (), Study((), ()))
    sites = Study(tuple(Participant(name, {"site": f"0{name}", "kps": "90"}) for name in ("01", "02")), ())
    row = long_table(MEASURED, (), sites).rows[0]
    assert (row["participant_site"], row["participant_kps"]) == ("001", 90.0)  # a name of digits stays a name
    assert len(table.rows) == 4 and all(row["outcome"] is None for row in table.rows)
    assert long_table((), (), Study((), ())).rows == []


def test_without_pyarrow_one_sentence_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingInput, match=r"pip install 'afterglow\[tables\]'"):
        write_parquet(tmp_path / "t.parquet", LongTable("t", {"a": ""}, [{"a": 1}]))


def test_a_row_with_other_columns_is_no_row_of_the_table() -> None:
    with pytest.raises(ValueError, match="row 1"):
        LongTable("t", {"a": ""}, [{"b": 1}])
