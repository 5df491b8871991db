"""How words are set on any page: symbols with sub- and superscripts, powers, columns of numbers, kinds of text.

A run of text is (words, style), the style one of "", "i", "sub", "sup".
"""

import re

from afterglow.records.document import Block, Figure, Table, Text

Run = tuple[str, str]

KINDS = {  # how a text is set, and the word in its chip
    "plain": "",
    "heading": "",
    "eyebrow": "",
    "caution": "",
    "doi": "",
    "call": "Call",
    "call-progression": "Progression",
    "call-response": "Response",
    "call-no-change": "No change",
    "call-cannot-tell": "Cannot tell",
    "call-answer": "Answer",
    "quality": "",
    "quality-ok": "ok",
    "quality-note": "note",
    "quality-warning": "warning",
}
MEDIA_TYPES = ("image/png", "image/svg+xml")  # both shown as images, where an SVG cannot run anything
_DOI = re.compile(r"10\.\d{4,9}/[-._;()/:<>A-Za-z0-9]+")
_NUMERIC = re.compile(r"\s*|not measured|-?\d+(\.\d+)?(e-?\d+)?( .{1,16})?|-?[\d.e-]+ to -?[\d.e-]+")
_POWER = re.compile(r"\^\(([-+0-9/]+)\)")
_SYMBOLS: dict[str, tuple[Run, ...]] = {
    "Ktrans": (("K", "i"), ("trans", "sup")),
    "kep": (("k", "i"), ("ep", "sub")),
    "ve": (("v", "i"), ("e", "sub")),
    "vp": (("v", "i"), ("p", "sub")),
    "Fp": (("F", "i"), ("p", "sub")),
    "T1": (("T", "i"), ("1", "sub")),
    "S0": (("S", "i"), ("0", "sub")),
    "IAUGC60": (("IAUGC", ""), ("60", "sub")),
    "IAUGC90": (("IAUGC", ""), ("90", "sub")),
    "IAUGC120": (("IAUGC", ""), ("120", "sub")),
    "Cpeak": (("C", "i"), ("peak", "sub")),
    "CBVraw": (("CBV", ""), ("raw", "sub")),
    "µCBVraw": (("µCBV", ""), ("raw", "sub")),
    "CBVq": (("CBV", ""), ("q", "sub")),
    "Tmax": (("T", "i"), ("max", "sub")),
    "MTIraw": (("MTI", ""), ("raw", "sub")),
    "nMTIraw": (("nMTI", ""), ("raw", "sub")),
    "K2 GE": (("K", "i"), ("2", "sub"), (" GE", "")),
    "K2 SE": (("K", "i"), ("2", "sub"), (" SE", "")),
}


def kind_of(block: Block) -> str:
    """text, table or figure."""
    match block:
        case Text():
            return "text"
        case Table():
            return "table"
        case Figure():
            return "figure"


def text_kind(kind: str) -> str:
    """The kind itself; ValueError where no page knows how to set it."""
    if kind not in KINDS:
        raise ValueError(f"text of unknown kind {kind!r}; known: {', '.join(KINDS)}")
    return kind


def chip(kind: str) -> str:
    """The word in the chip before a text of that kind; empty for none."""
    return KINDS[kind]


def media_type(figure: Figure) -> str:
    """The type of a figure's bytes; ValueError where a page cannot show it."""
    if figure.media_type not in MEDIA_TYPES:
        raise ValueError(f"figure {figure.name!r} is {figure.media_type!r}; a report shows {' or '.join(MEDIA_TYPES)}")
    return figure.media_type


def with_powers(words: str) -> tuple[Run, ...]:
    """The words with powers such as "s^(-5/2)" raised."""
    parts = _POWER.split(words)
    return tuple((part, "sup" if n % 2 else "") for n, part in enumerate(parts) if part)


def cell(words: str) -> tuple[Run, ...]:
    """A cell that is nothing but a symbol is set with its sub- and superscripts."""
    return _SYMBOLS.get(words) or with_powers(words)


def numeric_columns(table: Table) -> list[bool]:
    """Columns of numbers stand right-aligned, so that digits lie below digits."""
    return [
        any(row[n] for row in table.rows) and all(_NUMERIC.fullmatch(row[n]) for row in table.rows)
        for n in range(len(table.columns))
    ]


def doi_of(words: str) -> str | None:
    """The DOI that the words are; None where they are none."""
    doi = words.removeprefix("https://doi.org/").removeprefix("doi:")
    return doi if _DOI.fullmatch(doi) else None
