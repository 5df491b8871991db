"""Criteria, zones and their stability: what is claimed for every grid, every vote, every value that is missing."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from afterglow.painting.criteria import Comparison, Criterion, Evidence, votes_of
from afterglow.painting.stability import zone_agreement
from afterglow.painting.zones import ZoneRules, zones_of
from afterglow.records.errors import GridMismatch
from afterglow.records.grid import Grid
from afterglow.records.zones import CriterionVotes, Reason, Vote, Zone, ZoneMap

RULES = ZoneRules(2, 0.0, 0.0)
VOTES = arrays(np.uint8, (3, 6, 5, 4), elements=st.integers(0, 2))


def grid(shape: tuple[int, int, int], mm: float = 1.0) -> Grid:
    return Grid(shape, np.diag([mm, mm, mm, 1.0]))


def zones_from(votes: np.ndarray, rules: ZoneRules = RULES, tumour: np.ndarray | None = None, mm: float = 1.0) -> ZoneMap:
    shape = votes.shape[1:]
    criteria = [CriterionVotes(f"c{n}", one, "") for n, one in enumerate(votes)]
    where = np.ones(shape, dtype=bool) if tumour is None else tumour
    return zones_of(criteria, where, grid(shape, mm), rules, sources=())


def expected(votes: tuple[int, ...]) -> Zone:
    """The paper's definition, and nothing that is missing taken for normal."""
    yes, missing = votes.count(Vote.YES), votes.count(Vote.NOT_ASSESSED)
    if yes >= 2:
        return Zone.AGGRESSIVE
    if yes == 1:
        return Zone.PENUMBRA
    return Zone.NOT_ASSESSED if missing else Zone.PASSIVE


def test_every_combination_of_three_votes_has_the_zone_of_the_truth_table() -> None:
    table = list(product((Vote.NO, Vote.YES, Vote.NOT_ASSESSED), repeat=3))
    votes = np.array(table, dtype=np.uint8).T.reshape(3, 27, 1, 1)
    found = zones_from(votes)
    assert len(table) == 27
    assert [Zone(label) for label in found.labels.ravel()] == [expected(tuple(row)) for row in table]


# One quantity is known or not, above or not: (ratio 1, ratio 2) -> vote of "either reaches 2".
EITHER = {
    (1.0, 1.0): Vote.NO, (1.0, 3.0): Vote.YES, (3.0, 1.0): Vote.YES, (3.0, 3.0): Vote.YES, (np.nan, 3.0): Vote.YES, (3.0, np.nan): Vote.YES,
    (np.nan, 1.0): Vote.NOT_ASSESSED, (1.0, np.nan): Vote.NOT_ASSESSED, (np.nan, np.nan): Vote.NOT_ASSESSED, (2.0, 1.0): Vote.NO, (1.0, 2.0): Vote.YES,
}  # fmt: skip


def test_one_of_two_comparisons_suffices_and_a_missing_one_leaves_the_rest_open() -> None:
    """Cho/NAA > 2 or Cho/Cr >= 2: the second is met at 2, the first is not."""
    pairs = np.array(list(EITHER), dtype=np.float32)
    shape = (len(EITHER), 1, 1)
    criterion = Criterion("choline", (Comparison("cho_naa", 2.0, False, "absolute"), Comparison("cho_cr", 2.0, True, "absolute")))
    evidence = {name: Evidence(pairs[:, n].reshape(shape), None, None) for n, name in enumerate(("cho_naa", "cho_cr"))}
    found = votes_of(criterion, evidence, grid(shape))
    assert [Vote(v) for v in found.votes.ravel()] == list(EITHER.values())
    assert found.words == "Cho/NAA > 2 or Cho/Cr >= 2"


def test_a_quantity_without_a_map_or_without_its_reference_is_not_assessed() -> None:
    shape = (2, 1, 1)
    values = np.array([0.01, 0.2], dtype=np.float32).reshape(shape)
    ratio = Criterion("leak", (Comparison("ktrans", 2.0, False, "reference ratio"),))
    spread = Criterion("leak", (Comparison("ktrans", 2.0, False, "reference deviations"),))
    for criterion, evidence in (
        (ratio, {}),
        (ratio, {"ktrans": Evidence(values, None, None)}),
        (ratio, {"ktrans": Evidence(values, 0.0, 0.1)}),  # a ratio to nothing is no ratio
        (spread, {"ktrans": Evidence(values, 0.0, None)}),
    ):
        assert (votes_of(criterion, evidence, grid(shape)).votes == Vote.NOT_ASSESSED).all()
    assert list(votes_of(ratio, {"ktrans": Evidence(values, 0.01, None)}, grid(shape)).votes.ravel()) == [Vote.NO, Vote.YES]
    assert list(votes_of(spread, {"ktrans": Evidence(values, 0.0, 0.05)}, grid(shape)).votes.ravel()) == [Vote.NO, Vote.YES]


def test_a_value_known_only_from_below_can_meet_a_threshold_but_never_miss_it() -> None:
    shape = (2, 1, 1)
    lost = np.full(shape, np.nan, dtype=np.float32)
    bound = np.array([5.0, 1.0], dtype=np.float32).reshape(shape)
    criterion = Criterion("choline", (Comparison("cho_naa", 2.0, False, "absolute"),))
    found = votes_of(criterion, {"cho_naa": Evidence(lost, None, None, bound)}, grid(shape))
    assert list(found.votes.ravel()) == [Vote.YES, Vote.NOT_ASSESSED]


