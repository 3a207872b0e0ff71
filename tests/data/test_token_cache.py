"""The token cache: what comes back is what went in; an entry that is not whole does not count."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.made.engine import choices, pairs
from tests.made.texts import tokenizer
from trainables.data import cache
from trainables.data.cache import COMPLETE, TokenCache, Tokens
from trainables.data.hub import load, open_data
from trainables.data.labels import with_labels
from trainables.ledger.files import leftovers
from trainables.ledger.record import DataUse
from trainables.tasks.formats.base import Encoded
from trainables.tasks.formats.ragged import Ragged
from trainables.tasks.registry import task, tasks
from trainables.tasks.task import Split

KEY = {"task": "made up", "limit": 3}


def same(one: Encoded, two: Encoded) -> None:
    """Assert that two encodings are equal in all fields."""
    assert list(one.examples) == list(two.examples)
    assert (one.group, one.skipped, one.repaired) == (two.group, two.skipped, two.repaired)
    for name in ("owners", "labels", "spans"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name
        assert getattr(one, name).dtype == getattr(two, name).dtype, name
    for name in ("sequences", "word_positions", "tags"):
        _same_ragged(getattr(one, name), getattr(two, name))
    assert np.array_equal(one.windows.positions, two.windows.positions)
    for name in ("begins", "ends", "best_contexts"):
        _same_ragged(getattr(one.windows, name), getattr(two.windows, name))


def _same_ragged(one: Ragged, two: Ragged) -> None:
    assert one.values.dtype == two.values.dtype
    assert [array.tolist() for array in one] == [array.tolist() for array in two]


def fresh() -> Tokens:
    use = DataUse(repository="r", config="c", split="train", rows=12, dropped=1)
    return Tokens(encoded=choices(), uses=(use,), notes=("a note",))


def never() -> Tokens:
    raise AssertionError("the entry was there")


@pytest.mark.parametrize("name", list(tasks()))
def test_every_task_comes_back_as_it_was_encoded(tmp_path, name):
    data = open_data("demo")
    known = with_labels(task(name), data)
    for split, languages in known.languages.items():
        held = [code for code in languages if all(data.has(source) for source in known.files(split, code))]
        loaded = load(known, split, held[0], data, limit=4)
        encoded = known.format.encode(loaded.examples, tokenizer(), 64, training=split is Split.TRAIN)
        key = {"name": name, "split": split}
        made = TokenCache(tmp_path).get(key, lambda found=encoded, uses=loaded.uses: Tokens(encoded=found, uses=uses))
        read = TokenCache(tmp_path).get(key, never)
        same(made.encoded, encoded)
        same(read.encoded, encoded)
        assert read.uses == loaded.uses
        if name != "mlm":
            assert known.format.references(read.encoded.examples) == known.format.references(encoded.examples)


def test_uses_and_notes_come_back_and_values_are_mapped_not_copied(tmp_path):
    TokenCache(tmp_path).get(KEY, fresh)
    read = TokenCache(tmp_path).get(KEY, never)
    assert (read.uses, read.notes) == (fresh().uses, fresh().notes)
    assert not read.encoded.sequences.values.flags.owndata
    assert not read.encoded.sequences.values.flags.writeable


def test_another_key_is_another_entry(tmp_path):
    TokenCache(tmp_path).get(KEY, fresh)
    other = TokenCache(tmp_path).get(KEY | {"limit": 4}, lambda: Tokens(encoded=pairs()))
    same(other.encoded, pairs())


def test_other_code_is_another_entry(tmp_path, monkeypatch):
    TokenCache(tmp_path).get(KEY, fresh)
    monkeypatch.setattr(cache, "_code_digest", lambda: "changed")
    other = TokenCache(tmp_path).get(KEY, lambda: Tokens(encoded=pairs()))
    same(other.encoded, pairs())


@pytest.mark.parametrize("damage", ["no marker", "cut file", "broken marker", "lost file"])
def test_an_entry_that_is_not_whole_is_made_again(tmp_path, damage):
    TokenCache(tmp_path).get(KEY, fresh)
    [marker] = tmp_path.glob(f"*/{COMPLETE}")
    if damage == "no marker":
        marker.unlink()
    elif damage == "cut file":
        os.truncate(marker.parent / "rows.arrow", 40)
    elif damage == "broken marker":
        marker.write_text('{"bytes": ')
    else:
        (marker.parent / "examples.arrow").unlink()
    calls = []
    again = TokenCache(tmp_path).get(KEY, lambda: calls.append(1) or fresh())
    assert calls == [1]
    same(again.encoded, choices())
    TokenCache(tmp_path).get(KEY, never)


def test_a_maker_that_fails_leaves_nothing(tmp_path):
    def fails() -> Tokens:
        raise ValueError("row 3 is odd")

    with pytest.raises(ValueError, match="row 3 is odd"):
        TokenCache(tmp_path).get(KEY, fails)
    assert not list(tmp_path.glob("*/"))
    same(TokenCache(tmp_path).get(KEY, fresh).encoded, choices())


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    found = TokenCache(tmp_path / "file").get(KEY, fresh)
    same(found.encoded, choices())
    assert "cannot keep tokens" in caplog.text


def test_entries_nobody_reads_go_when_a_new_one_is_made(tmp_path):
    TokenCache(tmp_path).get(KEY, fresh)
    [marker] = tmp_path.glob(f"*/{COMPLETE}")
    long_ago = time.time() - cache.KEPT_SECONDS - 60
    os.utime(marker, (long_ago, long_ago))
    TokenCache(tmp_path).get(KEY | {"limit": 5}, fresh)
    assert not marker.exists()
    assert len(list(tmp_path.glob(f"*/{COMPLETE}"))) == 1


def test_many_processes_make_an_entry_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_ask, args=(tmp_path, number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert len(list(tmp_path.glob("made-*"))) == 1
    assert not leftovers(tmp_path)


def _ask(folder, number):
    def make() -> Tokens:
        (folder / f"made-{number}").touch()
        time.sleep(0.5)
        return fresh()

    same(TokenCache(folder).get(KEY, make).encoded, choices())


def test_the_marker_says_what_was_read(tmp_path):
    TokenCache(tmp_path).get(KEY, fresh)
    [marker] = tmp_path.glob(f"*/{COMPLETE}")
    told = json.loads(marker.read_text())
    assert told["uses"] == [dataclasses.asdict(use) for use in fresh().uses]


ARRAYS = st.lists(st.lists(st.integers(0, 99), max_size=5).map(lambda v: np.array(v, np.int32)), max_size=8)


class TestRagged:
    @given(ARRAYS)
    def test_arrays_come_back(self, arrays):
        ragged = Ragged.of(arrays)
        assert [a.tolist() for a in ragged] == [a.tolist() for a in arrays]
        assert [ragged[n].tolist() for n in range(len(ragged))] == [a.tolist() for a in arrays]
        assert ragged.lengths.tolist() == [len(a) for a in arrays]

    @given(ARRAYS.filter(len), st.data())
    def test_take_is_indexing(self, arrays, data):
        places = np.array(data.draw(st.lists(st.integers(0, len(arrays) - 1), max_size=9)), np.int64)
        taken = Ragged.of(arrays).take(places)
        assert [a.tolist() for a in taken] == [arrays[place].tolist() for place in places]
        again = taken.take(np.arange(len(places)))
        assert [a.tolist() for a in again] == [arrays[place].tolist() for place in places]

    @given(st.lists(ARRAYS, min_size=1, max_size=4))
    def test_joined_is_concatenation(self, parts):
        whole = Ragged.joined([Ragged.of(part) for part in parts])
        assert [a.tolist() for a in whole] == [a.tolist() for part in parts for a in part]

    def test_there_is_no_array_outside(self):
        for place in (-1, 2):
            with pytest.raises(IndexError, match=f"array {place} of 2"):
                Ragged.of([np.zeros(1), np.zeros(2)])[place]
