"""The heads that a run leaves: `heads/<task>.safetensors`, all but that of masked language modelling."""

from __future__ import annotations

from collections.abc import Sequence

from trainables.ledger.artefacts import HEADS
from trainables.model.heads import TaskHead
from trainables.model.network import Network
from trainables.model.trained_head import SUFFIX, HeadFacts, save_head
from trainables.phases.context import Context
from trainables.tasks.task import Task


def leave_heads(context: Context, network: Network, tasks: Sequence[Task]) -> None:
    """Publish the heads of the tasks that the network was trained on, if there are any; the network stays as it is."""
    if not tasks:
        return
    settings = context.spec.optimisation
    assert settings
    folder = context.work / HEADS
    for task in tasks:
        head = network.heads[task.name]
        assert isinstance(head, TaskHead)
        facts = HeadFacts(
            task=task.name,
            kind=task.format.head,
            labels=task.format.labels,
            max_length=settings.max_length,
            dropout=float(getattr(getattr(head, "dropout", None), "p", 0.0)),
        )
        save_head(head, facts, folder / f"{task.name}{SUFFIX}")
    context.publish(HEADS, folder)
