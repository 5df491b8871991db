"""Claims about the figures of a plan, what cannot be told, two plans side by side, and input that fits nothing."""

import math
from dataclasses import replace

import numpy as np
import pytest
from painted_phantom import Painted, painted_phantom, places_of, plan_of, sphere_share

from afterglow.painting.biology import necrosis_words
from afterglow.painting.compare import GammaSettings, compare_plans, gamma_map
from afterglow.painting.density import DENSITIES, Density
from afterglow.painting.dosimetry import dose_on, dose_volume, everywhere, spread_in, structure_of, without
from afterglow.painting.dosimetry_figures import DosimetrySettings, plan_figures, runs_off
from afterglow.records.dose import DoseFigure, DoseGrid, DosePlan, Structure
from afterglow.records.errors import BadInput, GridMismatch
from afterglow.records.grid import Grid

SETTINGS = DosimetrySettings(
    doses_at_percent=(98.0, 95.0, 50.0, 2.0),
    doses_at_ml=(0.035,),
    volumes_at_gy=(12.0,),
    density={"brain": DENSITIES["brain"], "tumour": DENSITIES["brain"]},
    geud_a={"brain": 4.0, "tumour": -10.0},
    alpha_beta_gy={"brain": 2.0, "tumour": 10.0},
    fractions=1,
)


def upright(n: int, mm: float = 1.0) -> Grid:
    affine = np.diag([mm, mm, mm, 1.0])
    affine[:3, 3] = -mm * (n - 1) / 2
    return Grid((n, n, n), affine)


def value_of(figures: tuple[DoseFigure, ...], structure: str, name: str) -> DoseFigure:
    found = [one for one in figures if (one.structure, one.name) == (structure, name)]
    assert len(found) == 1, f"{name} of {structure} stands {len(found)} times"
    return found[0]


@pytest.fixture(scope="module")
def phantom() -> Painted:
    return painted_phantom(3.0)


@pytest.fixture(scope="module")
def figures(phantom: Painted) -> tuple[DoseFigure, ...]:
    brain = structure_of("brain", phantom.brain, phantom.grid, kind="organ")
    return plan_figures(phantom.uniform, [phantom.tumour, brain], target="tumour", reference_gy=16.0, settings=SETTINGS)


def cones(edge_mm: float) -> tuple[DosePlan, Structure]:
    """A dose that falls by 1 Gy a millimetre from 32 Gy, and a ball whose edge gets 32 less edge_mm."""
    grid = upright(54)
    dose = np.maximum(32 - np.linalg.norm(places_of(grid), axis=-1), 0.25)
    return plan_of("cone", dose, grid, "a cone"), structure_of("ball", sphere_share(grid, edge_mm), grid, kind="target")


def test_conformity_of_balls_in_a_falling_dose_is_known() -> None:
    """16 Gy lies at 16 mm and 8 Gy at 24 mm: a ball of 16 mm is met exactly, a larger or smaller one by the cube of the radii."""
    for edge_mm in (13.0, 16.0):
        plan, ball = cones(edge_mm)
        found = plan_figures(plan, [ball], target="ball", reference_gy=16.0, settings=SETTINGS)
        tv, piv = edge_mm**3, 16.0**3
        both = min(tv, piv)
        for name, true in (
            ("coverage", both / tv),
            ("selectivity", both / piv),
            ("paddick_conformity", both * both / (tv * piv)),
            ("gradient_index", 24.0**3 / piv),
        ):
            assert value_of(found, "ball", name).value == pytest.approx(true, rel=6e-3 if edge_mm == 16 else 1e-3)
        assert value_of(found, "dose grid", "V12").value == pytest.approx(4 / 3 * np.pi * 20**3 / 1000, rel=1e-3)
        assert value_of(found, "dose grid", "V12_minus_target").value == pytest.approx(
            4 / 3 * np.pi * (20**3 - edge_mm**3) / 1000, rel=2e-3
        )
        d98, d50, d2 = (32 - edge_mm * share ** (1 / 3) for share in (0.98, 0.5, 0.02))
        assert value_of(found, "ball", "homogeneity_index").value == pytest.approx((d2 - d98) / d50, rel=2e-3)


