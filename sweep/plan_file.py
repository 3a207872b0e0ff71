"""The plan on disk: what `status` reads, so that it needs neither the data nor Ray."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

from search_spaces.grid import Cell
from sweep.nodes import Node, Plan, Share
from trainables.spec import RunSpec

FORMAT = 1
PLAN_FILE = "plan.json"


class PlanFileError(ValueError):
    """A plan that is not there or cannot be read."""


def save_plan(plan: Plan, folder: Path) -> Path:
    """Write the plan into a folder, wholly or not at all; returns its path."""
    fields: dict[str, Any] = {
        "format": FORMAT,
        "nodes": [
            {"spec": n.spec.to_dict(), "name": n.name, "cost": n.cost, "share": dataclasses.asdict(n.share)}
            for n in plan.nodes.values()
        ],
        "cells": [dataclasses.asdict(cell) | {"run": run_id} for cell, run_id in plan.cells.items()],
        "without_data": [dataclasses.asdict(cell) | {"why": why} for cell, why in plan.without_data.items()],
        "notes": list(plan.notes),
    }
    path = folder / PLAN_FILE
    write_text(path, json.dumps(fields, ensure_ascii=False))
    return path


def load_plan(folder: Path) -> Plan:
    """The plan in a folder; raises PlanFileError when there is none or it cannot be read."""
    path = folder / PLAN_FILE
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        if fields["format"] != FORMAT:
            raise PlanFileError(f"{path}: plan format {fields['format']!r}, this version reads {FORMAT}")
        nodes = [
            Node(spec=RunSpec.from_dict(n["spec"]), name=n["name"], cost=n["cost"], share=Share(**n["share"]))
            for n in fields["nodes"]
        ]
        return Plan(
            nodes={node.run_id: node for node in nodes},
            cells={Cell(**item): run_id for item in fields["cells"] for run_id in [item.pop("run")]},
            without_data={Cell(**item): why for item in fields["without_data"] for why in [item.pop("why")]},
            notes=tuple(fields["notes"]),
        )
    except (FileNotFoundError, NotADirectoryError):
        raise PlanFileError(
            f"no sweep in {folder}: {path} does not exist. Start one with `run`, or give --store"
        ) from None
    except PlanFileError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PlanFileError(f"{path} is not a plan: {type(error).__name__}: {error}") from error


def write_text(path: Path, text: str) -> None:
    """Replace a file by new text, so that a reader sees the old or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
