"""Claims about the automatic arterial input function, on voxels whose nature is known."""

import numpy as np
import pytest

from afterglow.kernels.aif_population import parker
from afterglow.kernels.aif_search import find_artery
from afterglow.kernels.aif_vein import find_vein, scale_to_vein
from afterglow.kernels.convolution import exp_convolve

ARTERY, PARTIAL, VEIN, TISSUE = range(4)


def volume(seed, *, step_s=3.0, delay_s=40.0, noise_mM=0.05, arteries=25, origin_s=0.0):
    """Curves (n, t) of 4,000 voxels and what each is: a few arteries, diluted ones, veins, much tissue."""
    rng = np.random.default_rng(seed)
    times = np.arange(0, 360, step_s)
    artery = parker(times, delay_s=delay_s)
    vein = exp_convolve(times, parker(times, delay_s=delay_s + 6), 1 / 8.0) / 8.0
    kinds = np.repeat([ARTERY, PARTIAL, VEIN, TISSUE], [arteries, 40, 120, 4000 - arteries - 160])
    rate, ktrans, vp, share = (
        rng.uniform(*limits, (kinds.size, 1)) for limits in ((0.2, 2), (0.02, 0.3), (0.01, 0.05), (0.2, 0.5))
    )
    tissue = ktrans / 60 * exp_convolve(times, artery / 0.58, rate[:, 0] / 60) + vp * artery
    diluted = share * artery + (1 - share) * tissue
    curves = np.choose(kinds[:, None], [artery[None], diluted, vein[None], tissue])
    shuffled = rng.permutation(kinds.size)
    return times + origin_s, (curves + rng.normal(0, noise_mM, curves.shape))[shuffled], kinds[shuffled], artery


@pytest.mark.parametrize("step_s", [1.5, 3.0, 6.0])
@pytest.mark.parametrize("noise_mM", [0.02, 0.15])
def test_it_finds_the_arteries_and_nothing_else(step_s, noise_mM):
    times, curves, kinds, artery = volume(1, step_s=step_s, noise_mM=noise_mM)
    found = find_artery(times, curves)
    assert (kinds[found.members] == ARTERY).all()
    assert found.members.size >= 4
    assert found.quality > 0.85
    np.testing.assert_allclose(found.curve, artery, atol=0.05 * artery.max() + 3 * noise_mM / np.sqrt(found.members.size))


def test_the_same_voxels_give_the_same_answer_in_any_order_and_on_any_clock():
    times, curves, _, _ = volume(2)
    order = np.random.default_rng(0).permutation(len(curves))
    one, other = find_artery(times, curves), find_artery(times + 1234.5, curves[order])
    assert sorted(order[other.members]) == one.members.tolist()
    assert other.arrival_s - one.arrival_s == pytest.approx(1234.5)


def test_saturated_voxels_are_left_out_and_counted():
    times, curves, kinds, _ = volume(3)
    broken = np.flatnonzero(kinds == ARTERY)[:8]
    curves[broken[:4], 16] = np.nan
    curves[broken[4:]] = np.minimum(curves[broken[4:]], 3.0)  # clipped at the ceiling
    found = find_artery(times, curves)
    assert not set(broken) & set(found.members)
    assert any("4 of 4000 voxels left out: saturated" in words for words in found.remarks)
    assert any("flat top" in words for words in found.remarks)


def test_inflow_spikes_and_late_peaks_are_no_arteries():
    times, curves, kinds, _ = volume(4, noise_mM=0.02)
    spiked, late = np.flatnonzero(kinds == TISSUE)[:30], np.flatnonzero(kinds == TISSUE)[30:60]
    curves[spiked, 0] += 8.0
    curves[late] = 6 * np.exp(-(((times - 200) / 20) ** 2))
    found = find_artery(times, curves)
    assert not np.isin(found.members, [*spiked, *late]).any()
    assert np.isin(kinds[found.members], (ARTERY, PARTIAL)).all()
    assert not set(np.concatenate([spiked, late])) & set(found.members)


def test_fresh_blood_lowers_the_quality_and_is_remarked_on():
    times, curves, kinds, _ = volume(5)
    steady = np.full(kinds.size, 100.0)
    fresh = np.where(kinds == ARTERY, 550.0, 100.0)
    one, other = find_artery(times, curves, baseline_signal=steady), find_artery(times, curves, baseline_signal=fresh)
    assert other.quality < one.quality
    assert any("inflow" in words for words in other.remarks)


def test_tissue_alone_scores_far_below_an_artery():
    times, curves, kinds, _ = volume(6, noise_mM=0.01)
    whole, tissue = find_artery(times, curves), find_artery(times, curves[kinds == TISSUE])
    assert whole.quality > 0.95
    assert tissue.quality < 0.6
    assert tissue.remarks


@pytest.mark.parametrize(
    ("curves", "words"),
    [
        (np.random.default_rng(0).normal(0, 0.1, (500, 60)), "no bolus"),
        (np.zeros((500, 60)), "no bolus"),
        (np.full((500, 60), np.nan), "no curve is finite"),
        (np.outer(np.ones(500), np.linspace(0, 3, 60)), "no arterial curve|no bolus"),
        (np.ones((500, 6)), "at least eight frames"),
    ],
)
def test_a_volume_without_a_bolus_is_an_error(curves, words):
    with pytest.raises(ValueError, match=words):
        find_artery(3.0 * np.arange(curves.shape[1]), curves)


def test_a_diluted_artery_is_scaled_by_the_vein_that_follows_from_it():
    times = np.arange(0, 400, 4.0)
    artery, vein = parker(times, delay_s=30), exp_convolve(times, parker(times, delay_s=36), 1 / 4) / 4
    transit = scale_to_vein(times, 0.4 * artery, vein, until_s=180)
    assert transit.factor == pytest.approx(2.5, rel=0.05)
    assert transit.delay_s == pytest.approx(6, abs=1.5)


def test_a_vein_that_does_not_follow_is_refused():
    times = np.arange(0, 100, 4.0)
    with pytest.raises(ValueError, match="does not follow"):
        scale_to_vein(times, parker(times, delay_s=30), -np.ones(25), until_s=90)


def test_the_vein_of_a_volume_is_found_and_is_not_the_artery():
    times, curves, kinds, _ = volume(3, step_s=4.0)
    found = find_artery(times, curves)
    voxels = np.stack(np.unravel_index(np.arange(len(curves)), (20, 20, 10)), axis=1)
    vein = find_vein(times, curves, voxels, found, tail_from_s=found.arrival_s + 45)
    assert np.mean(kinds[vein.members] == VEIN) > 0.95
    assert vein.lag_s > 3
