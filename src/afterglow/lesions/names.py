"""What lesions are called: by a person, by a correction, or by afterglow; and what the places say against the names."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Literal

from afterglow.kernels.matching import Place, gap_mm
from afterglow.lesions.links import MOSTLY, NEAR_MM, Links
from afterglow.lesions.visits import VisitMasks
from afterglow.records.errors import BadInput
from afterglow.records.track import Correction

Identity = Literal["names", "places"]
Said = tuple[str, Literal["name", "correction"]]
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_OID, "afterglow lesion")


def tracking_uid(dataset: str, subject: str, lesion_id: str) -> str:
    """The DICOM UID of one lesion, 2.25.<decimal of a UUID>: the same for the same names on every run and every machine."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, chr(10).join((dataset, subject, lesion_id))).int}"


def said_names(visit: VisitMasks, corrections: Sequence[Correction], identity: Identity, subject: str) -> dict[str, Said]:
    """Drawn name -> (lesion, how) where a person says which lesion it is. BadInput where two outlines are one lesion."""
    said: dict[str, Said] = {}
    if identity == "names":
        said = {name: (name, "name") for name, _ in visit.masks}
    drawn = {name for name, _ in visit.masks}
    for one in corrections:
        if one.session_id == visit.session and one.drawn_id in drawn:
            said[one.drawn_id] = (one.lesion_id, "correction")
    owners: dict[str, str] = {}
    for name, (lesion, _) in sorted(said.items()):
        if lesion in owners:
            raise BadInput(
                f"sub-{subject}, ses-{visit.session}: outlines {owners[lesion]} and {name} are both called lesion {lesion}; "
                "correct the table of lesions, or draw them as one outline"
            )
        owners[lesion] = name
    return said


def unused_corrections(visits: Sequence[VisitMasks], corrections: Sequence[Correction]) -> tuple[str, ...]:
    """A remark for every correction of an outline that is not among these visits."""
    drawn = {(visit.session, name) for visit in visits for name, _ in visit.masks}
    return tuple(
        f"the correction of outline {one.drawn_id} at ses-{one.session_id} to lesion {one.lesion_id} was not used: no such outline"
        for one in corrections
        if (one.session_id, one.drawn_id) not in drawn
    )


def fresh_names(drawn: Sequence[str], taken: Iterable[str]) -> tuple[str, ...]:
    """Names for new lesions: the name it was drawn under where that is free, else the lowest free number."""
    used = set(taken)
    kept = [name if name not in used else None for name in drawn]
    used |= set(drawn)
    numbers = (str(number) for number in count(1) if str(number) not in used)
    return tuple(name if name is not None else next(numbers) for name in kept)


def remarks_on_names(
    session: str,
    before: Sequence[tuple[str, str, Place]],
    after: Sequence[tuple[str, Place]],
    links: Links,
    named: Mapping[int, int | None],
) -> tuple[str, ...]:
    """What the places say against names. before: (lesion, last session, place); after: (lesion, place).

    `named` are the outlines that carry a person's name, with the row of that name or None.
    """
    found = []
    for j, row in named.items():
        lesion, place = after[j]
        here = f"lesion {lesion} at ses-{session}"
        others = [k for k in range(len(before)) if k != row and links.share[k, j] >= MOSTLY]
        if row is not None and links.share[row, j] < MOSTLY and others:
            other, when, _ = before[others[0]]
            found.append(f"{here} lies where lesion {other} was at ses-{when}; check whether the names are exchanged")
        elif row is not None:
            gap = gap_mm(before[row][2], place)
            if gap > NEAR_MM:
                found.append(f"{here} lies {gap:.0f} mm from lesion {lesion} at ses-{before[row][1]}")
        elif not links.every[:, j].any():
            lost = [k for k in others if not links.every[k].any()]
            found += [
                f"{here} lies where lesion {before[k][0]} was at ses-{before[k][1]}, which is not outlined; "
                "if they are one, write so in the table of lesions"
                for k in lost
            ]
    return tuple(sorted(found))
