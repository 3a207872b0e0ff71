"""Searches inside the graph: a node with a search budget is a study, and its trials are runs like any other.

A study opens when its parent is complete. Its trials start from the winner of the parent; its own winner, chosen by the
English dev figure of its own task alone (protocol.md 2.6), is the only run its children start from. A node without a
budget is a study of one trial.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from search_spaces.search_fields import SearchFields
from sweep.budget import space_of
from sweep.capacity import Capacity, Machine
from sweep.journal import Journal
from sweep.node_search import Search
from sweep.nodes import Node, Plan, resolve
from sweep.scheduler import NO_RECORD, Live, RunState, Scheduler, search_ranks, trial_rank
from sweep.studies import Study
from trainables.record import DevPoint
from trainables.spec import RunSpec
from trainables.store import Store

if TYPE_CHECKING:
    from sweep.races import Races


class SearchScheduler:
    """What runs next in a graph with searches; to Ray's searcher it is a `Scheduler` whose runs appear as it goes.

    `states` are those of the plan's nodes, by the id of the node as planned; a run has another id where its parent's
    winner is not the configured run. Runs that the store already holds are told at once, so that a driver that is
    started again goes on where the last one was killed. `trials` has the number of every node that is searched. With
    `races`, a node also waits until a race wants it. `on_close` is called whenever a study has ended.
    """

    def __init__(
        self,
        plan: Plan,
        search: SearchFields,
        store: Store,
        journal: Journal,
        trials: Mapping[str, int],
        races: Races | None = None,
    ) -> None:
        self.nodes: dict[str, Node] = {}
        self.blocked_by: dict[str, str] = {}
        self.searches: dict[str, Search] = {}
        self.on_close: Callable[[], object] = lambda: None
        self._plan = plan
        self._search = search
        self._trials = trials
        self._store = store
        self._journal = journal
        self._races = races
        self._held: dict[str, str] = {}
        self._scheduler: Scheduler | None = None
        self._ranks = search_ranks(plan.nodes, trials, search.parallel)
        self._of: dict[str, str] = {}
        self._curves: defaultdict[str, dict[int, DevPoint]] = defaultdict(dict)
        self._pruned: dict[str, str] = {}
        self._children: defaultdict[str, list[str]] = defaultdict(list)
        for node_id, node in plan.nodes.items():
            for parent in node.parents:
                self._children[parent].append(node_id)
        for node_id, node in plan.nodes.items():
            if not node.parents:
                self._open(node_id, "")
        self._race_on()

    def connect(self, machines: Sequence[Machine], max_concurrent: int = 0) -> None:
        """Let runs start on these machines. Raises UnplaceableError for a node that fits on none."""
        self._scheduler = Scheduler({}, (), machines, max_concurrent=max_concurrent)
        for node in self._plan.nodes.values():
            self.capacity.check(self._share(node).share, node.name)
        for run_id, node in self.nodes.items():
            self._scheduler.add(self._share(node), self._rank(run_id))

    @property
    def capacity(self) -> Capacity:
        """Of the machines."""
        return self._connected.capacity

    @property
    def live(self) -> Mapping[str, Live]:
        """Runs that were started and have not ended."""
        return self._connected.live

    @property
    def num_ready(self) -> int:
        """Runs that wait for room."""
        return self._connected.num_ready

    @property
    def exhausted(self) -> bool:
        """Whether nothing is live and nothing can become live."""
        return self._connected.exhausted

    @property
    def prunes(self) -> bool:
        """Whether trials that fall behind are ended early."""
        return self._search.pruning != "off"

    @property
    def is_complete(self) -> bool:
        """Whether every node has its winner, has failed, is blocked or dropped."""
        ended = (RunState.DONE, RunState.FAILED, RunState.BLOCKED, RunState.DROPPED)
        return all(self.state(node_id) in ended for node_id in self._plan.nodes)

    def start(self, now: float) -> str | None:
        """Admit the next run and return its id; None when nothing can start before something changes."""
        run_id = self._connected.start(now)
        if run_id:
            self.searches[self._of[run_id]].live.add(run_id)
        return run_id

    def finish(self, run_id: str) -> None:
        """A live run is done; its study learns its dev figure, and goes on or ends."""
        self._connected.finish(run_id)
        self._end(run_id).tell(run_id, self._store.record(run_id))
        self._advance(self._of[run_id])
        self._race_on()

    def report(self, run_id: str, point: DevPoint, planned_steps: int) -> bool:
        """A live run was evaluated on dev; whether it is to end here, of which the store then has a note.

        Nothing ends at its last evaluation. A run that started again after the loss of its worker reports its earlier
        evaluations again.
        """
        curve = self._curves[run_id]
        curve[point.step] = point
        if point.step >= planned_steps:
            return False
        search, node = self.searches[self._of[run_id]], self.nodes[run_id]
        pruned = search.report(node, [curve[step] for step in sorted(curve)], planned_steps)
        if not pruned:
            return False
        self._store.prune(pruned)
        self._pruned[run_id] = pruned.reason
        return True

    def fail(self, run_id: str) -> None:
        """A live run ended without a record: pruned, or a failed trial, and the end of a study that has no other."""
        if reason := self._pruned.pop(run_id, ""):
            self._connected.finish(run_id)
            self._store.discard(run_id)
            self._end(run_id).prune(run_id, reason)
        else:
            self._connected.fail(run_id)
            self._end(run_id).fail(run_id, self._store.failure(run_id) or NO_RECORD)
        self._advance(self._of[run_id])
        self._race_on()

    def resize(self, machines: Sequence[Machine]) -> None:
        """Follow the cluster when machines join or leave."""
        self._connected.resize(machines)

    def state(self, node_id: str) -> RunState:
        """Where a node of the plan stands."""
        if node_id in self.blocked_by:
            return RunState.BLOCKED
        found = self.searches.get(node_id)
        if not found:
            return RunState.DROPPED if self._races and self._races.drops(node_id) else RunState.WAITING
        if found.live:
            return RunState.LIVE
        if found.is_complete:
            return RunState.DONE if found.best else RunState.FAILED
        return RunState.READY

    def run_state(self, run_id: str) -> RunState:
        """Where a run that was started stands."""
        return self._connected.state(run_id)

    def node_of(self, run_id: str) -> str:
        """Id of the node of the plan that a run is a trial of."""
        return self._of[run_id]

    def told(self) -> list[dict[str, object]]:
        """All studies with their trials, winner, gain over the configured setting and importances, for the report."""
        return [
            {
                "node": search.node.run_id,
                "name": search.node.name,
                "phase": search.base.phase.value,
                "tasks": list(search.base.tasks),
                "mlm": search.base.mlm is not None,
                "winner": search.best.run_id if search.best else "",
                "gain": search.study.gain,
                "importances": search.importances(),
                "trials": [asdict(trial) for trial in search.trials],
            }
            for search in self.searches.values()
            if search.study
        ]

    def resolved(self) -> Plan:
        """The plan with the winner of every node in its place, or its configured run where there is no winner yet."""
        winners = {id_: self._spec(found, found.best.run_id) for id_, found in self.searches.items() if found.best}
        return resolve(self._plan, winners)

    @property
    def _connected(self) -> Scheduler:
        assert self._scheduler, "connect first"
        return self._scheduler

    def _spec(self, search: Search, run_id: str) -> RunSpec:
        return search.base if search.base.run_id == run_id else self._store.record(run_id).spec

    def _rank(self, run_id: str) -> float:
        search = self.searches[self._of[run_id]]
        number = next((trial.number for trial in search.trials if trial.run_id == run_id), 0)
        return trial_rank(self._ranks[self._of[run_id]], search.node.cost, number, self._search.parallel)

    def _share(self, node: Node) -> Node:
        """The node as it runs here: without a GPU anywhere, on cores alone."""
        if any(machine.gpus for machine in self._connected.capacity.machines):
            return node
        return replace(node, share=replace(node.share, gpus=0.0))

    def _open(self, node_id: str, parent: str) -> None:
        """Begin the search of a node whose parent's winner is known, once a race wants it."""
        if self._races and not self._races.opens(node_id):
            self._held[node_id] = parent
            return
        node = self._plan.nodes[node_id]
        base = replace(node.spec, parent=parent)
        study = None
        if trials := self._trials.get(node_id, 0):
            study = Study(
                journal=self._journal,
                base=base,
                space=space_of(base, self._search),
                trials=trials,
                sampler=self._search.sampler,
                startup=self._search.startup,
                parallel=self._search.parallel,
                pruning=self._search.pruning,
            )
        stopped = bool(self._races and study and study.best and self._races.stops(node_id))
        if study and not stopped:
            study.try_again()
        self.searches[node_id] = Search(node=node, base=base, study=study, stopped=stopped)
        self._advance(node_id)

    def _advance(self, node_id: str) -> None:
        """Hand out the runs that can start now; close the search when nothing is left to try."""
        search = self.searches[node_id]
        while spec := search.ask():
            run_id = spec.run_id
            if self._store.is_finished(run_id):
                search.tell(run_id, self._store.record(run_id))
                continue
            if reason := self._pruned_before(search, run_id):
                self._store.discard(run_id)
                search.prune(run_id, reason)
                continue
            number = next((f", trial {trial.number}" for trial in search.trials if trial.run_id == run_id), "")
            node = replace(search.node, spec=spec, name=search.node.name + number)
            self.nodes[run_id] = node
            self._of[run_id] = node_id
            if self._scheduler:
                self._scheduler.add(self._share(node), self._rank(run_id))
        if search.is_complete:
            self._close(node_id)

    def _pruned_before(self, search: Search, run_id: str) -> str:
        """Why this very study has pruned a run, when the driver was killed before it was told; or empty."""
        noted = self._store.pruned(run_id) if search.study and self.prunes else None
        return noted.reason if noted and search.study and noted.study == search.study.name else ""

    def _close(self, node_id: str) -> None:
        search = self.searches[node_id]
        if search.study:
            search.best = search.study.best
        if search.best:
            for child in self._children[node_id]:
                self._open(child, search.best.run_id)
        else:
            self._block(node_id)
        if search.study:
            self.on_close()

    def _block(self, node_id: str) -> None:
        pending = list(self._children[node_id])
        while pending:
            child = pending.pop()
            if child not in self.blocked_by:
                self.blocked_by[child] = node_id
                pending.extend(self._children[child])

    def _race_on(self) -> None:
        """Hold the rounds that are over: they stop searches and open nodes, which may end other rounds."""
        while self._races and self._races.advance(self):
            for node_id, search in list(self.searches.items()):
                if not search.is_complete and self._races.stops(node_id):
                    self._stop(node_id)
            for node_id, parent in list(self._held.items()):
                if self._races.opens(node_id):
                    del self._held[node_id]
                    self._open(node_id, parent)

    def _stop(self, node_id: str) -> None:
        """Ask for no further trials; those that have started go on."""
        search = self.searches[node_id]
        if search.stopped or not search.study:
            return
        search.stopped = True
        for run_id in search.study.running:
            if run_id not in search.live:
                search.study.withdraw(run_id)
                if self._scheduler:
                    self._scheduler.withdraw(run_id)
                else:
                    del self.nodes[run_id]
        if search.is_complete:
            self._close(node_id)

    def _end(self, run_id: str) -> Search:
        search = self.searches[self._of[run_id]]
        search.live.discard(run_id)
        return search
