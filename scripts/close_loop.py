"""Close the loop: simulate patients, measure them with their method, hold every quantity in the lesion against the truth.

    python scripts/close_loop.py METHOD FOLDER [--patients 1] [--seed 3] [--size full] [--workers 2] [--json]
        [--noisy] [--inflow] [--no-leak] [--true-artery] [--unblurred]

Without `--noisy` nothing disturbs the scans (no noise, motion, field errors) and what is left is what method and sampling do;
`--true-artery` also gives the method the true plasma curve, so that what is left is what the fit does. With `--noisy` the bias and
spread over the patients are those of the protocol. `--inflow` lets arterial blood enter at 400 mm/s. Spectra close their loop in
tests/rooms/test_simulate_spectroscopy.py, since no method measures them yet. Runs that are there already are not done again.
"""

import argparse
import json
import re
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from afterglow.flows.digital_exam import write_exam
from afterglow.flows.digital_tables import write_cohort_tables
from afterglow.flows.method import method_text
from afterglow.flows.run import run_participants
from afterglow.flows.simulation_file import Simulation, load_simulation
from afterglow.flows.work import silent
from afterglow.io.bids import open_dataset, sessions
from afterglow.io.nifti import read_image
from afterglow.io.results import read_exam_result
from afterglow.records.result import ExamResult
from afterglow.simulate.acquisition import Acquisition
from afterglow.simulate.cohort import cohort_size, draw_story
from afterglow.simulate.exam import scan_visit
from afterglow.simulate.exam_plans import stillness
from afterglow.simulate.story import LesionState, Story
from afterglow.simulate.subject import make_subject
from afterglow.simulate.tissues import with_barrier

Map = NDArray[np.float32]

# quantity -> (name of the true map, goal in % of the truth, divided by the reference)
LOOPS = {
    "ademola2025": {"ktrans": ("ktrans", 1.0, False), "ve": ("ve", 1.0, False), "vp": ("vp", 2.0, False)},
    "behar2023": {"ktrans": ("ktrans", 1.0, False), "ve": ("ve", 1.0, False), "vp": ("vp", 2.0, False), "vp ": ("vp", 2.0, True)},
    "stadlbauer2025": {
        "cbv": ("area_ge", 1.0, True),
        "cbv_uncorrected": ("area_ge", 1.0, True),
        "ucbv": ("area_se", 1.0, True),
        "ucbv_uncorrected": ("area_se", 1.0, True),
        "adc": ("adc", 0.5, False),
    },
}
INFLOW_MM_S = 400.0
FLIPS_DEG = (2.0, 5.0, 10.0, 15.0, 25.0)
PURE = 0.95  # share of lesion from which a voxel counts as one without its surroundings


@dataclass(frozen=True)
class Row:
    """One quantity in one lesion."""

    subject: str
    session: str
    quantity: str
    voxels: int
    measured: float
    true: float
    goal_percent: float

    @property
    def error_percent(self) -> float:
        return 100 * (self.measured / self.true - 1)


def true_map(truth: Path, subject: str, session: str, space: str, quantity: str) -> Map:
    """A true map by its name."""
    name = f"sub-{subject}_ses-{session}_space-{space.replace('-', '')}_param-{quantity.replace('_', '')}_map.nii.gz"
    return read_image(truth / f"sub-{subject}" / f"ses-{session}" / name).load()


def without_leak(lesion: LesionState) -> LesionState:
    """The same lesion behind a whole barrier."""
    tight = {name: replace(getattr(lesion, name), ktrans_per_min=0.0) for name in ("tumour", "scar")}
    return replace(
        lesion, **tight, infiltration=lesion.infiltration and replace(lesion.infiltration, ktrans_per_min=0.0), nests=()
    )


def chosen(story: Story) -> list[int]:
    """The visit with the largest lesion of tumour, and that of scar, in order; both visits where there are two."""
    sizes = {n: v.lesion.volume_ml for n, v in enumerate(story.visits)}
    kinds: dict[bool, list[int]] = {}
    for n, visit in enumerate(story.visits):
        kinds.setdefault(visit.lesion.tumour_share > 0.5, []).append(n)
    return sorted(sizes if len(sizes) <= 2 else {max(places, key=lambda n: sizes[n]) for places in kinds.values()})


