"""Visits of one course that were not made alike: what differs is said with every call that compares them."""

from collections.abc import Callable, Sequence

from afterglow.records.result import ExamResult

_LONG_YEARS = 10.0
_YEAR_D = 365.25


def unlike(exams: Sequence[ExamResult]) -> str:
    """A sentence where the visits were not scanned or quantified alike, so that a change may be one of method; else empty."""
    differing = [f"{what} ({', '.join(found)})" for what, found in _ways(exams) if len(set(found)) > 1]
    said = []
    if differing:
        said.append(f"Mind: the visits differ in {_listed(differing)}, and part of the change may come from that.")
    years = (exams[-1].day - exams[0].day) / _YEAR_D
    if years > _LONG_YEARS:
        said.append(f"Mind: the visits lie {years:.0f} years apart; check their days.")
    return " ".join(said)


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _ways(exams: Sequence[ExamResult]) -> list[tuple[str, list[str]]]:
    settings: dict[str, Callable[[ExamResult], str]] = {
        "the correction for leakage": lambda exam: _setting(exam, "leakage", "model"),
        "T1 before contrast": lambda exam: _setting(exam, "t1", "how"),
        "the arterial input": lambda exam: _setting(exam, "aif", "how"),
        "r1 (/mM/s)": lambda exam: _setting(exam, "concentration", "r1_per_mM_s"),
    }
    names = dict.fromkeys(name for exam in exams for name, _ in exam.acquired)
    facts = [(name, [dict(exam.acquired).get(name, "not stated") for exam in exams]) for name in names]
    return [*facts, *((what, [read(exam) for exam in exams]) for what, read in settings.items())]


def _setting(exam: ExamResult, step: str, name: str) -> str:
    return next((str(p.settings[name]) for p in exam.provenance if p.step == step and name in p.settings), "not stated")
