"""Claims about a scanned visit: series apart from one another, what an earlier injection leaves, where the body lay."""

from dataclasses import replace

import numpy as np
import pytest
from tests.tiny_cohorts import TINY, tiny_acquisition

from afterglow.records.errors import BadInput
from afterglow.simulate.acquisition import Acquisition
from afterglow.simulate.exam import scan_visit
from afterglow.simulate.exam_plans import stillness
from afterglow.simulate.exam_visit import begin_visit
from afterglow.simulate.injections import first_pass
from afterglow.simulate.scanner import HeadMotion
from afterglow.simulate.series import DigitalExam
from afterglow.simulate.story import LesionState, Perfusion, Story, VisitStory
from afterglow.simulate.subject import Subject, make_subject
from afterglow.simulate.warp import resample, rigid

LEAKY = Perfusion(0.12, 0.25, 0.04)
STATE = LesionState(18.0, 1.0, LEAKY, LEAKY, oedema_mm=4.0)
ROLES = ("dsc-se", "dsc-ge", "dwi", "T1w", "CE-T1w", "FLAIR")
STORY = Story("01", "", {}, tuple(VisitStory(f"{n:02d}", 90.0 * n, STATE, ROLES) for n in range(2)))


@pytest.fixture(scope="module")
def subject() -> Subject:
    return make_subject(STORY, "brain", body_mm=4.0, field_t=3.0, brain_leak=0.1, seed=np.random.SeedSequence(3))


@pytest.fixture(scope="module")
def quiet() -> Acquisition:
    """stadlbauer2025 without noise, motion and field errors."""
    return stillness(tiny_acquisition("stadlbauer2025", frames=24))


def scanned(subject: Subject, acquisition: Acquisition, roles: tuple[str, ...], number: int = 0) -> DigitalExam:
    story = replace(STORY.visits[number], roles=roles)
    return scan_visit(subject, number, story, acquisition, TINY, np.random.SeedSequence(8, spawn_key=(number,)))


@pytest.fixture(scope="module")
def visits(subject: Subject, quiet: Acquisition) -> tuple[DigitalExam, DigitalExam]:
    return scanned(subject, quiet, ROLES, 0), scanned(subject, quiet, ROLES, 1)


def values(exam: DigitalExam, role: str) -> np.ndarray:
    return exam.series_of(role)[0].image.values().astype(np.float64)


def test_every_series_of_the_story_is_scanned_and_no_other(subject: Subject, quiet: Acquisition) -> None:
    roles = ("dwi", "T1w", "dsc-se")
    exam = scanned(subject, quiet, roles)
    assert sorted(one.role for one in exam.series) == sorted(roles)
    assert set(exam.truth.transforms) == set(roles)


def test_a_series_looks_the_same_whichever_others_were_scanned(subject: Subject) -> None:
    noisy = tiny_acquisition("stadlbauer2025", frames=12)
    everything, some = scanned(subject, noisy, ROLES), scanned(subject, noisy, ("dwi", "T1w", "dsc-se"))
    for role in ("dwi", "T1w", "dsc-se"):
        first, second = (exam.series_of(role)[0].image for exam in (everything, some))
        assert first.stored.tobytes() == second.stored.tobytes()
        assert first.slope == second.slope


def test_without_the_first_scan_the_second_has_had_no_injection_before_it(subject: Subject, quiet: Acquisition) -> None:
    seed = np.random.SeedSequence(8, spawn_key=(0,))
    bolus, earlier = {}, {}
    for roles in (ROLES, ("dsc-ge",)):
        visit = begin_visit(subject, 0, replace(STORY.visits[0], roles=roles), quiet, TINY, seed)
        bolus[roles], earlier[roles] = first_pass(visit.given, "dsc-ge", quiet.dsc[1].start_s, visit.scale)
    assert earlier[ROLES] == ((180.0, 1.0),)
    assert earlier["dsc-ge",] == ()
    assert bolus[ROLES] == bolus["dsc-ge",]


def test_agent_that_leaked_from_the_first_injection_brightens_the_lesion_before_the_second(
    subject: Subject, quiet: Acquisition, visits: tuple[DigitalExam, DigitalExam]
) -> None:
    alone = scanned(subject, quiet, ("dsc-ge",))
    after, before = values(visits[0], "dsc-ge")[..., 0], values(alone, "dsc-ge")[..., 0]
    lesion = visits[0].truth.map_of("tumour", "dsc-se").values > 0.5
    white = visits[0].truth.map_of("white", "dsc-se").values > 0.95
    assert lesion.any()
    assert after[lesion].mean() > 1.1 * before[lesion].mean()
    assert after[white].mean() == pytest.approx(before[white].mean(), rel=0.02)


def test_the_lesion_of_the_true_maps_comes_to_the_same_place_in_the_body_at_every_visit(
    visits: tuple[DigitalExam, DigitalExam],
) -> None:
    middles, raw = [], []
    for exam in visits:
        share = exam.truth.map_of("enhancing", "dsc-se")
        middle = np.append(share.grid.to_mm(np.argwhere(share.values > 0).astype(float)).T @ share.values[share.values > 0], 0.0)
        middle = np.append(middle[:3] / share.values.sum(), 1.0)
        raw.append(middle[:3])
        middles.append((exam.truth.transforms["dsc-se"] @ middle)[:3])
    assert np.linalg.norm(raw[0] - raw[1]) > 1.0
    assert np.linalg.norm(middles[0] - middles[1]) < 0.3


