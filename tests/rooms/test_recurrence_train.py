"""Claims about what a training is told: presets, channels, folds and folders that cannot be right, and maps that are hidden."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.recurrence_cases import CHANNELS, make_cases, splits_of, written
from tests.recurrence_models import COMBINED, TINY, data, train

from afterglow.records.errors import BadInput, MissingInput, Unwritable
from afterglow.records.grid import Grid
from afterglow.records.recurrence import Fold, ModelWanted, Splits
from afterglow.recurrence.dropout import hiding, maps_of
from afterglow.recurrence.extra import check_device, nnunet_surroundings
from afterglow.recurrence.fold import _run, _write_epochs
from afterglow.recurrence.plans import read_case
from afterglow.recurrence.predict import predict_case
from afterglow.recurrence.presets import PRESETS, SMOKE, YOON2024, changed
from afterglow.recurrence.train import ASKED
from afterglow.recurrence.training_data import TrainingData, filled

torch = pytest.importorskip("torch", reason="torch is an extra")
pytest.importorskip("nnunetv2", reason="nnU-Net is an extra")


@pytest.mark.parametrize("preset", PRESETS.values(), ids=str)
def test_every_preset_says_why(preset) -> None:
    assert PRESETS[preset.name] is preset
    assert len(preset.why) > 40


def test_the_papers_preset_leaves_everything_to_nnunet() -> None:
    assert YOON2024.patch is YOON2024.batch is YOON2024.features is None
    assert (YOON2024.optimiser, YOON2024.epochs, YOON2024.iterations) == ("SGD", 1000, 250)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epochs": 0}, "0 epochs"),
        ({"iterations": 0}, "0 iterations"),
        ({"save_every": 0}, "0 epochs between checkpoints"),
        ({"learning_rate": 0.0}, "does not learn"),
        ({"patch": None}, "both"),
        ({"patch": (30, 32, 32)}, "fractions"),
        ({"features": (8, 16)}, "three stages"),
    ],
)
def test_a_preset_that_cannot_train_is_refused(change, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(SMOKE, **change)


def test_what_a_person_changed_of_a_preset_is_told() -> None:
    assert changed(SMOKE) == ()
    assert changed(replace(SMOKE, epochs=3, iterations=7)) == ("epochs 3 in place of 10", "iterations 7 in place of 25")
    assert changed(TINY) == ()  # a preset of one's own has no other numbers


@pytest.mark.parametrize("absent", ["torch", "nnunetv2"])
def test_without_the_extra_one_sentence_says_how_to_install_it(tmp_path: Path, monkeypatch, absent: str) -> None:
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(MissingInput, match=rf"{absent}.*pip install 'afterglow\[recurrence\]'"):
        train(tmp_path / "combined")
    assert not (tmp_path / "combined").exists()


def test_a_graphics_card_that_torch_does_not_see_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BadInput, match="sees no graphics card"):
        check_device("cuda")
    with pytest.raises(BadInput, match="cpu or cuda"):
        check_device("tpu")


def test_a_channel_that_the_learning_set_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match=r"reads ktrans.*CE-T1w, FLAIR, ve"):
        train(tmp_path, wanted=ModelWanted("other", ("CE-T1w", "ktrans")))


def test_a_patient_of_a_fold_who_is_not_in_the_set_is_named(tmp_path: Path) -> None:
    fewer = replace(data(), cases=data().cases[1:])
    with pytest.raises(MissingInput, match="sub-01"):
        train(tmp_path, of=fewer)


def test_a_patient_whose_outcome_is_not_known_cannot_be_learned_from(tmp_path: Path) -> None:
    first, *others = data().cases
    with pytest.raises(BadInput, match="sub-01"):
        train(tmp_path, of=replace(data(), cases=(replace(first, label=None), *others)))


def test_a_fold_with_nobody_to_learn_from_is_refused(tmp_path: Path) -> None:
    splits = Splits("k-fold", (Fold((), ("01", "02")),), (), 0, "recurrence")
    with pytest.raises(BadInput, match="nobody to learn from"):
        train(tmp_path, of=replace(data(), splits=splits))


def test_one_class_alone_is_refused_before_anything_is_learned(tmp_path: Path) -> None:
    cases, channels, _ = make_cases(6, 3, side=24)
    never = [case for case in cases if not case.recurs]
    splits = Splits("k-fold", (Fold(tuple(case.subject for case in never), ()),), (), 0, "recurrence")
    told = []
    with pytest.raises(BadInput, match="none of the 3 patients"):
        train(
            tmp_path / "combined",
            of=written(never, channels, splits, tmp_path / "data"),
            progress=lambda what, done, n: told.append(what),
        )
    assert not any("epochs" in what for what in told)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(BadInput, match="something else"):
        train(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"preset": replace(TINY, epochs=9)}, "preset"),
        ({"seed": 4}, "seed"),
        ({"wanted": replace(COMBINED, dropped=0.5)}, "model"),
        ({"of": "another set"}, "data_sha256"),
    ],
)
def test_a_training_goes_on_only_as_what_it_began(tmp_path: Path, change, what: str) -> None:
    class Stop(Exception):
        pass

    def stop(*_: object) -> None:
        raise Stop

    with pytest.raises(Stop):
        train(tmp_path / "m", progress=stop)
    asked = (tmp_path / "m" / ASKED).read_text()
    if "of" in change:
        change = {"of": replace(data(), sha256="f" * 64)}
    with pytest.raises(BadInput, match=rf"other settings.*{what}"):
        train(tmp_path / "m", **change)
    assert (tmp_path / "m" / ASKED).read_text() == asked


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unwritable, match="nothing was trained"):
        train(tmp_path / "file" / "combined")


def test_the_environment_is_afterwards_as_it_was(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("nnUNet_raw", "somewhere")
    monkeypatch.delenv("nnUNet_results", raising=False)
    before = dict(os.environ)
    with pytest.raises(ZeroDivisionError), nnunet_surroundings(tmp_path, 3):
        inside = dict(os.environ)
        assert inside["nnUNet_raw"] == str(tmp_path / "raw")
        assert inside["nnUNet_n_proc_DA"] == "3"
        raise ZeroDivisionError
    assert dict(os.environ) == before


def test_what_is_not_measured_and_what_is_outside_the_brain_is_zero() -> None:
    images = np.arange(16, dtype=np.float32).reshape(2, 2, 2, 2) + 1
    images[1, 0, 0, 0] = np.nan
    brain = np.ones((2, 2, 2), dtype=bool)
    brain[1] = False
    seen = filled(images, brain)
    assert seen.dtype == np.float32
    np.testing.assert_array_equal(seen[:, 1], 0)
    assert seen[1, 0, 0, 0] == 0
    assert (seen[:, 0] > 0).sum() == 7


def test_files_of_an_oblique_head_are_read_as_the_arrays_that_a_prediction_reads(tmp_path: Path) -> None:
    case = make_cases(4, 5, side=24)[0][0]
    turned = np.array([[0, -1.9, 0.2, 5], [2.1, 0, 0, -7], [0, 0.2, 1.9, 3], [0, 0, 0, 1.0]])
    turned[:3, :3] = np.linalg.qr(turned[:3, :3])[0] @ np.diag([2.0, 1.5, 3.0]) @ np.diag([1, -1, 1])
    cut = (slice(None), slice(2, None), slice(5, None))  # 24 x 22 x 19
    oblique = replace(
        case,
        grid=Grid((24, 22, 19), turned),
        images={name: image[cut] for name, image in case.images.items()},
        brain=case.brain[cut],
        label=None if case.label is None else case.label[cut],
        enhancing=None,
    )
    data = written([oblique], CHANNELS, splits_of(["01", "02", "03", "04"], 1, 0), tmp_path / "data")
    images, label, properties = read_case(data.cases[0], CHANNELS)
    stack = filled(np.stack([oblique.images[c.name] for c in CHANNELS]), oblique.brain)
    np.testing.assert_array_equal(images.transpose(0, 3, 2, 1), stack)
    assert oblique.label is not None
    np.testing.assert_array_equal(label[0].transpose(2, 1, 0) > 0, oblique.label)
    np.testing.assert_allclose(properties["spacing"][::-1], oblique.grid.spacing_mm, rtol=1e-5)


def test_an_epoch_without_a_label_to_find_has_no_dice_and_is_no_failure(tmp_path: Path) -> None:
    def zero_by_zero() -> None:
        assert np.isnan(np.nanmean([np.float64(0) / np.float64(0)]))

    _run(SimpleNamespace(run_training=zero_by_zero, dataloader_train=None, dataloader_val=None), deterministic=True)
    logged = {"lrs": [0.1, 0.05], "train_losses": [1.0, 0.5], "val_losses": [1.0, 0.25], "mean_fg_dice": [np.nan, 0.125]}
    _write_epochs(logged, tmp_path / "epochs.tsv")
    _, first, second = (tmp_path / "epochs.tsv").read_text().splitlines()
    assert first.split("\t") == ["1", "0.1", "1", "1", "n/a"]
    assert second.split("\t") == ["2", "0.05", "0.5", "0.25", "0.125"]


def test_without_the_extra_a_prediction_says_the_same(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingInput, match=r"pip install 'afterglow\[recurrence\]'"):
        predict_case(Path("nowhere"), None, None)  # type: ignore[arg-type]


def hidden_share(chance: float, maps: tuple[int, ...], n_channels: int = 3, steps: int = 200) -> np.ndarray:
    """Share of samples in which each channel was hidden."""
    step, begin = hiding(lambda batch: batch["data"], maps, chance, seed=1)
    begin(0)
    seen = torch.cat([step({"data": torch.ones(4, n_channels, 2, 2, 2)}) for _ in range(steps)])
    return (seen == 0).all(dim=(2, 3, 4)).double().mean(dim=0).numpy()


def test_maps_are_hidden_as_often_as_asked_and_images_never() -> None:
    assert maps_of(CHANNELS) == (2,)
    share = hidden_share(0.3, (1, 2))
    assert share[0] == 0
    np.testing.assert_allclose(share[1:], 0.3, atol=0.05)


def test_a_sample_of_maps_alone_never_loses_all_of_them() -> None:
    step, _ = hiding(lambda batch: batch["data"], (0, 1), 0.9, seed=1)
    seen = torch.cat([step({"data": torch.ones(4, 2, 2, 2, 2)}) for _ in range(100)])
    assert (seen != 0).any(dim=1).all()
    assert (seen == 0).any()


def test_what_is_hidden_in_an_epoch_does_not_depend_on_the_epochs_before() -> None:
    step, begin = hiding(lambda batch: batch["data"].sum(dim=(1, 2, 3, 4)).tolist(), (1, 2), 0.5, seed=1)
    batch = {"data": torch.ones(8, 3, 2, 2, 2)}

    def draw(epoch: int) -> list[list[float]]:
        begin(epoch)
        return [step(batch) for _ in range(5)]

    first = [draw(0), draw(1)]
    assert draw(1) == first[1]
    assert first[0] != first[1]
    assert (batch["data"] == 1).all()


def test_data_by_path_stay_what_they_were() -> None:
    assert isinstance(data(), TrainingData)
    with pytest.raises(TypeError):
        data().cases[0].images["ve"] = Path("other")  # type: ignore[index]
