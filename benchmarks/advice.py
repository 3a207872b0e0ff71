"""How good advice is: `python -m benchmarks.advice STORE ... --data DIR`.

Each store holds a full sweep. Its targets are left out in turn, with all others of their family, and every rule ranks
the candidates: the advice, its parts, `take SQuAD`, the best average over the other targets, and chance. Regret is in
points, on the rows that select; test scores stay closed. The paper's Table 2 is a sweep like others, without features;
`take SQuAD` is of that very table. Where a store has rows in several languages, the rules for choosing a donor language
are compared (docs/languages.md), with the advice among them. Ends with what the advice took, against the recorded
seconds of the runs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from analysis.advice.donors import advised_donors
from analysis.advice.judging import CHOSEN
from analysis.advice.left_out import AVERAGE, SQUAD, Check, check, line_of, titles
from analysis.advice.ranking import Advice
from analysis.advice.records import published, records_of
from analysis.advice.signals import signals_of
from analysis.languages.rules import compare
from analysis.languages.transfer import Transfer, transfers
from analysis.scores.headings import AnalysisError
from analysis.scores.load import load, open_store
from analysis.selection.sweep import gather
from benchmarks.measure import write
from sweep.command_line.advise import SAMPLE
from sweep.command_line.advising import Prepared, prepare
from sweep.command_line.options import not_given


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table for every store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stores", nargs="+", type=Path, metavar="STORE")
    parser.add_argument("--data", required=True, metavar="DIR", help="the rows that the sweeps were computed on")
    parser.add_argument("--sample", type=int, default=SAMPLE, metavar="N", help=f"rows of a task (default: {SAMPLE})")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args(arguments)
    console = Console()
    figures: dict[str, Any] = {"sample": given.sample, "sweeps": {}}
    paper = published()
    figures["sweeps"][paper.name] = _shown(check(Advice(cheap={}, stores=[paper]), paper), console)
    for store in given.stores:
        figures["sweeps"][store.name] = _of_store(store, given.data, given.sample, console)
    write(given.json, figures)


def _of_store(store: Path, data: str, rows: int, console: Console) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        records = [records_of(store)]
    except AnalysisError as error:
        console.print(f"note: {error}")
        records = []
    found = prepare(_options(store, data), records, rows, began)
    advice = Advice(cheap=signals_of(found.sources, found.goals), stores=records, paper=published())
    shown: dict[str, Any] = {"encoder": found.encoder}
    for each in records:
        shown |= _shown(check(advice, each), console)
    spent = time.perf_counter() - began
    taken = sum(sum(run.record.seconds.values()) for run in load(open_store(store)))
    shown["donors"] = [_of_donors(each, found, console) for each in transfers(gather(open_store(store)).results)]
    for note in found.notes:
        console.print(f"note: {note}")
    console.print(
        f"{store}: the advice took {spent:.0f} s, {spent / taken:.2%} of the {taken:.0f} s of the runs "
        f"({spent / found.sweep_seconds:.2%} of what they were estimated at)"
    )
    return shown | {"cost": {"seconds": spent, "recorded_seconds": taken, "estimated_seconds": found.sweep_seconds}}


def _of_donors(found: Transfer, known: Prepared, console: Console) -> dict[str, Any]:
    """Print the rules for choosing a donor; what they come to in JSON."""
    outcomes = compare(found, advised_donors(found, known.sources))
    table = Table("rule", "gain", "regret", "least", "most", "best in", title=found.title)
    for each in outcomes:
        figures = (each.gain, each.regret, each.least_regret, each.most_regret)
        table.add_row(each.rule, *(f"{figure:+.2f}" for figure in figures), f"{each.best} of {each.rounds}")
    console.print(table if outcomes else f"note: {found.title}: too few donors or recipients to compare rules")
    return {"transfer": found.title, "rules": [asdict(each) for each in outcomes]}


def _options(store: Path, data: str) -> argparse.Namespace:
    return argparse.Namespace(**not_given() | {"config": store / "config.yaml", "data": data, "store": None})


def _shown(found: Check | str, console: Console) -> dict[str, Any]:
    """Print the figures of all rules; what they are in JSON."""
    if isinstance(found, str):
        console.print(f"note: {found}")
        return {}
    table = Table("rule", f"regret@{CHOSEN}", "regret@1", "NDCG", title=f"{found.store}: {titles(found.targets)}")
    for name, judgement in found.judgements.items():
        regret, first, ndcg = line_of(judgement)
        table.add_row(name, f"{regret:.2f}", f"{first:.2f}", f"{ndcg:.3f}")
    console.print(table)
    for rule in (SQUAD, AVERAGE):
        console.print(found.sentence(rule))
    return {
        "rules": {name: asdict(each) for name, each in found.judgements.items()},
        "means": {name: line_of(each) for name, each in found.judgements.items()},
        "compared": {rule: asdict(found.against(rule)) for rule in (SQUAD, AVERAGE)},
    }


if __name__ == "__main__":
    main()
