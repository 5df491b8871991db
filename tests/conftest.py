"""What all tests share: where the reference data are, and how patient hypothesis is."""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("shared-machine", deadline=None, derandomize=True)
settings.load_profile("shared-machine")

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="Write the golden numbers anew (and say so in CHANGELOG under numbers)."
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `shared` need the reference data, which never travel with the repository."""
    if SHARED.is_dir():
        return
    absent = pytest.mark.skip(reason=f"the reference data are not at ../shared beside the repository ({SHARED})")
    for item in items:
        if "shared" in item.keywords:
            item.add_marker(absent)
