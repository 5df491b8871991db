"""The tables of digital patients: participants, sessions, treatments, outcomes, readings, each column described; README; and their truth."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from afterglow import __version__
from afterglow.flows.simulation_file import Simulation
from afterglow.io.atomic import Written
from afterglow.io.write import Cell, write_json, write_text, write_tsv
from afterglow.simulate.story import Story
from afterglow.simulate.template import NOTICE

_WORDS = {
    "participant_id": "Subject",
    "session_id": "Visit",
    "lesion_id": "Lesion",
    "day": "Day on the subject's own clock",
    "kind": "Treatment",
    "dose_gy": "Dose in Gy",
    "fractions": "Number of fractions",
    "target": "What was treated",
    "agent": "Drug",
    "label": "What the lesion is",
    "basis": "How that is known",
    "reader": "Who read",
    "method": "With what",
    "call": "What the reader said",
    "confidence": "How sure, 0 to 1",
    "age_years": "Age in years",
}


def write_cohort_tables(simulation: Simulation, stories: Sequence[Story], bids: Path, *, seed: int) -> tuple[Written, ...]:
    """Everything of the data set that is not an image. The tables say nothing that only the truth knows."""
    name = f"Digital patients after {simulation.name}"
    described = write_description(bids, name, _readme(simulation, len(stories), seed), doi=simulation.doi)
    return (*described, *write_story_tables(stories, bids))


def write_description(bids: Path, name: str, readme: str, *, doi: str | None = None) -> tuple[Written, ...]:
    """What the data set is, and the README."""
    content = {
        "Name": name,
        "BIDSVersion": "1.11.1",
        "DatasetType": "raw",
        "License": "CC0 for the simulation; see README for the notice of the head template",
        "GeneratedBy": [{"Name": "afterglow simulate", "Version": __version__}],
        "SourceDatasets": [{"DOI": doi}] if doi else [],
    }
    return write_json(bids / "dataset_description.json", content), write_text(bids / "README", readme)


def write_story_tables(stories: Sequence[Story], bids: Path) -> tuple[Written, ...]:
    """Participants, sessions, and below `phenotype` what was done, how it ended and who read what."""
    columns = tuple(dict.fromkeys(name for story in stories for name in story.participant))
    rows = [{"participant_id": _id(s), **{name: s.participant.get(name) for name in columns}} for s in stories]
    written = _table(bids / "participants.tsv", rows, ("participant_id", *columns))
    for story in stories:
        days: list[dict[str, Cell]] = [{"session_id": f"ses-{v.session}", "day": v.day} for v in story.visits]
        written += _table(bids / _id(story) / f"{_id(story)}_sessions.tsv", days, ("session_id", "day"))
    return tuple(written + _phenotype(stories, bids / "phenotype"))


def write_story_truth(story: Story, truth: Path, *, seed: int, index: int = 0) -> Written:
    """Everything the truth knows of a patient that is not an image; `index` is the patient's place in its cohort."""
    events: list[dict[str, object]] = [{"day": v.day, "what": "visit", "session": v.session} for v in story.visits]
    events += [{"day": t.day, "what": t.kind, "dose_gy": t.dose_gy, "agent": t.agent or None} for t in story.treatments]
    events += [{"day": o.day, "what": "outcome", "label": o.label, "basis": o.basis} for o in story.outcomes]
    content = {
        "subject": story.subject,
        "group": story.group,
        "seed": seed,
        "index": index,
        "hidden": dict(story.hidden),
        "participant": dict(story.participant),
        "events": sorted(events, key=lambda event: (float(str(event["day"])), str(event["what"]))),
        "visits": [
            {"session": v.session, "day": v.day, "roles": list(v.roles), "lesion": asdict(v.lesion)} for v in story.visits
        ],
    }
    return write_json(truth / f"{_id(story)}.json", content)


def _phenotype(stories: Sequence[Story], folder: Path) -> list[Written]:
    treatments: list[dict[str, Cell]] = [
        {"participant_id": _id(s), "day": t.day, "kind": t.kind, "dose_gy": t.dose_gy, "fractions": t.fractions, "target": t.target, "agent": t.agent or None}
        for s in stories
        for t in s.treatments
    ]  # fmt: skip
    outcomes: list[dict[str, Cell]] = [
        {"participant_id": _id(s), "session_id": f"ses-{o.session}", "lesion_id": o.lesion_id, "label": o.label, "basis": o.basis, "day": o.day}
        for s in stories
        for o in s.outcomes
    ]  # fmt: skip
    readings: list[dict[str, Cell]] = [
        {"participant_id": _id(s), "session_id": f"ses-{r.session}", "lesion_id": r.lesion_id, "reader": r.reader, "method": r.method, "call": r.call, "confidence": r.confidence}
        for s in stories
        for r in s.readings
    ]  # fmt: skip
    written = []
    for name, rows in (("treatments", treatments), ("outcomes", outcomes), ("readings", readings)):
        if rows:
            written += _table(folder / f"{name}.tsv", rows, tuple(rows[0]))
    return written


def _table(path: Path, rows: Sequence[Mapping[str, Cell]], columns: tuple[str, ...]) -> list[Written]:
    return list(write_tsv(path, rows, {name: _WORDS.get(name, name.replace("_", " ")) for name in columns}))


def _id(story: Story) -> str:
    return f"sub-{story.subject}"


def _readme(simulation: Simulation, patients: int, seed: int) -> str:
    head = f"\n{NOTICE}\n" if simulation.site == "brain" else ""
    return (
        f"{simulation.title}: {patients} digital patients. No real patient. Seed {seed}.\n\n"
        f"Drawn from what is printed in: {simulation.citation}. The generating numbers and their sources are in the "
        f"simulation file {simulation.name}.toml that comes with afterglow. The truth lies beside this data set, never inside it.\n{head}"
    )
