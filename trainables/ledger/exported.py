"""Exported: what a folder with an exported model says of itself in `xstilts.json`, sealed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from trainables.ledger.digests import DamagedFileError, check
from trainables.ledger.record import Score
from trainables.ledger.seal import sealed, unsealed
from trainables.ledger.spec import EncoderRef, Precision

FACTS_FILE = "xstilts.json"
CARD_FILE = "README.md"
"""The model card; its owner may change it, so it has no digest."""
FORMAT = 1


class Kind(StrEnum):
    """What a folder holds."""

    ENCODER = "encoder"
    """An encoder, for `AutoModel`."""
    MODEL = "model"
    """A fine-tuned encoder with a head."""
    ADAPTERS = "adapters"
    """What LoRA has trained of either, for peft."""


class ExportedError(ValueError):
    """A folder that holds no exported model, or not the one that was written."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Exported:
    """What was exported.

    Attributes:
        run_id: of the run that trained it; empty for the pretrained encoder.
        name: of that run, for people.
        parent: run whose encoder that run starts from; empty for the pretrained one.
        encoder: the pretrained encoder at the root.
        task: what a model predicts; empty of an encoder.
        head: kind of head.
        labels: in the order of the outputs.
        max_length: longest input in sub-words that it was trained with.
        dropout: of the head.
        precision: arithmetic of the run.
        layer: hidden state by which sentences are embedded, 0 the embedding output; -1 where nothing was embedded.
        scores: those that may be shown.
        own_task: what a task of one's own says, as in its `task.json`, which no other machine may know; else empty.
        files: of the folder -> SHA-256; the card and this file apart.
    """

    kind: Kind
    encoder: EncoderRef
    run_id: str = ""
    name: str = ""
    parent: str = ""
    task: str = ""
    head: str = ""
    labels: tuple[str, ...] = ()
    max_length: int = 0
    dropout: float = 0.0
    precision: Precision = Precision.FP32
    layer: int = -1
    scores: tuple[Score, ...] = ()
    own_task: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def to_json(self) -> str:
        """Readable JSON with a digest of itself; the inverse of `from_json`."""
        return sealed({"format": FORMAT, **dataclasses.asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Exported:
        """Read it; raises ValueError, KeyError or TypeError for anything else."""
        fields: dict[str, Any] = unsealed(text, range(1, FORMAT + 1), sealed_since=1)
        del fields["format"]
        return cls(**fields | {
            "kind": Kind(fields["kind"]),
            "encoder": EncoderRef(**fields["encoder"]),
            "labels": tuple(fields["labels"]),
            "precision": Precision(fields["precision"]),
            "scores": tuple(Score(**score) for score in fields["scores"]),
        })  # fmt: skip


def read_exported(folder: Path) -> Exported:
    """What an exported folder says of itself, its files compared with it; raises ExportedError."""
    path = folder / FACTS_FILE
    again = "export it again with `xstilts export`"
    try:
        found = Exported.from_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise ExportedError(f"{folder} is no exported model ({path} does not exist); allowed: a folder that "
                            "`xstilts export` has written") from None  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExportedError(f"{path} cannot be used: {error}; {again}") from error
    try:
        check(folder, found.files)
    except DamagedFileError as error:
        raise ExportedError(f"the exported model is damaged: {error}; {again}") from error
    return found
