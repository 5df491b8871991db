"""Patients as a model of recurrence reads them: one at a time, or all of a data set as a learning set on disk."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from threadpoolctl import threadpool_limits

from afterglow.align.images import one_itk_thread
from afterglow.flows.keys import versions
from afterglow.flows.learning_brain import holds_average_brain, how_found
from afterglow.flows.learning_checks import check_same_settings, check_whole_set
from afterglow.flows.learning_laid import case_of
from afterglow.flows.learning_visit import VisitBefore, open_before, session_before, spec_of, without_folders
from afterglow.flows.method import Method
from afterglow.flows.method_recurrence import RecurrenceSpec
from afterglow.flows.place import Place
from afterglow.flows.work import Progress, silent
from afterglow.io.bids import Dataset
from afterglow.io.learning import LearningSet, StoredCase, finished_case, read_learning_set, write_case, write_learning_card
from afterglow.io.learning_notice import LearningNotice
from afterglow.io.manifest import fingerprint
from afterglow.records.errors import AfterglowError, MissingInput, Unwritable
from afterglow.records.recurrence import Channel, LearningCase, Splits
from afterglow.recurrence.splits import k_fold_splits, temporal_splits
from afterglow.simulate.template import NOTICE


def learning_case(
    place: Place,
    subject: str,
    method: Method,
    *,
    session: str | None = None,
    channels: Sequence[Channel] | None = None,
    label_needed: bool = False,
    maps_needed: bool = False,
    progress: Progress = silent,
) -> LearningCase:
    """One patient from the data set and the finished run in OUT.

    `session` None: the last visit before the treatment that the method names. `channels` None: all of the method. A patient whose outcome
    is not known has label None, and one whose visit has no series to make a map from lacks that channel, unless they are needed.
    A stated error, in one sentence, where the patient cannot be used.
    """
    spec = spec_of(method)
    before = session_before(place, subject, spec) if session is None else session
    visit = open_before(place, subject, before, method, spec.channels if channels is None else channels, maps_needed=maps_needed)
    with threadpool_limits(limits=1), one_itk_thread():
        return case_of(visit, label_needed=label_needed, progress=progress)


def make_learning_set(place: Place, method: Method, folder: Path, *, workers: int, progress: Progress = silent) -> LearningSet:
    """Every patient of the data set who can be used, below `folder` (MODELS), with splits that are drawn once.

    A patient who cannot be used is left out with a sentence in the data card. A case whose sources and settings are those it was made
    from is not made again. The bytes do not depend on `workers`. BadInput where the set as a whole must not be learnt from.
    """
    spec = spec_of(method)
    check_same_settings(folder, method.name, spec)
    subjects = place.dataset.subjects
    told: list[str] = []

    def make(subject: str) -> StoredCase | str:
        made = _stored(place, subject, method, folder)
        told.append(subject)
        progress(f"learning set: sub-{subject}", len(told), len(subjects))
        return made

    with threadpool_limits(limits=1), one_itk_thread(), ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        found = dict(zip(subjects, pool.map(make, subjects), strict=True))
    cases = [one for one in found.values() if isinstance(one, StoredCase)]
    left_out = {subject: why for subject, why in found.items() if isinstance(why, str)}
    if not cases:
        first = next(iter(left_out.values()), "the data set is empty")
        raise MissingInput(f"{place.dataset.root}: none of {len(subjects)} patients can be learnt from; the first: {first}")
    splits = draw_splits({one.subject: one.recurs is True for one in cases}, place.dataset, spec)
    check_whole_set(cases, splits, spec)
    write_learning_card(
        folder, cases, spec.channels, splits,
        method=method.name, spacing_mm=spec.spacing_mm, left_out=left_out, notice=_notice(cases),
    )  # fmt: skip
    return read_learning_set(folder)


def _notice(cases: Sequence[StoredCase]) -> LearningNotice | None:
    """The notice of the average brain, where a mask was found with it."""
    masks = sorted(f"{one.folder}/brain.nii.gz" for one in cases if holds_average_brain(one.remarks))
    return LearningNotice(NOTICE, tuple(masks)) if masks else None


def _stored(place: Place, subject: str, method: Method, folder: Path) -> StoredCase | str:
    """The case of one patient on disk, or why there is none."""
    spec = spec_of(method)
    try:
        _check_set(place.dataset, subject, spec)
        visit = open_before(place, subject, session_before(place, subject, spec), method, spec.channels, maps_needed=True)
        key = case_key(visit, spec)
        there = finished_case(folder, subject, visit.exam.session, key)
        return write_case(folder, case_of(visit, label_needed=True), spec.channels, key=key) if there is None else there
    except Unwritable:
        raise
    except AfterglowError as error:
        return without_folders(place, str(error))


def _check_set(dataset: Dataset, subject: str, spec: RecurrenceSpec) -> None:
    """Of a temporal split: the patient is in one of the two sets."""
    split = spec.split
    if split.kind != "temporal":
        return
    cell = dataset.participants.get(subject, {}).get(split.column)
    if cell not in (*split.training, *split.test):
        known = " or ".join((*split.training, *split.test))
        raise MissingInput(
            f"sub-{subject}: its {split.column} in participants.tsv is {cell or 'not given'}, and {known} says who trains and is tested"
        )


def case_key(visit: VisitBefore, spec: RecurrenceSpec) -> str:
    """All that a case depends on: another key makes it again."""
    parts = ("space", "spacing_mm", "around_mm", "channel", "label")
    settings = {**spec.model_dump(mode="json", include=set(parts)), "outcomes": list(visit.outcomes), "brain": how_found()}
    return fingerprint(visit.inputs, settings, versions())


def draw_splits(recurs: Mapping[str, bool], dataset: Dataset, spec: RecurrenceSpec) -> Splits:
    """The splits that the method asks for, of these patients."""
    split = spec.split
    if split.kind == "k-fold":
        return k_fold_splits(recurs, folds=split.folds, test_share=split.test_share, seed=split.seed)
    test = [one for one in recurs if dataset.participants[one][split.column] in split.test]
    return temporal_splits(recurs, test, folds=split.folds, seed=split.seed, column=split.column)
