"""The number that a rule reads of a lesion, also where the lesion was part of another one at that visit, or has split since.

A mean or a ratio of a lesion that came from others is compared with theirs. Sizes add up: pieces of what was one lesion are
summed, so that splitting alone is no shrinking, and merging no growth.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from afterglow.records.course import Course, Visit
from afterglow.records.measurement import Measurement

SIZES = ("volume", "bidimensional_product", "longest_diameter")  # what adds up over pieces


@dataclass(frozen=True)
class Wanted:
    """Which number of a lesion."""

    quantity: str
    statistic: str
    normalised: bool


@dataclass(frozen=True)
class Number:
    """A value, or why there is none. `source` is its measurement; of several lesions together it has no interval."""

    value: float | None
    why: str = ""
    source: Measurement | None = None
    note: str = ""


def lesions_at(visit: Visit) -> tuple[str, ...]:
    """Names of the lesions that the visit holds, in order."""
    return tuple(sorted({m.lesion_id for m in visit.measurements if m.region == "lesion"}))


def lesions_between(course: Course, first: Visit | None, now: Visit) -> tuple[str, ...]:
    """The lesions to judge at `now`: those it holds, and those of the first visit that did not go into others."""
    there = set(lesions_at(now))
    parents = {parent for track in course.tracks if track.lesion_id in there for parent in ancestors(course, track.lesion_id)}
    gone = set() if first is None else set(lesions_at(first)) - parents
    return tuple(sorted(there | gone))


def ancestors(course: Course, lesion_id: str) -> tuple[str, ...]:
    """The lesions that this one came from by splitting or merging, nearest first; without itself."""
    parents = {track.lesion_id: track.parents for track in course.tracks}
    found: list[str] = []
    open_ = list(parents.get(lesion_id, ()))
    while open_:
        one = open_.pop(0)
        if one != lesion_id and one not in found:
            found.append(one)
            open_ += parents.get(one, ())
    return tuple(found)


def family(course: Course, lesion_ids: Sequence[str]) -> tuple[str, ...]:
    """These lesions and all that share a piece with them: parents, children, their other parents …"""
    links = [{track.lesion_id, *track.parents} for track in course.tracks]
    together = set(lesion_ids)
    while grown := {one for link in links if link & together for one in link} - together:
        together |= grown
    return tuple(sorted(together))


def own(visit: Visit, wanted: Wanted, lesion_id: str) -> Measurement | None:
    """The lesion's own measurement at that visit."""
    for m in visit.measurements:
        found = (m.region, m.lesion_id, m.quantity, m.statistic, m.is_normalised)
        if found == ("lesion", lesion_id, wanted.quantity, wanted.statistic, wanted.normalised):
            return m
    return None


def number_of(course: Course, visit: Visit, wanted: Wanted, lesion_id: str) -> Number:
    """The number of a lesion at a visit, of what it came from, or of all pieces where it is a size."""
    if wanted.quantity in SIZES:
        return size_of(course, visit, wanted, family(course, [lesion_id]))
    m = own(visit, wanted, lesion_id)
    if m is not None and m.value is not None:
        return Number(m.value, source=m)
    if m is None:
        parents = [one for one in ancestors(course, lesion_id) if own(visit, wanted, one) is not None]
        if parents:
            return _of_parents(visit, wanted, lesion_id, parents)
    return Number(None, why_missing(course, visit, lesion_id, m))


def size_of(course: Course, visit: Visit, wanted: Wanted, lesion_ids: Sequence[str]) -> Number:
    """The summed size of lesions at a visit: 0 for one that is gone; no sum where one was not measured."""
    there = [one for one in lesion_ids if one in lesions_at(visit)]
    for one in lesion_ids:
        m = own(visit, wanted, one)
        unmeasured = one in there and (m is None or (m.value is None and not _is_empty(visit, one)))
        if unmeasured or (one not in there and _is_missing(course, visit, one, there)):
            return Number(None, why_missing(course, visit, one, m))
    measured = [m for one in there if (m := own(visit, wanted, one)) is not None]
    if not measured:
        gone = any(is_gone(course, visit, one) for one in lesion_ids)
        return Number(0.0) if gone else Number(None, why_missing(course, visit, lesion_ids[0], None))
    total = sum(m.value for m in measured if m.value is not None)  # None is the diameter of an empty outline
    if len(measured) == 1:
        return Number(total, source=measured[0])
    return Number(
        total, source=replace(measured[0], value=total, ci_low=None, ci_high=None), note=f"Lesions {', '.join(there)} are summed"
    )


