"""Searches inside the graph: a node with a search budget is a study, and its trials are runs like any other.

A study opens when its parent is complete. Its trials start from the winner of the parent; its own winner, chosen by the
English dev figure of its own task alone (protocol.md 2.6), is the only run its children start from. A node without a
budget is a study of one trial.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from search_spaces.search_fields import SearchFields
from sweep.capacity import Capacity, Machine
from sweep.journal import Journal
from sweep.nodes import Node, Plan, resolve
from sweep.rungs import figures
from sweep.scheduler import Live, RunState, Scheduler, search_ranks, trial_rank
from sweep.studies import Best, Study, Trial, TrialState
from trainables.pruned import Pruned
from trainables.record import DevPoint, Record
from trainables.spec import RunSpec
from trainables.store import Store

if TYPE_CHECKING:
    from sweep.races import Races

LOST = "it ended without a record"


@dataclass(kw_only=True)
class Search:
    """One node of the plan while its best setting is looked for.

    Attributes:
        node: as planned.
        base: its configured run, which starts from the winner of its parent.
        study: None where there is a single trial.
        live: ids of runs handed out and not ended.
        reason: why the single trial failed.
        best: the winner, once the search is complete.
        mattered: importances of the parameters, once they were asked for and the search is complete.
        stopped: whether a race wants no further trials; the winner is then the best of those that were told.
    """

    node: Node
    base: RunSpec
    study: Study | None
    live: set[str] = field(default_factory=set)
    reason: str = ""
    best: Best | None = None
    mattered: Mapping[str, float] | None = None
    asked: bool = False
    stopped: bool = False

    def ask(self) -> RunSpec | None:
        """The next run, if there is one to start now."""
        if self.stopped:
            return None
        if self.study:
            return self.study.ask()
        first, self.asked = not self.asked, True
        return self.base if first else None

    def tell(self, run_id: str, record: Record) -> None:
        """A run is finished."""
        value = dev_figure(record)
        if self.study:
            self.study.report(run_id, figures(record.dev_curve, record.planned_steps, ended=True))
            self.study.tell(run_id, value)
        else:
            self.best = Best(run_id=run_id, value=value or 0.0)

    def fail(self, run_id: str, reason: str) -> None:
        """A run failed."""
        if self.study:
            self.study.fail(run_id, reason)
        else:
            self.reason = reason

    def report(self, node: Node, curve: Sequence[DevPoint], planned_steps: int) -> Pruned | None:
        """A live run was evaluated on dev, last of all now; the note of its pruning, if it ends here."""
        verdict = self.study.report(node.run_id, figures(curve, planned_steps)) if self.study else None
        return verdict.note(node, curve, planned_steps) if verdict else None

    def prune(self, run_id: str, reason: str) -> None:
        """A run was ended early."""
        assert self.study
        self.study.prune(run_id, reason)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to try."""
        if self.study and self.stopped:
            return not self.study.running
        return self.study.is_complete if self.study else bool(self.best or self.reason)

    def importances(self) -> Mapping[str, float]:
        """What mattered, for the report."""
        if self.mattered is not None or not self.study:
            return self.mattered or {}
        found = self.study.importances()
        self.mattered = found if self.is_complete else None
        return found

    @property
    def trials(self) -> tuple[Trial, ...]:
        """What was tried, for the report; without what a stopped search did not start."""
        trials = self.study.trials if self.study else ()
        return tuple(t for t in trials if t.state is not TrialState.RUNNING) if self.stopped else trials

    @property
    def why_failed(self) -> str:
        """Reasons of its failed trials."""
        failed = [trial for trial in self.trials if trial.state is TrialState.FAILED]
        pruned = len(self.trials) - len(failed)
        others = f" that were not pruned ({pruned} were)" if pruned else ""
        return f"all {len(failed)} trials{others} failed; the first: {failed[0].reason}" if failed else self.reason


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
            self._end(run_id).fail(run_id, self._store.failure(run_id) or LOST)
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
        trials, study = self._trials.get(node_id, 0), None
        if trials and base.optimisation:
            space = self._search.space(base.optimisation, phase=base.phase, tasks=base.tasks, mlm=base.mlm is not None)
            if space:
                study = Study(
                    journal=self._journal,
                    base=base,
                    space=space,
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


def dev_figure(record: Record) -> float | None:
    """The figure that a search maximises: selection on English dev at the best checkpoint; None without training."""
    return next((point.selection for point in record.dev_curve if point.step == record.best_step), None)
