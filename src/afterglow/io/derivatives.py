"""Names and descriptions of what afterglow writes: a BIDS derivatives tree."""

from pathlib import Path

from afterglow.io.atomic import Written
from afterglow.io.names import bids_name
from afterglow.io.write import write_json, write_text

BIDS_VERSION = "1.11.1"
# What BIDS has no suffix for yet, and what is no imaging data at all.
BIDSIGNORE = (
    "*_dcemap.nii.gz",
    "*_dcemap.json",
    "*_dscmap.nii.gz",
    "*_dscmap.json",
    "*_mrsmap.nii.gz",
    "*_mrsmap.json",
    "*_bolus.tsv",
    "*_bolus.json",
    "*_curves.tsv",
    "*_curves.json",
    "*_aif.tsv",
    "*_aif.json",
    "*_xfm.txt",
    "*_xfm.json",
    "*_patientspace.json",
    "*.html",
    "manifest.json",
    "measurements.*",
    "verdicts.*",
    "dosimetry.*",
    "predictions.*",
    "**/dose/**",
    "**/recurrence/**",
    "*_map.nii.gz",
    "*_map.json",
    "*_lesions.tsv",
    "*_lesions.json",
    "sub-*_events.tsv",
    "sub-*_events.json",
    ".afterglow/",
)


def exam_folder(out: Path, subject: str, session: str) -> Path:
    """Folder of one visit below the output folder; without a session level where the session is ""."""
    return out / f"sub-{subject}" / (f"ses-{session}" if session else "")


def map_path(out: Path, subject: str, session: str, *, space: str, model: str, param: str, kind: str) -> Path:
    """perf/sub-01_ses-01_space-<space>_model-<model>_param-<param>_dcemap.nii.gz; _dscmap of DSC, mrs/…_mrsmap of spectra."""
    entities = {"sub": subject, "ses": session, "space": space, "model": model, "param": param}
    folder = exam_folder(out, subject, session) / ("mrs" if kind == "mrs" else "perf")
    return folder / bids_name(entities, f"{kind}map", ".nii.gz")


def mask_path(out: Path, subject: str, session: str, *, space: str, label: str, desc: str = "") -> Path:
    """anat/sub-01_ses-01_space-<space>_label-<label>_mask.nii.gz; BIDS allows no masks under perf/."""
    entities = {"sub": subject, "ses": session, "space": space, "label": label, "desc": desc}
    return exam_folder(out, subject, session) / "anat" / bids_name(entities, "mask", ".nii.gz")


def aif_path(out: Path, subject: str, session: str) -> Path:
    """perf/sub-01_ses-01_aif.tsv"""
    return exam_folder(out, subject, session) / "perf" / bids_name({"sub": subject, "ses": session}, "aif", ".tsv")


def report_path(out: Path, subject: str, session: str | None = None) -> Path:
    """sub-01.html for a patient, sub-01_ses-01.html for one visit."""
    return out / (f"sub-{subject}" + (f"_ses-{session}" if session else "") + ".html")


def write_description(out: Path, *, source: Path, version: str, method: str, method_doi: str) -> tuple[Written, ...]:
    """dataset_description.json and .bidsignore of the output folder."""
    description = {
        "Name": f"afterglow {method}",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [
            {
                "Name": "afterglow",
                "Version": version,
                "Description": f"method {method}" + (f", https://doi.org/{method_doi}" if method_doi else ""),
            }
        ],
        "SourceDatasets": [{"URL": source.absolute().as_uri()}],
    }
    ignored = write_text(out / ".bidsignore", "\n".join(BIDSIGNORE) + "\n")
    return write_json(out / "dataset_description.json", description), ignored
