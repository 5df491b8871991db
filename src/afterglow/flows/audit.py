"""The audit of a file of printed numbers: read it and the tables beside it, recompute every check."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path, PurePosixPath

from afterglow.cohort.audit import audit_check
from afterglow.cohort.audit_forms import checks_of_entry
from afterglow.io.printed import PrintedText, read_printed, read_printed_table
from afterglow.records.errors import AfterglowError, BadInput, MissingInput
from afterglow.records.printed import VERDICTS, AuditFinding, PrintedCheck, PrintedFile, PrintedTable


@dataclass(frozen=True, eq=False)
class Audited:
    """A file and what came of each of its checks."""

    file: PrintedFile
    findings: tuple[AuditFinding, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many checks have each verdict, in the order of VERDICTS."""
        found = Counter(finding.verdict for finding in self.findings)
        return {verdict: found[verdict] for verdict in VERDICTS if found[verdict]}


def shipped_papers() -> tuple[str, ...]:
    """Names of the papers whose printed numbers come with afterglow."""
    return tuple(sorted(path.stem for path in _shipped().glob("*.toml")))


def audit_printed_numbers(what: str | Path, *, data: Path | None = None) -> Audited:
    """A file of checks (JSON, or TOML by the ending of its name), or a paper that comes with afterglow by its name.

    Tables are looked for in `data`, else beside the file, else among those that come with afterglow, which is then said.
    BadInput where the file cannot be read; a single check that cannot be recomputed is a finding.
    """
    path = _path(what)
    text = read_printed(path)
    file = _file(text)
    folder = path.parent if data is None else data
    if not folder.is_dir():
        raise MissingInput(f"{folder}: there is no such folder; name with --data the one that holds the tables")
    return Audited(file, tuple(_audited(check, text, folder) for check in file.checks))


def _shipped() -> Path:
    return Path(str(files("afterglow.published")))


def _path(what: str | Path) -> Path:
    if str(what) in shipped_papers() and not Path(what).is_file():
        return _shipped() / f"{what}.toml"
    if not Path(what).exists():
        raise MissingInput(
            f"{what}: there is no such file; give the path of a file of checks, or one of {', '.join(shipped_papers())}"
        )
    return Path(what)


def _file(text: PrintedText) -> PrintedFile:
    checks = list(text.checks)
    for heading, number, entry in text.entries:
        checks += checks_of_entry(text.path.name, heading, number, entry)
    twice = [name for name, times in Counter(check.id for check in checks).items() if times > 1]
    if twice:
        raise BadInput(f"{text.path}: two checks are named {twice[0]!r}; give each an id of its own")
    head = text.head
    return PrintedFile(text.path.name, head.get("title", ""), head.get("citation", ""), head.get("doi", ""), tuple(checks))


def _audited(check: PrintedCheck, text: PrintedText, folder: Path) -> AuditFinding:
    try:
        tables = _tables(check, folder)
    except AfterglowError as error:
        return AuditFinding(check.id, check.kind, check.title, "not recomputed", {}, (f"Not recomputed: {error}.",))
    lent = [name for name, table in tables.items() if table.comes_with_afterglow]
    notes = [
        f"{name} is not beside the file; the one that comes with afterglow was read"
        for name in lent
        if text.path.parent != _shipped()
    ]
    readings = text.readings or _readings().get(check.seed, ())
    return audit_check(check, tables, readings=readings, notes=notes)


def _tables(check: PrintedCheck, folder: Path) -> Mapping[str, PrintedTable]:
    """The table that a check names, and those of its paper that some kinds look into."""
    named = check.input.get("file")
    names = [named] if isinstance(named, str) else []
    names += [f"seed{check.seed}_{part}.csv" for part in ("cohort", "operating_points") if _looks_into(check)]
    return {name: table for name in names if (table := _table(name, folder, check, needed=name == named)) is not None}


def _looks_into(check: PrintedCheck) -> bool:
    return check.seed.isdigit() and check.kind in ("rate", "consistency")


def _table(name: str, folder: Path, check: PrintedCheck, *, needed: bool) -> PrintedTable | None:
    plain = PurePosixPath(name)
    if plain.is_absolute() or ".." in plain.parts or "\\" in name or "\0" in name:
        raise BadInput(f"{check.where}: check {check.id!r}: {name!r} is no table beside the file; give its name alone")
    if (folder / plain).is_file():
        return read_printed_table(folder / plain)
    if len(plain.parts) == 1 and (_shipped() / plain).is_file():
        return read_printed_table(_shipped() / plain, comes_with_afterglow=True)
    if needed:
        raise MissingInput(
            f"{check.where}: check {check.id!r} reads {name!r}, which is not in {folder}; put it there, or name its folder with --data"
        )
    return None


@lru_cache(maxsize=1)
def _readings() -> dict[str, tuple[str, ...]]:
    """What each paper compares, by its number."""
    texts = [read_printed(_shipped() / f"{name}.toml") for name in shipped_papers()]
    return {text.head["seed"]: text.readings for text in texts if "seed" in text.head}
