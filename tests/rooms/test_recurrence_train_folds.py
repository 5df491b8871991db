"""Claims about trainings that run: repeated, stopped, continued, on a full disk, fold by fold."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.recurrence_models import COMBINED, TINY, copied, data, normalised, train, trained

from afterglow.records.errors import Unwritable
from afterglow.recurrence.presets import DEFAULT

torch = pytest.importorskip("torch", reason="torch is an extra")
pytest.importorskip("nnunetv2", reason="nnU-Net is an extra")
pytestmark = pytest.mark.slow


class Stop(Exception):
    """Somebody presses Ctrl-C."""


def stop_after(epoch: int, seen: list[str]):
    def progress(what: str, done: int, of: int) -> None:
        seen.append(what)
        if "epochs" in what and done == epoch:
            raise Stop

    return progress


def test_a_repeated_training_gives_the_same_files_to_the_last_bit(tmp_path: Path) -> None:
    _, card = trained()
    again = train(tmp_path / "again")
    assert dict(again.files) == dict(card.files)
    assert again.metrics == card.metrics


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    _, card = trained()
    other = train(tmp_path / "other", seed=4)
    assert other.files["fold_0/checkpoint_final.pth"] != card.files["fold_0/checkpoint_final.pth"]


def test_a_stopped_training_goes_on_to_the_weights_it_would_have_had(tmp_path: Path) -> None:
    _, card = trained()
    first: list[str] = []
    second: list[str] = []
    with pytest.raises(Stop):
        train(tmp_path / "m", progress=stop_after(2, first))
    assert not (tmp_path / "m" / "card.json").exists()
    resumed = train(tmp_path / "m", progress=lambda what, done, of: second.append(what))
    assert dict(resumed.files) == dict(card.files)
    assert sum("epochs" in what for what in second) == 1
    assert any("preparing" in what for what in first)
    assert not any("preparing" in what for what in second)


def test_a_finished_model_is_not_trained_again(tmp_path: Path) -> None:
    model, card = trained()
    folder = copied(model, tmp_path)
    told: list[str] = []
    assert train(folder, progress=lambda what, done, of: told.append(what)) == card
    assert told == []


def test_a_fold_that_is_done_stays_and_the_next_is_added(tmp_path: Path) -> None:
    _, both = trained(folds=2)
    told: list[str] = []
    one = train(tmp_path / "m", of=data(2), folds=(1,))
    assert one.folds == (1,)
    card = train(tmp_path / "m", of=data(2), progress=lambda what, done, of: told.append(what))
    assert card.folds == (0, 1)
    assert dict(card.files) == dict(both.files)
    assert not any("fold 1, epochs" in what for what in told)
    assert set(card.metrics) == {"dice_fold_0", "dice_fold_1"}


def test_the_card_tells_what_nnunet_planned_and_what_was_asked(tmp_path: Path) -> None:
    model, card = trained()
    plan = json.loads((model / "plans.json").read_text())["configurations"]["3d_fullres"]
    assert card.settings["normalisation"] == tuple(plan["normalization_schemes"])
    assert card.settings["normalisation"] == ("ZScoreNormalization", "ZScoreNormalization", "CTNormalization")
    assert card.settings["patch"] == tuple(plan["patch_size"]) == TINY.patch
    assert card.settings["features"] == TINY.features
    assert card.spacing_mm == (2.0, 2.0, 2.0)
    assert not (model / "work").exists()


def test_no_path_of_this_machine_is_left_in_a_model() -> None:
    model, _ = trained()
    for path in model.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert str(Path.home()).encode() not in content or str(Path.home()) == "/"
            assert b"afterglow-models-" not in content, path


def test_the_epochs_are_a_table(tmp_path: Path) -> None:
    model, _ = trained()
    head, *rows = (model / "fold_0" / "epochs.tsv").read_text().splitlines()
    assert head.split("\t") == ["epoch", "learning_rate", "training_loss", "validation_loss", "dice"]
    table = np.array([[float(cell) for cell in row.split("\t")] for row in rows])
    assert table[:, 0].tolist() == [1, 2, 3]
    assert table[0, 1] == TINY.learning_rate
    assert np.isfinite(table).all()


@pytest.mark.parametrize("scheme", ["none", "0 to 1"])
def test_every_normalisation_reaches_the_plan(tmp_path: Path, scheme) -> None:
    other = replace(data(), channels=(*data().channels[:2], normalised(scheme)))
    card = train(tmp_path / "m", of=other, preset=replace(TINY, epochs=1, iterations=1))
    expected = {"none": "NoNormalization", "0 to 1": "RescaleTo01Normalization"}[scheme]
    assert card.settings["normalisation"][2] == expected


def test_a_full_disk_is_one_sentence_and_the_last_checkpoint_is_kept(tmp_path: Path) -> None:
    _, card = trained()

    def fill(what: str, done: int, of: int) -> None:
        if "epochs" in what and done == 1:  # the next checkpoint goes to a device that is always full
            latest = next((tmp_path / "m").rglob("checkpoint_latest.pth"))
            latest.with_name("checkpoint_latest.pth.part").symlink_to("/dev/full")

    with pytest.raises(Unwritable, match=r"disk is full.*last checkpoint is kept"):
        train(tmp_path / "m", progress=fill)
    assert not list((tmp_path / "m").rglob("*.part"))
    told: list[str] = []
    assert dict(train(tmp_path / "m", progress=lambda what, done, of: told.append(what)).files) == dict(card.files)
    assert sum("epochs" in what for what in told) == 2


def test_a_disk_that_fills_while_patients_are_prepared_is_the_same_sentence(tmp_path: Path, monkeypatch) -> None:
    from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    _, card = trained()
    with monkeypatch.context() as patched:
        patched.setattr(nnUNetDatasetBlosc2, "save_case", full)
        with pytest.raises(Unwritable, match="disk is full"):
            train(tmp_path / "m")
    assert dict(train(tmp_path / "m").files) == dict(card.files)


def test_another_failure_is_not_called_a_full_disk(tmp_path: Path) -> None:
    from afterglow.recurrence.extra import full_disk_said

    with pytest.raises(RuntimeError, match="something else"), full_disk_said(tmp_path):
        raise RuntimeError("something else")


def test_neither_environment_nor_screen_nor_threads_notice_a_training(tmp_path: Path, capsys) -> None:
    trained()  # the libraries set variables of their own when they are first imported
    before, threads = dict(os.environ), torch.get_num_threads()
    train(
        tmp_path / "m",
        preset=replace(TINY, epochs=1, iterations=1),
        progress=lambda what, done, of: print("told"),  # noqa: T201
    )
    assert dict(os.environ) == before
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()
    shown = capsys.readouterr().out.splitlines()
    assert shown
    assert set(shown) == {"told"}


def test_patients_prepared_by_many_threads_are_those_prepared_by_one(tmp_path: Path) -> None:
    import blosc2

    from afterglow.recurrence.extra import nnunet_surroundings, quiet
    from afterglow.recurrence.plans import prepare

    def prepared(workers: int) -> tuple[dict[str, object], dict[str, bytes]]:
        work = tmp_path / str(workers)
        with quiet(), nnunet_surroundings(work, 1):
            plan = prepare(
                data().learned_from(),
                data().channels,
                data().splits,
                TINY,
                work,
                workers=workers,
                told=lambda what, done, of: None,
            )
        return plan, {path.name: blosc2.open(str(path))[:].tobytes() for path in work.rglob("*.b2nd")}

    one, many = prepared(1), prepared(6)
    assert len(one[1]) == 12
    assert one == many


def test_a_fold_that_holds_nobody_out_trains_and_says_so(tmp_path: Path) -> None:
    fold = data().splits.folds[0]
    splits = replace(data().splits, folds=(replace(fold, training=(*fold.training, *fold.held_out), held_out=()),))
    card = train(tmp_path / "m", of=replace(data(), splits=splits), preset=replace(TINY, epochs=1, iterations=1))
    assert "holds nobody out" in card.remarks[0]
    assert dict(card.metrics) == {}


def test_hiding_maps_changes_the_weights_and_is_repeatable(tmp_path: Path) -> None:
    _, open_eyed = trained()
    _, hidden = trained(dropped=0.5)
    again = train(tmp_path / "again", wanted=replace(COMBINED, dropped=0.5))
    assert dict(again.files) == dict(hidden.files)
    assert hidden.files["fold_0/checkpoint_final.pth"] != open_eyed.files["fold_0/checkpoint_final.pth"]
    assert hidden.settings["dropped"] == 0.5


def test_nnunets_own_plan_trains_with_its_own_optimiser(tmp_path: Path) -> None:
    card = train(tmp_path / "m", preset=replace(DEFAULT, epochs=1, iterations=1, validation_iterations=1))
    features = card.settings["features"]
    assert isinstance(features, tuple)
    assert features[:2] == (32, 64)
    assert card.settings["optimiser"] == "SGD"
    patch = card.settings["patch"]
    assert isinstance(patch, tuple)
    assert all(16 <= int(side) <= 32 for side in patch if isinstance(side, int))
    assert card.preset == "default"


def test_the_papers_preset_is_nnunets_untouched_trainer() -> None:
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    from afterglow.recurrence.extra import nnunet_surroundings, quiet
    from afterglow.recurrence.presets import YOON2024

    model, _ = trained()
    plan, described = (json.loads((model / name).read_text()) for name in ("plans.json", "dataset.json"))
    with quiet(), nnunet_surroundings(model.parent / "stock", 0):
        stock = nnUNetTrainer({**plan, "continue_training": False}, "3d_fullres", 0, described, torch.device("cpu"))
    assert (stock.num_epochs, stock.num_iterations_per_epoch, stock.num_val_iterations_per_epoch) == (
        YOON2024.epochs, YOON2024.iterations, YOON2024.validation_iterations,
    )  # fmt: skip
    assert (stock.initial_lr, stock.oversample_foreground_percent) == (YOON2024.learning_rate, YOON2024.foreground)
