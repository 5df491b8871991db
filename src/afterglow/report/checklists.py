"""What STARD 2015 and TRIPOD+AI ask of a report, item by item: filled where the data allow, marked where the authors write.

The items stand in lists/*.toml, in own short words with the numbers of the statements.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from afterglow import __version__
from afterglow.records.document import Block, Section, Table, Text
from afterglow.records.group import CHECKLISTS, GroupFacts

TO_BE_WRITTEN = "to be written by the authors"
PARTLY = "partly; the authors add to it"
FILLED = "filled"


@dataclass(frozen=True)
class ListItem:
    """One item: its number, what it asks, and the key of the fact that answers it, where one may."""

    number: str
    part: str
    asks: str
    fact: str = ""
    partly: bool = False
    only: str = ""  # "development", "evaluation"


@dataclass(frozen=True)
class ReportingList:
    """A reporting guideline as a list of items."""

    name: str
    about: str
    doi: str
    items: int  # the number the statement itself counts, whose parts stand as items of their own here
    numbers_checked: str
    item: tuple[ListItem, ...]


@cache
def reporting_list(name: str) -> ReportingList:
    """The list of that name. ValueError where there is none."""
    if name not in CHECKLISTS:
        raise ValueError(f"no checklist is called {name!r}; known: {', '.join(CHECKLISTS)}")
    found = tomllib.loads(files("afterglow.report").joinpath("lists", f"{name}.toml").read_text(encoding="utf-8"))
    items = tuple(ListItem(**item) for item in found.pop("item"))
    return ReportingList(item=items, **found)


def fact_keys() -> tuple[str, ...]:
    """Every key under which a flow may give a fact for the lists."""
    return tuple(sorted({item.fact for name in CHECKLISTS for item in reporting_list(name).item if item.fact}))


def known_facts(group: GroupFacts) -> dict[str, str]:
    """What the report can say of itself, and the facts it was given, which come before its own. ValueError for an unknown key."""
    unknown = sorted(set(group.checklist_facts) - set(fact_keys()))
    if unknown:
        raise ValueError(f"{group.method}: no item of a checklist asks for {unknown[0]!r}; known: {', '.join(fact_keys())}")
    said = {
        "question": group.question,
        "index_test": "See Methods." if group.methods_paragraph else "",
        "data_preparation": "See Methods." if group.methods_paragraph else "",
        "analysis": _rules(group),
        "flow": _flow(group),
        "baseline": "See Patients, the cohort table." if group.cohort else "",
        "events": _events(group),
        "cross_table": "See Results, the tables of counts." if group.crossed else "",
        "accuracy": "See The answer and Results." if group.estimates else "",
        "limitations": "See Cautions." if group.cautions else "",
        "code": f"afterglow {__version__}, open source under Apache-2.0, with the method file {group.method}.",
    }
    return {key: words for key, words in {**said, **group.checklist_facts}.items() if words}


def _rules(group: GroupFacts) -> str:
    """Each test and each interval by its exact rule, once."""
    tests = [f"{t.name} ({t.rule})" for _, family in group.tests for t in family]
    intervals = [f"intervals: {e.rule}" for _, held in group.estimates for e in held if e.rule]
    return "; ".join(dict.fromkeys([*tests, *intervals]))


def _flow(group: GroupFacts) -> str:
    if not group.flow:
        return ""
    first, last = group.flow[0], group.flow[-1]
    return f"See Patients, the flow diagram: {last.patients} of {first.patients} patients."


def _events(group: GroupFacts) -> str:
    last = group.flow[-1] if group.flow else None
    if last is None or not last.split:
        return ""
    return f"{last.patients} patients: {', '.join(f'{number} {words}' for words, number in last.split)}."


def checklist_table(name: str, facts: Mapping[str, str]) -> Table:
    """The list with what is known for each item."""
    listed = reporting_list(name)
    rows = []
    for item in listed.item:
        words = facts.get(item.fact, "") if item.fact else ""
        state = TO_BE_WRITTEN if not words else PARTLY if item.partly else FILLED
        only = f" ({item.only} only)" if item.only else ""
        rows.append((item.number, item.part, f"{item.asks}{only}", state, words))
    caption = f"{listed.name}, {listed.about}. Items in afterglow's own words; {listed.numbers_checked}."
    return Table(caption, ("Item", "Part", "What it asks", "State", "What the data say"), tuple(rows))


def checklists_section(group: GroupFacts) -> Section | None:
    """Each list under its name with how much of it is filled; None where no list was asked for."""
    facts = known_facts(group)
    blocks: list[Block] = []
    for name in group.checklists:
        listed, table = reporting_list(name), checklist_table(name, facts)
        states = [row[3] for row in table.rows]
        filled, partly, missing = (states.count(state) for state in (FILLED, PARTLY, TO_BE_WRITTEN))
        blocks += [
            Text(listed.name, "heading"),
            Text(
                f"Of {len(states)} lines {filled} are filled, {partly} in part, and {missing} are to be written by the authors."
            ),
            table,
            Text(listed.doi, "doi"),
        ]
    return Section("Checklists", tuple(blocks), "checklists") if blocks else None
