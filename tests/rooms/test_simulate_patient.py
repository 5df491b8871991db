"""The digital patient as a whole: same seed, same bytes; anatomy, lesion and truth that belong together."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from afterglow.kernels.spgr import concentration
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.protocol import Spgr
from afterglow.simulate.head import Head, make_head
from afterglow.simulate.patient import DigitalPatient, simulate_patient
from afterglow.simulate.plan import PLANS, Plan
from afterglow.simulate.scanner import StoredImage
from afterglow.simulate.series import DigitalExam
from afterglow.simulate.template import Template, load_template
from afterglow.simulate.tissues import TISSUES

SMALL = replace(
    PLANS["coarse"],
    head_spacing_mm=3.0,
    anatomy_shape=(62, 78, 56),
    n_frames=12,
    frame_s=20.0,
    motion=0.0,
    snr=1e4,
)


@pytest.fixture(scope="module")
def template() -> Template:
    return load_template()


@pytest.fixture(scope="module")
def head(template: Template) -> Head:
    return make_head(template, spacing_mm=3.0, rng=np.random.default_rng(11))


@pytest.fixture(scope="module")
def necrosis() -> DigitalPatient:
    return simulate_patient("necrosis", seed=4, plan=SMALL)


@pytest.fixture(scope="module")
def recurrence() -> DigitalPatient:
    return simulate_patient("recurrence", seed=8, plan=SMALL)


def image(visit: DigitalExam, role: str) -> StoredImage:
    return visit.series_of(role)[0].image


def truth(visit: DigitalExam, name: str) -> np.ndarray:
    return visit.truth.map_of(name, "dce").values


def lesion_of(visit: DigitalExam) -> np.ndarray:
    return truth(visit, "enhancing") > 0.5


def reference_of(visit: DigitalExam) -> np.ndarray:
    return (truth(visit, "reference") > 0.9) & (truth(visit, "white") > 0.95)


def ratio(visit: DigitalExam, name: str) -> float:
    values = truth(visit, name)
    return float(values[lesion_of(visit)].mean() / values[reference_of(visit)].mean())


def test_the_template_is_left_right_symmetric_and_its_tissues_fill_the_brain(template: Template) -> None:
    for tissue in (template.grey, template.white, template.csf):
        np.testing.assert_array_equal(tissue, tissue[::-1])
    total = template.grey + template.white + template.csf
    np.testing.assert_allclose(total[template.brain], 1.0, atol=1e-5)
    assert 1500 < template.brain.sum() / 1000 < 2100  # mL


def test_a_missing_template_is_a_stated_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingInput, match="nilearn"):
        load_template()


def test_the_fractions_of_a_head_never_exceed_its_voxels(head: Head) -> None:
    total = np.sum(list(head.fractions.values()), axis=0)
    assert total.max() < 1 + 1e-4
    assert min(part.min() for part in head.fractions.values()) > -1e-5
    assert set(head.fractions) <= set(TISSUES)


def test_a_head_holds_the_volumes_of_an_adult(head: Head) -> None:
    volumes_ml = {name: part.sum() * head.grid.voxel_ml for name, part in head.fractions.items()}
    assert 1100 < volumes_ml["grey"] + volumes_ml["white"] < 2000
    assert 100 < volumes_ml["csf"] < 600
    assert 2 < volumes_ml["artery"] < 15
    assert 8 < volumes_ml["vein"] < 50


def test_a_skull_lies_between_brain_and_skin(head: Head) -> None:
    skull = head.fractions["bone"] + head.fractions["marrow"] > 0.4
    first = int(head.grid.to_index(np.array([0.0, 0.0, 20.0]))[2])  # above the orbits each section shows a closed ring
    sections = [k for k in range(first, head.grid.shape[2]) if head.brain[..., k].sum() > 300]
    assert len(sections) > 8
    for k in sections:
        inside = ndimage.binary_fill_holes(skull[..., k]) & ~skull[..., k]
        brain = head.brain[..., k] > 0.9
        assert inside[brain].mean() > 0.99
        assert head.fractions["fat"][..., k][inside].max() < 0.3


def test_two_seeds_make_two_heads(template: Template, head: Head) -> None:
    other = make_head(template, spacing_mm=3.0, rng=np.random.default_rng(12))
    assert np.abs(other.brain - head.brain).mean() > 0.005


def test_the_same_seed_gives_the_same_bytes_with_any_number_of_workers(necrosis: DigitalPatient) -> None:
    again = simulate_patient("necrosis", seed=4, plan=SMALL, workers=2)
    for first, second in zip(necrosis.visits, again.visits, strict=True):
        assert [one.image.stored.tobytes() for one in first.series] == [one.image.stored.tobytes() for one in second.series]
        assert [one.role for one in first.series] == ["b1", "vfa", "vfa", "vfa", "vfa", "dce", "CE-T1w"]


def test_progress_counts_every_frame_once() -> None:
    seen: list[tuple[int, int]] = []
    plan = replace(SMALL, n_frames=4, dce_shape=(30, 30, 8), dce_voxel_mm=(7.0, 7.0, 14.0))
    simulate_patient("recurrence", seed=1, plan=plan, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(n, 8) for n in range(1, 9)]


def test_an_unknown_scenario_is_a_stated_error() -> None:
    with pytest.raises(BadInput, match="necrosis, recurrence"):
        simulate_patient("miracle", seed=1, plan=SMALL)


def test_an_injection_after_the_last_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="after the last frame"):
        replace(SMALL, n_frames=1)


def test_lesion_and_reference_lie_in_the_brain_on_opposite_sides(necrosis: DigitalPatient) -> None:
    for visit in necrosis.visits:
        lesion, reference = lesion_of(visit), reference_of(visit)
        assert lesion.any()
        assert reference.any()
        assert not (lesion & reference).any()
        grid = image(visit, "dce").grid
        to_head = visit.truth.transforms["dce"]
        sides = []
        for mask in (lesion, reference):
            centre = to_head @ np.append(grid.to_mm(np.argwhere(mask).mean(axis=0)), 1.0)
            sides.append(centre[0])
        assert sides[0] * sides[1] < 0
        assert abs(sides[0] + sides[1]) < 15.0


def test_lesion_masks_on_both_grids_hold_the_same_volume(necrosis: DigitalPatient) -> None:
    for visit in necrosis.visits:
        outline = visit.outlines[0]
        assert outline.label == "lesion"
        assert outline.grid == image(visit, "CE-T1w").grid
        on_t1w = outline.mask.sum() * outline.grid.voxel_ml
        on_dce = truth(visit, "enhancing").sum() * image(visit, "dce").grid.voxel_ml
        assert on_t1w == pytest.approx(on_dce, rel=0.25)
        assert 3.0 < on_dce < 20.0


def test_the_lesion_lights_up_in_the_late_t1w_image(necrosis: DigitalPatient) -> None:
    for visit in necrosis.visits:
        lesion, reference = (one.mask for one in visit.outlines)
        seen = image(visit, "CE-T1w").values()
        assert seen[lesion].mean() > 1.15 * seen[reference].mean()


def test_the_lesion_grows_and_its_story_is_in_the_true_maps(necrosis: DigitalPatient, recurrence: DigitalPatient) -> None:
    for patient in (necrosis, recurrence):
        before, after = patient.visits
        healed = patient.story.group == "necrosis"
        assert truth(after, "enhancing").sum() > 1.2 * truth(before, "enhancing").sum()
        assert truth(after, "oedema").sum() > truth(before, "oedema").sum()
        assert ratio(before, "vp") > 2.0
        assert (ratio(after, "vp") < 1.3) == healed
        assert (ratio(after, "ktrans") < ratio(before, "ktrans") / 2) == healed


def test_true_maps_stay_inside_what_is_physical(necrosis: DigitalPatient) -> None:
    for visit in necrosis.visits:
        ktrans, ve, vp = (truth(visit, name) for name in ("ktrans", "ve", "vp"))
        assert 0 <= ktrans.min() <= ktrans.max() < 0.5
        assert 0 <= ve.min() <= ve.max() < 1
        assert (ve + vp).max() <= 1
        assert 0.8 < np.nanmean(truth(visit, "t1")[truth(visit, "white") > 0.9]) < 0.9
        assert np.nanmin(truth(visit, "delay")) >= 0


def signal_to_mM(visit: DigitalExam, plan: Plan) -> np.ndarray:
    lesion = lesion_of(visit)
    return concentration(
        image(visit, "dce").values().astype(np.float64)[lesion],
        t10_s=truth(visit, "t1")[lesion].astype(np.float64),
        flip_deg=plan.dce.flip_deg,
        tr_s=plan.dce.tr_s,
        r1_per_mM_s=plan.agent.r1_per_mM_s,
        baseline_frames=slice(0, 2),
        b1=truth(visit, "b1")[lesion].astype(np.float64),
        te_s=plan.dce.te_s,
        r2star_per_mM_s=plan.agent.r2star_per_mM_s,
    )


def test_the_signal_gives_back_the_agent_that_the_true_maps_hold(necrosis: DigitalPatient) -> None:
    visit = necrosis.visits[0]
    curves, mask = visit.truth.curves["plasma_dce"], lesion_of(visit)
    found = signal_to_mM(visit, SMALL).mean(axis=0)[-1]
    late_s = SMALL.times_s[-1]
    fine_s = np.arange(0.0, late_s, 0.25)
    plasma = np.interp(fine_s - 1.0, curves["time_s"], curves["artery_mM"])
    ktrans, ve, vp = (truth(visit, name)[mask].astype(np.float64) for name in ("ktrans", "ve", "vp"))
    decay = np.exp(-(ktrans / ve)[:, None] / 60 * (late_s - fine_s))
    expected = (ktrans / 60 * (decay * plasma).sum(axis=1) * 0.25 + vp * plasma[-1]).mean()
    assert found == pytest.approx(expected, rel=0.05)  # signals mix inside a voxel, concentrations do not


def test_white_matter_before_contrast_has_the_stated_snr() -> None:
    visit = simulate_patient(
        "recurrence", seed=2, plan=replace(SMALL, snr=25.0, injection=replace(SMALL.injection, start_s=150.0))
    ).visits[0]
    before = image(visit, "dce").values()[truth(visit, "white") > 0.97][:, :7]
    assert before.mean() / before.std(axis=1, ddof=1).mean() == pytest.approx(25.0, rel=0.2)


def test_flip_angles_share_one_slope_and_white_matter_t1_comes_back(necrosis: DigitalPatient) -> None:
    visit = necrosis.visits[0]
    assert len({one.image.slope for one in visit.series_of("vfa")}) == 1
    white = truth(visit, "white") > 0.97
    b1 = truth(visit, "b1")[white]
    y, x = [], []
    for one in visit.series_of("vfa"):
        assert isinstance(one.protocol, Spgr)
        flip = np.deg2rad(one.protocol.flip_deg * b1)
        signal = one.image.values()[white]
        y.append(signal / np.sin(flip))
        x.append(signal / np.tan(flip))
    slopes = [np.polyfit(xs, ys, 1)[0] for xs, ys in zip(np.array(x).T, np.array(y).T, strict=True)]
    t1_s = -SMALL.dce.tr_s / np.log(np.median(slopes))
    assert t1_s == pytest.approx(float(np.median(truth(visit, "t1")[white])), rel=0.03)


def test_the_bolus_lights_up_arteries_before_the_sinus(necrosis: DigitalPatient) -> None:
    quick = replace(SMALL, frame_s=4.0, n_frames=24)
    visit = simulate_patient("necrosis", seed=4, plan=quick).visits[0]
    dce = image(visit, "dce")
    rise = dce.values() - dce.values()[..., :6].mean(axis=-1, keepdims=True)
    blood = truth(visit, "vp") > 0.3
    head_z = (visit.truth.transforms["dce"] @ np.vstack([dce.grid.to_mm(np.argwhere(blood)).T, np.ones(blood.sum())]))[2]
    peak_s = quick.times_s[rise[blood].argmax(axis=-1)]
    assert np.median(peak_s[head_z > 60]) > peak_s.min() + 3.0
