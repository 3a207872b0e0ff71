"""A plan as JSON, for programs; docs/plan.md says what every key means. Keys are added, never renamed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from typing import Any

from sweep.command_line.foresight import Foresight
from sweep.planning.bill import Lot, WallClock
from sweep.planning.cost import Costs
from sweep.planning.critical_path import Chain
from sweep.planning.disk import Forecast
from sweep.planning.row_counts import Origin
from sweep.planning.span import Span
from trainables.ledger.cells import Cell
from trainables.ledger.standing import cell_states
from trainables.ledger.states import State

FORMAT = 1


def as_json(found: Foresight) -> dict[str, Any]:
    """All that `plan` says, as numbers: seconds, hours, bytes."""
    bill, setup = found.bill, found.setup
    plan = bill.plan
    encoder = next((node.spec.encoder for node in plan.nodes.values()), None)
    adapters = {"language_adapters": bill.language_adapters} if bill.language_adapters.runs else {}
    return {
        "format": FORMAT,
        "name": setup.config.name,
        "store": str(setup.store),
        "sweep": plan.sweep,
        "encoder": {"name": encoder.name, "revision": encoder.revision} if encoder else None,
        "cells": _cells(found),
        "runs": {name: _lot(lot) for name, lot in {**bill.lots, **adapters}.items()},
        "hours": {"unit": bill.unit, **_span(bill.hours), "of_searches": bill.search_hours.expected},
        "clusters": [_clock(clock) for clock in bill.clocks],
        "critical_path": _chain(bill.chains[0]) if bill.chains else None,
        "next_chains": [_chain(chain) for chain in bill.chains[1:]],
        "disk": _disk(bill.disk),
        "costs": _costs(setup.costs),
        "cannot_be_had": _absent(plan.without_data),
        "row_counts": {str(origin): list(found.rows.names(origin)) for origin in Origin},
        "preliminary": {"because": dict(found.unasked), "runs": sorted(found.preliminary)},
        "notes": list(plan.notes),
        "cautions": [{"kind": str(caution.kind), "text": caution.text} for caution in found.cautions],
    }  # fmt: skip


def _costs(costs: Costs) -> dict[str, Any]:
    error = costs.error()
    return {
        "devices": [
            {
                "device": basis.device.name,
                "on_gpu": basis.device.on_gpu,
                "finished_runs": basis.own,
                "of_other_stores": basis.others,
                "probed_at": basis.probe.at if basis.probe else None,
            }
            for basis in costs.bases
        ],
        "error_so_far": asdict(error) if error else None,
    }


def _cells(found: Foresight) -> dict[str, int]:
    standings = cell_states(found.bill.plan, found.setup.store)
    counts = {str(state).replace(" ", "_"): 0 for state in State if any(s.state is state for s in standings.values())}
    for standing in standings.values():
        counts[str(standing.state).replace(" ", "_")] += 1
    return {"all": len(standings), "seeds": len({cell.seed for cell in standings}), **counts}


def _lot(lot: Lot) -> dict[str, Any]:
    return {
        "runs": lot.runs, "done": lot.done, "to_do": lot.runs - lot.done, "seconds": _span(lot.seconds),
        "trials": lot.trials, "trial_seconds": _span(lot.trial_seconds),
    }  # fmt: skip


def _clock(clock: WallClock) -> dict[str, Any]:
    cluster = clock.cluster
    known = {
        "seconds": _span(clock.seconds), "seconds_without_searches": clock.without_searches, "busy": clock.busy,
        "paid_gpu_hours": clock.paid, "disk": _disk(clock.disk),
    }  # fmt: skip
    what = {
        "cluster": cluster.words, "is_real": cluster.is_real, "nodes": len(cluster.machines), "gpus": cluster.gpus,
        "cpus": cluster.cpus,
    }  # fmt: skip
    return what | ({"refused": clock.refused} if clock.refused else known)


def _chain(chain: Chain) -> dict[str, Any]:
    return {
        "seconds": _span(chain.seconds),
        "runs": [
            {"run": step.run_id, "name": step.name, "rounds": step.rounds, "seconds": _span(step.seconds)}
            for step in chain.steps
        ],
    }


def _absent(without: Any) -> list[dict[str, Any]]:
    cells: defaultdict[str, list[Cell]] = defaultdict(list)
    for cell, reason in without.items():
        cells[reason].append(cell)
    return [{"why": reason, "cells": [cell._asdict() for cell in found]} for reason, found in cells.items()]


def _disk(disk: Forecast | None) -> dict[str, int] | None:
    if disk is None:
        return None
    return {
        "held_bytes": disk.held, "peak_bytes": disk.peak, "end_bytes": disk.end, "free_bytes": disk.free,
        "lacking_bytes": disk.lacking,
    }  # fmt: skip


def _span(span: Span) -> dict[str, float | None]:
    ends = (span.low, span.high) if span.is_known else (None, None)
    return {"expected": span.expected, "low": ends[0], "high": ends[1]}
