"""Anatomical images: contrasts as a radiologist expects them, mixtures as physics has them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterglow.records.grid import Grid
from afterglow.simulate.anatomy_images import (
    ANATOMY_PLANS,
    AnatomyPlan,
    LateContrast,
    acquire_anatomy,
    anatomy_signal,
    pools,
    scene_signal,
    tissue_signal,
    with_inversion_time,
)
from afterglow.simulate.dce import Bolus, make_bolus, tissue_curve
from afterglow.simulate.plan import GADOBUTROL_3T
from afterglow.simulate.scanner import SmoothField
from afterglow.simulate.scene import Drawn, Scene
from afterglow.simulate.sequences import InversionGradientEcho, SpinEcho, TurboSpinEcho, sequence_signal
from afterglow.simulate.tissues import TISSUES, tissues_at
from afterglow.simulate.voxels import voxel_means

EVEN = SmoothField(np.array([1.0, *[0.0] * 9]), np.zeros(3))
STILL = np.eye(4)
HERE = "in this test"
NAMES = ("grey", "white", "csf", "artery", "vein", "fat", "marrow", "muscle", "oedema", "core")


def grid(shape: tuple[int, int, int], *steps_mm: float) -> Grid:
    steps = steps_mm or (2.0, 2.0, 2.0)
    affine = np.diag([*steps, 1.0])
    affine[:3, 3] = np.array(steps) / 2  # the corner of the first voxel lies at 0
    return Grid(shape, affine)


def cube(name: str, n: int = 12) -> Scene:
    whole = np.ones((n, n, n), np.float32)
    return Scene(grid((n, n, n)), TISSUES, {name: whole}, {}, whole, ())


@pytest.fixture(scope="module")
def bars() -> Scene:
    """One bar of 6 x 20 x 20 mm for each tissue along x, and a bar of tumour drawn voxel by voxel; uneven texture."""
    shape = (3 * (len(NAMES) + 1), 10, 10)
    fractions = {name: np.zeros(shape, np.float32) for name in (*NAMES, "tumour")}
    for n, name in enumerate(fractions):
        fractions[name][3 * n : 3 * n + 3] = 1.0
    box = (slice(shape[0] - 3, shape[0]), slice(0, 10), slice(0, 10))
    affine = grid(shape).affine.copy()
    affine[0, 3] += 2.0 * (shape[0] - 3)
    one = np.ones((3, 10, 10), np.float32)
    drawn = Drawn(box, Grid((3, 10, 10), affine), 0.12 * one, 0.30 * one, 0.05 * one, 1.0, "venule")
    texture = np.random.default_rng(0).uniform(0.6, 1.5, shape).astype(np.float32)
    return Scene(grid(shape), TISSUES, fractions, {"tumour": drawn}, texture, ("grey", "white"))


@pytest.fixture(scope="module")
def bolus() -> Bolus:
    return make_bolus(start_s=30.0, until_s=500.0, haematocrit=0.42, scale=1.0)


@pytest.fixture(scope="module")
def late(bolus: Bolus) -> LateContrast:
    return LateContrast(bolus, GADOBUTROL_3T, 450.0)


def levels(scene: Scene, plan: str, late: LateContrast | None = None) -> dict[str, float]:
    """Magnitude in the middle of each bar."""
    signal = np.abs(scene_signal(scene, ANATOMY_PLANS[plan], late))
    return {name: float(signal[3 * n + 1].mean()) for n, name in enumerate((*NAMES, "tumour"))}


# Sequences


def stepwise(sequence: InversionGradientEcho, t1_s: float, cycles: int = 60) -> float:
    """Magnetisation along z, pulse after pulse, until the cycles repeat."""
    before_s, after_s = sequence.waits_s
    flip, m, seen = np.deg2rad(sequence.flip_deg), 1.0, 0.0
    for _ in range(cycles):
        m = 1 + (-m - 1) * np.exp(-before_s / t1_s)
        for pulse in range(sequence.pulses):
            if pulse == sequence.pulses // 2:
                seen = m * np.sin(flip)
            m = 1 + (m * np.cos(flip) - 1) * np.exp(-sequence.spacing_s / t1_s)
        m = 1 + (m - 1) * np.exp(-after_s / t1_s)
    return seen


@settings(max_examples=8)
@given(st.floats(0.2, 3.0), st.floats(3, 15), st.integers(20, 120), st.floats(0.5, 1.1))
def test_the_train_after_an_inversion_is_that_of_a_pulse_by_pulse_count(t1_s, flip_deg, pulses, ti_s):
    sequence = InversionGradientEcho(tr_s=2.2, ti_s=ti_s, te_s=0.003, flip_deg=flip_deg, pulses=pulses, spacing_s=0.007)
    signal = sequence_signal(sequence, np.array(1 / t1_s), np.array(10.0), np.array(20.0))
    assert signal == pytest.approx(stepwise(sequence, t1_s) * np.exp(-0.06), rel=1e-6, abs=1e-8)


@given(st.floats(0.2, 4.5), st.floats(2.0, 9.0))
def test_an_inversion_time_set_on_a_tissue_nulls_it(t1_s, tr_s):
    tissues = {"x": replace(TISSUES["fat"], t1_s=t1_s)}
    sequence = with_inversion_time(TurboSpinEcho(tr_s, 0.05, train_s=0.1, nulled="x"), tissues)
    assert abs(sequence_signal(sequence, np.array(1 / t1_s), np.array(1.0), np.array(1.0))) < 1e-9


@given(st.floats(0.2, 4.5), st.floats(0.02, 0.3))
def test_a_long_wait_and_a_short_echo_leave_proton_density(t1_s, t2_s):
    rates = np.array(1 / t1_s), np.array(1 / t2_s), np.array(1 / t2_s)
    for sequence in (SpinEcho(60.0, 1e-7), TurboSpinEcho(60.0, 1e-7, train_s=1e-6)):
        assert sequence_signal(sequence, *rates) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: InversionGradientEcho(1.0, 0.9, 0.003, 9.0, 176, 0.007), "do not fit into 1 s"),
        (lambda: SpinEcho(0.01, 0.02), "does not fit into a repetition time"),
        (lambda: TurboSpinEcho(0.3, 0.1, 0.2, ti_s=0.2), "does not fit into TR"),
        (lambda: TurboSpinEcho(9.0, 0.1, 0.2, ti_s=2.5, nulled="csf"), "say one of the two"),
        (lambda: AnatomyPlan("T1w", SpinEcho(0.5, 0.01), 0.0, HERE), "is no plan"),
    ],
)
def test_a_sequence_that_cannot_be_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


# Contrasts


def test_white_matter_is_brighter_than_grey_and_csf_is_dark_where_t1_rules(bars):
    for plan in ("T1w 3D", "T1w 2D"):
        seen = levels(bars, plan)
        assert seen["fat"] > 1.5 * seen["white"] > 1.5 * seen["grey"] > 1.5 * seen["csf"]
        assert seen["white"] > seen["oedema"] > seen["core"]


def test_water_is_bright_and_fat_is_not_dark_where_t2_rules(bars):
    seen = levels(bars, "T2w 2D")
    assert seen["csf"] > seen["core"] > seen["oedema"] > seen["grey"] > 1.3 * seen["white"]
    assert seen["csf"] > seen["fat"] > seen["grey"]


@pytest.mark.parametrize(("plan", "field_t"), [("FLAIR 2D", 3.0), ("FLAIR 2D, TI by hand", 3.0), ("FLAIR 2D, TI by hand", 1.5)])
def test_flair_takes_csf_away_and_leaves_oedema_bright(bars, plan, field_t):
    seen = levels(replace(bars, tissues=tissues_at(field_t)), plan)
    assert seen["csf"] < 0.1 * seen["white"]
    assert seen["oedema"] > 1.3 * seen["grey"] > 1.3 * seen["white"]


@pytest.mark.parametrize("field_t", [1.5, 3.0])
def test_stir_takes_fat_away_and_the_fatty_part_of_marrow(bars, field_t):
    seen = levels(replace(bars, tissues=tissues_at(field_t)), "spine STIR")
    assert seen["fat"] < 1e-4
    assert seen["marrow"] < 0.35 * levels(bars, "spine T2w")["marrow"]
    assert seen["tumour"] > 5 * seen["marrow"]


def test_flowing_blood_leaves_a_void_in_spin_echoes_and_none_in_gradient_echoes(bars):
    for plan in ("T2w 2D", "FLAIR 2D", "T1w 2D"):
        seen = levels(bars, plan)
        assert seen["artery"] < 0.2 * seen["white"]
    assert levels(bars, "T1w 3D")["artery"] > 0.3 * levels(bars, "T1w 3D")["white"]


@pytest.mark.parametrize("plan", ["CE-T1w 3D", "CE-T1w 2D"])
def test_agent_brightens_the_tumour_and_the_sinus_and_leaves_fat_and_csf(bars, plan, late):
    before, after = levels(bars, plan), levels(bars, plan, late)
    assert after["tumour"] > 1.5 * before["tumour"]
    assert after["tumour"] > 1.3 * after["white"]
    assert after["vein"] > 1.5 * before["vein"]
    assert after["white"] < 1.12 * before["white"]
    for name in ("csf", "fat"):
        assert after[name] == pytest.approx(before[name], rel=0.03)


# Mixing


def test_a_drawn_tissue_has_the_signal_of_its_own_concentration(bars, late, bolus):
    plan = ANATOMY_PLANS["CE-T1w 3D"]
    row = replace(TISSUES["tumour"], ktrans_per_min=0.12, ve=0.30, vp=0.05, delay_s=1.0)
    amount = np.asarray(tissue_curve(bolus, row, np.array([450.0]))[0])
    expected = tissue_signal(row, TISSUES, plan, amount, GADOBUTROL_3T)
    np.testing.assert_allclose(scene_signal(bars, plan, late)[-3:], expected, rtol=1e-5)
    half = {name: part * np.float32(0.5) for name, part in bars.fractions.items()}
    one = bars.drawn["tumour"]
    thin = replace(one, ktrans_per_min=one.ktrans_per_min / 2, ve=one.ve / 2, vp=one.vp / 2)
    with_air = replace(bars, fractions=half, drawn={"tumour": thin})
    np.testing.assert_allclose(scene_signal(with_air, plan, late)[-3:], expected / 2, rtol=1e-5)


def test_texture_moves_the_agent_of_a_tissue_and_nothing_else(bars, late, bolus):
    plan = ANATOMY_PLANS["CE-T1w 2D"]
    amount = tissue_curve(bolus, TISSUES["grey"], np.array([450.0]))[0]
    expected = tissue_signal(TISSUES["grey"], TISSUES, plan, amount * bars.texture[:3].astype(float), GADOBUTROL_3T)
    np.testing.assert_allclose(scene_signal(bars, plan, late)[:3], expected, rtol=1e-4)
    smooth = replace(bars, texture=np.ones_like(bars.texture))
    np.testing.assert_array_equal(scene_signal(bars, plan, None), scene_signal(smooth, plan, None))


def test_fat_and_water_of_a_tissue_mix_to_its_row():
    water, fat = pools(TISSUES["marrow"], TISSUES)
    assert (water.share, fat.share) == pytest.approx((0.4, 0.6))
    assert water.share * water.r1_per_s + fat.share * fat.r1_per_s == pytest.approx(1 / TISSUES["marrow"].t1_s)
    assert water.r1_per_s < fat.r1_per_s
    with pytest.raises(ValueError, match="alone relaxes faster"):
        pools(replace(TISSUES["marrow"], fat=0.9, t1_s=0.6), TISSUES)


@settings(max_examples=20)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.floats(1.0, 7.0))
def test_a_mean_over_voxels_keeps_a_constant_and_a_slope(i, j, k, step_mm):
    n = 16
    place = np.indices((n, n, n), dtype=np.float32)
    coarse = grid((2, 2, 2), i * step_mm, j * step_mm, k * step_mm)
    for values in (np.ones((n, n, n), np.float32), place[0] + 2 * place[1] - place[2]):
        fits = np.array([2 * i * step_mm, 2 * j * step_mm, 2 * k * step_mm]) < 2 * n - 3
        if fits.all():
            index = (np.indices(coarse.shape).reshape(3, -1).T + 0.5) * coarse.spacing_mm / 2 - 0.5
            expected = values[0, 0, 0] + (values[1, 0, 0] - values[0, 0, 0]) * index @ [1, 2, -1]
            found = voxel_means(values, grid((n, n, n)), coarse, STILL)
            inner = (index > 0.5 * np.array([i, j, k]) * step_mm / 2).all(axis=1)
            np.testing.assert_allclose(found.reshape(-1)[inner], expected[inner], rtol=1e-4, atol=1e-4)


def test_a_voxel_holds_the_mean_of_what_lies_in_it():
    values = np.random.default_rng(1).random((12, 12, 12)).astype(np.float32)
    found = voxel_means(values, grid((12, 12, 12)), grid((3, 3, 2), 8.0, 8.0, 12.0), STILL)
    expected = values.reshape(3, 4, 3, 4, 2, 6).mean(axis=(1, 3, 5))
    assert np.abs(found - expected)[1:-1, 1:-1].max() < 0.06  # samples 2.7 mm apart reach into the neighbours by a fraction
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.9


def test_a_slice_does_not_see_what_lies_in_the_gap():
    whole = np.zeros((6, 6, 20), np.float32)
    whole[..., 4:6] = 1.0  # 8 to 12 mm
    slices = grid((3, 3, 4), 4.0, 4.0, 10.0)  # centres at 5, 15 … mm
    thin = voxel_means(whole, grid(whole.shape), slices, STILL, slice_mm=4.0)
    thick = voxel_means(whole, grid(whole.shape), slices, STILL)
    assert thin[1, 1].max() == 0
    assert thick[1, 1, :2] == pytest.approx([0.2, 0.2], abs=0.06)


def test_signals_of_opposite_sign_cancel_in_a_voxel_that_holds_both():
    half = np.full((6, 6, 6), 0.5, np.float32)
    scene = Scene(grid((6, 6, 6)), TISSUES, {"fat": half, "csf": half}, {}, np.ones_like(half), ())
    plan = AnatomyPlan("STIR", TurboSpinEcho(6.0, 0.04, 0.1, ti_s=0.6), 30.0, HERE)
    fat, csf = (tissue_signal(TISSUES[name], TISSUES, plan, np.zeros(()), None) for name in ("fat", "csf"))
    assert fat > 0 > csf
    np.testing.assert_allclose(anatomy_signal(scene, scene.grid, STILL, plan, None)[2, 2, 2], (fat + csf) / 2, rtol=1e-5)


# What the scanner adds


def test_noise_is_as_asked_and_the_same_seed_gives_the_same_bytes():
    scene, plan = cube("white", 24), replace(ANATOMY_PLANS["T1w 3D"], snr=25.0)
    images = [
        acquire_anatomy(scene, scene.grid, STILL, plan, late=None, receive=EVEN, rng=np.random.default_rng(s)) for s in (3, 3, 4)
    ]
    inner = images[0].values()[2:-2, 2:-2, 2:-2]
    assert inner.mean() / inner.std() == pytest.approx(25.0, rel=0.05)
    assert images[0].stored.tobytes() == images[1].stored.tobytes() != images[2].stored.tobytes()


def test_an_image_after_the_end_of_the_bolus_is_refused(bolus):
    with pytest.raises(ValueError, match="make it longer"):
        LateContrast(bolus, GADOBUTROL_3T, 900.0)
    with pytest.raises(ValueError, match="needs its r2"):
        LateContrast(bolus, replace(GADOBUTROL_3T, r2star_per_mM_s=None), 400.0)
