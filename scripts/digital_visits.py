"""Visits of digital patients with the truth about where each series lies; for scripts/measure_course_alignment.py."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from afterglow.io.nifti import read_image
from afterglow.records.grid import Grid

Floats = NDArray[np.floating[Any]]
Seen = tuple[NDArray[np.float32], Grid]

FILES = {
    "T1w": "anat/*_T1w.nii.gz", "CE-T1w": "anat/*_ce-gadolinium_T1w.nii.gz", "FLAIR": "anat/*_FLAIR.nii.gz",
    "T2w": "anat/*[0-9a-z]_T2w.nii.gz", "dwi": "dwi/*_dwi.nii.gz", "dce": "perf/*_dce.nii.gz",
    "dsc-ge": "perf/*_acq-GE_dsc.nii.gz", "dsc-se": "perf/*_acq-SE_dsc.nii.gz",
}  # fmt: skip
SERIES = tuple(FILES)
ONTO = "CE-T1w"
JUDGED = ("grey", "white", "csf", "bone", "marrow", "cord", "disc")
HEADS = ("grey", "white", "csf")
EARLY = slice(3, 8)
MIDDLE_FRAME = 5


@dataclass(frozen=True)
class Visit:
    cohort: Path
    subject: str
    session: str

    @property
    def name(self) -> str:
        return f"{self.cohort.name} sub-{self.subject} ses-{self.session}"

    def _truth(self, ending: str) -> Path:
        folder = self.cohort / "truth" / f"sub-{self.subject}" / f"ses-{self.session}"
        return next(folder.glob(f"*{ending}"))

    def truth(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self._truth("_truth.json").read_text())
        return content

    def to_body(self, role: str) -> Floats:
        return np.array(self.truth()["scanner_to_body_mm"][role])

    def has(self, role: str) -> bool:
        return any(self._files(role))

    def _files(self, role: str) -> Iterator[Path]:
        folder = self.cohort / "bids" / f"sub-{self.subject}" / f"ses-{self.session}"
        plain = (one for one in folder.glob(FILES[role]) if "acq-STIR" not in one.name)
        return (one for one in plain if role != "T1w" or "_ce-" not in one.name)

    def image(self, role: str) -> Seen:
        found = read_image(next(self._files(role)))
        data = found.load()
        if role == "dwi":
            data = data[..., 0] if data.ndim == 4 else data
        return (data[..., EARLY].mean(axis=-1) if data.ndim == 4 else data), found.grid

    def series(self, role: str) -> tuple[NDArray[np.float32], Grid]:
        found = read_image(next(self._files(role)))
        return found.load(), found.grid

    def body_points(self) -> Floats:
        """Points (n, 3) where errors are judged, in the body's own mm."""
        found = read_image(self._truth("_dseg.nii.gz"))
        rows = [line.split("\t") for line in self._truth("_dseg.tsv").read_text().splitlines()[1:]]
        names = {name: int(n) for n, name in rows}
        wanted = HEADS if "grey" in names else JUDGED
        index = np.argwhere(np.isin(found.load(), [names[name] for name in wanted if name in names]))
        points = found.grid.to_mm(index[:: max(1, len(index) // 3_000)].astype(float))
        role = self._truth("_dseg.nii.gz").name.split("space-")[1].split("_")[0].replace("CET1w", "CE-T1w")
        return moved(self.to_body(role), points)


def moved(matrix: Floats, points: Floats) -> Floats:
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3])


def visits_of(cohort: Path) -> list[Visit]:
    folders = sorted((cohort / "bids").glob("sub-*/ses-*"))
    found = [Visit(cohort, one.parent.name[4:], one.name[4:]) for one in folders]
    return [one for one in found if (one.cohort / "truth" / f"sub-{one.subject}" / f"ses-{one.session}").exists()]


def motion_of(visit: Visit, role: str, frame: int) -> Floats:
    """How the head had moved at a frame, in the scanner's mm."""
    motion = visit.truth()["motion"].get(role)
    matrix = np.eye(4)
    if motion is not None:
        centre = np.array(motion["centre_mm"])
        matrix[:3, :3] = Rotation.from_euler("xyz", motion["rotation_deg"][frame], degrees=True).as_matrix()
        matrix[:3, 3] = centre + motion["translation_mm"][frame] - matrix[:3, :3] @ centre
    return matrix


def to_body(visit: Visit, role: str) -> Floats:
    return np.asarray(visit.to_body(role) @ np.linalg.inv(motion_of(visit, role, MIDDLE_FRAME)))


def errors_mm(found: Floats, source_to_body: Floats, target_to_body: Floats, body: Floats) -> Floats:
    """How far a matrix from target to source misses the truth, at points of the body."""
    target = moved(np.linalg.inv(target_to_body), body)
    return np.asarray(np.linalg.norm(moved(found, target) - moved(np.linalg.inv(source_to_body), body), axis=1))
