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
class FigureData:
    """The numbers behind a figure: columns with what they hold, and rows; None and NaN are not measured."""

    columns: tuple[tuple[str, str], ...]  # name, description with its unit
    rows: tuple[tuple[str | float | int | None, ...], ...] = field(repr=False)

    def __post_init__(self) -> None:
        names = [name for name, _ in self.columns]
        if len(set(names)) != len(names):
            raise ValueError(f"the data of a figure names a column twice: {', '.join(names)}")
        for row in self.rows:
            if len(row) != len(names):
                raise ValueError(f"the data of a figure have a row of {len(row)} cells under {len(names)} columns")

    @property
    def described(self) -> dict[str, str]:
        """Each column's description by its name, in order."""
        return dict(self.columns)

    @property
    def records(self) -> list[dict[str, str | float | int | None]]:
        """Each row as a mapping from column to cell."""
        names = [name for name, _ in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class Figure:
    """A drawn picture (PNG or SVG bytes) with the caption that makes it legible and words for those who cannot see it.

    Figures of a cohort also bring the same drawing as SVG, and the numbers behind it.
    """

    name: str
    image: bytes = field(repr=False)
    media_type: str
    caption: str
    alt: str
    vector: bytes | None = field(default=None, repr=False)  # SVG
    data: FigureData | None = field(default=None, repr=False)


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

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Every figure in the order of the page."""
        return tuple(block for section in self.sections for block in section.blocks if isinstance(block, Figure))
