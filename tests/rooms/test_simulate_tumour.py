"""Claims about lesions in a digital head: volumes and shares as asked, parts that add up, nests where the tumour comes back."""

from dataclasses import replace

import numpy as np
import pytest

from afterglow.simulate.head import Head, make_head
from afterglow.simulate.head_scene import scene_of
from afterglow.simulate.story import LesionState, Nest, Perfusion
from afterglow.simulate.subject import HeadSubject
from afterglow.simulate.template import load_template
from afterglow.simulate.tumour import Lesion, choose_seat, grow

TUMOUR, SCAR = Perfusion(0.12, 0.25, 0.05), Perfusion(0.03, 0.3, 0.01)
CELLS = Perfusion(0.01, 0.1, 0.02)
RIM = LesionState(9.0, 0.35, TUMOUR, SCAR, rim_mm=5.0, oedema_mm=8.0)
RESECTED = LesionState(
    4.0, 0.35, TUMOUR, SCAR, cavity_ml=12.0, infiltration_mm=6.0, infiltration=CELLS, nests=(Nest(0, 1.0, "infiltration", CELLS),)
)
BACK = replace(RESECTED, volume_ml=6.0, nests=(Nest(0, 3.0, "tumour", TUMOUR), Nest(1, 1.5, "infiltration", CELLS)))
STATES = (RIM, replace(RIM, volume_ml=20.0, tumour_share=1.0), RESECTED, BACK)


@pytest.fixture(scope="module")
def grown() -> HeadSubject:
    rng = np.random.default_rng(6)
    seat = choose_seat(rng)
    head: Head = make_head(load_template(), spacing_mm=2.0, rng=rng, pushed_from=seat.push(STATES[0]))
    return HeadSubject(head, seat, grow(head, seat, STATES, rng), 3.0, 1.0)


def ml(lesion: Lesion, *names: str) -> float:
    return float(sum(lesion.fractions[name].sum(dtype=float) for name in names)) * lesion.grid.voxel_ml


def test_volumes_are_as_asked(grown: HeadSubject) -> None:
    for state, lesion in zip(STATES[:3], grown.lesions, strict=False):
        assert ml(lesion, "tumour", "scar", "core") == pytest.approx(state.volume_ml, rel=0.1)
        assert ml(lesion, "cavity") == pytest.approx(state.cavity_ml, rel=0.1)


def test_the_scene_holds_the_volumes_that_the_truth_tells(grown: HeadSubject) -> None:
    for number in range(len(STATES)):
        scene, told = grown.scene(number), grown.values(number)
        for name in ("tumour", "scar", "core", "cavity"):
            held = float(scene.fractions[name].sum(dtype=float)) * scene.grid.voxel_ml if name in scene.fractions else 0.0
            assert held == pytest.approx(told[f"{name}_ml"], rel=0.05, abs=0.05), (number, name)


def test_the_mean_share_of_tumour_is_exact(grown: HeadSubject) -> None:
    for state, lesion in zip(STATES[:3], grown.lesions, strict=False):
        share = ml(lesion, "tumour") / ml(lesion, "tumour", "scar")
        assert share == pytest.approx(state.tumour_share, abs=2e-3 if state.nests else 1e-5)


def test_parts_of_a_lesion_never_exceed_its_voxels_and_fill_its_inside(grown: HeadSubject) -> None:
    for lesion in grown.lesions:
        solid = sum(lesion.fractions[name] for name in ("tumour", "scar", "core", "cavity"))
        assert min(part.min() for part in lesion.fractions.values()) >= 0
        assert solid.max() <= 1 + 1e-5
        np.testing.assert_array_equal(lesion.enhancing, lesion.fractions["tumour"] + lesion.fractions["scar"])
    inside = grown.lesions[2].fractions["cavity"] > 0.99
    for name in ("tumour", "scar", "core", "infiltration", "oedema"):
        assert grown.lesions[2].fractions[name][inside].max() < 0.02


def test_tissues_of_every_scene_fill_at_most_the_voxel_and_brain_stays_full(grown: HeadSubject) -> None:
    before = np.sum(list(grown.head.fractions.values()), axis=0)
    for number in range(len(STATES)):
        scene = grown.scene(number)
        total = np.sum(list(scene.fractions.values()), axis=0)
        assert min(part.min() for part in scene.fractions.values()) > -1e-5
        assert total.max() < 1 + 1e-4
        np.testing.assert_allclose(total[before > 0.999], 1.0, atol=1e-3)