@given(VOTES)
def test_more_yes_votes_never_lower_a_zone(votes: np.ndarray) -> None:
    rank = {Zone.PASSIVE: 0, Zone.NOT_ASSESSED: 0, Zone.PENUMBRA: 1, Zone.AGGRESSIVE: 2}
    before, after = zones_from(votes), zones_from(np.concatenate([np.full_like(votes[:1], Vote.YES), votes[1:]]))
    assert all(rank[Zone(b)] <= rank[Zone(a)] for b, a in zip(before.labels.ravel(), after.labels.ravel(), strict=True))


@given(VOTES, st.permutations([0, 1, 2]))
def test_the_order_of_criteria_does_not_matter(votes: np.ndarray, order: list[int]) -> None:
    np.testing.assert_array_equal(zones_from(votes).labels, zones_from(votes[order]).labels)


@settings(max_examples=30)
@given(VOTES, st.floats(0.0, 3.0))
def test_what_lies_near_aggressive_tissue_is_penumbra_and_nothing_outside_the_tumour_has_a_zone(
    votes: np.ndarray, near_mm: float
) -> None:
    tumour = np.ones(votes.shape[1:], dtype=bool)
    tumour[0] = False
    found = zones_from(votes, ZoneRules(2, near_mm, 0.0), tumour)
    assert not found.labels[~tumour].any()
    aggressive = np.argwhere(found.labels == Zone.AGGRESSIVE)
    for voxel in np.argwhere(tumour & (found.labels != Zone.AGGRESSIVE)):
        away = np.linalg.norm(aggressive - voxel, axis=1).min() if len(aggressive) else np.inf
        if away <= near_mm:
            assert found.labels[tuple(voxel)] == Zone.PENUMBRA
        elif found.reasons[tuple(voxel)] == Reason.NEXT_TO_AGGRESSIVE:
            raise AssertionError(f"{voxel} lies {away} mm away, not {near_mm}")


def test_an_island_too_small_to_paint_becomes_penumbra_and_is_told() -> None:
    votes = np.zeros((3, 12, 12, 12), dtype=np.uint8)
    votes[:2, 1:6, 1:6, 1:6] = Vote.YES  # 125 voxels of 1 mm: .125 mL
    votes[:2, 8:11, 8:11, 8:11] = Vote.YES  # 27 voxels: .027 mL
    found = zones_from(votes, ZoneRules(2, 0.0, 0.08))
    assert found.volume_ml(Zone.AGGRESSIVE) == pytest.approx(0.125)
    assert found.islands_ml == pytest.approx((0.027,))
    assert (found.labels[8:11, 8:11, 8:11] == Zone.PENUMBRA).all()
    assert (found.reasons[8:11, 8:11, 8:11] == Reason.TOO_SMALL_TO_DELIVER).all()
    np.testing.assert_array_equal(zones_from(votes, ZoneRules(2, 0.0, 0.125)).labels[1:6, 1:6, 1:6], Zone.AGGRESSIVE)


def test_no_aggressive_voxel_is_a_result() -> None:
    found = zones_from(np.zeros((3, 4, 4, 4), dtype=np.uint8), ZoneRules(2, 3.0, 0.08))
    assert found.volume_ml(Zone.AGGRESSIVE) == 0
    assert (found.labels == Zone.PASSIVE).all()


def test_zones_on_another_grid_and_an_empty_tumour_are_refused() -> None:
    votes = np.zeros((3, 4, 4, 4), dtype=np.uint8)
    with pytest.raises(GridMismatch, match="lay them on it first"):
        zones_of([CriterionVotes("c", votes[0], "")], np.ones((5, 4, 4), dtype=bool), grid((4, 4, 4)), RULES, sources=())
    with pytest.raises(ValueError, match="tumour is empty"):
        zones_from(votes, tumour=np.zeros((4, 4, 4), dtype=bool))


@given(VOTES)
def test_zones_agree_wholly_with_themselves(votes: np.ndarray) -> None:
    found = zones_from(votes)
    assert all(one.dice == (1.0 if one.first_ml else None) for one in zone_agreement(found, found))


def test_a_value_whose_own_error_could_have_lifted_it_over_the_threshold_is_not_assessed() -> None:
    """.2 with an error of .02 is above .1, .12 is not clearly so, .05 is below; a map without errors is taken at its word."""
    shape = (4, 1, 1)
    values = np.array([0.2, 0.12, 0.05, np.nan], dtype=np.float32).reshape(shape)
    error = np.full(shape, 0.02, dtype=np.float32)
    criterion = Criterion("leak", (Comparison("ktrans", 0.1, False, "absolute", clear_by_se=2.0),))
    found = votes_of(criterion, {"ktrans": Evidence(values, None, None, None, error)}, grid(shape))
    assert list(found.votes.ravel()) == [Vote.YES, Vote.NOT_ASSESSED, Vote.NO, Vote.NOT_ASSESSED]
    without = votes_of(criterion, {"ktrans": Evidence(values, None, None)}, grid(shape))
    assert list(without.votes.ravel()) == [Vote.YES, Vote.YES, Vote.NO, Vote.NOT_ASSESSED]
