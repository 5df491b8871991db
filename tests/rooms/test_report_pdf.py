"""The PDF: the same bytes for the same document, nothing read as markup, fonts that are shipped, a sentence without typst."""

import builtins
import io
import subprocess
import sys

import pytest
from PIL import Image

from afterglow.records.document import Document, Figure, Section, Table, Text
from afterglow.records.errors import MissingInput
from afterglow.report.calls import DISCLAIMER
from afterglow.report.pdf import _widths, document_pages, document_pdf

pytest.importorskip("typst")
HOSTILE = (
    '#panic("run")', "#read(\"/etc/passwd\")", "$x^2$ *bold* _it_ `raw` <label> @ref", '"); #sys.version', "\\#{1+1}", "= Heading",
    "</w:t>{{ 7*7 }}", "lesion #1 [left] 病変",
)  # fmt: skip


def picture(wide: int = 300, high: int = 200) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (wide, high), "#0369a1").save(sink, format="PNG")
    return sink.getvalue()


def page_of(*blocks: Text | Table | Figure) -> Document:
    return Document("sub-01", "2 visits", (Section("The call", tuple(blocks)),))


KINDS = (
    "plain", "heading", "eyebrow", "caution", "doi", "call", "call-progression", "call-response", "call-no-change",
    "call-cannot-tell", "quality", "quality-ok", "quality-note", "quality-warning",
)  # fmt: skip


def whole() -> Document:
    texts = [Text("10.3174/ajnr.A8057" if kind == "doi" else f"A text of kind {kind}, s^(-5/2).", kind) for kind in KINDS]
    table = Table("Numbers.", ("Quantity", "Value"), (("Ktrans", "0.12"), ("K2 GE", "not measured")))
    return page_of(*texts, table, Figure("f", picture(), "image/png", "A picture.", "blue"))


def words_of(document: Document, tmp_path) -> str:
    """The text of the PDF by typst's own query of what was set: every string of the JSON that reached the page."""
    import json
    from importlib.resources import files
    from pathlib import Path

    import matplotlib
    import typst

    from afterglow.report.pdf import _content

    (tmp_path / "document.json").write_text(json.dumps(_content(document, tmp_path)), encoding="utf-8")
    (tmp_path / "page.typ").write_bytes(files("afterglow.report").joinpath("templates", "page.typ").read_bytes())
    fonts = [Path(matplotlib.get_data_path()) / "fonts" / "ttf"]
    return typst.query(str(tmp_path / "page.typ"), "heading", font_paths=fonts, root=str(tmp_path), ignore_system_fonts=True)


def test_the_same_document_gives_the_same_bytes_in_another_process_too():
    first = document_pdf(whole())
    assert first.startswith(b"%PDF-")
    assert document_pdf(whole()) == first
    code = "import hashlib, test_report_pdf as t; print(hashlib.sha256(t.document_pdf(t.whole())).hexdigest())"
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=__file__.rpartition("/")[0]
    ).stdout.strip()
    import hashlib

    assert hashlib.sha256(first).hexdigest() == other


def test_no_date_and_no_path_of_the_machine_is_in_the_file():
    made = document_pdf(whole())
    assert b"CreationDate" not in made
    assert b"/tmp" not in made


@pytest.mark.parametrize("words", HOSTILE)
def test_no_words_are_read_as_markup(words):
    blocks = (
        *(Text(words, kind) for kind in KINDS),
        Table(words, (words, "b"), ((words, "1"),)),
        Figure("f", picture(), "image/png", words, words),
    )
    made = document_pdf(Document(words, words, (Section(words, blocks),)))
    assert made.startswith(b"%PDF-")


def test_a_heading_that_looks_like_code_is_set_as_it_stands(tmp_path):
    import json

    found = json.loads(words_of(Document("s", "t", (Section("#panic(1) *b*", ()),)), tmp_path))
    assert found[0]["body"]["text"] == "#panic(1) *b*"


def test_every_page_carries_the_warning_and_its_number():
    rows = tuple((f"row {n}", "1") for n in range(160))
    pages = document_pages(page_of(Table("Long.", ("Name", "Value"), rows)), 72)
    assert len(pages) > 2
    feet = [Image.open(io.BytesIO(page)).convert("L") for page in pages]
    for foot in feet:
        wide, high = foot.size
        assert min(foot.crop((0, int(0.93 * high), wide // 2, high)).tobytes()) < 180  # words on the left
        assert min(foot.crop((int(0.9 * wide), int(0.93 * high), wide, high)).tobytes()) < 180  # the number on the right
    assert "not a medical device" in DISCLAIMER


def test_the_header_of_a_table_is_repeated_on_its_second_page():
    rows = tuple((f"row {n}", "1") for n in range(80))
    with_header = document_pages(page_of(Table("Long.", ("NAME NAME NAME NAME", "Value"), rows)), 60)
    without = document_pages(page_of(Table("Long.", ("N", "Value"), rows)), 60)
    top = [Image.open(io.BytesIO(pages[1])).convert("L") for pages in (with_header, without)]
    dark = [sum(value < 128 for value in page.crop((0, 0, page.width, page.height // 5)).tobytes()) for page in top]
    assert dark[0] > dark[1]


def test_a_wide_table_stays_on_the_page():
    long = "sub-01/ses-01/perf/sub-01_ses-01_ce-gadolinium_dce.nii.gz, " * 3
    table = Table("Wide.", ("Step", "Settings", "Sources"), (("fit", "model = etofts; " * 12, long),))
    assert _widths(table)[0] == 0.0
    assert all(width > 0 for width in _widths(table)[1:])
    page = Image.open(io.BytesIO(document_pages(page_of(table), 50)[0])).convert("L")
    edge = page.crop((int(page.width * (1 - 12 / 297)), 0, page.width, page.height))
    assert min(edge.tobytes()) == 255  # nothing is written in the margin
    assert _widths(Table("Narrow.", ("a", "b"), (("1", "2"),))) == []


def test_a_picture_that_is_taller_than_the_page_is_made_smaller():
    tall = Figure("f", picture(900, 3000), "image/png", "Tall.", "tall")
    assert len(document_pages(page_of(tall), 30)) == 1


def test_an_unknown_kind_of_text_and_of_picture_are_refused():
    with pytest.raises(ValueError, match="unknown kind 'loud'"):
        document_pdf(page_of(Text("x", "loud")))
    with pytest.raises(ValueError, match="image/gif"):
        document_pdf(page_of(Figure("f", b"x", "image/gif", "c", "a")))


def test_without_typst_one_sentence_says_how_to_get_it(monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest, **more):
        if name == "typst":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingInput, match=r"pip install 'afterglow\[pdf\]'"):
        document_pdf(whole())
