"""Segmentation programs that a user has installed: how each is called, and what comes back, checked.

None comes with afterglow and none is looked for: the path of the executable is given. afterglow downloads nothing. Two of the
programs would fetch weights that are missing; they run with every proxy set to a closed door and model hubs switched off,
which holds for programs that heed these settings and cannot be guaranteed for others.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from afterglow.io.images import write_image
from afterglow.io.nifti import read_image, read_labels
from afterglow.records.errors import BadInput, GridMismatch, MissingInput
from afterglow.records.grid import Grid

Makes = Literal["lesion", "brain", "vertebrae"]
Volumes = Mapping[str, NDArray[np.float32]]  # by role, all on one grid
_CLOSED = "http://127.0.0.1:9"  # the discard port: nothing answers
_OFFLINE = {
    **{name: _CLOSED for stem in ("http", "https", "all") for name in (f"{stem}_proxy", f"{stem.upper()}_PROXY")},
    "no_proxy": "",
    "NO_PROXY": "",
    "HF_HUB_OFFLINE": "1",
}
_TIMEOUT_S = 3600.0
_CHANNELS = {  # names that models give their channels, to roles
    "t1c": "CE-T1w", "t1ce": "CE-T1w", "t1gd": "CE-T1w", "t1wce": "CE-T1w", "cet1w": "CE-T1w", "t1": "T1w", "t1n": "T1w", "t1w": "T1w",
    "t2": "T2w", "t2w": "T2w", "flair": "FLAIR", "t2f": "FLAIR", "t2flair": "FLAIR",
}  # fmt: skip


@dataclass(frozen=True)
class Segmenter:
    """One program: its command line, what it makes, and under which terms.

    Arguments hold {input} and {output} (a file or a folder each), and {model} and {folds} where the program needs a model.
    """

    name: str
    program: str  # the name its makers give the executable
    arguments: tuple[str, ...]
    input: str  # file in the working folder that is written for it
    output: str  # file in the working folder that it writes
    makes: Makes
    licence: str
    fetches: str  # what it would download, in words; empty for nothing
    needs_model: bool = False


_ROWS = (
    Segmenter(
        "nnunet", "nnUNetv2_predict_from_modelfolder", ("-i", "{input}", "-o", "{output}", "-m", "{model}", "-f", "{folds}", "-device", "cpu"),
        "in/case", "out/case.nii.gz", "lesion", "Apache-2.0; the model has terms of its own", "", needs_model=True,
    ),
    Segmenter(
        "hd-bet", "hd-bet", ("-i", "{input}", "-o", "{output}", "-device", "cpu", "--disable_tta", "--save_bet_mask", "--no_bet_image"),
        "in/case.nii.gz", "out/case_bet.nii.gz", "brain", "Apache-2.0", "its parameters, where they are missing",
    ),
    Segmenter(
        "synthstrip", "mri_synthstrip", ("-i", "{input}", "-m", "{output}"),
        "in/case.nii.gz", "out/case.nii.gz", "brain", "that of FreeSurfer", "",
    ),
    Segmenter(
        "totalsegmentator", "TotalSegmentator", ("-i", "{input}", "-o", "{output}", "--task", "total_mr", "--roi_subset", "vertebrae", "--device", "cpu"),
        "in/case.nii.gz", "out/vertebrae.nii.gz", "vertebrae", "Apache-2.0 (task total_mr)",
        "its weights, where they are missing; it also sends usage statistics unless its own settings forbid that",
    ),
)  # fmt: skip
SEGMENTERS: Mapping[str, Segmenter] = {row.name: row for row in _ROWS}


def run_segmenter(
    row: Segmenter, executable: Path, volumes: Volumes, grid: Grid, *, model: Path | None = None, timeout_s: float = _TIMEOUT_S
) -> NDArray[np.int32]:
    """Labels (i, j, k) that an installed program gives the volumes; "CE-T1w" is the one that every program gets.

    MissingInput where the program or its model is not there, BadInput where it fails or writes nothing of use, GridMismatch
    where its answer lies elsewhere.
    """
    if not executable.is_file() or not os.access(executable, os.X_OK):
        raise MissingInput(
            f"{executable}: there is no such program; install {row.program} yourself and give its path (afterglow downloads nothing)"
        )
    if row.needs_model and model is None:
        raise MissingInput(f"{row.name} needs the folder of a trained model; give --model")
    with TemporaryDirectory(prefix="afterglow-segmenter-") as folder:
        work = Path(folder)
        (work / "in").mkdir()
        (work / "out").mkdir()
        command = [str(executable), *_arguments(row, work, volumes, grid, model)]
        _run(row, command, timeout_s)
        return _read(row, work / row.output, grid)


def _arguments(row: Segmenter, work: Path, volumes: Volumes, grid: Grid, model: Path | None) -> list[str]:
    """Write what the program reads, and fill in its command line."""
    words = {"input": str(work / row.input), "output": str(work / row.output)}
    if model is None:
        write_image(work / row.input, volumes["CE-T1w"], grid)
    else:
        for number, role in enumerate(_channels(model)):
            if role not in volumes:
                raise MissingInput(
                    f"{model}: its channel {number} is {role}, and this visit has no such image (there are {', '.join(volumes)})"
                )
            write_image(work / f"{row.input}_{number:04d}.nii.gz", np.nan_to_num(volumes[role]), grid)
        words = {"input": str(work / "in"), "output": str(work / "out"), "model": str(model)}
    if row.name == "hd-bet":
        words["output"] = str(work / "out" / "case.nii.gz")  # it adds _bet to the mask
    if row.name == "totalsegmentator":
        words["output"] = str(work / "out")
    filled = []
    for argument in row.arguments:
        filled += _folds(model) if argument == "{folds}" and model is not None else [argument.format(**words)]
    return filled


def _channels(model: Path) -> list[str]:
    """Roles of a model's channels in their order, from its dataset.json."""
    path = model / "dataset.json"
    if not path.is_file():
        raise MissingInput(
            f"{model}: there is no dataset.json in it; give the folder that holds dataset.json, plans.json and fold_…"
        )
    try:
        named = json.loads(path.read_text(encoding="utf-8"))["channel_names"]
        names = [str(named[key]) for key in sorted(named, key=int)]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path}: its channel_names cannot be read ({error}); give a folder that nnU-Net v2 wrote") from None
    plain = ["".join(c for c in name.lower() if c.isalnum()) for name in names]
    unknown = [name for name, key in zip(names, plain, strict=True) if key not in _CHANNELS]
    if unknown or not names:
        raise BadInput(
            f"{path}: the channel {unknown[0] if unknown else 'list'} names no image known here; rename it to one of {', '.join(sorted(_CHANNELS))}"
        )
    return [_CHANNELS[key] for key in plain]


