"""Protocol, injection and agent from a sidecar: in BIDS units, plausible, or a stated error. Nothing has a default."""

from typing import NoReturn

from afterglow.io.sidecar import Sidecar
from afterglow.io.timing import SHORTEST_VOLUME_S
from afterglow.records.errors import MissingInput
from afterglow.records.protocol import Agent, Injection, InversionRecovery, Spgr

_SECONDS = "BIDS wants seconds, divide by 1000 if this is milliseconds"


def spgr(sidecar: Sidecar, *, dynamic: bool, frame: int | None = None) -> Spgr:
    """TR, TE, flip angle and field of a spoiled gradient echo.

    TR is RepetitionTimeExcitation, else RepetitionTime unless that is a volume spacing (`dynamic` and 0.1 s or more).
    `frame` picks one of several flip angles of a 4D file. MissingInput or BadInput name file, field, value and remedy.
    """
    flips_deg = sidecar.numbers("FlipAngle")
    if not flips_deg:
        _missing(sidecar, "FlipAngle", "add it in degrees")
    if frame is None and len(flips_deg) != 1:
        sidecar.refuse("FlipAngle", "this series needs a single angle")
    flip_deg = flips_deg[frame or 0]
    if not 0.9 <= flip_deg < 180:
        sidecar.refuse("FlipAngle", "BIDS wants degrees between 1 and 179, convert it if this is in radians")
    tr_s = _excitation_tr_s(sidecar, dynamic)
    te_s = _te_s(sidecar)
    if te_s is not None and te_s >= tr_s:
        sidecar.refuse("EchoTime", f"it must be shorter than the repetition time of {tr_s:g} s; {_SECONDS}")
    return Spgr(tr_s=tr_s, te_s=te_s, flip_deg=flip_deg, field_t=field_t(sidecar))


def _excitation_tr_s(sidecar: Sidecar, dynamic: bool) -> float:
    name = "RepetitionTimeExcitation"
    tr_s = sidecar.number(name)
    if tr_s is None:
        name = "RepetitionTime"
        tr_s = sidecar.number(name)
        if tr_s is None:
            _missing(sidecar, "RepetitionTimeExcitation", "add the time between two excitations in seconds")
        if dynamic and SHORTEST_VOLUME_S <= tr_s < 1.0:
            _missing(
                sidecar,
                "RepetitionTimeExcitation",
                f"add it in seconds; RepetitionTime {tr_s:g} s may be the time between volumes",
            )
    if tr_s >= 1.0:
        unclear = (
            ", or add RepetitionTimeExcitation if this is the time between volumes"
            if name == "RepetitionTime" and dynamic
            else ""
        )
        sidecar.refuse(name, _SECONDS + unclear)
    if tr_s < 5e-4:
        sidecar.refuse(name, "no gradient echo repeats that fast; BIDS wants seconds")
    return tr_s


def _te_s(sidecar: Sidecar) -> float | None:
    te_s = sidecar.number("EchoTime")
    if te_s is not None and te_s >= 0.5:
        sidecar.refuse("EchoTime", _SECONDS)
    if te_s is not None and te_s <= 0:
        sidecar.refuse("EchoTime", "an echo time is positive; convert again from DICOM")
    return te_s


def field_t(sidecar: Sidecar) -> float | None:
    """MagneticFieldStrength in tesla; None where the sidecar is silent."""
    field = sidecar.number("MagneticFieldStrength")
    if field is not None and not 0.01 <= field <= 25:
        sidecar.refuse("MagneticFieldStrength", "BIDS wants tesla, such as 1.5 or 3")
    return field


def inversion_recovery(sidecar: Sidecar, n_frames: int) -> InversionRecovery:
    """Inversion time of each volume, and the time between two inversions (RepetitionTimePreparation or RepetitionTime)."""
    ti_s = sidecar.numbers("InversionTime")
    if not ti_s:
        _missing(sidecar, "InversionTime", "add it in seconds")
    if len(ti_s) != n_frames:
        sidecar.refuse("InversionTime", f"give one for each of the {n_frames} volumes")
    if not all(0 < ti < 20 for ti in ti_s):
        sidecar.refuse("InversionTime", f"each must lie between 0 and 20 s; {_SECONDS}")
    name = "RepetitionTimePreparation" if "RepetitionTimePreparation" in sidecar else "RepetitionTime"
    tr_s = sidecar.number(name)
    if tr_s is None:
        _missing(sidecar, "RepetitionTimePreparation", "add the time between two inversions in seconds")
    if not 0 < tr_s < 60:
        sidecar.refuse(name, _SECONDS)
    return InversionRecovery(ti_s=ti_s, tr_s=tr_s, te_s=_te_s(sidecar), field_t=field_t(sidecar))


def injection(sidecar: Sidecar) -> Injection | None:
    """Agent, dose, start and rate as recorded; None where the sidecar says nothing about contrast."""
    dose_mmol_kg, rate_ml_s = sidecar.number("ContrastDose"), sidecar.number("InjectionRate")
    if dose_mmol_kg is not None and not 0 < dose_mmol_kg <= 1:
        sidecar.refuse("ContrastDose", "it is in mmol per kg body weight, usually 0.1; convert it if this is in mL")
    if rate_ml_s is not None and not 0 < rate_ml_s <= 20:
        sidecar.refuse("InjectionRate", "it is in mL/s, usually 1 to 5")
    said = Injection(sidecar.text("ContrastBolusIngredient"), dose_mmol_kg, sidecar.number("InjectionStart"), rate_ml_s)
    return None if said == Injection(None, None, None, None) else said


def agent(sidecar: Sidecar) -> Agent | None:
    """The agent with the relaxivity (1/(mM s)) that the sidecar gives; None where it gives no relaxivity."""
    r1_per_mM_s = sidecar.number("Relaxivity")
    if r1_per_mM_s is None:
        return None
    if not 0.5 <= r1_per_mM_s <= 100:
        sidecar.refuse("Relaxivity", "it is in 1/(mM s), usually 3 to 10")
    name = sidecar.text("ContrastBolusIngredient") or "contrast agent"
    return Agent(name, r1_per_mM_s, None, f"{sidecar.where('Relaxivity').name}: Relaxivity")


def scanner(sidecar: Sidecar) -> str:
    """Maker and model, "SIEMENS Prisma"; empty where the sidecar names neither."""
    return " ".join(words for name in ("Manufacturer", "ManufacturersModelName") if (words := sidecar.text(name)))


def haematocrit(sidecar: Sidecar) -> float | None:
    """Haematocrit of the subject as a fraction; None where the sidecar is silent."""
    found = sidecar.number("Haematocrit")
    if found is not None and not 0 < found < 1:
        sidecar.refuse("Haematocrit", "it is a fraction such as 0.42; divide by 100 if this is in per cent")
    return found


def _missing(sidecar: Sidecar, name: str, remedy: str) -> NoReturn:
    where = f"no JSON sidecar beside or above it gives {name}" if sidecar.is_empty else f"its sidecar gives no {name}"
    raise MissingInput(f"{sidecar.image}: {where}; {remedy}")
