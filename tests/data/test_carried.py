"""Tasks of one's own as a sweep carries them: the same rows, no code, one name for what they say and hold."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import shutil
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.made.records import intermediate_spec
from trainables.data.cache_folder import cache_folder
from trainables.data.carried import admit, admit_all, carry, check_folder, keep
from trainables.data.hub import load, open_data
from trainables.data.mirror import MirrorData
from trainables.data.source import DataError, MissingDataError
from trainables.ledger.cells import Row
from trainables.ledger.plan import Node, Plan, Share
from trainables.ledger.s3.store import S3Store
from trainables.ledger.spec import RunSpec
from trainables.tasks import registry
from trainables.tasks.declared import OWN, Declared, declared
from trainables.tasks.examples import PairExample
from trainables.tasks.formats.pair import PairFormat
from trainables.tasks.registry import task
from trainables.tasks.task import Role, Source, Split, Task

KINDS = {"pair": "qqp", "choice": "csqa", "tagging": "panx", "span": "tydiqa", "sentence": "tatoeba", "mining": "bucc"}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """A cache folder of the test's own, which shares the demo corpus with the others."""
    demo = open_data("demo").base.root
    monkeypatch.setenv("XSTILTS_CACHE", str(tmp_path / "cache"))
    shutil.copytree(demo, cache_folder() / demo.name)


def no_note(text):
    raise AssertionError(text)


def renamed(name, **changes):
    return dataclasses.replace(task(name), name=f"own-{name}", fine_tuning=f"own-{name}", shares_rows=True, **changes)


def pairs(labels=("no", "yes"), **changes):
    """A task of pairs with files of training and stopping."""
    names = ("no", "yes")

    def parse(row, row_id):
        return PairExample(row["id"], row["a"], row["b"], labels.index(names[row["label"]]))

    def files(split):
        columns = ("id", "a", "b", "label")
        return lambda code: (Source(repository="here", config=code, split=split, columns=columns, parse=parse),)

    splits = (Split.TRAIN, Split.STOPPING)
    return Task(
        name="mine", title="Mine", role=Role.INTERMEDIATE, format=PairFormat(labels=labels), metrics=("accuracy",),
        selection=("accuracy",), languages=dict.fromkeys(splits, ("en",)), fine_tuning="mine", max_length=64,
        sources={"here": {split: files(split) for split in splits}}, **changes,
    )  # fmt: skip


@pytest.fixture
def mirror(tmp_path):
    """A folder of rows (id, text, text, label) by split."""

    def write(rows):
        folder = tmp_path / f"rows {next(numbers)}"
        (folder / "here" / "en").mkdir(parents=True)
        for split, held in rows.items():
            table = pa.Table.from_pylist([dict(zip(("id", "a", "b", "label"), row, strict=True)) for row in held])
            pq.write_table(table, folder / "here" / "en" / f"{split}.parquet")
        return MirrorData(folder)

    numbers = itertools.count()
    return write


ROWS = {
    Split.TRAIN: [("1", "a b", "c", 0), ("2", "d", "e", 1)],
    Split.STOPPING: [("1", "f", "g", 1)],
}


@pytest.mark.parametrize("kind", KINDS)
def test_carried_rows_are_those_of_the_task(kind):
    data, own = open_data("demo"), renamed(KINDS[kind])
    made = carry(own, data, "", lambda text: None)
    again = open_data("demo")
    assert dataclasses.replace(made, sources={}, definition="", num_train_rows=0) == dataclasses.replace(
        own, sources={}, num_train_rows=0, reasons={}, other_languages=made.other_languages
    )
    seen = 0
    for split in own.languages:
        for code in own.languages[split]:
            if not all(map(data.has, own.files(split, code))):
                assert not any(map(again.has, made.files(split, code)))
                continue
            for limit in (0, 7):
                plain = load(own, split, code, data, limit=limit).examples
                assert load(made, split, code, again, limit=limit).examples == plain, (split, code)
            seen += 1
    assert seen > 1
    check_folder(cache_folder() / OWN / f"{made.name}-{made.definition}")


