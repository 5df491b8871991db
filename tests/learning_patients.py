"""A small data set of invented patients with a finished run, as a learning set is made from: heads on 5 mm voxels, ve maps on a grid of their own."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from afterglow.flows.method import Method, load_method
from afterglow.flows.place import Place
from afterglow.io.bids import open_dataset
from afterglow.io.images import write_image, write_mask
from afterglow.io.manifest import ManifestEntry, output_entry, record
from afterglow.io.results import write_exam
from afterglow.io.write import write_json, write_text
from afterglow.kernels.types import Status
from afterglow.records.alignment import Alignment
from afterglow.records.grid import Grid
from afterglow.records.maps import ParameterMap, Provenance
from afterglow.records.quantity import QUANTITIES
from afterglow.records.result import ExamResult
from tests.rooms.report_patients import Head, head

SHAPE = (36, 42, 30)
SHIFTS_MM = {"FLAIR": np.array([3.0, -2.0, 1.0]), "dce": np.array([-4.0, 6.0, 2.0])}  # where the head lies in them, from CE-T1w
BACK_MM = np.array([10.0, -52.0, 12.0])  # where the tumour comes back, beside the lesion of report_patients.head
OUTLINES = ("derivatives", "outlines")


@cache
def one_head(seed: int) -> Head:
    return head(SHAPE, 16.0, seed)


def comes_back(grid: Grid) -> NDArray[np.bool_]:
    """A ball of 12 mm, in the coordinates of CE-T1w."""
    places = grid.to_mm(np.stack(np.indices(grid.shape), axis=-1).astype(float))
    inside: NDArray[np.bool_] = np.linalg.norm(places - BACK_MM, axis=-1) < 12.0
    return inside


def shifted(grid: Grid, by_mm: NDArray[np.float64]) -> Grid:
    """The same voxels in coordinates that are displaced."""
    affine = grid.affine.copy()
    affine[:3, 3] += by_mm
    return Grid(grid.shape, affine)


def small_method(**changes: object) -> Method:
    """The shipped method on the images' own coarse voxels, with two folds."""
    method = load_method("yoon2024")
    spec = method.recurrence
    assert spec is not None
    split = spec.split.model_copy(update={"folds": 2})
    update = {"spacing_mm": 5.0, "split": split, **changes}
    return method.model_copy(update={"recurrence": spec.model_copy(update=update)})


def study(root: Path, n: int = 6) -> Place:
    """`n` patients, the tumour of every odd one comes back; the last two are the test set. All outlined on FLAIR before surgery."""
    subjects = [f"{k + 1:02d}" for k in range(n)]
    bids = root / "bids"
    write_json(bids / "dataset_description.json", {"Name": "invented", "BIDSVersion": "1.11.1"})
    sets = ["train"] * (n - 2) + ["test"] * 2
    _table(bids / "participants.tsv", "participant_id\tset", [f"sub-{s}\t{one}" for s, one in zip(subjects, sets, strict=True)])
    said = ["recurrence" if int(s) % 2 else "no recurrence" for s in subjects]
    rows = [f"sub-{s}\tses-post\t1\t{one}\tfollow-up\t200" for s, one in zip(subjects, said, strict=True)]
    _table(bids / "phenotype" / "outcomes.tsv", "participant_id\tsession_id\tlesion_id\tlabel\tbasis\tday", rows)
    _table(bids / "phenotype" / "treatments.tsv", "participant_id\tday\tkind", [f"sub-{s}\t{5}\tsurgery" for s in subjects])
    for s in subjects:
        _patient(bids, s)
        finished_run(root / "out", s)
    return Place(open_dataset(bids), root / "out", None)


def again(place: Place) -> Place:
    """The same folders, their tables read anew."""
    return replace(place, dataset=open_dataset(place.dataset.root))


def _table(path: Path, heading: str, rows: list[str]) -> None:
    write_text(path, "\n".join([heading, *rows]) + "\n")


def image_path(bids: Path, subject: str, name: str, session: str = "pre") -> Path:
    return bids / f"sub-{subject}" / f"ses-{session}" / "anat" / f"sub-{subject}_ses-{session}_{name}.nii.gz"


