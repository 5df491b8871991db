"""Claims about a prediction: what it refuses, what it saw, and that it is nnU-Net's own."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.recurrence_cases import CHANNELS
from tests.recurrence_models import cases, copied, trained

from afterglow.records.errors import BadInput, GridMismatch, MissingInput, NotVerified
from afterglow.records.grid import Grid
from afterglow.records.recurrence import LearningCase, ModelCard, RecurrenceMap
from afterglow.recurrence.card import read_card
from afterglow.recurrence.checks import check_case
from afterglow.recurrence.network import load_network, probabilities
from afterglow.recurrence.predict import predict_case, shown_to, typical_value
from afterglow.recurrence.training_data import filled

torch = pytest.importorskip("torch", reason="torch is an extra")
pytest.importorskip("nnunetv2", reason="nnU-Net is an extra")
pytestmark = pytest.mark.slow  # a model has to be trained


def without(case: LearningCase, name: str) -> LearningCase:
    return replace(case, images={key: image for key, image in case.images.items() if key != name})


def scaled(case: LearningCase, name: str, factor: float) -> LearningCase:
    return replace(case, images={**case.images, name: (case.images[name] * np.float32(factor)).astype(np.float32)})


def predicted(case: LearningCase, *, folds: int = 1, dropped: float = 0.0, **asked: object) -> RecurrenceMap:
    model, card = trained(folds=folds, dropped=dropped)
    return predict_case(model, card, case, **asked)  # type: ignore[arg-type]


def inside(made: RecurrenceMap, case: LearningCase) -> np.ndarray:
    return made.probability[case.brain]


def test_a_map_has_a_probability_everywhere_in_the_brain_and_nowhere_else() -> None:
    case = cases()[0]
    made = predicted(case)
    np.testing.assert_array_equal(np.isfinite(made.probability), case.brain)
    assert 0 <= inside(made, case).min() < inside(made, case).max() <= 1
    assert made.probability.dtype == np.float32
    assert made.is_probability


def test_a_prediction_repeats_to_the_last_bit() -> None:
    case = cases()[6]
    np.testing.assert_array_equal(predicted(case).probability, predicted(case).probability)


def test_what_lies_outside_the_brain_changes_nothing() -> None:
    case = cases()[0]
    noise = np.random.default_rng(1).normal(500, 100, case.grid.shape).astype(np.float32)
    other = replace(case, images={name: np.where(case.brain, image, noise) for name, image in case.images.items()})
    np.testing.assert_array_equal(predicted(case).probability, predicted(other).probability)


def test_what_is_not_measured_is_read_as_zero_and_the_share_is_told_once() -> None:
    case = cases()[0]
    zero = replace(case, images={**case.images, "ve": np.nan_to_num(case.images["ve"])})
    made, full = predicted(case), predicted(zero)
    np.testing.assert_array_equal(made.probability, full.probability)
    assert made.remarks == ("model combined reads 0 where ve has no value (5.7% of the brain), as in its training",)
    assert full.remarks == ()
    (said,) = check_case(case, CHANNELS)
    assert said == "ve has a value in 94 % of the brain"
    told = predicted(replace(case, remarks=(said,))).remarks
    assert told == (said, "model combined reads 0 where ve has no value, as in its training")


def test_nnunets_own_loader_and_prediction_give_the_same_map() -> None:
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    model, _ = trained()
    case = cases()[6]
    stack = filled(np.stack([case.images[name] for name in ("CE-T1w", "FLAIR", "ve")]), case.brain).transpose(0, 3, 2, 1)
    stock = nnUNetPredictor(device=torch.device("cpu"), use_mirroring=False, allow_tqdm=False)
    stock.initialize_from_trained_model_folder(str(model), (0,))
    _, both = stock.predict_single_npy_array(stack, {"spacing": [2.0, 2.0, 2.0]}, None, None, True)
    np.testing.assert_allclose(inside(predicted(case), case), both[1].transpose(2, 1, 0)[case.brain], atol=1e-3)


def test_folds_are_averaged_in_probability() -> None:
    case = cases(2)[-1]
    one, two = (predict_case(*trained(folds=2), case, folds=(k,)) for k in (0, 1))
    both = predict_case(*trained(folds=2), case)
    assert both.folds == (0, 1)
    np.testing.assert_allclose(inside(both, case), (inside(one, case) + inside(two, case)) / 2, atol=1e-6)
    assert np.abs(inside(one, case) - inside(two, case)).max() > 1e-3


def test_mirroring_averages_over_flipped_copies() -> None:
    case = cases()[0]
    plain, mirrored = predicted(case), predicted(case, mirroring=True)
    assert np.abs(inside(plain, case) - inside(mirrored, case)).max() > 1e-4
    assert "mirrored" in mirrored.provenance.sentence
    flipped = replace(
        case,
        images={name: image[::-1].copy() for name, image in case.images.items()},
        brain=case.brain[::-1].copy(),
        label=None,
        enhancing=None,
    )
    uneven = [
        np.abs(predicted(flipped, mirroring=m).probability[::-1] - made.probability)[case.brain].mean()
        for m, made in ((False, plain), (True, mirrored))
    ]
    assert uneven[1] < uneven[0] / 2  # not zero: tiles of an odd box do not lie symmetrically


def test_a_patient_is_predicted_by_the_folds_that_never_saw_them() -> None:
    model, card = trained(folds=2)
    for case in cases(2):
        made = predict_case(model, card, case)
        learned = [k for k, fold in enumerate(card.splits.folds) if case.subject in fold.training]
        assert not set(learned) & set(made.folds)
        assert made.shown == ("test" if case.subject in card.splits.test else "out of fold")
    first = cases(2)[0]
    everything = predict_case(model, card, first, folds=(0, 1))
    assert everything.shown == "training"
    assert "learned from this patient" in everything.provenance.sentence


def test_of_one_fold_a_patient_who_trained_is_shown_as_training() -> None:
    _, card = trained()
    assert predicted(cases()[0]).shown == "training"
    assert predicted(cases()[4]).shown == "out of fold"
    assert predicted(cases()[8]).shown == "test"
    assert shown_to(card, "99", (0,)) == "new"


@pytest.mark.parametrize(("folds", "words"), [((3,), "no fold 3; it has 0"), ((), "none was named")])
def test_a_fold_that_was_not_trained_is_refused(folds: tuple[int, ...], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        predict_case(*trained(), cases()[0], folds=folds)


@pytest.mark.parametrize("name", ["CE-T1w", "FLAIR", "ve"])
def test_a_missing_channel_is_refused_by_name(name: str) -> None:
    with pytest.raises(MissingInput, match=f"reads {name}"):
        predicted(without(cases()[0], name))


def test_a_map_without_a_value_is_a_missing_map() -> None:
    case = cases()[0]
    empty = replace(case, images={**case.images, "ve": np.full(case.grid.shape, np.nan, dtype=np.float32)})
    with pytest.raises(MissingInput, match="no value in the brain"):
        predicted(empty)
    assert "hidden" in predicted(empty, dropped=0.5).remarks[0]


def test_a_model_trained_with_hidden_maps_stands_one_that_is_missing_and_says_so() -> None:
    case = cases()[0]
    made = predicted(without(case, "ve"), dropped=0.5)
    assert np.isfinite(inside(made, case)).all()
    assert made.provenance.settings["hidden"] == ("ve",)
    assert "ve was not measured and is hidden" in made.remarks[0]
    with pytest.raises(MissingInput, match="reads FLAIR"):
        predicted(without(case, "FLAIR"), dropped=0.5)


def test_per_cent_in_place_of_a_fraction_is_refused_with_the_numbers() -> None:
    with pytest.raises(BadInput, match=r"ve is typically \d+.*outside 0 to 1 \(1\).*per cent"):
        predicted(scaled(cases()[0], "ve", 100))


def test_swapped_channels_are_refused_where_a_range_can_tell() -> None:
    case = cases()[0]
    swapped = replace(case, images={**case.images, "ve": case.images["FLAIR"], "FLAIR": case.images["ve"]})
    with pytest.raises(BadInput, match="another map"):
        predicted(swapped)


def test_another_voxel_size_is_refused() -> None:
    case = cases()[0]
    other = replace(case, grid=Grid(case.grid.shape, np.diag([1.0, 1.0, 1.0, 1.0])))
    with pytest.raises(GridMismatch, match=r"1 x 1 x 1 mm.*2 x 2 x 2 mm"):
        predicted(other)


def test_a_brain_without_a_voxel_is_refused() -> None:
    case = cases()[0]
    with pytest.raises(BadInput, match="brain mask is empty"):
        predicted(replace(case, brain=np.zeros_like(case.brain)))


def test_the_absolute_scale_of_a_map_counts_where_it_is_kept_and_not_where_it_is_not() -> None:
    case = cases()[6]
    twice = scaled(case, "ve", 2.0)
    kept, scored = trained(ve="keep scale"), trained(ve="z-score")
    differs = [
        np.abs(inside(predict_case(*model, case), case) - inside(predict_case(*model, twice), case)).max()
        for model in (kept, scored)
    ]
    assert differs[0] > 1e-2
    assert differs[1] < 1e-3


def test_the_scale_of_an_image_in_arbitrary_units_never_counts() -> None:
    case = cases()[6]
    np.testing.assert_allclose(inside(predicted(case), case), inside(predicted(scaled(case, "FLAIR", 7.0)), case), atol=1e-3)


def test_the_order_of_axes_is_that_of_the_patient_and_not_of_nnunet() -> None:
    case = cases()[6]
    model, card = trained()
    stack = filled(np.stack([case.images[c.name] for c in card.channels]), case.brain)
    network = load_network(model, card, "cpu")
    direct = probabilities(network, stack.transpose(0, 3, 2, 1), (2.0, 2.0, 2.0), folds=(0,), mirroring=False)
    np.testing.assert_array_equal(direct.transpose(2, 1, 0)[case.brain], inside(predicted(case), case))


def test_a_byte_changed_after_the_card_was_read_is_still_refused(tmp_path: Path) -> None:
    model, _ = trained()
    folder = copied(model, tmp_path)
    card = read_card(folder)
    weights = folder / "fold_0" / "checkpoint_final.pth"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(NotVerified, match="checkpoint_final"):
        predict_case(folder, card, cases()[0])


def test_a_trusted_model_without_a_card_predicts_the_same(tmp_path: Path) -> None:
    model, _ = trained()
    folder = copied(model, tmp_path)
    (folder / "card.json").unlink()
    described = json.loads((folder / "dataset.json").read_text())
    described["channel_names"] = {"0": "CE-T1w", "1": "FLAIR", "2": "ve"}
    (folder / "dataset.json").write_text(json.dumps(described))
    card: ModelCard = read_card(folder, trust=True)
    made = predict_case(folder, card, cases()[6])
    np.testing.assert_array_equal(made.probability, predicted(cases()[6]).probability)
    assert made.shown == "new"
    assert "without a card" in made.remarks[-1]


def test_a_typical_value_leaves_out_what_is_absent_and_what_is_outside() -> None:
    image = np.array([[[0.1, np.nan, 0.2, 0.4, 900.0]]], dtype=np.float32)
    brain = np.array([[[True, True, True, True, False]]])
    assert typical_value(image, brain) == pytest.approx(0.2)
    assert typical_value(image * np.float32(np.nan), brain) is None
