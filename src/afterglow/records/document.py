"""A report before it is drawn on paper: titles, text, tables and figures. No HTML here."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Text:
    """A paragraph; `kind` says how it is set: plain, call (the verdict), caution, quality."""

    words: str
    kind: str = "plain"


@dataclass(frozen=True)
class Table:
    """Rows of printed cells under a caption."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"table {self.caption!r}: a row of {len(row)} cells under {len(self.columns)} columns")


@dataclass(frozen=True)
class Figure:
    """A drawn picture (PNG or SVG bytes) with the caption that makes it legible and words for those who cannot see it."""

    name: str
    image: bytes = field(repr=False)
    media_type: str
    caption: str
    alt: str


Block = Text | Table | Figure


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]
    anchor: str = ""


@dataclass(frozen=True)
class Document:
    """A whole report."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]
