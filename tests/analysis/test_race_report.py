"""What a race leaves behind: report, selection, table, status; and what its settings and the command line refuse."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from analysis.report.brief import body
from analysis.report.command import main as report_main
from analysis.report.races import race_section
from analysis.report.writer import write_report
from analysis.scores.load import load
from analysis.selection.averages import Gap, TaskScore, over_seeds
from analysis.selection.results import collect
from analysis.selection.selection import select
from analysis.tables.latex import latex
from analysis.tables.table2 import table2
from search_spaces.race_fields import GUARANTEES, RaceFields
from sweep.cluster.place import Place
from sweep.cluster.run import run_plan
from sweep.cluster.summary import resolved
from sweep.command_line.arguments import parse
from sweep.command_line.configuration import configure
from sweep.grid import main
from tests.made.races import GOOD_AND_BAD, ROWS, RULE, drive, graph_of, grid, searching
from tests.made.records import fill
from tests.made.reports import in_json, whole
from trainables.ledger.cells import Cell, Row
from trainables.ledger.race import Decision, Dropped, Guarantee, RaceRecord, TargetRace
from trainables.ledger.standing import cell_states
from trainables.ledger.states import State
from trainables.phases.options import Options
from trainables.tasks.task import Split


def test_what_a_race_guarantees_has_the_same_names_everywhere():
    assert {each.value for each in Guarantee} == set(GUARANTEES)
    defaults = RaceFields()
    assert (defaults.alpha, defaults.guarantee, defaults.seed_sd) == (RULE.alpha, RULE.guarantee, RULE.seed_sd)


def sweep(plan, store, rule=RULE):
    options = Options(data="demo", encoder="bundled", executor="tests.made.races:raced")
    place = Place(address="local", results=store.root / "tune", name="test", cpus=2, gpus=0)
    return run_plan(plan, store, options, place, Console(file=io.StringIO(), width=100), race=rule)


@pytest.mark.ray
def test_a_race_on_ray_and_its_report(store, tmp_path):
    plan = grid(ROWS, [("xnli",), ("tatoeba",)], [1, 2])
    summary = sweep(plan, store)
    assert summary.exit_code == 0, summary
    names = [plan.nodes[run_id].name for run_id in summary.dropped]
    assert sorted(names) == ["qqp #2", "qqp -> tatoeba #2", "qqp -> xnli #2"]
    assert set(summary.computed) == set(plan.nodes) - set(summary.dropped)
    states = cell_states(plan, store)
    dropped = {(str(cell.row), cell.seed) for cell, found in states.items() if found.state is State.DROPPED}
    assert dropped == {("qqp", 2)}

    text = whole(write_report(store, tmp_path / "report", plan=plan))
    assert "| XNLI | QQP | after seed 1 | SQuAD |" in text
    assert "Runs saved: 3 (1 intermediate, 1 target, 1 retrieval)." in text
    assert "Selected without the candidates that the race has dropped: QQP -> all targets." in text
    assert "12: 10 done, 2 dropped" in text
    again = sweep(plan, store)
    assert (again.exit_code, again.computed) == (0, ())

    results = collect(load(store), None, store.race())
    choice = select(results)["xnli"].choice
    assert choice.best.variant.intermediate == "squad"
    [(variant, why)] = choice.left_out.items()
    assert variant == Row("qqp", False)
    assert why.startswith("dropped after seed 1: ")
    assert " points behind squad, p " in why
    assert results.count() == {State.DONE: 10, State.DROPPED: 2}


def test_a_row_that_was_dropped_half_way_is_not_selected_though_its_cells_are_whole(store):
    plan = grid(ROWS, [("xnli",)], [1])
    found = graph_of(plan, store, search=searching(4))
    drive(found, store, GOOD_AND_BAD)
    results = collect(load(store, list(resolved(found).nodes)), None, store.race())
    assert results.count() == {State.DONE: 3}
    choice = select(results)["xnli"].choice
    assert [variant.intermediate for variant in choice.left_out] == ["qqp"]
    assert choice.left_out[Row("qqp", False)].startswith("dropped half-way through the search of seed 1: ")


def test_a_dropped_row_is_compared_with_the_seeds_of_the_baseline_that_it_has(store):
    """Baseline 60 and 60.2 on XNLI by seed, ANLI+ two points above: dropped after the first seed it stays at +2.0."""
    fill(store.root, seeds=(42, 43))
    baseline, anli = Row("none", False), Row("anli", False)
    race_of_xnli = TargetRace(target="xnli", contenders=(baseline, anli), rounds=2, held=1, dropped=(
        Decision(row=anli, leader=baseline, seed=42, halfway=False, at="", dropped=Dropped(
            contender="anli", target="xnli", round=1, leader="none", difference=2.04, p=0.0012, level=0.05, rows=9)),
    ))  # fmt: skip
    found = RaceRecord(rule=RULE, seeds=(42, 43), races=(race_of_xnli,))
    runs = [
        run for run in load(store) if run.cells[:1] != (Cell("anli", False, "xnli", 43),)
    ]  # fmt: skip
    assert len(load(store)) - len(runs) == 1
    results = collect(runs, None, found)
    assert results.dev(anli, "xnli").value == pytest.approx(62.0)
    assert results.dev(anli, "pawsx").value == pytest.approx(72.1)
    table = table2(results, select(results))
    [row] = [row for block in table.blocks if "without" in block.title for row in block.rows if row.label == "ANLI+"]
    assert str(row.entries[0]) == "+2.0↓"
    assert str(row.entries[1]) == "+2.0"
    assert str(row.entries[-1]).endswith("↓")
    assert row.entries[-1].values[0] == pytest.approx((7 * 2.0 + 32.0) / 8)
    assert any(note.startswith("↓ dropped by the race") for note in table.notes)
    assert "$^\\downarrow$" in latex(table)
    assert "dropped after seed 42: 2.0 points behind none, p 0.0012" in body(race_section(found)) + str(results.dropped)
    assert RaceRecord.from_json(found.to_json()) == found


def test_a_dropped_cell_beside_one_that_failed_is_a_gap(store):
    gap = Gap(reason="broken", state=State.FAILED)
    dropped = Gap(reason="dropped after seed 1", state=State.DROPPED)
    score = TaskScore(target="xnli", split=Split.DEV, metrics={"accuracy": 60.0}, languages={})
    assert over_seeds({1: score, 2: gap, 3: dropped}).state is State.FAILED
    assert over_seeds({1: score, 2: dropped}).cut_short
    assert not over_seeds({1: score, 2: score}).cut_short
    assert over_seeds({1: dropped}).state is State.DROPPED


def race_config(*arguments):
    return configure(parse(["plan", "--preset", "demo", *arguments])).race


def test_the_option_switches_the_race_on():
    assert not race_config().enabled
    assert race_config("--race").enabled
    assert race_config("--race", "--set", "race.guarantee=family").guarantee == "family"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("race.alpha=0", "allowed: a number between 0 and 1"),
        ("race.alpha=1.5", "given 1.5; allowed: a number between 0 and 1"),
        ("race.alpha=nan", "allowed: a number between 0 and 1"),
        ("race.guarantee=familiy", "did you mean 'family'"),
        ("race.seed_sd=-1", "allowed: a number of at least 0"),
        ("race.seed_sd=.inf", "allowed: a number of at least 0"),
        ("race.enable=true", "did you mean 'enabled'"),
    ],
)
def test_what_is_no_rule_is_named(given, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        race_config("--set", given)


def test_a_plan_says_that_its_figures_are_the_most_and_one_seed_is_refused(capsys):
    arguments = ["plan", "--preset", "demo", "--intermediates", "none,qqp", "--targets", "xnli", "--race"]
    assert main([*arguments, "--seeds", "1,2"]) == 0
    assert "these figures are the most that can be needed" in " ".join(capsys.readouterr().out.split())
    assert main([*arguments, "--seeds", "1"]) == 2
    assert "it needs two rows and more --seeds, or --search target=N" in capsys.readouterr().err
    assert main([*arguments, "--seeds", "1", "--search", "target=4"]) == 0


def test_status_and_report_read_the_race_of_a_store(store, capsys):
    plan = grid(ROWS, [("xnli",)], [1, 2])
    drive(graph_of(plan, store), store, GOOD_AND_BAD)
    store.save_plan(plan)
    assert main(["status", "--store", str(store.root)]) == 0
    shown = capsys.readouterr().out
    assert "6 cells: 5 done, 1 dropped" in shown
    assert "↓ 1/2" in shown
    assert report_main([str(store.root), "--out", str(store.root / "own")]) == 0
    text = (store.root / "own" / "report.md").read_text()
    assert "- **dropped**, 1 cell: dropped after seed 1" in text
    assert {"kind": "paragraph", "text": "Runs saved: 2 (1 intermediate, 1 target)."} in in_json(
        store.root / "own", "race"
    )