def places(asked: argparse.Namespace, simulation: Simulation) -> list[int]:
    """Which patients: with noise the first ones; without, those of the first thirty with the largest lesions, which fill voxels."""
    if asked.noisy:
        return list(range(asked.patients))
    healthy = with_barrier(simulation.acquisition.scanner.brain_leak)
    stories = [
        draw_story(simulation.cohort, None, asked.seed, n, healthy) for n in range(min(30, cohort_size(simulation.cohort)))
    ]
    sizes = [min(story.visits[n].lesion.volume_ml for n in chosen(story)) for story in stories]
    return sorted(sorted(range(len(stories)), key=lambda n: -sizes[n])[: asked.patients])


def simulate(asked: argparse.Namespace) -> None:
    """Scan the chosen visits and write them, unless they are there."""
    simulation = load_simulation(asked.method)
    acquisition = simulation.acquisition if asked.noisy else stillness(simulation.acquisition)
    acquisition = with_flip_angles(acquisition) if asked.unblurred else acquisition
    if asked.inflow:
        acquisition = replace(acquisition, scanner=replace(acquisition.scanner, inflow_mm_s=INFLOW_MM_S))
    leak = 0.0 if asked.no_leak else acquisition.scanner.brain_leak
    size, stories = acquisition.size[asked.size], []
    for index in places(asked, simulation):
        story = draw_story(simulation.cohort, None, asked.seed, index, with_barrier(acquisition.scanner.brain_leak))
        if asked.no_leak:
            story = replace(story, visits=tuple(replace(v, lesion=without_leak(v.lesion)) for v in story.visits))
        if asked.unblurred:
            story = replace(story, visits=tuple(replace(v, roles=(*v.roles, "vfa")) for v in story.visits))
        numbers = chosen(story)
        stories.append(replace(story, visits=tuple(story.visits[n] for n in numbers), outcomes=(), readings=()))
        if (asked.folder / "bids" / f"sub-{story.subject}").is_dir():
            continue
        body, *seeds = np.random.SeedSequence(asked.seed, spawn_key=(index,)).spawn(1 + len(story.visits))
        subject = make_subject(
            story, simulation.site, body_mm=size.body_mm, field_t=acquisition.field_t, brain_leak=leak, seed=body
        )
        for n in numbers:
            exam = scan_visit(subject, n, story.visits[n], acquisition, size, seeds[n], workers=asked.workers)
            write_exam(exam, story.subject, asked.folder / "bids", asked.folder / "truth", workers=asked.workers)
    write_cohort_tables(simulation, stories, asked.folder / "bids", seed=asked.seed)


def unblurred(folder: Path) -> str:
    """behar2023 without its smoothing, and with T1 measured in place of 1 s everywhere: what is left is the model's fit."""
    text = method_text("behar2023")
    begin = text.index('[[step]]\ndo = "smooth"')
    text = text[:begin] + text[text.index("[[step]]", begin + 1) :]
    text = text.replace("[series]\n", '[series]\nvfa = { role = "vfa" }\n', 1)
    text, changed = re.subn(r'do = "t1"\n(?:how = .*\n)?fixed_s = [0-9.]+', 'do = "t1"\nhow = ["vfa"]', text)
    if changed != 1:
        raise SystemExit("the T1 step of behar2023 is not what this script expects")
    path = folder / "unblurred.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def with_flip_angles(acquisition: Acquisition) -> Acquisition:
    """The same protocol with images at several flip angles before the bolus."""
    if acquisition.dce is None:
        raise SystemExit("there is no dynamic T1-weighted series to measure T1 for")
    scanner = replace(acquisition.scanner, snr={**acquisition.scanner.snr, "vfa": acquisition.scanner.snr["dce"]})
    return replace(acquisition, dce=replace(acquisition.dce, vfa_flips_deg=FLIPS_DEG), scanner=scanner)


