"""Claims about [recurrence] of a method file: what the shipped one says, and what is refused."""

from pathlib import Path

import pytest

from afterglow.flows.digital_study import run_study
from afterglow.flows.method import Method, load_method, method_text
from afterglow.flows.work import silent
from afterglow.records.errors import BadMethod
from afterglow.records.recurrence import Channel, ModelWanted


def test_the_shipped_models_differ_by_ve_alone_and_ve_keeps_its_scale() -> None:
    spec = load_method("yoon2024").recurrence
    assert spec is not None
    assert spec.models == (ModelWanted("combined", ("CE-T1w", "FLAIR", "ve")), ModelWanted("conventional", ("CE-T1w", "FLAIR")))
    assert spec.channels == (
        Channel("CE-T1w", "z-score"), Channel("FLAIR", "z-score"), Channel("ve", "keep scale", "ve", 0.002, 0.6)
    )  # fmt: skip
    assert (spec.space, spec.spacing_mm, spec.threshold, spec.before) == ("CE-T1w", 1.0, 0.5, "surgery")
    assert all(one.source for one in (spec, *spec.channel, *spec.model, spec.label, spec.split))


def test_rules_that_nothing_is_learned_for_are_those_that_a_map_makes(tmp_path: Path) -> None:
    spec = load_method("yoon2024").recurrence
    assert spec is not None
    assert spec.rules_beside == ("ve", "vp", "rcbv", "ve-ratio", "vp-ratio", "distance")  # rcbv is a ratio already
    with pytest.raises(
        BadMethod, match=r"'prediction' has 'rcbv-ratio' beside, which no map of \[recurrence\] makes; there are ve, vp"
    ):
        changed(tmp_path, ('"rcbv", "distance"]', '"rcbv-ratio", "distance"]'))
    with pytest.raises(BadMethod, match=r"two of recurrence.channel or recurrence.beside are called 've'"):
        changed(tmp_path, ('name = "vp"', 'name = "ve"'))


def test_only_yoon2024_has_models_and_what_is_quantified_beside_it_has_none() -> None:
    method = load_method("yoon2024")
    beside = method.of_dsc()
    assert beside is not None
    assert beside.recurrence is None
    assert load_method("behar2023").recurrence is None


def changed(tmp_path: Path, *changes: tuple[str, str]) -> Method:
    text = method_text("yoon2024")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return load_method(str(path))


def test_any_map_of_the_method_can_be_a_channel(tmp_path: Path) -> None:
    mine = changed(
        tmp_path,
        ("[[recurrence.model]]", '[[recurrence.channel]]\nname = "nCBV"\nquantity = "rcbv"\nnormalisation = "keep scale"\nlow = 0.3\nhigh = 3.0\nsource = "mine"\n\n[[recurrence.model]]'),
        ('channels = ["CE-T1w", "FLAIR", "ve"]', 'channels = ["CE-T1w", "FLAIR", "nCBV", "ve"]\ndropped = 0.3'),
    )  # fmt: skip
    assert mine.recurrence is not None
    assert mine.recurrence.channels[-1].unit == "{ratio}"
    assert mine.recurrence.models[0] == ModelWanted("combined", ("CE-T1w", "FLAIR", "nCBV", "ve"), 0.3)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('quantity = "ve"\nnormalisation', 'quantity = "veee"\nnormalisation', "unknown quantity 'veee'"),
        ('normalisation = "keep scale"', 'normalisation = "CT"', "normalisation"),
        ("high = 0.6\n", "", "low and high say where a map's typical value is believed"),
        ("high = 0.6\n", "high = 0.001\n", "the range 0.002 to 0.001 is empty"),
        ('name = "FLAIR"\n', 'name = "Flair"\n', "channel 'Flair' is no anatomy"),
        ('channels = ["CE-T1w", "FLAIR"]', 'channels = ["CE-T1w", "FLAR"]', "model 'conventional' reads 'FLAR'"),
        ('channels = ["CE-T1w", "FLAIR"]', 'channels = ["CE-T1w", "CE-T1w"]', "reads each of its channels once"),
        ('name = "conventional"', 'name = "combined"', "two of recurrence.model are called 'combined'"),
        ('name = "conventional"', 'name = "Conventional MR"', "small letters, digits and hyphens"),
        ('stayed_away = ["no recurrence"]', 'stayed_away = ["recurrence"]', "cannot say both"),
        ('test = ["test"]', 'test = ["train"]', "'train' cannot stand for training and for test"),
        ('column = "set"\n', "", "a temporal split names a column"),
        ('kind = "temporal"', 'kind = "k-fold"', "a k-fold split is drawn"),
        ("folds = 5", "folds = 1", "greater than or equal to 2"),
        ("spacing_mm = 1.0", "spacing_mm = 0.0", "spacing_mm"),
        ("carried_back = true", "carry_back = true", "unknown key"),
        ("threshold = 0.5\nmargin", "threshold = 1.0\nmargin", "threshold"),
    ],
)
def test_a_mistake_is_refused_with_its_place(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(BadMethod, match=r"recurrence") as error:
        changed(tmp_path, (old, new))
    assert words in str(error.value)


def test_its_study_is_not_made_in_one_go(tmp_path: Path) -> None:
    with pytest.raises(BadMethod, match="its study trains models"):
        run_study(tmp_path, "yoon2024", patients=2, seed=1, size="coarse", workers=1, progress=silent)
    assert list(tmp_path.iterdir()) == []
