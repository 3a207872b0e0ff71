"""What the costs of a plan stand on, and how far estimates were off so far, in words."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from sweep.planning.cost import Basis, Costs
from trainables.ledger.plain import plain

_FEW_DAYS = 10
"""Characters of an ISO time that say the day."""


def cost_lines(costs: Costs) -> Iterator[Text]:
    """A line for each device, one for the error so far, and how to do better where nothing was measured."""
    bases = costs.bases
    for basis in bases:
        yield Text(f"costs on {_device(basis)}: {_standing(basis)}", style="dim")
    if (error := costs.error()) and error.runs:
        within = "" if error.covered is None else f"; {error.covered:.0%} lay within their interval of 80 %"
        yield Text(f"error so far: {error}{within} (each estimated from all the others)", style="dim")
    if not any(basis.own or basis.others or basis.probe for basis in bases):
        yield Text("`plan --probe` measures the machine in under two minutes", style="dim")


def _device(basis: Basis) -> str:
    if basis.device.name:
        return plain(basis.device.name)
    return "GPUs that are not known" if basis.device.on_gpu else "cores that are not known"


def _standing(basis: Basis) -> str:
    """What was measured, or that nothing was."""
    runs = [(basis.own, "this store"), (basis.others, "other stores")]
    found = [f"{number} finished run{'s' * (number > 1)} of {where}" for number, where in runs if number]
    if basis.probe:
        found.insert(0, f"a probe of {basis.probe.at[:_FEW_DAYS]} with the geometry of {plain(basis.probe.encoder)}")
    return " and ".join(found) if found else "assumed rates, nothing was measured there"