def outline_path(bids: Path, subject: str, name: str, session: str = "pre") -> Path:
    return (
        bids.joinpath(*OUTLINES)
        / f"sub-{subject}"
        / f"ses-{session}"
        / "anat"
        / f"sub-{subject}_ses-{session}_{name}_mask.nii.gz"
    )


def _patient(bids: Path, subject: str) -> None:
    here = one_head(int(subject))
    _table(bids / f"sub-{subject}" / f"sub-{subject}_sessions.tsv", "session_id\tday", ["ses-pre\t0", "ses-post\t200"])
    write_image(image_path(bids, subject, "ce-gadolinium_T1w"), here.anatomy, here.grid, sidecar={"EchoTime": 0.003})
    flair_grid = shifted(here.grid, SHIFTS_MM["FLAIR"])
    flair = np.where(here.brain, 300.0 + 200.0 * comes_back(here.grid), 20.0) + 0.01 * here.anatomy
    write_image(image_path(bids, subject, "FLAIR"), flair.astype(np.float32), flair_grid, sidecar={"EchoTime": 0.12})
    write_mask(outline_path(bids, subject, "space-T1w_label-lesion"), here.lesion, here.grid)
    write_mask(outline_path(bids, subject, "space-T1w_label-brain"), here.brain, here.grid)
    if int(subject) % 2:
        write_mask(outline_path(bids, subject, "space-FLAIR_label-recurrence"), comes_back(here.grid), flair_grid)
    write_image(image_path(bids, subject, "ce-gadolinium_T1w", "post"), here.anatomy, followed(here.grid))


def followed(grid: Grid) -> Grid:
    """Where the head lies at the follow-up visit: turned by 5 degrees and moved."""
    turn = np.deg2rad(5.0)
    move = np.eye(4)
    move[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    move[:3, 3] = [4.0, -3.0, 6.0]
    return Grid(grid.shape, move @ grid.affine)


def finished_run(
    out: Path, subject: str, *, factor: float = 1.0, session: str = "pre", method: str = "yoon2024", extension: str = ".nii.gz"
) -> None:
    """What a run writes of one visit: a map of ve on the upper 3/4 of the head, and where the images lie against it."""
    here = one_head(int(subject))
    i, j, k = here.grid.shape
    affine = shifted(here.grid, SHIFTS_MM["dce"]).affine.copy()
    affine[:3, 3] += affine[:3, 2] * (k // 4)
    grid = Grid((i, j, k - k // 4), affine)
    rng = np.random.default_rng(int(subject))
    lies = here.brain[:, :, k // 4 :], here.lesion[:, :, k // 4 :], comes_back(here.grid)[:, :, k // 4 :]
    ve = np.clip(0.05 + 0.005 * rng.standard_normal(grid.shape) + 0.3 * lies[1] + 0.2 * lies[2], 0.01, 1.0)
    ve = np.where(lies[0], factor * ve, np.nan).astype(np.float32)
    dce = f"sub-{subject}/ses-{session}/perf/sub-{subject}_ses-{session}_dce.nii.gz"
    made = Provenance("fit", "0.1.0", {"model": "tofts"}, (dce,), "Invented.")
    parameter_map = ParameterMap(QUANTITIES["ve"], ve, grid, np.full(grid.shape, np.uint8(Status.OK)), made)
    anatomies = {"ce-gadolinium_T1w": np.zeros(3), "FLAIR": SHIFTS_MM["FLAIR"]}
    alignments = []
    for name, lies_mm in anatomies.items():
        matrix = np.eye(4)
        matrix[:3, 3] = lies_mm - SHIFTS_MM["dce"]
        source = image_path(Path(), subject, name, session).as_posix().replace(".nii.gz", extension)
        alignments.append(Alignment(source, dce, matrix, (), trusted=True))
    result = ExamResult(
        subject, session, 0.0, method, grid, np.zeros(grid.shape, np.float32), "CE-T1w", (parameter_map,), None, None,
        tuple(alignments), (), None, (), (), (made,), "dce",
    )  # fmt: skip
    outputs = tuple(output_entry(one, out) for one in write_exam(out, result, ()))
    record(out, ManifestEntry(f"sub-{subject}_ses-{session}", "done", method, "x", (), outputs, {}, {}))