def test_images_of_two_visits_fall_on_one_another_by_the_true_transforms(visits: tuple[DigitalExam, DigitalExam]) -> None:
    first, second = (exam.series_of("T1w")[0].image for exam in visits)
    there = np.linalg.inv(visits[1].truth.transforms["T1w"]) @ visits[0].truth.transforms["T1w"]
    registered, apart = (resample(second.values(), second.grid, first.grid, matrix) for matrix in (there, np.eye(4)))
    brain = first.values() > 0.3 * first.values().max()
    errors = [np.abs(image - first.values())[brain].mean() for image in (registered, apart)]
    assert errors[0] < 0.5 * errors[1]


def test_undoing_the_true_motion_brings_every_frame_back_to_the_first(subject: Subject) -> None:
    acquisition = stillness(tiny_acquisition("ademola2025", frames=12))
    assert acquisition.dce is not None
    late = replace(acquisition.dce.injection, start_s=240.0)  # nothing but motion before
    moving = replace(acquisition, scanner=replace(acquisition.scanner, motion=6.0), dce=replace(acquisition.dce, injection=late))
    size = replace(TINY, dynamic_mm=(5.0, 5.0, 5.0))
    exam = scan_visit(subject, 0, replace(STORY.visits[0], roles=("dce",)), moving, size, np.random.SeedSequence(2))
    series, motion = exam.series_of("dce")[0], exam.truth.motion["dce"]
    image, grid = series.image.values(), series.image.grid
    head = image[..., 0] > 0.2 * image[..., 0].max()
    head[:2], head[-2:], head[:, :2], head[:, -2:], head[..., :3], head[..., -3:] = (False,) * 6
    for frame in (5, 9):
        back = resample(image[..., frame], grid, grid, pose_of(motion, frame))
        left, was = (np.abs(one - image[..., 0])[head].mean() for one in (back, image[..., frame]))
        assert left < 0.5 * was


def test_the_motion_of_the_second_scan_begins_where_the_patient_lay_then(subject: Subject) -> None:
    acquisition = tiny_acquisition("stadlbauer2025", frames=12)
    seed, story = np.random.SeedSequence(8), replace(STORY.visits[0], roles=("dsc-se", "dsc-ge"))
    exam = scan_visit(subject, 0, story, acquisition, TINY, seed)
    lay = begin_visit(subject, 0, story, acquisition, TINY, seed).poses["dsc-ge"]
    told = exam.truth.transforms["dsc-ge"] @ np.linalg.inv(pose_of(exam.truth.motion["dsc-ge"], 0))
    corners = np.array([[x, y, z, 1.0] for x in (-60, 60) for y in (-80, 50) for z in (-20, 70)]).T
    assert np.abs((exam.truth.transforms["dsc-ge"] - lay) @ corners).max() > 0.2
    assert np.abs((told - lay) @ corners).max() < 0.01


def test_where_the_body_lay_is_told_of_every_series(subject: Subject) -> None:
    acquisition = tiny_acquisition("ademola2025", frames=8)
    roles = ("dce", "vfa", "b1", "T1w", "CE-T1w", "FLAIR")
    exam = scan_visit(subject, 0, replace(STORY.visits[0], roles=roles), acquisition, TINY, np.random.SeedSequence(2))
    assert set(exam.truth.transforms) == set(roles)
    dce, vfa = (exam.truth.transforms[role] for role in ("dce", "vfa"))
    assert not np.allclose(dce, vfa, atol=1e-3)
    np.testing.assert_array_equal(dce, exam.truth.transforms["b1"])


def test_what_the_scans_do_not_read_is_refused() -> None:
    acquisition = tiny_acquisition("stadlbauer2025", frames=12)
    with pytest.raises(ValueError, match="two slabs; give both"):
        replace(acquisition, dsc=(acquisition.dsc[0], replace(acquisition.dsc[1], slices=5)))
    with pytest.raises(ValueError, match=r"haematocrit is 0\.3"):
        replace(acquisition, scanner=replace(acquisition.scanner, haematocrit=0.3))


def pose_of(motion: HeadMotion, frame: int) -> np.ndarray:
    return rigid(motion.translation_mm[frame], motion.rotation_deg[frame], centre_mm=motion.centre_mm)


def test_the_spine_is_scanned_as_well() -> None:
    story = replace(STORY, participant={"level": "L1", "age_years": 60.0})
    spine = make_subject(story, "spine", body_mm=4.0, field_t=1.5, brain_leak=1.0, seed=np.random.SeedSequence(3))
    acquisition = tiny_acquisition("behar2023", frames=12)
    roles = ("dce", "T1w", "T2w", "STIR", "CE-T1w")
    exam = scan_visit(spine, 1, replace(STORY.visits[1], roles=roles), acquisition, TINY, np.random.SeedSequence(2))
    assert sorted(one.role for one in exam.series) == sorted(roles)
    assert {one.label for one in exam.outlines} == {"lesion", "reference"}
    for one in exam.series:
        assert np.isfinite(one.image.slope)
        assert one.image.stored.max() > 100


def test_a_spine_without_an_age_or_a_level_is_refused_and_no_age_is_made_up() -> None:
    for missing in ({"level": "T9", "age_years": None}, {"age_years": 60.0}):
        story = replace(STORY, participant=missing)
        with pytest.raises(BadInput, match="level and age_years"):
            make_subject(story, "spine", body_mm=4.0, field_t=1.5, brain_leak=1.0, seed=np.random.SeedSequence(3))
