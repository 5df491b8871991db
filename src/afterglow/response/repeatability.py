"""How well quantities repeat: one row each, by site, with where the number stands and whether that was confirmed."""

from afterglow.records.response import Repeatability

REPEATABILITY: tuple[Repeatability, ...] = (
    Repeatability(
        quantity="ktrans",
        normalised=False,
        site="brain",
        wcv=0.077,
        source="QIBA DCE profile, brain: a change of 21.3 % is real with 95 % confidence",
        confirmed=False,
    ),
    Repeatability(
        quantity="ktrans",
        normalised=True,
        site="brain",
        wcv=0.109,
        source="root two times the wCV of Ktrans in brain (QIBA), as if lesion and reference varied alike and apart",
        confirmed=False,
    ),
)
