"""`afterglow bench dsc`: its figures, and that its peers are asked fairly."""

import json
import sys

import pytest
from typer.testing import CliRunner

from afterglow.cli.main import app
from afterglow.flows import bench_dsc, peers, peers_dsc
from afterglow.flows.bench_dsc_curves import mixture, tumour_without_leak
from afterglow.kernels.gamma_variate import fit_gamma_variate

KEYS = {"name", "value", "unit", "goal", "ok", "detail"}


def benched(*options):
    done = CliRunner().invoke(app, ["bench", "dsc", "--json", *options])
    assert done.exit_code == 0, done.exception
    return {f["name"]: f for f in json.loads(done.stdout)["figures"]}


@pytest.fixture
def few(monkeypatch):
    """Fewer bolus curves."""
    monkeypatch.setattr(bench_dsc, "_DIFFERENT", 400)
    monkeypatch.setattr(bench_dsc, "_MANY", 800)
    monkeypatch.setattr(bench_dsc, "_PEER_CURVES", {"bounded": 20, "unbounded": 60})


def test_bench_dsc_prints_every_figure_with_its_goal(few):
    found = benched()
    for name, goal in {"gamma_variate": 150e3, "osvd": 600e3, "bsw": 900e3, "bidirectional": 300e3}.items():
        assert found[name]["unit"] == "voxels/s/core"
        assert found[name]["goal"] == goal
        assert found[name]["ok"] is (found[name]["value"] >= goal)
    assert "is not counted" in found["gamma_variate"]["detail"]
    assert found["gamma_variate_over_scipy"]["goal"] == 250
    assert found["gamma_variate_over_scipy"]["value"] > 20
    assert found["gamma_variate_excess_over_scipy"]["ok"] is True
    assert found["bsw_tumour_volume"]["ok"] is True
    assert found["bsw_tumour_volume_osipy"]["goal"] is None
    assert all(set(f) == KEYS for f in found.values())


def test_without_peers_the_bolus_figures_of_scipy_are_named_but_not_measured(few):
    found = benched("--no-peers")
    for name in ("gamma_variate_over_scipy", "gamma_variate_excess_over_scipy", "bsw_tumour_volume_osipy"):
        assert (found[name]["value"], found[name]["ok"]) == (None, None)
    assert found["bsw_tumour_volume"]["value"] == pytest.approx(1, abs=0.03)


def test_curves_of_ones_own_are_for_dce(tmp_path):
    done = CliRunner().invoke(app, ["bench", "dsc", "--in-vivo", str(tmp_path / "mine.npz")])
    assert done.exit_code == 2


def test_a_peer_that_loses_blood_volume_is_measured_and_not_judged(monkeypatch):
    lost = peers.PeerRun("osipy 0", 1.0, tumour_without_leak()[0].rates_per_s.reshape(-1, 1) / 3)
    monkeypatch.setattr(bench_dsc, "program_run", lambda *_: lost)
    own, theirs = bench_dsc._tumour((sys.executable,))
    assert own.ok is True
    assert theirs.value == pytest.approx(1 / 3, abs=0.03)
    assert theirs.ok is None


def test_no_gamma_variate_of_scipy_is_better_where_it_stays_within_the_bounds():
    curves = mixture(600)
    fit = fit_gamma_variate(curves.times_s, curves.rates_per_s, noise=curves.noise_per_s)
    ways = [peers_dsc.scipy_gamma(curves, fit.last_frame, bounded=bounded, jacobian=True, repeats=1) for bounded in (True, False)]
    excess, n = peers_dsc.largest_excess(fit, tuple(ways))
    assert n > 500
    assert excess <= 1e-5
