"""Claims about a learning set on disk: what is written comes back, bytes repeat, and what was changed is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.recurrence_cases import make_cases

from afterglow.io.integrity import sha256
from afterglow.io.learning import (
    finished_case,
    read_learning_set,
    read_splits,
    write_case,
    write_learning_card,
    write_learning_set,
)
from afterglow.io.learning_notice import LearningNotice
from afterglow.records.errors import AfterglowError, BadInput, MissingInput, NotVerified
from afterglow.records.recurrence import Fold, LearningCase, Splits

CASES, CHANNELS, SPLITS = make_cases(6, seed=3, side=16)


def written(folder: Path, cases: tuple[LearningCase, ...] = CASES, splits: Splits = SPLITS) -> Path:
    return write_learning_set(
        folder, cases, CHANNELS, splits, method="yoon2024", spacing_mm=2.0, left_out={"99": "no outcome is known"}
    )


def everything(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    written(tmp_path)
    there = read_learning_set(tmp_path)
    assert (there.method, there.spacing_mm, there.channels, there.splits) == ("yoon2024", 2.0, CHANNELS, SPLITS)
    assert dict(there.left_out) == {"99": "no outcome is known"}
    for case, again in zip(sorted(CASES, key=lambda one: one.subject), there.cases(), strict=True):
        assert (again.subject, again.session, again.recurs) == (case.subject, case.session, case.recurs)
        assert again.grid.same_as(case.grid)
        assert (dict(again.sources), again.remarks) == (dict(case.sources), case.remarks)
        np.testing.assert_array_equal(again.brain, case.brain)
        for name in case.images:
            np.testing.assert_array_equal(again.images[name], case.images[name])
        for mask in ("label", "enhancing"):
            np.testing.assert_equal(getattr(again, mask), getattr(case, mask))


def test_nan_and_an_unknown_label_survive(tmp_path: Path) -> None:
    first = CASES[0]
    holes = dict(first.images)
    holes["ve"] = np.where(first.brain, first.images["ve"], np.float32(np.nan))
    write_case(tmp_path, first, CHANNELS)
    stored = write_case(tmp_path, replace(first, images=holes, label=None, enhancing=None), CHANNELS)
    assert stored.recurs is None
    assert not (tmp_path / "data" / stored.folder / "label.nii.gz").exists()
    cases = (replace(first, images=holes, label=None), *CASES[1:])
    written(tmp_path, cases)
    again = read_learning_set(tmp_path).case(first.subject)
    assert again.label is None
    np.testing.assert_array_equal(again.images["ve"], holes["ve"])  # NaN where it is NaN


def test_the_bytes_repeat(tmp_path: Path) -> None:
    written(tmp_path / "a")
    written(tmp_path / "b", tuple(reversed(CASES)))
    assert everything(tmp_path / "a") == everything(tmp_path / "b")
    written(tmp_path / "a")
    assert everything(tmp_path / "a") == everything(tmp_path / "b")


def test_splits_are_written_once(tmp_path: Path) -> None:
    written(tmp_path)
    before = everything(tmp_path)
    with pytest.raises(BadInput, match="seed was 3, now 77"):
        written(tmp_path, splits=replace(SPLITS, seed=77))
    fewer = tuple(one for one in CASES if one.subject not in SPLITS.test[:1])
    with pytest.raises(BadInput, match="is gone"):
        written(tmp_path, fewer, replace(SPLITS, test=SPLITS.test[1:]))
    assert everything(tmp_path) == before
    assert read_splits(tmp_path) == SPLITS


def test_cases_and_splits_name_the_same_patients(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="has no case"):
        written(tmp_path, CASES[1:])
    with pytest.raises(BadInput, match="is in no split"):
        written(tmp_path, (*CASES, replace(CASES[0], subject="77")))
    with pytest.raises(BadInput, match="twice"):
        written(tmp_path, (*CASES, CASES[0]))


def test_a_patient_in_two_splits_on_disk_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    path = tmp_path / "data" / "splits.json"
    content = json.loads(path.read_text())
    content["test"].append(content["folds"][0]["training"][0])
    path.write_text(json.dumps(content))
    with pytest.raises(BadInput, match="is in the test set and in a fold"):
        read_learning_set(tmp_path)


def test_a_changed_byte_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    there = read_learning_set(tmp_path)
    subject = CASES[0].subject
    path = there.path(subject, "ve")
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(NotVerified, match=r"ve\.nii\.gz"):
        there.case(subject)


def test_a_finished_case_is_known_by_its_key_and_its_files(tmp_path: Path) -> None:
    stored = write_case(tmp_path, CASES[0], CHANNELS, key="abc")
    asked = (tmp_path, stored.subject, stored.session)
    assert finished_case(*asked, "abc") == stored
    assert finished_case(*asked, "other") is None
    assert finished_case(*asked, "") is None
    path = tmp_path / "data" / stored.folder / "FLAIR.nii.gz"
    path.write_bytes(path.read_bytes()[:-1])
    assert finished_case(*asked, "abc") is None


@pytest.mark.parametrize(
    ("spoil", "kind", "words"),
    [
        (lambda data: (data / "data.json").unlink(), MissingInput, "there is no learning set"),
        (lambda data: (data / "data.json").write_text("{}"), BadInput, "missing or malformed"),
        (lambda data: (data / "splits.json").write_text("{}"), BadInput, "missing or malformed"),
        (
            lambda data: (data / "splits.json").write_bytes((data / "splits.json").read_bytes() + b"\n"),
            NotVerified,
            "not the file",
        ),
    ],
)
def test_a_spoilt_set_is_named(tmp_path: Path, spoil, kind: type[AfterglowError], words: str) -> None:  # type: ignore[no-untyped-def]
    written(tmp_path)
    spoil(tmp_path / "data")
    with pytest.raises(kind, match=words):
        read_learning_set(tmp_path)


def test_a_missing_patient_or_channel_is_named(tmp_path: Path) -> None:
    written(tmp_path)
    there = read_learning_set(tmp_path)
    with pytest.raises(MissingInput, match="no outcome is known"):
        there.case("99")
    with pytest.raises(MissingInput, match="no T2w of sub-"):
        there.path(CASES[0].subject, "T2w")
    few = replace(CASES[0], images={"FLAIR": CASES[0].images["FLAIR"]})
    with pytest.raises(MissingInput, match="CE-T1w is missing"):
        write_case(tmp_path, few, CHANNELS)


def test_a_fold_with_a_patient_on_both_sides_cannot_be() -> None:
    with pytest.raises(ValueError, match="trains and is held out"):
        Fold(("01", "02"), ("02",))


def test_a_notice_travels_with_the_files_it_is_of_and_the_card_names_both(tmp_path: Path) -> None:
    notice = LearningNotice("Copyright of the template.", ("sub-01_ses-pre/brain.nii.gz",))
    stored = [write_case(tmp_path, case, CHANNELS) for case in CASES]

    def card(told: LearningNotice | None) -> dict[str, object]:
        path = write_learning_card(
            tmp_path, stored, CHANNELS, SPLITS, method="yoon2024", spacing_mm=2.0, left_out={}, notice=told
        )
        found: dict[str, object] = json.loads(path.read_text())
        return found

    beside = tmp_path / "data" / "NOTICE"
    assert "notice" not in card(None)
    assert not beside.exists()
    before = everything(tmp_path)
    assert "notice" not in card(notice), "models name the hash of a card of before: it stays as it is"
    assert beside.read_text() == "Copyright of the template.\n"
    assert {k: v for k, v in everything(tmp_path).items() if k != "data/NOTICE"} == before
    (tmp_path / "data" / "data.json").unlink()
    assert card(notice)["notice"] == {"file": "NOTICE", "sha256": sha256(beside), "of": list(notice.files)}
    assert read_learning_set(tmp_path).case("01").subject == "01"
    assert "notice" not in card(None)
    assert not beside.exists()