def test_rows_and_words_make_the_definition_and_their_place_does_not(mirror, tmp_path, monkeypatch):
    def of(rows=ROWS, **changes):
        return carry(pairs(**changes), mirror(rows), "", no_note).definition

    first = of()
    assert first == "4c08cee17ae9202c", "golden: definitions stand in the ids of runs, so they never change"
    monkeypatch.setenv("XSTILTS_CACHE", str(tmp_path / "elsewhere"))
    assert of() == first
    others = {
        of({**ROWS, Split.TRAIN: ROWS[Split.TRAIN][:1]}), of({**ROWS, Split.TRAIN: ROWS[Split.TRAIN][::-1]}),
        of(labels=("yes", "no")), of(labels=("no", "yes", "perhaps")), of(family="nli"), of(seed_stopping=True),
    }  # fmt: skip
    assert len(others) == 6
    assert first not in others


def test_what_is_said_comes_back_and_defaults_are_not_written():
    for name in KINDS.values():
        says = declared(task(name))
        assert Declared.from_dict(json.loads(json.dumps(says.to_dict()))) == says
        assert says.format() == task(name).format
    assert declared(task("qqp")).to_dict()["family"] == "paraphrase"
    assert "family" not in declared(task("tatoeba")).to_dict(), "it names none"
    plain = dataclasses.replace(task("panx"), format=dataclasses.replace(task("panx").format, chunk_f1=False))
    assert declared(plain).format().chunk_f1 is False
    with pytest.raises(ValueError, match="unknown field of a task 'metric'; did you mean 'metrics'"):
        Declared.from_dict({"metric": ()})
    with pytest.raises(ValueError, match="has a cap of its own"):
        declared(dataclasses.replace(task("qqp"), cap=lambda examples, limit: [0]))


def test_rows_of_training_are_not_evaluated_unless_that_is_said(mirror):
    rows = {**ROWS, Split.STOPPING: [("9", "A  b", "C", 1), ("8", "x", "y", 0)]}
    with pytest.raises(DataError, match=r"1 of 2 stopping rows in en are training rows, too; allowed: .*shares_rows"):
        carry(pairs(), mirror(rows), "", no_note)
    notes = []
    carry(pairs(shares_rows=True), mirror(rows), "", notes.append)
    assert notes == ["mine: 1 of 2 stopping rows in en are training rows, too"]


def test_ids_stand_once_and_files_of_training_must_be_there(mirror):
    rows = {**ROWS, Split.STOPPING: [("1", "x", "y", 1), ("1", "z", "y", 0)]}
    with pytest.raises(DataError, match="stopping rows in en: the id '1' stands twice"):
        carry(pairs(), mirror(rows), "", no_note)
    with pytest.raises(MissingDataError, match=r"mine has no stopping rows: .*stopping\.parquet does not exist"):
        carry(pairs(), mirror({Split.TRAIN: ROWS[Split.TRAIN]}), "", no_note)


def test_changed_rows_are_not_taken_for_those_of_the_definition(mirror):
    made = carry(pairs(), mirror(ROWS), "", no_note)
    data = open_data("demo")
    [source] = made.files(Split.TRAIN, "en")
    assert data.fingerprint([source]) == data.fingerprint([source], anew=True)
    [path] = data.part(source).files(source)
    rows = pq.read_table(path).slice(0, 1)
    pq.write_table(rows, path)
    with pytest.raises(DataError, match="is not what its name stands for"):
        data.fingerprint([source], anew=True)


