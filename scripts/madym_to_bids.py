"""Madym's in-vivo example (Analyze 7.5, one abdominal tumour) as a BIDS data set that `afterglow run` reads.

    python scripts/madym_to_bids.py MADYM_DIR BIDS_DIR
    afterglow run BIDS_DIR OUT participant --method scripts/methods/body_etofts.toml

MADYM_DIR is examples/test_dataset of github.com/michaelberks/madym_cxx (Apache-2.0). Its traps, each dealt with here:
the header's scale field holds 1.4e-45 and is ignored; time stamps are HHMMSS.ss; TR is in milliseconds; the .xtr files of
the flip angles and of the dynamic series are written in two dialects; Analyze knows no orientation.
"""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from afterglow.io.images import write_image, write_mask
from afterglow.io.write import write_json, write_text, write_tsv
from afterglow.records.grid import Grid

RELAXIVITY_PER_MM_S = 3.4  # Madym's example settings, like the haematocrit
HAEMATOCRIT = 0.42
SOURCE = {"URL": "https://github.com/michaelberks/madym_cxx", "Version": "bec09bfa63c6f20eded7fa94d5f04d5500aba6f4"}
README = """One abdominal tumour, dynamic contrast-enhanced MRI: Madym's example study (Apache-2.0, anonymised), converted by afterglow.

Orientation: Analyze 7.5 files store none. The format's convention for transverse slices was taken (first voxel axis from
right to left, second from back to front, third from foot to head), and the anatomy agrees with it: with it the liver lies on
the patient's right and the spine at the back. Left and right rest on this alone.
Position: the centre of the volume was set to 0, 0, 0 mm; the true position in the scanner is not known.
Times: FrameTimesStart are the clock times of the .xtr files minus that of the first dynamic image.
Relaxivity 3.4 /mM/s and haematocrit 0.42 are the settings of Madym's example, not measurements of this patient. Echo time, field
strength, contrast agent and dose are not recorded.
The lesion's outline is roi/tumour of the example.
"""


@dataclass(frozen=True)
class Extra:
    """What an .xtr file says about one image."""

    clock_s: float
    flip_deg: float
    tr_s: float


def read_extra(path: Path) -> Extra:
    """Either dialect of .xtr: `TimeStamp 123410.14` or `timestamp:<tab>12 32 40.25 123240.25`; TR in ms."""
    found: dict[str, float] = {}
    for line in path.read_text(encoding="ascii").splitlines():
        match = re.fullmatch(r"\s*([A-Za-z ]+?)\s*:?\s+([\d.\s]+)", line)
        if match:
            found[match[1].lower().replace(" ", "")] = float(match[2].split()[-1])
    lacking = {"timestamp", "flipangle", "tr"} - found.keys()
    if lacking:
        raise SystemExit(f"{path}: it gives no {', '.join(sorted(lacking))}; is it Madym's .xtr file?")
    return Extra(_clock_s(found["timestamp"]), found["flipangle"], found["tr"] / 1000)


def _clock_s(stamp: float) -> float:
    """HHMMSS.ss to seconds since midnight."""
    hours, rest = divmod(stamp, 10000)
    minutes, seconds = divmod(rest, 100)
    return 3600 * hours + 60 * minutes + seconds


def read_volume(header_path: Path) -> tuple[NDArray[np.int16 | np.uint8], tuple[float, float, float]]:
    """Stored numbers (i, j, k) of an Analyze pair and its voxel size in mm. The scale field is not applied."""
    with header_path.open("rb") as stream:
        header = nib.AnalyzeHeader.from_fileobj(stream)
    shape = tuple(int(n) for n in header["dim"][1:4])
    stored = np.fromfile(header_path.with_suffix(".img"), dtype=header.get_data_dtype())
    if stored.size != np.prod(shape):
        raise SystemExit(f"{header_path}: it says {shape} voxels but its .img holds {stored.size}")
    a, b, c = (float(v) for v in header["pixdim"][1:4])
    native = stored.astype(stored.dtype.newbyteorder("="))
    return native.reshape(shape, order="F"), (a, b, c)


def grid_of(shape: tuple[int, ...], voxel_mm: tuple[float, float, float]) -> Grid:
    """Right to left, back to front, foot to head, centred on 0: see README."""
    i, j, k = shape
    affine = np.diag([-voxel_mm[0], voxel_mm[1], voxel_mm[2], 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array([i, j, k]) - 1) / 2)
    return Grid((i, j, k), affine)


