"""The command `repeatability`. Heavy imports stay inside."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afterglow.cli import show
from afterglow.cli.options import Json

if TYPE_CHECKING:
    from afterglow.flows.repeatability import Repeated


def repeatability(
    table: Annotated[
        Path | None,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="TSV or CSV with the columns participant_id, lesion_id, quantity, statistic, normalised, unit, first, second.",
        ),
    ] = None,
    site: Annotated[str, typer.Option(help="Where: brain or spine. A method reads the rows of its own site.")] = "brain",
    runs: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Instead of a table: the output folder of `afterglow run`.")
    ] = None,
    pairs: Annotated[str, typer.Option(help="With --runs: the two sessions that are test and retest.")] = "test,retest",
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the rows (.tsv) for `run` and for rules.")] = None,
    figure: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write the Bland-Altman plots (.png), and beside it SVG and the numbers.")
    ] = None,
    json: Json = False,
) -> None:
    """How well numbers repeat, from people scanned twice: wCV, repeatability coefficient, Bland-Altman limits."""
    from afterglow.flows.repeatability import (
        repeatability_of_run,
        repeatability_of_table,
        write_bland_altman,
        write_repeated,
    )

    if (table is None) == (runs is None):
        raise typer.BadParameter("give a table of pairs, or --runs with a folder", param_hint="TABLE")
    if table is not None:
        found = repeatability_of_table(table, site=site)
    else:
        labels = [label.strip() for label in pairs.split(",")]
        if len(labels) != 2 or not all(labels) or labels[0] == labels[1]:
            raise typer.BadParameter("name two different sessions, such as test,retest", param_hint="--pairs")
        assert runs is not None
        found = repeatability_of_run(runs, sessions=(labels[0], labels[1]), site=site)
    if out is not None:
        write_repeated(out, found)
    if figure is not None:
        write_bland_altman(figure, found)
    _show(found, out, figure, json)


def _show(found: "Repeated", out: Path | None, figure: Path | None, json: bool) -> None:
    if json:
        from dataclasses import asdict

        show.as_json({"studies": [asdict(s) for s in found.studies], "rows": [asdict(r) for r in found.rows],
                      "left_out": list(found.left_out), "table": out, "figure": figure})  # fmt: skip
        return
    for s in found.studies:
        over = " over reference" if s.normalised else ""
        unit = "" if s.unit == "1" else f" {s.unit}"
        fall, rise = s.limits_percent
        show.line(f"{s.statistic} {s.quantity}{over}, {s.n_pairs} pairs")
        show.line(f"  wCV   {_percent(s.wcv)} by logarithms, {_percent(s.wcv_rms)} by root mean square")
        show.line(
            f"  wSD   {s.wsd}{unit};  RC {s.rc}{unit};  RC {s.rc_percent.value:.1f} % ({s.rc_percent.low:.1f} to {s.rc_percent.high:.1f} %)"
        )
        show.line(f"  repeating alone changes it by {fall:+.1f} to {rise:+.1f} % in 95 % of pairs")
        show.line(f"  bias  {s.bias}{unit};  limits of agreement {s.agreement[0]} and {s.agreement[1]}{unit}")
        for remark in s.remarks:
            show.line(f"  Mind: {remark}.")
    for words in found.left_out:
        show.line(f"Left out: {words}.")
    for path in (out, figure):
        if path is not None:
            show.line(f"Written: {path}")


def _percent(interval: object) -> str:
    value, low, high = (100 * getattr(interval, name) for name in ("value", "low", "high"))
    return f"{value:.1f} % ({low:.1f} to {high:.1f} %)"
