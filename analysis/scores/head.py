"""Head of a record: the few facts that the long table and the place of a run in the grid need."""

from __future__ import annotations

import dataclasses

from trainables.ledger.cells import BASELINE, Cell, Row
from trainables.ledger.plan import own_row
from trainables.ledger.recipe import parse_recipe
from trainables.ledger.record import Record
from trainables.ledger.spec import Phase


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """Facts of one run, of its own record alone.

    Attributes:
        phase: by its value.
        row: that it makes the encoder of; the baseline for runs that make none.
        capped: whether it saw fewer rows than the data has.
        restricted: languages it was restricted to, separated by commas.
        parent: run id; empty for the pretrained encoder.
    """

    run_id: str
    phase: str
    row: Row
    tasks: tuple[str, ...]
    seed: int
    parent: str
    capped: bool
    restricted: str
    encoder: str
    source: str

    @classmethod
    def of(cls, record: Record) -> Head:
        """The head of a record."""
        spec = record.spec
        return cls(
            run_id=record.run_id,
            phase=spec.phase.value,
            row=_row(record),
            tasks=spec.tasks,
            seed=spec.seed,
            parent=spec.parent,
            capped=spec.data.capped,
            restricted=",".join(map(str, spec.data.languages)),
            encoder=spec.encoder.name,
            source=spec.data.source,
        )

    @property
    def is_intermediate(self) -> bool:
        """Whether it makes an encoder for others."""
        return self.phase == Phase.INTERMEDIATE.value

    def cells(self, row: Row) -> tuple[Cell, ...]:
        """Cells that it scores with an encoder of that row; none for an intermediate run."""
        return () if self.is_intermediate else tuple(Cell(*row, target, self.seed) for target in self.tasks)


def _row(record: Record) -> Row:
    """As it was planned, or as far as the spec tells it."""
    if record.spec.phase is not Phase.INTERMEDIATE:
        return Row(BASELINE, False)
    return parse_recipe(record.row).row if record.row else own_row(record.spec)
