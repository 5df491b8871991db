"""`afterglow check`: what would run, what is missing, what looks wrong. Computes nothing."""

from dataclasses import asdict, dataclass
from pathlib import Path

from afterglow.flows.begin import dynamic_series
from afterglow.flows.method import Method, load_method
from afterglow.flows.visit import only_tells_what_came, role_patterns
from afterglow.io.bids import Dataset, Session, open_dataset, sessions
from afterglow.io.exam import read_exam
from afterglow.io.outlines import find_outlines
from afterglow.records.errors import AfterglowError


@dataclass(frozen=True)
class VisitCheck:
    """One visit: its series by the method's names, its outlines, and what is wrong."""

    subject: str
    session: str
    series: tuple[str, ...]
    missing: tuple[str, ...]  # series the method could use
    outlines: tuple[str, ...]
    problem: str
    note: str = ""  # why there is nothing to run, and that this is no problem

    def as_dict(self) -> dict[str, object]:
        return asdict(self)

    def sentence(self) -> str:
        """One line for a person."""
        where = f"sub-{self.subject}" + (f" ses-{self.session}" if self.session else "")
        if self.problem:
            return f"{where}: cannot run. {self.problem}"
        if self.note:
            return f"{where}: {self.note}; outlines: {', '.join(self.outlines) or 'none'}"
        missing = f"; without {', '.join(self.missing)}" if self.missing else ""
        return f"{where}: {', '.join(self.series)}{missing}; outlines: {', '.join(self.outlines) or 'none'}"


@dataclass(frozen=True)
class DatasetCheck:
    """All visits."""

    visits: tuple[VisitCheck, ...]

    @property
    def ready(self) -> int:
        return sum(not visit.problem and not visit.note for visit in self.visits)

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(visit.problem for visit in self.visits if visit.problem)


def check_dataset(bids_dir: Path, method_name: str, outlines_dir: Path | None = None) -> DatasetCheck:
    """Look at every visit of a data set with the eyes of a method: headers, sidecars and outlines, no voxels."""
    method, dataset = load_method(method_name), open_dataset(bids_dir)
    found: list[VisitCheck] = []
    for subject in dataset.subjects:
        try:
            visits = sessions(dataset, subject)
        except AfterglowError as error:
            found.append(VisitCheck(subject, "", (), (), (), str(error)))
            continue
        found += [_look(dataset, subject, visit, method, outlines_dir) for visit in visits]
    return DatasetCheck(tuple(found))


def _look(dataset: Dataset, subject: str, visit: Session, method: Method, outlines_dir: Path | None) -> VisitCheck:
    session, note = visit.label, ""
    try:
        exam = read_exam(dataset, subject, session, role_patterns(method))
        if only_tells_what_came(dataset, subject, visit, method):
            note = "tells what came; nothing to run"
        else:
            dynamic_series(exam, method)
        outlines = find_outlines(dataset, subject, session, outlines_dir)
    except AfterglowError as error:
        return VisitCheck(subject, session, (), (), (), str(error))
    have = tuple(name for name, spec in method.series.items() if any(exam.has(role) for role in spec.roles))
    missing = tuple(name for name in method.series if name not in have)
    drawn = tuple(f"{o.label} {o.lesion_id}".strip() for o in outlines)
    return VisitCheck(subject, session, have, missing, drawn, "", note)
