"""run: one run from its spec to its record, whatever its phase."""

from __future__ import annotations

from collections.abc import Iterator

from trainables.ledger.record import Record
from trainables.ledger.spec import Phase, RunSpec
from trainables.ledger.store import Store
from trainables.phases.context import Context
from trainables.phases.intermediate import run_intermediate
from trainables.phases.options import Options
from trainables.phases.retrieval import run_retrieval
from trainables.phases.target import run_target
from trainables.report import Advanced

PHASES = {
    Phase.INTERMEDIATE: run_intermediate,
    Phase.TARGET: run_target,
    Phase.RETRIEVAL: run_retrieval,
}


def run(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """Compute a run; yields how far it is while it works and its Record last, after the store holds it.

    Raises whatever stops it; nothing that was finished is lost, and a second call continues from the last checkpoint.
    A missing parent raises MissingRunError: there is no fallback to the pretrained encoder. Rows that are not those of
    the spec raise DataChangedError, a damaged parent DamagedRunError.
    """
    context = Context(spec=spec, name=name, store=store, options=options)
    context.check_data()
    record = yield from PHASES[spec.phase](context)
    store.finish(record)
    yield record


def run_to_end(spec: RunSpec, name: str, store: Store, options: Options) -> Record:
    """Compute a run and return its record; for a caller who is alone with the store and holds no lock on the run."""
    store.work(spec.run_id)  # its checkpoints are written below a folder that is there
    for item in run(spec, name, store, options):
        if isinstance(item, Record):
            return item
    raise AssertionError("a run ends with its record")
