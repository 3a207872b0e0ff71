"""The plan: runs with their parents, and all that is decided about them before anything runs; the cells they serve."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from trainables.ledger.cells import BASELINE, MULTI_TASK, Cell, Row
from trainables.ledger.recipe import MLM, Recipe, Stage, recipe_of
from trainables.ledger.seal import sealed, unsealed
from trainables.ledger.space import Range, range_from
from trainables.ledger.spec import ID_DIGITS, Phase, RunSpec

EPSILON = 1e-6
"""Fractions 1/n do not add up to exactly one GPU."""
FORMAT = 3
"""1 had no rows, trials, spaces and no id of the sweep, 2 no digest of itself; they are read too."""
_FORMATS = range(1, FORMAT + 1)


@dataclass(frozen=True, kw_only=True)
class Share:
    """What a run occupies while it runs. Raises ValueError for anything else: Ray hangs on other fractions.

    Attributes:
        gpus: 0, a fraction 1/n, or a whole number.
        cpus: whole cores.
        gpu_bytes: of the memory of one GPU that the run is expected to need; 0 where that does not decide its share.
            Where the memory of a GPU is known, the run takes the part of it that holds these, elsewhere `gpus`.
        least_gpu_bytes: what would do at the least, with forward passes of one row each.
        memory_bytes: of the node's memory that it is expected to need; 0 where that is not known.
    """

    gpus: float = 0.0
    cpus: int = 1
    gpu_bytes: int = 0
    least_gpu_bytes: int = 0
    memory_bytes: int = 0

    def __post_init__(self) -> None:
        if self.cpus < 1:
            raise ValueError(f"a run must ask for at least 1 CPU core, got {self.cpus}")
        whole = self.gpus >= 0 and abs(self.gpus - round(self.gpus)) < EPSILON
        parts = 1 / self.gpus if 0 < self.gpus < 1 else 0.0
        if not whole and (not parts or abs(parts - round(parts)) > EPSILON * parts**2):
            raise ValueError(f"a run must ask for 0, 1/n or whole GPUs, got {self.gpus!r}")
        for name in ("gpu_bytes", "least_gpu_bytes", "memory_bytes"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} of a run must be at least 0, got {getattr(self, name)}")

    def to_dict(self) -> dict[str, Any]:
        """For JSON; bytes that are not known are left out. The inverse is `Share(**fields)`."""
        return {name: value for name, value in asdict(self).items() if value or name in ("gpus", "cpus")}


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """Bytes on disk that a run is expected to take.

    Attributes:
        model: its encoder and heads, while they are kept.
        rest: what stays: its record, its predictions.
        work: while it runs: a checkpoint.
    """

    model: int = 0
    rest: int = 0
    work: int = 0


@dataclass(frozen=True, kw_only=True)
class Node:
    """One run of the plan, or the search for its best setting.

    Attributes:
        spec: as configured.
        name: for people; never read back.
        row: of the table: that of its own encoder, or of the one it starts from.
        cost: expected seconds of one trial.
        share: of a machine.
        trials: runs that its search may have, the configured one among them; 1 is no search.
        space: what trials beyond the first are drawn from; may be there where hours suffice for none.
        footprint: of one trial; nothing in the files of earlier versions.
        cost_low: seconds that one trial is expected to exceed in nine cases of ten; 0 where that is not known.
        cost_high: seconds that it is expected to stay below in nine cases of ten; 0 where that is not known.
        stages: the cost by stage of a run (`load`, `train`, `evaluate`, `save`); nothing where that is not known.
    """

    spec: RunSpec
    name: str
    row: Row
    cost: float
    share: Share
    trials: int = 1
    space: Mapping[str, Range] = field(default_factory=dict)
    footprint: Footprint = Footprint()
    cost_low: float = 0.0
    cost_high: float = 0.0
    stages: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def run_id(self) -> str:
        """Id of the run."""
        return self.spec.run_id

    @property
    def parents(self) -> tuple[str, ...]:
        """Ids of the runs that must be finished first."""
        return self.spec.parents

    @property
    def is_searched(self) -> bool:
        """Whether there is more than the configured run."""
        return self.trials > 1


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A graph of runs.

    Attributes:
        nodes: run id -> node, parents before children.
        cells: cell -> id of the run that scores it.
        without_data: cell -> why it cannot be computed (rows missing); such a cell has no node.
        notes: what the user should know before anything runs (stand-ins, missing languages).
        sweep: id of the sweep, made from its cells and runs as planned; winners of searches do not change it.
    """

    nodes: Mapping[str, Node]
    cells: Mapping[Cell, str]
    without_data: Mapping[Cell, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sweep: str = ""

    def __post_init__(self) -> None:
        if not self.sweep:
            object.__setattr__(self, "sweep", _sweep_id(self))

    def ancestors(self, run_id: str) -> tuple[str, ...]:
        """The runs of the plan that made the encoder which a run starts from, the last stage first."""
        found: list[str] = []
        while (run_id := self.nodes[run_id].spec.parent) in self.nodes:
            found.append(run_id)
        return tuple(found)

    def upstream(self, run_id: str) -> tuple[str, ...]:
        """The runs of the plan that must be finished before a run, those of other languages' adapters among them."""
        found: dict[str, None] = {}
        pending = [run_id]
        while pending:
            above = [each for each in self.nodes[pending.pop()].parents if each in self.nodes and each not in found]
            found |= dict.fromkeys(above)
            pending += above
        return tuple(found)

    @property
    def definitions(self) -> dict[str, str]:
        """Of the tasks of one's own of its runs, by name."""
        return {name: held for node in self.nodes.values() for name, held in node.spec.definitions.items()}

    def to_json(self) -> str:
        """With a digest of itself; the inverse of `from_json`."""
        fields: dict[str, Any] = {
            "format": FORMAT,
            "sweep": self.sweep,
            "nodes": [_node_fields(node) for node in self.nodes.values()],
            "cells": [cell._asdict() | {"run": run_id} for cell, run_id in self.cells.items()],
            "without_data": [cell._asdict() | {"why": why} for cell, why in self.without_data.items()],
            "notes": list(self.notes),
        }
        return sealed(fields)

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Read a plan of this format or an earlier one; raises ValueError, KeyError or TypeError for anything else."""
        fields = unsealed(text, _FORMATS, sealed_since=3)
        nodes: dict[str, Node] = {}
        for item in fields["nodes"]:
            node = _node(item, nodes)
            nodes[node.run_id] = node
        return cls(
            nodes=nodes,
            cells={Cell(**item): run_id for item in fields["cells"] for run_id in [item.pop("run")]},
            without_data={Cell(**item): why for item in fields["without_data"] for why in [item.pop("why")]},
            notes=tuple(fields["notes"]),
            sweep=fields.get("sweep", ""),
        )


def resolve(plan: Plan, winners: Mapping[str, RunSpec]) -> Plan:
    """The plan with the winner of every node in its place, by the id of the node as planned, and children after it.

    A node without a winner has its configured run. Nodes keep their order.
    """
    ids: dict[str, str] = {}
    nodes: dict[str, Node] = {}
    for node_id, node in plan.nodes.items():
        spec = winners.get(node_id) or _after(node.spec, ids)
        ids[node_id] = spec.run_id
        nodes[ids[node_id]] = replace(node, spec=spec)
    return replace(plan, nodes=nodes, cells={cell: ids[node_id] for cell, node_id in plan.cells.items()})


def _after(spec: RunSpec, ids: Mapping[str, str]) -> RunSpec:
    """The spec as it starts from winners, by the ids of runs as planned."""
    swaps = {language: ids.get(run_id, run_id) for language, run_id in spec.swaps.items()}
    return replace(spec, parent=ids.get(spec.parent, spec.parent), swaps=swaps)


def _sweep_id(plan: Plan) -> str:
    cells = sorted([*cell, run_id] for cell, run_id in (*plan.cells.items(), *((c, "") for c in plan.without_data)))
    return hashlib.sha256(json.dumps([cells, sorted(plan.nodes)]).encode()).hexdigest()[:ID_DIGITS]


def _node_fields(node: Node) -> dict[str, Any]:
    fields = {"spec": node.spec.to_dict(), "name": node.name, "row": list(node.row), "cost": node.cost}
    space = {name: own.to_dict() for name, own in node.space.items()}
    fields |= {"share": node.share.to_dict(), "trials": node.trials, "space": space}
    if node.cost_high:
        fields |= {"cost_low": node.cost_low, "cost_high": node.cost_high}
    if node.stages:
        fields["stages"] = dict(node.stages)
    return fields | ({"footprint": asdict(node.footprint)} if node.footprint != Footprint() else {})


def _node(fields: Mapping[str, Any], earlier: Mapping[str, Node]) -> Node:
    spec = RunSpec.from_dict(fields["spec"])
    row = Row(*fields["row"]) if "row" in fields else _row(spec, earlier)
    return Node(
        spec=spec,
        name=fields["name"],
        row=row,
        cost=fields["cost"],
        share=Share(**fields["share"]),
        trials=fields.get("trials", 1),
        space={name: range_from(name, own) for name, own in fields.get("space", {}).items()},
        footprint=Footprint(**fields.get("footprint", {})),
        cost_low=fields.get("cost_low", 0.0),
        cost_high=fields.get("cost_high", 0.0),
        stages=dict(fields.get("stages", {})),
    )


def _row(spec: RunSpec, earlier: Mapping[str, Node]) -> Row:
    """Of a node in format 1, which has the runs but not the rows."""
    parent = earlier[spec.parent].row if spec.parent in earlier else Row(BASELINE, False)
    return own_row(spec, parent) if spec.phase is Phase.INTERMEDIATE else parent


def own_row(spec: RunSpec, parent: Row | None = None) -> Row:
    """The row that an intermediate run makes the encoder of; `parent` is that of the encoder which it starts from.

    As far as a spec tells: not which of its caps and of its languages for MLM were configured for the whole sweep, and
    which are of its own row. `Node.row` and `Record.row` know.
    """
    is_alone = spec.tasks == (MLM,)
    languages = spec.mlm.languages if is_alone and spec.mlm else spec.data.train_languages
    stage = Stage(
        task=spec.tasks[0] if len(spec.tasks) == 1 else MULTI_TASK,
        languages=languages,
        steps=spec.steps,
        mlm=spec.mlm is not None and not is_alone,
        method=spec.method,
    )
    before = recipe_of(parent).stages if parent else ()
    return Recipe(stages=(*before, stage)).row
