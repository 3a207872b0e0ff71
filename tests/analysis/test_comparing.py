"""`xstilts compare`: what changed between two stores, beyond chance, on the rows that select."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_rel
from statsmodels.stats.multitest import multipletests

from analysis.comparing.comparison import compare
from analysis.comparing.side import open_side
from analysis.scores.headings import AnalysisError
from analysis.statistics.estimate import NoVerdict, Verdict, Word
from analysis.statistics.rows import RowReader
from sweep.command_line.main import main
from tests.made.races import finish, made_record
from tests.made.records import fill, intermediate_spec, record, target_spec
from trainables.ledger.cells import Row
from trainables.ledger.seal import sealed
from trainables.ledger.spec import EncoderRef
from trainables.ledger.store import Store
from trainables.tasks.task import Split

SQUAD, BASELINE = Row("squad", False), Row("none", False)


def made(root: Path, squad=0.6, *, none=0.6, seeds=(42,), targets=("xnli",), rate=3e-6, rows=60, commit="") -> Store:
    """A store with the baseline and SQuAD, whose rows are right with these probabilities."""
    store = Store(root).prepare()
    for seed in seeds:
        parent = intermediate_spec("squad", seed=seed)
        store.finish(record(parent, name="squad"))
        for start, quality in (("", none), (parent.run_id, squad)):
            for target in targets:
                spec = target_spec(target, parent=start, seed=seed, learning_rate=rate)
                store.finish(dataclasses.replace(made_record(store, spec, quality, rows=rows), commit=commit))
    return store


def compared(a: Store, b: Store, **options):
    return compare(open_side(a.root), open_side(b.root), **options)


def child(store: Store) -> str:
    """Id of the run that starts from SQuAD."""
    return next(run_id for run_id in store.run_ids() if store.record(run_id).spec.parent)


def change(found, row=SQUAD, target="xnli"):
    [one] = [each for each in found.changes if (each.row, each.target) == (row, target)]
    return one


def test_a_change_beyond_chance_has_its_word_and_one_within_it_has_not(tmp_path):
    a, b = made(tmp_path / "a", 0.6), made(tmp_path / "b", 0.85, rate=5e-6)
    found = compared(a, b)
    assert found.family == 2
    better, same = change(found), change(found, BASELINE)
    assert better.verdict.word is Word.BETTER
    assert better.verdict.estimate.low > 0
    assert same.verdict.word is Word.OPEN
    assert same.verdict.estimate.low < same.points < same.verdict.estimate.high
    assert change(compared(b, a)).verdict.word is Word.WORSE


def test_the_difference_is_that_of_the_recorded_scores_and_its_interval_that_of_a_paired_test(tmp_path):
    a, b = made(tmp_path / "a", 0.6, rows=200), made(tmp_path / "b", 0.7, rate=5e-6, rows=200)
    found = change(compared(a, b))
    scores = [np.array(RowReader(store)(child(store), "xnli").scores) for store in (a, b)]
    by_item = [each.reshape(15, 200).mean(axis=0) * 100 for each in scores]  # 15 translations are one item
    expected = ttest_rel(by_item[1], by_item[0])
    assert found.points == pytest.approx(by_item[1].mean() - by_item[0].mean())
    assert found.verdict.estimate.value == pytest.approx(found.points)
    interval = expected.confidence_interval(0.95)
    assert found.verdict.estimate.high - found.verdict.estimate.low == pytest.approx(
        interval.high - interval.low, rel=0.1
    )
    assert found.verdict.estimate.items == 200
    assert not found.verdict.estimate.over_seeds


def test_p_values_are_adjusted_by_holm_over_the_table(tmp_path):
    targets = ("xnli", "pawsx", "tatoeba")
    a, b = made(tmp_path / "a", 0.6, targets=targets), made(tmp_path / "b", 0.65, targets=targets, rate=5e-6)
    found = compared(a, b)
    told = [each for each in found.changes if isinstance(each.verdict, Verdict)]
    expected = multipletests([each.verdict.estimate.p for each in told], method="holm")[1]
    assert [each.verdict.p for each in told] == pytest.approx(list(expected))
    assert found.family == len(told) == 5  # Tatoeba's baseline is the same run in both: nothing is trained


def test_equivalence_is_said_within_a_margin_alone(tmp_path):
    a, b = made(tmp_path / "a", 0.6, rows=400), made(tmp_path / "b", 0.6, rate=5e-6, rows=400)
    assert change(compared(a, b, margin=20.0)).verdict.word is Word.EQUIVALENT
    assert change(compared(a, b, margin=0.01)).verdict.word is Word.OPEN


def test_seeds_are_matched_and_what_one_store_alone_has_is_listed(tmp_path):
    a = made(tmp_path / "a", seeds=(1, 2), targets=("xnli", "panx"))
    b = made(tmp_path / "b", seeds=(2, 3), rate=5e-6)
    found = compared(a, b)
    assert change(found).seeds == (2,)
    assert {(cell.row, cell.target, cell.seed) for cell in found.only_a} == {
        (row, target, seed) for row in (SQUAD, BASELINE) for target, seed in (("xnli", 1), ("panx", 1), ("panx", 2))
    }
    assert {cell.seed for cell in found.only_b} == {3}
    assert set(found.only_a.values()) == {"not in this sweep"}


def test_with_seeds_the_interval_is_over_rows_and_seeds(tmp_path):
    a, b = made(tmp_path / "a", seeds=(1, 2, 3)), made(tmp_path / "b", seeds=(1, 2, 3), rate=5e-6)
    estimate = change(compared(a, b)).verdict.estimate
    assert estimate.over_seeds
    assert estimate.seeds == 3
    assert estimate.seed_variance >= 0


def test_settings_versions_and_selections_that_differ_are_named(tmp_path):
    a, b = made(tmp_path / "a", 0.9, commit="one"), made(tmp_path / "b", 0.3, rate=5e-6, commit="two")
    found = compared(a, b)
    [setting] = found.settings
    assert (setting.setting, setting.a, setting.b) == ("optimisation.learning_rate", "3e-06", "5e-06")
    assert (setting.scopes, setting.runs) == (("xnli",), 2)
    assert found.selections == {"xnli": (SQUAD, BASELINE)}
    assert [(each.what, each.a, each.b) for each in found.provenance] == [("commit", ("abc", "one"), ("abc", "two"))]


def test_the_very_same_runs_are_no_comparison(tmp_path):
    a, b = made(tmp_path / "a"), made(tmp_path / "b")
    found = compared(a, b)
    assert [each.same for each in found.changes] == [True, True]
    assert found.family == 0
    assert not found.settings


def test_runs_that_were_computed_again_with_other_scores_are_named(tmp_path, capsys):
    """Made predictions depend on the quality alone, which is no setting."""
    a, b = made(tmp_path / "a", 0.6), made(tmp_path / "b", 0.9)
    found = compared(a, b)
    assert [(each.row, each.same, each.repeated) for each in found.changes] == [
        (BASELINE, True, False), (SQUAD, False, True),
    ]  # fmt: skip
    assert change(found).verdict.word is Word.BETTER
    assert run(a.root, b.root) == 0
    assert "Same settings, other scores:" in capsys.readouterr().out


def test_other_rows_and_missing_predictions_leave_the_difference_without_an_interval(tmp_path):
    a, b = made(tmp_path / "a", rows=60), made(tmp_path / "b", rows=50, rate=5e-6)
    found = change(compared(a, b))
    assert isinstance(found.verdict, NoVerdict)
    assert "other rows" in found.verdict.reason
    bare = fill(tmp_path / "bare")
    found = compared(bare, fill(tmp_path / "other", seeds=(42, 43)))
    assert all(each.same for each in found.changes)
    changed = change(compared(a, bare))
    assert changed.points == pytest.approx(59.0 - changed.a)  # chosen score of SQuAD on XNLI
    assert "cannot be read" in changed.verdict.reason


def test_test_scores_are_never_looked_at(tmp_path):
    """What the test sets hold changes nothing, and no opening is noted."""
    a, b = (
        made(tmp_path / "a", 0.5, targets=("xnli", "udpos")),
        made(tmp_path / "b", 0.7, targets=("xnli", "udpos"), rate=5e-6),
    )
    before = compared(a, b)
    for store in (a, b):
        for run_id in store.run_ids():
            own = store.record(run_id)
            scores = tuple(dataclasses.replace(s, value=99.0) if s.split == Split.TEST else s for s in own.scores)
            (store.root / "runs" / run_id / "record.json").unlink()
            store.finish(dataclasses.replace(own, scores=scores))
    assert repr(compared(a, b).changes) == repr(before.changes)  # NaN is not equal to itself
    assert compared(a, b).selections == before.selections
    assert not (a.root / "openings.json").exists()


def run(*words) -> int:
    return main(["compare", *map(str, words)])


def test_the_command_shows_the_table_and_what_stands_behind_it(tmp_path, capsys):
    a, b = made(tmp_path / "a", 0.5), made(tmp_path / "b", 0.9, rate=5e-6)
    assert run(a.root, b.root) == 0
    text = capsys.readouterr().out
    assert "▲" in text
    assert "SQuAD -> XNLI: better, +" in text
    assert "optimisation.learning_rate of xnli: A 3e-06, B 5e-06 (2 runs)" in text
    assert "another seed may land elsewhere" in text


def test_json_holds_everything_and_no_nan(tmp_path, capsys):
    a, b = made(tmp_path / "a", 0.5), made(tmp_path / "b", 0.9, rate=5e-6, targets=("xnli", "panx"))
    assert run(a.root, b.root, "--json", "--margin", "2") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["format"], found["margin"], found["family"]) == (1, 2, 2)
    [squad] = [each for each in found["changes"] if each["row"] == "squad"]
    assert squad["verdict"]["word"] == "better"
    assert squad["verdict"]["estimate"]["seed_variance"] is None
    assert squad["difference"] == pytest.approx(squad["b"] - squad["a"])
    assert {each["target"] for each in found["only_b"]} == {"panx"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere", "b"), "there is no store at"),
        (("a", "empty"), "has no finished run"),
        (("a", "mixed"), "more than one sweep"),
        (("a", "future"), "this version reads 1 to 2"),
        (("a", "b", "--sweep-b", "none"), "unknown sweep"),
        (("a", "b", "--where", "encoder.nam=x"), "did you mean 'encoder.name'"),
    ],
)
def test_bad_input_is_said_in_a_sentence(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    made(tmp_path / "a")
    made(tmp_path / "b")
    Store(tmp_path / "empty").prepare()
    mixed = made(tmp_path / "mixed")
    finish(mixed, target_spec("xnli", encoder=EncoderRef(name="bundled:6", revision="1")), 0.5)
    future = made(tmp_path / "future", targets=("xnli", "panx"))
    path = (
        future.root
        / "runs"
        / next(r for r in future.run_ids() if "panx" in future.record(r).spec.tasks)
        / "record.json"
    )
    fields = json.loads(path.read_text()) | {"format": 3}
    del fields["digest"]
    path.write_text(sealed(fields))
    assert run(*words) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert not captured.out


def test_two_encoders_in_one_store_can_be_compared_by_conditions(tmp_path, capsys):
    store = made(tmp_path / "a")
    finish(store, target_spec("xnli", encoder=EncoderRef(name="bundled:6", revision="1")), 0.9)
    assert (
        run(store.root, store.root, "--where-a", "encoder.name=bundled:3", "--where-b", "encoder.name=bundled:6") == 0
    )
    text = capsys.readouterr().out
    assert "encoder.name of xnli: A bundled:3, B bundled:6 (1 run)" in text


def test_a_task_of_ones_own_that_is_not_the_same_in_both_is_not_compared(tmp_path):
    a, b = (open_side(fill(tmp_path / name).root) for name in "ab")
    assert (a.own_tasks, b.own_tasks) == ({}, {})
    a, b = (dataclasses.replace(side, own_tasks={"mine": held}) for side, held in ((a, "0123"), (b, "4567")))
    with pytest.raises(AnalysisError, match=r"the task 'mine' is not the same in both: 0123 in .*a, 4567 in .*b"):
        compare(a, b)
    compare(a, dataclasses.replace(b, own_tasks={"mine": "0123", "other": "4567"}))
