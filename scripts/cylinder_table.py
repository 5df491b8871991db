"""Write src/afterglow/kernels/cylinder_table.py anew: the attenuation around one cylinder over 24 diffusions x 20 phases.

Three minutes on one core. Each row is solved twice, with time steps that differ by half again, and the largest relative
difference is printed: it should stay below 2e-4, of which the finer solution has a fifth.
"""

import sys
import time
from pathlib import Path

import numpy as np

from afterglow.kernels.cylinder import cylinder_attenuation

PHASES = np.geomspace(0.25, 64.0, 20)
DIFFUSIONS = np.geomspace(1e-3, 100.0, 24)
TARGET = Path(__file__).resolve().parents[1] / "src" / "afterglow" / "kernels" / "cylinder_table.py"

HEAD = '''"""ln f around one cylinder, computed by scripts/cylinder_table.py with `cylinder_attenuation`; do not edit.

Rows: {nb} diffusions D TE / R^2 from {b0:g} to {b1:g}; columns: {na} phases dw TE from {a0:g} to {a1:g}; both evenly spaced in the logarithm.
"""

DIFFUSION_RANGE = ({b0!r}, {b1!r}, {nb})
PHASE_RANGE = ({a0!r}, {a1!r}, {na})
# fmt: off
'''


def steps_for(diffusion: float) -> int:
    """The extrapolated error falls with the fourth power; close to motional narrowing the splitting needs more steps."""
    return 4 * int(np.ceil(48 * max(1.0, (diffusion / 3.0) ** 0.6)))


def literal(name: str, rows: np.ndarray) -> str:
    """The rows as Python text, ten to a line."""
    lines = [f"\n{name} = (\n"]
    for row in rows:
        words = [f"{value:.6f}" for value in row]
        lines += ["    (" + ", ".join(words[:10]) + ",\n", "     " + ", ".join(words[10:]) + "),\n"]
    return "".join([*lines, ")\n"])


def main() -> None:
    ge, se, worst = [], [], 0.0
    for b in DIFFUSIONS:
        began = time.perf_counter()
        fine = cylinder_attenuation(PHASES, float(b), steps=steps_for(b))
        coarse = cylinder_attenuation(PHASES, float(b), steps=4 * (steps_for(b) // 6))
        apart = max(float(np.max(np.abs(c / f - 1))) for f, c in zip(fine, coarse, strict=True))
        worst = max(worst, apart)
        ge.append(np.log(fine.ge))
        se.append(np.log(fine.se))
        print(f"b {b:9.4f}  steps {steps_for(b):5d}  apart {apart:.1e}  {time.perf_counter() - began:.1f} s", flush=True)
    sizes = {"b0": 1e-3, "b1": 100.0, "nb": DIFFUSIONS.size, "a0": 0.25, "a1": 64.0, "na": PHASES.size}
    TARGET.write_text(
        HEAD.format(**sizes) + literal("LN_GE", np.array(ge)) + literal("LN_SE", np.array(se)) + "# fmt: on\n", encoding="utf-8"
    )
    sys.stdout.write(f"{TARGET.name} written; largest difference between two time steps {worst:.1e}\n")


if __name__ == "__main__":
    main()
