"""The start of a visit: the series to quantify, what the method asks for beside it, and whose physics holds."""

from dataclasses import replace

import numpy as np

from afterglow.flows.consensus import consensus_lines, preload_line
from afterglow.flows.method import Method
from afterglow.flows.work import Arm, Progress, Work
from afterglow.records.errors import BadInput, BadMethod, MissingInput
from afterglow.records.protocol import Epi, Spgr
from afterglow.records.series import Exam, Series

_SLOW_FRAMES_S = 10.0
_SHORT_S = 120.0


def dynamic_series(exam: Exam, method: Method) -> Series:
    """The series to quantify, with all the method requires beside it. MissingInput or BadInput otherwise; reads no voxel."""
    where = f"sub-{exam.subject} ses-{exam.session}" if exam.session else f"sub-{exam.subject}"
    for spec in method.series.values():
        if spec.required and not any(exam.has(role) for role in spec.roles):
            raise MissingInput(
                f"{where}: method {method.name} needs a series of role {' or '.join(spec.roles)}, and there is none"
            )
    leads = [found[0] for name in method.leads if (found := _echoes(exam, method, name, where))]
    if not leads:
        roles = " or ".join(role for name in method.leads for role in method.series[name].roles)
        raise MissingInput(f"{where}: method {method.name} needs a series of role {roles}, and there is none")
    return leads[0]


def begin(exam: Exam, dynamic: Series, method: Method, *, workers: int, progress: Progress) -> Work:
    """Read the dynamic series, and settle whose relaxivity and haematocrit hold."""
    progress("reading", 0, 1)
    match dynamic.protocol:
        case Spgr():
            work = _begin_dce(exam, dynamic, dynamic.protocol, method, workers, progress)
        case Epi():
            work = _begin_dsc(exam, dynamic, dynamic.protocol, method, workers, progress)
        case _:
            raise BadInput(f"{dynamic.source}: it is neither a spoiled gradient echo (DCE) nor echo-planar (DSC)")
    finite = np.isfinite(work.data)
    bad = int(np.count_nonzero(~finite.all(axis=-1)))
    if bad:
        work.data = np.where(finite, work.data, np.float32(np.nan))
        work.note("voxels with values that are not finite", str(bad), "warning", "they are left out and have status 5")
    return work


def _begin_dce(exam: Exam, dynamic: Series, protocol: Spgr, method: Method, workers: int, progress: Progress) -> Work:
    if method.agent is None or method.haematocrit is None:
        raise BadMethod(f"{method.name}: a DCE series needs [agent] and [haematocrit]")
    agent = dynamic.agent or method.agent.record()
    if dynamic.agent is not None and dynamic.agent.r2star_per_mM_s is None:
        agent = replace(agent, r2star_per_mM_s=method.agent.r2star_per_mM_s)
    haematocrit = dynamic.haematocrit if dynamic.haematocrit is not None else method.haematocrit.value
    work = Work(exam, method, dynamic, dynamic.load(), protocol, agent, haematocrit, workers, progress)
    _note_frames(work)
    source = agent.source if dynamic.agent is not None else f"{agent.name}, method file: {agent.source}"
    level = "ok" if dynamic.agent is not None else "note"
    work.note("r1 of the contrast agent", f"{agent.r1_per_mM_s:g} /mM/s", level, source)
    given = dynamic.haematocrit is not None
    advice = "" if given else f"method file: {method.haematocrit.source}"
    work.note("haematocrit", f"{haematocrit:g}", "ok" if given else "note", advice)
    return work


def _begin_dsc(exam: Exam, dynamic: Series, protocol: Epi, method: Method, workers: int, progress: Progress) -> Work:
    work = Work(exam, method, dynamic, dynamic.load(), protocol, None, dynamic.haematocrit, workers, progress)
    where = f"sub-{exam.subject} ses-{exam.session}" if exam.session else f"sub-{exam.subject}"
    for name in method.leads:
        found = _echoes(exam, method, name, where)
        if found and name != "sage":
            work.arms[name] = _arm(name, found, work)
        elif found and not work.arms:
            work.arms = {"ge": _arm("ge", found[:2], work), "se": _arm("se", (found[2], *found[:2]), work)}
            work.arms["se"].one_injection = True
    for arm in work.arms.values():
        work.quality += consensus_lines(arm.series)
    work.quality.append(preload_line(work.arms, any(arm.one_injection for arm in work.arms.values())))
    for name in ("ge", "se"):
        if name in work.arms or not {name, "sage"} & set(method.leads):
            continue
        made = "CBV, flow and leakage" if name == "se" else "spin-echo CBV and leakage"
        advice = f"without {name}: {made} are made; MTI and vessels need both"
        work.note("DSC series", f"only {', '.join(work.arms)}", "warning", advice)
    return work


def _arm(name: str, series: tuple[Series, ...], work: Work) -> Arm:
    """The first series leads; the others are echoes of the same excitations, read once whichever arm they serve."""
    there = {id(arm.series): arm.data for arm in work.arms.values()} | {id(work.dynamic): work.data}
    loaded = [(one.protocol, there[id(one)] if id(one) in there else one.load()) for one in series]
    epi = [(protocol, data) for protocol, data in loaded if isinstance(protocol, Epi)]
    if len(epi) < len(series):
        raise BadInput(f"{series[0].source}: it is not echo-planar imaging")
    return Arm(name, series[0], epi[0][1], epi[0][0], tuple(epi[1:]))


def _echoes(exam: Exam, method: Method, name: str, where: str) -> tuple[Series, ...]:
    """The series that the method calls by that name: one; several echoes of one excitation (DSC), the earliest first; or none."""
    found = tuple(one for role in method.series[name].roles for one in exam.series.get(role, ()))
    names = ", ".join(one.source for one in found)
    wanted = {"dce": (1,), "ge": (1, 2), "se": (1,), "sage": (3,)}[name]
    if found and len(found) not in wanted:
        raise BadInput(
            f"{where}: {len(found)} dynamic series ({names}) where {' or '.join(map(str, wanted))} can be read; move the others away, or name one by "
            "its role in a copy of the method file"
        )
    if len(found) < 2:
        return found
    timed = sorted((one.protocol.te_s, n) for n, one in enumerate(found) if isinstance(one.protocol, Epi))
    echoes = tuple(found[n] for _, n in timed)
    together = all(one.grid.same_as(found[0].grid) and np.array_equal(one.times_s, found[0].times_s) for one in found)
    if not together or len({te_s for te_s, _ in timed}) < len(found):
        raise BadInput(
            f"{where}: {names} are not echoes of one excitation: their grids, frame times or echo times do not fit; move one away"
        )
    kinds = tuple(one.protocol.echo for one in echoes if isinstance(one.protocol, Epi))
    if kinds != ("gradient", "gradient", "spin")[: len(found)]:
        raise BadInput(
            f"{where}: {names} should be two gradient echoes and, where there is a third, a later spin echo; found {', '.join(kinds)}"
        )
    return echoes


def _note_frames(work: Work) -> None:
    step_s = float(np.median(np.diff(work.times_s)))
    length_s = float(work.times_s[-1] - work.times_s[0])
    slow, short = step_s > _SLOW_FRAMES_S, length_s < _SHORT_S
    advice = (
        "slower than 10 s: the bolus is hardly seen, and vp and delay with it"
        if slow
        else "shorter than 2 minutes: ve is not determined"
        if short
        else ""
    )
    work.note(
        "frames", f"{work.times_s.size}, one each {step_s:.2f} s, {length_s:.0f} s in all", "warning" if advice else "ok", advice
    )
