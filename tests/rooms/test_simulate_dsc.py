"""The digital DSC object: physics of transit and leak, and an object whose truth is what its images hold."""

from dataclasses import replace

import numpy as np
import pytest

from afterglow.kernels.dsc_leakage import bidirectional, boxerman, corrected_rates
from afterglow.kernels.dsc_volume import blood_volume
from afterglow.kernels.gamma_variate import fit_gamma_variate
from afterglow.kernels.loop import vascular_loop
from afterglow.simulate.dsc_object import DscPlan, architecture_truth, make_dsc_object
from afterglow.simulate.dsc_signal import LEAKAGE_PROTOCOLS, LeakyTissue, Scan, gradient_echo, leakage_case, leaked_mM, spin_echo
from afterglow.simulate.vascular import ARCHITECTURES, Bolus, Echoes, Network, artery_mM, compartments_mM, vascular_rates

STILL = DscPlan(ge=Scan())

# The prototype's table at a blood volume of 3 %: MTI in s^-5/2, nMTI, time to peak of GE after SE in s.
PROTOTYPE = {
    "arteriole": (14.7, 0.115, -0.30),
    "arteriole-leaning": (8.7, 0.062, -0.15),
    "balanced": (1.7, 0.011, 0.0),
    "normal-like": (-5.8, -0.045, 0.15),
    "venule": (-10.9, -0.105, 0.25),
    "capillary and venule": (-20.3, -0.111, 0.30),
    "capillary only": (-0.005, 0.0, 0.0),
}


@pytest.fixture(scope="module")
def still():
    return make_dsc_object(replace(STILL, snr0=(np.inf,) * 4), np.random.default_rng(0))


def rates_of(images: np.ndarray, te_s: float, frames: int = 8) -> np.ndarray:
    return -np.log(images / images[..., :frames].mean(axis=-1, keepdims=True)) / te_s


@pytest.mark.parametrize("shapes", [(20.0, 2.0, 4.0), (1.0, 1.0, 1.0)])
def test_no_agent_is_lost_on_the_way(shapes):
    step_s = 0.05
    artery = artery_mM(step_s * np.arange(4000), replace(Bolus(), plateau=0.0))
    means, vein = compartments_mM(step_s, artery, Network(shapes=shapes))
    np.testing.assert_allclose(means.sum(axis=1), artery.sum(), rtol=1e-6)
    assert vein.sum() == pytest.approx(artery.sum(), rel=1e-6)


def test_blood_leaves_the_venules_after_the_sum_of_the_transit_times():
    step_s, clock = 0.05, 0.05 * np.arange(4000)
    artery = artery_mM(clock, replace(Bolus(), plateau=0.0))
    _, vein = compartments_mM(step_s, artery, Network())
    assert (vein @ clock - artery @ clock) / artery.sum() == pytest.approx(sum(Network().transits_s), abs=1e-3)


def test_shares_of_the_blood_volume_are_shares():
    assert all(sum(shares) == pytest.approx(1.0) for shares in ARCHITECTURES.values())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_loops_are_those_of_the_prototype(name):
    loop = architecture_truth(replace(STILL, bolus=replace(Bolus(), plateau=0.0)), 0.03)[name]
    mti, nmti, lag_s = PROTOTYPE[name]
    assert loop.mti == pytest.approx(mti, rel=0.06, abs=0.15)
    assert loop.nmti == pytest.approx(nmti, abs=0.005)
    assert loop.peak_lag_s == pytest.approx(lag_s, abs=0.06)


def test_blood_volume_is_the_area_up_to_the_saturation_of_the_smallest_vessels():
    """dR2* is all but linear in the agent, so the area tells blood volume; the spin echo is not."""
    clock = 0.05 * np.arange(3000)
    means, _ = compartments_mM(0.05, artery_mM(clock, replace(Bolus(), plateau=0.0)), Network())
    ge, se = zip(*(vascular_rates(means, shares, Network(), Echoes()) for shares in ARCHITECTURES.values()), strict=True)
    ge_areas, se_areas = np.sum(ge, axis=1), np.sum(se, axis=1)
    assert np.ptp(ge_areas) / ge_areas.mean() < 0.2
    assert np.ptp(se_areas) / se_areas.mean() > 0.5


