"""One quantified visit on disk and back: maps, masks, curves and one JSON with everything else.

Reports, the course of a patient and a resumed run read only this.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afterglow.io.atomic import Written
from afterglow.io.derivatives import aif_path, exam_folder, map_path, mask_path
from afterglow.io.images import write_image, write_map, write_mask
from afterglow.io.measurements import measurements_path, read_measurements, write_measurements
from afterglow.io.names import bids_name, label_of
from afterglow.io.nifti import read_image
from afterglow.io.results_bolus import plain_aif, plain_bolus, plain_loop, read_aif, read_bolus, read_loop, write_boluses
from afterglow.io.sidecar import read_json
from afterglow.io.transforms import transform_path, write_transform
from afterglow.io.write import write_json, write_tsv
from afterglow.records.alignment import Alignment, Motion, QualityLine
from afterglow.records.errors import BadInput
from afterglow.records.grid import Grid
from afterglow.records.lesion import Lesion, Reference
from afterglow.records.maps import Aif, ParameterMap, Provenance
from afterglow.records.measurement import Measurement
from afterglow.records.quantity import QUANTITIES
from afterglow.records.result import ExamResult, RegionCurve


@dataclass(frozen=True, eq=False)
class StoredExam:
    """A visit as it lies on disk."""

    result: ExamResult
    measurements: tuple[Measurement, ...]


def exam_json_path(out: Path, subject: str, session: str, beside: str = "") -> Path:
    """perf/sub-01_ses-01_desc-afterglow_exam.json; of a series beside the first one with its space: space-dsc_desc-afterglow."""
    name = bids_name({"sub": subject, "ses": session, "space": beside, "desc": "afterglow"}, "exam", ".json")
    return exam_folder(out, subject, session) / "perf" / name


def write_exam(out: Path, result: ExamResult, measurements: Sequence[Measurement]) -> tuple[Written, ...]:
    """Write everything of one visit below `out`; the JSON that ties it together comes last."""
    written = [
        file
        for one in result.beside
        for file in _write_result(out, one, exam_json_path(out, one.subject, one.session, one.space))
    ]
    written += write_measurements(measurements_path(out, result.subject, result.session), measurements)
    return (*written, *_write_result(out, result, exam_json_path(out, result.subject, result.session)))


def _write_result(out: Path, result: ExamResult, last: Path) -> tuple[Written, ...]:
    written: list[Written] = []
    files: dict[str, object] = {}
    maps = []
    for one in result.maps:
        model = str(one.provenance.settings.get("model") or "none")
        kind = str(one.provenance.settings.get("laid_from") or result.space)
        param = one.quantity.name.replace("_", "")
        path = map_path(out, result.subject, result.session, space=result.space, model=model, param=param, kind=kind)
        written += write_map(one, path, with_status=True)
        maps.append(
            {"quantity": one.quantity.name, "file": _relative(path, out), "standard_error": one.standard_error is not None}
        )
    files["maps"] = maps
    backdrop = (
        exam_folder(out, result.subject, result.session)
        / "anat"
        / bids_name({"sub": result.subject, "ses": result.session, "space": result.space, "desc": "backdrop"}, "T1w", ".nii.gz")
    )
    written += write_image(backdrop, result.backdrop, result.grid, sidecar={"LongName": result.backdrop_name})
    files["backdrop"] = _relative(backdrop, out)
    pictures = []
    for name, picture in result.pictures:
        entities = {"sub": result.subject, "ses": result.session, "space": result.space, "desc": "backdrop"}
        path = backdrop.with_name(bids_name({**entities, "acq": label_of(name)}, "T1w", ".nii.gz"))
        written += write_image(path, picture, result.grid, sidecar={"LongName": name})
        pictures.append({"name": name, "file": _relative(path, out)})
    files["pictures"] = pictures
    regions: list[tuple[str, NDArray[np.bool_]]] = [(f"lesion{lesion.lesion_id}", lesion.mask) for lesion in result.lesions]
    if result.reference is not None:
        regions.append(("reference", result.reference.mask))
    masks = []
    for label, mask in regions:
        path = mask_path(out, result.subject, result.session, space=result.space, label=label)
        written += write_mask(path, mask, result.grid, sidecar={"Type": "ROI" if label == "reference" else "Lesion"})
        masks.append(_relative(path, out))
    files["masks"] = masks
    written += _write_aif(out, result)
    written += [file for one in result.alignments if one.trusted for file in _write_alignment(out, result, one)]
    written.append(write_json(last, {**_plain(result), "files": files}))
    return tuple(written)


def read_exam_result(out: Path, subject: str, session: str) -> StoredExam:
    """The visit that `write_exam` wrote. BadInput where its JSON is not one of this version."""
    result = _read_result(out, exam_json_path(out, subject, session))
    return StoredExam(result, read_measurements(measurements_path(out, subject, session)))


def _read_result(out: Path, path: Path) -> ExamResult:
    content: Mapping[str, Any] = read_json(path)
    try:
        beside = [
            _read_result(out, exam_json_path(out, content["subject"], content["session"], name)) for name in content["beside"]
        ]
        return replace(_rebuild(out, content), beside=tuple(beside))
    except (KeyError, TypeError, IndexError) as error:
        raise BadInput(
            f"{path}: {error!r} is missing or malformed; it was written by another version, run this visit again"
        ) from error


def read_curves(out: Path, subject: str, session: str) -> tuple[Aif | None, tuple[RegionCurve, ...]]:
    """The arterial curve and the mean curves of regions of one visit; opens no image. Nothing where the visit was not written."""
    path = exam_json_path(out, subject, session)
    if not path.is_file():
        return None, ()
    content: Mapping[str, Any] = read_json(path)
    try:
        aif = content["aif"]
        return None if aif is None else read_aif(aif), tuple(_read_curve(c) for c in content["curves"])
    except (KeyError, TypeError, IndexError) as error:
        raise BadInput(
            f"{path}: {error!r} is missing or malformed; it was written by another version, run this visit again"
        ) from error


def _relative(path: Path, out: Path) -> str:
    return path.relative_to(out).as_posix()


def _write_aif(out: Path, result: ExamResult) -> tuple[Written, ...]:
    if result.aif is None:
        return write_boluses(out, result.subject, result.session, result.boluses)
    rows = [{"time_s": float(t), "plasma_mM": float(c)} for t, c in zip(result.aif.times_s, result.aif.plasma_mM, strict=True)]
    words = {"time_s": "Time on the clock of the dynamic series in s", "plasma_mM": "Concentration in plasma in mmol/L"}
    curve = write_tsv(aif_path(out, result.subject, result.session), rows, words)
    return curve + write_boluses(out, result.subject, result.session, result.boluses)


def _write_alignment(out: Path, result: ExamResult, one: Alignment) -> tuple[Written, ...]:
    """The way from a series of the visit to the grid of the maps, for other programs."""
    path = transform_path(out, result.subject, result.session, source=_series_label(one.source), target=result.space)
    return write_transform(path, one)


def _series_label(source: str) -> str:
    """ "ce-gadolinium_T1w" of a file's name as one label: cegadoliniumT1w."""
    parts = [part for part in Path(source).name.partition(".")[0].split("_") if not part.startswith(("sub-", "ses-"))]
    return label_of("".join(parts))


