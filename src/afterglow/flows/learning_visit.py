"""The visit that a model of recurrence reads: which one it is, its images and outlines, its finished run, and every file with its hash."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from afterglow.flows.keys import file_entry
from afterglow.flows.method import Method
from afterglow.flows.method_recurrence import ANATOMY_ROLES, RecurrenceSpec
from afterglow.flows.place import Place
from afterglow.flows.regions import read_outlines
from afterglow.flows.visit import role_patterns
from afterglow.flows.work import Drawn
from afterglow.io.bids import session_folder, sessions
from afterglow.io.exam import read_exam
from afterglow.io.learning_labels import LabelOutline, find_label_outlines
from afterglow.io.learning_maps import map_files, sidecar_of
from afterglow.io.manifest import FileEntry
from afterglow.io.outlines import files_beside, find_outlines
from afterglow.io.results import exam_json_path
from afterglow.io.sidecar import sidecar_files
from afterglow.io.study import read_outcomes
from afterglow.records.errors import MissingInput
from afterglow.records.recurrence import Channel
from afterglow.records.series import Exam, Series


@dataclass(frozen=True, eq=False)
class VisitBefore:
    """What one patient brings: nothing is resampled yet."""

    place: Place
    method: Method
    exam: Exam
    channels: tuple[Channel, ...]
    drawn: tuple[Drawn, ...]  # lesions and brain
    maps: dict[str, Path]  # quantity -> file of the run
    recurrence: tuple[LabelOutline, ...]  # outlined at this visit
    later: tuple[tuple[str, tuple[LabelOutline, ...]], ...]  # outlined at a later one: session, outlines
    outcomes: tuple[str, ...]
    inputs: tuple[FileEntry, ...]
    absent: tuple[str, ...] = ()  # maps that cannot be made of this visit, in words

    @property
    def spec(self) -> RecurrenceSpec:
        return spec_of(self.method)

    @property
    def where(self) -> str:
        return f"sub-{self.exam.subject}" + (f" ses-{self.exam.session}" if self.exam.session else "")

    @property
    def is_run(self) -> bool:
        """A finished run of the visit lies in the output folder."""
        return exam_json_path(self.place.out, self.exam.subject, self.exam.session).is_file()

    @property
    def anatomy(self) -> Series:
        """The image whose space is the model's."""
        return self.exam.series[self.spec.space][0]


def spec_of(method: Method) -> RecurrenceSpec:
    """[recurrence] of a method. MissingInput where it has none."""
    if method.recurrence is None:
        raise MissingInput(
            f"{method.name}: its file has no [recurrence], so nothing says what a model would read; use yoon2024 or add it"
        )
    return method.recurrence


def without_folders(place: Place, sentence: str) -> str:
    """A sentence that is kept: it says the same on every machine."""
    for folder in (place.outlines_root, place.dataset.root, place.out):
        sentence = sentence.replace(f"{folder}/", "")
    return sentence


def session_before(place: Place, subject: str, spec: RecurrenceSpec) -> str:
    """The last visit on or before the first such treatment. MissingInput where that cannot be told."""
    visits = sessions(place.dataset, subject)
    days = [one.day for one in place.dataset.treatments.get(subject, ()) if one.kind == spec.before]
    if not days and len(visits) > 1:
        raise MissingInput(
            f"sub-{subject}: no {spec.before} is in phenotype/treatments.tsv, so which of its {len(visits)} visits came before it is not known; add it"
        )
    before = [one.label for one in visits if not days or one.day <= min(days)]
    if not before:
        raise MissingInput(
            f"sub-{subject}: no visit lies on or before day {min(days):g} of {spec.before}; a model reads the visit before it"
        )
    return before[-1]


