"""When a series was acquired, by the time of day in its sidecar: which series were taken one right after the other."""

import re
from pathlib import Path

from afterglow.io.sidecar import read_sidecar

_CLOCK = re.compile(r"(\d{1,2}):(\d{2}):(\d{2}(?:\.\d+)?)")


def acquired_s(image: Path, root: Path) -> float | None:
    """Seconds since midnight at which an image was acquired (AcquisitionTime, as dcm2niix writes it); None where it is not told.

    BadInput where it is there and no time of day.
    """
    sidecar = read_sidecar(image, root)
    words = sidecar.text("AcquisitionTime")
    if words is None:
        return None
    found = _CLOCK.fullmatch(words.strip())
    hours, minutes, seconds = (float(part) for part in found.groups()) if found else (24.0, 0.0, 0.0)
    if hours >= 24 or minutes >= 60 or seconds >= 61:
        sidecar.refuse("AcquisitionTime", "write the time of day as HH:MM:SS, or leave it out")
    return hours * 3600 + minutes * 60 + seconds
