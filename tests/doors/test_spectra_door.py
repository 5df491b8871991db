"""The command `spectra`: what it prints, writes and refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.rooms.mrs_files import GRID, USUAL, decays, write_rda, write_spectra
from typer.testing import CliRunner

from afterglow.cli.main import app
from afterglow.io.mrs_maps import read_mrs_map
from afterglow.records.errors import BadInput

RUN = CliRunner()
FIDS = decays(USUAL, GRID.shape, noise=0.3, seed=1, water=20.0)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return write_spectra(tmp_path / "sub-01_ses-pre_mrsi.nii.gz", FIDS)


def test_a_file_is_fitted_and_told_in_a_table(made: Path) -> None:
    done = RUN.invoke(app, ["spectra", str(made), "--voxel", "1,2,0"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "32 voxels fitted, TE 135 ms" in done.stdout
    assert "Cho/NAA" in done.stdout
    assert "voxel 1, 2, 0: NAA" in done.stdout
    assert "water reference of the spectra: none" in done.stdout


def test_json_holds_the_numbers_of_each_voxel_asked_for(made: Path) -> None:
    done = RUN.invoke(app, ["spectra", str(made), "--voxel", "1,2,0", "--json"], catch_exceptions=False)
    found = json.loads(done.stdout)
    assert found["voxels_fitted"] == 32
    assert found["voxels"][0]["voxel"] == [1, 2, 0]
    assert found["voxels"][0]["ratios"]["Cho/NAA"] == pytest.approx(0.45, rel=0.25)
    row = next(one for one in found["quantities"] if one["quantity"] == "cho_naa")
    assert row["median"] == pytest.approx(0.45, rel=0.06)
    assert found["written"] == []


def test_maps_sidecars_and_a_picture_are_written_and_the_maps_can_be_read_again(made: Path, tmp_path: Path) -> None:
    water = write_spectra(
        tmp_path / "sub-01_ses-pre_mrsref.nii.gz", decays({}, GRID.shape, water=5000.0, noise=0.3), suppressed=False
    )
    out = tmp_path / "out"
    done = RUN.invoke(app, ["spectra", str(made), "--water", str(water), "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0
    assert (out / "sub-01_ses-pre_spectra.png").read_bytes().startswith(b"\x89PNG")
    path = out / "sub-01_ses-pre_param-chonaa_mrsmap.nii.gz"
    sidecar = json.loads(path.with_name(path.name.removesuffix(".nii.gz") + ".json").read_text())
    assert sidecar["Units"] == "1"
    assert sidecar["Settings"]["crlb_gate_percent"] == 30.0
    again, _ = read_mrs_map(path, out)
    assert np.isfinite(again.values).all()


@pytest.mark.parametrize(
    ("words", "code"),
    [(["--voxel", "1,2"], 2), (["--voxel", "a,b,c"], 2), (["--width-hz", "0"], 2)],
    ids=["two", "letters", "width"],
)
def test_wrong_usage_ends_with_2(made: Path, words: list[str], code: int) -> None:
    assert RUN.invoke(app, ["spectra", str(made), *words]).exit_code == code


def test_a_voxel_outside_and_mirrored_spectra_are_stated_errors(made: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="outside the box"):
        RUN.invoke(app, ["spectra", str(made), "--voxel", "9,9,9"], catch_exceptions=False)
    mirrored = write_spectra(tmp_path / "sub-02_mrsi.nii.gz", FIDS.conj())
    with pytest.raises(BadInput, match="mirrored"):
        RUN.invoke(app, ["spectra", str(mirrored)], catch_exceptions=False)


@pytest.mark.slow
def test_a_siemens_file_is_converted_on_the_way(tmp_path: Path) -> None:
    pytest.importorskip("spec2nii")
    source = write_rda(tmp_path / "csi.rda", FIDS)
    done = RUN.invoke(app, ["spectra", str(source), "--out", str(tmp_path / "out")], catch_exceptions=False)
    assert done.exit_code == 0
    assert (tmp_path / "out" / "acq-csi_mrsi.nii.gz").is_file()
    assert (tmp_path / "out" / "acq-csi_param-chonaa_mrsmap.nii.gz").is_file()
