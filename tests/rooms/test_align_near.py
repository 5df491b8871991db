"""Claims about registration from the scanner's coordinates, for images without a scalp."""

import numpy as np
import pytest
from align_heads import CONTRASTS, box, brain_points, distance_mm, make_head, pose, scan

from afterglow.align.near import register_near, register_series
from afterglow.align.rigid import register

ANATOMY = box((80, 96, 64), (2.6, 2.6, 2.6), (0, -18, 10))
SLAB = box((64, 70, 24), (3.2, 3.2, 4.5), (0, -18, 18))
MIDDLE = np.array([0.0, -18.0, 10.0])
NAMES = ("dwi", "t1w")
B0 = (0.62, 0.42, 1.60, 0.0, 0.05, 0.95)  # fat is suppressed, so the scalp is dark
TRUE = pose((1.5, -2, 1), (2, -1.5, 2), MIDDLE)


@pytest.fixture(scope="module")
def head():
    return make_head(1)


@pytest.fixture(scope="module")
def anatomy(head):
    return scan(head.contrast(CONTRASTS["ce_t1w"]), head.affine, ANATOMY, noise=0.02, seed=1)


@pytest.fixture(scope="module")
def diffusion(head):
    return scan(head.contrast(B0), head.affine, SLAB, TRUE, noise=0.04, seed=2)


def test_a_head_without_a_scalp_is_laid_on_one_with_it(head, anatomy, diffusion):
    found = register_near(diffusion, SLAB, anatomy, ANATOMY, names=NAMES)
    assert found.trusted, found.remark
    assert np.median(distance_mm(found.matrix, TRUE, brain_points(head))) < 0.5
    back = register_near(anatomy, ANATOMY, diffusion, SLAB, names=NAMES[::-1])
    assert distance_mm(back.matrix @ found.matrix, np.eye(4), brain_points(head)).max() < 0.5


def test_upside_down_and_flat_images_are_refused(anatomy, diffusion):
    assert not register_near(diffusion[:, :, ::-1], SLAB, anatomy, ANATOMY, names=NAMES).trusted
    flat = register_near(np.zeros(SLAB.shape), SLAB, anatomy, ANATOMY, names=NAMES)
    assert not flat.trusted
    assert "one value everywhere" in flat.remark


@pytest.mark.slow
def test_what_registers_from_afar_is_left_as_it_is_and_the_rest_is_tried_near(head, anatomy, diffusion):
    seen = scan(head.contrast(CONTRASTS["spgr"]), head.affine, SLAB, TRUE, noise=0.04, seed=2)
    plain = register(seen, SLAB, anatomy, ANATOMY, names=NAMES)
    assert register_series(seen, SLAB, anatomy, ANATOMY, names=NAMES).matrix.tobytes() == plain.matrix.tobytes()
    assert not register_series(diffusion[:, :, ::-1], SLAB, anatomy, ANATOMY, names=NAMES).trusted
