"""Small BIDS folders for the tests of io: sound by default, each test spoils one thing."""

import gzip
import json
import struct
from pathlib import Path

import numpy as np

from afterglow.io.images import write_image
from afterglow.records.grid import Grid

GRID = Grid((6, 5, 4), np.diag([2.0, 2.0, 3.0, 1.0]))
TIMES_S = np.arange(8) * 5.0
DCE_FIELDS = {
    "FrameTimesStart": TIMES_S.tolist(),
    "RepetitionTimeExcitation": 0.005,
    "EchoTime": 0.002,
    "FlipAngle": 15,
    "MagneticFieldStrength": 3,
    "ContrastBolusIngredient": "GADOLINIUM",
    "ContrastDose": 0.1,
    "InjectionStart": 12.0,
    "InjectionRate": 3,
    "Relaxivity": 4.5,
}


def noise(shape, seed=0):
    return (100 + 10 * np.random.default_rng(seed).normal(size=shape)).astype(np.float32)


def put_image(path, array=None, fields=None, grid=GRID):
    array = noise(grid.shape) if array is None else array
    write_image(path, array, grid)
    if fields is not None:
        put_json(path.with_name(path.name.removesuffix(".nii.gz") + ".json"), fields)
    return path


def put_json(path: Path, fields):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(fields if isinstance(fields, str) else json.dumps(fields))
    return path


def put_text(path: Path, text: str):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def put_exam(root, subject="01", session="01", dce_fields=DCE_FIELDS):
    """One visit with a DCE series, three flip angles and an anatomy; returns the path of the DCE image."""
    folder = root / f"sub-{subject}" / (f"ses-{session}" if session else "")
    stem = f"sub-{subject}" + (f"_ses-{session}" if session else "")
    for n, flip_deg in enumerate((2, 5, 15)):
        fields = {"RepetitionTime": 0.005, "EchoTime": 0.002, "FlipAngle": flip_deg, "MagneticFieldStrength": 3}
        put_image(folder / "anat" / f"{stem}_flip-{n + 1}_VFA.nii.gz", noise(GRID.shape, n), fields)
    put_image(folder / "anat" / f"{stem}_T1w.nii.gz")
    put_image(folder / "anat" / f"{stem}_ce-gadolinium_T1w.nii.gz")
    dynamic = noise((*GRID.shape, TIMES_S.size))
    return put_image(folder / "perf" / f"{stem}_ce-gadolinium_dce.nii.gz", dynamic, dce_fields)


def patched(path: Path, offset: int, fmt: str, *values):
    """Overwrite header fields of a .nii.gz in place, leaving its checksum right."""
    content = bytearray(gzip.decompress(path.read_bytes()))
    struct.pack_into("<" + fmt, content, offset, *values)
    path.write_bytes(gzip.compress(bytes(content), mtime=0))
    return path
