"""A document as one HTML file: no script, nothing loaded from outside, the same bytes for the same document."""

import base64
import hashlib
import re
import struct
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from afterglow.records.document import Document, Figure
from afterglow.report.setting import Run, cell, chip, doi_of, kind_of, media_type, numeric_columns, text_kind, with_powers

_TAGS = {"": Markup("{}"), "i": Markup("<i>{}</i>"), "sub": Markup("<sub>{}</sub>"), "sup": Markup("<sup>{}</sup>")}


def _data_uri(figure: Figure) -> str:
    return f"data:{media_type(figure)};base64,{base64.b64encode(figure.image).decode('ascii')}"


def _size(figure: Figure) -> Markup:
    """Width and height of a PNG on the page, so that text below it does not jump; drawings are made at 1.5 times that."""
    if figure.media_type != "image/png" or len(figure.image) < 24:
        return Markup("")
    wide, high = struct.unpack(">II", figure.image[16:24])
    return Markup(' width="{}" height="{}"').format(round(wide / 1.5), round(high / 1.5))


def _runs(runs: tuple[Run, ...]) -> Markup:
    return Markup("").join(_TAGS[style].format(words) for words, style in runs)


def _cell(words: str) -> Markup:
    return _runs(cell(words))


def _powers(words: str) -> Markup:
    return _runs(with_powers(words))


def _doi_link(words: str) -> Markup:
    """A link where the text is a DOI, plain text where it is not; nothing is loaded until a reader follows it."""
    doi = doi_of(words)
    if doi is None:
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
        kind_of=kind_of, text_kind=text_kind, chip=chip, data_uri=_data_uri, size=_size, cell=_cell, doi_link=_doi_link,
        numeric_columns=numeric_columns, powers=_powers,
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
