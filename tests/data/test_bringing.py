"""Files that are brought into a folder: whole, right, once, and what is said of those that do not come."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import filelock
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trainables.data.bringing import LOCK, STAGING, bring_all, there
from trainables.data.fetched import MANIFEST, Manifest, read_manifest
from trainables.data.fetching import Without, wanted_rows
from trainables.data.hub import DataError, open_data
from trainables.data.licences import licence_of
from trainables.data.wanted import Wanted, copied
from trainables.ledger.errors import LedgerError, StoreError
from trainables.tasks import registry
from trainables.tasks.language_modeling import WIKIPEDIA
from trainables.tasks.task import Split


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"alpha")
    pq.write_table(pa.table({"x": [1, 2, 3]}), folder / "b.parquet")
    return folder


def wanted(source: Path) -> list[Wanted]:
    return [copied(path, f"owner/name/{path.name}", repository="owner/name") for path in sorted(source.iterdir())]


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {LOCK}


def test_files_come_as_they_are_and_the_manifest_has_their_digests_and_rows(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    outcome = bring_all(wanted(source), out)
    assert sorted(outcome.brought) == ["owner/name/a.txt", "owner/name/b.parquet"]
    assert (outcome.kept, outcome.failed) == ([], {})
    assert files_in(out) == {"owner/name/a.txt", "owner/name/b.parquet", MANIFEST}
    told = json.loads((out / MANIFEST).read_text())["files"]
    assert told["owner/name/a.txt"]["sha256"] == hashlib.sha256(b"alpha").hexdigest()
    assert told["owner/name/a.txt"]["num_bytes"] == 5
    assert {path: each["num_rows"] for path, each in told.items()} == {
        "owner/name/a.txt": -1,
        "owner/name/b.parquet": 3,
    }
    assert there(wanted(source), out) == sum(path.stat().st_size for path in source.iterdir())


def test_a_second_time_nothing_is_copied_and_what_was_changed_or_lost_comes_again(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    bring_all(wanted(source), out)
    (out / "owner/name/b.parquet").unlink()
    assert bring_all(wanted(source), out).brought == ["owner/name/b.parquet"]
    assert bring_all(wanted(source), out).brought == []
    (out / "owner/name/a.txt").write_bytes(b"alphA")
    assert bring_all(wanted(source), out).brought == ["owner/name/a.txt"]
    assert (out / "owner/name/a.txt").read_bytes() == b"alpha"


def test_files_that_lie_there_without_a_manifest_are_compared_not_copied(source: Path, tmp_path: Path) -> None:
    shutil.copytree(source, tmp_path / "out/owner/name")
    outcome = bring_all(wanted(source), tmp_path / "out")
    assert (outcome.brought, len(outcome.kept)) == ([], 2)
    assert len(read_manifest(tmp_path / "out").files) == 2


def test_a_file_that_is_no_parquet_does_not_come_and_keeps_no_other_from_coming(source: Path, tmp_path: Path) -> None:
    (source / "c.parquet").write_bytes(b"<html>not found</html>")
    outcome = bring_all(wanted(source), tmp_path / "out")
    assert list(outcome.failed) == ["owner/name/c.parquet"]
    assert "cannot be read as parquet" in outcome.failed["owner/name/c.parquet"]
    assert files_in(tmp_path / "out") == {"owner/name/a.txt", "owner/name/b.parquet", MANIFEST}


def test_a_file_of_another_content_than_promised_is_not_put_in_its_place(tmp_path: Path) -> None:
    def bring(made: Path, staging: Path) -> None:
        made.write_bytes(b"beta!")

    promised = Wanted(
        path="x/a", repository="x", origin="somewhere", num_bytes=5, bring=bring,
        made_from=lambda: hashlib.sha256(b"alpha").hexdigest(),
    )  # fmt: skip
    outcome = bring_all([promised], tmp_path / "out")
    assert "is not what it is said to be" in outcome.failed["x/a"]
    assert files_in(tmp_path / "out") == {MANIFEST}


def test_interrupted_half_way_what_has_come_is_in_the_manifest(source: Path, tmp_path: Path) -> None:
    def stop(wanted: Wanted, why: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring_all(wanted(source), tmp_path / "out", on_end=stop)
    assert len(read_manifest(tmp_path / "out").files) == 1
    outcome = bring_all(wanted(source), tmp_path / "out")
    assert len(outcome.kept) + len(outcome.brought) == 2
    assert outcome.kept
    assert not (tmp_path / "out" / STAGING).exists()


def test_two_at_once_are_refused(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with filelock.FileLock(out / LOCK), pytest.raises(StoreError, match="another process fetches into"):
        bring_all(wanted(source), out)


def test_a_changed_manifest_is_named_with_its_remedy(source: Path, tmp_path: Path) -> None:
    bring_all(wanted(source), tmp_path / "out")
    manifest = tmp_path / "out" / MANIFEST
    manifest.write_text(manifest.read_text().replace('"num_bytes": 5', '"num_bytes": 6'))
    with pytest.raises(LedgerError, match=r"fetched\.json is not what .* Remove it and fetch again"):
        bring_all(wanted(source), tmp_path / "out")
    manifest.unlink()
    assert len(bring_all(wanted(source), tmp_path / "out").kept) == 2


def test_the_manifest_names_files_that_are_gone_or_of_another_size(source: Path, tmp_path: Path) -> None:
    manifest = bring_all(wanted(source), tmp_path / "out").manifest
    assert list(manifest.differing(tmp_path / "out")) == []
    (tmp_path / "out/owner/name/a.txt").write_bytes(b"alph")
    (tmp_path / "out/owner/name/b.parquet").unlink()
    assert sorted(manifest.differing(tmp_path / "out")) == ["owner/name/a.txt", "owner/name/b.parquet"]
    assert read_manifest(tmp_path) == Manifest()


def test_rows_of_a_mirror_keep_their_paths_those_of_the_hubs_own_layout_too(tmp_path: Path) -> None:
    qqp = registry.task("qqp")
    [train] = qqp.files(Split.TRAIN, "en")
    shards = tmp_path / "nyu-mll/glue/qqp"
    shards.mkdir(parents=True)
    for number in range(2):
        (shards / f"train-{number:05}-of-00002.parquet").write_bytes(b"x")
    found = wanted_rows([train], open_data(str(tmp_path)))
    assert [each.path for each in found] == [f"nyu-mll/glue/qqp/train-{n:05}-of-00002.parquet" for n in range(2)]


def test_an_official_release_goes_where_a_mirror_has_it_wherever_it_lay(tmp_path: Path) -> None:
    release = tmp_path / "elsewhere/bucc2018/de-en"
    release.mkdir(parents=True)
    for part in ("de", "en", "gold"):
        (release / f"de-en.sample.{part}").write_text("")
    (tmp_path / "mirror").mkdir()
    data = open_data(str(tmp_path / "mirror"), {"bucc": str(tmp_path / "elsewhere")})
    sources = registry.task("bucc").files(Split.DEV, "de")
    found = wanted_rows(sources, data)
    assert [each.path for each in found] == [f"bucc2018/de-en/de-en.sample.{part}" for part in ("de", "en", "gold")]
    bring_all(found, tmp_path / "out")
    assert open_data(str(tmp_path / "out")).fingerprint(sources) == data.fingerprint(sources)


def test_of_the_built_in_corpus_nothing_is_wanted() -> None:
    assert wanted_rows(registry.task("qqp").files(Split.TRAIN, "en"), open_data("demo")) == []


def test_a_repository_that_is_left_out_is_not_there() -> None:
    data = open_data("demo")
    [article] = registry.task("mlm").files(Split.TRAIN, "en", WIKIPEDIA)
    [other] = registry.task("qqp").files(Split.TRAIN, "en")
    without = Without(data, WIKIPEDIA)
    assert data.has(article)
    assert without.problem(article) == "wikimedia/wikipedia is left out"
    assert without.has(other)
    assert without.fingerprint([other]) == data.fingerprint([other])


def test_every_repository_that_a_task_reads_has_a_licence() -> None:
    sources = [
        source
        for task in registry.tasks().values()
        for preference in task.sources
        for split, codes in task.languages.items()
        for code in codes
        for source in task.files(split, code, preference)
    ]
    assert {source.path for source in sources if not licence_of(source.repository, source.config)} == set()
    assert licence_of("google/xtreme", "XNLI") == "CC BY-NC 4.0"
    assert licence_of("google/xtreme", "MLQA.de.de") == "CC BY-SA 3.0"
    assert licence_of("some/other", "x") == ""


def test_a_file_that_cannot_be_looked_at_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.txt cannot be read"):
        copied(tmp_path / "gone.txt", "x", repository="x")
