"""Claims about the intervals of sizes: what voxels leave open is no change."""

import numpy as np
import pytest

from afterglow.flows.method import load_method
from afterglow.lesions.measure import Labels
from afterglow.lesions.size import sizes
from afterglow.records.course import Course, Treatment, Visit
from afterglow.records.grid import Grid
from afterglow.records.lesion import Lesion
from afterglow.records.measurement import Measurement
from afterglow.response.judge import judge

SIZE = load_method("behar2023").rule[1].record()
VOXELS = ((1.0, 1.0, 1.0), (2.0, 2.0, 4.0), (5.0, 1.5, 1.5))
LABELS = Labels("01", "x", 0.0, "T1w", "m", "r")


def measured(diameter_mm: float, spacing: tuple[float, ...], shift_mm: float) -> dict[str, Measurement]:
    """Sizes of a ball that lies a little aside of the middle of its voxels."""
    n = [int(48 / s) for s in spacing]
    grid = Grid((n[0], n[1], n[2]), np.diag([*spacing, 1.0]))
    at = grid.to_mm(np.argwhere(np.ones(n, dtype=bool)).astype(float)).reshape(*n, 3)
    mask = np.linalg.norm(at - 22.0 - shift_mm * np.array([1.0, 0.6, 0.8]), axis=-1) <= diameter_mm / 2
    return {m.quantity: m for m in sizes(Lesion("1", mask, grid, "drawn"), labels=LABELS)}


@pytest.mark.parametrize("spacing", VOXELS)
def test_the_interval_of_a_volume_holds_the_true_one_and_every_size_has_one(spacing: tuple[float, ...]) -> None:
    """Diameters count voxels with their corners, so they are too long, at both visits alike."""
    for shift_mm in (0.0, 0.4, 0.8, 1.3):
        for name, m in measured(24.0, spacing, shift_mm).items():
            assert m.ci_low is not None and m.ci_high is not None and m.value is not None
            assert m.ci_low < m.value < m.ci_high
            assert "border" in m.ci_kind
            if name == "volume":
                assert m.ci_low <= np.pi / 6 * 24.0**3 / 1000 <= m.ci_high, shift_mm


def test_finer_voxels_leave_less_open() -> None:
    fine, coarse = (measured(24.0, spacing, 0.0)["volume"] for spacing in (VOXELS[0], VOXELS[1]))
    assert fine.ci_high is not None and fine.ci_low is not None and coarse.ci_high is not None and coarse.ci_low is not None
    assert fine.ci_high - fine.ci_low < coarse.ci_high - coarse.ci_low


@pytest.mark.parametrize("spacing", VOXELS)
def test_a_ball_that_lies_elsewhere_in_its_voxels_has_not_changed(spacing: tuple[float, ...]) -> None:
    for shift_mm in (0.4, 0.8, 1.3):
        pair = (measured(24.0, spacing, 0.0), measured(24.0, spacing, shift_mm))
        visits = tuple(Visit(f"{n}", 60.0 * n, tuple(found.values())) for n, found in enumerate(pair))
        course = Course("01", visits, (Treatment("radiotherapy", 10.0),))
        assert judge(course, SIZE, (), site="brain")[0].category == "no change"


def test_a_ball_of_twice_the_area_has() -> None:
    pair = (measured(20.0, VOXELS[2], 0.0), measured(29.0, VOXELS[2], 0.7))
    visits = tuple(Visit(f"{n}", 60.0 * n, tuple(found.values())) for n, found in enumerate(pair))
    assert judge(Course("01", visits, (Treatment("radiotherapy", 10.0),)), SIZE, (), site="spine")[0].category == "progression"


def test_a_lesion_outlined_as_empty_is_a_response() -> None:
    there, gone = (
        Lesion("1", mask, Grid((9, 9, 9), np.eye(4)), "drawn", note="nothing left")
        for mask in (np.ones((9, 9, 9), bool), np.zeros((9, 9, 9), bool))
    )
    visits = tuple(Visit(f"{n}", 60.0 * n, sizes(one, labels=LABELS)) for n, one in enumerate((there, gone)))
    (verdict,) = judge(Course("01", visits, (Treatment("radiotherapy", 10.0),)), SIZE, (), site="spine")
    assert (verdict.category, verdict.value) == ("response", -100.0)