def test_the_rim_encloses_a_core_that_does_not_enhance(grown: HeadSubject) -> None:
    core = grown.lesions[1].fractions["core"] > 0.5
    outside = grown.lesions[1].enhancing > 0.5
    middle = np.argwhere(core).mean(axis=0)
    far = np.linalg.norm(np.argwhere(outside) - middle, axis=1) * 2.0
    near = np.linalg.norm(np.argwhere(core) - middle, axis=1) * 2.0
    assert core.any()
    assert near.mean() < far.mean() - 2.0


def test_a_larger_later_lesion_contains_the_earlier_one(grown: HeadSubject) -> None:
    small, large = (sum(one.fractions[name] for name in ("tumour", "scar", "core")) for one in grown.lesions[:2])
    assert float(np.asarray(small)[np.asarray(large) < 0.4].sum()) < 0.05 * float(np.sum(small))


def test_drawn_perfusion_has_the_mean_of_its_tissue(grown: HeadSubject) -> None:
    """To .3 %: a nest that lies against the lesion takes a little of its border."""
    for state, lesion in zip(STATES[:3], grown.lesions, strict=False):
        for name, mean in (("tumour", state.tumour), ("scar", state.scar)):
            if name in lesion.drawn:
                share = lesion.fractions[name].sum(dtype=float)
                assert lesion.drawn[name].ktrans_per_min.sum(dtype=float) / share == pytest.approx(mean.ktrans_per_min, rel=3e-3)
                assert lesion.drawn[name].vp.sum(dtype=float) / share == pytest.approx(mean.vp, rel=3e-3)


def test_the_scene_has_the_perfusion_of_the_lesion_per_volume_of_its_tissue(grown: HeadSubject) -> None:
    scene, lesion = scene_of(grown.head, grown.lesions[3]), grown.lesions[3]
    for name, one in scene.drawn.items():
        part, whole = scene.fractions[name][lesion.box], lesion.fractions[name]
        there = (part > 0.05) & (whole > 0.05)
        np.testing.assert_allclose(
            (one.vp / np.maximum(part, 1e-6))[there], (lesion.drawn[name].vp / np.maximum(whole, 1e-6))[there], rtol=1e-3
        )


def test_the_recurrence_is_outlined_where_the_tumour_comes_back_at_every_visit(grown: HeadSubject) -> None:
    later = grown.lesions[3].fractions["tumour"] * grown.lesions[3].grid.voxel_ml
    for number in range(len(STATES)):
        share, grid = grown.regions(number)["recurrence"]
        assert grid.shape == later.shape
        mask = share > 0.5
        assert mask.sum() * grid.voxel_ml == pytest.approx(3.0, rel=0.2)
        assert grown.lesions[3].fractions["tumour"][mask].mean() > 0.8
    first = grown.lesions[0]
    assert first.enhancing[mask].mean() < 0.2  # nothing enhances there at first


def test_nests_have_their_volume_where_the_lesion_leaves_them_room(grown: HeadSubject) -> None:
    for state, lesion in zip(STATES, grown.lesions, strict=True):
        for nest, place in zip(state.nests, lesion.nests, strict=True):
            assert place.sum(dtype=float) * lesion.grid.voxel_ml == pytest.approx(nest.volume_ml, rel=0.1)


def test_a_nest_stays_in_its_place_and_is_apart_from_the_first_lesion(grown: HeadSubject) -> None:
    early, late = grown.lesions[2].nests[0], grown.lesions[3].nests[0]
    assert (early * np.minimum(late, 1)).sum() > 0.9 * early.sum()
    assert float((early * grown.lesions[2].fractions["cavity"]).sum()) < 0.05 * early.sum()


def test_without_a_later_tumour_no_recurrence_is_outlined(grown: HeadSubject) -> None:
    quiet = replace(grown, lesions=grown.lesions[:3])
    assert "recurrence" not in quiet.regions(0)
    assert set(quiet.regions(0)) == {"lesion", "reference"}
