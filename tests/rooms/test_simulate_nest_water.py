"""Claims about nests with water of their own: alike on CE-T1w and FLAIR, unlike in ve; still tumour cells for all that counts them."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from afterglow.flows.simulation_file import load_simulation
from afterglow.simulate.anatomy_images import LateContrast, scene_signal
from afterglow.simulate.body import sample_body
from afterglow.simulate.cohort_course import Course
from afterglow.simulate.cohort_nests import NestSpec
from afterglow.simulate.dce import make_bolus
from afterglow.simulate.exam_plans import anatomy_plan
from afterglow.simulate.head import Head, make_head
from afterglow.simulate.metabolites import CONTENTS, concentration_of
from afterglow.simulate.scene import Scene
from afterglow.simulate.story import LesionState, Nest, Perfusion
from afterglow.simulate.subject import HeadSubject
from afterglow.simulate.template import load_template
from afterglow.simulate.tissues import TISSUES, with_water
from afterglow.simulate.tumour import Seat, choose_seat, grow

ACQUISITION = load_simulation("yoon2024").acquisition
TUMOUR = Perfusion(0.1, 0.32, 0.06)


def shipped() -> NestSpec:
    cohort = load_simulation("yoon2024").cohort
    assert isinstance(cohort, Course) and cohort.nest is not None
    return cohort.nest


def nest(number: int, ve: float) -> Nest:
    spec, more = shipped(), ve - TISSUES["infiltration"].ve
    perfusion = Perfusion(spec.ktrans_per_min, ve, spec.vp, delay_s=1.4, spread=0.0)
    return Nest(number, 4.0, "infiltration", perfusion, spec.r1_per_ve_per_s * more, spec.r2_per_ve_per_s * more)


VE = (0.055, 0.075, 0.105)
DRY = tuple(replace(nest(k, ve), more_r1_per_s=0.0, more_r2_per_s=0.0) for k, ve in enumerate(VE))


@cache
def empty_head() -> tuple[Head, Seat]:
    rng = np.random.default_rng(6)
    seat = choose_seat(rng)
    return make_head(load_template(), spacing_mm=2.5, rng=rng), seat


def subject(nests: tuple[Nest, ...]) -> HeadSubject:
    head, seat = empty_head()
    state = LesionState(10.0, 1.0, TUMOUR, TUMOUR, oedema_mm=20.0, nests=nests)
    return HeadSubject(head, seat, grow(head, seat, (state,), np.random.default_rng(7)), 3.0, 1.0)


@pytest.fixture(scope="module")
def wet() -> HeadSubject:
    return subject(tuple(nest(k, ve) for k, ve in enumerate(VE)))


@pytest.fixture(scope="module")
def dry() -> HeadSubject:
    return subject(DRY)


def brightness(scene: Scene, who: HeadSubject, role: str) -> np.ndarray:
    """Mean signal in the middle of each nest, over that of the first."""
    made = next(one for one in ACQUISITION.anatomy if one.role == role)
    bolus = make_bolus(start_s=25.0, until_s=400.0, haematocrit=0.42, scale=1.0)
    late = LateContrast(bolus, ACQUISITION.agent, 360.0) if role.startswith("CE-") else None
    signal = np.abs(scene_signal(scene, anatomy_plan(made, 30.0, "white"), late))[who.lesions[0].box]
    found = np.array([signal[place > 0.95].mean() for place in who.lesions[0].nests])
    return found / found[0]


def test_nests_of_unlike_ve_are_alike_on_ce_t1w_and_on_flair_by_their_water(wet: HeadSubject, dry: HeadSubject) -> None:
    """Each nest lies in brain of its own, which the same nests without agent or water show."""
    same = subject(tuple(replace(one, perfusion=DRY[0].perfusion) for one in DRY))
    for role, unlike, alike in (("CE-T1w", 0.06, 0.02), ("FLAIR", None, 0.06)):
        ground = brightness(same.scene(0), same, role)
        of_wet = brightness(wet.scene(0), wet, role) / ground
        np.testing.assert_allclose(of_wet, 1, atol=alike)
        if unlike is not None:
            of_dry = brightness(dry.scene(0), dry, role) / ground
            assert of_dry[2] > 1 + unlike and np.all(np.diff(of_dry) > 0)


def test_a_nest_with_its_own_water_is_still_infiltration_in_shares_volumes_and_spectra(
    wet: HeadSubject, dry: HeadSubject
) -> None:
    one, other = wet.values(0), dry.values(0)
    assert one.keys() == other.keys() and one == pytest.approx(other, rel=1e-5)
    scene = wet.scene(0)
    assert {"nest 0", "nest 1", "nest 2"} <= scene.fractions.keys()
    grid = wet.lesions[0].grid
    bodies = [sample_body(who.scene(0), grid, np.eye(4)) for who in (wet, dry)]
    np.testing.assert_allclose(bodies[0].share("infiltration"), bodies[1].share("infiltration"), atol=1e-4)
    assert not bodies[0].share("scar").any()
    row = scene.tissues["nest 2"]
    assert row.kind == "infiltration" and row.t1_s > scene.tissues["infiltration"].t1_s
    assert concentration_of("cho", row, CONTENTS) == CONTENTS["infiltration"].cho


def test_perfusion_of_a_nest_does_not_depend_on_its_water(wet: HeadSubject, dry: HeadSubject) -> None:
    def total(who: HeadSubject, name: str) -> float:
        return float(sum(getattr(one, name).sum(dtype=float) for one in who.scene(0).drawn.values()))

    for name in ("ktrans_per_min", "ve", "vp"):
        assert total(wet, name) == pytest.approx(total(dry, name), rel=1e-4)


def test_slopes_that_leave_no_relaxation_are_refused_with_the_nest_named() -> None:
    spec = replace(shipped(), r1_per_ve_per_s=-30.0)
    with pytest.raises(ValueError, match=r"a nest with ve 0\.125: R1 of -"):
        spec.check({}, {})
    with pytest.raises(ValueError, match="change R1 and R2 less"):
        with_water("x", TISSUES["infiltration"], more_r1_per_s=0.0, more_r2_per_s=-20.0)
