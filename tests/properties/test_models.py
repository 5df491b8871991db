"""Claims about the tissue models: every row of the table against an ODE solver, and as limits of one another."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from dce_cases import UNEVEN, UNEVEN_PLASMA
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from afterglow.kernels.models import MODELS, exchange_to_exponentials, exponentials_to_exchange

State = np.ndarray
Flow = Callable[[float, State], list[float]]


def plasma_at(t: float) -> float:
    return float(np.interp(t, UNEVEN, UNEVEN_PLASMA))


def exchange_flow(fp: float, ps: float, ve: float, vp: float) -> Flow:
    return lambda t, c: [(fp * (plasma_at(t) - c[0]) + ps * (c[1] - c[0])) / vp, ps * (c[0] - c[1]) / ve]


# name -> values, flow of the states, and tissue concentration from plasma and states
SYSTEMS: dict[str, tuple[list[float], Flow, Callable[[float, State], float]]] = {
    "steady_state": ([0.05], lambda t, c: [0.0, 0.0], lambda cp, c: 0.05 * cp),
    "patlak": ([0.03, 0.04], lambda t, c: [0.03 / 60 * plasma_at(t), 0.0], lambda cp, c: 0.04 * cp + c[0]),
    "tofts": ([0.2, 0.3], lambda t, c: [0.2 / 60 * (plasma_at(t) - c[0] / 0.3), 0.0], lambda cp, c: c[0]),
    "etofts": ([0.2, 0.3, 0.04], lambda t, c: [0.2 / 60 * (plasma_at(t) - c[0] / 0.3), 0.0], lambda cp, c: 0.04 * cp + c[0]),
    "2cum": (
        [30.0, 0.1, 0.04],
        lambda t, c: [(30 / 6000 * (plasma_at(t) - c[0]) - 0.1 / 60 * c[0]) / 0.04, 0.1 / 60 * c[0]],
        lambda cp, c: 0.04 * c[0] + c[1],
    ),
    "2cxm": (
        [20.0, 0.1, 0.2, 0.05],
        exchange_flow(20 / 6000, 0.1 / 60, 0.2, 0.05),
        lambda cp, c: 0.05 * c[0] + 0.2 * c[1],
    ),
}


def curve(name: str, *values: float) -> np.ndarray:
    return MODELS[name].curve(UNEVEN, UNEVEN_PLASMA, np.array(values))


def test_every_row_of_the_table_has_a_system() -> None:
    assert set(SYSTEMS) == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_agrees_with_an_ode_solver(name: str) -> None:
    values, flow, tissue = SYSTEMS[name]
    state, out = np.zeros(2), [tissue(UNEVEN_PLASMA[0], np.zeros(2))]
    for begin, end in pairwise(UNEVEN):
        state = solve_ivp(flow, (begin, end), state, rtol=1e-10, atol=1e-13, method="DOP853").y[:, -1]
        out.append(tissue(plasma_at(end), state))
    np.testing.assert_allclose(curve(name, *values), out, rtol=1e-8, atol=1e-9)


def test_models_are_limits_of_one_another() -> None:
    np.testing.assert_allclose(curve("etofts", 0.1, 0.3, 0.0), curve("tofts", 0.1, 0.3), rtol=1e-13)
    np.testing.assert_allclose(curve("2cxm", 20.0, 0.1, 1e9, 0.05), curve("2cum", 20.0, 0.1, 0.05), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(curve("2cum", 1e8, 0.1, 0.05), curve("patlak", 0.1, 0.05), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(curve("etofts", 0.1, 1e9, 0.05), curve("patlak", 0.1, 0.05), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(curve("patlak", 0.0, 0.05), curve("steady_state", 0.05), rtol=1e-13)
    np.testing.assert_allclose(curve("2cxm", 1e8, 0.1, 0.3, 0.05), curve("etofts", 0.1, 0.3, 0.05), rtol=1e-4, atol=1e-5)


@given(st.floats(1, 200), st.floats(1e-3, 2), st.floats(0.01, 1), st.floats(0.005, 0.5))
def test_exchange_parameters_survive_the_way_to_exponentials_and_back(fp: float, ps: float, ve: float, vp: float) -> None:
    back = exponentials_to_exchange(*exchange_to_exponentials(fp, ps, ve, vp))
    np.testing.assert_allclose(back, (fp, ps, ve, vp), rtol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_scaling_the_dose_scales_the_curve(name: str) -> None:
    model, values = MODELS[name], np.array(SYSTEMS[name][0])
    np.testing.assert_allclose(model.curve(UNEVEN, 3 * UNEVEN_PLASMA, values), 3 * curve(name, *values), rtol=1e-13)


@pytest.mark.parametrize("name", MODELS)
def test_a_delay_is_the_curve_of_a_later_artery(name: str) -> None:
    model, values = MODELS[name], np.array(SYSTEMS[name][0])
    late = model.curve(UNEVEN, UNEVEN_PLASMA, values, at_s=UNEVEN, delay_s=7.3)
    moved = model.curve(UNEVEN + 7.3, UNEVEN_PLASMA, values, at_s=UNEVEN)
    np.testing.assert_allclose(late, moved, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_parameters_at_zero_are_limits_and_not_errors(name: str) -> None:
    nothing = np.zeros((2, len(MODELS[name].parameters)))
    assert np.isfinite(MODELS[name].curve(UNEVEN, UNEVEN_PLASMA, nothing)).all()


@pytest.mark.parametrize("name", MODELS)
def test_names_bounds_and_arguments_of_a_row_belong_together(name: str) -> None:
    model = MODELS[name]
    assert len(model.parameters) == len(model.arguments) == len(model.bounds)
    assert all(low < high for low, high in model.bounds)
    assert all(argument.startswith(parameter) for parameter, argument in zip(model.parameters, model.arguments, strict=True))
