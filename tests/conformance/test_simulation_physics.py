"""The physics behind digital patients against answers found another way: Bloch steps, an ODE solver, random walks.

What is solved here is solved without the kernels: rotations and relaxations one after the other, a Runge-Kutta integrator that
knows where the plasma curve bends, and water that walks around a vessel.
"""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from afterglow.kernels.spgr import spgr_signal
from afterglow.kernels.vessel import frequency_per_s, vessel_signal
from afterglow.simulate.dce import Bolus, extended_tofts_curves, make_bolus, tissue_curve
from afterglow.simulate.tissues import TISSUES

Array = NDArray[np.float64]


# Spoiled gradient echo against Bloch


def turn(flip_deg: float) -> Array:
    """Rotation about x."""
    angle = np.deg2rad(flip_deg)
    return np.array([[1, 0, 0], [0, np.cos(angle), np.sin(angle)], [0, -np.sin(angle), np.cos(angle)]])


def echoes(m: Array, pulses: int, *, flip_deg: float, tr_s: float, te_s: float, t1_s: float, t2star_s: float) -> Array:
    """|Mxy| at TE after each of so many pulses on the magnetisation m (3,), what is across spoiled at the end of each TR."""
    pulse = turn(flip_deg)

    def relaxed(m: Array, seconds: float) -> Array:
        across, along = np.exp(-seconds / t2star_s), np.exp(-seconds / t1_s)
        return np.diag([across, across, along]) @ m + np.array([0, 0, 1 - along])

    seen = np.empty(pulses)
    for n in range(pulses):
        m = relaxed(pulse @ m, te_s)
        seen[n] = np.hypot(m[0], m[1])
        m = relaxed(m, tr_s - te_s) * np.array([0.0, 0.0, 1.0])
    return seen


@pytest.mark.parametrize(("flip_deg", "tr_s", "te_s"), [(25.0, 0.004, 0.0018), (5.0, 0.006, 0.0022), (12.0, 0.02, 0.004)])
@pytest.mark.parametrize("tissue", ["white", "csf", "artery", "fat"])
def test_the_steady_state_is_where_bloch_steps_end(flip_deg, tr_s, te_s, tissue):
    row = TISSUES[tissue]
    settled = int(20 * row.t1_s / tr_s)  # long after the slowest transient
    last = echoes(np.array([0.0, 0, 1]), settled, flip_deg=flip_deg, tr_s=tr_s, te_s=te_s, t1_s=row.t1_s, t2star_s=1 / row.r2star_per_s)[-1]  # fmt: skip
    formula = spgr_signal(1 / row.t1_s, s0=1.0, flip_deg=flip_deg, tr_s=tr_s, te_s=te_s, r2star_per_s=row.r2star_per_s)
    assert formula == pytest.approx(last, rel=1e-4)
    assert formula == pytest.approx(last, rel=1e-7)  # what it reaches


@pytest.mark.parametrize(("flip_deg", "tr_s"), [(25.0, 0.004), (70.0, 0.03)])
def test_blood_that_flows_in_fresh_falls_to_the_steady_state_by_the_cosine_and_e1_at_every_pulse(flip_deg, tr_s):
    """The law by which inflow fades: after n pulses, steady state + (fresh - steady state) (cos a E1)^n."""
    row = TISSUES["artery"]
    fresh = echoes(np.array([0.0, 0, 1]), 80, flip_deg=flip_deg, tr_s=tr_s, te_s=1e-9, t1_s=row.t1_s, t2star_s=0.05)
    steady = float(spgr_signal(1 / row.t1_s, s0=1.0, flip_deg=flip_deg, tr_s=tr_s))
    fading = (np.cos(np.deg2rad(flip_deg)) * np.exp(-tr_s / row.t1_s)) ** np.arange(80)
    np.testing.assert_allclose(fresh, steady + (np.sin(np.deg2rad(flip_deg)) - steady) * fading, rtol=1e-6)
    assert fresh[0] > 4 * steady


# Uptake against an ODE solver


@pytest.fixture(scope="module")
def bolus() -> Bolus:
    return make_bolus(start_s=20.0, until_s=240.0, haematocrit=0.42, scale=1.0)


def solved(bolus: Bolus, ktrans_per_min: Array, ve: Array, vp: Array, delay_s: float, at_s: Array) -> Array:
    """dCe/dt = Ktrans (Cp - Ce / ve), all voxels at once, from bend to bend of the plasma curve. (n,) -> (n, t)."""
    per_s, bends = ktrans_per_min / 60, bolus.times_s + delay_s
    state, leaked = np.zeros(per_s.size), np.zeros((per_s.size, at_s.size))
    for k in range(bends.size - 1):
        begin, end = float(bends[k]), float(bends[k + 1])
        rise = (bolus.artery_mM[k + 1] - bolus.artery_mM[k]) / (end - begin)

        def change(t, leak, start=bolus.artery_mM[k], begin=begin, rise=rise):
            return per_s * (start + rise * (t - begin) - leak / ve)

        inside = np.flatnonzero((at_s >= begin) & (at_s < end))
        run = solve_ivp(change, (begin, end), state, method="DOP853", t_eval=[*at_s[inside], end], rtol=1e-11, atol=1e-13)
        leaked[:, inside], state = run.y[:, :-1], run.y[:, -1]
    plasma = np.interp(at_s - delay_s, bolus.times_s, bolus.artery_mM, left=0.0)
    return leaked + vp[:, None] * plasma


