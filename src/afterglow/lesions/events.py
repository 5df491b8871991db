"""What happened to lesions between two visits: new, returned, vanished, split, merged, resected, unseen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.records.track import Event, EventKind

IN_VIEW = 0.75  # of a lesion's place must be inside the field of view before its absence means that it is gone
LEFT_AFTER_SURGERY = 0.3  # of the volume; more than this left is a biopsy or a part, and shows as a change of volume


@dataclass(frozen=True)
class Was:
    """One lesion as it was last seen, and what this visit says of its place."""

    lesion_id: str
    day: float
    volume_ml: float
    gone: bool  # it had vanished, or went into another lesion, before this visit
    in_view: float  # share of its place inside the field of view of this visit
    cavity: bool | None  # a resection cavity lies at its place; None where no cavity was asked for
    emptied: bool  # a person drew an empty outline for it


@dataclass(frozen=True)
class Is:
    """One outline at this visit."""

    lesion_id: str
    volume_ml: float
    shown_before: bool  # its place was in view at an earlier visit that has outlines


def events_at(
    session: str, day: float, before: Sequence[Was], after: Sequence[Is], links: NDArray[np.bool_], *, resections: Sequence[float]
) -> tuple[Event, ...]:
    """Events of one visit. links (before, after) says which tissue is where; `resections` are days of surgery."""

    def event(kind: EventKind, were: Sequence[Was], are: Sequence[Is], words: str) -> Event:
        return Event(kind, session, day, tuple(one.lesion_id for one in were), tuple(one.lesion_id for one in are), words)

    found = []
    for i, was in enumerate(before):
        now = sorted((after[j] for j in np.flatnonzero(links[i]).tolist()), key=_by_name)
        if was.gone:
            found += [event("returned", [was], [one], _returned(was, one)) for one in now if one.lesion_id == was.lesion_id]
            continue
        if len(now) > 1:
            found.append(event("split", [was], now, f"lesion {was.lesion_id} is in {len(now)} parts: {_list(now)}"))
        if not now:
            found.append(event(*_missing(was, day, resections)))
    for j, one in enumerate(after):
        were = [before[i] for i in np.flatnonzero(links[:, j]).tolist()]
        there = sorted((was for was in were if not was.gone), key=_by_name)
        if len(there) > 1:
            names = " and ".join(was.lesion_id for was in there)
            found.append(event("merged", there, [one], f"lesions {names} are one: {_list([one])}"))
        if not were:
            found.append(event("new" if one.shown_before else "unseen", [], [one], _appeared(one)))
    found += [event("resected", were, now, words) for were, now, words in _remnants(before, after, links, day, resections)]
    return tuple(sorted(found, key=lambda one: (one.before, one.after, one.kind)))


def _by_name(one: Was | Is) -> tuple[int, str]:
    """1, 2, 10, left: numbers in their order."""
    return len(one.lesion_id), one.lesion_id


def _missing(was: Was, day: float, resections: Sequence[float]) -> tuple[EventKind, list[Was], list[Is], str]:
    name = f"lesion {was.lesion_id}"
    if was.in_view < IN_VIEW and not was.emptied:
        return "unseen", [was], [], f"{name}: {1 - was.in_view:.0%} of its place lies outside the field of view"
    surgery = _surgery(was, day, resections)
    if surgery is not None:
        return "resected", [was], [], f"{name} is gone after the surgery of day {surgery:g}; {_basis(was)}"
    if was.emptied:
        return "vanished", [was], [], f"{name}: an empty outline says that nothing is left"
    return "vanished", [was], [], f"nothing is outlined where {name} was ({was.volume_ml:.2g} mL)"


def _surgery(was: Was, day: float, resections: Sequence[float]) -> float | None:
    """The last surgery since the lesion was seen that may have taken it; none where the cavity lies elsewhere."""
    between = [one for one in resections if was.day <= one <= day]
    return max(between) if between and was.cavity is not False else None


def _basis(was: Was) -> str:
    return "a cavity lies where it was" if was.cavity else "by the days alone, no cavity was outlined"


def _remnants(
    before: Sequence[Was], after: Sequence[Is], links: NDArray[np.bool_], day: float, resections: Sequence[float]
) -> list[tuple[list[Was], list[Is], str]]:
    """Lesions of which surgery left little. One that went into another lesion is not asked: its own volume is not known.

    Where no cavity points to the place, at most one is named, the one with the least left, and none where a lesion is wholly
    gone: the others may have shrunk by themselves.
    """
    found = []
    by_days = [was for i, was in enumerate(before) if not links[i].any() and was.cavity is None and not was.gone]
    taken = any(_surgery(was, day, resections) is not None and was.in_view >= IN_VIEW for was in by_days)
    for i, was in enumerate(before):
        columns = np.flatnonzero(links[i])
        surgery = _surgery(was, day, resections)
        if was.gone or surgery is None or not columns.size or links[:, columns].sum() > columns.size:
            continue
        now = sorted((after[j] for j in columns.tolist()), key=_by_name)
        left = sum(one.volume_ml for one in now) / was.volume_ml
        if left <= LEFT_AFTER_SURGERY:
            words = f"{left:.0%} of lesion {was.lesion_id} is left after the surgery of day {surgery:g}; {_basis(was)}"
            found.append((left, [was], now, words))
    sure = [one for one in found if one[1][0].cavity]
    guessed = sorted((one for one in found if not one[1][0].cavity and not taken), key=lambda one: one[0])
    return [(were, now, words) for _, were, now, words in (*sure, *guessed[:1])]


def _appeared(one: Is) -> str:
    if one.shown_before:
        return f"lesion {one.lesion_id} is new ({one.volume_ml:.2g} mL)"
    return f"lesion {one.lesion_id} is seen for the first time: no earlier visit shows its place, so it may not be new"


def _returned(was: Was, one: Is) -> str:
    return f"lesion {one.lesion_id} is outlined again ({one.volume_ml:.2g} mL), after nothing since day {was.day:g}"


def _list(lesions: Sequence[Is]) -> str:
    return " and ".join(f"{one.lesion_id} ({one.volume_ml:.2g} mL)" for one in lesions)
