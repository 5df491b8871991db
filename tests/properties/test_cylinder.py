"""Claims about water around one vessel, the table made of it, and the sizes read from it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import j0

from afterglow.kernels.cylinder import cylinder_attenuation
from afterglow.kernels.vessel import (
    attenuation,
    frequency_per_s,
    vessel_density,
    vessel_radius,
    vessel_radius_closed,
    vessel_signal,
    vessel_size_index,
)

SCANNER = {"te_ge_s": 0.022, "te_se_s": 0.033, "diffusion_um2_per_ms": 1.0, "field_t": 3.0, "susceptibility_ppm_per_mM": 0.34}
READ = {name: SCANNER[name] for name in ("te_ge_s", "te_se_s", "diffusion_um2_per_ms")}
COARSE = {"steps": 48, "radii": 96, "harmonics": 24}

# The prototype's table (zeta 2 %, 3 mM, 3 T, TE 22/33 ms, D 1 um2/ms), printed to two digits after the point.
RADII_UM = np.array([1.0, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 80])
GE_PER_S = [0.87, 2.14, 3.14, 3.79, 4.17, 4.50, 4.58, 4.58, 4.57, 4.57, 4.56, 4.56]
SE_PER_S = [0.65, 1.34, 1.61, 1.61, 1.49, 1.22, 0.90, 0.59, 0.41, 0.23, 0.10, 0.04]


@pytest.mark.parametrize("a", [0.3, 1.0, 5.0, 20.0])
def test_without_diffusion_the_deficit_is_the_integral_over_the_dipole_field(a):
    expected, _ = quad(lambda u: (1 - j0(a * u)) / u**2, 1e-9, 1, limit=500)
    still = cylinder_attenuation([a], 1e-9, steps=8)
    assert still.ge[0] == pytest.approx(expected, rel=1e-6)
    assert still.se[0] == pytest.approx(0, abs=1e-6)


def test_the_static_limit_is_the_phase_less_one():
    assert cylinder_attenuation([60.0], 1e-9, steps=8).ge[0] == pytest.approx(59.0, abs=0.02)


def test_many_directions_of_large_vessels_give_two_thirds_of_the_frequency():
    """dR2* = (2/3) zeta dw, and one constant that does not grow with the phase (doi:10.1002/mrm.1910320610)."""
    low, high = attenuation(np.array([20.0, 60.0]), np.array(1e-3), "ge")
    assert (high - low) / 40 == pytest.approx(2 / 3, abs=0.005)


def test_monte_carlo_agrees():
    """Random walks, a 20 and b .1: 18.92 +- .06 (+ .06 beyond their disc) and 2.164 +- .013."""
    f = cylinder_attenuation([20.0], 0.1, steps=96)
    assert f.ge[0] == pytest.approx(18.98, abs=0.06)
    assert f.se[0] == pytest.approx(2.164, abs=0.026)


def test_small_phases_are_quadratic():
    f = cylinder_attenuation([0.05, 0.1], 1.0, **COARSE)
    assert f.ge[1] / f.ge[0] == pytest.approx(4, rel=1e-3)
    assert f.se[1] / f.se[0] == pytest.approx(4, rel=1e-3)


@pytest.mark.parametrize("b", [0.02, 0.5, 4.0])
def test_more_steps_radii_and_harmonics_change_nothing(b):
    a = [2.0, 12.0]
    coarse, fine = cylinder_attenuation(a, b, **COARSE), cylinder_attenuation(a, b, steps=192, radii=112, harmonics=32)
    np.testing.assert_allclose(coarse.ge, fine.ge, rtol=1e-3)
    np.testing.assert_allclose(coarse.se, fine.se, rtol=3e-3)


@pytest.mark.parametrize("b", [0.004, 0.3, 7.0])
def test_the_table_is_that_of_the_equation_between_its_nodes_too(b):
    """One direction at a time cannot be read from the averaged table, so the average is made here again."""
    cosines, weights = np.polynomial.legendre.leggauss(16)
    sines2 = 1 - ((cosines + 1) / 2) ** 2
    for a in (3.7, 21.0):
        f = cylinder_attenuation(a * sines2, b, steps=96, radii=112, harmonics=32)
        assert attenuation(np.array(a), np.array(b), "ge") == pytest.approx(f.ge @ weights / 2, rel=2e-3)
        assert attenuation(np.array(a), np.array(b), "se") == pytest.approx(f.se @ weights / 2, rel=2e-3)


def test_the_radius_response_is_that_of_the_prototype():
    """Its own steps left it up to 1 % off below 5 um."""
    rates = vessel_signal(RADII_UM, 3.0, volume_fraction=0.02, **SCANNER)
    np.testing.assert_allclose(rates.ge_per_s, GE_PER_S, rtol=0.011, atol=0.005)
    np.testing.assert_allclose(rates.se_per_s, SE_PER_S, rtol=0.012, atol=0.005)


@pytest.mark.parametrize(("concentration_mM", "peak_um"), [(1.0, 4.0), (3.0, 3.5), (10.0, 2.0)])
def test_the_spin_echo_sees_capillaries_best(concentration_mM, peak_um):
    radii = np.geomspace(1, 80, 300)
    assert radii[vessel_signal(radii, concentration_mM, volume_fraction=0.02, **SCANNER).se_per_s.argmax()] == pytest.approx(peak_um, abs=0.5)  # fmt: skip


@given(st.floats(1.0, 80), st.floats(1.0, 10), st.floats(0.005, 0.1))
def test_the_table_gives_the_radius_back(radius_um, concentration_mM, zeta):
    rates = vessel_signal(radius_um, concentration_mM, volume_fraction=zeta, **SCANNER)
    assert vessel_radius(*rates, volume_fraction=zeta, **READ) == pytest.approx(radius_um, rel=0.01)


@given(st.floats(1.2, 80), st.floats(0.1, 10), st.floats(0.001, 0.1), st.floats(1.01, 1.4))
def test_rates_are_linear_in_blood_volume_and_grow_with_dose(radius_um, concentration_mM, zeta, more):
    one = vessel_signal(radius_um, concentration_mM, volume_fraction=zeta, **SCANNER)
    for rate, twice in zip(one, vessel_signal(radius_um, concentration_mM, volume_fraction=2 * zeta, **SCANNER), strict=True):
        assert twice == pytest.approx(2 * rate)
    larger = vessel_signal(radius_um, concentration_mM * more, volume_fraction=zeta, **SCANNER)
    assert larger.ge_per_s > one.ge_per_s > one.se_per_s
    assert larger.se_per_s > one.se_per_s


@pytest.mark.parametrize(("concentration_mM", "read_um"), [(3.0, (7.2, 20.9, 67.0)), (10.0, (4.5, 12.6, 30.0))])
def test_the_closed_formula_overestimates_and_by_how_much(concentration_mM, read_um):
    rates = vessel_signal(np.array([4.0, 10, 20]), concentration_mM, volume_fraction=0.02, **SCANNER)
    read = vessel_radius_closed(*rates, volume_fraction=0.02, diffusion_um2_per_ms=1.0)
    np.testing.assert_allclose(read, read_um, rtol=0.015)
    np.testing.assert_allclose(vessel_radius(*rates, volume_fraction=0.02, **READ), [4, 10, 20], rtol=0.01)


def test_the_closed_formulas_agree_with_the_laws_they_come_from():
    zeta, d, radius = 0.03, 0.8, 12.0
    dw = float(frequency_per_s(5.0, field_t=3.0, susceptibility_ppm_per_mM=0.34))
    ge, se = np.array(2 / 3 * zeta * dw), np.array(0.694 * zeta * dw ** (2 / 3) * (1e3 * d) ** (1 / 3) * radius ** (-2 / 3))
    assert vessel_radius_closed(ge, se, volume_fraction=zeta, diffusion_um2_per_ms=d) == pytest.approx(radius, rel=2e-3)
    assert vessel_size_index(ge, se, diffusion_um2_per_ms=d, frequency_per_s=dw) == pytest.approx(radius, rel=5e-3)
    assert vessel_density(ge, se, diffusion_um2_per_ms=d)[1] == pytest.approx(1e6 * zeta / (np.pi * radius**2), rel=5e-3)


def test_what_no_vessel_explains_has_no_radius():
    ge, se = np.array([1.0, np.nan, -1.0, 1.0, 5.0]), np.array([2.0, 1.0, 1.0, 0.0, 1.0])
    radius = vessel_radius(ge, se, volume_fraction=0.02, **READ)
    assert np.isnan(radius[:4]).all()
    assert radius[4] > 1
    assert np.isnan(vessel_radius_closed(ge, se, volume_fraction=0.02, diffusion_um2_per_ms=1.0)[1:4]).all()
    assert np.isnan(vessel_density(ge, se, diffusion_um2_per_ms=1.0)[0][1:4]).all()
    assert np.isnan(vessel_radius(ge, se, volume_fraction=np.zeros(5), **READ)).all()


def test_beyond_the_table_there_is_an_error_and_no_guess():
    with pytest.raises(ValueError, match="change the radius"):
        vessel_signal(0.1, 3.0, volume_fraction=0.02, **SCANNER)
    with pytest.raises(ValueError, match="lower concentration"):
        vessel_signal(5.0, 50.0, volume_fraction=0.02, **SCANNER)
    with pytest.raises(ValueError, match="must be positive"):
        cylinder_attenuation([-1.0], 1.0)
    with pytest.raises(ValueError, match="harmonics"):
        cylinder_attenuation([50.0], 1.0, harmonics=16)
