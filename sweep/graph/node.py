"""The runs of one node of the graph: what they are asked and told, and the node that is its configured run alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from trainables.ledger.plan import Node
from trainables.ledger.record import DevPoint
from trainables.ledger.spec import RunSpec
from trainables.ledger.states import State
from trainables.ledger.store import Store
from trainables.ledger.studies import StudyResult, Trial

NO_RECORD = "it ended without a record"
"""Why a run failed of which the store has neither a record nor a reason."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run of a node: its id, what it computes, under which name, and the number of the trial."""

    run_id: str
    name: str
    spec: RunSpec
    number: int = 0


class Trials(Protocol):
    """The runs of a node whose parent is complete. `live` are those that were started and have not ended."""

    live: set[str]

    @property
    def winner(self) -> str:
        """Id of the run that the children start from; empty while there is none."""

    @property
    def winner_spec(self) -> RunSpec | None:
        """What that run is; None while there is none."""

    def ask(self) -> Run | None:
        """The next run that can start now, if there is one."""

    def finish(self, run_id: str) -> State:
        """A run has ended with a record: DONE."""

    def fail(self, run_id: str) -> State:
        """A run has ended without a record: FAILED, or PRUNED."""

    def report(self, run_id: str, point: DevPoint, planned_steps: int) -> bool:
        """A live run was evaluated on dev; whether it is to end here, of which the store then has a note."""

    def stop(self) -> list[str]:
        """Nothing further is wanted: the runs that were handed out and are taken back; those that are live go on."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to try."""

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to try, for a later start of the sweep either."""

    @property
    def trials(self) -> tuple[Trial, ...]:
        """What was tried; empty where nothing is searched."""

    @property
    def why_failed(self) -> str:
        """Why there is no winner."""

    def result(self) -> StudyResult | None:
        """What a search has found so far; None where nothing is searched."""


class NotSearched:
    """What a node without a study has in common, whatever becomes of its runs: there is nothing to compare."""

    def __init__(self, node: Node) -> None:
        self.winner = ""
        self.live: set[str] = set()
        self.why_failed = ""
        self._node = node

    def report(self, run_id: str, point: DevPoint, planned_steps: int) -> bool:
        return False

    def stop(self) -> list[str]:
        return []

    @property
    def winner_spec(self) -> RunSpec | None:
        return self._node.spec if self.winner else None

    @property
    def is_complete(self) -> bool:
        return bool(self.winner or self.why_failed)

    @property
    def is_settled(self) -> bool:
        """The next start asks for a run that has failed again."""
        return bool(self.winner)

    @property
    def trials(self) -> tuple[Trial, ...]:
        return ()

    def result(self) -> StudyResult | None:
        return None


class Single(NotSearched):
    """The configured run of a node, which starts from the winner of its parent."""

    def __init__(self, node: Node, store: Store) -> None:
        super().__init__(node)
        self._store = store
        self._asked = False

    def ask(self) -> Run | None:
        """The run, unless the store has it; one that is damaged is no one's parent until it is computed again."""
        if self._asked:
            return None
        self._asked = True
        run_id = self._node.run_id
        if self._store.is_finished(run_id):
            self.why_failed = self._store.damage(run_id)
            self.winner = "" if self.why_failed else run_id
            return None
        return Run(run_id=run_id, name=self._node.name, spec=self._node.spec)

    def finish(self, run_id: str) -> State:
        self.winner = run_id
        return State.DONE

    def fail(self, run_id: str) -> State:
        self.why_failed = self._store.failure(run_id) or NO_RECORD
        return State.FAILED


def started_from(node: Node, parent: str) -> Node:
    """The node as it starts from the winner of its parent."""
    return node if node.spec.parent == parent else replace(node, spec=replace(node.spec, parent=parent))
