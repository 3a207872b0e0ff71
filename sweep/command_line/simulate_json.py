"""Rehearsals as JSON, for programs; docs/scheduling.md says what every key means. Keys are added, never renamed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sweep.graph.faults import Faults
from sweep.graph.timetable import End
from sweep.planning.rehearsal import Draw, Rehearsal, Scene
from trainables.ledger.states import State

FORMAT = 1


def as_json(found: Sequence[Rehearsal], scene: Scene, faults: Faults) -> dict[str, Any]:
    """All that `simulate` says, as numbers; seconds, and hours where a key says so."""
    plan = scene.outlook.plan
    return {
        "format": FORMAT,
        "sweep": plan.sweep,
        "cells": len(plan.cells),
        "runs": len(plan.nodes),
        "known_durations": sum(node_id in scene.seconds for node_id in plan.nodes),
        "faults": {
            "first_draw": faults.seed,
            "failing": sorted(plan.nodes[node_id].name for node_id in faults.failing),
            "failure_rate": faults.failure_rate,
            "wrong_by": faults.wrong_by,
            "worker_seconds": _finite(faults.worker_seconds),
            "hang_seconds": _finite(faults.hang_seconds),
            "silence_seconds": faults.silence,
            "node_seconds": _finite(faults.node_seconds),
            "node_back_seconds": _finite(faults.node_back),
            "checkpoint_seconds": faults.checkpoint_seconds,
            "restart_seconds": faults.restart_seconds,
        },
        "clusters": [_cluster(each) for each in found],
    }


def _cluster(found: Rehearsal) -> dict[str, Any]:
    low, high = found.range(lambda draw: draw.seconds)
    return {
        "cluster": found.cluster.words,
        "nodes": len(found.cluster.machines),
        "gpus": found.cluster.gpus,
        "cpus": found.cluster.cpus,
        "unit": found.unit,
        "seconds": {"median": found.median(lambda draw: draw.seconds), "low": low, "high": high},
        "draws": [_draw(each) for each in found.draws],
    }


def _draw(draw: Draw) -> dict[str, Any]:
    return {
        "seconds": draw.seconds,
        "bound_seconds": draw.bound,
        "busy": draw.busy,
        "hours_in_vain": draw.in_vain,
        "workers_lost": draw.losses[End.LOST],
        "workers_hung": draw.losses[End.HUNG],
        "attempts_lost_with_nodes": draw.losses[End.NODE_LOST],
        "nodes_lost": draw.nodes_lost,
        "cells_done": draw.cells[State.DONE],
        "failed": list(draw.failed),
        "blocked": list(draw.blocked),
        "left": list(draw.left),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
