"""GraphSearcher: hands Ray Tune the runs of the graph, one trial each, when the graph admits them."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

from ray.tune.search import Searcher

from sweep.cluster.losses import Loss
from sweep.graph.capacity import Machine, Seat
from sweep.graph.faults import NODE_LOSSES, WORKER_LOSSES
from sweep.graph.graph import Graph
from sweep.graph.node import Run
from trainables.ledger.artefacts import ENCODER
from trainables.ledger.cells import Row
from trainables.ledger.plan import Share, own_row
from trainables.ledger.spec import Phase, RunSpec
from trainables.ledger.store import Store
from trainables.ledger.usage import size_of
from trainables.phases.options import Options
from trainables.report import Failed, Finished, read

log = logging.getLogger(__name__)

REFRESH_SECONDS = 10.0
"""Time between two looks at which nodes the cluster has."""
RECORD_SECONDS = 5.0
"""How long a record that a worker reports may take to become visible on a shared disk."""
WORKER_LOST = "its worker was lost three times (killed, or out of memory?)"

NO_MORE = (
    "it had all of the largest GPU there is, and took one row at a time: give a smaller encoder, a smaller max_length, "
    "or fewer engine.eval_tokens"
)


class GraphSearcher(Searcher):
    """The Ray face of the graph.

    What Tune needs: a configuration when a run can start, None while something is live and nothing can start, FINISHED
    when nothing is left. Never None when nothing is live (Tune would wait for 600 s), and never an exception (it would
    end the sweep). A run is done only if its record exists. Once the sweep `halts` nothing is left, and a run that ends
    without a record is left live, as it is when a driver is killed. `is_there` says whether the store can be reached,
    after waiting for it. `why_lost` says why a run has lost all its workers.

    A run that has lost its worker keeps its room and is handed out again, as a new trial: Tune is to try none again.
    The death of a worker that takes its next run reaches Tune twice, as the worker's and as that of its `reset`, and
    the second ends a trial that may be tried again; one that was not ended would wait for that `reset` for ever.

    Its room is given up where that was the reason: a run that was too large for its part of a GPU asks for twice as
    much, one that was killed since its node had no memory left for twice the memory, and one whose node has gone for
    another place, which is no loss of a worker (`NODE_LOSSES`). `on_more` is told what the first two ask for from now
    on; `loss` says what ended the worker of a trial.
    """

    def __init__(
        self,
        graph: Graph,
        store: Store,
        config: Callable[[Run, Seat], dict[str, Any]],
        machines: Callable[[], Sequence[Machine]],
        *,
        halts: Callable[[], bool] = lambda: False,
        is_there: Callable[[], bool] = lambda: True,
        why_lost: Callable[[str], str] = lambda run_id: WORKER_LOST,
        loss: Callable[[str], Loss] = lambda trial_id: Loss.UNKNOWN,
        on_more: Callable[[RunSpec, Share], object] = lambda spec, share: None,
    ) -> None:
        super().__init__()
        self.graph = graph
        self._store = store
        self._config = config
        self._machines = machines
        self._halts = halts
        self._is_there = is_there
        self._why_lost = why_lost
        self._loss = loss
        self._on_more = on_more
        self._refreshed = time.monotonic()
        self._runs: dict[str, str] = {}
        self._losses: Counter[str] = Counter()
        self._node_losses: Counter[str] = Counter()
        self._starved: Counter[str] = Counter()
        self._again: deque[str] = deque()
        self._enlarged: set[str] = set()
        self._moved: set[str] = set()
        self._reported: dict[str, Failed] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The configuration of the next run, None, or FINISHED."""
        try:
            return self._suggest(trial_id)
        except Exception:
            log.exception("the graph failed; no further run is started")
            return Searcher.FINISHED

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Free the room of a run that ended. Trials that this searcher did not start are ignored.

        A run that ended in an error and did not say why has lost its worker, or met an error that may pass. It is tried
        again, if it may; after that its reason is the one that it has left in the store, if it has.
        """
        run_id, loss = self._runs.pop(trial_id, ""), self._loss(trial_id)
        if not run_id:
            return
        reported = self._reported.pop(trial_id, None)
        try:
            if not self._is_there():
                return
            if self._recorded(run_id, patience=RECORD_SECONDS if isinstance(read(result or {}), Finished) else 0.0):
                self.graph.finish(run_id)
            elif reported and reported.needs_more and self._halts():
                pass
            elif reported and reported.needs_more and self._enlarge(run_id):
                self._enlarged.add(run_id)
            elif error and not reported and (self._has_lost_node(run_id) or self._may_be_lost(run_id, loss)):
                if not self._halts():
                    self._try_again(run_id, loss)
            elif error or not self._halts():
                if reported and reported.needs_more:
                    self._note(run_id, Failed(reason=f"{reported.reason}; {NO_MORE}"))
                elif error and not self._store.failure(run_id):
                    self._note(run_id, reported or Failed(reason=self._why_it_was_lost(run_id)))
                self.graph.fail(run_id)
        except Exception:
            log.exception("run %s ended, but the graph could not note it", run_id)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Keep why a run fails, which its worker may have been unable to note; there is nothing else to learn."""
        report = read(result)
        if isinstance(report, Failed):
            self._reported[trial_id] = report

    def tries_again(self, run_id: str) -> bool:
        """Whether a run has lost its worker, or had too little memory, and will be handed out again."""
        return self.has_lost_worker(run_id) or run_id in self._enlarged

    def has_lost_worker(self, run_id: str) -> bool:
        """Whether a run has lost its worker and will be handed out again."""
        return run_id in self._again or run_id in self._moved

    def set_max_concurrency(self, max_concurrent: int) -> bool:
        """True: admission is this searcher's own business."""
        return True

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any) -> bool:
        """True: there is nothing to set; runs of different tasks share no metric."""
        return True

    def save(self, checkpoint_path: str) -> None:
        """Write nothing: the records are the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Read nothing: the records are the state."""

    def __getstate__(self) -> dict[str, Any]:
        """Nothing to keep: Tune pickles its settings when it starts."""
        return {}

    def _suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        if self._halts() or not self._is_there():
            return Searcher.FINISHED
        now = time.monotonic()
        if now - self._refreshed > REFRESH_SECONDS:
            self._refresh()
        if self._again:
            return self._hand_out(trial_id, self._again.popleft())
        if run_id := self.graph.start(now):
            self._enlarged.discard(run_id)
            self._moved.discard(run_id)
            if self._store.failure(run_id):
                self._note(run_id, Failed(reason=""))  # that was at an earlier start
            return self._hand_out(trial_id, run_id)
        if self.graph.live:
            return None
        if not self.graph.exhausted:
            log.error("%d runs fit on no node that is left", self.graph.num_ready)
        return Searcher.FINISHED

    def _hand_out(self, trial_id: str, run_id: str) -> dict[str, Any]:
        self._runs[trial_id] = run_id
        return self._config(self.graph.runs[run_id], self.graph.live[run_id].seat)

    def _refresh(self) -> None:
        """Look at which nodes the cluster has."""
        self._refreshed = time.monotonic()
        if machines := self._machines():
            self.graph.resize(machines)

    def _enlarge(self, run_id: str) -> bool:
        """Let a run that had too little of a GPU wait for twice as much; whether there is any more."""
        had = self.graph.live[run_id].seat.share
        asked = self.graph.ask_for_more(run_id)
        if asked is None:
            return False
        more = f"{size_of(asked.gpu_bytes)} of one" if asked.gpu_bytes else f"{asked.gpus:g} of one"
        self._note_attempt(run_id, f"out of memory with {had.gpus:g} of a GPU, row by row: tried again with {more}")
        self._on_more(self.graph.runs[run_id].spec, asked)
        return True

    def _try_again(self, run_id: str, loss: Loss) -> None:
        """Hand a run that has lost its worker out again: in its room, or in another where that was why."""
        had = self.graph.live[run_id].seat.share
        if loss is Loss.MEMORY and (asked := self.graph.ask_for_more(run_id, memory=True)):
            given = f" where it was given {size_of(had.memory_bytes)}" if had.memory_bytes else ""
            self._note_attempt(
                run_id, f"its node ran out of memory{given}: tried again with {size_of(asked.memory_bytes)}"
            )
            self._on_more(self.graph.runs[run_id].spec, asked)
            self._moved.add(run_id)
        elif self.graph.move(run_id):
            self._moved.add(run_id)
        else:
            self._again.append(run_id)

    def _has_lost_node(self, run_id: str) -> bool:
        """Count one more node that has left the cluster under a run; whether that is so, and it may have another."""
        self._refresh()
        if any(machine.name == self.graph.live[run_id].seat.machine for machine in self.graph.capacity.machines):
            return False
        self._node_losses[run_id] += 1
        return self._node_losses[run_id] <= NODE_LOSSES

    def _may_be_lost(self, run_id: str, loss: Loss) -> bool:
        """Count one more worker that a run has lost; whether it may have another."""
        self._losses[run_id] += 1
        self._starved[run_id] += loss is Loss.MEMORY
        return self._losses[run_id] <= WORKER_LOSSES

    def _why_it_was_lost(self, run_id: str) -> str:
        """Why a run has lost all the workers it may lose."""
        if not (times := self._starved[run_id]):
            return self._why_lost(run_id)
        return (
            f"its worker was lost three times, {times} of them killed by Ray since its node was running out of memory: "
            "let fewer runs share a node (cluster.max_concurrent), or give it a node with more memory"
        )

    def _note_attempt(self, run_id: str, text: str) -> None:
        """Note what befell an attempt, for the record of the run."""
        try:
            self._store.note_attempt(run_id, text)
        except OSError as error:
            log.warning("cannot note what befell run %s (%s): %s", run_id, text, error)

    def _note(self, run_id: str, failed: Failed) -> None:
        """Note why a run failed; an empty reason is none. A full disk keeps no run from ending."""
        try:
            self._store.fail(run_id, self.graph.runs[run_id].name, failed.reason, diverged=failed.diverged)
        except OSError as error:
            log.warning("cannot note why run %s failed (%s): %s", run_id, failed.reason, error)

    def _recorded(self, run_id: str, patience: float) -> bool:
        """Whether a run has a record, that of this attempt where an earlier one stands."""
        deadline = time.monotonic() + patience
        while not self._store.is_finished(run_id) or self._is_earlier(run_id):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True

    def _is_earlier(self, run_id: str) -> bool:
        """Whether the record of a run that is computed again is still the one of which the encoder was removed."""
        return self.graph.is_again(run_id) and ENCODER in self._store.removed(run_id)


def run_config(run: Run, row: Row, share: Share, store: Store, options: Options) -> dict[str, Any]:
    """What a worker needs to compute a run of a row, as plain JSON.

    A run without a share of a GPU computes on its cores.
    """
    is_told = run.spec.phase is not Phase.INTERMEDIATE or own_row(run.spec) == row
    options = dataclasses.replace(
        options,
        gpus=share.gpus,
        device=options.device if share.gpus else "cpu",
        row="" if is_told else str(row),
    )
    return {
        "run_id": run.run_id,
        "name": run.name,
        "spec": run.spec.to_dict(),
        "store": str(store),
        "options": dataclasses.asdict(options),
        "share": share.to_dict(),
    }
