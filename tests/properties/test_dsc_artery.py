"""Claims about the search for an artery and a vein, in a brain whose voxels are known."""

import numpy as np
import pytest
from dsc_cases import TIMES, artery

from afterglow.kernels.convolution import exp_convolve
from afterglow.kernels.dsc_artery import find_dsc_artery
from afterglow.kernels.dsc_features import half_widths, near_background, rises_without_dip, steady_baseline
from afterglow.kernels.dsc_timing import bolus_frames
from afterglow.kernels.dsc_vein import find_dsc_vein, partial_volume_factor

SHAPE = (24, 24, 8)
TISSUE, ARTERY, VEIN, DILUTED = range(4)
PEAK = 80.0  # 1/s of whole blood; tissue has 4 % of it


def brain(seed, *, noise=0.7, arteries=True):
    """Rates (n, t), voxels (n, 3) and kinds (n,): an artery of 2 x 2 x 4, its edge, a sinus of 3 x 20 x 2, and tissue."""
    rng = np.random.default_rng(seed)
    kinds = np.zeros(SHAPE, dtype=int)
    kinds[10:12, 3:20, 7] = VEIN
    kinds[11:13, 3:20, 6] = VEIN
    if arteries:
        kinds[3:7, 3:7, 1:6] = DILUTED
        kinds[4:6, 4:6, 1:6] = ARTERY
    voxels = np.stack(np.unravel_index(np.arange(kinds.size), SHAPE), axis=1)
    kinds = kinds.ravel()
    blood = artery(TIMES)
    bank = np.stack([exp_convolve(TIMES, blood, 1 / mtt, delay_s=delay) / mtt for mtt in (3, 4, 6) for delay in (0, 1, 2)])
    share = rng.uniform(0.02, 0.06, kinds.size)
    curves = PEAK * share[:, None] * bank[rng.integers(0, len(bank), kinds.size)]
    venous = PEAK * exp_convolve(TIMES, blood, 1 / 4.0, delay_s=3.0) / 4.0
    part = rng.uniform(0.15, 0.4, (kinds.size, 1))
    curves = np.where((kinds == ARTERY)[:, None], 0.6 * PEAK * blood, curves)
    curves = np.where((kinds == DILUTED)[:, None], part * PEAK * blood + (1 - part) * curves, curves)
    curves = np.where((kinds == VEIN)[:, None], venous, curves)
    return curves + rng.normal(0, noise, curves.shape), voxels, kinds


def searched(rates, voxels, *, saturated=None, times=TIMES):
    saturated = np.zeros(len(rates), bool) if saturated is None else saturated
    bolus = bolus_frames(times, rates[np.isfinite(rates).all(axis=1)].mean(axis=0))
    return find_dsc_artery(times, rates, voxels, bolus=bolus, saturated=saturated), bolus, saturated


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("noise", [0.1, 0.7])
def test_it_finds_the_artery_and_no_vein_or_tissue(seed, noise):
    rates, voxels, kinds = brain(seed, noise=noise)
    found, bolus, _ = searched(rates, voxels)
    assert np.isin(kinds[found.members], (ARTERY, DILUTED)).all()
    assert found.quality > 0.7
    unit = found.per_s / found.per_s.max()
    np.testing.assert_allclose(unit, artery(TIMES) / artery(TIMES).max(), atol=0.08)
    assert abs(int(np.argmax(found.per_s)) - int(np.argmax(artery(TIMES)))) <= 1
    assert bolus.last_baseline >= 5


def test_any_order_and_any_clock_give_the_same_voxels():
    rates, voxels, _ = brain(5)
    order = np.random.default_rng(0).permutation(len(rates))
    one, _, _ = searched(rates, voxels)
    other, _, _ = searched(rates[order], voxels[order], times=TIMES + 4321.0)
    assert sorted(order[other.members]) == one.members.tolist()
    assert other.first_moment_s - 4321.0 == pytest.approx(one.first_moment_s)


