"""Claims about the compiled loops of the fit: errors from the Jacobian, exact bounds, the deepest delay, the same bytes in any thread."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from dce_cases import PLASMA, TIMES, mixture, noisy, tissue

from afterglow.kernels.delayed import fit_delayed
from afterglow.kernels.fit import fit_tissue
from afterglow.kernels.models import MODELS
from afterglow.kernels.types import Status


def jacobian(values: np.ndarray) -> np.ndarray:
    """Derivatives (3, t) of the extended Tofts curve by its parameters, central differences."""
    steps = 1e-5 * np.maximum(np.abs(values), 1e-3) * np.eye(3)
    curve = MODELS["etofts"].curve
    return np.stack([(curve(TIMES, PLASMA, values + d) - curve(TIMES, PLASMA, values - d)) / (2 * d.sum()) for d in steps])


def by_jacobian(values: np.ndarray, residual: float, kind: str) -> np.ndarray:
    """Standard errors with nothing held, with vp held on zero, or with ve held on one."""
    j = jacobian(values)
    moves = {"free": [0, 1, 2], "no plasma": [0, 1], "full": [0, 2]}[kind]
    errors = np.full(3, np.nan)
    errors[moves] = np.sqrt(np.diag(np.linalg.inv(j[moves] @ j[moves].T)) * residual / (TIMES.size - 3))
    return errors


def test_standard_errors_are_those_of_the_jacobian_on_and_off_the_bounds() -> None:
    fit = fit_tissue("etofts", TIMES, mixture(400), TIMES, PLASMA)
    ktrans, ve, vp = fit.values.T
    inside = (ktrans > 0.005) & (ktrans < 1) & (ve > 0.05)
    kinds = {"free": fit.status == Status.OK, "no plasma": (vp == 0) & (ve < 1), "full": (ve == 1) & (vp > 0) & (vp < 1)}
    for kind, of_kind in kinds.items():
        rows = np.flatnonzero(of_kind & inside)
        assert rows.size > 10
        expected = np.stack([by_jacobian(fit.values[i], float(fit.residual[i]), kind) for i in rows])
        np.testing.assert_allclose(fit.standard_errors[rows], expected, rtol=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_value_on_its_bound_is_the_bound_and_says_so(dtype: type) -> None:
    fit = fit_tissue("etofts", TIMES, mixture(3000).astype(dtype), TIMES, PLASMA)
    ve, vp = fit.values[:, 1], fit.values[:, 2]
    on_bound = (ve > 1 - 1e-6) | (vp < 1e-9)
    assert on_bound.mean() > 0.2
    assert np.isin(fit.status[on_bound], (Status.AT_BOUND, Status.NO_UPTAKE)).all()
    assert (ve[ve > 1 - 1e-6] == 1).all()
    assert (vp[vp < 1e-9] == 0).all()


def test_no_delay_of_a_fine_grid_explains_a_curve_better() -> None:
    curves = noisy(tissue(30)[1], 20)
    found = fit_delayed("etofts", TIMES, curves, TIMES, PLASMA, delay_range_s=(-5.0, 5.0))
    grid = [fit_tissue("etofts", TIMES, curves, TIMES, PLASMA, delay_s=late).residual for late in np.linspace(-5, 5, 101)]
    assert (found.fit.residual <= np.min(grid, axis=0) * (1 + 1e-6)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_curves_give_the_same_bytes_in_any_thread(dtype: type) -> None:
    curves = mixture(2000).astype(dtype)

    def bytes_of(_: int) -> bytes:
        late = fit_delayed("etofts", TIMES, curves, TIMES, PLASMA, delay_range_s=(-5.0, 5.0))
        fits = fit_tissue("etofts", TIMES, curves, TIMES, PLASMA), late.fit
        return b"".join(array.tobytes() for fit in fits for array in (fit.values, fit.standard_errors, fit.residual, fit.status))

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(bytes_of, range(8)))) == 1
