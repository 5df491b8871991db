"""Agreement of readers who read the same lesions by one method."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from afterglow.cohort.agreement import cohen_kappa, fleiss_kappa, percent_agreement
from afterglow.cohort.part import Part
from afterglow.records.response import Reading
from afterglow.records.statistic import Estimated


def analyse_agreement(name: str, readings: Sequence[Reading], method: str) -> Part:
    """Each pair of readers, and all of them together where they are more than two; lesions that one did not read are left out and counted."""
    own = [one for one in readings if one.method == method]
    calls: dict[str, dict[tuple[str, str, str], str]] = {}
    for one in own:
        calls.setdefault(one.reader, {})[one.participant_id, one.session_id, one.lesion_id] = one.call
    readers = sorted(calls)
    if len(readers) < 2:
        who = f"by {readers[0]} alone" if readers else "by nobody"
        return Part(name, cautions=(f"{name}: {method} was read {who}, so that nothing can be said of agreement",))
    lesions = sorted({key for found in calls.values() for key in found})
    patients = [key[0] for key in lesions]
    columns = {reader: [calls[reader].get(key) for key in lesions] for reader in readers}
    rows: list[Estimated] = []
    for first, second in combinations(readers, 2):
        pair = columns[first], columns[second]
        several = patients if len(set(patients)) < len(patients) else None
        rows += [_named(one, f"{first} and {second}") for one in (percent_agreement(*pair), cohen_kappa(*pair, patients=several))]
    if len(readers) > 2:
        rows.append(fleiss_kappa([columns[reader] for reader in readers], patients=patients))
    return Part(name, tuple(rows[1:2]), ((f"{name}: readers of {method}", tuple(rows)),))


def _named(one: Estimated, who: str) -> Estimated:
    return replace(one, name=f"{one.name}, {who}")
