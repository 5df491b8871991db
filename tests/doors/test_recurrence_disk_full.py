"""Claims about a disk that fills while a learning set is written or a model is trained: one sentence, exit 1, nothing done is lost."""

import errno
from pathlib import Path

import pytest
from tests.learning_patients import study
from tests.recurrence_doors import METHOD, invoke, made_study

from afterglow.flows.method import method_text
from afterglow.io import atomic
from afterglow.io.learning import read_learning_set
from afterglow.recurrence.extra import full_disk_said

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Six small patients with a finished run, and a method on their own coarse voxels."""
    study(tmp_path)
    text = method_text(METHOD)
    for old, new in (("spacing_mm = 1.0", "spacing_mm = 5.0"), ("folds = 5", "folds = 2")):
        assert text.count(old) == 1
        text = text.replace(old, new)
    (tmp_path / "coarse.toml").write_text(text)
    return tmp_path


def made(place: Path):
    return invoke("train", place / "bids", place / "out", place / "models", "--method", place / "coarse.toml", "--data-only")


def cases(place: Path) -> dict[str, int]:
    """Every case that is whole, with the time at which it was written."""
    return {path.parent.name: path.stat().st_mtime_ns for path in sorted((place / "models" / "data").glob("*/case.json"))}


@pytest.mark.parametrize("name", ["ve.nii.gz", "case.json"])
def test_a_disk_that_fills_while_the_learning_set_is_written_keeps_whole_cases_and_the_same_command_goes_on(
    place: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    fill = atomic._fill

    def filled(stream, parts, path: Path):
        if (path.parent.name, path.name) == ("sub-03_ses-pre", name):
            raise FULL
        return fill(stream, parts, path)

    with monkeypatch.context() as full:
        full.setattr(atomic, "_fill", filled)
        done = made(place)
    assert done.exit_code == 1
    assert "the disk is full" in str(done.exception)
    assert "finished files are kept" in str(done.exception)
    assert "\n" not in str(done.exception)
    kept = cases(place)
    assert {"sub-01_ses-pre", "sub-02_ses-pre"} <= set(kept)
    assert "sub-03_ses-pre" not in kept
    assert not (place / "models" / "data" / "data.json").exists()
    assert not list((place / "models").rglob("*.afterglow-tmp"))
    done = made(place)
    assert done.exit_code == 0, done.output
    assert len(read_learning_set(place / "models").entries) == 6
    assert {name: cases(place)[name] for name in kept} == kept


def test_a_disk_that_fills_while_a_model_is_trained_keeps_the_learning_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training itself, its checkpoints and how it goes on: rooms/test_recurrence_train_folds."""
    made_study(tmp_path)

    def training(data, wanted, preset, folder: Path, **_: object):
        folder.mkdir(parents=True)
        with full_disk_said(folder):
            raise FULL

    monkeypatch.setattr("afterglow.flows.train.make_learning_set", lambda *_, **__: read_learning_set(tmp_path / "models"))
    monkeypatch.setattr("afterglow.flows.train.train_model", training)
    monkeypatch.setattr("afterglow.flows.train.need_nnunet", lambda: None)
    monkeypatch.setattr("afterglow.flows.train.check_device", lambda device: None)
    before = {path: path.read_bytes() for path in (tmp_path / "models" / "data").rglob("*") if path.is_file()}
    done = invoke("train", tmp_path / "bids", tmp_path / "out", tmp_path / "models", "--method", METHOD)
    assert done.exit_code == 1
    said = str(done.exception)
    assert str(tmp_path / "models" / "combined") in said
    assert "the disk is full" in said
    assert "free some space and train again" in said
    assert {path: path.read_bytes() for path in (tmp_path / "models" / "data").rglob("*") if path.is_file()} == before
