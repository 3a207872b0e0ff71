"""The report of a sweep: `report.md`, Table 2 as Markdown and LaTeX, and the long table of scores.

`xstilts report STORE` writes it from the store alone, of all its runs or of one sweep, by the plan that the
store keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from analysis.report import sections
from analysis.report.searches import searches_of
from analysis.scores.headings import AnalysisError
from analysis.scores.load import load, open_store, score_table
from analysis.scores.sweeps import one_run_per_cell, one_sweep, where
from analysis.selection.results import collect
from analysis.selection.selection import select
from analysis.tables import rendering
from analysis.tables.table2 import Table, table2
from trainables.ledger import files
from trainables.ledger.nearest import unknown
from trainables.ledger.plan import Plan
from trainables.ledger.standing import cell_states
from trainables.ledger.store import Store

REPORT = "report.md"


@dataclass(frozen=True, kw_only=True)
class Written:
    """A report that was written: the path of `report.md`, and its Table 2."""

    path: Path
    table: Table

    @property
    def on_terminal(self) -> rendering.Terminal:
        """Table 2 for a rich console."""
        return rendering.Terminal(self.table)


def report_on(
    store: Path, folder: Path | None = None, *, sweep: str | None = None, conditions: Sequence[str] = ()
) -> Written:
    """Write the report of the store in a folder, by default into its `report`.

    `sweep` is the id of one of its sweeps, whose runs are taken; errors are those of `write_report`, and
    AnalysisError where there is no store.
    """
    opened = open_store(store)
    return write_report(opened, folder or opened.report, plan=chosen_plan(opened, sweep), conditions=conditions)


def write_report(store: Store, folder: Path, *, plan: Plan | None = None, conditions: Sequence[str] = ()) -> Written:
    """Write the report of one sweep into `folder`.

    Args:
        store: holds the records; nothing in it is changed.
        folder: made if needed. Files are replaced one by one, and only after all of them have been made.
        plan: of the sweep, so that the report also knows what failed, what is to come and what has no data; None takes
            all runs of the store, which must be one sweep.
        conditions: `SETTING=VALUE`, to choose one of several sweeps (`sweeps.where`).

    Raises:
        AnalysisError: no finished run, runs of several sweeps, a parent without record.
        BrokenRecordError: a record that cannot be read.
        LedgerError: another file of the store that cannot be read.
    """
    runs = where(load(store, plan.nodes if plan else None), conditions)
    (one_run_per_cell if plan else one_sweep)(runs)
    if not runs and not plan:
        raise AnalysisError("there is no finished run to report on")
    race = store.race(plan.sweep if plan else "")
    results = collect(runs, cell_states(plan, store) if plan else None, race)
    selections = select(results)
    table = table2(results, selections, title=sections.table_title(runs))
    studies = searches_of(plan.nodes if plan else [run.record.run_id for run in runs], store.studies())
    failures = noted_failures(store, plan.nodes if plan else None)
    text = sections.report(runs, results, selections, table, failures, studies, race)
    frame = score_table(runs)

    def write_text(content: str) -> Callable[[Path], object]:
        return lambda path: path.write_text(content, encoding="utf-8")

    _replace_all(folder, {
        "table2.md": write_text(f"### {table.title}\n\n{rendering.markdown(table)}"),
        "table2.tex": write_text(rendering.latex(table)),
        "scores.csv": lambda path: frame.to_csv(path, index=False),
        "scores.parquet": lambda path: frame.to_parquet(path, index=False),
        REPORT: write_text(text),
    })  # fmt: skip
    return Written(path=folder / REPORT, table=table)


def _replace_all(folder: Path, made_by: dict[str, Callable[[Path], object]]) -> None:
    """Make all files under temporary names, then move them into place; an earlier report survives a failure."""
    with ExitStack() as moved_at_the_end:
        # what is entered first is moved last: the report itself
        made = {name: moved_at_the_end.enter_context(files.replacing(folder / name)) for name in reversed(made_by)}
        for name, make in made_by.items():
            make(made[name])


def chosen_plan(store: Store, sweep: str | None) -> Plan | None:
    """The plan of the sweep that is named; else the last one where a search or a race left runs that no table wants.

    None stands for all runs of the store. Raises AnalysisError for a sweep that the store does not have.
    """
    if sweep is None:
        return store.plan() if store.holds_trials and store.has_plan else None
    known = store.sweeps()
    if sweep not in known:
        what = "the id of a sweep of this store, not a file" if "/" in sweep or sweep.endswith(".json") else "an id"
        raise AnalysisError(f"--sweep {sweep}: allowed: {what}; {unknown('sweep', sweep, known or ['none'])}")
    return store.plan(sweep)


def noted_failures(store: Store, run_ids: Collection[str] | None) -> dict[str, str]:
    """Run id -> why its last attempt failed, for runs that are not finished; of all runs when `run_ids` is None."""
    finished = set(store.run_ids())
    wanted = store.failed_ids() if run_ids is None else run_ids
    reasons = {run_id: store.failure(run_id) for run_id in wanted if run_id not in finished}
    return {run_id: reason for run_id, reason in reasons.items() if reason}
