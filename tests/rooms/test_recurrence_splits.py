"""Claims about splits: by subject, stratified, seeded, and nobody on two sides."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recurrence_cases import make_cases

from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.recurrence import Splits
from afterglow.recurrence.checks import check_case, check_classes, check_twins
from afterglow.recurrence.splits import k_fold_splits, temporal_splits

people = st.dictionaries(st.text("abcdef0123456789", min_size=1, max_size=4), st.booleans(), min_size=20, max_size=60)


def shares(splits: Splits, recurs: dict[str, bool]) -> list[tuple[int, int]]:
    """How many are held out in each fold, and how many of them recur."""
    return [(len(fold.held_out), sum(recurs[one] for one in fold.held_out)) for fold in splits.folds]


@settings(max_examples=100)
@given(people, st.integers(2, 5), st.integers(0, 1000), st.sampled_from([0.0, 0.2, 0.4]))
def test_everybody_is_held_out_once_or_tested(recurs: dict[str, bool], folds: int, seed: int, test_share: float) -> None:
    splits = k_fold_splits(recurs, folds=folds, test_share=test_share, seed=seed)
    held = [one for fold in splits.folds for one in fold.held_out]
    assert sorted([*held, *splits.test]) == sorted(recurs)
    for fold in splits.folds:
        assert sorted([*fold.training, *fold.held_out, *splits.test]) == sorted(recurs)
    for column in np.array(shares(splits, recurs)).T:
        assert column.max() - column.min() <= 1


@settings(max_examples=50)
@given(people, st.integers(0, 1000))
def test_the_order_of_the_patients_does_not_matter_and_the_seed_does(recurs: dict[str, bool], seed: int) -> None:
    turned = dict(reversed(recurs.items()))
    wanted = k_fold_splits(recurs, folds=3, test_share=0.2, seed=seed)
    assert k_fold_splits(turned, folds=3, test_share=0.2, seed=seed) == wanted
    assert any(k_fold_splits(recurs, folds=3, test_share=0.2, seed=seed + n).folds != wanted.folds for n in (1, 2, 3))


def test_a_column_tells_the_test_set_and_the_folds_share_the_recurrences() -> None:
    recurs = {f"{k:03d}": k < 77 for k in range(179)}
    test = [f"{k:03d}" for k in (*range(15), *range(161, 179))]
    splits = temporal_splits(recurs, test, folds=5, seed=1, column="set")
    assert (splits.kind, splits.test) == ("temporal", tuple(sorted(test)))
    assert splits.stratified_by == "column set of participants.tsv; folds by recurrence"
    assert sorted(shares(splits, recurs)) == [(29, 12), (29, 12), (29, 12), (29, 13), (30, 13)]
    assert {splits.shown(one) for one in test} == {"test"}
    assert splits.shown("020") == "out of fold"


@pytest.mark.parametrize(
    ("n_training", "test", "words"),
    [
        (6, [], "6 patients into training and 0 into the test"),
        (0, ["a"], "0 patients into training"),
        (3, ["a"], "too few for 2 folds"),
    ],
)
def test_a_column_that_leaves_a_set_empty_or_small_is_refused(n_training: int, test: list[str], words: str) -> None:
    recurs = {f"{k}": k % 2 == 0 for k in range(n_training)} | dict.fromkeys(test, True)
    with pytest.raises(BadInput, match=words):
        temporal_splits(recurs, test, folds=2, seed=1, column="set")


def test_a_patient_to_be_tested_who_has_no_case_is_refused() -> None:
    with pytest.raises(BadInput, match="sub-z is to be tested and has no case"):
        temporal_splits({"a": True}, ["z"], folds=2, seed=1, column="set")


def test_one_class_alone_and_twins_are_refused() -> None:
    check_classes({"a": True, "b": False}, [("a", "b")])
    with pytest.raises(BadInput, match="no patient who trains has a recurrence"):
        check_classes({"a": False, "b": False}, [("a", "b")])
    with pytest.raises(BadInput, match="fold 1: every patient who trains has a recurrence"):
        check_classes({"a": True, "b": False}, [("a", "b"), ("a",)])
    check_twins({"a": {"x": "1", "y": "1"}, "b": {"x": "2"}})
    with pytest.raises(BadInput, match="sub-b and sub-a have the same image, byte for byte"):
        check_twins({"b": {"x": "1"}, "a": {"y": "1"}})


def test_a_good_case_passes_and_a_missing_channel_does_not() -> None:
    cases, channels, _ = make_cases(4, seed=1, side=16)
    case = cases[0]
    (remark,) = check_case(case, channels)
    assert remark == f"ve has a value in {100 * np.isfinite(case.images['ve'][case.brain]).mean():.0f} % of the brain"
    slab = np.zeros(case.grid.shape, dtype=bool)
    slab[:, :, : case.grid.shape[2] // 2] = True
    (once,) = check_case(replace(case, label=None), channels, slab=slab)
    assert once == f"{remark}; the maps cover {100 * slab[case.brain].mean():.0f} %"
    with pytest.raises(MissingInput, match="the channel T2w is missing; it has CE-T1w, FLAIR, ve"):
        check_case(case, (*channels, type(channels[0])("T2w", "z-score")))
