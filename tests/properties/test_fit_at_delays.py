"""Claims about fits at known delays and about the choice of a model where curves arrive late."""

import numpy as np
import pytest

from afterglow.kernels.aif_population import parker
from afterglow.kernels.delayed import choose_model, fit_at_delays, fit_delayed
from afterglow.kernels.fit import fit_tissue
from afterglow.kernels.models import MODELS
from afterglow.kernels.types import Status

TIMES = np.arange(0, 300, 3.0)
PLASMA = parker(TIMES, delay_s=30) / 0.55
MODELS_COMPARED = ("tofts", "etofts", "2cxm")


def tissue(delay_s: float, *, n: int = 40, noise_mM: float = 0.01) -> np.ndarray:
    """Extended Tofts tissue that the bolus reaches late."""
    clean = MODELS["etofts"].curve(TIMES, PLASMA, np.array([0.15, 0.3, 0.05]), at_s=TIMES, delay_s=delay_s)
    return clean + np.random.default_rng(3).normal(0, noise_mM, (n, TIMES.size))


def test_a_fit_at_the_delay_that_was_found_is_the_fit_that_found_it():
    curves = tissue(6.0)
    found = fit_delayed("etofts", TIMES, curves, TIMES, PLASMA, delay_range_s=(-5.0, 15.0))
    again = fit_at_delays("etofts", TIMES, curves, TIMES, PLASMA, delay_s=found.delay_s)
    np.testing.assert_allclose(again.residual, found.fit.residual, rtol=1e-2)
    np.testing.assert_allclose(again.values, found.fit.values, rtol=2e-2)


def test_an_unknown_delay_counts_as_none():
    curves = tissue(0.0)
    plain = fit_tissue("etofts", TIMES, curves, TIMES, PLASMA)
    unknown = fit_at_delays("etofts", TIMES, curves, TIMES, PLASMA, delay_s=np.full(len(curves), np.nan))
    np.testing.assert_allclose(unknown.values, plain.values, rtol=1e-5)


def test_a_late_bolus_does_not_pass_for_a_richer_model():
    curves = tissue(6.0)
    delay_s = fit_delayed("etofts", TIMES, curves, TIMES, PLASMA, delay_range_s=(-5.0, 15.0)).delay_s
    fits = {name: fit_at_delays(name, TIMES, curves, TIMES, PLASMA, delay_s=delay_s) for name in MODELS_COMPARED}
    chosen, weight = choose_model(fits, extra_parameters=1)
    assert np.mean(chosen == MODELS_COMPARED.index("etofts")) > 0.85
    assert (weight > 0).all() and (weight <= 1).all()


def test_a_voxel_without_any_fit_has_no_model():
    curves = tissue(0.0, n=2)
    curves[1] = np.nan
    fits = {name: fit_tissue(name, TIMES, curves, TIMES, PLASMA) for name in ("tofts", "etofts")}
    chosen, weight = choose_model(fits, extra_parameters=0)
    assert fits["tofts"].status[1] == Status.NOT_FINITE
    assert np.isfinite(chosen[0]) and np.isnan(chosen[1]) and np.isnan(weight[1])


def test_as_many_delays_as_curves_are_needed():
    with pytest.raises(ValueError, match="delays for"):
        fit_at_delays("tofts", TIMES, tissue(0.0), TIMES, PLASMA, delay_s=np.zeros(3))
