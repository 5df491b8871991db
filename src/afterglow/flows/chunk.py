"""A part of a cohort, for one task of a job array."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from afterglow.records.errors import BadInput


@dataclass(frozen=True)
class Chunk:
    """Every `of`-th subject from the `number`-th on: one task of a job array."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Chunk":
        """From i/N as it is typed. BadInput where i does not lie between 1 and N."""
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip())
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise BadInput(f"{text!r} is no part of a whole; give i/N with i from 1 to N, as 3/20 for the third of twenty")
        return cls(int(found[1]), int(found[2]))

    def part(self, subjects: Sequence[str]) -> tuple[str, ...]:
        """The subjects of this chunk; the chunks of one N share all subjects among them, each once."""
        return tuple(subjects[self.number - 1 :: self.of])
