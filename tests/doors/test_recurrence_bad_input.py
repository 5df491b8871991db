"""Claims about what `train` and `predict` say when something is wrong: one sentence, exit 1, and nothing that was there is lost."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.recurrence_doors import METHOD, invoke, made_models, made_study

from afterglow.records.recurrence import Channel
from afterglow.recurrence.card import read_card, write_card


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("study")
    made_study(root)
    made_models(root)
    return root


@pytest.fixture
def place(study: Path, tmp_path: Path) -> Path:
    shutil.copytree(study, tmp_path, dirs_exist_ok=True)
    return tmp_path


def refused(place: Path, command: str, *more: object, method: str = METHOD) -> str:
    """The one sentence; MODELS is byte for byte what it was."""
    before = {path: path.read_bytes() for path in sorted((place / "models").rglob("*")) if path.is_file()}
    done = invoke_main(command, place / "bids", place / "out", place / "models", "--method", method, *more)
    assert {path: path.read_bytes() for path in sorted((place / "models").rglob("*")) if path.is_file()} == before
    assert done.count("\n") <= 1
    return done


def invoke_main(*arguments: object) -> str:
    """The sentence of the error that the command ends with."""
    done = invoke(*arguments)
    assert done.exit_code == 1
    assert done.exception is not None
    return str(done.exception)


def test_a_model_without_a_card_is_refused_and_trust_says_why_that_is_dangerous(place: Path) -> None:
    (place / "models" / "combined" / "card.json").unlink()
    said = refused(place, "predict")
    assert "executable content" in said
    assert "--trust" in said


def test_a_trusted_folder_that_holds_no_model_is_told_before_anything_is_opened(place: Path) -> None:
    (place / "models" / "combined" / "card.json").unlink()
    assert "no nnU-Net model" in refused(place, "predict", "--trust", "--model", "combined")


def test_a_checkpoint_changed_by_one_byte_is_refused(place: Path) -> None:
    path = place / "models" / "conventional" / "fold_0" / "checkpoint_final.pth"
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(bytes(content))
    said = refused(place, "predict")
    assert str(path) in said
    assert "bytes are not those that were trained" in said


def test_a_checkpoint_that_is_gone_is_named(place: Path) -> None:
    (place / "models" / "conventional" / "fold_0" / "checkpoint_final.pth").unlink()
    assert "copy the model's folder whole" in refused(place, "predict")


def test_a_channel_that_now_means_another_quantity_is_told_from_the_one_that_was_learned(place: Path) -> None:
    folder = place / "models" / "combined"
    card = read_card(folder)
    write_card(folder, replace(card, channels=(*card.channels[:2], Channel("ve", "keep scale", "rcbv"))))
    said = refused(place, "predict")
    assert "a channel ve that was rcbv (keep scale), and the method file says ve (keep scale)" in said


def test_without_models_the_command_that_makes_them_is_named(place: Path) -> None:
    shutil.rmtree(place / "models" / "combined")
    assert "afterglow train" in refused(place, "predict")


def test_models_of_another_method_are_refused(study: Path, tmp_path: Path) -> None:
    shutil.copytree(study / "bids", tmp_path / "bids")
    shutil.copytree(study / "models" / "data", tmp_path / "models" / "data")
    made_models(tmp_path, method="another")
    assert "model combined of method another" in refused(tmp_path, "predict")


def test_a_model_under_the_name_of_another_is_refused(place: Path) -> None:
    shutil.rmtree(place / "models" / "combined")
    (place / "models" / "conventional").rename(place / "models" / "combined")
    assert "model conventional of method yoon2024" in refused(place, "predict", "--model", "combined")


@pytest.mark.parametrize("command", ["train", "predict"])
def test_a_model_that_the_method_does_not_have_is_told_with_those_it_has(place: Path, command: str) -> None:
    assert "no model best; it has combined and conventional" in refused(place, command, "--model", "best")


@pytest.mark.parametrize("command", ["train", "predict"])
def test_a_method_without_models_is_told_with_one_that_has_some(place: Path, command: str) -> None:
    assert "no [recurrence]" in refused(place, command, method="behar2023")


def test_a_preset_that_is_not_there_is_told_with_those_that_are(place: Path) -> None:
    assert "smoke, medium, default, yoon2024" in refused(place, "train", "--preset", "huge")


@pytest.mark.parametrize("command", ["train", "predict"])
def test_without_nnunet_the_line_that_installs_it_is_told(place: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nnunetv2", None)
    assert "pip install 'afterglow[recurrence]'" in refused(place, command)


def test_a_patient_who_is_not_in_the_data_set_is_told(place: Path) -> None:
    assert "there is no sub-99" in refused(place, "predict", "--participant-label", "99")


def test_a_data_set_without_a_run_cannot_be_learned_from(place: Path) -> None:
    shutil.rmtree(place / "models")
    said = invoke_main("train", place / "bids", place / "out", place / "models", "--method", METHOD, "--data-only")
    assert "none of 4 patients can be learnt from" in said
    assert not (place / "models" / "data").exists()


def test_a_learning_set_that_models_were_trained_on_is_not_made_over(place: Path) -> None:
    said = refused(place, "train", "--data-only")
    assert "use another folder" in said


@pytest.mark.parametrize("command", ["train", "predict"])
def test_a_patient_in_two_splits_is_refused(place: Path, command: str) -> None:
    path = place / "models" / "data" / "splits.json"
    content = json.loads(path.read_text())
    content["test"].append(content["folds"][0]["held_out"][0])
    path.write_text(json.dumps(content))
    assert "is in the test set and in a fold" in refused(place, command)


def test_options_of_training_do_not_go_with_data_only(place: Path) -> None:
    done = invoke("train", place / "bids", place / "out", place / "models", "--method", METHOD, "--data-only", "--epochs", 3)
    assert done.exit_code == 2