def numbered(folder: Path, stem: str) -> list[Path]:
    """<stem>_1.hdr, <stem>_2.hdr, … in the order of their numbers."""
    found = sorted(folder.glob(f"{stem}_*.hdr"), key=lambda path: int(path.stem.rpartition("_")[2]))
    if not found:
        raise SystemExit(f"{folder}: no {stem}_<n>.hdr in it; give the folder examples/test_dataset of Madym")
    return found


def write_dynamic(frames: list[Path], visit: Path) -> Grid:
    """The dynamic images as one 4D file with the time of each."""
    extras = [read_extra(path.with_suffix(".xtr")) for path in frames]
    if len({(e.flip_deg, e.tr_s) for e in extras}) != 1:
        raise SystemExit(f"{frames[0].parent}: flip angle or TR changes within the series")
    volumes = [read_volume(path) for path in frames]
    grid = grid_of(volumes[0][0].shape, volumes[0][1])
    fields = {
        "RepetitionTimeExcitation": extras[0].tr_s,
        "FlipAngle": extras[0].flip_deg,
        "Relaxivity": RELAXIVITY_PER_MM_S,
        "Haematocrit": HAEMATOCRIT,
    }
    times_s = np.array([e.clock_s for e in extras]) - extras[0].clock_s
    path = visit / "perf" / "sub-01_ses-01_dce.nii.gz"
    write_image(path, np.stack([voxels for voxels, _ in volumes], axis=-1), grid, times_s=times_s, sidecar=fields)
    return grid


def write_flip_angles(images: list[Path], visit: Path) -> None:
    """One file for each flip angle."""
    for number, path in enumerate(images, start=1):
        extra = read_extra(path.with_suffix(".xtr"))
        voxels, voxel_mm = read_volume(path)
        fields = {"RepetitionTimeExcitation": extra.tr_s, "FlipAngle": extra.flip_deg}
        target = visit / "anat" / f"sub-01_ses-01_flip-{number}_VFA.nii.gz"
        write_image(target, voxels, grid_of(voxels.shape, voxel_mm), sidecar=fields)


def write_tables(bids: Path) -> None:
    """What the data set is, its subject and its visit."""
    about = {"BIDSVersion": "1.11.1", "License": "Apache-2.0", "SourceDatasets": [SOURCE]}
    write_json(bids / "dataset_description.json", {"Name": "Madym example, abdominal tumour", "DatasetType": "raw", **about})
    outlines = {"Name": "Outline of Madym's example", "DatasetType": "derivative", **about, "GeneratedBy": [{"Name": "Madym"}]}
    write_json(bids / "derivatives" / "outlines" / "dataset_description.json", outlines)
    write_text(bids / "README", README)
    write_tsv(
        bids / "participants.tsv",
        [{"participant_id": "sub-01", "diagnosis": "abdominal tumour"}],
        {"participant_id": "Subject", "diagnosis": "As far as the example says"},
    )
    days = {"session_id": "Visit", "day": "Day on the subject's own clock"}
    write_tsv(bids / "sub-01" / "sub-01_sessions.tsv", [{"session_id": "ses-01", "day": 0}], days)


def convert(madym: Path, bids: Path) -> None:
    """The whole study."""
    visit = bids / "sub-01" / "ses-01"
    write_tables(bids)
    grid = write_dynamic(numbered(madym / "dynamic", "dyn"), visit)
    write_flip_angles(numbered(madym / "vfa", "FA"), visit)
    tumour, _ = read_volume(madym / "roi" / "tumour.hdr")
    outline = bids / "derivatives" / "outlines" / "sub-01" / "ses-01" / "perf" / "sub-01_ses-01_label-lesion_mask.nii.gz"
    write_mask(outline, tumour > 0, grid, sidecar={"Type": "ROI", "Author": "Madym's example"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("madym", type=Path, help="folder with dynamic/, vfa/ and roi/")
    parser.add_argument("bids", type=Path, help="BIDS folder to write")
    given = parser.parse_args()
    convert(given.madym, given.bids)
    print(f"{given.bids}: one visit of one subject; afterglow run {given.bids} OUT participant --method METHOD")


if __name__ == "__main__":
    main()
