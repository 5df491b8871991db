"""The prototype's tables of DSC: leakage corrections, MTI under leakage, and what alignment saves.

Truth is digital. The prototype and the simulation here share the equations but not every choice, and the prototype does not
print its own; where numbers part, a test says which choice parts them.
"""

from dataclasses import replace

import numpy as np
import pytest

from afterglow.kernels.dsc_leakage import bidirectional, boxerman, corrected_rates
from afterglow.kernels.dsc_signal import baseline, rate_change
from afterglow.kernels.dsc_volume import blood_volume
from afterglow.kernels.gamma_variate import GammaFit, fit_gamma_variate
from afterglow.kernels.loop import VascularLoop, align_injections, vascular_loop
from afterglow.kernels.types import Status
from afterglow.simulate.dsc_signal import (
    LEAKAGE_PROTOCOLS,
    STEP_S,
    LeakyTissue,
    Scan,
    gradient_echo,
    leakage_case,
    leaked_mM,
    spin_echo,
    vascular_at_frames,
)
from afterglow.simulate.vascular import Bolus, Echoes, Network, artery_mM

TRUE = 2.0
TABLE = {  # rCBV uncorrected, one-way, two-way; the truth is 2
    "90 no preload T1": (-4.04, 1.57, 1.64),
    "90 preload T1": (-0.34, 1.81, 1.85),
    "60 preload T1": (1.07, 1.91, 1.93),
    "30 no preload T1": (1.57, 1.94, 1.95),
    "60 preload T2*": (5.63, 2.05, 2.04),
    "30 no preload washout": (3.48, 2.35, 2.10),
}
APART = {("90 no preload T1", 1): 1.417, ("60 preload T2*", 1): 1.921, ("60 preload T2*", 2): 1.921}
BEFORE, WINDOW = slice(0, 8), slice(7, 60)


def ratios(times_s: np.ndarray, tissue: np.ndarray, reference: np.ndarray, te_s: float, before: int) -> list[float]:
    """Blood volume of tissue over reference: uncorrected, one-way, two-way."""
    signals = np.stack([tissue, reference])
    rates = rate_change(signals, baseline(signals, slice(0, before)).mean, te_s, floor=0.0).per_s
    window = slice(before - 1, times_s.size)
    curves = [rates[:1]]
    for model in (boxerman, bidirectional):
        found = model(times_s, rates[:1], rates[1], np.full(1, 1e-6), window=window)
        curves.append(corrected_rates(times_s, rates[:1], rates[1], found, window=window))
    whole = blood_volume(times_s, rates[1:], window=window)[0]
    return [float(blood_volume(times_s, curve, window=window)[0] / whole) for curve in curves]


@pytest.mark.parametrize("name", TABLE)
def test_the_corrections_give_the_prototypes_volumes(name):
    """Within 5 % of the number, or of the truth where the number is smaller; three of eighteen lie up to 10 % off.

    They are one-way of "90 no preload T1" (1.42 for 1.57) and both of "60 preload T2*" (1.92 for 2.05 and 2.04). Two choices
    part them; see the next test. Here 12 % of the bolus recirculates, and a preload is agent that leaks, stays and washes out.
    """
    case = leakage_case(LEAKAGE_PROTOCOLS[name])
    found = ratios(case.times_s, case.tissue, case.reference, case.te_s, case.baseline_frames)
    for column, (value, listed) in enumerate(zip(found, TABLE[name], strict=True)):
        here = APART.get((name, column))
        wanted, allowed = (listed, 0.05 * max(abs(listed), TRUE)) if here is None else (here, 0.01)
        assert value == pytest.approx(wanted, abs=allowed)