def test_integral_dose_is_mean_times_the_mass_of_the_structure_it_names(figures: tuple[DoseFigure, ...]) -> None:
    kg, mean = value_of(figures, "brain", "mass"), value_of(figures, "brain", "mean_dose")
    joule = value_of(figures, "brain", "integral_dose")
    assert kg.value == pytest.approx(4 / 3 * np.pi * 0.065**3 * 1040, rel=0.01)
    assert joule.value == pytest.approx(kg.value * mean.value)
    assert (kg.unit, joule.unit) == ("kg", "J")
    assert "1.04 kg/L" in joule.note
    assert "ICRU" in joule.note


def test_without_a_density_there_is_no_integral_dose(phantom: Painted) -> None:
    found = plan_figures(
        phantom.uniform, [phantom.tumour], target="tumour", reference_gy=16.0, settings=replace(SETTINGS, density={})
    )
    assert math.isnan(value_of(found, "tumour", "integral_dose").value)
    assert "no density was given for tumour" in value_of(found, "tumour", "integral_dose").note


def test_large_fractions_are_said_to_strain_the_model(figures: tuple[DoseFigure, ...]) -> None:
    bed = value_of(figures, "tumour", "BED_D95")
    d95 = value_of(figures, "tumour", "D95").value
    assert bed.value == pytest.approx(d95 * (1 + d95 / 10))
    assert value_of(figures, "tumour", "EQD2_D95").value == pytest.approx(bed.value / 1.2)
    assert "alpha/beta = 10 Gy, 1 fraction" in bed.note
    assert "10.1016/j.semradonc.2008.04.005" in bed.note
    assert "semradonc" not in value_of(figures, "brain", "BED_D50").note


def test_the_12_gy_volume_names_the_lines_and_what_they_are_not_for(figures: tuple[DoseFigure, ...]) -> None:
    note = value_of(figures, "dose grid", "V12").note
    assert "target included" in note
    assert "PMC11069632" in note
    assert "not of gliomas" in note
    assert necrosis_words(4.0).startswith("below 5 mL")
    assert necrosis_words(12.0).startswith("at or above 10 mL")


def test_every_setting_changes_a_figure(phantom: Painted) -> None:
    def told(settings: DosimetrySettings) -> list[tuple[str, str, str]]:
        found = plan_figures(phantom.uniform, [phantom.tumour], target="tumour", reference_gy=16.0, settings=settings)
        return [(one.name, f"{one.value:.6g}", one.note) for one in found]

    usual = told(SETTINGS)
    for name, other in (
        ("doses_at_percent", (90.0,)),
        ("doses_at_ml", (1.0,)),
        ("volumes_at_gy", (10.0,)),
        ("density", {"tumour": Density(1.1, "tried")}),
        ("geud_a", {"tumour": 1.0}),
        ("alpha_beta_gy", {"tumour": 3.0}),
        ("fractions", 5),
    ):
        assert told(replace(SETTINGS, **{name: other})) != usual, name


def test_an_empty_structure_has_figures_that_are_not_measured(phantom: Painted) -> None:
    empty = structure_of("aggressive", np.zeros(phantom.grid.shape, dtype=bool), phantom.grid, kind="zone")
    found = plan_figures(phantom.uniform, [phantom.tumour, empty], target="tumour", reference_gy=16.0, settings=SETTINGS)
    assert value_of(found, "aggressive", "volume").value == 0
    d95 = value_of(found, "aggressive", "D95")
    assert math.isnan(d95.value)
    assert d95.note == "aggressive is empty"
    curve = dose_volume(phantom.uniform.dose, empty, plan="uniform")
    assert (curve.volume_ml == 0).all()
    assert curve.note == "aggressive is empty"


