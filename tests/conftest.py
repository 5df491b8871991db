"""What all tests share: where the reference data are, and how patient hypothesis is."""

import gc
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("shared-machine", deadline=None, derandomize=True)
settings.load_profile("shared-machine")

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
# files in the order of their seconds: what takes minutes begins first, so that no process waits for another at the end
LONGEST = (
    "test_recurrence_smoke",
    "test_whole_way",
    "test_course",
    "test_golden_exam",
    "test_many_exams",
    "test_tracks",
    "test_paint_way",
    "test_whole_study",
    "test_bad_input",
    "test_align_template",
    "test_dsc_way",
    "test_dsc_bad_input",
    "test_cohort_groups_means",
    "test_analyse_recurrence",
    "test_real_input",
    "test_predict_door",
    "test_power",
    "test_align_near",
    "test_head_template",
    "test_cohort_diagnosis_probabilities",
)

# files whose tests use one and the same run of a patient (tests/digital.py): one process makes it for all
OF_ONE_RUN = ("tests/doors/test_whole_way.py", "tests/doors/test_course.py", "tests/golden/test_golden_exam.py")


def pytest_configure(config: pytest.Config) -> None:
    """Ctrl-C means something in tests of it, even where the suite was started in the background of a shell, which turns it off."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="Write the golden numbers anew (and say so in CHANGELOG under numbers)."
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; tests marked `shared` need the reference data, which never travel with the repository."""
    rank = {name: n for n, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))
    if SHARED.is_dir():
        return
    absent = pytest.mark.skip(reason=f"the reference data are not at ../shared beside the repository ({SHARED})")
    for item in items:
        if "shared" in item.keywords:
            item.add_marker(absent)


def pytest_collection_finish() -> None:
    """What has been imported stays: statsmodels collects garbage at every Holm, over all that is not set aside."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Whole files to each process, and those that share a run together."""
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return "of one run" if file in OF_ONE_RUN else file

    return Together(config, log) if config.getvalue("dist") == "loadfile" else None
