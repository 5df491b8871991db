"""Claims about phenotype/readings.tsv, and about the table of calls."""

from pathlib import Path

import pytest

from afterglow.io.readings import read_readings
from afterglow.io.tables import read_table
from afterglow.io.verdicts import COLUMNS, collect_verdicts, verdicts_path, write_verdicts
from afterglow.records.errors import BadInput
from afterglow.records.response import Reading, Verdict

HEAD = "participant_id\tsession_id\tlesion_id\treader\tmethod\tcall\tconfidence\n"
CALL = Verdict(
    "01", "all", "RANO-BM", "pre", "post", "progression", 30.0, "%", 20.0, None, "none known", "Said.", (("sum", 1.0),), "PD"
)


def table(root: Path, *lines: str) -> Path:
    path = root / "phenotype" / "readings.tsv"
    path.parent.mkdir(parents=True)
    path.write_text(HEAD + "".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def test_readings_come_by_subject_without_the_prefixes_of_bids(tmp_path: Path) -> None:
    table(
        tmp_path, "sub-01\tses-02\t1\tA\tconventional\trecurrence\t0.8", "sub-02\tses-01\t1\tA\tconventional\tno recurrence\tn/a"
    )
    found = read_readings(tmp_path)
    assert found["01"] == (Reading("01", "02", "1", "A", "conventional", "recurrence", 0.8),)
    assert found["02"][0].confidence is None


def test_a_data_set_without_readings_has_none(tmp_path: Path) -> None:
    assert read_readings(tmp_path) == {}


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        (("sub-01\tses-02\t1\tA\tconventional\tn/a\tn/a",), "call"),
        (("sub-01\tses-02\t1\tA\tconventional\trecurrence\t80",), "from 0 to 1"),
        (
            ("sub-01\tses-02\t1\tA\tconventional\trecurrence\tn/a", "sub-01\tses-02\t1\tA\tconventional\tno recurrence\tn/a"),
            "in line 2",
        ),
    ],
)
def test_a_wrong_reading_is_refused_with_its_line(tmp_path: Path, lines: tuple[str, ...], word: str) -> None:
    table(tmp_path, *lines)
    with pytest.raises(BadInput, match=rf"readings\.tsv.*{word}"):
        read_readings(tmp_path)


def test_a_call_keeps_its_own_word_and_a_table_of_an_earlier_version_is_still_collected(tmp_path: Path) -> None:
    write_verdicts(tmp_path, "01", [CALL])
    old = verdicts_path(tmp_path, "02")
    old.parent.mkdir(parents=True)
    columns = [name for name in COLUMNS if name != "label"]
    old.write_text(
        "\t".join(columns) + "\n" + "\t".join("sub-02" if c == "participant_id" else "1" for c in columns) + "\n",
        encoding="utf-8",
    )
    collect_verdicts(tmp_path)
    first, second = read_table(tmp_path / "verdicts.tsv", tuple(COLUMNS))
    assert (first.text("label"), first.text("category"), first.text("lesion_id")) == ("PD", "progression", "all")
    assert (second.text("label"), second.text("participant_id")) == (None, "sub-02")
