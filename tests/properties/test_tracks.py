"""Identity of lesions: no outline is lost, nothing depends on the order, and events are those of the story."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from lesion_judge import judged
from lesion_stories import GRID, tell

from afterglow.lesions.names import tracking_uid
from afterglow.lesions.track import track_lesions
from afterglow.lesions.visits import VisitMasks
from afterglow.records.errors import BadInput
from afterglow.records.track import Correction


def tracked(visits, identity="places", **more):
    return track_lesions(visits, GRID, subject="01", identity=identity, **more)


def ball(x, y=60.0, z=60.0, radius=8.0):
    at = np.stack(np.meshgrid(*(2.0 * np.arange(n) for n in GRID.shape), indexing="ij"), axis=-1)
    return np.linalg.norm(at - (x, y, z), axis=-1) <= radius


EMPTY = np.zeros(GRID.shape, dtype=bool)


def visit(number, *masks, **more):
    return VisitMasks(f"{number:02d}", 30.0 * number, tuple(masks), **more)


def happened(found):
    return [(one.kind, one.session_id, one.before, one.after) for one in found.events]


def lines(found):
    return {one.lesion_id: [(s.session_id, s.drawn_id) for s in one.sightings] for one in found.tracks}


def total(seeds, **how):
    counts = Counter()
    for seed in seeds:
        story = tell(seed, **how)
        found = tracked(story.visits, "names" if how.get("names") else "places", resections=story.resections)
        counts.update(judged(story, found.tracks, found.events).counts)
    return counts


@pytest.mark.parametrize("names", [False, True])
def test_no_outline_is_lost_and_events_are_those_of_the_story(names):
    counts = total(range(50), names=names)
    assert counts["outlines"] == counts["once"] > 500
    assert counts["right"] > 100
    assert counts["right"] >= 0.97 * (counts["right"] + counts["missed"] + counts["invented"])


@pytest.mark.slow
def test_of_a_thousand_courses_99_of_100_events_are_right():
    counts = total(range(1000))
    assert counts["outlines"] == counts["once"]
    assert counts["right"] >= 0.99 * (counts["right"] + counts["missed"] + counts["invented"])


def test_what_cannot_be_decided_loses_no_outline_either():
    counts = total(range(50), strict=False)
    assert counts["outlines"] == counts["once"]


@pytest.mark.parametrize("seed", range(10))
def test_the_order_of_outlines_and_of_visits_changes_nothing(seed):
    story = tell(seed)
    rng = np.random.default_rng(seed)
    mixed = [replace(one, masks=tuple(one.masks[i] for i in rng.permutation(len(one.masks)))) for one in story.visits]
    assert tracked([mixed[i] for i in rng.permutation(len(mixed))]) == tracked(story.visits)


@pytest.mark.parametrize("seed", range(10))
def test_a_later_visit_never_changes_what_was_said_before(seed):
    story = tell(seed)
    whole = tracked(story.visits, resections=story.resections)
    for count in range(1, len(story.visits)):
        part = tracked(story.visits[:count], resections=story.resections)
        later = {one.session for one in story.visits[count:]}
        assert part.events == tuple(one for one in whole.events if one.session_id not in later)
        uids = {one.lesion_id: one.tracking_uid for one in whole.tracks}
        assert all(uids[one.lesion_id] == one.tracking_uid for one in part.tracks)
        earlier = {name: [s for s in drawn if s[0] not in later] for name, drawn in lines(whole).items()}
        assert lines(part) == {name: drawn for name, drawn in earlier.items() if drawn}


def test_tracking_uids_are_dicom_uids_of_patient_and_lesion():
    one = tracking_uid("study", "01", "1")
    assert re.fullmatch(r"2\.25\.[1-9][0-9]{0,38}", one)
    assert one == tracking_uid("study", "01", "1")
    assert len({one, tracking_uid("study", "02", "1"), tracking_uid("study", "01", "2"), tracking_uid("other", "01", "1")}) == 4


def test_a_uid_given_before_is_kept():
    found = tracked([visit(0, ("1", ball(60)))], uids={"1": "1.2.3"})
    assert found.tracks[0].tracking_uid == "1.2.3"


def test_a_lesion_that_shrinks_to_a_tenth_stays_itself():
    found = tracked([visit(0, ("a", ball(60, radius=12))), visit(1, ("b", ball(66, radius=5)))])
    assert lines(found) == {"a": [("00", "a"), ("01", "b")]}
    assert found.tracks[0].sightings[1].matched_by == "overlap"
    assert not found.events


def test_a_tiny_lesion_beside_its_old_place_is_recognised_by_distance_and_one_farther_off_is_new():
    near = tracked([visit(0, ("1", ball(60, radius=2))), visit(1, ("1", ball(66, radius=2)))])
    assert near.tracks[0].sightings[1].matched_by == "distance"
    assert near.tracks[0].sightings[1].distance_mm == pytest.approx(2.0)
    far = tracked([visit(0, ("1", ball(60, radius=2))), visit(1, ("1", ball(72, radius=2)))])
    assert happened(far) == [("new", "01", (), ("2",)), ("vanished", "01", ("1",), ())]


def test_the_largest_part_keeps_the_name_and_the_largest_parent_gives_it():
    found = tracked(
        [
            visit(0, ("1", ball(60, radius=16))),
            visit(1, ("1", ball(51, radius=4)), ("2", ball(67, radius=7))),
            visit(2, ("1", ball(51, radius=6) | ball(67, radius=9) | ball(59, radius=6))),
        ]
    )
    assert lines(found) == {"1": [("00", "1"), ("01", "2"), ("02", "1")], "2": [("01", "1")]}
    assert happened(found) == [("split", "01", ("1",), ("1", "2")), ("merged", "02", ("1", "2"), ("1",))]
    assert {one.lesion_id: one.parents for one in found.tracks} == {"1": ("2",), "2": ("1",)}


def test_splitting_and_merging_at_once_are_both_named():
    before = visit(0, ("1", ball(40, radius=14)), ("2", ball(72, radius=8)))
    now = visit(1, ("1", ball(31, radius=5)), ("2", ball(48, radius=6) | ball(60, radius=7) | ball(72, radius=8)))
    assert happened(tracked([before, now])) == [("split", "01", ("1",), ("1", "2")), ("merged", "01", ("1", "2"), ("2",))]


def test_a_lesion_out_of_view_is_unseen_and_comes_back_as_itself():
    seen = np.zeros(GRID.shape, dtype=bool)
    seen[:40] = True
    other = ("2", ball(30))
    found = tracked([visit(0, ("1", ball(110)), other), visit(1, other, seen=seen), visit(2, ("1", ball(110)), other)])
    assert happened(found) == [("unseen", "01", ("1",), ())]
    assert lines(found)["1"] == [("00", "1"), ("02", "1")]


def test_a_lesion_at_a_place_that_no_earlier_visit_showed_is_not_called_new():
    seen = np.zeros(GRID.shape, dtype=bool)
    seen[:40] = True
    found = tracked([visit(0, ("1", ball(30)), seen=seen), visit(1, ("1", ball(30)), ("2", ball(110)))])
    assert happened(found) == [("unseen", "01", (), ("2",))]


def test_a_visit_without_outlines_says_nothing_and_an_empty_outline_says_that_nothing_is_left():
    silent = tracked([visit(0, ("1", ball(60))), visit(1), visit(2, ("1", ball(60)))])
    assert not silent.events
    assert "no outline" in silent.remarks[0]
    for identity in ("names", "places"):
        found = tracked([visit(0, ("1", ball(60))), visit(1, ("1", EMPTY)), visit(2, ("1", ball(60)))], identity)
        assert happened(found) == [("vanished", "01", ("1",), ()), ("returned", "02", ("1",), ("1",))]
        assert [s.volume_ml > 0 for s in found.tracks[0].sightings] == [True, False, True]


@pytest.mark.parametrize(
    ("radius", "days", "kind"), [(0, [20], "resected"), (0, [40], "vanished"), (4, [20], "resected"), (7, [20], None)]
)
def test_a_lesion_that_surgery_took_is_resected_and_the_words_say_how_that_is_known(radius, days, kind):
    rest = (("1", ball(60, radius=radius)),) if radius else ()
    visits = [visit(0, ("1", ball(60)), ("2", ball(110))), visit(1, *rest, ("2", ball(110)))]
    found = tracked(visits, resections=days)
    assert [(one.kind, one.before) for one in found.events] == ([(kind, ("1",))] if kind else [])
    if kind == "resected":
        assert "by the days alone" in found.events[0].words
        with_cavity = [visits[0], replace(visits[1], cavity=ball(60) & ~ball(60, radius=radius))]
        assert "a cavity lies where it was" in tracked(with_cavity, resections=days).events[0].words


def test_a_cavity_elsewhere_speaks_against_surgery_here():
    visits = [visit(0, ("1", ball(60)), ("2", ball(110))), visit(1, ("2", ball(110)), cavity=ball(30))]
    assert [one.kind for one in tracked(visits, resections=[20]).events] == ["vanished"]


def test_names_win_over_places_and_places_raise_remarks():
    found = tracked([visit(0, ("1", ball(30)), ("2", ball(100))), visit(1, ("2", ball(30)), ("1", ball(100)))], "names")
    assert lines(found) == {"1": [("00", "1"), ("01", "1")], "2": [("00", "2"), ("01", "2")]}
    assert len([one for one in found.remarks if "check whether the names are exchanged" in one]) == 2
    far = tracked([visit(0, ("1", ball(30))), visit(1, ("1", ball(100)))], "names")
    assert far.remarks == ("lesion 1 at ses-01 lies 54 mm from lesion 1 at ses-00",)


def test_a_new_name_at_an_old_place_is_remarked():
    found = tracked([visit(0, ("1", ball(30))), visit(1, ("A", ball(30)))], "names")
    assert happened(found) == [("new", "01", (), ("A",)), ("vanished", "01", ("1",), ())]
    assert "lesion A at ses-01 lies where lesion 1 was at ses-00" in found.remarks[0]


def test_events_of_named_lesions_come_from_their_places():
    visits = [visit(0, ("1", ball(60, radius=16))), visit(1, ("2", ball(50, radius=5)), ("3", ball(68, radius=6)))]
    found = tracked(visits, "names")
    assert happened(found) == [("split", "01", ("1",), ("2", "3"))]
    assert {one.lesion_id: one.parents for one in found.tracks} == {"1": (), "2": ("1",), "3": ("1",)}


@pytest.mark.parametrize("identity", ["names", "places"])
def test_a_correction_wins_over_names_and_places(identity):
    visits = [visit(0, ("1", ball(30)), ("2", ball(100))), visit(1, ("1", ball(30)), ("2", ball(100)))]
    swap = (Correction("01", "1", "2"), Correction("01", "2", "1"))
    found = tracked(visits, identity, corrections=swap)
    assert lines(found) == {"1": [("00", "1"), ("01", "2")], "2": [("00", "2"), ("01", "1")]}
    assert {one.sightings[1].matched_by for one in found.tracks} == {"correction"}
    other = tracked(visits, identity, corrections=(Correction("01", "1", "9"),))
    assert lines(other) == {"1": [("00", "1")], "2": [("00", "2"), ("01", "2")], "9": [("01", "1")]}


def test_a_correction_of_an_outline_that_is_not_there_is_remarked():
    found = tracked([visit(0, ("1", ball(30)))], corrections=(Correction("07", "1", "2"),))
    assert "ses-07" in found.remarks[0]
    assert "not used" in found.remarks[0]


def test_bad_visits_are_refused_in_a_sentence():
    one = ("1", ball(30))
    with pytest.raises(BadInput, match="both lie on day 0"):
        tracked([visit(0, one), replace(visit(1, one), day=0.0)])
    with pytest.raises(BadInput, match="two outlines are called '1'"):
        tracked([visit(0, one, one)])
    with pytest.raises(BadInput, match="both called lesion 1"):
        tracked([visit(0, one, ("2", ball(90)))], "names", corrections=(Correction("00", "2", "1"),))


def test_outlines_that_share_voxels_are_kept_and_remarked():
    found = tracked([visit(0, ("1", ball(60)), ("2", ball(66)))])
    assert len(found.tracks) == 2
    assert "share" in found.remarks[0]


def test_an_outline_of_one_voxel_is_a_lesion():
    dot = EMPTY.copy()
    dot[30, 30, 30] = True
    found = tracked([visit(0, ("1", dot)), visit(1, ("7", dot))])
    assert lines(found) == {"1": [("00", "1"), ("01", "7")]}
