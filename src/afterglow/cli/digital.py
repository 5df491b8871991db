"""Commands that make digital patients: `demo` and `simulate`. Heavy imports stay inside."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from afterglow.cli import show
from afterglow.cli.options import Json, Workers


class Size(StrEnum):
    """How fine digital patients are."""

    FULL = "full"
    COARSE = "coarse"


def demo(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder to write into; afterglow-demo otherwise, with --study afterglow-METHOD.")
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(help="Instead a whole study: simulate the cohort of this method, measure every patient, analyse the group."),
    ] = None,
    patients: Annotated[int | None, typer.Option(help="With --study: how many; as many as the paper has otherwise.")] = None,
    size: Annotated[Size | None, typer.Option(help="With --study: voxels as the paper's, or 4 mm; coarse otherwise.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other patients.")] = 7,
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="Threads; with --study patients made at once. The bytes do not depend on it.")
    ] = 2,
    json: Json = False,
) -> None:
    """A simulated patient before and after radiosurgery, the whole way to a report; or the whole study of a method. Needs no data."""
    if study is not None:
        _study(folder, study, patients, seed, size or Size.COARSE, workers, json)
        return
    unread = next((name for name, value in (("--patients", patients), ("--size", size)) if value is not None), None)
    if unread is not None:
        raise typer.BadParameter("the demo is one patient of one size; --study METHOD makes many", param_hint=unread)
    _demo(folder or Path("afterglow-demo"), seed, workers, json)


def _study(folder: Path | None, method: str, patients: int | None, seed: int, size: Size, workers: int, json: bool) -> None:
    from afterglow.flows.digital_study import run_study

    where = folder or Path(f"afterglow-{Path(method).name.removesuffix('.toml')}")
    with show.progress_shown(json) as progress:
        done = run_study(where, method, patients=patients, seed=seed, size=size.value, workers=workers, progress=progress)
    if json:
        show.as_json(
            {
                "report": str(done.group.report), "patients": done.simulated.patients, "cases": done.group.n_cases,
                "answer": done.group.answer, "seconds": dict(done.seconds), "failures": list(done.failures),
            }
        )  # fmt: skip
    else:
        show.line(f"{done.simulated.patients} patients with {done.simulated.exams} visits, {done.group.counted}.")
        show.line("; ".join(f"{part} {seconds:.1f} s" for part, seconds in done.seconds) + ".")
        show.line(done.group.answer)
        show.line(f"Open the report of the group: {done.group.report}")
    if done.failures:
        for sentence in done.failures:
            show.error(sentence)
        raise typer.Exit(1)


def _demo(folder: Path, seed: int, workers: int, json: bool) -> None:
    from afterglow.flows.demo import run_demo

    with show.progress_shown(json) as progress:
        done = run_demo(folder, seed=seed, workers=workers, progress=progress)
    if json:
        show.as_json(
            {
                "report": str(done.report),
                "call": done.verdict.category,
                "expected": done.expected,
                "right": done.right,
                "sentence": done.verdict.sentence,
                "figures": [
                    {"name": f"{e.session}_{e.quantity}", "value": 100 * e.relative, "unit": "%", "goal": 5.0, "ok": abs(e.relative) <= 0.05,
                     "detail": f"lesion mean measured {e.measured:.4g}, true {e.true:.4g} {e.unit}; median {100 * e.median_relative:+.1f} %"}
                    for e in done.errors
                ],
            }
        )  # fmt: skip
        return
    show.line("Lesion means against the truth of the simulation (medians in brackets):")
    for e in done.errors:
        show.line(
            f"  ses-{e.session}  {e.quantity:<7} measured {e.measured:8.4f}  true {e.true:8.4f} {'' if e.unit == '1' else e.unit:<5} error {100 * e.relative:+5.1f} % ({100 * e.median_relative:+.1f} %)"
        )
    show.line(
        f"Call: {done.verdict.category} ({'right' if done.right else 'wrong, expected ' + done.expected}). {done.verdict.sentence}"
    )
    show.line(f"Open the report: {done.report}")


def simulate(
    method: Annotated[str, typer.Argument(help="A cohort's name, that of its method, or the path of a simulation file.")],
    out: Annotated[Path, typer.Argument(help="New folder: bids/ and truth/ (and dicom/) go into it.")],
    patients: Annotated[int | None, typer.Option(help="How many; as many as the paper has otherwise.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other patients.")] = 1,
    size: Annotated[Size, typer.Option(help="Voxels as the paper's, or 4 mm for thousands of visits.")] = Size.FULL,
    dicom: Annotated[str | None, typer.Option(help="Also as DICOM in the style of siemens, ge, philips or enhanced.")] = None,
    ideal: Annotated[bool, typer.Option("--ideal", help="Without noise, motion, field errors and inflow.")] = False,
    workers: Workers = 1,
    json: Json = False,
) -> None:
    """A digital cohort in BIDS with its truth beside it. Goes on where it was stopped."""
    from afterglow.flows.simulate import Order, simulate_cohort

    order = Order(method, patients, seed, size.value, dicom, ideal)
    with show.progress_shown(json) as progress:
        done = simulate_cohort(order, out, workers=workers, progress=progress)
    if json:
        show.as_json({"bids": str(done.bids), "truth": str(done.truth), "patients": done.patients, "exams": done.exams, "made": done.made, "failures": list(done.failures)})  # fmt: skip
    else:
        there = done.patients - done.made - len(done.failures)
        show.line(
            f"{done.patients} patients with {done.exams} visits: {done.made} made now, {there} were there already, {len(done.failures)} failed."
        )
        show.line(f"Data set: {done.bids}")
        show.line(f"Truth:    {done.truth}")
    if done.failures:
        for sentence in done.failures:
            show.error(sentence)
        raise typer.Exit(1)
