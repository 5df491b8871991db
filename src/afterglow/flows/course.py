"""`afterglow course SUBJECT`: the story of one patient in lines, from what a run wrote. Computes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afterglow.io.course import read_course


@dataclass(frozen=True)
class CourseLines:
    """The course as it lies on disk, and as lines for a person in the order of days."""

    content: Mapping[str, Any]
    lines: tuple[str, ...]
    report: Path


def tell_course(out: Path, subject: str) -> CourseLines:
    """Read a patient's course. MissingInput where none was written."""
    content: Mapping[str, Any] = read_course(out, subject.removeprefix("sub-"))
    dated = [*_visits(content), *_treatments(content), *_events(content), *_calls(content)]
    lines = [f"day {day:>7g}  {words}" for day, _, words in sorted(dated, key=lambda one: one[:2])]
    remarks = [f"{one['what']}: {one['found']}" for one in content["remarks"]]
    leads = [_lead(one) for one in content["lead_times"]]
    return CourseLines(content, (*lines, *leads, *remarks), out / str(content["report"]))


def _visits(content: Mapping[str, Any]) -> list[tuple[float, int, str]]:
    seen: dict[str, list[str]] = {}
    for track in content["lesions"]:
        for sighting in track["sightings"]:
            words = f"lesion {track['lesion_id']} {sighting['volume_ml']:.2f} mL"
            seen.setdefault(f"ses-{sighting['session_id']}", []).append(words)
    return [
        (visit["day"], 1, f"visit {visit['session_id']}: {', '.join(seen.get(visit['session_id'], ['no lesion outlined']))}")
        for visit in content["visits"]
    ]


def _treatments(content: Mapping[str, Any]) -> list[tuple[float, int, str]]:
    return [
        (
            t["day"],
            0,
            t["kind"] + ("" if t["dose_gy"] is None else f" {t['dose_gy']:g} Gy") + (f" ({t['agent']})" if t["agent"] else ""),
        )
        for t in content["treatments"]
    ]


def _events(content: Mapping[str, Any]) -> list[tuple[float, int, str]]:
    return [(e["day"], 2, f"{e['kind']}: {e['words']}") for e in content["events"]]


def _calls(content: Mapping[str, Any]) -> list[tuple[float, int, str]]:
    days = {str(v["session_id"]).removeprefix("ses-"): v["day"] for v in content["visits"]}
    return [
        (days[v["to_session"]], 3, f"{_lesion(v['lesion_id'])}, {v['rule']}: {v['label'] or v['category']}. {v['sentence']}")
        for v in content["calls"]
    ]


def _lesion(lesion_id: str) -> str:
    return f"lesion {lesion_id}" if lesion_id != "all" else "all lesions"


def _lead(one: Mapping[str, Any]) -> str:
    said = f"{_lesion(one['lesion_id'])}: {one['rule_early']} called progression on day {one['day_early']:g}, {one['rule_late']} "
    if one["day_late"] is None:
        return f"{said}has not"
    return f"{said}{one['day_late'] - one['day_early']:g} days later"
