"""A coarse digital patient on disk, simulated once for all tests that go the whole way."""

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from afterglow.flows.digital import write_patient
from afterglow.flows.method import method_text
from afterglow.flows.run import RunReport, run_participants
from afterglow.flows.work import Progress, silent
from afterglow.simulate.patient import DigitalPatient, simulate_patient
from afterglow.simulate.plan import PLANS

METHOD = "ademola2025"


@cache
def patient() -> DigitalPatient:
    """Two visits of a metastasis that turns to necrosis, 4 x 4 x 6 mm, 30 frames of 10 s."""
    return simulate_patient("necrosis", seed=5, plan=PLANS["coarse"], workers=2)


@cache
def pristine() -> Path:
    """Its BIDS folder, to be copied and never changed."""
    root = _folder()
    write_patient(patient(), root / "bids", root / "truth")
    return root / "bids"


@cache
def finished() -> RunReport:
    """The method carried out on it, whole and undisturbed: who changes a file of it puts it back."""
    return run(pristine(), _folder() / "out")


def quick_method(folder: Path, name: str = METHOD) -> str:
    """A shipped method as a file of one's own that registers nothing, which is three quarters of its time; T1 is 1 s where nothing else is said."""
    text = method_text(name)
    for do in ("still", "align"):
        begin = text.index(f'[[step]]\ndo = "{do}"')
        text = text[:begin] + text[text.index("[[step]]", begin + 1) :]
    path = folder / "quick.toml"
    path.write_text(text.replace('"vfa", "inversion", "fixed"', '"fixed"'))
    return str(path)


def begun(folder: Path) -> Path:
    """A copy of that run's output, for a data set that differs from it in a few files: what they do not touch is read back."""
    shutil.copytree(finished().out, folder / "out")
    return folder / "out"


def _folder() -> Path:
    """A folder that goes with the process."""
    root = Path(mkdtemp(prefix="afterglow-digital-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return root


def copy_to(folder: Path, *, visits: tuple[str, ...] = ("01", "02")) -> Path:
    """A BIDS folder of one's own, with these visits."""
    bids = folder / "bids"
    shutil.copytree(pristine(), bids)
    for session in {"01", "02"} - set(visits):
        shutil.rmtree(bids / "sub-01" / f"ses-{session}")
        shutil.rmtree(bids / "derivatives" / "outlines" / "sub-01" / f"ses-{session}")
        table = bids / "sub-01" / "sub-01_sessions.tsv"
        table.write_text(
            "".join(line for line in table.read_text().splitlines(keepends=True) if not line.startswith(f"ses-{session}"))
        )
    return bids


def run(
    bids: Path, out: Path, *, method: str = METHOD, workers: int = 2, progress: Progress = silent, outlines: Path | None = None
) -> RunReport:
    """`afterglow run … participant` in this process."""
    return run_participants(
        bids,
        out,
        method,
        participants=(),
        session_labels=(),
        outlines_dir=outlines,
        workers=workers,
        progress=progress,
        keep_results=True,
    )
