"""Files that lose a bit, while size and time stay as they were."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import pytest

from tests.made.phases import planned_with, spec
from trainables.data.cache_folder import CACHE_VARIABLE
from trainables.data.demo.mirror import write_demo
from trainables.data.hub import COMPLETE, demo_folder, open_data
from trainables.data.reading import DataChangedError, check_unchanged
from trainables.ledger import digests
from trainables.ledger.spec import Phase
from trainables.tasks.registry import task
from trainables.tasks.task import Split


def lose_a_bit(path: Path) -> None:
    times = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    digests._digest.cache_clear()  # a new process; in one, times of the inode show what was done here


def test_a_worker_reads_the_files_themselves(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    (tmp_path / "mirror").mkdir()
    write_demo(tmp_path / "mirror")
    plain = spec(Phase.TARGET, "xnli")
    wanted = planned_with(
        dataclasses.replace(plain, data=dataclasses.replace(plain.data, source="mirror")),
        open_data(str(tmp_path / "mirror")),
    )
    check_unchanged(wanted, open_data(str(tmp_path / "mirror")), {})
    lose_a_bit(tmp_path / "mirror" / "google" / "xtreme" / "XNLI" / "test.parquet")
    with pytest.raises(DataChangedError, match="the rows of xnli are not those"):
        check_unchanged(wanted, open_data(str(tmp_path / "mirror")), {})
    sources = task("xnli").files(Split.TEST, "en")
    assert open_data(str(tmp_path / "mirror")).fingerprint(sources) == open_data(str(tmp_path / "mirror")).fingerprint(
        sources, anew=True
    ), "what was read is remembered"


@pytest.fixture
def corpus(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return demo_folder()


@pytest.mark.parametrize("name", ["google/xtreme/XNLI/test.parquet", "nyu-mll/glue/qqp/train.parquet", COMPLETE])
def test_a_rotten_demo_corpus_is_put_aside_and_written_again(corpus, name):
    expected = open_data("demo").fingerprint(task("xnli").files(Split.TEST, "en"))
    path = corpus / name
    before = path.read_bytes()
    lose_a_bit(path)
    assert demo_folder() == corpus
    assert path.read_bytes() == before
    assert len(list(corpus.parent.glob(f"{corpus.name}.damaged-*"))) == 1
    assert open_data("demo").fingerprint(task("xnli").files(Split.TEST, "en"), anew=True) == expected


def test_a_demo_corpus_without_a_file_is_written_again(corpus):
    shutil.rmtree(corpus / "google")
    assert (demo_folder() / "google" / "xtreme" / "XNLI" / "test.parquet").exists()


def test_a_demo_corpus_of_an_earlier_version_is_written_again(corpus):
    (corpus / COMPLETE).unlink()
    (corpus / "google" / "xtreme" / "XNLI" / "test.parquet").write_bytes(b"other rows")
    demo_folder()
    assert (corpus / "google" / "xtreme" / "XNLI" / "test.parquet").stat().st_size > 100
    assert not list(corpus.parent.glob("*.damaged-*"))