def test_what_the_dose_does_not_cover_is_said_and_not_guessed(phantom: Painted) -> None:
    low = phantom.grid.to_index(np.array([[-40.0, 0, 0]]))[0, 0]
    cut = phantom.uniform.dose.dose_gy.copy()
    cut[: int(low)] = np.nan
    plan = replace(phantom.uniform, dose=replace(phantom.uniform.dose, dose_gy=cut))
    brain = structure_of("brain", phantom.brain, phantom.grid, kind="organ")
    found = plan_figures(plan, [phantom.tumour, brain], target="tumour", reference_gy=16.0, settings=SETTINGS)
    for name in ("mean_dose", "max_dose", "V12", "integral_dose", "gEUD"):
        one = value_of(found, "brain", name)
        assert math.isnan(one.value)
        assert "% of brain has no dose" in one.note
    assert math.isfinite(value_of(found, "tumour", "D95").value)
    assert math.isfinite(value_of(found, "tumour", "paddick_conformity").value)
    assert math.isfinite(value_of(found, "dose grid", "V12").value)
    curve = dose_volume(plan.dose, brain, plan="uniform")
    assert "has no dose" in curve.note
    assert curve.volume_ml[0] < brain.volume_ml


def test_an_isodose_that_runs_off_the_grid_has_no_volume() -> None:
    plan, ball = cones(10.0)
    small = plan.dose.dose_gy[12:42, 12:42, 12:42]
    grid = upright(30)
    cut = replace(plan, dose=DoseGrid(small.copy(), grid, "research kernel", "a cut"))
    inner = structure_of("ball", ball.share[12:42, 12:42, 12:42], grid, kind="target")
    found = plan_figures(cut, [inner], target="ball", reference_gy=20.0, settings=SETTINGS)
    assert math.isnan(value_of(found, "dose grid", "V12").value)
    assert "runs off the dose grid" in value_of(found, "dose grid", "V12").note
    assert math.isnan(value_of(found, "ball", "gradient_index").value)
    assert math.isfinite(value_of(found, "ball", "coverage").value)
    assert runs_off(cut.dose, 31.0) == ""


def test_a_dose_that_nobody_reaches_has_no_conformity(phantom: Painted) -> None:
    found = plan_figures(phantom.uniform, [phantom.tumour], target="tumour", reference_gy=60.0, settings=SETTINGS)
    assert value_of(found, "tumour", "coverage").value == 0
    assert math.isnan(value_of(found, "tumour", "paddick_conformity").value)
    assert "no dose reaches 60 Gy" in value_of(found, "tumour", "selectivity").note


def test_structures_and_doses_that_do_not_belong_together_are_refused(phantom: Painted) -> None:
    other = upright(20)
    tumour = phantom.tumour
    with pytest.raises(GridMismatch, match="lay one on the grid of the other"):
        spread_in(phantom.uniform.dose, Structure("x", np.ones(other.shape, dtype=np.float32), other, "organ"))
    with pytest.raises(BadInput, match=r"frame of reference 1\.2\.3 but structure tumour in 1\.2\.4"):
        spread_in(replace(phantom.uniform.dose, frame_uid="1.2.3"), replace(tumour, frame_uid="1.2.4"))
    assert spread_in(replace(phantom.uniform.dose, frame_uid="1.2.3"), tumour).covered == 1
    with pytest.raises(BadInput, match="name each once, the target gross among them"):
        plan_figures(phantom.uniform, [tumour], target="gross", reference_gy=16.0, settings=SETTINGS)
    with pytest.raises(BadInput, match="has no isodose"):
        plan_figures(phantom.uniform, [tumour], target="tumour", reference_gy=0.0, settings=SETTINGS)
    with pytest.raises(BadInput, match="outside 0 to 1"):
        structure_of("x", np.full(other.shape, 1.5, dtype=np.float32), other, kind="organ")
    with pytest.raises(GridMismatch, match="give the grid it was drawn on"):
        structure_of("x", np.ones((2, 2, 2), dtype=bool), other, kind="organ")
    with pytest.raises(ValueError, match="negative somewhere"):
        DoseGrid(np.full(other.shape, -1, dtype=np.float32), other, "prescription", "nowhere")
    with pytest.raises(ValueError, match="say the number and its source"):
        Density(1.0, "")
    with pytest.raises(ValueError, match="percentages"):
        replace(SETTINGS, doses_at_percent=(120.0,))
    with pytest.raises(ValueError, match="fractions"):
        replace(SETTINGS, fractions=0)


