"""What the commands say of models: which are kept, which were removed, which are computed again, how much disk."""

from __future__ import annotations

import dataclasses
import io
import re

import pytest
from rich.console import Console

from search_spaces.presets import demo
from search_spaces.search_fields import SearchFields
from sweep.command_line.arguments import parse
from sweep.command_line.check import main as check
from sweep.command_line.configuration import configure
from sweep.command_line.main import grid
from sweep.planning.bill import WallClock
from sweep.planning.clusters import asked
from sweep.planning.disk import Forecast
from sweep.planning.waste import waste
from sweep.terminal.description import describe
from sweep.terminal.kept import kept_lines
from tests.made import graphs
from tests.made.bills import bill
from tests.made.leaving import sweep
from trainables.ledger.artefacts import Keep

PLAN = graphs.fan(["squad", "qqp"], ["xnli"])


@pytest.mark.parametrize(("words", "keep"), [([], "selected"), (["--keep", "all"], "all"), (["--keep=none"], "none")])
def test_keep_is_an_option_that_leaves_the_sweep_the_demo(words, keep):
    config = configure(parse(["run", *words]))
    assert (config.keep, config.name) == (Keep(keep), "demo")


def test_a_wrong_word_is_answered_with_the_nearest(capsys):
    assert grid(["plan", "--keep", "seleted"]) == 2
    said = capsys.readouterr().err
    assert "--keep seleted" in said
    assert "did you mean 'selected'" in said


def said(plan, store, disk=None):
    console = Console(width=200, file=io.StringIO())
    found = bill(plan, store)
    if disk:
        found = dataclasses.replace(found, clocks=(WallClock(cluster=asked([]), disk=disk),))
    console.print(describe(found, store, SearchFields(), cautions=tuple(waste(found, demo(), store))))
    return console.file.getvalue()


def test_the_plan_says_the_peak_the_end_and_what_is_there(store):
    text = said(PLAN, store, Forecast(held=5_000_000, peak=3_200_000_000, end=400_000_000, free=10**12))
    assert "disk: 3.2 GB at the peak, at most 400 MB at the end (5 MB are there now)" in text
    assert "lacks" not in text


def test_the_plan_warns_of_a_disk_that_is_too_small(store):
    text = said(PLAN, store, Forecast(held=0, peak=3_200_000_000, end=0, free=200_000_000))
    assert f"! the disk of {store} lacks 3.0 GB: 200 MB are free" in text
    assert "--keep none" in text


def test_the_plan_says_which_encoders_are_computed_again_and_counts_their_work(store):
    sweep(PLAN, store, Keep.NONE)
    grown = graphs.fan(["squad", "qqp"], ["xnli", "udpos"])
    text = said(grown, store)
    assert "2 encoders that were removed are computed again: squad, qqp" in text
    # each child 1 s, each parent 2 s
    assert re.search(r"^all +6 +4 +2 +6 s", text, re.MULTILINE)
    assert "computed again" not in said(PLAN, store)


def test_run_and_status_say_what_is_kept_and_how_to_get_it(store):
    sweep(PLAN, store, Keep.SELECTED)
    kept, removed = (line.plain for line in kept_lines(PLAN, store))
    assert kept == f"models: 1 fine-tuned kept; xstilts export {store} --target xnli --to DIR"
    assert removed == "removed: models of 3 runs that nothing needs; a `run` that does computes them again"


def test_where_nothing_is_kept_and_nothing_removed_nothing_is_said(store):
    assert list(kept_lines(PLAN, store)) == []
    sweep(PLAN, store, Keep.ALL)
    [line] = kept_lines(PLAN, store)
    assert line.plain.startswith("models: 2 fine-tuned and 2 encoders kept; ")


def test_check_counts_what_was_removed_and_finds_no_damage(store, capsys):
    sweep(PLAN, store, Keep.SELECTED)
    assert check([str(store)]) == 0
    shown = capsys.readouterr().out
    assert "removed, since nothing needs them any more: the encoder of 3 runs and the heads of 3 runs" in shown
    assert "damaged" not in shown
