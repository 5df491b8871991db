"""Claims about the pages of digital patients: every key has words, every picture is there and light, numbers come from the files."""

import re
import sys
from pathlib import Path

import pytest

from afterglow.flows.simulation_file import load_simulation, simulation_names
from afterglow.io.dicom_write import STYLES

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs" / "_ext"))

import simulation_tables  # noqa: E402  it lives beside the documentation
from simulation_words import COMMON_WORDS, SIMULATION_WORDS, words_of  # noqa: E402

PAGE = (ROOT / "docs" / "simulation.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def keys() -> set[tuple[str, str]]:
    """Record and key of all that may stand in a simulation file."""
    return {
        (name, field.name) for name, record in simulation_tables.records().items() for field, _ in simulation_tables.hints(record)
    }


def test_every_key_of_a_simulation_file_has_words(keys: set[tuple[str, str]]) -> None:
    page = simulation_tables.simulation_keys()
    for record, key in keys - simulation_tables.SUBTABLES:
        assert words_of(record, key) and f"| `{key}` |" in page


def test_no_words_lack_their_key(keys: set[tuple[str, str]]) -> None:
    assert set(SIMULATION_WORDS) <= keys
    assert set(COMMON_WORDS) <= {key for record, key in keys if (record, key) not in SIMULATION_WORDS}


def test_every_table_of_a_simulation_file_has_a_heading(keys: set[tuple[str, str]]) -> None:
    assert set(simulation_tables.NAMES) == {record for record, _ in keys}


def test_every_printed_number_of_every_cohort_stands_beside_what_is_drawn() -> None:
    table = simulation_tables.cohorts()
    for name in simulation_names():
        cohort = load_simulation(name).cohort
        own = table.partition(f"### {name}\n")[2].partition("\n### ")[0]
        for value in (*cohort.value, *getattr(cohort, "examination_value", ())):
            if value.printed:
                line = next(x for x in own.splitlines() if value.source in x and f"`{value.name}`" in x)
                assert all(f"{statistic} {printed:g}" in line for statistic, printed in value.printed.items())


def test_the_page_shows_light_pictures_that_are_there_and_names_every_dicom_style() -> None:
    pictures = re.findall(r"\]\((images/digital-[^)]+)\)", PAGE)
    assert len(pictures) == 5
    assert all(0 < (ROOT / "docs" / picture).stat().st_size < 600_000 for picture in pictures)
    assert all(f"| `{style}` |" in PAGE for style in STYLES)
