"""Requirements: what a sweep needs of every node, and what is already wrong on the machine of its driver."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from search_spaces.config import SweepConfig
from search_spaces.encoder_check import check_encoder
from search_spaces.encoders import encoder_size
from sweep.command_line.stores import store_of
from sweep.graph.capacity import Machine
from sweep.planning.disk import Forecast, forecast
from sweep.planning.footprint import tokenizer_bytes
from sweep.planning.machines import this_machine
from sweep.planning.needs import local_files
from sweep.planning.outlook import look_at
from sweep.planning.planner import build_plan
from sweep.planning.preflight.finding import Finding, good, problem, warning
from sweep.planning.preflight.judgement import Wants
from sweep.planning.preflight.question import Question
from sweep.terminal.description import size_of
from sweep.terminal.wording import how_many
from trainables.data.cache_folder import CacheFolderError
from trainables.data.fetched import read_manifest
from trainables.data.hub import DEMO, HUB, DataError, open_data
from trainables.ledger.digests import digest
from trainables.ledger.errors import LedgerError
from trainables.ledger.plan import Plan
from trainables.ledger.s3.place import is_s3
from trainables.ledger.spec import Precision
from trainables.ledger.store import Store
from trainables.model.names import EncoderKind, EncoderUnavailableError, encoder_fingerprint, parse_encoder

_FEW = 3
_FETCH_AGAIN = "run the same `xstilts fetch` again: what is right stays"


@dataclass(frozen=True, kw_only=True)
class Requirements:
    """What nodes are asked, what the runs want, and findings about the sweep as a whole."""

    store: Path
    question: Question
    wants: Wants
    findings: tuple[Finding, ...]


def requirements_of(config: SweepConfig, *, digests: bool) -> Requirements:
    """Plan the sweep and see what of it can be had here; `digests` has all rows read, here and on the nodes.

    Raises ValueError for a sweep that cannot be.
    """
    store = store_of(config)
    findings: list[Finding] = []
    encoder = _own_encoder(config, findings)
    plan = _plan(config, findings) if encoder else None
    specs = [node.spec for node in plan.nodes.values()] if plan else []
    if plan:
        findings += _of_plan(config, plan, store)
    kind = parse_encoder(config.encoder.name).kind
    files = _files(config, plan, findings, whole=digests)
    return Requirements(
        store=store.root.absolute(),
        question=Question(
            files={str(path): path.stat().st_size for path in files},
            digests={str(path): digest(path) for path in files} if digests else {},
            encoder=config.encoder.name if encoder else "",
            revision=config.encoder.revision if kind is EncoderKind.HUB else "",
            fingerprint=encoder,
            bucket=str(store) if is_s3(config.store) else "",
            needs_hub=config.data.source == HUB or kind is EncoderKind.HUB,
        ),
        wants=Wants(
            gpus=any(node.share.gpus for node in plan.nodes.values()) if plan else False,
            bf16=any(spec.optimisation and spec.optimisation.precision is Precision.BF16 for spec in specs),
            store=str(store) if is_s3(config.store) else str(store.root.absolute()),
            is_bundled=kind is EncoderKind.BUNDLED,
        ),
        findings=tuple(findings),
    )


def _own_encoder(config: SweepConfig, findings: list[Finding]) -> str:
    """Fingerprint of the encoder; empty, and a finding, where it cannot be had here."""
    name, revision = config.encoder.name, config.encoder.revision
    try:
        encoder_size(name, revision)
        return encoder_fingerprint(name, revision)
    except (ValueError, EncoderUnavailableError, OSError) as error:
        findings.append(problem("encoder", "", str(error), "give another --encoder, or fetch it (`xstilts fetch`)"))
        return ""


def _plan(config: SweepConfig, findings: list[Finding]) -> Plan | None:
    """The plan; None, and a finding, where rows or encoder are not good for one."""
    try:
        plan = build_plan(config)
    except DataError as error:
        findings.append(problem("data", "", str(error), "give another --data, or fetch the rows (`xstilts fetch`)"))
        return None
    try:
        check_encoder(config.encoder.name, config.encoder.revision, [node.spec for node in plan.nodes.values()])
    except (ValueError, EncoderUnavailableError, CacheFolderError) as error:
        findings.append(problem("encoder", "", str(error), "give another --encoder, or fetch it (`xstilts fetch`)"))
    return plan


def _of_plan(config: SweepConfig, plan: Plan, store: Store) -> Iterator[Finding]:
    for reason in dict.fromkeys(plan.without_data.values()):
        cells = sum(why == reason for why in plan.without_data.values())
        text = f"no rows for {how_many(cells, 'cell')}: {reason}"
        yield warning("data", "", text, "leave them out, or fetch their rows")
    if store.is_driven:
        text = f"another sweep is at work on {store}"
        yield warning("store", "", text, "wait for it, or give another --store; a second driver is refused")
    found = _forecast(config, plan, store)
    text = f"{size_of(found.peak)} at the peak, {size_of(found.free)} are free on the disk of {store}"
    if found.lacking:
        yield problem("space", "", text, "give another --store, or keep less (--keep none)")
    else:
        yield good("space", "", text)


def _forecast(config: SweepConfig, plan: Plan, store: Store) -> Forecast:
    """What a machine like this one would need, with a GPU where runs ask for one."""
    outlook = look_at(plan, store)
    shares = [node.share for node in plan.nodes.values()]
    cpus = max(this_machine().cpus, *(share.cpus for share in shares))
    gpus = max(int(any(share.gpus for share in shares)), this_machine().gpus)
    size = encoder_size(config.encoder.name, config.encoder.revision)
    return forecast(
        outlook, store, config.keep, [Machine(name="all", cpus=cpus, gpus=gpus)], parallel=config.search.parallel,
        max_concurrent=config.cluster.max_concurrent, once=tokenizer_bytes(size),
        writers=config.cluster.checkpoint_writers or len(plan.nodes),
    )  # fmt: skip


def _files(config: SweepConfig, plan: Plan | None, findings: list[Finding], *, whole: bool) -> Sequence[Path]:
    """The files of rows that the nodes must have; what was fetched is compared with its manifest."""
    if plan is None or config.data.source == DEMO:
        return ()
    data = open_data(config.data.source, config.data.raw.folders)
    if config.data.source != HUB:
        folder = Path(config.data.source)
        try:
            if differing := list(read_manifest(folder).differing(folder, whole=whole)):
                text = f"{len(differing)} files are not as they were fetched: {', '.join(differing[:_FEW])}"
                findings.append(problem("data", "", text, _FETCH_AGAIN))
        except LedgerError as error:
            findings.append(problem("data", "", str(error), _FETCH_AGAIN))
    return local_files(plan, data, config.data.repositories)
