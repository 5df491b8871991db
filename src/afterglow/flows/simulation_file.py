"""A simulated cohort is a file: its groups, distributions and scans, each number with its source.

Five come with afterglow, one for each method; a user's own is a copy of one. An unknown key is refused.
"""

import tomllib
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, TypeAdapter, ValidationError

from afterglow.flows.shipped import shipped_folder, shipped_names, shipped_text
from afterglow.records.errors import BadMethod
from afterglow.simulate.acquisition import Acquisition
from afterglow.simulate.cohort import check_cohort
from afterglow.simulate.cohort_course import Course
from afterglow.simulate.cohort_draw import STRICT
from afterglow.simulate.cohort_surveillance import Surveillance

_KINDS = ("course", "surveillance")  # pydantic puts them into the path of a key


@dataclass(frozen=True)
class Simulation:
    """A whole simulation file."""

    name: str
    title: str
    citation: str
    doi: str
    site: Literal["brain", "spine"]
    cohort: Annotated[Course | Surveillance, Field(discriminator="kind")]
    acquisition: Acquisition
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        check_cohort(self.cohort)
        roles = [role for visit in self.cohort.visit for role in visit.roles] if isinstance(self.cohort, Course) else []
        roles += [] if isinstance(self.cohort, Course) else self.cohort.schedule.roles
        for role in roles:
            if role not in self.acquisition.roles:
                raise ValueError(f"a visit has {role!r}, which [acquisition] does not describe; add it there or take it out")


_SIMULATION = TypeAdapter(Simulation)


def simulation_names() -> tuple[str, ...]:
    """The cohorts that come with afterglow."""
    return shipped_names(shipped_folder("simulation"))


def simulation_text(name: str) -> str:
    """The file of a cohort by its name, or by a path that ends in .toml. BadMethod where there is none."""
    return shipped_text(name, shipped_folder("simulation"), kind="simulation", known=simulation_names())


def load_simulation(name: str) -> Simulation:
    """A cohort by name or path, checked. BadMethod names the file, the key, what was found and the remedy."""
    text = simulation_text(name)
    try:
        return _SIMULATION.validate_python(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BadMethod(f"{name}: not a TOML file ({error})") from error
    except ValidationError as error:
        raise BadMethod(f"{name}: {_first_problem(error)}") from error


def _first_problem(error: ValidationError) -> str:
    problems = error.errors(include_url=False)
    unknown = ("unexpected_keyword_argument", "extra_forbidden")
    first = next((p for p in problems if p["type"] in unknown), problems[0])  # a misspelt key explains the missing one
    where = _place(first["loc"])
    if first["type"] in unknown:
        return f"{where}: unknown key; remove it or correct its spelling"
    if first["type"] in ("missing", "missing_argument"):
        return f"{where}: this key is missing; add it"
    if first["type"] == "value_error":
        return f"{where}: {first['msg'].removeprefix('Value error, ')}"
    found = first["input"]
    shown = f"found {found!r}; " if isinstance(found, str | int | float | bool) else ""
    return f"{where}: {shown}{first['msg'][:1].lower()}{first['msg'][1:]}; correct it"


def _place(loc: tuple[int | str, ...]) -> str:
    """As in "cohort.value 4.parts 1", without the words that only say which alternative was tried.

    What concerns the whole file is what the tables of a cohort say about one another.
    """
    words = [part for part in loc if part not in _KINDS and part not in ("float", "str", "Course", "Surveillance")]
    return "".join(f" {part + 1}" if isinstance(part, int) else f".{part}" for part in words).lstrip(".") or "cohort"