def _plain(result: ExamResult) -> dict[str, object]:
    motion = result.motion
    return {
        "subject": result.subject,
        "session": result.session,
        "day": result.day,
        "method": result.method,
        "shape": list(result.grid.shape),
        "affine": result.grid.affine.tolist(),
        "backdrop_name": result.backdrop_name,
        "space": result.space,
        "beside": [one.space for one in result.beside],
        "panel": list(result.panel),
        "acquired": [list(one) for one in result.acquired],
        "aif": None if result.aif is None else plain_aif(result.aif),
        "boluses": [plain_bolus(b) for b in result.boluses],
        "loops": [plain_loop(one) for one in result.loops],
        "motion": None if motion is None else {name: getattr(motion, name).tolist() for name in _MOTION},
        "alignments": [{**asdict(a), "matrix": a.matrix.tolist()} for a in result.alignments],
        "lesions": [{"lesion_id": v.lesion_id, "outlined": v.outlined, "note": v.note} for v in result.lesions],
        "reference": None if result.reference is None else _reference_fields(result.reference),
        "curves": [_curve(c) for c in result.curves],
        "quality": [asdict(q) for q in result.quality],
        "provenance": [{**_provenance(p)} for p in result.provenance],
        "map_provenance": [_provenance(m.provenance) for m in result.maps],
    }


_MOTION = ("times_s", "translation_mm", "rotation_deg", "displacement_mm", "framewise_mm", "resampled")


