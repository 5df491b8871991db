"""One small exam from end to end against stored numbers: whatever moves them must be meant, and told in the CHANGELOG.

`pytest tests/golden --update-golden` writes them anew.
"""

import json
import math
from pathlib import Path

import pytest
from tests.digital import finished

STORED = Path(__file__).with_name("coarse_patient.json")
TOLERANCE = 0.01  # registration ends a hair elsewhere with another processor or library


def measured() -> dict[str, float | None]:
    patient = finished().patients[0]
    numbers: dict[str, float | None] = {}
    for visit in patient.course.visits:
        for m in visit.measurements:
            if m.statistic in ("median", "value") and m.region == "lesion":
                numbers[f"ses-{visit.session_id} {m.quantity} {m.statistic}{' ratio' if m.is_normalised else ''}"] = m.value
    return numbers


@pytest.mark.slow
def test_a_small_exam_gives_the_numbers_it_always_gave(request: pytest.FixtureRequest) -> None:
    numbers = measured()
    if request.config.getoption("--update-golden"):
        rounded = {name: None if value is None else float(f"{value:.5g}") for name, value in numbers.items()}
        STORED.write_text(json.dumps(rounded, indent=1) + "\n")
    stored = json.loads(STORED.read_text())
    assert numbers.keys() == stored.keys()
    moved = {
        name: (stored[name], value)
        for name, value in numbers.items()
        if (value is None) != (stored[name] is None)
        or (value is not None and not math.isclose(value, stored[name], rel_tol=TOLERANCE))
    }
    assert not moved
