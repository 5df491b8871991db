"""OSIPI's signal-to-concentration curves: every sample at a fifth of the tolerance."""

from pathlib import Path

import pytest

from afterglow.io.osipi import read_cases
from afterglow.kernels.spgr import concentration

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "osipi"
pytestmark = [pytest.mark.shared, pytest.mark.skipif(not FOLDER.is_dir(), reason="no ../shared/data/osipi here")]


def worst(case, baseline_first):
    given = case.inputs
    found = concentration(
        given["signal"],
        t10_s=given["t10_s"],
        flip_deg=given["flip_deg"],
        tr_s=given["tr_s"],
        r1_per_mM_s=given["r1_per_mM_s"],
        baseline_frames=slice(baseline_first, int(given["baseline_stop"])),
    )
    return case.worst("tissue_mM", found)


def test_every_sample_of_every_curve_agrees_to_a_millionth_of_the_tolerance():
    cases = [case for case in read_cases(FOLDER).cases if case.kind == "si_to_conc"]
    assert len(cases) == 5
    assert max(worst(case, int(case.inputs["baseline_first"])) for case in cases) < 1e-6


def test_the_reference_leaves_the_first_sample_out_of_its_baseline():
    cases = [case for case in read_cases(FOLDER).cases if case.kind == "si_to_conc"]
    assert sum(worst(case, 0) > 1 for case in cases) == 3
