"""Claims about many patients: side by side or in turn the same bytes, one failure never the batch, nothing finished is lost."""

import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.digital import METHOD, copy_to, quick_method
from tests.doors.test_command_line import afterglow

from afterglow.flows import many
from afterglow.flows.chunk import Chunk
from afterglow.flows.engine import Broken, _interrupt_kept, has_dask, in_turn, local_workers, scheduler_workers, side_by_side
from afterglow.flows.run import RunReport, run_participants
from afterglow.flows.verify import verify_output
from afterglow.flows.work import Progress, silent
from afterglow.io.manifest import read_manifest
from afterglow.records.errors import BadInput, MissingInput, Stopped

SUBJECTS = ("01", "02", "03")


def cohort_in(
    folder: Path, subjects: tuple[str, ...] = SUBJECTS, broken: tuple[str, ...] = ("03",), visits: tuple[str, ...] = ("01",)
) -> Path:
    """Copies of one coarse patient under several names, the broken ones without a flip angle; and a quick method beside them."""
    bids = copy_to(folder, visits=visits)
    for place in (bids, bids / "derivatives" / "outlines"):
        for subject in subjects[1:]:
            shutil.copytree(place / "sub-01", place / f"sub-{subject}")
            for path in sorted((place / f"sub-{subject}").rglob("sub-01*")):
                path.rename(path.with_name(path.name.replace("sub-01", f"sub-{subject}")))
    for subject in broken:
        path = bids / f"sub-{subject}/ses-01/perf/sub-{subject}_ses-01_ce-gadolinium_dce.json"
        content = json.loads(path.read_text())
        del content["FlipAngle"]
        path.write_text(json.dumps(content))
    quick_method(folder)
    return bids


def run(bids: Path, out: Path, *, workers: int = 1, progress: Progress = silent, **more: object) -> RunReport:
    return run_participants(
        bids,
        out,
        str(bids.parent / "quick.toml"),
        participants=(),
        session_labels=(),
        outlines_dir=None,
        workers=workers,
        progress=progress,
        **more,
    )  # type: ignore[arg-type]


