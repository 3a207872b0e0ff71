"""Context of a run: its data, tokenizer, device and the notes it gathers for its record."""

from __future__ import annotations

import dataclasses
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import psutil
import torch
from transformers import PreTrainedModel

from trainables.data.cache import TokenCache, Tokens, joined
from trainables.data.hub import DataSource, Loaded, load, open_data
from trainables.data.labels import with_labels
from trainables.data.mlm import load_mlm, mlm_sources
from trainables.data.reading import check_unchanged, held_languages
from trainables.ledger.artefacts import ENCODER
from trainables.ledger.processor import processor_name
from trainables.ledger.record import DataUse, Finding, Record, Score
from trainables.ledger.spec import MlmSettings, Precision, RunSpec
from trainables.ledger.store import Store
from trainables.model.base import Base
from trainables.model.encoder import compare_encoder, load_encoder
from trainables.model.finite import check_finite
from trainables.model.gpu_memory import share_bytes
from trainables.model.precision import attention, use
from trainables.model.stored import load_stored
from trainables.model.tokenizer import load_tokenizer, tokenizer_digest
from trainables.phases.options import Options
from trainables.tasks.formats.base import Encoded
from trainables.tasks.formats.sentence import encode_texts
from trainables.tasks.languages import ENGLISH
from trainables.tasks.registry import task as registered
from trainables.tasks.task import Source, Split, Task

Promise = tuple[str, str, str, str]
"""Task, split, language and metric of a score that a run owes."""
_LIBRARIES = ("torch", "transformers", "tokenizers", "numpy", "pyarrow", "ray")


class IncompleteError(RuntimeError):
    """A run that computed less than it promised; a fault of the program."""