@pytest.mark.parametrize("place", ["folder", "bucket"])
def test_a_store_keeps_the_task_for_machines_that_have_neither_its_file_nor_its_rows(
    place, store, request, tmp_path, monkeypatch, mirror
):
    there = store
    if place == "bucket":
        bucket = request.getfixturevalue("s3_place")
        store, there = S3Store(bucket, tmp_path / "here").prepare(), S3Store(bucket, tmp_path / "there")
    made = carry(pairs(), mirror(ROWS), "", no_note)
    assert not store.own_tasks()
    admit_all(store)
    keep({"mine": made.definition}, store)
    keep({"mine": made.definition}, store)
    monkeypatch.setenv("XSTILTS_CACHE", str(tmp_path / "another machine"))
    registry.forget_own()
    admit({"mine": made.definition}, there)
    assert registry.task("mine") == dataclasses.replace(made, sources=registry.task("mine").sources)
    examples = load(registry.task("mine"), Split.TRAIN, "en", open_data("demo")).examples
    assert examples == [PairExample(*row) for row in ROWS[Split.TRAIN]]
    with pytest.raises(DataError, match="does not have the task mine-0123"):
        admit({"mine": "0123456789abcdef"}, there)


def test_a_damaged_copy_in_a_store_is_refused_each_time_and_leaves_nothing(store, tmp_path, monkeypatch, mirror):
    made = carry(pairs(), mirror(ROWS), "", no_note)
    keep({"mine": made.definition}, store)
    [path] = store.root.glob("tasks/*/en/train.parquet")
    sound = path.read_bytes()
    pq.write_table(pq.read_table(path).slice(1), path)
    monkeypatch.setenv("XSTILTS_CACHE", str(tmp_path / "another machine"))
    registry.forget_own()
    for _ in range(2):
        with pytest.raises(DataError, match="is not what its name stands for"):
            admit({"mine": made.definition}, store)
    assert not list(cache_folder().glob("own/tasks/mine*/*"))
    path.write_bytes(sound)
    admit({"mine": made.definition}, store)
    assert registry.task("mine").definition == made.definition


def test_a_damaged_folder_of_the_cache_is_made_again(store, mirror):
    rows = mirror(ROWS)
    made = carry(pairs(), rows, "", no_note)
    keep({"mine": made.definition}, store)
    folder = cache_folder() / OWN / f"mine-{made.definition}"
    for again in (lambda: carry(pairs(), rows, "", no_note), lambda: admit({"mine": made.definition}, store)):
        (folder / "task.json").write_text("{}")
        again()
        check_folder(folder)
    (store.root / "tasks" / folder.name / "task.json").write_text("{}")
    keep({"mine": made.definition}, store)
    check_folder(store.root / "tasks" / folder.name)


def test_processes_that_ask_at_once_have_one_folder_between_them(store, tmp_path, mirror):
    made = carry(pairs(), mirror(ROWS), "", no_note)
    keep({"mine": made.definition}, store)
    code = (
        "import sys; from trainables.data.carried import admit; from trainables.ledger.store import Store; "
        "from pathlib import Path; admit({'mine': sys.argv[1]}, Store(Path(sys.argv[2])))"
    )
    environment = {**os.environ, "XSTILTS_CACHE": str(tmp_path / "shared")}
    words = [sys.executable, "-c", code, made.definition, str(store.root)]
    begun = [subprocess.Popen(words, env=environment) for _ in range(3)]
    assert [each.wait() for each in begun] == [0, 0, 0]
    found = sorted(path.name for path in (tmp_path / "shared" / OWN).iterdir())
    assert [name for name in found if not name.endswith(".lock")] == [f"mine-{made.definition}"]


@pytest.mark.parametrize("name", ["../../ev", "Mine", "a/b", "", "x" * 41])
def test_a_name_that_a_received_store_gives_is_no_path(name, store, mirror):
    made = carry(pairs(), mirror(ROWS), "", no_note)
    with pytest.raises(DataError, match="is no task of one's own"):
        admit({name: made.definition}, store)
    with pytest.raises(ValueError, match="allowed: at most 40 of a-z"):
        Declared.from_dict({**declared(pairs()).to_dict(), "name": name})


