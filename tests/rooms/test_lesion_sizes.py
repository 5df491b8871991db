"""Claims about sizes in a run: measured on the image that a lesion was outlined on, and outside its vertebra where that is outlined."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from afterglow.flows.sizes import lesion_sizes
from afterglow.flows.work import Drawn, Work
from afterglow.lesions.measure import Labels
from afterglow.records.grid import Grid
from afterglow.records.lesion import Lesion

FINE = Grid((40, 40, 40), np.diag([1.0, 1.0, 1.0, 1.0]))
COARSE = Grid((20, 20, 8), np.diag([2.0, 2.0, 5.0, 1.0]))
LABELS = Labels("01", "01", 0.0, "dce", "m", "r")


def series(grid: Grid, role: str) -> Any:
    return SimpleNamespace(grid=grid, role=role, source=f"{role}.nii.gz")


DYNAMIC, POST = series(COARSE, "dce"), series(FINE, "CE-T1w")


def block(grid: Grid, low: int, high: int) -> np.ndarray:
    mask = np.zeros(grid.shape, bool)
    mask[low:high, low:high, low:high] = True
    return mask


def measured(*drawn: Drawn) -> tuple[dict[str, Any], list[str]]:
    said: list[str] = []
    work = SimpleNamespace(
        drawn=drawn, dynamic=DYNAMIC, note=lambda what, found, level, advice: said.append(f"{found}; {advice}")
    )
    coarse = Lesion("1", block(COARSE, 3, 6), COARSE, "given mask")
    return {m.quantity: m for m in lesion_sizes(cast(Work, work), (coarse,), LABELS)}, said


def outline(label: str, mask: np.ndarray, on: Any = POST) -> Drawn:
    return Drawn(label, "1" if label == "lesion" else "", f"{label}.nii.gz", "given mask", mask, on)


def test_a_size_is_that_of_the_outline_and_says_on_which_image() -> None:
    found, said = measured(outline("lesion", block(FINE, 10, 21)))
    assert found["volume"].value == pytest.approx(11**3 / 1000)
    assert found["longest_diameter"].value == pytest.approx(11 * np.sqrt(2))
    assert found["volume"].space == "CE-T1w"
    assert "extraosseous_ap" not in found
    assert said == []


def test_a_lesion_drawn_on_the_series_of_the_maps_is_measured_there() -> None:
    found, _ = measured(outline("lesion", block(COARSE, 3, 6), DYNAMIC))
    assert found["volume"].value == pytest.approx(27 * 0.02)
    assert found["volume"].space == "dce"


def test_the_extent_outside_a_vertebra_is_measured_where_the_vertebra_is_outlined() -> None:
    found, _ = measured(outline("lesion", block(FINE, 10, 21)), outline("vertebra", block(FINE, 0, 16)))
    assert [found[f"extraosseous_{axis}"].value for axis in ("lr", "ap", "si")] == [11.0, 11.0, 11.0]
    inside, _ = measured(outline("lesion", block(FINE, 10, 21)), outline("vertebra", block(FINE, 0, 30)))
    assert inside["extraosseous_ap"].value == 0.0, "inside the bone is zero, not missing"


def test_a_vertebra_on_another_image_is_left_out_with_a_word() -> None:
    found, said = measured(outline("lesion", block(FINE, 10, 21)), outline("vertebra", block(COARSE, 2, 6), DYNAMIC))
    assert "extraosseous_ap" not in found
    assert "outline the vertebra on CE-T1w.nii.gz" in said[0]
