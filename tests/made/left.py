"""Runs of one encoder in a store of their own, and the encoders that they leave."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from tests.made.phases import OPTIONS, spec
from trainables.ledger.record import Record
from trainables.ledger.spec import EncoderRef, Phase, RunSpec
from trainables.ledger.store import Store
from trainables.model.base import Base
from trainables.model.names import encoder_fingerprint
from trainables.model.stored import load_stored
from trainables.phases.run import run_to_end


class Sweep:
    """Runs that start from one encoder, in a store of their own."""

    def __init__(self, root: Path, encoder: str, **options: object) -> None:
        self.store = Store(root).prepare()
        self.options = dataclasses.replace(OPTIONS, encoder=encoder, **options)

    def spec(self, phase: Phase, *tasks: str, **given: object) -> RunSpec:
        encoder = self.options.encoder
        made = EncoderRef(name=Path(encoder).name, revision=encoder_fingerprint(encoder))
        return dataclasses.replace(spec(phase, *tasks, **given), encoder=made)

    def compute(self, phase: Phase, *tasks: str, **given: object) -> tuple[Record, Path]:
        """The record of a run and the folder of its encoder."""
        record = run_to_end(self.spec(phase, *tasks, **given), "name", self.store, self.options)
        return record, self.store.root / "runs" / record.run_id / "encoder"

    def weights(self, folder: Path) -> dict[str, torch.Tensor]:
        return load_stored(folder, base=Base(name=self.options.encoder)).state_dict()


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(each, other[name]) for name, each in one.items())
