"""What is written is whole, described, and the same every time."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from io_files import GRID, TIMES_S, noise

from afterglow.io.atomic import clean_temporary, require_writable, write_bytes
from afterglow.io.derivatives import aif_path, map_path, mask_path, report_path, write_description
from afterglow.io.images import write_image, write_map
from afterglow.io.nifti import read_image
from afterglow.io.sidecar import read_json, read_sidecar
from afterglow.io.tables import read_table
from afterglow.io.timing import frame_times_s
from afterglow.io.write import write_json, write_text, write_tsv
from afterglow.kernels.types import Status
from afterglow.records.errors import Unwritable
from afterglow.records.maps import ParameterMap, Provenance
from afterglow.records.quantity import QUANTITIES


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def ktrans_map(values=None):
    values = noise(GRID.shape) if values is None else values
    status = np.zeros(GRID.shape, np.uint8)
    values[0, 0, 0], status[0, 0, 0] = np.nan, Status.NO_CONVERGENCE
    made = Provenance(
        "fit", "0.1.0", {"model": "etofts", "delay": True}, ("sub-01/perf/x.nii.gz",), "Fitted.", ("10.1/x",), seconds=3.2
    )
    return ParameterMap(QUANTITIES["ktrans"], values, GRID, status, made, standard_error=values * np.float32(0.1))


def test_a_map_is_written_with_everything_that_explains_it(tmp_path):
    made = ktrans_map()
    path = map_path(tmp_path, "01", "1", space="dce", model="etofts", param="ktrans", kind="dce")
    written = write_map(made, path, with_status=True)
    assert files(tmp_path) == sorted(w.path.relative_to(tmp_path).as_posix() for w in written)
    stem = "sub-01_ses-1_space-dce_model-etofts_param-ktrans"
    assert [w.path.name for w in written] == [
        f"{stem}{desc}_dcemap.{end}" for desc in ("", "_desc-se", "_desc-status") for end in ("nii.gz", "json")
    ]
    np.testing.assert_array_equal(read_image(path).load(), made.values)
    np.testing.assert_array_equal(read_image(written[2].path).load(), made.standard_error)
    np.testing.assert_array_equal(read_image(written[4].path).load(), made.status)
    fields = read_json(written[1].path)
    assert fields["Units"] == "/min" and fields["CAPLEX"] == "Q.PH1.008" and fields["DICOMCode"] == "126312"
    assert fields["StatusCounts"]["fitted"] == 119 and fields["StatusCounts"]["no convergence"] == 1
    assert sum(fields["StatusCounts"].values()) == GRID.size
    assert (
        fields["Settings"] == {"model": "etofts", "delay": True}
        and fields["Methods"] == "Fitted."
        and fields["Sources"] == ["sub-01/perf/x.nii.gz"]
    )
    assert fields["GeneratedBy"] == {"Name": "afterglow", "Version": "0.1.0"}


def test_a_map_does_not_depend_on_how_long_it_took(tmp_path):
    from dataclasses import replace

    one, two = ktrans_map(), ktrans_map()
    two = replace(two, provenance=replace(two.provenance, seconds=99.0))
    a = write_map(one, map_path(tmp_path / "a", "01", "1", space="dce", model="etofts", param="ktrans", kind="dce"))
    b = write_map(two, map_path(tmp_path / "b", "01", "1", space="dce", model="etofts", param="ktrans", kind="dce"))
    assert [w.sha256 for w in a] == [w.sha256 for w in b]


def test_times_that_are_written_are_read_again(tmp_path):
    path = tmp_path / "sub-01" / "perf" / "sub-01_dce.nii.gz"
    write_image(path, noise((*GRID.shape, TIMES_S.size)), GRID, times_s=TIMES_S + 0.123456789)
    np.testing.assert_array_equal(frame_times_s(read_sidecar(path, tmp_path), TIMES_S.size), TIMES_S + 0.123456789)
    with pytest.raises(ValueError, match="8 times for 1 frames"):
        write_image(path, noise(GRID.shape), GRID, times_s=TIMES_S)


def test_names_follow_the_order_of_the_specification():
    out = Path("out")
    assert map_path(out, "01", "", space="T1w", model="patlak", param="ktrans", kind="dce").as_posix() == (
        "out/sub-01/perf/sub-01_space-T1w_model-patlak_param-ktrans_dcemap.nii.gz"
    )
    assert (
        mask_path(out, "01", "2", space="T1w", label="lesion").as_posix()
        == "out/sub-01/ses-2/anat/sub-01_ses-2_space-T1w_label-lesion_mask.nii.gz"
    )
    assert aif_path(out, "01", "2").as_posix() == "out/sub-01/ses-2/perf/sub-01_ses-2_aif.tsv"
    assert [report_path(out, "01").name, report_path(out, "01", "2").name] == ["sub-01.html", "sub-01_ses-2.html"]


def test_the_output_folder_describes_itself(tmp_path):
    write_description(tmp_path, source=tmp_path / "bids", version="0.1.0", method="behar2023", method_doi="10.3174/ajnr.A8057")
    described = read_json(tmp_path / "dataset_description.json")
    assert described["DatasetType"] == "derivative" and described["GeneratedBy"][0]["Version"] == "0.1.0"
    assert "*_dcemap.nii.gz" in (tmp_path / ".bidsignore").read_text()


# ---------------------------------------------------------------------------------------------- tables

cells = st.none() | st.integers() | st.floats(allow_infinity=False) | st.booleans()
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Z"]), min_size=1, max_size=8).filter(
    lambda text: text.lower() not in ("n/a", "nan")
)
formulas = st.builds(lambda lead, text: lead + text, st.sampled_from(["=", "+", "-", "@", "'=", "'", "''+"]), words)


@settings(deadline=None)
@given(st.lists(st.fixed_dictionaries({"name": words | formulas, "value": cells}), max_size=5))
def test_a_table_is_read_as_it_was_written(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("tsv") / "a.tsv"
    write_tsv(path, rows, {"name": "Who.", "value": {"Description": "What.", "Units": "s"}})
    for row, back in zip(rows, read_table(path, ("name", "value")), strict=True):
        assert back.text("name") == row["name"]
        if row["value"] is None or row["value"] != row["value"]:
            assert back.text("value") is None
        elif not isinstance(row["value"], bool):
            assert float(back.text("value")) == float(row["value"])


@settings(deadline=None)
@given(formulas)
def test_no_text_cell_can_be_run_as_a_formula(text):
    from afterglow.io.write import _cell

    written = _cell(text)
    try:
        float(written)
    except ValueError:
        assert written[0] not in "=+-@\t\r"


def test_numbers_below_zero_are_left_alone_and_breaks_become_spaces(tmp_path):
    row = {
        "a": -40.5,
        "b": "-40",
        "c": "two\nlines\there",
        "d": ("flag one", "flag two"),
        "e": np.float32(0.1),
        "f": float("nan"),
    }
    table, described = write_tsv(tmp_path / "m.tsv", [row], dict.fromkeys("abcdef", "A column."))
    assert (
        table.path.read_text() == "a\tb\tc\td\te\tf\n-40.5\t-40\ttwo lines here\tflag one; flag two\t0.10000000149011612\tn/a\n"
    )
    assert described.path.name == "m.json" and read_json(described.path)["a"] == {"Description": "A column."}


def test_a_row_with_other_cells_is_a_mistake_of_the_caller(tmp_path):
    with pytest.raises(ValueError, match="differ in \\['b'\\]"):
        write_tsv(tmp_path / "m.tsv", [{"a": 1, "b": 2}], {"a": "A."})


def test_json_has_no_nan_and_knows_numpy(tmp_path):
    write_json(
        tmp_path / "a.json", {"x": float("nan"), "y": np.float32(0.5), "z": np.arange(3), "p": Path("a/b"), "t": (1, None, True)}
    )
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "x": None,
        "y": 0.5,
        "z": [0, 1, 2],
        "p": "a/b",
        "t": [1, None, True],
    }
    with pytest.raises(TypeError):
        write_json(tmp_path / "b.json", {"x": object()})
    assert files(tmp_path) == ["a.json"]


# ---------------------------------------------------------------------------------------------- atomic


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failed_write_leaves_the_earlier_file_and_nothing_else(tmp_path, monkeypatch, number, call):
    path = write_text(tmp_path / "a.txt", "before").path

    def fails(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fails) if call == "fsync" else monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(
        Unwritable, match="disk is full" if number in (errno.ENOSPC, errno.EDQUOT) else os.strerror(number)
    ) as caught:
        write_text(path, "after")
    assert str(path) in str(caught.value)
    assert path.read_text() == "before" and files(tmp_path) == ["a.txt"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    for bad in (tmp_path / "file" / "out", Path("/proc/afterglow")):
        with pytest.raises(Unwritable, match="choose another output folder"):
            require_writable(bad)
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(Unwritable):
        write_text(tmp_path / "a.txt", "x")
    require_writable(tmp_path / "new" / "out")
    assert files(tmp_path) == ["file"]


def test_an_interrupted_write_leaves_nothing(tmp_path):
    def parts():
        yield b"half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "a.bin", parts())
    assert files(tmp_path) == []


KILLED = """
import os, sys
from pathlib import Path
from afterglow.io.atomic import write_bytes
def parts():
    yield b"half"
    os.kill(os.getpid(), 9)
write_bytes(Path(sys.argv[1]) / "sub" / "a.bin", parts())
"""


def test_what_a_killed_run_left_is_cleared_and_a_living_ones_is_not(tmp_path):
    source = str(Path(__file__).parents[2] / "src")
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], env={**os.environ, "PYTHONPATH": source}, check=False)
    assert done.returncode == -9 and len(files(tmp_path)) == 1 and not (tmp_path / "sub" / "a.bin").exists()

    def parts():
        yield b"whole"
        assert len(clean_temporary(tmp_path)) == 1

    write_bytes(tmp_path / "b.bin", parts())
    assert files(tmp_path) == ["b.bin"] and clean_temporary(tmp_path) == ()