@pytest.mark.parametrize("name", TABLE)
def test_all_six_protocols_are_within_seven_per_cent_with_other_choices(name):
    """9 % recirculating behind a blood volume of 10 %, and a preload that does nothing but shorten T1 to .98 s.

    One-way leakage integrates the reference's curve, so its error follows what recirculates. A preload that washes out meanwhile
    bends the tissue's curve; one that only shortens T1 does not. Neither is measured: both stay as the simulation has them.
    """
    protocol, scan = LEAKAGE_PROTOCOLS[name], Scan(frames=80, flip_deg=LEAKAGE_PROTOCOLS[name].flip_deg)
    bolus, tissue = replace(Bolus(), plateau=0.09), protocol.tissue
    tissue = replace(tissue, r2_ge_per_mM_s={38.0: 45.0, 32.0: 40.0}.get(tissue.r2_ge_per_mM_s, tissue.r2_ge_per_mM_s))
    if protocol.preload:
        tissue = replace(tissue, t1_s=0.98)
    rate = 0.05 * vascular_at_frames(scan, bolus, Network(), Echoes(), "normal-like")[0]
    leaked = leaked_mM(scan, bolus, np.array([protocol.ktrans_per_min]), tissue.ve)[0]
    leaky, whole = (
        gradient_echo(times * rate, share * leaked, scan=scan, te_s=Echoes().te_ge_s, tissue=tissue)
        for times, share in ((2, 1), (1, 0))
    )
    found = ratios(scan.times_s, leaky, whole, Echoes().te_ge_s, 8)
    for value, listed in zip(found, TABLE[name], strict=True):
        assert value == pytest.approx(listed, abs=0.07 * max(abs(listed), TRUE))


# Median nMTI by Ktrans in 1/min, spin echo first and without a preload: arterioles and venules, raw and after one-way correction.
KTRANS = (0.0, 0.01, 0.02, 0.04, 0.08)
MTI_TABLE = {
    "arteriole": ((0.10, 0.01, -0.06, -0.18, -0.33), (0.10, 0.13, 0.15, 0.16, 0.14)),
    "venule": ((-0.11, -0.20, -0.27, -0.36, -0.31), (-0.10, -0.05, -0.02, 0.02, 0.07)),
}
BLOOD = 1 - 0.42  # the prototype's leak is driven by blood: the same Ktrans leaks less than from plasma
AFTER = Scan(earlier=((300.0, 1.0),))


def rates(name: str, echo: str, scan: Scan, ktrans: float, n: int, rng: np.random.Generator, cbv: float) -> np.ndarray:
    """Rate curves of n voxels at a signal-to-noise ratio of 100."""
    model, row, te_s = (gradient_echo, 0, 0.022) if echo == "ge" else (spin_echo, 1, 0.033)
    vascular = cbv * vascular_at_frames(scan, Bolus(), Network(), Echoes(), name)[row]
    leaked = leaked_mM(scan, Bolus(), np.array([BLOOD * ktrans]), 0.5)[0]
    return noisy(model(vascular, leaked, scan=scan, te_s=te_s, tissue=LeakyTissue()), te_s, n, rng)


def noisy(signal: np.ndarray, te_s: float, n: int, rng: np.random.Generator) -> np.ndarray:
    sigma = signal[..., :1] / 100
    noise = rng.standard_normal((2, n, signal.shape[-1]))
    magnitude = np.hypot(signal + sigma * noise[0], sigma * noise[1])
    return rate_change(magnitude, baseline(magnitude, BEFORE).mean, te_s, floor=0.0).per_s


def loops(name: str, scans: dict[str, Scan], ktrans: float, n: int = 500) -> tuple[VascularLoop, VascularLoop]:
    """Loops before and after one-way correction; the reference is normal tissue that does not leak."""
    rng = np.random.default_rng(6)
    raw, mended = [], []
    for echo, scan in scans.items():
        curves = rates(name, echo, scan, ktrans, n, rng, 0.05)
        reference = rates("normal-like", echo, scan, 0.0, 400, rng, 0.03).mean(axis=0)
        sigma = baseline(curves, BEFORE).sd
        found = boxerman(scan.times_s, curves, reference, sigma, window=WINDOW)
        corrected = corrected_rates(scan.times_s, curves, reference, found, window=WINDOW)
        raw.append(fit_gamma_variate(scan.times_s, curves, noise=sigma))
        mended.append(fit_gamma_variate(scan.times_s, corrected, noise=sigma))
    return vascular_loop(*raw, shift_s=0.0), vascular_loop(*mended, shift_s=0.0)


