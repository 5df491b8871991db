"""Claims about the study beside the images: which outcomes are taken, which are refused, and which lesion each is about."""

from pathlib import Path

import pytest

from afterglow.io.bids import open_dataset
from afterglow.io.study import load_study
from afterglow.records.errors import BadInput
from afterglow.records.study import Outcome, Participant, Study

HEAD = "participant_id\tsession_id\tlesion_id\tlabel\tbasis\tday\n"
LABELS = ("recurrence", "treatment effect")


def study(root: Path, *lines: str, labels: tuple[str, ...] = LABELS) -> Study:
    for folder in ("sub-01/ses-1", "sub-01/ses-2", "sub-02/ses-1", "phenotype"):
        (root / folder).mkdir(parents=True)
    (root / "participants.tsv").write_text("participant_id\tage_years\nsub-01\t61\n", encoding="utf-8")
    (root / "phenotype" / "outcomes.tsv").write_text(HEAD + "".join(line + "\n" for line in lines), encoding="utf-8")
    return load_study(open_dataset(root), labels=labels)


def test_a_study_holds_whoever_has_a_line_or_a_folder(tmp_path: Path) -> None:
    found = study(tmp_path, "sub-01\tn/a\tn/a\trecurrence\thistology\t40")
    assert [p.participant_id for p in found.participants] == ["01", "02"]
    assert found.participants[0].number("age_years") == 61
    assert found.participants[1].text("age_years") is None
    assert found.outcomes == (Outcome("01", "", "", "recurrence", "histology", 40.0),)
    assert found.labels == ("recurrence",) and found.refusals == ()


def test_the_most_particular_outcome_of_a_lesion_counts(tmp_path: Path) -> None:
    found = study(
        tmp_path,
        "sub-01\tn/a\tn/a\trecurrence\tfollow-up\tn/a",
        "sub-01\tn/a\t2\ttreatment effect\thistology\tn/a",
        "sub-01\tses-2\t1\ttreatment effect\tconsensus\tn/a",
    )

    def basis(session: str, lesion: str) -> str | None:
        outcome = found.outcome_of("01", session, lesion)
        return outcome.basis if outcome else None

    assert basis("1", "1") == "follow-up"
    assert basis("1", "2") == basis("2", "2") == "histology"
    assert basis("2", "1") == "consensus"
    assert found.outcome_of("02", "1", "1") is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("sub-01\tn/a\tn/a\trecurence\thistology\tn/a", "did you mean 'recurrence'?"),
        ("sub-01\tn/a\tn/a\tcured\thistology\tn/a", "write one of recurrence, treatment effect"),
        ("sub-01\tn/a\tn/a\tNaN\thistology\tn/a", "not known is no row"),
        ("sub-01\tn/a\tn/a\trecurrence\tn/a\tn/a", "say how it is known"),
        ("sub-01\tn/a\tn/a\trecurrence\thistolgy\tn/a", "did you mean 'histology'?"),
        ("sub-01\tn/a\tn/a\trecurrence\thistology\t03/04/2024", "finite number of days"),
        ("sub-09\tn/a\tn/a\trecurrence\thistology\tn/a", "no such participant"),
        ("sub-01\tses-9\tn/a\trecurrence\thistology\tn/a", "ses-1, ses-2"),
        ("n/a\tn/a\tn/a\trecurrence\thistology\tn/a", "write the subject"),
    ],
)
def test_a_wrong_outcome_is_refused_in_one_line_and_the_others_count(tmp_path: Path, line: str, words: str) -> None:
    found = study(tmp_path, line, "sub-02\tn/a\tn/a\trecurrence\thistology\tn/a")
    assert [o.participant_id for o in found.outcomes] == ["02"]
    (refusal,) = found.refusals
    assert refusal.row == 2 and words in refusal.sentence and "\n" not in refusal.sentence
    assert refusal.sentence.startswith("phenotype/outcomes.tsv, row 2, ")


def test_a_repeat_is_left_out_and_contradictions_leave_none(tmp_path: Path) -> None:
    found = study(
        tmp_path,
        "sub-01\tses-1\t1\trecurrence\thistology\tn/a",
        "sub-01\tses-1\t1\trecurrence\thistology\tn/a",
        "sub-02\tses-1\t1\trecurrence\thistology\tn/a",
        "sub-02\tses-1\t1\ttreatment effect\thistology\tn/a",
    )
    assert [o.key for o in found.outcomes] == [("01", "1", "1")]
    assert [r.row for r in found.refusals] == [3, 4, 5]
    assert "line 2 says the same" in found.refusals[0].sentence and "differ" in found.refusals[1].sentence


def test_without_labels_of_a_method_every_label_is_taken_as_written(tmp_path: Path) -> None:
    assert study(tmp_path, "sub-01\tn/a\tn/a\tcured\tclinic\tn/a", labels=()).labels == ("cured",)


def test_a_table_without_its_columns_is_refused_whole(tmp_path: Path) -> None:
    study(tmp_path)
    (tmp_path / "phenotype" / "outcomes.tsv").write_text("participant_id\tlabel\nsub-01\tx\n", encoding="utf-8")
    with pytest.raises(BadInput, match="no column 'basis'"):
        load_study(open_dataset(tmp_path))


def test_records_of_a_study_cannot_be_wrong() -> None:
    with pytest.raises(ValueError, match="without its basis"):
        Outcome("01", "", "", "recurrence", "")
    with pytest.raises(ValueError, match="twice"):
        Study((Participant("01"), Participant("01")), ())
    one = Outcome("01", "", "", "recurrence", "histology")
    with pytest.raises(ValueError, match="twice"):
        Study((Participant("01"),), (one, one))
    with pytest.raises(ValueError, match="no number"):
        Participant("01", {"age_years": "61,5"}).number("age_years")