@pytest.mark.parametrize("delay_s", [0.0, 2.35])
def test_uptake_is_that_of_an_ode_solver_to_a_millionth_of_the_peak(bolus, delay_s):
    ktrans, ve, vp = (part.ravel() for part in np.meshgrid([0.002, 0.03, 0.3], [0.03, 0.2, 0.6], [0.0, 0.05]))
    at_s = np.arange(3.3, 235.0, 4.7)
    expected = solved(bolus, ktrans, ve, vp, delay_s, at_s)
    found = extended_tofts_curves(bolus, ktrans, ve, vp, delay_s=delay_s, at_s=at_s)
    off = np.abs(found - expected).max(axis=1) / expected.max(axis=1)
    assert off.max() < 1e-6  # single precision alone is 6e-8


def test_a_tissue_of_the_table_takes_up_what_the_solver_says(bolus):
    at_s, row = np.arange(10.0, 230.0, 11.0), TISSUES["plexus"]
    one = (np.array([value]) for value in (row.ktrans_per_min, row.ve, row.vp))
    expected = solved(bolus, *one, row.delay_s, at_s)[0]
    np.testing.assert_allclose(tissue_curve(bolus, row, at_s), expected, atol=1e-6 * expected.max())


# Vessels against random walks

WALKERS, STEPS, REACH = 60_000, 200, 14.0  # walkers start within so many radii


def walk(radius_um: float, concentration_mM: float, echo: str, te_s: float, rng: np.random.Generator) -> tuple[float, float]:
    """Rate per unit of blood volume, and its standard error, from water that walks around vessels of all directions.

    Lengths in radii. Each walker has a vessel of its own; what it gathers is dw sin^2 cos(2 phi) / rho^2. Starts are drawn evenly
    in ln rho and weighted with rho^2, and walls turn walkers back. Beyond REACH the deficit is a^2 / (4 REACH^2) for water that
    rests, its mean over directions 2/15 (dw TE)^2 / REACH^2, added for the gradient echo; a spin echo has next to none there.
    """
    dw = float(frequency_per_s(concentration_mM, field_t=3.0, susceptibility_ppm_per_mM=0.34))
    step = np.sqrt(2 * 1e3 * te_s / STEPS) / radius_um  # D = 1 um2/ms
    rho = np.exp(np.log(REACH) * (np.arange(WALKERS) + rng.random(WALKERS)) / WALKERS)
    weight = 2 * rho**2 * np.log(REACH)
    angle, sine2 = 2 * np.pi * rng.random(WALKERS), 1 - rng.permutation((np.arange(WALKERS) + 0.5) / WALKERS) ** 2
    place, phase = rho * np.exp(1j * angle), np.zeros(WALKERS)
    for n in range(STEPS):
        field = (place.conjugate() ** 2 / (place * place.conjugate()) ** 2).real
        phase += sine2 * field * (-1.0 if echo == "spin" and n < STEPS // 2 else 1.0)
        place = place + step * (rng.standard_normal(WALKERS) + 1j * rng.standard_normal(WALKERS))
        inside = np.abs(place) < 1
        place[inside] *= 2 / np.abs(place[inside]) - 1
    deficit = weight * (1 - np.cos(phase * dw * te_s / STEPS))
    blocks = deficit.reshape(-1, 40).mean(axis=0)  # each of the 40 holds starts at every distance
    beyond = 2 / 15 * (dw * te_s / REACH) ** 2 if echo == "gradient" else 0.0
    return (blocks.mean() + beyond) / te_s, blocks.std(ddof=1) / np.sqrt(40) / te_s


@pytest.mark.parametrize(("radius_um", "concentration_mM"), [(15.0, 2.0), (4.0, 3.0)])  # an arteriole, a capillary
@pytest.mark.parametrize(("echo", "te_s"), [("gradient", 0.022), ("spin", 0.033)])
def test_what_vessels_do_to_an_echo_is_what_walking_water_finds(radius_um, concentration_mM, echo, te_s):
    rates = vessel_signal(
        radius_um, concentration_mM, volume_fraction=1.0, te_ge_s=te_s, te_se_s=te_s, diffusion_um2_per_ms=1.0, field_t=3.0,
        susceptibility_ppm_per_mM=0.34,
    )  # fmt: skip
    table = float(rates.ge_per_s if echo == "gradient" else rates.se_per_s)
    found, error = walk(radius_um, concentration_mM, echo, te_s, np.random.default_rng(11))
    assert error < 0.016 * table
    assert abs(found - table) < 2 * error
