"""A document as one HTML file: no script, nothing loaded from outside, the same bytes for the same document."""

import base64
import hashlib
import re
import struct
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from afterglow.records.document import Block, Document, Figure, Table, Text

_MEDIA_TYPES = ("image/png", "image/svg+xml")  # both shown as images, where an SVG cannot run anything
_DOI = re.compile(r"10\.\d{4,9}/[-._;()/:<>A-Za-z0-9]+")
_NUMERIC = re.compile(r"\s*|not measured|-?\d+(\.\d+)?(e-?\d+)?( .{1,16})?|-?[\d.e-]+ to -?[\d.e-]+")
_SYMBOLS = {
    "Ktrans": Markup("<i>K</i><sup>trans</sup>"),
    "kep": Markup("<i>k</i><sub>ep</sub>"),
    "ve": Markup("<i>v</i><sub>e</sub>"),
    "vp": Markup("<i>v</i><sub>p</sub>"),
    "Fp": Markup("<i>F</i><sub>p</sub>"),
    "T1": Markup("<i>T</i><sub>1</sub>"),
    "S0": Markup("<i>S</i><sub>0</sub>"),
    "IAUGC60": Markup("IAUGC<sub>60</sub>"),
    "IAUGC90": Markup("IAUGC<sub>90</sub>"),
    "IAUGC120": Markup("IAUGC<sub>120</sub>"),
    "Cpeak": Markup("<i>C</i><sub>peak</sub>"),
    "CBVraw": Markup("CBV<sub>raw</sub>"),
    "µCBVraw": Markup("µCBV<sub>raw</sub>"),
    "CBVq": Markup("CBV<sub>q</sub>"),
    "Tmax": Markup("<i>T</i><sub>max</sub>"),
    "MTIraw": Markup("MTI<sub>raw</sub>"),
    "nMTIraw": Markup("nMTI<sub>raw</sub>"),
    "K2 GE": Markup("<i>K</i><sub>2</sub> GE"),
    "K2 SE": Markup("<i>K</i><sub>2</sub> SE"),
}
_POWER = re.compile(r"\^\(([-+0-9/]+)\)")
_KINDS = {  # how a text is set, and the word in its chip
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
    "quality": "",
    "quality-ok": "ok",
    "quality-note": "note",
    "quality-warning": "warning",
}


def _kind_of(block: Block) -> str:
    match block:
        case Text():
            return "text"
        case Table():
            return "table"
        case Figure():
            return "figure"


def _text_kind(kind: str) -> str:
    if kind not in _KINDS:
        raise ValueError(f"text of unknown kind {kind!r}; known: {', '.join(_KINDS)}")
    return kind


def _chip(kind: str) -> str:
    return _KINDS[kind]


def _data_uri(figure: Figure) -> str:
    if figure.media_type not in _MEDIA_TYPES:
        raise ValueError(f"figure {figure.name!r} is {figure.media_type!r}; a report shows {' or '.join(_MEDIA_TYPES)}")
    return f"data:{figure.media_type};base64,{base64.b64encode(figure.image).decode('ascii')}"


def _size(figure: Figure) -> Markup:
    """Width and height of a PNG on the page, so that text below it does not jump; drawings are made at 1.5 times that."""
    if figure.media_type != "image/png" or len(figure.image) < 24:
        return Markup("")
    wide, high = struct.unpack(">II", figure.image[16:24])
    return Markup(' width="{}" height="{}"').format(round(wide / 1.5), round(high / 1.5))


def _cell(words: str) -> Markup:
    """A cell that is nothing but a symbol is set with its sub- and superscripts."""
    return _SYMBOLS.get(words, _powers(words))


def _powers(words: str) -> Markup:
    """The words, with powers such as "s^(-5/2)" raised; the pattern lets nothing through but digits, signs and slashes."""
    return Markup(_POWER.sub(r"<sup>\1</sup>", str(escape(words))))


def _numeric_columns(table: Table) -> list[bool]:
    """Columns of numbers stand right-aligned, so that digits lie below digits."""
    return [
        any(row[n] for row in table.rows) and all(_NUMERIC.fullmatch(row[n]) for row in table.rows)
        for n in range(len(table.columns))
    ]


def _doi_link(words: str) -> Markup:
    """A link where the text is a DOI, plain text where it is not; nothing is loaded until a reader follows it."""
    doi = words.removeprefix("https://doi.org/").removeprefix("doi:")
    if not _DOI.fullmatch(doi):
        return escape(words)
    return Markup('<a href="https://doi.org/{0}" rel="noreferrer">doi:{0}</a>').format(doi)


def _anchors(document: Document) -> list[str]:
    """One identifier for each section, made of letters, digits and hyphens, no two the same."""
    taken: list[str] = []
    for section in document.sections:
        base = re.sub(r"[^a-z0-9]+", "-", (section.anchor or section.title).lower()).strip("-") or "section"
        anchor, n = base, 2
        while anchor in taken:
            anchor, n = f"{base}-{n}", n + 1
        taken.append(anchor)
    return taken


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("afterglow.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        kind_of=_kind_of, text_kind=_text_kind, chip=_chip, data_uri=_data_uri, size=_size, cell=_cell, doi_link=_doi_link,
        numeric_columns=_numeric_columns, powers=_powers,
    )  # fmt: skip
    return environment


def document_html(document: Document) -> str:
    """One self-contained page (UTF-8). ValueError for a text kind or a picture type that the page cannot set."""
    style = files("afterglow.report").joinpath("templates", "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    template = _environment().get_template("page.html.j2")
    sections = list(zip(_anchors(document), document.sections, strict=True))
    return template.render(document=document, sections=sections, style=Markup(style), policy=policy)
