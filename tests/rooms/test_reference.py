"""Claims about reference tissue that nobody drew: which tissue it is, which side, how far from lesions, and when there is none."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from afterglow.flows.method_regions import ReferenceSpec
from afterglow.kernels.mixture import gaussian_mixture, membership
from afterglow.kernels.shading import flattest
from afterglow.lesions.reference import Limits, filled, numbers_of
from afterglow.lesions.side import beyond_midline, halves_apart_mm, other_side, plane_of, whole_brain, without_vessels
from afterglow.lesions.white_matter import find_white_matter
from afterglow.records.document import Figure
from afterglow.records.errors import MissingInput
from afterglow.records.grid import Grid
from afterglow.records.lesion import Lesion, Reference
from afterglow.records.result import ExamResult
from afterglow.report.documents import exam_document
from afterglow.report.figures.reference import reference_figure

Volume = NDArray[np.float32]
Mask = NDArray[np.bool_]
LIMITS = Limits(1.0, 20.0, 5.0, 1.0)
SWAP = np.diag([-1.0, 1.0, 1.0, 1.0])


def centred(shape: tuple[int, int, int], mm: tuple[float, float, float]) -> Grid:
    affine = np.diag([*mm, 1.0])
    affine[:3, 3] = -(np.array(shape) - 1) / 2 * mm
    return Grid(shape, affine)


def places(grid: Grid) -> NDArray[np.float64]:
    """(3, i, j, k) in mm."""
    return np.moveaxis(grid.to_mm(np.moveaxis(np.indices(grid.shape), 0, -1).astype(float)), -1, 0)


@dataclass(frozen=True, eq=False)
class Head:
    grid: Grid
    t1w: Volume
    white: Mask
    brain: Mask


def head(*, contrast: float = 0.25, fat: float = 2.4) -> Head:
    """White matter with folds in grey matter, ventricles, fluid, bone and bright fat, under shading and noise."""
    grid = centred((84, 100, 60), (2.0, 2.0, 2.5))
    x, y, z = places(grid)
    rng = np.random.default_rng(4)
    radius = np.sqrt((x / 78) ** 2 + (y / 95) ** 2 + (z / 88) ** 2)
    folds = 0.2 * np.sin(x / 6) * np.sin(y / 7 + 1) * np.sin(z / 8 + 2)
    image = np.where(radius < 1, fat, 0.02)
    image[radius < 0.92] = 0.15
    brain = radius < 0.82
    white = (radius + folds < 0.66) & (((np.abs(x) - 12) / 8) ** 2 + (y / 32) ** 2 + (z / 18) ** 2 > 1)
    image[brain] = 1.0 - contrast
    image[(radius + folds < 0.66) & ~white] = 0.25
    image[white] = 1.0
    image = ndimage.gaussian_filter(image, 0.4) * np.exp(0.15 * x / 80 + 0.12 * (y / 90) ** 2)
    return Head(grid, (image + 0.02 * rng.standard_normal(grid.shape)).astype(np.float32), white, brain)


HEAD = head()


def ball(grid: Grid, middle: tuple[float, float, float], radius_mm: float) -> Mask:
    x, y, z = places(grid)
    a, b, c = middle
    inside: Mask = (x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2 < radius_mm**2
    return inside


def test_a_mixture_finds_the_means_it_was_drawn_from_in_any_order_and_despite_a_few_far_values() -> None:
    rng = np.random.default_rng(0)
    drawn = np.concatenate([rng.normal(3.0, 0.2, 4000), rng.normal(1.0, 0.3, 3000), rng.normal(4.5, 0.2, 5000), [90.0] * 20])
    means, deviations, weights = gaussian_mixture(rng.permutation(drawn), 3)
    assert means == pytest.approx([1.0, 3.0, 4.5], abs=0.05)
    assert deviations == pytest.approx([0.3, 0.2, 0.2], abs=0.05)
    assert weights.sum() == pytest.approx(1.0)
    assert membership(np.array([4.6, 1.0]), means, deviations, weights, 2) == pytest.approx([1.0, 0.0], abs=0.01)


def test_shading_is_told_from_tissue_that_is_folded() -> None:
    rng = np.random.default_rng(7)
    place = rng.uniform(-1, 1, (6000, 2))
    tissue = np.where(np.sin(7 * place[:, 0]) + np.cos(6 * place[:, 1]) > 0.5, 0.0, -0.25)
    basis = np.stack([place[:, 0], place[:, 1], place[:, 0] ** 2, place[:, 1] ** 2], axis=1)
    true = np.array([0.2, -0.15, 0.1, 0.12])
    found = flattest(tissue + basis @ true + 0.02 * rng.standard_normal(6000), basis)
    assert found == pytest.approx(true, abs=0.02)


def test_white_matter_is_found_under_shading_and_nothing_else_is_taken() -> None:
    found = find_white_matter(HEAD.t1w, HEAD.grid, flair=None, lesion=np.zeros(HEAD.grid.shape, bool), edge_mm=1.0)
    assert HEAD.white[found.mask].mean() > 0.99
    assert found.mask.sum() > 0.5 * HEAD.white.sum()
    assert found.contrast > 3


def test_what_flair_shows_as_oedema_is_no_white_matter() -> None:
    oedema = ball(HEAD.grid, (40, 20, 10), 14)
    flair = (np.where(oedema, 1.6, 1.0) + 0.03 * np.random.default_rng(1).standard_normal(HEAD.grid.shape)).astype(np.float32)
    none = np.zeros(HEAD.grid.shape, bool)
    assert find_white_matter(HEAD.t1w, HEAD.grid, flair=None, lesion=none, edge_mm=1.0).mask[oedema].any()
    assert not find_white_matter(HEAD.t1w, HEAD.grid, flair=flair, lesion=none, edge_mm=1.0).mask[oedema].any()


def test_an_image_without_two_tissues_or_without_a_brain_is_refused() -> None:
    none = np.zeros(HEAD.grid.shape, bool)
    with pytest.raises(MissingInput, match=r"told apart|too little"):
        find_white_matter(head(contrast=0.0).t1w, HEAD.grid, flair=None, lesion=none, edge_mm=1.0)
    with pytest.raises(MissingInput, match=r"darkness|no brain"):
        find_white_matter(np.zeros(HEAD.grid.shape, np.float32), HEAD.grid, flair=None, lesion=none, edge_mm=1.0)


@settings(max_examples=25, deadline=None)
@given(st.floats(-60, 60), st.floats(-60, 60), st.floats(-40, 40), st.floats(4, 18), st.sampled_from([2.0, 8.0, 30.0]))
def test_no_voxel_of_a_lesion_is_ever_in_the_reference_nor_nearer_than_the_method_says(
    x: float, y: float, z: float, radius_mm: float, most_ml: float
) -> None:
    lesion = ball(HEAD.grid, (x, y, z), radius_mm)
    limits = Limits(0.5, most_ml, 5.0, 1.0)
    for find in (
        lambda: other_side(HEAD.white, lesion, HEAD.grid, SWAP, limits),
        lambda: whole_brain(HEAD.white, lesion, HEAD.grid, limits),
    ):
        try:
            found = find()
        except MissingInput:
            continue
        away_mm = ndimage.distance_transform_edt(~lesion, sampling=HEAD.grid.spacing_mm)
        assert away_mm[found.mask].min() >= 5.0
        assert HEAD.white[found.mask].all()


def test_a_lesion_claims_its_voxels_also_after_resampling() -> None:
    lesion = Lesion("1", ball(HEAD.grid, (30, 0, 0), 12), HEAD.grid, "drawn")
    share = np.ones(HEAD.grid.shape, np.float32)
    assert not (filled(share, (lesion,)) & lesion.mask).any()
    assert not filled(np.full_like(share, 0.8), ()).any()


def test_the_reference_lies_across_the_midline_about_the_mirrored_lesion_and_keeps_to_its_size() -> None:
    lesion = ball(HEAD.grid, (38, 20, 10), 9)
    found = other_side(HEAD.white, lesion, HEAD.grid, SWAP, LIMITS)
    middle = places(HEAD.grid)[:, found.mask].mean(axis=1)
    assert found.kind == "contralateral white matter"
    assert middle == pytest.approx([-38, 20, 10], abs=12)
    assert (places(HEAD.grid)[0][found.mask] < -4).all()
    assert 15 < found.mask.sum() * HEAD.grid.voxel_ml <= 20


def test_the_other_side_is_the_same_when_left_and_right_are_exchanged() -> None:
    lesion = ball(HEAD.grid, (38, 20, 10), 9)
    even = HEAD.white & HEAD.white[::-1]
    one, other = (other_side(even, mask, HEAD.grid, SWAP, Limits(1, 500, 5, 1)).mask for mask in (lesion, lesion[::-1]))
    assert np.array_equal(one, other[::-1])


def test_a_lesion_on_the_midline_or_on_both_sides_has_no_other_side() -> None:
    both = ball(HEAD.grid, (40, 0, 10), 9) | ball(HEAD.grid, (-40, 30, 10), 9)
    for lesion in (ball(HEAD.grid, (1, 20, 30), 12), both):
        assert beyond_midline(lesion, HEAD.grid, SWAP) > 0.1
        with pytest.raises(MissingInput, match="no side is healthy"):
            other_side(HEAD.white, lesion, HEAD.grid, SWAP, LIMITS)
        assert whole_brain(HEAD.white, lesion, HEAD.grid, LIMITS).kind == "whole-brain white matter"


def test_no_lesion_has_no_other_side() -> None:
    with pytest.raises(MissingInput, match="fills no voxel"):
        other_side(HEAD.white, np.zeros(HEAD.grid.shape, bool), HEAD.grid, SWAP, LIMITS)


def test_too_little_white_matter_is_no_reference() -> None:
    with pytest.raises(MissingInput, match="fewer than 1 mL"):
        whole_brain(np.zeros_like(HEAD.white), ball(HEAD.grid, (40, 0, 0), 8), HEAD.grid, LIMITS)


def test_a_plane_is_read_back_from_its_reflection() -> None:
    normal = np.array([0.98, 0.15, -0.1]) / np.linalg.norm([0.98, 0.15, -0.1])
    reflection = np.eye(4)
    reflection[:3, :3] -= 2 * np.outer(normal, normal)
    reflection[:3, 3] = 2 * 7.0 * normal
    found, offset_mm = plane_of(reflection)
    assert np.abs(found @ normal) == pytest.approx(1.0)
    assert offset_mm * np.sign(found @ normal) == pytest.approx(7.0)
    assert halves_apart_mm(HEAD.brain, HEAD.grid, SWAP) < 1.0


def test_a_vessel_is_left_out_by_its_peak_and_noise_is_not() -> None:
    rng = np.random.default_rng(2)
    white = np.ones((30, 30, 10), bool)
    peak = (0.1 + 0.02 * rng.standard_normal(white.shape)).astype(np.float32)
    peak[3:5, 3:5] = 0.6
    kept = without_vessels(white, peak)
    assert not kept[3:5, 3:5].any()
    assert kept.mean() > 0.99


def spec(**changes: object) -> ReferenceSpec:
    fields: dict[str, object] = {
        "kind": "contralateral white matter", "ways": ["given", "automatic"], "volume_ml": [1, 20], "away_mm": 5, "edge_mm": 1, "source": "paper",
    }  # fmt: skip
    return ReferenceSpec.model_validate({k: v for k, v in (fields | changes).items() if v is not None})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"volume_ml": None}, "volume_ml goes with"),
        ({"ways": ["given"]}, "goes with the way 'automatic'"),
        ({"kind": "given region"}, "no 'given region' is found"),
        ({"ways": ["automatic", "automatic"]}, "twice"),
        ({"volume_ml": [5, 1]}, "least and the most"),
        ({"ways": ["guessed"]}, "guessed|mirrored lesion"),
    ],
)
def test_a_reference_that_cannot_be_is_refused_in_the_method_file(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        spec(**changes)


def test_a_reference_says_how_large_and_how_even_it_is_and_is_drawn_where_nobody_outlined_it() -> None:
    lesion = Lesion("1", ball(HEAD.grid, (38, 20, 10), 9), HEAD.grid, "drawn")
    found = other_side(HEAD.white, lesion.mask, HEAD.grid, SWAP, LIMITS)
    plane = (("midline_x", 1.0), ("midline_y", 0.0), ("midline_z", 0.0), ("midline_offset_mm", 0.0))
    quality = (*numbers_of(found.mask, HEAD.grid, HEAD.t1w), *found.numbers, *plane)
    assert dict(quality)["volume_ml"] == pytest.approx(found.mask.sum() * HEAD.grid.voxel_ml)
    assert 0.01 < dict(quality)["variation"] < 0.2
    reference = Reference(found.mask, HEAD.grid, found.kind, "found automatically", quality)
    exam = ExamResult(
        "01", "02", 3.0, "method", HEAD.grid, HEAD.t1w, "T1w", (), None, None, (), (lesion,), reference, (), (), ()
    )  # fmt: skip
    drawn = reference_figure(exam)
    assert drawn is not None
    assert drawn.image[:4] == b"\x89PNG"
    assert "midline" in drawn.caption
    assert f"{dict(quality)['volume_ml']:.1f} mL" in drawn.caption
    assert drawn.caption in _captions(exam)
    by_hand = replace(exam, reference=replace(reference, quality=()))
    assert drawn.caption not in _captions(by_hand)


def _captions(exam: ExamResult) -> set[str]:
    blocks = [block for section in exam_document(exam, ()).sections for block in section.blocks]
    return {block.caption for block in blocks if isinstance(block, Figure)}
