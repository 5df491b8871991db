"""Lesions matched across visits in the patient's space: who is who, and what happened on the way.

Each visit is compared with the latest earlier sighting of every lesion, so that a lesion may be out of view for a while and
come back, and so that a later visit never changes what was said of earlier ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.matching import Place, best_pairs, dice, families, gap_mm, shared
from afterglow.lesions.events import IN_VIEW, Is, Was, events_at
from afterglow.lesions.links import Links, link
from afterglow.lesions.names import Identity, Said, fresh_names, remarks_on_names, said_names, tracking_uid, unused_corrections
from afterglow.lesions.visits import Outlined, VisitMasks, cavity_at, in_order, outlines_of, remarks_on_outlines, share_in
from afterglow.records.grid import Grid
from afterglow.records.track import Correction, Event, MatchKind, Sighting, Track

WHOLLY_IN_VIEW = 0.95  # of a lesion's place; where less is in view its outline may be that of a part


class Tracked(NamedTuple):
    """Every outline in one track, the events in the order of their days, and what a reader should look at."""

    tracks: tuple[Track, ...]
    events: tuple[Event, ...]
    remarks: tuple[str, ...]


@dataclass
class _Known:
    """What is known of one lesion so far."""

    lesion_id: str
    state: Literal["there", "gone", "absorbed"] = "gone"
    place: Place | None = None  # of the latest sighting that has voxels
    sightings: list[Sighting] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)

    @property
    def last(self) -> Sighting:
        return next(one for one in reversed(self.sightings) if one.volume_ml > 0)


@dataclass(frozen=True, eq=False)
class _Step:
    """One visit against what was known before it."""

    visit: VisitMasks
    rows: tuple[_Known, ...]  # lesions that have a place
    outlines: tuple[Outlined, ...]
    empty: tuple[str, ...]  # drawn names of empty outlines
    said: Mapping[str, Said]
    links: Links
    ids: tuple[str, ...]  # the lesion of each outline


def track_lesions(
    visits: Sequence[VisitMasks],
    grid: Grid,
    *,
    subject: str,
    identity: Identity,
    dataset: str = "",
    corrections: Sequence[Correction] = (),
    resections: Sequence[float] = (),
    uids: Mapping[str, str] | None = None,
) -> Tracked:
    """Tracks, events and remarks from outlines that lie on one grid.

    With identity "names" the names they were drawn under are the lesions, and places only raise remarks; with "places" such
    names mean nothing beyond their visit. A correction wins over both. `resections` are days of surgery. `uids` are tracking
    UIDs given out before, by lesion. BadInput where two visits share a day, or two outlines of a visit are called one lesion.
    """
    ordered = in_order(visits, grid, subject)
    known: dict[str, _Known] = {}
    events: list[Event] = []
    remarks = list(unused_corrections(ordered, corrections))
    views: list[NDArray[np.bool_] | None] = []  # of the visits before that have outlines
    for visit in ordered:
        if not visit.masks:
            remarks.append(f"ses-{visit.session} has no outline: it says nothing of any lesion")
            continue
        step = _step(visit, grid, known, said_names(visit, corrections, identity, subject))
        emptied, untied = _emptied(step)
        if views:
            events += _events(step, grid, views, frozenset(emptied), resections)
        remarks += [*remarks_on_outlines(visit, step.outlines), *_remarks(step), *untied]
        _remember(step, known, grid, emptied)
        views.append(visit.seen)
    given = uids or {}
    tracks = [
        Track(one.lesion_id, given.get(name) or tracking_uid(dataset, subject, name), tuple(one.sightings), tuple(one.parents))
        for name, one in known.items()
    ]
    return Tracked(tuple(tracks), tuple(events), tuple(remarks))


def _step(visit: VisitMasks, grid: Grid, known: Mapping[str, _Known], said: Mapping[str, Said]) -> _Step:
    outlines, empty = outlines_of(visit, grid)
    called = {said[one.drawn_id][0] for one in outlines if one.drawn_id in said}
    rows = tuple(one for one in known.values() if one.place is not None and (one.state != "absorbed" or one.lesion_id in called))
    number = {one.lesion_id: i for i, one in enumerate(rows)}
    told = {j: number.get(said[one.drawn_id][0]) for j, one in enumerate(outlines) if one.drawn_id in said}
    places = [one.place for one in rows if one.place is not None]
    links = link(places, [one.place for one in outlines], gone=[one.state != "there" for one in rows], told=told)
    taken = {*known, *(lesion for lesion, _ in said.values())}
    return _Step(visit, rows, outlines, empty, said, links, _ids(rows, outlines, said, links, taken))


def _ids(
    rows: Sequence[_Known], outlines: Sequence[Outlined], said: Mapping[str, Said], links: Links, taken: set[str]
) -> tuple[str, ...]:
    """The lesion of every outline: what a person says, else the largest heir of the largest lesion, else a new name."""
    ids = {j: said[one.drawn_id][0] for j, one in enumerate(outlines) if one.drawn_id in said}
    called = set(ids.values())
    for family in families(links.every):
        heirs = [j for j in family[1] if j not in ids]
        lesions = [i for i in family[0] if rows[i].lesion_id not in called]
        for a, b in best_pairs(_inheritance(rows, outlines, links, lesions, heirs)):
            ids[heirs[b]] = rows[lesions[a]].lesion_id
    nameless = [j for j in range(len(outlines)) if j not in ids]
    ids.update(zip(nameless, fresh_names([outlines[j].drawn_id for j in nameless], taken), strict=True))
    return tuple(ids[j] for j in range(len(outlines)))


def _inheritance(
    rows: Sequence[_Known], outlines: Sequence[Outlined], links: Links, lesions: Sequence[int], heirs: Sequence[int]
) -> NDArray[np.float64]:
    """Who gives its name to whom: of several heirs the largest, of several lesions the largest, else by shared voxels."""
    score = np.zeros((len(lesions), len(heirs)))
    for a, i in enumerate(lesions):
        place = rows[i].place
        for b, j in enumerate(heirs):
            if place is None or not links.every[i, j]:
                continue
            if len(heirs) == 1:
                score[a, b] = place.voxels.size
            elif len(lesions) == 1:
                score[a, b] = outlines[j].place.voxels.size
            else:
                score[a, b] = max(shared(place, outlines[j].place), 0.5)
    gone = [rows[i].state != "there" for i in lesions]
    score[gone] *= 1e-9  # a lesion that was gone gives its name only where no other does
    return score


def _emptied(step: _Step) -> tuple[dict[str, str], list[str]]:
    """Lesion -> drawn name of its empty outline, and remarks on empty outlines that no lesion could be found for.

    Without a person's word an empty outline goes to the lesion that was last drawn under its name, if that is in view and
    nothing else is outlined for it.
    """
    made, untied = {}, []
    alone = [one for i, one in enumerate(step.rows) if one.state == "there" and not step.links.every[i].any()]
    for name in step.empty:
        if name in step.said:
            made[step.said[name][0]] = name
            continue
        same = [one.lesion_id for one in alone if one.last.drawn_id == name and _in_view(one, step.visit) >= IN_VIEW]
        if same and same[0] not in made:
            made[same[0]] = name
        else:
            untied.append(f"ses-{step.visit.session}: outline {name} is empty, and no lesion was found that it could mean")
    return made, untied


def _in_view(one: _Known, visit: VisitMasks) -> float:
    return 1.0 if one.place is None else share_in(one.place, visit.seen)


def _events(
    step: _Step, grid: Grid, views: Sequence[NDArray[np.bool_] | None], emptied: frozenset[str], resections: Sequence[float]
) -> tuple[Event, ...]:
    visit = step.visit
    before = [
        Was(
            one.lesion_id,
            one.last.day,
            one.last.volume_ml,
            one.state != "there",
            _in_view(one, visit),
            cavity_at(one.place, visit, grid) if one.place is not None else None,
            one.lesion_id in emptied,
        )
        for one in step.rows
    ]
    after = [
        Is(name, one.place.voxels.size * grid.voxel_ml, any(share_in(one.place, view) >= IN_VIEW for view in views))
        for name, one in zip(step.ids, step.outlines, strict=True)
    ]
    return events_at(visit.session, visit.day, before, after, step.links.every, resections=resections)


def _remarks(step: _Step) -> tuple[str, ...]:
    """What the places say against names, and lesions that are only partly in view."""
    before = [(one.lesion_id, one.last.session_id, one.place) for one in step.rows if one.place is not None]
    after = [(name, one.place) for name, one in zip(step.ids, step.outlines, strict=True)]
    row = {one.lesion_id: i for i, one in enumerate(step.rows)}
    kinds = {j: step.said[one.drawn_id][1] for j, one in enumerate(step.outlines) if one.drawn_id in step.said}
    named = {j: row.get(step.ids[j]) for j, kind in kinds.items() if kind == "name"}
    partly = [
        f"lesion {one.lesion_id} at ses-{step.visit.session}: {view:.0%} of its place is in view, its outline may be that of a part"
        for one in step.rows
        if one.lesion_id in step.ids and (view := _in_view(one, step.visit)) < WHOLLY_IN_VIEW
    ]
    return (*remarks_on_names(step.visit.session, before, after, step.links, named), *partly)


def _remember(step: _Step, known: dict[str, _Known], grid: Grid, emptied: Mapping[str, str]) -> None:
    """Write this visit's sightings down; `known` then stands as it was after this visit."""
    for i, one in enumerate(step.rows):
        if one.state == "there" and one.lesion_id not in step.ids:
            if step.links.every[i].any():
                one.state = "absorbed"
            elif _in_view(one, step.visit) >= IN_VIEW or one.lesion_id in emptied:
                one.state = "gone"
    row = {one.lesion_id: i for i, one in enumerate(step.rows)}
    visit = step.visit
    for j, (name, outline) in enumerate(zip(step.ids, step.outlines, strict=True)):
        sighting = _sighting(step, j, row.get(name), grid)
        one = known.setdefault(name, _Known(name))
        origins = [step.rows[i] for i in np.flatnonzero(step.links.every[:, j])]
        one.parents += [o.lesion_id for o in origins if o.lesion_id not in (name, *one.parents)]
        one.sightings.append(sighting)
        one.place, one.state = outline.place, "there"
    for name, drawn in emptied.items():
        kind: MatchKind = step.said[drawn][1] if drawn in step.said else "name"
        one = known.setdefault(name, _Known(name))
        kind = "first" if not one.sightings and kind == "name" else kind
        one.sightings.append(Sighting(visit.session, visit.day, drawn, 0.0, kind, None, None))


def _sighting(step: _Step, j: int, i: int | None, grid: Grid) -> Sighting:
    """One outline as a sighting of the lesion in row i; None where the lesion had no place before."""
    outline, visit = step.outlines[j], step.visit
    volume_ml = outline.place.voxels.size * grid.voxel_ml
    kind: MatchKind = "first"
    said = step.said.get(outline.drawn_id)
    if said is not None and said[1] == "correction":
        kind = "correction"
    elif i is not None:
        found = step.links.found.get(i, "overlap")
        kind = "name" if found == "told" else found
    place = None if i is None else step.rows[i].place
    if place is None:
        return Sighting(visit.session, visit.day, outline.drawn_id, volume_ml, kind, None, None)
    agreement = dice(place, outline.place)
    apart = None if agreement > 0 else gap_mm(place, outline.place)
    return Sighting(visit.session, visit.day, outline.drawn_id, volume_ml, kind, agreement, apart)