def tree(out: Path) -> dict[str, bytes]:
    """Every file of an output folder; of the manifest all but the seconds that each step took."""
    found = {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    seconds = re.compile(rb'"seconds": \{[^}]*\}')
    return {
        name: seconds.sub(b"", data) if name == "manifest.json" or name.startswith(".afterglow") else data
        for name, data in found.items()
    }


def command(bids: Path, out: Path, *options: str, method: str = "") -> list[str]:
    method = method or str(bids.parent / "quick.toml")
    return [sys.executable, "-m", "afterglow", "run", str(bids), str(out), "participant", "--method", method, *options]


@pytest.fixture(scope="module")
def bids(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cohort_in(tmp_path_factory.mktemp("many"))


@pytest.fixture(scope="module")
def in_chunks(bids: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[RunReport]]:
    """The cohort as a job array of two makes it, into one folder, without dask."""
    out = tmp_path_factory.mktemp("chunks") / "out"
    return out, [run(bids, out, chunk=Chunk.parse(text)) for text in ("1/2", "2/2")]


@pytest.fixture(scope="module")
def side(bids: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The cohort from the command line, two patients at once."""
    out = tmp_path_factory.mktemp("side") / "out"
    return out, subprocess.run(command(bids, out, "--workers", "2"), capture_output=True, text=True, check=False)


def test_the_chunks_of_a_whole_share_all_subjects_each_once() -> None:
    subjects = [f"{n:03d}" for n in range(17)]
    for of in range(1, 25):
        parts = [Chunk(number, of).part(subjects) for number in range(1, of + 1)]
        assert sorted(one for part in parts for one in part) == subjects
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("text", ["0/4", "5/4", "x", "1/0", "-1/4", "1/", "1.5/4", "1/4/2", ""])
def test_a_chunk_that_is_no_part_of_a_whole_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="give i/N"):
        Chunk.parse(text)


def test_chunks_make_their_own_subjects_and_the_tables_hold_all(in_chunks: tuple[Path, list[RunReport]]) -> None:
    out, (first, second) = in_chunks
    assert [one.participant_id for one in first.told] == ["01", "03"]
    assert [one.participant_id for one in second.told] == ["02"]
    assert first.remarks == ("chunk 1/2: 2 of 3 subjects",)
    assert {line.split("\t")[0] for line in (out / "measurements.tsv").read_text().splitlines()[1:]} == {"sub-01", "sub-02"}
    assert verify_output(out, None) == []


def test_one_or_two_workers_give_the_same_bytes(
    in_chunks: tuple[Path, list[RunReport]], side: tuple[Path, subprocess.CompletedProcess[str]]
) -> None:
    in_turn_tree, side_tree = tree(in_chunks[0]), tree(side[0])
    assert in_turn_tree.keys() == side_tree.keys()
    assert [name for name in side_tree if side_tree[name] != in_turn_tree[name]] == []


def test_a_failure_is_a_line_in_the_manifest_and_not_the_batch(side: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, told = side
    entries = read_manifest(out).entries
    assert {key: one.state for key, one in entries.items() if key.count("_") == 1} == {
        "sub-01_ses-01": "done", "sub-02_ses-01": "done", "sub-03_ses-01": "failed",
    }  # fmt: skip
    assert "FlipAngle" in entries["sub-03_ses-01"].message
    assert told.returncode == 1
    assert "1 of 3 patients failed" in told.stderr
    assert "sub-03" in told.stderr
    assert "3 of 3 patients, 1 failed" in told.stderr
    assert "Traceback" not in told.stderr
    assert all(line.startswith(("[", "afterglow: ")) for line in told.stderr.splitlines()), told.stderr
    assert told.stdout.count("Report: ") == 2


def test_what_is_finished_is_skipped_and_the_report_is_light(bids: Path, in_chunks: tuple[Path, list[RunReport]]) -> None:
    out, _ = in_chunks
    told: list[str] = []
    before = tree(out)
    again = run(bids, out, progress=lambda what, done, total: told.append(what))
    assert not any("motion" in what for what in told)
    assert [what for what in told if "patients" in what] == [
        "0 of 3 patients", "1 of 3 patients", "2 of 3 patients", "3 of 3 patients, 1 failed",
    ]  # fmt: skip
    assert tree(out) == before
    assert again.patients == ()
    assert [one.sessions for one in again.told] == [("01",), ("01",), ()]
    assert again.n_failed == 1


def test_an_error_that_nobody_foresaw_costs_one_patient(
    bids: Path, in_chunks: tuple[Path, list[RunReport]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    shutil.copytree(in_chunks[0], out)
    real: Callable[..., object] = many.run_patient

    def stumbling(place: object, subject: str, *rest: object, **more: object) -> object:
        if subject == "01":
            raise ZeroDivisionError("a division\nthat went wrong")
        return real(place, subject, *rest, **more)

    monkeypatch.setattr(many, "run_patient", stumbling)
    done = run(bids, out)
    (sentence,) = done.told[0].failures
    assert "sub-01: ZeroDivisionError (a division that went wrong) at " in sentence
    assert re.search(r"many\.py, line \d+", sentence)
    assert read_manifest(out).entries["sub-01"].message == sentence
    assert done.told[1].failures == ()
    assert verify_output(out, None) == []


def test_without_dask_the_workers_are_threads_and_that_is_said(
    bids: Path, in_chunks: tuple[Path, list[RunReport]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)  # as where it is not installed
    assert not has_dask()
    out = tmp_path / "out"
    shutil.copytree(in_chunks[0], out)
    (remark,) = run(bids, out, workers=2).remarks
    assert "pip install 'afterglow[cluster]'" in remark
    assert "2 threads" in remark
    with pytest.raises(MissingInput, match=r"pip install 'afterglow\[cluster\]'"):
        run(bids, out, scheduler="tcp://127.0.0.1:1")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("participant", "--chunk", "0/4"), "0/4"),
        (("participant", "--chunk", "x"), "i/N"),
        (("participant", "--workers", "0"), "--workers"),
        (("participant", "--workers", "2", "--scheduler", "tcp://127.0.0.1:1"), "--workers"),
        (("group", "--workers", "2"), "--workers"),
        (("group", "--scheduler", "tcp://127.0.0.1:1"), "--scheduler"),
        (("group", "--chunk", "1/2"), "--chunk"),
    ],
)
def test_wrong_usage_is_told(options: tuple[str, ...], word: str, bids: Path, tmp_path: Path) -> None:
    done = afterglow("run", str(bids), str(tmp_path / "out"), *options, "--method", METHOD)
    assert done.returncode == 2
    assert word in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("address", ["here", "tcp://localhost", "http://localhost:80", "8786"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(BadInput, match="tcp://HOST:PORT"), scheduler_workers(address):
        pass


@pytest.mark.slow
def test_a_scheduler_that_nobody_answers_for_is_one_sentence(bids: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(MissingInput, match="no dask scheduler answers there within 10 s") as caught:
        run(bids, tmp_path / "out", scheduler="tcp://127.0.0.1:9")
    assert time.monotonic() - began < 30
    assert "\n" not in str(caught.value)


def toy(job: int) -> int:
    """1 is an error nobody foresaw, 2 kills its process, all others are doubled."""
    if job == 1:
        raise KeyError("nobody foresaw this")
    if job == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * job


def test_in_turn_an_error_becomes_words() -> None:
    done = dict(in_turn(toy, [0, 1, 3]))
    assert (done[0], done[2]) == (0, 6)
    assert isinstance(done[1], Broken)
    assert "KeyError ('nobody foresaw this')" in done[1].sentence


class SlowToStart:
    """A cluster and its client in one, of whose processes so many start in time."""

    def __init__(self, there: int) -> None:
        self.there, self.asked = there, 0

    def scale(self, n: int) -> None:
        self.asked += 1

    def wait_for_workers(self, n: int, timeout: float) -> None:
        if self.there < n:
            raise TimeoutError

    def nthreads(self) -> dict[str, int]:
        return {f"worker {n}": 1 for n in range(self.there)}


def test_processes_that_do_not_start_are_not_waited_for_for_ever() -> None:
    from afterglow.flows.engine import _wait_for_some

    for there, asked in ((2, 1), (1, 1)):
        some = SlowToStart(there)
        _wait_for_some(some, some, 2)
        assert some.asked == asked, "one of two is enough to begin"
    nobody = SlowToStart(0)
    with pytest.raises(Stopped, match="none of 2 processes has started within 300 s"):
        _wait_for_some(nobody, nobody, 2)
    assert nobody.asked == 5, "they were asked for again"


@pytest.mark.slow
def test_whole_courses_too_give_the_same_bytes_side_by_side(tmp_path: Path) -> None:
    bids = cohort_in(tmp_path, ("01", "02"), (), ("01", "02"))
    trees = []
    for workers in ("1", "2"):
        out = tmp_path / f"out{workers}"
        subprocess.run(command(bids, out, "--workers", workers), check=True, capture_output=True)
        trees.append(tree(out))
    assert trees[0] == trees[1]
    calls = (tmp_path / "out2" / "verdicts.tsv").read_text().splitlines()[1:]
    assert {line.split("\t")[0] for line in calls} == {"sub-01", "sub-02"}


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL on Windows")
def test_a_process_that_dies_costs_its_own_task_alone_here_and_on_a_scheduler() -> None:
    twin = importlib.import_module(__name__).toy  # by its name, as another process finds it
    with local_workers(2) as workers:
        for _ in ("local", "by address"):
            done = dict(side_by_side(twin, [3, 1, 4, 2, 5, 6, 7, 8], workers))
            assert {n: one for n, one in done.items() if n not in (1, 3)} == {0: 6, 2: 8, 4: 10, 5: 12, 6: 14, 7: 16}
            assert "KeyError" in done[1].sentence
            assert "died each time" in done[3].sentence
        with scheduler_workers(workers.client.scheduler_info()["address"]) as reached:
            assert dict(side_by_side(twin, [3, 1, 4], reached))[2] == 8


@pytest.mark.skipif(os.name == "nt", reason="signals of this process")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_in_a_place_where_python_ignores_errors_is_not_lost() -> None:
    class Finalised:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)  # the interrupt comes in here, and Python only prints it

    before = signal.getsignal(signal.SIGINT)
    with _interrupt_kept() as pressed:
        thing = Finalised()
        del thing
        assert pressed.is_set()
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of a process group")
@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_keeps_what_is_finished_and_goes_on(kill: signal.Signals, tmp_path: Path) -> None:
    bids, out = cohort_in(tmp_path, ("01", "02", "03", "04"), ()), tmp_path / "out"
    going = subprocess.Popen(
        command(bids, out, "--workers", "2"), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    exams = out / ".afterglow" / "exams"
    while not list(exams.glob("sub-0?.json")):
        assert going.poll() is None, going.stderr.read()  # type: ignore[union-attr]
        time.sleep(0.05)
    os.killpg(going.pid, kill) if kill is signal.SIGINT else os.kill(going.pid, kill)
    _, words = going.communicate(timeout=120)
    if kill is signal.SIGINT:
        assert going.returncode == 1
        assert words.splitlines()[-1].startswith("afterglow: stopped; what was finished is kept")
        assert "Traceback" not in words, words
        assert verify_output(out, None) == []
    time.sleep(5)
    kept = sorted(path.name for path in exams.glob("sub-0?_ses-01.json"))
    time.sleep(5)
    assert sorted(path.name for path in exams.glob("sub-0?_ses-01.json")) == kept  # nobody went on in the dark
    assert 1 <= len(kept) < 4
    done = run(bids, out)
    assert len(done.reports) == 4
    assert verify_output(out, bids) == []
    assert not list(out.rglob("*.afterglow-tmp"))
