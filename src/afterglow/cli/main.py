"""The `afterglow` command. Heavy imports stay inside the commands: --help must answer at once."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from afterglow import __version__
from afterglow.cli import show
from afterglow.cli.audit import audit
from afterglow.cli.course import course
from afterglow.cli.digital import demo, simulate
from afterglow.cli.options import Json, MethodName, Outlines
from afterglow.cli.outline import outline
from afterglow.cli.paint import paint
from afterglow.cli.power import power
from afterglow.cli.predict import predict
from afterglow.cli.repeatability import repeatability
from afterglow.cli.run import run
from afterglow.cli.spectra import spectra
from afterglow.cli.study import tables
from afterglow.cli.train import train
from afterglow.records.errors import AfterglowError

app = typer.Typer(
    name="afterglow",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Perfusion MRI after radiotherapy: scans in, calibrated maps, a change over time, a call that shows its doubt. "
    "Research software; not a medical device.",
    epilog="Exit codes: 0 done, 1 a stated error, 2 wrong usage.",
)


class Benchmark(StrEnum):
    """What `bench` can measure."""

    DCE = "dce"
    DSC = "dsc"
    DOSE = "dose"
    RECURRENCE = "recurrence"


def main() -> None:
    """Run the command; every stated error is one sentence and exit code 1."""
    try:
        app()
    except AfterglowError as problem:
        if "--json" in sys.argv:
            show.as_json({"error": str(problem), "kind": type(problem).__name__})
        show.error(str(problem))
        sys.exit(problem.exit_code)


def _version(asked: bool) -> None:
    if asked:
        show.line(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    pass


app.command()(demo)
app.command()(simulate)
app.command()(run)
app.command()(paint)
app.command()(train)
app.command()(predict)
app.command()(course)
app.command()(outline)
app.command()(spectra)
app.command()(repeatability)
app.command()(audit)
app.command()(power)
app.command()(tables)


@app.command()
def check(
    bids_dir: Annotated[Path, typer.Argument(help="BIDS data set.")],
    method: MethodName,
    outlines: Outlines = None,
    json: Json = False,
) -> None:
    """Say what would run, what is missing and what looks wrong. Computes nothing."""
    from afterglow.flows.check import check_dataset

    found = check_dataset(bids_dir, method, outlines)
    if json:
        show.as_json({"ready": found.ready, "visits": [v.as_dict() for v in found.visits], "problems": list(found.problems)})
    else:
        for visit in found.visits:
            show.line(visit.sentence())
        for problem in found.problems:
            show.error(problem)
        show.line(f"{found.ready} of {len(found.visits)} visits are ready for {method}.")
    if found.problems:
        raise typer.Exit(1)


methods_app = typer.Typer(help="The methods that come with afterglow.", invoke_without_command=True)
app.add_typer(methods_app, name="methods")


@methods_app.callback()
def _methods(context: typer.Context, json: Json = False) -> None:
    if context.invoked_subcommand is not None:
        return
    from afterglow.flows.method import load_method, method_names

    methods = [load_method(name) for name in method_names()]
    if json:
        show.as_json({"methods": [{"name": m.name, "title": m.title, "doi": m.doi, "site": m.site} for m in methods]})
        return
    for m in methods:
        show.line(f"{m.name:<18} {m.title} ({m.citation})")


@methods_app.command("show")
def show_method(
    name: Annotated[str, typer.Argument(help="A method's name or a .toml file.")],
    simulation: Annotated[bool, typer.Option("--simulation", help="The file of its digital cohort instead.")] = False,
    json: Json = False,
) -> None:
    """Print a method file, checked; a copy of it is the start of your own."""
    from afterglow.flows.method import load_method, method_text

    if simulation:
        from afterglow.flows.simulation_file import load_simulation, simulation_text

        load_simulation(name)
        show.as_json({"text": simulation_text(name)}) if json else show.line(simulation_text(name).rstrip())
        return
    method = load_method(name)
    if json:
        show.as_json(method.model_dump(mode="json"))
    else:
        show.line(method_text(name).rstrip())


@app.command()
def verify(
    output_dir: Annotated[Path, typer.Argument(help="Folder that a run wrote.")],
    bids_dir: Annotated[Path | None, typer.Option("--inputs", help="The data set it read, to check its files too.")] = None,
    json: Json = False,
) -> None:
    """Compare every file with the hash that the manifest holds."""
    from afterglow.flows.verify import verify_output

    problems = verify_output(output_dir, bids_dir)
    if json:
        show.as_json({"ok": not problems, "problems": problems})
    elif not problems:
        show.line(f"{output_dir}: every file is as it was written.")
    if problems:
        for problem in problems:
            show.error(problem)
        raise typer.Exit(1)


@app.command()
def bench(
    what: Annotated[Benchmark, typer.Argument(help="What to measure: dce, dsc, dose or recurrence.")],
    peers: Annotated[bool, typer.Option(help="Also measure other packages where they are installed.")] = True,
    peer_python: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Another Python to look for osipy and p-brain in; scripts/bench_peers.sh makes one (osipy needs Python 3.12).",
        ),
    ] = None,
    in_vivo: Annotated[
        Path | None,
        typer.Option(help="Your own curves (.npz of times_s, plasma_mM, curves_mM) instead of simulated ones for etofts_invivo."),
    ] = None,
    json: Json = False,
) -> None:
    """Measure speed now, on one core of this machine, against peers and goals."""
    from afterglow.flows.bench import bench_dce
    from afterglow.flows.bench_dose import bench_dose
    from afterglow.flows.bench_dsc import bench_dsc
    from afterglow.flows.recurrence_smoke import bench_recurrence

    python = None if peer_python is None else str(peer_python)
    if what is not Benchmark.DCE and in_vivo is not None:
        raise typer.BadParameter("curves of one's own are for dce", param_hint="--in-vivo")
    with show.progress_shown(json) as progress:
        if what is Benchmark.DSC:
            figures = bench_dsc(peers=peers, peer_python=python, progress=progress)
        elif what is Benchmark.DOSE:
            figures = bench_dose(peers=peers, progress=progress)
        elif what is Benchmark.RECURRENCE:
            figures = bench_recurrence(progress=progress)
        else:
            figures = bench_dce(peers=peers, in_vivo=in_vivo, peer_python=python, progress=progress)
    _show_figures([figure.as_dict() for figure in figures], json)


@app.command()
def conformance(
    directory: Annotated[Path, typer.Argument(help="Folder laid out and named like the OSIPI reference data.")],
    json: Json = False,
) -> None:
    """Run reference cases: measured value, reference, error, tolerance, pass."""
    from afterglow.flows.conformance import run_conformance

    with show.progress_shown(json) as progress:
        figures = run_conformance(directory, progress=progress)
    _show_figures([figure.as_dict() for figure in figures], json)
    if any(figure.ok is False for figure in figures):
        raise typer.Exit(1)


def _show_figures(figures: list[dict[str, object]], json: bool) -> None:
    if json:
        show.as_json({"figures": figures})
        return
    for f in figures:
        mark = {True: "pass", False: "MISS", None: "    "}[f["ok"]]  # type: ignore[index]
        value = "-" if f["value"] is None else f"{f['value']:.6g}"
        show.line(f"{mark}  {f['name']:<44} {value:>12} {f['unit']:<16} {f['detail']}")
    judged = [f for f in figures if f["ok"] is not None]
    show.line(f"{sum(bool(f['ok']) for f in judged)} of {len(judged)} figures reach their goal.")