def positive(loop: VascularLoop) -> float:
    return float((loop.mti[np.isfinite(loop.mti)] > 0).mean())


@pytest.mark.parametrize("name", MTI_TABLE)
def test_leakage_turns_mti_negative_and_one_way_correction_brings_arterioles_back(name):
    """Spin echo first. Medians within .04 raw (.03 corrected), with the prototype's Ktrans taken as one of blood.

    Of raw curves that leak much, few have a gamma-variate at all: the spin echo falls below its baseline within the pass. At .08 /min
    hardly one in fifty is left, and of venules only the sign is compared.
    """
    medians = []
    for ktrans in KTRANS:
        raw, mended = loops(name, {"ge": AFTER, "se": Scan()}, ktrans)
        medians.append([float(np.nanmedian(loop.nmti)) for loop in (raw, mended)])
        assert np.isfinite(mended.mti).mean() > 0.9
        if ktrans >= 0.04:
            assert np.isfinite(raw.mti).mean() < 0.3
    found, (raw_table, mended_table) = np.array(medians), MTI_TABLE[name]
    compared = 4 if name == "venule" else 5
    np.testing.assert_allclose(found[:compared, 0], raw_table[:compared], atol=0.045)
    np.testing.assert_allclose(found[:, 1], mended_table, atol=0.03)
    assert (np.diff(found[:, 0]) < 0).all()
    if name == "arteriole":
        assert (found[2:, 0] < 0).all()
        assert (found[:, 1] > 0.08).all()
    else:
        assert (found[:, 0] < 0).all()
        assert (np.diff(found[:, 1]) > 0).all()  # over-corrected, and of the wrong sign from .04 /min on
        assert found[3, 1] > 0


@pytest.mark.parametrize(("name", "truth"), [("arteriole", 0.10), ("venule", -0.09)])
def test_after_a_preload_the_corrected_sign_is_right_up_to_the_strongest_leak(name, truth):
    """Medians within .05 of the prototype's +.10 and -.09; how its preload was given is not printed, and here it is one full dose."""
    for ktrans in KTRANS:
        raw, mended = loops(name, {"ge": Scan(earlier=((600.0, 1.0), (300.0, 1.0))), "se": AFTER}, ktrans)
        share = positive(mended) if truth > 0 else 1 - positive(mended)
        assert share > 0.8
        assert np.nanmedian(mended.nmti) == pytest.approx(truth, abs=0.05)
        assert np.isfinite(raw.mti).mean() > 0.8  # without T1 in the way the curves keep their shape


# Fraction of positive loops: arteriole, normal, venule. The table prints .93, .25, .09 as the truth.
UNALIGNED = {0.4: (0.27, 0.01, 0.00), -0.7: (1.0, 1.0, 0.96)}
TRUE_SHARES = (0.93, 0.25, 0.09)
NAMES = ("arteriole", "normal-like", "venule")
SE_ONSET_S, DRAWS = 15.0, 30


def voxels(bolus: Bolus, echo: str, rng: np.random.Generator) -> list[GammaFit]:
    """Fits of 600 voxels of each kind at a blood volume of 4 %."""
    row, te_s = (0, 0.022) if echo == "ge" else (1, 0.033)
    fits = []
    for name in NAMES:
        rate = 0.04 * vascular_at_frames(Scan(), bolus, Network(), Echoes(), name)[row]
        curves = noisy(np.exp(-te_s * rate), te_s, 600, rng)
        fits.append(fit_gamma_variate(Scan().times_s, curves, noise=baseline(curves, BEFORE).sd))
    return fits


