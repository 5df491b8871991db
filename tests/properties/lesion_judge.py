"""Tracks and events against the story that made the outlines."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lesion_stories import Story

from afterglow.records.track import Event, Track

EventKey = tuple[str, str, frozenset[tuple[str, str]], frozenset[str]]


@dataclass(frozen=True)
class Score:
    """What was named right, and what instead."""

    counts: Counter[str]
    confusion: Counter[tuple[str, str]]  # (story, named)
    missed: frozenset[EventKey]
    invented: frozenset[EventKey]


def judged(story: Story, tracks: Sequence[Track], events: Sequence[Event]) -> Score:
    """Tracks and events against the story, by the outlines they speak of; what lesions are called does not count."""
    named = {_key(event, tracks) for event in events}
    right, missed, invented = story.events & named, story.events - named, named - story.events
    confusion = Counter((key[0], key[0]) for key in right)
    left = set(invented)
    for key in missed:
        alike = [o for o in left if o[1] == key[1] and (o[2] & key[2] or o[3] & key[3])]
        best = min(alike, key=lambda o: (len(o[2] ^ key[2]) + len(o[3] ^ key[3]), o[0]), default=None)
        left.discard(best or key)
        confusion[key[0], best[0] if best else "none"] += 1
    confusion.update(("none", key[0]) for key in left)
    outlines = Counter((v.session, name) for v in story.visits for name, mask in v.masks if mask.any())
    held = Counter((s.session_id, s.drawn_id) for t in tracks for s in t.sightings if s.volume_ml > 0)
    truth = _earlier([[*one] for one in story.tracks.values()])
    found = _earlier([[(s.session_id, s.drawn_id) for s in t.sightings if s.volume_ml > 0] for t in tracks])
    tied = sum(found.get(outline) == before for outline, before in truth.items())
    counts = Counter({"right": len(right), "missed": len(missed), "invented": len(invented), "visits": len(story.visits)})
    counts.update({"outlines": len(outlines), "once": sum(held[one] == 1 for one in outlines)})
    counts.update({"links right": tied, "links wrong": len(truth) - tied})
    return Score(counts, confusion, frozenset(missed), frozenset(invented))


def _key(event: Event, tracks: Sequence[Track]) -> EventKey:
    sightings = {track.lesion_id: [s for s in track.sightings if s.volume_ml > 0] for track in tracks}
    before = [[s for s in sightings[name] if s.day < event.day][-1] for name in event.before]
    after = [s.drawn_id for name in event.after for s in sightings[name] if s.session_id == event.session_id]
    return event.kind, event.session_id, frozenset((s.session_id, s.drawn_id) for s in before), frozenset(after)


def _earlier(lines: list[list[tuple[str, str]]]) -> dict[tuple[str, str], tuple[str, str] | None]:
    """Each outline and the one before it in its track."""
    return {one: (line[n - 1] if n else None) for line in lines for n, one in enumerate(line)}