def test_saturated_and_broken_voxels_are_never_members():
    rates, voxels, kinds = brain(6)
    saturated = (kinds == ARTERY) & (voxels[:, 2] < 3)
    rates[(kinds == ARTERY) & (voxels[:, 2] == 4), 30] = np.nan
    found, _, _ = searched(rates, voxels, saturated=saturated)
    assert not saturated[found.members].any()
    assert np.isfinite(rates[found.members]).all()
    assert any("saturated" in words for words in found.remarks)


def test_touching_voxels_are_preferred_to_lone_ones():
    rates, voxels, kinds = brain(7)
    lone = np.flatnonzero((kinds == TISSUE) & (voxels % 4 == 2).all(axis=1))[:6]
    rates[lone] = 0.6 * PEAK * artery(TIMES)
    found, _, _ = searched(rates, voxels)
    assert not np.isin(lone, found.members).any()


def test_the_score_without_an_artery_is_low_or_the_search_says_what_it_saw():
    rates, voxels, kinds = brain(8, arteries=False)
    keep = kinds == TISSUE
    try:
        found, _, _ = searched(rates[keep], voxels[keep])
    except ValueError as error:
        assert "no arterial curve" in str(error)
    else:
        assert found.quality < 0.4
        assert found.remarks


@pytest.mark.parametrize("seed", range(3))
def test_it_finds_the_vein_and_what_the_artery_lacks(seed):
    rates, voxels, kinds = brain(seed)
    found, bolus, saturated = searched(rates, voxels)
    vein = find_dsc_vein(TIMES, rates, voxels, bolus=bolus, saturated=saturated, artery=found)
    assert (kinds[vein.members] == VEIN).all()
    assert 3 < vein.lag_s < 9
    factor = partial_volume_factor(TIMES, found.per_s, vein.per_s, window=slice(bolus.last_baseline, 60))
    share = found.per_s.max() / PEAK / artery(TIMES).max()
    assert factor * share == pytest.approx(1, rel=0.12)


def test_a_brain_of_one_kind_has_no_vein():
    rates, voxels, kinds = brain(9)
    found, bolus, saturated = searched(rates, voxels)
    early = np.where(kinds[:, None] == VEIN, 0.9 * PEAK * artery(TIMES), rates)
    with pytest.raises(ValueError, match="no venous curve"):
        find_dsc_vein(TIMES, early, voxels, bolus=bolus, saturated=saturated, artery=found)


def test_widths_dips_and_drifts_are_seen_for_each_curve():
    curves = np.stack([artery(TIMES)] * 3)
    curves[1, np.argmax(curves[1]) - 1] -= 0.8
    curves[2, 5:10] += 0.3
    np.testing.assert_array_equal(rises_without_dip(curves), [True, False, True])
    np.testing.assert_array_equal(steady_baseline(curves, frames=10), [True, True, False])
    rise_s, fall_s = half_widths(TIMES, curves[:1])
    fine = np.arange(0, 60, 0.01)
    above = fine[artery(fine) > artery(fine).max() / 2]
    assert fall_s[0] - rise_s[0] == pytest.approx(above[-1] - above[0], abs=0.4)


def test_a_signal_near_the_background_is_cut_off():
    signal = np.array([[100.0, 31.0], [100.0, 29.0], [100.0, np.nan]])
    np.testing.assert_array_equal(near_background(signal, background=10.0), [False, True, True])
    with pytest.raises(ValueError, match="measure it in air"):
        near_background(signal, background=0.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rates: np.full_like(rates, np.nan), "not measured"),
        (lambda rates: np.random.default_rng(0).normal(0, 1, rates.shape), "no arterial curve: of the .* largest areas"),
    ],
)
def test_no_artery_is_an_error_that_says_what_was_seen(change, words):
    rates, voxels, _ = brain(1)
    bolus = bolus_frames(TIMES, rates.mean(axis=0))
    with pytest.raises(ValueError, match=words):
        find_dsc_artery(TIMES, change(rates), voxels, bolus=bolus, saturated=np.zeros(len(rates), bool))