def test_a_structure_on_a_turned_finer_grid_keeps_its_volume(phantom: Painted) -> None:
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]]
    fine = upright(80, 1.5)
    there = structure_of("tumour", phantom.zones.tumour, phantom.grid, kind="target", onto=fine, rigid=turn)
    assert there.volume_ml == pytest.approx(phantom.tumour.volume_ml, rel=2e-3)
    rest = without(everywhere(dose_on(phantom.uniform.dose, fine)), there)
    assert rest.volume_ml + there.volume_ml == pytest.approx(80**3 * 1.5**3 / 1000, rel=1e-6)


def test_a_dose_read_on_another_grid_is_unknown_beyond_its_own(phantom: Painted) -> None:
    dose = phantom.uniform.dose
    assert dose_on(dose, phantom.grid) is dose
    wide = upright(60, 4.0)
    read = dose_on(dose, wide)
    assert np.isnan(read.dose_gy[0]).all()
    inside = np.isfinite(read.dose_gy)
    straight = dose_on(replace(dose, dose_gy=(10 + 0.1 * places_of(phantom.grid)[..., 0]).astype(np.float32)), wide)
    np.testing.assert_allclose(straight.dose_gy[inside], (10 + 0.1 * places_of(wide)[..., 0])[inside], atol=1e-4)


def test_two_plans_stand_side_by_side(phantom: Painted, figures: tuple[DoseFigure, ...]) -> None:
    painted = plan_figures(phantom.painted, [phantom.tumour], target="tumour", reference_gy=15.0, settings=SETTINGS)
    rows = compare_plans(figures, painted)
    both = {(row.structure, row.name): row for row in rows}
    mean = both["tumour", "mean_dose"]
    assert mean.difference == pytest.approx(mean.second - mean.first)
    assert "only one plan has this figure" in both["brain", "mean_dose"].note
    assert math.isnan(both["brain", "mean_dose"].second)
    assert [(row.structure, row.name) for row in rows[: len(figures)]] == [(one.structure, one.name) for one in figures]
    with pytest.raises(BadInput, match="stands twice"):
        compare_plans([*figures, figures[0]], painted)


def test_gamma_of_two_plans_says_its_criteria_and_judges_only_above_the_cutoff(phantom: Painted) -> None:
    criteria = GammaSettings(dose_percent=2.0, distance_mm=1.0, cutoff_percent=10.0, local=False, norm_gy=32.0)
    same = gamma_map(phantom.uniform.dose, phantom.uniform.dose, criteria)
    assert same.passing == 1
    assert same.words == "2 % of 32 Gy / 1 mm, voxels above 3.2 Gy"
    assert same.judged == int((phantom.uniform.dose.dose_gy >= 3.2).sum())
    other = gamma_map(phantom.uniform.dose, phantom.painted.dose, criteria)
    local = gamma_map(phantom.uniform.dose, phantom.painted.dose, replace(criteria, local=True))
    assert 0 < local.passing <= other.passing < 1
    assert "of the local dose" in local.words
    hole = phantom.painted.dose.dose_gy.copy()
    hole[phantom.zones.tumour] = np.nan
    holed = gamma_map(phantom.uniform.dose, replace(phantom.painted.dose, dose_gy=hole), criteria)
    assert holed.uncovered == int(phantom.zones.tumour.sum())
    with pytest.raises(GridMismatch):
        gamma_map(phantom.uniform.dose, dose_on(phantom.painted.dose, upright(20)), criteria)
    with pytest.raises(ValueError, match="compares nothing"):
        replace(criteria, distance_mm=0.0)


def test_gamma_on_a_slanting_grid_is_refused() -> None:
    affine = np.eye(4)
    affine[0, 1] = 0.3
    grid = Grid((4, 4, 4), affine)
    dose = DoseGrid(np.ones(grid.shape, dtype=np.float32), grid, "research kernel", "slanting")
    with pytest.raises(BadInput, match="right angles"):
        gamma_map(dose, dose, GammaSettings(2.0, 1.0, 10.0, False, 1.0))
