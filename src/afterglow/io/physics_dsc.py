"""Protocol of DSC and of diffusion from sidecars and b-value files: in BIDS units, plausible, or a stated error."""

import math
from pathlib import Path
from typing import Literal

import numpy as np

from afterglow.io.integrity import opened
from afterglow.io.physics import field_t
from afterglow.io.sidecar import Sidecar, applicable
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.protocol import Diffusion, Epi

Echo = Literal["gradient", "spin"]
_SECONDS = "BIDS wants seconds, divide by 1000 if this is milliseconds"
_TOLD_BY = ("PulseSequenceType", "ScanningSequence", "SequenceName", "PulseSequenceDetails", "SequenceVariant")
_SPIN, _GRADIENT = ("spin", "epse", "ep_se", "se-epi", "se_epi"), ("gradient", "epfid", "ep_fid", "ge-epi", "ge_epi")


def epi(sidecar: Sidecar, named: Echo | None) -> Epi:
    """Echo-planar imaging with its echo, TR, TE, flip angle and field.

    `named` is the echo that the file's name or the method says; what the sidecar says of its sequence must agree.
    MissingInput or BadInput name file, field, value and remedy.
    """
    told, field = _told(sidecar)
    if told is not None and named is not None and told != named:
        sidecar.refuse(field, f"that is a {told} echo but the file is named a {named} echo; are the two DSC series swapped?")
    echo = told or named
    if echo is None:
        raise MissingInput(
            f"{sidecar.image}: neither its name (acq-GE, acq-SE) nor its sidecar (ScanningSequence, SequenceName) says whether it is a gradient or a spin echo; add one"
        )
    flip_deg = _needed(sidecar, "FlipAngle", "add it in degrees")
    if not 0.9 <= flip_deg < 180:
        sidecar.refuse("FlipAngle", "BIDS wants the excitation angle in degrees between 1 and 179")
    te_s = _needed(sidecar, "EchoTime", "add it in seconds")
    if not 0.001 <= te_s < 0.5:
        sidecar.refuse("EchoTime", _SECONDS)
    name = "RepetitionTimeExcitation" if "RepetitionTimeExcitation" in sidecar else "RepetitionTime"
    tr_s = _needed(sidecar, name, "add it in seconds")
    if not te_s < tr_s < 30:
        sidecar.refuse(name, f"it must be longer than the echo time of {te_s:g} s and shorter than 30 s; {_SECONDS}")
    return Epi(echo, tr_s, te_s, flip_deg, field_t(sidecar))


def _needed(sidecar: Sidecar, name: str, remedy: str) -> float:
    value = sidecar.number(name)
    if value is None:
        where = f"no JSON sidecar beside or above it gives {name}" if sidecar.is_empty else f"its sidecar gives no {name}"
        raise MissingInput(f"{sidecar.image}: {where}; {remedy}")
    return value


def _told(sidecar: Sidecar) -> tuple[Echo | None, str]:
    """The echo that the sequence's own fields name, and the field that does."""
    for field in _TOLD_BY:
        value = sidecar.fields.get(field)
        words = [str(part).lower() for part in (value if isinstance(value, list) else [value]) if part]
        codes = {code for word in words for code in word.replace("\\", "_").split("_")} if field == "ScanningSequence" else set()
        spin = "se" in codes or any(mark in word for word in words for mark in _SPIN)
        gradient = "gr" in codes or any(mark in word for word in words for mark in _GRADIENT)
        if spin != gradient:
            return ("spin" if spin else "gradient"), field
    return None, ""


def diffusion(sidecar: Sidecar, root: Path, n_frames: int) -> Diffusion:
    """One b-value for each volume, from the .bval file that applies to the image."""
    files = [path for path, _ in applicable(sidecar.image, root, ".bval")]
    if not files:
        raise MissingInput(f"{sidecar.image}: no .bval file beside or above it; add one with a b-value for each volume in s/mm2")
    path = files[-1]
    with opened(path) as stream:
        words = stream.read().decode("utf-8-sig", errors="replace").split()
    try:
        b_s_mm2 = tuple(float(word) for word in words)
    except ValueError:
        raise BadInput(f"{path}: it holds {words[0]!r} and the like, not b-values in s/mm2; convert again from DICOM") from None
    if len(b_s_mm2) != n_frames:
        raise BadInput(
            f"{path}: it has {len(b_s_mm2)} b-values but {sidecar.image.name} has {n_frames} volumes; convert again from DICOM"
        )
    if not all(math.isfinite(b) and 0 <= b <= 20_000 for b in b_s_mm2):
        raise BadInput(f"{path}: b-values of {min(b_s_mm2):g} to {max(b_s_mm2):g} are not in s/mm2; convert again from DICOM")
    if np.ptp(b_s_mm2) < 50:
        raise BadInput(
            f"{path}: all b-values lie within 50 s/mm2, so no diffusion can be measured; is this the diffusion series?"
        )
    return Diffusion(b_s_mm2, sidecar.number("EchoTime"), field_t(sidecar))
