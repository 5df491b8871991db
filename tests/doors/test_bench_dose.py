"""`afterglow bench dose`: its figures have their names, goals and units, and say what was not measured."""

import dataclasses
import json

import pytest
from typer.testing import CliRunner

from afterglow.cli.main import app
from afterglow.flows import bench_dose
from afterglow.flows.bench_dose_phantom import round_tumour

KEYS = {"name", "value", "unit", "goal", "ok", "detail"}


@pytest.fixture
def small(monkeypatch):
    """Small tumours on coarse voxels, and few points."""
    monkeypatch.setattr(bench_dose, "SIZES_ML", {13: 3.0, 50: 5.0})
    monkeypatch.setattr(bench_dose, "round_tumour", lambda ml: round_tumour(ml, spacing_mm=3.0))
    few = dataclasses.replace(bench_dose.SETTINGS, candidates=20, target_points=150, shell_points=40, candidate_spacing_mm=3.0)
    monkeypatch.setattr(bench_dose, "SETTINGS", few)


def benched(*options):
    done = CliRunner().invoke(app, ["bench", "dose", "--json", *options])
    assert done.exit_code == 0, done.exception
    return {figure["name"]: figure for figure in json.loads(done.stdout)["figures"]}


def test_bench_dose_prints_every_figure_with_its_goal(small):
    found = benched()
    assert all(set(figure) == KEYS for figure in found.values())
    assert {found["seconds_13ml"]["goal"], found["seconds_50ml"]["goal"]} == {10, 30}
    assert found["seconds_13ml"]["ok"] is (found["seconds_13ml"]["value"] <= 10)
    assert "by the clock" in found["seconds_13ml"]["detail"]
    assert found["superposition_error"]["value"] < 1e-6
    assert found["fwhm_perfexion_16mm_x"]["value"] == pytest.approx(21.7, abs=0.5)
    assert found["fwhm_model-c_14mm_x"]["goal"] is None
    assert "no source found" in found["fwhm_model-c_14mm_x"]["detail"]
    assert found["optimum_excess"]["ok"] is True
    assert {found[f"d95_13ml_{name}"]["goal"] for name in ("uniform_16gy", "painted_15gy", "painted_18gy")} == {0.98}
    assert "not for treatment" in found["v12_change_13ml"]["detail"]
    assert found["v12_change_13ml"]["ok"] is None


def test_without_peers_the_second_solver_is_named_but_not_asked(small):
    figure = benched("--no-peers")["optimum_excess"]
    assert (figure["value"], figure["ok"]) == (None, None)


def test_curves_of_ones_own_are_not_for_dose(tmp_path):
    done = CliRunner().invoke(app, ["bench", "dose", "--in-vivo", str(tmp_path / "mine.npz")])
    assert done.exit_code == 2
