"""The graph of a sweep: which node is open, which run starts next, what its end means for the others.

A node opens when its parent has its winner, and every run whose adapters of a language it needs has ended well, which
is never searched. Its runs start from that winner: the configured run, or the trials of its
study, the best of which, by the English dev figure of its own task alone (protocol.md 2.6), is the only run that its
children start from. Driver, plan and benchmarks drive this one object. Pure state: no Ray, no clock of its own.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from sweep.graph.capacity import Capacity, Machine
from sweep.graph.node import Run, Trials
from sweep.graph.queue import Live, Queue, Waiting
from sweep.graph.ranks import ranks, trial_rank
from trainables.ledger.plan import Node, Plan, Share
from trainables.ledger.spec import Phase
from trainables.ledger.states import State

Open = Callable[[Node, str], Trials]
"""(node of the plan, winner of its parent or empty) -> its runs."""


class Gates(Protocol):
    """What a race says of the nodes (`races.Races`)."""

    def opens(self, node_id: str) -> bool: ...

    def drops(self, node_id: str) -> bool: ...

    def stops(self, node_id: str) -> bool: ...

    def advance(self, graph: Graph) -> bool: ...


class Graph:
    """States of all nodes and runs, and the decision what starts next.

    A node is known by the id of its configured run; a run has another id where a winner took the place of what was
    planned. Without machines (`resize`) nothing starts.

    Args:
        plan: the nodes, parents before children. Raises ValueError for a parent that is neither there nor in `done`.
        open_node: makes the runs of a node; what the store already holds it tells at once, so that a driver that is
            started again goes on where the last one was killed.
        done: ids of runs whose record can be read, also of some outside the plan. They count for no rank, and wait for
            no parent as long as nothing above them is searched.
        left: node -> runs that it still needs, where that is not the number of its trials; for the ranks.
        parallel: trials of a node at the same time.
        max_concurrent: most runs at once; 0: as many as fit.
        races: which nodes are wanted; None: all.
        on_close: called when the end of a run has ended a search.
        lacks: whether the encoder of a finished run was removed. Where a run starts from such a one, that is computed
            again first, although its record stands.
        on_end: called with the id of a run that has ended, after all that follows from it.
        share: what the runs of a node ask for when they are handed out, where more is known by then than was planned.
    """

    def __init__(
        self,
        plan: Plan,
        open_node: Open,
        *,
        done: Collection[str] = (),
        left: Mapping[str, int] | None = None,
        parallel: int = 1,
        max_concurrent: int = 0,
        races: Gates | None = None,
        on_close: Callable[[Graph], object] = lambda graph: None,
        lacks: Callable[[str], bool] = lambda run_id: False,
        on_end: Callable[[Graph, str], object] = lambda graph, run_id: None,
        share: Callable[[Node], Share] = lambda node: node.share,
    ) -> None:
        self.plan = plan
        self.runs: dict[str, Run] = {}
        self.trials: dict[str, Trials] = {}
        self.blocked_by: dict[str, str] = {}
        self._open_node = open_node
        self._queue = Queue(max_concurrent)
        self._parallel = parallel
        self._races = races
        self._on_close = on_close
        self._on_end = on_end
        self._share = share
        self._lacks = lacks
        self._again: dict[str, list[tuple[str, Waiting]]] = {}
        self._there: dict[str, bool] = {}
        plain = [node_id for node_id, node in plan.nodes.items() if not node.is_searched]
        needed = {node_id: node.trials for node_id, node in plan.nodes.items()} if left is None else left
        self._ranks = ranks(plan.nodes, {*done}.difference(plan.nodes.keys() - plain), needed, parallel)
        self._order = {node_id: index for index, node_id in enumerate(plan.nodes)}
        self._held: dict[str, None] = {}
        self._to_open: deque[str] = deque()
        self._of: dict[str, str] = {}
        self._ends: dict[str, State] = {}
        self._children: defaultdict[str, list[str]] = defaultdict(list)
        self._placed = False
        self._searches_closed = 0
        for node_id, node in plan.nodes.items():
            for parent in node.parents:
                self._children[parent].append(node_id)
        for node_id, node in plan.nodes.items():
            if self._stands_alone(node, done):
                self._to_open.append(node_id)
        self._open_all()
        self._race_on()

    @property
    def capacity(self) -> Capacity:
        """Of the machines."""
        return self._queue.capacity

    @property
    def live(self) -> Mapping[str, Live]:
        """Runs that were started and have not ended."""
        return self._queue.live

    @property
    def num_ready(self) -> int:
        """Runs that wait for room."""
        return self._queue.num_ready

    @property
    def exhausted(self) -> bool:
        """Whether nothing is live and nothing can become live."""
        return self._queue.exhausted

    @property
    def is_complete(self) -> bool:
        """Whether every node has its winner, has failed, is blocked or dropped."""
        ended = (State.DONE, State.FAILED, State.BLOCKED, State.DROPPED)
        return all(self.state(node_id) in ended for node_id in self.plan.nodes)

    def resize(self, machines: Sequence[Machine]) -> None:
        """Follow the cluster: its first machines, and when some join or leave.

        Raises UnplaceableError where a node fits on none of the first.
        """
        if not self._placed and machines:
            capacity = Capacity(machines)
            names = {node.share: node.name for node in reversed(list(self.plan.nodes.values()))}
            for share, name in names.items():
                capacity.check(capacity.fitted(share), name)
            self._placed = True
        self._queue.resize(machines)

    def fitted(self, share: Share) -> Share:
        """A share as it is taken on the machines."""
        return self._queue.fitted(share)

    def start(self, now: float) -> str | None:
        """Admit the next run and return its id; None when nothing can start before something changes."""
        run_id = self._queue.start(now)
        if run_id:
            self.trials[self._of[run_id]].live.add(run_id)
        return run_id

    def finish(self, run_id: str) -> None:
        """A live run has a record: its node goes on, or has its winner, and its children open."""
        self._leave(run_id, is_finished=True)

    def fail(self, run_id: str) -> None:
        """A live run ended without a record: pruned, or failed; a node without any winner blocks its descendants.

        One that was computed again keeps its earlier record, and blocks what waits for its encoder.
        """
        self._leave(run_id, is_finished=False)

    def is_again(self, run_id: str) -> bool:
        """Whether a run that has a record is computed again for its encoder, and has not ended."""
        return run_id in self._again

    def has_earlier(self, run_id: str) -> bool:
        """Whether the record of a run is an earlier one: it was to be computed again for its encoder, and is not."""
        return run_id in self._again or not self._there.get(run_id, True)

    def state(self, node_id: str) -> State:
        """Where a node of the plan stands."""
        if node_id in self.blocked_by:
            return State.BLOCKED
        found = self.trials.get(node_id)
        if not found:
            return State.DROPPED if self._races and self._races.drops(node_id) else State.WAITING
        if found.live:
            return State.RUNNING
        if found.is_complete and not (self._again and found.winner in self._again):
            return State.DONE if found.winner else State.FAILED
        return State.READY

    def end(self, run_id: str) -> State:
        """How a run has ended: DONE, FAILED or PRUNED; RUNNING while it has not."""
        return self._ends.get(run_id, State.RUNNING)

    def node_of(self, run_id: str) -> str:
        """Id of the node of the plan that a run belongs to."""
        return self._of[run_id]

    def place_of(self, run_id: str) -> int:
        """Which node of the plan a run belongs to, in its order."""
        return self._order[self._of[run_id]]

    def trials_of(self, run_id: str) -> Trials:
        """The runs that a run is one of."""
        return self.trials[self._of[run_id]]

    def share_of(self, run_id: str) -> Share:
        """What a live run takes on its machine."""
        return self.live[run_id].seat.share

    def ask_for_more(self, run_id: str, *, memory: bool = False) -> Share | None:
        """Let a live run start again with twice its part of a GPU, or of its node's memory; None where it had all.

        It waits for room as before; what it asks for from now on is returned.
        """
        live = self.live[run_id]
        asked = self.fitted(live.waiting.share)
        found = self.capacity.with_more_memory(live.seat, asked) if memory else self.capacity.larger(live.seat, asked)
        if found:
            self._put_back(run_id, found)
        return found

    def move(self, run_id: str) -> bool:
        """Let a live run wait for another place if its machine has left the cluster; whether it has."""
        live = self.live[run_id]
        if any(machine.name == live.seat.machine for machine in self.capacity.machines):
            return False
        self._put_back(run_id, live.waiting.share)
        return True

    def _put_back(self, run_id: str, share: Share) -> None:
        self.trials[self._of[run_id]].live.discard(run_id)
        self._queue.put_back(run_id, share)

    def _leave(self, run_id: str, *, is_finished: bool) -> None:
        node_id, closed = self._of[run_id], self._searches_closed
        trials = self.trials[node_id]
        self._queue.leave(run_id)
        trials.live.discard(run_id)
        if run_id in self._again:
            self._ends[run_id] = self._leave_again(run_id, is_finished=is_finished)
        else:
            self._ends[run_id] = trials.finish(run_id) if is_finished else trials.fail(run_id)
            self._advance(node_id)
        self._open_all()
        self._race_on()
        if self._searches_closed > closed:
            self._on_close(self)
        self._on_end(self, run_id)

    def _leave_again(self, run_id: str, *, is_finished: bool) -> State:
        """What waits for the encoder of a run may start, or is blocked with all below it."""
        self._there[run_id] = is_finished
        for child, place in self._again.pop(run_id):
            if not is_finished:
                self._give_up(child, run_id)
            elif not any(child == each for waiting in self._again.values() for each, _ in waiting):
                self._queue.add(child, place)
        return State.DONE if is_finished else State.FAILED

    def _give_up(self, run_id: str, parent: str) -> None:
        """A run that cannot start, since the encoder of a parent was removed and could not be computed again."""
        node_id = self._of[run_id]
        for waiting in self._again.values():
            waiting[:] = [each for each in waiting if each[0] != run_id]
        self.blocked_by.setdefault(node_id, self._of[parent])
        self._block(node_id)
        if run_id in self._again:
            self._leave_again(run_id, is_finished=False)

    def _stands_alone(self, node: Node, done: Collection[str]) -> bool:
        """Whether a node need not wait for its parents: it has none here, or it is done and all above it as planned.

        An earlier stage that is not done is waited for: the encoder of a later one may have to be computed again.
        """
        above = [self.plan.nodes[ancestor] for ancestor in self.plan.upstream(node.run_id)]
        if not above or node.run_id not in done:
            return not above
        if any(each.is_searched for each in (node, *above)):
            return False
        return node.spec.phase is not Phase.INTERMEDIATE or all(each.run_id in done for each in above)

    def _open_all(self) -> None:
        """Begin the nodes whose parents' winners have become known; which may be the winners of others."""
        while self._to_open:
            self._open(self._to_open.popleft())

    def _open(self, node_id: str) -> None:
        """Begin a node whose parents' winners are known, once a race wants it."""
        if node_id in self.trials:
            return
        if self._races and not self._races.opens(node_id):
            self._held[node_id] = None
            return
        node = self.plan.nodes[node_id]
        parent = self._winner(node.spec.parent) or node.spec.parent
        found = self.trials[node_id] = self._open_node(node, parent)
        if self._races and self._races.stops(node_id) and any(t.state is State.DONE for t in found.trials):
            found.stop()
        self._advance(node_id)

    def _advance(self, node_id: str) -> None:
        """Hand out the runs that can start now; close the node when nothing is left to try."""
        node, trials = self.plan.nodes[node_id], self.trials[node_id]
        while run := trials.ask():
            rank = trial_rank(self._ranks.get(node_id, node.cost), node.cost, run.number, self._parallel)
            self._hand_out(node_id, run, rank)
        if trials.is_complete:
            self._close(node_id)

    def _hand_out(self, node_id: str, run: Run, rank: float) -> None:
        """Let a run wait for room, once the encoders that it needs are there."""
        node = self.plan.nodes[node_id]
        self.runs[run.run_id] = run
        self._of[run.run_id] = node_id
        share = self._share(node)
        place = Waiting(share=share, cost=node.cost, rank=rank, place=(self._order[node_id], run.number))
        planned = {run.spec.parent: node.spec.parent, **{own: own for own in node.spec.swaps.values()}}
        missing = {own: each for own, each in planned.items() if each in self.trials and self._is_missing(own)}
        for own, each in missing.items():
            if self._there.get(own, True):
                self._compute_again(each, own, rank)
        if lost := next((own for own in missing if own not in self._again), ""):
            self._give_up(run.run_id, lost)
            return
        for own in missing:
            self._again[own].append((run.run_id, place))
        if not missing:
            self._queue.add(run.run_id, place)

    def _is_missing(self, run_id: str) -> bool:
        """Whether the encoder of a finished run is not there."""
        return run_id in self._again or (self._lacks(run_id) if run_id not in self._there else not self._there[run_id])

    def _compute_again(self, node_id: str, winner: str, rank: float) -> None:
        """Hand out the winner of a node once more; `rank` is that of a run that waits for it."""
        if winner in self._again:
            return
        node, spec = self.plan.nodes[node_id], self.trials[node_id].winner_spec
        assert spec
        self._again[winner] = []
        self._of[winner] = node_id
        self._hand_out(node_id, Run(run_id=winner, name=node.name, spec=spec), rank + node.cost)

    def _close(self, node_id: str) -> None:
        trials = self.trials[node_id]
        if trials.winner:
            self._to_open.extend(
                child for child in self._children[node_id] if all(map(self._has_won, self.plan.nodes[child].parents))
            )
        else:
            self._block(node_id)
        self._searches_closed += self.plan.nodes[node_id].is_searched

    def _winner(self, node_id: str) -> str:
        """The winner of a node, empty while there is none."""
        found = self.trials.get(node_id)
        return found.winner if found and found.is_complete else ""

    def _has_won(self, node_id: str) -> bool:
        """Whether nothing needs to wait for a node: it has its winner, or is not of this plan."""
        return node_id not in self.plan.nodes or bool(self._winner(node_id))

    def _block(self, node_id: str) -> None:
        pending = list(self._children[node_id])
        while pending:
            child = pending.pop()
            if child not in self.blocked_by and child not in self.trials:
                self.blocked_by[child] = node_id
                pending.extend(self._children[child])

    def _race_on(self) -> None:
        """Hold the rounds that are over: they stop searches and open nodes, which may end other rounds."""
        while self._races and self._races.advance(self):
            for node_id, trials in list(self.trials.items()):
                if not trials.is_complete and self._races.stops(node_id):
                    self._stop(node_id)
            for node_id in list(self._held):
                if self._races.opens(node_id):
                    del self._held[node_id]
                    self._to_open.append(node_id)
            self._open_all()

    def _stop(self, node_id: str) -> None:
        """Ask for no further trials; those that have started go on."""
        trials = self.trials[node_id]
        for run_id in trials.stop():
            self._queue.withdraw(run_id)
        if trials.is_complete:
            self._close(node_id)
