"""What makes a visit the same visit: its files, its settings, the versions that computed it."""

import hashlib
import os
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from afterglow import __version__
from afterglow.io.bids import Dataset
from afterglow.io.manifest import FileEntry, input_entry
from afterglow.io.outlines import Outline
from afterglow.io.sidecar import sidecar_files
from afterglow.records.series import Exam

_COMPUTING = ("numpy", "scipy", "SimpleITK", "numba")


def versions() -> dict[str, str]:
    """Versions of afterglow and of the libraries whose numbers a result depends on."""
    return {"afterglow": __version__, **{name.lower(): version(name) for name in _COMPUTING}}


def exam_inputs(dataset: Dataset, exam: Exam, outlines: tuple[Outline, ...], beside: tuple[Path, ...]) -> tuple[FileEntry, ...]:
    """Every file that this visit reads, with its hash: images, their sidecars, outlines, and what lies beside those."""
    images = [dataset.root / one.source for series in exam.series.values() for one in series]
    if exam.spectra is not None:
        images += [dataset.root / name for name in (exam.spectra.source, exam.spectra.water_source) if name]
    images += [dataset.root / source for one in exam.ready_maps for source in one.provenance.sources]
    paths = dict.fromkeys([*images, *(p for image in images for p in sidecar_files(image, dataset.root))])
    entries = [file_entry(path, dataset.root) for path in [*paths, *(outline.path for outline in outlines), *beside]]
    return tuple({entry.path: entry for entry in entries}.values())


def file_entry(path: Path, root: Path) -> FileEntry:
    """A file by its way from the data set's root, up and down again for an outline that lies elsewhere."""
    entry = input_entry(path, path.parent)
    return replace(entry, path=Path(os.path.relpath(path, root)).as_posix())


def exam_settings(method_text: str, day: float, outlines: str) -> dict[str, object]:
    """What else the result depends on: the method file, the day, and the regions that were settled (their SHA-256)."""
    digest = hashlib.sha256(method_text.encode("utf-8")).hexdigest()
    return {"method_sha256": digest, "day": day, "outlines_sha256": outlines}
