"""One series written as DICOM in the header style of a manufacturer."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from afterglow.io.atomic import Written, write_bytes
from afterglow.io.dicom_nouns import DicomSeries, DicomVisit
from afterglow.records.errors import MissingInput

STYLES = ("siemens", "ge", "philips", "enhanced")


def write_dicom_series(series: DicomSeries, visit: DicomVisit, folder: Path, style: str) -> tuple[Written, ...]:
    """Write the files of one series into `folder` as 00001.dcm, 00002.dcm … in the order of InstanceNumber.

    `style` is a row of STYLES. ValueError where there is no such style or the grid is skewed; MissingInput without pydicom;
    Unwritable where the folder is. The same series gives the same bytes.
    """
    files, file_bytes = _style(style)
    written = [
        write_bytes(folder / f"{number:05d}.dcm", file_bytes(dataset))
        for number, dataset in enumerate(files(series, visit), start=1)
    ]
    return tuple(written)


def require_pydicom() -> None:
    """MissingInput where pydicom, an extra, is not installed."""
    if importlib.util.find_spec("pydicom") is None:
        raise MissingInput(
            "DICOM is written with pydicom, which is not installed; install it with: pip install 'afterglow[dicom]'"
        )


def _style(style: str) -> tuple[Callable[[DicomSeries, DicomVisit], Iterator[Any]], Callable[[Any], bytes]]:
    """The writer of a style; pydicom is imported no earlier than here."""
    if style not in STYLES:
        raise ValueError(f"there is no DICOM style {style!r}; there are {', '.join(STYLES)}")
    require_pydicom()
    from afterglow.io.dicom_bytes import file_bytes
    from afterglow.io.dicom_enhanced import enhanced_files
    from afterglow.io.dicom_ge import ge_files
    from afterglow.io.dicom_philips import philips_files
    from afterglow.io.dicom_siemens import siemens_files

    styles = {"siemens": siemens_files, "ge": ge_files, "philips": philips_files, "enhanced": enhanced_files}
    return styles[style], file_bytes