def test_leaked_agent_raises_a_t1_weighted_signal_and_an_earlier_dose_takes_that_away():
    scan, leaked = Scan(), leaked_mM(Scan(), Bolus(), np.array([0.15]), 0.5)[0]
    rise = gradient_echo(np.zeros(60), leaked, scan=scan, te_s=0.022, tissue=LeakyTissue())
    assert rise[-1] > 1.2 * rise[0]
    after = replace(scan, earlier=((300.0, 1.0),))
    both = gradient_echo(
        np.zeros(60), leaked_mM(after, Bolus(), np.array([0.15]), 0.5)[0], scan=after, te_s=0.022, tissue=LeakyTissue()
    )
    assert both[-1] / both[0] < 1.05
    flat = gradient_echo(np.zeros(60), leaked, scan=replace(scan, flip_deg=30.0), te_s=0.022, tissue=LeakyTissue())
    assert flat[-1] / flat[0] < 0.75 * rise[-1] / rise[0]
    assert spin_echo(np.zeros(60), leaked, scan=scan, te_s=0.033, tissue=LeakyTissue())[-1] > rise[0] * 0.9


def test_the_protocols_rank_as_the_consensus_has_them():
    """Uncorrected, 90 degrees without preload is worst and 30 degrees or a preload mend it; corrected, all come near 2."""
    raw, one_way, two_way = {}, {}, {}
    for name, protocol in LEAKAGE_PROTOCOLS.items():
        case = leakage_case(protocol)
        window = slice(case.baseline_frames, case.times_s.size)
        tissue, reference = (rates_of(signal, case.te_s)[None] for signal in (case.tissue, case.reference))
        whole = blood_volume(case.times_s, reference, window=window)
        raw[name] = float((blood_volume(case.times_s, tissue, window=window) / whole)[0])
        for model, out in ((boxerman, one_way), (bidirectional, two_way)):
            found = model(case.times_s, tissue, reference[0], np.array([0.1]), window=window)
            mended = corrected_rates(case.times_s, tissue, reference[0], found, window=window)
            out[name] = float((blood_volume(case.times_s, mended, window=window) / whole)[0])
    assert raw["90 no preload T1"] < -3 < raw["90 preload T1"] < raw["60 preload T1"] < raw["30 no preload T1"] < 2
    assert min(raw["60 preload T2*"], raw["30 no preload washout"]) > 3
    for name, value in raw.items():
        assert abs(one_way[name] - 2) < 0.35 * abs(value - 2)
        assert abs(two_way[name] - 2) <= abs(one_way[name] - 2) + 0.05


def test_without_a_leak_the_corrections_have_nothing_to_do():
    case = leakage_case(replace(LEAKAGE_PROTOCOLS["90 no preload T1"], ktrans_per_min=0.0))
    tissue, reference = (rates_of(signal, case.te_s) for signal in (case.tissue, case.reference))
    np.testing.assert_allclose(tissue, 2 * reference, rtol=1e-6, atol=1e-9)


