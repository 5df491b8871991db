"""Claims about a model's card: it survives its file, and no byte of a model changes unseen."""

import dataclasses
import json
import math
from pathlib import Path

import pytest

from afterglow.records.errors import BadInput, CorruptFile, MissingInput, NotVerified
from afterglow.records.recurrence import Channel, Fold, ModelCard, Splits
from afterglow.recurrence.card import CARD, card_json, card_of, hash_file, read_card, write_card

SPLITS = Splits(
    "temporal", (Fold(("01", "02"), ("03",)), Fold(("03", "01"), ("02",))), ("04",), 5, "column set of participants.tsv"
)


def model(folder: Path) -> ModelCard:
    """Files that only look like a model; nobody opens them here."""
    files = {"dataset.json": b"{}", "plans.json": b"{}", "fold_0/checkpoint_final.pth": b"weights of fold 0"}
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return ModelCard(
        name="combined",
        method="yoon2024",
        channels=(Channel("CE-T1w", "z-score"), Channel("ve", "keep scale", "ve", 0.0, 1.0)),
        preset="smoke",
        splits=SPLITS,
        folds=(0,),
        spacing_mm=(1.0, 1.0, 1.0),
        seed=3,
        device="cpu",
        settings={"epochs": 10, "patch": (32, 32, 32), "dropped": 0.25, "why": "a trial – of ve", "trained": None},
        data_sha256="ab" * 32,
        versions={"torch": "2.13.0"},
        metrics={"dice_fold_0": 0.5},
        licence="CC-BY-4.0",
        files={name: hash_file(folder / name) for name in files},
        seconds=12.5,
        remarks=("fold 1 was not trained",),
    )


def test_a_card_comes_back_from_its_text_as_it_was(tmp_path: Path) -> None:
    card = model(tmp_path)
    assert card_of(card_json(card)) == card
    assert card_json(card_of(card_json(card))) == card_json(card)


def test_a_card_without_a_duration_and_without_limits_is_plain_json(tmp_path: Path) -> None:
    card = dataclasses.replace(model(tmp_path), seconds=math.nan)
    content = json.loads(card_json(card))
    assert content["seconds"] is None
    assert content["channels"][0]["low"] is None
    back = card_of(card_json(card))
    assert math.isnan(back.seconds)
    assert back.channels == card.channels


def test_a_model_whose_files_are_those_of_its_card_is_read(tmp_path: Path) -> None:
    card = model(tmp_path)
    assert write_card(tmp_path, card) == tmp_path / CARD
    assert read_card(tmp_path) == card
    assert sorted(p.name for p in tmp_path.iterdir()) == ["card.json", "dataset.json", "fold_0", "plans.json"]


@pytest.mark.parametrize("name", ["dataset.json", "plans.json", "fold_0/checkpoint_final.pth"])
def test_one_changed_byte_refuses_the_model(tmp_path: Path, name: str) -> None:
    write_card(tmp_path, model(tmp_path))
    content = bytearray((tmp_path / name).read_bytes())
    content[-1] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(NotVerified, match=name):
        read_card(tmp_path)


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    write_card(tmp_path, model(tmp_path))
    (tmp_path / "plans.json").unlink()
    with pytest.raises(MissingInput, match=r"plans\.json"):
        read_card(tmp_path)


def test_a_model_without_a_card_is_refused_and_the_sentence_says_why(tmp_path: Path) -> None:
    model(tmp_path)
    with pytest.raises(NotVerified, match=r"executable content.*--trust"):
        read_card(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="no such folder"):
        read_card(tmp_path / "combined")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"name": "combined"}', "null"])
def test_a_broken_card_is_one_sentence(tmp_path: Path, text: str) -> None:
    model(tmp_path)
    (tmp_path / CARD).write_text(text)
    with pytest.raises(CorruptFile, match=r"card\.json"):
        read_card(tmp_path)


def test_a_card_cannot_name_a_file_outside_its_folder(tmp_path: Path) -> None:
    inner = tmp_path / "combined"
    inner.mkdir()
    card = model(inner)
    (tmp_path / "elsewhere.pth").write_bytes(b"x")
    write_card(inner, dataclasses.replace(card, files={**card.files, "../elsewhere.pth": hash_file(tmp_path / "elsewhere.pth")}))
    with pytest.raises(NotVerified, match="outside"):
        read_card(inner)


def test_trust_is_a_persons_word_and_never_a_files(tmp_path: Path) -> None:
    card = model(tmp_path)
    write_card(tmp_path, dataclasses.replace(card, settings={**card.settings, "trusted": True}))
    assert "trusted" not in read_card(tmp_path).settings
    assert "trusted" not in read_card(tmp_path, trust=True).settings


def foreign(folder: Path) -> None:
    """What nnU-Net leaves of a model of two channels in full resolution."""
    model(folder)
    (folder / "dataset.json").write_text(json.dumps({"channel_names": {"0": "T1", "1": "CT"}}))
    full = {"normalization_schemes": ["ZScoreNormalization", "CTNormalization"], "spacing": [3.0, 2.0, 1.0]}
    (folder / "plans.json").write_text(json.dumps({"configurations": {"3d_fullres": full}}))


def test_a_trusted_model_from_elsewhere_gets_a_card_of_what_nnunet_says(tmp_path: Path) -> None:
    foreign(tmp_path)
    card = read_card(tmp_path, trust=True)
    assert card.channels == (Channel("T1", "z-score"), Channel("CT", "keep scale"))
    assert card.spacing_mm == (1.0, 2.0, 3.0)
    assert card.folds == (0,)
    assert card.splits.shown("01") == "new"
    assert set(card.files) == {"dataset.json", "plans.json", "fold_0/checkpoint_final.pth"}
    assert "without a card" in card.remarks[0]
    assert not (tmp_path / CARD).exists()


@pytest.mark.parametrize("name", ["dataset.json", "plans.json", "fold_0/checkpoint_final.pth"])
def test_a_trusted_folder_that_is_no_model_says_what_is_missing(tmp_path: Path, name: str) -> None:
    foreign(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(MissingInput, match=Path(name).name):
        read_card(tmp_path, trust=True)


def test_a_trusted_model_of_another_configuration_is_refused(tmp_path: Path) -> None:
    foreign(tmp_path)
    (tmp_path / "plans.json").write_text(json.dumps({"configurations": {"2d": {}}}))
    with pytest.raises(BadInput, match="3d_fullres"):
        read_card(tmp_path, trust=True)
