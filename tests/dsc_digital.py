"""A small digital DSC visit on disk, simulated once for all tests that go the whole way."""

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from afterglow.flows.digital import write_patient
from afterglow.simulate.dsc_visit import DscVisit, DscVisitPlan, simulate_dsc_visit

METHOD = "stadlbauer2025"
PLAN = DscVisitPlan(shape=(44, 54, 8), voxel_mm=(4.5, 4.5, 10.0), motion=0.0, snr0=150.0)


@cache
def visit() -> DscVisit:
    """A glioma with venule-like vessels and a leak, 4.5 x 4.5 x 10 mm, 60 frames for each echo."""
    return simulate_dsc_visit(PLAN, seed=3)


@cache
def pristine() -> Path:
    """Its BIDS folder, to be copied and never changed."""
    root = Path(mkdtemp(prefix="afterglow-dsc-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    write_patient(visit().patient, root / "bids", root / "truth")
    return root / "bids"


def copy_to(folder: Path) -> Path:
    """A BIDS folder of one's own."""
    bids = folder / "bids"
    shutil.copytree(pristine(), bids)
    return bids
