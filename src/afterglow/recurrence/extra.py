"""The optional libraries torch and nnU-Net: whether they are there, and their surroundings while they are called."""

import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from afterglow.records.errors import BadInput, MissingInput, Unwritable

INSTALL = "pip install 'afterglow[recurrence]'"
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_NOTHING_LEFT = 64 * 1024  # bytes
_AUGMENTERS = 12  # processes that prepare batches for a GPU at most, nnU-Net's own default


def need_nnunet() -> None:
    """MissingInput, with the line that installs them, where torch or nnU-Net is absent."""
    try:
        import nnunetv2  # noqa: F401
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingInput(f"models of recurrence need {error.name}, which is not installed: {INSTALL}") from None


def check_device(device: str) -> None:
    """BadInput where torch cannot compute on the device."""
    import torch

    if device not in ("cpu", "cuda"):
        raise BadInput(f"device {device!r}: it is cpu or cuda (the first graphics card)")
    if device == "cuda" and not torch.cuda.is_available():
        raise BadInput(
            f"device cuda: torch {torch.__version__} sees no graphics card here; use cpu, or install a torch with CUDA"
        )


def augmenters(device: str) -> int:
    """Processes that prepare batches: none beside a CPU that trains, most cores beside a graphics card."""
    return 0 if device == "cpu" else max(1, min(_AUGMENTERS, (os.cpu_count() or 2) - 1))


@contextmanager
def nnunet_surroundings(work: Path, processes: int) -> Iterator[None]:
    """nnU-Net takes its folders and its processes from the environment: set while inside, as before afterwards."""
    wanted = {
        "nnUNet_raw": str(work / "raw"),
        "nnUNet_preprocessed": str(work / "preprocessed"),
        "nnUNet_results": str(work / "results"),
        "nnUNet_n_proc_DA": str(processes),
        "nnUNet_compile": "f",  # compiling takes minutes, and weights would depend on the compiler
        "nnUNet_wandb_enabled": "0",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def aloud(told: Callable[[str, int, int], None]) -> Callable[[str, int, int], None]:
    """Progress that reaches the screen of whoever asked, also from inside `quiet`."""
    seen = sys.stdout

    def say(what: str, done: int, of: int) -> None:
        with redirect_stdout(seen):
            told(what, done, of)

    return say


@contextmanager
def full_disk_said(folder: Path) -> Iterator[None]:
    """Unwritable where what fails inside fails because the disk is full; libraries say that in many ways."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        if getattr(error, "errno", None) not in _DISK_FULL and shutil.disk_usage(folder).free > _NOTHING_LEFT:
            raise
        raise Unwritable(
            f"{folder}: the disk is full, and the training stopped; the last checkpoint is kept and it goes on from there: "
            "free some space and train again"
        ) from None


@contextmanager
def quiet() -> Iterator[None]:
    """nnU-Net prints; a room does not."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        yield
