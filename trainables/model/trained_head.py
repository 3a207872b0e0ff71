"""A trained head in a file: its weights under the names of `TaskHead.state_dict()`, and what must be known of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from trainables.ledger import files
from trainables.model.heads import TaskHead
from trainables.model.tensor_file import write_tensors
from trainables.tasks.formats.base import Head

FORMAT = "1"
SUFFIX = ".safetensors"


class HeadError(ValueError):
    """A file that holds no head that this version reads."""


@dataclass(frozen=True, kw_only=True)
class HeadFacts:
    """What a head is for.

    Attributes:
        task: it was trained on.
        kind: of head.
        labels: in the order of its outputs; of the choices where it chooses; none of a head for spans.
        max_length: longest input in sub-words that it was trained with.
        dropout: rate before its layers; 0 where it has none.
    """

    task: str
    kind: Head
    labels: tuple[str, ...]
    max_length: int
    dropout: float


@dataclass(frozen=True, kw_only=True)
class TrainedHead:
    """A head as its file has it; tensors are float32 on the CPU."""

    facts: HeadFacts
    weights: Mapping[str, Tensor]


def save_head(head: TaskHead, facts: HeadFacts, path: Path) -> None:
    """Write a head; the file appears whole or not at all."""
    told = {
        "format": FORMAT, "task": facts.task, "head": str(facts.kind), "labels": json.dumps(facts.labels),
        "max_length": str(facts.max_length), "dropout": repr(facts.dropout),
    }  # fmt: skip
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in head.state_dict().items()}
    with files.replacing(path) as partial:
        write_tensors(weights, partial, told)


def load_head(path: Path) -> TrainedHead:
    """Read a head; raises HeadError for a file that holds none."""
    try:
        with safe_open(path, framework="pt") as file:
            told = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise HeadError(f"{path} cannot be read as a head: {error}") from error
    if told.get("format") != FORMAT:
        raise HeadError(f"{path} holds a head of format {told.get('format')!r}, this version reads {FORMAT}")
    try:
        facts = HeadFacts(
            task=told["task"],
            kind=Head(told["head"]),
            labels=tuple(json.loads(told["labels"])),
            max_length=int(told["max_length"]),
            dropout=float(told["dropout"]),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise HeadError(f"{path} does not say what its head is for ({type(error).__name__}: {error})") from error
    return TrainedHead(facts=facts, weights=weights)
