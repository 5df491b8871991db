"""Claims about `afterglow train`: both models in one command, a person's own numbers, and what it says in the end."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.recurrence_doors import METHOD, invoke, made_study

from afterglow.io.learning import read_learning_set
from afterglow.records.recurrence import NOT_FOR_DECISIONS, ModelCard


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A learning set that is there already; trainings are noted, not made."""
    made_study(tmp_path)
    noted: list[SimpleNamespace] = []

    def note(data, wanted, preset, folder, *, method, device, seed, progress, licence, folds):
        noted.append(
            SimpleNamespace(
                wanted=wanted, preset=preset, folder=folder, device=device, seed=seed, licence=licence, folds=folds, data=data
            )
        )
        return ModelCard(
            wanted.name, method, data.channels_of(wanted), preset.name, data.splits, (0,), (1.0, 1.0, 1.0), seed, device, {}, data.sha256,
            {}, {"dice_fold_0": 0.5}, licence, {}, 12.0,
        )  # fmt: skip

    monkeypatch.setattr("afterglow.flows.train.make_learning_set", lambda *_, **__: read_learning_set(tmp_path / "models"))
    monkeypatch.setattr("afterglow.flows.train.train_model", note)
    monkeypatch.setattr("afterglow.flows.train.need_nnunet", lambda: None)
    monkeypatch.setattr("afterglow.flows.train.check_device", lambda device: None)
    yield SimpleNamespace(root=tmp_path, noted=noted)


def train(place: SimpleNamespace, *more: object):
    root = place.root
    return invoke("train", root / "bids", root / "out", root / "models", "--method", METHOD, *more)


def test_both_models_are_trained_on_one_data_set_and_one_split(place: SimpleNamespace) -> None:
    done = train(place, "--licence", "CC-BY-4.0", "--seed", 5)
    assert done.exit_code == 0, done.output
    first, second = place.noted
    assert (first.wanted.name, second.wanted.name) == ("combined", "conventional")
    assert first.data == second.data
    assert {one.folder for one in place.noted} == {place.root / "models" / "combined", place.root / "models" / "conventional"}
    assert {(one.licence, one.seed, one.device, one.folds) for one in place.noted} == {("CC-BY-4.0", 5, "cpu", None)}
    assert NOT_FOR_DECISIONS in done.output
    assert "dice fold 0 0.50" in done.output
    assert "afterglow predict" in done.output


def test_a_folder_that_is_named_from_here_is_handed_on_by_its_whole_path(
    place: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.root)
    assert invoke("train", "bids", "out", "models", "--method", METHOD).exit_code == 0
    assert all(one.folder.is_absolute() for one in place.noted)


def test_epochs_iterations_and_folds_are_the_persons_and_the_rest_is_the_presets(place: SimpleNamespace) -> None:
    from afterglow.recurrence.presets import PRESETS

    assert train(place, "--preset", "medium", "--epochs", 3, "--fold", 0, "--model", "combined").exit_code == 0
    (one,) = place.noted
    assert (one.preset.epochs, one.preset.iterations) == (3, PRESETS["medium"].iterations)
    assert one.preset.patch == PRESETS["medium"].patch
    assert one.folds == (0,)


def test_the_model_of_images_alone_is_trained_without_the_map(place: SimpleNamespace) -> None:
    assert train(place).exit_code == 0
    read = {one.wanted.name: [channel.name for channel in one.data.channels_of(one.wanted)] for one in place.noted}
    assert read == {"combined": ["CE-T1w", "FLAIR", "ve"], "conventional": ["CE-T1w", "FLAIR"]}


def test_data_only_trains_nothing_and_says_what_comes_next(place: SimpleNamespace) -> None:
    done = train(place, "--data-only", "--json")
    told = json.loads(done.stdout)
    assert place.noted == []
    assert (told["patients"], told["recurred"], told["models"]) == (3, 2, [])
    assert "without --data-only" in train(place, "--data-only").output


def test_json_holds_what_a_person_reads(place: SimpleNamespace) -> None:
    told = json.loads(train(place, "--json").stdout)
    assert told["not_for_decisions"] == NOT_FOR_DECISIONS
    assert [one["name"] for one in told["models"]] == ["combined", "conventional"]
    assert math.isclose(told["models"][0]["metrics"]["dice_fold_0"], 0.5)
    assert Path(told["data_card"]).is_file()
