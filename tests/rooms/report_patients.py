"""An invented patient for the report's tests: a head with a ring-enhancing lesion, two visits, plausible numbers."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from afterglow.kernels.types import Status
from afterglow.records.alignment import Alignment, Motion, QualityLine
from afterglow.records.course import Course, Treatment, Visit
from afterglow.records.grid import Grid
from afterglow.records.lesion import Lesion, Reference
from afterglow.records.maps import Aif, ParameterMap, Provenance
from afterglow.records.measurement import Measurement
from afterglow.records.quantity import QUANTITIES
from afterglow.records.response import Repeatability, Rule, Verdict
from afterglow.records.result import ExamResult, PairView, PatientResult, RegionCurve

Volume = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Head:
    grid: Grid
    anatomy: Volume
    brain: NDArray[np.bool_]
    white: NDArray[np.bool_]
    radius: NDArray[np.float64]  # distance to the lesion's centre in mm
    lesion: NDArray[np.bool_]
    reference: NDArray[np.bool_]


def head(shape: tuple[int, int, int], radius_mm: float, seed: int) -> Head:
    """A head of 170 x 200 x 140 mm on that many voxels; stored left to right, back to front, foot to head."""
    spacing = np.array([190.0, 220.0, 150.0]) / shape
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -spacing * (np.array(shape) - 1) / 2
    grid = Grid(shape, affine)
    rng = np.random.default_rng(seed)
    x, y, z = np.moveaxis(grid.to_mm(np.moveaxis(np.indices(shape), 0, -1).astype(float)), -1, 0)
    shell = np.sqrt((x / 82) ** 2 + (y / 98) ** 2 + (z / 90) ** 2)
    wobble = ndimage.gaussian_filter(rng.standard_normal(shape), 9.0 / spacing)
    wobble /= np.abs(wobble).max()
    brain = shell < 0.86
    white = brain & (shell + 0.16 * wobble < 0.68)
    ventricle = ((np.abs(x) - 9) / 7) ** 2 + (y / 30) ** 2 + ((z - 5) / 14) ** 2 < 1
    anatomy = np.where(shell < 1, 260.0, 6.0)
    anatomy[(shell < 0.93) & ~brain] = 40.0
    anatomy[brain] = 330.0
    anatomy[white] = 430.0
    anatomy[brain & ventricle] = 90.0
    radius = np.sqrt((x - 34) ** 2 + (y + 22) ** 2 + (z - 12) ** 2) * (1 + 0.25 * wobble)
    lesion = radius < radius_mm
    anatomy[lesion] = 620.0
    anatomy[radius < 0.45 * radius_mm] = 210.0
    anatomy = ndimage.gaussian_filter(anatomy, 0.5) + 9.0 * rng.standard_normal(shape)
    mirrored = np.sqrt((x + 34) ** 2 + (y + 22) ** 2 + (z - 12) ** 2) < 13
    return Head(grid, anatomy.astype(np.float32), brain, white & ~ventricle, radius, lesion, mirrored & white & ~ventricle)


def _map(name: str, place: Head, normal: float, ring: float, core: float, spread: float, seed: int) -> ParameterMap:
    rng = np.random.default_rng(seed)
    size = float(place.radius[place.lesion].max())
    values = np.where(place.white, normal, 1.3 * normal)
    values = values + (ring - normal) * np.exp(-(((place.radius - 0.72 * size) / (0.32 * size)) ** 2))
    values = np.where(place.radius < 0.4 * size, core, values)
    values = values * (1 + spread * ndimage.gaussian_filter(rng.standard_normal(values.shape), 0.6) * 2)
    status = np.where(place.brain, Status.OK, Status.NOT_ASKED).astype(np.uint8)
    silent = place.brain & (rng.random(values.shape) < 0.05)
    status[silent] = Status.NO_UPTAKE
    status[place.lesion & (rng.random(values.shape) < 0.03)] = Status.AT_BOUND
    values = np.where(place.brain & ~(silent & (name in ("ktrans", "ve"))), values, np.nan)
    step = Provenance(f"fit:{name}", "0.1.0", {}, (), "")
    return ParameterMap(QUANTITIES[name], values.astype(np.float32), place.grid, status, step)


def _curves(seed: int, strength: float) -> tuple[Aif, tuple[RegionCurve, ...]]:
    rng = np.random.default_rng(seed)
    times_s = np.arange(60) * 5.0
    since = np.clip(times_s - 32, 0, None)
    plasma = 9.0 * (since / 8) * np.exp(1 - since / 8) + 1.6 * (1 - np.exp(-since / 9)) * np.exp(-since / 900)
    curves = []
    for label, ktrans, ve, vp, n in (
        ("lesion 1", 0.14 * strength, 0.33, 0.06 * strength, 412),
        ("reference", 0.008, 0.12, 0.018, 655),
    ):
        leak = np.convolve(plasma, np.exp(-ktrans / ve / 60 * times_s))[:60] * 5.0
        fitted = vp * plasma + ktrans / 60 * leak
        noisy = fitted + 0.012 * rng.standard_normal(60)
        parameters = (("ktrans", ktrans, "/min"), ("ve", ve, "1"), ("vp", vp, "1"))
        curves.append(RegionCurve(label, times_s, noisy, fitted, "extended Tofts", n, parameters))
    noisy_plasma = plasma + 0.05 * rng.standard_normal(60)
    return Aif(times_s, noisy_plasma, "automatic, cluster analysis", 0.42, 0.87), tuple(curves)


def exam(
    session: str, day: float, *, shape: tuple[int, int, int] = (30, 34, 10), radius_mm: float = 19.0, strength: float = 1.0
) -> ExamResult:
    place = head(shape, radius_mm, seed=7)
    seed = int(day) + 1
    rows = (
        ("ktrans", 0.006, 0.16 * strength, 0.02, 0.12),
        ("vp", 0.018, 0.075 * strength, 0.008, 0.12),
        ("ve", 0.10, 0.38, 0.5, 0.1),
        ("t1", 0.95, 1.45, 2.3, 0.03),
        ("iaugc60", 1.1, 8.5 * strength, 1.6, 0.1),
        ("delay", 1.2, 2.4, 4.0, 0.3),
    )
    maps = tuple(_map(*row[:1], place, *row[1:], seed=seed * 10 + n) for n, row in enumerate(rows))
    aif, curves = _curves(seed, strength)
    middle = np.array(place.grid.to_index(np.array([[-22.0, 18.0, -14.0]])).round(), dtype=np.intp)[0]
    offsets = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 0, 1), (1, 0, 1), (0, 0, -1)])
    aif = replace(aif, voxels=(middle + offsets).astype(np.intp))
    drift = np.cumsum(np.random.default_rng(seed).standard_normal((60, 6)) * 0.02, axis=0)
    framewise = np.abs(np.diff(drift[:, 0], prepend=drift[0, 0]))
    return ExamResult(
        subject="01",
        session=session,
        day=day,
        method="demo-glioma",
        grid=place.grid,
        backdrop=place.anatomy,
        backdrop_name="CE-T1w",
        maps=maps,
        aif=aif,
        motion=Motion(aif.times_s, drift[:, :3], drift[:, 3:], np.abs(drift[:, 0]) + 0.02, framewise, np.abs(drift[:, 0]) > 0.1),
        alignments=(
            Alignment("T1w", "dce", np.eye(4), (("mutual information before", 0.61), ("mutual information after", 0.94)), True),
        ),
        lesions=(Lesion("1", place.lesion, place.grid, "given mask sub-01_ses-01_label-lesion_mask.nii.gz"),),
        reference=Reference(place.reference, place.grid, "contralateral white matter", "given mask"),
        curves=curves,
        quality=(
            QualityLine("Baseline", "6 frames before the bolus", "ok"),
            QualityLine("Motion", "largest displacement 0.31 mm", "note", "19 frames were resampled."),
            QualityLine("Haematocrit", "not recorded, 0.42 from the method file", "warning", "Enter the patient's own value."),
        ),
        provenance=(
            Provenance("t1", "0.1.0", {"flips_deg": (2.0, 5.0, 10.0, 15.0)}, ("sub-01/ses-01/anat/vfa.nii.gz",),
                       "T1 was mapped from variable flip angles.", ("10.1002/mrm.10407",), 1.31),
            Provenance("fit", "0.1.0", {"model": "etofts", "delay": True, "haematocrit": 0.42},
                       ("sub-01/ses-01/perf/sub-01_ses-01_ce-gadolinium_dce.nii.gz",),
                       "The extended Tofts model was fitted with a joint arterial delay.", ("10.1002/jmri.1880070113",), 3.87),
        ),
    )  # fmt: skip


def measurements(visit: ExamResult) -> tuple[Measurement, ...]:
    """Means, medians and percentiles in the lesion and the reference, ratios, and the volume."""
    rows: list[Measurement] = []

    def add(
        region: str, quantity: str, statistic: str, value: float, half: float | None, unit: str, ratio_to: float | None
    ) -> None:
        mask = visit.lesions[0].mask if region == "lesion" else visit.reference.mask
        rows.append(
            Measurement(
                visit.subject,
                visit.session,
                visit.day,
                "1",
                region,
                quantity,
                statistic,
                value,
                unit,
                None if half is None else value - half,
                None if half is None else value + half,
                "" if half is None else "95 % bootstrap over voxels",
                int(mask.sum()),
                float(mask.sum()) * visit.grid.voxel_ml,
                "" if ratio_to is None else visit.reference.kind,
                ratio_to,
                visit.space,
                visit.method,
                "run-1",
            )
        )

    for parameter_map in visit.maps:
        name, unit = parameter_map.quantity.name, parameter_map.quantity.unit
        inside, outside = (
            v[np.isfinite(v)].astype(float)
            for v in (parameter_map.values[m] for m in (visit.lesions[0].mask, visit.reference.mask))
        )
        error = 1.96 * float(inside.std()) / np.sqrt(inside.size)
        for region, values in (("lesion", inside), ("reference", outside)):
            add(region, name, "mean", float(values.mean()), error, unit, None)
        add(
            "lesion",
            name,
            "mean",
            float(inside.mean() / outside.mean()),
            error / abs(float(outside.mean())),
            "1",
            float(outside.mean()),
        )
        for statistic, q in (("p5", 5), ("p25", 25), ("median", 50), ("p75", 75), ("p95", 95)):
            add("lesion", name, statistic, float(np.percentile(inside, q)), error if q == 50 else None, unit, None)
        add("lesion", name, "sd", float(inside.std()), None, unit, None)
        add("lesion", name, "max", float(inside.max()), None, unit, None)
    add("lesion", "volume", "value", visit.lesions[0].volume_ml, None, "mL", None)
    return tuple(rows)


RULE = Rule(
    "vp_change", "change", ("vp",), "mean", True, "percent", -40.0, "only", "%", "doi:10.3174/ajnr.A8057, Results",
    "a fall of size in the first months may be delayed",
)  # fmt: skip
REPEATABILITY = Repeatability("vp", True, "brain", 0.077, "invented for the tests", confirmed=False)


def patient(shape: tuple[int, int, int] = (30, 34, 10)) -> PatientResult:
    before = exam("01", 0.0, shape=shape)
    after = exam("02", 62.0, shape=shape, radius_mm=16.0, strength=0.42)
    pair = PairView(
        grid=before.grid,
        sessions=("01", "02"),
        days=(0.0, 62.0),
        backdrops=(before.backdrop, after.backdrop),
        lesions=(before.lesions[0].mask, after.lesions[0].mask),
        maps=tuple((QUANTITIES[n], before.map_of(n).values, after.map_of(n).values) for n in ("ktrans", "vp", "ve")),
        alignment=Alignment("ses-02", "ses-01", np.eye(4), (("forward-backward error in mm", 0.12),), True),
    )
    visits = tuple(Visit(e.session, e.day, measurements(e)) for e in (before, after))
    ratios = [next(m.value for m in v.measurements if m.quantity == "vp" and m.is_normalised) for v in visits]
    change = 100 * (ratios[1] / ratios[0] - 1)
    verdict = Verdict(
        "01", "1", "vp_change", "01", "02", "response", change, "%", -40.0, abs(change + 40) / REPEATABILITY.rc_percent, "invented for the tests",
        f"Response: normalised vp of lesion 1 changed by {change:.1f} % between day 0 and day 62, beyond the threshold of -40 %.",
        (("vp ratio on day 0", ratios[0]), ("vp ratio on day 62", ratios[1]), ("change in %", change)),
    )  # fmt: skip
    untold = Verdict(
        "01", "1", "size_change", "01", "02", "cannot tell", None, "%", -10.0, None, "",
        "Cannot tell, because the largest diameters were not measured at ses-02.", (("area on day 62", None),),
    )  # fmt: skip
    return PatientResult(
        participant_id="01",
        method="demo-glioma",
        exams=(before, after),
        course=Course("01", visits, (Treatment("radiotherapy", 12.0, 60.0, 30),)),
        verdicts=(verdict, untold),
        pair=pair,
        methods_paragraph="T1 was mapped from variable flip angles. The extended Tofts model was fitted with a joint arterial delay.",
        references=("10.1002/jmri.1880070113", "10.3174/ajnr.A8057"),
    )
