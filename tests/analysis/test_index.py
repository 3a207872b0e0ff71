"""The index of a store changes how fast records are loaded, and nothing else; the records stay the truth."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil

import pytest
from pandas.testing import assert_frame_equal

from analysis.report.writer import write_report
from analysis.scores import index, load
from analysis.scores.columns import ColumnBuilder, ScoreColumns
from analysis.scores.headings import AnalysisError
from analysis.scores.kept import KeptRecord
from analysis.scores.load import load_usable, score_table
from tests.made.records import intermediate_spec, language_scores, plan_of, record, target_spec
from trainables.ledger.inspection import inspect
from trainables.ledger.record import Finding, Record, Score, Symptom
from trainables.ledger.store import Store


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """Every store is worth an index."""
    monkeypatch.setattr(load, "WORTH_AN_INDEX", 0)


@pytest.fixture
def store(whole_grid):
    return whole_grid


@pytest.fixture
def reads(monkeypatch):
    """Run ids of the records that were read from their files."""
    found = []
    whole = Store.record
    monkeypatch.setattr(Store, "record", lambda store, run_id: found.append(run_id) or whole(store, run_id))
    return found


def path_of(store):
    return store.root / "cache" / "records.index"


def record_of(store, run_id):
    return store.root / "runs" / run_id / "record.json"


def without_index(store, monkeypatch, run_ids=None):
    with monkeypatch.context() as patched:
        patched.setattr(load, "WORTH_AN_INDEX", 10**9)
        return load_usable(store, run_ids)


def same(loaded, expected):
    """That two loads gave the same, down to the last field."""
    assert dict(loaded.unusable) == dict(expected.unusable)
    assert_frame_equal(score_table(loaded.runs), score_table(expected.runs))
    for one, other in zip(loaded.runs, expected.runs, strict=True):
        assert (one.variant, one.cells, one.capped) == (other.variant, other.cells, other.capped)
        assert (one.record, one.parent, one.intermediate) == (other.record, other.parent, other.intermediate)


def test_it_gives_what_the_records_give(store, monkeypatch):
    expected = without_index(store, monkeypatch)
    assert len(expected.runs) > 50
    assert not path_of(store).exists()
    for _ in ("cold", "warm"):
        same(load_usable(store), expected)
        assert path_of(store).exists()


def test_a_small_store_is_left_as_it_is(store, monkeypatch):
    monkeypatch.undo()
    load_usable(store)
    assert not path_of(store).exists()


def test_warm_no_record_is_read_for_the_table(store, reads):
    first = score_table(load_usable(store).runs)
    assert sorted(reads) == store.run_ids()
    reads.clear()
    loaded = load_usable(store)
    assert_frame_equal(score_table(loaded.runs), first)
    assert [run.record.spec.seed for run in loaded.runs] == [42] * len(loaded.runs)
    assert not any(run.record.findings for run in loaded.runs)
    assert reads == []
    assert loaded.runs[3].record.dev_curve[0].step == 10
    assert loaded.runs[3].record.notes == ()
    assert reads == [loaded.runs[3].record.run_id]


def test_some_of_the_runs_in_any_order(store, monkeypatch):
    load_usable(store)
    chosen = [run_id for run_id in store.run_ids() if store.record(run_id).spec.parent][::-3]
    loaded, expected = load_usable(store, chosen), without_index(store, monkeypatch, chosen)
    same(loaded, expected)
    backwards = score_table(loaded.runs[::-1])
    assert list(dict.fromkeys(backwards["run_id"])) == sorted(chosen, reverse=True)
    assert_frame_equal(backwards, score_table(expected.runs[::-1]))


def test_an_index_of_some_runs_grows(store, monkeypatch, reads):
    some = store.run_ids()[::2]
    load_usable(store, some)
    in_it = set(reads)
    assert len(in_it) < len(store.run_ids())
    reads.clear()
    loaded = load_usable(store)
    assert set(reads) == set(store.run_ids()) - in_it
    same(loaded, without_index(store, monkeypatch))


def test_a_record_that_was_replaced_is_read_again(store, monkeypatch, reads):
    load_usable(store)
    run_id = store.run_ids()[4]
    old = store.record(run_id)
    store.finish(dataclasses.replace(old, scores=tuple(dataclasses.replace(s, value=s.value / 2) for s in old.scores)))
    reads.clear()
    loaded = load_usable(store)
    assert reads == [run_id]
    assert score_table(loaded.runs).query("run_id == @run_id")["value"].max() <= 50
    same(loaded, without_index(store, monkeypatch))


def test_a_record_changed_in_place_to_one_of_the_same_size_and_time_is_read_again(store):
    load_usable(store)
    run_id = store.run_ids()[4]
    path = record_of(store, run_id)
    before, text = path.stat(), path.read_text()
    path.write_text(text.replace('"steps": 20', '"steps": 30', 1))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    loaded = load_usable(store)
    assert "its digest differs" in loaded.unusable[run_id]
    assert run_id not in set(score_table(loaded.runs)["run_id"])


def test_a_run_that_is_gone_is_gone(store, monkeypatch):
    load_usable(store)
    size = path_of(store).stat().st_size
    parent = next(run_id for run_id in store.run_ids() if store.record(run_id).name == "squad #42")
    shutil.rmtree(store.root / "runs" / parent)
    loaded = load_usable(store)
    assert len(loaded.unusable) == 7
    assert all(f"it starts from run {parent}, which has no record" in why for why in loaded.unusable.values())
    same(loaded, without_index(store, monkeypatch))
    assert path_of(store).stat().st_size < size


@pytest.mark.parametrize("text", ["{", "", "[]", '{"format": 9}', "\x00"])
def test_a_broken_record_is_named_every_time(store, monkeypatch, text):
    load_usable(store)
    broken = next(run_id for run_id in store.run_ids() if store.record(run_id).name == "anli #42")
    record_of(store, broken).write_text(text)
    for _ in range(2):
        loaded = load_usable(store)
        assert loaded.unusable[broken].startswith("its record is broken (")
        assert len(loaded.unusable) == 1 + 7
        same(loaded, without_index(store, monkeypatch))


def test_a_note_of_damage_is_noticed_and_its_end_too(store):
    load_usable(store)
    run_id = store.run_ids()[0]
    note = store.root / "runs" / run_id / "damage.json"
    note.write_text('{"reason": "its encoder is damaged"}')
    assert load_usable(store).unusable == {run_id: "its encoder is damaged"}
    note.unlink()
    assert load_usable(store).unusable == {}


def test_any_changed_byte_makes_an_index_void(store, reads):
    expected = score_table(load_usable(store).runs)
    whole = path_of(store).read_bytes()
    places = range(0, len(whole), max(1, len(whole) // 12))
    damaged = [whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :] for place in places]
    for content in (*damaged, b"", whole[:-1], whole + b"0"):
        path_of(store).write_bytes(content)
        reads.clear()
        assert_frame_equal(score_table(load_usable(store).runs), expected)
        assert sorted(reads) == store.run_ids()
        assert path_of(store).read_bytes() == whole


def test_an_index_of_another_version_counts_as_none(store, reads, monkeypatch):
    load_usable(store)
    monkeypatch.setattr(index, "VERSION", [index.VERSION[0] + 1, index.VERSION[1]])
    reads.clear()
    load_usable(store)
    assert sorted(reads) == store.run_ids()


def test_a_store_that_cannot_be_written_is_read(store, monkeypatch):
    (store.root / "cache").write_text("no folder can be made here")
    same(load_usable(store), without_index(store, monkeypatch))


def test_a_copied_store_is_read_again(store, tmp_path, monkeypatch):
    load_usable(store)
    other = Store(tmp_path / "copy")
    shutil.copytree(store.root, other.root)
    same(load_usable(other), without_index(other, monkeypatch))


def test_a_record_that_breaks_or_is_replaced_after_loading_is_an_error(store):
    load_usable(store)
    first, second, *_ = loaded = load_usable(store).runs
    record_of(store, first.record.run_id).write_text("{")
    with pytest.raises(AnalysisError, match=f"run {first.record.run_id} cannot be used: its record is broken"):
        _ = first.record.notes
    store.finish(dataclasses.replace(store.record(second.record.run_id), notes=("another",)))
    with pytest.raises(AnalysisError, match=f"record of run {second.record.run_id} was replaced"):
        _ = second.record.notes
    assert len(score_table(loaded)) > 0


def test_findings_are_read_where_there_are_some(store):
    run_id = store.run_ids()[7]
    finding = Finding(symptom=Symptom.CONSTANT, task="xnli", split="dev", languages=("en",), text="all the same")
    store.finish(dataclasses.replace(store.record(run_id), findings=(finding,)))
    for _ in range(2):
        found = {run.record.run_id: run.record.findings for run in load_usable(store).runs if run.record.findings}
        assert found == {run_id: (finding,)}


def test_a_copy_of_a_kept_record_is_a_record(store):
    load_usable(store)
    kept = load_usable(store).runs[5].record
    assert isinstance(kept, KeptRecord)
    assert Record.from_json(kept.to_json()) == store.record(kept.run_id) == kept
    other = dataclasses.replace(kept, name="other", scores=())
    assert (other.name, other.scores, other.notes, other.head) == ("other", (), kept.notes, kept.head)
    assert other != kept
    assert len(score_table([load.Run(record=other)])) == 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        kept.name = "other"


def test_scores_that_no_column_holds_are_left_to_the_record(store, monkeypatch):
    """Nothing checks the kinds of values in a record of format 1, which has no digest."""
    spec = target_spec("xnli", seed=7)
    text = json.loads(record(spec, language_scores("xnli", 40.0)).to_json())
    text |= {"format": 1}
    del text["digest"], text["files"], text["findings"]
    text["scores"][0]["value"] = "forty"
    record_of(store, spec.run_id).parent.mkdir()
    record_of(store, spec.run_id).write_text(json.dumps(text))
    for _ in range(2):
        loaded = load_usable(store)
        assert spec.run_id in {run.record.run_id for run in loaded.runs}
        assert sum(isinstance(run.record, KeptRecord) for run in loaded.runs) == len(loaded.runs) - 1
        with pytest.raises(AnalysisError, match=f"run {spec.run_id}.* score"):
            score_table(loaded.runs)


def test_the_report_is_the_same_byte_by_byte(store, tmp_path, monkeypatch):
    store.save_plan(plan_of(store))
    load_usable(store)
    with monkeypatch.context() as patched:
        patched.setattr(load, "WORTH_AN_INDEX", 10**9)
        write_report(store, tmp_path / "without")
    write_report(store, tmp_path / "with")
    with_it, without = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "with", tmp_path / "without")
    )
    assert with_it == without


def test_an_inspection_passes_over_it(store):
    before = list(inspect(store))
    load_usable(store)
    assert list(inspect(store)) == before


class TestColumns:
    SCORES = [
        Score(task="xnli", split="dev", language=language, metric="accuracy", value=value, rows=rows)
        for language, value, rows in (("en", 40.5, 3), ("de", 1, 4), ("en", 2.25, 5))
    ]

    def test_they_hold_the_scores_in_order(self):
        found = ScoreColumns.of(self.SCORES)
        assert [found.names["language"][code] for code in found.codes["language"]] == ["en", "de", "en"]
        assert (found.values.tolist(), found.rows.tolist()) == ([40.5, 1.0, 2.25], [3, 4, 5])

    @pytest.mark.parametrize("field", [{"value": "4"}, {"rows": 1.5}, {"rows": 10**30}, {"task": 3}, {"split": None}])
    def test_a_record_that_does_not_fit_leaves_no_trace(self, field):
        builder = ColumnBuilder(ScoreColumns.of(self.SCORES))
        with pytest.raises((TypeError, OverflowError)):
            builder.add(
                [dataclasses.replace(self.SCORES[0], language="fr"), dataclasses.replace(self.SCORES[1], **field)]
            )
        assert len(builder) == 3
        builder.add([dataclasses.replace(self.SCORES[0], language="zh")])
        found = builder.made()
        assert found.names["language"] == ("en", "de", "zh")
        assert found.codes["language"].tolist() == [0, 1, 0, 2]


def test_restricted_and_capped_runs_and_parents_outside_the_choice(store, monkeypatch):
    data = dataclasses.replace(target_spec("xnli").data, languages=("en", "de"), train_rows=0, eval_rows=0)
    parent = intermediate_spec("squad", seed=9)
    child = target_spec("xnli", parent=parent.run_id, seed=9, data=data)
    store.finish(record(parent))
    store.finish(record(child, language_scores("xnli", 40.0, only=("en", "de"))))
    for _ in range(2):
        loaded = load_usable(store, [child.run_id])
        frame = score_table(loaded.runs)
        assert set(frame["restricted"]) == {"en,de"}
        assert set(frame["capped"]) == {True}
        assert set(frame["intermediate"]) == {"squad"}
        same(loaded, without_index(store, monkeypatch, [child.run_id]))
