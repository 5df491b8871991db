"""Tables of the page about the audit: headings, kinds, and what came of the five papers, computed when the docs are built."""

from functools import lru_cache

from reference_tables import doi, table

from afterglow.cohort.audit import KINDS
from afterglow.cohort.audit_forms import FORMS, OF_EVERY_FORM
from afterglow.flows.audit import Audited, audit_printed_numbers, shipped_papers
from afterglow.records.printed import VERDICTS


def audit_forms() -> str:
    """Each heading of a person's file with its keys."""
    parts = []
    for name, form in FORMS.items():
        rows = [(f"`{key}`", words, "yes" if key in form.needs else "no") for key, words in form.inputs.items()]
        rows += [(f"`{key}`", words, "no") for key, (_, words) in form.printed.items()]
        parts += [f"### `[[{name}]]`\n", f"{form.words} Kind: `{form.kind}`.\n", table(("Key", "What", "Needed"), rows)]
    every = ", ".join(f"`{key}` ({words})" for key, words in OF_EVERY_FORM.items())
    return "\n".join([f"Every heading also takes {every}.\n", *parts])


def audit_kinds() -> str:
    """Each kind of the format with what it does."""
    return table(("Kind", "What it recomputes"), [(f"`{kind}`", _first_line(make.__doc__)) for kind, make in KINDS.items()])


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n")[0]


def audit_verdicts() -> str:
    return table(("Verdict", "What it says"), list(VERDICTS.items()))


@lru_cache(maxsize=1)
def _papers() -> tuple[tuple[str, Audited], ...]:
    return tuple((name, audit_printed_numbers(name)) for name in shipped_papers())


def audit_papers() -> str:
    """Every finding of every paper that comes with it."""
    parts = [
        table(("Paper", *VERDICTS), [(f"`{n}`", *(str(found.counts.get(v, 0)) for v in VERDICTS)) for n, found in _papers()])
    ]
    for name, found in _papers():
        file = found.file
        source = f" DOI: {doi(file.doi)}." if file.doi else ""
        rows = [
            (_plain(f"{f.id}: {f.title}" if f.title else f.id), f.verdict, _plain(" ".join(f.sentences))) for f in found.findings
        ]
        parts += [
            f"\n## {name}\n",
            f"{file.title}. {file.citation}.{source}\n",
            table(("Check", "Verdict", "What was found"), rows),
        ]
    return "\n".join(parts)


def _plain(text: str) -> str:
    """Names of columns hold underscores and stars, which Markdown would read as emphasis."""
    return text.replace("\\", "\\\\").replace("_", "\\_").replace("*", "\\*").replace("<", "&lt;").replace("[", "\\[")


FRAGMENTS = {
    "audit-forms": audit_forms, "audit-kinds": audit_kinds, "audit-verdicts": audit_verdicts, "audit-papers": audit_papers,
}  # fmt: skip
