"""OSIPI's population curves: Parker, Georgiou and McGrath to 1e-4 mM and at a fifth of the tolerance."""

from pathlib import Path

import numpy as np
import pytest

from afterglow.io.osipi import read_cases
from afterglow.kernels.aif_population import POPULATION_AIFS

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "osipi"
pytestmark = [pytest.mark.shared, pytest.mark.skipif(not FOLDER.is_dir(), reason="no ../shared/data/osipi here")]


@pytest.mark.parametrize(
    ("curve", "n_cases", "largest_mM"), [("parker", 20, 1e-13), ("georgiou", 7, 2.6e-5), ("mcgrath", 18, 1e-13)]
)
def test_the_curve_is_the_published_one_with_and_without_delay(curve, n_cases, largest_mM):
    cases = [case for case in read_cases(FOLDER).cases if case.inputs.get("curve") == curve]
    assert len(cases) == n_cases
    for case in cases:
        found = POPULATION_AIFS[curve].curve(case.inputs["times_s"], delay_s=case.inputs["delay_s"])
        assert np.abs(found - case.reference["blood_mM"]).max() <= largest_mM
        assert case.worst("blood_mM", found) <= 0.2
