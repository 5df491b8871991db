"""Lesions and events of one subject on disk, and the corrections that a person wrote."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from afterglow.io.atomic import Written
from afterglow.io.derivatives import exam_folder
from afterglow.io.names import bids_name
from afterglow.io.tables import Row, read_table
from afterglow.io.write import Cell, write_tsv
from afterglow.records.errors import BadInput
from afterglow.records.track import EVENT_KINDS, Correction, Event, MatchKind, Sighting, Track

TRACK_COLUMNS: dict[str, str | Mapping[str, object]] = {
    "lesion_id": "Persistent name of the lesion",
    "tracking_uid": "DICOM UID of the lesion, the same on every run and at every visit",
    "session_id": "Visit label, with the prefix ses-",
    "day": "Day of the visit on the subject's own clock",
    "drawn_id": "Name that the lesion was outlined under at this visit",
    "volume_ml": "Volume of the outline in mL; 0 where an empty outline says that nothing is left",
    "matched_by": {
        "Description": "How it was recognised",
        "Levels": {
            "first": "outlined for the first time",
            "overlap": "it shares voxels with the latest earlier outline of the lesion",
            "distance": "it shares none but lies near it",
            "name": "the person who outlined it gave it this name",
            "correction": "a person wrote so in the table of lesions",
        },
    },
    "agreement": "Dice with the latest earlier outline of the lesion that has voxels; n/a where there is none",
    "distance_mm": "Distance between the nearest voxel centres of the two where they share no voxel, in mm",
    "parents": "Lesions whose tissue it has by splitting off or by merging, separated by semicolons",
}
EVENT_COLUMNS: dict[str, str | Mapping[str, object]] = {
    "session_id": "Visit at which it was found, with the prefix ses-",
    "day": "Day of that visit on the subject's own clock",
    "kind": {
        "Description": "What happened since the visit before",
        "Levels": {
            "new": "outlined at a place that an earlier visit showed without it",
            "returned": "gone before, outlined again at the same place",
            "vanished": "its place is in view and nothing is outlined there",
            "split": "one lesion before, several now",
            "merged": "several lesions before, one now",
            "resected": "gone, or nearly, after a surgery between the two visits",
            "unseen": "its place is out of view; with no lesion before: no earlier visit shows its place",
        },
    },
    "before": "Lesions before, separated by semicolons",
    "after": "Lesions at this visit, separated by semicolons",
    "words": "The event in words",
}
_CORRECTION_COLUMNS = ("session_id", "drawn_id", "lesion_id")
_JOINT = "; "


def tracks_path(out: Path, subject: str) -> Path:
    """sub-01/sub-01_lesions.tsv"""
    return exam_folder(out, subject, "") / bids_name({"sub": subject}, "lesions", ".tsv")


def events_path(out: Path, subject: str) -> Path:
    """sub-01/sub-01_events.tsv"""
    return exam_folder(out, subject, "") / bids_name({"sub": subject}, "events", ".tsv")


def write_tracks(out: Path, subject: str, tracks: Sequence[Track]) -> tuple[Written, ...]:
    """One row for each lesion and visit."""
    rows: list[dict[str, Cell]] = [
        {
            "lesion_id": track.lesion_id,
            "tracking_uid": track.tracking_uid,
            "session_id": f"ses-{one.session_id}" if one.session_id else None,
            "day": one.day,
            "drawn_id": one.drawn_id,
            "volume_ml": one.volume_ml,
            "matched_by": one.matched_by,
            "agreement": one.agreement,
            "distance_mm": one.distance_mm,
            "parents": _JOINT.join(track.parents) or None,
        }
        for track in tracks
        for one in track.sightings
    ]
    return write_tsv(tracks_path(out, subject), rows, TRACK_COLUMNS)


def read_tracks(out: Path, subject: str) -> tuple[Track, ...]:
    """What `write_tracks` wrote. BadInput where a cell is malformed or a lesion has two tracking UIDs."""
    lines: dict[str, list[Row]] = {}
    for row in read_table(tracks_path(out, subject), tuple(TRACK_COLUMNS)):
        same = lines.setdefault(row.required("lesion_id"), [])
        if same and same[0].required("tracking_uid") != row.required("tracking_uid"):
            raise row.refuse("tracking_uid", f"line {same[0].line} gives the same lesion another one; keep one of the two")
        same.append(row)
    made = []
    for name, rows in lines.items():
        sightings = tuple(_sighting(row) for row in rows)
        try:
            made.append(Track(name, rows[0].required("tracking_uid"), sightings, _list(rows[0], "parents")))
        except ValueError as error:
            raise BadInput(f"{rows[0].path}: line {rows[0].line}, {error}; sort the visits by day, each once") from None
    return tuple(made)


def write_events(out: Path, subject: str, events: Sequence[Event]) -> tuple[Written, ...]:
    """One row for each event, in the order given."""
    rows: list[dict[str, Cell]] = [
        {
            "session_id": f"ses-{one.session_id}" if one.session_id else None,
            "day": one.day,
            "kind": one.kind,
            "before": _JOINT.join(one.before) or None,
            "after": _JOINT.join(one.after) or None,
            "words": one.words,
        }
        for one in events
    ]
    return write_tsv(events_path(out, subject), rows, EVENT_COLUMNS)


def read_events(out: Path, subject: str) -> tuple[Event, ...]:
    """What `write_events` wrote."""
    return tuple(_event(row) for row in read_table(events_path(out, subject), tuple(EVENT_COLUMNS)))


def corrections_path(outlines_root: Path, subject: str) -> Path:
    """sub-01/sub-01_lesions.tsv below the folder of outlines; a person writes it."""
    return tracks_path(outlines_root, subject)


def read_corrections(outlines_root: Path, subject: str) -> tuple[Correction, ...]:
    """Which outline is which lesion, in a person's words; empty where there is no such table.

    Columns session_id, drawn_id, lesion_id. BadInput where a cell is empty or one outline stands there twice.
    """
    path = corrections_path(outlines_root, subject)
    if not path.is_file():
        return ()
    lines: dict[tuple[str, str], int] = {}
    made = []
    for row in read_table(path, _CORRECTION_COLUMNS):
        session, drawn, lesion = (row.required(column) for column in _CORRECTION_COLUMNS)
        one = Correction(session.removeprefix("ses-"), drawn, lesion)
        first = lines.setdefault((one.session_id, one.drawn_id), row.line)
        if first != row.line:
            raise row.refuse("drawn_id", f"line {first} speaks of this outline already; keep one of the two")
        made.append(one)
    return tuple(made)


def check_corrections(
    outlines_root: Path, subject: str, corrections: Sequence[Correction], known: Mapping[str, Sequence[str]]
) -> None:
    """BadInput where a correction names a visit or an outline that does not exist. `known`: session -> drawn names."""
    path = corrections_path(outlines_root, subject)
    for one in corrections:
        if one.session_id not in known:
            visits = ", ".join(f"ses-{name}" for name in known) or "none"
            raise BadInput(f"{path}: ses-{one.session_id} is no visit of sub-{subject} (there are {visits}); correct session_id")
        if one.drawn_id not in known[one.session_id]:
            names = ", ".join(known[one.session_id]) or "none"
            raise BadInput(f"{path}: ses-{one.session_id} has no outline {one.drawn_id!r} (there are {names}); correct drawn_id")


def _sighting(row: Row) -> Sighting:
    day, volume_ml = row.number("day"), row.number("volume_ml")
    if day is None or volume_ml is None:
        raise row.refuse("day" if day is None else "volume_ml", "this cell cannot be empty")
    return Sighting(
        (row.text("session_id") or "").removeprefix("ses-"),
        day,
        row.required("drawn_id"),
        volume_ml,
        _match_kind(row),
        row.number("agreement"),
        row.number("distance_mm"),
    )


def _match_kind(row: Row) -> MatchKind:
    kinds: dict[str, MatchKind] = {kind: kind for kind in get_args(MatchKind)}
    word = row.required("matched_by")
    if word not in kinds:
        raise row.refuse("matched_by", f"write one of {', '.join(kinds)}")
    return kinds[word]


def _event(row: Row) -> Event:
    day, word = row.number("day"), row.required("kind")
    kind = next((kind for kind in EVENT_KINDS if kind == word), None)
    if kind is None:
        raise row.refuse("kind", f"write one of {', '.join(EVENT_KINDS)}")
    if day is None:
        raise row.refuse("day", "this cell cannot be empty")
    before, after = _list(row, "before"), _list(row, "after")
    if not before and not after:
        raise row.refuse("before", "an event names a lesion before or after")
    session = (row.text("session_id") or "").removeprefix("ses-")
    return Event(kind, session, day, before, after, row.required("words"))


def _list(row: Row, column: str) -> tuple[str, ...]:
    return tuple((row.text(column) or "").split(_JOINT)) if row.text(column) else ()
