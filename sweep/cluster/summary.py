"""How a sweep ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sweep.cluster.interruption import EXIT_CODES
from sweep.graph.graph import Graph
from trainables.ledger.plan import Plan, resolve
from trainables.ledger.states import State
from trainables.ledger.store import Store


@dataclass(frozen=True, kw_only=True)
class Summary:
    """How a sweep ended. Nodes are known by the ids of their configured runs.

    Attributes:
        plan: with the winners of its searches.
        done: nodes with a winner, those finished earlier included.
        computed: runs that this sweep finished, in the order of the plan.
        failed: node -> why.
        blocked: node -> the failed one that it would have started from.
        not_started: nodes that were still waiting, or were ended on the way, when the sweep stopped.
        dropped: nodes that a race has dropped.
        seconds: wall clock.
        stopped: why the sweep was stopped before its end, or empty.
        interrupted: runs that were on the way then, and how many of them have a checkpoint.
    """

    plan: Plan
    done: tuple[str, ...]
    computed: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    blocked: Mapping[str, str] = field(default_factory=dict)
    not_started: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    seconds: float = 0.0
    stopped: str = ""
    interrupted: tuple[int, int] = (0, 0)

    @property
    def exit_code(self) -> int:
        """0: everything is done; 1: something failed or Ray died; 128 + its number: stopped by that signal."""
        codes = {"": 0} | EXIT_CODES
        return codes.get(self.stopped, 1) or (1 if self.failed or self.blocked or self.not_started else 0)

    @property
    def ending(self) -> str:
        """How the sweep was stopped before its end, in words, with what to do; or empty."""
        if not self.stopped:
            return ""
        runs, kept = self.interrupted
        going_on = f"; {kept} of the {runs} runs on the way go on from a checkpoint, the others anew" if runs else ""
        return f"{self.stopped}{going_on}; nothing computed is lost, the same command continues"


def summary_of(graph: Graph, store: Store, seconds: float, stopped: str) -> Summary:
    """The summary of a graph. A run whose end was not noted any more counts as done if its record exists."""
    states = {node_id: _state(graph, store, node_id) for node_id in graph.plan.nodes}

    def in_state(*wanted: State) -> tuple[str, ...]:
        return tuple(node_id for node_id, state in states.items() if state in wanted)

    order = {node_id: index for index, node_id in enumerate(graph.plan.nodes)}
    return Summary(
        plan=resolved(graph),
        done=in_state(State.DONE),
        computed=tuple(
            run_id
            for run_id in sorted(graph.runs, key=lambda run_id: order[graph.node_of(run_id)])
            if store.is_finished(run_id) and not graph.has_earlier(run_id)
        ),
        failed={node_id: graph.trials[node_id].why_failed for node_id in in_state(State.FAILED)},
        blocked=dict(graph.blocked_by),
        not_started=in_state(State.WAITING, State.READY, State.RUNNING),
        dropped=in_state(State.DROPPED),
        seconds=seconds,
        stopped=stopped,
        interrupted=_interrupted(graph, store),
    )


def resolved(graph: Graph) -> Plan:
    """The plan with the winner of every node in its place, or its configured run where there is no winner yet."""
    winners = {node_id: spec for node_id, trials in graph.trials.items() if (spec := trials.winner_spec)}
    return resolve(graph.plan, winners)


def _interrupted(graph: Graph, store: Store) -> tuple[int, int]:
    """Runs that are on the way, and how many of them have a checkpoint; none where the store cannot say."""
    try:
        return len(graph.live), sum(store.has_checkpoint(run_id) for run_id in graph.live)
    except OSError:
        return 0, 0


def _state(graph: Graph, store: Store, node_id: str) -> State:
    state = graph.state(node_id)
    if state is State.RUNNING and not graph.plan.nodes[node_id].is_searched:
        return State.DONE if all(map(store.is_finished, graph.trials[node_id].live)) else state
    return state
