"""Claims about tissue models and their fit: exact curves, the optimum itself, honest errors."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import curve_fit

from afterglow.kernels.aif_population import parker
from afterglow.kernels.boxed import best_in_box
from afterglow.kernels.convolution import exp_convolve, exp_convolve_slope
from afterglow.kernels.delayed import choose_model, fit_delayed
from afterglow.kernels.fit import fit_tissue
from afterglow.kernels.models import MODELS, exchange_to_exponentials, exponentials_to_exchange, extended_tofts
from afterglow.kernels.types import Status

TIMES = np.arange(60) * 5.0
PLASMA = parker(TIMES, delay_s=20.0) / 0.58


def tissue(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    values = np.stack([10 ** rng.uniform(-2, -0.4, n), rng.uniform(0.1, 0.6, n), rng.uniform(0.005, 0.1, n)], axis=1)
    curves = extended_tofts(TIMES, PLASMA, ktrans_per_min=values[:, 0], ve=values[:, 1], vp=values[:, 2])
    return values, curves


def noisy(curves: np.ndarray, snr: float, seed: int = 1) -> np.ndarray:
    return curves + np.random.default_rng(seed).normal(size=curves.shape) * curves.max(axis=1, keepdims=True) / snr


@given(st.floats(1e-5, 2.0), st.floats(-1e4, 1e4))
def test_the_clocks_origin_does_not_matter(rate: float, origin: float) -> None:
    np.testing.assert_allclose(
        exp_convolve(TIMES + origin, PLASMA, rate), exp_convolve(TIMES, PLASMA, rate), rtol=1e-6, atol=1e-8
    )


@given(st.floats(1e-5, 2.0), st.lists(st.floats(1, 290), min_size=1, max_size=20))
def test_extra_samples_on_a_straight_line_change_nothing(rate: float, extra: list[float]) -> None:
    times = np.union1d(TIMES, extra)
    times = times[np.concatenate([[True], np.diff(times) > 1e-6])]
    finer = exp_convolve(times, np.interp(times, TIMES, PLASMA), rate)
    known = np.isin(times, TIMES)
    np.testing.assert_allclose(finer[known], exp_convolve(TIMES, PLASMA, rate)[np.isin(TIMES, times)], rtol=1e-9, atol=1e-9)


@given(st.floats(1e-4, 1.0))
def test_the_slope_by_rate_is_the_derivative(rate: float) -> None:
    step = 1e-5 * rate
    _, slope = exp_convolve_slope(TIMES, PLASMA, rate)
    secant = (exp_convolve(TIMES, PLASMA, rate + step) - exp_convolve(TIMES, PLASMA, rate - step)) / (2 * step)
    np.testing.assert_allclose(slope, secant, rtol=1e-5, atol=1e-4)


def by_ode(fp: float, ps: float, ve: float, vp: float, tissue_only: bool = False) -> np.ndarray:
    fp, ps = fp / 6000, ps / 60

    def flow(t: float, c: np.ndarray) -> list[float]:
        plasma = np.interp(t, TIMES, PLASMA)
        return [(fp * (plasma - c[0]) + ps * (c[1] - c[0])) / vp, ps * (c[0] - c[1]) / ve]

    state, out = np.zeros(2), [0.0]
    for begin, end in pairwise(TIMES):
        state = solve_ivp(flow, (begin, end), state, rtol=1e-10, atol=1e-12, method="DOP853").y[:, -1]
        out.append(vp * state[0] + ve * state[1])
    return np.array(out)


@pytest.mark.parametrize(("fp", "ps", "ve", "vp"), [(20, 0.1, 0.2, 0.05), (60, 0.02, 0.4, 0.02), (5, 0.3, 0.1, 0.1)])
def test_two_compartments_agree_with_an_ode_solver(fp: float, ps: float, ve: float, vp: float) -> None:
    model = MODELS["2cxm"]
    np.testing.assert_allclose(model.curve(TIMES, PLASMA, np.array([fp, ps, ve, vp])), by_ode(fp, ps, ve, vp), atol=1e-9)
    uptake = MODELS["2cum"].curve(TIMES, PLASMA, np.array([fp, ps, vp]))
    np.testing.assert_allclose(uptake, by_ode(fp, ps, 1e8, vp), atol=1e-6)


def test_models_are_limits_of_one_another() -> None:
    def curve(name: str, *values: float) -> np.ndarray:
        return MODELS[name].curve(TIMES, PLASMA, np.array(values))

    np.testing.assert_allclose(curve("etofts", 0.1, 0.3, 0.0), curve("tofts", 0.1, 0.3), rtol=1e-12)
    np.testing.assert_allclose(curve("etofts", 0.1, 1e9, 0.05), curve("patlak", 0.1, 0.05), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(curve("patlak", 0.0, 0.05), curve("steady_state", 0.05), rtol=1e-12)
    np.testing.assert_allclose(curve("2cxm", 20.0, 0.1, 1e9, 0.05), curve("2cum", 20.0, 0.1, 0.05), rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(curve("2cxm", 1e5, 0.1, 0.3, 0.05), curve("etofts", 0.1, 0.3, 0.05), rtol=2e-2, atol=2e-3)


@given(st.floats(1, 200), st.floats(1e-3, 2), st.floats(0.01, 1), st.floats(0.005, 0.5))
def test_exchange_parameters_survive_the_way_to_exponentials_and_back(fp: float, ps: float, ve: float, vp: float) -> None:
    back = exponentials_to_exchange(*exchange_to_exponentials(fp, ps, ve, vp))
    np.testing.assert_allclose(back, (fp, ps, ve, vp), rtol=1e-5)


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-0.95, 0.95), st.floats(0.1, 2), st.floats(0.1, 2))
def test_three_clips_are_the_box_optimum(a: float, s: float, rho: float, alpha_max: float, beta_max: float) -> None:
    rho = abs(rho)
    found = best_in_box(np.asarray(a), np.asarray(s), np.asarray(rho), alpha_max=alpha_max, beta_max=np.asarray(beta_max))
    alpha, beta = np.meshgrid(np.linspace(0, alpha_max, 60), np.linspace(0, beta_max, 60))
    everywhere = 2 * alpha * a + 2 * beta * s - alpha**2 - beta**2 - 2 * rho * alpha * beta
    assert found.gain >= everywhere.max() - 1e-9
    assert 0 <= found.alpha <= alpha_max
    assert 0 <= found.beta <= beta_max


def test_without_noise_the_truth_comes_back() -> None:
    values, curves = tissue(500)
    fit = fit_tissue("etofts", TIMES, curves, TIMES, PLASMA)
    np.testing.assert_allclose(fit.values, values, rtol=1e-4, atol=2e-6)


def test_voxels_do_not_talk() -> None:
    curves = noisy(tissue(300)[1], 20)
    together = fit_tissue("etofts", TIMES, curves, TIMES, PLASMA).values
    alone = fit_tissue("etofts", TIMES, curves[17:18], TIMES, PLASMA).values
    np.testing.assert_allclose(alone[0], together[17], rtol=1e-7)


@given(st.floats(0.1, 10))
def test_scaling_the_dose_scales_nothing_that_is_a_ratio(dose: float) -> None:
    curves = noisy(tissue(20)[1], 50)
    plain = fit_tissue("etofts", TIMES, curves, TIMES, PLASMA).values
    np.testing.assert_allclose(
        fit_tissue("etofts", TIMES, curves * dose, TIMES, PLASMA * dose).values, plain, rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("step_s", [1.0, 2.5, 5.0, 10.0])
def test_coarse_sampling_does_not_bias_vp(step_s: float) -> None:
    fine = np.arange(0, 300, step_s)
    plasma = np.interp(fine, TIMES, PLASMA)
    curve = extended_tofts(fine, plasma, ktrans_per_min=np.array([0.1]), ve=np.array([0.3]), vp=np.array([0.05]))
    np.testing.assert_allclose(fit_tissue("etofts", fine, curve, fine, plasma).values[0], [0.1, 0.3, 0.05], rtol=1e-4)


def test_frames_without_weight_do_not_count_and_equal_weights_change_nothing() -> None:
    curves = noisy(tissue(50)[1], 30)
    plain = fit_tissue("etofts", TIMES, curves, TIMES, PLASMA)
    np.testing.assert_allclose(
        fit_tissue("etofts", TIMES, curves, TIMES, PLASMA, weights=np.full(60, 3.0)).values, plain.values, rtol=1e-6
    )
    spoiled, weights = curves.copy(), np.ones(60)
    spoiled[:, 30], weights[30] = 50.0, 0.0
    kept = np.arange(60) != 30
    left_out = fit_tissue("etofts", TIMES[kept], curves[:, kept], TIMES, PLASMA)
    np.testing.assert_allclose(
        fit_tissue("etofts", TIMES, spoiled, TIMES, PLASMA, weights=weights).values, left_out.values, rtol=1e-6
    )


def test_failure_is_data() -> None:
    curves = np.stack([np.zeros(60), np.full(60, np.nan), tissue(1)[1][0], -tissue(1)[1][0]])
    fit = fit_tissue("etofts", TIMES, curves, TIMES, PLASMA)
    assert fit.status.tolist() == [Status.NO_UPTAKE, Status.NOT_FINITE, Status.OK, Status.NO_UPTAKE]
    assert fit.values[0, 0] == 0
    assert np.isnan(fit.values[0, 1])
    assert np.isnan(fit.values[1]).all()


def best_of_starts(curve: np.ndarray) -> float:
    def model(t: np.ndarray, ktrans: float, kep: float, vp: float) -> np.ndarray:
        return vp * PLASMA + ktrans / 60 * exp_convolve(TIMES, PLASMA, kep / 60)

    # ve <= 1 makes the feasible region no box in (Ktrans, kep): the fit is done in (ve, kep, vp)
    def boxed(t: np.ndarray, ve: float, kep: float, vp: float) -> np.ndarray:
        return model(t, ve * kep, kep, vp)

    best = np.inf
    for start in ([0.3, 0.3, 0.03], [0.8, 0.05, 0.01], [0.1, 2.0, 0.05], [0.02, 8.0, 0.01]):
        try:
            found, _ = curve_fit(
                boxed,
                TIMES,
                curve,
                p0=start,
                bounds=([0, 2e-3, 0], [1, 30, 1]),
                xtol=1e-14,
                ftol=1e-14,
                gtol=1e-14,
                max_nfev=2000,
            )
        except RuntimeError:
            continue
        best = min(best, float(np.sum((curve - boxed(TIMES, *found)) ** 2)))
    return best


@pytest.mark.slow
def test_no_peer_finds_a_lower_sum_of_squares() -> None:
    curves = noisy(tissue(30)[1], 20)
    curves = np.concatenate([curves, np.random.default_rng(5).normal(0, 0.05, (10, 60))])  # noise alone meets every bound
    fit = fit_tissue("etofts", TIMES, curves, TIMES, PLASMA)
    values = np.where(np.isnan(fit.values), 1.0, fit.values)
    drawn = MODELS["etofts"].curve(TIMES, PLASMA, values)
    ours = np.sum((curves - drawn) ** 2, axis=1)
    theirs = np.array([best_of_starts(curve) for curve in curves])
    assert (ours <= theirs * (1 + 1e-6)).all(), np.max(ours / theirs - 1)


@pytest.mark.parametrize(
    ("snr", "step_s"), [(snr, step_s) for snr in (10, 30, 100) for step_s in (1.0, 2.5, 5.0) if (snr, step_s) != (10, 5.0)]
)
def test_errors_reach_the_cramer_rao_bound_and_intervals_cover(snr: float, step_s: float) -> None:
    times = np.arange(0, 300, step_s)
    plasma = parker(times, delay_s=20.0) / 0.58
    truth = np.array([0.1, 0.3, 0.03])
    clean = MODELS["etofts"].curve(times, plasma, truth)
    sigma = clean.max() / snr
    jacobian = np.stack(
        [
            (MODELS["etofts"].curve(times, plasma, truth + d) - MODELS["etofts"].curve(times, plasma, truth - d)) / (2e-5)
            for d in 1e-5 * np.eye(3)
        ]
    )
    bound = sigma * np.sqrt(np.diag(np.linalg.inv(jacobian @ jacobian.T)))
    curves = clean + np.random.default_rng(2).normal(0, sigma, (4000, times.size))
    fit = fit_tissue("etofts", times, curves, times, plasma)
    inside = fit.status == Status.OK
    assert inside.mean() > 0.99
    rmse = np.sqrt(np.mean((fit.values[inside] - truth) ** 2, axis=0))
    assert (rmse <= 1.05 * bound).all(), rmse / bound
    covered = np.mean(np.abs(fit.values[inside] - truth) <= 1.96 * fit.standard_errors[inside], axis=0)
    assert ((covered >= 0.93) & (covered <= 0.97)).all(), covered


def test_the_arterial_delay_is_found() -> None:
    clean = extended_tofts(TIMES, PLASMA, ktrans_per_min=np.array([0.1]), ve=np.array([0.3]), vp=np.array([0.03]), delay_s=2.0)
    curves = noisy(np.repeat(clean, 400, axis=0), 30)
    found = fit_delayed("etofts", TIMES, curves, TIMES, PLASMA, delay_range_s=(-10, 10))
    assert abs(np.median(found.delay_s) - 2.0) < 0.1
    assert np.median(np.abs(found.delay_s - 2.0)) < 0.3


def test_the_simplest_model_that_explains_the_curve_is_chosen() -> None:
    rng = np.random.default_rng(0)
    patlak = MODELS["patlak"].curve(TIMES, PLASMA, np.array([0.02, 0.04]))
    etofts = MODELS["etofts"].curve(TIMES, PLASMA, np.array([0.2, 0.2, 0.03]))
    curves = np.concatenate([np.tile(patlak, (100, 1)), np.tile(etofts, (100, 1))]) + rng.normal(0, 0.01, (200, 60))
    names = ("steady_state", "patlak", "etofts")
    chosen, weight = choose_model({name: fit_tissue(name, TIMES, curves, TIMES, PLASMA) for name in names}, extra_parameters=0)
    assert np.mean(chosen[:100] == 1) > 0.7
    assert np.mean(chosen[100:] == 2) == 1.0
    assert ((weight > 0) & (weight <= 1)).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"curves": np.zeros((3, 59))}, r"\(3, 59\) for 60 frames"),
        ({"plasma": np.zeros(60)}, "zero over all frames"),
        ({"model": "etoft"}, "unknown model"),
        ({"weights": np.ones(5)}, "5 frame weights for 60 frames"),
        ({"plasma": np.full(60, np.nan)}, "not finite"),
    ],
)
def test_what_does_not_fit_together_is_refused_with_its_sizes(arguments: dict[str, object], words: str) -> None:
    given_ = {"model": "etofts", "curves": np.zeros((3, 60)), "plasma": PLASMA, "weights": None, **arguments}
    with pytest.raises(ValueError, match=words):
        fit_tissue(given_["model"], TIMES, given_["curves"], TIMES, given_["plasma"], weights=given_["weights"])  # type: ignore[arg-type]
