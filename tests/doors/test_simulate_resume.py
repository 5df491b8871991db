"""Claims about a simulation that was stopped, or whose files were harmed: it goes on, and ends as if nothing had happened."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.doors.test_command_line import afterglow
from tests.doors.test_simulate import contents, make
from tests.tiny_cohorts import tiny_file

from afterglow.flows.verify import verify_output
from afterglow.io.atomic import clean_temporary
from afterglow.io.manifest import read_manifest

PATIENTS = 3
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny spine patients made in one go by one worker, beside their simulation file."""
    root = tmp_path_factory.mktemp("whole")
    assert make(tiny_file("behar2023", root), root / "out", patients=PATIENTS).made == PATIENTS
    return root / "out"


def children_of(process: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def until(true: Callable[[], object], *, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.01)


def finished(out: Path) -> list[str]:
    return sorted(path.stem for path in (out / ".afterglow" / "exams").glob("sub-*.json"))


def is_running(process: int) -> bool:
    """Not gone, and not a zombie that nobody has collected."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
def test_a_killed_simulation_goes_on_and_ends_with_the_bytes_of_one_that_was_not(whole: Path, tmp_path: Path) -> None:
    out, file = tmp_path / "out", whole.with_name("behar2023.toml")
    order = ["simulate", str(file), str(out), "--patients", str(PATIENTS), "--seed", "11", "--workers", "2"]
    process = subprocess.Popen([sys.executable, "-m", "afterglow", *order], stderr=subprocess.DEVNULL)
    try:
        until(lambda: finished(out))
        workers = children_of(process.pid)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert len(workers) >= 2
    until(lambda: not any(is_running(one) for one in workers), seconds=10.0)  # none outlives the run
    done = finished(out)
    assert 1 <= len(done) < PATIENTS
    kept = {path: path.stat().st_mtime_ns for name in done for path in (out / "truth" / name).rglob("*")}
    assert kept
    again = make(file, out, patients=PATIENTS)
    assert again.made == PATIENTS - len(done)
    assert again.failures == ()
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert contents(out) == contents(whole)  # so no temporary file is left either
    assert verify_output(out, None) == []


def test_a_file_that_is_lost_or_cut_is_made_again_with_its_patient_and_no_other(whole: Path) -> None:
    before = contents(whole)
    images = sorted(name for name in before if name.endswith("dce.nii.gz"))
    lost, cut = (whole / next(name for name in images if f"sub-{n}/" in name) for n in ("02", "03"))
    lost.unlink()
    cut.write_bytes(cut.read_bytes()[:-100])
    (whole / "bids" / "participants.tsv").unlink()
    others = {path: path.stat().st_mtime_ns for n in ("01",) for path in (whole / "truth" / f"sub-{n}").rglob("*")}
    assert make(whole.with_name("behar2023.toml"), whole, patients=PATIENTS).made == 2
    assert contents(whole) == before
    assert {path: path.stat().st_mtime_ns for path in others} == others


def test_a_patient_recorded_just_before_the_kill_is_not_made_again(whole: Path) -> None:
    before = contents(whole)
    (whole / "manifest.json").unlink()  # as if killed between the patient's record and the manifest
    assert make(whole.with_name("behar2023.toml"), whole, patients=PATIENTS).made == 0
    assert contents(whole) == before


def test_verify_knows_every_file_and_finds_one_changed_byte(whole: Path) -> None:
    known = {entry.path for one in read_manifest(whole).entries.values() for entry in one.outputs}
    written = {name for name in contents(whole) if name != "manifest.json" and not name.startswith(".afterglow/")}
    assert known == written
    assert afterglow("verify", str(whole)).returncode == 0
    for name in (
        "bids/participants.tsv",
        "bids/sub-01/ses-pre/perf/sub-01_ses-pre_ce-gadolinium_dce.nii.gz",
        "truth/sub-03.json",
    ):
        path = whole / name
        kept = path.read_bytes()
        path.write_bytes(kept[:40] + bytes([kept[40] ^ 1]) + kept[41:])
        (sentence,) = verify_output(whole, None)
        assert name in sentence
        assert "changed since" in sentence
        path.write_bytes(kept)
    assert verify_output(whole, None) == []


def test_what_was_left_of_a_kill_at_the_very_start_does_not_bar_the_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / ".simulation.json.nohost.99999999.0.afterglow-tmp").write_bytes(b"{")
    assert make(tiny_file("behar2023", tmp_path), out).made == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of ended processes that nobody has collected")
def test_the_temporary_file_of_a_worker_that_ended_uncollected_is_cleared(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    until(lambda: not is_running(ended.pid), seconds=20.0)
    host = re.sub(r"[^0-9a-zA-Z-]", "", socket.gethostname())[:40] or "host"
    left = tmp_path / f".manifest.json.{host}.{ended.pid}.3.afterglow-tmp"
    left.write_bytes(b"half")
    assert clean_temporary(tmp_path) == (left,)
    ended.wait()
