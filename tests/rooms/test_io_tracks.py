"""Lesions and events on disk, and what a person corrects."""

import json

import pytest
from io_files import put_text

from afterglow.io.tracks import (
    check_corrections,
    corrections_path,
    read_corrections,
    read_events,
    read_tracks,
    tracks_path,
    write_events,
    write_tracks,
)
from afterglow.records.errors import BadInput
from afterglow.records.track import Correction, Event, Sighting, Track

TRACKS = (
    Track(
        "1",
        "2.25.329800735698586629295641978511506172918",
        (
            Sighting("01", 0.0, "1", 1 / 3, "first", None, None),
            Sighting("02", 61.5, "left", 0.1 + 0.2, "overlap", 2 / 7, None),
            Sighting("03", 90.0, "1", 0.0, "correction", None, None),
        ),
        ("2", "4"),
    ),
    Track("left", "2.25.7", (Sighting("02", 61.5, "2", 0.004, "distance", 0.0, 3.3),)),
)
EVENTS = (
    Event("merged", "02", 61.5, ("1", "2"), ("1",), "lesions 1 and 2 are one: 1 (0.3 mL)"),
    Event("unseen", "03", 90.0, (), ("5",), "lesion 5 is seen for the first time"),
    Event("vanished", "03", 90.0, ("1",), (), "nothing is outlined where lesion 1 was (0.3 mL)"),
)


def test_tracks_and_events_come_back_exactly(tmp_path):
    write_tracks(tmp_path, "01", TRACKS)
    write_events(tmp_path, "01", EVENTS)
    assert read_tracks(tmp_path, "01") == TRACKS
    assert read_events(tmp_path, "01") == EVENTS


def test_every_column_is_described(tmp_path):
    for table, words in (write_tracks(tmp_path, "01", TRACKS), write_events(tmp_path, "01", EVENTS)):
        header = table.path.read_text().splitlines()[0].split("\t")
        described = json.loads(words.path.read_text())
        assert list(described) == header
        assert all(one["Description"] for one in described.values())


def test_no_lesion_at_all_is_a_table_too(tmp_path):
    write_tracks(tmp_path, "01", ())
    write_events(tmp_path, "01", ())
    assert read_tracks(tmp_path, "01") == ()
    assert read_events(tmp_path, "01") == ()


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("overlap", "guess", "matched_by is 'guess'; write one of first, overlap"),
        ("61.5", "-3", "not in the order of their days"),
        ("2.25.329800735698586629295641978511506172918\tses-02", "2.25.8\tses-02", "gives the same lesion another one"),
    ],
)
def test_a_table_that_was_spoilt_is_refused_with_its_line(tmp_path, old, new, sentence):
    write_tracks(tmp_path, "01", TRACKS)
    path = tracks_path(tmp_path, "01")
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(BadInput, match=sentence) as error:
        read_tracks(tmp_path, "01")
    assert "line" in str(error.value)


def correct(root, *rows):
    return put_text(corrections_path(root, "01"), "\n".join(("session_id\tdrawn_id\tlesion_id", *rows)) + "\n")


def test_corrections_are_read_and_none_is_no_error(tmp_path):
    assert read_corrections(tmp_path, "01") == ()
    correct(tmp_path, "ses-02\t3\t1", "03\tleft\t2")
    assert read_corrections(tmp_path, "01") == (Correction("02", "3", "1"), Correction("03", "left", "2"))


def test_what_afterglow_wrote_is_a_table_of_corrections(tmp_path):
    write_tracks(tmp_path, "01", TRACKS[:1])
    assert Correction("02", "left", "1") in read_corrections(tmp_path, "01")


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (("ses-02\t3\tn/a",), "line 2, lesion_id is None; this cell cannot be empty"),
        (("ses-02\t3\t1", "02\t3\t2"), "line 3, drawn_id is '3'; line 2 speaks of this outline already"),
    ],
)
def test_a_correction_that_says_nothing_or_two_things_is_refused(tmp_path, rows, sentence):
    correct(tmp_path, *rows)
    with pytest.raises(BadInput, match=sentence):
        read_corrections(tmp_path, "01")


@pytest.mark.parametrize(
    ("one", "sentence"),
    [
        (Correction("09", "1", "1"), r"ses-09 is no visit of sub-01 \(there are ses-01, ses-02\); correct session_id"),
        (Correction("02", "7", "1"), r"ses-02 has no outline '7' \(there are 1, 2\); correct drawn_id"),
    ],
)
def test_a_correction_of_what_does_not_exist_is_refused(tmp_path, one, sentence):
    known = {"01": ("1",), "02": ("1", "2")}
    check_corrections(tmp_path, "01", (Correction("02", "2", "1"),), known)
    with pytest.raises(BadInput, match=sentence) as error:
        check_corrections(tmp_path, "01", (one,), known)
    assert "sub-01_lesions.tsv" in str(error.value)