def alignments(ge_bolus: Bolus, se_bolus: Bolus, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Shifts and their stated errors for some draws of twelve noisy arteries in each scan."""
    times, found = Scan().times_s, []
    fine_s = np.arange(0.0, times[-1] + STEP_S, STEP_S)
    for _ in range(DRAWS):
        arteries = []
        for bolus, gain, te_s in ((ge_bolus, 4.0, 0.022), (se_bolus, 1.0, 0.033)):
            rate = gain * rng.uniform(0.6, 1.0, (12, 1)) * np.interp(times, fine_s, artery_mM(fine_s, bolus))
            arteries.append(noisy(np.exp(-te_s * rate), te_s, 12, rng))
        ge_noise, se_noise = (float(curves.mean(axis=0)[BEFORE].std(ddof=1)) for curves in arteries)
        one = align_injections(
            times, arteries[0], times, arteries[1], ge_noise=ge_noise, se_noise=se_noise, method="arterial peak", rng=rng
        )  # fmt: skip
        assert one.status == Status.OK
        found.append((one.shift_s, one.error_s))
    shifts, errors = np.array(found).T
    return shifts, errors


def aligned(offset_s: float, width: float) -> tuple[list[float], list[float], list[float], np.ndarray, np.ndarray]:
    """Fractions unaligned, with the true offset, with the median of the shifts found; the shifts and their errors."""
    rng = np.random.default_rng(1)
    se_bolus = Bolus(onset_s=SE_ONSET_S)
    ge_bolus = replace(Bolus().wider(width), onset_s=SE_ONSET_S + offset_s)
    ge, se = voxels(ge_bolus, "ge", rng), voxels(se_bolus, "se", rng)
    shifts, errors = alignments(ge_bolus, se_bolus, rng)
    fractions = [
        [positive(vascular_loop(a, b, shift_s=shift)) for a, b in zip(ge, se, strict=True)]
        for shift in (0.0, offset_s, float(np.median(shifts)))
    ]
    return fractions[0], fractions[1], fractions[2], shifts, errors


@pytest.mark.parametrize("offset_s", UNALIGNED)
def test_without_alignment_a_shift_decides_the_sign_and_with_it_the_vessels_do(offset_s):
    """The prototype's fractions within .05, unaligned and with the true offset.

    Aligned on arterial peaks, the fractions depend on when frames meet the bolus: at 1.74 s between them the prototype erred by
    +.12 s (.98/.40/.17 at +.4 s), and on these phases the error is -.14 and -.06 s. A tenth of a second is worth .04 in nMTI. What
    holds on all phases is the order, and the sign of what is strongly dominated; and that the error it states is the scatter.
    """
    unaligned, true, found, shifts, errors = aligned(offset_s, 1.0)
    np.testing.assert_allclose(unaligned, UNALIGNED[offset_s], atol=0.05)
    np.testing.assert_allclose(true, TRUE_SHARES, atol=0.06)
    assert np.median(shifts) == pytest.approx(offset_s, abs=0.2)
    assert 0.5 < errors.mean() / shifts.std(ddof=1) < 2
    arteriole, normal, venule = found
    assert arteriole > 0.7
    assert venule < 0.2
    assert arteriole > normal > venule


def test_at_no_shift_alignment_leaves_the_fractions_alone():
    unaligned, _, found, shifts, _ = aligned(0.0, 1.0)
    assert np.median(shifts) == pytest.approx(0, abs=0.1)
    np.testing.assert_allclose(unaligned, TRUE_SHARES, atol=0.06)
    np.testing.assert_allclose(found, TRUE_SHARES, atol=0.15)


@pytest.mark.parametrize(("offset_s", "width", "listed"), [(0.4, 1.1, (0.92, 0.21, 0.08)), (-1.2, 1.15, (0.74, 0.04, 0.01))])
def test_a_wider_second_bolus_biases_towards_negative(offset_s, width, listed):
    """The prototype's fractions within .2; a wider bolus also peaks later, and the peaks are what is aligned."""
    _, _, found, _, _ = aligned(offset_s, width)
    np.testing.assert_allclose(found, listed, atol=0.2)
    assert found[0] > 0.65
    assert found[1] < TRUE_SHARES[1]
    assert found[2] < TRUE_SHARES[2]
