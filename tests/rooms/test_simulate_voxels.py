"""Claims about a scanned voxel: what it mixes, when its slice is seen, fresh blood, and the injections it meets."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.optimize import minimize_scalar
from tests.tiny_cohorts import TINY, tiny_acquisition

from afterglow.records.grid import Grid
from afterglow.records.protocol import Agent, Spgr
from afterglow.simulate.acquire import noise_sigma
from afterglow.simulate.body import Body, sample_body, spgr_frame, uptake
from afterglow.simulate.dce import make_bolus
from afterglow.simulate.dsc_scan import DscScan, clean_dsc
from afterglow.simulate.dsc_signal import HAEMATOCRIT, Scan
from afterglow.simulate.dsc_truth import true_areas, true_cbv
from afterglow.simulate.exam_plans import dce_plan
from afterglow.simulate.geometry import interleaved_s
from afterglow.simulate.inflow import arterial_inflow, excess
from afterglow.simulate.injections import give, plasma
from afterglow.simulate.scene import Drawn, Scene, dominant_tissue
from afterglow.simulate.tissues import TISSUES
from afterglow.simulate.vascular import Bolus, Echoes, Network

SPGR, AGENT = Spgr(0.004, 0.0018, 25.0, 3.0), Agent("gadobutrol", 4.97, 7.1, "as ademola2025.toml")


def blocks_of(halves: Sequence[str], *, slices: int = 4) -> Scene:
    """Columns of 16 mm side by side from left to right, one for each named tissue, on voxels of 1 x 4 x 4 mm."""
    shape = (16 * len(halves), 14, 8 * slices)
    grid = Grid(shape, np.diag([1.0, 4.0, 2.0, 1.0]))
    shares = {name: np.zeros(shape, np.float32) for name in halves}
    for n, name in enumerate(halves):
        shares[name][16 * n : 16 * (n + 1)] = 1.0
    drawn = {}
    if "tumour" in halves:
        part = shares["tumour"]
        everything = (slice(None), slice(None), slice(None))
        drawn["tumour"] = Drawn(everything, grid, 0.1 * part, 0.3 * part, 0.06 * part, 1.0, "normal-like")
    return Scene(grid, TISSUES, shares, drawn, np.ones(shape, np.float32), ())


def body_of(scene: Scene, *, slices: int = 2, first_mm: float = 0.0) -> Body:
    """Voxels of 8 mm whose middles lie at first_mm, first_mm + 8 … from left to right."""
    grid = Grid((scene.grid.shape[0] // 8 - 1, 3, slices), np.diag([8.0, 8.0, 8.0, 1.0]))
    place = np.eye(4)
    place[:3, 3] = (first_mm, 16.0, 8.0)
    return sample_body(scene, grid, place)


# Voxels with middles at 7.5, 15.5 and 23.5 mm: the first and last pure, the one between half of each.
HALVES_MM = 7.5


def test_a_voxel_half_lesion_half_white_has_the_mean_of_both_signals_while_agent_passes() -> None:
    body = body_of(blocks_of(("tumour", "white")), first_mm=HALVES_MM)
    times_s = np.arange(0.0, 200.0, 10.0)
    curves = uptake(body, make_bolus(start_s=20.0, until_s=220.0, haematocrit=0.42, scale=1.0), times_s)
    ones = np.ones_like(body.density)
    dce = np.stack([spgr_frame(body, curves.at(body, n), SPGR, AGENT, ones, np.eye(4)) for n in range(times_s.size)], axis=-1)
    scan = Scan(frames=40, tr_s=1.5, earlier=((120.0, 1.0),))
    dsc = [clean_dsc(body, DscScan(echo, scan, Bolus(), np.inf)) for echo in ("gradient", "spin")]
    for image in (dce, *dsc):
        lesion, mixed, white = image[0, 1, 1], image[1, 1, 1], image[2, 1, 1]
        assert np.ptp(lesion) > 0.05 * lesion[0]
        np.testing.assert_allclose(mixed, (lesion + white) / 2, rtol=2e-5)
        assert not np.allclose(lesion, white, rtol=0.05)


def test_true_blood_volume_is_the_sum_by_hand() -> None:
    body = body_of(blocks_of(("tumour", "white", "vein")), first_mm=HALVES_MM)
    tumour, white = 0.06 / (1 - HAEMATOCRIT), TISSUES["white"].vp / (1 - HAEMATOCRIT)
    expected = [tumour, (tumour + white) / 2, white, (white + 1.0) / 2, 1.0]
    np.testing.assert_allclose(true_cbv(body)[:, 1, 1], expected, rtol=1e-5)


@pytest.mark.parametrize("echo", ["gradient", "spin"])
def test_a_slice_excited_later_sees_the_bolus_as_much_further_on(echo: str) -> None:
    slices, tr_s = 6, 1.2
    body = body_of(blocks_of(("white", "tumour"), slices=slices), slices=slices, first_mm=4.0)
    offsets_s = interleaved_s(slices, tr_s)
    scan = Scan(frames=50, tr_s=tr_s)
    clean = clean_dsc(body, DscScan(echo, scan, Bolus(), np.inf, slice_times_s=offsets_s))[0, 1].astype(np.float64)
    assert offsets_s.index(0.0) == 0
    first = CubicSpline(scan.times_s, clean[0])
    inside = slice(2, -2)
    for k in range(1, slices):

        def misfit(late_s: float, k: int = k) -> float:
            return float(((first(scan.times_s + late_s) - clean[k])[inside] ** 2).sum())

        found = minimize_scalar(misfit, bounds=(0.0, tr_s), method="bounded", options={"xatol": 1e-4}).x
        assert found == pytest.approx(offsets_s[k], abs=0.02)


def test_slices_are_excited_every_other_one_first_and_evenly_over_the_frame() -> None:
    times_s = interleaved_s(7, 1.4)
    assert sorted(times_s) == pytest.approx(np.arange(7) * 0.2)
    assert list(np.argsort(times_s)) == [0, 2, 4, 6, 1, 3, 5]


def test_inflow_brightens_the_lowest_slices_of_arteries_alone_and_fades_upward_and_with_agent() -> None:
    body = body_of(blocks_of(("artery", "white"), slices=6), slices=6, first_mm=7.5)
    inflow = arterial_inflow(body, SPGR.tr_s, 400.0)
    assert inflow is not None
    still = spgr_frame(body, None, SPGR, AGENT, np.ones_like(body.density), np.eye(4))
    ones = np.ones(inflow.where.size, np.float32)
    fresh = (inflow.where, excess(inflow, 0.0, SPGR, AGENT, ones))
    bright = spgr_frame(body, None, SPGR, AGENT, np.ones_like(body.density), np.eye(4), fresh) - still
    artery, white = bright[0, 1], bright[-1, 1]
    assert (white == 0).all()
    assert artery[0] > still[0, 1, 0]
    assert all(upper < 0.99 * lower for lower, upper in pairwise(artery))
    with_agent = excess(inflow, 5.0, SPGR, AGENT, ones)
    assert (with_agent < fresh[1]).all()
    assert arterial_inflow(body, SPGR.tr_s, 0.0) is None


def test_inflow_at_the_face_of_the_slab_is_what_fresh_spins_give() -> None:
    body = body_of(blocks_of(("artery", "white"), slices=6), slices=6, first_mm=7.5)
    inflow = arterial_inflow(body, SPGR.tr_s, 1e9)
    assert inflow is not None
    more = excess(inflow, 0.0, SPGR, AGENT, np.ones(inflow.where.size, np.float32))
    row, flip = TISSUES["artery"], np.deg2rad(SPGR.flip_deg)
    e1 = np.exp(-SPGR.tr_s / row.t1_s)
    steady = (1 - e1) / (1 - e1 * np.cos(flip))
    fresh = row.proton_density * np.sin(flip) * np.exp(-0.0018 * row.r2star_per_s) * (1 - steady)
    assert more.max() == pytest.approx(fresh, rel=1e-4)


def test_every_injection_arrives_when_its_circulation_says() -> None:
    given = give((("dsc-ge", 100.0, 0.1), ("dce", 10.0, 0.05)), np.random.default_rng(4))
    assert [one.role for one in given] == ["dce", "dsc-ge"]
    assert given[0].circulation_s != given[1].circulation_s
    arrivals = []
    for circulation_s in (8.0, 11.0):
        one = replace(given[0], circulation_s=circulation_s)
        curve = plasma((one,), until_s=90.0, haematocrit=0.42, scale=1.0)
        arrivals.append(curve.times_s[np.argmax(curve.artery_mM)])
    assert arrivals[1] - arrivals[0] == pytest.approx(3.0)
    both = plasma(given, until_s=90.0, haematocrit=0.42, scale=2.0)
    alone = plasma(given[:1], until_s=90.0, haematocrit=0.42, scale=1.0)
    np.testing.assert_allclose(both.artery_mM, 2 * alone.artery_mM, atol=1e-9)  # before the second injection


def test_noise_is_a_number_where_no_voxel_is_of_one_tissue() -> None:
    scene = blocks_of(("white", "tumour"))
    mixed = replace(scene, fractions={name: np.full_like(part, 0.5) for name, part in scene.fractions.items()}, drawn={})
    acquisition = tiny_acquisition("ademola2025", frames=8)
    sigma = noise_sigma(body_of(mixed), dce_plan(acquisition, TINY))
    assert sigma > 0


def test_a_label_names_the_tissue_with_the_largest_share_and_0_is_air() -> None:
    grid = Grid((2, 2, 2), np.eye(4))
    white, grey = (np.zeros(grid.shape, np.float32) for _ in range(2))
    white[0], grey[0, 0], white[1, 0, 0] = 0.4, 0.6, 0.3
    scene = Scene(grid, TISSUES, {"white": white, "grey": grey}, {}, np.ones(grid.shape, np.float32), ())
    labels, names = dominant_tissue(scene)
    assert [names[n] for n in labels[0].ravel()] == ["grey", "grey", "air", "air"]
    assert not labels[1].any()


def test_true_areas_follow_the_blood_volume_and_a_gradient_echo_sees_more_of_the_same_vessels() -> None:
    body = body_of(blocks_of(("tumour", "white")), first_mm=HALVES_MM)
    ge, se = true_areas(body, Bolus(), Network(), Echoes())
    cbv = true_cbv(body)
    assert (ge[cbv > 0] / cbv[cbv > 0]).std() < 1e-4 * (ge[cbv > 0] / cbv[cbv > 0]).mean()
    assert 3 < float((ge[cbv > 0] / se[cbv > 0]).mean()) < 7
