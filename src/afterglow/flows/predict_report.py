"""A patient's report written again with what models expect of them."""

from contextlib import suppress
from dataclasses import replace

from afterglow.flows.method import Method
from afterglow.flows.patient import run_patient
from afterglow.flows.place import Place
from afterglow.flows.work import Progress
from afterglow.io.atomic import Written, write_bytes
from afterglow.io.derivatives import report_path
from afterglow.io.integrity import sha256
from afterglow.io.manifest import output_entry, read_entry, record
from afterglow.io.recurrence_maps import RecurrencePlace, read_story
from afterglow.io.write import write_text
from afterglow.records.errors import MissingInput
from afterglow.report.documents import patient_document
from afterglow.report.html import document_html
from afterglow.report.pdf import document_pdf

_TOLD = "prediction"  # setting of a patient's entry: the hash of the section that the page holds


def write_report(
    place: Place, subject: str, story: RecurrencePlace, method: Method, method_text: str, *, progress: Progress
) -> str:
    """The page of a patient whose run is finished, with the section of the prediction; a sentence where there is no such page.

    A page that holds this section already is left as it is; a run that writes the page again leaves the section out.
    """
    entry = read_entry(place.out, f"sub-{subject}")
    section = read_story(story)
    told = sha256(story.story_path) if section is not None else ""
    if entry is not None and entry.settings.get(_TOLD) == told:
        return ""
    if entry is None or section is None:
        return f"sub-{subject}: no report of a run to add the prediction to; its pictures lie in {story.folder.name}/"
    visits = entry.settings.get("visits")
    wanted = [str(one) for one in visits] if isinstance(visits, list | tuple) else []
    patient, failures = run_patient(place, subject, method, method_text, wanted=wanted, workers=1, progress=progress)
    if patient is None:
        raise MissingInput(f"sub-{subject}: its report could not be written again: {'; '.join(failures)}")
    known = [row for row in place.repeatability if row.site == method.site]
    document = patient_document(patient, rules=[one.record() for one in method.rule], repeatability=known, also=(section,))
    page = report_path(place.out, subject)
    written: list[Written] = [write_text(page, document_html(document))]
    with suppress(MissingInput):  # typst is an extra: the page on screen holds the same
        written.append(write_bytes(page.with_suffix(".pdf"), document_pdf(document)))
    fresh = read_entry(place.out, f"sub-{subject}")
    if fresh is not None:
        new = {one.path: one for one in (output_entry(file, place.out) for file in written)}
        outputs = tuple(new.get(one.path, one) for one in fresh.outputs)
        record(place.out, replace(fresh, outputs=outputs, settings={**fresh.settings, _TOLD: told}))
    return ""
