"""A digital DSC visit written as BIDS: both scans, diffusion, anatomy, outlines; the truth beside it, never inside."""

from pathlib import Path

import numpy as np

from afterglow.io.images import write_image, write_mask
from afterglow.io.names import bids_name
from afterglow.io.write import write_json, write_text, write_tsv
from afterglow.simulate.dsc_signal import Scan
from afterglow.simulate.dsc_visit import DscVisit
from afterglow.simulate.template import NOTICE


def write_dsc_visit(
    visit: DscVisit, bids: Path, truth: Path | None, *, subject: str = "01", session: str = "01", day: float = 0.0
) -> None:
    """Raw scans, sidecars and outlines of one visit below `bids`; true maps below `truth`, where one is given."""
    write_json(
        bids / "dataset_description.json", {"Name": "afterglow digital DSC visit", "BIDSVersion": "1.11.1", "DatasetType": "raw"}
    )
    write_text(bids / "README", f"No real patient.\n\n{NOTICE}\n")
    write_tsv(
        bids / f"sub-{subject}" / f"sub-{subject}_sessions.tsv",
        [{"session_id": f"ses-{session}", "day": day}],
        {"session_id": "Visit", "day": "Day on the subject's own clock"},
    )  # fmt: skip
    entities = {"sub": subject, "ses": session}
    folder, plan = bids / f"sub-{subject}" / f"ses-{session}", visit.plan
    for acq, data, scan, te_s, code in (
        ("SE", visit.se, plan.se, plan.echoes.te_se_s, "SE"),
        ("GE", visit.ge, plan.ge, plan.echoes.te_ge_s, "GR"),
    ):
        path = folder / "perf" / bids_name({**entities, "acq": acq}, "dsc", ".nii.gz")
        sidecar = _sidecar(scan, te_s, [code, "EP"], plan.echoes.field_t)
        write_image(
            path, np.rint(data).astype(np.int16), visit.grid, times_s=np.asarray(scan.times_s, dtype=np.float64), sidecar=sidecar
        )
    dwi = folder / "dwi" / bids_name(entities, "dwi", ".nii.gz")
    write_image(
        dwi,
        np.rint(visit.dwi).astype(np.int16),
        visit.grid,
        sidecar={"EchoTime": 0.08, "MagneticFieldStrength": plan.echoes.field_t},
    )
    write_text(folder / "dwi" / bids_name(entities, "dwi", ".bval"), " ".join(f"{b:g}" for b in plan.b_s_mm2) + "\n")
    for name, image in (({**entities, "ce": "gadolinium"}, visit.t1w), (entities, visit.flair)):
        path = folder / "anat" / bids_name(name, "T1w" if "ce" in name else "FLAIR", ".nii.gz")
        write_image(
            path, np.rint(image).astype(np.int16), visit.anatomy_grid, sidecar={"MagneticFieldStrength": plan.echoes.field_t}
        )
    for label, mask in (("lesion", visit.lesion), ("reference", visit.reference)):
        path = bids / "derivatives" / "outlines" / f"sub-{subject}" / f"ses-{session}" / "anat"
        name_of = bids_name({**entities, "space": "T1w", "label": label}, "mask", ".nii.gz")
        write_mask(path / name_of, mask, visit.anatomy_grid, sidecar={"Type": "ROI", "Author": "afterglow simulate"})
    if truth is not None:
        for label, values in visit.truth.items():
            write_image(truth / bids_name({**entities, "param": label}, "dscmap", ".nii.gz"), values, visit.grid)


def _sidecar(scan: Scan, te_s: float, code: list[str], field_t: float) -> dict[str, object]:
    return {
        "RepetitionTime": scan.tr_s,
        "EchoTime": te_s,
        "FlipAngle": scan.flip_deg,
        "MagneticFieldStrength": field_t,
        "ScanningSequence": code,
        "ContrastBolusIngredient": "gadoterate",
        "ContrastDose": 0.1,
        "InjectionRate": 4.0,
    }