@dataclasses.dataclass(kw_only=True)
class Context:
    """What the phases share while one run is computed."""

    spec: RunSpec
    name: str
    store: Store
    options: Options
    uses: list[DataUse] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    files: dict[str, str] = dataclasses.field(default_factory=dict)
    findings: list[Finding] = dataclasses.field(default_factory=list)
    promised: list[Promise] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        torch.set_num_threads(self.options.threads)
        torch.manual_seed(self.spec.seed)
        use(self.precision)
        _reset_peak(self.device)

    @cached_property
    def device(self) -> torch.device:
        """Where the arithmetic happens."""
        return torch.device(self.options.device)

    @property
    def precision(self) -> Precision:
        """Arithmetic of this run; retrieval is fp32."""
        return self.spec.optimisation.precision if self.spec.optimisation else Precision.FP32

    @property
    def peak_bytes(self) -> int:
        """Most memory that this run has held so far: on its GPU or, without one, of its process."""
        return _peak(self.device)

    @cached_property
    def data(self) -> DataSource:
        """The rows."""
        return open_data(self.options.data, self.options.raw)

    @cached_property
    def tokenizer(self):  # type: ignore[no-untyped-def]
        """Fast tokenizer of the pretrained encoder, whose files are compared with what is written of them."""
        with self.stage("check"):
            compare_encoder(self.options.encoder, self.spec.encoder.revision)
        return load_tokenizer(self.options.encoder, self.spec.encoder.revision)

    @cached_property
    def work(self) -> Path:
        """Folder private to this run's attempts."""
        return self.store.work(self.spec.run_id)

    def preference(self, task: str) -> str:
        """The user's preferred source of a task; empty for the default."""
        return self.options.repositories.get(task, "")

    def task(self, name: str) -> Task:
        """The task of that name, with the labels of the data where it has none of its own."""
        return with_labels(registered(name), self.data, self.preference(name))

    @property
    def encoder_name(self) -> str:
        """What this run starts from, for messages."""
        return f"the encoder of run {self.spec.parent}" if self.spec.parent else f"encoder {self.options.encoder!r}"

    @property
    def base(self) -> Base:
        """The pretrained encoder of the sweep."""
        return Base(name=self.options.encoder, revision=self.spec.encoder.revision)

    def check_data(self) -> None:
        """Raise DataChangedError unless the rows are those that the run was planned with."""
        with self.stage("check"):
            check_unchanged(self.spec, self.data, self.options.repositories)

    def encoder(self, *, mapped: bool) -> PreTrainedModel:
        """The parent's encoder, or the pretrained one, on the CPU. A parent that is not finished is an error.

        Its files are compared with what is written of them. `mapped` leaves the word embedding in its files, where one
        may read it (`stored.load_stored`). Raises NotFiniteError for weights that are no numbers.
        """
        kind = attention(self.device, self.precision)
        if self.spec.parent:
            with self.stage("check"):
                folder = self.store.fetch(self.spec.parent, ENCODER)
            return load_stored(folder, base=self.base, attn_implementation=kind, mapped=mapped)
        with self.stage("check"):
            compare_encoder(self.options.encoder, self.spec.encoder.revision)
        encoder = load_encoder(
            self.options.encoder, self.spec.encoder.revision, attn_implementation=kind, mapped=mapped
        )
        check_finite(encoder, self.encoder_name)
        return encoder

    def publish(self, name: str, made: Path) -> None:
        """Publish a file or folder that was made in `work`; the record will hold its digests."""
        self.files |= self.store.publish(self.spec.run_id, name, made)

    def encode(self, task: Task, split: Split, language: str, max_length: int, *, limit: int) -> Encoded:
        """One split of one language as tokens; notes what was read."""
        return self._tokens(
            lambda: self._make(task, split, language, max_length, limit),
            task.files(split, language, self.preference(task.name)),
            task=task.name,
            format=repr(task.format),
            split=split,
            language=language,
            max_length=max_length,
            limit=limit,
        )

    def encode_languages(self, task: Task, split: Split, limits: Mapping[str, int], max_length: int) -> Encoded:
        """One split of several languages as tokens, one after another, of each at most so many rows (0: all)."""
        if len(limits) == 1:
            [(language, limit)] = limits.items()
            return self.encode(task, split, language, max_length, limit=limit)
        preference = self.preference(task.name)
        return self._tokens(
            lambda: joined([self._make(task, split, code, max_length, limit) for code, limit in limits.items()]),
            [source for code in limits for source in task.files(split, code, preference)],
            task=task.name,
            format=repr(task.format),
            split=split,
            languages=list(limits.items()),
            max_length=max_length,
        )

    def _make(self, task: Task, split: Split, language: str, max_length: int, limit: int) -> Tokens:
        """Tokens of one split of one language, read anew."""
        training = split is Split.TRAIN
        loaded = load(task, split, language, self.data, limit=limit, preference=self.preference(task.name))
        encoded = task.format.encode(loaded.examples, self.tokenizer, max_length, training=training)
        uses, notes = loaded.uses, loaded.notes
        if training and (encoded.skipped or encoded.repaired):
            which = task.name if language == ENGLISH else f"{task.name} {language}"
            notes += (f"{which}: {encoded.repaired} answers re-located, {encoded.skipped} rows skipped",)
            [use] = uses
            uses = (dataclasses.replace(use, repaired=encoded.repaired, skipped=encoded.skipped),)
        return Tokens(encoded=encoded, uses=uses, notes=notes)

    def encode_mlm(self, mlm: MlmSettings, max_length: int, *, limit: int) -> Encoded:
        """The sentences for MLM as tokens; notes what was read."""

        def make() -> Tokens:
            loaded = load_mlm(mlm, self.data, limit=limit)
            encoded = encode_texts(loaded.examples, self.tokenizer, max_length)
            return Tokens(encoded=encoded, uses=loaded.uses, notes=loaded.notes)

        sources = [source for language in mlm.languages for source in mlm_sources(language, self.data)]
        return self._tokens(
            make,
            sources,
            languages=list(mlm.languages),
            sentences=mlm.sentences,
            alpha=mlm.alpha,
            max_length=max_length,
            limit=limit,
        )

    def _tokens(self, make: Callable[[], Tokens], sources: Sequence[Source], **key: object) -> Encoded:
        if self.options.token_cache:
            files = self.data.fingerprint(sources)
            places = [source.path for source in sources]
            whole = {**key, "tokenizer": tokenizer_digest(self.tokenizer), "files": files, "sources": places}
            found = TokenCache().get(whole, make)
        else:
            found = make()
        self.took(found)
        return found.encoded

    def took(self, found: Loaded | Tokens) -> None:
        """Note what was read."""
        self.uses.extend(found.uses)
        self.notes.extend(note for note in found.notes if note not in self.notes)

    def languages(self, task: Task, split: Split) -> list[str]:
        """Languages to measure: those the task has in this split, the sweep asks for, and the data holds."""
        held, absent = held_languages(task, split, self.spec, self.data, self.preference(task.name))
        if absent:
            self.notes.append(f"{task.name} {split}: no rows for {', '.join(absent)}")
        return held

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the wall time of a block to `seconds[name]`, without that of stages inside of it."""
        started, inside = time.monotonic(), sum(self.seconds.values())
        try:
            yield
        finally:
            spent = time.monotonic() - started - (sum(self.seconds.values()) - inside)
            self.seconds[name] = self.seconds.get(name, 0.0) + spent

    def promise(self, task: Task, split: Split, language: str, metrics: Sequence[str]) -> None:
        """Note that the run owes these scores."""
        self.promised.extend((task.name, str(split), language, metric) for metric in metrics)

    def record(self, scores: list[Score], **training: object) -> Record:
        """The record of this run; `training` holds the fields that only training runs have.

        Raises IncompleteError unless it has every score that was promised.
        """
        found = {(score.task, score.split, score.language, score.metric) for score in scores}
        if missing := [" ".join(each) for each in self.promised if each not in found]:
            raise IncompleteError(f"the run ended without {len(missing)} of its scores, the first: {missing[0]}")
        device = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else processor_name()
        return Record(
            run_id=self.spec.run_id,
            name=self.name,
            spec=self.spec,
            scores=tuple(scores),
            seconds=dict(self.seconds),
            peak_bytes=self.peak_bytes,
            device=f"{device}, {self.options.threads} threads" if self.device.type == "cpu" else device,
            versions={name: version(name) for name in _LIBRARIES} | {"python": platform.python_version()},
            commit=self.options.commit,
            data_use=tuple(self.uses),
            notes=(*self.notes, *self.store.attempts(self.spec.run_id)),
            files=dict(self.files),
            findings=tuple(self.findings),
            gpus=self.options.gpus if self.device.type == "cuda" else 0.0,
            gpu_bytes=share_bytes(self.options.gpus, self.device),
            row=self.options.row,
            finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
            **training,  # type: ignore[arg-type]
        )


def _reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return  # not Linux, or not allowed: the peak then covers the whole life of the worker


def _peak(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return int(psutil.Process().memory_info().rss)
