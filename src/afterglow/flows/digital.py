"""A digital patient written as a BIDS data set, and its truth beside it, never inside it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from afterglow import __version__
from afterglow.io.images import write_image, write_mask
from afterglow.io.names import bids_name
from afterglow.io.write import write_json, write_text, write_tsv
from afterglow.records.grid import Grid
from afterglow.simulate.patient import DigitalPatient, DigitalVisit
from afterglow.simulate.template import NOTICE


def write_patient(patient: DigitalPatient, subject: str, bids: Path, truth: Path) -> None:
    """Raw scans, sidecars, tables and outlines of one subject below `bids`; true maps, curves and motion below `truth`."""
    description = {
        "Name": "afterglow digital patients",
        "BIDSVersion": "1.11.1",
        "DatasetType": "raw",
        "License": "CC0 for the simulation; see README",
    }
    write_json(
        bids / "dataset_description.json",
        {**description, "GeneratedBy": [{"Name": "afterglow simulate", "Version": __version__}]},
    )
    write_text(bids / "README", f"{patient.description}\nNo real patient. Seed {patient.seed}.\n\n{NOTICE}\n")
    write_tsv(
        bids / "participants.tsv",
        [{"participant_id": f"sub-{subject}", "diagnosis": "brain metastasis"}],
        {"participant_id": "Subject", "diagnosis": "Simulated disease"},
    )
    days: list[Mapping[str, str | float]] = [{"session_id": f"ses-{v.session}", "day": v.day} for v in patient.visits]
    write_tsv(
        bids / f"sub-{subject}" / f"sub-{subject}_sessions.tsv",
        days,
        {"session_id": "Visit", "day": "Day on the subject's own clock"},
    )
    _write_treatments(patient, subject, bids)
    for visit in patient.visits:
        _write_scans(visit, subject, bids)
        _write_outlines(visit, subject, bids / "derivatives" / "outlines")
        _write_truth(visit, subject, truth)
    write_json(
        truth / f"sub-{subject}.json", {"scenario": patient.scenario.name, "truth": patient.scenario.truth, "seed": patient.seed}
    )


def _write_treatments(patient: DigitalPatient, subject: str, bids: Path) -> None:
    rows: list[Mapping[str, str | float | None]] = [
        {
            "participant_id": f"sub-{subject}",
            "day": t.day,
            "kind": t.kind,
            "dose_gy": t.dose_gy,
            "fractions": t.fractions,
            "target": t.target,
            "agent": t.agent or None,
        }
        for t in patient.treatments
    ]
    words = {
        "participant_id": "Subject",
        "day": "Day",
        "kind": "Treatment",
        "dose_gy": "Dose in Gy",
        "fractions": "Fractions",
        "target": "Target",
        "agent": "Drug",
    }
    write_tsv(bids / "phenotype" / "treatments.tsv", rows, words)


def _name(visit: DigitalVisit, subject: str, suffix: str, **entities: str) -> str:
    return bids_name({"sub": subject, "ses": visit.session, **entities}, suffix, ".nii.gz")


def _write_scans(visit: DigitalVisit, subject: str, bids: Path) -> None:
    folder = bids / f"sub-{subject}" / f"ses-{visit.session}"
    spgr = {
        "RepetitionTimeExcitation": visit.spgr.tr_s,
        "EchoTime": visit.spgr.te_s,
        "MagneticFieldStrength": visit.spgr.field_t,
    }
    contrast = {
        "ContrastBolusIngredient": visit.agent.name,
        "ContrastDose": visit.injection.dose_mmol_kg,
        "InjectionRate": visit.injection.rate_ml_s,
        "InjectionStart": visit.injection.start_s,
        "Relaxivity": visit.agent.r1_per_mM_s,
        "Haematocrit": visit.haematocrit,
    }
    dce = folder / "perf" / _name(visit, subject, "dce", ce="gadolinium")
    write_image(
        dce,
        visit.dce.stored,
        visit.dce.grid,
        times_s=np.array(visit.times_s),
        sidecar={**spgr, "FlipAngle": visit.spgr.flip_deg, **contrast},
    )
    for number, (flip_deg, image) in enumerate(visit.vfa, start=1):
        path = folder / "anat" / _name(visit, subject, "VFA", flip=str(number))
        write_image(path, image.stored, image.grid, sidecar={**spgr, "FlipAngle": flip_deg})
    b1 = folder / "fmap" / _name(visit, subject, "TB1map")
    write_image(
        b1,
        visit.b1.values().astype(np.float32),
        visit.b1.grid,
        sidecar={"Units": "1", "LongName": "reached over nominal flip angle"},
    )
    t1w = folder / "anat" / _name(visit, subject, "T1w", ce="gadolinium")
    write_image(t1w, visit.t1w.stored, visit.t1w.grid, sidecar={"ContrastBolusIngredient": visit.agent.name})


def _write_outlines(visit: DigitalVisit, subject: str, outlines: Path) -> None:
    folder = outlines / f"sub-{subject}" / f"ses-{visit.session}" / "anat"
    for label, mask in (("lesion", visit.lesion_t1w), ("reference", visit.reference_t1w)):
        path = folder / _name(visit, subject, "mask", space="T1w", label=label)
        write_mask(path, mask, visit.t1w.grid, sidecar={"Type": "ROI", "Author": "afterglow simulate"})


def _write_truth(visit: DigitalVisit, subject: str, truth: Path) -> None:
    folder = truth / f"sub-{subject}" / f"ses-{visit.session}"
    for name, values in visit.truth.maps.items():
        _write_map(folder / _name(visit, subject, "dcemap", param=name), values, visit.dce.grid)
    write_mask(folder / _name(visit, subject, "mask", label="lesion"), visit.lesion_dce, visit.dce.grid)
    write_mask(folder / _name(visit, subject, "mask", label="reference"), visit.reference_dce, visit.dce.grid)
    bolus, motion = visit.truth.bolus, visit.truth.motion
    rows = [
        {"time_s": float(t), "artery_mM": float(a), "vein_mM": float(v)}
        for t, a, v in zip(bolus.times_s, bolus.artery_mM, bolus.vein_mM, strict=True)
    ]
    write_tsv(
        folder / "plasma.tsv",
        rows,
        {"time_s": "Time in s", "artery_mM": "Arterial plasma, mmol/L", "vein_mM": "Venous plasma, mmol/L"},
    )
    write_json(
        folder / "motion.json",
        {"translation_mm": motion.translation_mm, "rotation_deg": motion.rotation_deg, "centre_mm": motion.centre_mm},
    )


def _write_map(path: Path, values: NDArray[np.float32], grid: Grid) -> None:
    write_image(path, np.asarray(values, dtype=np.float32), grid)