def with_true_artery(folder: Path) -> Path:
    """A folder of outlines that also gives the true plasma curve of every visit."""
    outlines = folder / "outlines-true-artery"
    shutil.copytree(folder / "bids" / "derivatives" / "outlines", outlines, dirs_exist_ok=True)
    for table in sorted((folder / "truth").glob("sub-*/ses-*/*_plasmadce.tsv")):
        lines = [line.split("\t") for line in table.read_text().splitlines()]
        place = outlines / table.parent.relative_to(folder / "truth") / "perf" / table.name.replace("_plasmadce", "_aif")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("time_s\tplasma_mM\n" + "".join(f"{line[0]}\t{line[1]}\n" for line in lines[1:]))
    return outlines


def rows_of(method: str, exam: ExamResult, truth: Path) -> list[Row]:
    """Means over the voxels that the lesion fills, on the grid of the method's maps."""
    space = {"stadlbauer2025": "dsc-se"}.get(method, "dce")
    share = true_map(truth, exam.subject, exam.session, space, "enhancing")
    wm = true_map(truth, exam.subject, exam.session, space, "white") if method != "behar2023" else None
    made = []
    for name, (quantity, goal, over_reference) in LOOPS[method].items():
        found = exam.map_of(name.strip())
        if found is None:
            continue
        true_space = "dwi" if quantity == "adc" else space
        true = true_map(truth, exam.subject, exam.session, true_space, quantity)
        if true.shape != found.values.shape:
            continue
        lesion = (share > PURE) & np.isfinite(found.values) & np.isfinite(true)
        if lesion.sum() < 5:
            continue
        values = [float(np.mean(m[lesion], dtype=np.float64)) for m in (found.values, true)]
        if over_reference:
            reference = exam.reference.mask if exam.reference is not None and wm is None else (wm > 0.98)
            reference = reference & np.isfinite(found.values)
            values = [
                v / float(np.mean(m[reference], dtype=np.float64)) for v, m in zip(values, (found.values, true), strict=True)
            ]
        made.append(
            Row(
                exam.subject,
                exam.session,
                name.strip() + ("/reference" if over_reference else ""),
                int(lesion.sum()),
                *values,
                goal,
            )
        )
    return made


def main() -> None:
    """Simulate, run, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", choices=sorted(LOOPS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--patients", type=int, default=1)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--size", default="full")
    parser.add_argument("--noisy", action="store_true")
    parser.add_argument("--no-leak", action="store_true", help="lesion and brain behind a whole barrier")
    parser.add_argument("--inflow", action="store_true", help="fresh arterial blood enters axial slabs")
    parser.add_argument("--true-artery", action="store_true")
    parser.add_argument("--unblurred", action="store_true", help="behar2023 without smoothing and with measured T1")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    simulate(asked)
    words = ["results", *["true-artery"] * asked.true_artery, *["unblurred"] * asked.unblurred]
    bids, out = asked.folder / "bids", asked.folder / "-".join(words)
    method = unblurred(asked.folder) if asked.unblurred else asked.method
    outlines = with_true_artery(asked.folder) if asked.true_artery else None
    run_participants(
        bids, out, method, participants=(), session_labels=(), outlines_dir=outlines, workers=asked.workers, progress=silent
    )
    dataset, rows = open_dataset(bids), []
    for subject in dataset.subjects:
        for session in sessions(dataset, subject):
            if not (out / f"sub-{subject}" / f"ses-{session.label}").is_dir():
                continue  # this visit failed; the run said why
            exam = read_exam_result(out, subject, session.label).result
            rows += rows_of(asked.method, exam, asked.folder / "truth")
    if asked.json:
        print(json.dumps([{**vars(row), "error_percent": row.error_percent} for row in rows], indent=2))
    for row in rows if not asked.json else []:
        mark = "pass" if abs(row.error_percent) <= row.goal_percent else "MISS"
        print(
            f"{mark}  sub-{row.subject} ses-{row.session:<5} {row.quantity:<16} {row.voxels:>6} voxels  measured {row.measured:9.5g}  true {row.true:9.5g}  {row.error_percent:+7.2f} %  goal {row.goal_percent:g} %"
        )
    for quantity in dict.fromkeys(row.quantity for row in rows):
        errors = np.array([row.error_percent for row in rows if row.quantity == quantity])
        print(
            f"{quantity:<16} bias {errors.mean():+6.2f} %  spread {errors.std(ddof=1) if errors.size > 1 else float('nan'):5.2f} %  n {errors.size}",
            file=sys.stderr,
        )


if __name__ == "__main__":
    main()