def _provenance(p: Provenance) -> dict[str, object]:
    return {
        "step": p.step,
        "version": p.version,
        "settings": dict(p.settings),
        "sources": list(p.sources),
        "sentence": p.sentence,
        "dois": list(p.dois),
    }


def _curve(c: RegionCurve) -> dict[str, object]:
    return {
        "label": c.label,
        "times_s": c.times_s.tolist(),
        "measured_mM": c.measured_mM.tolist(),
        "fitted_mM": None if c.fitted_mM is None else c.fitted_mM.tolist(),
        "model": c.model,
        "n_voxels": c.n_voxels,
        "parameters": [[name, None if np.isnan(value) else value, unit] for name, value, unit in c.parameters],
    }


def _rebuild(out: Path, content: Mapping[str, Any]) -> ExamResult:
    grid = Grid(tuple(content["shape"]), np.array(content["affine"]))
    files, aif = content["files"], content["aif"]
    maps = tuple(
        _map(out, row, grid, _read_provenance(p)) for row, p in zip(files["maps"], content["map_provenance"], strict=True)
    )
    masks = [_load(out, name) > 0 for name in files["masks"]]
    lesions = tuple(
        Lesion(v["lesion_id"], mask, grid, v["outlined"], v["note"]) for v, mask in zip(content["lesions"], masks, strict=False)
    )
    reference = content["reference"]
    return ExamResult(
        subject=content["subject"],
        session=content["session"],
        day=content["day"],
        method=content["method"],
        grid=grid,
        backdrop=_load(out, files["backdrop"]),
        backdrop_name=content["backdrop_name"],
        maps=maps,
        aif=None if aif is None else read_aif(aif),
        motion=None if content["motion"] is None else Motion(**{name: np.array(content["motion"][name]) for name in _MOTION}),
        alignments=tuple(_alignment(a) for a in content["alignments"]),
        lesions=lesions,
        reference=None if reference is None else _reference(masks[-1], grid, reference),
        curves=tuple(_read_curve(c) for c in content["curves"]),
        quality=tuple(QualityLine(**q) for q in content["quality"]),
        provenance=tuple(_read_provenance(p) for p in content["provenance"]),
        space=content["space"],
        boluses=tuple(read_bolus(b) for b in content["boluses"]),
        loops=tuple(read_loop(one) for one in content["loops"]),
        pictures=tuple((p["name"], _load(out, p["file"])) for p in files["pictures"]),
        panel=tuple(content["panel"]),
        acquired=tuple((name, words) for name, words in content["acquired"]),
    )


def _load(out: Path, name: str) -> NDArray[np.float32]:
    return read_image(out / name).load()


def _map(out: Path, row: Mapping[str, Any], grid: Grid, provenance: Provenance) -> ParameterMap:
    name = row["file"]
    stem, _, suffix = name.rpartition("_")
    error = _load(out, f"{stem}_desc-se_{suffix}") if row["standard_error"] else None
    status = _load(out, f"{stem}_desc-status_{suffix}").astype(np.uint8)
    return ParameterMap(QUANTITIES[row["quantity"]], _load(out, name), grid, status, provenance, error)


def _alignment(a: Mapping[str, Any]) -> Alignment:
    quality = tuple((str(name), float(value)) for name, value in a["quality"])
    return Alignment(a["source"], a["target"], np.array(a["matrix"]), quality, a["trusted"], a["remark"])


def _read_curve(c: Mapping[str, Any]) -> RegionCurve:
    fitted = None if c["fitted_mM"] is None else np.array(c["fitted_mM"])
    parameters = tuple((name, float("nan") if value is None else value, unit) for name, value, unit in c["parameters"])
    return RegionCurve(
        c["label"], np.array(c["times_s"]), np.array(c["measured_mM"]), fitted, c["model"], c["n_voxels"], parameters
    )


def _read_provenance(p: Mapping[str, Any]) -> Provenance:
    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in p["settings"].items()}
    return Provenance(p["step"], p["version"], settings, tuple(p["sources"]), p["sentence"], tuple(p["dois"]))


def _reference_fields(reference: Reference) -> dict[str, object]:
    numbers = {name: value if np.isfinite(value) else None for name, value in reference.quality}
    return {"kind": reference.kind, "method": reference.method, "quality": numbers}


def _reference(mask: NDArray[np.bool_], grid: Grid, fields: Mapping[str, Any]) -> Reference:
    quality = tuple((name, float("nan") if value is None else float(value)) for name, value in fields.get("quality", {}).items())
    return Reference(mask, grid, fields["kind"], fields["method"], quality)
