"""How long after radiation growth may be the treatment's own doing: facts with their sources, told with a call of growth.

A row is a warning, never a rule: it changes no category. `checked` says where the numbers were read.
"""

from dataclasses import dataclass

from afterglow.records.course import Treatment
from afterglow.response.identity import SIZES


@dataclass(frozen=True)
class Window:
    """Days after a treatment at a site, and what is known of growth in that time. `to_days` None: no end is known."""

    site: str
    kinds: tuple[str, ...]  # of treatment
    to_days: float | None
    words: str
    source: str
    checked: str


WINDOWS: tuple[Window, ...] = (
    Window(
        "brain",
        ("radiotherapy",),
        84.0,
        "within 12 weeks of radiotherapy a glioma that grows needs a second scan before progression is called; in one series 15 of 35 that "
        "seemed to progress in that time had not (pseudoprogression)",
        "RANO 2.0, doi:10.1200/JCO.23.01059; Rowe 2018, doi:10.1007/s11060-018-2855-z",
        "both abstracts",
    ),
    Window(
        "brain",
        ("radiosurgery",),
        None,
        "a metastasis that grows after radiosurgery is often necrosis: of 35 lesions biopsied for growth, at a median of 8.8 months, 24 were "
        "necrosis alone",
        "Narloch 2017, doi:10.1093/neuonc/nox090",
        "abstract",
    ),
    Window(
        "spine",
        ("radiotherapy", "radiosurgery"),
        183.0,
        "after stereotactic radiosurgery of the spine 5 of 37 lesions grew by 4 to 10 mm and shrank again (osseous pseudoprogression), at their "
        "largest 9.7 to 24.4 weeks after it; growth in the first 6 months is to be read with caution",
        "AJNR Am J Neuroradiol 2016;37:387",
        "abstract",
    ),
)


def time_words(site: str, quantities: tuple[str, ...], treatment: Treatment | None, day: float) -> str:
    """The warning that goes with a size that grew that soon after radiation; empty where none applies."""
    if treatment is None or not set(quantities) & set(SIZES):
        return ""
    since = day - treatment.day
    for window in WINDOWS:
        soon = window.to_days is None or since <= window.to_days
        if window.site == site and treatment.kind in window.kinds and soon:
            return f"Mind the time, {since:g} days after {treatment.kind}: {window.words} ({window.source})."
    return ""
