"""A patient's report written again with what models expect of them."""

from afterglow.flows.method import Method
from afterglow.flows.patient import run_patient
from afterglow.flows.place import Place
from afterglow.flows.predict_kept import TOLD, kept_prediction
from afterglow.flows.work import Progress
from afterglow.io.manifest import read_entry
from afterglow.io.recurrence_maps import RecurrencePlace
from afterglow.records.errors import MissingInput


def write_report(
    place: Place, subject: str, story: RecurrencePlace, method: Method, method_text: str, *, progress: Progress
) -> str:
    """The page of a patient whose run is finished, with the section of the prediction; a sentence where the page cannot hold it.

    A page that holds this section already is left as it is.
    """
    entry = read_entry(place.out, f"sub-{subject}")
    if entry is None:
        return f"sub-{subject}: no report of a run to add the prediction to; its pictures lie in {story.folder.name}/"
    kept = kept_prediction(place, subject)
    if not kept.told or entry.settings.get(TOLD) != kept.told:
        visits = entry.settings.get("visits")
        wanted = [str(one) for one in visits] if isinstance(visits, list | tuple) else []
        patient, failures = run_patient(place, subject, method, method_text, wanted=wanted, workers=1, progress=progress)
        if patient is None:
            raise MissingInput(f"sub-{subject}: its report could not be written again: {'; '.join(failures)}")
    return "; ".join(f"sub-{subject}: {one.what}, {one.found}" for one in kept.left_out)
