"""Claims about measurements: what a statistic is, where a hot spot lies, what an interval holds."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from afterglow.flows.method_rules import MeasureSpec
from afterglow.io.measurements import read_measurements, write_measurements
from afterglow.kernels.border import depth_mm, smooth_offsets
from afterglow.kernels.weighted import weighted_mean, weighted_percentiles
from afterglow.lesions.border import redraw, rim_of, volume_interval_ml
from afterglow.lesions.measure import Labels, Wanted, measure, measure_visit
from afterglow.records.grid import Grid
from afterglow.records.lesion import Lesion, Reference
from afterglow.records.maps import ParameterMap, Provenance
from afterglow.records.measurement import Measurement, split_statistic, unit_of
from afterglow.records.quantity import QUANTITIES

GRID = Grid((40, 40, 12), np.diag([2.0, 2.0, 4.0, 1.0]))
LABELS = Labels("01", "02", 30.0, "dce", "method", "abc")
HOW = Provenance("fit", "0", {}, (), "fitted")
PLACES = GRID.to_mm(np.stack(np.indices(GRID.shape), axis=-1).astype(float))


def ball(centre: tuple[float, float, float], radius_mm: float) -> np.ndarray:
    return np.linalg.norm(PLACES - np.array(centre), axis=-1) < radius_mm


LESION = Lesion("1", ball((30, 30, 22), 13), GRID, "drawn")
REFERENCE = Reference(ball((62, 30, 22), 12), GRID, "given region", "drawn")


def a_map(values: np.ndarray, errors: float | np.ndarray | None = None, name: str = "vp") -> ParameterMap:
    told = None if errors is None else np.broadcast_to(np.float32(errors), GRID.shape)
    return ParameterMap(QUANTITIES[name], values.astype(np.float32), GRID, np.zeros(GRID.shape, np.uint8), HOW, told)


def noisy(lesion: float = 0.06, tissue: float = 0.02, sd: float = 0.005, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, sd, GRID.shape) + np.where(LESION.mask, lesion, tissue)


def one(parameter_map: ParameterMap, statistic: str, **more: object) -> Measurement:
    settings_ = {"normalised": False, "border_sd_mm": 0.0, **more}
    return measure(parameter_map, LESION, REFERENCE, statistic=statistic, labels=LABELS, **settings_)  # type: ignore[arg-type]


def width(m: Measurement) -> float:
    assert m.ci_low is not None and m.ci_high is not None
    return m.ci_high - m.ci_low


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        ("p10", lambda v: np.percentile(v, 10)),
        ("p90", lambda v: np.percentile(v, 90)),
        ("iqr", lambda v: np.percentile(v, 75) - np.percentile(v, 25)),
        ("skewness", stats.skew),
        ("kurtosis", stats.kurtosis),
        ("share_above@0.06", lambda v: np.mean(v > 0.06)),
        ("volume_above@0.06", lambda v: np.count_nonzero(v > 0.06) * 0.016),
    ],
)
def test_a_statistic_is_what_scipy_says(statistic: str, expected: object) -> None:
    values = np.exp(noisy(sd=0.3)) * 0.05
    inside = values.astype(np.float32)[LESION.mask].astype(float)
    assert one(a_map(values), statistic).value == pytest.approx(float(expected(inside)), rel=1e-9)  # type: ignore[operator]


def test_entropy_counts_bins_of_the_display_range() -> None:
    low, high = QUANTITIES["vp"].display
    assert one(a_map(np.full(GRID.shape, 0.05)), "entropy").value == 0
    spread = np.zeros(GRID.shape)
    spread[LESION.mask] = np.resize(low + (np.arange(32) + 0.5) / 32 * (high - low), LESION.n_voxels)
    found = one(a_map(spread), "entropy")
    assert found.value == pytest.approx(5, abs=0.01)
    assert found.unit == "bit"


@given(st.integers(1, 60), st.integers(0, 1000))
@settings(max_examples=40)
def test_weights_count_as_repeated_values(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, weights = rng.normal(size=n).round(1), rng.integers(0, 4, (5, n))
    percents = (5.0, 50.0, 97.0)
    found = weighted_percentiles(values, weights, percents)
    for row, draw in enumerate(weights):
        repeated = np.repeat(values, draw)
        if repeated.size:
            assert found[:, row] == pytest.approx(np.percentile(repeated, percents))
            assert weighted_mean(values, weights)[row] == pytest.approx(repeated.mean())
        else:
            assert np.isnan(found[:, row]).all()


def test_a_hot_spot_is_the_mean_of_a_sphere_and_is_found_where_it_was_put() -> None:
    spot = ball((32, 30, 20), 5.1)
    found = one(a_map(np.where(spot, 0.12, 0.05)), "hotspot@5")
    assert found.value == pytest.approx(0.12)
    assert found.flags == ()
    single = np.full(GRID.shape, 0.05)
    single[15, 15, 5] = 5.0  # one mad voxel is diluted by the sphere around it
    diluted = one(a_map(single), "hotspot@5").value
    assert diluted is not None and diluted < 0.05 + 5.0 / 8


def test_a_lesion_smaller_than_the_sphere_has_a_hot_spot_with_a_flag() -> None:
    small = Lesion("1", ball((30, 30, 22), 4.2), GRID, "drawn")
    m = measure(a_map(noisy()), small, None, statistic="hotspot@8", normalised=False, labels=LABELS)
    assert m.value is not None
    assert any("% of the sphere lies in the region" in flag for flag in m.flags)
    tiny = measure(a_map(noisy()), small, None, statistic="hotspot@1", normalised=False, labels=LABELS)
    assert any("smaller than a voxel" in flag for flag in tiny.flags)


def test_a_threshold_of_a_ratio_is_one_of_the_ratio() -> None:
    values = noisy(0.06, 0.02)
    mean = one(a_map(values), "mean", normalised=True).reference_value
    assert mean is not None
    ratio = one(a_map(values), "volume_above@2.9", normalised=True)
    plain = one(a_map(values), f"volume_above@{2.9 * mean!r}")
    assert ratio.value == pytest.approx(plain.value)
    assert (ratio.unit, ratio.reference_value) == ("mL", mean)
    assert width(ratio) >= width(plain)
    spot = one(a_map(values), "hotspot@5", normalised=True)
    assert spot.value == pytest.approx(one(a_map(values), "hotspot@5").value / mean)  # type: ignore[operator]


@pytest.mark.parametrize("name", ["hotspot", "hotspot@0", "hotspot@x", "volume_above@nan", "p33", "mean@5", "share_above@"])
def test_a_misspelt_statistic_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="statistic"):
        split_statistic(name)


def test_statistics_have_units_of_their_own() -> None:
    assert [unit_of(s, "/min", normalised=False) for s in ("mean", "skewness", "entropy", "volume_above@1")] == [
        "/min",
        "1",
        "bit",
        "mL",
    ]
    assert [unit_of(s, "/min", normalised=True) for s in ("mean", "hotspot@5", "share_above@1")] == ["1", "1", "1"]


def test_the_depth_of_a_ball_is_the_distance_to_its_surface() -> None:
    depth = depth_mm(LESION.mask, GRID.spacing_mm)
    true = 13 - np.linalg.norm(PLACES - np.array((30, 30, 22)), axis=-1)
    near = np.abs(true) < 6
    assert np.abs(depth - true)[near].mean() < 0.7
    assert ((depth > 0) == LESION.mask).all()


def test_a_rim_is_the_shell_inside_and_grows_to_the_whole_lesion() -> None:
    rims = [rim_of(LESION.mask, GRID, t) for t in (2.0, 4.0, 100.0)]
    assert all((rim <= LESION.mask).all() for rim in rims)
    assert np.count_nonzero(rims[0]) < np.count_nonzero(rims[1])
    assert (rims[2] == LESION.mask).all()
    assert not rims[1][15, 15, 5]
    true = LESION.mask & ~ball((30, 30, 22), 9)
    overlap = 2 * np.count_nonzero(rims[1] & true) / (np.count_nonzero(rims[1]) + np.count_nonzero(true))
    assert overlap > 0.85


def test_offsets_are_smooth_and_of_unit_spread() -> None:
    points = PLACES[10:20, 10:20, 5].reshape(-1, 3)
    fields = smooth_offsets(points, correlation_mm=10.0, n_draws=2000, rng=np.random.default_rng(0))
    assert fields.std() == pytest.approx(1, abs=0.05)
    assert np.corrcoef(fields[:, 0], fields[:, 5])[0, 1] == pytest.approx(np.exp(-0.5), abs=0.2)  # 10 mm apart


def test_outlines_move_by_what_they_are_told() -> None:
    for sd_mm in (0.5, 1.0, 2.0):
        outlines = redraw(LESION.mask, GRID, sd_mm)
        assert outlines is not None
        radius = (outlines.n_voxels * GRID.voxel_ml * 750 / np.pi) ** (1 / 3)
        apart = radius - (LESION.volume_ml * 750 / np.pi) ** (1 / 3)
        assert abs(apart.mean()) < 0.35 * sd_mm + 0.1
        assert 0.2 * sd_mm < apart.std() < sd_mm  # stretches of 10 mm err apart, so the whole radius errs less
    assert redraw(LESION.mask, GRID, 0.0) is None
    low, high = volume_interval_ml(LESION.mask, GRID) or (np.nan, np.nan)
    assert low < LESION.volume_ml < high


def test_a_border_that_may_run_elsewhere_widens_the_interval_and_moves_no_number() -> None:
    still, moved = (one(a_map(noisy()), "mean", border_sd_mm=sd) for sd in (0.0, 1.0))
    assert still.value == moved.value
    assert width(moved) > 2 * width(still)
    assert still.ci_kind == "95 %: voxels (block bootstrap)"
    assert moved.ci_kind == "95 %: voxels (block bootstrap) + outline (border ±1 mm)"
    alike = noisy(0.05, 0.05)  # where inside and outside are alike, the border does not matter
    assert width(one(a_map(alike), "mean", border_sd_mm=1.0)) < 1.5 * width(one(a_map(alike), "mean", border_sd_mm=0.0))


def test_the_errors_of_the_fits_do_not_count_twice() -> None:
    without, with_errors = one(a_map(noisy(sd=0.005)), "mean"), one(a_map(noisy(sd=0.005), 0.005), "mean")
    assert (without.ci_low, without.ci_high) == (with_errors.ci_low, with_errors.ci_high)


def test_a_smooth_map_is_not_surer_than_its_errors() -> None:
    flat = np.where(LESION.mask, 0.06, 0.02)
    plain, told = one(a_map(flat), "mean"), one(a_map(flat, 0.005), "mean")
    assert width(plain) < 1e-6
    assert width(told) == pytest.approx(
        2 * 1.96 * 0.005 * np.sqrt(27 / LESION.n_voxels), rel=0.3
    )  # neighbours share their errors
    assert "widened to the errors of the fits" in told.ci_kind


@pytest.mark.parametrize("statistic", ["p5", "p10", "p90", "p95", "hotspot@5"])
def test_tails_have_an_interval_where_the_fits_tell_their_errors(statistic: str) -> None:
    assert one(a_map(noisy()), statistic).ci_kind == ""
    told = one(a_map(noisy(), 0.005), statistic)
    assert told.ci_low <= told.value <= told.ci_high  # type: ignore[operator]
    assert "errors of the fits" in told.ci_kind


@pytest.mark.parametrize("statistic", ["max", "sd", "skewness", "kurtosis", "entropy"])
def test_what_noise_only_raises_has_no_interval(statistic: str) -> None:
    assert one(a_map(noisy(), 0.005), statistic, border_sd_mm=1.0).ci_kind == ""


def test_a_handful_of_voxels_has_an_interval_where_the_fits_tell_their_errors() -> None:
    small = Lesion("1", ball((30, 30, 22), 2.5), GRID, "drawn")
    assert small.n_voxels < 10
    m = measure(a_map(noisy(), 0.005), small, None, statistic="mean", normalised=False, labels=LABELS, border_sd_mm=0)
    apart = 2 * 1.96 * 0.005 / np.sqrt(small.n_voxels)  # the errors of eight voxels that share nothing
    assert 0.85 * apart < width(m) < 2.5 * apart  # few neighbours look alike by chance, which only widens


def test_an_interval_covers_the_truth_of_a_lesion_whose_outline_is_off() -> None:
    depth = depth_mm(LESION.mask, GRID.spacing_mm)
    offsets = smooth_offsets(PLACES.reshape(-1, 3), correlation_mm=10.0, n_draws=40, rng=np.random.default_rng(7))
    hits = 0
    for n, offset in enumerate(offsets):
        lesion = Lesion("1", depth + offset.reshape(GRID.shape) > 0, GRID, "drawn")
        m = measure(a_map(noisy(seed=n)), lesion, None, statistic="mean", normalised=False, labels=LABELS, border_sd_mm=1.0)
        hits += m.ci_low <= 0.06 <= m.ci_high  # type: ignore[operator]
    assert hits >= 34  # nine in ten; three of ten where every draw pulls the same way


def test_parts_and_rim_are_measured_where_they_are() -> None:
    core = ball((30, 30, 22), 6)
    lesion = replace(LESION, parts=(("necrosis", core), ("enhancing", LESION.mask & ~core)))
    spec = MeasureSpec.model_validate(
        {"quantity": "vp", "statistics": ["mean", "kurtosis"], "normalised": True, "rim_mm": 4.0, "source": "a test",
         "regions": ["lesion", "necrosis", "cavity", "rim"]}
    )  # fmt: skip
    rows = measure_visit({"vp": a_map(np.where(core, 0.01, 0.08))}, (lesion,), REFERENCE, (spec.record(),), labels=LABELS)
    means = {m.region: m.value for m in rows if m.statistic == "mean" and not m.is_normalised}
    assert set(means) == {"reference", "lesion", "necrosis", "rim"}  # no cavity was outlined
    assert means["necrosis"] == pytest.approx(0.01)
    assert means["rim"] == pytest.approx(0.08)
    assert not [m for m in rows if m.statistic == "kurtosis" and m.is_normalised]
    assert next(m for m in rows if m.region == "necrosis").volume_ml == pytest.approx(np.count_nonzero(core) * GRID.voxel_ml)


def test_one_call_says_what_single_calls_say() -> None:
    told = a_map(noisy(), 0.005)
    rows = measure_visit({"vp": told}, (LESION,), REFERENCE, (Wanted("vp", ("median", "p95"), True),), labels=LABELS)
    for m in rows:
        if m.region == "lesion":
            alone = measure(told, LESION, REFERENCE, statistic=m.statistic, normalised=m.is_normalised, labels=LABELS)
            assert m == alone


def test_an_empty_lesion_gives_rows_without_a_value() -> None:
    empty = Lesion("1", np.zeros(GRID.shape, bool), GRID, "carried", "outside the field of view")
    rows = measure_visit(
        {"vp": a_map(noisy(), 0.005)},
        (empty,),
        REFERENCE,
        (Wanted("vp", ("mean", "hotspot@5", "volume_above@1"), True),),
        labels=LABELS,
    )
    assert all(m.value is None and m.flags for m in rows if m.region == "lesion")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"statistics": ["p33"]}, "unknown statistic"),
        ({"statistics": ["value"]}, "size"),
        ({"statistics": ["hotspot@5"], "source": ""}, "needs a source"),
        ({"rim_mm": 3.0}, "rim"),
        ({"regions": ["rim"]}, "rim"),
        ({"regions": ["core"]}, "regions"),
        ({"border_sd_mm": -1.0}, "border_sd_mm"),
    ],
)
def test_a_measure_that_cannot_be_made_is_refused(change: dict[str, object], said: str) -> None:
    good = {"quantity": "vp", "statistics": ["mean"], "normalised": False, "source": "a test"}
    MeasureSpec.model_validate(good)
    with pytest.raises(ValueError, match=said):
        MeasureSpec.model_validate({**good, **change})


def test_rows_with_parts_and_numbered_statistics_come_back_from_their_table(tmp_path: Path) -> None:
    wanted = Wanted("vp", ("mean", "hotspot@5", "volume_above@1.75", "entropy"), True, ("lesion", "rim"), rim_mm=4.0)
    rows = measure_visit({"vp": a_map(noisy(), 0.005)}, (LESION,), REFERENCE, (wanted,), labels=LABELS)
    write_measurements(tmp_path / "measurements.tsv", rows)
    assert read_measurements(tmp_path / "measurements.tsv") == rows


def test_ten_quantities_of_a_20_ml_lesion_take_no_time() -> None:
    lesion = Lesion("1", ball((38, 38, 22), 17), GRID, "drawn")
    maps = {
        name: a_map(noisy(), 0.005, name) for name in ("ktrans", "vp", "ve", "kep", "t1", "iaugc60", "fp", "ps", "adc", "cbv")
    }
    wanted = [Wanted(name, ("mean", "median", "p95", "hotspot@5", "share_above@0.05"), True) for name in maps]
    began = time.process_time()
    rows = measure_visit(maps, (lesion,), REFERENCE, wanted, labels=LABELS)
    assert len(rows) == 150
    assert time.process_time() - began < 3  # .5 s on a quiet core
