"""The cache folder: what says that it cannot be used, what needs it, and what does without."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest

from sweep.grid import main
from tests.made.texts import write_rows
from trainables.data import cache_folder as module
from trainables.data.cache import TokenCache, Tokens
from trainables.data.cache_folder import CACHE_VARIABLE, CacheFolderError, cache_folder
from trainables.data.digests import FileDigests
from trainables.data.hub import open_data
from trainables.model.bundled import bundled_folder
from trainables.tasks.formats.base import Encoded
from trainables.tasks.registry import task
from trainables.tasks.task import Split

QQP = "nyu-mll/glue/qqp/train"
ROWS = {"question1": ["a"], "question2": ["b"], "label": ["duplicate"]}


def made(kind: str, folder: Path) -> str:
    """A value of the variable that names no folder."""
    if kind == "file":
        (folder / "file").write_text("in the way")
        return str(folder / "file")
    if kind == "loop":
        (folder / "loop").symlink_to(folder / "loop")
        return str(folder / "loop" / "cache")
    return {"device": "/dev/null", "user": "~nouser-of-that-name", "long": "/tmp/" + "x" * 300, "proc": "/proc/no"}[
        kind
    ]


REASONS = {
    "file": "File exists",
    "device": "File exists",
    "loop": "Too many levels of symbolic links",
    "user": "there is no home folder of that user",
    "long": "File name too long",
    "proc": "No such file or directory",
}


@pytest.fixture(params=REASONS)
def unusable(request, tmp_path, monkeypatch):
    """The variable names what cannot be a folder; its value and the reason."""
    given = made(request.param, tmp_path)
    monkeypatch.setenv(CACHE_VARIABLE, given)
    module.warn_once.cache_clear()
    return given, REASONS[request.param]


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_the_message_has_folder_reason_and_variable(unusable):
    given, reason = unusable
    with pytest.raises(CacheFolderError) as caught:
        cache_folder()
    for part in (repr(given), reason, f"Set the variable {CACHE_VARIABLE}", f"(now: {given})"):
        assert part in str(caught.value)


def test_a_home_without_place_is_named_too(monkeypatch, tmp_path):
    (tmp_path / "home").write_text("a file")
    monkeypatch.delenv(CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with pytest.raises(CacheFolderError, match=rf"Set the variable {CACHE_VARIABLE} .*now: not set, so ~/.cache"):
        cache_folder()


@pytest.mark.parametrize("needs_it", [bundled_folder, lambda: open_data("demo")])
def test_the_bundled_encoder_and_the_demo_cannot_do_without(unusable, needs_it):
    with pytest.raises(CacheFolderError, match="cannot be used"):
        needs_it()


@pytest.mark.parametrize("needs_it", [bundled_folder, lambda: open_data("demo")])
def test_a_disk_that_fails_while_the_cache_is_filled_is_told_as_such(needs_it, monkeypatch, tmp_path):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr("trainables.ledger.files.make_folder", full)
    with pytest.raises(CacheFolderError, match=f"{tmp_path}.*No space left on device"):
        needs_it()


def test_digests_do_without_and_say_so_once(unusable, tmp_path, caplog):
    file = write_rows(tmp_path / "rows", QQP, ROWS)
    expected = FileDigests(tmp_path / "digests.json").combined(tmp_path / "rows", [file])
    sources = task("qqp").files(Split.TRAIN, "en")
    for _ in range(2):
        assert open_data(str(tmp_path / "rows")).fingerprint(sources) == expected
    [said] = warnings(caplog)
    assert CACHE_VARIABLE in said


def test_tokens_do_without_and_say_so_once(unusable, caplog):
    calls = []

    def make():
        calls.append(1)
        return Tokens(encoded=Encoded(examples=[], sequences=[], owners=[]))

    for _ in range(2):
        assert TokenCache().get({"key": 1}, make).encoded.owners == []
    assert len(calls) == 2
    [said] = warnings(caplog)
    assert "what would be kept in tokens is made anew every time" in said


def test_a_cache_that_cannot_be_written_is_said_once(monkeypatch, tmp_path, caplog):
    module.warn_once.cache_clear()
    file = write_rows(tmp_path / "rows", QQP, ROWS)
    (tmp_path / "cache").write_text("in the way")
    for _ in range(2):
        assert FileDigests(tmp_path / "cache" / "digests.json").combined(tmp_path / "rows", [file])
    assert len(set(warnings(caplog))) == len(warnings(caplog)) > 0


def test_digests_with_a_flipped_bit_are_not_believed(tmp_path):
    """Else the fingerprint of the data, and with it the id of every run, would be another one."""
    file, kept = write_rows(tmp_path / "rows", QQP, ROWS), tmp_path / "digests.json"
    expected = FileDigests(kept).combined(tmp_path / "rows", [file])
    whole = kept.read_bytes()
    for bit in range(0, 8 * len(whole), 7):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        kept.write_bytes(flipped)
        assert FileDigests(kept).combined(tmp_path / "rows", [file]) == expected


@pytest.mark.parametrize("content", ["[]", "{}", '{"/a": 5}', '{"/a": [1]}', '{"digest": 1}', "[" * 100_000])
def test_digests_of_another_form_are_made_anew(content, tmp_path):
    file, kept = write_rows(tmp_path / "rows", QQP, ROWS), tmp_path / "digests.json"
    kept.write_text(content)
    assert FileDigests(kept).combined(tmp_path / "rows", [file]) == FileDigests(tmp_path / "other").combined(
        tmp_path / "rows", [file]
    )
    assert list(json.loads(kept.read_text())["files"]) == [str(file)]


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_sweep_that_needs_the_cache_is_refused_before_it_starts(unusable, command, tmp_path, capsys):
    mirror = tmp_path / "mirror"
    rows = {"source_sentence": ["Ja."], "target_sentence": ["Yes."]}
    write_rows(mirror, "google/xtreme/tatoeba.deu/validation", rows)
    words = ["--data", str(mirror), "--encoder", "bundled:1", "--targets", "tatoeba", "--intermediates", "none"]
    assert main([command, *words, "--store", str(tmp_path / "store")]) == 2
    said = capsys.readouterr().err
    assert "the cache folder" in said
    assert CACHE_VARIABLE in said
    assert not (tmp_path / "store").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_folder_that_is_read_only_is_refused_where_something_is_to_be_made_in_it(monkeypatch, tmp_path):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir(mode=0o555)
    with pytest.raises(CacheFolderError, match=r"Permission denied|cannot be written"):
        bundled_folder()
