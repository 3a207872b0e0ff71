"""The runs of a node on paper: they end as they are told, and nothing is known of their settings."""

from __future__ import annotations

from sweep.graph.node import NotSearched, Run
from trainables.ledger.plan import Node
from trainables.ledger.states import State
from trainables.ledger.studies import Trial

FAILED = "it fails in this simulation"


class OnPaper(NotSearched):
    """So many runs of a node, `parallel` at a time. The first of those that end well is the best of them.

    Of a node that `is_held` the first is there, and those that are left are others.
    """

    def __init__(self, node: Node, left: int, parallel: int, *, is_held: bool) -> None:
        super().__init__(node)
        self.winner = "" if left else node.run_id
        self._left = left
        self._parallel = parallel
        self._first = int(is_held and left > 0)
        self._begun = 0
        self._ended = {0: State.DONE} if self._first else {}

    def ask(self) -> Run | None:
        if self._begun == self._left or self._begun - self._num_ended == self._parallel:
            return None
        number, self._begun = self._first + self._begun, self._begun + 1
        return Run(run_id=self._id(number), name=self._node.name, spec=self._node.spec, number=number)

    def finish(self, run_id: str) -> State:
        return self._end(run_id, State.DONE)

    def fail(self, run_id: str) -> State:
        return self._end(run_id, State.FAILED)

    @property
    def trials(self) -> tuple[Trial, ...]:
        return tuple(
            Trial(
                number=number, params={}, run_id=self._id(number), state=state,
                value=float(-number) if state is State.DONE else None, reason="" if state is State.DONE else FAILED,
            )
            for number, state in self._ended.items()
        )  # fmt: skip

    def _end(self, run_id: str, state: State) -> State:
        self._ended[int(run_id.partition("/")[2] or 0)] = state
        if self._num_ended == self._left:
            is_won = State.DONE in self._ended.values()
            self.winner = self._node.run_id if is_won else ""
            self.why_failed = "" if is_won else FAILED
        return state

    @property
    def _num_ended(self) -> int:
        return len(self._ended) - self._first

    def _id(self, number: int) -> str:
        return f"{self._node.run_id}/{number}" if number else self._node.run_id
