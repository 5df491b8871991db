"""Claims about the least squares of two columns inside a box."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from afterglow.kernels.boxed import best_in_box
from afterglow.kernels.search_loop import box

bounds = st.one_of(st.floats(0.05, 3), st.just(np.inf))
products = st.floats(-3, 3)


def everywhere(a: float, s: float, rho: float, alpha_max: float, beta_max: float) -> float:
    """The best gain of a fine grid over the box."""
    tops = [min(high, 4 * (abs(a) + abs(s)) / (1 - rho) + 1e-3) for high in (alpha_max, beta_max)]
    alpha, beta = np.meshgrid(*(np.linspace(0, top, 200) for top in tops))
    return float((2 * alpha * a + 2 * beta * s - alpha**2 - beta**2 - 2 * rho * alpha * beta).max())


@given(products, products, st.floats(0, 0.95), bounds, bounds)
def test_nothing_in_the_box_is_better(a: float, s: float, rho: float, alpha_max: float, beta_max: float) -> None:
    found = best_in_box(np.asarray(a), np.asarray(s), np.asarray(rho), alpha_max=alpha_max, beta_max=np.asarray(beta_max))
    assert 0 <= found.alpha <= alpha_max
    assert 0 <= found.beta <= beta_max
    assert found.gain >= everywhere(a, s, rho, alpha_max, beta_max) - 1e-9


@given(products, products, st.floats(0, 0.95), bounds, bounds)
def test_no_amplitude_can_move_inside_the_box_and_gain(a: float, s: float, rho: float, alpha_max: float, beta_max: float) -> None:
    alpha, beta, _ = (
        float(v)
        for v in best_in_box(
            np.asarray(a), np.asarray(s), np.asarray(rho), alpha_max=alpha_max, beta_max=np.asarray(beta_max, dtype=float)
        )
    )
    for value, pull, high in ((alpha, a - alpha - rho * beta, alpha_max), (beta, s - beta - rho * alpha, beta_max)):
        assert abs(pull) < 1e-9 or (pull < 0 and value == 0) or (pull > 0 and value == high)


def test_the_compiled_box_is_the_box() -> None:
    rng = np.random.default_rng(0)
    a, s, rho, most = rng.normal(size=300), rng.normal(size=300), rng.uniform(0, 0.9, 300), rng.uniform(0.1, 3, 300)
    one_by_one = [box(*numbers[:3], 0.7, numbers[3]) for numbers in zip(a, s, rho, most, strict=True)]
    np.testing.assert_allclose(
        np.transpose(one_by_one), best_in_box(a, s, rho, alpha_max=0.7, beta_max=most), rtol=1e-12, atol=1e-14
    )
