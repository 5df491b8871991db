"""A visit of a digital patient written as DICOM, as if it came from a scanner of that make."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from afterglow.io.atomic import Written
from afterglow.io.dicom_nouns import DicomSeries, DicomVisit, ScanTiming
from afterglow.io.dicom_write import write_dicom_series
from afterglow.records.protocol import Injection
from afterglow.simulate.series import DigitalExam, DigitalSeries

EPOCH = datetime(2000, 1, 1, 9, 0, 0)  # day 0 of every digital patient, made up
_SEXES = {"male": "M", "m": "M", "female": "F", "f": "F", "other": "O", "o": "O"}
_DESCRIPTIONS = {
    "dce": "DCE 3D SPGR dynamic",
    "dsc-ge": "DSC GE-EPI",
    "dsc-se": "DSC SE-EPI",
    "dwi": "DWI trace",
    "vfa": "VFA SPGR",
    "b1": "B1 map, reached over nominal flip angle",
    "T1w": "T1w",
    "CE-T1w": "T1w after contrast",
    "T2w": "T2w",
    "FLAIR": "FLAIR",
}


def write_exam_dicom(
    exam: DigitalExam,
    folder: Path,
    style: str,
    *,
    cohort: str,
    subject: str,
    participant: Mapping[str, str | float | None],
    body_part: str,
    told: Mapping[str, ScanTiming] | None = None,
) -> tuple[Written, ...]:
    """Write every imaging series of a visit below folder/sub-…/ses-…/<number>-<role>/; `style` is a row of io.dicom_write.STYLES.

    `cohort` tells this data set from any other (method and seed) and goes into the UIDs; `participant` are the story's columns,
    of which sex, age_years and weight_kg are used: without a weight no volume of contrast agent can be written. `body_part` is
    BRAIN or SPINE. `told` gives, by role, times of sequences whose protocol is silent (anatomy, diffusion); where nobody tells,
    the header is silent too. Spectra are not written. Same input, same bytes.
    """
    visit = DicomVisit(
        cohort, subject, exam.session, EPOCH + timedelta(days=exam.day), body_part,
        sex=_SEXES.get(str(participant.get("sex") or "").lower(), ""),
        age_years=_number(participant, "age_years"),
        weight_kg=_number(participant, "weight_kg"),
    )  # fmt: skip
    place = folder / f"sub-{subject}" / f"ses-{exam.session}"
    written: list[Written] = []
    for number, series in enumerate(exam.series, start=1):
        one = _series(series, number, (told or {}).get(series.role, ScanTiming()))
        written += write_dicom_series(one, visit, place / f"{number:02d}-{series.role}", style)
    return tuple(written)


def _number(participant: Mapping[str, str | float | None], column: str) -> float | None:
    value = participant.get(column)
    return float(value) if isinstance(value, int | float) else None


def _series(series: DigitalSeries, number: int, told: ScanTiming) -> DicomSeries:
    image = series.image
    return DicomSeries(
        number=number,
        role=series.role,
        description=series.name or _DESCRIPTIONS.get(series.role, series.role),
        stored=image.stored,
        slope=image.slope,
        grid=image.grid,
        protocol=series.protocol,
        field_t=series.field_t,
        start_s=series.start_s,
        times_s=series.times_s,
        slice_times_s=series.slice_times_s,
        injection=_injection(series),
        told=told,
    )


def _injection(series: DigitalSeries) -> Injection | None:
    """An anatomical image after contrast knows its agent, though the injection belongs to an earlier series."""
    if series.injection is None and series.role == "CE-T1w":
        return Injection(series.agent.name if series.agent else None, None, None, None)
    return series.injection
