"""A record of which an index knows the head; the rest is read from its file when it is asked for."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from analysis.scores.columns import ScoreColumns
from analysis.scores.head import Head
from trainables.ledger.record import Finding, Record
from trainables.ledger.spec import RunSpec


class Scores(Protocol):
    """Where the scores of kept records are."""

    def columns(self, run_ids: Sequence[str]) -> tuple[ScoreColumns, list[int]]:
        """Scores of runs, one run after another, and how many each has."""


class KeptRecord(Record):
    """Run id, name, spec and whether there are findings are at hand; every other field reads the file, once.

    Reading raises what `read` raises. `index` holds the scores; None for a copy with other fields
    (`dataclasses.replace`), which reads nothing.
    """

    index: Scores | None = None

    @classmethod
    def of(
        cls, *, head: Head, name: str, spec: str, has_findings: bool, index: Scores, read: Callable[[], Record]
    ) -> KeptRecord:
        """A record that an index knows; `spec` is JSON."""
        made = cls.__new__(cls)
        made.__dict__.update(
            run_id=head.run_id, name=name, head=head, index=index, _spec=spec, _has_findings=has_findings, _read=read
        )
        return made

    @functools.cached_property
    def head(self) -> Head:
        """What the long table needs of it."""
        return Head.of(self)

    @functools.cached_property
    def spec(self) -> RunSpec:
        """What was run."""
        return RunSpec.from_dict(json.loads(self.__dict__["_spec"]))

    @functools.cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Signs that the run has collapsed."""
        return self._whole.findings if self.__dict__["_has_findings"] else ()

    @functools.cached_property
    def _whole(self) -> Record:
        found: Record = self.__dict__["_read"]()
        return found

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record):
            return NotImplemented
        return all(getattr(self, each.name) == getattr(other, each.name) for each in dataclasses.fields(Record))

    __hash__ = None  # type: ignore[assignment]


def _read_when_asked(name: str) -> Any:
    found = functools.cached_property(lambda record: getattr(record._whole, name))
    found.__set_name__(KeptRecord, name)
    return found


for _field in dataclasses.fields(Record):
    if _field.name not in ("run_id", "name", "spec", "findings"):
        setattr(KeptRecord, _field.name, _read_when_asked(_field.name))
