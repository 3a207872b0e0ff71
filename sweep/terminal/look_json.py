"""A look at a store as JSON, for scripts; docs/status.md says what each entry is."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import Any

from sweep.terminal.look import Look
from trainables.ledger.alive import LiveRun


def to_json(look: Look, store: str) -> str:
    """One JSON object on one line."""
    driver = look.driver
    return json.dumps(
        {
            "store": store,
            "sweep": look.plan.sweep,
            "at": _time(look.now),
            "driver": driver
            and {
                "host": driver.host,
                "pid": driver.pid,
                "started": _time(driver.started),
                "beat": _time(driver.beat),
                "is_alive": look.is_driven_now,
            },
            "to_go_seconds": round(look.to_go, 1) or None,
            "cells": dict(Counter(found.state.value for found in look.cells.values())),
            "runs": dict(Counter(look.state(run_id).value for run_id in look.plan.nodes)),
            "running": [_run(run) for run in look.running] if look.is_driven_now else [],
            "last_ended": [{"name": end.name, "at": _time(end.at)} for end in look.ends],
            "failures": [
                {"run_id": run_id, "name": look.plan.nodes[run_id].name, "state": state.value, "reason": reason}
                for run_id, (state, reason) in look.states.items()
                if reason
            ],
        },
        ensure_ascii=False,
    )


def _run(run: LiveRun) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "name": run.name,
        "node": run.node,
        "gpus": run.gpus,
        "stage": run.stage,
        "step": run.step,
        "planned_steps": run.planned_steps,
        "steps_per_second": round(run.steps_per_second, 3),
        "started": run.started and _time(run.started),
        "spoke": _time(run.spoke),
    }


def _time(time: datetime) -> str:
    return time.isoformat(timespec="seconds")
