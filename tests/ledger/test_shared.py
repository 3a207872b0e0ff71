"""Files that many runs have alike: kept once, linked or copied, compared with their name, made again when damaged."""

from __future__ import annotations

import errno
import os
import threading

import pytest

from trainables.ledger.inspection import Condition, inspect
from trainables.ledger.shared import is_sound, link_shared

CONTENTS = {"tokenizer.json": b"words", "tokenizer_config.json": b"{}"}


@pytest.fixture
def folders(tmp_path):
    """Folders of three runs."""
    made = [tmp_path / name for name in "abc"]
    for each in made:
        each.mkdir()
    return made


def held(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_second_run_gets_the_same_files(tmp_path, folders):
    for folder in folders[:2]:
        link_shared(tmp_path / "shared", CONTENTS, folder)
        assert held(folder) == CONTENTS
    one, two = (folder / "tokenizer.json" for folder in folders[:2])
    assert one.samefile(two)
    assert one.stat().st_nlink == 3
    link_shared(tmp_path / "shared", CONTENTS | {"tokenizer.json": b"other words"}, folders[2])
    assert held(folders[2])["tokenizer.json"] == b"other words"
    assert held(folders[0]) == CONTENTS


def test_removing_a_run_takes_nothing_from_the_others(tmp_path, folders):
    for folder in folders[:2]:
        link_shared(tmp_path / "shared", CONTENTS, folder)
    (folders[0] / "tokenizer.json").unlink()
    assert held(folders[1]) == CONTENTS


@pytest.mark.parametrize("reason", [errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP])
def test_where_there_are_no_links_files_are_copied(tmp_path, folders, monkeypatch, reason):
    def refused(*_):
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(os, "link", refused)
    link_shared(tmp_path / "shared", CONTENTS, folders[0])
    assert held(folders[0]) == CONTENTS
    assert (folders[0] / "tokenizer.json").stat().st_nlink == 1


@pytest.mark.parametrize("damage", ["flip", "remove", "add"])
def test_what_is_damaged_is_put_aside_and_made_again(tmp_path, folders, damage):
    link_shared(tmp_path / "shared", CONTENTS, folders[0])
    [kept] = (path for path in (tmp_path / "shared").iterdir() if path.is_dir())
    assert is_sound(kept)
    if damage == "flip":
        (kept / "tokenizer.json").write_bytes(b"Words")
    elif damage == "remove":
        (kept / "tokenizer.json").unlink()
    else:
        (kept / "more").write_bytes(b"")
    assert not is_sound(kept)
    link_shared(tmp_path / "shared", CONTENTS, folders[1])
    assert held(folders[1]) == CONTENTS
    assert is_sound(kept)
    assert len(list((tmp_path / "shared").glob("*.damaged-*"))) == 1


def test_what_a_killed_writer_left_is_removed(tmp_path, folders):
    link_shared(tmp_path / "shared", CONTENTS, folders[0])
    [kept] = (path for path in (tmp_path / "shared").iterdir() if path.is_dir())
    left = kept.with_name(f".{kept.name}.{'0' * 32}")
    kept.rename(left)
    link_shared(tmp_path / "shared", CONTENTS, folders[1])
    assert not left.exists()
    assert held(folders[1]) == CONTENTS


def test_many_at_once_share_one(tmp_path):
    made = [tmp_path / f"run{number}" for number in range(8)]
    for each in made:
        each.mkdir()
    threads = [threading.Thread(target=link_shared, args=(tmp_path / "shared", CONTENTS, each)) for each in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(held(each) == CONTENTS for each in made)
    assert len({(each / "tokenizer.json").stat().st_ino for each in made}) == 1


def test_a_store_is_inspected_with_what_its_runs_share(store, folders):
    store.link_tokenizer(CONTENTS, folders[0])
    [found] = [each for each in inspect(store) if each.what.startswith("tokenizers/")]
    assert (found.condition, found.num_bytes) == (Condition.SOUND, 7)
    [kept] = store.tokenizers.glob("*/tokenizer.json")
    kept.write_bytes(b"Words")
    [found] = [each for each in inspect(store) if each.what.startswith("tokenizers/")]
    assert found.condition is Condition.DAMAGED
    assert "the next run that needs it makes it again" in found.text
