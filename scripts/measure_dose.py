"""How far plans of the research kernel can be trusted: their spread over seeds, a large optimum, and profiles of a planning system.

    python scripts/measure_dose.py [sizes optimum profiles] [--ml 13.2 43.6] [--seeds 5] [--profiles FOLDER] [--json]

sizes: both plans of round tumours, over seeds: V12, mean dose of the brain, integral dose, shots, and what painting changes.
optimum: the first programme of the largest of them against Clarabel (test extra). profiles: single shots of the Perfexion beside those
in FOLDER, the `LGP/npy` of github.com/noahbice/GK-profiles. Seconds are of processor; everything runs in one thread.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from afterglow.flows.bench_dose import SETTINGS, clarabel_optimum
from afterglow.flows.bench_dose_phantom import BRAIN_ML, Round, round_tumour
from afterglow.painting.machine import MODEL_C, PERFEXION
from afterglow.painting.plan import first_programme, make_plan
from afterglow.painting.shots import Parts, shot_tables, summed
from afterglow.painting.weights import best_weights, programme

BRAIN_KG_PER_ML = 1.04e-3


def sizes(volumes_ml: list[float], seeds: int) -> list[dict[str, object]]:
    """Mean and range over seeds of what a uniform and a painted plan do."""
    shot_tables(MODEL_C, False)
    rows = []
    for ml in volumes_ml:
        phantom = round_tumour(ml)
        begun = time.process_time()
        found = [_pair(phantom, seed) for seed in range(1, seeds + 1)]
        row: dict[str, object] = {
            "ml": ml,
            "seeds": seeds,
            "brain_ml": BRAIN_ML,
            "seconds_per_pair": round((time.process_time() - begun) / seeds, 1),
        }
        for name in found[0]:
            values = [one[name] for one in found]
            row[name] = {
                "mean": round(float(np.mean(values)), 3),
                "least": round(min(values), 3),
                "greatest": round(max(values), 3),
            }
        rows.append(row)
    return rows


def _pair(phantom: Round, seed: int) -> dict[str, float]:
    settings, found = replace(SETTINGS, seed=seed), {}
    for name, wanted in (("uniform", phantom.uniform_gy), ("painted", phantom.painted_gy)):
        plan = make_plan(name, wanted, phantom.target, phantom.grid, phantom.brain, MODEL_C, settings)
        dose = plan.dose.dose_gy
        mean = float(dose[phantom.brain].mean(dtype=np.float64))
        volume = float((dose >= wanted.max()).sum()) * phantom.grid.voxel_ml
        covered = float((phantom.target.share * (dose >= wanted.max())).sum()) * phantom.grid.voxel_ml
        core = phantom.painted_gy == 18
        found |= {
            f"{name}_v12_ml": float((dose >= 12).sum()) * phantom.grid.voxel_ml,
            f"{name}_mean_brain_gy": mean,
            f"{name}_integral_j": mean * BRAIN_ML * BRAIN_KG_PER_ML,
            f"{name}_core_gy": float(dose[core].mean(dtype=np.float64)),
            f"{name}_isodose": plan.isodose,
            f"{name}_shots": float(len(plan.shots)),
        }
        if name == "uniform":
            found["uniform_paddick"] = covered**2 / (phantom.target.volume_ml * volume)
            found["uniform_gradient_index"] = float((dose >= wanted.max() / 2).sum()) * phantom.grid.voxel_ml / volume
    for what in ("v12_ml", "core_gy"):
        found[f"change_{what}"] = found[f"painted_{what}"] - found[f"uniform_{what}"]
    found["change_mean_brain_percent"] = 100 * (found["painted_mean_brain_gy"] / found["uniform_mean_brain_gy"] - 1)
    return found


def optimum(ml: float) -> list[dict[str, object]]:
    """The objective of HiGHS over Clarabel's, less one, with four times the points of a plan."""
    settings = replace(SETTINGS, target_points=2500, shell_points=600, candidates=150)
    phantom = round_tumour(ml)
    asked = first_programme(phantom.painted_gy, phantom.target, phantom.grid, phantom.brain, MODEL_C, settings)
    begun = time.process_time()
    own = best_weights(asked, settings).objective
    middle = time.process_time()
    other = clarabel_optimum(*programme(asked, settings))
    seconds = {"highs_s": round(middle - begun, 1), "clarabel_s": round(time.process_time() - middle, 1)}
    return [{"ml": ml, "candidates": len(asked.brain), "points": len(asked.wanted_gy), "excess": own / other - 1, **seconds}]


def profiles(folder: Path) -> list[dict[str, object]]:
    """Width, penumbra and differences of the Perfexion's shots along x and z from a planning system's."""
    rows = []
    for number, one in enumerate(PERFEXION.collimators):
        for axis in "xz":
            places, dose = (np.load(folder / kind / f"{one.size_mm}mm{axis}.npy") for kind in ("positions", "doses"))
            order = np.argsort(places)
            places, dose = places[order], dose[order] / dose.max()
            half = places[dose >= 0.5]
            places = places - (half[0] + half[-1]) / 2
            near = np.abs(places) <= 30
            points = np.zeros((int(near.sum()), 3))
            points[:, "xyz".index(axis)] = places[near]
            own = summed(
                points, Parts(np.zeros((1, 3)), np.array([number]), np.zeros(1), np.ones(1)), shot_tables(PERFEXION, False)
            )
            error = own / own.max() - dose[near]
            row: dict[str, object] = {"shot": f"{one.size_mm} mm {axis}"}
            for who, values in (("own", own / own.max()), ("theirs", dose[near])):
                wide = {level: np.ptp(places[near][values >= level]) for level in (0.2, 0.5, 0.8)}
                row[f"{who}_fwhm_mm"], row[f"{who}_penumbra_mm"] = (
                    round(float(wide[0.5]), 2),
                    round(float(wide[0.2] - wide[0.8]) / 2, 2),
                )
            rows.append(
                {**row, "rms": round(float(np.sqrt(np.mean(error**2))), 4), "largest": round(float(np.abs(error).max()), 4)}
            )
    return rows


def main() -> None:
    """Measure what is asked for and print it, a row each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help="sizes, optimum, profiles; the first two where none is named")
    parser.add_argument("--ml", nargs="+", type=float, default=[13.2, 43.6])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--profiles", type=Path, help="folder with positions/ and doses/")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    asked.what = asked.what or ["sizes", "optimum"]
    unknown = sorted({*asked.what} - {"sizes", "optimum", "profiles"})
    if unknown:
        parser.error(f"no measurement is called {unknown[0]}")
    if "profiles" in asked.what and asked.profiles is None:
        parser.error("profiles needs --profiles FOLDER")
    rows: list[dict[str, object]] = []
    if "sizes" in asked.what:
        rows += sizes(asked.ml, asked.seeds)
    if "optimum" in asked.what:
        rows += optimum(max(asked.ml))
    if "profiles" in asked.what:
        rows += profiles(asked.profiles)
    for row in rows:
        print(json.dumps(row) if asked.json else "\n".join(f"{key:<28} {value}" for key, value in row.items()) + "\n")


if __name__ == "__main__":
    main()
