"""The command `power`. Heavy imports stay inside."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afterglow.cli import show
from afterglow.cli.options import Json

if TYPE_CHECKING:
    from afterglow.cohort.power import PowerAt, PowerCurve
    from afterglow.flows.power import PowerFound


def power(
    method: Annotated[str, typer.Argument(help="A method's name (see `afterglow methods`) or the path of a .toml file.")],
    patients: Annotated[str, typer.Option(help="Sizes of the study, with commas.")] = "20,50,100",
    repeats: Annotated[int, typer.Option(help="Studies of each size.")] = 500,
    wcv: Annotated[
        list[str] | None,
        typer.Option(help="How well a quantity repeats, as a fraction: vp=.2. One for each quantity that the endpoint reads."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other patients.")] = 1,
    null: Annotated[
        bool,
        typer.Option("--null", help="Exchange patients first, so that there is nothing to find: how often does the test err?"),
    ] = False,
    endpoint: Annotated[str, typer.Option(help="An analysis of the method's [cohort]; its primary one otherwise.")] = "",
    level: Annotated[float, typer.Option(help="Level of intervals; tests succeed below 1 less this.")] = 0.95,
    simulation: Annotated[
        str, typer.Option(help="Digital cohort to draw patients from: a name or a .toml file; the method's own otherwise.")
    ] = "",
    figure: Annotated[Path | None, typer.Option(dir_okay=False, help="Write power over the number of patients (.png).")] = None,
    json: Json = False,
) -> None:
    """How many patients a study needs: the method's endpoint on simulated studies of digital patients, without images."""
    from afterglow.flows.power import PowerOrder, power_of, write_power

    order = PowerOrder(method, _sizes(patients), repeats, _noise(wcv or []), seed, null, endpoint, level, simulation)
    with show.progress_shown(json) as progress:
        found = power_of(order, progress=progress)
    if figure is not None:
        write_power(figure, found)
    if json:
        show.as_json({**_as_dict(found), "figure": figure})
        return
    _as_lines(found)
    if figure is not None:
        show.line(f"Written: {figure}")


def _sizes(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r}: give whole numbers with commas, such as 20,50,100", param_hint="--patients"
        ) from None


def _noise(words: list[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for word in words:
        name, sign, value = word.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = None
        if number is None or not sign or not name:
            raise typer.BadParameter(f"{word!r}: give a quantity and a fraction, such as vp=.2", param_hint="--wcv")
        if name in found:
            raise typer.BadParameter(f"{name} is given twice", param_hint="--wcv")
        found[name] = number
    return found


def _as_dict(found: "PowerFound") -> dict[str, object]:
    order = found.order
    return {
        "method": found.method, "analysis": found.analysis, "simulation": found.simulation, "repeats": order.repeats, "seed": order.seed,
        "level": order.level, "null": order.null, "wcv": dict(order.wcv),
        "endpoints": [
            {
                "name": c.endpoint.name, "rule": c.endpoint.rule, "value": c.endpoint.value_name, "smallest_patients": c.smallest,
                "null": c.endpoint.exchanged if order.null else None, "expected_under_null": round(c.endpoint.nominal * (1 - order.level), 12),
                "sizes": [_size_dict(one) for one in c.at],
            }
            for c in found.curves
        ],
        "remarks": list(found.remarks),
    }  # fmt: skip


def _size_dict(one: "PowerAt") -> dict[str, object]:
    return {
        "patients": one.patients, "power": one.power.value, "low": one.power.low, "high": one.power.high, "interval": one.power.rule,
        "reached": one.reached, "not_made": one.not_made, "median_value": one.median_value, "median_width": one.median_width,
        "median_cases": one.median_cases,
    }  # fmt: skip


def _as_lines(found: "PowerFound") -> None:
    order = found.order
    what = "share of studies that find what is not there" if order.null else "power"
    show.line(f"{found.method}, {found.analysis}: {order.repeats} studies of each size, seed {order.seed}; {what}")
    for curve in found.curves:
        show.line("")
        show.line(f"{curve.endpoint.name} ({curve.endpoint.rule}; level {order.level:g})")
        if order.null:
            show.line(
                f"  {curve.endpoint.exchanged}; the rule errs in {_percent(curve.endpoint.nominal * (1 - order.level))} at most, or about so"
            )
        show.line(
            f"  patients  {'share' if order.null else 'power':>8}  (95 % interval)     median {curve.endpoint.value_name}, width of its interval"
        )
        for one in curve.at:
            show.line(_line(one))
        if not order.null:
            show.line(f"  {_enough(curve)}")
    show.line("")
    for remark in found.remarks:
        show.line(f"{remark[:1].upper()}{remark[1:]}.")


def _line(one: "PowerAt") -> str:
    power = one.power
    ends = f"({_percent(power.low)} to {_percent(power.high)})"
    value = "-" if one.median_value is None else f"{one.median_value:.3g}"
    width = "-" if one.median_width is None else f"{one.median_width:.3g}"
    without = f"; in {one.not_made} the test could not be made" if one.not_made else ""
    return f"  {one.patients:8d}  {_percent(power.value):>8}  {ends:<18}  {value}, {width}{without}"


def _enough(curve: "PowerCurve") -> str:
    if curve.smallest is None:
        return "None of these sizes reaches 80 %."
    first = next(one for one in curve.at if one.patients == curve.smallest)
    sure = (
        ""
        if first.power.low is not None and first.power.low >= 0.8
        else "; within the error of the simulation it may be less than 80 %"
    )
    return f"The smallest of these sizes that reaches 80 %: {curve.smallest} patients{sure}."


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
