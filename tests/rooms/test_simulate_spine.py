"""Claims about the digital spine: anatomy that holds together, a lesion as large and as far outside the bone as its story says."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from afterglow.lesions.size import axial_diameters
from afterglow.records.errors import BadInput
from afterglow.simulate.patches import patchwork
from afterglow.simulate.spine import Spine, make_spine
from afterglow.simulate.spine_column import LEVELS, level_index
from afterglow.simulate.spine_lesion import SpineLesion, grow_spine_lesions, reference_body
from afterglow.simulate.spine_scene import spine_scene
from afterglow.simulate.spine_tissues import PERFUSED, SPINE_TISSUES, spine_tissues_at
from afterglow.simulate.story import LesionState, Nest, Perfusion

STEP_MM = 3.0
TUMOUR = Perfusion(0.08, 0.16, 0.07, delay_s=2.0, spread=0.3, architecture="venule")
SCAR = Perfusion(0.03, 0.16, 0.010, delay_s=2.5, spread=0.25, architecture="balanced")
BEFORE = LesionState(14.0, 0.9, TUMOUR, SCAR, rim_mm=20.0, oedema_mm=6.0, extraosseous=0.25)
AFTER = LesionState(9.0, 0.2, TUMOUR, SCAR, rim_mm=6.0, oedema_mm=9.0, extraosseous=0.10)


def spine_at(level: str, seed: int = 3, age_years: float = 62.0) -> Spine:
    return make_spine(spacing_mm=STEP_MM, rng=np.random.default_rng(seed), level=level, age_years=age_years)


@pytest.fixture(scope="module")
def thoracic() -> Spine:
    return spine_at("T9")


@pytest.fixture(scope="module")
def lumbar() -> Spine:
    return spine_at("L3")


@pytest.fixture(scope="module")
def lesions(thoracic: Spine) -> tuple[SpineLesion, ...]:
    return grow_spine_lesions(thoracic, "T9", (BEFORE, AFTER), np.random.default_rng(5))


def sampled(spine: Spine, name: str, s_mm: float) -> float:
    """Share of a tissue on the axis of the column."""
    curve = spine.column.curve_mm
    at = np.array([np.interp(s_mm, spine.column.s_mm, curve[:, axis]) for axis in range(3)]) - spine.origin_mm
    return float(ndimage.map_coordinates(spine.fractions[name], spine.grid.to_index(at)[:, None], order=1)[0])


def sections(spine: Spine, first: str, last: str) -> range:
    """Axial planes from one level down to another, counted downwards."""
    tops, bottoms = (spine.grid.to_index(spine.centre_mm(level))[2] for level in (first, last))
    return range(round(tops), round(bottoms), -1)


def test_shares_are_shares_and_the_body_is_full(thoracic: Spine, lumbar: Spine) -> None:
    for spine in (thoracic, lumbar, spine_at("C6"), spine_at("S1")):
        assert all(part.min() >= 0 for part in spine.fractions.values())
        total = sum(spine.fractions.values())
        assert total.max() <= 1 + 1e-5
        assert total[spine.body > 0].min() > 0.99
        assert set(spine.fractions) <= set(SPINE_TISSUES)


def test_the_same_seed_gives_the_same_bytes_and_another_another_spine(thoracic: Spine) -> None:
    again, other = spine_at("T9"), spine_at("T9", seed=4)
    assert all(part.tobytes() == again.fractions[name].tobytes() for name, part in thoracic.fractions.items())
    assert thoracic.texture.tobytes() == again.texture.tobytes()
    bone, different = thoracic.fractions["bone"] > 0.4, other.fractions["bone"] > 0.4
    assert (bone & different).sum() < 0.6 * bone.sum()
    assert abs(thoracic.column.bottom_mm[-1] - other.column.bottom_mm[-1]) > 1.0


@pytest.mark.parametrize("level", ["T9", "L3"])
def test_a_disc_lies_between_two_bodies_and_marrow_inside_them(level: str, request: pytest.FixtureRequest) -> None:
    spine = request.getfixturevalue("thoracic" if level == "T9" else "lumbar")
    here, column = level_index(level), spine.column
    for n in range(here - 2, here + 2):
        between = (column.bottom_mm[n] + column.top_mm[n + 1]) / 2
        assert sampled(spine, "nucleus", float(between)) + sampled(spine, "fibrous", float(between)) > 0.6
        for middle in column.middle_mm[[n, n + 1]]:
            assert sampled(spine, "nucleus", float(middle)) == 0
            assert sampled(spine, "red marrow", float(middle)) + sampled(spine, "fatty marrow", float(middle)) > 0.6


def test_vertebrae_follow_one_another_from_head_to_foot_without_a_gap(lumbar: Spine) -> None:
    seen = np.unique(lumbar.vertebra)[1:]
    heights = [np.argwhere(lumbar.body == n)[:, 2].mean() for n in seen if (lumbar.body == n).any()]
    assert np.all(np.diff(heights) < 0)
    assert np.array_equal(seen, np.arange(seen[0], seen[-1] + 1))
    assert 45 > lumbar.bone_of("L3").sum() * lumbar.grid.voxel_ml * 0.65 > 18


def test_the_cord_lies_in_csf_inside_the_canal_and_ends_at_the_conus(thoracic: Spine, lumbar: Spine) -> None:
    cord = thoracic.fractions["cord"]
    for k in sections(thoracic, "T4", "T11"):
        plane = cord[:, :, k] > 0.6
        assert plane.any()
        assert thoracic.fractions["bone"][:, :, k][plane].max() < 0.05
        around = ndimage.binary_dilation(plane, iterations=2)
        assert thoracic.fractions["csf"][:, :, k][around].max() > 0.5
        assert not (thoracic.vertebra[:, :, k][plane] > 0).any()
    tip = lumbar.grid.to_index(lumbar.centre_mm("L2"))[2] - 12.0 / STEP_MM
    middle = slice(lumbar.grid.shape[0] // 2 - 3, lumbar.grid.shape[0] // 2 + 3)
    assert lumbar.fractions["cord"][middle, :, : int(tip)].max() < 0.95  # strands of the cauda equina, never the whole voxel


@pytest.mark.parametrize(("level", "first", "last"), [("T9", "T5", "T12"), ("L3", "T12", "L3")])
def test_the_aorta_is_one_tube_before_and_left_of_the_bodies_in_every_section(
    level: str, first: str, last: str, request: pytest.FixtureRequest
) -> None:
    spine = request.getfixturevalue("thoracic" if level == "T9" else "lumbar")
    artery, tube = spine.fractions["artery"], spine.vessels.aorta
    centres, before = [], None
    for k in sections(spine, first, last):
        labels, _ = ndimage.label(artery[:, :, k] > 0.4)
        z = spine.grid.to_mm(np.array([0.0, 0.0, k]))[2]
        s = np.interp(-(z + spine.origin_mm[2]), -spine.column.curve_mm[:, 2], spine.column.s_mm)
        axis = [np.interp(s, tube.axis_mm[:, 2], tube.axis_mm[:, a]) for a in (0, 1)]
        curve = [np.interp(s, spine.column.s_mm, spine.column.curve_mm[:, a]) - spine.origin_mm[a] for a in (0, 1)]
        at = spine.grid.to_index(np.array([axis[0] + curve[0], axis[1] + curve[1], z]))
        near = labels[tuple(np.clip(np.rint(at[:2]).astype(int), 0, np.array(labels.shape) - 1))]
        assert near > 0, f"no artery where the aorta should be, {z:.0f} mm"
        share = np.where(ndimage.binary_dilation(labels == near), artery[:, :, k], 0)
        weights = share / share.sum()
        centre = np.array([(weights.sum(axis=1 - a) * np.arange(share.shape[a])).sum() * STEP_MM for a in (0, 1)])
        if level == "L3" or k < sections(spine, "T8", "T12").start:  # above it the heart's blood lies close
            diameter = 2 * np.sqrt(share.sum() * STEP_MM**2 / np.pi)
            assert 13 < diameter < 32
        assert axis[1] > 0
        centres.append(centre)
        before = centre if before is None else before
    assert np.abs(np.diff(centres, axis=0)).max() < 4.0


def test_below_l4_the_aorta_forks() -> None:
    spine = spine_at("L5")
    artery = spine.fractions["artery"]
    above, below = (round(spine.grid.to_index(spine.centre_mm(level))[2]) for level in ("L3", "S1"))
    counts = [ndimage.label(artery[:, :, k] > 0.25)[1] for k in (above, below)]
    assert counts == [1, 2]


def test_marrow_is_fattier_in_the_old() -> None:
    def fat(age_years: float) -> float:
        spine = spine_at("L2", age_years=age_years)
        inside = spine.body > 0
        fatty, red = (float(spine.fractions[name][inside].sum()) for name in ("fatty marrow", "red marrow"))
        return fatty / (fatty + red)

    assert 0.2 < fat(25.0) < fat(70.0) - 0.1 < 0.6


def test_a_lesion_is_as_large_and_as_far_outside_the_bone_as_told(lesions: tuple[SpineLesion, ...]) -> None:
    for state, lesion in zip((BEFORE, AFTER), lesions, strict=True):
        values = lesion.values()
        assert values["volume_ml"] == pytest.approx(state.volume_ml, rel=0.01)
        assert values["extraosseous"] == pytest.approx(state.extraosseous, abs=0.01)
        parts = values["tumour_ml"] + values["scar_ml"] + values["core_ml"]
        assert parts == pytest.approx(state.volume_ml, rel=0.01)
        assert values["tumour_ml"] / (values["tumour_ml"] + values["scar_ml"]) == pytest.approx(state.tumour_share, abs=0.01)
        assert values["extraosseous_cc_mm"] > 0


@pytest.mark.parametrize("level", ["C5", "T3", "L5", "S1"])
def test_at_any_level_the_lesion_is_one_piece_that_touches_neither_cord_nor_artery_nor_disc(level: str) -> None:
    spine = spine_at(level, seed=8)
    state = replace(BEFORE, volume_ml=4.0 if level == "C5" else 12.0)
    (lesion,) = grow_spine_lesions(spine, level, (state,), np.random.default_rng(1))
    labels, _ = ndimage.label(lesion.share > 0.25, np.ones((3, 3, 3)))  # thin bridges of bone are lesion in part
    sizes = np.bincount(labels.ravel())[1:]
    assert sizes.max() > 0.95 * sizes.sum()
    scene = spine_scene(spine, lesion, field_t=1.5)
    for name in ("cord", "artery", "nucleus"):
        assert np.array_equal(scene.fractions[name], spine.fractions[name])


def test_what_the_bone_cannot_hold_grows_outside_and_the_truth_says_so() -> None:
    spine = spine_at("C5")
    (lesion,) = grow_spine_lesions(spine, "C5", (replace(BEFORE, volume_ml=20.0, extraosseous=0.1),), np.random.default_rng(1))
    values = lesion.values()
    assert values["volume_ml"] == pytest.approx(20.0, rel=0.01)
    assert values["extraosseous"] > 0.3


def test_a_later_visit_lies_on_the_earlier_one_and_leaves_dense_marrow(thoracic: Spine, lesions: tuple[SpineLesion, ...]) -> None:
    first, second = (one.on(thoracic.grid) > 0.5 for one in lesions)
    assert (first & second).sum() > 0.95 * second.sum()
    healed = np.zeros(thoracic.grid.shape, np.float32)
    healed[lesions[1].box] = lesions[1].healed
    scene = spine_scene(thoracic, lesions[1], field_t=1.5)
    where = (healed > 0.9) & (thoracic.body > 0)
    assert where.any()
    assert scene.fractions["bone"][where].mean() > thoracic.fractions["bone"][where].mean() + 0.08


def test_tissue_gives_way_to_lesion_and_nothing_is_lost(thoracic: Spine, lesions: tuple[SpineLesion, ...]) -> None:
    before = sum(thoracic.fractions.values())
    for lesion in lesions:
        scene = spine_scene(thoracic, lesion, field_t=1.5)
        assert sum(scene.fractions.values()) == pytest.approx(before, abs=1e-5)
        assert min(part.min() for part in scene.fractions.values()) >= -1e-6
        assert scene.textured == PERFUSED
    beyond = np.ones(thoracic.grid.shape, bool)
    beyond[lesions[0].box] = False
    assert np.array_equal(scene.fractions["fat"][beyond], thoracic.fractions["fat"][beyond])


def test_the_drawn_perfusion_has_exactly_the_means_of_the_story(lesions: tuple[SpineLesion, ...]) -> None:
    for lesion in lesions:
        for name, told in (("tumour", TUMOUR), ("scar", SCAR)):
            drawn, share = lesion.drawn[name], float(lesion.tissues[name].sum(dtype=np.float64))
            assert float(drawn.vp.sum(dtype=np.float64)) / share == pytest.approx(told.vp, rel=1e-4)
            assert float(drawn.ve.sum(dtype=np.float64)) / share == pytest.approx(told.ve, rel=1e-4)
            assert float(drawn.ktrans_per_min.sum(dtype=np.float64)) / share == pytest.approx(told.ktrans_per_min, rel=1e-4)
            assert (drawn.delay_s, drawn.architecture) == (told.delay_s, told.architecture)


@pytest.mark.parametrize("level", ["C4", "T9", "L1", "S2"])
def test_the_reference_is_the_healthy_marrow_of_a_neighbour(level: str) -> None:
    spine = spine_at(level)
    grown = grow_spine_lesions(
        spine, level, (replace(BEFORE, volume_ml=5.0), replace(AFTER, volume_ml=4.0)), np.random.default_rng(2)
    )
    where, mask = reference_body(spine, grown)
    assert abs(level_index(where) - level_index(level)) == 1
    assert mask.sum() >= 8
    for lesion in grown:
        scene = spine_scene(spine, lesion, field_t=1.5)
        marrow = scene.fractions["red marrow"] + scene.fractions["fatty marrow"]
        assert marrow[mask].min() > 0.75
        assert lesion.on(spine.grid)[mask].max() < 0.01
        assert scene.fractions["nucleus"][mask].max() == scene.fractions["oedema"][mask].max() == 0


def test_the_true_sizes_are_those_that_the_measuring_room_finds(lesions: tuple[SpineLesion, ...]) -> None:
    for lesion in lesions:
        longest, product = axial_diameters(lesion.share > 0.5, lesion.grid)
        values = lesion.values()
        assert (values["longest_mm"], values["product_mm2"]) == (pytest.approx(longest), pytest.approx(product))


def test_patches_keep_the_share_they_are_given() -> None:
    rng = np.random.default_rng(0)
    noise, weight = rng.standard_normal((2, 12, 12, 12)).astype(np.float32)
    weight = np.clip(weight, 0, 1)
    for share in (0.0, 0.05, 0.5, 0.93, 1.0):
        assert float((patchwork(share, noise, weight) * weight).sum() / weight.sum()) == pytest.approx(share, abs=1e-4)


def test_the_same_seed_grows_the_same_lesion(thoracic: Spine, lesions: tuple[SpineLesion, ...]) -> None:
    again = grow_spine_lesions(thoracic, "T9", (BEFORE, AFTER), np.random.default_rng(5))
    assert all(a.share.tobytes() == b.share.tobytes() for a, b in zip(lesions, again, strict=True))
    assert all(a.drawn["tumour"].vp.tobytes() == b.drawn["tumour"].vp.tobytes() for a, b in zip(lesions, again, strict=True))


def test_a_vanished_lesion_leaves_no_tissue_and_no_size(thoracic: Spine) -> None:
    gone = grow_spine_lesions(thoracic, "T9", (BEFORE, replace(AFTER, volume_ml=0.0)), np.random.default_rng(5))[1]
    assert gone.values()["volume_ml"] == gone.values()["product_mm2"] == 0
    assert not gone.drawn
    assert gone.healed.any()


def test_what_a_spine_cannot_have_is_refused_in_a_sentence(thoracic: Spine) -> None:
    rng = np.random.default_rng(0)
    for level in ("C1", "Co", "T13", "l3"):
        with pytest.raises(BadInput, match="has no vertebral body; choose"):
            spine_at(level)
    nest = Nest(0, 0.5, "tumour", TUMOUR)
    for state in (replace(BEFORE, cavity_ml=2.0), replace(BEFORE, nests=(nest,))):
        with pytest.raises(BadInput, match="set them to 0 for a spine"):
            grow_spine_lesions(thoracic, "T9", (state,), rng)
    with pytest.raises(BadInput, match="make it smaller"):
        grow_spine_lesions(thoracic, "T9", (replace(BEFORE, volume_ml=900.0),), rng)
    with pytest.raises(BadInput, match="lies outside a field about T9"):
        grow_spine_lesions(thoracic, "L5", (BEFORE,), rng)
    with pytest.raises(ValueError, match="choose 1 to 4 mm"):
        make_spine(spacing_mm=9.0, rng=rng, level="T9", age_years=60.0)


def test_every_tissue_says_where_its_numbers_come_from() -> None:
    assert all(row.source for row in SPINE_TISSUES.values())
    assert all(spine_tissues_at(1.5)[name].t1_s < row.t1_s for name, row in SPINE_TISSUES.items() if name != "csf")
    assert spine_tissues_at(1.5)["csf"].t1_s == SPINE_TISSUES["csf"].t1_s
    assert len(set(LEVELS)) == len(LEVELS)