def open_before(
    place: Place, subject: str, session: str, method: Method, channels: Sequence[Channel], *, maps_needed: bool
) -> VisitBefore:
    """Headers, outlines, outcomes and hashes of one visit.

    A stated error where an image is missing, or the visit can be run and has no finished run. A map that the visit has no series for
    is left out, unless it is needed.
    """
    spec = spec_of(method)
    exam = read_exam(place.dataset, subject, session, role_patterns(method))
    maps, absent = _wanted_maps(place, exam, channels, method, needed=maps_needed)
    there = tuple(one for one in channels if not one.quantity or one.quantity in maps)
    outlines = tuple(
        one for one in find_outlines(place.dataset, subject, session, place.outlines_dir) if one.label in ("lesion", "brain")
    )
    drawn = read_outlines(exam, _lead(exam, method), outlines)
    labels = find_label_outlines(place.dataset, subject, session, place.outlines_dir, label=spec.label.outline)
    later = () if labels else _later(place, subject, exam, spec)
    own = [one.path for one in outlines] + [one.path for one in labels]
    own += files_beside(place.dataset, subject, session, place.outlines_dir)
    inputs = _inputs(place, exam, maps, own, later)
    outcomes = tuple(sorted({one.label for one in read_outcomes(place.dataset)[0] if one.participant_id == subject}))
    return VisitBefore(place, method, exam, there, drawn, maps, labels, later, outcomes, inputs, absent)


def _wanted_maps(
    place: Place, exam: Exam, channels: Sequence[Channel], method: Method, *, needed: bool
) -> tuple[dict[str, Path], tuple[str, ...]]:
    """The file of each map that is read, and a sentence for each that is not there; MissingInput where it is needed."""
    where = f"sub-{exam.subject}" + (f" ses-{exam.session}" if exam.session else "")
    for role in (spec_of(method).space, *(one.name for one in channels if not one.quantity)):
        if role not in exam.series:
            raise MissingInput(
                f"{where}: the channel {role} is missing: the visit has no such image; add it, or leave the patient out"
            )
    wanted = [one for one in channels if one.quantity]
    runs = exam_json_path(place.out, exam.subject, exam.session).is_file()
    if not wanted or not (runs or needed or _dynamic(exam, method)):
        return {}, tuple(f"{one.name} is missing: the visit has no series to make it from" for one in wanted)
    made = map_files(place.out, exam.subject, exam.session)
    gone = tuple(
        f"the channel {one.name} is missing: the finished run has no map of {one.quantity}, it has {', '.join(sorted(made))}"
        for one in wanted
        if one.quantity not in made
    )
    if gone and needed:
        raise MissingInput(f"{where}: {gone[0]}")
    return {one.quantity: made[one.quantity] for one in wanted if one.quantity in made}, gone


def _dynamic(exam: Exam, method: Method) -> Series | None:
    """The dynamic series that the method quantifies, where the visit has it."""
    roles = [role for name in method.leads for role in method.series[name].roles]
    return next((exam.series[role][0] for role in roles if role in exam.series), None)


def _lead(exam: Exam, method: Method) -> Series:
    """What outlines can be drawn on beside anatomies: the dynamic series where there is one."""
    return _dynamic(exam, method) or next(iter(exam.series.values()))[0]


def _later(place: Place, subject: str, before: Exam, spec: RecurrenceSpec) -> tuple[tuple[str, tuple[LabelOutline, ...]], ...]:
    """Later visits at which the recurrence is outlined, the earliest first."""
    found = []
    for visit in sessions(place.dataset, subject):
        if visit.day > before.day:
            outlines = find_label_outlines(place.dataset, subject, visit.label, place.outlines_dir, label=spec.label.outline)
            found += [(visit.label, outlines)] if outlines else []
    return tuple(found)


def _inputs(
    place: Place,
    exam: Exam,
    maps: dict[str, Path],
    own: Sequence[Path],
    later: Sequence[tuple[str, tuple[LabelOutline, ...]]],
) -> tuple[FileEntry, ...]:
    """Every file that the case is made from, with its hash; those of the run by their way from its folder."""
    images = [place.dataset.root / one.source for role in ANATOMY_ROLES for one in exam.series.get(role, ())]
    beside = [path for image in images for path in sidecar_files(image, place.dataset.root)]
    paths = [*images, *beside, *own]
    for session, outlines in later[:1]:
        folder = session_folder(place.dataset, exam.subject, session) / "anat"
        paths += [*sorted(folder.glob("*.nii*")), *(one.path for one in outlines)]
    made = [path for one in maps.values() for path in (one, sidecar_of(one))]
    run = exam_json_path(place.out, exam.subject, exam.session)
    made += [run] if run.is_file() else []
    entries = [file_entry(path, place.dataset.root) for path in dict.fromkeys(paths)]
    return (*entries, *(file_entry(path, place.out) for path in made))