def test_the_same_seed_gives_the_same_bytes_and_another_another():
    one, two, other = (make_dsc_object(STILL, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.ge.tobytes() == two.ge.tobytes()
    assert one.se.tobytes() == two.se.tobytes()
    assert one.ge.tobytes() != other.ge.tobytes()


def test_every_combination_has_the_same_number_of_voxels(still):
    truth = still.truth
    rows = [truth.maps[name][truth.tissue] for name in ("architecture", "cbv", "ktrans_per_min")]
    _, counts = np.unique(np.array(rows), axis=1, return_counts=True)
    assert counts.tolist() == [256] * (7 * 4 * 4)
    assert still.ge.shape == (64, 64, 8, 60)
    masks = truth.tissue.astype(int) + truth.nawm + truth.artery + truth.sinus
    assert (masks == 1).all()
    assert np.isnan(truth.maps["cbv"][truth.artery]).all()


def test_blood_volume_ratios_are_true_within_one_percent(still):
    """Where nothing leaks: area of the gradient echo against normal-appearing white matter of the same vessels."""
    truth, times_s = still.truth, still.plan.ge.times_s
    area = np.trapezoid(rates_of(still.ge, still.plan.echoes.te_ge_s), times_s, axis=-1)
    ratio = area / area[truth.nawm].mean()
    used = truth.tissue & (truth.maps["ktrans_per_min"] == 0) & (truth.maps["architecture"] == 3)
    np.testing.assert_allclose(ratio[used], truth.maps["cbv"][used] / still.plan.nawm_cbv, rtol=0.01)


def test_the_fitted_loops_have_the_sign_that_the_truth_says(still):
    truth = still.truth
    used = truth.tissue & (truth.maps["ktrans_per_min"] == 0)
    fits = [
        fit_gamma_variate(still.plan.ge.times_s, rates_of(images, te_s)[used], noise=1e-3)
        for images, te_s in ((still.ge, still.plan.echoes.te_ge_s), (still.se, still.plan.echoes.te_se_s))
    ]
    loop = vascular_loop(*fits, shift_s=0.0)
    clear = truth.sign[used] != 0
    assert (np.sign(loop.nmti[clear]) == truth.sign[used][clear]).all()
    np.testing.assert_allclose(loop.nmti, truth.maps["nmti"][used], atol=0.008)
    assert (np.abs(truth.maps["nmti"][truth.tissue & (truth.sign == 0)]) < 0.005).all()


def test_a_later_and_wider_second_bolus_is_later_and_wider():
    plan = replace(STILL, snr0=(np.inf,) * 4)
    here = make_dsc_object(plan, np.random.default_rng(0))
    late, wide = (
        make_dsc_object(replace(plan, **change), np.random.default_rng(0)) for change in ({"offset_s": 1.0}, {"width": 1.2})
    )
    assert here.se.tobytes() == late.se.tobytes() == wide.se.tobytes()
    curves = [rates_of(made.ge, 0.022)[here.truth.nawm][0] for made in (here, late, wide)]
    first, second, third = (fit_gamma_variate(plan.ge.times_s, curve, noise=1e-3).values for curve in curves)
    assert second[0] + second[1] - first[0] - first[1] == pytest.approx(1.0, abs=0.05)
    assert third[1] / np.sqrt(third[2]) / (first[1] / np.sqrt(first[2])) == pytest.approx(1.2, abs=0.06)
    assert np.trapezoid(curves[2]) == pytest.approx(np.trapezoid(curves[0]), rel=0.05)


def test_noise_is_the_share_that_the_plan_says():
    made = make_dsc_object(STILL, np.random.default_rng(3))
    snr0 = made.truth.maps["snr0"]
    base = made.se[..., :8]
    for ratio in (200.0, 100.0, 60.0):
        here = (snr0 == ratio) & made.truth.tissue
        assert (base[here].std(axis=-1, ddof=1) / base[here].mean(axis=-1)).mean() == pytest.approx(1 / ratio, rel=0.08)
    assert (np.ptp(base[np.isinf(snr0)], axis=-1) < 1e-2).all()


def test_motion_moves_the_head_after_the_first_frame():
    made = make_dsc_object(replace(STILL, motion=1.0, snr0=(np.inf,) * 4), np.random.default_rng(4))
    still = make_dsc_object(replace(STILL, snr0=(np.inf,) * 4), np.random.default_rng(4))
    np.testing.assert_allclose(made.ge[..., 0], still.ge[..., 0], rtol=1e-5)
    assert np.abs(made.ge[..., 5:8] - still.ge[..., 5:8]).max() > 1
    assert np.abs(made.ge_motion.translation_mm).max() > 0.1


def test_a_leak_lowers_nmti_when_the_spin_echo_comes_first():
    """The prototype: an arteriole-dominated voxel falls from +.10 to +.01 at a Ktrans of .01 /min.

    From .02 on the spin echo falls below its baseline before it has passed, and no gamma-variate within the bounds follows it.
    """
    plan = DscPlan(cbv=(0.05,) * 4, ktrans_per_min=(0.0, 0.003, 0.006, 0.01), snr0=(np.inf,) * 4)
    made = make_dsc_object(plan, np.random.default_rng(0))
    maps = made.truth.maps
    nmti = []
    for ktrans in plan.ktrans_per_min:
        used = made.truth.tissue & (maps["architecture"] == 0) & (maps["ktrans_per_min"] == np.float32(ktrans))
        fits = [
            fit_gamma_variate(plan.ge.times_s, rates_of(images, te_s)[used], noise=1e-3)
            for images, te_s in ((made.ge, plan.echoes.te_ge_s), (made.se, plan.echoes.te_se_s))
        ]
        nmti.append(float(np.median(vascular_loop(*fits, shift_s=0.0).nmti)))
    assert nmti[0] > nmti[1] > nmti[2] > nmti[3]
    assert nmti[0] == pytest.approx(0.11, abs=0.01)
    assert nmti[3] < 0.01


def test_a_plan_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="must be positive"):
        DscPlan(cbv=(0.0, 0.01, 0.02, 0.04))
