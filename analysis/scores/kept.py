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

    Reading raises what `read` raises. `head` and `index` are those it was made from.
    """

    def __init__(
        self, *, head: Head, name: str, spec: str, has_findings: bool, index: Scores, read: Callable[[], Record]
    ) -> None:
        known = {
            "head": head, "index": index, "run_id": head.run_id, "name": name,
            "_spec": spec, "_has_findings": has_findings, "_read": read,
        }  # fmt: skip
        self.__dict__.update(known)

    head: Head
    index: Scores

    @functools.cached_property
    def _whole(self) -> Record:
        found: Record = self.__dict__["_read"]()
        return found

    @functools.cached_property
    def spec(self) -> RunSpec:
        """What was run."""
        return RunSpec.from_dict(json.loads(self.__dict__["_spec"]))

    @functools.cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Signs that the run has collapsed."""
        return self._whole.findings if self.__dict__["_has_findings"] else ()

    def __eq__(self, other: object) -> bool:
        return self._whole == (other._whole if isinstance(other, KeptRecord) else other)

    def __hash__(self) -> int:
        return hash(self.run_id)


def _read_when_asked(field: str) -> Any:
    found = functools.cached_property(lambda record: getattr(record._whole, field))
    found.__set_name__(KeptRecord, field)
    return found


for _field in dataclasses.fields(Record):
    if _field.name not in ("run_id", "name", "spec", "findings"):
        setattr(KeptRecord, _field.name, _read_when_asked(_field.name))
