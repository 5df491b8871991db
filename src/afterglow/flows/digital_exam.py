"""A visit of a digital patient written as BIDS, and its truth beside the data set, never inside it."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from afterglow.io.atomic import Written
from afterglow.io.exam import ROLES
from afterglow.io.images import write_image, write_mask
from afterglow.io.mrs import MrsHeader, write_mrs
from afterglow.io.names import bids_name, label_of, parse_pattern
from afterglow.io.write import write_json, write_text, write_tsv
from afterglow.records.protocol import Diffusion, Epi, Spgr
from afterglow.simulate.series import DigitalExam, DigitalSeries, DigitalSpectra, Outline, TrueLabels, TrueMap

_MORE_ROLES = {"STIR": "anat/*_acq-STIR_T2w"}
_ECHO_CODES = {"gradient": ["GR", "EP"], "spin": ["SE", "EP"]}
_MAKER = "afterglow (simulated)"
_CURVE_WORDS = {
    "time_s": "Time on the clock of the series in s",
    "artery_mM": "Arterial plasma, mmol/L",
    "vein_mM": "Venous plasma, mmol/L",
    "blood_mM": "Arterial blood, mmol/L",
}


def write_exam(exam: DigitalExam, subject: str, bids: Path, truth: Path, *, workers: int = 1) -> tuple[Written, ...]:
    """Raw scans, sidecars and outlines below `bids`, true maps, curves, motion and transforms below `truth`; all files written.

    Series are packed side by side by `workers` threads; the bytes do not depend on it.
    """
    with ThreadPoolExecutor(max_workers=workers) as pool:
        series = list(pool.map(lambda one: _write_series(one, exam, subject, bids), exam.series))
        outlines = list(pool.map(lambda one: _write_outline(one, exam, subject, bids), exam.outlines))
        maps = list(pool.map(lambda one: _write_true_map(one, exam, subject, truth), exam.truth.maps))
    spectra = [] if exam.spectra is None else [_write_spectra(exam.spectra, exam, subject, bids)]
    labels = [] if exam.truth.labels is None else [_write_labels(exam.truth.labels, exam, subject, truth)]
    return tuple(
        one for group in (*series, *outlines, *maps, *spectra, *labels, _write_truth(exam, subject, truth)) for one in group
    )


def _write_series(series: DigitalSeries, exam: DigitalExam, subject: str, bids: Path) -> tuple[Written, ...]:
    pattern = parse_pattern({**ROLES, **_MORE_ROLES}[series.role])
    entities = {"sub": subject, "ses": exam.session, **{k: v for k, v in pattern.entities.items() if v != "*"}}
    if series.role in ("dce", "CE-T1w"):
        entities["ce"] = "gadolinium"
    if series.number:
        entities["flip"] = str(series.number)
    path = bids / f"sub-{subject}" / f"ses-{exam.session}" / pattern.folder / bids_name(entities, pattern.suffix, ".nii.gz")
    if series.role == "b1":
        fields = {"Units": "1", "LongName": "reached over nominal flip angle", "Manufacturer": _MAKER}
        return write_image(path, series.image.values(), series.image.grid, sidecar=fields)
    written = write_image(path, series.image.stored, series.image.grid, times_s=series.times_s, sidecar=_sidecar(series))
    if isinstance(series.protocol, Diffusion):
        b_s_mm2 = series.protocol.b_s_mm2
        rows = [" ".join(f"{b:g}" for b in b_s_mm2), "\n".join(" ".join("0" for _ in b_s_mm2) for _ in range(3))]
        beside = [path.with_name(path.name.replace(".nii.gz", end)) for end in (".bval", ".bvec")]
        written += tuple(write_text(place, text + "\n") for place, text in zip(beside, rows, strict=True))
    return written


def _sidecar(series: DigitalSeries) -> dict[str, object]:
    protocol, timing = series.protocol, series.timing
    fields: dict[str, object] = {"Manufacturer": _MAKER, "SeriesDescription": series.name or series.role}
    match protocol:
        case Spgr():
            fields |= {"RepetitionTimeExcitation": protocol.tr_s, "EchoTime": protocol.te_s, "FlipAngle": protocol.flip_deg}
        case Epi():
            fields |= {"RepetitionTime": protocol.tr_s, "EchoTime": protocol.te_s, "FlipAngle": protocol.flip_deg}
            fields |= {"ScanningSequence": _ECHO_CODES[protocol.echo]}
        case _:
            names = {
                "RepetitionTime": timing.tr_s,
                "EchoTime": timing.te_s,
                "InversionTime": timing.ti_s,
                "FlipAngle": timing.flip_deg,
            }
            fields |= {name: value for name, value in names.items() if value is not None}
    fields["MagneticFieldStrength"] = series.field_t
    if series.slice_times_s:
        fields["SliceTiming"] = list(series.slice_times_s)
    if series.injection is not None:
        fields |= {
            "ContrastBolusIngredient": series.injection.agent,
            "ContrastDose": series.injection.dose_mmol_kg,
            "InjectionRate": series.injection.rate_ml_s,
            "InjectionStart": series.injection.start_s,
        }
    if series.agent is not None:
        fields["Relaxivity"] = series.agent.r1_per_mM_s
    if series.haematocrit is not None:
        fields["Haematocrit"] = series.haematocrit
    return fields


def _write_outline(outline: Outline, exam: DigitalExam, subject: str, bids: Path) -> tuple[Written, ...]:
    folder = bids / "derivatives" / "outlines" / f"sub-{subject}" / f"ses-{exam.session}" / "anat"
    entities = {"sub": subject, "ses": exam.session, "space": outline.space, "label": outline.label}
    fields = {"Type": "ROI", "Author": "afterglow simulate"}
    return write_mask(folder / bids_name(entities, "mask", ".nii.gz"), outline.mask, outline.grid, sidecar=fields)


def _write_spectra(spectra: DigitalSpectra, exam: DigitalExam, subject: str, bids: Path) -> tuple[Written, ...]:
    folder = bids / f"sub-{subject}" / f"ses-{exam.session}" / "mrs"
    entities = {"sub": subject, "ses": exam.session}
    written: tuple[Written, ...] = ()
    for suffix, fids, suppressed in (("mrsi", spectra.fids, True), ("mrsref", spectra.water, False)):
        if fids is None:
            continue
        header = MrsHeader(spectra.dwell_s, spectra.spectrometer_mhz, spectra.te_s, spectra.tr_s, suppressed, spectra.box_mm)
        path = folder / bids_name(entities, suffix, ".nii.gz")
        fields: dict[str, object] = {"Manufacturer": _MAKER}
        if spectra.bandwidth_hz is not None:
            fields["SelectionBandwidth"] = list(spectra.bandwidth_hz)
        written += write_mrs(path, fids, spectra.grid, header, sidecar=fields)
    return written


def _write_true_map(one: TrueMap, exam: DigitalExam, subject: str, truth: Path) -> tuple[Written, ...]:
    entities = {"sub": subject, "ses": exam.session, "space": label_of(one.space), "param": label_of(one.quantity)}
    path = truth / f"sub-{subject}" / f"ses-{exam.session}" / bids_name(entities, "map", ".nii.gz")
    return write_image(path, one.values, one.grid, sidecar={"Quantity": one.quantity, "Units": one.unit, "Space": one.space})


def _write_labels(labels: TrueLabels, exam: DigitalExam, subject: str, truth: Path) -> tuple[Written, ...]:
    folder = truth / f"sub-{subject}" / f"ses-{exam.session}"
    path = folder / bids_name({"sub": subject, "ses": exam.session, "space": label_of(labels.space)}, "dseg", ".nii.gz")
    rows: list[Mapping[str, str | int]] = [{"index": n, "name": name} for n, name in enumerate(labels.names)]
    written = write_image(path, labels.values, labels.grid)
    table = path.with_name(path.name.replace(".nii.gz", ".tsv"))
    return written + write_tsv(table, rows, {"index": "Value in the image", "name": "Tissue with the largest share of the voxel"})


def _write_truth(exam: DigitalExam, subject: str, truth: Path) -> tuple[Written, ...]:
    folder, own = truth / f"sub-{subject}" / f"ses-{exam.session}", exam.truth
    written: list[Written] = []
    for name, columns in own.curves.items():
        rows: Iterable[Mapping[str, float]] = (
            dict(zip(columns, map(float, row), strict=True)) for row in np.column_stack(list(columns.values()))
        )
        path = folder / f"sub-{subject}_ses-{exam.session}_{label_of(name)}.tsv"
        written += write_tsv(path, rows, {column: _CURVE_WORDS[column] for column in columns})
    motion = {
        role: {"translation_mm": m.translation_mm, "rotation_deg": m.rotation_deg, "centre_mm": m.centre_mm}
        for role, m in own.motion.items()
    }
    content = {
        "day": exam.day,
        "values": dict(own.values),
        "scanner_to_body_mm": dict(own.transforms),
        "motion": motion,
        "series": [{"role": s.role, "start_s": s.start_s, "number": s.number, "slope": s.image.slope} for s in exam.series],
    }
    written.append(write_json(folder / f"sub-{subject}_ses-{exam.session}_truth.json", content))
    return tuple(written)
