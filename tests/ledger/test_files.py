"""The one durable way to write: old or new and never half, nothing left behind, everything flushed."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from trainables.ledger import files


@pytest.fixture
def flushed(monkeypatch) -> list[Path]:
    """Paths that are flushed from now on, in order."""
    seen: list[Path] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        seen.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    return seen


def replace_folder(path: Path, content: str, error: Exception | None = None) -> None:
    with files.replacing(path) as temporary:
        temporary.mkdir()
        (temporary / content).touch()
        if error:
            raise error


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    files.write(tmp_path / "plan.json", "old")
    files.write(tmp_path / "plan.json", "nähe\r\n")
    assert (tmp_path / "plan.json").read_bytes() == b"n\xc3\xa4he\r\n"
    files.write(tmp_path / "plan.json", b"\xff")
    assert (tmp_path / "plan.json").read_bytes() == b"\xff"
    assert names(tmp_path) == ["plan.json"]


def test_a_reader_in_the_block_sees_the_old_file(tmp_path):
    path = tmp_path / "record.json"
    with files.replacing(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
    with files.replacing(path) as temporary:
        temporary.write_text("whole")
        assert path.read_text() == "half"
    assert path.read_text() == "whole"


def test_a_reader_beside_a_writer_never_sees_half_a_file(tmp_path):
    path, sizes, written = tmp_path / "record.json", set(), threading.Event()
    files.write(path, "a" * 100_000)

    def read() -> None:
        while not written.is_set():
            text = path.read_text()
            sizes.add((len(text), len(set(text))))

    reader = threading.Thread(target=read)
    reader.start()
    for letter in "bcdefghij" * 5:
        files.write(path, letter * 100_000)
    written.set()
    reader.join()
    assert sizes == {(100_000, 1)}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_in_the_block_leaves_the_old_file_and_no_temporary(tmp_path, error):
    path = tmp_path / "record.json"
    files.write(path, "old")

    def fail() -> None:
        with files.replacing(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["record.json"]


def test_an_error_in_the_block_leaves_the_old_folder_and_no_temporary(tmp_path):
    replace_folder(tmp_path / "encoder", "old")
    with pytest.raises(ValueError, match="no room"):
        replace_folder(tmp_path / "encoder", "half", ValueError("no room"))
    assert names(tmp_path / "encoder") == ["old"]
    assert names(tmp_path) == ["encoder"]


def test_a_folder_is_replaced_whole(tmp_path):
    for content in ("a.txt", "b.txt"):
        with files.replacing(tmp_path / "encoder") as temporary:
            (temporary / "deep").mkdir(parents=True)
            (temporary / "deep" / content).touch()
    assert names(tmp_path / "encoder" / "deep") == ["b.txt"]
    assert names(tmp_path) == ["encoder"]


def test_the_old_folder_comes_back_when_the_new_one_cannot_be_moved(tmp_path, monkeypatch):
    path = tmp_path / "encoder"
    replace_folder(path, "old")
    rename = Path.rename

    def no_room(self: Path, target: Path) -> Path:
        if target == path and (self / "new").exists():
            raise OSError("no space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", no_room)
    with pytest.raises(OSError, match="no space left"):
        replace_folder(path, "new")
    assert names(path) == ["old"]
    assert names(tmp_path) == ["encoder"]


def test_parent_folders_are_made(tmp_path):
    files.write(tmp_path / "runs" / "0123" / "record.json", "{}")
    assert (tmp_path / "runs" / "0123" / "record.json").read_text() == "{}"


def test_a_place_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        files.write(tmp_path / "file" / "record.json", "{}")


def test_a_file_is_flushed_before_it_is_moved_and_its_folder_after(tmp_path, flushed, monkeypatch):
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, to: (flushed.append(Path("moved")), replace(self, to))[1])
    files.write(tmp_path / "record.json", "{}")
    temporary, *after = flushed
    assert (temporary.parent, temporary.name[:13]) == (tmp_path, ".record.json.")
    assert after == [Path("moved"), tmp_path]


def test_everything_in_a_folder_is_flushed(tmp_path, flushed):
    with files.replacing(tmp_path / "encoder") as temporary:
        (temporary / "deep").mkdir(parents=True)
        (temporary / "deep" / "weights").touch()
        (temporary / "config.json").touch()
        (temporary / "link").symlink_to("nowhere")
    inside, own = {path.relative_to(temporary) for path in flushed[:-1]}, flushed[-1]
    assert inside == {Path(), Path("deep"), Path("deep/weights"), Path("config.json")}
    assert own == tmp_path


def test_folders_that_got_a_new_folder_are_flushed(tmp_path, flushed):
    files.make_folder(tmp_path / "runs" / "0123")
    assert set(flushed) == {tmp_path, tmp_path / "runs"}
    flushed.clear()
    files.make_folder(tmp_path / "runs" / "0123")
    assert flushed == []


def test_the_holder_of_the_lock_removes_what_killed_writers_left(tmp_path):
    left = "0123456789abcdef" * 2
    for name in (f".checkpoint.{left}", f".other.{left}", ".checkpoint.lock", "checkpoint"):
        (tmp_path / name).touch()
    (tmp_path / f".checkpoint.{left[::-1]}").mkdir()
    with files.replacing(tmp_path / "checkpoint") as temporary:
        temporary.touch()
    assert len(files.leftovers(tmp_path)) == 3
    with files.replacing(tmp_path / "checkpoint", sole=True) as temporary:
        temporary.touch()
    assert names(tmp_path) == [".checkpoint.lock", f".other.{left}", "checkpoint"]
    assert files.leftovers(tmp_path, "checkpoint") == []


def test_what_is_made_beside_a_path_stays_only_if_it_is_moved(tmp_path):
    with files.beside(tmp_path / "submission") as made:
        made.mkdir()
    assert names(tmp_path) == []
    with files.beside(tmp_path / "submission") as made:
        made.mkdir()
        files.move(made, tmp_path / "submission")
    assert names(tmp_path) == ["submission"]


def test_a_link_to_a_folder_is_removed_and_not_what_it_points_to(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "link").symlink_to("kept")
    files.remove(tmp_path / "link")
    files.remove(tmp_path / "nothing")
    assert names(tmp_path) == ["kept"]
    assert names(tmp_path / "kept") == ["file"]


def test_a_link_to_a_folder_gives_way_to_a_new_folder(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    made = tmp_path / "made"
    made.mkdir()
    files.move(made, tmp_path / "link")
    assert (tmp_path / "link").is_dir()
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "elsewhere" / "kept").read_text() == "kept"