def _is_missing(course: Course, visit: Visit, lesion_id: str, there: Sequence[str]) -> bool:
    """Whether a lesion that should be there is not: it was there before, is not gone, and went into no other one."""
    went_on = any(lesion_id in ancestors(course, one) for one in there)
    began = any(lesion_id in lesions_at(one) for one in course.visits if one.day < visit.day)
    return began and not went_on and not is_gone(course, visit, lesion_id)


def is_gone(course: Course, visit: Visit, lesion_id: str) -> bool:
    """Whether the lesion was seen to be gone by that visit: vanished, resected, or outlined as empty, and not back since."""
    said = [(e.day, True) for e in course.events if e.kind in ("vanished", "resected") and lesion_id in e.before]
    for track in course.tracks:
        said += [(s.day, s.volume_ml == 0) for s in track.sightings if track.lesion_id == lesion_id]
    past = [(day, gone) for day, gone in said if day <= visit.day]
    return bool(past) and max(past)[1]


def is_new(course: Course, visit: Visit, lesion_id: str, earlier: Sequence[Visit]) -> bool:
    """Whether neither the lesion nor anything that it came from was there at an earlier visit that showed its place."""
    stem = {lesion_id, *ancestors(course, lesion_id)}
    if any(e.kind == "unseen" and lesion_id in e.after for e in course.events):
        return False  # its place was not in view before: nobody knows
    return lesion_id in lesions_at(visit) and not any(stem & set(lesions_at(one)) for one in earlier)


def why_missing(course: Course, visit: Visit, lesion_id: str, m: Measurement | None) -> str:
    """Why a lesion has no number at a visit."""
    if m is not None and m.flags:
        return "; ".join(m.flags)
    for event in course.events:
        if (
            event.session_id == visit.session_id
            and lesion_id in event.before
            and event.kind in ("vanished", "resected", "unseen")
        ):
            return event.words
    track = next((t for t in course.tracks if t.lesion_id == lesion_id), None)
    if track is not None and track.sightings[0].day > visit.day:
        return f"the lesion is new since ses-{track.sightings[0].session_id} and has no number of its own before"
    return "it was not measured"


def _is_empty(visit: Visit, lesion_id: str) -> bool:
    volume = own(visit, Wanted("volume", "value", False), lesion_id)
    return volume is not None and volume.value == 0


def _of_parents(visit: Visit, wanted: Wanted, lesion_id: str, parents: Sequence[str]) -> Number:
    """The number of the lesion, or lesions, that this one came from; means are weighted by volume."""
    found = [m for one in parents if (m := own(visit, wanted, one)) is not None]
    known = [(m.value, m.volume_ml) for m in found if m.value is not None]
    if len(found) == 1 and known:
        return Number(known[0][0], source=found[0], note=f"Lesion {lesion_id} was part of lesion {parents[0]} then")
    if len(known) < len(found) or not known:
        return Number(None, f"lesion {lesion_id} came from lesions {', '.join(parents)}, and not all of them were measured")
    if wanted.statistic != "mean":
        return Number(None, f"lesion {lesion_id} came from lesions {', '.join(parents)}, which have no common {wanted.statistic}")
    total = sum(volume for _, volume in known)
    if total <= 0:
        return Number(None, f"lesion {lesion_id} came from lesions {', '.join(parents)}, which had no volume")
    mean = sum(value * volume for value, volume in known) / total
    note = f"Lesions {', '.join(parents)} were apart then: their mean by volume"
    return Number(mean, source=replace(found[0], value=mean, ci_low=None, ci_high=None), note=note)
