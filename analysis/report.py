"""The report of a sweep: `report.md`, Table 2 as Markdown and LaTeX, and the long table of scores.

`python -m analysis.report STORE` writes it from the records alone. A sweep calls `write_report` with its plan, so that
the report also knows what failed, what is still to come and what has no data; the plan is kept in `sweep.json`, and
`--sweep sweep.json` uses it again.
"""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from analysis import rendering, sections
from analysis.cells import RACE_FILE, AnalysisError
from analysis.load import load, open_store, score_table
from analysis.races import read_race
from analysis.results import CellsStatus, collect
from analysis.searches import SEARCH_FILE, read_searches, searches_of
from analysis.selection import select
from analysis.sweeps import one_run_per_cell, one_sweep, where
from analysis.tables import Table, table2
from trainables.record import BrokenRecordError
from trainables.spec import RunSpec
from trainables.store import LocalStore, Store, StoreError

REPORT = "report.md"
PLAN = "sweep.json"


def write_report(
    store: Store,
    folder: Path,
    *,
    run_ids: Collection[str] | None = None,
    cells_status: CellsStatus | None = None,
    conditions: Sequence[str] = (),
) -> Path:
    """Write the report of one sweep into `folder` and return the path of `report.md`.

    Args:
        store: holds the records; nothing in it is changed.
        folder: made if needed. Files are replaced one by one, and only after all of them have been made.
        run_ids: the runs of one plan, finished or not; None takes all runs of the store, which must be one sweep.
        cells_status: (intermediate, mlm, target, seed) -> (state, reason) of all cells of the plan.
        conditions: `SETTING=VALUE`, to choose one of several sweeps (`sweeps.where`).

    Raises:
        AnalysisError: no finished run, runs of several sweeps, a parent without record.
        BrokenRecordError: a record that cannot be read.
    """
    return _write(store, folder, run_ids, cells_status, conditions)[0]


def _write(
    store: Store,
    folder: Path,
    run_ids: Collection[str] | None,
    cells_status: CellsStatus | None,
    conditions: Sequence[str],
) -> tuple[Path, Table]:
    runs = where(load(store, run_ids), conditions)
    if run_ids is None:
        one_sweep(runs)
    else:
        one_run_per_cell(runs)
    if not runs and not cells_status:
        raise AnalysisError("there is no finished run to report on")
    race = read_race(store.root) if isinstance(store, LocalStore) else None
    results = collect(runs, cells_status, race)
    selections = select(results)
    table = table2(results, selections, title=sections.table_title(runs))
    failures = noted_failures(store, run_ids)
    own_ids = sorted(run_ids if run_ids is not None else (run.record.run_id for run in runs))
    studies = searches_of(own_ids, read_searches(store.root)) if isinstance(store, LocalStore) else []
    text = sections.report(runs, results, selections, table, failures, studies, race)
    frame = score_table(runs)
    plan = {
        "run_ids": own_ids,
        "cells": [[*key, *value] for key, value in sorted((cells_status or {}).items())],
    }

    def write_text(content: str) -> Callable[[Path], object]:
        return lambda path: path.write_text(content, encoding="utf-8")

    _replace_all(folder, {
        "table2.md": write_text(f"### {table.title}\n\n{rendering.markdown(table)}"),
        "table2.tex": write_text(rendering.latex(table)),
        "scores.csv": lambda path: frame.to_csv(path, index=False),
        "scores.parquet": lambda path: frame.to_parquet(path, index=False),
        PLAN: write_text(json.dumps(plan, indent=1)),
        REPORT: write_text(text),
    })  # fmt: skip
    return folder / REPORT, table


def _replace_all(folder: Path, files: dict[str, Callable[[Path], object]]) -> None:
    """Make all files under temporary names, then move them into place; an earlier report survives a failure."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {name: folder / f".{uuid.uuid4().hex}.{name}" for name in files}
    try:
        for name, write in files.items():
            write(made[name])
        for name, path in made.items():
            path.replace(folder / name)
    finally:
        for path in made.values():
            path.unlink(missing_ok=True)


def read_plan(path: Path) -> tuple[list[str], CellsStatus]:
    """Run ids and cell states of a `sweep.json`; AnalysisError when it is not one."""
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
        cells = {(str(c[0]), bool(c[1]), str(c[2]), int(c[3])): (str(c[4]), str(c[5])) for c in plan["cells"]}
        return [str(run_id) for run_id in plan["run_ids"]], cells
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise AnalysisError(f"{path} is not the {PLAN} of a report: {error}") from error


def chosen_runs(store: Path, sweep: Path | None) -> tuple[list[str] | None, CellsStatus | None]:
    """Runs and cell states of a `sweep.json`: the given one, else, where a search left many trials, the store's own.

    A driver that was killed leaves none, or an old one; then the runs are those of the sweep's plan, which holds the
    winners so far. (None, None) stands for all runs of the store.
    """
    if sweep:
        return read_plan(sweep)
    if not any((store / name).exists() for name in (SEARCH_FILE, RACE_FILE)):
        return None, None
    own, planned = store / "report" / PLAN, planned_runs(store)
    found = read_plan(own) if own.exists() else None
    return found if found and planned in (None, sorted(found[0])) else (planned, None)


def planned_runs(store: Path) -> list[str] | None:
    """Ids of the runs of the plan that a sweep keeps in its store, sorted; None where there is none."""
    path = store / "plan.json"
    try:
        nodes = json.loads(path.read_text(encoding="utf-8"))["nodes"]
        return sorted(RunSpec.from_dict(node["spec"]).run_id for node in nodes)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AnalysisError(f"{path} is not the plan of a sweep: {error}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns 0, or 2 when there is nothing to report on or the input is broken."""
    given = _parser().parse_args(arguments)

    from rich.console import Console

    try:
        store = open_store(given.store)
        run_ids, status = chosen_runs(given.store, given.sweep)
        path, table = _write(store, given.out or given.store / "report", run_ids, status, given.where)
    except (AnalysisError, BrokenRecordError, StoreError, OSError) as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"analysis.report: {error}", markup=False)
        return 2
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = given.width
    console.print(rendering.Terminal(table))
    console.print(f"\nReport: {path}", soft_wrap=True, markup=False)
    return 0


def noted_failures(store: Store, run_ids: Collection[str] | None) -> dict[str, str]:
    """Run id -> why its last attempt failed, for runs that are not finished; of all runs when `run_ids` is None."""
    if run_ids is None and isinstance(store, LocalStore):
        run_ids = [path.parent.name for path in (store.root / "runs").glob("*/failure.json")]
    finished = set(store.run_ids())
    reasons = {run_id: store.failure(run_id) for run_id in run_ids or () if run_id not in finished}
    return {run_id: reason for run_id, reason in reasons.items() if reason}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m analysis.report",
        description="Write the report of a sweep from the records in its store, and show Table 2.",
    )
    parser.add_argument("store", type=Path, metavar="STORE", help="folder of the store")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to write (default: STORE/report)")
    parser.add_argument("--sweep", type=Path, metavar="FILE", help=f"the {PLAN} of an earlier report: its runs only")
    parser.add_argument(
        "--where", action="append", default=[], metavar="[SCOPE:]SETTING=VALUE",
        help="keep only such runs, for a store with several sweeps; may be repeated. "
        "Example: --where encoder.name=bundled --where xnli:optimisation.learning_rate=3e-06",
    )  # fmt: skip
    parser.add_argument("--width", type=int, default=100, help="columns of the table in a log file (default: 100)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
