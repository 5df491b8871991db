"""Stated errors: one sentence with what is wrong, the numbers, and what to do. Exit code 1."""


class AfterglowError(Exception):
    """What went wrong in one sentence. Doors print it and exit with `exit_code`."""

    exit_code = 1


class BadInput(AfterglowError):
    """A file or a table that cannot be used as it is; the sentence names it, what was found and the remedy."""


class MissingInput(AfterglowError):
    """Something a method needs is not there; the sentence says where it was looked for."""


class MissingTiming(MissingInput):
    """The time of each frame is not known, and afterglow does not guess it."""


class GridMismatch(AfterglowError):
    """Two images that must share a grid do not."""


class CorruptFile(AfterglowError):
    """A file whose bytes fail their own checksum or end too early."""


class BadMethod(AfterglowError):
    """A method file with an unknown key, a missing value or a wrong unit."""


class Unwritable(AfterglowError):
    """The output folder cannot be written; nothing that was computed before is lost."""


class NotVerified(AfterglowError):
    """A file differs from what the manifest says was written."""


class Stopped(AfterglowError):
    """The person stopped the run; what was finished is kept."""


class NoArterialInput(AfterglowError):
    """No voxel or curve that could serve as arterial input function."""


class NotForTreatment(AfterglowError):
    """Something was asked for that could reach a treatment machine; research software refuses it."""