def _folds(model: Path | None) -> list[str]:
    found = [] if model is None else sorted(path.name.removeprefix("fold_") for path in model.glob("fold_*") if path.is_dir())
    if not found:
        raise MissingInput(f"{model}: there is no fold_… in it; give the folder that holds dataset.json, plans.json and fold_…")
    return [fold for fold in found if fold != "all"] or found


def _run(row: Segmenter, command: list[str], timeout_s: float) -> None:
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **_OFFLINE},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BadInput(
            f"{command[0]}: it did not finish within {timeout_s:g} s; run it by hand and give its mask as an outline"
        ) from None
    except OSError as error:
        raise BadInput(f"{command[0]}: it cannot be run ({error.strerror or error}); give the path of {row.program}") from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        fetch = f"; it may have tried to download {row.fetches}, which is not allowed here" if row.fetches else ""
        raise BadInput(f"{command[0]}: it ended with code {done.returncode} and said: {said[:300]}{fetch}; run it by hand first")


def _read(row: Segmenter, path: Path, grid: Grid) -> NDArray[np.int32]:
    if not path.is_file():
        raise BadInput(f"{row.program}: it ended well but wrote no {path.name}; is it the version this was made for?")
    image = read_image(path)
    if not image.grid.same_as(grid):
        raise GridMismatch(f"{row.program}: its mask lies on {image.grid}, the image on {grid}; it cannot be used")
    labels = read_labels(image)
    if not (labels > 0).any():
        raise BadInput(f"{row.program}: it found nothing on this image; outline the lesion by hand or from a click")
    return labels
