"""A plan that was delivered, from its RTDOSE and RTPLAN: the clinically right alternative to a computed one."""

from pathlib import Path

from pydicom import dcmread

from afterglow import __version__
from afterglow.io.rt_dose_read import read_dose
from afterglow.io.rt_plan import DeliveredPlan, read_plan_prescription
from afterglow.records.dose import DosePlan
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.maps import Provenance

_NO_SHOTS = "shots are not told by the standard's part of a plan file, so that none are listed"


def read_delivered(
    dose_path: Path, plan_path: Path | None = None, *, frame_uid: str | None = None, prescription_gy: float | None = None
) -> DosePlan:
    """The delivered dose with its prescription: `prescription_gy` where given, else the one target prescription of the RTPLAN.

    The isodose is the prescription over the largest dose. BadInput where the dose belongs to another plan, or the prescription is
    not below the largest dose; MissingInput where neither file nor argument tells it. The rest as `read_dose` says.
    """
    dose = read_dose(dose_path, frame_uid=frame_uid)
    plan = None if plan_path is None else _plan_of(dose_path, plan_path)
    told = prescription_gy if prescription_gy is not None or plan is None else plan.prescription_gy
    if told is None:
        where = "no RTPLAN was given" if plan_path is None else f"{plan_path} tells no single target dose"
        raise MissingInput(f"{dose_path}: the prescribed dose is not known ({where}); say it in Gy")
    largest = float(dose.dose_gy.max())
    if not 0 < told < largest:
        raise BadInput(
            f"{dose_path}: a prescription of {told:g} Gy is not below its largest dose of {largest:.4g} Gy; check both"
        )
    names = [dose_path.name] + ([plan_path.name] if plan_path is not None else [])
    sentence = f"The dose was read as delivered ({' and '.join(names)}), prescribed as {told:g} Gy to the {100 * told / largest:.3g} % isodose."
    made = Provenance("delivered plan", __version__, {"prescription_gy": told}, tuple(names), sentence)
    return DosePlan("delivered", dose, (), told / largest, f"{told:g} Gy", made, (_NO_SHOTS,))


def _plan_of(dose_path: Path, plan_path: Path) -> DeliveredPlan:
    """The plan, which must be the one that the dose refers to where it refers to any."""
    plan = read_plan_prescription(plan_path)
    ds = dcmread(dose_path, stop_before_pixels=True, force=True)
    referred = [str(item.get("ReferencedSOPInstanceUID", "")) for item in ds.get("ReferencedRTPlanSequence") or []]
    if referred and plan.uid not in referred:
        raise BadInput(
            f"{dose_path}: its dose belongs to plan {referred[0]}, but {plan_path} is {plan.uid}; give the plan of this dose"
        )
    return plan
