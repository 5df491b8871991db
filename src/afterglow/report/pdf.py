"""A document as a PDF on A4, typeset by the typst wheel: the same bytes for the same document, fonts that come with matplotlib.

No text of a document is ever read as typst markup: all of it goes in as JSON and is set as strings.
"""

import json
import re
import struct
import tempfile
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import matplotlib

from afterglow.records.document import Block, Document, Figure, Table, Text
from afterglow.records.errors import MissingInput
from afterglow.report.calls import DISCLAIMER
from afterglow.report.figures.canvas import DPI, PAGE_INCHES
from afterglow.report.setting import Run, cell, chip, doi_of, kind_of, media_type, numeric_columns, text_kind, with_powers

INSTALL = "pip install 'afterglow[pdf]'"
PAGE_MM = (267.0, 171.0)  # what the margins of the template leave of an A4 sheet lying down
CAPTION_MM = 29.0  # and what a heading and a caption may take of it
LETTER_MM = 1.55  # mean width of a letter in a table
SHORT_LETTERS = 26  # a column of such texts is as wide as they are
WIDEST_LETTERS = 60  # a column of long texts counts as this wide, and breaks its lines
GAP_LETTERS = 2.5  # between two columns
_SUFFIX = {"image/png": "png", "image/svg+xml": "svg"}
_LONG_WORD = re.compile(r"\S{19,}")
_BREAK_AFTER = re.compile(r"(?<=[/_=,;.\-])")
_BREAK_HERE = "\u200b"  # a zero-width space: a file name may go on in the next line


def document_pdf(document: Document) -> bytes:
    """The PDF of a document. MissingInput where the typst wheel is not installed; ValueError as `document_html`."""
    made = _typeset(document, "pdf")
    return made[0]


def document_pages(document: Document, pixels_per_inch: float) -> list[bytes]:
    """Each page of the same PDF as a PNG."""
    return _typeset(document, "png", pixels_per_inch)


def _typeset(document: Document, kind: Any, pixels_per_inch: float | None = None) -> list[bytes]:
    try:
        import typst
    except ImportError as error:
        raise MissingInput(
            f"{document.title}: no PDF was made, because the typst package is not installed; {INSTALL} brings it, "
            "and the HTML report holds the same"
        ) from error
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        page = root / "page.typ"
        page.write_bytes(files("afterglow.report").joinpath("templates", "page.typ").read_bytes())
        (root / "document.json").write_text(json.dumps(_content(document, root), ensure_ascii=False), encoding="utf-8")
        made = typst.compile(page, root=root, font_paths=[fonts], ignore_system_fonts=True, format=kind, ppi=pixels_per_inch)
    return list(made) if isinstance(made, list) else [made]


def _content(document: Document, root: Path) -> dict[str, Any]:
    """All that the template sets; pictures are written to files beside it."""
    count = 0
    sections = []
    for section in document.sections:
        blocks = []
        for block in section.blocks:
            if isinstance(block, Figure):
                count += 1
                (root / f"{count}.{_SUFFIX[media_type(block)]}").write_bytes(block.image)
            blocks.append(_block(block, count))
        sections.append({"title": section.title, "blocks": blocks})
    return {"title": document.title, "subtitle": document.subtitle, "use": DISCLAIMER, "sections": sections}


def _block(block: Block, figures: int) -> dict[str, Any]:
    match block:
        case Text():
            return {"what": kind_of(block), **_text(block)}
        case Table():
            return {"what": kind_of(block), **_table(block)}
        case Figure():
            return {"what": kind_of(block), **_figure(block, figures)}


def _text(text: Text) -> dict[str, Any]:
    doi = doi_of(text.words) if text.kind == "doi" else None
    return {
        "kind": text_kind(text.kind),
        "chip": chip(text.kind),
        "runs": _runs(with_powers(f"doi:{doi}" if doi is not None else text.words)),
        "link": "" if doi is None else f"https://doi.org/{doi}",
    }


def _runs(runs: Sequence[Run]) -> list[list[str]]:
    return [list(run) for run in runs]


def _breakable(words: str) -> str:
    """Long words, such as names of files, with places where a line may end."""
    return _LONG_WORD.sub(lambda found: _BREAK_AFTER.sub(_BREAK_HERE, found.group()), words)


def _table(table: Table) -> dict[str, Any]:
    return {
        "caption": _runs(with_powers(table.caption)),
        "columns": [_breakable(title) for title in table.columns],
        "numeric": numeric_columns(table),
        "widths": _widths(table),
        "rows": [[_runs([(_breakable(part), style) for part, style in cell(words)]) for words in row] for row in table.rows],
    }


def _widths(table: Table) -> list[float]:
    """Shares of the page for the columns, 0 for one that is as wide as its texts; nothing where the table fits as it is."""
    titles = [max((len(word) for word in title.split()), default=1) for title in table.columns]
    longest = [max((len(row[n]) for row in table.rows), default=0) for n in range(len(table.columns))]
    wanted = [max(title, one) + GAP_LETTERS for title, one in zip(titles, longest, strict=True)]
    whole = PAGE_MM[0] / LETTER_MM
    if sum(wanted) <= whole:
        return []
    short = [one if one <= SHORT_LETTERS else 0.0 for one in wanted]
    narrow = sum(short) < 0.7 * whole
    return [0.0 if narrow and one else min(all_of_it, WIDEST_LETTERS) for one, all_of_it in zip(short, wanted, strict=True)]


def _figure(figure: Figure, number: int) -> dict[str, Any]:
    return {
        "file": f"{number}.{_SUFFIX[media_type(figure)]}",
        "number": number,
        "caption": _runs(with_powers(figure.caption)),
        "alt": figure.alt,
        "width_mm": _width_mm(figure),
    }


def _width_mm(figure: Figure) -> float:
    """Pictures as wide as they were drawn for a page, all at one scale, less where one would be taller than the page."""
    if figure.media_type != "image/png" or len(figure.image) < 24:
        return PAGE_MM[0]
    wide, high = struct.unpack(">II", figure.image[16:24])
    natural = wide / DPI / PAGE_INCHES * PAGE_MM[0]
    return float(min(natural, PAGE_MM[0], (PAGE_MM[1] - CAPTION_MM) * wide / high))