def test_what_a_received_store_says_is_held_against_its_name_and_links_are_not_followed(store, tmp_path, mirror):
    made = carry(pairs(), mirror(ROWS), "", no_note)
    with pytest.raises(DataError, match="is no task of one's own"):
        admit({"mine": "../" + made.definition[3:]}, store)
    with pytest.raises(ValueError, match=r"unknown language '\.\./\.\./etc'"):
        Declared.from_dict({**declared(pairs()).to_dict(), "languages": {"train": ["../../etc"]}})
    keep({"mine": made.definition}, store)
    kept = store.root / "tasks" / f"mine-{made.definition}"
    shutil.move(kept, kept.with_name(f"other-{made.definition}"))
    with pytest.raises(DataError, match="is not what its name stands for"):
        admit({"other": made.definition}, store)
    shutil.move(kept.with_name(f"other-{made.definition}"), kept)
    train = kept / "en" / "train.parquet"
    shutil.move(train, tmp_path / "elsewhere.parquet")
    train.symlink_to(tmp_path / "elsewhere.parquet")
    shutil.rmtree(cache_folder() / OWN)
    with pytest.raises(DataError, match="is not what its name stands for"):
        admit({"mine": made.definition}, store)


def test_what_was_not_whole_in_a_bucket_is_kept_again(s3_place, tmp_path, mirror, monkeypatch):
    made = carry(pairs(), mirror(ROWS), "", no_note)
    here, there = S3Store(s3_place, tmp_path / "here").prepare(), S3Store(s3_place, tmp_path / "there")
    upload = here._bucket.upload

    def fails_at_the_end(path, key):
        if path.name == "task.json":
            raise ConnectionError("gone")
        upload(path, key)

    monkeypatch.setattr(here._bucket, "upload", fails_at_the_end)
    with pytest.raises(ConnectionError):
        keep({"mine": made.definition}, here)
    monkeypatch.setattr(here._bucket, "upload", upload)
    assert there.own_task(f"mine-{made.definition}") is None
    keep({"mine": made.definition}, here)
    assert there.own_task(f"mine-{made.definition}") is not None


def test_a_store_that_has_lost_its_tasks_says_so(store, mirror):
    made = carry(pairs(), mirror(ROWS), "", no_note)
    store.save_plan(planned(made))
    shutil.rmtree(cache_folder() / OWN)
    with pytest.raises(DataError, match=f"does not have the task mine-{made.definition}, which its runs are of"):
        admit_all(store)


def planned(made):
    spec = dataclasses.replace(intermediate_spec("qqp"), definitions={"mine": made.definition})
    node = Node(spec=spec, name="mine #1", row=Row("mine", False), cost=1.0, share=Share(cpus=1))
    return Plan(nodes={spec.run_id: node}, cells={})


def test_a_store_with_two_versions_of_a_task_has_that_of_the_last_sweep(store, mirror):
    plans = {}
    for rows in (ROWS, {**ROWS, Split.TRAIN: ROWS[Split.TRAIN][:1]}):
        made = carry(pairs(), mirror(rows), "", no_note)
        keep({"mine": made.definition}, store)
        plans[made.definition] = planned(made)
    assert len({plan.sweep for plan in plans.values()}) == 2
    for definition, plan in plans.items():
        store.save_plan(plan)
        admit_all(store)
        assert registry.task("mine").definition == definition
    first, plan = next(iter(plans.items()))
    admit_all(store, plan.sweep)
    assert registry.task("mine").definition == first


def test_definitions_are_part_of_a_run_only_where_there_are_any():
    spec = intermediate_spec("qqp")
    assert "definitions" not in spec.to_dict()
    own = dataclasses.replace(spec, definitions={"qqp": "ab"})
    assert own.run_id != spec.run_id
    assert RunSpec.from_dict(own.to_dict()) == own
