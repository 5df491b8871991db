"""Curves of contrast in the zones: means of the right voxels, a table that comes back, a picture only where there is something to compare."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from painted_visits import SESSION, SUBJECT, painting_method, result, scene, visit

from afterglow.flows.paint import paint_visit
from afterglow.flows.paint_curves import curves_in
from afterglow.flows.paint_response import FollowedVisit, followed, response_of, seen_visits
from afterglow.io.zone_curves import read_zone_curves, remove_zone_curves, write_zone_curves, zone_curves_path
from afterglow.quantify.concentration import Concentration
from afterglow.records.errors import BadInput
from afterglow.records.grid import Grid
from afterglow.records.maps import Provenance
from afterglow.records.painted import ZoneCurve
from afterglow.records.zones import Zone
from afterglow.report.figures.zones_after import MOST, zones_after_figure

METHOD = painting_method()
TIMES_S = np.arange(0.0, 60.0, 5.0)


def silent(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@cache
def painted():
    return paint_visit(visit(), result(), METHOD.paint, progress=silent)


def concentration(grid: Grid, per_voxel: np.ndarray, *, lost: np.ndarray | None = None) -> Concentration:
    """Every voxel rises from 20 s on to its own height; `lost` voxels have no curve."""
    curves = np.where(TIMES_S >= 20.0, 1.0, 0.0) * per_voxel.ravel()[:, None]
    if lost is not None:
        curves[lost.ravel()] = np.nan
    how = Provenance("concentration", "0", {}, ("dce.nii.gz",), "Invented.")
    whole = np.ones(grid.shape, dtype=bool)
    return Concentration(grid, whole, TIMES_S, curves.astype(np.float32), curves[:, 0].astype(np.float32), 4, 20.0, how, ())


def here(matrix: np.ndarray | None = None, **more: object) -> FollowedVisit:
    return FollowedVisit(visit(), result(**more), np.eye(4) if matrix is None else matrix)


def curve(session: str, day: float, zone: str, height: float = 0.1) -> ZoneCurve:
    mean = np.where(TIMES_S >= 20.0, height, 0.0)
    return ZoneCurve(session, day, zone, TIMES_S, 20.0, mean, 0.8 * mean, 1.2 * mean, 40)


def test_the_curve_of_a_zone_is_the_mean_of_its_own_voxels() -> None:
    zones, grid = painted().zones, scene().grid
    aggressive = here().filled(zones, Zone.AGGRESSIVE)
    found = {one.zone: one for one in curves_in(zones, here(), concentration(grid, np.where(aggressive, 0.5, 0.1)))}
    assert found["aggressive"].n_voxels == np.count_nonzero(aggressive)
    np.testing.assert_allclose(found["aggressive"].mean_mM[TIMES_S >= 20], 0.5, rtol=1e-6)
    np.testing.assert_allclose(found["passive"].mean_mM[TIMES_S >= 20], 0.1, rtol=1e-6)
    assert found["aggressive"].after_arrival_s[0] == -20.0


def test_zones_are_carried_to_a_visit_that_lies_elsewhere() -> None:
    zones, grid = painted().zones, scene().grid
    moved = np.eye(4)
    moved[0, 3] = 9.0  # a point of this visit -> the painted one
    there = here(moved).filled(zones, Zone.AGGRESSIVE)
    values = np.where(there, 1.0, 0.0)
    one = next(c for c in curves_in(zones, here(moved), concentration(grid, values)) if c.zone == "aggressive")
    np.testing.assert_allclose(one.mean_mM[-1], 1.0)
    centre = [grid.to_mm(np.argwhere(mask).mean(axis=0)) for mask in (there, here().filled(zones, Zone.AGGRESSIVE))]
    np.testing.assert_allclose(centre[1] - centre[0], [9.0, 0.0, 0.0], atol=0.5)


def test_voxels_without_a_curve_do_not_count_and_a_zone_without_any_has_none() -> None:
    zones, grid = painted().zones, scene().grid
    aggressive, passive = (here().filled(zones, kind) for kind in (Zone.AGGRESSIVE, Zone.PASSIVE))
    some = aggressive & (np.indices(grid.shape)[2] % 2 == 0)
    found = {one.zone: one for one in curves_in(zones, here(), concentration(grid, np.ones(grid.shape), lost=some | passive))}
    assert found["aggressive"].n_voxels == np.count_nonzero(aggressive & ~some)
    assert "passive" not in found


def test_the_table_of_curves_comes_back_as_it_was(tmp_path) -> None:
    assert read_zone_curves(tmp_path, SUBJECT, SESSION) == ()
    wanted = [curve("pre", 3.0, "aggressive"), curve("pre", 3.0, "not assessed", 0.02)]
    path = zone_curves_path(tmp_path, SUBJECT, "pre")
    write_zone_curves(path, wanted)
    back = read_zone_curves(tmp_path, SUBJECT, "pre")
    assert [(one.zone, one.day, one.n_voxels, one.session) for one in back] == [
        ("aggressive", 3.0, 40, "pre"), ("not assessed", 3.0, 40, "pre"),
    ]  # fmt: skip
    for a, b in zip(back, wanted, strict=True):
        for name in ("times_s", "mean_mM", "low_mM", "high_mM", "after_arrival_s"):
            np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-12)
    path.write_text(path.read_text().replace("0.1", "n/a", 1))
    with pytest.raises(BadInput, match="is missing; run this visit again"):
        read_zone_curves(tmp_path, SUBJECT, "pre")
    remove_zone_curves(tmp_path, SUBJECT, "pre")
    assert not path.exists()


def test_the_painted_visit_is_followed_without_a_space_and_others_are_not() -> None:
    visits, results = [visit(), visit(session="post", day=90.0)], [result(), result(session="post", day=90.0)]
    assert [one.visit.session for one in followed(visits, results, None)] == [SESSION]


def test_quantities_in_the_zones_are_those_of_the_maps() -> None:
    rows = response_of(painted().zones, (here(),), METHOD, METHOD.paint)
    found = {(row.region, row.quantity): row.value for row in rows if row.statistic == "median"}
    assert found["aggressive", "ktrans"] == pytest.approx(0.12)
    assert found["passive", "ktrans"] == pytest.approx(0.012)
    seen = seen_visits(painted().zones, (here(),), METHOD.paint)
    assert seen[0].quantity.name == "ktrans"
    assert np.median(seen[0].values[painted().zones.mask(Zone.AGGRESSIVE)]) == pytest.approx(0.12)


def test_the_picture_needs_a_second_visit_and_tells_the_peaks() -> None:
    zones = painted().zones
    (seen,) = seen_visits(zones, (here(),), METHOD.paint)
    first = [curve("pre", 0.0, "aggressive", 0.2)]
    assert zones_after_figure(zones, (seen,), first, name="after", title="t") is None
    both = [*first, curve("post", 90.0, "aggressive", 0.1)]
    figure = zones_after_figure(zones, (seen, replace(seen, session="post", day=90.0)), both, name="after", title="t")
    assert "aggressive at ses-post peaks at 0.1" in figure.alt
    assert "Ktrans" in figure.caption
    rows = response_of(zones, (here(),), METHOD, METHOD.paint)
    told = zones_after_figure(zones, (seen, replace(seen, session="post", day=90.0)), both, rows, name="after", title="t")
    assert told.image != figure.image


def test_of_many_visits_the_first_and_the_last_ones_are_drawn() -> None:
    zones = painted().zones
    many = [curve(f"v{n}", 30.0 * n, "aggressive", 0.1 + 0.01 * n) for n in range(MOST + 2)]
    figure = zones_after_figure(zones, (), many, name="after", title="t")
    assert "ses-v0" in figure.alt
    assert "ses-v1 " not in figure.alt
    assert f"ses-v{MOST + 1}" in figure.alt
