"""What must hold of a learning set as a whole, before and after its cases are made."""

from collections.abc import Sequence
from pathlib import Path

from afterglow.flows.learning_visit import VisitBefore
from afterglow.flows.method_recurrence import RecurrenceSpec
from afterglow.io.learning import StoredCase, read_learning_set
from afterglow.io.sidecar import read_sidecar
from afterglow.records.errors import BadInput
from afterglow.records.recurrence import LearningCase, Splits
from afterglow.recurrence.checks import check_classes, check_exchanged, check_twins

_SHORT_TE, _LONG_TE = ("CE-T1w", "T1w"), ("FLAIR", "T2w")


def exchanged(case: LearningCase, visit: VisitBefore) -> tuple[str, ...]:
    """Remarks on images that look as if they stood for one another; BadInput where they surely do."""
    names = [one.name for one in visit.channels if not one.quantity]
    echo_times_s = {}
    for name in names:
        path = visit.place.dataset.root / visit.exam.series[name][0].source
        echo_times_s[name] = read_sidecar(path, visit.place.dataset.root).number("EchoTime")
    pairs = [(one, other) for one in names if one in _SHORT_TE for other in names if other in _LONG_TE]
    return tuple(remark for pair in pairs for remark in check_exchanged(case, *pair, echo_times_s))


def check_same_settings(folder: Path, method: str, spec: RecurrenceSpec) -> None:
    """Refuse to make another set over one that is there: models beside it were trained on that one."""
    if not (folder / "data" / "data.json").is_file():
        return
    there = read_learning_set(folder)
    for what, was, now in (
        ("method", there.method, method),
        ("spacing_mm", there.spacing_mm, spec.spacing_mm),
        ("channels", _words(there.channels), _words(spec.channels)),
        ("folds", len(there.splits.folds), spec.split.folds),
        ("seed", there.splits.seed, spec.split.seed),
        ("kind of split", there.splits.kind, spec.split.kind),
    ):
        if was != now:
            raise BadInput(
                f"{there.folder}: this learning set was made with {what} {was}, now {now} is asked for; use another folder"
            )


def _words(channels: Sequence[object]) -> str:
    return "; ".join(str(one) for one in channels)


def check_whole_set(cases: Sequence[StoredCase], splits: Splits, spec: RecurrenceSpec) -> None:
    """Refuse one person under two names, as files or as the voxels that are learnt from, and training patients of one kind."""
    channels = {f"{channel.name}.nii.gz" for channel in spec.channel}
    check_twins({one.subject: _raw(one) | {n: d for n, d in one.files.items() if Path(n).name in channels} for one in cases})
    check_classes({one.subject: one.recurs for one in cases}, [fold.training for fold in splits.folds])


def _raw(case: StoredCase) -> dict[str, str]:
    """The images of the patient as they came, with their hashes."""
    return {
        name: digest
        for name, digest in case.sources.items()
        if name.startswith(f"sub-{case.subject}/") and name.endswith((".nii", ".nii.gz"))
    }
