"""Claims about the halves of two images: of one body they lie as the whole does, of another body they do not."""

import numpy as np
import pytest
from align_heads import CONTRASTS, box, make_head, pose, scan

from afterglow.align.halves import HALVES_MM, halves_apart_mm
from afterglow.records.grid import Grid

GRID = box((54, 64, 46), (3.8, 3.8, 3.8), (0, -18, 10))
MOVED = pose((4, -3, 5), (3, -4, 2), np.array([0.0, -18.0, 10.0]))


@pytest.fixture(scope="module")
def images() -> dict[str, np.ndarray]:
    head, other = make_head(1), make_head(5)
    seen = dict.fromkeys(("first", "second", "other"), CONTRASTS["ce_t1w"])
    made = {"first": (head, np.eye(4)), "second": (head, MOVED), "other": (other, np.eye(4))}
    return {
        name: scan(made[name][0].contrast(row), made[name][0].affine, GRID, made[name][1], noise=0.03, seed=n)
        for n, (name, row) in enumerate(seen.items())
    }


def test_the_halves_of_one_head_lie_where_the_whole_does(images: dict[str, np.ndarray]) -> None:
    apart = halves_apart_mm(images["second"], GRID, images["first"], GRID, MOVED)
    assert apart is not None
    assert apart < HALVES_MM / 2
    back = halves_apart_mm(images["first"], GRID, images["second"], GRID, np.linalg.inv(MOVED))
    assert back is not None
    assert back < HALVES_MM / 2


def test_a_head_whose_lower_half_lies_elsewhere_is_noticed(images: dict[str, np.ndarray]) -> None:
    bent = images["first"].copy()
    bent[:, :, :22] = np.roll(images["first"], 2, axis=1)[:, :, :22]
    apart = halves_apart_mm(bent, GRID, images["first"], GRID, np.eye(4))
    assert apart is not None
    assert apart > HALVES_MM


def test_a_flat_image_and_one_too_small_have_no_halves(images: dict[str, np.ndarray]) -> None:
    assert halves_apart_mm(np.zeros(GRID.shape, np.float32), GRID, images["first"], GRID, np.eye(4)) is None
    small = Grid((8, 8, 6), GRID.affine)
    cut = images["first"][20:28, 25:33, 18:24]
    assert halves_apart_mm(cut, small, cut, small, np.eye(4)) is None
